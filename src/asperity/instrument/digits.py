"""Digits of the findings about an instrument: as many as the uncertainty carries, two of its own."""

from __future__ import annotations

import math

__all__ = ["constant", "digits_of", "percent"]

_PLAIN = 3  # significant digits of a value whose uncertainty nobody knows
_MOST = 9  # decimals of anything


def digits_of(std: float) -> int:
    """Decimals that show two significant digits of a standard uncertainty.

    >>> digits_of(0.0996), digits_of(0.58), digits_of(12.0), digits_of(350.0)
    (2, 2, 0, -1)
    """
    return min(1 - int(f"{std:.1e}".split("e")[1]), _MOST)


def constant(value: float, std: float) -> str:
    """A spring constant (N/m), in mN/m where it is below 1 N/m, to the digits of its standard uncertainty (N/m).

    >>> constant(8.91234, 0.583), constant(0.0456789, 0.0036), constant(27.1281, float("nan"))
    ('8.91 N/m', '45.7 mN/m', '27.1 N/m')
    """
    factor, unit = (1.0, "N/m") if abs(value) >= 1 else (1e3, "mN/m")
    return f"{_rounded(factor * value, factor * std)} {unit}"


def percent(part: float, std: float) -> str:
    """A relative quantity and its standard uncertainty in percent.

    >>> percent(0.01234, 0.0056)
    '+1.23 +- 0.56 %'
    """
    decimals = digits_of(100 * std) if 0 < std < math.inf else 1
    return f"{round(100 * part, decimals):+.{max(decimals, 0)}f} +- {round(100 * std, decimals):.{max(decimals, 0)}f} %"


def _rounded(value: float, std: float) -> str:
    """The value to two significant digits of its uncertainty; to three of its own where that is not known."""
    known = 0 < std < math.inf
    decimals = digits_of(std) if known else digits_of(value) + _PLAIN - 2
    return f"{round(value, decimals):.{max(decimals, 0)}f}"

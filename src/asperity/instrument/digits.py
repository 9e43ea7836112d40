"""Digits of the findings about an instrument: as many as the uncertainty carries, two of its own."""

from __future__ import annotations

import math

__all__ = ["constant", "factor", "number", "percent", "share"]

_PLAIN = 3  # significant digits of a value whose uncertainty nobody knows
_MOST = 9  # decimals of anything


def _decimals(std: float) -> int:
    """Decimals (negative: before the point) that show two significant digits of a standard uncertainty."""
    return min(1 - int(f"{std:.1e}".split("e")[1]), _MOST)


def constant(value: float, std: float) -> str:
    """A spring constant (N/m), in mN/m where it is below 1 N/m, to the digits of its standard uncertainty (N/m).

    >>> constant(8.91234, 0.583), constant(0.0456789, 0.0036), constant(27.1281, float("nan"))
    ('8.91 N/m', '45.7 mN/m', '27.1 N/m')
    """
    factor, unit = (1.0, "N/m") if abs(value) >= 1 else (1e3, "mN/m")
    return f"{number(factor * value, factor * std)} {unit}"


def factor(ratio: float) -> str:
    """How many times one value is another: three digits below ten, else two.

    >>> factor(1.724), factor(12.4), factor(1239.32)
    ('1.72', '12', '1200')
    """
    return number(ratio, 0.1 * 10 ** math.floor(math.log10(ratio)) if ratio < 10 else ratio)


def percent(part: float, std: float) -> str:
    """A relative quantity and its standard uncertainty in percent.

    >>> percent(0.01234, 0.0056)
    '+1.23 +- 0.56 %'
    """
    return f"{'+' if part >= 0 else ''}{number(100 * part, 100 * std)} +- {number(100 * std, 100 * std)} %"


def share(part: float) -> str:
    """A relative standard uncertainty in percent, to two significant digits.

    >>> share(0.0346), share(1.07), share(0.0)
    ('3.5 %', '110 %', '0 %')
    """
    return f"{number(100 * part, 100 * part)} %" if part > 0 else "0 %"


def number(value: float, std: float) -> str:
    """A value to two significant digits of its standard uncertainty; to three of its own where that is not known.

    >>> number(69.9887, 0.0213), number(95.2812, 3.1), number(1234.0, 350.0)
    ('69.989', '95.3', '1230')
    """
    known = 0 < std < math.inf
    decimals = _decimals(std) if known else _decimals(abs(value)) + _PLAIN - 2 if value else 1
    return f"{round(value, decimals):.{max(decimals, 0)}f}"

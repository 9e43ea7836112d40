"""How numbers are written: an engineering prefix, and two significant digits of the uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["count_of", "decimals_of", "factor_of", "measurement", "plain", "prefix", "rounded", "spread", "unit_text"]

_LETTERS = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}
#: units that take no prefix
_PLAIN = ("", "1", "%", "°", "rad", "K", "samples")


def count_of(number: int, noun: str) -> str:
    """``1 curve``, ``4,096 curves``, ``0 curves``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def factor_of(part: float) -> str:
    """How far off a value may be whose standard uncertainty is a large part of it: what 95 % reach, in words.

    >>> factor_of(0.5), factor_of(0.9), factor_of(8.0)
    ('a factor of two', 'a factor of three', 'a factor of 17')
    """
    factor = math.ceil(1 + 1.96 * part) if math.isfinite(part) else 0
    return f"a factor of {_NUMBERS.get(factor, factor)}" if factor else "a factor that nobody knows"


def unit_text(unit: str) -> str:
    """The unit as people write it: ``J/m^2`` is J/m², the pure number ``1`` is nothing."""
    return "" if unit == "1" else unit.replace("^2", "²").replace("^3", "³")


def prefix(magnitude: float, unit: str = "m") -> tuple[float, str]:
    """(factor, prefixed unit) with 1 <= magnitude / factor < 1000 where a prefix f ... T allows it.

    >>> prefix(2.5e-6)
    (1e-06, 'µm')
    """
    if unit in _PLAIN or not math.isfinite(magnitude) or magnitude == 0:
        return 1.0, unit_text(unit)
    power = min(max(3 * math.floor(math.log10(abs(magnitude)) / 3), -15), 12)
    return float(f"1e{power}"), _LETTERS[power] + unit_text(unit)


def decimals_of(uncertainty: float, digits: int = 2) -> int:
    """Decimal places (negative: before the point) that show ``digits`` significant digits.

    >>> decimals_of(0.0996), decimals_of(0.15), decimals_of(123)
    (2, 2, -1)
    """
    return digits - 1 - int(f"{uncertainty:.{digits - 1}e}".split("e")[1])


def rounded(value: float, decimals: int) -> str:
    """``value`` rounded to that many decimals (negative: tens, hundreds), with a true minus sign."""
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def _with_unit(number: str, unit: str) -> str:
    return f"{number}{unit}" if unit in ("", "°") else f"{number} {unit}"


def plain(value: float, unit: str = "1", digits: int = 3) -> str:
    """A number without uncertainty: ``digits`` significant digits, prefix and unit; "unknown" for NaN."""
    if not math.isfinite(value):
        return "unknown"
    if unit == "rad":
        value, unit = math.degrees(value), "°"
    factor, unit = prefix(float(f"{value:.{digits}g}"), unit)
    return _with_unit(rounded(value / factor, decimals_of(value / factor, digits) if value else 0), unit)


def measurement(value: float, unit: str, parts: Sequence[tuple[float, str]]) -> str:
    """``1.23 kPa ± 0.02 (noise) ± 0.15 (calibration)`` from SI numbers.

    The value ends where the largest uncertainty has its second significant digit; a much smaller
    part keeps one digit of its own instead of vanishing. Parts that are NaN or zero are left out.
    """
    if not math.isfinite(value):
        return "no value"
    known = [(std, label) for std, label in parts if math.isfinite(std) and std > 0]
    if not known:
        return f"{plain(value, unit)} (uncertainty unknown)"
    largest = max(std for std, _ in known)
    factor, unit = prefix(float(f"{max(abs(value), largest):.2g}"), unit)
    decimals = min(decimals_of(largest / factor), 12)
    written = [_with_unit(rounded(value / factor, decimals), unit)]
    for std, label in known:
        digits = max(decimals, min(decimals_of(std / factor, 1), 12))
        written.append(f"± {rounded(std / factor, digits)}" + (f" ({label})" if label else ""))
    return " ".join(written)


def spread(low: float, high: float, unit: str) -> str:
    """``1.05 to 1.52 kPa``: two ends in one unit, written to two significant digits of their distance."""
    factor, unit = prefix(max(abs(low), abs(high)), unit)
    low, high = low / factor, high / factor
    decimals = min(decimals_of(high - low), 12) if high > low else decimals_of(high or 1.0, 3)
    return f"{rounded(low, decimals)} to {_with_unit(rounded(high, decimals), unit)}"

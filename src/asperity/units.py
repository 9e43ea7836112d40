"""Quantities as people write them: ``5um``, ``10 nm``, ``0.03 N/m``, ``20deg``, ``15%`` in SI."""

from __future__ import annotations

import math
import re

from asperity.messages import ArgumentError

__all__ = ["in_words", "parse", "parse_range"]

_PREFIX = {"": 0, "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "k": 3, "M": 6, "G": 9}
#: SI unit -> spelling -> (factor, takes prefixes)
_SPELLINGS: dict[str, dict[str, tuple[float, bool]]] = {
    "m": {"m": (1.0, True), "Å": (1e-10, False), "A": (1e-10, False), "angstrom": (1e-10, False)},
    "N": {"N": (1.0, True)},
    "Pa": {"Pa": (1.0, True)},
    "Pa s": {"Pa.s": (1.0, True), "Pas": (1.0, True), "Pa·s": (1.0, True)},
    "J": {"J": (1.0, True), "aJ": (1e-18, False), "zJ": (1e-21, False), "eV": (1.602176634e-19, False)},
    "J/m^2": {"J/m^2": (1.0, True), "J/m2": (1.0, True), "J/m²": (1.0, True), "N/m": (1.0, True)},
    "m/s": {"m/s": (1.0, True)},
    "V": {"V": (1.0, True)},
    "A": {"A": (1.0, True)},
    "K": {"K": (1.0, True)},
    "s": {"s": (1.0, True), "min": (60.0, False)},
    "Hz": {"Hz": (1.0, True)},
    "N/m": {"N/m": (1.0, True), "nN/nm": (1.0, False), "pN/nm": (1e-3, False)},
    "m/V": {"m/V": (1.0, True)},
    "rad": {"rad": (1.0, True), "deg": (math.pi / 180, False), "°": (math.pi / 180, False)},
    "1": {"": (1.0, False), "%": (0.01, False)},
}
#: SI unit -> what people mostly count in
_OFTEN = {"m": ("um", "nm"), "N": ("nN", "pN"), "Pa": ("kPa", "MPa"), "Pa s": ("Pa.s", "mPa.s"),
          "J": ("aJ", "zJ"), "J/m^2": ("mJ/m^2", "J/m^2"), "V": ("V", "mV"), "A": ("nA", "pA"), "K": ("K",),
          "s": ("s", "ms"), "Hz": ("kHz", "Hz"), "N/m": ("N/m", "mN/m"), "m/V": ("nm/V",),
          "m/s": ("um/s", "mm/s"), "rad": ("deg", "rad")}
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S*)\s*$")


def parse(text: str, unit: str, expected: str = "") -> float:
    """The number of ``unit`` (SI) that ``text`` says.

    A number without its unit is refused, for nobody knows what it counts; 0 is the same in every unit.

    >>> parse("5um", "m"), parse("30 mN/m", "N/m"), parse("10%", "1"), parse("0", "m")
    (5e-06, 0.03, 0.1, 0.0)

    Args:
        text: what is written.
        unit: in SI; "1" of plain numbers and shares.
        expected: an example for messages, where the usual one would be wrong: of a plain number that is no share.

    Raises:
        ValueError: not a number, no unit, or another one; the message says what is expected.
    """
    match, example = _NUMBER.match(text), expected or _example(unit)
    if match is None:
        raise ArgumentError(f"'{text}' is not a number with a unit; expected for example {example}")
    number, written = match.groups()
    if not written and unit != "1" and float(number):
        raise ArgumentError(f"'{text}' lacks its unit: {' or '.join(number + often for often in _OFTEN[unit])}?")
    factor = 1.0 if not written else _factors(unit).get(written)
    if factor is None:
        raise ArgumentError(f"'{text}' has '{written}' where {'nothing' if expected else _words(unit)} belongs; "
                            f"expected for example {example}")
    if not math.isfinite(found := float(f"{float(number) * factor:.15g}")):
        raise ArgumentError(f"'{text}' is too large for a number; expected for example {example}")
    return found


def parse_range(text: str, unit: str, expected: str = "") -> tuple[float, float]:
    """Both ends of a range, ``1kPa..20kPa`` or ``1..20kPa``, in ``unit`` (SI); a single quantity is both.

    >>> parse_range("1kPa..20kPa", "Pa"), parse_range("1..20 kPa", "Pa"), parse_range("2MPa", "Pa")
    ((1000.0, 20000.0), (1000.0, 20000.0), (2000000.0, 2000000.0))

    Raises:
        ValueError: as `parse`, or the larger end stands first.
    """
    first, dots, last = text.partition("..")
    if not dots:
        return (value := parse(text, unit, expected)), value
    high = parse(last, unit, expected)
    written = _NUMBER.match(first)
    borrowed = _NUMBER.match(last)
    if written and borrowed and not written[2] and borrowed[2]:
        first += borrowed[2]
    low = parse(first, unit, expected)
    if low > high:
        raise ArgumentError(f"'{text}' has the larger end first; expected for example {last.strip()}..{first.strip()}")
    return low, high


def _factors(unit: str) -> dict[str, float]:
    table = {}
    for spelling, (factor, prefixed) in _SPELLINGS[unit].items():
        for prefix, power in (_PREFIX.items() if prefixed else [("", 0)]):
            table[prefix + spelling] = factor * 10.0**power
    return table


def _words(unit: str) -> str:
    return "at most a %" if unit == "1" else f"a multiple of {unit}"


def _example(unit: str) -> str:
    return {"m": "5um or 10nm", "N/m": "0.03N/m or 30mN/m", "m/V": "40nm/V", "m/s": "10um/s", "K": "298K",
            "Hz": "30kHz",
            "rad": "20deg or 0.35rad",
            "J": "64zJ or 0.064aJ", "J/m^2": "50mJ/m^2", "Pa s": "10Pa.s", "1": "0.1 or 10%"}.get(unit, f"1{unit}")


def in_words(value: float, unit: str) -> str:
    """A value with a prefix that people read easily: 1234.5 Pa -> ``1.23 kPa`` (three digits).

    >>> in_words(1234.5, "Pa"), in_words(4.4e-9, "N"), in_words(0.5, "1"), in_words(float("nan"), "Pa")
    ('1.23 kPa', '4.4 nN', '0.5', 'unknown')
    """
    if not math.isfinite(value):
        return "unknown"
    if unit not in _SPELLINGS or unit in {"1", "rad"} or value == 0:
        return f"{value:.3g} {unit}".removesuffix(" 1")
    power = min(max(3 * math.floor(math.log10(abs(float(f"{value:.3g}"))) / 3), -15), 9)
    prefix = next(p for p, n in _PREFIX.items() if n == power)
    return f"{value / 10.0**power:.3g} {prefix}{unit}"

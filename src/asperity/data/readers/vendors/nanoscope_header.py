r"""The text header of a NanoScope file: sections of ``\key: value`` lines, and the values in them."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile

__all__ = ["NanoscopeHeader", "NanoscopeScale", "Section", "parse_length", "parse_number", "parse_scale", "positive"]

Section = dict[str, str]

_LIMIT = 4 * 2**20  # bytes; a header takes some 40 kB
_END = b"\\*File list end"
_VOLTS = {"V": 1.0, "mV": 1e-3}
_METERS = {"nm": 1e-9, "~m": 1e-6, "um": 1e-6, "\xb5m": 1e-6, "pm": 1e-12, "m": 1.0}
_METERS_PER_VOLT = {"": 1e-9} | {f"{unit}/V": factor for unit, factor in _METERS.items()}
_SCALE = re.compile(r"V\s*(?:\[(?P<sensitivity>[^\]]*)\])?\s*(?:\((?P<hard>.*) (?P<per_count>\S*)/LSB\))?"
                    r"\s*(?P<soft>[-+.\deE]+)\s*(?P<unit>\S*)")


class NanoscopeHeader:
    """The sections of a NanoScope header, keys lower case and without the group number (``@4:``)."""

    def __init__(self, path: Path, sections: list[tuple[str, Section]], file_size: int) -> None:
        self.path, self.sections, self.file_size = path, sections, file_size

    @classmethod
    def read(cls, path: Path) -> NanoscopeHeader:
        """Parse the header; raises `CorruptFile` if its end is not in the file."""
        with opening.stream(path) as stream:
            text, _, rest = stream.read(_LIMIT).partition(_END)
        if not rest:
            raise CorruptFile(path, "the NanoScope header has no end ('\\*File list end').",
                              "The file is truncated or damaged; copy it again from the instrument.")
        return cls(path, _sections(text.decode("latin-1")), path.stat().st_size)

    def all(self, name: str) -> list[Section]:
        """Every section of this name, in file order."""
        return [section for title, section in self.sections if title == name]

    def first(self, name: str) -> Section:
        """The first section of this name, or an empty one."""
        return next(iter(self.all(name)), {})

    def text(self, key: str) -> str:
        """The value of ``key`` in the first section that has it, else ''."""
        return next((section[key] for _, section in self.sections if section.get(key)), "")

    def count(self, key: str, section: Section) -> int:
        """A value that must be a positive whole number, else `CorruptFile`."""
        value = parse_number(section.get(key, ""))
        if not value >= 1 or value != int(value):
            raise CorruptFile(self.path, f"'{key}' in its header is no count "
                                         f"({section.get(key, 'missing')!r}).")
        return int(value)

    def sensitivity(self, name: str) -> float:
        """m/V of ``Sens. DeflSens``; NaN if absent, or the uncalibrated 1 without a unit. No unit is nm/V."""
        scale = parse_scale(self.text(name.lower()))
        if scale.soft == 1 and not scale.unit:
            return math.nan
        return positive(scale.soft * _METERS_PER_VOLT.get(scale.unit, math.nan))


class NanoscopeScale(NamedTuple):
    """A line ``V [Sens. DeflSens] (0.000375 V/LSB) 2.5 V``; NaN and '' for what is missing."""

    sensitivity: str  # the name of the sensitivity that leads from V to m
    volts_per_count: float  # of a 16-bit count
    soft: float  # in `unit`
    unit: str

    @property
    def volts(self) -> float:
        """The soft value in V."""
        return self.soft * _VOLTS.get(self.unit, math.nan)


def parse_scale(text: str) -> NanoscopeScale:
    """The parts of a scale line."""
    match = _SCALE.match(text)
    if match is None:
        return NanoscopeScale("", math.nan, math.nan, "")
    count = parse_number(match["hard"] or "") * _VOLTS.get(match["per_count"] or "", math.nan)
    return NanoscopeScale(match["sensitivity"] or "", count, parse_number(match["soft"]), match["unit"])


def parse_number(text: str) -> float:
    """The first word of ``text`` as a finite float, or NaN."""
    try:
        value = float(text.split()[0])
    except (ValueError, IndexError):
        return math.nan
    return value if math.isfinite(value) else math.nan


def parse_length(text: str) -> float:
    """A length like ``2000 nm`` in m, or NaN."""
    value, _, unit = text.partition(" ")
    return parse_number(value) * _METERS.get(unit.strip(), math.nan)


def positive(value: float) -> float:
    """The value, or NaN where it is not positive."""
    return value if value > 0 else math.nan


def _sections(text: str) -> list[tuple[str, Section]]:
    sections: list[tuple[str, Section]] = []
    for line in text.splitlines():
        if line.startswith("\\*"):
            sections.append((line[2:].strip().lower(), {}))
        elif line.startswith("\\") and ":" in line and sections:
            key, _, value = re.sub(r"^\\@?(\d+:)?", "", line).partition(":")
            sections[-1][1].setdefault(key.strip().lower(), value.strip())
    return sections

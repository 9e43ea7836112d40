r"""The text header of a NanoScope file: sections of ``\key: value`` lines, and the values in them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers._text import as_text

__all__ = ["NanoscopeHeader", "NanoscopeScale", "Section", "are_aligned", "parse_length", "parse_number", "parse_scale",
           "positive"]

Section = dict[str, str]

_LIMIT = 4 * 2**20  # bytes; a header takes some 40 kB
_END = b"\\*File list end"
#: bytes of the samples that are searched for line ends; 64 kB of samples have some 250 by chance
_SEARCHED = 4 * 2**20
#: bytes of a map of 8 x 8 pixels; fewer behind the last sample are no map
_LEAST_MAP = 128
#: what to do with a file that was changed on its way
_AS_IT_IS = "Copy it again from the instrument, in binary mode."
_VOLTS = {"V": 1.0, "mV": 1e-3}
_METERS = {"nm": 1e-9, "~m": 1e-6, "um": 1e-6, "\xb5m": 1e-6, "pm": 1e-12, "m": 1.0}
_METERS_PER_VOLT = {"": 1e-9} | {f"{unit}/V": factor for unit, factor in _METERS.items()}
_SCALE = re.compile(r"V\s*(?:\[(?P<sensitivity>[^\]]*)\])?\s*(?:\((?P<hard>.*) (?P<per_count>\S*)/LSB\))?"
                    r"\s*(?P<soft>[-+.\deE]+)\s*(?P<unit>\S*)")


class NanoscopeHeader:
    """The sections of a NanoScope header, keys lower case and without the group number (``@4:``)."""

    def __init__(self, path: Path, sections: list[tuple[str, Section]], file_size: int, line_end: str = "\r\n") -> None:
        self.path, self.sections, self.file_size, self.line_end = path, sections, file_size, line_end

    @classmethod
    def read(cls, path: Path) -> NanoscopeHeader:
        """Parse the header; raises `CorruptFile` if its end is not in the file."""
        with opening.stream(path) as stream:
            text, _, rest = stream.read(_LIMIT).partition(_END)
        if not rest:
            raise CorruptFile(path, "the NanoScope header has no end ('\\*File list end').",
                              "The file is truncated or damaged; copy it again from the instrument.")
        line_end = re.search(rb"\r*\n|\r", text)
        return cls(path, _sections(as_text(text)), path.stat().st_size,
                   line_end[0].decode("latin-1") if line_end else "")

    def all(self, name: str) -> list[Section]:
        """Every section of this name, in file order."""
        return [section for title, section in self.sections if title == name]

    def first(self, name: str) -> Section:
        """The first section of this name, or an empty one."""
        return next(iter(self.all(name)), {})

    def text(self, key: str) -> str:
        """The value of ``key`` in the first section that has it, else ''."""
        return next((section[key] for _, section in self.sections if section.get(key)), "")

    def date(self) -> str:
        """The date of the measurement as ISO text, or the header's own words."""
        text = self.text("date")
        try:
            return datetime.strptime(text, "%I:%M:%S %p %a %b %d %Y").isoformat()
        except ValueError:
            return text

    def count(self, key: str, section: Section) -> int:
        """A value that must be a positive whole number, else `CorruptFile`."""
        value = parse_number(section.get(key, ""))
        if not value >= 1 or value != int(value):
            raise CorruptFile(self.path, f"'{key}' in its header is no count "
                                         f"({section.get(key, 'missing')!r}).")
        return int(value)

    def too_short(self, name: str, end: int) -> CorruptFile:
        """The error of a channel ``name`` that ends at the byte ``end``, behind the end of the file."""
        cause = "It is truncated; copy it again." if self.line_end != "\n" else \
            f"A transfer in text mode has taken out its carriage returns. {_AS_IT_IS}"
        return CorruptFile(self.path, f"'{name}' should end at byte {end}, the file has {self.file_size}.", cause)

    def check_end(self, aligned: Callable[[], bool]) -> None:
        """Raise `CorruptFile` if bytes follow the last sample that the header lists.

        Somewhere before them bytes were inserted, which shifts all samples behind. Force volumes may hold maps that
        no section lists: there ``aligned`` says whether the samples themselves show that they are not shifted.
        """
        places = [(parse_number(section["data offset"]), parse_number(section.get("data length", "")))
                  for _, section in self.sections if "data offset" in section]
        known = [(int(offset), int(offset + size)) for offset, size in places if offset >= 0 and size >= 0]
        surplus = self.file_size - max((end for _, end in known), default=self.file_size)
        if surplus <= 0:
            return
        cause = "bytes were inserted, by an editor or a transfer in text mode, and shift the samples behind them"
        if self.line_end == "\n":
            cause = "its header has lost its carriage returns, as in a transfer in text mode"
        elif self.line_end == "\r\r\n" or self._has_text_ends(min(start for start, _ in known)):
            cause = "a transfer in text mode has put a carriage return before every line feed in its samples"
        elif self.all("ciao force image list") and self.all("ciao image list") and surplus >= _LEAST_MAP and aligned():
            return
        raise CorruptFile(self.path, f"it goes on behind byte {self.file_size - surplus}, where the samples end by its "
                                     f"header, to byte {self.file_size}: {cause}.", _AS_IT_IS)

    def _has_text_ends(self, start: int) -> bool:
        """True if every line feed in the samples from byte ``start`` on follows a carriage return, as in a text."""
        found = opening.array(self.path, np.uint8, _SEARCHED, start)
        ends = np.flatnonzero(found[1:] == ord("\n"))
        return ends.size > 0 and bool((found[ends] == ord("\r")).all())

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


def are_aligned(words: np.ndarray) -> bool:
    """True if four-byte words show by themselves that none of them is shifted by bytes.

    So they do where they hold counts with eight fractional bits: the lowest byte of each is 0x00 or 0xff, the highest
    is its sign, and some count needs more than a byte. Shifted words lose one of the three.
    """
    low, largest = words & 0xFF, int(np.abs(words.astype(np.int64)).max(initial=0))
    return words.itemsize == 4 and bool(((low == 0) | (low == 0xFF)).all()) and 2**16 <= largest <= 2**23


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

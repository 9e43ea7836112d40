r"""The text header of a Nanosurf file: sections of ``key=value`` lines, and the blocks of integers behind it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers._text import as_text

__all__ = ["ChannelBlock", "NanosurfHeader", "Section", "parse_number"]

_HEADER_LIMIT = 2**26  # bytes; the header grows with the number of curves
_MANY = 1000  # groups, or channels of a group
_PARAMETER = re.compile(r"[A-Z]\[(?P<value>[^\]]*)\]\*\[(?P<unit>[^\]]*)\]")

Section = dict[str, str]


@dataclass(frozen=True)
class ChannelBlock:
    """One channel of one group: where its integers lie and what they mean."""

    path: Path
    group: str
    section: Section
    offset: int
    points: int
    lines: int
    bits: int

    @property
    def name(self) -> str:
        return self.section.get("Dim2Name", "")

    def number(self, key: str) -> float:
        """A number of the channel's description, or NaN."""
        return parse_number(self.section.get(key, ""))

    def load(self, line: int, count: int) -> np.ndarray:
        """The first ``count`` values of a line, in ``Dim2Unit``."""
        dtype = np.dtype(f"<i{self.bits // 8}")
        words = opening.array(self.path, dtype, count, self.offset + line * self.points * dtype.itemsize)
        if words.size != count:
            raise CorruptFile(self.path, f"line {line} of '{self.name}' is cut off: "
                                         f"{words.size} of {count} points.")
        span, least = self.number("Dim2Range"), self.number("Dim2Min")
        return (words.astype(float) + 2.0 ** (self.bits - 1)) / 2.0**self.bits * span + least

    def count(self, line: int) -> int:
        """How many points of a line were measured; none where the ramp has no length."""
        if "LineDim0Points" not in self.section:
            return self.points
        number = self.number(f"LineDim{line}Points")
        if not (0 <= number <= self.points and number == int(number)):
            raise CorruptFile(self.path, f"line {line} of '{self.name}' claims {number:g} of "
                                         f"{self.points} points.")
        return int(number) if self.number(f"LineDim{line}Range") != 0 else 0

    def drive(self, line: int, count: int) -> np.ndarray:
        """The ramp of a line in m, from its ends; grows towards the sample."""
        prefix = f"LineDim{line}" if f"LineDim{line}Range" in self.section else "Dim0"
        least, span = self.number(f"{prefix}Min"), self.number(f"{prefix}Range")
        return least + span * np.arange(count) / max(count - 1, 1)


class NanosurfHeader:
    """The sections of a ``.nid`` header and the channel blocks that it announces."""

    def __init__(self, path: Path, sections: dict[str, Section]) -> None:
        self.path, self.sections, self.blocks = path, sections, []

    @classmethod
    def read(cls, path: Path) -> NanosurfHeader:
        """Parse the header; raises `CorruptFile` unless the blocks fill the rest of the file exactly."""
        with opening.mapped(path) as content:
            end, size = content.find(b"\n#!", 0, _HEADER_LIMIT), len(content)
            text = as_text(content[: max(end, 0)])
        if end < 0:
            raise CorruptFile(path, "the Nanosurf header has no end ('#!').",
                              "The file is truncated or damaged; copy it again from the instrument.")
        header = cls(path, _sections(text))
        header.blocks = header._announced(end + 3)
        stop = end + 3 + sum(b.points * b.lines * (b.bits // 8) for b in header.blocks)
        if stop != size:
            raise CorruptFile(path, f"the header announces data up to byte {stop}, the file has {size}.",
                              "It is truncated or damaged; copy it again from the instrument.")
        return header

    def _announced(self, offset: int) -> list[ChannelBlock]:
        """The blocks in file order."""
        blocks: list[ChannelBlock] = []
        groups = self.sections.get("DataSet", {})
        for g in range(self.count("GroupCount", groups, 0, _MANY)):
            for c in range(self.count(f"Gr{g}-Count", groups, 0, _MANY)):
                name = groups.get(f"Gr{g}-Ch{c}")
                if name is not None:
                    blocks.append(self._block(groups.get(f"Gr{g}-Name", ""), name, offset))
                    offset += blocks[-1].points * blocks[-1].lines * (blocks[-1].bits // 8)
        return blocks

    def _block(self, group: str, name: str, offset: int) -> ChannelBlock:
        section = self.sections.get(name)
        if section is None:
            raise CorruptFile(self.path, f"its header lists the channel '{name}' and does not describe it.")
        mode = tuple(section.get(f"Save{key}", "missing") for key in ("Mode", "Sign", "Order"))
        bits = self.count("SaveBits", section)
        if mode != ("Binary", "Signed", "Intel") or bits not in (8, 16, 32):
            raise Unsupported(self.path, f"channel '{name}' is stored as {', '.join(mode)} with {bits} bits.")
        block = ChannelBlock(self.path, group, section, offset, self.count("Points", section),
                             self.count("Lines", section), bits)
        if not (math.isfinite(block.number("Dim2Min")) and math.isfinite(block.number("Dim2Range"))):
            raise CorruptFile(self.path, f"its header gives the channel '{name}' no scale ('Dim2Range').")
        return block

    def count(self, key: str, section: Section, least: int = 1, most: int = 2**31) -> int:
        """A value that must be a whole number from ``least`` to below ``most``, else `CorruptFile`."""
        number = parse_number(section.get(key, ""))
        if not (least <= number < most and number == int(number)):
            raise CorruptFile(self.path, f"'{key}' in its header is no count "
                                         f"({section.get(key, 'missing')!r}).")
        return int(number)

    def find(self, ending: str) -> Section:
        """The section whose path ends so (``DataSet\\Parameters\\Spectroscopy``), or an empty one."""
        return next((s for name, s in self.sections.items() if name.rpartition("\\")[2] == ending), {})

    def parameter(self, section: str, key: str, unit: str) -> float:
        """A value like ``D[2.72436]*[N/m]`` if it has this unit, else NaN."""
        match = _PARAMETER.match(self.find(section).get(key, ""))
        return parse_number(match["value"]) if match and match["unit"] == unit else math.nan

    def date(self) -> str:
        """Date and time of the measurement as ISO text, or the header's own words, or ''."""
        info = self.find("DataSet-Info")
        text = f"{info.get('Date', '')} {info.get('Time', '')}"
        try:
            return datetime.strptime(text, "%d-%m-%Y %H:%M:%S").isoformat()
        except ValueError:
            return text.strip()


def _sections(text: str) -> dict[str, Section]:
    sections: dict[str, Section] = {}
    current: Section = {}
    for line in text.splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip().strip("[]"), {})
        else:
            key, equals, value = line.partition("=")
            if equals:
                current.setdefault(key, value.strip())
    return sections


def parse_number(text: str) -> float:
    """``text`` as a finite float, or NaN."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan

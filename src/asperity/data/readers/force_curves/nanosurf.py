r"""Nanosurf ``.nid`` spectroscopy: single curves, position lists and maps.

A text header in INI form ends with ``#!``; one block of little-endian integers per channel follows, in
the order in which the groups ``GrN-ChM`` are listed. An integer ``n`` of ``b`` bits stands for
``Dim2Min + Dim2Range * (n + 2**(b - 1)) / 2**b`` in ``Dim2Unit``: the deflection channel is a force (N), a
deflection (m) or a voltage (V), and is handed over as what it is; a deflection is derived from a
force by the cantilever's spring constant.

``Spec forward`` is the approach, ``Spec backward`` the retract, stored from far to near in both;
the retract is therefore reversed here into time order. The Z axis and its sensor grow towards
the sample, ``height`` is their negative. A line is used as long as ``LineDimPoints`` says.
Rows of a map that is travelled back and forth (last field of the map table 1) are unfolded into columns.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asperity.data.curves import Curves, number_segments
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers.vendors.nanosurf_header import ChannelBlock, NanosurfHeader, parse_number

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "Nanosurf .nid"
EXTENSIONS = (".nid",)

#: group name -> (kind of segment, prefix of its parameters, stored backwards in time), in time order
_SEGMENTS = {
    "Spec forward": ("approach", "FwMod", False),
    "Spec fwd pause": ("pause", "FwPause", False),
    "Spec backward": ("retract", "BwMod", True),
    "Spec bwd pause": ("pause", "BwPause", False),
}
_BASE = {"N": "force", "m": "deflection", "V": "deflection_voltage"}

def matches(head: bytes, name: str) -> bool:
    """True if the file starts with the section ``[DataSet]`` of a Nanosurf header."""
    return head.startswith(b"[DataSet]") and b"GroupCount=" in head


@dataclass(frozen=True)
class _Part:
    """One segment: its deflection, its Z sensor (or None), and how it is played."""

    kind: str
    deflection: ChannelBlock
    sensor: ChannelBlock | None
    reverse: bool
    counts: np.ndarray
    duration: float  # s, of a line with all its points

    @classmethod
    def of(cls, header: NanosurfHeader, group: str) -> _Part:
        """The segment of a spectroscopy group of the file."""
        kind, prefix, reverse = _SEGMENTS[group]
        blocks = [block for block in header.blocks if block.group == group]
        found = [b for b in blocks if b.name.lower() == "deflection" and b.section.get("Dim2Unit") in _BASE]
        if not found:
            raise Unsupported(header.path, f"'{group}' has no deflection in N, m or V (channels: "
                              f"{', '.join(b.name for b in blocks)}).")
        sensor = next((b for b in blocks if b.name.startswith("Z") and "Sensor" in b.name), None)
        counts = np.array([found[0].count(line) for line in range(found[0].lines)], dtype=np.int64)
        duration = header.parameter("Spectroscopy", f"{prefix}Time", "s")
        return cls(kind, found[0], sensor, reverse, counts, duration)

    def values(self, block: ChannelBlock, curve: int) -> np.ndarray:
        """A channel of this segment in time order."""
        return self._ordered(block.load(curve, int(self.counts[curve])))

    def drive(self, curve: int) -> np.ndarray:
        """The commanded height in m, in time order."""
        return -self._ordered(self.deflection.drive(curve, int(self.counts[curve])))

    def _ordered(self, values: np.ndarray) -> np.ndarray:
        return values[::-1] if self.reverse else values


def open_curves(path: Path) -> Curves:
    """Open a Nanosurf spectroscopy file; reads the header only.

    The channels are ``force``, ``deflection`` or ``deflection_voltage`` (what the file stores; beside a
    force also the deflection), ``height`` (the Z sensor where every segment has one) and ``time``.

    Raises:
        CorruptFile: truncated, or the header's sizes are not those of the file.
        Unsupported: images, thermal spectra, ramps of another quantity than Z.
    """
    header = NanosurfHeader.read(path)
    parts = _parts(header)
    constant = header.parameter("Cantilever", "Prop0", "N/m")
    n_curves = len(parts[0].counts)
    return Curves(
        segments=number_segments([part.kind for part in parts]),
        counts=np.stack([part.counts for part in parts], axis=1),
        channels={**_deflections(parts, constant), **_heights(parts), **_times(parts)},
        spring_constant=constant if constant > 0 else math.nan,
        sensitivity=_sensitivity(header),
        session=_session(header, constant),
        attrs=_attributes(header),
        **_positions(header, n_curves),
    )


def _parts(header: NanosurfHeader) -> list[_Part]:
    """The segments in time order; `Unsupported` says what the file holds instead."""
    groups = [name for name in _SEGMENTS if any(block.group == name for block in header.blocks)]
    if "Spec forward" not in groups:
        held = ", ".join(dict.fromkeys(block.group for block in header.blocks)) or "nothing"
        raise Unsupported(header.path, f"a Nanosurf file without force curves; it holds: {held}.")
    parts = [_Part.of(header, name) for name in groups]
    first = parts[0].deflection.section
    if first.get("Dim0Unit") != "m" or header.parameter("Spectroscopy", "FwModRange", "m") < 0:
        raise Unsupported(header.path, f"the ramp runs over {first.get('Dim0Name', 'an unnamed quantity')!r} "
                          f"({first.get('Dim0Unit', 'no unit')}), not towards the sample.")
    shapes = {(p.deflection.lines, p.deflection.section["Dim2Unit"]) for p in parts}
    shapes |= {(p.sensor.lines, p.deflection.section["Dim2Unit"]) for p in parts if p.sensor}
    if len(shapes) != 1 or any(p.sensor and p.sensor.points != p.deflection.points for p in parts):
        raise CorruptFile(header.path, f"its segments differ in number of curves or unit: {sorted(shapes)}.")
    return parts


def _deflections(parts: Sequence[_Part], constant: float) -> dict[str, Callable]:
    """The stored deflection under the name of its unit, and the deflection behind a force."""
    def stored(curve: int) -> list[np.ndarray]:
        return [part.values(part.deflection, curve) for part in parts]

    name = _BASE[parts[0].deflection.section["Dim2Unit"]]
    if name == "force" and constant > 0:
        return {name: stored, "deflection": lambda curve: [force / constant for force in stored(curve)]}
    return {name: stored}


def _heights(parts: Sequence[_Part]) -> dict[str, Callable]:
    """``height`` from the sensor and ``height_drive`` from the ramp; a pause stays where the ramp ended."""
    def drive(curve: int) -> list[np.ndarray]:
        ramps: list[np.ndarray] = []
        for part in parts:
            if part.kind == "pause":
                last = ramps[-1][-1] if ramps and ramps[-1].size else math.nan
                ramps.append(np.full(int(part.counts[curve]), last))
            else:
                ramps.append(part.drive(curve))
        return ramps

    if any(part.sensor is None for part in parts):
        return {"height": drive}
    return {"height": lambda curve: [-part.values(part.sensor, curve) for part in parts if part.sensor],
            "height_drive": drive}


def _times(parts: Sequence[_Part]) -> dict[str, Callable]:
    """``time`` from the duration of full lines; left out where the header does not state it."""
    steps = [part.duration / max(part.deflection.points, 1) for part in parts]
    if not all(step > 0 for step in steps):
        return {}

    def load(curve: int) -> list[np.ndarray]:
        counts = [int(part.counts[curve]) for part in parts]
        starts = np.concatenate([[0.0], np.cumsum(np.multiply(counts, steps))])
        return [start + step * np.arange(count) for start, step, count in zip(starts, steps, counts)]
    return {"time": load}


def _sensitivity(header: NanosurfHeader) -> float:
    """m/V: the range of the deflection input in m over its range in V; NaN where one is not listed."""
    ranges: dict[str, float] = {}
    for key, line in header.find("Scanhead").items():
        fields = line.split(",")
        if re.fullmatch(r"In\d+", key) and len(fields) >= 5 and fields[1].startswith("TipSignalDC"):
            ranges.setdefault(fields[3], parse_number(fields[4]))
    value = ranges.get("m", math.nan) / (ranges.get("V") or math.nan)
    return value if value > 0 else math.nan


def _positions(header: NanosurfHeader, n_curves: int) -> dict[str, np.ndarray]:
    """Row, column, x and y of a map whose table fits the number of curves; else nothing."""
    table = [parse_number(field) for field in header.find("SpecMapTable").get("Map0", "").split(";")]
    if len(table) < 6 or not all(map(math.isfinite, table[:6])) or table[4] * table[5] != n_curves:
        return {}
    left, right, low, high = table[:4]
    columns, rows = int(table[4]), int(table[5])
    row, column = np.divmod(np.arange(n_curves), columns)
    if len(table) > 7 and table[7] == 1:
        column = np.where(row % 2, columns - 1 - column, column)
    return {"row": row, "column": column, "x": left + (right - left) * column / max(columns - 1, 1),
            "y": low + (high - low) * row / max(rows - 1, 1)}


def _session(header: NanosurfHeader, constant: float) -> str:
    """Same day, head, lever and calibration."""
    info = header.find("DataSet-Info")
    named = (header.date()[:10], info.get("Scan head", ""), info.get("Cantilever type", ""))
    constants = f"k={constant:g}", f"s={_sensitivity(header):g}"
    return " ".join(("nanosurf", *(part for part in named if part), *constants))


def _attributes(header: NanosurfHeader) -> dict[str, str | float]:
    """Instrument, software, date, the vendor's channel names and the stop value of the approach."""
    info = header.find("DataSet-Info")
    names = dict.fromkeys(f"{b.group}/{b.name}" for b in header.blocks if b.group in _SEGMENTS)
    attributes = {"format": NAME, "instrument": info.get("Head type", ""), "date": header.date(),
                  "software": f"Nanosurf {info.get('Software ver.', '')}".strip(),
                  "vendor_channels": ", ".join(names)}
    stop = header.parameter("Spectroscopy", "FwModStopValue", "N")
    return attributes | ({"setpoint": stop} if stop > 0 else {})

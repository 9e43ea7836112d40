"""JPK force curves, maps and quantitative-imaging data (.jpk-force, -force-map, -qi-data, -qi-series).

A zip archive: ``[index/N/]segments/S/segment-header.properties`` and ``channels/NAME.dat``
(big-endian numbers, scaled as `asperity.data.readers.vendors.jpk_properties` says), N being the number of
the curve in the map's position pattern. On opening, the zip directory, the shared headers and the
position of each curve are read; a curve's segment headers and samples only when it is loaded.

Height is the sensor's (measuredHeight, capacitiveSensorHeight or strainGaugeHeight) in its default
slot, else the drive's; it is the distance of the cantilever base from an arbitrary plane below it and
falls in the approach. The vertical deflection stays in volts with the header's sensitivity and spring
constant, or is taken as stored where it is already calibrated. Sample i of n of a segment of duration
T is at the end of the previous segment plus i T / n.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NamedTuple

import numpy as np

from asperity.data import opening
from asperity.data.curves import Curves, number_segments
from asperity.data.readers._appearance import is_foreign
from asperity.data.readers._errors import CorruptFile, ReadError, Unsupported
from asperity.data.readers.vendors.jpk_properties import (
    Deflection,
    HeaderError,
    LackingScale,
    Scale,
    UnknownHeader,
    channel_record,
    deflection_of,
    height_scale,
    kind_of,
    parse_properties,
    records,
    segment_record,
    setpoint_of,
)
from asperity.data.readers.vendors.zip_archive import Archive, open_archive

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "JPK force data"
EXTENSIONS = (".jpk-force", ".jpk-force-map", ".jpk-qi-data", ".jpk-qi-series")

_FIRST_MEMBERS = (b"header.properties", b"segments/", b"index/", b"shared-data/", b"data-image")
_SENSORS = ("measuredHeight", "capacitiveSensorHeight", "strainGaugeHeight")
_DRIVES = ("height", "head-height", "cellhesion-height")
_DEFLECTION = "vDeflection"
_CACHED_SEGMENTS = 8192  # whose parsed headers are kept; then all are let go
_DAMAGED = "The file is damaged; copy it again from the instrument."
_PROCESSED = "Take the file that the instrument wrote, or export the curves as text from the JPK program."
_POSITION = {axis: re.compile(rb"header\.position\.%s=(\S+)" % axis) for axis in (b"x", b"y")}

Records = Mapping[str, Mapping[str, Mapping[str, str]]]


class _Segment(NamedTuple):
    """One segment of one curve: what its header says, and per variable the member and its scale."""

    points: int
    duration: float
    sources: dict[str, tuple[str, Scale]]


@dataclass(frozen=True)
class _File:
    """An open map: where its curves lie and what they share."""

    archive: Archive
    roots: tuple[str, ...]  # per curve: "index/N/", or "" in a file of one curve
    numbers: tuple[int, ...]  # the segments' numbers in the archive
    kinds: tuple[str, ...]
    shared: Records
    channels: dict[str, str]  # role (height, height_drive, deflection) -> the vendor's channel
    counts: np.ndarray
    scales: dict[tuple[str, str], dict[str, Scale]] = field(default_factory=dict)
    segments: dict[tuple[int, int], _Segment] = field(default_factory=dict)

    def load(self, variable: str, curve: int, segments: Sequence[int] | None = None) -> list[np.ndarray | None]:
        """Samples of a variable of one curve, per segment, None for others than ``segments``; raises `ReadError`."""
        try:
            with self.archive.open() as stream:
                numbers = range(len(self.numbers))
                if variable == "time":  # of a segment begins where that before ends
                    return list(self._times([self._segment(stream, curve, j) for j in numbers]))
                return [None if segments is not None and j not in segments
                        else self._samples(stream, self._segment(stream, curve, j), variable) for j in numbers]
        except ReadError as error:
            raise type(error)(self.archive.path, f"curve {curve}: {error.problem}", error.remedy) from error
        except Exception as error:  # a damaged header can break a parser anywhere: still name the curve
            raise CorruptFile(self.archive.path, f"curve {curve}: {error}.", _remedy(error)) from error

    def _times(self, segments: Sequence[_Segment | None]) -> list[np.ndarray]:
        start, times = 0.0, []
        for segment in segments:
            points, duration = (segment.points, segment.duration) if segment else (0, 0.0)
            times.append(np.linspace(start, start + duration, points, endpoint=False))
            start += duration
        return times

    def _samples(self, stream: BinaryIO, segment: _Segment | None, variable: str) -> np.ndarray:
        if segment is None:
            return np.empty(0)
        member, scale = segment.sources[variable]
        data = self.archive.read(stream, member)
        declared = segment.points * np.dtype(scale.dtype).itemsize
        if len(data) != declared:
            raise HeaderError(f"the header declares {segment.points} samples ({declared} bytes) where "
                              f"'{member}' holds {len(data)} bytes")
        return scale.apply(data)

    def _segment(self, stream: BinaryIO, curve: int, j: int) -> _Segment | None:
        """The parsed header of segment ``j`` of a curve, None where the curve lacks it."""
        segment = self.segments.get((curve, j))
        if segment is None:
            folder = f"{self.roots[curve]}segments/{self.numbers[j]}/"
            if not self.counts[curve, j] and folder + "segment-header.properties" not in self.archive.members:
                return None
            header = parse_properties(self.archive.read(stream, folder + "segment-header.properties"))
            segment = self._parsed(header, folder, curve, j)
            if len(self.segments) >= _CACHED_SEGMENTS:
                self.segments.clear()
            self.segments[curve, j] = segment
        return segment

    def _parsed(self, header: dict[str, str], folder: str, curve: int, j: int) -> _Segment:
        record = segment_record(header, self.shared)
        if kind_of(record) != self.kinds[j]:
            raise HeaderError(f"segment {j} is a '{kind_of(record)}' where the file's others are a "
                              f"'{self.kinds[j]}'")
        points, duration = int(record["num-points"]), float(record["duration"])
        if points != self.counts[curve, j]:
            raise HeaderError(f"segment {j} declares {points} samples where its channels hold "
                              f"{self.counts[curve, j]}")
        if not 0.0 <= duration < np.inf:
            raise HeaderError(f"segment {j} has the impossible duration {duration} s")
        sources = {variable: (folder + header[f"channel.{channel}.data.file.name"], scale)
                   for role, channel in self.channels.items()
                   for variable, scale in self._scales(header, role, channel).items()}
        return _Segment(points, duration, sources)

    def _scales(self, header: Mapping[str, str], role: str, channel: str) -> dict[str, Scale]:
        """The variables that a channel yields; computed once per shared record."""
        key = (role, header.get(f"channel.{channel}.lcd-info.*", ""))
        found = self.scales.get(key)
        if found is None:
            record = channel_record(header, channel, self.shared)
            found = deflection_of(record).scales if role == "deflection" else {role: height_scale(record)}
            if key[1]:
                self.scales[key] = found
        return found


@dataclass(frozen=True)
class _Loader:
    """One variable of a file as a function of the curve."""

    file: _File
    variable: str
    by_segment: ClassVar[bool] = True

    def __call__(self, curve: int, segments: Sequence[int] | None = None) -> list[np.ndarray | None]:
        return self.file.load(self.variable, curve, segments)


def _remedy(error: Exception) -> str:
    """What to do about a file whose header cannot be read."""
    return _PROCESSED if isinstance(error, LackingScale) else _DAMAGED


def matches(head: bytes, name: str) -> bool:
    """A zip archive with JPK's first member or JPK's ending."""
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    named = name.endswith(EXTENSIONS) and not is_foreign(head)
    return head[:4] == b"PK\3\4" and (first.startswith(_FIRST_MEMBERS) or named)


def open_curves(path: Path) -> Curves:
    """Open a JPK file; samples are read by the loaders.

    Raises:
        CorruptFile: truncated or damaged archive or headers.
        Unsupported: an archive without force curves, or with units or segments that are not known.
    """
    archive = open_archive(path)
    roots, numbers = _layout(archive)
    with archive.open() as stream:
        shared = _properties(archive, stream, "shared-data/header.properties")
        groups = records(shared)
        headers = [_first_header(archive, stream, roots, number) for number in numbers]
        try:
            return _curves(archive, stream, roots, numbers, headers, groups)
        except UnknownHeader as error:
            raise Unsupported(path, f"{error}.", "Please report the file if it is not damaged.") from error
        except ValueError as error:  # a number that is none, a record that is missing
            raise CorruptFile(path, f"{error}.", _remedy(error)) from error


def _curves(archive: Archive, stream: BinaryIO, roots: tuple[str, ...], numbers: tuple[int, ...],
            headers: list[dict[str, str]], shared: Records) -> Curves:
    """The contents of an archive whose headers of the first curves have been read."""
    settings = [segment_record(header, shared) for header in headers]
    kinds = tuple(kind_of(record) for record in settings)
    channels = _roles(archive.path, headers)
    counts = _counts(archive, roots, numbers, headers, channels, shared)
    file = _File(archive, roots, numbers, kinds, shared, channels, counts)
    deflection = deflection_of(channel_record(headers[0], _DEFLECTION, shared))
    spring_constant, sensitivity = _calibration(file, stream, deflection)
    top = _properties(archive, stream, "header.properties")
    x, y = _positions(file, stream)
    row, column = _grid(top, roots)
    variables = [*(role for role in channels if role != "deflection"), "time", *deflection.scales]
    attrs = _attributes(top, settings, kinds, deflection, channels)
    return Curves(number_segments(kinds), counts, {v: _Loader(file, v) for v in variables},
                  _session(attrs, deflection), spring_constant, sensitivity, x, y, row, column, attrs)


def _layout(archive: Archive) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The curves (in the order of their numbers) and the segment numbers that occur."""
    roots: dict[str, int] = {}
    numbers: set[int] = set()
    for name in archive.members:
        parts = name.split("/", 4)
        indexed = parts[0] == "index" and len(parts) > 2 and parts[1].isdecimal()
        if indexed:
            roots[f"index/{parts[1]}/"] = int(parts[1])
            parts = parts[2:]
        if parts[0] == "segments" and len(parts) > 2 and parts[1].isdecimal():
            numbers.add(int(parts[1]))
            if not indexed:
                roots[""] = -1
    if not numbers:
        raise Unsupported(archive.path, "the archive holds no force curves.",
                          "Images and thermal spectra are other files.")
    return tuple(sorted(roots, key=roots.__getitem__)), tuple(sorted(numbers))


def _first_header(archive: Archive, stream: BinaryIO, roots: Sequence[str], number: int) -> dict[str, str]:
    """A segment's header in the first curve where it can be read; raises the last curve's error if none."""
    names = [f"{root}segments/{number}/segment-header.properties" for root in roots]
    for name in names[:-1]:
        try:
            return parse_properties(archive.read(stream, name))
        except ReadError:
            continue
    return parse_properties(archive.read(stream, names[-1]))


def _properties(archive: Archive, stream: BinaryIO, name: str) -> dict[str, str]:
    """The entries of a header; empty if the archive has no such member."""
    return parse_properties(archive.read(stream, name)) if name in archive.members else {}


def _roles(path: Path, headers: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Which channel is the height, the drive's height and the deflection; each is in every segment."""
    listed = [{channel for channel in header.get("channels.list", "").split()
               if f"channel.{channel}.data.file.name" in header} for header in headers]
    everywhere = set.intersection(*listed)

    def pick(candidates: Sequence[str]) -> str | None:
        return next((channel for channel in candidates if channel in everywhere), None)

    sensor, drive, deflection = pick(_SENSORS), pick(_DRIVES), pick((_DEFLECTION,))
    if deflection is None or (sensor is None and drive is None):
        raise Unsupported(path, "the file lacks the "
                          f"{'vertical deflection' if deflection is None else 'height'} in some segment.",
                          "Save it with the channels 'Height' and 'Vertical Deflection'.")
    found = {"height": sensor or drive, "height_drive": drive if sensor else None, "deflection": deflection}
    return {role: channel for role, channel in found.items() if channel}


def _counts(archive: Archive, roots: Sequence[str], numbers: Sequence[int],
            headers: Sequence[Mapping[str, str]], channels: Mapping[str, str], shared: Records) -> np.ndarray:
    """Samples per curve and segment, from the sizes of the members (the smallest of the channels)."""
    columns = []
    for number, header in zip(numbers, headers):
        files = []
        for channel in channels.values():
            record = channel_record(header, channel, shared)
            scales = deflection_of(record).scales if channel == _DEFLECTION else {"": height_scale(record)}
            width = np.dtype(next(iter(scales.values())).dtype).itemsize
            files.append((f"segments/{number}/{header[f'channel.{channel}.data.file.name']}", width))
        columns.append([min((archive.members[root + name].size // width for name, width in files
                             if root + name in archive.members), default=0) for root in roots])
    counts = np.array(columns, dtype=np.int64).T
    padded = 8 * counts.size * int(counts.max(initial=0))
    if padded > opening.most_unpacked(archive.path.stat().st_size):
        raise CorruptFile(archive.path, f"its directory declares up to {counts.max()} samples per segment, "
                                        "more than the file can hold.", _DAMAGED)
    return counts


def _calibration(file: _File, stream: BinaryIO, deflection: Deflection) -> tuple[Any, Any]:
    """Spring constant and sensitivity: one for the file, or one per curve where the headers differ."""
    shared = [r for r in file.shared.get("lcd-info", {}).values() if r.get("channel.name") == _DEFLECTION]
    pairs = {deflection_of(record)[1:] for record in shared}
    if len(file.roots) == 1 or len({str(pair) for pair in pairs}) == 1:
        return deflection.spring_constant, deflection.sensitivity
    each = [_curve_calibration(file, stream, root) for root in file.roots]
    return np.array([pair[1] for pair in each]), np.array([pair[0] for pair in each])


def _curve_calibration(file: _File, stream: BinaryIO, root: str) -> tuple[float, float]:
    """Sensitivity and spring constant in a curve's own header; NaN where it cannot be read."""
    name = f"{root}segments/{file.numbers[0]}/segment-header.properties"
    try:
        header = _properties(file.archive, stream, name)
        found = deflection_of(channel_record(header, _DEFLECTION, file.shared))
    except (ReadError, HeaderError):
        return np.nan, np.nan
    return found.sensitivity, found.spring_constant


def _positions(file: _File, stream: BinaryIO) -> tuple[np.ndarray, np.ndarray]:
    """The lateral position in each curve's header, m; NaN where there is none."""
    found = np.array([_position(file.archive, stream, root + "header.properties") for root in file.roots])
    return found[:, 0], found[:, 1]


def _position(archive: Archive, stream: BinaryIO, name: str) -> list[float]:
    try:
        text = archive.peek(stream, name, 2048)
        if b"header.position.y=" not in text:
            text = archive.read(stream, name)
        found = [pattern.search(text) for pattern in _POSITION.values()]
        return [float(match[1]) if match else np.nan for match in found]
    except (ReadError, ValueError):  # the curve's samples may be intact: only its place is unknown
        return [np.nan, np.nan]


def _grid(top: Mapping[str, str], roots: Sequence[str]) -> tuple[np.ndarray | int, np.ndarray | int]:
    """Row and column of each curve in the map's grid; -1 where there is no grid."""
    pattern = f"{top.get('type', '')}.position-pattern."
    columns, rows = (int(top.get(f"{pattern}grid.{axis}length", 0)) for axis in "ij")
    if top.get(pattern + "type") != "grid-position-pattern" or columns < 1 or rows < 1:
        return -1, -1
    number = np.array([int(root.split("/")[1]) if root else -1 for root in roots])
    row, column = np.divmod(number, columns)
    if top.get(pattern + "back-and-forth") == "true":
        column = np.where(row % 2 == 1, columns - 1 - column, column)
    inside = (number >= 0) & (row < rows)
    return np.where(inside, row, -1), np.where(inside, column, -1)


def _attributes(top: Mapping[str, str], settings: Sequence[Mapping[str, str]], kinds: Sequence[str],
                deflection: Deflection, channels: Mapping[str, str]) -> dict[str, Any]:
    """Instrument, software, date, vendor's channels; set force, speeds and modulation where given."""
    described = f"{top.get('type', '')}.description."
    attrs: dict[str, Any] = {
        "format": NAME,
        "instrument": top.get(described + "instrument", ""),
        "software": f"JPK SPM {top.get(described + 'source-software', '')}".strip(),
        "probe": top.get(described + "probe", "").replace("no probe entry", ""),
        "date": settings[0].get("time-stamp", ""),
        "channels": ", ".join(f"{role}: {channel}" for role, channel in channels.items()),
    }
    volts = [setpoint_of(record) for record, kind in zip(settings, kinds) if kind == "approach"]
    force = volts[0] * deflection.sensitivity * deflection.spring_constant if volts else np.nan
    if np.isfinite(force):
        attrs["setpoint"] = force
    for kind in ("approach", "retract"):
        if kind in kinds:
            attrs |= _speed(kind, settings[kinds.index(kind)])
    modulated = [record for record, kind in zip(settings, kinds) if kind == "modulation"]
    for name in ("frequency", "amplitude") if modulated else ():
        attrs[f"modulation_{name}"] = [_setting(record, name) for record in modulated]
    return attrs


def _setting(record: Mapping[str, str], name: str) -> float:
    try:
        return float(record[f"settings.segment-settings.{name}"])
    except (KeyError, ValueError):
        return np.nan


def _speed(kind: str, record: Mapping[str, str]) -> dict[str, float]:
    """The set speed of an approach or retract, m/s; nothing if it is not in the header."""
    path, duration = _setting(record, "z-start") - _setting(record, "z-end"), _setting(record, "duration")
    return {f"speed_{kind}": abs(path) / duration} if duration > 0.0 and np.isfinite(path) else {}


def _session(attrs: Mapping[str, Any], deflection: Deflection) -> str:
    """Same instrument, probe, day and calibration."""
    parts = (attrs["instrument"], attrs["probe"], attrs["date"][:10],
             f"k={deflection.spring_constant:.6g}", f"s={deflection.sensitivity:.6g}")
    return " ".join(part for part in parts if part)

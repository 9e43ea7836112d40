"""Optics11 Chiaro / Piuma indentation text, single or several curves in a zip archive.

Tab-separated text in Latin-1: a header of names and values (spring constant, tip radius, position,
profile), then the columns time, load, indentation, cantilever bending, piezo position, auxiliary.
The piezo position rises towards the sample, so height = -piezo; load and bending are positive in
repulsion. Segments follow the profile's step times where the header lists them, else the piezo.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from asperity.data.curves import Curves, number_segments
from asperity.data.readers._errors import CorruptFile, NotRecognized, Unsupported
from asperity.data.readers._table import (
    Rows,
    Segments,
    align_segments,
    count_samples,
    cut,
    left_out,
    parse_number,
    parse_rows,
    remembering,
    require_rising,
)
from asperity.data.readers._text import head_text, read_texts

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "Optics11 Chiaro/Piuma indentation text"
EXTENSIONS = (".txt", ".zip")

_COLUMNS = {"Time (s)": ("time", 1.0), "Load (uN)": ("force", 1e-6), "Cantilever (nm)": ("deflection", 1e-9),
            "Piezo (nm)": ("height", -1e-9)}
_MARKS = ("k (N/m)", "Tip radius (um)")
#: a step that moves the piezo by less than this part of its range is a pause
_STILL = 0.02


@dataclass(frozen=True)
class _Curve:
    """One parsed text: SI channels over the whole curve and its segments."""

    header: dict[str, tuple[str, int]]  # name -> (value, line)
    channels: dict[str, np.ndarray]
    segments: Segments
    rows: Rows


def matches(head: bytes, name: str) -> bool:
    """True for a text (or a zip whose first member is one) with Optics11's header entries."""
    text = head_text(head)
    return all(mark in text for mark in _MARKS)


def open_curves(path: Path) -> Curves:
    """The curves of a text file or of every text in a zip archive; all of one cantilever.

    Raises:
        CorruptFile: a header entry or column is missing, or the table is truncated or damaged.
        Unsupported: the archive mixes cantilevers.
    """
    members = _members(path)
    curves = [_parse(path, text) for _, text in members]
    names = align_segments(path, [curve.segments[0] for curve in curves])
    load = remembering(partial(_load, path, [name for name, _ in members]))
    return Curves(
        segments=names,
        counts=count_samples(names, [curve.segments for curve in curves]),
        channels={channel: partial(_channel, load, names, channel) for channel, _ in _COLUMNS.values()},
        session=_session(path, curves),
        spring_constant=_header_values(path, curves, "k (N/m)", 1.0),
        x=_header_values(path, curves, "X-position (um)", 1e-6, np.nan),
        y=_header_values(path, curves, "Y-position (um)", 1e-6, np.nan),
        row=_header_values(path, curves, "Y (#)", 1, 0).astype(int) - 1,
        column=_header_values(path, curves, "X (#)", 1, 0).astype(int) - 1,
        attrs=_attributes(path, curves[0]) | left_out(curve.rows for curve in curves),
    )


def _members(path: Path) -> list[tuple[str, str]]:
    found = [(name, text) for name, text in read_texts(path) if all(mark in text[:16384] for mark in _MARKS)]
    if not found:
        raise NotRecognized(path, f"no {NAME} in it.")
    return found


def _load(path: Path, names: Sequence[str], curve: int) -> _Curve:
    return _parse(path, read_texts(path, [names[curve]])[0][1])


def _parse(path: Path, text: str) -> _Curve:
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if line.startswith("Time (s)\t")), None)
    if start is None:
        raise CorruptFile(path, "the column titles ('Time (s)', 'Load (uN)', ...) are missing.",
                          "It is probably truncated; export it again.")
    titles = lines[start].rstrip("\t").split("\t")
    missing = [title for title in _COLUMNS if title not in titles]
    if missing:
        raise CorruptFile(path, f"line {start + 1}: no column {missing[0]!r} among {titles}.")
    rows = parse_rows(path, lines[start + 1 :], start + 2, "\t", titles)
    channels = {name: rows.values[:, titles.index(title)] * factor for title, (name, factor) in _COLUMNS.items()}
    header = _header(lines[:start])
    require_rising(path, channels["time"], "the table")
    _check_load(path, header, channels)
    return _Curve(header, channels, _segments(path, header, channels["time"], channels["height"]), rows)


def _header(lines: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Names and values of the header, with their line; a line holds one or more tab-separated pairs."""
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines, start=1):
        cells = line.split("\t")
        if len(cells) == 1 and ":" in line:
            cells = line.split(":", 1)
        for name, value in zip(cells[::2], cells[1::2]):
            found.setdefault(name.strip().rstrip(":"), (value.strip(), number))
    return found


def _check_load(path: Path, header: dict[str, tuple[str, int]], channels: dict[str, np.ndarray]) -> None:
    """Self-check: the load is the spring constant times the bending, to the digits that are written."""
    spring_constant = _number(path, header, "k (N/m)", 1.0)
    bending = channels["deflection"]
    swing = float(np.max(np.abs(bending), initial=0.0))
    error = float(np.max(np.abs(channels["force"] - spring_constant * bending), initial=0.0))
    if error > 0.1 * spring_constant * swing + 1e-11:
        raise CorruptFile(path, f"load and bending differ by {error:.3g} N from the spring constant "
                                f"{spring_constant:g} N/m (bending x k: {spring_constant * swing:.3g} N).",
                          "The rows or the header are damaged; export the curve again.")


def _segments(path: Path, header: dict[str, tuple[str, int]], time: np.ndarray,
              height: np.ndarray) -> Segments:
    """Names and bounds (n + 1 indices) of the segments, from the step times or from the height."""
    starts, line = header.get("Step absolute start times (s)", ("", 0))
    if re.search(r"\d", starts):
        times = [parse_number(path, cell, line, "Step absolute start times (s)")
                 for cell in re.split(r"[,;]\s*", starts.strip(",; "))]
        inner = np.unique(np.searchsorted(time, times[1:]))
        bounds = (0, *(int(i) for i in inner if 0 < i < len(time)), len(time))
    else:
        bounds = _turn(height)
    return _name_steps(height, bounds)


def _name_steps(height: np.ndarray, bounds: Sequence[int]) -> Segments:
    """The kind of each step from its change of height; neighbors of one kind are joined."""
    still = _STILL * float(np.ptp(height))
    kinds: list[str] = []
    ends: list[int] = []
    for start, stop in pairwise(bounds):
        change = height[stop - 1] - height[start]
        kind = "pause" if abs(change) <= still else "approach" if change < 0 else "retract"
        if kinds and kinds[-1] == kind:
            ends[-1] = stop
        else:
            kinds.append(kind)
            ends.append(stop)
    return number_segments(kinds), (0, *ends)


def _turn(height: np.ndarray) -> tuple[int, ...]:
    """Bounds of approach, pause (if the piezo rests near its turn) and retract, from the height alone.

    The last hundredth of the range takes a steady ramp one fiftieth of the samples of its deeper
    half; three times as long is a rest.
    """
    low, span = float(height.min()), float(np.ptp(height))
    near = np.flatnonzero(height <= low + 0.01 * span)
    half = np.flatnonzero(height <= low + 0.5 * span)
    first, last = int(near[0]), int(near[-1]) + 1
    down, up = (first - int(half[0])) // 49, (int(half[-1]) + 1 - last) // 49
    if last - first <= 3 * (down + up) + 10:
        turn = int(np.argmin(height)) + 1
        return (0, turn, len(height)) if turn < len(height) else (0, turn)
    return tuple(sorted({0, first + down, last - up, len(height)}))


def _channel(load: Callable[[int], _Curve], names: Sequence[str], channel: str, curve: int
             ) -> list[np.ndarray]:
    parsed = load(curve)
    return cut(parsed.channels[channel], names, parsed.segments)


def _number(path: Path, header: dict[str, tuple[str, int]], name: str, factor: float,
            default: float | None = None) -> float:
    if name not in header:
        if default is None:
            raise CorruptFile(path, f"the header has no '{name}'.", "Export the curve again.")
        return default
    return parse_number(path, *header[name], name) * factor


def _header_values(path: Path, curves: Sequence[_Curve], name: str, factor: float,
                   default: float | None = None) -> np.ndarray:
    return np.array([_number(path, curve.header, name, factor, default) for curve in curves])


def _session(path: Path, curves: Sequence[_Curve]) -> str:
    """Date and lever; the curves of one archive must agree, for they become one dataset."""
    found = {tuple(curve.header.get(name, ("", 0))[0]
                   for name in ("Device", "Date", "k (N/m)", "Tip radius (um)", "Calibration factor"))
             for curve in curves}
    if len(found) > 1:
        raise Unsupported(path, f"the archive mixes {len(found)} days, levers or calibrations.",
                          "Make one archive for each, or unpack it and read the files in it.")
    return " ".join(part for part in found.pop() if part)


def _attributes(path: Path, curve: _Curve) -> dict[str, object]:
    header = curve.header
    text = {"instrument": "Device", "software_version": "Software version", "date": "Date", "time": "Time",
            "control_mode": "Control mode"}
    attrs: dict[str, object] = {key: header[name][0] for key, name in text.items() if name in header}
    attrs["radius"] = _number(path, header, "Tip radius (um)", 1e-6)
    for name in ("Max load (\xb5N)", "Max load (uN)"):
        if name in header:
            attrs["setpoint"] = _number(path, header, name, 1e-6)
    attrs["software"] = "Optics11 " + header.get("Device", ("", 0))[0]
    attrs["vendor_channels"] = ", ".join(_COLUMNS)
    return attrs

"""AFM Workshop force-distance curves: one .csv per curve, or a .zip archive of them as a map.

A header of ``Name:<tab>value`` lines, then the columns of approach ("Extend") and retract side by
side, with units in the titles. The Z sensor rises towards the sample, so height = -Z sense. The
signal is the photodiode's top-minus-bottom voltage (``T-B(V)``) or a force (``Force(nN)``). The
gain and the force constant in the header are 1 until the user sets them: 1 is taken as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from asperity.data.curves import Curves
from asperity.data.readers._errors import CorruptFile, NotRecognized, Unsupported
from asperity.data.readers._table import Rows, left_out, parse_number, parse_rows, remembering, unit_factor
from asperity.data.readers._text import head_text, read_texts

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "AFM Workshop force-distance text"
EXTENSIONS = (".csv", ".zip")

_TITLE = "Force-Distance Curve"
_SEGMENTS = {"approach": "Extend", "retract": "Retract"}
#: vendor's channel -> channel by SI unit
_CHANNELS = {"Z-Sense": {"m": "height"},
             "T-B": {"V": "deflection_voltage"},
             "Force": {"N": "force"},
             "Deflection": {"m": "deflection", "V": "deflection_voltage"}}


@dataclass(frozen=True)
class _Curve:
    """One parsed text: its header (name -> value, line) and the SI samples by (channel, segment)."""

    header: dict[str, tuple[str, int]]
    samples: dict[tuple[str, str], np.ndarray]
    rows: Rows

    def channels(self) -> list[str]:
        return sorted({channel for channel, _ in self.samples})


def matches(head: bytes, name: str) -> bool:
    """True for a text (or a zip whose first member is one) that begins with the vendor's title."""
    return head_text(head).lstrip().startswith(_TITLE)


def open_curves(path: Path) -> Curves:
    """The curve of a .csv file, or all curves of an archive, in the order of their point numbers.

    Raises:
        CorruptFile: a header entry or column is missing, or the table is truncated or damaged.
        Unsupported: the curves of an archive hold different signals or calibrations.
    """
    names, curves = _ordered(path, _members(path))
    if len({(tuple(curve.channels()), str(_calibration(path, curve))) for curve in curves}) > 1:
        raise Unsupported(path, "the curves of the archive hold different signals or calibrations.",
                          "Make one archive for each.")
    load = remembering(partial(_load, path, names))
    spring_constant, sensitivity = _calibration(path, curves[0])
    x, y = (np.array([_number(path, c, f"{axis}, um", 1e-6) for c in curves]) for axis in "XY")
    row, column = _grid(x, y)
    return Curves(
        segments=tuple(_SEGMENTS),
        counts=np.array([[len(c.samples["height", segment]) for segment in _SEGMENTS] for c in curves]),
        channels={channel: partial(_channel, load, channel) for channel in curves[0].channels()},
        session=" ".join(["AFM Workshop", curves[0].header.get("Date", ("", 0))[0]]).strip(),
        spring_constant=spring_constant, sensitivity=sensitivity,
        x=x, y=y, row=row, column=column, attrs=_attributes(curves[0]) | left_out(curve.rows for curve in curves),
    )


def _members(path: Path) -> list[tuple[str, str]]:
    found = [(name, text) for name, text in sorted(read_texts(path)) if text.lstrip().startswith(_TITLE)]
    if not found:
        raise NotRecognized(path, f"no {NAME} in it.")
    return found


def _ordered(path: Path, members: Sequence[tuple[str, str]]) -> tuple[list[str], list[_Curve]]:
    """Names and curves by the point number in the header; by name where the numbers are not unique."""
    curves = [_parse(path, text, name if name != path.name else "") for name, text in members]
    points = [_number(path, curve, "Point", 1.0) for curve in curves]
    order = [int(i) for i in np.argsort(points)] if len(set(points)) == len(points) else range(len(points))
    return [members[i][0] for i in order], [curves[i] for i in order]


def _load(path: Path, names: Sequence[str], curve: int) -> _Curve:
    member, text = read_texts(path, [names[curve]])[0]
    return _parse(path, text, member if member != path.name else "")


def _parse(path: Path, text: str, member: str) -> _Curve:
    where = Path(f"{path}:{member}") if member else path
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if line.count(",") >= 3 and "(" in line), None)
    if start is None:
        raise CorruptFile(where, "the column titles ('Extend Z-Sense(nm)', ...) are missing.",
                          "It is probably truncated; export it again.")
    titles = [title.strip() for title in lines[start].strip().rstrip(",").split(",")]
    header = {}
    for number, line in enumerate(lines[:start], start=1):
        name, _, value = line.partition(":")
        header.setdefault(name.strip(), (value.strip(), number))
    return _Curve(header, *_samples(where, titles, lines[start + 1 :], start + 1))


def _samples(path: Path, titles: Sequence[str], lines: Sequence[str], line: int
             ) -> tuple[dict[tuple[str, str], np.ndarray], Rows]:
    """SI samples by (channel, segment) from the table under the titles in ``line``, and that table."""
    rows = parse_rows(path, lines, line + 1, ",", titles)
    samples: dict[tuple[str, str], np.ndarray] = {}
    for column, title in enumerate(titles):
        key, factor = _column(path, title, line, column + 1)
        if key is not None:
            samples[key] = factor * rows.values[:, column]
    channels = {channel for channel, _ in samples}
    if "height" not in channels or channels == {"height"}:
        raise CorruptFile(path, f"line {line}: no Z-Sense or no signal (T-B, Force) in {list(titles)}.")
    if len(samples) != len(channels) * len(_SEGMENTS):
        raise CorruptFile(path, f"line {line}: a column lacks its Extend or Retract side: {list(titles)}.")
    return samples, rows


def _column(path: Path, title: str, line: int, column: int) -> tuple[tuple[str, str] | None, float]:
    """(channel, segment) and factor to SI of a column from its title; None for a column not needed."""
    found = re.fullmatch(r"(Extend|Retract) (.+?)\s*\((.+)\)", title)
    if found is None or found[2] not in _CHANNELS:
        return None, 1.0
    try:
        factor, unit = unit_factor(found[3])
        channel = _CHANNELS[found[2]][unit]
    except (ValueError, KeyError):
        raise CorruptFile(path, f"line {line}, column {column}: '{title}' is not in the unit of "
                                f"{found[2]}.", f"Expected {' or '.join(_CHANNELS[found[2]])}.") from None
    segment = next(name for name, word in _SEGMENTS.items() if word == found[1])
    return (channel, segment), -factor if channel == "height" else factor


def _channel(load: Callable[[int], _Curve], channel: str, curve: int) -> list[np.ndarray]:
    parsed = load(curve)
    return [parsed.samples[channel, segment] for segment in _SEGMENTS]


def _number(path: Path, curve: _Curve, name: str, factor: float) -> float:
    """A header entry in SI, NaN where the vintage does not write it."""
    return parse_number(path, *curve.header[name], name) * factor if name in curve.header else np.nan


def _calibration(path: Path, curve: _Curve) -> tuple[float, float]:
    """Spring constant (N/m) and sensitivity (m/V); NaN where absent or left at the default 1."""
    stiffness = _number(path, curve, "Force Constant, nN/nm", 1.0)
    gain = _number(path, curve, "Light Lever Gain, mV/nm", 1.0)
    return (stiffness if stiffness not in (0, 1) else np.nan, 1e-6 / gain if gain not in (0, 1) else np.nan)


def _grid(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each curve where the positions fill a grid of more than one point, else -1."""
    columns, column = np.unique(np.round(x, 12), return_inverse=True)
    rows, row = np.unique(np.round(y, 12), return_inverse=True)
    if len(x) > 1 and len(rows) * len(columns) == len(x) and len(set(zip(row, column))) == len(x):
        return row, column
    return np.full(len(x), -1), np.full(len(x), -1)


def _attributes(curve: _Curve) -> dict[str, object]:
    names = {"software_version": "Software Version", "date": "Date", "time": "Time", "mode": "Mode"}
    found = {key: curve.header[name][0] for key, name in names.items() if name in curve.header}
    return {"instrument": "AFM Workshop", **found}

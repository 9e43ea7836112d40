"""asperity's plain CSV: columns with units, for data of any other origin (docs/plain_csv.md).

Optional first lines ``# key = value unit``; one line of column titles with units in brackets; rows of
numbers. Comma, semicolon or tab; ``segment`` and ``curve`` columns are optional.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from asperity.data.curves import SAMPLED, SEGMENT_KINDS, Curves, number_segments, segment_kind
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers._table import (
    Rows,
    Segments,
    align_segments,
    count_samples,
    cut,
    left_out,
    parse_quantity,
    parse_rows,
    parse_unit,
    remembering,
    require_rising,
    separator_of,
    split_cells,
    split_entry,
    to_number,
)
from asperity.data.readers._text import head_text, read_text
from asperity.data.readers.force_curves._turn import segments_of_height
from asperity.quantities import QUANTITIES, canonical_name

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "asperity plain CSV"
EXTENSIONS = (".csv", ".tsv", ".txt")

_TITLE = re.compile(r"\s*\"?(.+?)\s*(?:[(\[]([^)\]]+)[)\]])?\"?\s*")
_LABELS = ("segment", "curve")
_POSITIONS = ("x", "y")
_EXAMPLE = "e.g. time (s),height (um),deflection (nm),segment"


@dataclass(frozen=True)
class _File:
    """One parsed file: SI columns over all rows, rows of each curve, its segments, header values."""

    columns: dict[str, np.ndarray]
    bounds: tuple[int, ...]  # n_curves + 1
    segments: tuple[Segments, ...]
    header: dict[str, Any]
    rows: Rows


def matches(head: bytes, name: str) -> bool:
    """True if the first line that is no comment names a signal or a height in one of its columns."""
    for line in head_text(head).split("\n"):
        if line.strip() and not _is_comment(line):
            titles = split_cells(line, _separator(line))
            names = {_name(title) for title in titles}
            return bool(names & (set(SAMPLED) - {"time"})) and not math.isfinite(to_number(titles[0]))
    return False


def open_curves(path: Path) -> Curves:
    """The curves of a plain CSV file.

    Raises:
        CorruptFile: a title, unit, segment name or cell is not as documented; names line and column.
    """
    file = _parse(path)
    names = align_segments(path, [own for own, _ in file.segments])
    load = remembering(lambda curve: _parse(path))
    header = dict(file.header)
    known = {key: header.pop(key, np.nan) for key in ("spring_constant", "sensitivity")}
    position = {axis: header.pop(axis, np.nan) if axis not in file.columns
                else file.columns[axis][list(file.bounds[:-1])] for axis in _POSITIONS}
    return Curves(segments=names, counts=count_samples(names, file.segments),
                  channels={channel: partial(_channel, load, names, channel)
                            for channel in file.columns if channel in SAMPLED},
                  session=str(header.pop("session", f"plain CSV {path.stem}")),
                  **known, **position, attrs=header | left_out([file.rows]))


def _channel(load: Any, names: Sequence[str], channel: str, curve: int) -> list[np.ndarray]:
    file = load(0)  # one parse serves all curves
    rows = slice(file.bounds[curve], file.bounds[curve + 1])
    return cut(file.columns[channel][rows], names, file.segments[curve])


def _parse(path: Path) -> _File:
    lines = read_text(path).split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip() and not _is_comment(line)), None)
    if start is None:
        raise CorruptFile(path, "no line of column titles.", f"Expected {_EXAMPLE}.")
    header = _header(path, lines[:start])
    separator = _separator(lines[start])
    titles = [title.strip('"') for title in split_cells(lines[start], separator)]
    table, labels = _table(path, titles, lines[start + 1 :], start + 2, separator)
    columns = _columns(path, titles, table.values, start + 1)
    bounds = _curve_bounds(path, labels.get("curve"), len(table), start + 2)
    rows = [slice(a, b) for a, b in pairwise(bounds)]
    if "time" not in columns and "sampling_rate" in header:
        columns["time"] = np.concatenate([np.arange(b - a) for a, b in pairwise(bounds)]) / header["sampling_rate"]
    elif "time" in columns:
        for i, part in enumerate(rows):
            require_rising(path, columns["time"][part], f"curve {i}")
    segments = tuple(_segments(path, labels.get("segment"), columns, part, start + 2) for part in rows)
    return _File(columns, bounds, segments, header, table)


def _separator(line: str) -> str:
    return separator_of(line).replace(" ", ",")


def _is_comment(line: str) -> bool:
    return line.startswith(("#", '"#'))


def _name(title: str) -> str | None:
    """The quantity that a title names, whatever its unit; None if it names none."""
    found = _TITLE.fullmatch(title)
    return canonical_name(found[1]) if found else None


def _header(path: Path, lines: Sequence[str]) -> dict[str, Any]:
    """Values of the ``# key = value unit`` lines: SI numbers of known quantities, other keys as text.

    A colon does for a known quantity, too, if a number follows; other lines with colons are comments.
    """
    header: dict[str, Any] = {}
    for number, line in enumerate(lines, start=1):
        key, unit, value = split_entry(line)
        name = canonical_name(key)
        if name in QUANTITIES and name not in SAMPLED and ("=" in line or re.search(r"\d", value)):
            header[name] = parse_quantity(path, value, f"line {number}: '{name}'", QUANTITIES[name].unit, unit)
            continue
        key, equals, value = line.strip().rstrip(",;\t").strip('"').lstrip("#").partition("=")
        if equals and key.strip():
            header[re.sub(r"\W+", "_", key.strip())] = value.strip()
    return header


def _table(path: Path, titles: Sequence[str], lines: Sequence[str], first: int, separator: str
           ) -> tuple[Rows, dict[str, list[str]]]:
    """The rows of numbers, with 0 in label columns, and the cells of the label columns in these rows."""
    places = {name: titles.index(name) for name in _LABELS if name in titles}
    if not places:
        return parse_rows(path, lines, first, separator, titles), {}
    labels: dict[int, dict[str, str]] = {}
    numeric = list(lines)
    for i, line in enumerate(lines):
        cells = [f'"{cell}"' if separator in cell else cell for cell in split_cells(line, separator)]
        if len(cells) == len(titles) and any(cells):
            labels[i] = {name: cells[place] for name, place in places.items()}
            for place in places.values():
                cells[place] = "0"
            numeric[i] = separator.join(cells)
    rows = parse_rows(path, numeric, first, separator, titles)
    return rows, {name: [labels[i][name] for i in rows.kept] for name in places}


def _columns(path: Path, titles: Sequence[str], table: np.ndarray, line: int) -> dict[str, np.ndarray]:
    """SI samples over all rows by quantity."""
    columns: dict[str, np.ndarray] = {}
    for place, title in enumerate(titles):
        if title in _LABELS:
            continue
        where = f"line {line}, column {place + 1} ('{title}')"
        name, factor = _title(path, where, title)
        if name in columns:
            raise CorruptFile(path, f"{where}: '{name}' occurs twice.")
        columns[name] = table[:, place] * factor
    _require_channels(path, columns, line)
    return columns


def _title(path: Path, where: str, title: str) -> tuple[str, float]:
    """The quantity of a column and its factor to SI; a deflection in volts is the voltage."""
    found = _TITLE.fullmatch(title)
    name = canonical_name(found[1]) if found else None
    if found is None or name not in (*SAMPLED, *_POSITIONS):
        raise CorruptFile(path, f"{where} is no known column.",
                          f"Known: {', '.join((*SAMPLED, *_POSITIONS, *_LABELS))}; remove other columns.")
    if found[2] is None:
        raise CorruptFile(path, f"{where} has no unit.", f"Write it in brackets, {_EXAMPLE}.")
    if name == "deflection" and found[2].endswith("V"):
        name = "deflection_voltage"
    return name, parse_unit(path, where, found[2].strip(), QUANTITIES[name].unit)


def _require_channels(path: Path, columns: Mapping[str, Any], line: int) -> None:
    signals, heights = ("force", "deflection", "deflection_voltage"), ("height", "tip_position")
    for wanted in (signals, heights):
        if not set(wanted) & set(columns):
            raise CorruptFile(path, f"line {line}: no column for {' or '.join(wanted)}.",
                              f"Expected {_EXAMPLE}.")


def _curve_bounds(path: Path, labels: Sequence[str] | None, rows: int, first: int) -> tuple[int, ...]:
    """Rows at which the curves begin, and the number of rows; the rows of a curve are together."""
    if labels is None:
        return (0, rows)
    starts = _starts(labels)
    seen: set[str] = set()
    for start in starts:
        if labels[start] in seen:
            raise CorruptFile(path, f"data row {start + 1} (near line {first + start}): curve "
                                    f"'{labels[start]}' continues after another curve.",
                              "Keep the rows of each curve together.")
        seen.add(labels[start])
    return (*starts, rows)


def _starts(labels: Sequence[str]) -> list[int]:
    return [i for i in range(len(labels)) if i == 0 or labels[i] != labels[i - 1]]


def _segments(path: Path, labels: Sequence[str] | None, columns: Mapping[str, np.ndarray], rows: slice,
              first: int) -> Segments:
    """Names and bounds of one curve's segments, from the labels or from the height."""
    if labels is None:
        heights = columns["height" if "height" in columns else "tip_position"][rows]
        return segments_of_height(heights, columns["time"][rows] if "time" in columns else None)
    own = labels[rows]
    starts = _starts(own)
    for start in starts:
        if not own[start] or segment_kind(own[start]) not in SEGMENT_KINDS:
            row = rows.start + start
            raise CorruptFile(path, f"data row {row + 1} (near line {first + row}): segment "
                                    f"{own[start][:40]!r}, expected {', '.join(SEGMENT_KINDS)}.")
    return number_segments([segment_kind(own[start]) for start in starts]), (*starts, len(own))

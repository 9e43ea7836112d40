"""JPK text export: one table per segment under ``# key: value`` lines.

Each table is headed by ``# segment:`` (extend, pause, retract), ``# columns:``, ``# units:`` and the
calibration, after the settings of the measurement. Every table of a higher ``# segmentIndex:`` goes on
with the same curve. ``vDeflection`` is force, deflection or voltage by its unit;
``tipSampleSeparation`` is the tip position; ``seriesTime`` runs on over the segments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asperity.data.curves import Curves, number_segments
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers._table import (
    Segments,
    align_segments,
    count_samples,
    cut,
    is_no_number,
    lost_rows,
    parse_rows,
    remembering,
    require_rising,
    to_number,
    unit_factor,
)
from asperity.data.readers._text import decode, read_part, read_utf8
from asperity.data.readers.vendors.jpk_properties import HeaderError, kind_of

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "JPK text export"
EXTENSIONS = (".txt",)

_TITLE = b"# TEXT EXPORT"
_MARKS = (b"# columns:", b"# units:", b"# segment:")
_SENSORS = ("measuredHeight", "capacitiveSensorHeight", "strainGaugeHeight")
_DRIVES = ("height", "head-height", "cellhesion-height")
_DEFLECTION = {"N": "force", "m": "deflection", "V": "deflection_voltage"}
#: what is in a row of numbers only if a cell is none: another character than theirs, or a dash alone
_OTHER = re.compile(rb"[^-+.,eE\d\s]|(?:^|\s)-+(?:\s|$)")
_AGAIN = "It may be truncated; export it again."
_DATE = re.compile(r"\w+ (\w{3}) (\d+) ([\d:]+) .*(\d{4})$")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class _Table:
    """One segment: its header, where its rows lie in the file (bytes), how many and from which line."""

    header: dict[str, str]
    start: int
    stop: int
    rows: int  # with numbers
    line: int
    left_out: int  # rows without


@dataclass(frozen=True)
class _Source:
    """One variable's column in a table and the factor to SI."""

    column: str
    factor: float


def matches(head: bytes, name: str) -> bool:
    """True for JPK's title line, or for its three header entries of a table."""
    return head.startswith(_TITLE) or (head.startswith(b"#") and all(mark in head for mark in _MARKS))


def open_curves(path: Path) -> Curves:
    """The curve (or curves) of one export; the tables are parsed when a curve is loaded.

    Raises:
        CorruptFile: no table, or a table that is cut off.
        Unsupported: columns without height or deflection, or in unknown units.
    """
    curves = _group(_tables(path))
    try:
        sources = [[_sources(table.header) for table in tables] for tables in curves]
        segments = [_segments(tables) for tables in curves]
    except (HeaderError, ValueError) as error:
        raise Unsupported(path, f"{error}.") from error
    variables = set.intersection(*(set(found) for each in sources for found in each))
    if not variables & set(_DEFLECTION.values()) or not variables & {"height", "tip_position"}:
        raise Unsupported(path, f"the columns '{curves[0][0].header.get('columns', '')}' lack "
                                "a height or the vertical deflection.", "Export both.")
    names = align_segments(path, [own for own, _ in segments])
    load = remembering(lambda curve: _load(path, curves[curve], sources[curve]))

    def channel(variable: str) -> Callable[[int], list[np.ndarray]]:
        return lambda curve: cut(load(curve)[variable], names, segments[curve])

    headers = [tables[0].header for tables in curves]
    attrs = _attributes(headers[0], sources[0][0]) | _left_out(curves)
    each = {key: np.array([_number(header, key) for header in headers])
            for key in ("springConstant", "sensitivity", "xPosition", "yPosition")}
    return Curves(names, count_samples(names, segments), {v: channel(v) for v in sorted(variables)},
                  _session(headers[0], attrs), each["springConstant"], each["sensitivity"],
                  each["xPosition"], each["yPosition"], attrs=attrs)


def _tables(path: Path) -> list[_Table]:
    """The tables of the file in order; a header entry holds until it is given again."""
    data = read_utf8(path)
    if not data.endswith(b"\n"):
        raise CorruptFile(path, "the file ends in the middle of a line.", _AGAIN)
    tables: list[_Table] = []
    header: dict[str, str] = {}
    start = rows = lost = first = position = 0
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        if line.startswith(b"#"):
            if rows or lost:
                tables.append(_Table(dict(header), start, position, rows, first, lost))
                rows = lost = 0
            key, _, value = decode(line[1:]).partition(":")
            header[key.strip()] = value.strip()
        elif line.strip():
            if not (rows or lost):
                start, first = position, number
            lacking = _OTHER.search(line) is not None and any(map(is_no_number, decode(line).split()))
            rows, lost = rows + (not lacking), lost + lacking
        position += len(line)
    if rows or lost:
        tables.append(_Table(header, start, position, rows, first, lost))
    if not tables or "columns" not in tables[0].header:
        raise CorruptFile(path, "it holds no table of samples.", _AGAIN)
    return tables


def _group(tables: Sequence[_Table]) -> list[list[_Table]]:
    """The tables of each curve: a new curve starts where the segment index does not rise."""
    curves: list[list[_Table]] = []
    last = np.inf
    for table in tables:
        index = _number(table.header, "segmentIndex")
        if not index > last:
            curves.append([])
        curves[-1].append(table)
        last = index
    return curves


def _segments(tables: Sequence[_Table]) -> Segments:
    kinds = [kind_of({"settings.style": table.header.get("segment", "")}) for table in tables]
    return number_segments(kinds), (0, *np.cumsum([table.rows for table in tables]).tolist())


def _sources(header: Mapping[str, str]) -> dict[str, _Source]:
    """Which column holds which variable; the sensor's height before the drive's."""
    names, units = header.get("columns", "").split(), header.get("units", "").split()
    if len(names) != len(units):
        raise HeaderError(f"{len(names)} columns but {len(units)} units")
    columns = {name: (name, *unit_factor(unit)) for name, unit in zip(names, units)}

    def pick(candidates: Sequence[str]) -> str | None:
        return next((name for name in candidates if name in columns), None)

    sensor, drive = pick(_SENSORS), pick(_DRIVES)
    found = {"height": sensor or drive, "height_drive": drive if sensor else None,
             "tip_position": pick(("tipSampleSeparation",)), "time": pick(("seriesTime", "time"))}
    deflection = columns.get("vDeflection")
    if deflection is not None and deflection[2] not in _DEFLECTION:
        raise HeaderError(f"the deflection is in unknown units '{deflection[2]}'")
    if deflection is not None:
        found[_DEFLECTION[deflection[2]]] = "vDeflection"
    return {variable: _Source(name, columns[name][1]) for variable, name in found.items() if name}


def _load(path: Path, tables: Sequence[_Table], sources: Sequence[Mapping[str, _Source]]) -> dict[str, Any]:
    """Every variable of one curve, its segments joined."""
    parts: dict[str, list[np.ndarray]] = {}
    for table, found in zip(tables, sources):
        values = _parse(path, table)
        for variable, source in found.items():
            samples = values[source.column] * source.factor
            if source.column == "time" and parts.get("time"):  # starts anew in every segment
                before = parts["time"][-1]
                samples = samples + before[-1] + (before[-1] - before[-2] if len(before) > 1 else 0.0)
            parts.setdefault(variable, []).append(samples)
    joined = {variable: np.concatenate(samples) for variable, samples in parts.items()}
    if "time" in joined:
        require_rising(path, joined["time"], "the curve")
    return joined


def _parse(path: Path, table: _Table) -> dict[str, np.ndarray]:
    text = read_part(path, table.start, table.stop)
    names = table.header["columns"].split()
    found = parse_rows(path, text.split("\n"), table.line, " ", names)
    if len(found) != table.rows:
        raise CorruptFile(path, f"line {table.line}: {len(found)} rows where {table.rows} were counted.")
    return dict(zip(names, found.values.T))


def _left_out(curves: Sequence[Sequence[_Table]]) -> dict[str, Any]:
    """Attributes that say how many rows have no number in a cell."""
    tables = [table for tables in curves for table in tables]
    return lost_rows(sum(table.left_out for table in tables), sum(table.rows for table in tables))


def _number(header: Mapping[str, str], key: str) -> float:
    return to_number(header.get(key, ""))


def _attributes(header: Mapping[str, str], sources: Mapping[str, _Source]) -> dict[str, Any]:
    """Instrument, software, date, vendor's columns; set force and speed where the settings give them."""
    described, settings = "data-description.", "force-settings."
    attrs: dict[str, Any] = {
        "format": NAME,
        "instrument": header.get(described + "instrument", ""),
        "software": f"JPK SPM {header.get(described + 'source-software', '')}".strip(),
        "probe": header.get(described + "probe", "").replace("no probe entry", ""),
        "date": _date(header.get("date", "")),
        "channels": ", ".join(f"{name}: {source.column}" for name, source in sorted(sources.items())),
    }
    setpoint = (_number(header, settings + "relative-setpoint") * _number(header, "sensitivity")
                * _number(header, "springConstant"))
    path = _number(header, settings + "relative-z-start") - _number(header, settings + "relative-z-end")
    speeds = {f"speed_{kind}": abs(path) / _number(header, f"{settings}{vendor}-scan-time")
              for kind, vendor in (("approach", "extend"), ("retract", "retract"))
              if _number(header, f"{settings}{vendor}-scan-time") > 0.0}
    given = {"setpoint": setpoint, **speeds}
    return attrs | {key: value for key, value in given.items() if np.isfinite(value)}


def _date(text: str) -> str:
    """``Sun Jul 02 11:20:53 BST 2017`` as ``2017-07-02 11:20:53``; other texts as they are."""
    match = _DATE.match(text)
    if match is None or match[1] not in _MONTHS:
        return text
    return f"{match[4]}-{_MONTHS.index(match[1]) + 1:02d}-{int(match[2]):02d} {match[3]}"


def _session(header: Mapping[str, str], attrs: Mapping[str, Any]) -> str:
    """Same instrument, probe, day and calibration."""
    parts = (attrs["instrument"], attrs["probe"], attrs["date"][:10],
             f"k={_number(header, 'springConstant'):.6g}", f"s={_number(header, 'sensitivity'):.6g}")
    return " ".join(part for part in parts if part)

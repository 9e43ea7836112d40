"""Tab-separated text of the program afmformats: one curve, SI columns, metadata as JSON in comments.

``# BEGIN METADATA`` ... ``# END METADATA`` hold the metadata; the last comment line names the
columns, which are those of
`asperity.data.readers.force_curves.afmformats_hdf5`. The segment is False / True or 0, 1, 2.
A cropped file may have the rest of a row on the title line: it belongs to no sample and is left out.
``point count`` in the metadata must equal the number of rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from asperity.data.curves import Curves
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers._table import (
    Rows,
    Segments,
    count_samples,
    cut,
    left_out,
    parse_rows,
    remembering,
    require_rising,
)
from asperity.data.readers._text import head_text, read_text
from asperity.data.readers.force_curves.afmformats_hdf5 import (
    COLUMNS,
    attributes,
    choose_channels,
    identity,
    meta_count,
    segment_runs,
)

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "afmformats tab-separated text"
EXTENSIONS = (".tab",)


def matches(head: bytes, name: str) -> bool:
    """True for comment lines that begin a metadata block or name afmformats' columns."""
    comments = [line.lstrip("# ").rstrip() for line in head_text(head).split("\n") if line.startswith("#")]
    titles = {title for line in comments if "\t" in line for title in line.split("\t")}
    return "BEGIN METADATA" in comments or {"force", "segment"} <= titles


def open_curves(path: Path) -> Curves:
    """The one curve of a file.

    Raises:
        CorruptFile: metadata or columns are missing, or the table is truncated or damaged.
    """
    meta, columns, segments, table = _parse(path)
    names = segments[0]
    channels = choose_channels(path, list(columns))
    load = remembering(lambda curve: _parse(path))
    return Curves(segments=names, counts=count_samples(names, [segments]),
                  channels={channel: partial(_channel, load, title) for title, channel in channels.items()},
                  **identity(path, [meta]), attrs=attributes(meta) | left_out([table]))


def _parse(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], Segments, Rows]:
    """Metadata, columns, names and bounds of the segments, and the table."""
    lines = read_text(path).split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    line = next((i for i in reversed(range(start)) if "\t" in lines[i]), start - 1)
    titles = _titles(lines[line] if line >= 0 else "")
    if "segment" not in titles:
        raise CorruptFile(path, f"line {line + 1}: the column titles with 'force' and 'segment' are missing.",
                          "It may be truncated; export it again.")
    rows = [row.replace("False", "0").replace("True", "1") for row in lines[line + 1 :]]
    table = parse_rows(path, rows, line + 2, "\t", titles)
    columns = {title: table.values[:, i] for i, title in enumerate(titles)}
    meta = _metadata(path, lines[:line])
    _check_count(path, meta, len(table) + len(table.left_out))
    if "time" in columns:
        require_rising(path, columns["time"], "the table")
    return meta, {name: columns[name] for name in COLUMNS if name in columns}, \
        segment_runs(path, "the curve", columns["segment"], meta_count(meta)), table


def _titles(line: str) -> list[str]:
    """The column titles; a number that follows them on the same line is cut off."""
    known = "|".join(re.escape(name) for name in (*COLUMNS, "segment", "index"))
    glued = re.search(rf"(?:{known})(?=[-+]?\d)", line)
    return line[: glued.end() if glued else None].lstrip("# ").rstrip().split("\t")


def _check_count(path: Path, meta: dict[str, Any], rows: int) -> None:
    """Self-check: as many rows as the metadata say."""
    if meta.get("point count", rows) != rows:
        raise CorruptFile(path, f"{rows} rows, but the metadata say {str(meta['point count'])[:20]}.",
                          "It is truncated; export it again.")


def _metadata(path: Path, lines: Sequence[str]) -> dict[str, Any]:
    comments = [line.lstrip("#").strip() for line in lines]
    if "BEGIN METADATA" not in comments:
        return {}
    start = comments.index("BEGIN METADATA") + 1
    stop = comments.index("END METADATA") if "END METADATA" in comments else len(comments)
    try:
        meta = json.loads("\n".join(comments[start:stop]))
    except (ValueError, RecursionError) as error:
        raise CorruptFile(path, f"the metadata from line {start} on are not JSON ({error}).") from error
    if not isinstance(meta, dict):
        raise CorruptFile(path, f"the metadata from line {start} on are not names and values.")
    return meta


def _channel(load: Any, title: str, curve: int) -> list[np.ndarray]:
    _, columns, segments, _ = load(curve)
    return cut(columns[title], segments[0], segments)

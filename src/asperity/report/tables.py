"""Tables for other programs: texts that no spreadsheet runs, numbers with all their digits, whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from asperity.data import disk

__all__ = ["harmless", "write_table"]

#: what makes a spreadsheet take a cell for a formula; the apostrophe that prevents it
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def harmless(text: str) -> str:
    """A text that no spreadsheet runs: an apostrophe before what would be a formula, or begins with an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_table(path: str | PathLike[str], header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write rows of texts, whole numbers and numbers; one that is not finite is an empty cell.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    path, text = Path(path), io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")  # of RFC 4180
    table.writerow(map(harmless, header))
    table.writerows(map(_cell, row) for row in rows)
    with disk.replacing(path) as temporary:
        temporary.write_bytes(text.getvalue().encode("utf-8"))
    return path


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, int | np.integer):
        return str(value)
    return repr(float(value)) if np.isfinite(value) else ""

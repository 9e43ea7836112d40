"""Results as a table for other programs: one row per curve."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import disk
from asperity.data.results import IDENTITY, Code, codes
from asperity.report.tables import harmless

__all__ = ["write_csv"]


def write_csv(results: xr.Dataset, path: str | PathLike[str]) -> Path:
    """One row per curve: identity, then every quantity with its unit in the header, the flag by name.

    Numbers have all their digits; an unknown one is an empty cell. Inputs that hold for all curves
    (radius, standard uncertainties of the calibration) are repeated in each row.

    A text (a file's or session's name, a title) that begins with ``= + - @``, a tab or a carriage return would
    be a formula to a spreadsheet: an apostrophe is put before it, and before one that begins with an apostrophe,
    so that taking off one apostrophe gives every text back. Numbers, negative ones too, stay numbers.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    path = Path(path)
    names = _columns(results)
    with disk.replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")  # of RFC 4180: Python < 3.13 leaves a bare \r unquoted else
        writer.writerow([_title(results, name) for name in names])
        for start in range(0, results.sizes["curve"], _READ):
            _write(writer, results[names].isel(curve=slice(start, start + _READ)).load(), names)
    return path


_READ = 8192  # curves that are read at a time, a chunk of a stored file or two: some MB,
_ROWS = 1024  # and of which the texts, some kB each, are in memory


def _write(writer: Any, part: xr.Dataset, names: list[str]) -> None:
    """The rows of curves in memory."""
    count, meant = part.sizes["curve"], codes(part)
    columns = [np.broadcast_to(part[name].values, count) for name in names]
    for start in range(0, count, _ROWS):
        cells = [_flags(column[start : start + _ROWS], meant) if name == "flag" else
                 _cells(column[start : start + _ROWS]) for name, column in zip(names, columns)]
        writer.writerows(zip(*cells, strict=True))


def _columns(results: xr.Dataset) -> list[str]:
    plain = [
        str(name)
        for name, variable in results.variables.items()
        if variable.dims == ("curve",) or (variable.dims == () and variable.dtype.kind in "fiu")
    ]
    return [name for name in IDENTITY if name in plain] + [
        name for name in plain if name not in (*IDENTITY, "curve")
    ]


def _title(results: xr.Dataset, name: str) -> str:
    unit = results[name].attrs.get("units", "")
    return harmless(f"{name} ({unit})" if unit not in ("", "1") else name)


def _flags(values: np.ndarray, meant: Mapping[int, Code]) -> list[str]:
    return [meant[flag].name for flag in values.astype(int).tolist()]


def _cells(values: np.ndarray) -> list[str]:
    """The texts of a column, numbers with the digits that tell them from their neighbors."""
    if values.dtype.kind not in "iufb":
        return [harmless(str(cell)) for cell in values]
    if values.dtype.kind != "f":
        return [str(cell) for cell in values.tolist()]
    if values.dtype != np.float64:  # has fewer digits
        return ["" if np.isnan(cell) else str(cell) for cell in values]
    return [repr(cell) if cell == cell else "" for cell in values.tolist()]

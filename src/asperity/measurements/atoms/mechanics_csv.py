"""The mechanics of a crystal as a table for other programs: one row for each number."""

from __future__ import annotations

import csv
import io
from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data import disk

__all__ = ["write_csv"]


def write_csv(made: xr.Dataset, path: str | PathLike[str]) -> Path:
    """Columns: quantity, where, value, standard uncertainty, the ends of 95 %, unit; empty where there is none.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    path, text = Path(path), io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["quantity", "where", "value", "std", "low", "high", "unit"])
    for name in (str(one) for one in made.data_vars if f"{one}_std" in made):
        parts = [made[name + end].values for end in ("", "_std", "_low", "_high")]
        axes = [made[dim].values for dim in made[name].dims]
        for index in np.ndindex(parts[0].shape):
            where = " ".join(_word(axis[i]) for axis, i in zip(axes, index))
            numbers = [repr(float(part[index])) if np.isfinite(part[index]) else "" for part in parts]
            rows.writerow([name, where, *numbers, made[name].attrs["units"]])
    with disk.replacing(path) as temporary:
        temporary.write_bytes(text.getvalue().encode("utf-8"))
    return path


def _word(value: object) -> str:
    return str(value) if isinstance(value, str) else f"{float(value):.6g}"  # type: ignore[arg-type]

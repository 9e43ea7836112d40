"""The mechanics of a crystal as a table for other programs: one row for each number."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.report.tables import write_table

__all__ = ["write_csv"]


def write_csv(made: xr.Dataset, path: str | PathLike[str]) -> Path:
    """Columns: quantity, where, value, standard uncertainty, the ends of 95 %, unit; empty where there is none.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    return write_table(path, ["quantity", "where", "value", "std", "low", "high", "unit"], _rows(made))


def _rows(made: xr.Dataset) -> Iterator[list[Any]]:
    for name in (str(one) for one in made.data_vars if f"{one}_std" in made):
        parts = [made[name + end].values for end in ("", "_std", "_low", "_high")]
        axes = [made[dim].values for dim in made[name].dims]
        for index in np.ndindex(parts[0].shape):
            where = " ".join(_word(axis[i]) for axis, i in zip(axes, index))
            yield [name, where, *(part[index] for part in parts), made[name].attrs["units"]]


def _word(value: object) -> str:
    return str(value) if isinstance(value, str) else f"{float(value):.6g}"  # type: ignore[arg-type]

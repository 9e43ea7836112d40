"""Amplitude and phase curves as a table for other programs: one row for each point, there and back."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data import disk
from asperity.data.results import codes

__all__ = ["write_csv"]


def write_csv(made: xr.Dataset, path: str | PathLike[str]) -> Path:
    """Columns with units: sweep, height or frequency, everything that is told, and the flag in words.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    path = Path(path)
    axis = "height" if "height" in made.dims else "frequency"
    names = [str(name) for name in made.data_vars if name != "flag"]
    words = {code: one.name for code, one in codes(made).items()}
    titles = ["sweep", f"{axis} ({made[axis].attrs['units']})",
              *(f"{name} ({made[name].attrs['units']})" for name in names), "flag"]
    ways, count = made.sizes["sweep"], made.sizes[axis]
    columns = [np.repeat(made["sweep"].values, count).tolist(), np.tile(made[axis].values, ways).tolist(),
               *(made[name].values.ravel().tolist() for name in names),
               [words[int(code)] for code in made["flag"].values.ravel()]]
    rows = [",".join(titles), *(",".join(str(value) if isinstance(value, str) else repr(value) for value in row)
                                for row in zip(*columns))]
    with disk.replacing(path) as temporary:
        temporary.write_text("\r\n".join([*rows, ""]), encoding="utf-8")
    return path

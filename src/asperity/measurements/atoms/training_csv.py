"""The errors of a training as a table for other programs."""

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
    """One row for each choice of configurations: their number, and mean and rms errors with their units.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    path, text = Path(path), io.StringIO()
    names = [str(name) for name in made.data_vars if str(name).startswith("error_")]
    rows = csv.writer(text)
    rows.writerow(["configurations", "number", *(f"{name} ({made[name].attrs['units']})" for name in names)])
    for i, choice in enumerate(made["choice"].values):
        numbers = [float(made[name][i]) for name in names]
        rows.writerow([str(choice), int(made["structures"][i]),
                       *(repr(one) if np.isfinite(one) else "" for one in numbers)])
    with disk.replacing(path) as temporary:
        temporary.write_bytes(text.getvalue().encode("utf-8"))
    return path

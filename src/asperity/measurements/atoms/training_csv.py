"""The errors of a training as a table for other programs."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import xarray as xr

from asperity.report.tables import write_table

__all__ = ["write_csv"]


def write_csv(made: xr.Dataset, path: str | PathLike[str]) -> Path:
    """One row for each choice of configurations: their number, and mean and rms errors with their units.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    names = [str(name) for name in made.data_vars if str(name).startswith("error_")]
    header = ["configurations", "number", *(f"{name} ({made[name].attrs['units']})" for name in names)]
    columns = [made[name].values for name in ("choice", "structures", *names)]
    return write_table(path, header, zip(*columns))

"""Designs as a table for other programs: one row for each, with what follows from it and its probability."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import xarray as xr

from asperity.data.results import codes
from asperity.report.tables import write_table

__all__ = ["write_csv"]


def write_csv(made: xr.Dataset, path: str | PathLike[str]) -> Path:
    """Columns with units: role, alternative, what is chosen, every aim with its interval, probabilities, the flag.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    names = [str(name) for name, variable in made.data_vars.items()
             if variable.dims == ("design",) and name != "flag"]
    each = [str(name) for name in made["aim"].values]
    header = ["role", "alternative", *(f"{name} ({made[name].attrs['units']})" for name in names),
              *(f"probability of {name} (1)" for name in each), "flag"]
    words = {code: one.name for code, one in codes(made).items()}
    rows = [[str(made["role"].values[i]), str(made["alternative"].values[i]), *(made[name].values[i] for name in names),
             *made["probability_of_each"].values[i], words[int(made["flag"].values[i])]]
            for i in range(made.sizes["design"])]
    return write_table(path, header, rows)

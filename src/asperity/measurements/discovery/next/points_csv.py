"""The next places as a table for instruments and scripts: one row for each curve, in the order of the way."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.report.tables import write_table

__all__ = ["write_csv"]

_MICRON = 1e-6  # m


def write_csv(made: xr.Dataset, path: str | PathLike[str]) -> Path:
    """Columns: number, x and y in um (or column and row), purpose, and what a curve there is expected to show, in Pa.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    metric = made.attrs["unit"] == "m"
    factor = _MICRON if metric else 1.0
    words = np.array(str(made["purpose"].attrs["flag_meanings"]).split())[made["purpose"].values]
    header = ["number", *(("x (um)", "y (um)") if metric else ("column", "row")), "purpose", "predicted_modulus (Pa)",
              "predicted_modulus_low (Pa)", "predicted_modulus_high (Pa)", "worth"]
    columns = [made[name].values for name in ("predicted_modulus", "predicted_modulus_low", "predicted_modulus_high",
                                              "worth")]
    rows = [(number, round(float(x) / factor, 6), round(float(y) / factor, 6), str(word), *map(float, rest))
            for number, (x, y, word, *rest) in enumerate(zip(made["x"].values, made["y"].values, words, *columns,
                                                             strict=True), 1)]
    return write_table(path, header, rows)

"""Force laws as a table for other programs: one row for each curve and separation."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data import disk
from asperity.data.results import codes

__all__ = ["write_csv"]

_SINGLE = ("modulus", "modulus_low", "modulus_high")  # of a curve: the same in all of its rows
_COLUMNS = ("separation", "extrapolated", "force", "force_low", "force_high", "force_std_epistemic", "force_std_noise",
            "force_std_position", "force_gradient", "force_gradient_std")


def write_csv(law: xr.Dataset, path: str | PathLike[str]) -> Path:
    """Columns with units: curve, flag, separation, the law with its band and standard uncertainties, gradient, parts.

    Of curves also the modulus with its interval, whose value is left out where it is not told from zero: what is then
    known of it is ``modulus_high``, its upper bound. Numbers have all their digits; an unknown one is an empty cell.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    path = Path(path)
    names = [name for name in _COLUMNS if name in law]
    single = [name for name in _SINGLE if name in law]
    titles = ["curve", "flag", *(f"{name} ({law[name].attrs['units']})" for name in names + single)]
    count, points = law.sizes["curve"], law.sizes["point"]
    words = np.array([codes(law)[int(flag)].name for flag in law["flag"].values])
    columns = [np.repeat(np.arange(count), points), np.repeat(words, points),
               *(law[name].values.ravel() for name in names),
               *(np.repeat(_stated(law, name), points) for name in single)]
    for i, part in enumerate(law["part"].values):
        for end in ("force", "low", "high"):
            titles.append(f"{part}{'' if end == 'force' else '_' + end} (N)")
            columns.append(law[f"part_{end}"].values[:, :, i].ravel())
    rows = [",".join(titles), *(",".join("" if value != value else value if isinstance(value, str) else repr(value)
                                         for value in row) for row in zip(*(column.tolist() for column in columns)))]
    with disk.replacing(path) as temporary:
        temporary.write_text("\r\n".join([*rows, ""]), encoding="utf-8")
    return path


def _stated(law: xr.Dataset, name: str) -> np.ndarray:
    """One number of each curve; a modulus that is not told from zero is left out."""
    values = law[name].values
    return np.where(law["modulus_low"].values > 0, values, np.nan) if name == "modulus" else values

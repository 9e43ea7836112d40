"""Force laws as a table for other programs: one row for each curve and separation."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data import disk

__all__ = ["write_csv"]

_COLUMNS = ("separation", "force", "force_low", "force_high", "force_std_epistemic", "force_std_noise",
            "force_std_position", "force_gradient", "force_gradient_std")


def write_csv(law: xr.Dataset, path: str | PathLike[str]) -> Path:
    """Columns with units: curve, separation, the law with its band and standard uncertainties, gradient, parts.

    Numbers have all their digits; an unknown one is an empty cell.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    path = Path(path)
    names = [name for name in _COLUMNS if name in law]
    titles = ["curve", *(f"{name} ({law[name].attrs['units']})" for name in names)]
    count, points = law.sizes["curve"], law.sizes["point"]
    columns = [np.repeat(np.arange(count), points), *(law[name].values.ravel() for name in names)]
    for i, part in enumerate(law["part"].values):
        for end in ("force", "low", "high"):
            titles.append(f"{part}{'' if end == 'force' else '_' + end} (N)")
            columns.append(law[f"part_{end}"].values[:, :, i].ravel())
    rows = [",".join(titles), *(",".join("" if value != value else repr(value) for value in row)
                                for row in zip(*(column.tolist() for column in columns)))]
    with disk.replacing(path) as temporary:
        temporary.write_text("\r\n".join([*rows, ""]), encoding="utf-8")
    return path

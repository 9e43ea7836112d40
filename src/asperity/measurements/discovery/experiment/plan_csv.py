"""A plan as a table for other programs: one row for each lever and load."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.report.tables import write_table

__all__ = ["write_csv"]

#: variables over lever and load, in the order of the columns
_TOLD = ("std", "std_robust", "indentation", "contact_radius", "pressure", "deflection")


def write_csv(plan: xr.Dataset, path: str | PathLike[str]) -> Path:
    """Columns with units: lever, spring constant, radius, load, what is told there, feasible, the constraint that is
    nearest or broken most.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    header = ["lever", "spring constant (N/m)", "radius (m)", "load (N)",
              *(f"{name} ({plan[name].attrs['units']})" for name in _TOLD), "feasible", "feasible_robust", "constraint"]
    return write_table(path, header, _rows(plan))


def _rows(plan: xr.Dataset) -> Iterator[list[Any]]:
    edge = plan["margin"].values.argmax(-1)
    for lever, load in np.ndindex(edge.shape):
        yield [str(plan["lever"].values[lever]), plan["spring_constant"].values[lever, 1],
               plan["radius"].values[lever, 1], plan["load"].values[load],
               *(plan[name].values[lever, load] for name in _TOLD), int(plan["feasible"].values[lever, load]),
               int(plan["feasible_robust"].values[lever, load]), str(plan["constraint"].values[edge[lever, load]])]

"""A map written as a list of x, y, z: one pixel a line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from asperity.data.readers._errors import Unsupported

__all__ = ["PointMap", "map_of_points"]

#: lines from which three columns are no image of three pixels a line
_FEWEST = 12
#: of a step, by which rounded coordinates are off an even grid
_UNEVEN = 0.05
_MATRIX = "Write it as a matrix: one line of the image per line of the text, the top line first."


class PointMap(NamedTuple):
    """A map (row, column), row 0 of the lowest y, and its steps along y and x in the unit of the list."""

    values: np.ndarray
    steps: tuple[float, float]


def map_of_points(path: Path, table: np.ndarray) -> PointMap | None:
    """The map that a table of three columns lists, in any order of its points; None if it is none of that kind.

    Raises:
        Unsupported: three columns that are no list of all points of an even grid, each once.
    """
    if table.shape[1] != 3 or len(table) < _FEWEST:
        return None
    places = [_places(table[:, axis]) for axis in (1, 0)]
    if any(place is None for place in places):
        raise Unsupported(path, f"three columns and {len(table)} lines are no image, and no list of x, y, z on an even "
                                "grid either.", f"Put the heights onto a grid first. {_MATRIX}")
    (rows, step_y, height), (columns, step_x, width) = places  # pyright: ignore
    seen = np.bincount(rows * width + columns, minlength=height * width)
    if height * width != len(table) or (seen != 1).any():
        raise Unsupported(path, f"it looks like a list of x, y, z, but its {len(table)} points are not {width} x "
                                f"{height} pixels, each once.", f"Export it again, all points. {_MATRIX}")
    values = np.empty((height, width))
    values[rows, columns] = table[:, 2]
    return PointMap(values, (step_y, step_x))


def _places(values: np.ndarray) -> tuple[np.ndarray, float, int] | None:
    """The number of each coordinate on an even grid, its step, and how many there are; None if it is not even."""
    levels = np.unique(values)
    if not np.isfinite(levels).all() or len(levels) < 2 or len(levels) > len(values) // 2:
        return None
    step = float(levels[-1] - levels[0]) / (len(levels) - 1)
    place = (values - levels[0]) / step
    number = np.rint(place).astype(int)
    return (number, step, len(levels)) if np.abs(place - number).max() < _UNEVEN else None

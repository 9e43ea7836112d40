"""Columns of numbers that belong together, checked once for every score."""

from __future__ import annotations

from typing import Any

import numpy as np

from asperity.messages import ArgumentError, DataError

__all__ = ["columns", "positive", "probability"]


def columns(**named: Any) -> list[np.ndarray]:
    """The named arguments as float64 arrays of one common shape (n,), n > 0, all finite.

    Scalars are repeated. ValueError: another shape, no points, or values that are not finite.
    """
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in named.items()}
    shapes = {name: a.shape for name, a in arrays.items() if a.ndim}
    if len(set(shapes.values())) != 1 or any(len(s) != 1 or s[0] == 0 for s in shapes.values()):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "only single numbers"
        raise ValueError(f"one row of points each is needed, all of one length above 0; got {found}")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            first = int(np.argmin(np.isfinite(array)))
            raise DataError(f"{name}[{first}] is not finite; leave flagged curves out before scoring")
    shape = next(iter(shapes.values()))
    return [np.broadcast_to(a, shape) for a in arrays.values()]


def positive(name: str, values: np.ndarray) -> np.ndarray:
    """``values`` if all are above 0, else a ValueError that says where."""
    if not (values > 0).all():
        first = int(np.argmin(values > 0))
        raise DataError(f"{name}[{first}] = {values.flat[first]:g}: must be above 0")
    return values


def probability(name: str, value: float) -> float:
    """``value`` if it lies strictly between 0 and 1, else a ValueError."""
    if not 0 < value < 1:
        raise ArgumentError(f"{name} = {value:g}: must lie between 0 and 1")
    return float(value)

"""Missing pixels of images and lines: NaN is the mask."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from asperity.messages import DataError

__all__ = ["fill_harmonic"]


def fill_harmonic(values: np.ndarray) -> np.ndarray:
    r"""The values with every NaN replaced by the solution of Laplace's equation, $\nabla^2 h = 0$.

    The smoothest surface through the pixels around a hole (a straight line in one dimension), with no slope
    at the edges of the frame. It invents no roughness; the filled pixels remain no data.

    Args:
        values: a line (n,) or an image (rows, columns), NaN where missing.

    Raises:
        ValueError: no finite value at all.
    """
    missing = ~np.isfinite(values)
    if missing.all():
        raise DataError("there is no finite value in the data; read another channel or widen the mask")
    if not missing.any():
        return np.array(values, np.float64)
    number = np.cumsum(missing).reshape(missing.shape) - 1  # of each unknown
    filled = np.where(missing, 0.0, values).astype(np.float64)
    size = int(missing.sum())
    degree, known, links = np.zeros(size), np.zeros(size), []
    for axis in range(values.ndim):
        low = (slice(None),) * axis + (slice(None, -1),)
        high = (slice(None),) * axis + (slice(1, None),)
        for here, there in ((low, high), (high, low)):
            inside = missing[here]
            mine, other = number[here][inside], number[there][inside]
            free = missing[there][inside]
            degree += np.bincount(mine, minlength=size)
            known += np.bincount(mine, np.where(free, 0.0, filled[there][inside]), size)
            links.append((mine[free], other[free]))
    rows, columns = (np.concatenate(part) for part in zip(*links, strict=True))
    diagonal = np.arange(size)
    matrix = coo_array((np.concatenate([degree, -np.ones(len(rows))]),
                         (np.concatenate([diagonal, rows]), np.concatenate([diagonal, columns]))))
    filled[missing] = np.asarray(spsolve(matrix.tocsc(), known))
    return filled

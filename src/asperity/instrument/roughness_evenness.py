r"""How evenly the roughness is spread over a frame: particles, cells and patches make its mean square uncertain.

The mean square of a frame of N pixels of a Gaussian surface scatters by the variance $2 \sum_k \langle p_k \rangle^2 /
N^2$, with the power $p_k$ of each mode, of which $\sum_k p_k^2 / N^2$ is an estimate. Where few objects make the
roughness it scatters more, and so do the mean squares of the blocks of the frame: the variance of their mean over that
of a Gaussian surface is the unevenness, 1 on average without such objects.
"""

from __future__ import annotations

import numpy as np

from asperity.instrument.roughness_rings import without_bow

__all__ = ["unevenness"]

_BLOCKS = 4  # along each axis
_BY_CHANCE = 2.0  # unevenness that one of a hundred Gaussian surfaces reaches, with 15 degrees of freedom


def unevenness(height: np.ndarray, *, order: int) -> float:
    """The factor by which the variance of the mean square exceeds that of a Gaussian surface; 1 if not beyond chance.

    Args:
        height: (rows, columns), NaN where missing.
        order: of the polynomials taken off here, all terms up to this total degree.
    """
    flat = without_bow(np.asarray(height, np.float64), order)
    squares = [np.mean(block**2) for strip in np.array_split(flat, _BLOCKS) for block in
               np.array_split(strip, _BLOCKS, axis=1)]
    usual = float(np.sum(np.abs(np.fft.fft2(flat)) ** 4)) / flat.size**4
    found = float(np.var(squares, ddof=1)) / len(squares) / usual if usual > 0 else 1.0
    return found if found > _BY_CHANCE else 1.0


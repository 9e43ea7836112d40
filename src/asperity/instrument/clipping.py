"""Heights that ended where the range ended: many pixels hold exactly the highest, or exactly the lowest, value."""

from __future__ import annotations

import numpy as np

__all__ = ["clipped"]

_FEWEST = 10  # pixels of one extreme value: fewer may be chance or spikes
_LEAST = 0.002  # of the pixels: fewer change nothing
_MOST = 0.5  # of the pixels: more are the ground on which the rest stands
_BEYOND = 5.0  # times as many as hold any of the values next to it: coarse steps of the converter fill these, too
_NEXT = 5  # values next to the extreme one
_BETWEEN = 0.3  # of the pixels between the extremes, at least: a flat grating has two levels and nothing between
_EQUAL = 0.05  # of the neighbors between the extremes that are equal, at most: else levels are flat everywhere


def clipped(height: np.ndarray) -> dict[str, float]:
    """Which ends of the range are cut off (``top``, ``bottom``), and what share of the pixels each holds; often none.

    A flat top that was measured has noise, and is none. Heights that are flat for another reason (simulated ground
    without noise, coarse steps, terraces) are none as far as the other pixels show that.

    Args:
        height: as recorded, (rows, columns), NaN where missing.
    """
    known = height[np.isfinite(height)]
    if not known.size or known.min() == known.max():
        return {}
    between = np.isfinite(height) & (height != known.max()) & (height != known.min())
    pairs = between[:, 1:] & between[:, :-1]
    equal = (height[:, 1:] == height[:, :-1])[pairs]
    if between.sum() < _BETWEEN * known.size or not equal.size or equal.mean() > _EQUAL:
        return {}
    counts = np.unique(known, return_counts=True)[1]
    shares = {name: _share(ordered) for name, ordered in (("top", counts[::-1]), ("bottom", counts))}
    return {name: share for name, share in shares.items() if share}


def _share(counts: np.ndarray) -> float:
    """Of the pixels at the first of these values, if it is where the range ended; else 0."""
    share = float(counts[0] / counts.sum())
    alone = counts[0] >= _FEWEST and counts[0] > _BEYOND * counts[1: 1 + _NEXT].max(initial=0)
    return share if alone and _LEAST < share < _MOST else 0.0

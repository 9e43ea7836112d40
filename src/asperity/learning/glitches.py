"""Single samples that both neighbors contradict."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

__all__ = ["huge", "without_glitches"]

_UNUSUAL = 4.0  # of the usual change from one sample to the next, by which a glitch differs from both neighbors
_AROUND = 10  # samples on either side that show what is usual
_HUGE = 12.0  # of the mean change from one sample to the next, by which one that no fit survives also does


def without_glitches(values: np.ndarray, counted: np.ndarray, least: np.ndarray) -> np.ndarray:
    """The values (batch, sample) with one or two samples replaced that both neighbors contradict, who agree.

    ``least``: (batch,) by how much they do at least, in the unit of the values.
    """
    found = values.copy()
    steps = np.abs(np.diff(values, axis=1, prepend=values[:, :1]))
    usual = uniform_filter1d(steps, 2 * _AROUND + 1, axis=1)  # from sample to sample, thereabouts
    least = np.maximum(least[:, None], _UNUSUAL * usual)
    for width in (1, 2):
        before, after = values[:, : -width - 1], values[:, width + 1 :]
        for inside in range(width):
            at = slice(1 + inside, values.shape[1] - width + inside)
            off = np.minimum(np.abs(values[:, at] - before), np.abs(values[:, at] - after))
            odd = (off > least[:, at]) & (np.abs(before - after) < 0.5 * off)
            odd &= counted[:, : -width - 1] & counted[:, width + 1 :]
            found[:, at] = np.where(odd, (before + after) / 2, found[:, at])
    return found


def huge(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Where a glitch is so large that no fit of all samples survives it, (batch, sample) bool.

    Twelve times the mean change from one sample to the next, be that noise or the slope of the curve.
    """
    both = counted[:, 1:] & counted[:, :-1]
    steps = np.where(both, np.abs(np.diff(values, axis=1)), 0.0)
    least = _HUGE * steps.sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    found = np.zeros(values.shape, bool)
    rows = np.flatnonzero(steps.max(axis=1) > least)
    found[rows] = without_glitches(values[rows], counted[rows], least[rows]) != values[rows]
    return found

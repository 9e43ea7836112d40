"""Approach, pause and retract of a curve whose table does not name them, from its height."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_closing

from asperity.data.readers._table import Segments, split_at_minimum

__all__ = ["segments_of_height"]

#: of the samples, that a hold lasts at least; a rounded turn is slow over fewer
_SHORTEST = 0.1
#: samples of a hold, at least
_FEWEST = 10
#: of the samples, over which the speed is taken
_STRETCH = 0.01
#: of the fastest motion (95th percentile), below which the height rests; it creeps in a hold at constant force
_RESTS = 0.1
#: of the range of heights above the lowest, within which a hold in contact lies
_LOWEST = 0.25


def segments_of_height(height: np.ndarray, time: np.ndarray | None = None) -> Segments:
    """Approach and retract split at the lowest height, with a pause between them where the height rests there.

    Args:
        height: (n,) in m, of one curve; it falls in approach.
        time: (n,) in s, if it is known: else the samples are taken as even.
    """
    hold = _hold(height, time)
    if hold is None:
        approach, retract = split_at_minimum(height)
        return (("approach", "retract"), (0, approach, approach + retract)) if retract else \
            (("approach",), (0, approach))
    start, stop = hold
    names, bounds = ("approach", "pause", "retract"), (0, start, stop, len(height))
    return (names, bounds) if stop < len(height) else (names[:2], bounds[:3])


def _hold(height: np.ndarray, time: np.ndarray | None) -> tuple[int, int] | None:
    """The samples between which the height rests near its lowest; None if it does not."""
    count = len(height)
    width = max(int(_STRETCH * count), 2)
    if count < 4 * _FEWEST or not np.ptp(height) > 0:
        return None
    moved = np.abs(height[width:] - height[:-width])
    if time is not None:
        moved = moved / np.maximum(time[width:] - time[:-width], 1e-12)
    low = height[width // 2: count - width + width // 2] < height.min() + _LOWEST * np.ptp(height)
    rests = low & (moved < _RESTS * np.quantile(moved, 0.95))
    closed = np.asarray(binary_closing(np.pad(rests, width, "edge"), np.ones(2 * width + 1)), bool)  # gaps by noise
    start, stop = _longest(closed[width:-width])
    if stop - start < max(_SHORTEST * count, _FEWEST):
        return None
    stop += width - 1  # a stretch rests as soon as it begins in the hold, and until it ends there
    return (start, stop if stop < count - width else count) if start > 1 else None


def _longest(flags: np.ndarray) -> tuple[int, int]:
    """Where the longest run of True begins and ends."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    runs = edges.reshape(-1, 2)
    return tuple(runs[np.argmax(runs[:, 1] - runs[:, 0])].tolist()) if len(runs) else (0, 0)  # type: ignore[return-value]

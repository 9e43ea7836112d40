"""Where an adhesive contact lets go, read off the curve itself.

An adhesive contact ends by a jump: the tip flies off while the force falls back to the baseline within
a few samples. Which samples lie before and after the jump is plain to see wherever the pull-off force
exceeds the noise, and a fit that takes it from the data is smooth; a fit that lets the jump of the
*model* wander over the samples is not. The samples in flight, and the few beside them where the
compliance of the contact diverges, obey no quasi-static model and do not count.
"""

from __future__ import annotations

import numpy as np

__all__ = ["VISIBLE", "find_jump", "is_sudden", "release"]

#: pull-off force over noise, from which the jump is taken from the data
VISIBLE = 6.0
_OFF = 0.3  # of the pull-off force: above it the tip is off,
_ON = 0.5  # of the pull-off force: below it the tip is attached
_GUARD = 2  # samples beside the jump, on the side of contact, that do not count
_GRADUAL = 0.03  # a release that takes more than this part of the samples is no jump


def find_jump(force: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which samples are attached (1), off (-1) or left to the model (0), and which ones count.

    Args:
        force: (batch, sample) N, ordered from the farthest sample to the deepest.
        counted: (batch, sample) bool.

    Returns:
        (attached, counted), both (batch, sample). A curve without a visible jump gets 0 everywhere and
        keeps its samples.
    """
    index = np.arange(force.shape[1])
    level, noise = _baseline(force, counted)
    below = np.where(counted, force - level[:, None], np.inf)
    depth, _, last_off, first_on = release(below, counted)
    jumps = ((depth > VISIBLE * noise) & (last_off >= 0) & is_sudden(last_off, first_on, force.shape[1])).reshape(-1, 1)
    attached = np.where(index >= first_on[:, None], 1, np.where(index <= last_off[:, None], -1, 0))
    quiet = np.maximum(4 * noise, 0.1 * depth).reshape(-1, 1)
    since = last_off[:, None] - index
    ringing = (np.abs(below) >= quiet) & (since >= 0) & (since < 10)
    beside = (index > last_off[:, None]) & (index < first_on[:, None] + _GUARD)
    use = counted & ~(jumps & (beside | ringing))
    return np.where(jumps, attached, 0).astype(np.int8), use


def release(below: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where the tip lets go, per curve: (largest attraction, its sample, the last sample off, the first one on).

    Args:
        below: (batch, sample) N, the force above the baseline, infinite where it does not count; farthest first.
        counted: (batch, sample) bool.
    """
    index, samples = np.arange(below.shape[1]), below.shape[1]
    deepest = below.argmin(axis=1)
    depth = -below[np.arange(len(below)), deepest]
    off = (below > -_OFF * depth[:, None]) & (index < deepest[:, None]) & counted
    last_off = np.where(off.any(axis=1), samples - 1 - off[:, ::-1].argmax(axis=1), -1)
    after = (index > last_off[:, None]) & (below < -_ON * depth[:, None])
    return depth, deepest, last_off, np.where(after.any(axis=1), after.argmax(axis=1), samples)


def is_sudden(last_off: np.ndarray, first_on: np.ndarray, samples: int | np.ndarray) -> np.ndarray:
    """Whether the tip flies off within few of the ``samples``, as in a jump."""
    return first_on - last_off - 1 <= np.maximum(4, _GRADUAL * samples)


def _baseline(force: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Level and noise of the far fifth of each curve's own samples: median, and median distance from it / 0.6745."""
    place = np.cumsum(counted, axis=1)
    own = counted & (place <= np.maximum(8, place[:, -1:] // 5))
    far = np.where(own, force, np.nan)
    far = np.where(np.any(np.isfinite(far), axis=1, keepdims=True), far, 0.0)
    level = np.nanmedian(far, axis=1)
    spread = 1.4826 * np.nanmedian(np.abs(far - level[:, None]), axis=1)
    return level, np.maximum(spread, 1e-300)

"""Single samples that both neighbors contradict."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

__all__ = ["huge", "resolution", "without_glitches"]

_UNUSUAL = 4.0  # of the usual change from one sample to the next, by which a glitch differs from both neighbors
_UNUSUAL_END = 8.0  # the same, of the first and the last sample, where a contact may just begin
_AROUND = 10  # samples on either side that show what is usual
_RESOLVED = 2.5  # steps of the recorded resolution: one or two of them are no glitch
_SAME = 1e-9  # of the largest value, by which two recorded ones differ at least
_PASSES = 3  # in which ever smaller glitches are found
_HUGE = 12.0  # of the mean change from one sample to the next, by which one that no fit survives also does


def without_glitches(values: np.ndarray, counted: np.ndarray, least: np.ndarray) -> np.ndarray:
    """The values (batch, sample) with one or two samples replaced that both neighbors contradict, who agree.

    ``least``: (batch,) by how much they do at least, in the unit of the values.
    """
    steps, found = _steps(values, counted), values.copy()
    odd = steps.max(axis=1) > least  # what has no large step has no glitch
    if odd.any():
        found[odd] = _mended(values[odd], counted[odd], steps[odd], least[odd])
    return found


def _mended(values: np.ndarray, counted: np.ndarray, steps: np.ndarray, least: np.ndarray) -> np.ndarray:
    """`without_glitches` of curves whose largest of these ``steps`` exceeds ``least``."""
    found = values.copy()
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

    Twelve times the mean change from one sample to the next, be that noise or the slope of the curve, and more than
    two steps of the recorded resolution; at either end, against the line through the two samples beside it.
    """
    mended, rows, some = values, np.arange(len(values)), (values, counted)
    for _ in range(_PASSES):  # the largest hide others
        steps = _steps(*some)
        least = _HUGE * steps.sum(axis=1) / np.maximum(some[1].sum(axis=1) - 1, 1)
        odd = steps.max(axis=1) > least
        odd[odd] = _may_hold_one(some[0][odd], some[1][odd], least[odd])
        if not odd.any():
            break
        rows, least = rows[odd], least[odd]
        some = mended[rows], counted[rows]
        least = np.maximum(least, _RESOLVED * resolution(*some)[0])
        if mended is values:
            mended = values.copy()
        mended[rows] = _without_bad_ends(without_glitches(*some, least), some[1], least)
        some = mended[rows], some[1]
    return counted & (mended != values)


def _may_hold_one(values: np.ndarray, counted: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Whether a glitch of ``least`` can be in a curve, (batch,): most have one large change, where the contact is lost.

    A sample or two that differ from both neighbors make two large changes within three samples, of which the smaller
    is above half of the least; an end that is off its line makes one there.
    """
    steps = np.abs(np.diff(values, axis=1))
    large, half = steps > least[:, None], steps > least[:, None] / 2
    found = np.zeros(len(values), bool)
    for apart in (1, 2):
        found |= (large[:, :-apart] & half[:, apart:]).any(axis=1) | (half[:, :-apart] & large[:, apart:]).any(axis=1)
    rows, last = np.arange(len(values)), values.shape[1] - 1
    first, end = counted.argmax(axis=1), last - counted[:, ::-1].argmax(axis=1)
    for place in (first, first + 1, end - 1, end - 2):
        found |= half[rows, np.clip(place, 0, last - 1)]
    return found


def resolution(values: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least change from one counted value to the next, 0 where there is none, and the largest value, (batch,)."""
    steps, largest = _steps(values, counted), np.where(counted, np.abs(values), 0.0).max(axis=1)
    least = np.where(steps > _SAME * largest[:, None], steps, np.inf).min(axis=1)
    return np.where(np.isfinite(least), least, 0.0), largest


def _steps(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The size of the change from the sample before, (batch, sample); 0 where one of both is not counted."""
    steps = np.abs(np.diff(values, axis=1, prepend=values[:, :1]))
    steps[:, 1:][~(counted[:, 1:] & counted[:, :-1])] = 0.0
    return steps


def _without_bad_ends(values: np.ndarray, counted: np.ndarray, least: np.ndarray) -> np.ndarray:
    """The values with the first and the last counted sample on the line through the next two if far off it."""
    every, number = np.arange(len(values)), values.shape[1]
    usual = uniform_filter1d(_steps(values, counted), 2 * _AROUND + 1, axis=1)
    found, enough = values.copy(), counted.sum(axis=1) > 2 * _AROUND
    for end, inward in ((counted.argmax(axis=1), 1), (number - 1 - counted[:, ::-1].argmax(axis=1), -1)):
        beside = [np.clip(end + step * inward, 0, number - 1) for step in (1, 2)]
        line = 2 * values[every, beside[0]] - values[every, beside[1]]
        odd = np.abs(values[every, end] - line) > np.maximum(least, _UNUSUAL_END * usual[every, beside[0]])
        odd &= enough & counted[every, beside[0]] & counted[every, beside[1]]
        found[every[odd], end[odd]] = line[odd]
    return found

"""Force curves as a fit of their history needs them: times that rise, and no single sample far off its neighbors."""

from __future__ import annotations

import logging

import numpy as np
import xarray as xr

from asperity.learning.glitches import huge
from asperity.messages import DataError
from asperity.report.numbers import count_of

__all__ = ["mended", "with_clock", "without_spikes"]

_LOG = logging.getLogger(__name__)
_FEW_DIGITS = 1.01  # steps of the written times, by which they may lie off even ones to be rounded


def mended(dataset: xr.Dataset) -> xr.Dataset:
    """`with_clock`, then `without_spikes`."""
    return without_spikes(with_clock(dataset))


def without_spikes(dataset: xr.Dataset) -> xr.Dataset:
    """The curves with huge single samples of force and height replaced by the line through their neighbors, logged.

    A history has no gaps: a sample cannot be left out of it, as it is of an elastic fit.
    """
    found, count = {}, 0
    for name in ("force", "height", "tip_position"):
        if name in dataset:
            values = dataset[name].values.astype(float).copy()
            rows = values.reshape(-1, values.shape[-1])
            there = np.isfinite(rows)
            odd = huge(np.where(there, rows, 0.0), there)
            for row, spikes, use in zip(rows, odd, there):
                if spikes.any():
                    good = np.flatnonzero(use & ~spikes)
                    row[spikes] = np.interp(np.flatnonzero(spikes), good, row[good])
            count += int(odd.sum())
            found[name] = (dataset[name].dims, values, dataset[name].attrs)
    if not count:
        return dataset
    _LOG.warning("%s far off both of their neighbors: replaced by the line between these", count_of(count, "sample"))
    return dataset.assign(found)


def with_clock(dataset: xr.Dataset) -> xr.Dataset:
    """The curves with times that rise within each segment.

    Times that stand still from sample to sample because they were written with few digits are spread evenly over their
    segment, which is logged. Curves whose times run backwards, or stand still otherwise, lose them.

    Args:
        dataset: force curves in memory, with ``time`` in s.

    Raises:
        DataError: no curve has times that rise.
    """
    time = dataset["time"].values.astype(float).copy()
    rounded, lost = 0, 0
    for own in time.reshape(len(time), -1, time.shape[-1]):
        states = [_mended(part) for part in own]
        _parted(own)
        rounded += "rounded" in states and "none" not in states
        if "none" in states:
            lost += 1
            own[:] = np.nan
    if lost == len(time) and lost:
        raise DataError("the times of the samples do not rise: they stand still or run backwards, and without them no "
                        "relaxation can be fitted; export them with all digits, or give index / sampling rate in s")
    if rounded:
        _LOG.warning("the times of %s repeat, as written with few digits: their samples are taken as even over each "
                     "segment", count_of(rounded, "curve"))
    if lost:
        _LOG.warning("the times of %s stand still or run backwards: these are not fitted", count_of(lost, "curve"))
    same = np.array_equal(time, dataset["time"].values, equal_nan=True)
    return dataset if same else dataset.assign(time=(dataset["time"].dims, time, dataset["time"].attrs))


def _parted(segments: np.ndarray) -> None:
    """Let a segment that begins at the time at which the one before ends begin between that and its second sample."""
    last = np.nan
    for part in segments:
        own = part[np.isfinite(part)]
        if len(own) > 1 and own[0] == last:
            own = own.copy()
            own[0] = (last + own[1]) / 2
            part[np.isfinite(part)] = own
        last = own[-1] if len(own) else last


def _mended(part: np.ndarray) -> str:
    """Mend the times of one segment in place: ``rising``, ``rounded`` or ``none``."""
    there = np.isfinite(part)
    own = part[there]
    step = np.diff(own)
    if len(own) < 2 or (step > 0).all():
        return "rising"
    even = np.linspace(own[0], own[-1], len(own))
    if not (step >= 0).all() or own[-1] <= own[0] or np.abs(own - even).max() > _FEW_DIGITS * step.max():
        return "none"
    part[there] = even
    return "rounded"

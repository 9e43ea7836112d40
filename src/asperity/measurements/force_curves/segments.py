"""One segment of every curve, aligned and padded for a fit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from asperity.data.readers._errors import MissingCalibration
from asperity.learning.glitches import huge
from asperity.messages import ArgumentError, shown

__all__ = ["Segment", "padded_lengths", "segment_of"]


class Segment(NamedTuple):
    """One segment of every curve, (batch, sample), right-aligned: farthest first, deepest last."""

    force: np.ndarray  # N, the tilt taken off
    height: np.ndarray  # m; the tip position where the file gives no height
    present: np.ndarray  # bool: a sample that the file holds
    counted: np.ndarray  # bool: one that the fit used: not a huge glitch, nor a sample of a jump
    spring_constant: np.ndarray  # (batch,) N/m
    tilt: np.ndarray  # (batch,) N/m against height, taken off before the last fit
    removed: np.ndarray  # (batch, sample) N, what that took off
    glitches: np.ndarray  # (batch,) samples that are not counted as they are huge glitches


def segment_of(dataset: xr.Dataset, name: str) -> Segment:
    """The named segment with its samples right-aligned and padded to one of few lengths."""
    if name not in (names := [str(own) for own in dataset["segment"].values]):
        raise ArgumentError(f"segment = {shown(name)}: the curves have none of this name; they have {', '.join(names)}")
    if "force" not in dataset:
        raise MissingCalibration(str(dataset["file"].values[0]), "the force is not known.",
                                 _missing(dataset))
    part = dataset.sel(segment=name)
    counts = np.minimum(part["sample_count"].values, part.sizes["sample"])
    length = int(padded_lengths(counts.max(initial=1)))
    given = "height" not in part
    arrays = [_aligned(part[v].values, counts, length, reverse=name.startswith("retract"))
              for v in ("force", "tip_position" if given else "height")]
    k = np.full(len(counts), np.inf) if given else part["spring_constant"].values.astype(float)
    counted = np.isfinite(arrays[0]) & np.isfinite(arrays[1]) & np.isfinite(1 / k)[:, None]
    force, height = (np.where(counted, a, 0.0) for a in arrays)
    used = counted & ~huge(force, counted) & ~huge(height, counted)
    return Segment(force, height, counted, used, np.where(np.isfinite(1 / k), k, 1.0), np.zeros(len(k)),
                   np.zeros(force.shape), (counted & ~used).sum(axis=1))


def _missing(dataset: xr.Dataset) -> str:
    names = [name for name in ("sensitivity", "spring_constant")
             if name in dataset.coords and not np.isfinite(dataset[name].values).any()
             and not (name == "sensitivity" and "deflection" in dataset)]
    options = " and ".join("--" + name.replace("_", "-") for name in names)
    return f"Give {options}." if options else "Convert the file with its calibration first."


def padded_lengths(counts: np.ndarray) -> np.ndarray:
    """Each of ``counts`` rounded up to one of two lengths per octave, so that few shapes are compiled."""
    octave = 1 << np.maximum(np.frexp(np.maximum(counts - 1, 0))[1], 5).astype(int)
    return np.where(counts <= 3 * octave // 4, 3 * octave // 4, octave)


def _aligned(values: np.ndarray, counts: np.ndarray, length: int, *, reverse: bool) -> np.ndarray:
    """(batch, sample) with each curve's samples at the end of its row, NaN before them."""
    found = np.full((len(values), length), np.nan)
    for row, given, count in zip(found, values, counts.tolist()):
        row[length - count:] = given[:count][::-1] if reverse else given[:count]
    return found

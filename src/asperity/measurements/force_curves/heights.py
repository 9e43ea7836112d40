"""Heights of force curves that are a drive's, corrected by a scanner; what `analyze` needs of the corrections."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import calibrations
from asperity.data.curve_files import Source
from asperity.instrument import height_correction
from asperity.instrument.height_correction import Trace
from asperity.messages import DataError
from asperity.quantities import variable_attributes

__all__ = ["moved", "sources", "traces"]

_log = logging.getLogger("asperity")


def sources(opened: Sequence[Source], found: Sequence[Mapping[str, Any]]) -> list[Source]:
    """Sources of an analysis with their heights corrected by the scanner among the records, if there is one."""
    scanner = calibrations.scanner_in(found)
    return [source.changed(lambda dataset: moved(dataset, scanner)) for source in opened] if scanner else list(opened)


def traces(dataset: xr.Dataset) -> list[Trace]:
    """Each curve of a loaded dataset, its segments one after the other: time, drive and, if known, sensor height.

    Raises:
        DataError: no time, without which creep cannot be known.
    """
    if "time" not in dataset:
        raise DataError("the curves have no time, without which creep cannot be known; give the sampling rate")
    sensed = "height_drive" in dataset
    drive, time = dataset["height_drive" if sensed else "height"].values, dataset["time"].values
    height = dataset["height"].values if sensed else None
    present = np.isfinite(drive) & np.isfinite(time)
    return [Trace(time[i][there], drive[i][there], None if height is None else height[i][there])
            for i, there in enumerate(present)]


def moved(dataset: xr.Dataset, known: Mapping[str, Any] | None) -> xr.Dataset:
    """The dataset with the heights of a scanner, unless there is none or a sensor has recorded them."""
    if known is None:
        return dataset
    if "height_drive" in dataset or "height" not in dataset:
        _log.warning("the heights of %s are a sensor's: the scanner is not applied", dataset["file"].values[0])
        return dataset
    loaded = dataset.load()
    recorded = traces(loaded)
    spacing = float(np.median(np.diff(recorded[0].time)))
    found, _ = height_correction.correct(calibrations.scanner_of(known), recorded, tolerance=known["residual"],
                                         pause=known.get("pause", spacing))
    height = np.full(loaded["height"].shape, np.nan)
    height[np.isfinite(loaded["height"].values) & np.isfinite(loaded["time"].values)] = np.concatenate(
        [curve.height for curve in found])
    doubtful = sum(curve.past == height_correction.Past.UNKNOWN for curve in found)
    if doubtful:
        _log.warning("the first %d of %d curves depend on what the scanner did before them, which no file tells",
                     doubtful, len(found))
    drive = loaded["height"].assign_attrs(variable_attributes("height_drive"))
    return loaded.assign(height=loaded["height"].copy(data=height), height_drive=drive)

"""Heights of force curves: where sensor and drive contradict each other; a drive's, corrected by a scanner."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import calibrations
from asperity.data.curve_files import Source
from asperity.data.readers._errors import ReadError
from asperity.instrument import height_correction
from asperity.instrument.height_correction import Trace
from asperity.messages import DataError
from asperity.quantities import variable_attributes
from asperity.report.numbers import plain

__all__ = ["FILES", "contradictions", "moved", "sources", "traces"]

_log = logging.getLogger("asperity")

_APART = 0.15  # of the stroke: hysteresis, creep and the growth of a piezo with its stroke explain up to this
_CURVES = 3  # of a file that are looked at: the first of a map is often another than the rest
#: files that are enough to look at
FILES = 12


def contradictions(datasets: Sequence[xr.Dataset]) -> list[str]:
    """The sentence on files in which the height's sensor and the ramp of the drive span different lengths.

    The span of a curve is that of all its segments, the ratio of a file the median of up to 3 curves; `FILES` are
    enough to look at. An empty list where all agree within 15 %, or none holds both.
    """
    found = [(dataset, *spans) for dataset in datasets if (spans := _spans(dataset)) is not None]
    apart = [(str(dataset["file"].values[0]), sensed, driven) for dataset, sensed, driven in found
             if abs(np.log(sensed / driven)) > np.log(1 + _APART)]
    if not apart:
        return []
    file, sensed, driven = max(apart, key=lambda row: abs(np.log(row[1] / row[2])))
    where = f"{file}" if len(apart) == 1 else f"{len(apart)} of {len(found)} files looked at, most in {file}"
    return [f"Sensor and drive disagree about the heights in {where}: a stroke of {plain(sensed, 'm')} by the sensor "
            f"is {plain(driven, 'm')} by the drive ({100 * (sensed / driven - 1):+.0f} %). The sensor's heights are "
            "taken; if it is not calibrated, indentations are off by as much, and moduli by one and a half to two "
            "times that."]


def _spans(dataset: xr.Dataset) -> tuple[float, float] | None:
    """Median lengths (m) that sensor and drive span in a curve; None where one is missing, at rest, or unreadable."""
    if not {"height", "height_drive"} <= set(dataset.data_vars) or not dataset.sizes["curve"]:
        return None
    some = dataset[["height", "height_drive"]].isel(
        curve=np.unique(np.linspace(0, dataset.sizes["curve"] - 1, _CURVES).astype(int)))
    try:
        spans = [np.array([_span(curve) for curve in some[name].values]) for name in ("height", "height_drive")]
    except ReadError:
        return None  # the fit says it
    moved = (spans[0] > 0) & (spans[1] > 0)
    if not moved.any():
        return None
    middle = np.argsort((spans[0] / spans[1])[moved])[(int(moved.sum()) - 1) // 2]
    return float(spans[0][moved][middle]), float(spans[1][moved][middle])


def _span(curve: np.ndarray) -> float:
    known = curve[np.isfinite(curve)]
    return float(np.ptp(known)) if known.size else 0.0


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

"""Corrections of measured data: `curves` (calibration, scanner) and `image` (leveling, lines, noise, tip)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from asperity import calibration as calibrations
from asperity import imaging
from asperity.calibration import Calibration, CalibrationError
from asperity.data import intake, provenance
from asperity.data.intake import Source
from asperity.filming import drift
from asperity.instrument import height_correction
from asperity.instrument.height_correction import Trace
from asperity.quantities import variable_attributes

__all__ = ["curves", "drift", "image", "sources", "traces"]

_log = logging.getLogger("asperity")


def curves(dataset: xr.Dataset, *, calibration: Calibration | Sequence[Calibration] | None = None,
           spring_constant: float | None = None, sensitivity: float | None = None) -> xr.Dataset:
    """The same force curves with another calibration, and with the heights that the scanner really took.

    Args:
        dataset: force curves (see `asperity.data.schema`).
        calibration: what `asperity.calibrate` measured: spring constant, sensitivity, scanner.
        spring_constant: N/m; wins over the calibration's.
        sensitivity: m/V; wins over the calibration's.

    A scanner is applied where the file holds no sensor height.
    """
    said = {"spring_constant": spring_constant, "sensitivity": sensitivity}
    found = calibrations.records(calibration)
    _, given, _ = calibrations.applied(found, {"name": "hertz"}, said, {})
    corrected = intake.calibrate(_moved(dataset, calibrations.scanner_in(found)), **given)
    step = provenance.step("correct.curves", {**said, "calibration": found or None})
    return provenance.record(corrected, step, before=dataset)


def image(dataset: xr.Dataset, *, channel: str = "height", level: int | None = 1, lines: str | int | None = None,
          features: float | None = 3.0, scars: bool = True, denoise: bool = False,
          tip: Calibration | None = None) -> xr.Dataset:
    """A height image leveled and, if asked for, freed of noise and of the shape of the tip.

    Args:
        dataset: an image (see `asperity.data.images`).
        channel: the channel to correct; its retrace is leveled alike.
        level: order of the polynomial to take off the frame, 1 for a plane; None: none.
        lines: then take off each line its "median" or "mean", the summed median "difference" to the line before, or
            a polynomial of this degree.
        features: robust standard deviations from which a pixel is a feature that leveling does not count; None: all
            count.
        scars: make broken stretches of lines missing.
        denoise: replace the channel by the posterior mean under its own spectrum (of trace and retrace if there).
        tip: what `asperity.calibrate.tip` measured; adds the highest surface that this tip allows, and where it
            touched for sure.

    Returns:
        the image with ``<channel>`` corrected, ``<channel>_background`` (what leveling took off), ``<channel>_used``,
        and with them ``_leveled`` and ``_std`` (denoise), ``_surface`` and ``_certain`` (tip); the attribute
        ``corrections`` holds roughness, its bias by leveling, noise and the verdict on the denoising as JSON.

    Raises:
        CalibrationError: a channel that is not there, a film, or a tip of other pixels.
    """
    options = {"level": level, "lines": lines, "features": features, "scars": scars, "denoise": denoise}
    known = calibrations.records(tip)
    shape = next((entry["tip"] for entry in known if "tip" in entry), None)
    result = imaging.corrected(dataset, channel, imaging.Steps(**options, tip=shape))
    step = provenance.step("correct.image", {"channel": channel, **options, "tip": known[0] if known else None})
    return provenance.record(result, step, before=dataset)


def sources(opened: Sequence[Source], found: Sequence[Mapping[str, Any]]) -> list[Source]:
    """Sources of an analysis with their heights corrected by the scanner among the records, if there is one."""
    scanner = calibrations.scanner_in(found)
    return [Source(_moved(source.dataset, scanner), source.record) for source in opened]


def traces(dataset: xr.Dataset) -> list[Trace]:
    """Each curve of a loaded dataset, its segments one after the other: time, drive and, if known, sensor height.

    Raises:
        CalibrationError: no time, without which creep cannot be known.
    """
    if "time" not in dataset:
        raise CalibrationError("the curves have no time, without which creep cannot be known; give the sampling rate")
    sensed = "height_drive" in dataset
    drive, time = dataset["height_drive" if sensed else "height"].values, dataset["time"].values
    height = dataset["height"].values if sensed else None
    present = np.isfinite(drive) & np.isfinite(time)
    return [Trace(time[i][there], drive[i][there], None if height is None else height[i][there])
            for i, there in enumerate(present)]


def _moved(dataset: xr.Dataset, known: Mapping[str, Any] | None) -> xr.Dataset:
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

"""Corrections of measured data: `curves` (calibration, scanner) and `image` (leveling, lines, noise, tip)."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from asperity import calibration as calibrations
from asperity import imaging
from asperity.calibration import Calibration
from asperity.data import intake, provenance
from asperity.filming import drift
from asperity.heights import moved

__all__ = ["curves", "drift", "image"]


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
    corrected = intake.calibrate(moved(dataset, calibrations.scanner_in(found)), **given)
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

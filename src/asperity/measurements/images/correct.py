"""What is done to a scanned image: leveling, lines, scars, denoising, the tip's shape; and the page about it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.data import calibrations, provenance
from asperity.data.calibrations import Calibration
from asperity.data.verbs import verb
from asperity.instrument import blind_tip, certainty, denoising, denoising_guard, leveling
from asperity.instrument.clipping import clipped
from asperity.instrument.missing import fill_harmonic
from asperity.instrument.spectrum_fit import PowerSpectrumFit
from asperity.measurements.images.roughness import law_of_image, roughness_of, spectrum_of
from asperity.messages import DataError, one_of
from asperity.report.numbers import plain

__all__ = ["Steps", "corrected", "image", "leveled", "one_frame", "pixel"]

_LINES = ("median", "mean", "difference")  # what can be taken off a line, beside a polynomial
_CLEAR = 30.0  # times the noise, from which the spectrum of the surface is read off the image as it is
_FLAT_PIXELS = 0.01  # relative difference of the pixel's sides, or of image and tip, that is none


class Steps(NamedTuple):
    """What to do with a height image, in this order."""

    level: int | None = 1  # order of the polynomial taken off the frame; None: none
    lines: str | int | None = None  # "median", "mean", "difference", or the degree of a polynomial per line
    features: float | None = 3.0  # robust standard deviations from which a pixel is a feature and not counted
    scars: bool = True  # whether broken stretches of lines become missing
    denoise: bool = False
    tip: Mapping[str, Any] | None = None  # a record with tip_height and tip_pitch


def one_frame(dataset: xr.Dataset, channel: str) -> xr.DataArray:
    """The channel of an image that is no film.

    Raises:
        DataError: a channel that is not there, or a film.
    """
    one_of("channel", channel, dataset.data_vars)
    if "frame" in dataset[channel].dims:
        raise DataError(f"'{channel}' is a film of {dataset.sizes['frame']} frames: take one, "
                        "image.isel(frame=0), or follow its drift with asperity.correct.drift")
    return dataset[channel]


def pixel(dataset: xr.Dataset) -> tuple[float, float]:
    """The pixel's sides in m, along rows and columns."""
    return float(np.diff(dataset["y"].values[:2])[0]), float(np.diff(dataset["x"].values[:2])[0])


def corrected(dataset: xr.Dataset, channel: str, steps: Steps) -> xr.Dataset:
    """The image with its channel (and that channel's retrace) corrected; see `image`."""
    recorded = _recorded(dataset, channel)
    names = [channel, *([f"{channel}_retrace"] if f"{channel}_retrace" in dataset else [])]
    flat = {name: leveled(one_frame(dataset, name), steps) for name in names}
    result = dataset.assign({name: dataset[name].copy(data=values) for name, (values, _, _) in flat.items()})
    values, background, used = flat[channel]
    result[f"{channel}_background"] = dataset[channel].copy(data=background)
    result[f"{channel}_used"] = (dataset[channel].dims, used,
                                 {"long_name": "pixels that the background was found from"})
    second = flat[names[1]][0] if len(names) > 1 else None
    found: dict[str, Any] = roughness_of(values, pixel(dataset), steps.level, steps.lines,
                                         cut=clipped(recorded))
    noise = None if second is None else blind_tip.noise_bound(values, second)
    if noise is not None:
        found |= {"noise_std": noise.std}
    if steps.denoise:
        result, more = _denoised(result, channel, (values, second), steps)
        found |= more
    if steps.tip is not None:
        result, more = _untouched(result, channel, values, steps.tip, 0.0 if noise is None else noise.bound)
        found |= more
    return result.assign_attrs(corrections=json.dumps(found))


def _recorded(dataset: xr.Dataset, channel: str) -> np.ndarray:
    """The values of a channel as they were recorded.

    Raises:
        DataError: as `one_frame`, or all of them are one value.
    """
    values = np.asarray(one_frame(dataset, channel).values, float)
    if np.nanmin(values) == np.nanmax(values):
        raise DataError(f"every pixel of '{channel}' holds one and the same value, "
                        f"{plain(float(np.nanmax(values)), str(dataset[channel].attrs.get('units', '')))}: nothing "
                        "was recorded in this channel, or it was leveled away. Take another channel, or scan again")
    return values


def leveled(image: xr.DataArray, steps: Steps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heights without background, the background, and which pixels it was found from."""
    height = np.asarray(image.values, float)
    background, used = np.zeros(height.shape), np.isfinite(height)
    if steps.level is not None:
        height, taken, used = leveling.level_polynomial(height, steps.level, threshold=steps.features)
        background = background + taken
    if steps.lines is not None:
        height, taken, used = (
            leveling.level_lines_polynomial(height, steps.lines, threshold=steps.features)
            if isinstance(steps.lines, int) else
            leveling.level_lines(height, statistic=steps.lines, threshold=steps.features))
        background = background + taken
    if steps.scars and min(height.shape) > 3:
        height = np.where(leveling.find_scars(height), np.nan, height)
    return height, background, used


def _denoised(result: xr.Dataset, channel: str, scans: tuple[np.ndarray, np.ndarray | None],
              steps: Steps) -> tuple[xr.Dataset, dict[str, Any]]:
    """The posterior of the surface in the place of the channel, and what the guard says of it."""
    pitch, (height, second) = pixel(result), scans
    raw = height if second is None else (height + second) / 2
    law = law_of_image(raw, pitch, steps.level, steps.lines)[0]
    found = denoising.denoise(height, pitch, second=second, spectrum=spectrum_of(law, pitch, height.shape))
    words, kept = _guarded(raw, found.height, pitch, found.spectrum)
    result[f"{channel}_leveled"] = result[channel].copy(data=height)
    result[channel] = result[channel].copy(data=found.height)
    result[f"{channel}_std"] = result[channel].copy(data=found.std).assign_attrs(
        long_name="posterior standard deviation of the height")
    return result, {"guard": words, "guard_kept": kept}


def _guarded(raw: np.ndarray, smooth: np.ndarray, pitch: tuple[float, float],
             spectrum: PowerSpectrumFit) -> tuple[list[str], bool | None]:
    """What became of slope and power of the spectrum where the noise is weak; None where it is nowhere."""
    places = np.geomspace(*spectrum.band, 200)
    clear = places[spectrum.signal(places) > _CLEAR * spectrum.floor]
    low, high = 2 * spectrum.band[0], float(clear.max(initial=0.0))
    before, after = (denoising_guard.tiles(fill_harmonic(heights)) for heights in (raw, smooth))
    invariants = [denoising_guard.spectral_slope(pitch, (low, high)),
                  denoising_guard.power_in_band(pitch, (low, high))]
    try:
        verdicts = denoising_guard.changes(before, after, invariants)
    except DataError:
        return [f"Noise reaches every wavelength below {plain(2 * math.pi / low, 'm')}: whether denoising kept the "
                "spectrum cannot be judged. The heights are the posterior mean, with their standard deviation"], None
    return [str(change) for change in verdicts], all(change.verdict != "changed" for change in verdicts)


def _untouched(result: xr.Dataset, channel: str, height: np.ndarray, tip: Mapping[str, Any],
               bound: float) -> tuple[xr.Dataset, dict[str, Any]]:
    """The surface that the tip leaves possible, and which of its pixels were touched for sure."""
    pitch, shape = np.mean(pixel(result)), np.asarray(tip["height"], float)
    if abs(float(tip["pitch"]) / pitch - 1) > _FLAT_PIXELS:
        raise DataError(f"the tip's pixels are {plain(float(tip['pitch']), 'm')}, those of the image "
                        f"{plain(float(pitch), 'm')}: estimate the tip from images of this pixel size")
    found = certainty.reconstruct(height, shape, noise_bound=bound)
    result[f"{channel}_surface"] = result[channel].copy(data=found.surface).assign_attrs(
        long_name="highest surface that the image and the tip allow")
    result[f"{channel}_certain"] = (result[channel].dims, found.certain, {
        "long_name": "pixels that the tip touched for sure; elsewhere the surface is an upper bound"})
    return result, {"certain": float(found.certain.mean()), "noise_bound": bound}


@verb(dataset="image", tip="calibration")
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
        DataError: a channel that is not there, a film, or a tip of other pixels.
    """
    options = {"level": level, "lines": lines, "features": features, "scars": scars, "denoise": denoise}
    if isinstance(lines, str):
        one_of("lines", lines, _LINES)
    known = calibrations.held("tip", tip, "tip")
    result = corrected(dataset, channel, Steps(**options, tip=known and known["tip"]))
    step = provenance.step("correct.image", {"channel": channel, **options, "tip": known})
    return provenance.record(result, step, before=dataset)

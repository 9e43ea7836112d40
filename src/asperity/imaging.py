"""What is done to a scanned image: leveling, lines, scars, denoising, the tip's shape; and the page about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.calibration import CalibrationError
from asperity.data import provenance
from asperity.data.images import open_images, summary
from asperity.instrument import blind_tip, certainty, denoising, denoising_guard, leveling, roughness_bias
from asperity.instrument.missing import fill_harmonic
from asperity.report.numbers import measurement, plain
from asperity.report.page import Finding, Page, Panel, keep
from asperity.report.pictures import Line, lines, picture

__all__ = ["Steps", "corrected", "one_frame", "page", "pixel", "read_image", "told"]

_FLAT_PIXELS = 0.01  # relative difference of the pixel's sides, or of image and tip, that is none


def read_image(path: str | PathLike[str], *, pitch: float | None = None, unit: str | None = None) -> xr.Dataset:
    """An image file of any known format (see `asperity.data.images`), with a history.

    Args:
        path: the file.
        pitch: m from pixel to pixel; replaces the file's.
        unit: of the channels for which the file says none, for example ``"nm"``.

    Raises:
        ReadError: the file cannot be read.
    """
    step = provenance.step("read_image", {"path": str(path), "pitch": pitch, "unit": unit},
                           inputs=[provenance.file_record(path)])
    return provenance.record(open_images(path, pitch=pitch, unit=unit), step)


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
        CalibrationError: a channel that is not there, or a film.
    """
    if channel not in dataset:
        raise CalibrationError(f"the image has no channel '{channel}'; it has {', '.join(map(str, dataset.data_vars))}")
    if "frame" in dataset[channel].dims:
        raise CalibrationError(f"'{channel}' is a film of {dataset.sizes['frame']} frames: take one, "
                               "image.isel(frame=0), or follow its drift with asperity.correct.drift")
    return dataset[channel]


def pixel(dataset: xr.Dataset) -> tuple[float, float]:
    """The pixel's sides in m, along rows and columns."""
    return float(np.diff(dataset["y"].values[:2])[0]), float(np.diff(dataset["x"].values[:2])[0])


def corrected(dataset: xr.Dataset, channel: str, steps: Steps) -> xr.Dataset:
    """The image with its channel (and that channel's retrace) corrected; see `asperity.correct.image`."""
    names = [channel, *([f"{channel}_retrace"] if f"{channel}_retrace" in dataset else [])]
    flat = {name: _leveled(one_frame(dataset, name), steps) for name in names}
    result = dataset.assign({name: dataset[name].copy(data=values) for name, (values, _, _) in flat.items()})
    values, background, used = flat[channel]
    result[f"{channel}_background"] = dataset[channel].copy(data=background)
    result[f"{channel}_used"] = (dataset[channel].dims, used,
                                 {"long_name": "pixels that the background was found from"})
    second = flat[names[1]][0] if len(names) > 1 else None
    found: dict[str, Any] = _roughness(values, pixel(dataset), steps)
    noise = None if second is None else blind_tip.noise_bound(values, second)
    if noise is not None:
        found |= {"noise_std": noise.std}
    if steps.denoise:
        result, more = _denoised(result, channel, values, second)
        found |= more
    if steps.tip is not None:
        result, more = _untouched(result, channel, values, steps.tip, 0.0 if noise is None else noise.bound)
        found |= more
    return result.assign_attrs(corrections=json.dumps(found))


def _leveled(image: xr.DataArray, steps: Steps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def _roughness(height: np.ndarray, pitch: tuple[float, float], steps: Steps) -> dict[str, Any]:
    """Root mean square height, without the bias of the leveling where that can be told."""
    measured = {"roughness_measured": float(np.nanstd(height)), "missing": float(np.isnan(height).mean())}
    lines_off = {"mean": 0, "difference": None}.get(str(steps.lines), steps.lines)
    if lines_off is None and (steps.level is None or steps.lines is not None):
        return measured
    options: dict[str, Any] = {"lines": lines_off} if lines_off is not None else {"polynomial": steps.level}
    try:
        found = roughness_bias.corrected_roughness(height, pitch, **options)
    except ValueError:
        return measured
    return measured | {"roughness": found.rms, "roughness_std": found.std, "leveling_bias": found.bias,
                       "correlation_length": found.correlation_length, "roughness_resolved": found.resolved}


def _denoised(result: xr.Dataset, channel: str, height: np.ndarray,
              second: np.ndarray | None) -> tuple[xr.Dataset, dict[str, Any]]:
    """The posterior of the surface in the place of the channel, and what the guard says of it."""
    pitch = pixel(result)
    found = denoising.denoise(height, pitch, second=second)
    spectrum = found.spectrum
    clean = spectrum.reference * (max(spectrum.amplitude / spectrum.floor, 1e-9)) ** (1 / spectrum.exponent)
    low, high = spectrum.band[0], min(max(clean / 3, 2 * spectrum.band[0]), spectrum.band[1])
    raw = height if second is None else (height + second) / 2
    before, after = (denoising_guard.tiles(fill_harmonic(heights)) for heights in (raw, found.height))
    invariants = [denoising_guard.spectral_slope(pitch, (2 * low, high)),
                  denoising_guard.power_in_band(pitch, (2 * low, high))]
    verdicts = denoising_guard.changes(before, after, invariants)
    words, kept = [str(change) for change in verdicts], all(change.verdict != "changed" for change in verdicts)
    result[f"{channel}_leveled"] = result[channel].copy(data=height)
    result[channel] = result[channel].copy(data=found.height)
    result[f"{channel}_std"] = result[channel].copy(data=found.std).assign_attrs(
        long_name="posterior standard deviation of the height")
    return result, {"exponent": spectrum.exponent, "exponent_std": spectrum.exponent_std, "hurst": spectrum.hurst,
                    "guard": words, "guard_kept": kept}


def _untouched(result: xr.Dataset, channel: str, height: np.ndarray, tip: Mapping[str, Any],
               bound: float) -> tuple[xr.Dataset, dict[str, Any]]:
    """The surface that the tip leaves possible, and which of its pixels were touched for sure."""
    pitch, shape = np.mean(pixel(result)), np.asarray(tip["height"], float)
    if abs(float(tip["pitch"]) / pitch - 1) > _FLAT_PIXELS:
        raise CalibrationError(f"the tip's pixels are {plain(float(tip['pitch']), 'm')}, those of the image "
                               f"{plain(float(pitch), 'm')}: estimate the tip from images of this pixel size")
    found = certainty.reconstruct(height, shape, noise_bound=bound)
    result[f"{channel}_surface"] = result[channel].copy(data=found.surface).assign_attrs(
        long_name="highest surface that the image and the tip allow")
    result[f"{channel}_certain"] = (result[channel].dims, found.certain, {
        "long_name": "pixels that the tip touched for sure; elsewhere the surface is an upper bound"})
    return result, {"certain": float(found.certain.mean()), "noise_bound": bound}


def told(opened: xr.Dataset, result: xr.Dataset, out: Path | None, channel: str, *, as_json: bool) -> list[str]:
    """What the command line says of an image; the result and its page are stored where ``out`` says."""
    found = json.loads(result.attrs["corrections"])
    outputs = [] if out is None else keep(result, page(result, channel), out)
    if as_json:
        return [json.dumps(found | {"outputs": [str(path) for path in outputs]})]
    unit = str(result[channel].attrs["units"])
    return [*summary(opened), _headline(found), *(f"{row.name}: {row.line}. {row.meaning}" for row in
                                                  _findings(found, unit)),
            *_remarks(found), *found.get("guard", []), *(f"-> {path}" for path in outputs)]


def page(result: xr.Dataset, channel: str = "height") -> Page:
    """The page about a corrected image."""
    found = json.loads(result.attrs["corrections"])
    x, y = result["x"].values, result["y"].values
    background = result[f"{channel}_background"].values
    leveled = result.get(f"{channel}_leveled", result[channel]).values
    unit = str(result[channel].attrs["units"])
    panels = [Panel("Leveling", "Gray: missing (scars). Right: what was taken off.",
                    (picture(leveled + background, x, y, "as recorded", unit),
                     picture(leveled, x, y, "leveled", unit), picture(background, x, y, "background", unit)))]
    if f"{channel}_std" in result:
        row = result.sizes["y"] // 2
        band = result[channel].values[row], result[f"{channel}_std"].values[row]
        profile = lines([Line("leveled", 1e9 * x, 1e9 * leveled[row]),
                         Line("denoised, ± 2 std", 1e9 * x, 1e9 * band[0], 1e9 * (band[0] - 2 * band[1]),
                              1e9 * (band[0] + 2 * band[1]))], f"line {row}", "x (nm)", "height (nm)")
        panels.append(Panel("Denoising", "; ".join(found["guard"]),
                            (picture(result[channel].values, x, y, "denoised", unit), profile)))
    if f"{channel}_surface" in result:
        surface = result[f"{channel}_surface"].values
        certain = np.where(result[f"{channel}_certain"].values, surface, np.nan)
        panels.append(Panel("Without the tip", "Gray on the right: the tip did not touch there for sure; the surface "
                            "on the left is an upper bound there, no measurement.",
                            (picture(surface, x, y, "highest possible surface", unit),
                             picture(certain, x, y, "touched for sure", unit))))
    name = Path(str(result["file"].item())).name
    return Page("image", name, _headline(found), _findings(found, unit), tuple(_remarks(found)), tuple(panels))


def _headline(found: Mapping[str, Any]) -> str:
    if found.get("guard_kept") is False:
        return "Denoising changed what it must keep: do not use the denoised heights."
    if "certain" in found:
        return f"The tip touched {100 * found['certain']:.0f} % of the pixels for sure."
    return "Leveled" + (f"; {100 * found['missing']:.2g} % of the pixels are scars." if found["missing"] else ".")


def _findings(found: Mapping[str, Any], unit: str) -> tuple[Finding, ...]:
    rows = []
    if np.isfinite(found.get("roughness", np.nan)):
        rows.append(Finding("Roughness Sq", measurement(found["roughness"], unit, [(found["roughness_std"], "")]),
                            f"Root mean square height, with the {100 * found['leveling_bias']:.1f} % of the mean "
                            "square that leveling took away put back (measured: "
                            f"{plain(found['roughness_measured'], unit)})."))
    else:
        rows.append(Finding("Roughness Sq", plain(found["roughness_measured"], unit),
                            "Root mean square height as leveled: a lower bound, for leveling took away more."))
    if found.get("roughness_resolved"):
        rows.append(Finding("Correlation length", plain(found["correlation_length"], "m"),
                            "Where the autocorrelation has fallen to 1/e: blocks of a split should be several times "
                            "as wide."))
    if "noise_std" in found:
        rows.append(Finding("Noise", plain(found["noise_std"], unit), "Of one pixel, from trace and retrace."))
    if "hurst" in found:
        rows.append(Finding("Spectral exponent", f"{found['exponent']:.2f} ± {found['exponent_std']:.2f}",
                            f"Of the surface without noise; Hurst exponent {found['hurst']:.2f}."))
    return tuple(rows)


def _remarks(found: Mapping[str, Any]) -> list[str]:
    remarks = []
    if found.get("roughness_resolved") is False:
        remarks.append("The correlation length is beyond a tenth of the frame: the roughness grows with the frame and "
                       "has no value of its own here.")
    if "certain" in found and not found["noise_bound"]:
        remarks.append("Without a retrace the noise is not known: the map of certain pixels takes the image for exact.")
    return remarks

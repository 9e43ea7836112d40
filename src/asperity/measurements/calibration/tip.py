"""The tip from images of a rough surface."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.data import calibrations as calibration
from asperity.data import provenance
from asperity.data.calibrations import CalibrationError
from asperity.data.jobs import Progress
from asperity.data.verbs import verb
from asperity.instrument.blind_tip import TipBound, bound_tip
from asperity.instrument.blind_tip import noise_bound as noise_bound_of
from asperity.instrument.spring_constant import Estimate
from asperity.instrument.tip_radius import largest_radius, pixel_error, radius_of
from asperity.instrument.tip_shape import Paraboloid, RoundedPyramid, ShapeFit, SphereCone, fit_shape
from asperity.measurements.calibration.record import calibration_of, constant
from asperity.measurements.force_curves.read import Paths
from asperity.measurements.images import correct as imaging
from asperity.measurements.images.read import read_image
from asperity.messages import ArgumentError, DataError, one_of
from asperity.report.numbers import plain

__all__ = ["tip"]

_CONFIDENCE = 0.995  # that no pixel errs by more than the bound from trace and retrace
_LARGEST = 4.5  # standard deviations of the noise that no pixel of an image exceeds: where only a bound is given
_FAR = 3.0  # standard deviations of a fitted radius, by which it may be above the limit
_NO_RADIUS = Estimate(math.nan, math.nan, math.nan)
_PASSES = 100  # through the images, at most
_SHAPES = {"sphere_cone": SphereCone, "paraboloid": Paraboloid, "pyramid": RoundedPyramid}


@verb(images="image")
def tip(images: Paths | Sequence[xr.Dataset], *, size: int = 31, shape: str = "sphere_cone", channel: str = "height",
        noise_bound: float | None = None, progress: Progress | None = None) -> xr.Dataset:
    """The shape of the tip, from images of a rough surface alone.

    The bluntest tip that can have made the images is an outer bound of the true one: provable, if no pixel errs by
    more than the noise bound and the part of the tip that touches lies within ``size``.

    Args:
        images: files, or images (see `asperity.data.images`) of one pixel size, not leveled: a plane taken off shears
            the tip, too.
        size: pixels of the tip, odd.
        shape: ``sphere_cone``, ``paraboloid`` or ``pyramid``, to be fitted for the radius.
        channel: of heights.
        noise_bound: m, the greatest error of a pixel (of the mean of trace and retrace, where there are both); by
            default from their difference, and 0 without a retrace.
        progress: called with (pass, passes at most).

    Returns:
        ``radius`` and ``half_angle`` of the shape with their uncertainties, and ``tip_height`` on pixels of
        ``tip_pitch``.

    Raises:
        CalibrationError: no such channel, a film, pixels of different sizes, or too few known tip pixels.
    """
    one_of("shape", shape, _SHAPES)
    if size % 2 == 0:
        raise ArgumentError(f"size = {size}: must be odd, so that the apex has a pixel of its own")
    opened, step = _images_of(images, {"size": size, "shape": shape, "channel": channel, "noise_bound": noise_bound})
    if not opened:
        raise ArgumentError("images is an empty list: name at least one of a rough surface")
    pixels = np.array([imaging.pixel(image) for image in opened])
    if np.ptp(pixels) > 0.01 * pixels.max():
        raise DataError(f"the pixels are from {plain(float(pixels.min()), 'm')} to "
                        f"{plain(float(pixels.max()), 'm')} wide: one size is needed, and square ones")
    plain_steps = imaging.Steps(level=None)
    seen = [_seen(image, channel, noise_bound, plain_steps) for image in opened]
    bound, pitch = max(one.bound for one in seen), float(pixels.mean())
    tell = None if progress is None else lambda number, _: progress(number, _PASSES)
    frames = [one.height for one in seen]
    found = bound_tip(frames, (size, size), noise_bound=bound, passes=_PASSES, progress=tell)
    try:
        fitted = fit_shape(_SHAPES[shape], found.heights, pixel=(pitch, pitch))
    except DataError as error:
        raise CalibrationError(str(error)) from error
    limit = largest_radius(found.heights, pitch)
    end = _end(frames, fitted, max(one.std for one in seen), pitch, limit)
    made = _tip_numbers(found, fitted, end, pitch, limit)
    return calibration_of(made, "tip", _about_tip(found, fitted, end, bound, pitch, limit, noise_bound is None), step)


class _Seen(NamedTuple):
    height: np.ndarray  # (row, column) m; NaN where trace and retrace contradict each other
    bound: float  # m, the greatest error of a pixel
    std: float  # m, of the noise of a pixel; 0 where it is not known


class _End(NamedTuple):
    """The radius of the end of the tip; NaN with the reason where there is none."""

    radius: Estimate
    why: str = ""
    by_noise: bool = False  # whether it was read off what a blunter tip cuts from the noisy images


def _seen(image: xr.Dataset, channel: str, given: float | None, steps: imaging.Steps) -> _Seen:
    """The mean of trace and retrace and its noise; the trace alone counts as exact where no bound is given."""
    name = f"{channel}_retrace"
    trace = imaging.leveled(imaging.one_frame(image, channel), steps)[0]
    if name not in image:
        return _Seen(trace, given or 0.0, (given or 0.0) / _LARGEST)
    retrace = imaging.leveled(imaging.one_frame(image, name), steps)[0]
    found = noise_bound_of(trace, retrace, confidence=_CONFIDENCE)
    mean = np.where(found.outliers, np.nan, (trace + retrace) / 2)
    return _Seen(mean, found.bound / math.sqrt(2) if given is None else given, found.std / math.sqrt(2))


def _end(frames: Sequence[np.ndarray], fitted: ShapeFit, noise: float, pitch: float, limit: float) -> _End:
    """The radius by what a blunter tip cuts off the images; of exact images by the shape fitted to the bound."""
    fit = float(vars(fitted.shape)["radius"])
    if not fit >= pitch:
        return _End(_NO_RADIUS, "the apex comes out sharper than a pixel of "
                    f"{plain(pitch, 'm')}. Noise, or jumps from line to line, beyond the noise bound have cut the tip: "
                    "raise the bound (--noise), or scan finer")
    if fit - _FAR * fitted.std["radius"] - pixel_error(fit, pitch) > limit:
        return _End(_NO_RADIUS, f"the shape fitted to the outer bound has a radius of "
                    f"{plain(fit, 'm')}, blunter than that bound itself allows ({plain(limit, 'm')}): the bound has "
                    "another shape. Steps, jumps from line to line or particles make such a one")
    if not noise > 0:
        return _End(Estimate(fit, fitted.std["radius"], pixel_error(fit, pitch)))
    try:
        found = radius_of(frames, pitch, noise, largest=limit, size=len(fitted.residual),
                          ball=not isinstance(fitted.shape, Paraboloid))
    except DataError as error:
        return _End(_NO_RADIUS, str(error))
    return _End(Estimate(found.radius, found.std_statistical, found.std_systematic), by_noise=True)


def _images_of(images: Any, arguments: Mapping[str, Any]) -> tuple[list[xr.Dataset], dict[str, Any]]:
    several = list(images) if isinstance(images, Sequence) and not isinstance(images, str) else [images]
    datasets = [image for image in several if isinstance(image, xr.Dataset)]
    if len(datasets) == len(several):
        return datasets, provenance.step("calibrate.tip", arguments)
    names = [str(name) for name in several]
    return [read_image(name) for name in names], provenance.step(
        "calibrate.tip", {"images": names, **arguments}, inputs=[provenance.file_record(name) for name in names])


def _tip_numbers(found: TipBound, fitted: ShapeFit, end: _End, pitch: float, limit: float) -> xr.Dataset:
    """The constants: the radius of the end, and the angle of the shape, whose error grows as that of the radius."""
    heights = np.where(np.isfinite(found.heights), found.heights, np.nan)
    constants = constant("radius", end.radius)
    if "half_angle" in fitted.std and "half_angle" in calibration.CONSTANTS and not end.why:
        angle, apart = vars(fitted.shape)["half_angle"], abs(vars(fitted.shape)["radius"] / end.radius.value - 1)
        constants |= constant("half_angle", Estimate(float(angle), fitted.std["half_angle"], float(angle * apart)))
    return xr.Dataset({**constants,
                       "tip_height": (("v", "u"), heights, {"units": "m", "long_name": "outer bound of the tip"}),
                       "tip_shape_residual": (("v", "u"), fitted.residual, {"units": "m"}),
                       "tip_radius_limit": ((), limit, {"units": "m", "long_name": "upper limit of the radius"}),
                       "tip_pitch": ((), pitch, {"units": "m"})})


def _about_tip(found: TipBound, fitted: ShapeFit, end: _End, bound: float, pitch: float, limit: float,
               guessed: bool) -> list[str]:
    most = f"its radius at most {plain(limit, 'm')}" if math.isfinite(limit) else "nothing bounds its radius"
    said = [f"The tip is nowhere blunter than this, and {most}, if no pixel errs by "
            f"more than {plain(bound, 'm')} and the part that touches lies within the estimate. Where the sample has "
            "no sharp feature, the true tip is sharper: the radius is then an upper limit, too.",
            f"The shape fits the bound with a misfit of {fitted.misfit:.2g}."]
    if end.by_noise:
        said.insert(0, "The radius is the one from which on a blunter tip cuts the noisy images: the noise does not "
                       f"enlarge it. Its systematic error is that of pixels of {plain(pitch, 'm')} and of finding it.")
    if end.why:
        said.insert(0, f"No radius: {end.why}.")
    if not found.settled:
        said.append("The images would lower the bound further: it was stopped.")
    if bound == 0 and guessed:
        said.append("There is no retrace to tell the noise: the images were taken for exact. Noise makes the tip too "
                    "sharp then; give a noise bound.")
    return said

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
from asperity.instrument.tip_shape import Paraboloid, RoundedPyramid, ShapeFit, SphereCone, fit_shape
from asperity.measurements.calibration.record import calibration_of, constant
from asperity.measurements.force_curves.read import Paths
from asperity.measurements.images import correct as imaging
from asperity.measurements.images.read import read_image
from asperity.messages import ArgumentError, DataError, one_of
from asperity.report.numbers import plain

__all__ = ["tip"]

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
    flat = [imaging.image(image, channel=channel, level=None, scars=True) for image in opened]
    seen = [_seen(image, channel, noise_bound) for image in flat]
    bound, pitch = max(one.bound for one in seen), float(pixels.mean())
    tell = None if progress is None else lambda number, _: progress(number, _PASSES)
    frames = [one.height for one in seen]
    found = bound_tip(frames, (size, size), noise_bound=bound, passes=_PASSES, progress=tell)
    half = found
    if bound > 0:
        half = bound_tip(frames, (size, size), noise_bound=bound / 2, passes=_PASSES, progress=tell)
    try:
        fitted, sharper = (fit_shape(_SHAPES[shape], one.heights, pixel=(pitch, pitch)) for one in (found, half))
    except DataError as error:
        raise CalibrationError(str(error)) from error
    return calibration_of(_tip_numbers(found, fitted, sharper, pitch), "tip",
                          _about_tip(found, fitted, bound, pitch, noise_bound is None), step)


class _Seen(NamedTuple):
    height: np.ndarray  # (row, column) m; NaN where trace and retrace contradict each other
    bound: float  # m, the greatest error of a pixel


def _seen(image: xr.Dataset, channel: str, given: float | None) -> _Seen:
    """The mean of trace and retrace and its noise bound; the trace alone counts as exact where no bound is given."""
    trace, retrace = image[channel].values, f"{channel}_retrace"
    if retrace not in image:
        return _Seen(trace, given or 0.0)
    found = noise_bound_of(trace, image[retrace].values)
    mean = np.where(found.outliers, np.nan, (trace + image[retrace].values) / 2)
    return _Seen(mean, found.bound / math.sqrt(2) if given is None else given)


def _images_of(images: Any, arguments: Mapping[str, Any]) -> tuple[list[xr.Dataset], dict[str, Any]]:
    several = list(images) if isinstance(images, Sequence) and not isinstance(images, str) else [images]
    datasets = [image for image in several if isinstance(image, xr.Dataset)]
    if len(datasets) == len(several):
        return datasets, provenance.step("calibrate.tip", arguments)
    names = [str(name) for name in several]
    return [read_image(name) for name in names], provenance.step(
        "calibrate.tip", {"images": names, **arguments}, inputs=[provenance.file_record(name) for name in names])


def _tip_numbers(found: TipBound, fitted: ShapeFit, sharper: ShapeFit, pitch: float) -> xr.Dataset:
    """The constants, statistical by the fit and systematic by what half the noise bound would change."""
    heights = np.where(np.isfinite(found.heights), found.heights, np.nan)
    constants = {}
    for name, std in fitted.std.items():
        if name in calibration.CONSTANTS:
            value = float(getattr(fitted.shape, name)) if _resolved(fitted, pitch) else math.nan
            constants |= constant(name, Estimate(value, std, abs(value - float(getattr(sharper.shape, name)))))
    return xr.Dataset({**constants,
                       "tip_height": (("v", "u"), heights, {"units": "m", "long_name": "outer bound of the tip"}),
                       "tip_shape_residual": (("v", "u"), fitted.residual, {"units": "m"}),
                       "tip_pitch": ((), pitch, {"units": "m"})})


def _resolved(fitted: ShapeFit, pitch: float) -> bool:
    """Whether the fitted apex is blunter than a pixel: a sharper one is a spike that noise has left."""
    return float(vars(fitted.shape)["radius"]) >= pitch


def _about_tip(found: TipBound, fitted: ShapeFit, bound: float, pitch: float, guessed: bool) -> list[str]:
    said = [f"The tip is nowhere blunter than this, if no pixel errs by more than {plain(bound, 'm')} and the part "
            "that touches lies within the estimate. Where the sample has no sharp feature, the true tip is sharper: "
            "the radius is then an upper limit.", f"The shape fits the bound with a misfit of {fitted.misfit:.2g}."]
    if not _resolved(fitted, pitch):
        said.insert(0, f"No radius: the apex comes out sharper than a pixel of {plain(pitch, 'm')}. Noise, or jumps "
                       "from line to line, beyond the noise bound have cut the tip: raise the bound (--noise), or "
                       "scan finer.")
    if not found.settled:
        said.append("The images would lower the bound further: it was stopped.")
    if bound:
        said.append("The systematic error is what half that bound would change.")
    if bound == 0 and guessed:
        said.append("There is no retrace to tell the noise: the images were taken for exact. Noise makes the tip too "
                    "sharp then; give a noise bound.")
    return said

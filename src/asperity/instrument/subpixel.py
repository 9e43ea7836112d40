r"""Heights between the samples: the quintic spline through a frame, displaced as a whole or read anywhere."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.interpolate import BSpline

from asperity.messages import DataError

__all__ = ["at_places", "damping", "displaced", "scan", "spline_coefficients"]

_DEGREE = 5  # of the spline: its error falls as the sixth power of the sampling
_REACH = np.arange(-3, 4)  # samples whose B-spline is not zero within half a sample
_BASIS = BSpline.basis_element(np.arange(-3.0, 4.0), extrapolate=False)
_SLOPE = _BASIS.derivative()


def scan(surface: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    r"""What a sharp tip reads at any places of a surface: the forward model of drift, $h(x) = s(x)$.

    Quintic spline interpolation. Its error falls as the sixth power of the sampling: for waves of 3, 6, 12
    samples it is at most 4e-2, 2e-4, 2e-6 of their amplitude. A virtual scan therefore takes a surface that
    is sampled more finely than the frame.

    Args:
        surface: (rows, columns) heights.
        coordinates: (2, ...) row and column of each sample, in samples of the surface.

    Returns:
        (...) heights; NaN outside the surface.

    Raises:
        ValueError: a surface or coordinates of another shape, or heights that are not finite.
    """
    surface, coordinates = np.asarray(surface, np.float64), np.asarray(coordinates, np.float64)
    if surface.ndim != 2 or coordinates.shape[:1] != (2,):
        raise ValueError(f"surface must be (rows, columns) and coordinates (2, ...); got {surface.shape} and "
                         f"{coordinates.shape}")
    if not np.isfinite(surface).all():
        raise DataError("the surface has missing heights; fill them before it is interpolated")
    edge = np.reshape(surface.shape, (2,) + (1,) * (coordinates.ndim - 1)) - 1
    outside = np.any((coordinates < 0) | (coordinates > edge), axis=0)
    return np.where(outside, np.nan, at_places(spline_coefficients(surface), coordinates))


def at_places(coefficients: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The spline with the coefficients of `spline_coefficients` at any places (2, ...), mirrored at the edges."""
    return ndimage.map_coordinates(coefficients, places, order=_DEGREE, mode="mirror", prefilter=False)


def spline_coefficients(frame: np.ndarray) -> np.ndarray:
    """Coefficients of the quintic B-spline through the samples of a frame, mirrored at its edges."""
    return ndimage.spline_filter(frame, _DEGREE, output=np.float64, mode="mirror")


def displaced(coefficients: np.ndarray, offset: np.ndarray, slope_along: int | None = None) -> np.ndarray:
    """The spline at x + offset for all samples x, or its derivative along one axis.

    Args:
        coefficients: (rows, columns) of `spline_coefficients`.
        offset: (2,) samples, within +-1/2.
        slope_along: axis of the derivative.
    """
    for axis, distance in enumerate(offset):
        taps = _taps(_SLOPE if axis == slope_along else _BASIS, distance)
        coefficients = ndimage.correlate1d(coefficients, taps, axis=axis, mode="mirror")
    return coefficients


def _taps(spline: BSpline, offset: float) -> np.ndarray:
    return np.nan_to_num(spline(offset - _REACH))


def damping(offset: np.ndarray) -> float:
    """The part of the variance of white noise that is left at an offset (2,) of a fraction of a sample."""
    impulse = np.zeros(61)
    impulse[30] = 1.0
    line = ndimage.spline_filter1d(impulse, _DEGREE, output=np.float64, mode="mirror")
    kernels = (ndimage.correlate1d(line, _taps(_BASIS, distance), mode="mirror") for distance in offset)
    return float(np.prod([np.sum(kernel**2) for kernel in kernels]))

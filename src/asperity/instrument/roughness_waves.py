r"""Waves in an image: single modes that stand out from all others of their wavelength, of gratings, lattices or hum.

On a surface without order the power of a mode over the mean power of its ring is exponentially distributed: among n
modes the chance that one exceeds t times that mean is about $n e^{-t}$. The mean is taken from the median, over
$\ln 2$, which waves do not move. Offsets of lines raise all modes without a wave along the line: a mode must stand out
from those of as many waves along the line, too. A grating of the surface and hum of the mains look alike in one image.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation, binary_propagation, median_filter

from asperity.instrument.roughness_rings import mode_powers

__all__ = ["Waves", "waves"]

_STANDS_OUT = 18.0  # times the mean power of its ring: by chance in one image of 128 x 128 pixels among ten thousand
_BESIDE = 4.0  # times that mean, for modes that hang together with it: the taper spreads a wave over several
_NEIGHBORS = 17  # modes of as many waves along the line, from which a mode stands out
_FEWEST = 3.0  # waves in the frame: of fewer no wave stands out from the roughness of one frame
_LEAST = 1e-3  # of the variance, from which there are waves


class Waves(NamedTuple):
    """What stands out from the modes of an image."""

    modes: np.ndarray  # bool, (rows, columns of the half plane)
    rms: float  # m, of all of them; 0 where there are none
    length: float  # m, wavelength of the strongest
    angle: float  # rad from the fast axis, of its direction, -pi/2 ... pi/2


def waves(height: np.ndarray, pitch: tuple[float, float], *, order: int) -> Waves:
    """The waves of an image.

    Args:
        height: (rows, columns) in m, NaN where missing.
        pitch: m along rows and columns.
        order: of the polynomials taken off here, all terms up to this total degree.
    """
    power, ring, weight = mode_powers(height, pitch, order)
    usual = np.maximum(_usual(power, ring), median_filter(power, (_NEIGHBORS, 1), mode="wrap") / math.log(2))
    clear = (ring >= 0) & (_count(np.shape(height)) >= _FEWEST)
    seeds = clear & (power > _STANDS_OUT * usual)
    near = binary_propagation(seeds, np.ones((3, 3)), mask=(ring >= 0) & (power > _BESIDE * usual))
    modes = np.asarray(binary_dilation(near, np.ones((3, 3))), bool) & (ring >= 0)
    total = float((weight * power).sum())
    if not (weight * power)[modes].sum() > _LEAST * total:
        return Waves(np.zeros(power.shape, bool), 0.0, math.nan, math.nan)
    excess = np.where(modes, np.maximum(power - usual, 0.0), 0.0)
    variance = 2 * float((weight * excess).sum()) / np.size(height)
    return Waves(modes, math.sqrt(variance), *_strongest(excess, np.shape(height), pitch))


def _usual(power: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """The mean power of each mode's ring, from the median."""
    order = np.argsort(ring, axis=None)
    sizes = np.bincount(ring.ravel() + 1)
    parts = np.split(power.ravel()[order], np.cumsum(sizes)[:-1])
    middle = np.array([np.median(part) if part.size else np.inf for part in parts])
    return middle[ring + 1] / math.log(2)


def _waves_along(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = shape
    return np.fft.fftfreq(rows, 1 / rows)[:, None], np.arange(columns // 2 + 1.0)[None, :]


def _count(shape: tuple[int, ...]) -> np.ndarray:
    """Waves in the frame of every mode."""
    return np.hypot(*_waves_along(shape))


def _strongest(excess: np.ndarray, shape: tuple[int, ...], pitch: tuple[float, float]) -> tuple[float, float]:
    """Wavelength and direction: the center of power of the strongest mode and its neighbors."""
    place = np.unravel_index(int(excess.argmax()), excess.shape)
    near = np.zeros(excess.shape, bool)
    near[place] = True
    near = np.asarray(binary_dilation(near, np.ones((3, 3))), bool)
    part = np.where(near, excess, 0.0) / excess[near].sum()
    rows, columns = (float((part * waves).sum()) / (n * step)
                     for waves, n, step in zip(_waves_along(shape), shape, pitch, strict=True))
    angle = math.atan2(rows, columns)
    return 1 / math.hypot(rows, columns), angle - math.pi if angle > math.pi / 2 else angle

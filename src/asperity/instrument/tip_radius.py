r"""The radius of a tip from noisy images of a rough surface, where noise and not the sample limits a blind estimate.

An image that a tip made is equal to its opening with that tip, and with any sharper one; a blunter one cuts it. Of an
image with noise of standard deviation s, split into two halves with independent noise as in `tip_refinement`, the
opened first half predicts the second with the risk

$$\rho(R) = \frac{1}{s^2} \left\langle \bigl[(I_1 \circ P_R)(x) + c - I_2(x)\bigr]^2 \right\rangle, \qquad \rho \le 4
\quad (R \le R^*), \qquad \sqrt{\rho(R) - \rho_0} \propto \ln R - \ln R^* \quad (R > R^*)$$

since what is cut off the image grows in proportion to the curvature that is missing. The straight line through the
roots just beyond $\rho_0$ meets zero at R*. The shape is one with a single number: a paraboloid, or the ball at the end
of a cone or pyramid, whatever its flanks; its apex may stand between the pixels, at nine places, of which the highest
opening counts. Samples whose sharpest features are blunter than the tip show themselves instead: R is an upper limit in
any case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from asperity.instrument.morphology import opening
from asperity.messages import DataError

__all__ = ["RadiusFit", "end_of_tip", "largest_radius", "pixel_error", "radius_of"]

_STEP = 1.03  # of one radius to the next
_STRIDE = 4  # steps at once, on the way down from the largest radius
_SPLITS = 1  # split of each image, taken both ways
_THROUGH = 4.0  # risk of a tip that lets all noise through
_CUT = 1.0  # risk above that, from which the tip cuts the images
_PLACES = tuple((i / 3, j / 3) for i in (-1, 0, 1) for j in (-1, 0, 1))  # of the apex between the pixels, in pixels
_BETWEEN = 0.03  # of the radius: what apexes between these places leave (1 to 5 % on surfaces finer than the pixel)
_LEAST = 0.4  # pixels that a radius has at least
_ROUNDS = 8  # of halving the way to R*, at most
_NEAR = 0.3  # steps from R* that are near enough
_BLOCKS = 4  # along each side of a frame, for the jackknife
_SEED = 7


class RadiusFit(NamedTuple):
    """The radius of the end of a tip."""

    radius: float  # m
    std_statistical: float  # m, from leaving out parts of the images
    std_systematic: float  # m, of the pixel and of the straight line
    risk: float  # at R*: near 4 or below where a tip of this shape made the images


def end_of_tip(radius: float, size: int, pitch: float, *, ball: bool,
               apex: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """A paraboloid, or half of a ball and nothing beyond, (size, size) in m, less its highest pixel.

    Args:
        radius: m.
        size: pixels, odd.
        pitch: m.
        ball: or else a paraboloid.
        apex: where it is, in pixels from the center along rows and columns.
    """
    place = [(np.arange(size) - size // 2 - shift) * pitch for shift in apex]
    square = np.add.outer(place[0] ** 2, place[1] ** 2)
    inside = square < radius**2
    heights = np.where(inside, np.sqrt(np.where(inside, radius**2 - square, 0.0)) - radius, -np.inf) if ball else (
        -square / (2 * radius))
    return heights - heights.max()


def largest_radius(bound: np.ndarray, pitch: float) -> float:
    r"""The largest R, in m, that an outer bound P of the tip allows: the least $(r^2 + P^2) / (2 |P|)$ over its pixels.

    No pixel of the true tip is above the bound, and a tip with an end of radius R falls at most like the ball.

    Args:
        bound: (odd, odd) heights P in m, apex 0 at the center; not finite where nothing is known.
        pitch: m.
    """
    rows, columns = (np.arange(n) - n // 2 for n in bound.shape)
    square = pitch**2 * np.add.outer(rows**2, columns**2)
    known = np.isfinite(bound) & (bound < 0)
    if not known.any():
        return math.inf
    return float(np.min((square[known] + bound[known] ** 2) / (-2 * bound[known])))


def pixel_error(radius: float, pitch: float) -> float:
    """What pixels leave open of a radius, in m: p^2 / 2R, by which a ball falls within one of them."""
    return pitch**2 / (2 * radius)


def radius_of(images: Sequence[np.ndarray], pitch: float, noise_std: float, *, largest: float, size: int,
              ball: bool) -> RadiusFit:
    """The radius at which a blunter tip begins to cut the images.

    Args:
        images: (rows, columns) in m, NaN where missing.
        pitch: m, of the square pixels.
        noise_std: s > 0 in m, of a pixel; independent from pixel to pixel.
        largest: m, where to begin: `largest_radius` of an outer bound.
        size: pixels of the tip, odd.
        ball: whether the end is a ball, else a paraboloid.

    Raises:
        DataError: the images are cut at no radius up to the largest, or even at the pixel, or there is no largest.
    """
    if not math.isfinite(largest):
        raise DataError("the images fall nowhere by more than their noise: they tell nothing of a tip")
    risks = _Risks(images, pitch, noise_std, size, ball)
    top, bottom = (math.ceil(math.log(one) / math.log(_STEP)) for one in (1.2 * largest / pitch, _LEAST))
    points = _descended(risks, top, bottom)
    crossing = _line(risks, points)
    if not bottom < crossing < top:
        where = "up to the largest that the outer bound allows" if crossing >= top else "down to that of the pixel"
        raise DataError(f"no radius {where} separates tips that the images rule out from those that they allow")
    blocks = np.arange(risks.blocks(top).shape[1])
    parts = np.array([_line(risks, points, blocks != k) for k in blocks])
    radius = pitch * _STEP**crossing
    statistical = radius * math.log(_STEP) * math.sqrt((len(parts) - 1) * float(np.var(parts)))
    line = radius * (_STEP ** (points[0] - crossing) - 1)
    systematic = math.hypot(line / math.sqrt(3), pixel_error(radius, pitch), _BETWEEN * radius)
    return RadiusFit(radius, statistical, systematic, risks.mean(crossing))


class _Risks:
    """The risk of radii pitch * step^k, each computed once: summed over blocks of the images."""

    def __init__(self, images: Sequence[np.ndarray], pitch: float, noise_std: float, size: int, ball: bool) -> None:
        self._images = [np.asarray(image, float) / noise_std for image in images]
        self._pitch, self._noise, self._size, self._ball = pitch, noise_std, size, ball
        rng = np.random.default_rng(_SEED)
        self._splits = [rng.standard_normal((_SPLITS, *image.shape)) for image in self._images]
        self._known: dict[float, np.ndarray] = {}

    def blocks(self, number: float) -> np.ndarray:
        """(2, blocks): the sums of squares, and the numbers of pixels."""
        if number not in self._known:
            tip = np.stack([end_of_tip(self._pitch * _STEP**number, self._size, self._pitch, ball=self._ball, apex=apex)
                            for apex in _PLACES]) / self._noise
            with jax.enable_x64(True):
                maps = [np.asarray(_square(jnp.asarray(image), jnp.asarray(split), jnp.asarray(tip)))
                        for image, split in zip(self._images, self._splits, strict=True)]
            self._known[number] = np.concatenate([_summed(one) for one in maps], axis=1)
        return self._known[number]

    def mean(self, number: float) -> float:
        """Over all pixels."""
        total, count = self.blocks(number).sum(axis=1)
        return float(total / count)


@jax.jit
def _square(image: jax.Array, splits: jax.Array, tips: jax.Array) -> jax.Array:
    """The squared miss of each pixel, mean over the splits and both ways; the tip may stand between pixels."""
    def one(noise: jax.Array) -> jax.Array:
        opened = lax.map(lambda tip: opening(image + noise, tip), tips).max(axis=0)
        miss = opened - (image - noise)
        return (miss - jnp.nanmean(miss)) ** 2

    return lax.map(one, jnp.concatenate([splits, -splits])).mean(axis=0)


def _summed(square: np.ndarray) -> np.ndarray:
    rows, columns = (np.array_split(np.arange(n), _BLOCKS) for n in square.shape)
    parts = [square[np.ix_(r, c)] for r in rows for c in columns]
    return np.array([[np.nansum(part) for part in parts], [np.isfinite(part).sum() for part in parts]])


def _descended(risks: _Risks, top: int, bottom: int) -> tuple[float, float]:
    """The two radii, in steps, whose line gives R*: down from the top, then ever nearer to where it meets zero."""
    low, high = float(top - _STRIDE), float(top)
    while _line(risks, (low, high)) < low - _STRIDE and low - _STRIDE > bottom and risks.mean(low) > _THROUGH + _CUT:
        low, high = low - _STRIDE, low
    if risks.mean(low) < _THROUGH + _CUT:
        low, high = high, high + _STRIDE
    for _ in range(_ROUNDS):
        crossing = _line(risks, (low, high))
        middle = crossing + (low - crossing) / 2
        nearer = _line(risks, (middle, low))
        if low - crossing < _NEAR or nearer < crossing - _NEAR / 2 or risks.mean(middle) < _THROUGH + _CUT:
            break
        low, high = middle, low
    return low, high


def _line(risks: _Risks, points: tuple[float, float], kept: np.ndarray | slice = slice(None)) -> float:
    """Where the straight line through the roots of two risks, less what noise alone makes, meets zero."""
    def mean(number: float) -> float:
        total, count = risks.blocks(number)[:, kept].sum(axis=1)
        return float(total / count)

    floor = min(_THROUGH, mean(points[0] - _STRIDE))
    first, second = (math.sqrt(max(mean(number) - floor, 0.0)) for number in points)
    return points[0] - first * (points[1] - points[0]) / (second - first) if second > first else points[1]

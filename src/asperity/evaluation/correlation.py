r"""How far apart two places must be to be two measurements: the correlation length of a map, measured.

The autocorrelation $C(r) = \langle z(p) z(q) \rangle$ over all pairs of known points at the distance r, about the mean
of the known points, averaged over directions; on a map by FFT, with numerator and number of pairs from the same
transform of the mask, so that missing pixels and edges count for nothing. Two things stand between it and the
length at which the correlation has fallen to 1/e:

- noise of the single pixel is no structure: $C$ is extrapolated to r = 0 from its first three distances;
- the mean of a finite map takes the longest waves with it: every $C(r)$ is too low by the variance v of that mean.
  The length $L_0$ found first gives $v = C(0) g / (1 - g)$, $g = \langle e^{-r/L_0} \rangle$ over all pairs, and
  $(C(r) + v) / (C(0) + v)$ the length; where that does not fall to 1/e within half the map, it is $L_0$.

The standard deviation comes from leaving out one of 4 x 4 blocks of the map at a time (jackknife of ln L). A length
above an eighth of the map is not resolved: it is a lower bound in effect, as structure as wide as the map cannot
be told from a tilt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.fft import next_fast_len

from asperity.messages import DataError

__all__ = ["Correlation", "of_map", "of_points"]

_BLOCKS = 4  # along each side, for the jackknife
_RESOLVED = 8.0  # correlation lengths along a map
_MOST_POINTS = 1500  # of which all pairs are taken
_CROSSING = math.exp(-1)


class Correlation(NamedTuple):
    """The correlation length in m with its standard deviation; infinite if 1/e is not reached within half the map."""

    length: float
    std: float  # m; NaN where blocks of the map give no length
    resolved: bool  # at least 8 lengths along the map: else a lower bound in effect
    noise_share: float  # of the variance that is not correlated from point to point
    distance: np.ndarray  # (k,) m
    correlation: np.ndarray  # (k,) of the structure, corrected for the mean of the finite map


class _Pairs(NamedTuple):
    """Sums over the pairs of points by distance, up to half the map, and the distances of all pairs."""

    distance: np.ndarray  # (k,) m, mean in each class; 0 first
    covariance: np.ndarray  # (k,)
    all_distances: np.ndarray  # (l,) m
    share: np.ndarray  # (l,) of all pairs


def of_map(values: Any, *, pitch: tuple[float, float], known: Any = None) -> Correlation:
    """The correlation length of a map.

    Args:
        values: (rows, columns) of any quantity; NaN where not known.
        pitch: m between rows and between columns.
        known: (rows, columns) bool; leaves out more pixels.

    Raises:
        ValueError: not two-dimensional, fewer than 16 pixels along a side, a constant map, or too little of it known.
    """
    z = np.asarray(values, np.float64)
    if z.ndim != 2 or min(z.shape) < 16 or not all(0 < p < math.inf for p in pitch):
        raise DataError(f"values {z.shape} must be a map of at least 16 x 16 pixels, pitch {pitch} two lengths in m")
    inside = np.isfinite(z) & (True if known is None else np.asarray(known, bool))
    _check_known(z[inside], z.size)
    blocks = (np.arange(z.shape[0]) * _BLOCKS // z.shape[0])[:, None] * _BLOCKS + np.arange(
        z.shape[1]) * _BLOCKS // z.shape[1]
    size = min(n * p for n, p in zip(z.shape, pitch))
    return _measured(lambda kept: _map_pairs(z, kept, pitch), inside, blocks, size)


def of_points(values: Any, positions: Any, *, seed: int = 0) -> Correlation:
    """The correlation length of values at scattered places.

    Args:
        values: (n,) of any quantity; NaN where not known.
        positions: (n, 2) x and y in m.
        seed: of the 1500 points drawn where there are more.

    Raises:
        ValueError: shapes that do not fit, fewer than 64 points, all at one place, or constant values.
    """
    z, place = np.asarray(values, np.float64), np.asarray(positions, np.float64)
    if z.ndim != 1 or place.shape != (len(z), 2) or not np.isfinite(place).all():
        raise ValueError(f"values {z.shape} must be (n,), positions {place.shape} finite and (n, 2)")
    chosen = np.flatnonzero(np.isfinite(z))
    if len(chosen) > _MOST_POINTS:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, _MOST_POINTS, replace=False))
    z, place = z[chosen], place[chosen]
    _check_known(z, 64)
    low, span = place.min(axis=0), np.ptp(place, axis=0)
    if not span.min() > 0:
        raise DataError("the positions must extend along x and y")
    cells = np.minimum((place - low) / span * _BLOCKS, _BLOCKS - 1).astype(int)
    step = math.sqrt(span[0] * span[1] / len(z))
    return _measured(lambda kept: _point_pairs(z[kept], place[kept], step, float(span.min()) / 2),
                     np.ones(len(z), bool), cells[:, 0] * _BLOCKS + cells[:, 1], float(span.min()))


def _check_known(known: np.ndarray, of: int) -> None:
    """Raise unless there is something to correlate."""
    needed = max(64, of // 10)
    if known.size < needed:
        raise DataError(f"{known.size} known points are too few for a correlation length; {needed} are needed")
    if not np.ptp(known) > 1e-12 * np.abs(known).max(initial=0.0):
        raise DataError("the values are constant: they have no correlation length")


def _measured(pairs_of: Callable[[np.ndarray], _Pairs], inside: np.ndarray, blocks: np.ndarray,
              size: float) -> Correlation:
    """The length from all known points, its deviation from those outside each block."""
    pairs = pairs_of(inside)
    curve = _structure(pairs)
    length = _crossing(pairs.distance, curve)
    parts = [inside & (blocks != block) for block in np.unique(blocks[inside])]
    others = (pairs_of(part) for part in parts if part.any())
    logs = np.log([_crossing(other.distance, _structure(other)) for other in others])
    deviation = math.nan
    if math.isfinite(length) and np.isfinite(logs).all() and len(logs) > 1:
        deviation = length * math.sqrt((len(logs) - 1) * float(np.var(logs)))
    noise = 1 - _at_zero(pairs) / pairs.covariance[0]
    return Correlation(length, deviation, bool(length * _RESOLVED <= size), float(noise), pairs.distance, curve)


def _map_pairs(z: np.ndarray, inside: np.ndarray, pitch: tuple[float, float]) -> _Pairs:
    """Sums by distance from the transforms of map and mask, zero-padded to twice their size."""
    shape = [int(next_fast_len(2 * n, real=True) or 0) for n in z.shape]
    centered = np.where(inside, z - z[inside].mean(), 0.0)
    product, count = (_with_itself(array, shape) for array in (centered, inside.astype(float)))
    lag = [np.fft.fftfreq(n, 1 / n) * p for n, p in zip(shape, pitch)]
    return _by_distance(np.hypot(lag[0][:, None], lag[1]).ravel(), product.ravel(), np.round(count).ravel(), max(pitch),
                        min(n * p for n, p in zip(z.shape, pitch)) / 2)


def _with_itself(array: np.ndarray, shape: list[int]) -> np.ndarray:
    """The sum of the products of all pixels with those at each lag."""
    spectrum = np.fft.rfft2(array, shape)
    return np.fft.irfft2(spectrum.real**2 + spectrum.imag**2, shape)


def _point_pairs(z: np.ndarray, place: np.ndarray, step: float, farthest: float) -> _Pairs:
    """Sums by distance over all pairs of points, each with itself first."""
    first, second = np.triu_indices(len(z))
    distance = np.hypot(*(place[first] - place[second]).T)
    centered = z - z.mean()
    weight = np.where(first == second, 1.0, 2.0)
    return _by_distance(distance, weight * centered[first] * centered[second], weight, step, farthest)


def _by_distance(distance: np.ndarray, product: np.ndarray, count: np.ndarray, step: float,
                 farthest: float) -> _Pairs:
    """Means in classes of one step; class 0 holds the distance 0 alone."""
    which = np.where(distance > 0, np.maximum(np.rint(distance / step).astype(int), 1), 0)
    pairs, total, far = (np.bincount(which, w) for w in (count, product, distance * count))
    there = np.flatnonzero(pairs > 0)
    mean = far[there] / pairs[there]
    near = mean <= farthest
    return _Pairs(mean[near], (total[there] / pairs[there])[near], mean, pairs[there] / pairs.sum())


def _at_zero(pairs: _Pairs) -> float:
    """The covariance of the structure at r = 0: the parabola through the first three distances."""
    at_zero = np.polynomial.polynomial.polyfit(pairs.distance[1:4], pairs.covariance[1:4], 2)[0]
    return float(np.clip(at_zero, pairs.covariance[1], pairs.covariance[0]))


def _structure(pairs: _Pairs) -> np.ndarray:
    """The correlation of the structure at each distance, corrected for the mean of the finite map."""
    zero = _at_zero(pairs)
    curve = np.concatenate([[zero], pairs.covariance[1:]])
    first = _crossing(pairs.distance, curve / zero)
    if not math.isfinite(first):
        return curve / zero
    g = float(np.exp(-pairs.all_distances / first) @ pairs.share)
    lost = zero * g / (1 - g)
    corrected = (curve + lost) / (zero + lost)
    return corrected if corrected.min() < _CROSSING else curve / zero


def _crossing(distance: np.ndarray, correlation: np.ndarray) -> float:
    """The first distance at which the correlation falls to 1/e, between two classes; infinite if it does not."""
    below = np.flatnonzero(correlation < _CROSSING)
    if not len(below):
        return math.inf
    i = int(below[0])
    part = (correlation[i - 1] - _CROSSING) / (correlation[i - 1] - correlation[i])
    return float(distance[i - 1] + part * (distance[i] - distance[i - 1]))

r"""An approach as a Gaussian process sees it: means over bins, with the covariance of their noise.

Bins are as wide as the force law needs: in proportion to the separation before contact, evenly in the square root of
the indentation behind it. The noise is that of the baseline's far half with its spectrum (`asperity.learning.noise`),
so that waves and drift, which look like a slow force, are known as such; the covariance of two means is the sum of the
autocovariance over both bins. A tilt of the baseline against the height is no bending of the lever and is taken off the
tip's position; in the force it stays.

The noise n of the force is also one of the tip's position, -n/k: an observed force differs from F at the observed
position by n (1 + F'/k). Where the contact is steeper than the lever, a fit over positions with their noise would
flatten it. There the position is that of a smooth force S over the height, and the force $S + (y - S)(1 + F'/k)$: by
Newton's method F at that position with the same noise.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import matmul_toeplitz

from asperity.contact import AbstractElasticContact
from asperity.learning import noise
from asperity.learning.attachment import find_jump
from asperity.messages import DataError

__all__ = ["FEWEST", "Binned", "binned"]

_BINS_OUTSIDE = 56
_BINS_INSIDE = 36
#: samples before contact, at least: the noise is learnt from half of them
FEWEST = 48
_TRIED = 161  # places of the surface that are tried
_POWERS = np.array([0.0, 1.0, 1.5, 2.0, 3.0])  # of a smooth contact: a soft one starts with 1.5, a stiff one is a line
_FEWEST_INSIDE = 20  # samples in contact, to be smoothed
_NEAREST = 3.0  # samples: the width of the bins next to the surface


class Binned(NamedTuple):
    """One approach, farthest first."""

    separation: np.ndarray  # (bin,) m from the rough surface; negative in contact
    height: np.ndarray  # (bin,) m of the lever's base above where it is at the rough surface
    force: np.ndarray  # (bin,) N, the baseline's line not taken off
    covariance: np.ndarray  # (bin, bin) N^2, of the noise of the recorded force
    samples: np.ndarray  # (bin,) of each mean
    noise: float  # N, standard deviation of one sample about the mean of the far baseline
    surface: float  # m, tip position of the rough surface,
    surface_std: float  # and how far off it may be
    stiffness: float  # N: force of the rough contact at the largest depth
    depth: float  # m
    slope: np.ndarray  # (bin,) dF/dx of the rough contact, N/m


def binned(position: np.ndarray, force: np.ndarray, counted: np.ndarray, model: AbstractElasticContact,
           spring_constant: float = np.inf) -> Binned:
    """The approach of one curve.

    Args:
        position: (sample,) m, of the tip, rising towards the sample; farthest first.
        force: (sample,) N.
        counted: (sample,) bool: a sample that the file holds, no glitch.
        model: of the contact; its shape alone is used.
        spring_constant: N/m, by which the position holds the force; infinite if it does not.

    Raises:
        DataError: fewer than 48 samples before contact.
    """
    attached, use = find_jump(force[None], counted[None])
    attached, use = attached[0], use[0]
    position, force, attached = position[use], force[use], attached[use]
    order = np.flatnonzero(use)
    surface, width, amplitude = _rough(position, force, attached, model)
    outside = (int(np.flatnonzero(attached > 0)[0]) if (attached > 0).any() else
               int(np.searchsorted(np.maximum.accumulate(position), surface)))
    if outside < FEWEST:
        raise DataError(f"{outside} samples before contact; a force law needs {FEWEST}, of which the far half shows "
                        "the noise. Record from further away")
    height = -(position + force / spring_constant)
    height = height - np.interp(outside, np.arange(len(height)), height)
    smooth = _smooth(height, force, outside)
    separation = surface - position + (smooth - force - _tilt(height, force, outside) * height) / spring_constant
    edges = _edges(separation, outside)
    samples = np.diff(edges)
    separations, heights, smooths, noises = (np.add.reduceat(values, edges[:-1]) / samples
                                             for values in (separation, height, smooth, force - smooth))
    slope = amplitude * _slope(model, -separations)
    forces = smooths + noises * (1 + slope / spring_constant)
    covariance, level = _noise(force[: outside // 2], len(force), order, edges)
    depth = max(float(-separation[outside:].min(initial=0.0)), width)
    stiffness = float(amplitude * _shape(model, np.array([depth]))[0])
    return Binned(separations, heights, forces, covariance, samples, level, surface, width, stiffness, depth, slope)


def _smooth(height: np.ndarray, force: np.ndarray, outside: int) -> np.ndarray:
    """The force, in contact by powers of the way of the base there."""
    way = height[outside:].max(initial=-np.inf) - height[outside:]
    if len(way) < _FEWEST_INSIDE or not way.max() > 0:
        return force
    columns = (way / way.max())[:, None] ** _POWERS
    return np.concatenate([force[:outside], columns @ np.linalg.lstsq(columns, force[outside:], rcond=None)[0]])


def _tilt(height: np.ndarray, force: np.ndarray, outside: int) -> float:
    """The slope of the baseline's far half, N/m."""
    far = slice(0, outside // 2)
    apart = height[far] - height[far].mean()
    return float(apart @ force[far] / max(apart @ apart, 1e-300))


def _shape(model: AbstractElasticContact, indentation: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(model.shape)(jnp.asarray(indentation).ravel())).reshape(indentation.shape)


def _slope(model: AbstractElasticContact, indentation: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(jax.grad(model.shape))(jnp.asarray(indentation)))


def _rough(position: np.ndarray, force: np.ndarray, attached: np.ndarray,
           model: AbstractElasticContact) -> tuple[float, float, float]:
    """Surface, how far off it may be, and amplitude of the contact, beside a line and a step of adhesion.

    The surface is looked for about the jump, or over the whole window where there is none, and then more closely.
    """
    window = float(np.ptp(position))
    step = _NEAREST * window / len(position)
    if (attached > 0).any():
        place = int(np.flatnonzero(attached > 0)[0])
        reach = max(abs(float(position[place] - position[max(place - 1, 0)])), step)
        tried = position[place] + np.linspace(-1, 1, _TRIED) * reach
    else:
        coarse = np.linspace(position.min(), position.max(), _TRIED)[1:-1]
        reach = 2 * window / _TRIED
        tried = coarse[np.argmin(_costs(position, force, coarse, model)[0])] + np.linspace(-1, 1, _TRIED) * reach
    costs, amplitudes = _costs(position, force, tried, model)
    best = int(np.argmin(costs))
    near = tried[costs <= 2 * costs[best]]
    return float(tried[best]), max(float(np.ptp(near)) / 2, step), float(amplitudes[best])


def _costs(position: np.ndarray, force: np.ndarray, tried: np.ndarray,
           model: AbstractElasticContact) -> tuple[np.ndarray, np.ndarray]:
    """Sum of squares that is left with the surface at each place, and the amplitude of the contact there."""
    centered = (position - position[0]) / np.ptp(position)
    shapes = _shape(model, np.maximum(position - tried[:, None], 0.0))
    costs, found = np.full(len(tried), np.inf), np.zeros(len(tried))
    for number, (at, shape) in enumerate(zip(tried, shapes)):
        if shape.max() > 0:
            columns = np.stack([np.ones_like(force), centered, shape / shape.max(), (position > at) * 1.0], axis=1)
            weights, *_ = np.linalg.lstsq(columns, force, rcond=None)
            found[number] = weights[2] / shape.max()
            costs[number] = np.square(force - columns @ weights).sum() if weights[2] > 0 else np.inf
    return costs, found


def _edges(separation: np.ndarray, outside: int) -> np.ndarray:
    """The first samples of the bins, and the end: even in ln(separation) outside, in the root of the depth inside."""
    count = len(separation)
    step = max(float(np.median(-np.diff(separation[:outside]))), 1e-15)
    nearest = max(float(separation[outside - 1]), 0.0)
    far = separation[0] - nearest + _NEAREST * step
    place = np.geomspace(_NEAREST * step, far, _BINS_OUTSIDE + 1)[::-1] - _NEAREST * step + nearest
    first = outside - np.searchsorted(separation[:outside][::-1], place[:-1], side="left")
    inside = outside + np.round(np.linspace(0, 1, _BINS_INSIDE + 1) ** 1.5 * (count - outside)).astype(int)
    return np.unique(np.concatenate([[0], np.clip(first, 0, outside), inside]))


def _noise(baseline: np.ndarray, count: int, order: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, float]:
    """The covariance of the noise of the bins' means (N^2), and the standard deviation of a sample about its mean."""
    length = int(order[-1] - order[0]) + 1
    size = noise.baseline_length([baseline])
    seen = noise.of_baselines([baseline], size, length)
    learnt = noise.learn(seen, length, size)
    density = np.exp(noise.mean_power(learnt, noise.spectra(learnt, seen)).mean[0])
    lags = density @ noise.autocovariance(length, length)
    sums = np.zeros((length, len(edges) - 1))
    for column, (first, last) in enumerate(pairwise(edges)):
        sums[order[first:last] - order[0], column] = 1 / (last - first)
    return sums.T @ matmul_toeplitz(lags, sums), _about_mean(lags, len(baseline))


def _about_mean(lags: np.ndarray, count: int) -> float:
    """The standard deviation of so many samples about their mean: what is slower than they last is their level."""
    pairs = 2.0 * (count - np.arange(count))
    pairs[0] = count
    return float(np.sqrt(max(lags[0] - pairs @ lags[:count] / count**2, 0.0)))

r"""A smooth property of a plane by a Gaussian process: what some curves tell of it at places without one.

$$y_i = f(x_i) + e_i, \qquad \operatorname{Cov}[f(x), f(x')] = c^2 + s^2 k_{3/2}(|x - x'| / l), \qquad
  \operatorname{Var} e_i = \sigma_i^2 + g^2$$

with the Matern kernel of order 3/2, the known noise $\sigma_i^2$ of each curve, a nugget $g^2$ of what changes from
place to place at once, and a level of any size (c, the standard deviation of the values). l, s and g are the most
probable ones under wide log-normal priors, found by Fisher's scoring,

$$\theta \leftarrow \theta - F^{-1} \nabla, \qquad
  F_{kl} = \tfrac12 \operatorname{tr}(C^{-1} \dot C_k C^{-1} \dot C_l)$$

In NumPy: at an instrument the number of curves is another one at every call, and each would be compiled. Places and
lengths have one unit, y any other.

Source: Rasmussen, Williams, Gaussian Processes for Machine Learning (2006), sec. 2.2, 5.4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

__all__ = ["Field", "KnownField", "density", "field_of", "held_out", "seen", "thinned"]

_MOST = 384  # points that length, size and nugget are sought on; more tell them no better
_DECADE = 1.0  # standard deviation of ln(length)
_WIDE = 2.0  # and of the logarithms of the variances of field and nugget
_NUGGET = 0.05  # the usual share of the nugget in the variance of the values
_STEADY = 1e-8  # of the variance of the values, added to the noise: places may be the same
_STEPS = 40  # of the search, at most,
_SETTLED = 1e-4  # the last of which changes no logarithm by more,
_HALVINGS = 12  # each cut in half so often, until it improves
_STARTS = (-1.0, 0.0, 1.0)  # standard deviations of ln(length) from its mean, where the search begins
_SEED = 0  # of the points that are drawn: the same values have the same field


class Field(NamedTuple):
    """The process: its numbers have the units of the values and of the places."""

    level: float  # about which the values lie,
    level_std: float  # how far it may be from that
    std: float  # s
    length: float  # l
    nugget: float  # g^2

    def covariance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of the property at places ``a`` (n, 2) and ``b`` (m, 2), the unknown level included: (n, m)."""
        return self.level_std**2 + self.std**2 * _matern(_distance(a, b), self.length)[0]

    @property
    def variance(self) -> float:
        """Of the property at one place, before anything was measured."""
        return self.level_std**2 + self.std**2


class KnownField(NamedTuple):
    """What the data tell of the field at some places: `mean`, and the half of what they take off its covariance."""

    mean: np.ndarray  # (place,)
    variance: np.ndarray  # (place,)
    half: np.ndarray  # (point, place): the covariance is that of the field less half^T half


def thinned(count: int, most: int) -> np.ndarray:
    """All of ``count`` indices, or ``most`` of them, drawn evenly, always the same ones."""
    return np.arange(count) if count <= most else np.sort(np.random.default_rng(_SEED).permutation(count)[:most])


def field_of(places: np.ndarray, values: np.ndarray, noise: np.ndarray, pitch: float) -> Field:
    """The most probable field of the ``values`` (n,) with variances ``noise`` at ``places`` (n, 2).

    Args:
        pitch: the finest distance that is asked about; the length is expected between it and the size of the area.
    """
    level, scale = float(np.average(values)), float(np.std(values)) or 1.0
    extent = float(np.ptp(places, axis=0).max()) or pitch
    use = thinned(len(values), _MOST)
    data = _distance(places[use], places[use]) / pitch, (values[use] - level) / scale, noise[use] / scale**2
    mean = np.array([0.5 * np.log(max(extent / pitch, 1.0)), 0.0, np.log(_NUGGET)])
    std = np.array([_DECADE, _WIDE, _WIDE])
    found = [_scored(data, (mean, std), mean + np.array([start * _DECADE, 0.0, 0.0])) for start in _STARTS]
    length, variance, nugget = np.exp(min(found, key=lambda one: one[0])[1])
    return Field(level, scale, scale * float(np.sqrt(variance)), pitch * float(length), scale**2 * float(nugget))


def seen(field: Field, places: np.ndarray, values: np.ndarray, noise: np.ndarray, at: np.ndarray) -> KnownField:
    """What the ``values`` tell of the field at the places ``at`` (m, 2)."""
    factor = _factor(field, places, noise)
    half = solve_triangular(factor, field.covariance(places, at), lower=True, check_finite=False)
    mean = field.level + half.T @ solve_triangular(factor, values - field.level, lower=True, check_finite=False)
    return KnownField(mean, np.maximum(field.variance - (half**2).sum(axis=0), 0.0), half)


def held_out(field: Field, places: np.ndarray, values: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""What all other values tell of each: its mean and the variance of the value, its noise included.

    $$\mu_i = y_i - [C^{-1} (y - m)]_i / [C^{-1}]_{ii}, \qquad \sigma_i^2 = 1 / [C^{-1}]_{ii}$$
    """
    inverse = cho_solve((_factor(field, places, noise), True), np.eye(len(values)), check_finite=False)
    variance = 1 / np.diag(inverse)
    return values - (inverse @ (values - field.level)) * variance, variance


def density(field: Field, places: np.ndarray, values: np.ndarray, noise: np.ndarray) -> float:
    """The logarithm of the density of the values."""
    factor = _factor(field, places, noise)
    white = solve_triangular(factor, values - field.level, lower=True, check_finite=False)
    return float(-0.5 * white @ white - np.log(np.diag(factor)).sum() - 0.5 * len(values) * np.log(2 * np.pi))


def _factor(field: Field, places: np.ndarray, noise: np.ndarray) -> np.ndarray:
    own = noise + field.nugget + _STEADY * field.variance
    return cholesky(field.covariance(places, places) + np.diag(own), lower=True, check_finite=False)


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])


def _matern(distance: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """The correlation and its derivative by ln(length)."""
    x = np.sqrt(3.0) / length * distance
    fall = np.exp(-x)
    return (1 + x) * fall, x**2 * fall


def _scored(data: tuple[np.ndarray, np.ndarray, np.ndarray], prior: tuple[np.ndarray, np.ndarray],
            theta: np.ndarray) -> tuple[float, np.ndarray]:
    """The least of minus the log posterior from one start, and where it is."""
    value, slope, fisher = _posterior(data, prior, theta)
    for _ in range(_STEPS):
        step = -np.linalg.solve(fisher, slope)
        for _ in range(_HALVINGS):
            new = _posterior(data, prior, theta + step)
            if new[0] < value:
                break
            step = 0.5 * step
        else:
            break
        theta, (value, slope, fisher) = theta + step, new
        if np.abs(step).max() < _SETTLED:
            break
    return value, theta


def _posterior(data: tuple[np.ndarray, np.ndarray, np.ndarray], prior: tuple[np.ndarray, np.ndarray],
               theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Minus the log posterior of ln(length), ln(s^2), ln(g^2), its gradient, and Fisher's information."""
    distance, y, noise = data
    length, variance, nugget = np.exp(theta)
    unit, longer = _matern(distance, length)
    try:
        factor = cholesky(1.0 + variance * unit + np.diag(noise + nugget + _STEADY), lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return np.inf, np.zeros(3), np.eye(3)
    inverse = cho_solve((factor, True), np.eye(len(y)), check_finite=False)
    weights = inverse @ y
    moves = [variance * longer, variance * unit, nugget * np.eye(len(y))]
    turned = [inverse @ one for one in moves]
    off = (theta - prior[0]) / prior[1]
    slope = np.array([0.5 * (np.trace(one) - weights @ move @ weights) for one, move in zip(turned, moves)])
    fisher = np.array([[0.5 * np.sum(one * other.T) for other in turned] for one in turned])
    value = 0.5 * y @ weights + np.log(np.diag(factor)).sum() + 0.5 * off @ off
    return float(value), slope + off / prior[1], fisher + np.diag(prior[1] ** -2.0)

r"""A smooth property of a plane by a Gaussian process: what some curves tell of it at places without one.

$$y_i = f(x_i) + e_i, \qquad \operatorname{Cov}[f(x), f(x')] = c^2 + s^2 k_{3/2}(|x - x'| / l), \qquad
  \operatorname{Var} e_i = \sigma_i^2 + g^2$$

with the Matern kernel of order 3/2, the known noise $\sigma_i^2$ of each curve, a nugget $g^2$ of what changes from
place to place at once, and a level of any size (c, the standard deviation of the values). l, s and g are the most
probable ones under wide log-normal priors. Places and lengths have one unit, y any other.

Source: Rasmussen, Williams, Gaussian Processes for Machine Learning (2006), sec. 2.2, 5.4.2.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.linalg import cho_solve, cholesky, solve_triangular

from asperity.learning.gp._kernel import AbstractKernel, Scalar, scalar
from asperity.learning.gp.dense import log_likelihood
from asperity.learning.gp.hyperparameters import GaussianPrior, maximum
from asperity.learning.gp.kernels import Constant, Matern
from asperity.learning.gp.observed import Observed

__all__ = ["Field", "Plane", "Seen", "field_of", "held_out", "seen"]

_ORDER = 1  # of the Matern kernel: once differentiable, as fields with edges are not even
_BLOCK = 64  # points, to multiples of which a data set is padded: one compiled shape each
_MOST = 384  # points that length, size and nugget are sought on; more tell them no better
_DECADE = 1.0  # standard deviation of ln(length)
_WIDE = 2.0  # and of the logarithms of the variances of field and nugget
_NUGGET = 0.05  # the usual share of the nugget in the variance of the values
_STEADY = 1e-8  # of the variance of the field, added to the noise: places may be the same
_EVERY = 0  # the seed of the starts of the search: the same values have the same field


class Plane(AbstractKernel):
    r"""$s^2 k(|x - x'|)$ of a Matern process of order 3/2, of places in the plane."""

    std: Scalar = scalar()
    length: Scalar = scalar()

    @property
    def states(self) -> int:
        """None of finite dimension."""
        return 0

    @property
    def tail(self) -> float:
        """The variance is the same everywhere."""
        return 0.0

    def covariance(self, a: Array, b: Array) -> Scalar:
        """Of two places, (2,) each; differentiable in the fields alone."""
        return self.std**2 * Matern(self.length, _ORDER).correlation(jnp.sqrt(((b - a) ** 2).sum()))


class Field(NamedTuple):
    """The process: its numbers have the units of the values and of the places."""

    level: float  # about which the values lie,
    level_std: float  # how far it may be from that
    std: float  # s
    length: float  # l
    nugget: float  # g^2

    def covariance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of the property at places ``a`` (n, 2) and ``b`` (m, 2), the unknown level included: (n, m)."""
        x = np.sqrt(3.0) / self.length * np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
        return self.level_std**2 + self.std**2 * (1 + x) * np.exp(-x)  # in NumPy: each shape would be compiled

    @property
    def variance(self) -> float:
        """Of the property at one place, before anything was measured."""
        return self.level_std**2 + self.std**2


class Seen(NamedTuple):
    """What the data tell of the field at some places: `mean`, and the half of what they take off its covariance."""

    mean: np.ndarray  # (place,)
    variance: np.ndarray  # (place,)
    half: np.ndarray  # (point, place): the covariance is that of the field less half^T half


def field_of(places: np.ndarray, values: np.ndarray, noise: np.ndarray, pitch: float) -> Field:
    """The most probable field of the ``values`` (n,) with variances ``noise`` at ``places`` (n, 2).

    Args:
        pitch: the finest distance that is asked about; the length is expected between it and the size of the area.
    """
    level, scale = float(np.average(values)), float(np.std(values)) or 1.0
    extent = float(np.ptp(places, axis=0).max()) or pitch
    use = _thinned(len(values))
    with jax.enable_x64(True):
        data = _padded(places[use] / pitch, (values[use] - level) / scale, noise[use] / scale**2)
        prior = GaussianPrior(jnp.array([0.5 * np.log(max(extent / pitch, 1.0)), 0.0, np.log(_NUGGET)]),
                              jnp.array([_DECADE, _WIDE, _WIDE]))
        found = np.asarray(_most_probable(data, prior))
    length, variance, nugget = np.exp(found)
    return Field(level, scale, scale * float(np.sqrt(variance)), pitch * float(length), scale**2 * float(nugget))


def seen(field: Field, places: np.ndarray, values: np.ndarray, noise: np.ndarray, at: np.ndarray) -> Seen:
    """What the ``values`` tell of the field at the places ``at`` (m, 2)."""
    factor = _factor(field, places, noise)
    half = solve_triangular(factor, field.covariance(places, at), lower=True, check_finite=False)
    mean = field.level + half.T @ solve_triangular(factor, values - field.level, lower=True, check_finite=False)
    return Seen(mean, np.maximum(field.variance - (half**2).sum(axis=0), 0.0), half)


def held_out(field: Field, places: np.ndarray, values: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""What all other values tell of each: its mean and the variance of the value, its noise included.

    $$\mu_i = y_i - [C^{-1} (y - m)]_i / [C^{-1}]_{ii}, \qquad \sigma_i^2 = 1 / [C^{-1}]_{ii}$$
    """
    inverse = cho_solve((_factor(field, places, noise), True), np.eye(len(values)), check_finite=False)
    variance = 1 / np.diag(inverse)
    return values - (inverse @ (values - field.level)) * variance, variance


def _factor(field: Field, places: np.ndarray, noise: np.ndarray) -> np.ndarray:
    own = noise + field.nugget + _STEADY * field.variance
    return cholesky(field.covariance(places, places) + np.diag(own), lower=True, check_finite=False)


def _thinned(count: int) -> np.ndarray:
    """The points that the search for the field uses: all, or as many as it needs, drawn evenly."""
    return np.arange(count) if count <= _MOST else np.sort(np.random.default_rng(_EVERY).permutation(count)[:_MOST])


def _padded(places: np.ndarray, values: np.ndarray, noise: np.ndarray) -> Observed:
    more = -len(values) % _BLOCK
    return Observed(jnp.asarray(np.pad(places, ((0, more), (0, 0)))), jnp.asarray(np.pad(values, (0, more))),
                    jnp.asarray(np.pad(noise, (0, more), constant_values=1.0)),
                    jnp.arange(len(values) + more) < len(values))


@jax.jit
def _most_probable(data: Observed, prior: GaussianPrior) -> Array:
    """The logarithms of the length, of the variance of the field and of the nugget."""
    best, _ = maximum(partial(_likelihood, data), prior, jax.random.key(_EVERY))
    return prior.at(best)


def _likelihood(data: Observed, theta: Array) -> Array:
    kernel = Plane(jnp.exp(0.5 * theta[1]), jnp.exp(theta[0])) + Constant(1.0)
    return log_likelihood(kernel, data._replace(variance=data.variance + jnp.exp(theta[2]) + _STEADY))

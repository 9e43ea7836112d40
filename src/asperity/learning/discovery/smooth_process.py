r"""A Gaussian process of places in a box, by the solver of cubic cost of `asperity.learning.gp.dense`.

$$k(x, x') = a^2 \exp\Big(-\tfrac12 \sum_j \frac{(x_j - x'_j)^2}{l_j^2}\Big), \qquad
  f_i - \hat f_{-i} = \frac{\alpha_i}{(C^{-1})_{ii}}, \qquad \alpha = C^{-1} f$$

with a length for each coordinate and a variance on the diagonal of C for what is not smooth; all of them are the most
probable ones, of values brought to mean 0 and variance 1. The second formula is what a point that is left out is wrong
by, without fitting anew.

Source: Rasmussen, Williams, Gaussian Processes for Machine Learning (2006), sec. 2.2, 5.1, 5.4.2.
"""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float
from scipy.optimize import minimize

from asperity.learning.gp._kernel import AbstractKernel, Scalar
from asperity.learning.gp.dense import gram, log_likelihood
from asperity.learning.gp.observed import Observed, value

__all__ = ["SmoothKernel", "SmoothProcess", "smooth_process"]

_AMPLITUDE_STD = 1.5  # of its logarithm, about 1
_LENGTH_STD = 1.0  # of its logarithm, about 1: half of the box
_ROUGH = 1e-4  # about which lies the standard deviation of what is not smooth,
_ROUGH_STD = 3.0  # with this standard deviation of its logarithm
_STARTS = (-0.7, 0.7)  # lengths from which the search begins, in standard deviations of their prior
_REACH = 5.0  # standard deviations of the prior, to which it may go
_FAILED = 1e10  # cost where the covariance is not positive definite
_LEAST = 1e-6  # of it: with less, the weights are so large that rounding of a place shows in the tenth digit


@final
class SmoothKernel(AbstractKernel):
    """A squared exponential of several coordinates, with a length for each."""

    amplitude: Float[Array, ""]
    lengths: Float[Array, " coordinate"]

    @property
    def states(self) -> int:
        """None is finite."""
        return 0

    @property
    def tail(self) -> float:
        """The variance is the same everywhere."""
        return 0.0

    def covariance(self, a: Float[Array, " coordinate"], b: Float[Array, " coordinate"]) -> Scalar:
        """Of the values at two places."""
        return self.amplitude**2 * jnp.exp(-0.5 * (((a - b) / self.lengths) ** 2).sum())


@final
class SmoothProcess(eqx.Module):
    """What is known of a function after its values at some places."""

    places: Float[Array, "point coordinate"]
    kernel: SmoothKernel  # of values over their scale
    mean: Float[Array, ""]  # of the values,
    scale: Float[Array, ""]  # and their standard deviation
    weights: Float[Array, " point"]
    whitening: Float[Array, "point point"]  # the inverse of the Cholesky factor: a product tells a std
    left_out: Float[Array, " point"]  # what each point was wrong by when it was left out

    def __call__(self, place: Float[Array, " coordinate"]) -> Float[Array, ""]:
        """The most probable value at one place; differentiable."""
        return self.mean + self.scale * self._row(place) @ self.weights

    def std(self, place: Float[Array, " coordinate"]) -> Float[Array, ""]:
        """Its standard deviation."""
        half = self.whitening @ self._row(place)
        return self.scale * jnp.sqrt(jnp.maximum(self.kernel.amplitude**2 - half @ half, 0.0))

    @property
    def left_out_error(self) -> Float[Array, ""]:
        """Root of the mean square of what points left out were wrong by."""
        return jnp.sqrt(jnp.mean(self.left_out**2))

    def _row(self, place: Array) -> Array:
        return jax.vmap(lambda one: self.kernel.covariance(one, place))(self.places)


def smooth_process(places: Any, values: Any) -> SmoothProcess:
    """The process of these values (point,) at these places (point, coordinate) in [-1, 1]^d, in double precision."""
    with jax.enable_x64(True):
        places, values = jnp.asarray(places, float), jnp.asarray(values, float)
        mean, scale = values.mean(), jnp.maximum(values.std(), jnp.finfo(float).tiny)
        unit = (values - mean) / scale
        theta = _hyperparameters(places, unit)
        kernel, rough = _kernel(theta)
        whitening, weights = _conditioned(kernel, rough, places, unit)
        left_out = scale * weights / (whitening**2).sum(axis=0)
        return SmoothProcess(places, kernel, mean, scale, weights, whitening, left_out)


def _kernel(theta: Array) -> tuple[SmoothKernel, Array]:
    """Of logarithms: amplitude, what is not smooth, lengths."""
    return SmoothKernel(jnp.exp(theta[0]), jnp.exp(theta[2:])), jnp.hypot(jnp.exp(theta[1]), _LEAST)


def _hyperparameters(places: Array, unit: Array) -> Array:
    """The most probable ones, from several lengths: one matrix at a time, for many at once fill memory."""
    coordinates = places.shape[1]
    mean = np.array([0.0, np.log(_ROUGH)] + [0.0] * coordinates)
    std = np.array([_AMPLITUDE_STD, _ROUGH_STD] + [_LENGTH_STD] * coordinates)

    def cost(own: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = _cost(jnp.asarray(mean + std * own), places, unit)
        slope = std * np.asarray(slope) + own
        good = np.isfinite(value) and np.isfinite(slope).all()
        return (float(value) + 0.5 * float(own @ own), slope) if good else (_FAILED, np.zeros_like(own))

    starts = [np.array([0.0, 0.0] + [length] * coordinates) for length in _STARTS]
    found = [minimize(cost, start, jac=True, method="L-BFGS-B", bounds=[(-_REACH, _REACH)] * len(mean))
             for start in starts]
    return jnp.asarray(mean + std * min(found, key=lambda one: one.fun).x)


@jax.jit
@jax.value_and_grad
def _cost(theta: Array, places: Array, unit: Array) -> Array:
    """Minus the logarithm of the likelihood."""
    kernel, rough = _kernel(theta)
    return -log_likelihood(kernel, Observed(places, unit, jnp.full(len(unit), rough**2), jnp.ones(len(unit), bool)))


@jax.jit
def _conditioned(kernel: SmoothKernel, rough: Array, places: Array, unit: Array) -> tuple[Array, Array]:
    """The inverse of the Cholesky factor, and the weights."""
    covariance = gram(kernel.covariance, value, places, value, places) + rough**2 * jnp.eye(len(unit))
    factor = jnp.linalg.cholesky(covariance)
    half = solve_triangular(factor, jnp.eye(len(unit)), lower=True)
    return half, half.T @ (half @ unit)

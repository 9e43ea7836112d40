r"""The solver of cubic cost: for kernels of any form and for values that are linear functionals of the process.

$$\ln p(y) = -\tfrac12 y^\top \alpha - \tfrac12 \ln\det C - \tfrac n2 \ln 2\pi, \qquad \alpha = C^{-1} y, \qquad
  \frac{\partial \ln p}{\partial C} = \tfrac12 (\alpha \alpha^\top - C^{-1})$$

with C the covariance of the values, noise included. The derivative is taken in this closed form, not through the
Cholesky factor.

Source: Rasmussen, Williams, Gaussian Processes for Machine Learning (2006), sec. 2.2, 5.4.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float

from asperity.learning.gp._kernel import AbstractKernel
from asperity.learning.gp.observed import Observed, PartPosterior, value

__all__ = ["FittedValues", "Functional", "LinearRows", "condition", "fitted", "gram", "innovations", "log_likelihood",
           "prior_covariance", "prior_rows"]


class LinearRows(NamedTuple):
    r"""Linear functionals as sums over the same nodes, $y_i = \sum_j w_{ij} f(t_j)$: a row for each value of the data.

    The kernel is then evaluated once for each pair of nodes, not of all nodes of each pair of values.
    """

    at: Float[Array | np.ndarray, " node"]
    weight: Float[Array | np.ndarray, "point node"]


#: a linear functional: of a function of a coordinate, at a coordinate; or all of them at once, wherever they are
Functional = Callable[[Callable[[Array], Array], Array], Array] | LinearRows


class FittedValues(NamedTuple):
    """What is known of the functionals of the process that were observed, without their noise, and of that noise."""

    mean: Float[Array, " point"]
    variance: Float[Array, " point"]
    noise: Float[Array, " point"]  # mean of the noise that is not independent; 0 without one


def log_likelihood(kernel: AbstractKernel, data: Observed, functional: Functional = value) -> Float[Array, ""]:
    """The logarithm of the density of ``data.y``, each the ``functional`` of the process at its point."""
    return _density(_covariance(kernel, data, functional), jnp.where(data.there, data.y, 0.0), data.there.sum())


def condition(kernel: AbstractKernel, data: Observed, at: Float[Array, " asked"] | None = None,
              functional: Functional = value) -> PartPosterior:
    """What ``data`` tell of the parts of the kernel and their derivatives at the points ``at`` (by default its own)."""
    at = data.z if at is None else at
    factor = jnp.linalg.cholesky(_covariance(kernel, data, functional))
    weights = cho_solve((factor, True), jnp.where(data.there, data.y, 0.0))
    rows = jnp.where(data.there, prior_rows(kernel, at, functional, data.z), 0.0)
    half = jax.scipy.linalg.solve_triangular(factor, rows.reshape(-1, rows.shape[-1]).T, lower=True)
    half = half.T.reshape(rows.shape)
    return PartPosterior(rows @ weights, prior_covariance(kernel, at) - jnp.einsum("nri,nqi->nrq", half, half))


def fitted(kernel: AbstractKernel, data: Observed, functional: Functional = value) -> FittedValues:
    """What ``data`` tell of the very functionals that they are, and of the correlated part of their noise."""
    factor = jnp.linalg.cholesky(_covariance(kernel, data, functional))
    weights = cho_solve((factor, True), jnp.where(data.there, data.y, 0.0))
    rows = jnp.where(data.there, gram(kernel.covariance, functional, data.z, functional, data.z), 0.0)
    half = jax.scipy.linalg.solve_triangular(factor, rows.T, lower=True)
    return FittedValues(rows @ weights, jnp.diag(rows) - (half**2).sum(axis=0), _slow(data) @ weights)


def innovations(kernel: AbstractKernel, data: Observed, functional: Functional = value) -> Float[Array, " point"]:
    """As `asperity.learning.gp.state_space.innovations`."""
    factor = jnp.linalg.cholesky(_covariance(kernel, data, functional))
    return jax.scipy.linalg.solve_triangular(factor, jnp.where(data.there, data.y, 0.0), lower=True)


def gram(covariance: Callable[[Array, Array], Array], left: Functional, a: Array, right: Functional,
         b: Array) -> Float[Array, "a b"]:
    """The covariances of the functional ``left`` of the process at ``a`` with ``right`` at ``b``."""
    if isinstance(left, LinearRows):
        return jnp.asarray(left.weight) @ gram(covariance, value, jnp.asarray(left.at), right, b)
    if isinstance(right, LinearRows):
        return gram(covariance, left, a, value, jnp.asarray(right.at)) @ right.weight.T

    def pair(one: Array, other: Array) -> Array:
        return left(lambda x: right(lambda y: covariance(x, y), other), one)

    return jax.vmap(lambda one: jax.vmap(lambda other: pair(one, other))(b))(a)


def prior_rows(kernel: AbstractKernel, at: Array, functional: Functional, z: Array) -> Float[Array, "asked row z"]:
    """The covariances of the rows of a `PartPosterior` at ``at`` with the ``functional`` of the process at ``z``."""
    return jnp.stack([gram(part.covariance, asked, at, functional, z) for asked in (value, _slope)
                      for part in kernel.parts], axis=1)


def prior_covariance(kernel: AbstractKernel, at: Array) -> Float[Array, "asked row row"]:
    """The prior covariance of the rows: parts are independent, each of its own derivative only with itself."""
    count = len(kernel.parts)
    total = jnp.zeros((len(at), 2 * count, 2 * count))
    for i, part in enumerate(kernel.parts):
        pair = jnp.array([i, count + i])
        block = jax.vmap(lambda z, part=part: _self(part, z))(at)
        total = total.at[:, pair[:, None], pair].set(block)
    return total


def _slope(f: Callable[[Array], Array], at: Array) -> Array:
    return jax.grad(f)(at)


def _covariance(kernel: AbstractKernel, data: Observed, functional: Functional) -> Array:
    """C of the values; a point that was not observed is a unit variable by itself, whose value is 0."""
    total = gram(kernel.covariance, functional, data.z, functional, data.z) + _slow(data)
    noise = jnp.diag(data.variance) if data.variance.ndim == 1 else data.variance
    return jnp.where(data.there[:, None] & data.there, total + noise, jnp.diag(jnp.where(data.there, 0.0, 1.0)))


def _slow(data: Observed) -> Array:
    """The covariance of the noise that is not independent, (point, point)."""
    if data.noise is None or data.time is None:
        return jnp.zeros((len(data.z), len(data.z)))
    return jnp.where(data.there[:, None] & data.there, gram(data.noise.covariance, value, data.time, value, data.time),
                     0.0)


def _self(part: AbstractKernel, z: Array) -> Array:
    """The prior covariance of one part and its derivative at one point, (2, 2)."""
    k = part.covariance
    return jnp.array([[k(z, z), jax.grad(k, 1)(z, z)], [jax.grad(k)(z, z), jax.grad(jax.grad(k), 1)(z, z)]])


@jax.custom_vjp
def _density(covariance: Array, y: Array, count: Array) -> Array:
    return _with_factor(covariance, y, count)[0]


def _with_factor(covariance: Array, y: Array, count: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    factor = jnp.linalg.cholesky(covariance)
    weights = cho_solve((factor, True), y)
    density = -0.5 * (y @ weights + 2 * jnp.log(jnp.diag(factor)).sum() + count * jnp.log(2 * jnp.pi))
    return density, (factor, weights, count)


def _pulled(kept: tuple[Array, Array, Array], size: Array) -> tuple[Array, Array, None]:
    factor, weights, _ = kept
    inverse = cho_solve((factor, True), jnp.eye(len(factor)))
    return size * 0.5 * (jnp.outer(weights, weights) - inverse), -size * weights, None


_density.defvjp(_with_factor, _pulled)

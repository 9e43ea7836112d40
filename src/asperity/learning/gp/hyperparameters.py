r"""The most probable hyperparameters $\theta$, and draws from a normal distribution about them (Laplace).

The prior is Gaussian in $\theta$, which are logarithms as a rule. The maximum is found by Newton's method, damped, from
the best of many draws from the prior; everything is for one data set and works under `vmap`. Where the posterior has
several maxima or long tails, as of few points, use `asperity.learning.gp.tempering`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["Density", "Draws", "GaussianPrior", "laplace", "maximum"]

#: the logarithm of the density of the data, of hyperparameters
Density = Callable[[Float[Array, " parameter"]], Float[Array, ""]]

_STARTS = 64  # draws from the prior, of which
_TRIED = 2  # the best lead to a maximum each,
_STEPS = 30  # by at most so many steps,
_SETTLED = 1e-6  # the last of which is smaller than this, in standard deviations of the prior
_LONGEST = 2.0  # of them, the longest step
_FLAT = 1e-3  # the least curvature that a step is divided by


class GaussianPrior(NamedTuple):
    """Independent normal distributions of the hyperparameters."""

    mean: Float[Array, " parameter"]
    std: Float[Array, " parameter"]

    def at(self, unit: Float[Array, "*draw parameter"]) -> Float[Array, "*draw parameter"]:
        """The hyperparameters so many standard deviations from the mean."""
        return self.mean + self.std * unit


class Draws(NamedTuple):
    """Equally likely draws from a posterior."""

    theta: Float[Array, "draw parameter"]
    evidence: Float[Array, ""]  # logarithm of the density of the data, the hyperparameters integrated out
    moved: Float[Array, ""]  # share of the last moves that were accepted: far below 0.1 the draws are not to be trusted


def maximum(likelihood: Density, prior: GaussianPrior, key: Array) -> tuple[Array, Array]:
    """The most probable hyperparameters in units of the prior, and the Hessian of minus the log posterior there."""

    def cost(unit: Array) -> Array:
        return 0.5 * (unit**2).sum() - likelihood(prior.at(unit))

    starts = jax.random.normal(key, (_STARTS, len(prior.mean))).at[0].set(0.0)
    value = jnp.nan_to_num(jax.vmap(cost)(starts), nan=jnp.inf)
    found = jax.vmap(lambda start: _newton(cost, start))(starts[jnp.argsort(value)[:_TRIED]])
    best = found[jnp.argmin(jnp.nan_to_num(jax.vmap(cost)(found), nan=jnp.inf))]
    return best, jax.hessian(cost)(best)


def laplace(likelihood: Density, prior: GaussianPrior, key: Array, draws: int) -> Draws:
    """Draws from the normal distribution with the curvature that the posterior has at its maximum.

    No direction is given a larger variance than it has in the prior. ``moved`` is 1: nothing tells how good it is.
    """
    first, second = jax.random.split(key)
    best, hessian = maximum(likelihood, prior, first)
    size, axes = jnp.linalg.eigh(hessian)
    size = jnp.maximum(size, 1.0)
    unit = best + (jax.random.normal(second, (draws, len(best))) / jnp.sqrt(size)) @ axes.T
    evidence = likelihood(prior.at(best)) - 0.5 * (best**2).sum() - 0.5 * jnp.log(size).sum()
    return Draws(prior.at(unit), evidence, jnp.asarray(1.0))


def _newton(cost: Density, start: Array) -> Array:
    """A local minimum: Newton's steps with eigenvalues made positive, damped by as much as it takes to fall."""

    def body(state: tuple[Array, ...]) -> tuple[Array, ...]:
        at, value, damping, _, count = state
        size, axes = jnp.linalg.eigh(jax.hessian(cost)(at))
        step = -axes @ ((axes.T @ jax.grad(cost)(at)) / (jnp.maximum(jnp.abs(size), _FLAT) + damping))
        step = step / jnp.maximum(1.0, jnp.linalg.norm(step) / _LONGEST)
        new, length = cost(at + step), jnp.abs(step).max()
        better = new < value
        return (jnp.where(better, at + step, at), jnp.where(better, new, value),
                jnp.where(better, damping / 10, 10 * jnp.maximum(damping, 1e-2)), length, count + 1)

    def more(state: tuple[Array, ...]) -> Array:
        return (state[3] > _SETTLED) & (state[4] < _STEPS)

    first = start, cost(start), jnp.asarray(0.0), jnp.asarray(jnp.inf), jnp.asarray(0)
    return jax.lax.while_loop(more, body, first)[0]

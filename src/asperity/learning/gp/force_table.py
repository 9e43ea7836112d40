r"""The force law of a table: a force that vanishes far away, on a zero that nobody knows, under noise with a memory.

$$y_i = F(z_i) + b_0 + b_1\,(z_i - \bar z) + d(z_i) + n_i, \qquad
  \operatorname{Cov}(n_i, n_j) = \sigma_i \sigma_j [\delta_{ij} + r^2 e^{-|i-j|/m}]$$

with the default prior of `asperity.learning.gp.force_prior` for F. The level b_0, the tilt b_1 and the drift d, a
Gaussian process (Matern 5/2) as long as half of the range, have sizes in units of the noise that are sampled with the
other hyperparameters, so that data without them are hardly the worse for it; all are integrated out exactly. Beside the
independent noise is an autoregressive one, r times as large, with a memory of m rows; where a table states its noise,
that is both together. Of means over neighboring rows the noise is that of the mean.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from asperity.learning.gp import state_space
from asperity.learning.gp._kernel import AbstractKernel
from asperity.learning.gp.force_prior import FORCE_PRIORS
from asperity.learning.gp.hyperparameters import Draws, GaussianPrior
from asperity.learning.gp.kernels import Constant, Interpolated, Matern
from asperity.learning.gp.observed import Observed, PartPosterior
from asperity.learning.gp.tempering import tempered

__all__ = ["FORCE", "GAP", "NEAREST", "PARAMETERS", "ForceTable", "Told", "answers", "baseline_of", "correlation",
           "draws_of",
           "noise_of", "prior_of", "standardized", "total_noise"]

#: the prior of the force
FORCE = FORCE_PRIORS["decaying"]
#: hyperparameter of a table -> mean and standard deviation of its logarithm
_OWN = {
    "level": (1.1, 1.0),  # standard deviation of the level over that of the noise: 3,
    "tilt": (0.0, 1.0),  # of the tilt times the half range: 1,
    "drift": (-1.5, 1.5),  # of what is neither: 0.2,
    "slow_noise": (-1.2, 1.3),  # and of the noise that has a memory: 0.3
    "memory": (1.1, 1.2),  # of it, in rows: 3
}
#: the hyperparameters of a table: of the force, of the zero of the separations, of baseline and noise
PARAMETERS = (*FORCE.parameters, "nearest_separation", "noise", *_OWN)
#: the place of the nearest separation among them, behind those of the force
GAP = len(FORCE.parameters)
#: of the unit of length: the least separation that a draw may mean
NEAREST = 1e-6
_LAW = np.array([0, 1, 5, 6])  # rows of the posterior that are the force's parts and their derivatives


class ForceTable(NamedTuple):
    """A table in units of the scales, padded."""

    z: Any  # (point,) from the nearest point,
    y: Any  # (point,)
    relative: Any  # (point,) standard deviation of the noise of one row
    rows: Any  # (point,) of which it is the mean
    row: Any  # (point,) the number of the middle one
    there: Any  # (point,)
    gap: Any  # ln of the nearest separation, as the table has it
    gap_std: Any
    noise: Any  # ln of the noise of one row
    noise_std: Any
    stated: Any  # 1: that is of all noise, 0: of the independent one


class Told(NamedTuple):
    """What each draw says: of the parts and their derivatives, and of level and tilt together at the data."""

    law: PartPosterior
    level: Float[Array, "draw point"]
    level_variance: Float[Array, "draw point"]


def prior_of(gap: tuple[Any, Any], noise: tuple[Any, Any]) -> GaussianPrior:
    """The prior of `PARAMETERS` with the ln of the nearest separation and of the noise: mean, standard deviation."""
    mean, std = FORCE.prior
    more = jnp.array([gap, noise, *_OWN.values()])
    return GaussianPrior(jnp.append(mean, more[:, 0]), jnp.append(std, more[:, 1]))


def _split(theta: Array, own: ForceTable) -> tuple[AbstractKernel, Observed]:
    """The kernel and the data of one draw."""
    gap = jnp.exp(theta[GAP])
    variance, slow = noise_of(theta, own)
    flat, tilted, bent = baseline_of(theta, (gap + own.z[0], gap + own.z[-1]))
    return (FORCE.kernel(theta[:GAP], gap) + flat + tilted + bent,
            Observed(own.z + gap, own.y, variance, own.there > 0, own.row, slow))


def baseline_of(theta: Array, ends: tuple[Any, Any]) -> tuple[AbstractKernel, ...]:
    """Level, tilt and drift of one draw, between two places; the tilt is 0 in their middle."""
    noise, level, tilt, drift = jnp.exp(theta[GAP + 1:GAP + 5])
    places = jnp.stack([jnp.asarray(end) for end in ends])
    return (Constant(noise * level), Interpolated(places, noise * jnp.stack([-tilt, tilt])),
            Constant(noise * drift) * Matern((places[1] - places[0]) / 2))


def noise_of(theta: Array, own: Any) -> tuple[Array, AbstractKernel]:
    """The variance of the independent noise of means over rows, and the kernel of the slow one over the row.

    ``own`` is a `ForceTable`, or has its ``relative``, ``rows``, ``row`` and ``stated``.
    """
    share, memory = jnp.exp(2 * theta[-2]), jnp.exp(theta[-1])
    bare = jnp.exp(theta[GAP + 1]) * own.relative / jnp.sqrt(1 + own.stated * share)
    slow = Interpolated(jnp.asarray(own.row), bare * jnp.sqrt(share * _of_means(own.rows, memory))) * Matern(memory, 0)
    return bare**2 / own.rows, slow


def correlation(theta: Array | np.ndarray) -> np.ndarray:
    """The correlation of the noise of neighboring rows, of each draw."""
    share, memory = np.exp(2 * np.asarray(theta[:, -2])), np.exp(np.asarray(theta[:, -1]))
    return share / (1 + share) * np.exp(-1 / memory)


def total_noise(theta: Array | np.ndarray, stated: bool) -> float:
    """The standard deviation of the noise of one row, both kinds together, by the mean over the draws."""
    noise = np.exp(np.asarray(theta[:, GAP + 1]))
    return float((noise if stated else noise * np.sqrt(1 + np.exp(2 * np.asarray(theta[:, -2])))).mean())


def _of_means(rows: Array, memory: Array) -> Array:
    """The variance of the mean over so many rows of an autoregressive noise of variance 1."""
    kept = jnp.exp(-1 / memory)
    return (rows * (1 - kept**2) - 2 * kept * (1 - kept**rows)) / (rows * (1 - kept)) ** 2


@partial(jax.jit, static_argnums=2)
def draws_of(own: ForceTable, key: Array, draws: int) -> Draws:
    """Draws of the hyperparameters from their posterior."""
    prior = prior_of((own.gap, own.gap_std), (own.noise, own.noise_std))
    return tempered(lambda theta: state_space.log_likelihood(*_split(theta, own)), prior, key, draws)


@jax.jit
def standardized(own: ForceTable, theta: Array) -> Array:
    """What each value departs from its prediction by the rows before, by the most likely of the draws."""
    value = jax.lax.map(lambda draw: state_space.log_likelihood(*_split(draw, own)), theta)
    return state_space.innovations(*_split(theta[jnp.argmax(value)], own))


@jax.jit
def answers(own: ForceTable, theta: Array, at: Array) -> Told:
    """The parts and derivatives at ``at`` (from the nearest point), and the baseline at the data, for each draw."""
    order = jnp.argsort(jnp.concatenate([own.z, at]), stable=True)
    place = jnp.argsort(order)
    row = jax.lax.cummax(jnp.concatenate([own.row, jnp.interp(at, own.z, own.row)])[order])

    def filled(values: Array, fill: float) -> Array:
        return jnp.concatenate([values, jnp.full(len(at), fill)])[order]

    def one(draw: Array) -> Told:
        kernel, data = _split(draw, own)
        asked = Observed(jnp.concatenate([data.z, jnp.maximum(at + jnp.exp(draw[GAP]), NEAREST)])
                         [order], filled(data.y, 0.0), filled(data.variance, 1.0), filled(own.there, 0.0) > 0, row,
                         data.noise)
        found = state_space.condition(kernel, asked)
        seen, told = place[:len(own.z)], place[len(own.z):]
        law = PartPosterior(found.mean[told][:, _LAW], found.covariance[told][:, _LAW[:, None], _LAW])
        return Told(law, found.mean[seen, 2:5].sum(axis=1), found.covariance[seen, 2:5, 2:5].sum(axis=(1, 2)))

    return jax.lax.map(one, theta)

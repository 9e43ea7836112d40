r"""How much a measurement is expected to tell, before it is made: nats by which it narrows what is known.

For data $y = f(\theta) + e$ with Gaussian noise and a Gaussian prior, the expected information is

$$I(\theta; y) = \mathrm E\,[\ln p(y\mid\theta) - \ln p(y)] ,$$

with $\theta$ and y drawn from the model. The evidence $p(y)$ is averaged over draws of $\theta$ from a Gaussian around
the posterior's mode (Laplace) with their importance: thirty such draws are enough, while draws from the prior need more
than $e^I$ of them. Of one parameter alone, what is learnt after all others are averaged out is
$\mathrm E\,[\ln p(y\mid\theta_1) - \ln p(y)]$, both evidences made in this way: an experiment that tells much of the
contact point tells nothing of the modulus by that.

Draws are the same for every design that is asked with the same key, so that designs are compared by their difference;
they come in antithetic pairs, and their second moments are made exact, with which a linear model has no error of the
outer draws at all.

Source: Ryan, Drovandi, McGree, Pettitt, Int. Stat. Rev. 84, 128 (2016); Beck, Dia, Espath, Long, Tempone, Comput.
Methods Appl. Mech. Eng. 334, 523 (2018).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from asperity.learning.discovery.small_systems import lower_root, solved, solved_lower, solved_upper
from asperity.messages import ArgumentError

__all__ = ["Outlook", "expected_information", "linear_information", "linear_marginal"]

_STEPS = 12  # of Gauss and Newton to the mode, from the truth: a model that is nearly linear needs three
_WIDER = 1.15  # times the posterior's width by Laplace: draws must reach into its tails


class Outlook(NamedTuple):
    """The parameters' ``mean`` and ``std`` beforehand (independent, Gaussian), (d,), and the ``noise`` std, (n,)."""

    mean: Array
    std: Array
    noise: Array


def linear_information(slopes: Array, std: Array, noise: Array) -> Array:
    r"""$\frac12\ln\det(1 + A^T A)$ with A the (n, d) ``slopes`` in units of prior and noise: exact if linear."""
    scaled = slopes * std / noise[:, None]
    return jnp.log(jnp.diagonal(lower_root(jnp.eye(slopes.shape[1]) + scaled.T @ scaled))).sum()


def linear_marginal(slopes: Array, std: Array, noise: Array, of: int = 0) -> Array:
    """Nats about the parameter ``of`` alone, ln of its prior over its posterior width: exact if linear."""
    scaled = slopes * std / noise[:, None]
    unit = jnp.zeros(slopes.shape[1]).at[of].set(1.0)
    return -jnp.log(solved(jnp.eye(slopes.shape[1]) + scaled.T @ scaled, unit)[of]) / 2


def expected_information(forward: Callable[[Array], Array], outlook: Outlook, key: Array, *, outer: int = 500,
                         inner: int = 30, of: int | None = None) -> Array:
    """Nats that data tell about all parameters, or about one of them.

    Args:
        forward: (d,) -> (n,), differentiable.
        outlook: what is known beforehand.
        key: of the draws; the same for designs that are to be compared.
        outer: draws of parameters and noise, an even number above twice n + d.
        inner: draws for the evidence of each.
        of: which parameter; None is all.

    Raises:
        ArgumentError: too few outer draws for their second moments.
    """
    dimension, count = len(outlook.mean), len(outlook.noise)
    if outer % 2 or outer <= 2 * (dimension + count):
        raise ArgumentError(f"outer = {outer}: must be an even number above {2 * (dimension + count)}, twice the "
                            "parameters and data")
    first, second = jax.random.split(key)
    drawn = _matched(jax.random.normal(first, (outer // 2, dimension + count)))
    within = jax.random.normal(second, (outer // 2, inner // 2, dimension))

    def residual(place: Array, data: Array) -> Array:
        return (data - forward(outlook.mean + outlook.std * place)) / outlook.noise

    def one(both: Array, draws: Array) -> Array:
        truth, error = both[:dimension], both[dimension:]
        data = forward(outlook.mean + outlook.std * truth) + outlook.noise * error
        told = -(error**2).sum() / 2
        if of is not None:
            rest = jnp.array([i for i in range(dimension) if i != of])
            told = _evidence(lambda place: residual(truth.at[rest].set(place), data), truth[rest],
                             draws[:, : dimension - 1])
        return told - _evidence(lambda place: residual(place, data), truth, draws)

    return jnp.mean(jax.vmap(one)(jnp.concatenate([drawn, -drawn]), jnp.concatenate([within, within])))


def _matched(draws: Array) -> Array:
    """Draws that, each with its negative, have unit covariance exactly."""
    return solved_lower(lower_root(draws.T @ draws / len(draws)), draws.T).T


def _evidence(residual: Callable[[Array], Array], start: Array, draws: Array) -> Array:
    """ln of the mean of exp(-residual^2 / 2) over a standard normal prior, by importance around its mode."""
    slopes = jax.jacfwd(residual)

    def closer(_: int, place: Array) -> Array:
        a, r = slopes(place), residual(place)
        return place - solved(jnp.eye(len(place)) + a.T @ a, a.T @ r + place)

    mode = jax.lax.fori_loop(0, _STEPS, closer, start)
    a = slopes(mode)
    root = lower_root(jnp.eye(len(mode)) + a.T @ a)
    spread = _WIDER * solved_upper(root, draws.T).T
    places = mode + jnp.concatenate([spread, -spread])
    squares = jnp.concatenate([draws, draws])
    joint = jax.vmap(lambda place: -((residual(place) ** 2).sum() + (place**2).sum()) / 2)(places)
    drawn = -(squares**2).sum(1) / 2 + jnp.log(jnp.diagonal(root)).sum() - len(mode) * jnp.log(_WIDER)
    return jax.scipy.special.logsumexp(joint - drawn) - jnp.log(len(places))

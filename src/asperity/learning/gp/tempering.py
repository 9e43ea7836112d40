r"""Draws from the posterior of hyperparameters, through tempered distributions: for any number of maxima.

Particles are drawn from the prior and led to the posterior through densities prior x likelihood^b, with b rising
from 0 to 1 so that the weights of a step are worth half of the particles. After each step they are drawn anew by
weight, and moved: the particles of one half along differences of those of the other (differential evolution), accepted
by the rule of Metropolis. The weights also give the evidence. Works for one data set and under `vmap`.

Source: Del Moral, Doucet, Jasra, J. R. Stat. Soc. B 68, 411 (2006) (sequential Monte Carlo); ter Braak, Stat. Comput.
16, 239 (2006) (moves).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array

from asperity.learning.gp.hyperparameters import Density, Draws, GaussianPrior

__all__ = ["tempered"]

_WORTH = 0.5  # of the particles, what the weights of one step are worth
_HALVINGS = 30  # to find that step
_MOVES = 10  # of each half, after each step but the last,
_LAST = 30  # and after that
_SCALE = 2.38  # over the square root of twice the number of parameters: the best for a normal distribution
_JUMP = 0.1  # share of the moves along a whole difference, from one maximum to another
_JITTER = 1e-3  # standard deviation of what is added to a move, in those of the prior
_MOST_STEPS = 100  # of the temperature


def tempered(likelihood: Density, prior: GaussianPrior, key: Array, draws: int) -> Draws:
    """``draws`` draws, an even number: 64 for quantiles to a tenth, 512 for hundredths."""

    def density(units: Array) -> Array:
        return jnp.nan_to_num(jax.vmap(lambda unit: likelihood(prior.at(unit)))(units), nan=-jnp.inf, neginf=-1e300)

    first, key = jax.random.split(key)
    units = jax.random.normal(first, (draws, len(prior.mean)))

    def step(state: tuple[Array, ...]) -> tuple[Array, ...]:
        units, value, power, evidence, key, count = state
        key, one, other = jax.random.split(key, 3)
        gain = _gain(value, power)
        weight = jnp.where(gain > 0, gain * value, 0.0)
        evidence = evidence + logsumexp(weight) - jnp.log(draws)
        kept = _systematic(one, jnp.exp(weight - logsumexp(weight)))
        power = power + gain
        units, value, _ = _moved(density, units[kept], value[kept], power, other, _MOVES)
        return units, value, power, evidence, key, count + 1

    start = units, density(units), jnp.asarray(0.0), jnp.asarray(0.0), key, jnp.asarray(0)
    units, value, _, evidence, key, _ = jax.lax.while_loop(
        lambda state: (state[2] < 1) & (state[5] < _MOST_STEPS), step, start)
    units, _, accepted = _moved(density, units, value, jnp.asarray(1.0), key, _LAST)
    return Draws(prior.at(units), evidence, accepted)


def _gain(value: Array, power: Array) -> Array:
    """By how much the power may rise."""

    def halved(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = (ends[0] + ends[1]) / 2
        weight = middle * (value - value.max())
        worth = jnp.exp(2 * logsumexp(weight) - logsumexp(2 * weight))
        enough = worth >= _WORTH * len(value)
        return jnp.where(enough, middle, ends[0]), jnp.where(enough, ends[1], middle)

    rest = 1 - power
    low, _ = jax.lax.fori_loop(0, _HALVINGS, halved, (jnp.asarray(0.0), 2 * rest))
    return jnp.where(low >= rest * (1 - 1e-6), rest, low)


def _systematic(key: Array, share: Array) -> Array:
    """Indices of as many draws, each as often as its share says, within one; in a random order."""
    one, other = jax.random.split(key)
    places = (jnp.arange(len(share)) + jax.random.uniform(one)) / len(share)
    kept = jnp.clip(jnp.searchsorted(jnp.cumsum(share), places), 0, len(share) - 1)
    return jax.random.permutation(other, kept)


def _moved(density: Density, units: Array, value: Array, power: Array, key: Array,
           moves: int) -> tuple[Array, Array, Array]:
    """The particles after so many moves of each half, their likelihoods, and the share that was accepted."""
    half = len(units) // 2

    def move(state: tuple[Array, Array], key: Array) -> tuple[tuple[Array, Array], Array]:
        units, value = state
        pick, size, noise, chance = jax.random.split(key, 4)
        there, other = units[:half], units[half:]
        first = jax.random.randint(pick, (2, half), 0, half)
        second = (first[0] + 1 + first[1] % (half - 1)) % half  # another one
        whole = jax.random.uniform(size, (half, 1)) < _JUMP
        scale = jnp.where(whole, 1.0, _SCALE / jnp.sqrt(2 * units.shape[1]))
        tried = (there + scale * (other[first[0]] - other[second])
                 + _JITTER * jax.random.normal(noise, there.shape))
        new = density(tried)
        odds = power * (new - value[:half]) - 0.5 * ((tried**2).sum(axis=1) - (there**2).sum(axis=1))
        taken = jnp.log(jax.random.uniform(chance, (half,))) < odds
        units = jnp.concatenate([other, jnp.where(taken[:, None], tried, there)])  # the halves change places
        return (units, jnp.concatenate([value[half:], jnp.where(taken, new, value[:half])])), taken.mean()

    (units, value), accepted = jax.lax.scan(move, (units, value), jax.random.split(key, 2 * moves))
    return units, value, accepted.mean()

"""Simulation-based calibration of the decaying prior: what is drawn from it is found again at uniform ranks.

Hyperparameters, force law and data are drawn from the prior; among draws from the posterior of these data, the true
value of anything has a uniform rank if both sampler and solver are right (Talts et al., arXiv 1804.06788 (2018)). The
log-likelihood of the true hyperparameters is ranked too: it sees what single hyperparameters miss (Modrak et al.,
Bayesian Anal. 20, 461 (2025)). ``python -m tests.verify.learning.gp.test_calibration`` prints the table of
`docs/tip_force_gp.md`; numbers of sets and of points as arguments make others.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import chi2

from asperity.learning.gp import state_space
from asperity.learning.gp.force_prior import FORCE_PRIORS
from asperity.learning.gp.hyperparameters import GaussianPrior
from asperity.learning.gp.observed import Observed
from asperity.learning.gp.tempering import tempered
from tests.verify.verdict import Figure, judge

SETS = 500
BATCH = 10
DRAWS = 256
RANKED = 63  # of the draws, every fourth, so that 64 ranks are equally likely
BINS = 16
EDGE = 3  # ranks left out at either end of the intervals that are reported: 58 of 64, 0.906
SURE = 0.01  # chance that the whole study fails of a program that is right
NOISE = 0.02
NOISE_KNOWN = 0.1  # standard deviation of its logarithm
Z = np.linspace(0.3, 2.0, 20)
ASKED = np.array([0.34, 1.2, 2.6, 8.0])  # between the first points, in the middle, beyond the last, far out
COMPOSITION = FORCE_PRIORS["decaying"]
STATISTICS = (*COMPOSITION.parameters, "noise", *(f"F({z:g})" for z in ASKED), "log-likelihood")


def matern(distance):
    """Of order 5/2, of the distance in lengths."""
    x = np.sqrt(5) * np.abs(distance)
    return (1 + x + x**2 / 3) * np.exp(-x)


def covariance(theta, z):
    """Of the force at ``z``, written out."""
    short, decay, length, long, power, log_length = np.exp(theta[:6])
    gap, ratio = np.subtract.outer(z, z), np.subtract.outer(np.log(z), np.log(z))
    return (short**2 * np.exp(-np.add.outer(z - Z[0], z - Z[0]) / decay) * matern(gap / length)
            + long**2 * np.multiply.outer(z, z) ** -power * matern(ratio / log_length))


def universe(seed):
    """True hyperparameters, true forces where asked, and data."""
    rng = np.random.default_rng(seed)
    prior = COMPOSITION.prior
    mean, std = np.append(prior.mean, np.log(NOISE)), np.append(prior.std, NOISE_KNOWN)
    theta = mean + std * rng.standard_normal(len(mean))
    size, axes = np.linalg.eigh(covariance(theta, np.concatenate([Z, ASKED])))
    force = axes @ (np.sqrt(np.maximum(size, 0.0)) * rng.standard_normal(len(size)))
    return theta, force[len(Z):], force[: len(Z)] + np.exp(theta[-1]) * rng.standard_normal(len(Z))


def posterior(y, key):
    """Draws of the hyperparameters, of the force where asked, and the log-likelihood, as a function of one of them."""
    own = COMPOSITION.prior
    prior = GaussianPrior(jnp.append(own.mean, np.log(NOISE)), jnp.append(own.std, NOISE_KNOWN))

    def likelihood(theta):
        data = Observed(jnp.asarray(Z), y, jnp.full(len(Z), jnp.exp(2 * theta[-1])), jnp.ones(len(Z), bool))
        return state_space.log_likelihood(COMPOSITION.kernel(theta[:-1], Z[0]), data)

    first, second = jax.random.split(key)
    return tempered(likelihood, prior, first, DRAWS), likelihood, second


def forces(theta, y, key):
    """One draw of the force where asked, given the hyperparameters: each point by itself."""
    whole = np.concatenate([Z, ASKED])
    order = np.argsort(whole)
    there = np.arange(len(whole)) < len(Z)
    data = Observed(jnp.asarray(whole[order]), jnp.concatenate([y, jnp.zeros(len(ASKED))])[order],
                    jnp.full(len(whole), jnp.exp(2 * theta[-1])), jnp.asarray(there[order]))
    found = state_space.condition(COMPOSITION.kernel(theta[:-1], Z[0]), data)
    back = np.argsort(order)[len(Z):]
    mean, variance = found.mean[back, :2].sum(axis=1), found.covariance[back, :2, :2].sum(axis=(1, 2))
    return mean + jnp.sqrt(variance) * jax.random.normal(key, mean.shape)


def ranks(truth, force, y, key):
    """Of the true values of all statistics among the draws."""
    draws, likelihood, key = posterior(y, key)
    theta = draws.theta[:: DRAWS // (RANKED + 1)][:RANKED]
    drawn = jax.vmap(lambda one, key: forces(one, y, key))(theta, jax.random.split(key, RANKED))
    values = jnp.concatenate([theta, drawn, jax.vmap(likelihood)(theta)[:, None]], axis=1)
    exact = jnp.concatenate([truth, force, likelihood(truth)[None]])
    return (values < exact).sum(axis=0), draws.moved


def study(sets=SETS):
    """All ranks (sets, statistics), and the share of the last moves that was accepted."""
    run, found = jax.jit(jax.vmap(ranks)), []
    for first in range(0, sets, BATCH):
        columns = zip(*(universe(seed) for seed in range(first, first + BATCH)))
        keys = jax.random.split(jax.random.key(first), BATCH)
        found.append(run(*(jnp.asarray(np.array(column)) for column in columns), keys))
    return tuple(np.concatenate(one) for one in zip(*found))


def p_value(rank):
    """Of uniform ranks, by chi-square."""
    counts = np.histogram(rank, BINS, (-0.5, RANKED + 0.5))[0]
    expected = len(rank) / BINS
    return chi2.sf(((counts - expected) ** 2).sum() / expected, BINS - 1)


def held(rank):
    """Share of sets whose central interval of 58 of 64 ranks holds the truth."""
    return np.mean((rank >= EDGE) & (rank <= RANKED - EDGE))


def test_ranks_are_uniform(x64):
    """At a hundredth for all statistics together: a hundredth over their number for each (Bonferroni)."""
    rank, moved = study()
    judge(f"Simulation-based calibration, {SETS} draws from the prior, {RANKED} from each posterior", [
        *(Figure(f"p of uniform ranks, {name}", p_value(column), SURE / len(STATISTICS))
          for name, column in zip(STATISTICS, rank.T)),
        *(Figure(f"intervals of 0.906 hold {name}", held(column))
          for name, column in zip(STATISTICS, rank.T)),
        Figure("moves accepted, least of all sets", moved.min(), 0.01)])


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    Z = np.linspace(Z[0], Z[-1], int(sys.argv[2])) if len(sys.argv) > 2 else Z
    rank, moved = study(int(sys.argv[1]) if len(sys.argv) > 1 else SETS)
    print("| statistic | p | intervals of 0.906 hold | ranks in eighths |\n|---|---|---|---|")
    for name, column in zip(STATISTICS, rank.T):
        eighths = np.histogram(column, 8, (-0.5, RANKED + 0.5))[0]
        print(f"| {name} | {p_value(column):.3f} | {held(column):.3f} | {' '.join(map(str, eighths))} |")
    print(f"moves accepted: least {moved.min():.3f}, median {np.median(moved):.3f}")

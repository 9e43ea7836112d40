"""Draws through tempered distributions: moments, shares of maxima and evidence that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.gp import dense
from asperity.learning.gp.force_prior import FORCE_PRIORS
from asperity.learning.gp.hyperparameters import GaussianPrior
from asperity.learning.gp.observed import Observed
from asperity.learning.gp.tempering import tempered
from tests.learning.gp.curves import force_curve
from tests.learning.gp.linear_gaussian import PRIOR, likelihood, posterior

DRAWS = 512
KEYS = jax.random.split(jax.random.key(7), 8)


@pytest.fixture(autouse=True)
def _double(x64):
    """Double precision."""


def many(density, prior):
    """One set of draws per key."""
    return jax.jit(jax.vmap(lambda key: tempered(density, prior, key, DRAWS)))(KEYS)


def agrees(found, exact, scatter):
    """Whether the mean over the keys is the exact value within four of its standard errors, which are small."""
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert np.std(found, ddof=1) < scatter
    assert abs(np.mean(found) - exact) < 4 * error


def test_moments_and_evidence_of_a_normal_posterior():
    mean, covariance, evidence = posterior()
    draws = many(likelihood, PRIOR)
    theta = np.asarray(draws.theta)
    std = np.sqrt(np.diag(covariance))
    off = (theta.mean(axis=(0, 1)) - mean) / std
    assert np.abs(off).max() < 4 / np.sqrt(len(KEYS) * DRAWS)
    found = np.mean([np.cov(one.T) for one in theta], axis=0)
    np.testing.assert_allclose(found / np.outer(std, std), covariance / np.outer(std, std), atol=0.1)
    agrees(np.asarray(draws.evidence), evidence, 0.3)
    assert float(draws.moved.min()) > 0.15


def two(theta):
    """Two maxima, 20 of their widths apart, that hold 0.7 and 0.3 under a flat prior."""
    return jnp.logaddexp(jnp.log(0.7) - 50 * ((theta - 1) ** 2).sum(), jnp.log(0.3) - 50 * ((theta + 1) ** 2).sum())


def test_shares_of_two_maxima():
    draws = many(two, GaussianPrior(jnp.zeros(2), jnp.ones(2)))
    share = np.asarray(draws.theta[..., 0] > 0).mean(axis=1)
    agrees(share, 0.7, 0.1)  # the prior is the same at both
    peak = np.asarray(draws.theta).reshape(-1, 2)
    upper = peak[peak[:, 0] > 0]
    np.testing.assert_allclose(upper.std(axis=0), 1 / np.sqrt(101), rtol=0.1)


@pytest.mark.study
def test_evidence_of_a_curve_is_the_integral():
    """Over the two hyperparameters of the squared exponential, by sums on a fine grid."""
    z, y = force_curve(12, farthest=3.0)
    composition = FORCE_PRIORS["squared_exponential"]
    prior = composition.prior
    data = Observed(z, y, jnp.full(12, 0.01), jnp.ones(12, bool))

    def density(theta):
        return dense.log_likelihood(composition.kernel(theta, z[0]), data)

    step = 0.1
    axis = jnp.arange(-5, 5.001, step)
    units = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = -0.5 * (units**2).sum(axis=1) - jnp.log(2 * jnp.pi) + 2 * jnp.log(step)
    exact = jax.nn.logsumexp(jax.jit(jax.vmap(density))(prior.at(units)) + weight)
    agrees(np.asarray(many(density, prior).evidence), float(exact), 0.5)


def test_a_key_gives_the_same_draws_again():
    run = jax.jit(lambda key: tempered(likelihood, PRIOR, key, 64).theta)
    np.testing.assert_array_equal(run(KEYS[0]), run(KEYS[0]))
    assert not np.array_equal(run(KEYS[0]), run(KEYS[1]))


def test_hyperparameters_without_a_density_are_left():
    """Where the likelihood is not a number, as of a matrix without a factor, no draw ends."""

    def half(theta):
        return jnp.where(theta[0] > 0.5, likelihood(theta), jnp.nan)

    draws = jax.jit(lambda key: tempered(half, PRIOR, key, 64))(KEYS[0])
    assert float(draws.theta[:, 0].min()) > 0.5
    assert np.isfinite(float(draws.evidence))

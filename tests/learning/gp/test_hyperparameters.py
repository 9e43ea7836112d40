"""The maximum and the normal distribution about it, where the posterior is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.gp.hyperparameters import GaussianPrior, laplace, maximum
from tests.learning.gp.linear_gaussian import PRIOR, likelihood, posterior

DRAWS = 4000


@pytest.fixture(autouse=True)
def _double(x64):
    """Double precision."""


def test_the_maximum_of_a_normal_posterior_is_its_mean():
    mean, covariance, _ = posterior()
    best, hessian = jax.jit(lambda key: maximum(likelihood, PRIOR, key))(jax.random.key(0))
    np.testing.assert_allclose(PRIOR.at(best), mean, rtol=1e-8)
    std = np.asarray(PRIOR.std)
    np.testing.assert_allclose(np.linalg.inv(hessian) * np.outer(std, std), covariance, rtol=1e-8)


def test_draws_have_the_moments_of_a_normal_posterior():
    mean, covariance, evidence = posterior()
    draws = jax.jit(lambda key: laplace(likelihood, PRIOR, key, DRAWS))(jax.random.key(1))
    std = np.sqrt(np.diag(covariance))
    assert float(draws.evidence) == pytest.approx(evidence, abs=1e-8)
    assert (np.abs(np.asarray(draws.theta).mean(axis=0) - mean) < 4 * std / np.sqrt(DRAWS)).all()
    found = np.cov(np.asarray(draws.theta).T) / np.outer(std, std)
    np.testing.assert_allclose(found, covariance / np.outer(std, std), atol=4 * np.sqrt(2 / DRAWS))


def test_the_higher_of_two_maxima_is_found():
    """From the middle Newton's method runs into the lower one, at 2.5."""

    def two(theta):
        return jnp.logaddexp(jnp.log(0.9) - 50 * (theta[0] + 1.5) ** 2, jnp.log(0.1) - 50 * (theta[0] - 2.5) ** 2)

    prior = GaussianPrior(jnp.zeros(1), jnp.full(1, 2.0))
    found = jax.jit(jax.vmap(lambda key: maximum(two, prior, key)[0]))(jax.random.split(jax.random.key(0), 8))
    np.testing.assert_allclose(prior.at(found)[:, 0], -1.5, atol=0.02)


def test_no_direction_is_wider_than_the_prior():
    """Of what the data do not tell, the curvature at the maximum may be anything; its draws are those of the prior."""
    prior = GaussianPrior(jnp.zeros(2), jnp.ones(2))
    flat = jax.jit(lambda key: laplace(lambda theta: 0.4 * (theta**2).sum(), prior, key, 500))(jax.random.key(0))
    assert np.asarray(flat.theta).std() < 1.1

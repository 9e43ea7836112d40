"""The No-U-Turn sampler of blackjax and `tempered` give one posterior."""

import importlib.util
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.gp import state_space
from asperity.learning.gp.force_prior import FORCE_PRIORS
from asperity.learning.gp.hyperparameters import GaussianPrior
from asperity.learning.gp.nuts import nuts
from asperity.learning.gp.tempering import tempered
from asperity.messages import ArgumentError
from tests.learning.gp.curves import observed
from tests.learning.gp.linear_gaussian import PRIOR, likelihood

needs_blackjax = pytest.mark.skipif(importlib.util.find_spec("blackjax") is None,
                                    reason="blackjax is not installed (extra bayes)")
DRAWS = 512
LEVELS = np.array([0.1, 0.5, 0.9])


@pytest.fixture(autouse=True)
def _double(x64):
    """Double precision."""


def test_without_blackjax_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "blackjax", None)
    with pytest.raises(ArgumentError, match=r"asperity\[bayes\]"):
        nuts(likelihood, PRIOR, jax.random.key(0), 8)


@needs_blackjax
def test_draws_are_shared_among_the_chains():
    with pytest.raises(ArgumentError, match="multiple of 4"):
        nuts(likelihood, PRIOR, jax.random.key(0), 10)


@needs_blackjax
@pytest.mark.study
@pytest.mark.parametrize(("count", "first", "last"), [(15, 0.3, 1.5), (200, 0.2, 4.0)])
def test_both_samplers_agree_on_a_curve(count, first, last):
    """Levels that the quantiles of `tempered` have among the draws of NUTS, of every hyperparameter.

    The standard error of a level p is sqrt(p (1 - p) / n) for each sampler; the draws of either depend on each other
    a little, taken as half of them.
    """
    composition = FORCE_PRIORS["decaying"]
    z = jnp.linspace(first, last, count)
    y = 3 * jnp.exp(-z / 0.12) - 1 / (6 * z**2) + 0.02 * jnp.asarray(np.random.default_rng(4).normal(size=count))
    prior = GaussianPrior(jnp.append(composition.prior.mean, jnp.log(0.02)), jnp.append(composition.prior.std, 0.1))

    def density(theta):
        return state_space.log_likelihood(composition.kernel(theta[:-1], z[0]), observed(theta, z, y))

    mine, theirs = (np.asarray(jax.jit(lambda key, s=sampler: s(density, prior, key, DRAWS).theta)(jax.random.key(2)))
                    for sampler in (tempered, nuts))
    quantiles = np.quantile(mine, LEVELS, axis=0)
    found = (theirs[None] < quantiles[:, None]).mean(axis=1)
    error = np.sqrt(LEVELS * (1 - LEVELS) * 2 / (DRAWS / 2))[:, None]
    print(np.round(found, 2))
    assert np.abs((found - LEVELS[:, None]) / error).max() < 3.5  # 21 comparisons, many of them of one another

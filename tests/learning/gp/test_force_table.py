"""Level, tilt and correlated noise of a table: the noise of means, the level that is found, white innovations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.gp import dense, force_table, state_space
from asperity.learning.gp.force_table import ForceTable
from tests.learning.gp.curves import THETA, force_curve, kernel, observed


@pytest.fixture(autouse=True)
def _double(x64):
    """Double precision."""


def table(y, z):
    ones = np.ones(len(z))
    return ForceTable(z - z[0], y, ones, ones, np.arange(len(z)) * 1.0, ones, np.log(z[0]), 0.3, np.log(0.02), 0.05,
                      1.0)


@pytest.mark.parametrize(("rows", "memory"), [(1, 3.0), (2, 0.5), (7, 3.0), (40, 10.0)])
def test_the_noise_of_a_mean_over_rows(rows, memory):
    apart = np.abs(np.subtract.outer(np.arange(rows), np.arange(rows)))
    assert float(force_table._of_means(jnp.asarray(rows * 1.0), jnp.asarray(memory))) == pytest.approx(
        np.exp(-apart / memory).mean(), rel=1e-9)


@pytest.mark.study
def test_level_and_tilt_are_found_with_their_bands():
    """A level and a tilt beside an attraction, of known noise: their sum is found within three standard deviations."""
    z = np.linspace(0.4, 12.0, 64)
    rng = np.random.default_rng(2)
    base = 0.3 + 0.02 * (z - z.mean())
    own = table(-1 / 6 / z**2 + base + 0.02 * rng.standard_normal(64), z)
    found = force_table.draws_of(own, jax.random.key(0), 64)
    told = force_table.answers(own, found.theta, jnp.asarray([1.0]))
    mean = told.level.mean(axis=0)
    std = np.sqrt(told.level.var(axis=0) + told.level_variance.mean(axis=0))
    assert np.all(np.abs(mean - base) < 3 * std)
    assert np.all(std < 0.05)


def test_innovations_are_those_of_the_dense_solver():
    z, y = force_curve(60)
    data = observed(THETA, z, y)._replace(there=jnp.arange(60) % 7 != 2)
    mine, theirs = (solver.innovations(kernel(THETA), data) for solver in (state_space, dense))
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)
    assert float(jnp.where(data.there, mine, 0.0) @ mine) == pytest.approx(float((~(mine == 0)).sum()), rel=0.6)


def test_what_is_fitted_is_the_posterior_of_the_data_themselves():
    z, y = force_curve(40)
    data = observed(THETA, z, y)
    found, whole = dense.fitted(kernel(THETA), data), dense.condition(kernel(THETA), data)
    np.testing.assert_allclose(found.mean, whole.mean[:, :2].sum(axis=1), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.variance, whole.covariance[:, :2, :2].sum(axis=(1, 2)), rtol=1e-6, atol=1e-11)
    np.testing.assert_array_equal(found.noise, 0.0)

"""The solver of cubic cost against the multivariate normal distribution, and against differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from asperity.learning.gp import dense
from asperity.learning.gp.kernels import Constant, Matern, SquaredExponential
from tests.learning.gp.curves import THETA, force_curve, kernel, observed, padded

KERNEL = Constant(1.3) * SquaredExponential(0.8) + Constant(0.4) * Matern(0.5, 2)


@pytest.fixture(autouse=True)
def _double(x64):
    """Double precision."""


def covariance(one, other):
    """Of the values of ``KERNEL``, written out."""
    gap = np.abs(np.subtract.outer(np.asarray(one), np.asarray(other)))
    x = np.sqrt(5) * gap / 0.5
    return 1.69 * np.exp(-(gap**2) / 1.28) + 0.16 * (1 + x + x**2 / 3) * np.exp(-x)


def test_the_density_is_that_of_the_normal_distribution():
    z, y = force_curve(30)
    total = covariance(z, z) + 4e-4 * np.eye(30)
    exact = multivariate_normal.logpdf(np.asarray(y), cov=total)
    assert float(dense.log_likelihood(KERNEL, observed(THETA, z, y))) == pytest.approx(exact, rel=1e-11)


def test_the_answer_is_the_conditional_distribution():
    """The sum of the parts at points of its own, and its derivative by differences of the closed form."""
    z, y = force_curve(30)
    at, step = jnp.asarray([0.5, 1.7, 9.0]), 1e-5
    total = np.linalg.inv(covariance(z, z) + 4e-4 * np.eye(30))
    found = dense.condition(KERNEL, observed(THETA, z, y), at)
    mean = {shift: covariance(at + shift, z) @ total @ np.asarray(y) for shift in (-step, 0.0, step)}
    np.testing.assert_allclose(found.mean[:, :2].sum(axis=1), mean[0.0], rtol=1e-7)
    np.testing.assert_allclose(found.mean[:, 2:].sum(axis=1), (mean[step] - mean[-step]) / (2 * step), rtol=1e-5,
                               atol=1e-6)
    across = covariance(at, z)
    left = covariance(at, at) - across @ total @ across.T
    np.testing.assert_allclose(found.covariance[:, :2, :2].sum(axis=(1, 2)), np.diag(left), rtol=1e-6, atol=1e-10)


def test_the_gradient_is_that_of_differences():
    z, y = force_curve(25)
    value = jax.jit(lambda t: dense.log_likelihood(kernel(t), observed(t, z, y)))
    slope, step = np.asarray(jax.grad(value)(jnp.asarray(THETA))), 1e-5
    for i, unit in enumerate(np.eye(len(THETA)) * step):
        assert slope[i] == pytest.approx(float(value(THETA + unit) - value(THETA - unit)) / (2 * step), rel=1e-6,
                                         abs=1e-6)


def test_a_linear_functional_is_observed():
    """Values of -f'(z): the density and the answer are those of the differences of neighbors, closer and closer."""
    z = jnp.linspace(0.5, 3.0, 12)
    y, width = jnp.cos(z), 1e-4
    data = observed(THETA, z, y)

    def slope(f, at):
        return -jax.grad(f)(at)

    def difference(f, at):
        return (f(at - width) - f(at + width)) / (2 * width)

    def both(functional):
        return jax.jit(lambda d: (dense.log_likelihood(KERNEL, d, functional),
                                  dense.condition(KERNEL, d, z, functional).mean))(data)

    (value, one), (right, other) = both(slope), both(difference)
    assert float(value) == pytest.approx(float(right), rel=1e-3)
    np.testing.assert_allclose(one, other, atol=2e-3)
    np.testing.assert_allclose(-one[:, 2:].sum(axis=1), y, atol=0.1)  # what was observed comes out


def test_padding_changes_nothing():
    data = observed(THETA, *force_curve(25))
    run = jax.jit(lambda d: (dense.log_likelihood(KERNEL, d), dense.condition(KERNEL, d).mean))
    (one, bare), (other, wide) = run(data), run(padded(data))
    assert float(one) == pytest.approx(float(other), rel=1e-13)
    np.testing.assert_allclose(wide[:25], bare, rtol=1e-9, atol=1e-11)

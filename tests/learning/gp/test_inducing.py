"""Inducing points: a lower bound, sharp where they lie densely."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.gp import dense, inducing
from asperity.learning.gp.kernels import Matern
from asperity.messages import ArgumentError
from tests.learning.gp.curves import force_curve, kernel, observed, padded

#: composition -> logarithms of its hyperparameters and of the noise
SMOOTH = {"rational_quadratic": np.log([3.0, 0.4, 0.7, 0.17, 2.0, 1.0, 0.02]),
          "log_separation": np.log([3.0, 0.4, 0.7, 0.17, 1.0, 0.02])}
POINTS = np.geomspace(0.3, 8.0, 96)


@pytest.fixture(autouse=True)
def _double(x64):
    """Double precision."""


@pytest.mark.parametrize("name", SMOOTH)
def test_the_bound_is_sharp_to_a_thousandth_nat(name):
    z, y = force_curve(800)
    data = observed(SMOOTH[name], z, y)
    exact = float(dense.log_likelihood(kernel(SMOOTH[name], name), data))
    bound = float(inducing.log_likelihood(kernel(SMOOTH[name], name), data, jnp.asarray(POINTS)))
    assert exact - 1e-3 < bound < exact + 1e-6  # rounding, of values of 2000 nats


def test_fewer_points_lower_the_bound():
    name = "rational_quadratic"
    data = observed(SMOOTH[name], *force_curve(200))
    exact = float(dense.log_likelihood(kernel(SMOOTH[name], name), data))
    bound = jax.jit(lambda at: inducing.log_likelihood(kernel(SMOOTH[name], name), data, at))
    bounds = [float(bound(jnp.geomspace(0.3, 8.0, m)))
              for m in (6, 11, 21)]  # each set holds the one before
    assert bounds == sorted(bounds)
    assert bounds[0] < exact - 1
    assert bounds[-1] < exact


@pytest.mark.parametrize("name", SMOOTH)
def test_the_answer_is_that_of_the_dense_solver(name):
    """To a hundredth of the standard deviations, derivatives as well."""
    data, at = observed(SMOOTH[name], *force_curve(200)), jnp.linspace(0.31, 7.9, 40)
    one = jax.jit(lambda d: inducing.condition(kernel(SMOOTH[name], name), d, jnp.asarray(POINTS), at))(data)
    other = jax.jit(lambda d: dense.condition(kernel(SMOOTH[name], name), d, at))(data)
    std = jnp.sqrt(jnp.diagonal(other.covariance, axis1=1, axis2=2))
    assert float((jnp.abs(one.mean - other.mean) / std).max()) < 1e-2
    off = jnp.abs(one.covariance - other.covariance) / (std[:, :, None] * std[:, None, :])
    assert float(off.max()) < 1e-2


def test_the_gradient_is_that_of_the_dense_solver():
    name = "rational_quadratic"
    z, y = force_curve(200)
    at = jnp.asarray(POINTS)
    bound = jax.jit(jax.grad(lambda t: inducing.log_likelihood(kernel(t, name), observed(t, z, y), at)))
    exact = jax.jit(jax.grad(lambda t: dense.log_likelihood(kernel(t, name), observed(t, z, y))))
    np.testing.assert_allclose(bound(SMOOTH[name]), exact(SMOOTH[name]), rtol=1e-3, atol=1e-3)


def test_padding_changes_nothing():
    name, at = "rational_quadratic", jnp.geomspace(0.3, 8.0, 20)
    theta = jnp.asarray(SMOOTH[name])
    z, y = force_curve(50)

    def value(t, more):
        data = observed(t, z, y)
        return inducing.log_likelihood(kernel(t, name), padded(data) if more else data, at)

    run = jax.jit(jax.value_and_grad(value), static_argnums=1)
    (one, slope), (other, same) = (run(theta, more) for more in (False, True))
    assert float(one) == pytest.approx(float(other), rel=1e-12)
    np.testing.assert_allclose(slope, same, atol=1e-4)  # of up to 10, by rounding in the inducing covariance


def test_correlated_noise_is_refused():
    data = observed(SMOOTH["rational_quadratic"], *force_curve(20))._replace(time=jnp.arange(20.0), noise=Matern(1.0))
    for work in (inducing.log_likelihood, inducing.condition):
        with pytest.raises(ArgumentError, match="state_space"):
            work(kernel(SMOOTH["rational_quadratic"], "rational_quadratic"), data, jnp.asarray(POINTS))

"""The solver of linear cost gives what the one of cubic cost gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.gp import dense, state_space
from asperity.learning.gp.kernels import Constant, Linear, Matern
from asperity.learning.gp.observed import Observed
from tests.learning.gp.curves import THETA, force_curve, kernel, observed, padded

NUMBER = 400


@pytest.fixture(autouse=True)
def _double(x64):
    """Double precision."""


def test_value_and_gradient_are_those_of_the_dense_solver():
    z, y = force_curve(NUMBER)

    def along(solver):
        return jax.jit(jax.value_and_grad(lambda t: solver.log_likelihood(kernel(t), observed(t, z, y))))(THETA)

    (mine, slope), (theirs, right) = along(state_space), along(dense)
    assert float(mine) == pytest.approx(float(theirs), rel=1e-10)
    np.testing.assert_allclose(slope, right, rtol=1e-9)


def test_parts_and_derivatives_are_those_of_the_dense_solver():
    """Means of each part, and of its derivative, relative to their largest; standard deviations likewise."""
    data = observed(THETA, *force_curve(NUMBER))
    mine, right = (jax.jit(lambda t, s=solver: s.condition(kernel(t), data))(THETA) for solver in (state_space, dense))
    for row, tolerance in enumerate((1e-10, 1e-10, 1e-9, 1e-9)):
        np.testing.assert_allclose(mine.mean[:, row], right.mean[:, row], rtol=0,
                                   atol=tolerance * float(jnp.abs(right.mean[:, row]).max()))
        own, theirs = mine.covariance[:, row, row], right.covariance[:, row, row]
        np.testing.assert_allclose(own, theirs, rtol=0, atol=tolerance * float(theirs.max()))
    across, theirs = mine.covariance[:, 0, 1], right.covariance[:, 0, 1]
    np.testing.assert_allclose(across, theirs, rtol=0, atol=1e-10 * float(jnp.abs(theirs).max()))


@pytest.fixture
def drifting():
    """A curve with slow noise and drift in time, which runs against the separation."""
    z, y = force_curve(60)
    noise = Constant(0.05) * Matern(0.4, 0) + Linear(0.03)
    return observed(THETA, z, y)._replace(time=jnp.linspace(2.0, 0.5, 60), noise=noise)


def solved(solver, data):
    """Likelihood and answer, compiled as one."""
    return jax.jit(lambda d: (solver.log_likelihood(kernel(THETA), d), solver.condition(kernel(THETA), d)))(data)


def test_correlated_noise_is_the_same_in_both_solvers(drifting):
    """At points of which some were not observed."""
    data = padded(drifting._replace(there=jnp.arange(60) % 7 != 2))
    (mine, own), (right, theirs) = (solved(solver, data) for solver in (state_space, dense))
    assert float(mine) == pytest.approx(float(right), rel=1e-10)
    for one, other in zip(own, theirs):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9 * float(jnp.abs(other).max()))


def test_correlated_noise_matters(drifting):
    """It is no synonym of white noise: the force at far separations, where the drift is, is known worse."""
    white = drifting._replace(time=None, noise=None)
    known, less = (solved(state_space, data)[1].covariance[-1, 1, 1] for data in (white, drifting))
    assert float(less) > 1.5 * float(known)


def test_padding_changes_nothing():
    z, y = force_curve(50)

    def value(t, more):
        data = padded(observed(t, z, y)) if more else observed(t, z, y)
        return state_space.log_likelihood(kernel(t), data), state_space.condition(kernel(t), data)

    whole = jax.jit(jax.value_and_grad(value, has_aux=True), static_argnums=1)
    ((one, bare), slope), ((other, wide), same) = (whole(jnp.asarray(THETA), more) for more in (False, True))
    assert float(other) == pytest.approx(float(one), rel=1e-13)
    np.testing.assert_allclose(same, slope, rtol=1e-11)
    np.testing.assert_allclose(wide.mean[:50], bare.mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(wide.covariance[:50], bare.covariance, rtol=1e-9, atol=1e-14)


def test_a_point_asked_for_twice_is_told_the_same_twice():
    """Points that coincide with those observed, as where a curve is asked for at its own separations."""
    z, y = force_curve(30)
    data = Observed(jnp.repeat(z, 2), jnp.repeat(y, 2), jnp.full(60, 4e-4), jnp.arange(60) % 2 == 0)
    twice, once = (solved(state_space, one)[1] for one in (data, observed(THETA, z, y)))
    for column in (twice.mean[::2], twice.mean[1::2]):
        np.testing.assert_allclose(column, once.mean, rtol=1e-10, atol=1e-12)


def test_a_batch_is_each_of_its_curves():
    curves = [force_curve(40, seed) for seed in range(3)]
    z, y = (jnp.stack(column) for column in zip(*curves))

    def both(z, y):
        data = observed(THETA, z, y)
        return state_space.log_likelihood(kernel(THETA), data), state_space.condition(kernel(THETA), data).mean

    value, mean = jax.jit(jax.vmap(both))(z, y)
    single = jax.jit(both)
    for i, curve in enumerate(curves):
        one, row = single(*curve)
        assert float(value[i]) == pytest.approx(float(one), rel=1e-13)
        np.testing.assert_allclose(mean[i], row, rtol=1e-9, atol=1e-11)

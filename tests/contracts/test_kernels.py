"""What every kernel promises, run on each of them, and on sums and products of them."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gamma, kv

from asperity.contact import Hertz
from asperity.learning.gp import dense, kernels, state_space
from asperity.learning.gp.kernels import (
    AbstractKernel,
    Beyond,
    Constant,
    ContactDiscrepancy,
    ContactTerm,
    Envelope,
    Interpolated,
    Linear,
    LogSeparation,
    Matern,
    PowerLaw,
    RationalQuadratic,
    SquaredExponential,
)
from asperity.learning.gp.observed import Observed

HERTZ = ContactTerm(Hertz(radius=1e-8), 2.0, 1e-9)
MADE = {
    "Beyond": Beyond(PowerLaw(2.0) * LogSeparation(Matern(1.2)), 0.3),
    "ContactDiscrepancy": ContactDiscrepancy(Matern(1.0), HERTZ),
    "ContactTerm": HERTZ,
    "approach": (HERTZ + ContactDiscrepancy(Matern(1.0), HERTZ)
                 + Beyond(PowerLaw(2.0) * LogSeparation(Matern(1.2)), 0.3)),
    "Constant": Constant(1.7),
    "Envelope": Envelope(0.8),
    "Interpolated": Interpolated(jnp.array([0.2, 2.0, 5.0]), jnp.array([-0.5, 0.8, 0.4])),
    "Linear": Linear(0.6),
    "LogSeparation": LogSeparation(Matern(0.9)),
    "Matern": Matern(0.7),
    "Matern 1/2": Matern(0.7, 0),
    "Matern 3/2": Matern(0.7, 1),
    "Matern 7/2": Matern(0.7, 3),
    "PowerLaw": PowerLaw(1.8),
    "RationalQuadratic": RationalQuadratic(0.7, 1.4),
    "SquaredExponential": SquaredExponential(0.7),
    "Sum": Constant(2.0) * Envelope(0.5) * Matern(0.6) + Constant(0.3) * PowerLaw(2.0) * LogSeparation(Matern(1.2)),
    "Product": Matern(0.9, 1) * LogSeparation(Matern(1.1)),
    "smooth sum": Envelope(0.5) * SquaredExponential(0.6) + LogSeparation(SquaredExponential(1.0)),
}
each = pytest.mark.parametrize("name", sorted(MADE))
finite = pytest.mark.parametrize("name", sorted(name for name, kernel in MADE.items() if kernel.states))
SMOOTH = sorted(name for name, kernel in MADE.items() if kernel.states and name != "Matern 1/2")


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def points(name, number=24):
    """Separations; of contacts negative ones, too."""
    least = -2.0 if name in {"Beyond", "ContactDiscrepancy", "ContactTerm", "approach"} else 0.3
    return jnp.asarray(np.sort(np.random.default_rng(5).uniform(least, 6.0, number)))


def matrix(kernel, a, b):
    return np.asarray(dense.gram(kernel.covariance, lambda f, z: f(z), a, lambda f, z: f(z), b))


def observed(name, number=24, noise=0.1):
    z = points(name, number)
    y = jnp.sin(2 * z) / z + 0.1 * jnp.asarray(np.random.default_rng(6).normal(size=number))
    there = jnp.arange(number) % 5 != 3
    return Observed(z, y, jnp.full(number, noise**2), there)


def test_every_kernel_is_here():
    final = {name for name, one in vars(kernels).items()
             if inspect.isclass(one) and issubclass(one, AbstractKernel) and not name.startswith("Abstract")}
    assert final <= set(MADE)
    assert final <= set(kernels.__all__)


@each
def test_symmetric_and_positive(name):
    total = matrix(MADE[name], points(name), points(name))
    np.testing.assert_allclose(total, total.T, rtol=1e-14)
    assert np.linalg.eigvalsh(total).min() > -1e-13 * np.linalg.eigvalsh(total).max()


@each
def test_the_variance_falls_as_declared(name):
    """Over a factor of two far out, the variance changes by two to the power ``tail``."""
    kernel = MADE[name]
    far, farther = (kernel.covariance(at, at) for at in (jnp.asarray(3e6), jnp.asarray(6e6)))
    exponent = float(jnp.log(farther / far) / jnp.log(2.0)) if float(farther) > 0 else -np.inf
    tail = float(jnp.asarray(kernel.tail))
    assert exponent == pytest.approx(tail, abs=1e-6) if np.isfinite(tail) else exponent < -50


@finite
def test_the_state_gives_the_same_covariances(name):
    kernel, at = MADE[name], points(name)

    def of_states(a, b):
        first, last = jnp.minimum(a, b), jnp.maximum(a, b)
        return (kernel.observation(last) @ kernel.transition(first, last) @ kernel.state_covariance()
                @ kernel.observation(first))

    pairs = np.asarray(jax.vmap(lambda a: jax.vmap(lambda b: of_states(a, b))(at))(at))
    np.testing.assert_allclose(pairs, matrix(kernel, at, at), rtol=1e-12, atol=1e-14)
    assert kernel.observation(at[0]).shape == (kernel.states,)


@finite
def test_transitions_follow_each_other(name):
    kernel = MADE[name]
    a, b, c = (jnp.asarray(at) for at in (points(name)[2], 1.1, 2.9))
    np.testing.assert_allclose(kernel.transition(b, c) @ kernel.transition(a, b), kernel.transition(a, c), atol=1e-13)


@each
def test_without_a_state_it_says_so(name):
    kernel = MADE[name]
    assert kernel.states >= 0
    if not kernel.states:
        with pytest.raises(NotImplementedError):
            kernel.state_covariance()


@finite
def test_both_solvers_give_one_likelihood(name):
    kernel, data = MADE[name], observed(name)
    np.testing.assert_allclose(state_space.log_likelihood(kernel, data), dense.log_likelihood(kernel, data), rtol=1e-11)


@pytest.mark.parametrize("name", SMOOTH)
def test_both_solvers_give_one_posterior(name):
    """Parts and their derivatives, at points that were observed and at others, and all their covariances."""
    kernel, data = MADE[name], observed(name)
    one, other = state_space.condition(kernel, data), dense.condition(kernel, data)
    for mine, theirs in zip(one, other):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-10 * float(jnp.abs(theirs).max()))


@pytest.mark.parametrize("order", range(4))
def test_matern_is_the_bessel_function(order):
    nu, x = order + 0.5, np.geomspace(1e-3, 20, 30)
    exact = 2 ** (1 - nu) / gamma(nu) * x**nu * kv(nu, x)
    kernel = Matern(np.sqrt(2 * nu), order)
    np.testing.assert_allclose(jax.vmap(kernel.correlation)(jnp.asarray(x)), exact, rtol=1e-11)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_matern_has_its_curvature_at_zero(order):
    """-k''(0) is the variance of the derivative: (2p + 1) / ((2p - 1) l^2)."""
    kernel = Matern(0.7, order)
    curvature = -jax.grad(jax.grad(kernel.correlation))(jnp.asarray(0.0))
    assert float(curvature) == pytest.approx((2 * order + 1) / (2 * order - 1) / 0.49, rel=1e-12)


def test_a_rational_quadratic_of_large_shape_is_squared_exponential():
    at = points("")
    np.testing.assert_allclose(matrix(RationalQuadratic(0.7, 1e9), at, at), matrix(SquaredExponential(0.7), at, at),
                               atol=1e-8)

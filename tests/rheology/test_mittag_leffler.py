"""The Mittag-Leffler function against mpmath with many digits, its closed forms and its derivatives."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.special import erfcx

from asperity.rheology.mittag_leffler import mittag_leffler, reciprocal_gamma

BETAS = {"1": lambda a: 1.0, "alpha": lambda a: a, "relaxation": lambda a: 1 - 0.1 * a,
         "creep": lambda a: 1.1 + a, "1 + alpha": lambda a: 1 + a, "2": lambda a: 2.0}


def reference(alpha, beta, x):
    """The series where its terms are tame, else the integral along the negative axis, to 30 digits."""
    alpha, beta, x = mpmath.mpf(alpha), mpmath.mpf(beta), mpmath.mpf(x)
    if x ** (1 / alpha) < 50:
        with mpmath.workdps(80):
            return float(mpmath.nsum(lambda k: (-x)**k * mpmath.rgamma(alpha * k + beta), [0, mpmath.inf],
                                     method="d"))
    with mpmath.workdps(30):
        return float(mpmath.invertlaplace(lambda s: s**(alpha - beta) / (s**alpha + x), 1, method="talbot",
                                          degree=40))


#: the orders are arguments, so that one program serves all of them
_value = jax.jit(jax.vmap(mittag_leffler, (0, None, None)))
_slopes = jax.jit(jax.grad(mittag_leffler, argnums=(0, 1, 2)))


def value(x, alpha, beta):
    return np.asarray(_value(jnp.asarray(x), alpha, beta))


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("alpha", [0.1, 0.25, 0.5, 0.8, 0.9, 0.95])
def test_relative_error(alpha, beta, x64):
    """The acceptance figure is 1e-8; rounding in the sum over the contour leaves 1e-12."""
    beta, x = BETAS[beta](alpha), np.array([1e-6, 1e-2, 0.3, 0.999, 1.001, 2.0, 8.0, 1e2, 1e4, 1e6])
    exact = np.array([reference(alpha, beta, one) for one in x])
    np.testing.assert_allclose(value(x, alpha, beta), exact, rtol=2e-12)


@pytest.mark.parametrize("alpha", [0.97, 0.98, 0.99, 0.999, 1.0])
def test_error_close_to_order_one(alpha, x64):
    """There the function falls off almost exponentially; its absolute error stays at rounding."""
    x = np.array([1e-3, 0.5, 1.5, 4.0, 10.0, 30.0, 100.0])
    exact = np.array([reference(alpha, 1.0, one) for one in x])
    np.testing.assert_allclose(value(x, alpha, 1.0), exact, rtol=1e-11, atol=1e-13)


def test_closed_forms(x64):
    x = np.geomspace(1e-4, 30, 40)
    np.testing.assert_allclose(value(x, 0.5, 1.0), erfcx(x), rtol=1e-12)
    np.testing.assert_allclose(value(x, 1.0, 1.0), np.exp(-x), atol=1e-14)
    np.testing.assert_allclose(value(x, 1.0, 2.0), -np.expm1(-x) / x, rtol=1e-12)
    assert value(np.zeros(1), 0.4, 1.7)[0] == pytest.approx(float(mpmath.rgamma(1.7)), rel=1e-13)


def test_recurrence_between_second_orders(x64):
    """E_{a,b}(-x) = 1 / Gamma(b) - x E_{a,a+b}(-x), on both sides of x = 1."""
    x = np.geomspace(1e-3, 1e3, 31)
    left = value(x, 0.7, 0.9)
    right = float(mpmath.rgamma(0.9)) - x * value(x, 0.7, 1.6)
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("alpha", "beta", "x"), [(0.3, 1.0, 0.4), (0.7, 0.7, 3.0), (0.95, 0.8, 12.0),
                                                  (0.5, 1.2, 1e-3)])
def test_derivatives_in_argument_and_orders(alpha, beta, x, x64):
    own = _slopes(x, alpha, beta)
    with mpmath.workdps(40):
        step = mpmath.mpf("1e-5")
        for i, slope in enumerate(own):
            ends = [[mpmath.mpf(x), mpmath.mpf(alpha), mpmath.mpf(beta)] for _ in range(2)]
            ends[0][i] += step * ends[0][i]
            ends[1][i] -= step * ends[1][i]
            numeric = (precise(*ends[0]) - precise(*ends[1])) / (2 * step * (x, alpha, beta)[i])
            assert float(slope) == pytest.approx(float(numeric), rel=1e-8)


def precise(x, alpha, beta):
    return mpmath.nsum(lambda k: (-x)**k * mpmath.rgamma(alpha * k + beta), [0, mpmath.inf], method="d")


def test_arguments_out_of_range_give_no_number(x64):
    for x, alpha, beta in ((-1.0, 0.5, 1.0), (1.0, 0.0, 1.0), (1.0, 1.2, 1.0), (1.0, 0.5, -1.6)):
        assert np.isnan(value(np.array([x]), alpha, beta)[0])


def test_reciprocal_gamma(x64):
    z = np.array([-1.5, -0.5, 0.3, 1.0, 1.7, 2.5])
    np.testing.assert_allclose(jax.jit(reciprocal_gamma)(z), [float(mpmath.rgamma(v)) for v in z], rtol=1e-13)
    assert float(reciprocal_gamma(0.0)) == 0.0
    assert float(jax.grad(reciprocal_gamma)(0.0)) == pytest.approx(1.0, rel=1e-13)

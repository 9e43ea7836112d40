"""Expected information: exact of linear data, less than the noise allows of others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.discovery.information import (
    Outlook,
    expected_information,
    linear_information,
    linear_marginal,
)
from asperity.messages import ArgumentError

KEY = 1


@pytest.fixture(autouse=True)
def exact():
    with jax.enable_x64(True):
        yield


def test_linear_data():
    """All parameters, and one alone, of 0.8 and 9.5 nats."""
    slopes, outlook = jnp.array([[1.0, 0.3], [0.2, 1.0], [0.5, -0.5]]), Outlook(*map(jnp.ones, (2, 2, 3)))

    @jax.jit
    def both(a):
        return [expected_information(lambda place: a @ place, outlook, jax.random.key(KEY), of=of) for of in (None, 1)]

    for size in (1.0, 100.0):
        told = (linear_information(size * slopes, outlook.std, outlook.noise),
                linear_marginal(size * slopes, outlook.std, outlook.noise, 1))
        np.testing.assert_allclose(both(size * slopes), told, atol=0.02)


def test_the_exact_values():
    """One parameter seen once with signal to noise 3: ln(10)/2; a nuisance that it cannot be told from halves it."""
    one, two = jnp.array([[3.0]]), jnp.array([[3.0, 3.0]])
    assert float(linear_information(one, jnp.ones(1), jnp.ones(1))) == pytest.approx(np.log(10) / 2)
    assert float(linear_marginal(two, jnp.ones(2), jnp.ones(1))) == pytest.approx(np.log(19 / 10) / 2)


def test_a_curved_model_against_quadrature():
    """y = exp(x) + noise, where a line is wrong: the integral over data and parameter on a grid."""
    noise = 0.3
    outlook = Outlook(jnp.zeros(1), jnp.ones(1), jnp.full(1, noise))
    found = float(jax.jit(lambda: expected_information(jnp.exp, outlook, jax.random.key(KEY), outer=2000))())
    x, y = np.linspace(-7, 7, 4001), np.linspace(-2, 80, 8001)
    prior = np.exp(-x**2 / 2) / np.sqrt(2 * np.pi) * (x[1] - x[0])
    density = np.zeros_like(y)
    for place, weight in zip(x, prior):
        density += weight * np.exp(-((y - np.exp(place)) / noise) ** 2 / 2) / noise / np.sqrt(2 * np.pi)
    told = -(density[density > 0] * np.log(density[density > 0])).sum() * (y[1] - y[0])
    assert found == pytest.approx(told - np.log(noise * np.sqrt(2 * np.pi * np.e)), abs=0.05)


def test_too_few_draws_are_refused():
    with pytest.raises(ArgumentError, match="outer = 8"):
        expected_information(lambda place: place, Outlook(*map(jnp.ones, (2, 2, 2))), jax.random.key(0), outer=8)

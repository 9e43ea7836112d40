"""Polynomial chaos on functions whose polynomial, mean, variance and errors are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import eval_legendre
from scipy.stats import qmc

from asperity.learning.discovery.polynomial_chaos import index_set, legendre_rows, polynomial_chaos
from asperity.messages import DataError


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def test_the_products_are_those_of_scipy():
    degrees, place = index_set(2, 6), np.array([0.3, -0.87])
    wanted = [np.prod([np.sqrt(2 * n + 1) * eval_legendre(n, x) for n, x in zip(row, place)]) for row in degrees]
    np.testing.assert_allclose(legendre_rows(jnp.asarray(place), degrees), wanted, rtol=1e-13)


def test_a_polynomial_is_found_with_its_slope_mean_and_variance():
    places = np.random.default_rng(2).uniform(-1, 1, (60, 2))
    found = polynomial_chaos(places, 1 + places[:, 0] ** 2 * places[:, 1] - 2 * places[:, 1])
    np.testing.assert_allclose(found(jnp.array([0.5, 0.2])), 1 + 0.25 * 0.2 - 0.4, rtol=1e-12)
    np.testing.assert_allclose(jax.grad(found)(jnp.array([0.5, 0.2])), [0.2, 0.25 - 2], rtol=1e-11)
    assert found.left_out_error < 1e-12
    np.testing.assert_allclose(found.coefficients[0], 1, rtol=1e-12)
    # of x^2 y - 2 y: E[x^4] E[y^2] - 4 E[x^2] E[y^2] + 4 E[y^2]
    np.testing.assert_allclose((found.coefficients[1:] ** 2).sum(), (1 / 5 - 4 / 3 + 4) / 3, rtol=1e-12)


def test_leaving_one_out_is_what_refitting_says():
    rng = np.random.default_rng(3)
    places = rng.uniform(-1, 1, (30, 1))
    values = np.sin(2 * places[:, 0]) + 0.1 * rng.normal(size=30)
    found = polynomial_chaos(places, values)
    columns = np.polynomial.legendre.legvander(places[:, 0], max(one for one, in found.degrees))
    refitted = [values[i] - columns[i] @ np.linalg.lstsq(np.delete(columns, i, 0), np.delete(values, i),
                                                         rcond=None)[0] for i in range(30)]
    np.testing.assert_allclose(found.left_out, refitted, rtol=1e-9)


def test_the_error_of_leaving_out_is_that_of_new_points():
    """Of even points; the medians of five designs."""
    new = np.random.default_rng(4).uniform(-1, 1, (500, 2))

    def function(x):
        return np.exp(x[:, 0]) / (1.5 + x[:, 1])

    ratios = []
    for seed in range(5):
        places = 2 * qmc.Sobol(2, rng=seed).random(64) - 1
        found = polynomial_chaos(places, function(places))
        told = legendre_columns(new, found) @ np.asarray(found.coefficients)
        ratios.append(found.left_out_error / np.sqrt(np.mean((told - function(new)) ** 2)))
    assert 0.5 < np.median(ratios) < 2.5


def legendre_columns(places, found):
    """Of scipy."""
    return np.stack([np.prod([np.sqrt(2 * n + 1) * eval_legendre(n, places[:, j]) for j, n in enumerate(row)], axis=0)
                     for row in found.degrees], axis=1)


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(DataError, match="1 of them not finite"):
        polynomial_chaos(np.zeros((5, 1)), [0, 1, 2, 3, np.nan])

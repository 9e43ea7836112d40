"""The generator of a lever that warms itself by friction: closed in seven functions, its rates are known."""

import numpy as np
import pytest
from scipy.linalg import expm

from asperity.dynamics.dictionaries import AbstractDictionary, Polynomials
from asperity.dynamics.koopman import (
    Scaling,
    eigenpairs,
    fit,
    generator_sums,
    pseudospectrum,
    rollout,
    scaling_of,
    stepped,
    sums_of,
)
from asperity.messages import DataError

Q, COOLING, HEATING = 30.0, 0.05, 0.4
SWING = -1 / (2 * Q) + 1j * np.sqrt(1 - 1 / (4 * Q**2))
RATES = np.array([0, SWING, SWING.conjugate(), -COOLING, 2 * SWING, 2 * SWING.conjugate(), -1 / Q])
BOX = Scaling(np.zeros(3), np.ones(3))


class _Closed(AbstractDictionary):
    """(1, x, v, th, x^2, x v, v^2), whose rates it does not know."""

    def size(self, states):
        return 7

    def lift(self, x):
        return np.stack([np.ones_like(x[0]), *x, x[0] ** 2, x[0] * x[1], x[1] ** 2])


def velocity(x):
    """x' = v, v' = -x - v/Q, th' = -g th + e v^2."""
    return np.stack([x[:, 1], -x[:, 0] - x[:, 1] / Q, -COOLING * x[:, 2] + HEATING * x[:, 1] ** 2], axis=1)


def exact():
    """The matrix z' = z K of the seven functions, by hand."""
    k = np.zeros((7, 7))
    k[2, 1] = 1
    k[1, 2], k[2, 2] = -1, -1 / Q
    k[3, 3], k[6, 3] = -COOLING, HEATING
    k[5, 4] = 2
    k[6, 5], k[4, 5], k[5, 5] = 1, -1, -1 / Q
    k[5, 6], k[6, 6] = -2, -2 / Q
    return k


def states(count=2000, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 3))


def nearest(found, wanted):
    return np.array([np.abs(found - one).min() for one in wanted])


@pytest.mark.parametrize(("method", "tolerance"), [("gram", 1e-10), ("qr", 1e-10)])
def test_its_rates_are_those_of_the_lever(method, tolerance):
    x = states()
    model = fit(_Closed(), BOX, generator_sums(_Closed(), BOX, x, velocity(x), method=method))
    np.testing.assert_allclose(model.matrix, exact(), atol=tolerance)
    assert nearest(eigenpairs(model).value, RATES).max() < 1e-9
    assert pseudospectrum(model, RATES).max() < (1e-6 if method == "gram" else 1e-9)


@pytest.mark.parametrize("family", ["legendre", "chebyshev", "hermite", "monomial"])
def test_among_all_products_of_degree_two_the_residual_tells_the_true_rates(family):
    """Products of the temperature with others leave the span."""
    x = states()
    scaling = scaling_of(x)
    model = fit(Polynomials(2, family), scaling, generator_sums(Polynomials(2, family), scaling, x, velocity(x),
                                                                method="qr"))
    found = eigenpairs(model)
    assert nearest(found.value, RATES).max() < 1e-11
    assert nearest(found.value[:7], RATES).max() < 1e-11
    assert found.residual[6] < 1e-12
    assert found.residual[7] > 1e-2


def test_units_of_length_and_time_do_not_matter():
    size, fast = np.array([1e-8, 0.02, 3.0]), 2e6
    x = states()
    scaling = scaling_of(x * size)
    model = fit(Polynomials(2), scaling, generator_sums(Polynomials(2), scaling, x * size,
                                                        velocity(x) * size * fast))
    found = eigenpairs(model)
    assert nearest(found.value / fast, RATES).max() < 1e-12
    assert (found.residual[:7] < 1e-7 * fast).all()


def test_one_step_of_it_is_the_model_of_the_flow():
    """The closed system moves by its exponential, which gives the states after a step; and so do predictions."""
    x, step = states(), 0.3
    flow = expm(step * exact())
    y = (_Closed().lift(x.T).T @ flow)[:, 1:4]
    sampled = fit(_Closed(), BOX, sums_of(_Closed(), BOX, x, y))
    made = stepped(fit(_Closed(), BOX, generator_sums(_Closed(), BOX, x, velocity(x), method="qr")), step)
    np.testing.assert_allclose(sampled.matrix, flow, atol=1e-12)
    np.testing.assert_allclose(made.matrix, flow, atol=1e-10)
    np.testing.assert_allclose(rollout(made, x[:4], 1)[0], y[:4], atol=1e-10)


def test_wrong_shapes_are_told():
    with pytest.raises(DataError, match="of different shapes"):
        generator_sums(Polynomials(1), BOX, np.ones((3, 3)), np.ones((2, 3)))
    with pytest.raises(DataError, match="no state"):
        generator_sums(Polynomials(1), BOX, np.ones((0, 3)), np.ones((0, 3)))

"""What every dictionary promises: 1 and the states first, its size, independent functions, one column a sample."""

import inspect

import numpy as np
import pytest

from asperity.dynamics import dictionaries
from asperity.dynamics.dictionaries import (
    AbstractDictionary,
    ContactSplines,
    Harmonics,
    Polynomials,
    RadialFunctions,
    RandomFourier,
    contact_knots,
)

CENTERS = np.random.default_rng(2).uniform(-1, 1, (12, 4))
MADE = {
    "ContactSplines": ContactSplines(contact_knots(-1.0, 0.2, 12)),
    "Harmonics": Harmonics(Polynomials(3), 2),
    "Harmonics of one": Harmonics(Polynomials(2), 1),
    "Polynomials": Polynomials(3),
    "RadialFunctions": RadialFunctions(CENTERS),
    "RandomFourier": RandomFourier(20),
    "gaussian": RadialFunctions(CENTERS, "gaussian"),
    "inverse quadratic": RadialFunctions(CENTERS, "inverse_quadratic"),
}
each = pytest.mark.parametrize("name", sorted(MADE))


def states(name, samples=400):
    """Four scaled states, of which the last two are cosine and sine of a phase."""
    rng = np.random.default_rng(1)
    phase = rng.uniform(0, 2 * np.pi, samples)
    return np.stack([*rng.uniform(-1, 1, (2, samples)), np.cos(phase), np.sin(phase)])


def test_every_dictionary_is_here():
    final = {name for name, one in vars(dictionaries).items()
             if inspect.isclass(one) and issubclass(one, AbstractDictionary) and not name.startswith("Abstract")}
    assert final <= set(MADE)
    assert final <= set(dictionaries.__all__)


@each
def test_one_and_the_states_come_first(name):
    x = states(name)
    lifted = MADE[name].lift(x)
    assert lifted.shape == (MADE[name].size(4), 400)
    np.testing.assert_array_equal(lifted[0], 1)
    np.testing.assert_array_equal(lifted[1:5], x)


@each
def test_each_sample_by_itself(name):
    x = states(name)
    np.testing.assert_allclose(MADE[name].lift(x[:, 5:8]), MADE[name].lift(x)[:, 5:8], rtol=1e-14)


@pytest.mark.parametrize("name", sorted(set(MADE) - {"Polynomials"}))
def test_no_function_repeats_others(name):
    """Also on driven data, where cos^2 + sin^2 = 1, which makes plain polynomials dependent."""
    lifted = MADE[name].lift(states(name))
    assert np.linalg.matrix_rank(lifted) == len(lifted)


def test_plain_polynomials_of_a_phase_do_repeat():
    lifted = Polynomials(2).lift(states(""))
    assert np.linalg.matrix_rank(lifted) == len(lifted) - 1


@each
def test_rates_are_what_differences_say(name):
    """Also of the products with a phase that turns."""
    x = states(name)
    velocity = np.random.default_rng(3).normal(size=x.shape) * 1e4
    exact, by_differences = MADE[name].rate(x, velocity), AbstractDictionary.rate(MADE[name], x, velocity)
    np.testing.assert_array_equal(exact[0], 0)
    np.testing.assert_array_equal(exact[1:5], velocity)
    smooth = name not in ("ContactSplines", "RadialFunctions")  # whose higher derivatives jump at knots and centers
    off = np.abs(exact - by_differences) / np.abs(exact).max(axis=1, keepdims=True).clip(1)
    assert (off.max() if smooth else np.quantile(off, 0.98)) < 1e-9
    assert off.max() < 1e-3


def test_splines_are_zero_before_the_contact_and_hold_below_the_deepest():
    one = ContactSplines(contact_knots(-0.8, 0.1, 10, reach=0.2))
    x = np.array([[0.31, 0.9, -0.8, -0.95], [0.5, 0.5, 0.5, 0.5]])
    lifted = one.lift(x)
    assert not lifted[3:, :2].any()
    assert not one.lift(x[:, :2])[3:].any()  # nothing near
    assert not one.rate(x[:, :2], np.ones((2, 2)))[3:].any()
    assert not one.rate(x, np.array([[1.0], [0.0]]) * np.ones(4))[3:, 3].any()
    np.testing.assert_allclose(lifted[3:, 2], lifted[3:, 3], atol=1e-14)
    np.testing.assert_allclose(lifted[3 : 3 + 9].sum(axis=0)[2:], 1)  # a partition of one, there


def test_waves_are_the_functions_of_a_gaussian_kernel():
    """2/n sum cos(w x + b) cos(w y + b) is the kernel, to 1 / sqrt(n)."""
    x = np.random.default_rng(5).uniform(-1, 1, (3, 40))
    waves = RandomFourier(40_000, 0.7).lift(x)[4:]
    square = ((x[:, :, None] - x[:, None]) ** 2).sum(axis=0)
    np.testing.assert_allclose(2 * waves.T @ waves / 40_000, np.exp(-square / 2 / 0.7**2), atol=0.03)

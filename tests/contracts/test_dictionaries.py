"""What every dictionary promises: 1 and the states first, its size, independent functions, one column a sample."""

import inspect

import numpy as np
import pytest

from asperity.dynamics import dictionaries
from asperity.dynamics.dictionaries import AbstractDictionary, Harmonics, Polynomials, RadialFunctions

CENTERS = np.random.default_rng(2).uniform(-1, 1, (12, 4))
MADE = {
    "Harmonics": Harmonics(Polynomials(3), 2),
    "Harmonics of one": Harmonics(Polynomials(2), 1),
    "Polynomials": Polynomials(3),
    "RadialFunctions": RadialFunctions(CENTERS),
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

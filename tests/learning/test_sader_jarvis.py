"""The inversion of frequency shifts that are known exactly, and the test of Sader, Hughes, Huber and Giessibl."""

import numpy as np
import pytest
from scipy.special import ive

from asperity.learning.sader_jarvis import canceled, ill_posed, inflections, sader_jarvis
from asperity.messages import ArgumentError, DataError

DECAY = 0.2  # nm


def shifts(z, a):
    """Of F = exp(-z / decay) with a lever of unit stiffness."""
    return np.exp(-z / DECAY) * ive(1, a / DECAY) / a


def formula(z, a):
    """What the inversion gives of them in closed form."""
    x = a / DECAY
    return 2 * DECAY * shifts(z, a) * (1 + np.sqrt(x) / 8 + np.sqrt(np.pi / 2) * x**1.5)


@pytest.mark.parametrize("a", [0.02, 0.2, 2.0])
@pytest.mark.parametrize("order", [1, 3])
def test_the_integral_converges_to_its_closed_form(a, order):
    """With the power of the step that the spline at the singularity has, and a half."""
    error = []
    for count in (401, 801):
        z = np.linspace(0.3, 8.3, count)
        error.append(np.abs(sader_jarvis(z, shifts(z, a), a, 1.0, order) - formula(z, a))[:40].max())
    assert error[1] < (1e-2 if order == 1 else 1e-5) * formula(z, a).max()
    assert 2 ** (order + 0.3) < error[0] / error[1] < 2 ** (order + 1.5)


@pytest.mark.parametrize("a", np.geomspace(1e-3, 1e2, 11) * DECAY)
def test_the_formula_is_right_to_five_per_cent_at_any_amplitude(a):
    z = np.linspace(0.3, 8.3, 1601)
    force = np.exp(-z / DECAY)
    np.testing.assert_allclose(sader_jarvis(z, shifts(z, a), a, 1.0)[:100], force[:100], rtol=0, atol=0.05 * force[0])


@pytest.mark.parametrize("a", np.geomspace(1e-2, 1e2, 9) * DECAY)
@pytest.mark.parametrize(("first", "share"), [(0.2, 0.05), (0.4, 0.12)])
def test_a_morse_force_comes_back_to_a_share_of_its_largest(a, first, share):
    """Two exponentials, of the decay and of half of it, with the minimum of the energy at 0.4 nm.

    Each is off by its own 5 %: from 0.2 nm on, deep in repulsion, that is the share of the whole; where the data end at
    the minimum the two nearly cancel, and the formula is off by up to 11 % of the largest attraction.
    """
    z = np.linspace(first, first + 8, 1601)
    near, far = np.exp(0.8 / DECAY), np.exp(0.4 / DECAY)  # of exp(-2 z / decay) and exp(-z / decay)
    force = near * np.exp(-2 * z / DECAY) - far * np.exp(-z / DECAY)
    shift = near * np.exp(-2 * z / DECAY) * ive(1, 2 * a / DECAY) / a - far * shifts(z, a)
    assert np.abs(sader_jarvis(z, shift, a, 1.0) - force).max() < share * np.abs(force).max()
    assert canceled(force) == (first == 0.4)


def test_what_lies_beyond_the_last_point_is_missing():
    """At a small amplitude the force is integrated from its gradient, exactly but for its value at the end."""
    z, a = np.linspace(0.5, 4, 2001), 1e-4
    found = sader_jarvis(z, -(z * (z + 2 * a)) ** -1.5, a, 1.0)
    np.testing.assert_allclose(found[:-20], -(z[:-20] ** -2) + z[-1] ** -2, rtol=2e-2)
    assert found[-1] == 0


def switch(z, width):
    """A force that is switched on within a width at 0.6 nm: F'' = 0 there, F''' / F' = -2 / width^2."""
    return -0.5 * (1 - np.tanh((z - 1.0) / width))


@pytest.mark.parametrize(("width", "posed"), [(0.1, False), (0.5, True)])
def test_the_inflection_decides(width, posed):
    z = np.linspace(0.4, 4.4, 801)
    (one,) = inflections(z, switch(z, width))
    assert one.at == pytest.approx(1.0, abs=1e-6)
    assert one.factor == pytest.approx(-0.5 * 0.6**2 / width**2, rel=1e-4)
    assert ill_posed([one], 0.2) is not posed
    assert not ill_posed([one], 0.31)
    assert not ill_posed([one], 0.06)
    if not posed:
        assert one.smallest == pytest.approx(width / np.sqrt(2), rel=1e-4)
        assert one.largest == pytest.approx(0.3, rel=1e-6)


@pytest.mark.parametrize(("a", "wrong"), [(0.03, False), (0.2, True), (0.5, False)])
def test_exact_data_are_inverted_badly_where_it_says_so(a, wrong):
    """The error of a fine and exact measurement over the largest force: a tenth where it is well-posed, else a half."""
    z, u, width = np.linspace(0.4, 4.4, 801), np.cos((np.arange(400) + 0.5) * np.pi / 400), 0.05
    exact = -(u * switch(z[:, None] + a * (1 + u), width)).mean(axis=1) / a
    error = np.abs(sader_jarvis(z, exact, a, 1.0) - switch(z, width)).max()
    assert ill_posed(inflections(z, switch(z, width)), a) == wrong
    assert (0.4 < error < 0.6) if wrong else (error < 0.15)


def test_a_monotonous_law_is_safe():
    z = np.linspace(0.3, 4, 400)
    assert inflections(z, -(z**-2)) == []
    assert not ill_posed([], 0.3)


@pytest.mark.parametrize("z", [[1.0, 0.5, 2.0, 3.0, 4.0], [1.0, 1.0, 2.0, 3.0], [1.0, 2.0]])
def test_points_that_do_not_ascend_are_refused(z):
    with pytest.raises(DataError, match="ascend"):
        sader_jarvis(np.array(z), np.ones(len(z)), 1.0, 1.0)


def test_other_splines_are_refused():
    with pytest.raises(ArgumentError, match="order"):
        sader_jarvis(np.arange(9.0), np.ones(9), 1.0, 1.0, order=2)

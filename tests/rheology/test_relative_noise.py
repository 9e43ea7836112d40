"""Noise relative to the material: what is small by chance is not surer, and false alarms stay rare."""

import numpy as np
import pytest
from scipy.stats import chi2

from asperity.rheology.passivity import check_passivity
from asperity.rheology.relative_noise import relative_noise
from asperity.rheology.smooth_error import learnt_error
from asperity.rheology.spectrum_estimate import creep_data, frequency_data, time_data
from asperity.rheology.spectrum_posterior import fitted

TIME = np.logspace(-2, 2, 30)
RELAXATION = 1000 + 2000 * np.exp(-TIME)
CREEP = 1e-3 * (1 - 2 / 3 * np.exp(-TIME / 3))
OMEGA = 2 * np.pi * np.logspace(-2, 2, 20)
SOLID = 1000 + 2000j * OMEGA * 0.1 / (1 + 1j * OMEGA * 0.1)


def alarm(make, values, relative):
    """The verdict of `asperity.relax`."""
    numbers = make(TIME, values, relative_noise(make(TIME, values, 1.0), relative))
    found = fitted(numbers, learnt_error(numbers, 0.0))
    return found.chi_square > chi2.isf(1e-3, found.data)


def test_exact_values_have_the_noise_of_themselves():
    for make, values in ((time_data, RELAXATION), (creep_data, CREEP)):
        np.testing.assert_allclose(relative_noise(make(TIME, values, 1.0), 0.1), 0.1 * values, rtol=2e-3)
    found = relative_noise(frequency_data(OMEGA, SOLID, 1.0), 0.1)
    np.testing.assert_allclose(found, 0.1 * np.abs(SOLID), rtol=2e-3)


def test_it_scales_with_the_unit_and_does_not_depend_on_the_order():
    rng = np.random.default_rng(0)
    values = RELAXATION * (1 + 0.2 * rng.standard_normal(30))
    found = relative_noise(time_data(TIME, values, 1.0), 0.2)
    np.testing.assert_allclose(relative_noise(time_data(TIME, 1e6 * values, 1.0), 0.2), 1e6 * found, rtol=1e-6)
    turned = relative_noise(time_data(TIME[::-1], values[::-1], 1.0), 0.2)
    np.testing.assert_allclose(turned[::-1], found, rtol=1e-6)


def test_a_value_that_is_missing_or_small_by_chance_is_no_surer():
    values = RELAXATION.copy()
    values[10] = 0.1 * RELAXATION[10]
    for odd in (0.0, 0.1 * RELAXATION[10], np.nan):
        values[10] = odd
        found = relative_noise(time_data(TIME, values, 1.0), 0.3)
        np.testing.assert_allclose(found, 0.3 * RELAXATION, rtol=0.25)


@pytest.mark.parametrize("relative", [0.1, 0.4])
@pytest.mark.parametrize(("make", "exact"), [(time_data, RELAXATION), (creep_data, CREEP)], ids=["E(t)", "J(t)"])
def test_large_noise_that_is_stated_is_no_alarm(make, exact, relative):
    """At 40 % of each measured value 7 of 20 relaxations and 9 of 20 creeps were no material."""
    rng = np.random.default_rng(40)
    alarms = [alarm(make, exact * (1 + relative * rng.standard_normal(30)), relative) for _ in range(20)]
    assert sum(alarms) <= 1


def test_large_noise_of_a_spectrum_is_no_more_alarms_than_their_level():
    rng, alarms = np.random.default_rng(41), 0
    for _ in range(20):
        values = SOLID + 0.4 * np.abs(SOLID) * (rng.standard_normal(20) + 1j * rng.standard_normal(20))
        noise = relative_noise(frequency_data(OMEGA, values, 1.0), 0.4)
        alarms += check_passivity(OMEGA, values, noise, relative=0.4, draws=39).alarm
    assert alarms <= 4  # of a binomial of 20 at 5 % at most 4 with 99.7 %: 7 at noise of the measured values


def test_a_modulus_that_rises_is_still_none():
    rng = np.random.default_rng(2)
    rising = 1000 * (1 + 0.1 * np.linspace(0, 1, 30))
    found = [alarm(time_data, rising * (1 + 0.02 * rng.standard_normal(30)), 0.02) for _ in range(10)]
    assert sum(found) >= 8

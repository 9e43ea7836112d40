"""U_alpha: its arithmetic by hand, its limits, and that it tells a good fit with a wrong slope."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from asperity.evaluation.accuracy import r2
from asperity.evaluation.scaling import exponents
from asperity.evaluation.utility import utility


def test_by_hand():
    """E[(s - s*)^2] = mean of 0.1^2 + 0.05^2 and 0.1^2 + 0 is 0.01125; 1 - 0.01125/0.04 = 0.71875."""
    found = utility(0.8, [1.1, 0.9], [0.05, 0.0], 1.0, weight=0.25, tolerance=0.2)
    assert found.consistency == pytest.approx(0.71875, rel=1e-12)
    assert found.value == pytest.approx(0.25 * 0.8 + 0.75 * 0.71875, rel=1e-12)
    assert found.accuracy == 0.8
    assert found.deviation == pytest.approx(math.sqrt(0.01125), rel=1e-12)


def test_expectation_over_the_posterior():
    """Mean and variance give what the draws themselves give."""
    draws = np.random.default_rng(0).normal(1.05, 0.08, (4000, 7))
    whole = np.mean((draws - 0.97) ** 2)
    found = utility(1.0, draws.mean(axis=0), draws.std(axis=0), 0.97)
    assert found.deviation**2 == pytest.approx(whole, rel=1e-12)


def test_target_may_change_from_point_to_point():
    target = np.array([0.96, 0.99, 1.0])
    assert utility(1.0, target, 0.0, target).value == 1.0
    assert utility(1.0, target, 0.0, 1.0).consistency == pytest.approx(1 - (0.04**2 + 0.01**2) / 3 / 0.04)


@pytest.mark.parametrize(("r2_value", "slope", "weight", "value"), [
    (1.0, 3.0, 0.5, 0.5),  # a perfect fit with a useless slope: the consistency ends at 0
    (-4.0, 1.0, 0.5, -1.5),  # R2 is unbounded below
    (-4.0, 1.0, 0.0, 1.0),
    (0.3, 9.0, 1.0, 0.3),
    (1.0, math.nan, 0.5, 0.5),  # no slope, no consistency
    (1.0, math.inf, 0.5, 0.5),
])
def test_limits(r2_value, slope, weight, value):
    found = utility(r2_value, [slope], [0.0], 1.0, weight=weight)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert 0 <= found.consistency <= 1


def test_a_missing_slope_is_an_infinite_deviation():
    assert utility(1.0, [1.0, math.nan], 0.0, 1.0).deviation == math.inf


def test_good_fit_with_a_wrong_slope_is_told(x64):
    """F ~ R with a ripple of 2 %: R2 stays, the consistency falls to nothing."""
    radius = np.geomspace(10e-9, 50e-9, 200)

    def rippled(r):
        return r * (1 + 0.02 * jnp.sin(40 * jnp.log(r)))

    accuracy = r2(radius, np.asarray(rippled(radius)))
    assert accuracy > 0.995
    smooth = utility(accuracy, exponents(lambda r: 1.02 * r, radius), 0.0, 1.0)
    wavy = utility(accuracy, exponents(rippled, radius), 0.0, 1.0)
    assert smooth.consistency == pytest.approx(1)
    assert wavy.consistency == 0  # amplitude of the slope 0.02 * 40 = 0.8
    assert wavy.deviation == pytest.approx(0.8 / math.sqrt(2), rel=0.1)


@pytest.mark.parametrize("wrong", [{"weight": 1.2}, {"tolerance": 0.0}, {"target": math.nan},
                                   {"slope_std": -0.1}, {"slope_mean": []}])
def test_what_is_refused(wrong):
    with pytest.raises(ValueError):
        utility(**{"r2": 1.0, "slope_mean": [1.0], "slope_std": 0.1, "target": 1.0} | wrong)

"""Scores of accuracy against their definitions, by quadrature and in their limits."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr, ndtri
from scipy.stats import norm

from asperity.evaluation.accuracy import crps, nlpd, r2, r2_of_rows, rmse

RNG = np.random.default_rng(0)
OBSERVED = RNG.normal(size=50)
MEAN = OBSERVED + 0.3 * RNG.normal(size=50)
STD = RNG.uniform(0.1, 1.0, 50)
#: a standard normal variable by its quantiles: means over it are integrals
NORMAL = ndtri((np.arange(100_000) + 0.5) / 100_000)


def test_r2_of_perfect_of_average_and_of_reversed_predictions():
    assert r2(OBSERVED, OBSERVED) == 1.0
    assert r2(OBSERVED, np.full(50, OBSERVED.mean())) == pytest.approx(0.0, abs=1e-14)
    assert r2([0.0, 1.0], [1.0, 0.0]) == -3.0
    assert math.isnan(r2([2.0, 2.0], [1.0, 3.0]))


def test_r2_has_no_unit_and_rmse_has_that_of_the_data():
    assert r2(1e9 * OBSERVED + 5, 1e9 * MEAN + 5) == pytest.approx(r2(OBSERVED, MEAN), rel=1e-12)
    assert rmse(1e-9 * OBSERVED, 1e-9 * MEAN) == pytest.approx(1e-9 * rmse(OBSERVED, MEAN), rel=1e-14)
    assert rmse([3.0, 0.0], [0.0, 4.0]) == pytest.approx(math.sqrt(12.5), rel=1e-15)
    assert r2(OBSERVED, MEAN) == pytest.approx(1 - (rmse(OBSERVED, MEAN) / OBSERVED.std()) ** 2, rel=1e-12)


def test_nlpd_is_minus_the_logarithm_of_the_density():
    expected = -norm.logpdf(OBSERVED, MEAN, STD).mean()
    assert nlpd(OBSERVED, MEAN, STD) == pytest.approx(expected, rel=1e-13)
    changed = nlpd(1e9 * OBSERVED, 1e9 * MEAN, 1e9 * STD)
    assert changed == pytest.approx(expected + math.log(1e9), rel=1e-13)


def test_nlpd_of_the_truth_is_its_entropy():
    """The quantiles' mean of z^2 is short of 1 by the tails beyond them, below 1e-4."""
    assert nlpd(NORMAL, 0.0, 1.0) == pytest.approx(0.5 * math.log(2 * math.pi * math.e), abs=1e-4)


@pytest.mark.parametrize("index", range(5))
def test_crps_is_the_integral_over_the_distribution(index):
    y, m, s = OBSERVED[index], MEAN[index], STD[index]
    below = quad(lambda x: ndtr((x - m) / s) ** 2, -np.inf, y)[0]
    above = quad(lambda x: ndtr((m - x) / s) ** 2, y, np.inf)[0]
    assert crps([y], [m], [s]) == pytest.approx(below + above, rel=1e-7)


def test_crps_of_a_certain_prediction_is_the_absolute_error():
    """The difference is std / sqrt(pi)."""
    error = np.abs(OBSERVED - MEAN).mean()
    assert crps(OBSERVED, MEAN, 1e-9) == pytest.approx(error - 1e-9 / math.sqrt(math.pi), rel=1e-12)


@pytest.mark.parametrize("std", [0.5, 1.0, 2.0])
def test_crps_over_a_normal_variable_is_known(std):
    r"""E|Y - X| - E|X - X'|/2 for Y ~ N(0, 1), X ~ N(0, std^2): least at std = 1."""
    known = math.sqrt(2 * (1 + std**2) / math.pi) - std / math.sqrt(math.pi)
    assert crps(NORMAL, 0.0, std) == pytest.approx(known, abs=1e-5)
    assert crps(NORMAL, 0.0, std) >= crps(NORMAL, 0.0, 1.0)


@pytest.mark.parametrize(("score", "arguments", "message"), [
    (r2, ([1.0, 2.0], [1.0]), "one row of points"),
    (rmse, ([], []), "one row of points"),
    (rmse, (1.0, 2.0), "one row of points"),
    (rmse, ([1.0, math.nan], [1.0, 2.0]), r"observed\[1\] is not finite"),
    (nlpd, ([1.0, 2.0], [1.0, 2.0], [0.1, 0.0]), r"std\[1\] = 0"),
    (crps, ([1.0, 2.0], [1.0, 2.0], -1.0), r"std\[0\] = -1"),
])
def test_errors_say_what_and_where(score, arguments, message):
    with pytest.raises(ValueError, match=message):
        score(*arguments)


def test_r2_of_rows_is_r2_of_each_row_whatever_stands_where_nothing_counts():
    counted = RNG.random((40, 90)) < 0.6
    observed = np.where(counted, 1e-9 * (RNG.normal(size=(40, 90)) + 3), np.nan)
    predicted = np.where(counted, observed + 1e-10 * RNG.normal(size=(40, 90)), np.inf)
    expected = [r2(y[use], m[use]) for y, m, use in zip(observed, predicted, counted)]
    np.testing.assert_allclose(r2_of_rows(observed, predicted, counted), expected, rtol=0, atol=1e-14)


def test_r2_of_a_row_is_unknown_without_points_for_equal_ones_and_for_what_is_not_finite():
    observed = np.array([[1.0, 2.0], [2.0, 2.0], [1.0, np.inf], [np.nan, 1.0]])
    counted = np.array([[False, False], [True, True], [True, True], [True, True]])
    assert np.isnan(r2_of_rows(observed, np.ones((4, 2)), counted)).all()

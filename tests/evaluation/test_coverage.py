"""Coverage and calibration against closed forms, and the bootstrap's interval against its own coverage."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr, ndtri

from asperity.evaluation import coverage
from asperity.evaluation.accuracy import rmse

#: a standard normal variable by its quantiles: shares over it are probabilities
NORMAL = ndtri((np.arange(20_000) + 0.5) / 20_000)
ONE = np.ones_like(NORMAL)


def test_coverage_of_intervals_counts():
    lower, upper = [0.0, 1.5, -np.inf, 0.0], [1.0, 2.0, np.inf, 3.0]
    assert coverage.interval_coverage([0.0, 1.0, 2.0, 3.0], lower, upper) == 0.75


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_gaussian_coverage_of_a_wrong_sigma_is_known(factor):
    """If sigma is stated ``factor`` times as large, level p covers 2 Phi(factor q_p) - 1; each share is one
    point in 20 000."""
    levels = np.array([0.1, 0.5, 0.683, 0.9, 0.99])
    known = 2 * ndtr(factor * ndtri((1 + levels) / 2)) - 1
    found = coverage.gaussian_coverage(1e-9 * NORMAL, 0.0, 1e-9 * factor, levels)
    np.testing.assert_allclose(found, known, atol=1.01e-4)
    assert coverage.gaussian_coverage([0.0], 0.0, 1.0, 0.0) == 1.0  # closed
    half = factor * float(ndtri(0.95))
    assert coverage.interval_coverage(NORMAL, -half, half) == pytest.approx(found[3], abs=1e-12)


def test_pit_of_the_truth_is_uniform_and_of_a_shifted_mean_is_not():
    np.testing.assert_allclose(coverage.pit(NORMAL, 0.0, 1.0), (np.arange(20_000) + 0.5) / 20_000, atol=1e-12)
    two = coverage.pit([1.0, 2.0], [1.0, 0.0], [3.0, 1.0])
    np.testing.assert_allclose(two, [0.5, 0.5 * math.erfc(-math.sqrt(2))], rtol=1e-12)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_miscalibration_area_is_the_integral(factor):
    known = quad(lambda p: abs(2 * ndtr(factor * ndtri((1 + p) / 2)) - 1 - p), 0, 1)[0]
    assert coverage.miscalibration_area(NORMAL, 0.0, factor) == pytest.approx(known, abs=1e-4)


def test_miscalibration_area_of_one_point_and_at_its_limits():
    """One point at level c: int_0^c p + int_c^1 (1 - p) = (c^2 + (1 - c)^2) / 2."""
    level = 0.3
    found = coverage.miscalibration_area([float(ndtri((1 + level) / 2))], 0.0, 1.0)
    assert found == pytest.approx((level**2 + (1 - level) ** 2) / 2, rel=1e-12)
    assert coverage.miscalibration_area([9.0, -9.0], 0.0, 0.1) == pytest.approx(0.5, rel=1e-12)
    assert coverage.miscalibration_area([0.0, 0.0], 0.0, 1.0) == pytest.approx(0.5, rel=1e-12)


def test_miscalibration_area_by_chance_is_as_documented():
    """Mean of the integral of |Brownian bridge|: sqrt(2 / pi) pi / 8 / sqrt(n)."""
    rng = np.random.default_rng(0)
    found = [coverage.miscalibration_area(rng.normal(size=400), 0.0, 1.0) for _ in range(400)]
    error = float(np.std(found)) / math.sqrt(len(found))
    assert np.mean(found) == pytest.approx(math.sqrt(2 * math.pi) / 8 / 20, abs=4 * error)


def test_sharpness_is_the_mean_sigma():
    assert coverage.sharpness([1e-9, 3e-9]) == pytest.approx(2e-9, rel=1e-14)


def test_ence_of_a_sigma_off_by_a_factor():
    """Every bin has RMSE = RMV / factor: with the squares set to their mean the value is exact."""
    sigma = np.repeat([1.0, 2.0, 5.0], 40)
    error = np.tile([1.0, -1.0], 60) * sigma
    assert coverage.ence(error, 0.0, sigma, bins=3) == pytest.approx(0.0, abs=1e-14)
    assert coverage.ence(error, 0.0, 2 * sigma, bins=3) == pytest.approx(0.5, rel=1e-12)
    assert coverage.ence(1e-9 * error, 0.0, 2e-9 * sigma, bins=3) == pytest.approx(0.5, rel=1e-12)


def test_ence_sees_a_sigma_that_says_nothing_where_the_coverage_does_not():
    """Sigma shuffled over points keeps its mean square, but no longer goes with the error."""
    rng = np.random.default_rng(1)
    sigma = rng.uniform(0.2, 2.0, 20_000)
    error = sigma * rng.normal(size=sigma.size)
    chance = 0.56 / math.sqrt(sigma.size / 10)
    assert coverage.ence(error, 0.0, sigma) < 2 * chance
    assert coverage.ence(error, 0.0, rng.permutation(sigma)) > 20 * chance


def test_interval_score_of_a_normal_variable_is_least_at_the_true_interval():
    """Expected score of [-q s, q s] at level 0.9: 2 q s + (4 / a) (phi(q s) - q s (1 - Phi(q s)))."""
    q, a = float(ndtri(0.95)), 0.1

    def known(edge):
        tail = math.exp(-edge**2 / 2) / math.sqrt(2 * math.pi) - edge * float(ndtr(-edge))
        return 2 * edge + 4 / a * tail

    scores = {s: coverage.interval_score(NORMAL, -q * s * ONE, q * s * ONE) for s in (0.8, 1.0, 1.25)}
    for s, score in scores.items():
        assert score == pytest.approx(known(q * s), abs=1e-3)
    assert min(scores, key=scores.__getitem__) == 1.0


def test_expected_calibration_error_by_hand():
    """Confidence 0.9 right 3 of 4 times, 0.6 always: (4 * 0.15 + 2 * 0.4) / 6; in one bin (0.8 - 0.6) / 6."""
    p = np.array([[0.9, 0.1]] * 4 + [[0.4, 0.6]] * 2)
    labels = [0, 0, 0, 1, 1, 1]
    assert coverage.expected_calibration_error(p, labels) == pytest.approx(1.4 / 6, rel=1e-12)
    assert coverage.expected_calibration_error(p, labels, bins=2) == pytest.approx(0.2 / 6, rel=1e-12)
    assert coverage.expected_calibration_error(np.eye(3), [0, 1, 2]) == 0.0
    assert coverage.expected_calibration_error(np.eye(3), [1, 2, 0]) == 1.0


def test_expected_calibration_error_of_a_true_and_of_an_overconfident_classifier():
    rng = np.random.default_rng(2)
    p = rng.dirichlet([1.0, 1.0, 1.0], 50_000)
    labels = (rng.uniform(size=(len(p), 1)) > p.cumsum(axis=1)).sum(axis=1)
    sharpened = p**3 / (p**3).sum(axis=1, keepdims=True)
    assert coverage.expected_calibration_error(p, labels) < 0.01  # chance: 15 bins, 0.4 sqrt(15 / n) = 0.007
    known = (sharpened.max(axis=1) - p.max(axis=1)).mean()  # the same class is on top
    assert coverage.expected_calibration_error(sharpened, labels) == pytest.approx(known, abs=0.01)


def test_bootstrap_by_point_is_far_too_narrow():
    """The same data with every point its own session: the error of the offsets is missed."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(12), 50)
    values = rng.normal(size=12)[groups] + 0.5 * rng.normal(size=600)
    sessions = coverage.bootstrap(np.mean, [values], by_session=groups)
    points = coverage.bootstrap(np.mean, [values], by_session=np.arange(600))
    assert points.upper - points.lower < (sessions.upper - sessions.lower) / 3
    assert (sessions.sessions, points.sessions) == (12, 600)


def test_bootstrap_draws_the_points_of_the_sessions_whether_they_have_one_or_several():
    """Sessions of one point each, in any order, are drawn as those of several are: from the same numbers."""
    values, names = np.array([4.0, 8.0, 15.0, 16.0]), np.array(["d", "b", "a", "c"])
    drawn = []
    coverage.bootstrap(lambda a: drawn.append(a.copy()) or a.mean(), [values], by_session=names, draws=50, seed=3)
    twice = []
    coverage.bootstrap(lambda a: twice.append(a.copy()) or a.mean(), [np.repeat(values, 2)],
                       by_session=np.repeat(names, 2), draws=50, seed=3)
    picks = np.random.default_rng(3).integers(4, size=(50, 4))
    np.testing.assert_array_equal(drawn[:50], values[np.argsort(names)][picks])
    np.testing.assert_array_equal(twice[:50], np.repeat(values[np.argsort(names)][picks], 2, axis=1))


def test_bootstrap_of_any_statistic_is_a_function_of_its_arguments():
    rng = np.random.default_rng(5)
    observed, predicted = rng.normal(size=(2, 60))
    names = np.repeat(["monday", "tuesday", "friday"], 20)
    first = coverage.bootstrap(rmse, [observed, predicted], by_session=names, seed=1)
    assert first == coverage.bootstrap(rmse, [observed, predicted], by_session=names, seed=1)
    assert first.value == rmse(observed, predicted)
    assert first.lower <= first.value <= first.upper
    p = rng.dirichlet([1.0, 1.0], 60)
    error = coverage.bootstrap(coverage.expected_calibration_error, [p, p.argmax(axis=1)], by_session=names)
    assert 0 < error.lower <= error.value <= error.upper < 1


@pytest.mark.parametrize(("call", "message"), [
    (lambda: coverage.interval_coverage([1.0], [2.0], [1.0]), "lower must not exceed upper"),
    (lambda: coverage.ence([1.0, 2.0], 0.0, 1.0), "bins = 10"),
    (lambda: coverage.interval_score([1.0], [0.0], [2.0], level=90), "level = 90"),
    (lambda: coverage.expected_calibration_error([[0.9, 0.9]], [0]), "add up to 1"),
    (lambda: coverage.expected_calibration_error([[0.5, 0.5]], [2]), "labels are the classes 0 .. 1"),
    (lambda: coverage.expected_calibration_error([0.5, 0.5], [0, 1]), r"\(n, k\)"),
    (lambda: coverage.bootstrap(np.mean, [[1.0, 2.0]], by_session=["a", "a"]), "1 session"),
    (lambda: coverage.bootstrap(np.mean, [[1.0, 2.0]], by_session=["a"]), "by_session has 1 points"),
])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Conformal intervals: ranks by exact arithmetic, coverage by simulation within binomial bounds."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import binomtest

from asperity.evaluation import conformal


def consistent(held: int, trials: int, probability: float) -> bool:
    """Whether ``held`` of ``trials`` can be chance: two-sided binomial test at 0.1 %."""
    return float(binomtest(int(held), trials, probability).pvalue) > 1e-3


@pytest.mark.parametrize("level", [Fraction(k, 20) for k in (1, 7, 11, 14, 18, 19)])
def test_split_is_the_rank_of_the_definition(level):
    rng = np.random.default_rng(0)
    for n in range(1, 80):
        scores, rank = rng.normal(size=n), math.ceil((n + 1) * level)
        expected = np.sort(scores)[rank - 1] if rank <= n else math.inf
        assert conformal.split(scores, level=float(level)) == expected


def test_split_covers_whatever_the_predictor_and_the_noise():
    """30 calibration scores of a plainly wrong predictor under Cauchy noise: coverage 28/31 exactly."""
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(5000, 31))
    score = np.abs(x**2 + (0.1 + x) * rng.standard_cauchy(x.shape) - 0.3)
    held = sum(row[30] <= conformal.split(row[:30]) for row in score)
    assert consistent(held, len(score), 28 / 31)


GROWTH, SHIFT = 0.45, 0.8


def shifted(trials: int, n: int = 300):
    """Scores |y| of noise that grows with x: n calibration points at x ~ N(0, 1), one at N(SHIFT, 1)."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(trials, n + 1))
    x[:, n] += SHIFT
    return np.abs(np.exp(GROWTH * x) * rng.normal(size=x.shape)), np.exp(SHIFT * x)


def coverage_after_shift() -> float:
    """True coverage of the split interval, nominal 0.90, in the limit of many points: 0.793."""
    x = ndtri((np.arange(100_000) + 0.5) / 100_000)

    def covered(q, shift):
        return (2 * ndtr(q * np.exp(-GROWTH * (x + shift))) - 1).mean()

    return covered(brentq(lambda q: covered(q, 0.0) - 0.9, 0.1, 50), SHIFT)


def test_weights_restore_the_coverage_that_a_shift_of_inputs_takes():
    scores, weights = shifted(2000)
    new, old = scores[:, -1], scores[:, :-1]
    found = [conformal.weighted(s, w[:-1], w[-1:]) for s, w in zip(old, weights)]
    plain = np.array([conformal.split(s) for s in old])
    assert coverage_after_shift() == pytest.approx(0.79, abs=0.005)
    assert consistent((new <= plain).sum(), len(new), coverage_after_shift())
    assert consistent((new <= [f.score[0] for f in found]).sum(), len(new), 0.9)
    sizes = [f.effective_size for f in found]
    assert np.mean(sizes) == pytest.approx(300 * math.exp(-(SHIFT**2)), rel=0.05)  # the limit of many points


def test_weighted_by_its_definition():
    """Against masses written out, point by point, and without a unit of the weights."""
    rng = np.random.default_rng(3)
    scores, weights, new = rng.normal(size=40) ** 2, rng.exponential(size=40), rng.exponential(size=7) * 5
    found = conformal.weighted(scores, weights, new, level=0.8)
    for q, w in zip(found.score, new):
        mass = np.append(weights, w) / (weights.sum() + w)
        candidates = np.sort(np.append(scores, np.inf))
        assert q == next(c for c in candidates if mass[np.append(scores, np.inf) <= c].sum() >= 0.8)
    scaled = conformal.weighted(scores, 1024 * weights, 1024 * new, level=0.8)
    np.testing.assert_array_equal(scaled.score, found.score)


def test_equal_weights_are_split_conformal_and_a_lone_weight_is_no_answer():
    scores = np.random.default_rng(4).normal(size=57)
    assert conformal.weighted(scores, np.full(57, 0.3), [0.3]).score[0] == conformal.split(scores)
    assert conformal.weighted(scores, np.ones(57), [1e3]).score[0] == np.inf
    assert conformal.effective_size(np.full(57, 0.3)) == pytest.approx(57, rel=1e-12)
    assert conformal.effective_size(np.eye(57)[0]) == 1.0


SESSIONS, CURVES, SESSION_STD, CURVE_STD = 12, 60, 0.12, 0.08
GROUPS = np.repeat(np.arange(SESSIONS), CURVES)


def new_session_coverage(trial: int) -> list[float]:
    """Coverage of four ways to calibrate, for curves of a new session; nominal 0.90.

    The quantity is the logarithm of a modulus; the predictors are means (per session, or over all).
    """
    rng = np.random.default_rng([5, trial])
    y = SESSION_STD * rng.normal(size=SESSIONS)[:, None] + CURVE_STD * rng.normal(size=(SESSIONS, CURVES))
    truth = SESSION_STD * rng.normal()
    order = rng.permuted(np.tile(np.arange(CURVES), (SESSIONS, 1)), axis=1)
    shuffled = np.take_along_axis(y, order, axis=1)
    half = CURVES // 2
    within = np.abs(shuffled[:, half:] - shuffled[:, :half].mean(axis=1, keepdims=True)).ravel()
    left_out = np.abs(y - (y.sum() - y.sum(axis=1, keepdims=True)) / ((SESSIONS - 1) * CURVES))
    radii = [conformal.split(within), conformal.split(left_out.ravel()), conformal.split(left_out[:, 0]),
             conformal.hierarchical(left_out.ravel(), GROUPS)]
    error = y.mean() - truth
    return [float(ndtr((error + q) / CURVE_STD) - ndtr((error - q) / CURVE_STD)) for q in radii]


def test_a_random_split_of_curves_promises_what_a_new_session_does_not_keep():
    """The figures of an independent simulation of the same design, whose own scatter is not known; here the
    means scatter by 0.01."""
    found = np.array([new_session_coverage(trial) for trial in range(600)])
    np.testing.assert_allclose(found.mean(axis=0), [0.65, 0.89, 0.92, 0.965], atol=0.03)
    np.testing.assert_allclose(np.quantile(found, 0.1, axis=0), [0.23, 0.65, 0.75, 0.905], atol=0.08)
    error = found.std(axis=0) / math.sqrt(len(found))
    assert found[:, 0].mean() + 10 * error[0] < 0.9
    assert found[:, 3].mean() - 3 * error[3] > 0.9


def test_hierarchical_keeps_its_promise_with_unequal_sessions():
    """One predictor (zero), 12 sessions of 3 to 80 curves: a new session is covered to at least 0.90."""
    rng = np.random.default_rng(6)
    sizes = rng.integers(3, 80, SESSIONS)
    groups, held, trials = np.repeat(np.arange(SESSIONS), sizes), 0, 1500
    for _ in range(trials):
        scores = np.abs(rng.standard_t(3, SESSIONS)[groups] + 0.5 * rng.normal(size=groups.size))
        held += abs(rng.standard_t(3) + 0.5 * rng.normal()) <= conformal.hierarchical(scores, groups)
    assert binomtest(held, trials, 0.9, alternative="less").pvalue > 1e-3


def test_hierarchical_limits():
    rng = np.random.default_rng(7)
    scores = rng.normal(size=31)
    assert conformal.hierarchical(scores, np.arange(31)) == conformal.split(scores)  # one curve per session
    groups = rng.integers(0, 12, 200)
    many = rng.normal(size=200)
    repeated = conformal.hierarchical(np.tile(many, 3), np.tile(groups, 3))
    assert repeated == conformal.hierarchical(many, groups)  # more of the same curves is no more information
    assert conformal.hierarchical(many, groups % 8) == np.inf
    assert np.isfinite(conformal.hierarchical(many, groups % 9))


def leave_one_out(x: np.ndarray, y: np.ndarray, new: np.ndarray):
    """Least squares on all points but one, in turn: predictions at ``new`` (n, m) and residuals (n,)."""
    keep = [np.arange(len(y)) != i for i in range(len(y))]
    weights = np.array([np.linalg.lstsq(x[k], y[k], rcond=None)[0] for k in keep])
    return weights @ new.T, np.abs(y - (x * weights).sum(axis=1))


def test_jackknife_plus_covers_where_residuals_of_the_fit_do_not():
    """10 coefficients from 20 points: the fit's own residuals are far too small. Jackknife+ guarantees 0.80
    at level 0.90, and holds 0.90 here."""
    rng = np.random.default_rng(8)
    held, naive, trials = 0, 0, 600
    for _ in range(trials):
        x, noise = rng.normal(size=(21, 10)), rng.normal(size=21)
        lower, upper = conformal.jackknife_plus(*leave_one_out(x[:20], noise[:20], x[20:]))
        held += lower[0] <= noise[20] <= upper[0]
        weights = np.linalg.lstsq(x[:20], noise[:20], rcond=None)[0]
        radius = conformal.split(np.abs(noise[:20] - x[:20] @ weights))
        naive += abs(noise[20] - x[20] @ weights) <= radius
    assert consistent(held, trials, 0.9)
    assert naive < 0.75 * trials


def test_jackknife_plus_by_its_definition():
    rng = np.random.default_rng(9)
    predictions, residuals = rng.normal(size=(49, 6)), np.abs(rng.normal(size=49))
    lower, upper = conformal.jackknife_plus(predictions, residuals, level=0.8)
    np.testing.assert_array_equal(lower, np.sort(predictions - residuals[:, None], axis=0)[10 - 1])
    np.testing.assert_array_equal(upper, np.sort(predictions + residuals[:, None], axis=0)[40 - 1])


def test_jackknife_plus_of_one_predictor_is_split():
    residuals = np.abs(np.random.default_rng(10).normal(size=40))
    lower, upper = conformal.jackknife_plus(np.full((40, 2), 7.0), residuals)
    np.testing.assert_allclose(upper - 7, conformal.split(residuals), rtol=1e-12)
    np.testing.assert_allclose(lower + upper, 14, rtol=1e-12)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: conformal.split([]), "one row of points"),
    (lambda: conformal.split([1.0], level=90), "level = 90"),
    (lambda: conformal.weighted([1.0, 2.0], [1.0, -1.0], [1.0]), "at least 0"),
    (lambda: conformal.weighted([1.0, 2.0], [0.0, 0.0], [1.0]), "not all 0"),
    (lambda: conformal.weighted([1.0, 2.0], [1.0, 1.0], [1.0, -1.0]), r"new_weights\[1\] < 0"),
    (lambda: conformal.hierarchical([1.0, 2.0], [1]), "one session per score"),
    (lambda: conformal.jackknife_plus(np.zeros((3, 2)), [1.0, 1.0]), r"n = 2 residuals; got \(3, 2\)"),
])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()

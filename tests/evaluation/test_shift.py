"""The fall outside the training range, and detectors: false alarms at their rate, power against shifts."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from asperity.evaluation.shift import Predictions, detect, fall, two_sample

MIX = np.array([[1.0, 0.0, 0.0], [0.9, 0.5, 0.0], [0.0, 0.3, 1.0]])


def consistent(hits: int, trials: int, probability: float) -> bool:
    """Whether the number of hits can be chance: two-sided binomial test at 0.1 %."""
    return float(binomtest(int(hits), trials, probability).pvalue) > 1e-3


def groups(rng: np.random.Generator, count: int) -> np.ndarray:
    """Correlated, heavy-tailed dimensionless groups, (count, 3)."""
    return rng.standard_t(4, (count, 3)) @ MIX.T


# --- the fall


def cubic_and_physics(rng: np.random.Generator):
    """Pull-off force 1.5 pi w R with 5 % noise, learnt for R in 10-50 nm: by a cubic in R, and by a power law
    of slope 1. Returns for each a function of R that gives prediction and exponent."""
    radius = np.exp(rng.uniform(np.log(10e-9), np.log(50e-9), 40))
    force = observe(rng, radius)
    cubic = np.polynomial.Polynomial.fit(radius, force, 3)
    factor = np.exp(np.log(force / radius).mean())
    return (lambda r: (cubic(r), r * cubic.deriv()(r) / cubic(r))), (lambda r: (factor * r, np.ones_like(r)))


def observe(rng: np.random.Generator, radius: np.ndarray) -> np.ndarray:
    return 1.5 * math.pi * 0.05 * radius * np.exp(0.05 * rng.normal(size=radius.shape))


def test_a_fit_without_physics_falls_where_the_power_law_stands():
    rng = np.random.default_rng(0)
    models = cubic_and_physics(rng)
    near, far = (low * 10 ** rng.uniform(0, decades, 200) for low, decades in ((10e-9, 0.7), (100e-9, 0.5)))
    seen, unseen = observe(rng, near), observe(rng, far)
    black_box, physics = (fall(Predictions(seen, *model(near), 1.0), Predictions(unseen, *model(far), 1.0))
                          for model in models)
    assert black_box.inside.r2 > 0.95
    assert black_box.r2_lost > 1
    assert black_box.deviation_gained > 0.5
    assert physics.outside.r2 > 0.95
    assert physics.deviation_gained == 0
    assert physics.rmse_ratio < 10  # forces are 5 to 10 times as large there, and so is their noise


def test_fall_by_hand():
    inside = Predictions([0.0, 2.0], [0.0, 1.0], [1.0, 1.2], 1.0)
    outside = Predictions([0.0, 2.0], [2.0, 0.0], [0.0, 2.0], [1.0, 0.5], slope_std=0.1)
    found = fall(inside, outside)
    assert (found.inside.r2, found.outside.r2) == (0.5, -3.0)
    assert found.r2_lost == 3.5
    assert found.rmse_ratio == pytest.approx(math.sqrt(8), rel=1e-12)
    assert found.inside.squared_deviation == pytest.approx(0.02, rel=1e-12)
    assert found.outside.squared_deviation == pytest.approx((1 + 2.25) / 2 + 0.01, rel=1e-12)
    assert found.deviation_gained == pytest.approx(1.615, rel=1e-12)


def test_a_slope_that_does_not_exist_leaves_no_consistency():
    inside = Predictions([0.0, 1.0], [0.0, 1.0], 1.0, 1.0)
    found = fall(inside, Predictions([0.0, 1.0], [0.0, 0.5], [1.0, math.nan], 1.0))
    assert found.outside.squared_deviation == math.inf
    assert found.deviation_gained == math.inf
    assert found.rmse_ratio == math.inf


# --- single inputs


def test_p_values_of_familiar_inputs_are_uniform():
    rng = np.random.default_rng(2)
    p = np.concatenate([detect(groups(rng, 100), groups(rng, 1), seed=t).p_value for t in range(1500)])
    for level in (0.1, 0.5, 0.9):
        assert consistent((p <= level).sum(), len(p), math.floor(51 * level) / 51)


def test_what_is_shifted_or_breaks_a_correlation_is_flagged():
    """The second kind lies within the range of each group: only Mahalanobis's distance sees it."""
    rng = np.random.default_rng(3)
    training = rng.normal(size=(400, 3)) @ MIX.T
    shifted = detect(training, rng.normal(size=(500, 3)) @ MIX.T + np.array([0.0, 0.0, 5.0]))
    assert shifted.flag.mean() > 0.95
    assert shifted.outside[:, 2].mean() > 0.9
    broken = detect(training, np.array([[1.8, -1.8, 0.0]]))
    assert broken.flag[0]
    assert not broken.outside.any()


def test_what_leaves_the_range_of_a_uniform_design_is_flagged():
    """In the middle of five of six groups and 40 % beyond the sixth: Mahalanobis's distance is that of a
    typical training point, but the range is left."""
    rng = np.random.default_rng(4)
    training = rng.uniform(-1, 1, (1000, 6))
    point = np.array([[1.4, 0, 0, 0, 0, 0]])
    assert np.linalg.norm(point) < np.quantile(np.linalg.norm(training, axis=1), 0.6)
    found = detect(training, point)
    assert found.flag[0]
    assert found.outside.tolist() == [[True] + [False] * 5]


def test_a_group_that_never_varied_flags_every_change():
    rng = np.random.default_rng(5)
    training = np.column_stack([rng.normal(size=200), np.full(200, -18.42)])
    found = detect(training, np.array([[0.1, -18.42], [0.1, -18.42 + 1e-12], [0.1, -18.0]]))
    assert found.flag.tolist() == [False, False, True]
    assert detect(training[:, 1:], np.array([[-18.42], [-18.0]])).flag.tolist() == [False, True]


def test_detection_does_not_depend_on_the_batch_or_on_the_scale_of_a_group():
    rng = np.random.default_rng(6)
    training, inputs = rng.normal(size=(300, 3)), rng.normal(size=(20, 3))
    every = detect(training, inputs)
    one = detect(training, inputs[7:8])
    assert one.p_value[0] == every.p_value[7]
    scale = np.array([3.0, 0.5, 10.0])
    scaled = detect(scale * training + 1, scale * inputs + 1)
    np.testing.assert_allclose(scaled.distance, every.distance, rtol=1e-10)


# --- whole sessions


def test_two_samples_of_one_kind_differ_by_chance_only():
    """99 permutations: p <= 0.05 with probability 0.05 exactly."""
    rng = np.random.default_rng(7)
    second = np.arange(50) < 20
    p = [two_sample(groups(rng, 50), second, permutations=99, seed=t).p_value for t in range(1000)]
    for level in (0.05, 0.5):
        assert consistent((np.array(p) <= level).sum(), len(p), level)


@pytest.mark.parametrize(("change", "power"), [
    (lambda x: x + np.array([0.0, 1.0, 0.0]), 0.95),  # a shift by one standard deviation
    (lambda x: 2.5 * x, 0.95),  # the same mean, another spread
    (lambda x: x * np.array([1.0, -1.0, 1.0]), 0.95),  # the same marginal laws, another correlation
])
def test_two_samples_of_different_kinds_are_told_apart(change, power):
    rng = np.random.default_rng(8)
    mix = np.array([[1.0, 0.0, 0.0], [0.9, 0.436, 0.0], [0.0, 0.0, 1.0]])
    second = np.arange(160) < 80
    hits = 0
    for trial in range(60):
        x = rng.normal(size=(160, 3)) @ mix.T
        x[second] = change(x[second])
        hits += two_sample(x, second, permutations=99, seed=trial).p_value <= 0.05
    assert hits / 60 >= power


def session_p_values(offset: float, *, by_session: bool) -> np.ndarray:
    """6 + 6 sessions of 8 curves, each with its own offset; the second kind shifted by ``offset``."""
    rng = np.random.default_rng(9)
    sessions = np.repeat(np.arange(12), 8)
    second = sessions >= 6
    p = []
    for trial in range(300):
        x = rng.normal(size=(12, 2))[sessions] + 0.5 * rng.normal(size=(96, 2)) + offset * second[:, None]
        p.append(two_sample(x, second, by_session=sessions if by_session else None, permutations=99,
                            seed=trial).p_value)
    return np.array(p)


def test_sessions_of_one_kind_are_not_called_different():
    """Permuting curves calls most pairs of sets different; permuting sessions keeps its promise."""
    assert (session_p_values(0.0, by_session=False) <= 0.05).mean() > 0.5
    held = (session_p_values(0.0, by_session=True) <= 0.05).sum()
    assert binomtest(int(held), 300, 0.05, alternative="greater").pvalue > 1e-3
    assert (session_p_values(3.0, by_session=True) <= 0.05).mean() > 0.9


def test_few_sessions_say_how_little_they_can_say():
    rng = np.random.default_rng(10)
    sessions = np.repeat(np.arange(12), 5)
    x = rng.normal(size=(60, 2)) + 100.0 * (sessions == 11)[:, None]
    found = two_sample(x, sessions == 11, by_session=sessions)
    assert found.resolution == 1 / 12
    assert found.p_value == pytest.approx(1 / 12, abs=0.04)  # 999 draws of 12 divisions
    few = sessions > 7  # two against two: three divisions
    assert two_sample(x[few], sessions[few] > 9, by_session=sessions[few]).resolution == 1 / 3


def test_squared_mmd_by_its_definition():
    """Sums written out over pairs, with the kernel at the median distance of the standardized points."""
    rng = np.random.default_rng(11)
    x, second = rng.normal(size=(15, 2)), np.arange(15) < 6
    z = x / x.std(axis=0)
    squared = ((z[:, None] - z) ** 2).sum(axis=-1)
    kernel = np.exp(-squared / (2 * np.median(squared[np.triu_indices(15, 1)])))
    known = (kernel[second][:, second].mean() + kernel[~second][:, ~second].mean()
             - 2 * kernel[second][:, ~second].mean())
    assert two_sample(x, second).squared_mmd == pytest.approx(known, rel=1e-10)
    assert two_sample(1e3 * x - 7, second).squared_mmd == pytest.approx(known, rel=1e-9)


def test_large_sets_are_thinned():
    rng = np.random.default_rng(12)
    x = rng.normal(size=(6000, 2))
    second = np.arange(6000) < 4500
    x[second] += 0.3
    assert two_sample(x, second, permutations=99).p_value == 0.01


@pytest.mark.parametrize(("call", "message"), [
    (lambda: detect(np.zeros((100, 2)), np.zeros((1, 3))), "training has 2 groups, inputs 3"),
    (lambda: detect(np.zeros((37, 2)), np.zeros((1, 2))), "37 training inputs.*at least 38 can"),
    (lambda: detect(np.full((100, 2), np.nan), np.zeros((1, 2))), "training must be finite"),
    (lambda: detect(np.zeros((100, 2)), np.zeros(2)), r"inputs must be finite and \(n, p\)"),
    (lambda: detect(np.zeros((100, 2)), np.zeros((1, 2)), false_alarm=5), "false_alarm = 5"),
    (lambda: two_sample(np.zeros((4, 2)), [True] * 4), "points in both sets"),
    (lambda: two_sample(np.zeros((4, 2)), [True, False]), "one row of 4"),
    (lambda: two_sample(np.eye(4), [True, True, False, False], by_session=[1, 2, 2, 3]), "is in both sets"),
    (lambda: fall(Predictions([], [], [], []), Predictions([], [], [], [])), "one row of points"),
])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()

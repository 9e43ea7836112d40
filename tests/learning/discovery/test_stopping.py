"""Claims about held-out curves against distributions that are known exactly."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from asperity.learning.discovery.stopping import classes_checked, coins, intervals_checked, sharpness, wrong_share


def test_equal_coins_are_binomial():
    np.testing.assert_allclose(coins(np.full(12, 0.3)), binom.pmf(np.arange(13), 12, 0.3), atol=1e-14)
    assert coins(np.array([0.0, 1.0, 1.0])).tolist() == [0.0, 0.0, 1.0, 0.0]


def test_the_share_is_the_tail_beyond_the_threshold():
    assert wrong_share(np.array([1.0]), np.array([4.0]), 0.0)[0] == pytest.approx(norm.cdf(-0.5))
    assert wrong_share(np.array([-1.0]), np.array([4.0]), 0.0, 2.0)[0] == pytest.approx(norm.cdf(-1.0))


@pytest.mark.parametrize(("true", "holds"), [(1.0, True), (0.4, False)])
def test_honest_claims_hold_and_overconfident_ones_do_not(true, holds):
    """Values that lie ``1 / true`` times as far off as is said of them."""
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        mean = rng.normal(0, 2, 80)
        values = mean + rng.normal(0, 1 / true, 80)
        held += intervals_checked(values, mean, np.ones(80)).held
    assert (held >= 36) if holds else (held <= 4)


def test_sharpness_is_learnt_and_on_the_safe_side():
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        mean = rng.normal(0, 2, 200)
        values = np.where(rng.random(200) < norm.cdf(1.6 * mean), 1.0, -1.0)
        found.append(sharpness(values, mean, np.ones(200), 0.0))
        assert classes_checked(values, mean, np.ones(200), 0.0).curves == 200
    assert 1.0 < np.median(found) < 1.6
    assert np.mean(np.array(found) < 1.6) > 0.85

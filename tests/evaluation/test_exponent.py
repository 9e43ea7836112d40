"""The exponent of curves whose contact point is not known."""

import numpy as np
import pytest

from asperity.evaluation.exponent import contact_exponent

CURVES, SAMPLES = 12, 90


def curves(exponent: float, pull: float, signal: float, seed: int = 0):
    """Contacts of one exponent that begin anywhere within a tenth of the depth; with a pull, what is attached alone."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1.0 if pull == 0 else 0.0, 1.0, SAMPLES) * np.ones((CURVES, 1))
    force = np.maximum(x, 0.0) ** exponent - pull + rng.normal(0, 1 / signal, x.shape)
    return 5e-7 * (x + rng.uniform(0, 0.1, (CURVES, 1))), 3e-9 * force


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("pull", [0.0, 0.3])
def test_the_exponent_is_found_without_the_contact_point(exponent, pull):
    """Within four standard errors of repeated draws, which are 0.006 at most."""
    found = contact_exponent(*curves(exponent, pull, 300.0))
    assert found.value == pytest.approx(exponent, abs=0.025)
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.06


@pytest.mark.study
@pytest.mark.parametrize("exponent", [1.5, 2.0])
def test_intervals_of_90_percent_hold_the_exponent(exponent):
    """Thirty draws: by chance fewer than 21 once in three hundred times."""
    found = [contact_exponent(*curves(exponent, 0.0, 60.0, seed), seed=seed) for seed in range(30)]
    assert sum(one.low <= exponent <= one.high for one in found) >= 21


@pytest.mark.parametrize("exponent", [0.6, 4.0])
def test_unusual_exponents_are_found_and_what_is_beyond_has_no_interval(exponent):
    assert contact_exponent(*curves(exponent, 0.0, 300.0)).value == pytest.approx(exponent, abs=0.06)
    assert np.isnan(contact_exponent(*curves(9.0, 0.0, 300.0)).low)


def test_a_wrong_contact_point_does_not_bend_a_cone_into_a_paraboloid():
    """What a fit of a paraboloid to a cone leaves of the exponent in a plot against its own contact point: 1.55."""
    x, force = curves(2.0, 0.0, 300.0)
    shifted = contact_exponent(x - 0.2 * 5e-7, force)
    assert shifted.value == pytest.approx(2.0, abs=0.025)


def test_too_little_says_nothing():
    x, force = curves(1.5, 0.0, 60.0)
    assert np.isnan(contact_exponent(np.full_like(x, np.nan), force)).all()
    alone = contact_exponent(x[:1], force[:1])
    assert np.isfinite(alone.value)
    assert np.isnan(alone.low)

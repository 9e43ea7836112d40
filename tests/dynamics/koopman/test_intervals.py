"""Intervals of rates: matched across draws, as wide as episodes scatter, and not where there are too few."""

import numpy as np
import pytest

from asperity.dynamics.dictionaries import Polynomials
from asperity.dynamics.koopman import eigenpairs, lagged, pairs, rate_intervals, scaling_of, sums_of
from asperity.dynamics.koopman.intervals import _matched
from asperity.messages import ArgumentError

RATE = -0.02 + 0.3j  # per step
LINEAR = Polynomials(1)


def episodes(count, seed, noise=0.0, samples=120):
    """Rotations that decay, from states over a disc."""
    rng = np.random.default_rng(seed)
    begin = rng.normal(size=count) + 1j * rng.normal(size=count)
    path = begin[:, None] * np.exp(RATE * np.arange(samples))
    return np.stack([path.real, path.imag], axis=2) + noise * rng.normal(size=(count, samples, 2))


def intervals_of(states, **options):
    scaling = scaling_of(states.reshape(-1, 2))
    lags = [lagged([one], (0, 1, 2)) for one in states]
    later = [sums_of(LINEAR, scaling, a, c) for a, _, c in lags] if options.pop("by_lags", False) else None
    one = [sums_of(LINEAR, scaling, a, b) for a, b, _ in lags] if later else [
        sums_of(LINEAR, scaling, *pairs([own])) for own in states]
    return rate_intervals(LINEAR, scaling, one, later=later, **options)


def test_without_noise_they_have_no_width():
    found = intervals_of(episodes(8, 0), draws=20)
    turning = np.argmax(found.rate.imag)
    np.testing.assert_allclose(found.rate[turning], RATE, atol=1e-10)
    assert np.ptp(found.decay, axis=1).max() < 1e-9
    assert np.ptp(found.angle, axis=1).max() < 1e-9
    np.testing.assert_allclose(found.overlap, 1, atol=1e-6)
    np.testing.assert_allclose(eigenpairs(found.model).value, found.found.value)


def test_their_width_is_the_scatter_of_other_recordings():
    """Student's quantile of 19 times the standard deviation over 60 recordings, to the scatter of both."""
    many = [intervals_of(episodes(20, seed, noise=0.05), by_lags=True, draws=60) for seed in range(60)]
    turning = [np.argmax(one.rate.imag) for one in many]
    for part, name in ((np.real, "decay"), (np.imag, "angle")):
        scatter = np.std([part(one.rate[k]) for one, k in zip(many, turning)])
        half = np.median([np.ptp(getattr(one, name)[k]) / 2 for one, k in zip(many, turning)])
        assert 0.7 < half / (2.093 * scatter) < 1.4


def test_they_widen_with_the_level_and_repeat_with_the_seed():
    states = episodes(12, 3, noise=0.05)
    one, again, wide = (intervals_of(states, draws=50, level=level) for level in (0.9, 0.9, 0.99))
    np.testing.assert_array_equal(one.decay, again.decay)
    assert (np.ptp(wide.decay, axis=1) > np.ptp(one.decay, axis=1)).all()


def test_eigenfunctions_are_matched_whatever_their_order():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    gram, vector = root @ root.T, rng.normal(size=(6, 6)) + 1j * rng.normal(size=(6, 6))
    order = rng.permutation(6)
    turned = vector[:, order] * np.exp(1j * rng.uniform(0, 6, 6)) * rng.uniform(0.1, 9, 6)
    place, overlap = _matched(gram, vector, turned)
    np.testing.assert_array_equal(order[place], np.arange(6))
    np.testing.assert_allclose(overlap, 1)


def test_few_episodes_are_refused():
    with pytest.raises(ArgumentError, match="4 episodes"):
        intervals_of(episodes(4, 0))

"""Frequencies and damping of signals whose own are known, and the intervals of both."""

import numpy as np
import pytest

from asperity.dynamics.hankel import coordinates_of, modes_of, prediction_errors
from asperity.messages import DataError

FREQUENCY, QUALITY = 1 / 30, 50.0
DAMPING = np.pi * FREQUENCY / QUALITY


def episodes(seed, noise, count=8, samples=600):
    random, t = np.random.default_rng(seed), np.arange(samples)
    return [np.exp(-DAMPING * t) * np.cos(2 * np.pi * FREQUENCY * t + random.uniform(0, 6.28))
            + noise * random.standard_normal(samples) for _ in range(count)]


def best(seed, noise, draws=60):
    own = episodes(seed, noise)
    found = modes_of(own, coordinates_of(own, 63, 12), 63, 1.0, draws=draws)
    return found, int(np.argmin(np.abs(found.frequency - FREQUENCY)))


def test_without_noise_both_are_exact():
    found, mode = best(0, 0.0)
    assert found.frequency[mode] == pytest.approx(FREQUENCY, rel=1e-9)
    assert found.damping[mode] == pytest.approx(DAMPING, rel=1e-6)
    assert found.residual[mode] < 1e-7


def test_one_percent_of_noise_lies_within_the_intervals():
    """30 records: of intervals of 95 %, 25 hold at least (3 standard errors below 28.5), of frequency and damping."""
    held = []
    for seed in range(30):
        found, mode = best(seed, 1e-2)
        held.append([abs(found.frequency[mode] - FREQUENCY) < found.frequency_half[mode],
                     abs(found.damping[mode] - DAMPING) < found.damping_half[mode]])
    assert np.sum(held, axis=0).min() >= 25


def test_the_sizes_of_two_tones():
    """Root mean squares of what each is of the signal, and the smaller one is the faster."""
    t = np.arange(600)
    own = [3 * np.cos(0.2 * t + i) + 0.5 * np.cos(0.5 * t - 2 * i) + 1e-3 * np.cos(t**2) for i in range(6)]
    found = modes_of(own, coordinates_of(own, 63, 12), 63, 1.0, draws=5)
    for angle, size in ((0.2, 3), (0.5, 0.5)):
        mode = int(np.argmin(np.abs(2 * np.pi * found.frequency - angle)))
        assert found.size[mode] == pytest.approx(size / np.sqrt(2), rel=0.01)


def test_units_do_not_matter():
    own = episodes(1, 1e-3)
    one, other = (modes_of(scaled, coordinates_of(scaled, 63, 12), 63, 1.0, draws=5)
                  for scaled in (own, [1e-9 * episode for episode in own]))
    np.testing.assert_allclose(one.frequency, other.frequency, rtol=1e-9)


def test_a_linear_signal_is_predicted_to_its_noise():
    """Held-out episodes over eight periods: the error is that of the noise in both, not that of one step."""
    own = episodes(2, 1e-3)
    found = prediction_errors(own[:6], own[6:], coordinates_of(own[:6], 63, 12), 63, 240)
    assert found["linear"].max() < 6e-3
    np.testing.assert_allclose(found["linear"], found["relifted"])


def test_one_episode_has_no_interval_and_a_still_signal_is_refused():
    own = episodes(3, 1e-3, count=1)
    assert np.isnan(modes_of(own, coordinates_of(own, 63, 12), 63, 1.0).frequency_half).all()
    with pytest.raises(DataError, match="does not change"):
        coordinates_of([np.ones(300)], 20, 4)

"""The learnt noise against processes whose autocovariance is known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from asperity.learning import noise as noise_model


def autoregressive(count, length, memory, rng):
    """AR(1) with unit variance and correlation memory**lag."""
    start = rng.standard_normal((count, 1))
    drive = rng.standard_normal((count, length - 1)) * np.sqrt(1 - memory**2)
    return np.concatenate([start, lfilter([1], [1, -memory], drive, zi=memory * start)[0]], axis=1)


def bends(noise_curve, width):
    """The variance of (left mean - 2 middle mean + right mean) over neighboring blocks of ``width`` samples.

    A bend sees no offset and no tilt, like the parameters of a contact fit.
    """
    contrast = np.repeat([1.0, -2.0, 1.0], width) / width
    index = np.arange(3 * width)
    return contrast @ noise_curve[np.abs(index[:, None] - index)] @ contrast


@pytest.mark.parametrize("width", [1, 4, 16, 64])
@pytest.mark.parametrize(("memory", "white"), [(0.0, 0.0), (0.5, 0.0), (0.9, 0.0), (0.98, 1.0)])
def test_the_variance_of_bends_is_recovered(memory, white, width):
    """300 baselines of 512 samples hold it to a few per cent; the bands are 1.4 to 1.9 wide in frequency."""
    rng = np.random.default_rng(1)
    samples = autoregressive(300, 512, memory, rng) + white * rng.standard_normal((300, 512))
    noise = noise_model.learn(list(samples + 3.0))
    found = noise.shared @ noise_model.autocovariance(noise, 3 * width)
    lags = np.arange(3 * width)
    assert bends(found, width) == pytest.approx(bends(memory**lags + white**2 * (lags == 0), width), rel=0.15)


def test_the_expected_periodogram_knows_of_the_removed_line():
    """Monte Carlo of one smooth band: the mean periodogram equals the expected one within 5 %."""
    length, rng = 64, np.random.default_rng(2)
    curve = noise_model.autocovariance(noise_model.learn([rng.standard_normal(length)]), length)[-2]
    covariance = curve[np.abs(np.arange(length)[:, None] - np.arange(length))]
    draws = rng.multivariate_normal(np.zeros(length), covariance, 20000, method="eigh")
    mean = np.mean([noise_model._periodogram(draw, length) for draw in draws], axis=0)
    expected = noise_model._expected_periodogram(length)[:, -2]
    np.testing.assert_allclose(mean[:10], expected[:10], rtol=5 * np.sqrt(2 / 20000))


def test_noisier_curves_are_told_apart():
    rng = np.random.default_rng(3)
    size = np.repeat([1.0, 3.0], 50)
    samples = rng.standard_normal((100, 200)) * size[:, None]
    noise = noise_model.learn(list(samples))
    own = noise_model.level(noise, noise_model.strengths(noise, list(samples)))
    np.testing.assert_allclose(own[:50].mean(), 1.0, rtol=0.15)
    np.testing.assert_allclose(own[50:].mean(), 3.0, rtol=0.15)


def test_like_curves_share_their_noise():
    rng = np.random.default_rng(4)
    samples = list(rng.standard_normal((100, 200)))
    noise = noise_model.learn(samples)
    own = noise_model.level(noise, noise_model.strengths(noise, samples))
    alone = np.array([s.std() for s in samples])
    assert own.std() < 0.5 * alone.std()


def test_short_baselines_use_the_shared_noise():
    rng = np.random.default_rng(5)
    noise = noise_model.learn(list(rng.standard_normal((20, 100))))
    np.testing.assert_array_equal(noise_model.strengths(noise, [np.zeros(5)])[0], noise.shared)
    with pytest.raises(ValueError, match="no baseline of at least"):
        noise_model.learn([np.zeros(5)])


def test_the_correlation_counts_dependent_samples():
    rng = np.random.default_rng(6)
    samples = list(autoregressive(100, 512, 0.8, rng))
    noise = noise_model.learn(samples)
    assert noise_model.correlation(noise, noise.shared[None])[0] == pytest.approx(9.0, rel=0.2)  # (1 + r) / (1 - r)


def test_a_dead_channel_tells_nothing_of_the_others():
    """Bit for bit, and where all are dead there is no noise, and no warning."""
    live = list(autoregressive(12, 256, 0.5, np.random.default_rng(3)))
    alone, beside = noise_model.learn(live), noise_model.learn([*live, np.full(256, 2.0), np.zeros(0)])
    np.testing.assert_array_equal(beside.shared, alone.shared)
    dead = np.zeros(64)
    short = noise_model.learn([dead, live[0][: noise_model.MINIMUM_BASELINE - 1]])  # all that is left: no error
    assert not short.shared.any()
    none = noise_model.learn([dead] * 2)
    assert not none.shared.any()
    assert not noise_model.level(none, noise_model.strengths(none, [np.zeros(64)])).any()

"""The learnt noise against processes whose autocovariance is known."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.special import polygamma

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


def learnt(samples):
    """The noise that baselines (list) share, and the spectrum of each."""
    size = noise_model.baseline_length(samples)
    length = max(len(b) for b in samples)
    seen = noise_model.of_baselines(samples, size, length)
    noise = noise_model.learn(seen, length, size)
    return noise, noise_model.spectra(noise, seen)


@pytest.mark.study
@pytest.mark.parametrize("width", [1, 4, 16, 64])
@pytest.mark.parametrize(("memory", "white"), [(0.0, 0.0), (0.5, 0.0), (0.9, 0.0), (0.98, 1.0)])
def test_the_variance_of_bends_is_recovered(memory, white, width):
    """300 baselines of 512 samples hold it to a few per cent; a knot stands for a factor of two in frequency."""
    rng = np.random.default_rng(1)
    samples = autoregressive(300, 512, memory, rng) + white * rng.standard_normal((300, 512))
    noise, _ = learnt(list(samples + 3.0))
    found = np.exp(noise.mean) @ noise_model.autocovariance(noise.length, 3 * width)
    lags = np.arange(3 * width)
    assert bends(found, width) == pytest.approx(bends(memory**lags + white**2 * (lags == 0), width), rel=0.15)


def test_the_expected_squares_know_of_the_removed_line():
    """Monte Carlo of the slowest knots: the mean squares equal the expected ones."""
    length, rng = 64, np.random.default_rng(2)
    curve = noise_model.autocovariance(length, length)[:3].sum(axis=0)
    covariance = curve[np.abs(np.arange(length)[:, None] - np.arange(length))]
    draws = rng.multivariate_normal(np.zeros(length), covariance, 20000, method="eigh")
    mean = np.mean([noise_model._squares(draw, length) for draw in draws], axis=0)
    expected = noise_model._expected(length, length)[:, :3].sum(axis=1)
    np.testing.assert_allclose(mean[:10], expected[:10], rtol=5 * np.sqrt(2 / 20000))


def test_white_noise_has_one_density_and_orders_are_taken_together_without_loss():
    white = noise_model.autocovariance(160, 100).sum(axis=0)
    np.testing.assert_allclose(white, np.arange(100) == 0, atol=1e-12)
    samples = [np.random.default_rng(0).normal(size=100)]
    seen = noise_model.of_baselines(samples, 100, 160)
    assert (seen.power * seen.number).sum() == pytest.approx(noise_model._squares(samples[0], 100).sum(), rel=1e-12)
    assert seen.number.sum() == 98


def test_noisier_curves_are_told_apart():
    rng = np.random.default_rng(3)
    size = np.repeat([1.0, 3.0], 50)
    samples = rng.standard_normal((100, 200)) * size[:, None]
    own = noise_model.level(*learnt(list(samples)))
    np.testing.assert_allclose(own[:50].mean(), 1.0, rtol=0.15)
    np.testing.assert_allclose(own[50:].mean(), 3.0, rtol=0.15)


def test_like_curves_share_their_noise():
    rng = np.random.default_rng(4)
    samples = list(rng.standard_normal((100, 200)))
    own = noise_model.level(*learnt(samples))
    alone = np.array([s.std() for s in samples])
    assert own.std() < 0.5 * alone.std()


def test_a_curve_that_shows_nothing_has_the_noise_of_its_session_and_is_less_sure_of_it():
    rng = np.random.default_rng(5)
    noise, found = learnt(list(rng.standard_normal((20, 100))))
    nothing = noise_model.spectra(noise, noise_model.of_baselines([np.zeros(5)], noise.baseline, noise.length))
    np.testing.assert_allclose(nothing.mean[0], noise.mean, rtol=1e-9)
    variances = np.diagonal(found.covariance, axis1=1, axis2=2)
    assert (np.diag(nothing.covariance[0]) > variances - 1e-12).all()
    assert noise_model.baseline_length([np.zeros(5)]) == 0
    assert noise_model.of_baselines([np.zeros(5)], 0, 100).power.shape == (1, 0)


def test_the_correlation_counts_dependent_samples():
    rng = np.random.default_rng(6)
    noise, found = learnt(list(autoregressive(100, 512, 0.8, rng)))
    counted = noise_model.correlation(noise, found)
    assert np.median(counted) == pytest.approx(9.0, rel=0.2)  # (1 + r) / (1 - r)


def test_a_dead_channel_tells_nothing_of_the_others():
    """To rounding, and where all are dead there is no noise, and no warning."""
    live = list(autoregressive(12, 256, 0.5, np.random.default_rng(3)))
    alone, beside = learnt(live)[0], learnt([*live, np.full(256, 2.0), np.zeros(0)])[0]
    np.testing.assert_allclose(beside.mean, alone.mean, rtol=1e-12)
    none, found = learnt([np.zeros(64)] * 2)
    assert np.isneginf(none.mean).all()
    assert not noise_model.level(none, found).any()


@pytest.mark.parametrize(("count", "odd"), [(2, 0.0), (2, 1e-4), (3, 0.0), (3, 1e-9), (3, 30.0), (16, 1e-4)])
def test_an_odd_curve_does_not_change_the_noise_of_the_others(odd, count):
    """A line (no contact, a dead channel), one that is smoothed or shaken, among good ones: as without it.

    Of two, nobody knows which is the odd one: the noisier is believed.
    """
    good = list(autoregressive(count - 1, 256, 0.8, np.random.default_rng(11)))
    line = np.linspace(0, 3.0, 256) + odd * np.random.default_rng(12).standard_normal(256)
    def seen(samples):
        shown = noise_model.of_baselines(samples, 256, 256)
        return noise_model.resolved(shown, np.zeros(len(samples)), np.array([np.abs(b).max() for b in samples]))

    alone, beside = (noise_model.learn(seen(samples), 256, 256) for samples in (good, [*good, line]))
    np.testing.assert_allclose(beside.mean, alone.mean, rtol=1e-9)
    np.testing.assert_allclose(beside.covariance, alone.covariance, rtol=1e-6, atol=1e-12)


def test_the_excess_of_one_spoiled_curve_is_not_that_of_the_others():
    """A detector that is cut off, or a tone in one curve: the mean power of the others is as without it."""
    good = list(autoregressive(31, 256, 0.8, np.random.default_rng(21)))
    tone = good[0] + 8 * np.std(good) * np.sin(0.9 * np.arange(256))
    alone, beside = learnt(good)[0], learnt([*good, tone])[0]
    assert alone.excess == pytest.approx(1.0, abs=0.1)
    assert beside.excess == pytest.approx(alone.excess, abs=0.02)


def test_tones_in_every_curve_count_in_the_mean_power():
    """A tone at one of many frequencies has hardly a part in a mean of logarithms, but all of its power in the mean."""
    rng = np.random.default_rng(22)
    samples = [one + 2 * np.sin(0.9 * np.arange(256) + rng.uniform(0, 6)) for one in rng.standard_normal((32, 256))]
    noise, found = learnt(samples)
    seen = noise_model.of_baselines(samples, 256, 256)
    stated = (seen.expected @ np.exp(noise_model.mean_power(noise, found).mean)[..., None])[..., 0]
    total = [(part * seen.number).sum() for part in (seen.power, stated)]
    assert total[1] == pytest.approx(total[0], rel=0.05)
    assert noise.excess > 1.2


def test_no_noise_is_less_than_that_of_rounding():
    """A constant baseline of forces in steps of q: white noise of q over the square root of 12."""
    size, quantum = 256, 0.02
    samples = [np.full(size, 1.0)] * 3
    seen = noise_model.resolved(noise_model.of_baselines(samples, size, size), np.full(3, quantum), np.ones(3))
    noise = noise_model.learn(seen, size, size)
    found = noise_model.level(noise, noise_model.spectra(noise, seen))
    assert (found > 0.9 * quantum / np.sqrt(12)).all()
    assert (found < 3 * quantum / np.sqrt(12)).all()


def test_the_order_and_the_unit_of_curves_do_not_matter():
    samples = list(autoregressive(9, 128, 0.9, np.random.default_rng(7)))
    noise, found = learnt(samples)
    turned, other = learnt([1e-9 * b for b in samples[::-1]])
    np.testing.assert_allclose(turned.mean, noise.mean - 18 * np.log(10), rtol=1e-6)
    np.testing.assert_allclose(other.mean[::-1], found.mean - 18 * np.log(10), rtol=1e-6)
    np.testing.assert_allclose(other.covariance[::-1], found.covariance, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("ordinates", [1, 3, 20])
def test_degrees_of_freedom_come_back(ordinates):
    """The logarithm of chi-square of so many degrees has the variance that is solved for."""
    draws = np.log(np.random.default_rng(8).chisquare(ordinates, 400_000))
    assert noise_model.degrees_of_freedom(np.array(draws.var())) == pytest.approx(ordinates, rel=0.02)


def test_degrees_of_freedom_have_the_variance_of_their_logarithm():
    """The trigamma function of half of them; what lies beyond stays at the ends, NaN at the lower one."""
    freedom = np.geomspace(0.019, 1.2e6, 2001)
    np.testing.assert_allclose(noise_model.degrees_of_freedom(polygamma(1, freedom / 2)), freedom, rtol=1e-9)
    ends = noise_model.degrees_of_freedom(np.array([0.0, 1e-12, 1e9, np.inf, np.nan]))
    np.testing.assert_allclose(ends, np.exp([14.0, 14.0, -4.0, -4.0, -4.0]))
    assert noise_model.degrees_of_freedom(np.zeros((0, 3))).shape == (0, 3)

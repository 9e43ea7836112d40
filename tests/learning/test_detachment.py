"""The pull-off force read off a retraction: right within its uncertainty, whatever lets go; nothing where nothing is.

Curves are in units of the noise: a straight pull up to a jump at any place between two samples, or a gradual release.
"""

import numpy as np
import pytest

from asperity.learning.detachment import Detachment, Retraction, read_detachment, unfolded
from asperity.learning.free_force import free_force
from asperity.learning.noise import Spectra, knots
from asperity.learning.uncertainty import error_bars

COUNT, SAMPLES = 400, 600


def jump(away, pull):
    return np.where(away < 0, 0.0, 0.02 * pull * away - pull)


def caught(away, pull):
    """A jump that takes the time of two samples, which are caught in flight."""
    return np.where(away < 0, -pull * np.clip(1 + away / 2, 0, 1), jump(away, pull))


def long(away, pull):
    """A dip that is flat for the noise over dozens of samples: its lowest sample is far below it."""
    return np.where(away < 0, 0.0, np.minimum(pull * away / 160 - pull, 0.0))


def gradual(away, pull):
    return np.where(away > 40, 0.5 * (away - 40), 0.0) - pull * np.exp(-0.5 * (away / 30) ** 2)


def hertz(away, pull):
    return 0.02 * np.maximum(away, 0.0) ** 1.5


def curves(release, pull, tilt=5.0, contact=0.4, seed=0):
    """Retractions from afar, with white noise of one and a tilted baseline."""
    rng = np.random.default_rng(seed)
    place = SAMPLES * (1 - contact) + rng.random((COUNT, 1))
    index = np.arange(SAMPLES)
    return release(index - place, pull) + tilt * index / SAMPLES + rng.standard_normal((COUNT, SAMPLES))


def read(force, correlation=1.0, counted=None, noise=1.0, spectrum=None, approach=None):
    """What is read with noise that is known: white of this standard deviation, or of this ln S at the knots."""
    counted = np.ones(force.shape, bool) if counted is None else counted
    found = read_detachment(force, counted, np.full(len(force), noise), np.full(len(force), correlation),
                            approach)
    mean = np.full((len(force), 13), 2 * np.log(noise)) if spectrum is None else np.tile(spectrum, (len(force), 1))
    bars = error_bars(found.weights, Spectra(mean, np.zeros((len(force), 13, 13))), SAMPLES, force.shape[1])
    return unfolded(found, bars.std, bars.freedom)


def held(found: Detachment, pull):
    return np.mean((found.low <= pull) & (pull <= found.high))


def slow(seed=0):
    """Noise of a standard deviation of one, mostly slower than 50 samples, and its ln S at the knots."""
    rng, size = np.random.default_rng(seed), 4 * SAMPLES

    def density(frequency):
        return np.maximum(frequency / 0.02, np.exp(knots(SAMPLES)[0]) / 0.02) ** -1.3 + 0.3

    frequency = np.fft.rfftfreq(size)
    total = 2 * density(frequency).mean() * 0.5
    amplitude = np.sqrt(density(frequency) / total * size / 2)
    shape = COUNT, len(frequency)
    wave = amplitude * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    return np.fft.irfft(wave, axis=1)[:, :SAMPLES], np.log(density(np.exp(knots(SAMPLES))) / total)


@pytest.mark.parametrize("release", [jump, caught, long, gradual])
@pytest.mark.parametrize("pull", [3, 6, 12, 60])
def test_intervals_hold_the_truth(release, pull):
    """95 %, less four standard errors of 400 curves, with a bar that is hardly more than the noise of one sample."""
    found = read(curves(release, pull))
    assert held(found, pull) > 0.906
    if release is not gradual and pull >= 6:  # below, what is hardly seen is read where noise helps
        assert np.mean(found.low > pull) < 0.056  # 2.5 %, and four standard errors
    assert abs(np.median(found.force) - pull) < 0.6  # of the noise of one sample
    assert np.median(found.std) < 1.2


@pytest.mark.parametrize("pull", [6, 20, 60])
def test_intervals_hold_under_slow_noise(pull):
    """Slow noise moves the baseline that the reading is above: with the bar of white noise too few are held."""
    noise, spectrum = slow()
    force = gradual(np.arange(SAMPLES) - 0.6 * SAMPLES, pull) + noise
    assert held(read(force, 8.0, spectrum=spectrum), pull) > 0.906
    assert held(read(force), pull) < 0.8


@pytest.mark.parametrize("contact", [0.15, 0.4, 0.7])
def test_without_adhesion_there_is_an_upper_limit(contact):
    """It was 54 pN +- 20 where there was none, in each of 60 curves."""
    found = read(curves(hertz, 0.0, contact=contact))
    assert np.mean(found.low == 0) > 0.906
    assert np.median(found.force) < 0.1
    assert (found.high > 0).all()


def test_a_glitch_decides_nothing():
    force = curves(jump, 12.0)
    spoiled = force.copy()
    spoiled[:, 100] -= 50
    spoiled[:, 420:422] -= 80
    clean, found = read(force), read(spoiled)
    assert np.mean(np.abs(found.force - clean.force)) < 0.1
    np.testing.assert_allclose(np.median(found.std), np.median(clean.std), rtol=0.05)


def test_units_tilt_and_offset_do_not_matter():
    force = curves(gradual, 12.0)
    plain = read(force)
    index = np.arange(SAMPLES)
    other = read(1e-12 * (force + 7 - 0.03 * index), noise=1e-12)
    np.testing.assert_allclose(other.force, 1e-12 * plain.force, rtol=1e-6, atol=1e-18)
    np.testing.assert_allclose(other.std, 1e-12 * plain.std, rtol=1e-6)


def test_samples_that_are_not_there_do_not_matter():
    force = curves(jump, 12.0)
    padded = np.pad(force, ((0, 0), (72, 0)), constant_values=1e9)
    counted = np.pad(np.ones(force.shape, bool), ((0, 0), (72, 0)))
    found = read(padded, counted=counted)
    np.testing.assert_allclose(found.force, read(force).force, rtol=1e-9)


def test_what_has_no_baseline_has_no_pull_off():
    always = np.tile(np.linspace(100, 300, SAMPLES), (3, 1))
    counted = np.ones(always.shape, bool)
    counted[1] = False
    counted[2, :-20] = False
    found = read(always, counted=counted)
    assert np.isnan([part[1:] for part in found[:-1]]).all()
    assert (found.state[1:] == Retraction.without_a_baseline).all()
    assert not found.low[0] > 0
    assert read(always[:0], counted=counted[:0]).force.shape == (0,)


def adhesive(away, pull):
    """A dip whose force has its least value at the jump, and bends up from there as an adhesive contact does."""
    return np.where(away < 0, 0.0, pull * (1.6 * np.clip(away / 240, 0, 1) ** 1.5 - 1))


@pytest.mark.parametrize("ends", [-120, -60, -12, 3, 10])
def test_a_retraction_that_ends_before_the_tip_is_off_tells_no_pull_off(ends):
    """It tells that: the force of the far end changes, and is below the force of the approach."""
    force = curves(adhesive, 18.0, tilt=0.0)
    first = int(0.6 * SAMPLES) - ends
    cut = force[:, first:]
    found = read(cut, approach=np.zeros(cut.shape))
    assert np.mean(found.state == Retraction.ends_before_the_tip_is_off) > 0.95
    assert np.mean(found.high < 18.0) < 0.01
    whole = read(force, approach=np.zeros(force.shape))
    assert (whole.state == Retraction.read).all()
    assert held(whole, 18.0) > 0.9


def test_a_short_even_end_below_the_approach_is_within_the_limit():
    """Either the tip hangs there, or liquid drags on the lever: the limit holds both."""
    contact = 0.1 * np.maximum(np.arange(SAMPLES) - 0.45 * SAMPLES, 0)
    force = contact - 18.0 + np.random.default_rng(0).standard_normal((COUNT, SAMPLES))
    found = read(force, approach=np.zeros(force.shape))
    known = found.state == Retraction.read
    assert known.mean() > 0.9
    assert (found.low[known] == 0).all()
    assert np.mean(found.high[known] > 18.0) > 0.99
    assert np.median(read(force).high) < 5.0  # without the approach nothing speaks against a baseline


def test_equal_values_at_the_lower_end_are_the_detector_s():
    force = np.maximum(curves(adhesive, 30.0, tilt=0.0), -20.0)
    assert (read(force).state == Retraction.cut_off_by_the_detector).all()
    flat = np.round(curves(hertz, 0.0, tilt=0.0))  # a coarse detector repeats values of the baseline
    assert (read(flat).state == Retraction.read).all()


def test_a_drift_that_stops_widens_the_bar():
    index = np.arange(SAMPLES)
    drift = 6.0 * np.clip(index / (0.5 * SAMPLES) - 0.4, 0, 1)
    found = read(curves(jump, 20.0, tilt=0.0) + drift)
    assert held(found, 20.0) > 0.9
    assert np.median(found.std) > 3 * np.median(read(curves(jump, 20.0, tilt=0.0)).std)


def test_the_free_force_of_an_approach_is_its_baseline_at_any_height():
    height = np.linspace(5.0, -1.0, SAMPLES)
    force = curves(hertz, 0.0, tilt=0.0) + 3.0 * height
    ones = np.ones(COUNT)
    found = free_force(force, np.tile(height, (COUNT, 1)), np.ones(force.shape, bool), (ones, ones),
                       np.tile([6.0, 2.0], (COUNT, 1)))
    np.testing.assert_allclose(found.mean(axis=0), [18.0, 6.0], atol=0.1)
    assert (found.std(axis=0) < 0.5).all()

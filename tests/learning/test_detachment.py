"""The pull-off force read off a retraction: right within its uncertainty, whatever lets go; nothing where nothing is.

Curves are in units of the noise: a straight pull up to a jump at any place between two samples, or a gradual release.
"""

import numpy as np
import pytest

from asperity.learning.detachment import read_detachment

COUNT, SAMPLES = 400, 600


def jump(away, pull):
    return np.where(away < 0, 0.0, 0.02 * pull * away - pull)


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


def read(force, correlation=1.0):
    return read_detachment(force, np.ones(force.shape, bool), np.ones(len(force)), np.full(len(force), correlation))


@pytest.mark.parametrize("release", [jump, gradual])
@pytest.mark.parametrize(("pull", "share"), [(6, 0.9), (12, 0.9), (60, 0.9), (3, 0.84)])
def test_intervals_hold_the_truth(release, pull, share):
    """95 %, less four standard errors of 400 curves; at three times the noise less than they should."""
    force, std = read(curves(release, pull))
    assert np.mean(np.abs(force - pull) < 1.96 * std) > share
    assert abs(np.median(force) - pull) < 0.6  # of the noise of one sample
    assert std.max() < 1.5


@pytest.mark.parametrize("contact", [0.15, 0.4, 0.7])
def test_without_adhesion_the_interval_holds_none(contact):
    """It was 54 pN +- 20 where there was none, in each of 60 curves."""
    force, std = read(curves(hertz, 0.0, contact=contact))
    assert np.mean(force < 1.96 * std) > 0.95
    assert np.median(force) < 0.1


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
    other = read_detachment(1e-12 * (force + 7 - 0.03 * index), np.ones(force.shape, bool), np.full(COUNT, 1e-12),
                            np.ones(COUNT))
    np.testing.assert_allclose(other.force, 1e-12 * plain.force, rtol=1e-6, atol=1e-18)
    np.testing.assert_allclose(other.std, 1e-12 * plain.std, rtol=1e-6)


def test_samples_that_are_not_there_do_not_matter():
    force = curves(jump, 12.0)
    padded = np.pad(force, ((0, 0), (72, 0)), constant_values=1e9)
    counted = np.pad(np.ones(force.shape, bool), ((0, 0), (72, 0)))
    found = read_detachment(padded, counted, np.ones(COUNT), np.ones(COUNT))
    np.testing.assert_allclose(found.force, read(force).force, rtol=1e-9)


def test_what_has_no_baseline_has_no_pull_off():
    always = np.tile(np.linspace(100, 300, SAMPLES), (3, 1))
    counted = np.ones(always.shape, bool)
    counted[1] = False
    counted[2, :-20] = False
    force, std = read_detachment(always, counted, np.ones(3), np.ones(3))
    assert np.isnan(force[1:]).all()
    assert np.isnan(std[1:]).all()
    assert not force[0] > 3 * std[0]
    assert read_detachment(always[:0], counted[:0], np.ones(0), np.ones(0)).force.shape == (0,)


def test_correlated_noise_widens_it():
    force = curves(gradual, 60.0)
    assert (read(force, correlation=16.0).std > 1.5 * read(force).std).all()

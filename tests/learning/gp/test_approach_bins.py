"""The bins of an approach: their means, the covariance of their noise, and where they put the surface."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import toeplitz

from asperity.contact import Hertz
from asperity.learning.gp import approach_bins
from asperity.learning.gp.approach import POINTS
from asperity.messages import DataError
from tests.measurements.tip_force import approaching

HERTZ = Hertz(radius=approaching.RADIUS)


def record(seed, hamaker=approaching.HAMAKER, stiffness=2.0):
    """Position of the tip and force of one approach; the surface is at 0."""
    height, force = approaching.approach(seed, stiffness=stiffness,
                                         force=lambda z: approaching.dmt(z, hamaker=hamaker))
    return -(height + force / stiffness), force


def test_means_are_those_of_the_samples_and_none_is_lost():
    position, force = record(0)
    counted = np.ones(len(force), bool)
    counted[::7] = False
    bins = approach_bins.binned(position, force, counted, HERTZ)
    ends = np.cumsum(bins.samples)
    assert len(bins.force) <= POINTS
    kept = [(np.flatnonzero(counted)[last - size:last]) for last, size in zip(ends, bins.samples)]
    assert ends[-1] <= counted.sum() <= ends[-1] + 20  # what follows a jump is left out
    np.testing.assert_allclose(bins.force[:50], [force[some].mean() for some in kept[:50]], rtol=1e-12)
    np.testing.assert_allclose(bins.separation[:50], [bins.surface - position[some].mean() for some in kept[:50]],
                               rtol=1e-9, atol=1e-18)


def test_the_covariance_is_that_of_means_of_such_noise():
    """Wandering noise of a known autocovariance, a gap in its recording: what is learnt from many, without the level,
    which a baseline hardly shows, and which the law does not feel."""
    rng, samples, outside, memory = np.random.default_rng(1), 600, 480, 12.0
    lags = 0.5 * np.exp(-np.arange(samples) / memory)
    lags[0] += 0.5
    factor = np.linalg.cholesky(toeplitz(lags))
    order = np.setdiff1d(np.arange(samples), np.arange(505, 520))
    edges = np.array([0, 100, 200, 300, 400, 440, 470, 490, 500, 540, len(order)])
    weights = np.zeros((len(edges) - 1, samples))
    for row, (first, last) in enumerate(pairwise(edges)):
        weights[row, order[first:last]] = 1 / (last - first)
    drawn = factor @ rng.normal(size=(samples, 4000))
    seen = np.cov(weights @ drawn)
    found = [approach_bins._noise(one[order][: outside // 2], len(order), order, edges) for one in drawn.T[:60]]
    np.testing.assert_allclose(seen, weights @ toeplitz(lags) @ weights.T, atol=0.1 * seen.max())  # the Monte Carlo
    assert np.median([one[1] for one in found]) == pytest.approx(1.0, rel=0.2)
    apart = np.diff(np.eye(len(seen)), axis=0)[3:]
    exact = np.diag(apart @ seen @ apart.T)
    learnt = [np.diag(apart @ one[0] @ apart.T) / exact for one in found]
    # a baseline of 240 samples hardly shows what is slow, which is not taken for less than it is
    assert np.all((np.median(learnt, axis=0) > 0.9) & (np.median(learnt, axis=0) < 2.5))


@pytest.mark.parametrize(("hamaker", "stiffness"), [(0.0, 2.0), (1e-19, 2.0), (2e-19, 0.2)])
def test_the_surface_is_where_it_is_said_to_be(hamaker, stiffness):
    """Without attraction, with one that hardly jumps, and over a jump of nanometers."""
    for seed in range(8):
        position, force = record(seed, hamaker, stiffness)
        bins = approach_bins.binned(position, force, np.ones(len(force), bool), HERTZ)
        assert abs(bins.surface) < 3 * bins.surface_std < 15e-9


def test_a_tilt_of_the_baseline_bends_no_lever():
    """Of a twentieth of the spring constant, as a detector sees it: separations are those without it."""
    stiffness = 0.5
    height, force = approaching.approach(0, stiffness=stiffness)
    seen = [approach_bins.binned(-(height + some / stiffness), some, np.ones(len(some), bool), HERTZ, stiffness)
            for some in (force, force + 0.05 * stiffness * height + 3e-9)]
    for one in seen:
        assert np.polyfit(one.height[:40], one.separation[:40], 1)[0] == pytest.approx(1.0, abs=2e-3)  # 1.05 if it did
    assert seen[1].depth == pytest.approx(seen[0].depth, abs=3 * seen[0].surface_std)


def test_noise_does_not_flatten_a_contact_steeper_than_the_lever():
    """A hundredfold: the slope between bins that are as far apart as their places are noisy, of many curves."""
    stiffness, apart, rise = 0.2, [], []
    for seed in range(30):
        height, force = approaching.approach(seed, stiffness=stiffness, end=-60e-9, white=4e-11,
                                             force=lambda z: approaching.dmt(z, hamaker=4e-19))
        bins = approach_bins.binned(-(height + force / stiffness), force, np.ones(len(force), bool), HERTZ, stiffness)
        apart.append(bins.separation[-8:] - bins.separation[-16:-8])
        rise.append(bins.force[-8:] - bins.force[-16:-8])
    slope = -np.sum(np.multiply(apart, rise)) / np.sum(np.square(apart))
    base = np.linspace(200e-9, -60e-9, 800)
    z = approaching.equilibria(lambda z: approaching.dmt(z, hamaker=4e-19), stiffness, base)[-120:]
    exact = -np.polyfit(z, approaching.dmt(z, hamaker=4e-19), 1)[0]
    assert slope == pytest.approx(exact, rel=0.15)  # 0.75 of it with the noise of the force in the places


@pytest.mark.parametrize("samples", [20, 120])
def test_too_few_samples_before_contact_are_refused(samples):
    position, force = record(0)
    late = slice(len(force) - samples, None)
    with pytest.raises(DataError, match="samples before contact; a force law needs 48"):
        approach_bins.binned(position[late], force[late], np.ones(samples, bool), HERTZ)

"""Whether the chance of a residual is what it says, for white and for slow noise."""

import numpy as np
import pytest

from asperity.learning.agreement import chance, scatter
from asperity.learning.noise import SharedNoise, Spectra, knots

LENGTH, COUNT = 512, 4000


def told(slope: float, number: int, known: float = 0.0):
    """Noise with S ~ f^-slope from one period in the samples on, and the chances of its mean squares.

    ``known`` is the standard deviation of the logarithm of the level that they are compared with.
    """
    rng = np.random.default_rng(0)
    frequency = np.fft.rfftfreq(number)[1:]
    amplitude = frequency ** (-slope / 2)
    parts = amplitude * (rng.normal(size=(COUNT, len(frequency))) + 1j * rng.normal(size=(COUNT, len(frequency))))
    power = (np.abs(parts[:, :-1]) ** 2).sum(axis=1) + parts[:, -1].real ** 2
    ratio = power / power.mean() * np.exp(known * rng.normal(size=COUNT))
    at = -slope * knots(LENGTH)
    covariance = known**2 * np.ones((len(at), len(at)))
    noise = SharedNoise(LENGTH, LENGTH, at, covariance, np.eye(len(at)))
    spectra = Spectra(np.tile(at, (COUNT, 1)), np.tile(covariance, (COUNT, 1, 1)))
    return chance(ratio, scatter(noise, spectra, np.full(COUNT, number)))


@pytest.mark.parametrize(("slope", "number"), [(0.0, 200), (0.0, 40), (0.5, 200)])
@pytest.mark.parametrize("known", [0.0, 0.3])
def test_the_chance_is_the_share_of_noise(slope, number, known):
    """Four thousand draws: within three standard errors, and a tenth for the shape of the distribution."""
    found = told(slope, number, known)
    for level in (0.5, 0.1, 0.01):
        error = 3 * np.sqrt(level * (1 - level) / COUNT)
        assert np.mean(found < level) == pytest.approx(level, abs=error + 0.1 * level)


@pytest.mark.parametrize("slope", [1.0, 1.5, 2.0])
def test_slow_noise_is_not_called_a_misfit(slope):
    """Few frequencies decide, so that three cumulants are only roughly the distribution."""
    assert np.mean(told(slope, 200) < 1e-3) < 0.005


def test_a_residual_that_is_larger_than_all_noise_is_seen():
    white = SharedNoise(LENGTH, LENGTH, np.zeros(13), np.zeros((13, 13)), np.eye(13))
    one = Spectra(np.zeros((1, 13)), np.zeros((1, 13, 13)))
    known = scatter(white, one, np.array([200]))
    assert known.freedom[0] == pytest.approx(200, rel=1e-6)
    assert known.variance[0] == pytest.approx(2 / 200, rel=1e-6)
    assert chance(np.array([1.5]), known)[0] < 1e-4
    assert chance(np.array([np.nan]), known)[0] > 0.1


def test_no_noise_at_all_is_no_error():
    dead = SharedNoise(LENGTH, 0, np.full(13, -np.inf), np.zeros((13, 13)), np.eye(13))
    none = Spectra(np.full((2, 13), -np.inf), np.zeros((2, 13, 13)))
    assert np.isfinite(chance(np.array([1.0, 2.0]), scatter(dead, none, np.array([0, 100])))).all()

"""The mean square of a frame scatters as a Gaussian surface lets it, or more where few objects make it."""

import numpy as np
import pytest

from asperity.instrument.roughness_evenness import unevenness
from tests.instrument.test_roughness_rings import frames

ROWS, COLUMNS = np.ogrid[:128, :128]


def bumps(seed, count):
    rng = np.random.default_rng(seed)
    return sum(np.exp(-((ROWS - row) ** 2 + (COLUMNS - column) ** 2) / 32) for row, column in
               rng.uniform(-20, 148, (rng.poisson(count), 2)))


def test_gaussian_surfaces_are_even():
    found = [unevenness(frame, order=3) for _, frame in frames(range(20), 128, 5.0, 0.7)]
    assert np.mean(np.equal(found, 1.0)) >= 0.9


def test_the_factor_is_that_of_the_scatter_of_many_frames():
    """60 frames of some ten bumps: the variance of their mean squares over that of a Gaussian surface of their power.

    A fourth power of heights: a factor of two is what 60 frames and 16 blocks of each let one ask.
    """
    images = [bumps(seed, 15) for seed in range(60)]
    images = [image - image.mean() for image in images]
    squares = [np.mean(image**2) for image in images]
    usual = np.mean([np.sum(np.abs(np.fft.fft2(image)) ** 4) / image.size**4 for image in images])
    wanted = np.var(squares) / usual
    assert np.mean([unevenness(image, order=0) for image in images]) == pytest.approx(wanted, rel=0.5)
    assert wanted > 2

"""The variogram of maps whose neighbors are alike, or not, and of values whose semivariance is exact."""

import numpy as np
import pytest

from asperity.learning.discovery.variogram import spacing_of, variogram
from tests.learning.discovery.specimens import pixels, smooth


def test_of_a_plane_it_is_half_of_the_squared_slope():
    """y = x: neighbors along x differ by 1, along y by 0; the variance of 0 ... n - 1 is (n^2 - 1) / 12."""
    at = pixels(10)
    found = variogram(at, at[:, 0], np.zeros(100))
    assert found.semivariance[0] == pytest.approx(0.25)
    assert found.sill == pytest.approx(99 / 12 * 100 / 99)
    assert found.pairs[0] == 180
    assert found.related


@pytest.mark.parametrize("unit", [1.0, 2.5e-7])
def test_the_spacing_of_a_grid_is_its_own(unit):
    assert spacing_of(unit * pixels(7)) == pytest.approx(unit)
    moved = variogram(unit * pixels(7), smooth(3, 7), np.zeros(49))
    assert moved.nugget == variogram(pixels(7), smooth(3, 7), np.zeros(49)).nugget


def test_white_maps_are_unrelated_and_smooth_ones_related():
    white = [variogram(pixels(10), np.random.default_rng([s, 5]).standard_normal(100), np.zeros(100)) for s in range(8)]
    assert sum(one.related for one in white) <= 1
    assert all(one.telling for one in white)
    assert all(variogram(pixels(8), smooth(s, 8), np.zeros(64)).related for s in range(8))


def test_a_crowd_counts_as_one():
    """Copies of one curve beside it change neither sill nor neighbors by much."""
    at, values = pixels(8), smooth(1, 8)
    crowd = np.vstack([at, at[:1] + 0.3 * np.random.default_rng(0).random((40, 2))])
    found = variogram(crowd, np.append(values, np.full(40, values[0])), np.zeros(104))
    assert found.sill == pytest.approx(variogram(at, values, np.zeros(64)).sill, rel=0.1)


def test_values_that_are_all_the_same_are_unrelated():
    found = variogram(pixels(5), np.ones(25), np.zeros(25))
    assert found.nugget == 1.0
    assert not found.related

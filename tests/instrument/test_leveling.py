"""Leveling takes away what it says and no feature, scars are found and steps are not, the lost roughness is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asperity.instrument.leveling import (
    find_scars,
    level_lines,
    level_lines_polynomial,
    level_polynomial,
    mask_features,
)
from asperity.virtual.surface import self_affine

Y, X = np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 48), indexing="ij")


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# planes and polynomials

@given(order=st.integers(0, 4), seed=st.integers(0, 5))
def test_a_polynomial_is_a_projection(order, seed):
    """What has the form goes entirely, leveling twice is leveling once, and nothing is lost between the parts."""
    rng = np.random.default_rng(seed)
    surface = sum(rng.normal() * Y**j * X**k for j in range(order + 1) for k in range(order + 1 - j))
    assert np.abs(level_polynomial(surface, order).height).max() < 1e-9
    rough = rng.standard_normal(X.shape)
    once = level_polynomial(rough + surface, order)
    np.testing.assert_allclose(once.height, level_polynomial(rough, order).height, atol=1e-9)
    np.testing.assert_allclose(level_polynomial(once.height, order).height, once.height, atol=1e-9)
    np.testing.assert_allclose(once.height + once.background, rough + surface)
    assert np.sum(once.height * surface) == pytest.approx(0, abs=1e-7)


def test_orders_per_axis():
    surface = X**3 * Y + X**2 - 4 * Y
    assert np.abs(level_polynomial(surface, (1, 3)).height).max() < 1e-12
    assert np.abs(level_polynomial(surface, (3, 1)).height).max() > 0.1
    assert np.abs(level_polynomial(surface, 3).height).max() > 0.1
    assert np.abs(level_polynomial(surface, 4).height).max() < 1e-12


def test_features_are_left_out_of_the_plane():
    """A fifth of the frame stands 50 noise deviations high: with a threshold the plane is that without them."""
    plane = 3 * X - 2 * Y + 1
    bump = (X > 0.2) & (Y > 0)
    surface = plane + 0.01 * noise(X.shape) + 0.5 * bump
    robust = level_polynomial(surface, 1, threshold=5.0)
    assert np.array_equal(robust.used, ~bump)
    np.testing.assert_allclose(robust.background, level_polynomial(surface, 1, mask=bump).background)
    assert np.abs(robust.background - plane).max() < 5 * 0.01 * math.sqrt(3 * 9 / X.size)
    assert np.abs(level_polynomial(surface, 1).background - plane).max() > 0.1


def test_missing_pixels_stay_missing_and_do_not_matter():
    surface = 3 * X + 0.01 * noise(X.shape)
    holes = surface.copy()
    holes[10:20, 5:30] = np.nan
    gone = np.isnan(holes)
    for found in (level_polynomial(holes, 1), level_lines(holes), level_lines_polynomial(holes, 2),
                  level_lines(holes, statistic="difference")):
        assert np.array_equal(np.isnan(found.height), gone)
        assert np.isfinite(found.background).all()
        assert not found.used[gone].any()
    np.testing.assert_allclose(level_polynomial(holes, 1).background,
                               level_polynomial(np.where(gone, 1e9, surface), 1, mask=gone).background)


# lines

@pytest.mark.parametrize("statistic", ["median", "mean", "difference"])
def test_line_offsets_go(statistic):
    surface = np.tile(np.sin(np.arange(48.0)), (40, 1))
    offsets = noise(40, 3)
    found = level_lines(surface + offsets[:, None], statistic=statistic)
    np.testing.assert_allclose(np.diff(found.height, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.diff(found.background[:, 0]), np.diff(offsets), atol=1e-12)


def test_a_feature_does_not_pull_lines_where_it_is_left_out():
    """A diamond, up to 43 of 48 pixels wide: the median makes its lines too low, differences and a mask do not."""
    terrace = np.where(np.abs(X) + np.abs(Y) < 0.9, 1.0, 0.0)
    surface = terrace + 0.01 * noise(X.shape) + noise(40, 1)[:, None]
    errors = {name: found.height - terrace for name, found in {
        "median": level_lines(surface), "difference": level_lines(surface, statistic="difference"),
        "mask": level_lines(surface, mask=terrace > 0)}.items()}
    spread = {name: np.ptp(np.median(error, axis=1)) for name, error in errors.items()}
    assert spread["median"] > 0.9
    assert spread["mask"] < 0.03
    assert 0.005 < spread["difference"] < 0.1  # errors add up: 0.01 sqrt(pi/48) sqrt(40) is 0.016


def test_polynomials_along_lines():
    rng = np.random.default_rng(0)
    bows = rng.normal(size=(40, 1)) * X**2 + rng.normal(size=(40, 1)) * X + rng.normal(size=(40, 1))
    assert np.abs(level_lines_polynomial(bows, 2).height).max() < 1e-12
    spiked = bows + 0.001 * rng.standard_normal(X.shape)
    spiked[:, 20:24] += 5.0
    robust = level_lines_polynomial(spiked, 2, threshold=5.0)
    assert not robust.used[:, 20:24].any()
    assert np.abs(robust.background - bows).max() < 0.01


def test_a_line_without_pixels():
    surface = noise(X.shape)
    surface[7] = np.nan
    assert np.isfinite(level_lines(surface, statistic="difference").background).all()
    with pytest.raises(ValueError, match="line 7 has 0 pixels"):
        level_lines(surface)
    with pytest.raises(ValueError, match="line 7"):
        level_lines_polynomial(surface, 1)
    surface[7, :20], surface[6, 20:], surface[8, 20:] = 0.0, np.nan, np.nan
    surface[6, :20] = np.nan
    surface[6, 30:] = 1.0
    with pytest.raises(ValueError, match="same column"):
        level_lines(surface, statistic="difference")


def test_what_leveling_refuses():
    with pytest.raises(ValueError, match="statistic"):
        level_lines(X, statistic="mode")
    with pytest.raises(ValueError, match="order"):
        level_polynomial(X, -1)
    with pytest.raises(ValueError, match="mask"):
        level_polynomial(X, 1, mask=np.zeros(3, bool))
    with pytest.raises(ValueError, match="no pixel"):
        level_polynomial(X, 1, mask=np.ones(X.shape, bool))
    with pytest.raises(ValueError, match="told apart"):
        level_polynomial(X, 1, mask=np.arange(40)[:, None] * np.ones(48) != 3)
    with pytest.raises(ValueError, match="rows, columns"):
        level_polynomial(X[0], 1)
    with pytest.raises(ValueError, match="threshold"):
        mask_features(X, 0.0)


# scars

def scarred(seed, size=256):
    """A rough surface with noise and 20 scars of one to three lines, 2 to 5 times as high as a line's own steps."""
    rng = np.random.default_rng([seed, 9])
    surface = self_affine((size, size), hurst=0.7, rms=1.0, seed=seed) + 0.02 * rng.standard_normal((size, size))
    step = np.std(np.diff(surface, axis=0))
    true = np.zeros(surface.shape, bool)
    for row in rng.choice(np.arange(4, size - 6, 6), 20, replace=False):
        start, length, width = rng.integers(0, size - 80), rng.integers(16, 80), rng.integers(1, 4)
        surface[row: row + width, start: start + length] += rng.choice([-1, 1]) * rng.uniform(6, 15) * step
        true[row: row + width, start: start + length] = True
    return surface, true


def test_scars_are_found_and_little_else():
    found, missed, false = 0, 0, 0
    for seed in range(5):
        surface, true = scarred(seed)
        mask = find_scars(surface)
        found += (mask & true).sum()
        missed += (true & ~mask).sum()
        false += (mask & ~true).sum()
    assert found / (found + missed) > 0.95
    assert false / (found + false) < 0.02


def test_a_clean_rough_surface_has_no_scars_and_a_step_is_none():
    surface = self_affine((256, 256), hurst=0.7, seed=3) + 0.02 * noise((256, 256))
    assert find_scars(surface).mean() < 1e-4
    surface[100:] += 10.0
    surface[:, 60:] += 10.0
    assert find_scars(surface).mean() < 1e-4


def test_scars_are_found_beside_missing_pixels_and_scaled():
    surface, _ = scarred(0)
    assert np.array_equal(find_scars(surface * 1e-9), find_scars(surface))
    assert np.array_equal(find_scars(-surface), find_scars(surface))
    surface[:10] = np.nan
    mask = find_scars(surface)
    assert not mask[:10].any()
    assert mask[12:].mean() > 0.01
    with pytest.raises(ValueError, match="widest"):
        find_scars(surface, widest=0)

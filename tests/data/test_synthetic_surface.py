"""Rough surfaces: their spectrum, their shift, their repeatability."""

import numpy as np
import pytest

from asperity.data.synthetic_surface import self_affine


def test_whole_shifts_are_rolls():
    still, moved = (self_affine((64, 80), seed=1, shift=s) for s in ((0, 0), (3, -2)))
    np.testing.assert_allclose(moved[3:, :-2], still[:-3, 2:], atol=1e-12)


def test_two_halves_make_a_whole():
    """A shift by half a pixel keeps every Fourier component, so differences over whole pixels are moved with it."""
    still, half, whole = (self_affine((64, 64), seed=2, shift=(d, 0.0)) for d in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(whole[1:], still[:-1], atol=1e-12)
    middle = 0.5 * (still[:-1] + still[1:])  # an estimate of the half shift, exact for long waves
    assert np.abs(half[1:] - middle).std() < 0.15 * still.std() < np.abs(half[1:] - still[1:]).std() * 10


@pytest.mark.parametrize("hurst", [0.3, 0.8])
def test_exponent(hurst):
    """The mean spectrum of ten fields falls by 2 (1 + H) decades a decade (periodic, so without leakage)."""
    slopes = []
    for seed in range(10):
        field = self_affine((128, 128), hurst=hurst, seed=seed)
        difference = [np.log(((field[r:] - field[:-r]) ** 2).mean()) for r in (8, 32)]
        slopes.append((difference[1] - difference[0]) / (2 * np.log(4)))
    assert abs(np.mean(slopes) - hurst) < 0.12  # finite band: the structure function bends at its ends


def test_root_mean_square_is_that_of_the_period():
    values = [self_affine((64, 64), hurst=0.5, rms=2.5, longest=16, seed=s).std() for s in range(20)]
    assert abs(np.mean(values) - 2.5) < 0.1


@pytest.mark.parametrize("bad", [{"shortest": 1.0}, {"hurst": 0.0}, {"hurst": 1.5}])
def test_what_makes_no_sense_is_refused(bad):
    with pytest.raises(ValueError, match="shortest"):
        self_affine((8, 8), **bad)

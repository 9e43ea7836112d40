"""Rough surfaces: their spectrum, their shift, their repeatability."""

import numpy as np
import pytest

from asperity.virtual.surface import self_affine


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
    """The mean spectrum of ten fields falls as the wave number to the power -2 (1 + H)."""
    window = np.hanning(128)[:, None] * np.hanning(128)
    power = np.mean([np.abs(np.fft.fft2(window * self_affine((128, 128), hurst=hurst, seed=s))) ** 2
                     for s in range(10)], axis=0)
    q = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128))
    inside = (q > 0.06) & (q < 0.3)  # several bins of the window away from zero, and below the band's end
    slope = np.polyfit(np.log(q[inside]), np.log(power[inside]), 1)[0]
    assert abs(slope + 2 * (1 + hurst)) < 0.05


def test_root_mean_square_is_that_of_the_period():
    values = [self_affine((64, 64), hurst=0.5, rms=2.5, longest=16, seed=s).std() for s in range(20)]
    assert abs(np.mean(values) - 2.5) < 0.1


@pytest.mark.parametrize("bad", [{"shortest": 1.0}, {"hurst": 0.0}, {"hurst": 1.5}])
def test_what_makes_no_sense_is_refused(bad):
    with pytest.raises(ValueError, match="shortest"):
        self_affine((8, 8), **bad)

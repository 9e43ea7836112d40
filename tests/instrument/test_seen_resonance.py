"""A fitted resonance is one: it stands out of the noise, all of it was recorded, and the fit describes the spectrum."""

import numpy as np
import pytest

from asperity.instrument.calibration import calibrate
from asperity.instrument.calibration_methods import Lever, Surroundings
from asperity.instrument.seen_resonance import gain_over_noise, require_resonance
from asperity.instrument.thermal import HarmonicOscillator
from asperity.instrument.thermal_fit import SpectralFit, fit_spectra
from asperity.messages import DataError

KT = 1.380649e-23 * 298.15
STEP = 20.0  # Hz


def spectrum(seed, *, resonance=15e3, quality=100.0, floor=1e-2, averages=100, bins=5000, part=(0.0, np.inf)):
    """Frequencies (Hz) and V^2/Hz of a lever of 50 mN/m at 40 nm/V; the floor over the plateau of the mode."""
    frequency = STEP * np.arange(1, bins + 1)
    plateau = 0.9707 / 1.0897**2 * KT / 0.05 / 40e-9**2 * 2 / (np.pi * resonance * quality)
    ratio = frequency / resonance
    expected = plateau * (1 / ((1 - ratio**2) ** 2 + (ratio / quality) ** 2) + floor)
    power = expected * np.random.default_rng([seed, 99]).gamma(averages, 1 / averages, bins)
    there = (frequency >= part[0]) & (frequency <= part[1])
    return frequency[there], power[there]


def stiffness(seed, **how):
    """Of the lever (N/m) and its standard uncertainty."""
    found = calibrate(*spectrum(seed, **how), Lever(), Surroundings(298.15), sensitivity=40e-9).spring_constant
    return found.value, found.std


def accepted(bins, averages, count, seed):
    """How many of many flat spectra are taken to show a resonance, and what it gains over noise in each."""
    frequency = STEP * np.arange(1, bins + 1)
    power = np.random.default_rng([bins, averages, seed]).gamma(averages, 1 / averages, (count, bins))
    fits, passed, gains = fit_spectra(frequency, power, averages=averages), 0, []
    for row in range(count):
        fit = SpectralFit(*(field[row] for field in fits))
        gains.append(gain_over_noise(frequency, power[row], fit, HarmonicOscillator()))
        try:
            require_resonance(frequency, power[row], fit, HarmonicOscillator(), (0.0, frequency[-1]))
            passed += 1
        except DataError:
            pass
    return passed, np.array(gains)


@pytest.mark.study
def test_noise_alone_shows_no_resonance():
    """Of 100 flat spectra of 500 bins and 50 averages 20 gave a number before."""
    passed, gains = accepted(500, 50, 100, 3)
    assert passed <= 3  # of 1 expected at most, with a chance of 2 % to fail if it were 1
    assert np.median(gains) > 1  # what the search for frequency and width finds


@pytest.mark.study
@pytest.mark.parametrize(("bins", "averages"), [(500, 50), (2000, 1), (2000, 50), (2000, 1000), (8000, 50)])
def test_at_most_one_flat_spectrum_in_a_hundred_shows_a_resonance(bins, averages):
    passed, _ = accepted(bins, averages, 400, 11)
    assert passed <= 4


def test_a_peak_as_high_as_the_noise_still_counts():
    value, std = stiffness(0, floor=1e4, bins=2000)
    assert abs(value - 0.05) < 2 * std
    value, std = stiffness(0, floor=1.0, quality=2.0, bins=2000)
    assert abs(value - 0.05) < 2 * std


@pytest.mark.parametrize("part", [(15.1e3, np.inf), (15.4e3, np.inf), (16e3, np.inf), (0.0, 14.6e3), (0.0, 14e3)])
def test_a_resonance_of_which_a_part_is_missing_gives_no_number(part):
    """From above it, before: 3 to 23 times the truth."""
    with pytest.raises(DataError, match=r"both sides of its resonance|no resonance stands out"):
        stiffness(0, part=part)


def test_a_resonance_seen_from_just_below_to_just_above_gives_its_number():
    value, std = stiffness(0, part=(14.6e3, 17e3))
    assert abs(value - 0.05) < 2 * std


def test_a_fit_that_misses_the_spectrum_gives_no_number():
    """Two modes as near as their widths are not one."""
    frequency, power = spectrum(0)
    other = spectrum(1, resonance=15.5e3)[1]
    with pytest.raises(DataError, match="misses the spectrum by"):
        calibrate(frequency, power + other, Lever(), Surroundings(298.15), sensitivity=40e-9, band=(12e3, 19e3))

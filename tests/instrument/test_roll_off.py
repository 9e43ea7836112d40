"""Detectors that roll off: the law, that one is seen, and that a sound one changes nothing."""

import jax
import numpy as np
import pytest

from asperity.instrument.calibration import calibrate
from asperity.instrument.calibration_methods import Lever, Surroundings
from asperity.instrument.roll_off import roll_off
from asperity.instrument.spring_constant import Known
from asperity.instrument.thermal import HarmonicOscillator, RolledOff, spectral_density
from asperity.instrument.thermal_fit import fit_spectrum

BOLTZMANN, WARMTH, TRUE, RESONANCE = 1.380649e-23, 298.15, 0.2, 70e3  # J/K, K, N/m, Hz
EXACT = Lever(beta=Known(1.0, 0.0), chi=Known(1.0, 0.0))


def spectrum(corner, order, everything, seed=0, quality=100.0, bins=2000, averages=100):
    """Frequencies (Hz) and power (m^2/Hz) of an oscillator behind a filter with its corner at so many resonances."""
    f = 4 * RESONANCE * np.arange(1, bins + 1) / bins
    rest = 4 * BOLTZMANN * WARMTH / (TRUE * 2 * np.pi * RESONANCE * quality)
    mode = rest / ((1 - (f / RESONANCE) ** 2) ** 2 + (f / RESONANCE / quality) ** 2)
    passed = 1 / (1 + (f / RESONANCE / corner) ** (2 * order))
    expected = (mode + 3 * rest) * passed if everything else mode * passed + 3 * rest
    return f, expected * np.random.default_rng(seed).gamma(averages, 1 / averages, bins)


@pytest.mark.parametrize("order", [1, 2])
def test_half_of_the_power_passes_at_the_corner(x64, order):
    f = np.array([1e3, 5e4, 1.2e5])
    p = (1e-20, 7e4, 20.0, 1e-26, 0.0)
    plain = np.asarray(spectral_density(HarmonicOscillator(), f, p))
    passed = 1 / (1 + (f / 5e4) ** (2 * order))
    assert passed[1] == 0.5
    everything = RolledOff(HarmonicOscillator(), np.asarray(5e4), order, True)
    motion = RolledOff(HarmonicOscillator(), np.asarray(5e4), order, False)
    np.testing.assert_allclose(spectral_density(everything, f, p), plain * passed, rtol=1e-12)
    np.testing.assert_allclose(spectral_density(motion, f, p), (plain - p[3]) * passed + p[3], rtol=1e-12)


@pytest.mark.study
def test_a_roll_off_is_seen_and_taken_out():
    """A corner at 1.5 times the resonance makes the spring constant 44 % too large by the plain model."""
    made = calibrate(*spectrum(1.5, 1, False), EXACT, Surroundings(Known(WARMTH, 0.0)), sensitivity=Known(1.0, 0.0))
    assert abs(made.spring_constant.value - TRUE) < 3 * made.spring_constant.std
    assert made.spring_constant.std < 0.1 * TRUE
    (said,) = (line for line in made.findings if "roll-off (order" in line)
    assert "without it the spring constant would be off: equipartition +" in said


def test_a_sound_detector_changes_nothing():
    frequency, power = spectrum(np.inf, 1, False)
    fit = fit_spectrum(frequency, power, band=(7e3, 2.1e5))
    found = roll_off(frequency, power, fit, HarmonicOscillator(), (7e3, 2.1e5))
    assert not found.seen
    assert found.fit is fit
    assert np.abs(found.shift[0]) < 0.03


def test_a_peak_beside_the_shoulder_of_filtered_noise_is_no_electronic_line():
    """Noise that rolls off at the resonance looks like a broad mode, and the narrow true one like a line."""
    made = calibrate(*spectrum(1.0, 2, True, 2, quality=300.0), EXACT, Surroundings(Known(WARMTH, 0.0)),
                     sensitivity=Known(1.0, 0.0))
    assert made.fit.parameters[2] == pytest.approx(300.0, rel=0.2)
    assert abs(made.spring_constant.value - TRUE) < 3 * made.spring_constant.std


def test_the_density_is_differentiable_behind_a_detector(x64):
    model = RolledOff(HarmonicOscillator(), np.asarray(1e5), 1, False)
    slope = jax.grad(lambda q: spectral_density(model, np.array([6e4]), (1e-20, 7e4, q, 0.0, 0.0))[0])(20.0)
    assert np.isfinite(slope)

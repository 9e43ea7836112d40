"""The noise has the spectrum it declares, and the specimen does not know the grid."""

import math

import numpy as np
import pytest

from asperity.virtual.force_map import Instrument, Noise, Specimen, baseline_noise
from asperity.virtual.noise import autocovariance
from asperity.virtual.specimen import properties

BOLTZMANN = 1.380649e-23


@pytest.mark.parametrize("noise", [
    Noise(),
    Noise(detector=0, drift=0),
    Noise(detector=0, thermal=0),
    Noise(drift=0, thermal=0),
], ids=["all", "thermal", "drift", "detector"])
def test_the_noise_has_the_declared_autocovariance(noise):
    """Averages over independent curves; the standard error comes from their spread."""
    instrument = Instrument(sampling_rate=8e3)
    count, curves = 256, 3000
    rows = baseline_noise(count, noise=noise, instrument=instrument, curves=curves, seed=1)
    declared = instrument.spring_constant**2 * autocovariance(count, noise=noise, instrument=instrument)
    for lag in (0, 1, 2, 3, 7, 20, 100, 255):
        products = (rows[:, lag:] * rows[:, : count - lag]).mean(axis=1)
        error = products.std() / math.sqrt(curves)
        assert abs(products.mean() - declared[lag]) < 4.5 * error
    mean = rows.mean(axis=1)
    assert abs(mean.mean()) < 4.5 * mean.std() / math.sqrt(curves)


def test_the_noise_is_gaussian():
    rows = baseline_noise(64, curves=4000, seed=2)[:, ::63].ravel()
    scaled = rows / rows.std()
    assert abs((scaled**3).mean()) < 4.5 * math.sqrt(15 / scaled.size) * 1.5
    assert abs((scaled**4).mean() - 3) < 4.5 * math.sqrt(96 / scaled.size) * 1.5


def test_the_lever_moves_with_the_energy_of_its_temperature_and_the_spectrum_of_an_oscillator():
    """Wiener-Khinchin: the transform of C(t) is the one-sided density 4 k_B T / (k w0 Q) / (...)."""
    instrument = Instrument(sampling_rate=2e6, resonance=12e3, quality=3.0, spring_constant=0.08,
                            temperature=310.0)
    noise = Noise(detector=0, drift=0)
    covariance = autocovariance(1 << 14, noise=noise, instrument=instrument)
    energy = BOLTZMANN * instrument.temperature
    assert covariance[0] == pytest.approx(energy / instrument.spring_constant, rel=1e-12)
    time = np.arange(covariance.size) / instrument.sampling_rate
    for frequency in (100.0, 6e3, 12e3, 15e3, 40e3):
        density = 4 * np.trapezoid(covariance * np.cos(2 * math.pi * frequency * time), time)
        r = frequency / instrument.resonance
        natural = 2 * math.pi * instrument.resonance
        scale = 4 * energy / (instrument.spring_constant * natural * instrument.quality)
        assert density == pytest.approx(scale / ((1 - r**2) ** 2 + (r / instrument.quality) ** 2), rel=2e-3)


def test_the_drift_is_one_over_f_between_its_times():
    noise = Noise(detector=0, thermal=0, drift_times=(1e-3, 10.0))
    covariance = autocovariance(1 << 19, noise=noise, instrument=Instrument(sampling_rate=1e4))
    spectrum = np.fft.rfft(np.concatenate([covariance, covariance[-2:0:-1]])).real
    frequency = np.fft.rfftfreq(2 * (covariance.size - 1), 1e-4)
    middle = (frequency > 0.1) & (frequency < 20)
    slope = np.polyfit(np.log(frequency[middle]), np.log(spectrum[middle]), 1, w=frequency[middle] ** -0.5)[0]
    assert slope == pytest.approx(-1, abs=0.05)
    assert covariance[0] == pytest.approx(noise.drift**2, rel=1e-12)


def test_waviness_has_half_the_wavelength_of_the_light():
    noise = Noise(detector=0, drift=0, thermal=0, waviness=3e-10, wavelength=640e-9)
    height = np.linspace(0, 3.2e-6, 1000, endpoint=False)
    wave = baseline_noise(1000, noise=noise, height=height, curves=3)
    spectrum = np.abs(np.fft.rfft(wave))
    assert (spectrum.argmax(axis=1) == 10).all()  # 3.2 um / (640 nm / 2)
    root_mean_square = 3e-10 * Instrument().spring_constant / math.sqrt(2)
    np.testing.assert_allclose(wave.std(axis=1), root_mean_square, rtol=1e-9)
    assert abs(wave[0, 0] - wave[1, 0]) > 0.01 * root_mean_square
    assert not baseline_noise(50, noise=noise).any()


def test_a_baseline_depends_on_its_number_only():
    few, many = (baseline_noise(128, curves=n, seed=4) for n in (3, 9))
    np.testing.assert_array_equal(few, many[:3])
    assert np.abs(np.corrcoef(many)[np.triu_indices(9, 1)]).max() < 0.9
    other = baseline_noise(128, curves=3, seed=5)
    assert np.abs(np.corrcoef(np.vstack([few, other]))[:3, 3:]).max() < 0.9


def test_a_lever_that_rings_for_ever_or_not_at_all_is_refused():
    with pytest.raises(ValueError, match="1/2"):
        baseline_noise(64, instrument=Instrument(quality=0.5))
    with pytest.raises(ValueError, match="quality"):
        baseline_noise(64, instrument=Instrument(quality=1e7, resonance=103.7))


def test_the_specimen_is_a_function_of_the_position():
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(0, 20e-6, 30), np.linspace(0, 20e-6, 30)))
    whole = properties(x, y, specimen=Specimen(), seed=2)
    part = properties(x[100:300:7], y[100:300:7], specimen=Specimen(), seed=2)
    for name, values in whole.items():
        np.testing.assert_allclose(part[name], values[100:300:7], rtol=1e-9)


def test_inclusions_have_sharp_edges_and_the_declared_contrast():
    specimen = Specimen(modulus_spread=0, adhesion_spread=0, roughness=0, slope=0)
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(0, 20e-6, 200), np.linspace(0, 20e-6, 200)))
    found = properties(x, y, specimen=specimen, seed=1)
    assert 0.05 < found["inclusion"].mean() < 0.5
    contrasts = (("modulus", 4.0, 1.0), ("work_of_adhesion", 0.6, 1.0), ("topography", 60e-9, 0.0))
    for name, inside, outside in contrasts:
        np.testing.assert_array_equal(found[name], np.where(found["inclusion"], inside, outside))


def test_random_fields_have_the_declared_spread_and_correlation():
    """ln E over 400 seeds at two places r apart: variance s^2, correlation exp(-r^2 / (2 l^2))."""
    specimen = Specimen(discs=0, fibers=0, modulus_spread=0.4)
    x = 5e-6 + np.array([0.0, specimen.correlation_length])
    logs = np.array([np.log(properties(x, x * 0, specimen=specimen, seed=s)["modulus"]) for s in range(400)])
    assert logs.std() == pytest.approx(0.4, rel=0.12)
    assert np.corrcoef(logs.T)[0, 1] == pytest.approx(math.exp(-0.5), abs=0.12)

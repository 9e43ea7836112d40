"""The calibration records of the virtual instrument: thermal spectra and curves on a stiff surface."""

from __future__ import annotations

import jax
import numpy as np
import xarray as xr

from asperity.data.curves import Curves, to_dataset
from asperity.instrument.spring_constant import BETA, CHI
from asperity.instrument.thermal import AbstractResonance, HarmonicOscillator, spectral_density
from asperity.virtual.noise import Instrument

__all__ = ["stiff_curves", "virtual_spectrum"]

_BOLTZMANN = 1.380649e-23  # J/K, exact


def virtual_spectrum(instrument: Instrument, *, bins: int = 4096, highest: float | None = None, averages: int = 50,
                     background: tuple[float, float] = (1e-13, 1e-13), lines: int = 2,
                     model: AbstractResonance | None = None, seed: int = 0) -> xr.Dataset:
    r"""The thermal spectrum of the photodiode, averaged over n periodograms: $P = S\, \Gamma(n)/n$, with lines.

    The mean square of the first mode is that of equipartition for a rectangular lever, in V^2 by the static
    sensitivity: $\langle U^2 \rangle = \beta k_B T / (k \chi^2 s^2)$.

    Args:
        instrument: spring constant, sensitivity, resonance, quality and temperature are used.
        bins: of the spectrum, above 0 Hz.
        highest: Hz; 4 times the resonance by default.
        averages: n.
        background: white in V^2/Hz and 1/f in V^2 (over the frequency).
        lines: of electronic origin, one bin wide, 30 times the spectrum there.
        model: of the resonance; a harmonic oscillator by default.
        seed: of the noise and of where the lines are.
    """
    highest = 4 * instrument.resonance if highest is None else highest
    frequency = highest * np.arange(1, bins + 1) / bins
    square = BETA / CHI**2 * _BOLTZMANN * instrument.temperature / (
        instrument.spring_constant * instrument.sensitivity**2)
    parameters = [square, instrument.resonance, instrument.quality, *background]
    with jax.enable_x64(True):
        expected = np.asarray(spectral_density(model or HarmonicOscillator(), frequency, np.array(parameters)))
    generator = np.random.default_rng([seed, 32452843])
    power = expected * generator.gamma(averages, 1 / averages, bins)
    power[generator.integers(0, bins, lines)] *= 30
    return xr.Dataset(
        {"power": ("frequency", power, {"units": "V^2/Hz"})}, {"frequency": ("frequency", frequency, {"units": "Hz"})},
        {"averages": averages, "temperature": instrument.temperature, "file": "virtual",
         "true_spring_constant": instrument.spring_constant})


def stiff_curves(instrument: Instrument, *, curves: int = 5, samples: int = 2000, free: float = 1e-6,
                 pressed: float = 2e-7, noise: float = 2e-10, seed: int = 0) -> xr.Dataset:
    """Approach and retract on a surface that does not yield: deflection = contact - height beyond contact.

    Args:
        instrument: sensitivity and sampling rate are used; the file states neither spring constant nor sensitivity.
        curves: one after the other at the same place.
        samples: of each segment.
        free: m, the way before contact.
        pressed: m, the way in contact.
        noise: m of deflection, white.
        seed: of the noise.
    """
    generator = np.random.default_rng([seed, 49979687])
    down = np.linspace(free, -pressed, samples)
    height = [down, down[::-1]]
    volts = [[(np.maximum(-z, 0) + noise * generator.standard_normal(samples)) / instrument.sensitivity for z in height]
             for _ in range(curves)]
    time = np.arange(2 * samples).reshape(2, samples) / instrument.sampling_rate
    found = Curves(("approach", "retract"), np.full((curves, 2), samples), {
        "height": lambda curve: height, "time": lambda curve: list(time),
        "deflection_voltage": lambda curve: volts[curve]}, f"virtual-{seed}",
        attrs={"instrument": "asperity virtual instrument"})
    return to_dataset(found, "virtual").load()

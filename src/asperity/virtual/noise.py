"""The noise of the virtual instrument: what a lever and its detector add to a force curve.

The stochastic part is Gaussian and stationary with a *declared* autocovariance (`autocovariance`),
so that a test of error bars knows what it is tested against; it is drawn exactly, by circulant
embedding. Interference waviness, tilt and offset are functions of the height.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from asperity.messages import ArgumentError

__all__ = ["Instrument", "Noise", "autocovariance", "baseline_noise", "correlated", "waviness"]

_BOLTZMANN = 1.380649e-23  # J/K, exact
_DRIFT_TERMS = 8  # relaxation times of the drift, evenly spaced in their logarithm


@dataclass(frozen=True)
class Instrument:
    """Lever, scanner and trigger; SI units.

    ``ramp`` is the height range of the retract segment (None: 2.5 times the range in contact of the
    template); the approach covers the last 95 to 100 % of it, so its sample count varies from curve to curve.
    ``faults``: name of an `Outcome` -> probability that a curve is spoilt in this way.
    """

    spring_constant: float = 0.05  # N/m
    sensitivity: float = 50e-9  # m/V
    setpoint: float = 4e-9  # N
    sampling_rate: float = 5e3  # Hz
    ramp: float | None = None  # m
    resonance: float = 1.2e3  # Hz, of the lever in its medium
    quality: float = 0.9  # quality factor of that resonance, above 1/2
    temperature: float = 298.15  # K
    faults: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Noise:
    """Amplitudes of the noise, in m of deflection; zero switches a part off.

    ``detector``   standard deviation of the white noise of the photodiode;
    ``drift``      standard deviation of the 1/f-like part: equal variances relaxing with
                   ``drift_times`` (shortest, longest; s), spaced evenly in the logarithm;
    ``thermal``    factor on the thermal motion of the lever (1: equipartition, 0: none);
    ``waviness``   amplitude of the optical interference, periodic in height with ``wavelength`` / 2;
    ``offset``     spread (over curves) of the deflection far from the sample;
    ``tilt``       spread (over curves) of the deflection per height in m/m (virtual deflection);
    ``resolution`` step of the analog-digital converter.

    With the defaults (and those of `Instrument`) the noise has a lag-1 correlation of 0.4, and a fit
    that takes it for white understates the error of a modulus about twofold, as measured baselines
    make it do (1.0 to 3.6-fold on four measured maps).
    """

    detector: float = 0.1e-9
    drift: float = 0.08e-9
    drift_times: tuple[float, float] = (2e-3, 2.0)
    thermal: float = 1.0
    waviness: float = 0.04e-9
    wavelength: float = 670e-9
    offset: float = 10e-9
    tilt: float = 1.5e-3
    resolution: float = 0.0

    @classmethod
    def silent(cls) -> Noise:
        """The instrument of a textbook: every amplitude is zero."""
        return cls(detector=0.0, drift=0.0, thermal=0.0, waviness=0.0, offset=0.0, tilt=0.0)


def _drift_covariance(lag: np.ndarray, times: tuple[float, float]) -> np.ndarray:
    """Mean of exp(-lag/tau) over tau spaced evenly in its logarithm: 1/f between 1/times (unit variance)."""
    taus = np.geomspace(*times, _DRIFT_TERMS)
    return np.exp(-lag[:, None] / taus).mean(axis=1)


def _lever_covariance(lag: np.ndarray, instrument: Instrument) -> np.ndarray:
    """Thermal motion of a damped oscillator: (k_B T/k) e^(-g t) [cos(w t) + (g/w) sin(w t)], m^2."""
    if instrument.quality <= 0.5:
        raise ArgumentError(f"quality = {instrument.quality} must be above 1/2 (an oscillating lever)")
    natural = 2 * math.pi * instrument.resonance
    damping = natural / (2 * instrument.quality)
    damped = math.sqrt(natural**2 - damping**2)
    variance = _BOLTZMANN * instrument.temperature / instrument.spring_constant
    oscillation = np.cos(damped * lag) + damping / damped * np.sin(damped * lag)
    return variance * np.exp(-damping * lag) * oscillation


def autocovariance(count: int, *, noise: Noise, instrument: Instrument) -> np.ndarray:
    r"""Autocovariance (m^2 of deflection) of the stochastic noise at the lags 0 ... count - 1 samples.

    $$C(t) = \sigma_d^2 [t = 0] + \frac{\sigma_f^2}{8}\sum_j e^{-t/\tau_j}
      + h^2\frac{k_B T}{k} e^{-\gamma t}\Big[\cos\omega t + \frac{\gamma}{\omega}\sin\omega t\Big],
      \quad \gamma = \frac{\omega_0}{2Q},\ \omega^2 = \omega_0^2 - \gamma^2$$

    with the detector noise sigma_d, the drift sigma_f, and the thermal motion of the lever of
    resonance omega_0 (a damped oscillator in equilibrium), sampled as it is (so aliased where the
    resonance lies above half the sampling rate). The lever's noise is taken as in free motion also
    while in contact. Waviness, tilt and offset are not part of it.

    Raises:
        ValueError: the quality factor is 1/2 or less.
    """
    lag = np.arange(count) / instrument.sampling_rate
    covariance = noise.drift**2 * _drift_covariance(lag, noise.drift_times)
    if noise.thermal:
        covariance += noise.thermal**2 * _lever_covariance(lag, instrument)
    covariance[0] += noise.detector**2
    return covariance


def _amplitudes(count: int, noise: Noise, instrument: Instrument) -> np.ndarray:
    """Square roots of the eigenvalues of the circulant matrix that embeds the covariance; m."""
    half = 1 << max(4, (count - 1).bit_length())
    for _ in range(4):
        covariance = autocovariance(half + 1, noise=noise, instrument=instrument)
        eigenvalues = np.fft.rfft(np.concatenate([covariance, covariance[-2:0:-1]])).real
        if eigenvalues.min() >= -1e-9 * eigenvalues.max():
            return np.sqrt(np.maximum(eigenvalues, 0.0))
        half *= 2
    raise ArgumentError("the thermal motion rings for longer than sixteen curves: lower the quality factor")


def correlated(count: int, *, noise: Noise, instrument: Instrument,
               generators: list[np.random.Generator]) -> np.ndarray:
    """Exact draws of the stochastic noise: (generators, count), m of deflection, one per generator.

    A row depends on its generator, ``count``, ``noise`` and ``instrument`` only. White noise is filtered
    with the square root of the spectrum of a periodic sequence at least twice as long, whose covariance
    is `autocovariance` up to ``count`` lags (circulant embedding; Davies and Harte 1987).
    """
    amplitudes = _amplitudes(count, noise, instrument)
    length = 2 * (len(amplitudes) - 1)
    rows = np.empty((len(generators), count))
    for start in range(0, len(generators), 256):
        block = np.stack([g.standard_normal(length) for g in generators[start:start + 256]])
        rows[start:start + 256] = np.fft.irfft(np.fft.rfft(block) * amplitudes, length)[:, :count]
    return rows


def waviness(height: np.ndarray, *, noise: Noise, phase: np.ndarray, chirp: np.ndarray) -> np.ndarray:
    """Interference of stray light: a sin((4 pi / wavelength + chirp) z + phase); m of deflection.

    Args:
        height: (..., samples) m.
        phase: rad, per curve.
        chirp: rad/m, the slow change of the phase along the ramp, per curve.
    """
    wavenumber = 4 * math.pi / noise.wavelength
    return noise.waviness * np.sin((wavenumber + chirp[..., None]) * height + phase[..., None])


def baseline_noise(count: int, *, noise: Noise | None = None, instrument: Instrument | None = None,
                   seed: int = 0, curves: int = 1, height: np.ndarray | None = None) -> np.ndarray:
    """Force noise (N) of ``curves`` baselines of ``count`` samples: shape (curves, count), zero mean.

    Row i depends on (seed, i) and not on ``curves``. With a ``height`` (count,) the interference
    waviness of random phase is added; offset and tilt never are.
    """
    noise, instrument = noise or Noise(), instrument or Instrument()
    generators = [np.random.default_rng([seed, i]) for i in range(curves)]
    phase = np.array([g.uniform(0, 2 * math.pi) for g in generators])
    rows = correlated(count, noise=noise, instrument=instrument, generators=generators)
    if height is not None:
        rows += waviness(np.asarray(height), noise=noise, phase=phase, chirp=np.zeros(curves))
    return instrument.spring_constant * rows

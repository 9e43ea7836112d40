r"""Whether a thermal spectrum shows the resonance that was fitted to it: out of the noise, and as a whole.

Among noise alone a fit that searches for frequency and width always finds a peak. What it gains over the background
by itself (white and 1/f noise), $\Delta = \ln L_{mode} - \ln L_{noise}$, grows with the number of bins k that it
searches: the largest of many trials (Davies, Biometrika 74, 33 (1987)). The threshold is
$\Delta_0 = a + \ln k$, with a from simulated flat spectra.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from asperity.instrument.thermal import AbstractResonance, spectral_density
from asperity.instrument.thermal_fit import SpectralFit
from asperity.messages import DataError

__all__ = ["gain_over_noise", "require_resonance", "require_whole"]

_GAIN = 4.5  # a: of simulated flat spectra at most 1 % gain more, see `tests.instrument.test_seen_resonance`
_STEPS = 50  # of the fit of the background
_LAGS = 2  # bins over which a window correlates
_FAINT = 0.5  # standard error of ln mean square, beyond which nothing is known of it
_BROADEST = 0.3  # of the resonance: low enough for a peak so broad that it has no half on the lower side
_WRONG = 1e-3  # p-value below which the model is wrong
_MISFIT = 0.2  # relative deviation of a group of bins, from which a wrong model gives no number
_PARTS = 96  # of the bins: about as many fall into a group, at least 2


def require_resonance(frequency: Any, power: Any, fit: SpectralFit, model: AbstractResonance,
                      band: tuple[float, float]) -> None:
    """Require that a resonance stands out of the noise; noise alone passes in at most 1 % of spectra.

    Raises:
        DataError: it does not.
    """
    least = _GAIN + float(np.log(fit.used.sum()))
    if not (fit.converged and fit.std[0] < _FAINT and gain_over_noise(frequency, power, fit, model) > least):
        raise DataError(f"no resonance stands out of the noise between {band[0]:.4g} and {band[1]:.4g} Hz; "
                        "give the band around the resonance, or record longer")


def require_whole(frequency: Any, fit: SpectralFit) -> None:
    """Require that the resonance lies in what was fitted with half its height on both sides, and that the model fits.

    Raises:
        DataError: a part of the resonance is not there, or the fit misses it by 20 % more than noise does.
    """
    within = np.asarray(frequency, dtype=float)[fit.used | fit.lines]
    resonance, quality = (float(value) for value in fit.parameters[1:3])
    half = resonance / (2 * quality)
    # at a bound of the minimizer the resonance is the first or last frequency, and the half beyond it is not there
    if max(resonance - half, _BROADEST * resonance) < within[0] or resonance + half > within[-1]:
        raise DataError(f"the spectrum, fitted from {within[0]:.6g} to {within[-1]:.6g} Hz, does not show both sides "
                        f"of its resonance (about {resonance:.4g} Hz, {2 * half:.3g} Hz wide): what is outside is not "
                        "known; record from below the resonance to above it, or give a band with all of it")
    place, size = (float(value) for value in fit.deviation)
    noise = 3 / np.sqrt(float(fit.averages) * max(fit.used.sum() / _PARTS, 2.0))
    if fit.p_value < _WRONG and abs(size) >= _MISFIT + noise:
        raise DataError(f"the resonance that fits best misses the spectrum by {100 * size:+.0f} % around {place:.4g} "
                        "Hz: it is not that of one mode, or only a part of it was recorded; record from below the "
                        "resonance to above it, or give a band around it")


def gain_over_noise(frequency: Any, power: Any, fit: SpectralFit, model: AbstractResonance) -> float:
    """What the resonance adds to ln(likelihood), over white and 1/f noise alone.

    Neighbors that a window correlates count as fewer bins.

    Args:
        frequency: (k,) Hz.
        power: (k,) the spectrum that was fitted.
        fit: its fit with ``model``.
        model: the resonance.
    """
    grid, observed = np.asarray(frequency, dtype=float)[fit.used], np.asarray(power, dtype=float)[fit.used]
    with jax.enable_x64(True):
        density = np.asarray(spectral_density(model, grid, fit.parameters))
    ratio = observed / density
    noise = _background(grid, observed)
    gain = float(fit.averages * (observed / noise + np.log(noise) - ratio - np.log(density)).sum())
    return gain / _together(ratio - 1)


def _background(grid: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """The likeliest sum of white and 1/f noise, both at least 0, by reweighted least squares (Fisher scoring)."""
    columns = np.column_stack([np.ones_like(grid), grid[0] / grid])
    density = np.full_like(grid, observed.mean())
    for _ in range(_STEPS):
        scaled = columns / density[:, None]
        amplitudes = np.linalg.lstsq(scaled, observed / density, rcond=None)[0]
        if amplitudes.min() < 0:
            keep = int(amplitudes.argmax())
            amplitudes = np.zeros(2)
            amplitudes[keep] = (observed / columns[:, keep]).mean()
        previous, density = density, columns @ amplitudes
        if np.abs(density / previous - 1).max() < 1e-9:
            break
    return density


def _together(residual: np.ndarray) -> float:
    """By how many bins a bin is accompanied: 1 without a window, up to 1.9 with Hann's."""
    total, limit = (residual**2).sum(), 3 / np.sqrt(len(residual))
    lags = [float((residual[lag:] * residual[:-lag]).sum() / total) for lag in range(1, _LAGS + 1)]
    return 1 + 2 * sum(lag for lag in lags if lag > limit)

r"""Maximum likelihood fit of thermal spectra, as the statistics of a periodogram ask for.

A spectrum averaged over n periodograms is gamma distributed around the truth S with shape n, independent from
bin to bin, so that (Whittle) $-\ln L = n \sum_j (P_j / S_j + \ln S_j)$. The best parameters do not depend on
n; their covariance goes with 1/n. A first fit to the logarithm of the spectrum, with large residuals clipped,
finds the resonance also among electronic lines; lines are then tested for and left out
(`asperity.instrument.spectral_lines`).
Sources: Whittle, J. R. Stat. Soc. B 15, 125 (1953); Yates, Labuda and Lysy, arXiv 1706.08938.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from asperity.instrument.spectral_lines import averages_from_scatter, find_lines
from asperity.instrument.thermal import AbstractResonance, HarmonicOscillator
from asperity.instrument.thermal_likelihood import Optimum, covariance, fit_counted, misfit
from asperity.instrument.thermal_start import starting_points
from asperity.messages import ArgumentError, DataError

__all__ = ["SpectralFit", "evened", "fit_bands", "fit_spectra", "fit_spectrum"]

_LEAST_BINS = 32  # bins in the band, below which nothing is fitted
_UNEVEN = 1e-2  # spread of the steps between bins, of the mean, below which they are even
_ROUNDED = 0.75  # of the last digit, by which rounded frequencies are off an even grid that was fitted to them
_DIGITS = 7  # significant ones of what is called rounded
_COARSEST = 1e-2  # of the whole range, that the last digit may be
_ROUNDS = 8  # of fitting and leaving out lines


class SpectralFit(NamedTuple):
    """The fit of one spectrum, or of many (then every field has a leading axis m).

    ``parameters``   (5,) mean square of the mode, resonance (Hz), quality factor, white noise, 1/f noise
                     (see `asperity.instrument.thermal.spectral_density`);
    ``covariance``   (5, 5) of (ln mean square, ln resonance, ln quality, white, pink), from the statistics;
    ``averages``     n as given, or else ``scatter``;
    ``scatter``      n that the scatter from bin to bin shows;
    ``log_likelihood``  for comparing models on the same bins;
    ``p_value``      chance that means over groups of bins deviate so far from a true model;
    ``deviation``    (2,) frequency (Hz) and relative deviation of the group of bins that misfits most;
    ``used``         (k,) bool, the bins of the fit: above 0 Hz, inside the band, no electronic line;
    ``lines``        (k,) bool, the bins left out as lines;
    ``converged``    whether the minimizer came to an end.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    averages: np.ndarray
    scatter: np.ndarray
    log_likelihood: np.ndarray
    p_value: np.ndarray
    deviation: np.ndarray
    used: np.ndarray
    lines: np.ndarray
    converged: np.ndarray

    @property
    def std(self) -> np.ndarray:
        """(5,) standard deviations of ln mean square, ln resonance, ln quality, white, pink."""
        return np.sqrt(np.diagonal(self.covariance, axis1=-2, axis2=-1))


def fit_spectrum(frequency: Any, power: Any, *, model: AbstractResonance | None = None,
                 averages: float | None = None, band: tuple[float, float] | None = None,
                 false_alarm: float = 0.01) -> SpectralFit:
    """Fit one spectrum of shape (k,); arguments, errors and fields as in `fit_spectra`."""
    fits = fit_spectra(frequency, np.asarray(power, dtype=float)[None], model=model, averages=averages,
                       band=band, false_alarm=false_alarm)
    return SpectralFit(*(field[0] for field in fits))


def fit_spectra(frequency: Any, power: Any, *, model: AbstractResonance | None = None,
                averages: float | None = None, band: tuple[float, float] | None = None,
                false_alarm: float = 0.01) -> SpectralFit:
    """Fit resonance, white noise and 1/f noise to one-sided power spectral densities.

    Args:
        frequency: (k,) Hz, evenly spaced and rising, up to the digits with which they were written; a bin at 0 Hz is
            left out.
        power: (m, k) V^2/Hz or m^2/Hz, positive: means of periodograms, not smoothed along the frequency.
        model: the resonance; by default `HarmonicOscillator`.
        averages: of how many independent periodograms; by default seen from the scatter of the bins.
        band: Hz, from and to; by default all bins.
        false_alarm: the chance that a spectrum without electronic lines is taken to have one; 0 keeps lines.

    Raises:
        ValueError: unequal shapes, an uneven grid, fewer than 32 bins, power that is not positive and finite,
            averages below 1.
    """
    frequency, power = np.asarray(frequency, dtype=float), np.asarray(power, dtype=float)
    frequency = evened(frequency) if frequency.ndim == 1 else frequency
    inside = _inside(frequency, power, band)
    if averages is not None and not averages >= 1:
        raise ArgumentError(f"averages is {averages}: a spectrum is the mean of 1 or more periodograms")
    grid, spectra = frequency[inside], power[:, inside]
    counted = np.ones(spectra.shape, bool)
    model = HarmonicOscillator() if model is None else model
    n = scatter = averages_from_scatter(spectra, counted)
    if averages is not None:
        n = np.full(len(spectra), float(averages))
    best = _fitted(model, grid, spectra, counted, starting_points(grid, spectra), n, True)
    for _ in range(_ROUNDS):
        counted &= ~find_lines(spectra / best.density, counted, n, false_alarm)
        best = _fitted(model, grid, spectra, counted, best.parameters[:, None].repeat(2, axis=1), n, False)
        scatter = averages_from_scatter(spectra / best.density, counted)
        n = scatter if averages is None else n
        if not find_lines(spectra / best.density, counted, n, false_alarm).any():
            break
    ratio = spectra / best.density
    chance, deviation = misfit(grid, ratio, best.gradient, counted, n)
    used, lines = np.zeros(power.shape, bool), np.zeros(power.shape, bool)
    used[:, inside], lines[:, inside] = counted, ~counted
    likelihood = -n * np.where(counted, ratio + np.log(best.density), 0.0).sum(axis=1)
    return SpectralFit(best.parameters, covariance(ratio, best.gradient, counted, n), n, scatter, likelihood,
                       chance, deviation, used, lines, best.converged)


def fit_bands(frequency: Any, power: Any, fit: SpectralFit, bands: Sequence[tuple[float, float]],
              model: AbstractResonance | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Fit a spectrum again in narrower bands, with the averages and without the lines of a fit.

    Args:
        frequency: (k,) Hz.
        power: (k,) the spectrum that was fitted.
        fit: its fit in the widest band.
        bands: from and to in Hz, each.
        model: the resonance; by default `HarmonicOscillator`.

    Returns:
        Parameters (b, 5) and covariances (b, 5, 5) as in `SpectralFit`; NaN where a band leaves fewer than 32
        bins or the minimizer does not come to an end.
    """
    within = fit.used | fit.lines
    grid, spectra = np.asarray(frequency, dtype=float)[within], np.asarray(power, dtype=float)[None, within]
    model = HarmonicOscillator() if model is None else model
    parameters, matrices = np.full((len(bands), 5), np.nan), np.full((len(bands), 5, 5), np.nan)
    n, starts = fit.averages[None], np.tile(fit.parameters, (1, 2, 1))
    for row, (least, most) in enumerate(bands):
        counted = (fit.used[within] & (grid >= least) & (grid <= most))[None]
        if counted.sum() >= _LEAST_BINS:
            best = _fitted(model, grid, spectra, counted, starts, n, False)
            if best.converged[0]:
                parameters[row] = best.parameters[0]
                matrices[row] = covariance(spectra / best.density, best.gradient, counted, n)[0]
    return parameters, matrices


def _fitted(model: AbstractResonance, grid: np.ndarray, spectra: np.ndarray, counted: np.ndarray,
            starts: np.ndarray, averages: np.ndarray, robust: bool) -> Optimum:
    with jax.enable_x64(True):
        return fit_counted(model, grid, spectra, counted, starts, averages, robust)


def evened(frequency: np.ndarray) -> np.ndarray:
    """The frequencies; those that are even but for the digits with which they were written, on the even grid.

    Raises:
        DataError: they are not even.
    """
    steps = np.diff(frequency)
    if len(steps) == 0 or (steps.min() > 0 and np.ptp(steps) < _UNEVEN * steps.mean()):
        return frequency
    if steps.min() >= 0 and frequency[-1] > frequency[0] >= 0 and np.isfinite(frequency).all():
        number = np.arange(len(frequency))
        even = np.polyval(np.polyfit(number, frequency, 1), number)
        digit = _last_digit(frequency)
        if np.abs(frequency - even).max() <= _ROUNDED * digit and digit <= _COARSEST * (frequency[-1] - frequency[0]):
            return np.where(frequency == 0, 0.0, np.maximum(even, 0.0))
    raise DataError("the frequencies are not evenly spaced and rising, also within the digits with which they are "
                    "written: the statistics of the bins hold for periodograms; do not smooth or resample them")


def _last_digit(values: np.ndarray) -> float:
    """The place of the last digit of the largest of rounded values: 10 where 12.21 ... 12210 have four; 0 if none."""
    top = math.floor(math.log10(values.max()))
    for digits in range(1, _DIGITS + 1):
        place = 10.0 ** (top + 1 - digits)
        significant = np.array([float(f"{value:.{digits - 1}e}") for value in values])
        rounded = (significant, np.rint(values / place) * place)
        if any(np.allclose(found, values, rtol=1e-12, atol=0) for found in rounded):
            return place
    return 0.0


def _inside(frequency: np.ndarray, power: np.ndarray, band: tuple[float, float] | None) -> np.ndarray:
    """The bins to be fitted, if the spectra are what they should be."""
    if frequency.ndim != 1 or power.ndim != 2 or power.shape[1] != len(frequency):
        raise ValueError(f"frequencies of shape {frequency.shape} and powers of shape {power.shape}: "
                         "give (k,) and (m, k)")
    least, most = (0.0, np.inf) if band is None else band
    inside = (frequency > 0) & (frequency >= least) & (frequency <= most)
    if inside.sum() < _LEAST_BINS:
        raise DataError(f"{inside.sum()} bins between {least:g} and {most:g} Hz: at least {_LEAST_BINS} are "
                        "needed; widen the band or record longer")
    bad = ~(np.isfinite(power) & (power > 0)) & inside
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(f"spectrum {row} is {power[row, column]:g} at {frequency[column]:g} Hz: a power is "
                        "positive and finite (was it stored in decibel, or as an amplitude?)")
    return inside

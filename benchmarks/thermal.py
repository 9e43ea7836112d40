"""Fitting thermal spectra: asperity's likelihood against SciPy, in CPU seconds and in the error that remains.

``python -m benchmarks.thermal`` prints, for a lever in water, one in air and one with electronic lines, what
a fit of 6000 bins costs (after compiling) and how it scatters around the truth. SciPy's fits start at the
true resonance and 10 % from the rest; asperity finds its start, tests for lines and computes the covariance.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import numpy as np
from scipy.optimize import least_squares, minimize

from asperity.instrument.thermal import HarmonicOscillator, spectral_density
from asperity.instrument.thermal_fit import fit_spectrum
from benchmarks.machine import compare, one_core
from benchmarks.table import Row, limit, note, ratio, show

__all__ = ["fit_thermal"]

_BINS, _AVERAGES, _GOAL = 6000, 10, 0.1  # s per spectrum
_START = np.array([1.1, 1.0, 1.1, 1.1, 1.1])  # of SciPy, in units of the truth
_CASES = {"water, Q 2": (24e3, 2.0, ()), "air, Q 150": (70e3, 150.0, ()),
          "air, Q 150, 3 lines": (70e3, 150.0, (700, 2600, 5000))}


def fit_thermal(spectra: int = 40, repeats: int = 5) -> list[Row]:
    """The rows of the table: cost, ratio to SciPy, and errors of ln(mean square), which is -ln(k)."""
    rows: list[Row] = []
    for name, (resonance, quality, lines) in _CASES.items():
        frequency, truth, drawn = _spectra(resonance, quality, lines, spectra)
        ways: dict[str, Callable[[np.ndarray], float]] = {
            "asperity": partial(_asperity, frequency),
            "scipy least squares": partial(_least_squares, frequency, truth),
            "scipy likelihood": partial(_likelihood, frequency, truth)}
        ways["asperity"](drawn[0])
        times = compare({n: (partial(way, drawn[0]), 1) for n, way in ways.items()}, repeats)
        rows.append(limit(f"{name}: one spectrum", times["asperity"].best, _GOAL, f"{_BINS} bins"))
        for other in ("scipy least squares", "scipy likelihood"):
            rows.append(ratio(f"{name}: against {other}", times["asperity"], other, times[other]))
        floor = 100 * np.sqrt(quality * frequency[0] / (np.pi * resonance * _AVERAGES))
        for n, way in ways.items():
            error = 100 * np.log([way(power) / truth[0] for power in drawn])
            text = f"bias {-error.mean():+.2f} %, sd {error.std():.2f} %"
            rows.append(note(f"{name}: error of k, {n}", text, f"floor {floor:.2f} %", bias=-error.mean(),
                             sd=error.std(), floor=floor))
    return rows


def _spectra(resonance: float, quality: float, lines: tuple[int, ...],
             count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequencies (Hz), the true parameters, and gamma distributed spectra of mean square 1."""
    frequency = 3 * resonance * np.arange(1, _BINS + 1) / _BINS
    plateau = 2 / (np.pi * resonance * quality)
    white, pink = max(0.01, 1e-3 * quality**2) * plateau, 0.02 * plateau * resonance
    truth = np.array([1.0, resonance, quality, white, pink])
    with jax.enable_x64(True):
        density = np.asarray(spectral_density(HarmonicOscillator(), frequency, truth))
    drawn = density * np.random.default_rng(0).gamma(_AVERAGES, 1 / _AVERAGES, (count, _BINS))
    drawn[:, list(lines)] *= 1e3
    return frequency, truth, drawn


def _asperity(frequency: np.ndarray, power: np.ndarray) -> float:
    return float(fit_spectrum(frequency, power).parameters[0])


def _density(frequency: np.ndarray, scaled: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The harmonic oscillator with noise; parameters in units of the truth."""
    mean_square, resonance, quality, white, pink = np.abs(scaled) * truth
    x = frequency / resonance
    mode = 2 * mean_square / (np.pi * resonance * quality) / ((1 - x**2) ** 2 + (x / quality) ** 2)
    return mode + white + pink / frequency


def _least_squares(frequency: np.ndarray, truth: np.ndarray, power: np.ndarray) -> float:
    scale = np.median(power)
    found = least_squares(lambda p: (_density(frequency, p, truth) - power) / scale, _START, method="lm")
    return float(abs(found.x[0]) * truth[0])


def _likelihood(frequency: np.ndarray, truth: np.ndarray, power: np.ndarray) -> float:
    def loss(p: np.ndarray) -> float:
        density = _density(frequency, p, truth)
        return float((power / density + np.log(density)).sum())

    found = minimize(loss, _START, method="L-BFGS-B")
    return float(abs(found.x[0]) * truth[0])


if __name__ == "__main__":
    one_core()
    show(fit_thermal(), "thermal spectra: CPU time per fit (middle, best in brackets)")

"""Where the minimizer starts: the resonances that a spectrum may show, found at all widths."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.optimize import nnls

__all__ = ["first_resonance", "starting_points"]

_CANDIDATES = 2  # starts per spectrum
_NARROW = 9  # bins of the running median that takes away electronic lines
_ENOUGH = 128  # bins below which no lower mode is looked for
_CLEARLY = 0.8  # part of the error that may remain
_LARGEST_ERROR = 2.0  # of ln(spectrum), beyond which a bin counts as an outlier


def starting_points(frequency: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Starting values of the fit, the likeliest first.

    A running median takes the lines away. Peaks are then looked for at widths that grow threefold; for each,
    and three quality factors, the amplitudes of mode, white and 1/f noise follow by least squares.

    Args:
        frequency: (k,) Hz, evenly spaced, above 0.
        power: (m, k) positive.

    Returns:
        (m, 2, 5) parameters as in `asperity.instrument.thermal.spectral_density`.
    """
    return np.stack([_starts(frequency, row) for row in power])


def first_resonance(frequency: np.ndarray, power: np.ndarray) -> float:
    """The resonance (Hz) of the lowest mode in a spectrum that may show several.

    The likeliest resonance is taken; then, as long as the part below a third of it shows another one with a
    larger mean square, without which that part is described clearly worse, that one.

    Args:
        frequency: (k,) Hz, evenly spaced, above 0.
        power: (k,) positive.
    """
    best = _starts(frequency, power)[0]
    while (below := frequency < best[1] / 3).sum() > _ENOUGH:
        lower = _starts(frequency[below], power[below])[0]
        smooth = median_filter(power[below], _NARROW, mode="nearest")
        noise = [np.ones(len(smooth)), 1 / frequency[below]]
        without = _least_squares(noise, smooth)[0]
        error = _least_squares([_mode(frequency[below], lower[1], lower[2]), *noise], smooth)[0]
        if not (lower[0] > best[0] and error < _CLEARLY * without):
            break
        best = lower
    return float(best[1])


def _starts(frequency: np.ndarray, power: np.ndarray) -> np.ndarray:
    smooth = median_filter(power, _NARROW, mode="nearest")
    trials = [_amplitudes(frequency, smooth, resonance, quality * factor)
              for resonance, quality in _peaks(frequency, smooth) for factor in (0.4, 1.0, 2.5)]
    trials.sort(key=lambda trial: trial[0])
    best = trials[0][1]
    other = next((p for _, p in trials if abs(p[1] / best[1] - 1) > 0.5 / min(p[2], best[2])), trials[-1][1])
    return np.stack([best, other])


def _peaks(frequency: np.ndarray, smooth: np.ndarray) -> list[tuple[float, float]]:
    """Resonance and quality factor of the most significant peak at every width, and two broad ones."""
    found, step, width = [], frequency[1] - frequency[0], 6
    while 5 * width < len(frequency):
        level = uniform_filter1d(smooth, width, mode="nearest")
        inner = level[2 * width:-2 * width]
        contrast = inner / np.maximum(level[:-4 * width], level[4 * width:])
        place = frequency[2 * width + int(contrast.argmax())]
        found.append((place, max(place / (1.5 * width * step), 0.5)))
        width *= 3
    return [*found, *((frequency[int(part * len(frequency))], 1.0) for part in (0.15, 0.4))]


def _mode(frequency: np.ndarray, resonance: float, quality: float) -> np.ndarray:
    """The spectrum of a harmonic oscillator of mean square 1."""
    ratio = frequency / resonance
    return 2 / (np.pi * resonance * quality) / ((1 - ratio**2) ** 2 + (ratio / quality) ** 2)


def _amplitudes(frequency: np.ndarray, smooth: np.ndarray, resonance: float,
                quality: float) -> tuple[float, np.ndarray]:
    """The error of the best amplitudes, and the parameters."""
    noise = [np.ones_like(frequency), 1 / frequency]
    error, (mean_square, white, pink) = _least_squares([_mode(frequency, resonance, quality), *noise], smooth)
    typical = np.median(smooth)
    return error, np.array([max(mean_square, 1e-6 * resonance * typical), resonance, quality,
                            max(white, 1e-4 * typical), pink])


def _least_squares(columns: list[np.ndarray], smooth: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean square of the clipped error of the logarithm, and the nonnegative amplitudes."""
    basis = np.column_stack(columns)
    scaled = basis / smooth[:, None]
    size = np.sqrt((scaled**2).sum(axis=0))
    triangle = np.asarray(np.linalg.qr(np.column_stack([scaled / size, np.ones(len(smooth))]), mode="r"))
    amplitudes = nnls(triangle[:-1, :-1], triangle[:-1, -1])[0] / size
    level = np.maximum(basis @ amplitudes, 1e-3 * smooth)
    error = np.minimum(np.abs(np.log(smooth / level)), _LARGEST_ERROR)
    return float((error**2).mean()), amplitudes

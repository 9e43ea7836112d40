"""Where the minimizer starts: the resonances that a spectrum may show, found at all widths."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.optimize import nnls

__all__ = ["starting_points"]

_CANDIDATES = 2  # starts per spectrum
_NARROW = 9  # bins of the running median that takes away electronic lines
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


def _amplitudes(frequency: np.ndarray, smooth: np.ndarray, resonance: float,
                quality: float) -> tuple[float, np.ndarray]:
    """How badly (mean of a clipped error of the logarithm) the best amplitudes fit, and the parameters."""
    ratio = frequency / resonance
    mode = 2 / (np.pi * resonance * quality) / ((1 - ratio**2) ** 2 + (ratio / quality) ** 2)
    basis = np.column_stack([mode, np.ones_like(frequency), 1 / frequency])
    scaled = basis / smooth[:, None]
    size = np.sqrt((scaled**2).sum(axis=0))
    triangle = np.asarray(np.linalg.qr(np.column_stack([scaled / size, np.ones(len(frequency))]), mode="r"))
    amplitudes = nnls(triangle[:3, :3], triangle[:3, 3])[0] / size
    level = np.maximum(basis @ amplitudes, 1e-3 * smooth)
    error = np.minimum(np.abs(np.log(smooth / level)), _LARGEST_ERROR)
    typical = np.median(smooth)
    mean_square, white, pink = np.maximum(amplitudes, typical * np.array([1e-6 * resonance, 1e-4, 0.0]))
    return float((error**2).mean()), np.array([mean_square, resonance, quality, white, pink])

r"""The noise of a set of curves, learnt from the part before contact.

Baselines of real instruments are not white: they drift, they carry the waviness of stray light, the
detector is filtered. What the error bar of a fit needs is the covariance of the noise over the whole
fit window, above all at low frequencies. The autocovariance is modelled as a nonnegative mixture

$$C(l) = \sum_k c_k\, A_k(l), \qquad A_k(0) = 1$$

of spectral bands (triangles in the logarithm of the frequency, up to Nyquist's) and two exponential
correlations for drift that is slower than the baseline is long. The strengths c are found by Whittle's
likelihood (iterated weighted nonnegative least squares) from the periodograms of the baselines after
removal of a straight line; the effect of that removal on the expected periodogram is exact.
All curves of a session share the shape; a curve's own overall power, and then its own strengths, are
shrunk towards the shared ones by as much as the curves resemble each other (empirical Bayes).

Source: Whittle, J. R. Stat. Soc. B 15, 125 (1953); Efron, Morris, J. Am. Stat. Assoc. 70, 311 (1975).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.fft import dct
from scipy.optimize import nnls

from asperity.messages import DataError

__all__ = ["MINIMUM_BASELINE", "BaselineNoise", "autocovariance", "bands", "correlation", "learn", "level", "strengths"]

#: fewer samples before contact than this say nothing about the noise's correlation
MINIMUM_BASELINE = 24
_LONGEST = 2048  # samples of a baseline that are used, the last ones before contact
_ITERATIONS = 20  # of Fisher scoring on Whittle's likelihood
_REMEMBERED = 128  # lengths of baselines whose tables are kept; 0.3 MB for the longest
_LOG_VARIANCE = np.pi**2 / 2  # of the logarithm of one ordinate, a squared Gaussian
_ROUGH = (0.25, 2.0)  # baselines, correlation lengths of drift with an exponential correlation
_SMOOTH = (0.125, 0.25, 0.5, 1.0)  # baselines, correlation lengths of drift with a Gaussian correlation


class BaselineNoise(NamedTuple):
    """What a session's baselines have in common."""

    length: int  # samples of the baselines it was learnt from
    shared: np.ndarray  # (band,) strengths c_k in N^2, of a curve of middling power
    power: tuple[float, float]  # mean logarithm of the curves' own power, and how far one is trusted (0 to 1)
    likeness: np.ndarray  # (band,) how many own degrees of freedom the shared value is worth
    expected: np.ndarray  # (frequency, band) expected periodogram of a detrended baseline, per strength
    spectrum: np.ndarray  # (frequency,) the shared expected periodogram, N^2


def learn(baselines: Sequence[np.ndarray]) -> BaselineNoise:
    """Learn the noise from forces (N) before contact, each evenly sampled and ordered towards contact.

    The length is that of the fifth part of the shortest baselines; shorter ones are left out.

    Raises:
        ValueError: no baseline has `MINIMUM_BASELINE` samples.
    """
    # a dead channel tells of no other
    baselines = [b for b in baselines if len(b) >= MINIMUM_BASELINE and np.ptp(b) > 0] or baselines
    lengths = np.array([len(b) for b in baselines])
    usable = lengths[lengths >= MINIMUM_BASELINE]
    if not len(usable):
        raise DataError(f"no baseline of at least {MINIMUM_BASELINE} samples")
    length = int(min(np.quantile(usable, 0.2), _LONGEST))
    expected = _expected_periodogram(length)
    periodograms = np.array([_periodogram(b, length) for b in baselines if len(b) >= length])
    logarithms = _log_power(periodograms)
    scatter = logarithms.var(ddof=1) if len(logarithms) > 1 else 0.0
    power = float(logarithms.mean()), float(np.clip(1 - _LOG_VARIANCE / (length - 2) / max(scatter, 1e-300), 0, 1))
    periodograms = periodograms / _relative_power(periodograms, power)
    shared = _whittle(periodograms.mean(axis=0), expected)
    spectrum = np.maximum(expected @ shared, 1e-300)
    own, weight = _own_powers(periodograms, shared, expected, spectrum)
    variance = own.var(axis=0, ddof=1) - 1 / weight if len(own) > 1 else np.zeros(len(shared))
    return BaselineNoise(length, shared, power, 1 / np.maximum(variance, 1e-3), expected, spectrum)


def strengths(noise: BaselineNoise, baselines: Sequence[np.ndarray]) -> np.ndarray:
    """The strengths (curve, band) in N^2 of each curve's own noise; the shared ones for short baselines."""
    result = np.tile(noise.shared, (len(baselines), 1))
    long = [i for i, b in enumerate(baselines) if len(b) >= noise.length]
    if long:
        periodograms = np.array([_periodogram(baselines[i], noise.length) for i in long])
        relative = _relative_power(periodograms, noise.power)
        own, weight = _own_powers(periodograms / relative, noise.shared, noise.expected, noise.spectrum)
        result[long] *= relative * (noise.likeness + own * weight) / (noise.likeness + weight)
    return result


def autocovariance(noise: BaselineNoise, lags: int) -> np.ndarray:
    """A_k(l), shape (band, lags): the autocovariance of each band for a strength of one."""
    return bands(noise.length, lags)


def _log_power(periodograms: np.ndarray) -> np.ndarray:
    """The mean logarithm of each periodogram, (curve,): a power that a slow drift hardly changes."""
    return np.log(np.maximum(periodograms, 1e-300)).mean(axis=1)


def _relative_power(periodograms: np.ndarray, power: tuple[float, float]) -> np.ndarray:
    """Each curve's power over that of a middling curve, as far as it can be told, (curve, 1)."""
    mean, trust = power
    return np.exp(trust * (_log_power(periodograms) - mean))[:, None]


def level(noise: BaselineNoise, strengths: np.ndarray) -> np.ndarray:
    """The standard deviation of each curve's noise about a straight line, (curve,) N.

    Slower changes than the baseline can show, which a fitted line absorbs, are not part of it.
    """
    return np.sqrt((strengths @ noise.expected.T).sum(axis=1) / noise.length)


def correlation(noise: BaselineNoise, strengths: np.ndarray) -> np.ndarray:
    """How many samples count as one independent one, (curve,): low-frequency power over mean power."""
    spectra = strengths @ noise.expected.T
    low = max(4, spectra.shape[1] // 20)
    return spectra[:, :low].mean(axis=1) / np.maximum(spectra.mean(axis=1), 1e-300)


def bands(length: int, lags: int) -> np.ndarray:
    """Autocorrelations of the bands that a baseline of ``length`` samples can tell apart, (band, lags)."""
    size = 8 * max(length, lags)
    frequency = np.log(np.maximum(np.fft.rfftfreq(size), 1e-12))
    knots = np.log(np.geomspace(1 / length, 0.5, int(np.clip(2 * np.log2(length / 4), 4, 12))))
    spectra = [np.interp(frequency, knots, unit) for unit in np.eye(len(knots))]
    curves = [np.fft.irfft(spectrum, size)[:lags] for spectrum in spectra]
    lag = np.arange(lags) / length
    curves += [np.exp(-lag / part) for part in _ROUGH]
    curves += [np.exp(-0.5 * (lag / part) ** 2) for part in _SMOOTH]
    return np.array([curve / curve[0] for curve in curves])


@lru_cache(_REMEMBERED)
def _line(length: int) -> np.ndarray:
    """An orthonormal basis of the straight lines, (length, 2)."""
    return np.linalg.qr(np.stack([np.ones(length), np.arange(length) - (length - 1) / 2], 1))[0]


def _periodogram(baseline: np.ndarray, length: int) -> np.ndarray:
    """Squared cosine coefficients of the last ``length`` samples after removal of a straight line.

    The cosine transform continues the baseline evenly at its ends, so that slow waves leak far less
    into high orders than in a Fourier transform, and a smooth drift can be told from a rough one.
    """
    line, samples = _line(length), baseline[-length:]
    return np.square(dct(samples - line @ (line.T @ samples), norm="ortho")[2:])


@lru_cache(_REMEMBERED)
def _expected_periodogram(length: int) -> np.ndarray:
    """The mean of `_periodogram` for each band at strength one, (order, band).

    The coefficient is v.x with the transform's row v, less its straight line; its variance is the
    autocovariance of the noise, summed with the autocorrelation of v.
    """
    line = _line(length)
    rows = dct(np.eye(length), norm="ortho", axis=0)[2:]
    rows = rows - (rows @ line) @ line.T
    spectra = np.abs(np.fft.rfft(rows, 2 * length, axis=1)) ** 2
    overlap = np.fft.irfft(spectra, axis=1)[:, :length]
    overlap[:, 1:] *= 2
    return np.maximum(overlap @ bands(length, length).T, 0.0)


def _whittle(periodogram: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Nonnegative strengths that maximize Whittle's likelihood of the mean periodogram.

    Fisher scoring: weighted nonnegative least squares, the weights from the last result.
    """
    size = periodogram.mean()
    if not size > 1e-290:  # a constant baseline
        return np.zeros(expected.shape[1])
    level = np.exp(np.convolve(np.log(periodogram / size + 1e-12), np.ones(5) / 5, mode="same"))
    strength = np.zeros(expected.shape[1])
    for _ in range(_ITERATIONS):
        strength, _ = nnls(expected / level[:, None], periodogram / size / level)
        level = expected @ strength
        level = np.maximum(level, 1e-6 * level.max())
    return strength * size


def _own_powers(periodograms: np.ndarray, shared: np.ndarray, expected: np.ndarray,
                spectrum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each curve's power in each band relative to the shared one, and how many ordinates it rests on."""
    part = expected * shared / spectrum[:, None]
    total = np.maximum(part.sum(axis=0), 1e-12)
    return (periodograms / spectrum) @ part / total, total**2 / np.maximum((part**2).sum(axis=0), 1e-12)

r"""What noise does to fits of force curves on a material that relaxes.

As in `asperity.learning.uncertainty`: noise n of the deflection moves force and tip alike, so that the residual changes
by $g\,n$ with the gain g; the fit leaves $(1 - P)\,g\,n$ of it, with the projection P on its columns. Slow contrasts of
the residual over the whole curve, both directions in one, and those of its baseline show the noise of a session; the
errors follow Student's distribution. A residual agrees with the noise if its mean square is that which the fit leaves
of noise as the baselines alone show it; fast noise, which meets the instantaneous response of the sample, has a larger
gain, which is found by drawing some.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from asperity.learning import noise as noise_model
from asperity.learning.agreement import Scatter, chance, scatter
from asperity.learning.hereditary_fit import HistoryFit
from asperity.learning.noise import CONTRASTS, Contrasts, SharedNoise, Spectra
from asperity.learning.uncertainty import ErrorBars, error_bars, of_windows, variance_of

__all__ = ["HistoryNoise", "noise_of_histories"]

_ACCURACY = 2e-4  # of the largest force, with which a force is computed from means over short times
_DRAWS = 8  # of noise, that the gain of fast noise is found with


class HistoryNoise(NamedTuple):
    """What the noise does to each curve's parameters, and whether it explains the residual."""

    bars: ErrorBars
    std: np.ndarray  # (curve,) N, of a sample about a line through the baseline
    chi_square: np.ndarray  # (curve,) mean square of the residual over the expected one
    chance: np.ndarray  # (curve,) probability that noise alone leaves as much


class _Left(NamedTuple):
    """The curves of one session, and what their fits leave of noise."""

    fit: HistoryFit
    counted: np.ndarray  # (curve, sample)
    residual: np.ndarray  # (curve, sample) N, 0 where nothing counts
    gain: np.ndarray  # (curve, sample) likewise
    basis: np.ndarray  # (curve, sample, internal) orthonormal, of the columns of the fit


def noise_of_histories(fit: HistoryFit, counted: np.ndarray, baselines: Sequence[np.ndarray], unit: np.ndarray,
                       sessions: np.ndarray, passed: Callable[[np.ndarray], np.ndarray]) -> HistoryNoise:
    """The noise of every curve, learnt by the session.

    Args:
        fit: the optimum of each curve.
        counted: (curve, sample) of the samples that were fitted.
        baselines: of each curve, the force (N) before contact in the order of time.
        unit: (curve,) N, of the force that ``fit.response`` follows.
        sessions: (curve,) names.
        passed: what noise of the deflection, (curve, draw, sample) N, does to the residuals, in the same shape.

    Curves of a session without baselines are taken to have white noise as large as their residual.
    """
    basis = np.linalg.qr(np.swapaxes(np.nan_to_num(fit.response), 1, 2))[0]
    residual, gain = (np.where(counted, part, 0.0) for part in (fit.residual, fit.gain))
    whole = _Left(fit, counted, residual, gain, basis)
    rows, parts = [], []
    for name in dict.fromkeys(sessions):
        here = np.flatnonzero(sessions == name)
        own = _Left(HistoryFit(*(np.asarray(part)[here] for part in fit)), *(part[here] for part in whole[1:]))
        rows.append(here)
        parts.append(_of_session(own, [baselines[int(i)] for i in here], unit[here]))
    back = np.argsort(np.concatenate(rows))
    *bars, std, mean, covariance, variance, freedom, level = (
        np.concatenate(column)[back] for column in zip(*parts))
    expected = _expected(whole, Spectra(mean, covariance), passed)
    ratio = (whole.residual**2).sum(axis=1) / np.maximum(expected, 1e-300)
    return HistoryNoise(ErrorBars(*bars), std, ratio, chance(ratio, Scatter(variance, freedom, level)))


def _of_session(left: _Left, baselines: list[np.ndarray], unit: np.ndarray) -> tuple:
    """Of one session the fields of `ErrorBars`, the noise, and of `Spectra` and `Scatter` before contact."""
    fit, length = left.fit, left.counted.shape[1]
    kept = [line if good else line[:0] for line, good in zip(baselines, fit.converged)]
    size = noise_model.baseline_length(kept)
    if size:
        largest = np.array([np.abs(line).max(initial=0.0) for line in baselines])
        before, every = (noise_model.resolved(noise_model.of_baselines(some, size, length), 0 * largest, largest)
                         for some in (kept, baselines))
        slow = _slow(left)
        window, shown = (_together(slow, some, size, length, good) for some, good in
                         ((before, fit.converged), (every, np.ones(len(every.power), bool))))
        judge, noise = noise_model.learn(before, length, size), noise_model.learn(window, length, size)
        alone, found = noise_model.spectra(judge, every), noise_model.spectra(noise, shown)
    else:
        judge, alone = _white(left)
        noise, found = judge, alone
    moved = fit.gradient @ (fit.response * left.gain[:, None]) / unit[:, None, None]
    bars = error_bars(moved, noise_model.mean_power(noise, found), length, length)
    return (*bars, noise_model.level(judge, alone), *alone, *scatter(judge, alone, left.counted.sum(axis=1)))


def _slow(left: _Left) -> Contrasts:
    """The slow contrasts of the residuals of whole curves over their gain."""
    counted, gain, basis = left.counted, left.gain, left.basis
    length, number = counted.shape[1], np.maximum(counted.sum(axis=1), 1)[:, None, None]
    place = (np.cumsum(counted, axis=1) - 0.5)[:, None] / number
    order = np.arange(1, CONTRASTS + 1)[:, None]
    cosine = np.cos(np.pi * order * place) * np.sqrt(2 / number) * (counted / np.maximum(gain, 1.0))[:, None]
    moved = (cosine - (cosine @ basis) @ np.swapaxes(basis, 1, 2)) * gain[:, None]
    return of_windows(moved, np.einsum("cos,cs->co", cosine, left.residual), length, length)


def _together(slow: Contrasts, before: Contrasts, size: int, length: int, good: np.ndarray) -> Contrasts:
    """The contrasts of whole curves and the faster ones of their baselines; whole ones of ``good`` curves alone."""
    own = slow._replace(number=np.where(good[:, None], slow.number, 0.0))
    return noise_model.together(own, noise_model.beyond_windows(before, size, length))


def _expected(left: _Left, found: Spectra, passed: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The expected sum of squares that the fit leaves of noise of these spectra and of computing, (curve,) N^2.

    That of slow noise, and by how much the same drawn noise leaves more as it is than with the slow gain.
    """
    length = left.counted.shape[1]
    lags = noise_model.autocovariance(length, length)
    slow = np.exp(found.mean) @ lags[:, 0] * (left.gain**2).sum(axis=1)
    slow -= variance_of(np.swapaxes(left.basis, 1, 2) * left.gain[:, None], found, length, length).sum(axis=1)
    around = np.concatenate([lags, np.zeros((len(lags), 1)), lags[:, :0:-1]], axis=1)
    density = np.maximum(np.exp(found.mean) @ np.fft.rfft(around, axis=1).real, 0.0)
    white = np.fft.rfft(np.random.default_rng(0).standard_normal((_DRAWS, 2 * length)), axis=1)
    drawn = np.fft.irfft(np.sqrt(density)[:, None] * white, 2 * length, axis=2)[:, :, :length] * left.counted[:, None]
    rest = [one - (one @ left.basis) @ np.swapaxes(left.basis, 1, 2)
            for one in (passed(drawn), drawn * left.gain[:, None])]
    more, usual = ((one**2).sum(axis=(1, 2)) for one in rest)
    largest = np.abs(left.fit.contact).max(axis=1)
    return slow * more / np.maximum(usual, 1e-300) + left.counted.sum(axis=1) * (_ACCURACY * largest) ** 2


def _white(left: _Left) -> tuple[SharedNoise, Spectra]:
    """White noise as large as the residuals."""
    power = (left.residual**2).sum(axis=1) / np.maximum(left.counted.sum(axis=1), 1)
    knots = len(noise_model.knots(left.counted.shape[1]))
    with np.errstate(divide="ignore"):
        mean = np.log(np.tile(power[:, None], knots))
    shared = SharedNoise(left.counted.shape[1], 0, mean.mean(axis=0), np.zeros((knots, knots)), np.eye(knots))
    return shared, Spectra(mean, np.zeros((len(mean), knots, knots)))

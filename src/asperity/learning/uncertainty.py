r"""The covariance of a fit, from the learnt noise and from the calibration.

The least-squares estimate is a linear function of small errors e of the samples,
$\Delta p = (J^T J)^{-1} J^T e$, whatever their covariance. Noise n of the deflection signal moves a
sample's force by n and its tip position by n/k, so that its residual changes by $(1 + F'/k)\, n$ with the
slope F' of the contact force. A wrong sensitivity acts in the same way, with the force itself in the
place of n; a wrong spring constant only scales the force; a wrong tip changes the model.
The noise covariance is a Toeplitz matrix; its quadratic form is taken over the means of blocks of neighboring
samples, frequency by frequency: an estimate's variance is a sum over the knots of the noise's spectrum. How J differs
within a block, which is much where few samples are in contact, is added with the noise that a block holds beside its
mean. The residual of the fit, divided by $1 + F'/k$, shows that spectrum too: slow contrasts of it over the whole
window, in contact and out of it, with the expectation that the fit's own projection leaves them (as in restricted
maximum likelihood).

Source: Patterson, Thompson, Biometrika 58, 545 (1971); JCGM 100:2008, annex G.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import jax
import numpy as np
from scipy.linalg import toeplitz
from scipy.special import digamma

from asperity.contact import AbstractContactModel
from asperity.learning.batches import FEW, Scaled, block_size, compiled_length, few_at_a_time, narrowed, widened
from asperity.learning.least_squares import Fit
from asperity.learning.noise import Contrasts, Spectra, autocovariance, degrees_of_freedom
from asperity.learning.response import BLOCKS, groups_of, responses
from asperity.learning.student import standard

__all__ = ["ErrorBars", "ParameterEstimates", "block_covariance", "error_bars", "estimate",
           "of_windows", "spread", "variance_of"]

_REMEMBERED = 1024  # pairs of lengths whose spectra are kept, 7 kB each
_FEW_REMEMBERED = 32  # of them, where blocks are single samples
_TOGETHER = 1 << 17  # values of functions that are transformed at once: 1 MB
_LEFT = 0.05  # of a contrast of white noise, that must be left by the fit for it to show anything


class ParameterEstimates(NamedTuple):
    """Physical parameters of each curve and their uncertainty; parameters are the model's fitted ones,
    then the contact point (m) and the baseline's offset at the contact point (N) and tilt (N/m)."""

    values: np.ndarray  # (batch, parameter) SI
    response: np.ndarray  # (batch, parameter, block) change per N of noise in all samples of a block
    within: np.ndarray  # (batch, parameter, parameter) products of the changes per N in samples less those of blocks
    left: np.ndarray  # (batch, contrast, block) N, change of each contrast per N of noise in all samples of a block
    seen: np.ndarray  # (batch, contrast) N, the contrasts themselves
    calibration: np.ndarray  # (batch, parameter, source) change per standard uncertainty of each source
    baseline: np.ndarray  # (batch, sample) N, the fitted baseline
    model_force: np.ndarray  # (batch, sample) N, the fitted force of contact
    slope: np.ndarray  # (batch, sample) N/m, the slope of the contact force against indentation


class ErrorBars(NamedTuple):
    """What the noise does to parameters: the error over ``std`` is Student's variable over its value at 84 %."""

    covariance: np.ndarray  # (batch, parameter, parameter) SI
    std: np.ndarray  # (batch, parameter) half the width of the interval that holds 68.27 %
    freedom: np.ndarray  # (batch, parameter) degrees of freedom


def estimate(model: AbstractContactModel, scaled: Scaled, fit: Fit, spring_constant: np.ndarray,
             relative_std: dict[str, float], *, tilt: bool = True, leveled: bool = False) -> ParameterEstimates:
    """Physical parameters, and what noise and calibration do to them.

    Args:
        model: the template of the fit.
        scaled, fit: the curves and their optimum.
        spring_constant: (batch,) N/m; infinite where the tip position does not depend on the deflection.
        relative_std: relative standard uncertainty of ``spring_constant``, ``sensitivity`` and any of the
            model's fixed fields; these are the calibration's sources, in this order.
        tilt: as in the fit.
        leveled: the tilt of an earlier fit was taken off the force, and with it off the tip position, before this
            one; noise moved that tilt too, and so what is left of the noise.
    """
    sources, samples = tuple(relative_std), scaled.x.shape[1]
    size, length, parts = block_size(*scaled.x.shape), compiled_length(*scaled.x.shape), []
    groups = groups_of(samples, length) if len(scaled.x) <= FEW else None
    length = samples if groups is None else length
    for first in range(0, len(scaled.x), size):
        rows = np.arange(first, first + size) % len(scaled.x)
        piece, best = Scaled(*(a[rows] for a in scaled)), Fit(*(a[rows] for a in fit))
        found = responses(model, widened(piece, length), best, spring_constant[rows], groups, sources=sources,
                          tilt=tilt, leveled=leveled)
        parts.append(narrowed(jax.tree.map(np.asarray, found), samples, length))
    joined = [np.concatenate(columns)[: len(scaled.x)] for columns in zip(*parts)]
    whole = ParameterEstimates(*joined)
    return whole._replace(calibration=whole.calibration * np.array([relative_std[s] for s in sources]))


def of_windows(left: np.ndarray, seen: np.ndarray, length: int, samples: int) -> Contrasts:
    """The contrasts of whole windows of ``samples``, from `ParameterEstimates`; the knots are those of ``length``."""
    kept = (left**2).sum(axis=2) / -(-samples // left.shape[2]) > _LEFT  # not where the fit broke, either
    kept &= np.isfinite(seen)
    expected = _squared(np.where(kept[..., None], left, 0.0)) @ _table(length, samples, left.shape[2]).T
    return Contrasts(np.where(kept, seen**2, 0.0), expected, kept.astype(float))


def error_bars(response: np.ndarray, spectra: Spectra, length: int, samples: int,
               within: np.ndarray | None = None) -> ErrorBars:
    """What noise of these ``spectra`` does to linear functions of it.

    Args:
        response: (batch, parameter, block) change per N of noise in all samples of a block.
        spectra: of the noise of each curve, at the knots of windows of ``length``.
        samples: of a curve, which are cut into the blocks of the response; as many as these are blocks of one.
        within: (batch, parameter, parameter) products of the changes by single samples less their blocks' means, if
            there are blocks.
    """
    size, moved = _moved(response)
    table, inside = _table(length, samples, response.shape[2]), _inside(length, samples, response.shape[2])
    rest = np.zeros((len(response), response.shape[1], response.shape[1])) if within is None else (
        within / size / np.swapaxes(size, 1, 2))
    pairs = np.einsum("baf,bf,bcf->bac", moved, np.exp(spectra.mean) @ table, moved.conj()).real
    pairs += rest * (np.exp(spectra.mean) @ inside)[:, None, None]
    total, std, freedom = _spread(size, _size_squared(moved), spectra, table, np.einsum("bpp->bp", rest)[..., None]
                                  * inside)
    unit = std / np.sqrt(np.maximum(total, 1e-300))  # the covariance has the standard deviations that are stated
    return ErrorBars(pairs * unit[:, :, None] * unit[:, None, :], std, freedom)


def spread(response: np.ndarray, spectra: Spectra, length: int, samples: int,
           within: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """``std`` and ``freedom`` of `error_bars`, (batch, parameter) each, in as little memory as a cache holds.

    ``within``: as there, of which only the diagonal, (batch, parameter).
    """
    table, inside = _table(length, samples, response.shape[2]), _inside(length, samples, response.shape[2])

    def of_few(response: np.ndarray, within: np.ndarray, *spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size, moved = _moved(response)
        rest = (within / size[..., 0] / size[..., 0])[..., None] * inside
        return _spread(size, _size_squared(moved), Spectra(*spectra), table, rest)[1:]

    none = np.zeros(response.shape[:2])
    return few_at_a_time(of_few, _TOGETHER, response, none if within is None else within, *spectra)


def _moved(response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest change of each function, (batch, parameter, 1), and the transform of the function over it."""
    size = np.maximum(np.abs(response).max(axis=2, keepdims=True), 1e-300)
    return size, np.fft.rfft(response / size, 2 * response.shape[2], axis=2)


def _spread(size: np.ndarray, squared: np.ndarray, spectra: Spectra, table: np.ndarray,
            rest: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The variance of functions by their ``squared`` transforms, their standard deviation and its freedom.

    ``rest``: (batch, parameter, knot) what the noise within blocks adds per unit density.
    """
    parts = (squared @ table.T + rest) * np.exp(spectra.mean)[:, None, :]
    total = parts.sum(axis=2)
    parts = parts / np.maximum(total, 1e-300)[..., None]
    freedom = degrees_of_freedom(np.maximum(np.einsum("bpk,bkl,bpl->bp", parts, spectra.covariance, parts), 1e-6))
    scale = np.sqrt(np.maximum(total, 0.0) * np.exp(digamma(freedom / 2) - np.log(freedom / 2)))
    return total, scale * size[..., 0] * standard(freedom), freedom


def variance_of(response: np.ndarray, spectra: Spectra, length: int, samples: int) -> np.ndarray:
    """The variance of linear functions of noise of these ``spectra``, (batch, parameter); as `error_bars`."""
    parts = _squared(response) @ _table(length, samples, response.shape[2]).T
    return (parts * np.exp(spectra.mean)[:, None, :]).sum(axis=2)


def _table(length: int, samples: int, blocks: int) -> np.ndarray:
    """`_block_spectra` for curves of ``samples`` in so many blocks."""
    return (_block_spectra if blocks == BLOCKS else _sample_spectra)(length, -(-samples // blocks), blocks)


def _inside(length: int, samples: int, blocks: int) -> np.ndarray:
    """The variance of the noise of a unit density at each knot beside its mean of a block, (knot,)."""
    return _within_block(length, -(-samples // blocks))


@lru_cache(_REMEMBERED)
def _within_block(length: int, width: int) -> np.ndarray:
    """The variance of a straight line through the noise of a block, over that of white noise of a unit density.

    A line is the slowest function without a mean, of which red noise holds most.
    """
    line = np.arange(width) - (width - 1) / 2
    if width == 1:
        return np.zeros(len(autocovariance(length, 1)))
    lags = autocovariance(length, width)
    return np.array([line @ toeplitz(row) @ line for row in lags]) / (line @ line)


def _squared(response: np.ndarray) -> np.ndarray:
    """The squared transform of functions of blocks, (..., frequency)."""
    return _size_squared(np.fft.rfft(response, 2 * response.shape[-1], axis=-1))


def _size_squared(values: np.ndarray) -> np.ndarray:
    """Of complex numbers; without the root in between, which takes longer than all else."""
    return np.real(values) ** 2 + np.imag(values) ** 2


@lru_cache(_REMEMBERED)
def _block_spectra(length: int, width: int, blocks: int = BLOCKS) -> np.ndarray:
    """What the squared transform of a function of ``blocks`` of ``width`` is weighted with, (knot, frequency).

    The sum is its variance for a unit density at a knot of windows of ``length``.
    """
    lags = block_covariance(length, width, blocks)
    around = np.concatenate([lags, np.zeros((len(lags), 1)), lags[:, :0:-1]], axis=1)
    twice = np.full(blocks + 1, 2.0)
    twice[[0, -1]] = 1.0
    return np.fft.rfft(around, axis=1).real * twice / (2 * blocks)


#: the same for single samples, of which there are more: 0.9 MB for the longest curves
_sample_spectra = lru_cache(_FEW_REMEMBERED)(_block_spectra.__wrapped__)


@lru_cache(_REMEMBERED)
def block_covariance(length: int, width: int, blocks: int) -> np.ndarray:
    """The covariance of the means of two blocks of ``width`` samples, by their distance, (knot, block).

    For a unit density at each knot of windows of ``length``.
    """
    return _block_average(autocovariance(length, width * blocks), width)


def _block_average(lags: np.ndarray, width: int) -> np.ndarray:
    """The mean covariance of two blocks of ``width`` samples, by the distance of the blocks: (band, block)."""
    if width == 1:
        return lags
    bands, size = lags.shape
    both = np.concatenate([lags[:, width - 1:0:-1], lags, np.zeros((bands, width))], axis=1)
    kernel = np.convolve(np.ones(width), np.ones(width)) / width**2
    return np.array([[row[first : first + len(kernel)] @ kernel for first in range(0, size, width)] for row in both])

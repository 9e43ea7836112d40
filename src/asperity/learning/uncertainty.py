r"""The covariance of a fit, from the learnt noise and from the calibration.

The least-squares estimate is a linear function of small errors e of the samples,
$\Delta p = (J^T J)^{-1} J^T e$, whatever their covariance. Noise n of the deflection signal moves a
sample's force by n and its tip position by n/k, so that its residual changes by $(1 + F'/k)\, n$ with the
slope F' of the contact force. A wrong sensitivity acts in the same way, with the force itself in the
place of n; a wrong spring constant only scales the force; a wrong tip changes the model.
The noise covariance is a Toeplitz matrix; its quadratic form is taken over blocks of neighboring
samples within which J hardly changes, frequency by frequency: an estimate's variance is a sum over the knots
of the noise's spectrum. The residual of the fit, divided by $1 + F'/k$, shows that spectrum too: slow
contrasts of it over the whole window, in contact and out of it, with the expectation that the fit's own
projection leaves them (as in restricted maximum likelihood).

Source: Patterson, Thompson, Biometrika 58, 545 (1971); JCGM 100:2008, annex G.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import digamma

from asperity.contact import AbstractContactModel
from asperity.learning.batches import Scaled, block_size, compiled, few_at_a_time, in_chunks
from asperity.learning.least_squares import Fit, basis_columns, held_shapes
from asperity.learning.noise import CONTRASTS, Contrasts, Spectra, autocovariance, degrees_of_freedom
from asperity.learning.student import standard

__all__ = ["ErrorBars", "ParameterEstimates", "block_covariance", "block_width", "error_bars", "estimate",
           "of_windows", "spread", "variance_of"]

_BLOCKS = 64  # blocks of samples in the quadratic form of the noise
_REMEMBERED = 1024  # pairs of lengths whose spectra are kept, 7 kB each
_FEW_REMEMBERED = 32  # of them, where blocks are single samples
_TOGETHER = 1 << 17  # values of functions that are transformed at once: 1 MB
_LEFT = 0.05  # of a contrast of white noise, that must be left by the fit for it to show anything


class ParameterEstimates(NamedTuple):
    """Physical parameters of each curve and their uncertainty; parameters are the model's fitted ones,
    then the contact point (m) and the baseline's offset at the contact point (N) and tilt (N/m)."""

    values: np.ndarray  # (batch, parameter) SI
    response: np.ndarray  # (batch, parameter, block) change per N of noise in all samples of a block
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
    sources = tuple(relative_std)
    size, parts = block_size(*scaled.x.shape), []
    for first in range(0, len(scaled.x), size):
        rows = np.arange(first, first + size) % len(scaled.x)
        piece, best = Scaled(*(a[rows] for a in scaled)), Fit(*(a[rows] for a in fit))
        parts.append(jax.tree.map(np.asarray, _estimate(model, piece, best, spring_constant[rows], sources=sources,
                                                        tilt=tilt, leveled=leveled)))
    joined = [np.concatenate(columns)[: len(scaled.x)] for columns in zip(*parts)]
    whole = ParameterEstimates(*joined)
    return whole._replace(calibration=whole.calibration * np.array([relative_std[s] for s in sources]))


def of_windows(left: np.ndarray, seen: np.ndarray, length: int, samples: int) -> Contrasts:
    """The contrasts of whole windows of ``samples``, from `ParameterEstimates`; the knots are those of ``length``."""
    kept = (left**2).sum(axis=2) / -(-samples // left.shape[2]) > _LEFT  # not where the fit broke, either
    kept &= np.isfinite(seen)
    expected = _squared(np.where(kept[..., None], left, 0.0)) @ _table(length, samples, left.shape[2]).T
    return Contrasts(np.where(kept, seen**2, 0.0), expected, kept.astype(float))


def error_bars(response: np.ndarray, spectra: Spectra, length: int, samples: int) -> ErrorBars:
    """What noise of these ``spectra`` does to linear functions of it.

    Args:
        response: (batch, parameter, block) change per N of noise in all samples of a block.
        spectra: of the noise of each curve, at the knots of windows of ``length``.
        samples: of a curve, which are cut into the blocks of the response; as many as these are blocks of one.
    """
    size, moved = _moved(response)
    table = _table(length, samples, response.shape[2])
    pairs = np.einsum("baf,bf,bcf->bac", moved, np.exp(spectra.mean) @ table, moved.conj()).real
    total, std, freedom = _spread(size, np.abs(moved) ** 2, spectra, table)
    unit = std / np.sqrt(np.maximum(total, 1e-300))  # the covariance has the standard deviations that are stated
    return ErrorBars(pairs * unit[:, :, None] * unit[:, None, :], std, freedom)


def spread(response: np.ndarray, spectra: Spectra, length: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """``std`` and ``freedom`` of `error_bars`, (batch, parameter) each, in as little memory as a cache holds."""
    table = _table(length, samples, response.shape[2])

    def of_few(response: np.ndarray, *spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size, moved = _moved(response)
        return _spread(size, np.abs(moved) ** 2, Spectra(*spectra), table)[1:]

    return few_at_a_time(of_few, _TOGETHER, response, *spectra)


def _moved(response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest change of each function, (batch, parameter, 1), and the transform of the function over it."""
    size = np.maximum(np.abs(response).max(axis=2, keepdims=True), 1e-300)
    return size, np.fft.rfft(response / size, 2 * response.shape[2], axis=2)


def _spread(size: np.ndarray, squared: np.ndarray, spectra: Spectra,
            table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The variance of functions by their ``squared`` transforms, their standard deviation and its freedom."""
    parts = (squared @ table.T) * np.exp(spectra.mean)[:, None, :]
    total = parts.sum(axis=2)
    parts = parts / np.maximum(total, 1e-300)[..., None]
    freedom = degrees_of_freedom(np.maximum(np.einsum("bpk,bkl,bpl->bp", parts, spectra.covariance, parts), 1e-6))
    scale = np.sqrt(np.maximum(total, 0.0) * np.exp(digamma(freedom / 2) - np.log(freedom / 2)))
    return total, scale * size[..., 0] * standard(freedom), freedom


def variance_of(response: np.ndarray, spectra: Spectra, length: int, samples: int) -> np.ndarray:
    """The variance of linear functions of noise of these ``spectra``, (batch, parameter); as `error_bars`."""
    parts = _squared(response) @ _table(length, samples, response.shape[2]).T
    return (parts * np.exp(spectra.mean)[:, None, :]).sum(axis=2)


def block_width(samples: int) -> int:
    """Samples of a block of a curve of so many."""
    return -(-samples // _BLOCKS)


def _table(length: int, samples: int, blocks: int) -> np.ndarray:
    """`_block_spectra` for curves of ``samples`` in so many blocks."""
    return (_block_spectra if blocks == _BLOCKS else _sample_spectra)(length, -(-samples // blocks), blocks)


def _squared(response: np.ndarray) -> np.ndarray:
    """The squared transform of functions of blocks, (..., frequency)."""
    return np.abs(np.fft.rfft(response, 2 * response.shape[-1], axis=-1)) ** 2


@lru_cache(_REMEMBERED)
def _block_spectra(length: int, width: int, blocks: int = _BLOCKS) -> np.ndarray:
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


@partial(compiled, static_argnames=("sources", "tilt", "leveled"))
def _estimate(model, scaled: Scaled, fit: Fit, spring_constant, *, sources, tilt, leveled):
    """`estimate` for one block of curves."""
    return in_chunks(lambda part: _estimate_few(model, part, sources, tilt, leveled), (scaled, fit, spring_constant))


def _estimate_few(model, part: tuple[Scaled, Fit, jax.Array], sources, tilt, leveled):
    """`estimate` for curves that fit into the cache of a processor together."""
    scaled, fit, spring_constant = part
    n_fixed = 2 if tilt else 1
    one = scaled.counted.astype(scaled.x.dtype)
    c = fit.linear[:, n_fixed:]
    columns = basis_columns(model, scaled, fit.nonlinear)
    m = model.amplitudes

    def combine(k):
        return sum(c[:, j, None] * columns[m * k + j] for j in range(m))

    contact = combine(0)
    slopes = [combine(1 + k) for k in range(fit.nonlinear.shape[1])]
    jacobian = jnp.stack([one, *([scaled.x] if tilt else []), *columns[:m], *slopes], 1)
    line = fit.linear[:, 0, None] + (fit.linear[:, 1, None] * scaled.x if tilt else 0.0)
    force = (scaled.y - line) * one
    lever = spring_constant[:, None] * scaled.span[:, None] / scaled.force_scale[:, None]
    gain = 1.0 - slopes[0] / lever  # slopes[0] is along the contact point: against the indentation
    height = _height(scaled, force / lever, one) if leveled and tilt else jnp.zeros_like(one)
    changes = [_source_change(model, name, scaled, fit, force, gain, n_fixed) for name in sources]
    inverse = _inverse(_products(jacobian, jacobian))
    *response, passed = jnp.moveaxis(inverse @ _products(jacobian, jnp.stack([*changes, gain * height], 1)), 2, 0)
    weight = one / jnp.maximum(gain, 1.0)
    passing = jnp.stack([one, gain, force - contact, gain * height], 1) * jnp.stack([one, weight, weight, weight], 1)
    size = jacobian.shape[1]
    blocks = _in_blocks(jnp.concatenate([jacobian * gain[:, None], jacobian * weight[:, None], passing], 1))
    moved, cosine = inverse @ blocks[:, :size], _cosines(blocks[:, 2 * size])
    absorbed = _products(cosine, blocks[:, size : 2 * size])
    shown = _products(cosine, blocks[:, 2 * size + 1 :])
    values, gradient, explicit = _physical(model, scaled, fit, sources, n_fixed)
    left = cosine * blocks[:, None, 2 * size + 1] - absorbed @ moved
    unit = scaled.force_scale[:, None, None]
    found = gradient @ moved / unit
    if leveled and tilt:  # what the noise did to the tilt that was taken off, that does to the rest
        turned = moved[:, 1:2]
        again = shown[..., 2:] - absorbed @ passed[..., None]
        back = _put_back(scaled, fit, height, spring_constant, len(values[0]))
        found += (gradient @ passed[..., None] / unit + back) @ turned
        left += again @ turned
    seen = shown[..., 1]
    calibration = explicit + (gradient @ jnp.stack(response, 2) if sources else 0.0)
    force_scale = scaled.force_scale[:, None]
    return (values, found, left, seen * force_scale, calibration,
            line * force_scale + scaled.force_zero[:, None],
            contact * force_scale, -slopes[0] * (scaled.force_scale / scaled.span)[:, None])


def _products(first, second):
    """The sums over the last axis of the products of rows of ``first`` and ``second``: (batch, row, row)."""
    return jnp.einsum("bis,bjs->bij", first, second)


def _inverse(normal):
    """The inverse of (batch, p, p) positive definite matrices, by a loop that is compiled in a moment.

    As `solve_small`: scaled to a unit diagonal; a pivot below 1e-14 marks a column that depends on the others.
    """
    size = normal.shape[1]
    diagonal = jnp.diagonal(normal, axis1=1, axis2=2)
    norm = jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1.0))
    unit = norm[:, :, None] * norm[:, None, :]
    rows = jnp.concatenate([normal / unit, jnp.broadcast_to(jnp.eye(size, dtype=normal.dtype), normal.shape)], 2)

    def eliminate(i, rows):
        row, factor = rows[:, i], rows[:, :, i]
        pivot = row[:, i]
        independent = pivot > 1e-14
        row = row * jnp.where(independent, 1 / jnp.where(independent, pivot, 1.0), 0.0)[:, None]
        return jnp.where((jnp.arange(size) == i)[:, None], row[:, None], rows - factor[:, :, None] * row[:, None])

    return jax.lax.fori_loop(0, size, eliminate, rows)[:, :, size:] / unit


def _in_blocks(columns):
    """The sum over the samples of each block of the (batch, column, sample) ``columns``: (batch, column, block)."""
    batch, number, samples = columns.shape
    padded = jnp.pad(columns, ((0, 0), (0, 0), (0, block_width(samples) * _BLOCKS - samples)))
    return padded.reshape(batch, number, _BLOCKS, -1).sum(axis=3)


def _cosines(number):
    """Slow cosines, constant within blocks of ``number`` (batch, block) samples: (batch, contrast, block).

    The residual of a noise n is (1 - J (J^T J)^-1 J^T) g n with the gain g = 1 + F'/k: the contrasts are of the
    residual over the gain.
    """
    total = jnp.maximum(number.sum(axis=1), 1.0)[:, None]
    before = jnp.triu(jnp.ones((_BLOCKS, _BLOCKS), number.dtype)) - jnp.eye(_BLOCKS, dtype=number.dtype) / 2
    place = number @ before / total
    order = jnp.arange(1, CONTRASTS + 1)
    return jnp.cos(jnp.pi * order[:, None] * place[:, None, :]) * jnp.sqrt(2 / total)[:, None]


def _height(scaled: Scaled, bend, one):
    """The height over the span of the tip positions, about its mean; ``bend`` is F / (k span)."""
    height = -(scaled.x + bend) * one
    return (height - (height.sum(axis=1) / jnp.maximum(one.sum(axis=1), 1.0))[:, None]) * one


def _put_back(scaled: Scaled, fit: Fit, height, spring_constant, size):
    """What a removed line along the ``height`` is added back to, by its slope over -span: (batch, parameter, 1)."""
    nearest = jnp.argmin(jnp.where(scaled.counted, jnp.abs(scaled.x - fit.nonlinear[:, :1]), jnp.inf), axis=1)
    force = -jnp.take_along_axis(height, nearest[:, None], axis=1)
    rest = [force / spring_constant[:, None], force, -1 / scaled.span[:, None]]
    none = [jnp.zeros_like(force)] * (size - len(rest))
    return jnp.stack([*none, *rest], 1)


def _source_change(model, name, scaled: Scaled, fit: Fit, force, gain, n_fixed):
    """How the residual changes if the source ``name`` grows by its own size, (batch, sample)."""
    if name == "spring_constant":
        return force
    if name == "sensitivity":
        return force * gain
    theta = fit.nonlinear[:, 1:]

    def contact(x, attached, span, x0, c, theta, log_change):
        changed = dataclasses.replace(model, **{name: getattr(model, name) * jnp.exp(log_change)})
        return sum(a * g for a, g in zip(c, held_shapes(changed, span * (x - x0), attached, tuple(theta))))

    def slope(x, attached, span, x0, c, theta):
        return jax.jvp(lambda change: contact(x, attached, span, x0, c, theta, change), (0.0,), (1.0,))[1]

    over = jax.vmap(jax.vmap(slope, (0, 0, None, None, None, None)), (0, 0, 0, 0, 0, 0))
    change = over(scaled.x, scaled.attached, scaled.span, fit.nonlinear[:, 0], fit.linear[:, n_fixed:], theta)
    return -jnp.where(scaled.counted & (scaled.attached >= 0), change, 0.0)


def _physical(model, scaled: Scaled, fit: Fit, sources, n_fixed):
    """SI values, their gradient over the scaled parameters, and their own dependence on the sources."""

    def convert(p, log_changes, top, span, zero, size):
        c, (x0, *theta) = p[n_fixed:n_fixed + model.amplitudes], p[n_fixed + model.amplitudes:]
        own = {n: getattr(model, n) * jnp.exp(log_changes[i]) for i, n in enumerate(sources) if n in model.fixed}
        fitted = dataclasses.replace(model, **own).with_amplitudes(tuple(c * size), tuple(theta))
        tilt = p[1] if n_fixed == 2 else 0.0
        rest = [top - span * x0, (p[0] + tilt * x0) * size + zero, -tilt * size / span]
        return jnp.stack([*(jnp.asarray(getattr(fitted, n)) for n in model.fitted), *map(jnp.asarray, rest)])

    packed = jnp.concatenate([fit.linear, fit.nonlinear], 1)
    none = jnp.zeros(len(sources))
    arguments = (packed, none, scaled.top, scaled.span, scaled.force_zero, scaled.force_scale)
    over = (0, None, 0, 0, 0, 0)
    return (jax.vmap(convert, over)(*arguments), jax.vmap(jax.jacfwd(convert, 0), over)(*arguments),
            jax.vmap(jax.jacfwd(convert, 1), over)(*arguments))

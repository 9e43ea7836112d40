r"""The covariance of a fit, from the learnt noise and from the calibration.

The least-squares estimate is a linear function of small errors e of the samples,
$\Delta p = (J^T J)^{-1} J^T e$, whatever their covariance. Noise n of the deflection signal moves a
sample's force by n and its tip position by n/k, so that its residual changes by $(1 + F'/k)\, n$ with the
slope F' of the contact force. A wrong sensitivity acts in the same way, with the force itself in the
place of n; a wrong spring constant only scales the force; a wrong tip changes the model.
The noise covariance is a Toeplitz matrix; its quadratic form is taken over blocks of neighboring
samples within which J hardly changes.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact import AbstractContactModel
from asperity.learning.batches import Scaled, block_size, compiled, solve_small
from asperity.learning.least_squares import Fit, basis_columns, held_shapes
from asperity.learning.noise import BaselineNoise, bands

__all__ = ["BESIDE", "ParameterEstimates", "block_covariance", "block_width", "estimate"]

#: samples on either side of the fit's minimum that its force is averaged over
BESIDE = 4
_BLOCKS = 64  # blocks of samples in the quadratic form of the noise
_REMEMBERED = 1024  # pairs of lengths whose covariances are kept, 9 kB each


class ParameterEstimates(NamedTuple):
    """Physical parameters of each curve and their uncertainty; parameters are the model's fitted ones,
    then the contact point (m) and the baseline's offset at the contact point (N) and tilt (N/m)."""

    values: np.ndarray  # (batch, parameter) SI
    covariance: np.ndarray  # (batch, parameter, parameter) from the noise
    calibration: np.ndarray  # (batch, parameter, source) change per standard uncertainty of each source
    baseline: np.ndarray  # (batch, sample) N, the fitted baseline
    model_force: np.ndarray  # (batch, sample) N, the fitted force of contact
    slope: np.ndarray  # (batch, sample) N/m, the slope of the contact force against indentation
    lowest: np.ndarray  # (batch,) N^2, variance of the mean force about the fit's minimum, against the baseline there


def estimate(model: AbstractContactModel, scaled: Scaled, fit: Fit, spring_constant: np.ndarray,
             covariance: np.ndarray, relative_std: dict[str, float], *, tilt: bool = True) -> ParameterEstimates:
    """Physical parameters with covariances.

    Args:
        model: the template of the fit.
        scaled, fit: the curves and their optimum.
        spring_constant: (batch,) N/m; infinite where the tip position does not depend on the deflection.
        covariance: (batch, block) N^2, of the noise, from `block_covariance`.
        relative_std: relative standard uncertainty of ``spring_constant``, ``sensitivity`` and any of the
            model's fixed fields; these are the calibration's sources, in this order.
        tilt: as in the fit.
    """
    sources = tuple(relative_std)
    size, parts = block_size(*scaled.x.shape), []
    for first in range(0, len(scaled.x), size):
        rows = np.arange(first, first + size) % len(scaled.x)
        piece, best = Scaled(*(a[rows] for a in scaled)), Fit(*(a[rows] for a in fit))
        lag_sums = covariance[rows] / np.asarray(piece.force_scale)[:, None] ** 2
        parts.append(jax.tree.map(np.asarray, _estimate(model, piece, best, spring_constant[rows], lag_sums,
                                                        sources=sources, tilt=tilt)))
    joined = [np.concatenate(columns)[: len(scaled.x)] for columns in zip(*parts)]
    whole = ParameterEstimates(*joined)
    return whole._replace(calibration=whole.calibration * np.array([relative_std[s] for s in sources]))


def block_covariance(noise: BaselineNoise, strengths: np.ndarray, samples: int) -> np.ndarray:
    """The mean covariance of two blocks of samples of each curve, by their distance: (batch, block) N^2.

    Args:
        noise, strengths: the noise's bands, and how strong each is in each curve (N^2).
        samples: of a curve, which are cut into 64 blocks.
    """
    lags, count = _block_lags(noise.length, block_width(samples)), len(strengths)
    size = block_size(count, samples)
    parts = [strengths[np.arange(first, first + size) % count] @ lags for first in range(0, count, size)]
    return np.concatenate(parts)[:count]


def block_width(samples: int) -> int:
    """Samples of a block of a curve of so many."""
    return -(-samples // _BLOCKS)


@lru_cache(_REMEMBERED)
def _block_lags(length: int, width: int) -> np.ndarray:
    """What each band of a noise learnt from ``length`` samples gives for blocks of ``width``, (band, block)."""
    return _block_average(bands(length, width * _BLOCKS), width)


def _block_average(lags: np.ndarray, width: int) -> np.ndarray:
    """The mean covariance of two blocks of ``width`` samples, by the distance of the blocks: (band, block)."""
    bands, size = lags.shape
    both = np.concatenate([lags[:, width - 1:0:-1], lags, np.zeros((bands, width))], axis=1)
    kernel = np.convolve(np.ones(width), np.ones(width)) / width**2
    return np.array([[row[first : first + len(kernel)] @ kernel for first in range(0, size, width)] for row in both])


@partial(compiled, static_argnames=("sources", "tilt"))
def _estimate(model, scaled: Scaled, fit: Fit, spring_constant, lag_sums, *, sources, tilt):
    """`estimate` for one block of curves."""
    n_fixed = 2 if tilt else 1
    one = scaled.counted.astype(scaled.x.dtype)
    c = fit.linear[:, n_fixed:]
    columns = basis_columns(model, scaled, fit.nonlinear)
    m = model.amplitudes

    def combine(k):
        return sum(c[:, j, None] * columns[m * k + j] for j in range(m))

    contact = combine(0)
    slopes = [combine(1 + k) for k in range(fit.nonlinear.shape[1])]
    jacobian = [one, *([scaled.x] if tilt else []), *columns[:m], *slopes]
    line = fit.linear[:, 0, None] + (fit.linear[:, 1, None] * scaled.x if tilt else 0.0)
    force = (scaled.y - line) * one
    lever = spring_constant[:, None] * scaled.span[:, None] / scaled.force_scale[:, None]
    gain = 1.0 - slopes[0] / lever  # slopes[0] is along the contact point: against the indentation
    changes = [_source_change(model, name, scaled, fit, force, gain, n_fixed) for name in sources]
    inverse = _inverse_normal(jacobian)
    response = inverse @ _projections(jacobian, changes)
    spread = inverse @ _noise_form([column * gain for column in jacobian], lag_sums) @ inverse
    values, gradient, explicit = _physical(model, scaled, fit, sources, n_fixed)
    covariance = gradient @ spread @ jnp.swapaxes(gradient, 1, 2)
    calibration = jnp.einsum("bij,bjs->bis", gradient, response) + explicit
    force_scale = scaled.force_scale[:, None]
    above = _above_line(scaled, contact * one, jacobian, inverse, tilt)
    lowest = _noise_form([above * gain], lag_sums)[:, 0, 0] * scaled.force_scale**2
    return (values, covariance, calibration, line * force_scale + scaled.force_zero[:, None],
            contact * force_scale, -slopes[0] * (scaled.force_scale / scaled.span)[:, None], lowest)


def _above_line(scaled: Scaled, contact, jacobian, inverse, tilt):
    """The weight of every sample in the mean force about the fit's minimum above the fitted line, (batch, sample)."""
    distance = jnp.abs(jnp.arange(contact.shape[1]) - jnp.argmin(contact, axis=1)[:, None])
    beside = ((distance <= BESIDE) & scaled.counted).astype(contact.dtype)
    beside = beside / jnp.maximum(beside.sum(axis=1, keepdims=True), 1.0)
    place = (beside * scaled.x).sum(axis=1)
    line = inverse[:, :, 0] + (place[:, None] * inverse[:, :, 1] if tilt else 0.0)  # of the parameters, by J^T e
    return beside - sum(line[:, j, None] * column for j, column in enumerate(jacobian))


def _inverse_normal(jacobian):
    """(J^T J)^-1, (batch, p, p)."""
    size = len(jacobian)
    normal = [[(a * b).sum(axis=1) for b in jacobian] for a in jacobian]
    units = [[jnp.full(normal[0][0].shape, float(i == k)) for i in range(size)] for k in range(size)]
    return jnp.stack([jnp.stack(column, 1) for column in solve_small(normal, units)], 2)


def _projections(jacobian, changes):
    """J^T v for each residual change v: (batch, p, source)."""
    if not changes:
        return jnp.zeros((jacobian[0].shape[0], len(jacobian), 0))
    return jnp.stack([jnp.stack([(a * v).sum(axis=1) for a in jacobian], 1) for v in changes], 2)


def _noise_form(jacobian, lag_sums):
    """J^T C J over blocks of samples, (batch, p, p)."""
    batch, samples = jacobian[0].shape
    width = block_width(samples)
    padded = [jnp.pad(column, ((0, 0), (0, width * _BLOCKS - samples))) for column in jacobian]
    sums = jnp.stack([column.reshape(batch, _BLOCKS, width).sum(axis=2) for column in padded], 2)
    distance = np.abs(np.arange(_BLOCKS)[:, None] - np.arange(_BLOCKS))
    return jnp.einsum("bip,bij,bjq->bpq", sums, lag_sums[:, distance], sums)


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

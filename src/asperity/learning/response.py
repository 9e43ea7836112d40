"""What a fit does with a small change of its samples: in two compiled steps, of which one knows no samples.

The first sums over the samples and is compiled for each number of them; the second, the larger one, works on the sums
and is compiled once. See `asperity.learning.uncertainty` for the formulas.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact import AbstractContactModel
from asperity.learning.batches import Scaled, compiled, in_chunks
from asperity.learning.least_squares import Fit, basis_columns, held_shapes
from asperity.learning.noise import CONTRASTS

__all__ = ["BLOCKS", "block_width", "groups_of", "responses"]

BLOCKS = 64  # blocks of samples in the quadratic form of the noise
_FINE = 512  # smaller blocks, of which those of a shorter curve are made


class _Sums(NamedTuple):
    """What the samples of a curve add up to; and three columns of them, (batch, sample) SI, for those who draw."""

    normal: Any  # (batch, column, column) products of the columns of the Jacobian,
    changed: Any  # (batch, column, change) and with the changes that sources make, and the tilt last
    blocks: Any  # (batch, row, block) of the columns times the gain, of those over it, and of four more
    within: Any  # (batch, column, column) products of the columns times the gain, less their means of each block
    nearest: Any  # (batch,) the height over the span at the contact point
    baseline: Any  # N
    contact: Any  # N
    slope: Any  # N/m


def block_width(samples: int) -> int:
    """Samples of a block of a curve of so many."""
    return -(-samples // BLOCKS)


def groups_of(samples: int, length: int) -> np.ndarray | None:
    """Which block of a curve of so many ``samples`` a fine block belongs to where it is padded before to ``length``.

    (fine block, block) of 0 and 1. None where its blocks are not made of whole fine ones.
    """
    fine, width = max(length // _FINE, 1), block_width(samples)
    if width % fine or samples % fine:
        return None
    begins = np.arange(0, length, fine) - (length - samples)
    return (begins[:, None] // width == np.arange(BLOCKS)).astype(float)


def responses(model: AbstractContactModel, scaled: Scaled, fit: Fit, spring_constant: np.ndarray,
              groups: np.ndarray | None, *, sources: tuple[str, ...], tilt: bool, leveled: bool) -> tuple[Any, ...]:
    """The fields of `asperity.learning.uncertainty.ParameterEstimates` for one block of curves, in their order.

    ``groups``: from `groups_of`. The calibration is per relative change of the ``sources``.
    """
    sums = _sums(model, scaled, fit, spring_constant, groups, sources=sources, tilt=tilt, leveled=leveled)
    units = scaled._replace(x=None, y=None, counted=None, attached=None, least=None)
    few = sums._replace(baseline=None, contact=None, slope=None)
    found = _respond(model, few, units, fit, spring_constant, sources=sources, tilt=tilt, leveled=leveled)
    return (*found, sums.baseline, sums.contact, sums.slope)


@partial(compiled, static_argnames=("sources", "tilt", "leveled"))
def _sums(model, scaled: Scaled, fit: Fit, spring_constant, groups, *, sources, tilt, leveled) -> _Sums:
    """The sums over the samples of one block of curves."""
    return in_chunks(lambda part: _sums_of_few(model, part, groups, sources, tilt, leveled),
                     (scaled, fit, spring_constant))


def _sums_of_few(model, part: tuple[Scaled, Fit, jax.Array], groups, sources, tilt, leveled) -> _Sums:
    """`_sums` for curves that fit into the cache of a processor together."""
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
    weight = one / jnp.maximum(gain, 1.0)
    passing = jnp.stack([one, gain, force - contact, gain * height], 1) * jnp.stack([one, weight, weight, weight], 1)
    moving = jacobian * gain[:, None]
    blocks = _in_blocks(jnp.concatenate([moving, jacobian * weight[:, None], passing], 1), groups)
    own, width = blocks[:, : moving.shape[1]], _width(scaled.x.shape[1], groups)
    force_scale = scaled.force_scale[:, None]
    return _Sums(_products(jacobian, jacobian), _products(jacobian, jnp.stack([*changes, gain * height], 1)),
                 blocks, _products(moving, moving) - _products(own, own) / width, _nearest(scaled, fit, height),
                 line * force_scale + scaled.force_zero[:, None], contact * force_scale,
                 -slopes[0] * (scaled.force_scale / scaled.span)[:, None])


@partial(compiled, static_argnames=("sources", "tilt", "leveled"))
def _respond(model, sums: _Sums, scaled: Scaled, fit: Fit, spring_constant, *, sources, tilt, leveled):
    """Values, response, left, seen and calibration by the sums; of ``scaled``, only its units are there."""
    n_fixed, size, blocks = 2 if tilt else 1, sums.normal.shape[1], sums.blocks
    inverse = _inverse(sums.normal)
    *response, passed = jnp.moveaxis(inverse @ sums.changed, 2, 0)
    moved, cosine = inverse @ blocks[:, :size], _cosines(blocks[:, 2 * size])
    absorbed = _products(cosine, blocks[:, size : 2 * size])
    shown = _products(cosine, blocks[:, 2 * size + 1 :])
    values, gradient, explicit = _physical(model, scaled, fit, sources, n_fixed)
    left = cosine * blocks[:, None, 2 * size + 1] - absorbed @ moved
    unit = scaled.force_scale[:, None, None]
    to_values = gradient / unit
    if leveled and tilt:  # what the noise did to the tilt that was taken off, that does to the rest
        again = shown[..., 2:] - absorbed @ passed[..., None]
        back = _put_back(scaled, sums.nearest, spring_constant, len(values[0]))
        to_values = to_values.at[:, :, 1:2].add(gradient @ passed[..., None] / unit + back)
        left += again @ moved[:, 1:2]
    through = to_values @ inverse
    within = through @ sums.within @ jnp.swapaxes(through, 1, 2)
    calibration = explicit + (gradient @ jnp.stack(response, 2) if sources else 0.0)
    return values, to_values @ moved, within, left, shown[..., 1] * scaled.force_scale[:, None], calibration


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


def _in_blocks(columns, groups):
    """The sum over the samples of each block of the (batch, column, sample) ``columns``: (batch, column, block)."""
    batch, number, samples = columns.shape
    if groups is not None:
        return columns.reshape(batch, number, len(groups), -1).sum(axis=3) @ groups
    padded = jnp.pad(columns, ((0, 0), (0, 0), (0, block_width(samples) * BLOCKS - samples)))
    return padded.reshape(batch, number, BLOCKS, -1).sum(axis=3)


def _width(samples, groups):
    """The samples of a block."""
    return block_width(samples) if groups is None else groups.sum(axis=0).max() * (samples // len(groups))


def _cosines(number):
    """Slow cosines, constant within blocks of ``number`` (batch, block) samples: (batch, contrast, block).

    The residual of a noise n is (1 - J (J^T J)^-1 J^T) g n with the gain g = 1 + F'/k: the contrasts are of the
    residual over the gain.
    """
    total = jnp.maximum(number.sum(axis=1), 1.0)[:, None]
    before = jnp.triu(jnp.ones((BLOCKS, BLOCKS), number.dtype)) - jnp.eye(BLOCKS, dtype=number.dtype) / 2
    place = number @ before / total
    order = jnp.arange(1, CONTRASTS + 1)
    return jnp.cos(jnp.pi * order[:, None] * place[:, None, :]) * jnp.sqrt(2 / total)[:, None]


def _height(scaled: Scaled, bend, one):
    """The height over the span of the tip positions, about its mean; ``bend`` is F / (k span)."""
    height = -(scaled.x + bend) * one
    return (height - (height.sum(axis=1) / jnp.maximum(one.sum(axis=1), 1.0))[:, None]) * one


def _nearest(scaled: Scaled, fit: Fit, height):
    """The entry of ``height`` at the sample next to the contact point, (batch,)."""
    nearest = jnp.argmin(jnp.where(scaled.counted, jnp.abs(scaled.x - fit.nonlinear[:, :1]), jnp.inf), axis=1)
    return jnp.take_along_axis(height, nearest[:, None], axis=1)[:, 0]


def _put_back(scaled: Scaled, nearest, spring_constant, size):
    """What a removed line along the height is added back to, by its slope over -span: (batch, parameter, 1).

    ``nearest``: the height over the span at the contact point.
    """
    force = -nearest[:, None]
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

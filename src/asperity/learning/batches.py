"""Batches of curves: in numbers of order one, in blocks of one compiled shape, in chunks that fit the cache."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

__all__ = ["FEW", "Scaled", "block_size", "compiled", "compiled_length", "few_at_a_time", "in_blocks", "in_chunks",
           "narrowed", "put", "reduced", "scale", "solve_small", "widened"]

_CHUNK = 16384  # samples worked on together, so that they stay in the cache
_PART = 1 << 17  # samples scaled at a time: arrays that memory is reused for
FEW = 32  # curves up to which a smaller block is used
_LONG = 8192  # samples from which on a curve fills the cache by itself: more curves in a block are no faster
_FEW_LONG = 8  # curves in a block of such curves: 4 MB for each array of the longest that are fitted
_LENGTHS = (256, 1024, 4096, _LONG)  # samples that a small block is compiled for; a fraction of a second each
#: XLA may take sums in any order, so that it uses the vector units; NaN, infinity, division and functions
#: stay exact. Sums of squares change in their last digits, and the fit of a Hertz curve is twice as fast.
_ANY_ORDER = {"xla_cpu_enable_fast_math": True, "xla_cpu_fast_math_honor_nans": True,
              "xla_cpu_fast_math_honor_infs": True, "xla_cpu_fast_math_honor_division": True,
              "xla_cpu_fast_math_honor_functions": True}
#: the older of the two ways XLA has to write a loop is compiled in half the time, and runs as fast; later ones lack it
_QUICKLY = {"xla_cpu_use_fusion_emitters": False} if jax.__version_info__ < (0, 11) else {}

#: `jax.jit` for work on all samples of many curves
compiled = partial(jax.jit, compiler_options=_ANY_ORDER | _QUICKLY)


class Scaled(NamedTuple):
    """A batch of curves in numbers of order one: F = force_scale * y + force_zero, s = top - span * x.

    NumPy arrays outside compiled functions, JAX arrays inside.
    """

    x: Any  # (batch, sample), 0 farthest from the sample, 1 deepest; 0 where not counted
    y: Any  # (batch, sample); 0 where not counted
    counted: Any  # (batch, sample) bool
    attached: Any  # (batch, sample) 1: the data show contact, -1: no contact, 0: the model decides
    least: Any  # (batch,) the contact point x_0 cannot be less
    top: Any  # (batch,) m
    span: Any  # (batch,) m
    force_zero: Any  # (batch,) N
    force_scale: Any  # (batch,) N

    def where(self, chosen: np.ndarray) -> Scaled:
        """The same curves, of which the other samples do not count: NumPy arrays."""
        counted = self.counted & chosen
        return self._replace(counted=counted, **{name: np.where(counted, getattr(self, name), 0).astype(
            getattr(self, name).dtype) for name in ("x", "y", "attached")})


def scale(position: np.ndarray, force: np.ndarray, counted: np.ndarray,
          attached: np.ndarray | None = None, *, retracting: bool = False) -> Scaled:
    """Bring tip positions (m) and forces (N) of shape (batch, sample) to order one, as NumPy arrays.

    Only samples that are ``counted`` and finite in both take part. ``attached`` is 1 or -1 where the data
    themselves show that the tip is in contact or not (see `asperity.learning.attachment`). The contact
    point then cannot lie more than a few samples before the last sample off contact; in a retraction, not
    even before the first one in contact, since an adhesive contact is never lost later than at its end.
    """
    attached = np.zeros(position.shape, np.int8) if attached is None else attached
    count = len(position)
    parts = Scaled(np.empty(position.shape), np.empty(position.shape), np.empty(position.shape, bool),
                           np.empty(position.shape, np.int8), *(np.empty(count) for _ in range(5)))
    size = block_size(*position.shape)
    if jax.default_backend() == "cpu":
        size = min(size, max(8, _PART >> max(position.shape[1] - 1, 1).bit_length()))
    samples, length = position.shape[1], compiled_length(*position.shape)
    for first in range(0, count, size):
        stop = min(first + size, count)
        whole = stop - first == size
        rows = slice(first, stop) if whole else np.minimum(np.arange(first, first + size), stop - 1)
        wide = [np.pad(a[rows], ((0, 0), (length - samples, 0))) for a in (position, force, counted, attached)] if (
            length > samples) else [a[rows] for a in (position, force, counted, attached)]
        block = narrowed(jax.tree.map(np.asarray, _scale(*wide, retracting)), samples, length)
        put(parts, slice(first, stop), _rows(block, slice(stop - first)))
    return parts


@compiled
def _scale(position: jax.Array, force: jax.Array, counted: jax.Array, attached: jax.Array,
           retracting: bool) -> Scaled:
    return in_chunks(lambda part: _scale_chunk(part, retracting), (position, force, counted, attached))


def _scale_chunk(part: tuple[jax.Array, ...], retracting: bool) -> Scaled:
    position, force, counted, attached = part
    counted = counted & jnp.isfinite(position + force)
    attached = jnp.where(counted, attached, 0).astype(jnp.int8)
    level = jnp.where(counted[:, -1], force[:, -1], 0.0)  # near the data, so that sums of squares keep digits
    above = jnp.where(counted, force - level[:, None], 0.0)
    number, first, second = reduced((counted.astype(force.dtype), above, above**2), jnp.add, 0.0)
    highest, last_on = reduced((jnp.where(counted, position, -jnp.inf),
                                jnp.where(attached > 0, position, -jnp.inf)), _greater, -jnp.inf)
    lowest, first_off = reduced((jnp.where(counted, position, jnp.inf),
                                 jnp.where(attached < 0, position, jnp.inf)), _less, jnp.inf)
    span = highest - lowest
    span = jnp.where(jnp.isfinite(span) & (span > 0), span, 1.0)
    top = jnp.where(jnp.isfinite(highest), highest, 0.0)
    mean = first / jnp.maximum(number, 1)
    variance = second / jnp.maximum(number, 1) - mean**2
    size = jnp.where(variance > 1e-14 * mean**2, jnp.sqrt(jnp.maximum(variance, 0.0)), 1.0)
    size = jnp.where(size > 0, size, 1.0)
    x = jnp.where(counted, (top[:, None] - position) / span[:, None], 0.0)
    y = jnp.where(counted, (above - mean[:, None]) / size[:, None], 0.0)
    few = 4 / jnp.maximum(number, 4)
    off = jnp.where(jnp.isfinite(first_off), (top - first_off) / span, -0.05 + few) - few
    on = (top - last_on) / span - few
    least = jnp.where(retracting & jnp.isfinite(on), on, jnp.maximum(off, -0.05))
    return Scaled(x, y, counted, attached, least, top, span, level + mean, size)


def _greater(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.where(a > b, a, b)  # unlike `maximum` not bound to pass NaN on, and twice as fast


def _less(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.where(a < b, a, b)


def reduced(arrays: Sequence[jax.Array], join, start: float) -> tuple[jax.Array, ...]:
    """Several reductions over the samples in one pass."""
    starts = tuple(jnp.asarray(start, a.dtype) for a in arrays)
    return tuple(lax.reduce(tuple(arrays), starts, lambda a, b: tuple(map(join, a, b)), (1,)))


def in_chunks(function, arguments):
    """Apply ``function`` to slices of the leading axis, one after the other."""
    batch = jax.tree.leaves(arguments)[0].shape[0]
    samples = max(a.shape[1] for a in jax.tree.leaves(arguments) if a.ndim == 2)
    size = math.gcd(batch, 1 << max(_CHUNK // samples, 4).bit_length() - 1)
    split = jax.tree.map(lambda a: a.reshape(batch // size, size, *a.shape[1:]), arguments)
    result = lax.map(function, split)
    return jax.tree.map(lambda a: a.reshape(batch, *a.shape[2:]), result)


def few_at_a_time(function, together: int, *rows: np.ndarray):
    """``function(*rows)`` in NumPy on so few rows that the first of them has ``together`` numbers, joined.

    The result is one array or a tree of them, one row per row; arrays of some 0.3 to 1 MB stay in the cache from one
    step of the function to the next.
    """
    size = max(1, together // max(rows[0][:1].size, 1))
    parts = [function(*(one[first : first + size] for one in rows)) for first in range(0, max(len(rows[0]), 1), size)]
    return parts[0] if len(parts) == 1 else jax.tree.map(lambda *a: np.concatenate(a), *parts)


def _rows(arrays, chosen: np.ndarray | slice):
    """The chosen rows of every array."""
    return jax.tree.map(lambda a: a[chosen], arrays)


def put(state, where: np.ndarray | slice, values) -> None:
    """Write ``values`` into the rows ``where`` of every array of ``state``."""
    for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(values), strict=True):
        old[where] = new


def in_blocks(function, chosen: np.ndarray, scaled: Scaled, *rows: np.ndarray | jax.Array):
    """``function(curves, padding, *rows)`` for the ``chosen`` curves in blocks of `block_size`.

    ``rows`` have one row per chosen curve; the last block is padded, which ``padding`` marks. The result
    is writable NumPy arrays with one row per chosen curve.
    """
    size, samples, parts = block_size(*scaled.x.shape), scaled.x.shape[1], []
    length = compiled_length(*scaled.x.shape)
    for first in range(0, len(chosen), size):
        count = min(size, len(chosen) - first)
        block = first + np.minimum(np.arange(size), count - 1)
        whole = count == size and chosen[block[-1]] - chosen[first] == size - 1
        take = slice(chosen[first], chosen[first] + size) if whole else chosen[block]
        result = function(widened(_rows(scaled, take), length), np.arange(size) >= count, *(row[block] for row in rows))
        parts.append(_rows(narrowed(jax.tree.map(np.asarray, result), samples, length), slice(count)))
    return jax.tree.map(lambda *a: np.concatenate(a), *parts)


def block_size(curves: int, samples: int) -> int:
    """How many curves one compiled step works on: a cache's worth on a CPU, many on an accelerator.

    A batch of a few curves uses a small block, so that single files are not padded tenfold; long curves
    use a smaller one still, so that memory does not grow with their length.
    """
    if jax.default_backend() != "cpu":
        return 8192
    if samples > _LONG:
        return _FEW_LONG
    return FEW if curves <= FEW else 256


def compiled_length(curves: int, samples: int) -> int:
    """The samples that so many curves are padded to where something is compiled for them.

    A few curves use one of few lengths: compiling for each of those in a small file costs more than fitting it.
    """
    return samples if curves > FEW or samples > _LONG else next(length for length in _LENGTHS if samples <= length)


def widened(scaled: Scaled, length: int) -> Scaled:
    """The curves with samples put before the first ones, to this ``length``, that do not count."""
    missing = length - scaled.x.shape[1]
    if not missing:
        return scaled
    return scaled._replace(**{name: np.pad(getattr(scaled, name), ((0, 0), (missing, 0)))
                              for name in ("x", "y", "counted", "attached")})


def narrowed(arrays, samples: int, length: int):
    """What was made of `widened` curves, for the ``samples`` that they had before."""
    return arrays if samples == length else jax.tree.map(
        lambda a: a[:, length - samples:] if a.ndim == 2 and a.shape[1] == length else a, arrays)


def solve_small(matrix: list[list[jax.Array]], columns: list[list[jax.Array]]) -> list[list[jax.Array]]:
    """Solve a positive definite system of a few unknowns, entry by entry over the batch.

    ``matrix[i][j]`` and ``columns[k][i]`` are (batch,) arrays. The matrix is first scaled to a unit
    diagonal; a pivot below 1e-14 marks a column that depends on the others and gets coefficient 0.
    """
    size = len(matrix)
    norm = [jnp.sqrt(jnp.where(matrix[i][i] > 0, matrix[i][i], 1.0)) for i in range(size)]
    rows = [[matrix[i][j] / (norm[i] * norm[j]) for j in range(size)] for i in range(size)]
    right = [[column[i] / norm[i] for i in range(size)] for column in columns]
    for i in range(size):
        independent = rows[i][i] > 1e-14
        inverse = jnp.where(independent, 1 / jnp.where(independent, rows[i][i], 1.0), 0.0)
        rows[i] = [entry * inverse for entry in rows[i]]
        right = [[*column[:i], column[i] * inverse, *column[i + 1:]] for column in right]
        for k in range(size):
            if k != i:
                factor = rows[k][i]
                rows[k] = [rows[k][j] - factor * rows[i][j] for j in range(size)]
                right = [[*column[:k], column[k] - factor * column[i], *column[k + 1:]] for column in right]
    return [[column[i] / norm[i] for i in range(size)] for column in right]

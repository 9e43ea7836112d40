r"""How a tip shapes an image: dilation of the surface by the tip, and erosion of the image with it.

A tip is an array of heights P(u) with odd numbers of rows and columns, in the unit and on the pixel of the
image; u is counted **from the center of the array**, so the center is what the image says it measures. The
apex is its highest pixel, of height 0, mostly at the center (`place_apex` puts it there); pixels of height
minus infinity do not belong to the tip. Surfaces and images are arrays (row, column); ``jax.vmap`` takes many.

Dilation and erosion are an adjoint pair, for asymmetric tips too: $S \oplus P \le I \iff S \le I \ominus P$.
The frame ends where the array ends: what would lie beyond it is left out of the maximum or minimum, and so is
a pixel that is NaN.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from asperity.messages import ArgumentError

__all__ = ["check_tip", "dilate", "erode", "opening", "place_apex"]


def dilate(surface: jax.Array, tip: jax.Array) -> jax.Array:
    r"""The image that a tip makes of a surface, $I(x) = \max_u\,[S(x - u) + P(u)]$.

    The gradient goes to the surface pixel and the tip pixel in contact; where several are, to the first of
    them in the order of the rows of the point-reflected tip. Source: Villarrubia, J. Res. NIST 102, 425 (1997).

    Args:
        surface: (row, column) heights S.
        tip: (odd, odd) heights P.

    Raises:
        ValueError: a shape that is not that of a frame or a tip.
    """
    return _highest(*_checked(surface, jnp.asarray(tip)[::-1, ::-1]))


def erode(image: jax.Array, tip: jax.Array) -> jax.Array:
    r"""The highest surface that the image allows, $R(x) = \min_u\,[I(x + u) - P(u)]$.

    If the image was made by this tip without noise, no surface pixel lies above R. The gradient goes to the
    image pixel and the tip pixel that limit R; of several, to the first in the order of the rows of the tip.

    Args, errors and source: as for `dilate`.
    """
    return -_highest(*_checked(-jnp.asarray(image), tip))


def opening(image: jax.Array, tip: jax.Array) -> jax.Array:
    """The image that the eroded surface would give: never above the image, and equal to it if the tip made it."""
    return dilate(erode(image, tip), tip)


def check_tip(tip: Any) -> np.ndarray:
    """The tip as a NumPy array of float64, once it is sure that its apex has height 0 and its sizes are odd.

    Raises:
        ValueError: an even size, a NaN or positive height, or no pixel of height 0.
    """
    heights = np.asarray(tip, float)
    if heights.ndim != 2 or not all(n % 2 for n in heights.shape):
        raise ArgumentError(f"the tip has shape {heights.shape}: odd numbers of rows and columns are needed, since "
                            "offsets are counted from the center; place_apex(heights) makes them odd")
    if not heights.max() == 0:  # also NaN
        raise ArgumentError(f"the highest pixel of the tip is {heights.max():g}: it has to be 0, and none NaN; "
                            "subtract it, or use place_apex(heights)")
    return heights


def place_apex(heights: Any, apex: tuple[int, int] | None = None) -> np.ndarray:
    """A tip with its apex at the center and of height 0; what has to be added lies at minus infinity.

    Args:
        heights: (row, column) heights, of any size.
        apex: row and column of the apex; the highest pixel if not given (the first of several).
    """
    heights = np.asarray(heights, float)
    row, column = np.unravel_index(np.nanargmax(heights), heights.shape) if apex is None else apex
    rows, columns = (max(i, n - 1 - i) for i, n in zip((row, column), heights.shape))
    placed = np.full((2 * rows + 1, 2 * columns + 1), -np.inf)
    placed[rows - row: rows - row + heights.shape[0], columns - column: columns - column + heights.shape[1]] = heights
    return placed - heights[row, column]


def _checked(surface: Any, tip: Any) -> tuple[jax.Array, jax.Array]:
    surface, tip = jnp.asarray(surface), jnp.asarray(tip)
    if surface.ndim != 2 or tip.ndim != 2 or not all(n % 2 for n in tip.shape):
        raise ValueError(f"shapes {surface.shape} and {tip.shape}: a frame of rows and columns and a tip with odd "
                         "numbers of both are needed; for many frames use jax.vmap, for even tips place_apex")
    dtype = jnp.promote_types(jnp.result_type(surface, tip), jnp.float32)
    return surface.astype(dtype), tip.astype(dtype)


@jax.custom_vjp
@jax.jit  # the search for u falls away here
def _highest(surface: jax.Array, tip: jax.Array) -> jax.Array:
    """max_u S(x + u) + P(u)."""
    return _search(surface, tip)[0]


@jax.jit
def _search(surface: jax.Array, tip: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The highest S(x + u) + P(u) and the first u that reaches it, as a flat index; -1 where there is none."""
    (rows, columns), (m, n) = surface.shape, tip.shape
    padded = jnp.pad(surface, ((m // 2, m // 2), (n // 2, n // 2)), constant_values=-jnp.inf)

    def one_row(i, best):
        strip = lax.dynamic_slice(padded, (i, 0), (rows, columns + n - 1))
        for j in range(n):
            height = strip[:, j: j + columns] + tip[i, j]
            higher = height > best[0]
            best = jnp.where(higher, height, best[0]), jnp.where(higher, i * n + j, best[1])
        return best

    none = jnp.full(surface.shape, -jnp.inf, surface.dtype), jnp.full(surface.shape, -1, jnp.int32)
    return lax.fori_loop(0, m, one_row, none)


def _forward(surface: jax.Array, tip: jax.Array):
    value, where = _search(surface, tip)
    return value, (where, tip)


def _backward(known, slope: jax.Array):
    where, tip = known
    (rows, columns), (m, n) = where.shape, tip.shape
    slope = jnp.where(where < 0, 0.0, slope)
    row = jnp.arange(rows)[:, None] + where // n - m // 2
    column = jnp.arange(columns) + where % n - n // 2
    of_surface = jnp.zeros((rows, columns), slope.dtype).at[row, column].add(slope, mode="drop")
    of_tip = jnp.zeros(m * n, slope.dtype).at[where.ravel()].add(slope.ravel())
    return of_surface, of_tip.reshape(m, n)


_highest.defvjp(_forward, _backward)

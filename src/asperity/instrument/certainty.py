r"""The surface under an image whose tip is known, and where it is certain.

A pixel of the image is explained by one contact for sure if all other contacts are ruled out. For a noise
bound e, the true contact $u^*$ of image pixel x satisfies

$$0 \le I(x) - P(u^*) - R(x - u^*) \le 2 e, \qquad R = I \ominus P,$$

so if only one u does, it is the true one, and $|R - S| \le e$ at the surface pixel $x - u$. (R is at most
I(x) - P(u*) by its definition, and I(x) - P(u*) <= S(x - u*) + e; R is a minimum of values that are at least S - e.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from asperity.instrument.morphology import check_tip, erode

__all__ = ["Reconstruction", "reconstruct", "rounding_bound"]

_OF_RANGE = 1e-9  # what float64 arithmetic on heights may lose, with a large margin


class Reconstruction(NamedTuple):
    """A surface estimated from an image, of the same shape.

    Where ``certain``, the surface is known within the noise bound. Elsewhere it is an upper bound within the
    noise bound: the tip did not touch there, or it cannot be told whether it did.
    """

    surface: np.ndarray  # (row, column) heights R, in the unit of the image
    certain: np.ndarray  # (row, column) bool
    noise_bound: float  # e, the greatest error of a certain pixel, rounding included


def reconstruct(image: Any, tip: Any, *, noise_bound: float = 0.0) -> Reconstruction:
    """Erode an image with its tip and mark the surface pixels that were touched for sure.

    All contacts of a window that reaches beyond the frame are considered, so that one outside the frame is
    never overlooked. Pixels of the image that are NaN are left out: nothing is concluded from them.

    The statements hold for the true tip, a surface that is a height per pixel, and noise within the bound. With
    a tip that is too blunt (such as the outer bound of `asperity.instrument.blind_tip`) both surface and
    certainty are those of that tip.

    Args:
        image: (row, column) heights.
        tip: (odd, odd) heights, apex 0 (see `asperity.instrument.morphology`).
        noise_bound: e >= 0, the greatest absolute error of an image pixel.

    Raises:
        ValueError: a shape or a tip that makes no sense, or a negative noise bound.
    """
    values, heights = np.asarray(image), check_tip(tip)
    if values.ndim != 2 or not np.isfinite(values).any() or not 0 <= noise_bound < np.inf:
        raise ValueError(f"image of shape {values.shape} and noise_bound = {noise_bound}: a frame (row, column) with "
                         "finite heights and a bound of at least 0 are needed")
    bound = noise_bound + rounding_bound(values)
    values = np.where(np.isfinite(values), values, np.nan).astype(float)
    rows, columns = (n // 2 for n in heights.shape)
    inside = slice(rows, rows + values.shape[0]), slice(columns, columns + values.shape[1])
    wide = np.pad(values, ((rows,) * 2, (columns,) * 2), constant_values=np.nan)
    with jax.enable_x64(True):
        surface, certain = _touched(jnp.asarray(wide), jnp.asarray(heights), 2 * bound)
        return Reconstruction(np.array(surface[inside]), np.array(certain[inside]), bound)


def rounding_bound(heights: np.ndarray) -> float:
    """What arithmetic on these heights may lose at most: 1e-9 of their range, or their own digits if fewer."""
    known = np.abs(heights[np.isfinite(heights)])
    single = np.issubdtype(heights.dtype, np.floating) and heights.dtype.itemsize < 8
    digits = float(np.finfo(heights.dtype).eps) if single else 2e-15
    return float(_OF_RANGE * np.ptp(heights[np.isfinite(heights)]) + digits * known.max())


@jax.jit
def _touched(image: jax.Array, tip: jax.Array, tolerance: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The eroded surface and where exactly one contact explains a pixel of the image within the tolerance."""
    surface = erode(image, tip)
    (rows, columns), (m, n) = image.shape, tip.shape
    padded = jnp.pad(surface, ((m // 2, m // 2), (n // 2, n // 2)), constant_values=-jnp.inf)

    def one_row(i, found):
        number, last = found
        strip = lax.dynamic_slice(padded, (i, 0), (rows, columns + n - 1))
        for j in range(n):
            contact = image - tip[m - 1 - i, n - 1 - j] - strip[:, j: j + columns] <= tolerance
            number, last = number + contact, jnp.where(contact, i * n + j, last)
        return number, last

    none = jnp.zeros(image.shape, jnp.int32)
    number, last = lax.fori_loop(0, m, one_row, (none, none))
    row = jnp.arange(rows)[:, None] + last // n - m // 2
    column = jnp.arange(columns) + last % n - n // 2
    return surface, jnp.zeros(image.shape, bool).at[row, column].max(number == 1, mode="drop")

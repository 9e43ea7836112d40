r"""The tip that explains noisy images best: gradient descent through the opening, inside the outer bound.

Too sharp a tip explains everything, noise included, so the misfit to the images themselves cannot tell which tip
is right. Here each image is split into two with independent noise of standard deviation s,

$$I_1 = I + s\,\varepsilon, \qquad I_2 = I - s\,\varepsilon, \qquad \varepsilon \sim N(0, 1),$$

and the tip is the one whose opening of the first half predicts the second best,

$$\min_{P,\,c}\ \frac{1}{2 s^2} \sum_x \bigl[((I_1 \ominus P) \oplus P)(x) + c - I_2(x)\bigr]^2
- \frac{1}{s} \sum_u P(u), \qquad P \le P_{bound},\ P(0) = 0 .$$

Too sharp a tip lets the noise of $I_1$ through, one too blunt cuts the image; nothing has to be tuned. c takes up
that the opening of noise lies low. The last term raises a tip pixel that nothing touches, as blind estimation does;
where n image pixels touch, it shifts the result by about s / n. Descent finds the nearest minimum only: it starts
from the best of a family of blunted cones and the bound, by the same measure, and with a larger s where the noise is
far below the heights. Splitting: Oliveira, Lei & Tibshirani,
"Unbiased risk estimation in the normal means problem via coupled bootstrap techniques" (2021); descent through the
opening: Matsunaga et al., Sci. Rep. 13, 129 (2023), who choose a weight decay by cross-validation instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from asperity.instrument.morphology import check_tip, dilate, erode, opening
from asperity.messages import ArgumentError

__all__ = ["TipRefinement", "refine_tip"]

_STEP = 0.01  # of the range of the images that a tip pixel moves by in the first steps
_COARSE = 40.0  # the range of the images over the noise that the descent begins with, at most
_CLEAR = 3.0  # standard deviations of the noise that are no noise
_SPLITS = 2  # splits of the images that measure a tip


class TipRefinement(NamedTuple):
    """A tip estimated from noisy images."""

    heights: np.ndarray  # (odd, odd) P, not above 0, apex 0 at the center
    std: np.ndarray  # standard deviation over bootstrap replicates, NaN where none were asked for
    covariance: np.ndarray  # (pixels, pixels) of the heights in order of rows, over the replicates; NaN likewise
    contacts: np.ndarray  # image pixels that touched here; where fewer than about 10, the height is only an upper bound
    risk: float  # mean squared error of the opened images in units of the noise variance; below 1: it denoises


def refine_tip(images: Any, bound: Any, *, noise_std: float, steps: int = 400, replicates: int = 0, seed: int = 0,
               progress: Callable[[int], None] | None = None) -> TipRefinement:
    """The tip that explains frames with Gaussian noise best, at most as blunt as a bound.

    The noise of different pixels has to be independent and of one standard deviation (see `noise_bound` in
    `asperity.instrument.blind_tip`); scans of one place are best averaged first. A replicate takes as many
    frames, drawn anew from the frames, so that the frames have to be independent for the standard deviation to mean
    anything; it does not contain what all frames share (a wrong pixel size, a contact region never imaged, the bias of
    the opening, which is about the noise). Where the images range over more than about 100 times the noise, the
    descent may end in a poorer minimum; frames with few features do not determine the tip either. Too sharp a
    result lets the noise through: its ``risk`` is near 1 or above.

    Args:
        images: (frame, row, column) heights; NaN pixels are left out.
        bound: (odd, odd) outer bound, apex 0 at the center (`bound_tip(...).heights`; zeros: no bound).
        noise_std: s > 0 in the unit of height.
        steps: of the descent.
        replicates: bootstrap replicates for the standard deviation; each costs half a descent.
        seed: of the splits and replicates.
        progress: called after the descent and after each replicate with how many are done.

    Raises:
        ValueError: shapes or noise that make no sense, or replicates of fewer than 5 frames.
    """
    frames, ceiling = _scaled(images, bound, noise_std, replicates)
    descent, *draws = jax.random.split(jax.random.key(seed), 1 + replicates)
    best = _coarse_to_fine(frames, ceiling, descent, steps)
    found = []
    for draw in draws:
        if progress:
            progress(len(found))
        chosen = jax.random.choice(draw, len(frames), (len(frames),))
        found.append(np.asarray(_descend(frames[chosen], best, ceiling, draw, steps // 2)[0], float).ravel())
    if progress:
        progress(replicates)
    covariance = np.cov(np.array(found).T) if replicates > 1 else np.full((ceiling.size,) * 2, np.nan)
    std = np.sqrt(np.diag(covariance)).reshape(ceiling.shape)
    return TipRefinement(np.asarray(best[0], float) * noise_std, std * noise_std, covariance * noise_std**2,
                         np.asarray(_contacts(frames, best[0])), float(_misfit(frames, best, descent)) - 2)


def _scaled(images: Any, bound: Any, noise_std: float, replicates: int) -> tuple[jax.Array, jax.Array]:
    """Frames and bound in units of the noise; the frames with half a tip of unknown pixels around them."""
    frames, ceiling = np.asarray(images, float), check_tip(bound)
    if frames.ndim != 3 or not np.isfinite(frames).any() or not 0 < noise_std < np.inf:
        raise ValueError(f"frames of shape {frames.shape}, noise_std = {noise_std}: frames of one shape (frame, "
                         "row, column) with finite heights and a positive noise are needed; one frame is image[None]")
    if ceiling[ceiling.shape[0] // 2, ceiling.shape[1] // 2] != 0:
        raise ValueError("the apex of the bound is not at its center: put it there with morphology.place_apex")
    if replicates and len(frames) < 5:
        raise ArgumentError(f"replicates = {replicates} of {len(frames)} frames: drawing anew from fewer than 5 frames "
                            "says nothing about the error; use more frames, or replicates = 0")
    frames = np.where(np.isfinite(frames), frames - np.nanmedian(frames), np.nan)
    margin = [(0, 0), *((n // 2, n // 2) for n in ceiling.shape)]
    frames = np.pad(frames, margin, constant_values=np.nan)
    return jnp.asarray(frames / noise_std, jnp.float32), jnp.asarray(ceiling / noise_std, jnp.float32)


class _Tip(NamedTuple):
    heights: jax.Array
    offset: jax.Array  # c


def _residual(frames: jax.Array, tip: _Tip, key: jax.Array) -> jax.Array:
    """What the opened first half leaves of the second, 0 where a pixel is unknown."""
    noise = jax.random.normal(key, frames.shape, frames.dtype)
    opened = jax.vmap(opening, (0, None))(frames + noise, tip.heights)
    return jnp.where(jnp.isnan(frames), 0.0, opened + tip.offset - (frames - noise))


def _cost(frames: jax.Array, tip: _Tip, key: jax.Array) -> jax.Array:
    return 0.5 * (_residual(frames, tip, key) ** 2).sum()


@jax.jit
def _misfit(frames: jax.Array, tip: _Tip, key: jax.Array) -> jax.Array:
    """Mean square of the residual at its best offset: 2 for exact heights, 4 for a tip that lets all noise through."""
    number = jnp.isfinite(frames).sum()

    def one(key):
        left = _residual(frames, tip, key)
        return (left**2).sum() / number - (left.sum() / number)**2

    return lax.map(one, jax.random.split(key, _SPLITS)).mean()


def _coarse_to_fine(frames: jax.Array, ceiling: jax.Array, key: jax.Array, steps: int) -> _Tip:
    """Descend with splits of more noise first, since with little noise every cone but the right one is bad."""
    span = float(jnp.nanmax(frames) - jnp.nanmin(frames))
    halvings = max(math.ceil(math.log2(max(span, 1.0) / _COARSE)), 0)
    coarse = 2.0**halvings
    tip = _best_start(frames / coarse, ceiling / coarse, key)
    for k in range(halvings, 0, -1):
        tip = _descend(frames / 2.0**k, tip, ceiling / 2.0**k, key, steps // 2)
        tip = jax.tree.map(lambda part: 2 * part, tip)
    return _descend(frames, tip, ceiling, key, steps)


def _best_start(frames: jax.Array, ceiling: jax.Array, key: jax.Array) -> _Tip:
    """The best of the bound and of cones with parabolic ends, none above the bound."""
    rows, columns = (n // 2 for n in ceiling.shape)
    far = np.hypot(*np.mgrid[-rows: rows + 1, -columns: columns + 1])
    span = float(jnp.nanmax(frames) - jnp.nanmin(frames))
    slopes = span / max(far.max(), 1) * 2.0 ** np.arange(-2, 3.5, 0.5)
    cones = [-slope * np.where(far < blunt, far**2 / (2 * blunt), far - blunt / 2) for slope in slopes
             for blunt in (0.1, 0.7, 1.4, 2.0, 2.8, 4.0, 5.7)]
    starts = [_Tip(jnp.minimum(jnp.asarray(cone, frames.dtype), ceiling), jnp.ones((), frames.dtype))
              for cone in (0 * far, *cones)]
    return min(starts, key=lambda tip: float(_misfit(frames, tip, key)))


@partial(jax.jit, static_argnames="steps")
def _descend(frames: jax.Array, start: _Tip, ceiling: jax.Array, key: jax.Array, steps: int) -> _Tip:
    """Descent with momentum, each component scaled by its own recent size, the step falling to 0 (Adam)."""
    apex = tuple(n // 2 for n in ceiling.shape)
    first = _STEP * (jnp.nanmax(frames) - jnp.nanmin(frames))

    def step(i, state):
        tip, mean, square = state
        slope = jax.grad(_cost, 1)(frames, tip, jax.random.fold_in(key, i))
        slope = _Tip(slope.heights - 1, slope.offset)  # what raises a pixel that nothing touches
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
        square = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g**2, square, slope)
        size = first * (1 - i / steps) / (1 - 0.9 ** (i + 1.0)) * jnp.sqrt(1 - 0.99 ** (i + 1.0))
        tip = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) + 1e-6), tip, mean, square)
        return _Tip(jnp.minimum(tip.heights, ceiling).at[apex].set(0.0), tip.offset), mean, square

    nothing = jax.tree.map(jnp.zeros_like, start)
    return lax.fori_loop(0, steps, step, (start, nothing, nothing))[0]


@jax.jit
def _contacts(frames: jax.Array, tip: jax.Array) -> jax.Array:
    """How many image pixels touch by each tip pixel; by deep ones, only if held clear above the surface below."""
    surfaces = jax.vmap(erode, (0, None))(frames, tip)

    def touching(heights, weight):
        return jnp.where(jnp.isfinite(frames), weight * jax.vmap(dilate, (0, None))(surfaces, heights), 0.0).sum()

    clear = jax.vmap(dilate, (0, None))(surfaces, tip) - surfaces > _CLEAR
    return jnp.where(tip < -_CLEAR, jax.grad(touching)(tip, clear), jax.grad(touching)(tip, 1.0))

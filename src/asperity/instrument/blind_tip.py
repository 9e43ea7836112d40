r"""The bluntest tip that could have made the images: an outer bound, provable under bounded noise.

Nothing is known but the images, each pixel wrong by at most e. At an image pixel x', the true contact $d^*$ is in

$$D = \{d : I(x') - I(x' - d) \le P(d) + 2 e\}$$

for every bound P >= P*, and then

$$P(x) \leftarrow \min\bigl(P(x),\ \max_{d \in D}\,[I(x' + x - d) + P(d)] - I(x') + 2 e\bigr)$$

is a bound again. Proof: with noise-free heights $I_0$, $I_0(x' - d^*) \ge S(x' - d^*) = I_0(x') - P^*(d^*)$, so
$d^*$ is in D; and $I_0(x' - d^* + x) \ge S(x' - d^*) + P^*(x)$, so
$P^*(x) \le I_0(x' + x - d^*) - I_0(x') + P^*(d^*)$, which the maximum does not fall below. A pixel that is not
known counts as infinitely high: it is in D and gives no bound. The step takes a smaller P to a smaller result,
so from P = 0 any order of pixels, each visited again and again, ends at the same, greatest fixed point; where it
is stopped before, the result is a looser bound, but a bound.

Source: Villarrubia, J. Res. NIST 102, 425 (1997); there the noise enters the second formula only, and the true
tip is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.stats import norm

from asperity.instrument.certainty import rounding_bound
from asperity.instrument.morphology import opening
from asperity.messages import ArgumentError, DataError

__all__ = ["NoiseBound", "TipBound", "bound_tip", "noise_bound"]

_CANDIDATES = 1 << 18  # contacts looked at in one compiled call
_MEMBERS = 1 << 25  # comparisons held at once
_FIRST = 1 << 14  # contacts looked at in the first pass, of the pixels that say most; fourfold in each pass


class TipBound(NamedTuple):
    """An outer bound of the tip that made some images."""

    heights: np.ndarray  # (odd, odd) P, not above 0, apex 0 at the center; the true tip is nowhere higher
    settled: bool  # no pixel of the images lowers it any more
    passes: int  # how often the images were gone through


class NoiseBound(NamedTuple):
    """What two scans of the same lines say about the error of a pixel."""

    bound: float  # no error is larger, with the confidence asked for, but at the outliers
    std: float  # of the noise of one scan
    outliers: np.ndarray  # bool, shape of the scans: the two disagree more than the noise explains


def bound_tip(images: Any, size: tuple[int, int], *, noise_bound: float = 0.0, start: Any = None,
              passes: int = 100, progress: Callable[[int, np.ndarray], None] | None = None) -> TipBound:
    """The greatest tip of the given size that could have made all the images.

    Holds if the part of the tip that touches lies within ``size`` around its apex, the apex is the highest
    point, and no pixel errs by more than ``noise_bound``; pixels that may err more (spikes, the outliers of
    `noise_bound`) should be NaN. Only pixels with a whole window in the frame are used: pad frames of known flat
    surroundings with it (``numpy.pad(image, n, mode="edge")``).

    Args:
        images: one (row, column) frame or several, also of different shapes; one unit of height, one pixel size.
        size: odd numbers of rows and columns of the tip.
        noise_bound: e >= 0 in the unit of height.
        start: (size) a tip known to be an outer bound already, such as the result for earlier images.
        passes: at most so many times through the images.
        progress: called after each pass with its number and the bound so far.

    Raises:
        ValueError: an even size, no frame with a whole window, a start that is no bound with apex 0, or a
            negative noise bound.
    """
    known, tip = _frames(images), _start(size, start)
    if not 0 <= noise_bound < math.inf:
        raise ArgumentError(f"noise_bound = {noise_bound}: a finite number of at least 0 is needed")
    rounding = max(rounding_bound(f) for f in known)
    frames, points = _stacked(known, size)
    slack, budget, settled, number = 2 * (noise_bound + rounding), _FIRST, False, 0
    while not settled and number < passes:
        before, number = tip, number + 1
        active = points[_unexplained(frames, points, tip, slack)]
        tip, complete = _one_pass(frames, active, tip, slack, budget)
        settled = complete and float((before - tip).max()) <= rounding
        budget *= 4
        if progress:
            progress(number, tip)
    return TipBound(tip, settled, number)


def noise_bound(trace: Any, retrace: Any, *, confidence: float = 0.95) -> NoiseBound:
    r"""The greatest error of a pixel, from two scans of the same place (trace and retrace, repeated frames).

    For independent Gaussian noise of standard deviation s in each of the N pixels, no error exceeds
    $e = s\,\Phi^{-1}\bigl(\tfrac12 + \tfrac12 c^{1/N}\bigr)$ with confidence c; s comes from the median of the absolute
    differences, which features that differ hardly move. Noise that is bounded or has shorter tails errs less.
    Pixels where the scans differ by more than $\sqrt 2 e$ are outliers: spikes, or edges where the scans lag; set
    them to NaN.

    Args:
        trace, retrace: heights of one shape, leveled alike; their median difference is taken out.
        confidence: c that none of the N pixels errs more.

    Raises:
        ValueError: shapes that differ, or a confidence outside (0, 1).
    """
    first, second = np.asarray(trace, float), np.asarray(retrace, float)
    if first.shape != second.shape or not 0 < confidence < 1:
        raise ValueError(f"shapes {first.shape} and {second.shape}, confidence {confidence}: two scans of one shape "
                         "and a confidence between 0 and 1 are needed")
    difference = first - second
    difference = np.abs(difference - np.nanmedian(difference))
    std = float(np.nanmedian(difference) / norm.ppf(0.75) / math.sqrt(2))
    number = np.isfinite(difference).sum()
    bound = std * float(norm.isf(-math.expm1(math.log(confidence) / number) / 2))
    return NoiseBound(bound, std, ~(difference <= math.sqrt(2) * bound))


def _frames(images: Any) -> list[np.ndarray]:
    whole = isinstance(images, np.ndarray | jax.Array) and images.ndim == 2
    frames = [np.asarray(f) for f in (images[None] if whole else images)]
    if not frames or any(f.ndim != 2 or not np.isfinite(f).any() for f in frames):
        raise DataError(f"frames of shapes {[f.shape for f in frames][:5]}: at least one frame (row, column) with "
                        "finite heights is needed, and none without")
    return frames


def _start(size: tuple[int, int], start: Any) -> np.ndarray:
    tip = np.zeros(size) if start is None else np.array(start, float)
    if tip.shape != tuple(size) or not all(n % 2 for n in size) or not tip.max() <= 0 or tip[_center(tip)]:
        raise ArgumentError(f"size {tuple(size)}, start of shape {tip.shape}: two odd numbers are needed, and a "
                            "start of that size with height 0 at the center and none above")
    return tip


def _center(tip: np.ndarray) -> tuple[int, int]:
    return tip.shape[0] // 2, tip.shape[1] // 2


def _stacked(frames: Sequence[np.ndarray], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """All frames in one array, infinite where nothing is known, and the pixels (frame, row, column) to look at."""
    m, n = size
    rows, columns = (max(f.shape[k] for f in frames) for k in (0, 1))
    stack = np.full((len(frames), rows + 2 * (m - 1), columns + 2 * (n - 1)), np.inf)
    points = []
    for k, frame in enumerate(frames):
        known = np.where(np.isfinite(frame), frame, np.inf)
        stack[k, m - 1: m - 1 + frame.shape[0], n - 1: n - 1 + frame.shape[1]] = known
        inner = np.argwhere(np.isfinite(frame[m // 2: frame.shape[0] - m // 2, n // 2: frame.shape[1] - n // 2]))
        shift = (m - 1 + m // 2, n - 1 + n // 2)
        points.append(np.column_stack([np.full(len(inner), k), inner + shift]))
    found = np.concatenate(points)
    if not len(found):
        raise DataError(f"no frame holds a whole window of {m} x {n} pixels around a known pixel: take a smaller "
                        "tip, or pad frames of flat surroundings with them")
    return stack, found


def _unexplained(frames: np.ndarray, points: np.ndarray, tip: np.ndarray, slack: float) -> np.ndarray:
    """Which points may lower the tip: those that the opening of the frame with the tip does not reach within slack.

    If it reaches x' by the contact d, then I(x' + x - d) - P(x) >= I(x') - P(d) - slack for every x, and d is in D.
    """
    with jax.enable_x64(True):
        opened = np.asarray(_opened(jnp.asarray(frames), jnp.asarray(tip)))
    where = tuple(points.T)
    return frames[where] - opened[where] > slack


@jax.jit
def _opened(frames: jax.Array, tip: jax.Array) -> jax.Array:
    return lax.map(lambda frame: opening(frame, tip), frames)


def _one_pass(frames: np.ndarray, points: np.ndarray, tip: np.ndarray, slack: float,
              budget: int) -> tuple[np.ndarray, bool]:
    """Go once through the points with the fewest possible contacts, ``budget`` contacts in all."""
    if not len(points):
        return tip, True
    offsets = _offsets(tip.shape)
    block = max(_MEMBERS // len(offsets), 1)
    count = np.concatenate([_members(frames, points[k: k + block], offsets, tip, slack).sum(axis=1)
                            for k in range(0, len(points), block)])
    order = np.argsort(count, kind="stable")
    chosen = order[: max(int(np.searchsorted(np.cumsum(count[order]), budget, "right")), 1)]
    first = 0
    while first < len(chosen):
        total = np.cumsum(count[chosen[first: first + _CANDIDATES]])
        part = points[chosen[first: first + max(int(np.searchsorted(total, _CANDIDATES, "right")), 1)]]
        which, contact = np.nonzero(_members(frames, part, offsets, tip, slack))
        tip = _lower(frames, part[which], offsets[contact], which, tip, slack)
        first += len(part)
    return tip, len(chosen) == len(points)


def _offsets(size: tuple[int, int]) -> np.ndarray:
    """All d of a tip, the nearest to its apex first: the likeliest contacts."""
    d = np.argwhere(np.ones(size, bool)) - np.array(size) // 2
    return d[np.argsort((d**2).sum(axis=1), kind="stable")]


def _members(frames: np.ndarray, points: np.ndarray, offsets: np.ndarray, tip: np.ndarray,
             slack: float) -> np.ndarray:
    """(point, offset) bool: whether the offset may be the contact at the point."""
    k, row, column = points.T
    height, center = frames[k, row, column], _center(tip)
    member = np.empty((len(offsets), len(points)), bool)
    for number, (i, j) in enumerate(offsets):
        drop = tip[center[0] + i, center[1] + j] + slack
        np.less_equal(height - frames[k, row - i, column - j], drop, out=member[number])
    return member.T


def _lower(frames: np.ndarray, place: np.ndarray, contact: np.ndarray, which: np.ndarray, tip: np.ndarray,
           slack: float) -> np.ndarray:
    """Lower the tip by all points, of which (contact, place) are the possible contacts, in a fixed shape."""
    number = len(which)
    beyond = np.append(np.flatnonzero(np.diff(which)) + 1, number)  # the first contact of the next point
    table = np.zeros((6, _CANDIDATES), np.int32)
    table[:3, :number], table[3:5, :number] = place.T, contact.T
    table[5, :number] = np.repeat(beyond, np.diff(beyond, prepend=0))
    with jax.enable_x64(True):
        return np.asarray(_lowered(jnp.asarray(frames), jnp.asarray(table), number, jnp.asarray(tip), slack))


@jax.jit
def _lowered(frames: jax.Array, table: jax.Array, number: jax.Array, tip: jax.Array, slack: jax.Array) -> jax.Array:
    (m, n), nothing = tip.shape, jnp.full(tip.shape, -jnp.inf, tip.dtype)

    def look(state):
        i, tip, highest = state
        k, row, column, down, right, beyond = (table[e, i] for e in range(6))
        height, drop = frames[k, row, column], tip[m // 2 + down, n // 2 + right]
        corner = k, row - down - m // 2, column - right - n // 2
        window = lax.dynamic_slice(frames, corner, (1, m, n))[0]
        possible = height - frames[k, row - down, column - right] <= drop + slack
        highest = jnp.where(possible, jnp.maximum(highest, window + drop), highest)
        lowered = jnp.minimum(tip, highest - height + slack)
        last = i + 1 == beyond
        over = last | (lowered >= tip).all()  # other contacts only raise what is highest
        return jnp.where(over, beyond, i + 1), jnp.where(last, lowered, tip), jnp.where(over, nothing, highest)

    return lax.while_loop(lambda state: state[0] < number, look, (jnp.zeros_like(number), tip, nothing))[1]

"""Retraction curves as the choice of a contact model takes them: sorted, without units, ready for fits.

Every length and force is divided by one of the curve's own and then rounded to a fixed grid, 2^-26 of it:
far below any noise, but coarse against rounding. So the same curve in other units gives the same bits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Prepared", "Retractions", "prepare", "thinned"]

_GRID = 2.0**26  # steps in a curve's own length or force: far below any noise, coarse against rounding
_SMOOTH = 5  # samples averaged where a start is read off the curve
_ROUND = 128  # sample counts are rounded up to a multiple, so that few shapes are compiled


class Retractions(NamedTuple):
    """A batch of force curves in SI, with what is known about each. NumPy arrays."""

    indentation: Any  # (batch, sample) m, larger is deeper, zero anywhere: scanner minus deflection
    force: Any  # (batch, sample) N, repulsive positive, any offset and a small tilt
    attached: Any  # (batch, sample) 1: seen to be held, -1: seen to be off, 0: left to the model
    weight: Any  # (batch, sample) 0: not counted; else (noise / noise of this sample)^2, usually 1
    noise: Any  # (batch,) standard deviation of the force's noise, N
    correlation: Any  # (batch,) samples that count as an independent one, 1 for white noise
    radius: Any  # (batch,) m
    compliance: Any  # (batch,) prior standard deviation of s in indentation - s * force, m/N
    separation: Any  # (batch,) median of the equilibrium separation z0, m
    separation_spread: Any  # (batch,) standard deviation of ln z0
    neck_seen: Any  # (batch,) bool: the data go on below the pull-off down to the displacement instability


class Prepared(NamedTuple):
    """Curves without units: x = (indentation - x_zero) / length, y = (force - force_zero) / force_scale."""

    x: Any  # (batch, sample) samples that are not seen to be off, or all, deepest last
    y: Any  # (batch, sample)
    attached: Any  # (batch, sample)
    weight: Any  # (batch, sample), 0 in the padding
    off: Any  # (batch, 6) weighted sums 1, x, xx, y, xy, yy of the samples that are off and not in x
    variance: Any  # (batch,) of y, times the correlation
    correlation: Any  # (batch,)
    compliance: Any  # (batch,) prior standard deviation in length / force_scale
    levels: Any  # (batch, 4) x and y of a high point and of a low point of the loading branch
    pull_off: Any  # (batch,) rough, positive
    separation: Any  # (batch,) in length
    length: Any  # (batch,) m
    force_scale: Any  # (batch,) N
    count: Any  # (batch,) samples counted


def prepare(curves: Retractions, *, far: bool = False) -> Prepared:
    """Sort, scale and round the curves, and read off where a fit can start.

    With ``far`` the samples that are seen to be off are kept too, and not only their sums.
    """
    order = np.argsort(curves.indentation, axis=1, kind="stable")
    x, force, attached, weight = (np.take_along_axis(np.asarray(a), order, 1) for a in curves[:4])
    weight = np.where(np.isfinite(x) & np.isfinite(force), weight, 0.0)
    x, force = (np.where(weight > 0, a, 0.0) for a in (x, force))
    zero = _baseline(force, attached, weight)
    active = (weight > 0) & (far | (attached >= 0))
    (px, py, held, share), kept = _pack(active, x, force - zero[:, None], attached, weight)
    high_x, high_y, low_x, low_y, pull_off = _landmarks(px, py, kept & (held >= 0), np.asarray(curves.noise))
    length = np.maximum(high_x - low_x, 1e-30)
    px, x = (_grid((a - high_x[:, None]) / length[:, None]) for a in (px, x))
    py, force = (_grid(a / pull_off[:, None]) for a in (py, force - zero[:, None]))
    sums = _off_sums(x, force, np.where((weight > 0) & (attached < 0) & (not far), weight, 0.0))
    stiffness = pull_off / length
    levels = np.stack([np.zeros_like(high_x), _digits(high_y / pull_off), -np.ones_like(high_x),
                       _digits(low_y / pull_off)], 1)
    return Prepared(np.where(kept, px, 0.0), np.where(kept, py, 0.0), held, np.where(kept, share, 0.0), sums,
                    _digits(np.square(curves.noise / pull_off) * curves.correlation),
                    np.asarray(curves.correlation),
                    np.maximum(_digits(curves.compliance * stiffness), 1e-9), levels,
                    np.ones_like(pull_off), _digits(curves.separation / length), length, pull_off,
                    (weight > 0).sum(axis=1))


def thinned(prepared: Prepared, samples: int) -> Prepared:
    """Means of neighbors, so that about ``samples`` remain; a steep end of contact suffers a little."""
    batch, size = prepared.x.shape
    group = size // samples
    if group < 2 or size % group:
        return prepared
    x, y, attached, weight = (a.reshape(batch, -1, group) for a in prepared[:4])
    total = weight.sum(axis=2)
    x, y = ((weight * a).sum(axis=2) / np.where(total > 0, total, 1.0) for a in (x, y))
    return prepared._replace(x=x, y=y, attached=attached[:, :, -1], weight=total)


def _grid(values: np.ndarray) -> np.ndarray:
    return np.round(values * _GRID) / _GRID


def _digits(values: np.ndarray) -> np.ndarray:
    """The first 26 binary digits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * _GRID) / _GRID, exponent)


def _baseline(force: np.ndarray, attached: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The mean force off the surface; of the farthest tenth where nothing is seen to be off."""
    rank = np.cumsum(weight > 0, axis=1)
    far = rank <= np.maximum(rank[:, -1:] // 10, 1)
    seen = (attached < 0).any(axis=1, keepdims=True)
    chosen = np.where(seen, attached < 0, far) & (weight > 0)
    return (force * chosen).sum(axis=1) / np.maximum(chosen.sum(axis=1), 1)


def _pack(active: np.ndarray, *arrays: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The active samples moved to the end of each row, in as few columns as hold them."""
    needed = max(int(active.sum(axis=1).max()), _SMOOTH)
    size = min(-(-needed // _ROUND) * _ROUND, active.shape[1])
    order = np.argsort(active, axis=1, kind="stable")[:, -size:]
    return [np.take_along_axis(a, order, 1) for a in arrays], np.take_along_axis(active, order, 1)


def _landmarks(x: np.ndarray, y: np.ndarray, kept: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, ...]:
    """(x, y) of the deepest part and of a low point of the loading branch, and the pull-off force."""
    count = np.maximum(_running(kept.astype(float)), 1.0)
    smooth, place = _running(np.where(kept, y, 0.0)) / count, _running(np.where(kept, x, 0.0)) / count
    smooth = np.where(kept, smooth, np.inf)
    lowest = smooth.min(axis=1)
    high_x, high_y = x[:, -3:].mean(axis=1), y[:, -3:].mean(axis=1)
    pull_off = np.maximum.reduce([-lowest, noise, 1e-4 * np.abs(high_y)])
    level = np.minimum(0.0, (lowest + high_y) / 2)
    below = np.where(kept, smooth < level[:, None], False)
    last = np.where(below.any(axis=1), x.shape[1] - 1 - below[:, ::-1].argmax(axis=1), x.shape[1] // 2)
    rows, after = np.arange(len(x)), np.minimum(last + 1, x.shape[1] - 1)
    rise = smooth[rows, after] - smooth[rows, last]
    part = np.clip((level - smooth[rows, last]) / np.where(rise > 0, rise, 1.0), 0.0, 1.0)
    low_x = place[rows, last] + part * (place[rows, after] - place[rows, last])
    return high_x, high_y, low_x, level, pull_off


def _running(values: np.ndarray) -> np.ndarray:
    """Sums of `_SMOOTH` neighbors, fewer at the ends."""
    half = _SMOOTH // 2
    padded = np.pad(values, ((0, 0), (half, half)))
    return np.sum([padded[:, k:k + values.shape[1]] for k in range(_SMOOTH)], axis=0)


def _off_sums(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.stack([(weight * a).sum(axis=1) for a in (1.0, x, x * x, y, x * y, y * y)], 1)

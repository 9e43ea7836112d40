r"""The pull-off force read off a retraction, without a contact model.

The baseline is a straight line through the samples that lie before the surface, seen from afar. The attraction is
read where the tip still holds on: by a parabola through neighboring samples, at its lowest place, or before a jump at
its end; a jump falls between two samples, so that half of what the force changes from one to the next is added. The
uncertainty is that of the parabola and of the line,

$$ \mathrm{var} = \sigma^2 \left[ f + \frac{\kappa}{n}
   \left(1 + \frac{(i - \bar\imath)^2}{\overline{(i - \bar\imath)^2}}\right) \right] $$

with f of the parabola (least squares), n samples in the line, $\kappa$ samples that count as one independent one, and
i the index of the sample. The largest of M noisy places is some $\sqrt{2 \ln M}$ standard deviations where there is no
attraction at all: up to that nothing is reported, up to twice as much a part, and what is in doubt is part of the
uncertainty. Where neighboring samples differ from a parabola by more than the noise, the lowest of them is the
pull-off. A sample or two that differ from their neighbors on both sides, which agree, are a glitch and do not count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import correlate1d, minimum_filter1d, uniform_filter1d
from scipy.signal import savgol_coeffs

from asperity.learning.attachment import VISIBLE, is_sudden, release

__all__ = ["Detachment", "read_detachment"]

_HALF = 4  # samples on either side of the middle of a parabola
_FELT = 4.5  # force over the noise of nine samples, from which the surface is felt: by chance once in 1e5 places
_FLAT = 3.0  # noise of nine samples, by which what lies around the lowest of them may differ and belong to it
_FLIGHT = 3  # samples that a jump may be caught in
_GLITCH = 6.0  # noise, by which a glitch differs from its neighbors
_UNUSUAL = 4.0  # of the usual change from one sample to the next, by which it also does
_AROUND = 10  # samples on either side that show what is usual
_FEWEST = 24  # samples of a baseline
_SHARE = 0.9  # of the samples before the surface is felt, that the baseline is drawn through
_NEAR = 0.75  # of these samples, from which on an attraction is looked for
_FAR = 0.2  # of the samples, that show the baseline before anything is known
_ROUGH = 3.0  # noise, by which neighboring samples may differ from a parabola; what differs more is not smoothed away
_CACHED = 1 << 15  # samples that are worked on at once

_NINE = 2 * _HALF + 1
#: the weights of nine values in a parabola through them by least squares, at each of its places (a row each)
_PARABOLA = np.array([savgol_coeffs(_NINE, 2, pos=place, use="dot") for place in range(_NINE)])
_MIDDLE = _PARABOLA[_HALF]  # those at its middle,
_FIRST = _PARABOLA[0]  # and at its first place
_SLOPE = savgol_coeffs(_NINE, 1, deriv=1, use="dot")  # and in a straight line: of its slope


class Detachment(NamedTuple):
    """The pull-off of each curve, (batch,); NaN where there is no baseline to read it against."""

    force: np.ndarray  # N, a magnitude
    std: np.ndarray  # N, from the noise of force and baseline


class _Baseline(NamedTuple):
    values: np.ndarray  # (batch, sample) N
    number: np.ndarray  # (batch,) samples that it is drawn through
    middle: np.ndarray  # (batch,) their mean index
    spread: np.ndarray  # (batch,) the mean square of their distance from it


def read_detachment(force: np.ndarray, counted: np.ndarray, noise: np.ndarray, correlation: np.ndarray) -> Detachment:
    """The largest attraction of every retraction.

    Args:
        force: (batch, sample) N, the farthest sample first, the deepest last.
        counted: (batch, sample) bool, samples that were recorded.
        noise: (batch,) N, standard deviation of the noise.
        correlation: (batch,) samples that count as one independent one.
    """
    rows = max(1, _CACHED // max(force.shape[1], 1))
    parts = [_read(force[i : i + rows], counted[i : i + rows], np.maximum(noise[i : i + rows], 1e-300),
                   np.maximum(correlation[i : i + rows], 1.0)) for i in range(0, len(force), rows)]
    return Detachment(*(np.concatenate(column) for column in zip(*parts))) if parts else Detachment(noise, noise)


def _read(force: np.ndarray, counted: np.ndarray, noise: np.ndarray, correlation: np.ndarray) -> Detachment:
    """As `read_detachment`, for curves that fit into the cache of a processor together."""
    number, index = counted.sum(axis=1), np.arange(force.shape[1])
    first = counted.argmax(axis=1)
    force = _without_glitches(np.where(counted, force, 0.0), counted, noise)
    line, onset = _line(force, counted, first + np.maximum(_FEWEST, _FAR * number).astype(int)), first
    whole, of_nine = _whole(counted), noise * np.sqrt(np.minimum((_MIDDLE**2).sum() * correlation, 1.0))
    for _ in range(2):  # from the farthest fifth, then from all that lies before the surface
        felt = (np.abs(_smooth(force - line.values)) > _FELT * of_nine[:, None]) & whole
        onset = np.where(felt.any(axis=1), felt.argmax(axis=1), force.shape[1])
        line = _line(force, counted, first + np.maximum(_FEWEST, _SHARE * (onset - first)).astype(int))
    noise = np.maximum(noise, _rms(force - line.values, counted & (index < first[:, None] + line.number[:, None])))
    rest = np.where(counted, force - line.values, 0.0)
    value, place, white, more = _lowest(rest, counted, whole, first + (_NEAR * (onset - first)).astype(int), of_nine,
                                          noise)
    own = np.minimum(white * correlation, 1.0)
    share = np.minimum(correlation / np.maximum(line.number, 1), 1.0)
    of_line = share * (1 + (place - line.middle) ** 2 / np.maximum(line.spread, 1.0))
    apart = np.maximum((number - _NEAR * (onset - first)) / np.maximum(_NINE, correlation), 2.0)
    largest = noise * np.sqrt(2 * np.log(apart) * own)  # of so many places without any attraction
    doubt = np.clip(2 - value / largest, 0.0, 1.0) * largest
    std = np.sqrt(noise**2 * (own + of_line) + more + doubt**2 / 4)
    known = (line.number >= _FEWEST) & (number - line.number > 2 * _HALF)
    return Detachment(np.where(known, np.maximum(value - doubt, 0.0), np.nan), np.where(known, std, np.nan))


def _line(force: np.ndarray, counted: np.ndarray, stop: np.ndarray) -> _Baseline:
    """The straight line through the samples before ``stop``, by least squares against their index."""
    index = np.arange(force.shape[1], dtype=float)
    use = counted & (index < stop[:, None])
    number = use.sum(axis=1)
    count = np.maximum(number, 1)
    middle, level = (np.where(use, one, 0.0).sum(axis=1) / count for one in (index, force))
    away = np.where(use, index - middle[:, None], 0.0)
    square = (away**2).sum(axis=1)
    slope = (away * (force - level[:, None])).sum(axis=1) / np.maximum(square, 1.0)
    return _Baseline(level[:, None] + slope[:, None] * (index - middle[:, None]), number, middle, square / count)


def _without_glitches(force: np.ndarray, counted: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The force with one or two samples replaced that both neighbors contradict, and that these neighbors agree on."""
    found = force.copy()
    steps = np.abs(np.diff(force, axis=1, prepend=force[:, :1]))
    usual = uniform_filter1d(steps, 2 * _AROUND + 1, axis=1)  # from sample to sample, thereabouts
    least = np.maximum(_GLITCH * noise[:, None], _UNUSUAL * usual)
    for width in (1, 2):
        before, after = force[:, : -width - 1], force[:, width + 1 :]
        for inside in range(width):
            at = slice(1 + inside, force.shape[1] - width + inside)
            off = np.minimum(np.abs(force[:, at] - before), np.abs(force[:, at] - after))
            odd = (off > least[:, at]) & (np.abs(before - after) < 0.5 * off)
            odd &= counted[:, : -width - 1] & counted[:, width + 1 :]
            found[:, at] = np.where(odd, (before + after) / 2, found[:, at])
    return found


def _smooth(force: np.ndarray) -> np.ndarray:
    """The parabola through the nine samples around every sample, in its middle; of no use within four of the ends."""
    return correlate1d(force, _MIDDLE, axis=1, mode="constant")


def _whole(counted: np.ndarray) -> np.ndarray:
    """Where all nine samples around are counted."""
    return minimum_filter1d(counted.astype(np.uint8), _NINE, axis=1, mode="constant").astype(bool)


def _rms(residual: np.ndarray, use: np.ndarray) -> np.ndarray:
    return np.sqrt(np.where(use, residual**2, 0.0).sum(axis=1) / np.maximum(use.sum(axis=1) - 2, 1))


def _lowest(rest: np.ndarray, counted: np.ndarray, whole: np.ndarray, stop: np.ndarray,
            of_nine: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The largest attraction of each curve, where it is, its variance over that of white noise, and a variance, N^2."""
    index, rows = np.arange(rest.shape[1]), np.arange(len(rest))
    near = counted & (index >= stop[:, None])
    depth, deepest, last_off, first_on = release(np.where(near, rest, np.inf), counted)
    visible = depth > 2 * VISIBLE * of_nine
    jumps = visible & is_sudden(last_off, first_on, counted.sum(axis=1))
    inside = near & whole & (~jumps[:, None] | (index >= first_on[:, None] + _HALF))
    smooth = np.where(inside, _smooth(rest), np.inf)
    middle = smooth.argmin(axis=1)
    flat = smooth < smooth[rows, middle][:, None] + _FLAT * of_nine[:, None]
    start = np.where(~flat & (index < middle[:, None]), index, -1).max(axis=1) + 1 - _HALF
    end = np.where(~flat & (index > middle[:, None]), index, rest.shape[1]).min(axis=1) - 1 + _HALF
    least, place, variance, rough = _vertex(rest, start, end)
    caught = (index >= first_on[:, None]) & (index <= first_on[:, None] + _FLIGHT)
    edge = np.minimum(np.where(caught, rest, np.inf).argmin(axis=1), rest.shape[1] - _NINE)
    nine = np.take_along_axis(rest, edge[:, None] + np.arange(_NINE), axis=1)
    step = np.maximum(nine @ _SLOPE, 0.0)  # how long the tip held on between this sample and the next is not known
    last = nine @ _FIRST - step / 2
    least = np.where(np.isfinite(smooth[rows, middle]), least, 0.0)
    at_edge = jumps & (last < least)
    rough = np.where(at_edge, np.sqrt(((nine - nine @ _PARABOLA.T) ** 2).sum(axis=1) / (_NINE - 3)), rough)
    alone = visible & (rough > _ROUGH * noise)  # what varies so is force, not noise
    return (np.where(alone, depth, -np.where(at_edge, last, least)),
            np.where(alone, deepest, np.where(at_edge, edge, place)),
            np.where(alone, 1.0, np.where(at_edge, (_FIRST**2).sum(), variance)),
            np.where(at_edge & ~alone, step**2 / 12, 0.0))


def _vertex(rest: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of the parabola through the samples from ``start`` to ``end``: lowest value, its index, its variance, misfit."""
    index = np.arange(rest.shape[1])
    center, half = (start + end) / 2, np.maximum((end - start) / 2, float(_HALF))
    use = (index >= start[:, None]) & (index <= end[:, None])
    x = np.where(use, (index - center[:, None]) / half[:, None], 0.0)
    powers = np.stack([use.astype(float), x, x**2], axis=1)
    inverse = np.linalg.pinv(powers @ np.swapaxes(powers, 1, 2))
    level, slope, bend = (inverse @ (powers @ rest[:, :, None]))[:, :, 0].T
    at = np.clip(np.where(bend > 0, -slope / (2 * np.where(bend > 0, bend, 1.0)), 0.0), -0.5, 0.5)
    row = np.stack([np.ones(len(at)), at, at**2], axis=1)
    left = rest - (np.stack([level, slope, bend], axis=1)[:, None] @ powers)[:, 0]
    rough = np.sqrt(np.where(use, left**2, 0.0).sum(axis=1) / np.maximum(use.sum(axis=1) - 3, 1))
    variance = (row[:, None] @ inverse @ row[:, :, None])[:, 0, 0]
    return level + slope * at + bend * at**2, center + at * half, variance, rough

"""The force off the surface: the baseline of a retraction, seen from afar and beside that of the approach."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import correlate1d, minimum_filter1d, uniform_filter1d

from asperity.learning.batches import few_at_a_time

__all__ = ["CACHED", "FELT", "FEWEST", "HALF", "LONG", "MIDDLE", "NEAR", "Baseline", "FarEnd", "before_surface",
           "crooked", "far_end", "free_force", "nine_counted", "pushed", "smoothed"]

#: samples on either side of the middle of a parabola
HALF = 4
#: force over the noise of nine samples, from which the surface is felt: by chance once in 1e5 places
FELT = 4.5
#: samples of a baseline
FEWEST = 24
#: of the samples before the surface is felt: an attraction that is not felt must not turn the line
NEAR = 0.75
#: samples, of which a mean above the line is no ringing of the lever
LONG = 25
_SHARE = 0.9  # of these samples, where an attraction is felt: the line is drawn through so many
_FAR = 0.2  # of the samples, that show the baseline before anything is known
_PARTS = 8  # of the baseline, whose means tell whether it is straight,
_STRAIGHT = 3.5  # times the expected variance of these means: by chance once in 500 curves

_NINE = 2 * HALF + 1
#: the weights of nine values in a parabola through them by least squares, at its middle (Savitzky, Golay 1964)
MIDDLE = np.array([-21, 14, 39, 54, 59, 54, 39, 14, -21]) / 231
#: samples that are worked on at once
CACHED = 1 << 15


class Baseline(NamedTuple):
    """A straight line through the farthest samples."""

    values: np.ndarray  # (batch, sample) N
    use: np.ndarray  # (batch, sample) bool, what it is drawn through,
    number: np.ndarray  # (batch,) how many these are,
    middle: np.ndarray  # (batch,) and their mean index


def free_force(force: np.ndarray, height: np.ndarray, counted: np.ndarray, noise: tuple[np.ndarray, np.ndarray],
               at: np.ndarray) -> np.ndarray:
    """The force of an approach off the surface, a straight line over the height, at other heights, (batch, sample) N.

    Args:
        force, height, counted: (batch, sample) of the approach, N and m, the farthest sample first.
        noise: (batch,) N its standard deviation, and samples that count as an independent one.
        at: (batch, sample) m, heights.

    NaN where too few samples lie before the surface.
    """
    return few_at_a_time(_free_force, CACHED, force, height, counted, np.maximum(noise[0], 1e-300),
                         np.maximum(noise[1], 1.0), at)


def _free_force(force: np.ndarray, height: np.ndarray, counted: np.ndarray, size: np.ndarray, correlation: np.ndarray,
                at: np.ndarray) -> np.ndarray:
    """As `free_force`, for few curves."""
    first = counted.argmax(axis=1) + np.maximum(FEWEST, _FAR * counted.sum(axis=1)).astype(int)
    of_nine = size * np.sqrt(np.minimum((MIDDLE**2).sum() * correlation, 1.0))
    use = before_surface(np.where(counted, force, 0.0), counted, first, of_nine)[0].use
    count = np.maximum(use.sum(axis=1), 1)
    level, middle = (np.where(use, one, 0.0).sum(axis=1) / count for one in (force, height))
    away = np.where(use, height - middle[:, None], 0.0)
    slope = (away * force).sum(axis=1) / np.maximum((away**2).sum(axis=1), 1e-300)
    return np.where(count[:, None] >= FEWEST, level[:, None] + slope[:, None] * (at - middle[:, None]), np.nan)


class FarEnd(NamedTuple):
    """The farthest samples beside the approach, (batch,)."""

    begin: np.ndarray  # how many of them begin the baseline
    unlike: np.ndarray  # by how much the farthest fifth changes, over the noise of that
    below: np.ndarray  # N, how far the first ones lie below the approach, 0 where that may be noise
    half: np.ndarray  # N, by how much the farther half changes, 0 where that may be noise


def far_end(above: np.ndarray, counted: np.ndarray, noise: np.ndarray, correlation: np.ndarray) -> FarEnd:
    """As `FarEnd` says; ``above``: (batch, sample) N, the force above that of the approach off the surface."""
    rank, number = np.where(counted, np.cumsum(counted, axis=1) - 1, -1), counted.sum(axis=1)

    def mean(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean of these places, and its noise."""
        use = (rank >= start[:, None]) & (rank < stop[:, None])
        count = np.maximum(use.sum(axis=1), 1)
        return np.where(use, above, 0.0).sum(axis=1) / count, noise * np.sqrt(np.minimum(correlation / count, 1.0))

    def change(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From the first third of so many to the last, and its noise; nothing where the approach is not known."""
        (begin, its), (end, other) = mean(0 * size, size // 3), mean(size - size // 3, size)
        return np.nan_to_num(np.abs(end - begin)), np.hypot(its, other)

    far = np.maximum(FEWEST, _FAR * number).astype(int)
    (near, its), (half, other), (few, own) = change(far), change(number // 2), mean(0 * far, 0 * far + FEWEST)
    return FarEnd(np.where(near > FELT * its, FEWEST, far), near / its, np.where(few < -FELT * own, -few, 0.0),
                   np.where(half > FELT * other, half, 0.0))


def before_surface(force: np.ndarray, counted: np.ndarray, begin: np.ndarray,
                   of_nine: np.ndarray) -> tuple[Baseline, np.ndarray]:
    """The baseline, and the sample from which the surface is felt: from the first ones up to ``begin``, then from all.

    ``force`` is 0 where it is not ``counted``; ``of_nine``: the noise of nine samples.
    """
    first, whole = counted.argmax(axis=1), nine_counted(counted)
    start = force[np.arange(len(force)), first]
    above, smooth, index = force - start[:, None], smoothed(force), np.arange(force.shape[1], dtype=float)
    line, onset, stop = _line(above, counted, begin, start), first, begin
    for _ in range(2):
        away = smooth - line.at(index)  # a parabola through nine samples of a line is that line
        felt = (np.abs(away) > FELT * of_nine[:, None]) & whole
        onset = np.where(felt.any(axis=1), felt.argmax(axis=1), force.shape[1])
        pulls = np.take_along_axis(away, np.minimum(onset, force.shape[1] - 1)[:, None], axis=1)[:, 0] < 0
        share = np.where(pulls, _SHARE, NEAR)  # an attraction that is not felt must not turn the line
        stop = first + np.maximum(FEWEST, share * (onset - first)).astype(int)
        line = _line(above, counted, stop, start)
    return Baseline(line.at(index), counted & (index < stop[:, None]), line.number.astype(int), line.middle), onset


class _Line(NamedTuple):
    """A straight line over the index of a sample, (batch,) each."""

    number: np.ndarray  # samples that it is drawn through,
    middle: np.ndarray  # their mean index
    level: np.ndarray  # N, and force
    slope: np.ndarray  # N per sample

    def at(self, index: np.ndarray) -> np.ndarray:
        """The line at these places, (batch, sample) N."""
        return (self.level - self.slope * self.middle)[:, None] + self.slope[:, None] * index


def _line(above: np.ndarray, counted: np.ndarray, stop: np.ndarray, start: np.ndarray) -> _Line:
    """The straight line through the samples before ``stop``, by least squares against their index.

    ``above``: (batch, sample) N, the force above ``start``, (batch,), which is near it: its sums keep their digits.
    """
    index = np.arange(above.shape[1], dtype=float)
    weight, powers = (counted & (index < stop[:, None])).astype(float), np.stack([index**0, index, index**2], axis=1)
    number, places, squares = (weight @ powers).T
    weight *= above
    level, turned = (weight @ powers[:, :2]).T
    count = np.maximum(number, 1)
    middle = places / count
    slope = (turned - middle * level) / np.maximum(squares - middle * places, 1.0)
    return _Line(number, middle, start + level / count, slope)


def pushed(rest: np.ndarray, before: np.ndarray, of_nine: np.ndarray) -> np.ndarray:
    """The largest mean force of `LONG` samples above the line before the dip, (batch,) N; 0 where noise explains it.

    Nothing pushes a tip off the surface: the line is off there (a drift that stops, fringes) by as much.
    """
    inside = minimum_filter1d(before.astype(np.uint8), LONG, axis=1, mode="constant").astype(bool)
    above = np.where(inside, uniform_filter1d(np.where(before, rest, 0.0), LONG, axis=1, mode="constant"), 0.0)
    largest = above.max(axis=1, initial=0.0)
    return np.where(largest > FELT * of_nine, largest, 0.0)


def crooked(rest: np.ndarray, line: Baseline, noise: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """By how much the means over parts of the baseline scatter about the line more than the noise explains; else 1."""
    part = np.where(line.use, (np.cumsum(line.use, axis=1) - 1) * _PARTS // np.maximum(line.number, 1)[:, None], -1)
    count = np.maximum(line.number / _PARTS, 1.0)
    squares = sum((np.where(part == i, rest, 0.0).sum(axis=1) / count) ** 2 for i in range(_PARTS))
    one = np.maximum(noise, 1e-150)  # whose square is a number
    ratio = squares / ((_PARTS - 2) * one**2 * np.minimum(correlation / count, 1.0))
    return np.where(ratio > _STRAIGHT, np.sqrt(ratio), 1.0)


def smoothed(force: np.ndarray) -> np.ndarray:
    """The parabola through the nine samples around every sample, in its middle; of no use within four of the ends."""
    return correlate1d(force, MIDDLE, axis=1, mode="constant")


def nine_counted(counted: np.ndarray) -> np.ndarray:
    """Where all nine samples around are counted."""
    return minimum_filter1d(counted.astype(np.uint8), _NINE, axis=1, mode="constant").astype(bool)

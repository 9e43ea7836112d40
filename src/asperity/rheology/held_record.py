r"""A force curve with holds, in means over short times, with what is known of their noise.

The means tile the curve: some of the baseline, even ones over every ramp, growing ones over every hold. With V(m) the
variance of the sum of m samples in a row, the covariance of two means over the samples a to b and c to d is

$$\frac{V(|d-a|) + V(|c-b|) - V(|c-a|) - V(|d-b|)}{2 (b-a)(d-c)}.$$

Beside the contact the force has a level, a tilt over the height, a drift over the time and a drag with the speed, which
stops as the ramp does. The baseline shows the sum of tilt and drift alone: each is taken to be of the size of that sum,
so that a tilted baseline leaves the drift in the hold as uncertain as it is. The drag is taken to be of some hundredth
of the largest force.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from asperity.messages import DataError

__all__ = ["FEWEST", "ForceNoise", "StepRecord", "free_samples", "record"]

#: samples of the baseline that a record needs at least
FEWEST = 24
_BASELINE = 24  # points of the baseline,
_RAMPS = 96  # of all ramps together; the others are of the holds
_BEFORE = 0.4  # of the time from where the force shows to the hold, that the points of the ramp begin earlier
_BEGIN = 1 / 8  # of the approach, that shows the baseline before anything is known
_KEPT = 0.75  # of what lies before the force shows, that the baseline is drawn through
_NINE = 9  # samples that are averaged to see where the force shows:
_FELT = 5.0  # times the noise of their mean,
_PART = 0.01  # and this part of the range of the force
_STEEP = 0.25  # of the range of the force, by which the line of the baseline may change over the approach
_EXACT = 1e-6  # of the range of the force, below which noise is not believed
_DRAG = 0.01  # of the range of the force, standard deviation of the drag
_STANDS = 0.05  # of the largest speed, below which the base stands
_JITTER = 1e-9  # of the mean variance, that makes matrices regular


class ForceNoise(NamedTuple):
    """The noise of the force: a sum of known kinds, each as strong as is known; NumPy arrays."""

    sums: np.ndarray  # (kind, m) variance of the sum of 0, 1, 2, ... samples in a row, per unit of strength
    mean: np.ndarray  # (kind,) of the logarithm of the strength,
    covariance: np.ndarray  # (kind, kind) and its covariance


class Samples(NamedTuple):
    """The samples that the means are of."""

    tip_position: np.ndarray  # (m,) m
    force: np.ndarray  # (m,) N
    edges: np.ndarray  # (n,) the first sample of every mean
    time: np.ndarray  # (m,) s
    begins: tuple[int, ...]  # first sample of every part of the curve

    def means(self, values: np.ndarray) -> np.ndarray:
        """Those of values at the samples, (m,) or (m, k)."""
        count = np.diff([*self.edges, len(self.tip_position)])
        return np.add.reduceat(values, self.edges, axis=0) / (count if values.ndim == 1 else count[:, None])


class StepRecord(NamedTuple):
    """A force curve from its baseline to the end of the last hold, in means over short times."""

    samples: Samples
    time: np.ndarray  # (n,) s
    tip_position: np.ndarray  # (n,) m
    force: np.ndarray  # (n,) N
    kinds: np.ndarray  # (kind, n, n) covariance of the means per unit of strength
    noise: ForceNoise  # how strong each kind is
    lines: np.ndarray  # (n, 4) level, tilt, drift and drag: N per N
    spread: np.ndarray  # (4,) N, their standard deviations; the level may be anything
    compliance: float  # m/N of the lever
    hold: float  # s, when the first hold begins
    touch: float  # m, tip position at which the force first shows
    top: float  # N, largest force above the baseline

    @property
    def covariance(self) -> np.ndarray:
        """(n, n) N^2, of the noise of the means, at the middling strength of every kind."""
        return self.drawn(np.exp(self.noise.mean))

    def drawn(self, strength: np.ndarray) -> np.ndarray:
        """(n, n) N^2, the covariance for this strength of every kind."""
        found = np.tensordot(strength, self.kinds, 1)
        return found + _JITTER * np.trace(found) / len(found) * np.eye(len(found))

    def steadied(self, force: np.ndarray) -> StepRecord:
        """The record as the tip moves under a ``force`` (n,) N without noise: of the measured force, what lies above it
        did not bend the lever."""
        calm = np.interp(self.samples.time, self.time, force)
        place = self.samples.tip_position - self.compliance * (self.samples.force - calm)
        samples = self.samples._replace(tip_position=place)
        return self._replace(samples=samples, tip_position=samples.means(place))


def record(time: Any, tip_position: Any, force: Any, hold: float, *, later: Sequence[tuple[float, bool]] = (),
           compliance: float = 0.0, noise: ForceNoise | None = None, points: int = 256) -> StepRecord:
    """Means of one curve, from its baseline to the end of its last hold.

    Args:
        time: (n,) s, ascending: approach, hold and what follows, one after the other, each at its own rate.
        tip_position: (n,) m, height + deflection, falling into the sample.
        force: (n,) N.
        hold: s, the time at which the first hold begins.
        later: of every further part of the curve the time at which it begins, s, and whether it is a hold.
        compliance: m/N, of the lever, through which the force's noise moves the tip position; 0: it does not.
        noise: of the force; by default white, as the scatter of the samples has it.
        points: means at most.

    Raises:
        ValueError: shapes, a hold that is not inside, too few samples, or no baseline before contact.
    """
    t, z, f = (np.asarray(a, float) for a in (time, tip_position, force))
    starts = np.searchsorted(t, [hold, *(start for start, _ in later)]) if t.ndim == 1 else np.zeros(1, int)
    ends = [0, *starts, len(t)]
    if not (t.shape == z.shape == f.shape and t.ndim == 1) or min(np.diff(ends)) < 4 or starts[0] < 2 * FEWEST:
        raise DataError(f"{t.shape}, {z.shape}, {f.shape} samples with a hold at {hold:g} s: give three arrays of "
                        f"one length, {2 * FEWEST} samples of an approach, and a hold that begins inside")
    white = _scatter(f)
    last, line = _baseline(f, int(starts[0]), white)
    top = float((f - line).max())
    edges = _edges(ends, [False, True, *(held for _, held in later)], last, points)
    count = np.diff([*edges, len(t)])
    height = z - compliance * f
    samples = Samples(z, f, edges, t, tuple(ends[:-1]))
    mean = [samples.means(a) for a in (t, z, f, height, np.gradient(height, t))]
    if noise is None:
        sums = np.arange(len(t) + 1.0)[None]
        noise = ForceNoise(sums, np.array([2 * np.log(white)]), np.zeros((1, 1)))
    kinds = _covariances(noise.sums, edges, count)
    before = edges + count <= max(_KEPT * last, edges[2])
    lines, spread = _lines(mean, before, np.tensordot(np.exp(noise.mean), kinds, 1), top)
    return StepRecord(samples, mean[0], mean[1], mean[2], kinds, noise, lines, spread, float(compliance), float(hold),
                      float(z[last]), top)


def free_samples(force: np.ndarray, stop: int) -> int:
    """How many of the ``stop`` samples of an approach lie before the force shows. Raises as `record`."""
    return _baseline(np.asarray(force, float), stop, _scatter(force))[0]


def _scatter(force: np.ndarray) -> float:
    """The standard deviation of the samples' noise from their second differences, robustly."""
    return max(float(1.4826 * np.median(np.abs(np.diff(force, 2))) / np.sqrt(6)), _EXACT * float(np.ptp(force)))


def _baseline(force: np.ndarray, stop: int, white: float) -> tuple[int, np.ndarray]:
    """The last sample of the approach before the force shows, and the line of what lies before, at all samples."""
    place, last = np.arange(len(force)), max(int(_BEGIN * stop), FEWEST)
    line, share = np.zeros(len(force)), 1.0
    for _ in range(3):
        own = slice(0, max(int(share * last), FEWEST))
        line, share = np.polyval(np.polyfit(place[own], force[own], 1), place), _KEPT
        rest = (force - line)[:stop]
        noise = max(float(rest[own].std()), white) / np.sqrt(_NINE)
        mean = np.convolve(rest, np.ones(_NINE) / _NINE, "same")
        felt = np.abs(mean) > max(_FELT * noise, _PART * float(np.ptp(force)))
        felt[: FEWEST] = False
        last = int(np.argmax(felt)) if felt.any() else stop
    if last < FEWEST or last >= stop - 4:
        raise DataError("the curve begins in contact, or does not reach the surface before its hold: its history is "
                        "not known. Record the approach from off the surface, with a baseline")
    if abs(line[stop - 1] - line[0]) > _STEEP * np.ptp(force):
        raise DataError("the curve begins in contact, or its baseline rises: its history is not known. Record the "
                        "approach from off the surface, or take the tilt off")
    return last, line


def _edges(ends: Sequence[int], held: Sequence[bool], last: int, points: int) -> np.ndarray:
    """The first sample of every mean: some of the baseline, even ones of the ramps, growing ones of the holds."""
    first = max(int(last - _BEFORE * (ends[1] - last)), FEWEST // 2)
    found = [np.linspace(0, first, _BASELINE, endpoint=False)]
    ramps, holds = held.count(False), held.count(True)
    for begin, end, holding in zip([first, *ends[1:-1]], ends[1:], held):
        if holding:
            number = min((points - _BASELINE - _RAMPS) // holds, end - begin)
            grown = np.maximum(np.geomspace(1, end - begin, number), np.arange(1, number + 1))
            found.append(begin + np.concatenate([[0.0], grown[:-1]]))
        else:
            found.append(np.linspace(begin, end, min(_RAMPS // ramps, end - begin), endpoint=False))
    return np.unique(np.concatenate(found).astype(int))


def _covariances(sums: np.ndarray, edges: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The covariance of the means for every kind of noise, (kind, n, n), as the module says."""
    ends = edges + count
    apart = [np.abs(one[None, :] - other[:, None]) for one, other in
             ((ends, edges), (edges, ends), (edges, edges), (ends, ends))]
    return np.array([own[apart[0]] + own[apart[1]] - own[apart[2]] - own[apart[3]] for own in sums]) / (
        2.0 * count[:, None] * count)


def _lines(means: Sequence[np.ndarray], before: np.ndarray, covariance: np.ndarray,
           top: float) -> tuple[np.ndarray, np.ndarray]:
    """Level, tilt, drift and drag, 0 at the end of the baseline but for the level, and how large they may be."""
    time, _, force, height, speed = means
    end = int(np.flatnonzero(before)[-1])
    over_time = (time - time[end]) / (time[end] - time[0])
    over_height = (height - height[end]) / (height[end] - height[0])
    moving = np.where(np.abs(speed) > _STANDS * np.abs(speed).max(), speed, 0.0)
    drag = moving / moving[end] if moving[end] else moving
    lines = np.column_stack([np.ones(len(time)), over_height, over_time, drag - drag[end]])
    both = np.column_stack([np.ones(len(time)), over_time])[before]
    factor = cho_factor(covariance[np.ix_(before, before)] + _JITTER * np.trace(covariance) / len(time)
                        * np.eye(int(before.sum())))
    known = np.linalg.inv(both.T @ cho_solve(factor, both))
    slope = float((known @ both.T @ cho_solve(factor, force[before]))[1])
    size = np.sqrt((slope**2 + known[1, 1]) / 2)
    return lines, np.array([np.inf, size, size, _DRAG * top])

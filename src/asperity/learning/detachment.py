r"""The pull-off force read off a retraction, without a contact model.

The baseline is a straight line through the samples that lie before the surface, seen from afar. Where the force of the
farthest ones changes unlike that of the approach over the same heights, only the first few begin the line; and where
these lie below the approach as well, the tip still hangs on the surface as the record ends: nothing can be read then.
A short and even baseline below that of the approach may be one: where no dip is seen the limit holds its depth, too.
Where means over parts of the baseline scatter about the line by more than the noise explains, or a force pushes before
the dip (a drift that stops, fringes), the uncertainty grows with them. The attraction is
read where the tip still holds on: by a parabola through neighboring samples, at its lowest place, or before a jump at
its end; a jump falls between two samples, so that half of what the force changes from one to the next is added. Where
neighboring samples differ from a parabola by more than the noise, the lowest of them is the pull-off. A sample or two
that differ from their neighbors on both sides, which agree, are a glitch and do not count.

The reading r is a linear function of the samples, parabola less line, so that its error follows from the learnt
spectrum of the noise, slow noise included: Student's distribution T of a known scale s. It is also the largest of many
places, and some noise is the largest anywhere: of M samples none exceeds r with the probability $e^{-N(r)}$ (Rice), so
that a reading of a pull-off p is distributed as

$$ \Pr(r' < r \mid p) = T\!\left(\frac{r - p}{s}\right) \left\langle e^{-N(r - u)} \right\rangle_u, \qquad
   N(r) = \frac{M}{2\pi} \sqrt{\frac{\lambda_2}{\lambda_0}}\; e^{-r^2 / 2 \lambda_0} $$

with the variances $\lambda_0$ of a reading along the baseline of its own curve and $\lambda_2$ of its change from one
sample to the next. What moves all places together, u, is no search: Student's variable as the reading, of the variance
that $\lambda_0$ leaves. The value is the p of which r is the median, the lower end of the interval the p that exceeds r
in 2.5 % of cases, and both are 0 where noise alone reaches as far: then the interval is an upper limit. Its upper end
leaves the search out, $r + t s$, and holds whatever the noise does elsewhere.

Source: Rice, Bell Syst. Tech. J. 24, 46 (1945), section 3.3.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, stdtrit

from asperity.learning.attachment import VISIBLE, is_sudden, release
from asperity.learning.batches import few_at_a_time
from asperity.learning.free_force import (
    CACHED,
    FELT,
    FEWEST,
    HALF,
    LONG,
    MIDDLE,
    NEAR,
    Baseline,
    before_surface,
    crooked,
    far_end,
    nine_counted,
    pushed,
    smoothed,
)
from asperity.learning.glitches import without_glitches
from asperity.learning.student import standard

__all__ = ["Detachment", "Reading", "Retraction", "plateau", "read_detachment", "unfolded"]

_FLAT = 3.0  # noise of nine samples, by which what lies around the lowest of them may differ and belong to it
_FLIGHT = 3  # samples that a jump may be caught in,
_FOLD = 6 / 35  # of the change of a root over a window, that a parabola through it misses at its start
_DEEPER = 2.0  # noise, by which a value further in must be lower than that at the jump,
_FALLS = 0.7  # and by which the next sample is lower in flight: half of what two samples differ by
_GLITCH = 6.0  # noise, by which a glitch differs from its neighbors
_ROUGH = 3.0  # noise, by which neighboring samples may differ from a parabola; what differs more is not smoothed away
_UPPER = 0.975  # the probability below the upper end of an interval of 95 %
_SHORT = 0.5  # of the samples, which a baseline that is below that of the approach has at least, to be one for sure
_CHANGES = 2.0  # noise, by which the end of a shorter one may change
_GROWS = 0.5  # of how far it is below the approach, by which the farther half changes where the tip hangs
_PLATEAU = 8  # equal end values in a row that mean a saturated detector,
_EQUAL = 1e-9  # of the largest force
_RESOLVED = 16  # samples of a dip that nine of them cannot smooth away

#: normal errors, and their weights in an average over one (Gauss-Hermite)
_ERRORS, _OFTEN = np.polynomial.hermite_e.hermegauss(32)
_OFTEN = _OFTEN / _OFTEN.sum()


class Retraction(IntEnum):
    """What a retraction tells of the pull-off, stored as CF ``flag_values`` / ``flag_meanings``."""

    read = 0
    not_recorded = 1
    ends_before_the_tip_is_off = 2
    cut_off_by_the_detector = 3
    without_a_baseline = 4


class Reading(NamedTuple):
    """What was read off each retraction, as a linear function of its samples."""

    force: np.ndarray  # (batch,) N, the attraction at its largest; NaN where there is no baseline to read it against
    weights: np.ndarray  # (batch, 3, sample) of the force, of its change from one sample to the next, of `most`
    most: np.ndarray  # (batch,) N, the lowest sample where a dip may be narrower than a parabola, else the same
    places: np.ndarray  # (batch,) samples among which the largest was looked for
    more: np.ndarray  # (batch,) N^2, what is added to the variance as the jump falls between two samples
    louder: np.ndarray  # (batch,) noise of this retraction over that which was stated, 1 at least
    along: np.ndarray  # (batch,) N, the noise of a reading along the baseline of its own curve
    state: np.ndarray  # (batch,) of `Retraction`


class Detachment(NamedTuple):
    """The pull-off of each curve, (batch,); NaN where there is no baseline to read it against."""

    force: np.ndarray  # N, a magnitude
    std: np.ndarray  # N, half the width of an interval of 68.27 % for a pull-off that is plain to see
    freedom: np.ndarray  # degrees of freedom of that
    low: np.ndarray  # N, the ends of the interval that holds 95 %; the lower one is 0 where
    high: np.ndarray  # N, the pull-off cannot be told from none
    state: np.ndarray  # of `Retraction`


def read_detachment(force: np.ndarray, counted: np.ndarray, noise: np.ndarray, correlation: np.ndarray,
                    approach: np.ndarray | None = None) -> Reading:
    """The largest attraction of every retraction, as a function of its samples.

    Args:
        force: (batch, sample) N, the farthest sample first, the deepest last.
        counted: (batch, sample) bool, samples that were recorded.
        noise: (batch,) N, standard deviation of the noise.
        correlation: (batch,) samples that count as one independent one.
        approach: (batch, sample) N, of `free_force`: the approach off the surface at the same heights; NaN: not known.
    """
    free = np.full(force.shape, np.nan) if approach is None else approach
    return few_at_a_time(_read, CACHED, force, counted, np.maximum(noise, 1e-300), np.maximum(correlation, 1.0), free)


def unfolded(reading: Reading, std: np.ndarray, freedom: np.ndarray) -> Detachment:
    """The pull-off and its interval, as the module says.

    Args:
        reading: what was read.
        std: (batch, 3) N, what the noise does to what the weights of the reading are of: half the width of an interval
            of 68.27 %.
        freedom: (batch, 3) degrees of freedom of Student's distribution of these errors.
    """
    known = freedom[:, 0]
    scale = np.maximum(std[:, 0] * reading.louder / standard(known), 1e-300)
    change = std[:, 1] * reading.louder / standard(freedom[:, 1])
    above = _searched(reading, scale, change, known)

    def of_reading(probability: float, above: np.ndarray | float) -> np.ndarray:
        """The pull-off of which so much of the readings lies below this one."""
        share = probability * np.exp(above)
        reach = stdtrit(known, np.minimum(share, 1 - 1e-9)) * scale
        reach = np.sign(reach) * np.sqrt(reach**2 + stdtrit(known, probability) ** 2 * reading.more)
        return np.where(share < 1, np.maximum(reading.force - reach, 0.0), 0.0)

    unknown = np.isnan(reading.force)
    high = np.maximum(of_reading(1 - _UPPER, 0.0), reading.most + std[:, 2] * reading.louder)
    std = np.sqrt((std[:, 0] * reading.louder) ** 2 + reading.more)
    force, std, known, low, high = (np.where(unknown, np.nan, one) for one in (
        of_reading(0.5, above), std, known, of_reading(_UPPER, above), high))
    return Detachment(force, std, known, low, high, reading.state)


def _searched(reading: Reading, scale: np.ndarray, change: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """How often noise alone is read as large, (batch,): minus the logarithm of the chance that it is not.

    ``scale`` and ``change``: N, of a reading, with ``freedom``, and of its change from one sample to the next.
    """
    along = np.minimum(reading.along, scale)
    half = stdtrit(freedom[:, None], np.minimum(ndtr(_ERRORS[_ERRORS > 0]), 1 - 1e-12))
    common = np.concatenate([-half[:, ::-1], half], axis=1) * np.sqrt(scale**2 - along**2)[:, None]
    away = np.maximum(reading.force[:, None] - common, 0.0) / reading.along[:, None]
    number = reading.places / (2 * np.pi) * np.minimum(change / along, np.pi)
    none = np.exp(-number[:, None] * np.exp(-(away**2) / 2)) @ _OFTEN
    return -np.log(np.maximum(none, 1e-300))


def _read(force: np.ndarray, counted: np.ndarray, noise: np.ndarray, correlation: np.ndarray,
          approach: np.ndarray) -> Reading:
    """As `read_detachment`, for curves that fit into the cache of a processor together."""
    number, index = counted.sum(axis=1), np.arange(force.shape[1])
    first = counted.argmax(axis=1)
    lowest, flat = plateau(-force, counted)
    force = without_glitches(np.where(counted, force, 0.0), counted, _GLITCH * noise)
    far = far_end(force - approach, counted, noise, correlation)
    whole, of_nine = nine_counted(counted), noise * np.sqrt(np.minimum((MIDDLE**2).sum() * correlation, 1.0))
    line, onset = before_surface(force, counted, first + far.begin, of_nine)
    own = _rms(force - line.values, line.use)
    louder = np.maximum(own / noise, 1.0)
    rest = np.where(counted, force - line.values, 0.0)
    near = counted & (index >= (first + (NEAR * (onset - first)).astype(int))[:, None])
    weights, more, resolved = _lowest(rest, counted, whole, near, (of_nine, noise * louder))
    deepest = np.where(near, rest, np.inf).argmin(axis=1)
    most = np.where(resolved[:, None], weights, -(index == deepest[:, None]).astype(float))
    more = more + pushed(rest, counted & (index < deepest[:, None] - LONG), of_nine) ** 2
    places = (near & whole & (smoothed(rest) < FELT * of_nine[:, None])).sum(axis=1)
    change = np.diff(weights, axis=1, prepend=0.0)
    cut = flat & (lowest - line.values.max(axis=1) > VISIBLE * noise)
    known = (line.number >= FEWEST) & (number - line.number > 2 * HALF) & weights.any(axis=1)
    unseen = (weights * rest).sum(axis=1) < VISIBLE * of_nine
    short = unseen & (line.number < _SHORT * number)
    hangs = (far.below > 0) & ((far.unlike > np.where(short, _CHANGES, FELT))
                               | (unseen & (far.half > _GROWS * far.below)))
    state = np.where(known, np.where(hangs, Retraction.ends_before_the_tip_is_off, np.where(
        cut, Retraction.cut_off_by_the_detector, Retraction.read)), Retraction.without_a_baseline)
    value, largest = (np.where(state == Retraction.read, (one * rest).sum(axis=1), np.nan) for one in (weights, most))
    louder = np.maximum(louder, crooked(rest, line, noise, correlation))
    largest = np.where(short, np.fmax(largest, far.below), largest)
    return Reading(value, np.stack([_above(weights, line), change, _above(most, line)], axis=1), largest, places, more,
                   louder, of_nine * louder, state.astype(np.int8))


def plateau(force: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest force of each curve, (batch,) N, and whether so many samples in a row are exactly equal to it.

    Args:
        force: (batch, sample) N, as recorded.
        counted: (batch, sample) bool.
    """
    size = np.max(np.abs(np.where(counted, force, 0.0)), axis=1, keepdims=True)
    top = np.max(np.where(counted, force, -np.inf), axis=1, keepdims=True)
    equal = counted & (np.abs(force - top) <= _EQUAL * size)
    flat = equal.sum(axis=1) >= min(_PLATEAU, equal.shape[1])
    runs = np.lib.stride_tricks.sliding_window_view(equal[flat], min(_PLATEAU, equal.shape[1]), axis=1)
    flat[flat] = np.any(np.all(runs, axis=2), axis=1)
    return top[:, 0], flat


def _above(weights: np.ndarray, line: Baseline) -> np.ndarray:
    """The weights of the samples in what `weights` are of the force above the line."""
    away = np.where(line.use, np.arange(weights.shape[1]) - line.middle[:, None], 0.0)
    turned = (weights * (np.arange(weights.shape[1]) - line.middle[:, None])).sum(axis=1, keepdims=True)
    square = np.maximum((away**2).sum(axis=1, keepdims=True), 1.0)
    level = line.use * weights.sum(axis=1, keepdims=True) / np.maximum(line.number, 1)[:, None]
    return weights - level - turned * away / square


def _rms(residual: np.ndarray, use: np.ndarray) -> np.ndarray:
    return np.sqrt(np.where(use, residual**2, 0.0).sum(axis=1) / np.maximum(use.sum(axis=1) - 2, 1))


def _lowest(rest: np.ndarray, counted: np.ndarray, whole: np.ndarray, near: np.ndarray,
            noise: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest attraction: weights of samples, (batch, sample), a variance, N^2, and whether the dip is resolved.

    ``noise``: of nine samples, and of one.
    """
    index, rows, (of_nine, of_one) = np.arange(rest.shape[1]), np.arange(len(rest)), noise
    depth, deepest, last_off, first_on = release(np.where(near, rest, np.inf), counted)
    visible = depth > 2 * VISIBLE * of_nine
    jumps = visible & is_sudden(last_off, first_on, counted.sum(axis=1))
    edge = np.where(jumps, _landed(rest, first_on, of_one), -1)
    inside = near & whole & (index >= edge[:, None] + HALF)
    smooth = np.where(inside, smoothed(rest), np.inf)
    middle = smooth.argmin(axis=1)
    flat = smooth < smooth[rows, middle][:, None] + _FLAT * of_nine[:, None]
    start = np.where(~flat & (index < middle[:, None]), index, -1).max(axis=1) + 1 - HALF
    end = np.where(~flat & (index > middle[:, None]), index, rest.shape[1]).min(axis=1) - 1 + HALF
    weights, rough, more = _vertex(rest, start, end, jumps & (start <= edge), noise)
    weights = np.where(np.isfinite(smooth[rows, middle])[:, None], weights, 0.0)
    at_edge = more > 0
    alone = visible & (rough > _ROUGH * of_one)  # what varies so is force, not noise
    weights = np.where(alone[:, None], (index == deepest[:, None]).astype(float), weights)
    resolved = at_edge | alone | (visible & (end - start >= _RESOLVED))
    return -weights, np.where(alone, 0.0, more), resolved


def _landed(rest: np.ndarray, first_on: np.ndarray, of_one: np.ndarray) -> np.ndarray:
    """The first sample behind a jump that was not caught in flight: from which the force falls no further."""
    places = np.minimum(first_on[:, None] + np.arange(_FLIGHT + 2), rest.shape[1] - 1)
    falls = -np.diff(np.take_along_axis(rest, places, axis=1), axis=1) > _FALLS * of_one[:, None]
    falls[:, -1] = False
    return first_on + falls.argmin(axis=1)


def _vertex(rest: np.ndarray, start: np.ndarray, end: np.ndarray, open_ended: np.ndarray,
            noise: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the parabola through the samples from ``start`` to ``end``: weights of its lowest value, misfit, a variance.

    Where the tip flies off at its start (``open_ended``), its lowest value is that half a sample before, unless one
    inside is lower by more than the ``noise`` (of nine samples, and of one) explains. There the variance holds that
    the tip held on for any part of a sample, and that force may fall by the root of the way, as where a lever turns
    unstable (a fold), of which a parabola misses some sixth. Elsewhere it is 0.
    """
    center, half = (start + end) / 2, np.maximum((end - start) / 2, float(HALF))
    at = np.maximum(start, 0)[:, None] + np.arange(max(1, int((end - np.maximum(start, 0)).max(initial=0)) + 1))
    index, rest, samples = at, np.take_along_axis(rest, np.minimum(at, rest.shape[1] - 1), axis=1), rest.shape[1]
    use = (index <= end[:, None]) & (index < samples)
    x = np.where(use, (index - center[:, None]) / half[:, None], 0.0)
    powers = np.stack([use.astype(float), x, x**2], axis=1)
    fitted = np.linalg.pinv(powers @ np.swapaxes(powers, 1, 2)) @ powers
    level, slope, bend = (fitted @ rest[:, :, None])[:, :, 0].T
    first = -1 - 0.5 / half
    vertex = np.where(bend > 0, -slope / (2 * np.where(bend > 0, bend, 1.0)), 0.0)
    inside, before = (np.stack([np.ones(len(at)), at, at**2], axis=1)
                      for at in (np.clip(vertex, np.where(open_ended, -1.0, -0.5), 0.5), first))
    deeper = ((before - inside) * np.stack([level, slope, bend], axis=1)).sum(axis=1)
    by_noise = np.linalg.norm(((before - inside)[:, None] @ fitted)[:, 0], axis=1) * noise[1]
    at_start = open_ended & (deeper < _DEEPER * by_noise)
    row = np.where(at_start[:, None], before, inside)
    left = rest - (np.stack([level, slope, bend], axis=1)[:, None] @ powers)[:, 0]
    rough = np.sqrt(np.where(use, left**2, 0.0).sum(axis=1) / np.maximum(use.sum(axis=1) - 3, 1))
    step, drop = (slope + 2 * bend * first) / half, slope * (1 - first) + bend * (1 - first**2)
    missed = _FOLD * np.minimum(np.abs(drop), _FLAT * noise[0])  # what changes by more is short, and steep all over
    more = np.maximum(np.maximum(step, 0.0) ** 2 / 12 + missed**2, 1e-300)
    weights = np.zeros((len(rest), samples))
    rows, columns = np.nonzero(use)
    weights[rows, at[rows, columns]] = (row[:, None] @ fitted)[rows, 0, columns]
    return weights, rough, np.where(at_start, more, 0.0)

"""What is wrong within a recorded motion: spikes and wrong cells, tops that are cut off, a stretch that stands still.

Each sample is predicted by those about it, and by those one period before and after, with weights that the record
itself tells (least squares). What a sample differs by from that, its residual, is noise; the impact of a tip makes
larger ones, but each period, and no single sample explains them. A sample is damaged where its residual stands far out
of the noise and where the samples about it agree with each other once it (or a few beside it) is left out: neither a
kink nor a step does that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import find_objects, label, maximum_filter1d, minimum_filter1d
from scipy.signal import detrend

__all__ = ["Damage", "cut_off", "damage_of", "dominant_period", "stands_still"]

_NEAR = 6  # samples on either side that tell one,
_SAME = 2  # and on either side of the same place one period before and after
_PERIODS = 8  # of a record, at least, for these
_ROWS = 8000  # from which the weights are found, at most
_OUT = 7.5  # standard deviations of the noise, by which a damaged sample is off at least
_LEFT = 4.5  # the same, of what may be left about it once it is left out,
_SHARE = 0.35  # and this share of the largest residual, over how many are left out
_APART = 0.5  # of the largest residual: others so large beside it are of one event, a step or a kink
_AGAIN = 0.35  # of it: one so large at the same place of other periods is part of the motion
_TOGETHER = 3  # damaged samples near each other that are left out at once, at most;
_FEATURES = 4  # other events (kinks, steps) of a record in which they may be right beside each other, at most
_PASSES = 8  # in which ever smaller ones are found
_MOST = 0.02  # of all samples, that a pass looks at, and that first weights do without
_FEWEST_TRIED = 24  # samples that a pass looks at, also of a very short record,
_MOST_TRIED = 4000  # and of a very long one
_AROUND = 60  # samples on either side, by which the noise there is told
_WILD = 1.5  # of the range, by which a sample that would spoil the weights is beyond it
_ROUGH = 12.0  # standard deviations from the cubic through four neighbors: the same
_NORMAL = 1.4826  # standard deviations in the median of sizes
_EXACT = 1e-9  # of the size of the signal: what is less is rounding
_ON_GRID = 0.01  # of a step, by which a value on a grid is off,
_SHARE_ON_GRID = 0.9  # of all, at least
_SEVERAL = 8  # damaged samples, at least, of which is asked whether they gather
_HARMONICS = 4  # of the dominant period, whether at one of these
_GATHERED = 2.6  # times the inverse root of their number their phases add up: by chance in one of 200 records
_FLAT = 3  # samples at an end value, at least, that make a flat top
_TOPS = 3  # flat tops, at least,
_HIGHER = 4.0  # steps of the resolution, by which they would have gone higher
_STILL = 8  # equal samples, at least, of a record that stands still
_MOVES = 5.0  # steps of the resolution, by which it moves at least in as many others


class Damage(NamedTuple):
    """Single samples, ascending."""

    at: Int[np.ndarray, " damaged"]
    seen: Float[np.ndarray, " damaged"]
    expected: Float[np.ndarray, " damaged"]  # what the others tell


class _Rule(NamedTuple):
    """What tells one sample: those at the lags from it, with weights and a constant."""

    lags: Int[np.ndarray, " lag"]
    weights: Float[np.ndarray, " lag"]
    constant: float
    noise: float  # what it leaves, standard deviation


class _Limits(NamedTuple):
    """Of what is left out at once."""

    period: int  # samples of the dominant period
    together: int  # samples, at most
    apart: int  # at least


def dominant_period(values: Float[np.ndarray, " sample"]) -> float:
    """Samples of the dominant period, a drift aside, by the place of the largest line between others."""
    spectrum = np.abs(np.fft.rfft(np.asarray(detrend(values), float) * np.hanning(len(values))))
    top = int(np.argmax(spectrum[1:-1])) + 1
    around = np.log(np.maximum(spectrum[top - 1 : top + 2], 1e-300))
    off = 0.5 * (around[0] - around[2]) / min(around[0] - 2 * around[1] + around[2], -1e-12)
    return len(values) / float(top + np.clip(off, -0.5, 0.5))


def damage_of(values: Float[np.ndarray, " sample"], *, adjacent: bool = True) -> Damage:
    """The samples that the others contradict.

    Args:
        values: at even times.
        adjacent: whether damaged samples may stand right beside each other; pulses of two or three samples, of a drive,
            would be some.
    """
    middle = float(np.median(values))
    scale = float(np.quantile(np.abs(values - middle), 0.9) or np.abs(values - middle).max())
    nothing = Damage(np.zeros(0, int), np.zeros(0), np.zeros(0))
    if not scale > 0:
        return nothing
    own = (np.asarray(values, float) - middle) / scale
    found, spoiled = own.copy(), _spoiling(own)
    period = round(dominant_period(np.clip(own, *np.quantile(own, [0.01, 0.99]))))
    floor = max(_resolution(own) / 2, _EXACT)
    limits = _Limits(period, 1, 1)
    for _ in range(_PASSES):
        rules = _rules(found, period, spoiled, floor)
        if not rules:
            return nothing
        before = found.copy()
        others = max(_mend(found, some, limits) for some in (rules, rules[1:])[: len(rules) - 2])
        if np.array_equal(before, found):
            if limits.together > 1:
                break
            limits = _Limits(period, _TOGETHER, 1 if adjacent and others <= _FEATURES else 2)
        spoiled |= found != own
    at = np.flatnonzero(found != own)
    if _gathered(at, dominant_period(found)):
        return nothing
    return Damage(at, np.asarray(values, float)[at], found[at] * scale + middle)


def _gathered(at: np.ndarray, period: float) -> bool:
    """Whether samples gather at some places of the dominant period: then they are part of the motion."""
    if len(at) < _SEVERAL:
        return False
    turns = np.arange(1, _HARMONICS + 1)[:, None] / period
    return bool(np.abs(np.exp(2j * np.pi * turns * at).mean(axis=1)).max() > _GATHERED / np.sqrt(len(at)))


def _resolution(values: np.ndarray) -> float:
    """The step of a grid that most values lie on, 0 where there is none."""
    steps = np.diff(np.unique(values))
    steps = steps[steps > _EXACT]
    if not len(steps):
        return 0.0
    step = float(np.quantile(steps, 0.25, method="lower"))
    places = (values - np.median(values)) / step
    return step if np.mean(np.abs(places - np.round(places)) < _ON_GRID) > _SHARE_ON_GRID else 0.0


def _spoiling(values: np.ndarray) -> Bool[np.ndarray, " sample"]:
    """Samples that are far from the cubic through four neighbors, or beyond the range: first weights do without."""
    off = np.zeros(len(values))
    off[2:-2] = np.abs(values[2:-2] - (4 * (values[1:-3] + values[3:-1]) - values[:-4] - values[4:]) / 6)
    low, high = np.quantile(values, [0.02, 0.98])
    wide = _WILD * (high - low)
    rough = off > max(_ROUGH * _NORMAL * float(np.median(off)), float(np.quantile(off, 1 - _MOST)))
    return rough | (values < low - wide) | (values > high + wide)


def _rules(values: np.ndarray, period: int, without: np.ndarray, floor: float) -> list[_Rule]:
    """Rules by both sides and other periods, by both sides, by what comes after, by what was before; none: too few."""
    both = [lag for lag in range(-_NEAR, _NEAR + 1) if lag]
    after = np.arange(1, 2 * _NEAR + 1)
    far = [side * period + lag for side in (-1, 1) for lag in range(-_SAME, _SAME + 1)]
    told = period > _NEAR + _SAME and _PERIODS * period < len(values)
    rules = [_rule(values, np.array(lags), without, floor) for lags in (both + far * told, both, after, -after)]
    return [rule for rule in rules if rule is not None] if all(rules[1:]) else []


def _rule(values: np.ndarray, lags: np.ndarray, without: np.ndarray, floor: float) -> _Rule | None:
    """Weights by least squares over samples that touch none of those to do without; None where they are too few."""
    rows = np.arange(*_reach(lags, len(values)))
    for lag in (0, *lags):
        rows = rows[~without[rows + lag]]
    if len(rows) < 3 * len(lags):
        return None
    rows = rows[:: -(-len(rows) // _ROWS)]
    columns = np.stack([*(values[rows + lag] for lag in lags), np.ones(len(rows))], axis=1)
    found = np.linalg.lstsq(columns, values[rows], rcond=1e-11)[0]
    left = float(np.median(np.abs(values[rows] - columns @ found)))
    return _Rule(lags, found[:-1], float(found[-1]), max(_NORMAL * left, floor))


def _reach(lags: np.ndarray, count: int) -> tuple[int, int]:
    """The first sample of so many that has all its lags, and the one behind the last."""
    return max(0, -int(lags.min())), count - max(0, int(lags.max()))


def _residual(values: np.ndarray, rules: list[_Rule], at: np.ndarray) -> np.ndarray:
    """What samples differ by from the first rule that reaches them, over its noise."""
    left = np.full(len(at), np.nan)
    for rule in rules:
        first, end = _reach(rule.lags, len(values))
        here = np.flatnonzero(np.isnan(left) & (at >= first) & (at < end))
        places = at[here]
        told = np.full(len(places), rule.constant)
        for lag, weight in zip(rule.lags, rule.weights, strict=True):
            told += weight * values[places + lag]
        left[here] = (values[places] - told) / rule.noise
    return left


def _mend(values: np.ndarray, rules: list[_Rule], limits: _Limits) -> int:
    """Put what the others tell in place of damaged samples, the largest residual first; how many events are none."""
    left = np.abs(_residual(values, rules, np.arange(len(values))))
    most = int(np.clip(_MOST * len(values), _FEWEST_TRIED, _MOST_TRIED))
    seen, tried, others = np.zeros(len(values), bool), 0, 0
    for at in np.argsort(-left)[: np.count_nonzero(left > _OUT)]:
        if seen[at] or tried == most:
            continue
        noise = max(1.0, _NORMAL * float(np.median(left[max(at - _AROUND, 0) : at + _AROUND])))
        others += not _mend_one(values, rules, int(at), limits, noise)
        seen[max(at - _NEAR, 0) : at + _NEAR + 1] = True
        tried += 1
    return others


def _mend_one(values: np.ndarray, rules: list[_Rule], at: int, limits: _Limits, noise: float) -> bool:
    """Put what the others tell in place of one sample and of a few about it; False where the rest does not agree then.

    ``noise``: that about it, over that of the rules.
    """
    near = np.arange(max(at - 2 * _NEAR, 0), min(at + 2 * _NEAR + 1, len(values)))
    left = _residual(values, rules, near)
    push = np.stack([_pushed(rules, near, int(one), len(values)) for one in near], axis=1)
    out, rest, change = _left_out(left, push, (int(np.flatnonzero(near == at)[0]), limits.together), _LEFT * noise)
    if np.diff(np.sort(out)).min(initial=len(near)) < limits.apart:
        return False
    touched = np.abs(push[:, out]).max(axis=1) > 0
    top = np.abs(left[touched]).max()
    if np.abs(rest[touched]).max() > min(_LEFT * noise, _SHARE / len(out) * top):
        return False
    if np.abs(change).min() < _OUT * noise * rules[0].noise or np.abs(left[~touched]).max(initial=0.0) > _APART * top:
        return False
    before = values[near[out]].copy()
    values[near[out]] += change
    if _again(values, rules, at, limits.period) > _AGAIN * top:
        values[near[out]] = before
        return False
    return True


def _again(values: np.ndarray, rules: list[_Rule], at: int, period: int) -> float:
    """The second largest residual at the same place of the four periods about, the largest near an end."""
    same = [at + turn * period + np.arange(-_SAME, _SAME + 1) for turn in (-2, -1, 1, 2)]
    same = [one[(one >= 0) & (one < len(values))] for one in same]
    found = np.sort([np.abs(_residual(values, rules, one)).max() for one in same if len(one)])
    return float(found[-2] if len(found) == len(same) else found[-1] if len(found) else 0.0)


def _left_out(left: np.ndarray, push: np.ndarray, first: tuple[int, int], enough: float
              ) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Samples to leave out, what is then left of the residuals, and by how much these samples change.

    ``first``: the one to begin with, and how many at most; of the others that which tells most of what is left.
    """
    out, most = [first[0]], first[1]
    while True:
        change = np.linalg.lstsq(push[:, out], -left, rcond=None)[0]
        rest = left + push[:, out] @ change
        rest_here = np.where(np.abs(push[:, out]).max(axis=1) > 0, rest, 0.0)
        if len(out) == most or np.abs(rest_here).max() < enough:
            return out, rest, change
        told = np.abs(push.T @ rest_here) / np.linalg.norm(push, axis=0)
        told[out] = 0.0
        out.append(int(np.argmax(told)))


def _pushed(rules: list[_Rule], near: np.ndarray, at: int, count: int) -> np.ndarray:
    """By how much the residuals ``near`` change with the sample ``at`` of so many, for each unit of it."""
    push, lag = np.zeros(len(near)), at - near
    for rule in reversed(rules):
        first, end = _reach(rule.lags, count)
        own = 1.0 * (lag == 0) - (lag[:, None] == rule.lags) @ rule.weights
        push = np.where((near >= first) & (near < end), own / rule.noise, push)
    return push


def cut_off(values: Float[np.ndarray, " sample"]) -> tuple[int, int, float] | None:
    """First and last sample of the first of the tops that are cut off at one value, and that value; None: none is.

    The parabola that continues both sides of a flat top would have gone higher, at most of three tops or more.
    """
    step = _step(values)
    for sign in (1.0, -1.0):
        own = sign * np.asarray(values, float)
        tops = [(first, last) for first, last in _runs(own == own.max())
                if last - first + 1 >= _FLAT and first >= _SAME and last + _SAME < len(own)]
        if len(tops) >= _TOPS and np.median([_higher(own, *one) for one in tops]) > _HIGHER * step:
            return *tops[0], float(values[tops[0][0]])
    return None


def _step(values: np.ndarray) -> float:
    """The resolution, and rounding at least, in the unit of the values."""
    size = float(np.abs(values).max())
    return max(_resolution(values / size), _EXACT) * size


def _higher(values: np.ndarray, first: int, last: int) -> float:
    """By how much the parabola with the slopes beside a flat top is above it."""
    slope = (values[first - 1] - values[first - 2] + values[last + 1] - values[last + 2]) / 2
    half = (last - first) / 2 + 1
    beside = (values[first - 1] + values[last + 1]) / 2
    return float(beside + slope * half / 2 - values[first])


def _runs(inside: np.ndarray) -> list[tuple[int, int]]:
    """First and last sample of each run of True."""
    return [(one.start, one.stop - 1) for (one,) in find_objects(label(inside)[0])]  # pyright: ignore


def stands_still(values: Float[np.ndarray, " sample"]) -> tuple[int, int] | None:
    """First and last sample of the longest stretch of one value, if the record moves in all others of its length.

    A motion that begins later is none.
    """
    same = _runs(np.diff(values) == 0)
    same = [(first, last + 1) for first, last in same if first > 0]
    if not same:
        return None
    first, last = max(same, key=lambda one: one[1] - one[0])
    count = last - first + 1
    if count < _STILL or 4 * count > len(values):
        return None
    moves = (maximum_filter1d(values, count) - minimum_filter1d(values, count))[count // 2 : len(values) - count // 2]
    moves = np.delete(moves, np.arange(max(first - count, 0), min(last + 1, len(moves))))
    return (first, last) if moves.min(initial=np.inf) > _MOVES * _step(values) else None

r"""How wrong a modulus may be because the contact model is not quite true.

The elastic force g of a fitted model is multiplied by a smooth factor that leaves it as it is at vanishing depth,

$$F = b_0 + b_1 x + g(\delta)\,\Big[c + \sum_{m=1}^3 d_m v^m\Big], \qquad v = \sqrt{\delta/\delta_\mathrm{max}},$$

in powers of the radius of contact: a thin layer, strains that are large, a tip that is no paraboloid, a sample that
stiffens, a detector that is not linear, all show as such a factor. c is then the modulus at vanishing depth over the
one that was fitted. The d are those of the session with a scatter of each curve, $d_i = \bar d + \alpha_i$,
$\bar d \sim N(0, s^2 L)$, $\alpha_i \sim N(0, r^2 s^2 L)$, L = diag(1, 1/4, 1/16); s and r are found by their
likelihood on a grid, with even odds before for s = 0. What three smooth columns cannot follow is taken for noise of the
curve. The error of the plain fit is then known by its mean square about the plain value,

$$u^2 = \mathrm E\,(c - 1)^2 - u_\mathrm{noise}^2 .$$

It is common to the curves of a session and does not average out. Few curves cannot be tested: with noise of a 60th of
the force, one curve alone shows a stiffening by 30 % in one of seven cases.

Source: Kennedy, O'Hagan, J. R. Stat. Soc. B 63, 425 (2001) (discrepancy as a random function); Brynjarsdottir, O'Hagan,
Inverse Problems 30, 114007 (2014) (why its form must be stated).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from scipy.fft import dct

from asperity.learning.curve_blocks import BLOCKS, Blocks
from asperity.learning.uncertainty import block_covariance

__all__ = ["FEWEST", "SEEN", "UNTESTED", "VAGUE", "Departure", "Discrepancy", "discrepancy"]

#: curves of a session, with fewer of which nothing is said
FEWEST = 8
#: probability that the model holds, from which down a departure counts as seen
SEEN = 0.1
#: of the modulus, from which its model part is words and no digits: "within a factor of two"
VAGUE = 0.5
_VISIBLE = 3.3  # standard deviations of its size: a false alarm of 1 % misses one of six there
_MOST = 32  # curves of a session that are looked at, evenly spread
_POWERS = 3  # of the radius of contact
_SHAPE = np.array([1.0, 1 / 4, 1 / 16])  # variances of the powers' amplitudes, relative
_SIZES = np.concatenate([[1e-4], np.geomspace(0.01, 1.0, 10)])  # s; a modulus that changes its sign is no model
_SCATTERS = (0.03, 0.3, 1.0)  # r
_GRID = np.array([(s, r) for s in _SIZES for r in _SCATTERS])
_NONE = 0.5  # probability of s = 0 before anything is seen
_OUTER = 4  # times that the amplitudes' prior is found anew and the contact points move with it
_INNER = 6  # steps of Gauss and Newton each
_MOVE = 0.2  # of the depth, that the contact point moves at most in a step
_SETTLED = 1e-6  # of the depth
_NEAR = 0.02  # of the largest radius of contact, below which the powers' slopes are cut off
_FAR = 0.5  # of the depth, before contact, from which on what is not smooth is looked for
_ORDERS = 24  # of the residual there, that show it
_UNUSUAL = 4.0  # standard deviations, by which their power must exceed the noise's
_FIRST = 0.01  # variance of an amplitude before anything is known,
_STEEPEST = 6.0  # exponent of the power law beyond the deepest sample
_LEAST = 1e-8  # and the least one
_JITTER = 1e-12  # of the mean diagonal, that makes matrices regular
_BLUR = 0.02  # of the depth: with more noise of the tip position, the plain fit is off by what is looked for


class Departure(IntEnum):
    """What the factor of a session looks most like, stored as CF ``flag_values`` / ``flag_meanings``."""

    none_seen = 0
    not_tested = 1
    like_a_thin_layer_on_a_stiff_support = 2
    like_a_sample_that_stiffens_with_depth = 3
    like_a_more_conical_tip = 4
    like_a_softer_surface = 5
    like_a_stiffer_surface_or_a_force_before_contact = 6
    like_large_strain_or_a_blunter_tip = 7
    like_a_detector_that_is_not_linear = 8


class Discrepancy(NamedTuple):
    """What the curves of a session show together of their model, numbers relative to the modulus of the plain fit.

    Of several sessions, arrays (curve,).
    """

    std: Any  # the model's part of the standard uncertainty of a modulus; NaN: not tested
    chance: Any  # probability that the model holds, even odds before; NaN: not tested
    at_contact: Any  # the modulus at vanishing depth, of the middling curve
    unseen: Any  # what a layer on a stiff support changes the modulus by, with less of which it hardly shows
    departure: Any  # `Departure`, the nearest kind,
    second: Any  # and the next where these curves do not tell the two apart, else ``none_seen``


#: where there are too few curves
UNTESTED = Discrepancy(np.nan, np.nan, np.nan, np.nan, Departure.not_tested, Departure.none_seen)
#: the factor of each kind, less 1, over v = radius of contact over the largest: the shape alone
_SHAPES = {
    Departure.like_a_thin_layer_on_a_stiff_support: lambda v: 0.57 * v + 0.32 * v**2 + 0.1 * v**3,
    Departure.like_a_sample_that_stiffens_with_depth: lambda v: v**2,
    Departure.like_a_softer_surface: lambda v: 1 - np.exp(-((v / 0.4) ** 2)),
    Departure.like_a_stiffer_surface_or_a_force_before_contact: lambda v: np.exp(-((v / 0.4) ** 2)) - 1,
    Departure.like_large_strain_or_a_blunter_tip: lambda v: -(v**2),
    Departure.like_a_detector_that_is_not_linear: lambda v: -(v**6),
}
_RISING = (Departure.like_a_thin_layer_on_a_stiff_support, Departure.like_a_sample_that_stiffens_with_depth)
_ALIKE = 3.84  # of chi-square, between kinds: the 95 % quantile of one degree of freedom
_CONICAL = 0.3  # of the fitted modulus, at vanishing depth: with less, a rising factor is one that begins at nothing


class _Prepared(NamedTuple):
    """A curve that is tested."""

    blocks: Blocks
    white: np.ndarray  # (block, block) what makes its noise white, of unit variance
    law: Any  # indentation -> elastic force, and its derivative


class _State(NamedTuple):
    """Parameters of one curve: those of `Blocks.others`, c, d_1..3 and how much earlier contact begins."""

    values: np.ndarray  # (p,)
    matrix: np.ndarray  # (p, p) normal equations without a prior, linear about the values,
    right: np.ndarray  # (p,)
    rough: float  # by which the noise must be larger for what is left to be noise


class _Whole(NamedTuple):
    """The grid of s and r: probabilities, and the session's amplitudes at each place."""

    weight: np.ndarray  # (place,)
    mean: np.ndarray  # (place, power)
    covariance: np.ndarray  # (place, power, power)


def discrepancy(curves: Sequence[Blocks | None], spectra: np.ndarray, length: int) -> Discrepancy:
    """What the fitted curves of one session show of their model.

    Args:
        curves: from `asperity.learning.curve_blocks.blocks_of`; those that are None do not count.
        spectra: (curve, knot) ln S (N^2) of each curve's noise before contact, at the knots of windows of ``length``.
        length: samples.
    """
    known = [i for i, curve in enumerate(curves) if curve is not None]
    chosen = [known[i] for i in np.unique(np.linspace(0, len(known) - 1, _MOST).astype(int))] if known else []
    seen = [one for i in chosen if (one := _prepared(curves[i], spectra[i], length)) is not None]
    mean, variance = np.zeros(_POWERS), _FIRST * _SHAPE
    tried = [(one, _improved(one, _State(_plain(one.blocks), np.zeros(0), np.zeros(0), 1.0), mean, variance))
             for one in seen]
    seen, states = zip(*good) if (good := [pair for pair in tried if np.isfinite(pair[1].matrix).all()]) else ((), ())
    if len(seen) < FEWEST:
        return UNTESTED
    whole = _likelihoods(*_equations(states))
    for _ in range(_OUTER - 1):
        best = int(whole.weight.argmax())
        states, whole = _step(seen, states, whole.mean[best], np.maximum(_GRID[best].prod() ** 2 * _SHAPE, _LEAST))
    effects = np.array([np.concatenate([one.blocks.effect, [1.0], np.zeros(_POWERS + 1)]) for one in seen])
    return _summed(*_equations(states), effects, whole)


def _step(seen: Sequence[_Prepared], states: Sequence[_State], mean: np.ndarray,
          variance: np.ndarray) -> tuple[list[_State], _Whole]:
    """Every curve with this prior of its amplitudes, and what all of them say of s and r then."""
    new = [_improved(one, state, mean, variance) for one, state in zip(seen, states)]
    return new, _likelihoods(*_equations(new))


def _equations(states: Sequence[_State]) -> tuple[np.ndarray, np.ndarray]:
    """The normal equations of every curve with its rough part as noise, (curve, p, p) and (curve, p)."""
    rough = np.array([state.rough for state in states])
    return (np.array([state.matrix for state in states]) / rough[:, None, None],
            np.array([state.right for state in states]) / rough[:, None])


def _plain(curve: Blocks) -> np.ndarray:
    """The parameters of the plain fit."""
    return np.concatenate([np.zeros(len(curve.effect)), [1.0], np.zeros(_POWERS + 1)])


def _prepared(curve: Blocks | None, spectrum: np.ndarray, length: int) -> _Prepared | None:
    """A curve with what makes the noise of its blocks white; None where it cannot be tested."""
    from scipy.linalg import LinAlgError, cholesky, solve_triangular, toeplitz

    if curve is None:
        return None
    if not np.isfinite(spectrum).all():
        return None
    lags = np.exp(spectrum) @ block_covariance(length, curve.width, BLOCKS) / curve.force_scale**2
    place = curve.place - curve.place[0]
    covariance = toeplitz(lags)[np.ix_(place, place)] + np.diag(lags[0] * (1 / np.minimum(curve.share, 1.0) - 1))
    single = np.sqrt(np.exp(spectrum[-4:]).mean())  # the noise of a sample, N, its fast part
    if single * curve.lever > _BLUR * curve.depth:
        return None
    try:
        lower = cholesky(covariance, lower=True)
    except LinAlgError:
        return None
    white = solve_triangular(lower, np.eye(len(lower)), lower=True) / curve.gain
    return _Prepared(curve, white, _law(curve))


def _law(curve: Blocks) -> Any:
    """The elastic force and its derivative as functions of the indentation: cubics, a power law beyond the deepest."""
    inside = np.flatnonzero(curve.elastic != 0)
    order = inside[np.argsort(curve.indentation[inside], kind="stable")]
    order = order[np.concatenate([[True], np.diff(curve.indentation[order]) > 1e-9])]
    x, y, slope = curve.indentation[order], curve.elastic[order], curve.slope[order]
    if not curve.bound and x[0] > 0:
        x, y, slope = (np.concatenate([[0.0], a]) for a in (x, y, slope))
    cubic = _hermite(x, y, slope)
    exponent = float(np.clip(slope[-1] * x[-1] / y[-1], 0.0, _STEEPEST))

    def law(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        within = np.clip(at, x[0], x[-1])
        beyond = np.maximum(at / x[-1], 1.0)
        value, rise = cubic(within)
        value = value * beyond**exponent
        rise = np.where(at > x[-1], exponent * value / np.maximum(at, x[-1]), rise)
        return value, np.where(at < x[0], 0.0, rise)

    return law


def _hermite(x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> Any:
    """The cubics between places ``x`` with these values and slopes: a function that gives value and derivative.

    SciPy has it, too; to load what surrounds it there takes a quarter of a second.
    """
    wide = np.diff(x)
    mean = np.diff(y) / wide
    bend = (slope[:-1] + slope[1:] - 2 * mean) / wide
    squared, cubed = (mean - slope[:-1]) / wide - bend, bend / wide

    def at(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        i = np.clip(np.searchsorted(x, places, "right") - 1, 0, len(wide) - 1)
        way = places - x[i]
        return (y[i] + slope[i] * way + squared[i] * way**2 + cubed[i] * (way * way * way),
                slope[i] + 2 * squared[i] * way + 3 * (cubed[i] * way**2))

    return at


def _improved(one: _Prepared, state: _State, mean: np.ndarray, variance: np.ndarray) -> _State:
    """Steps of Gauss and Newton with a prior of the amplitudes."""
    white, values, others = one.white, state.values.copy(), len(one.blocks.effect)
    powers = slice(others + 1, others + 1 + _POWERS)
    prior = np.zeros(len(values))
    prior[powers] = state.rough / variance
    pull = np.zeros(len(values))
    pull[powers] = prior[powers] * mean
    for _ in range(_INNER):
        columns, rest = _linear(one, values)
        columns, target = white @ columns, white @ (rest + columns @ values)
        matrix, right = columns.T @ columns, columns.T @ target
        whole = matrix + np.diag(prior)
        new = np.linalg.solve(whole + _JITTER * np.trace(whole) * np.eye(len(whole)), right + pull)
        step = float(np.clip(new[-1] - values[-1], -_MOVE, _MOVE))
        new[-1] = values[-1] + step
        values = new
        if abs(step) < _SETTLED:
            break
    columns, rest = _linear(one, values)
    columns, target = white @ columns, white @ (rest + columns @ values)
    return _State(values, columns.T @ columns, columns.T @ target, _rough(one.blocks, target - columns @ values))


def _linear(one: _Prepared, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns of all parameters at their ``values``, (block, p), and what is left of the force there."""
    curve, others = one.blocks, len(one.blocks.effect)
    moved = curve.indentation + values[-1]
    felt = (curve.elastic != 0) | (not curve.bound)
    value, slope = (np.where(felt, part, 0.0) for part in one.law(moved))
    v = np.sqrt(np.maximum(moved, 0.0))
    power = np.arange(1, _POWERS + 1)
    grown = v[:, None] ** power
    growth = np.where(v[:, None] > _NEAR, power / 2 * np.maximum(v, _NEAR)[:, None] ** (power - 2.0), 0.0)
    c, d = values[others], values[others + 1 : others + 1 + _POWERS]
    along = slope * (c + grown @ d) + value * (growth @ d)
    columns = np.concatenate([curve.others, value[:, None], value[:, None] * grown, along[:, None]], axis=1)
    force = curve.others @ values[:others] + value * (c + grown @ d)
    return columns, curve.residual + curve.elastic - force


def _rough(curve: Blocks, left: np.ndarray) -> float:
    """The power of the first orders of what is left about the contact over that of white noise; 1 if that may be."""
    about = left[curve.indentation > -_FAR]
    orders = min(_ORDERS, len(about))
    free = max(orders - _POWERS - 2, 1)
    power = float(np.square(np.asarray(dct(about, norm="ortho"))[:orders]).sum() / free)
    return power if power > 1 + _UNUSUAL * np.sqrt(2 / free) else 1.0


def _columns(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of the amplitudes d among so many parameters, and those of all others."""
    own = np.arange(size - 1 - _POWERS, size - 1)
    return own, np.setdiff1d(np.arange(size), own)


def _of_amplitudes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What an amplitude does to the other parameters of a fit without it, and what each curve shows of the amplitudes.

    (curve, other, power), and (curve, power, power) the information with all others free.
    """
    own, rest = _columns(matrix.shape[1])
    inner = matrix[:, rest][:, :, rest]
    inner = inner + _JITTER * np.trace(inner, axis1=1, axis2=2)[:, None, None] * np.eye(len(rest))
    share = np.linalg.solve(inner, matrix[:, rest][:, :, own])
    known = matrix[:, own][:, :, own] - np.swapaxes(matrix[:, rest][:, :, own], 1, 2) @ share
    return share, known + 1e-9 * np.trace(known, axis1=1, axis2=2)[:, None, None] * np.eye(_POWERS)


def _unseen(matrix: np.ndarray) -> float:
    """The change of the modulus by the thickest layer that the best test, of its very shape, begins to see.

    Of a layer far thicker than the contact is wide, the radius of contact to first order: the first power alone.
    """
    share, known = _of_amplitudes(matrix)
    return float(_VISIBLE / np.sqrt(known[:, 0, 0].sum()) * np.median(np.abs(share[:, -2, 0])))


def _likelihoods(matrix: np.ndarray, right: np.ndarray) -> _Whole:
    """How likely each place of the grid is, and the session's amplitudes there, given those of all curves."""
    share, known = _of_amplitudes(matrix)
    own, rest = _columns(matrix.shape[1])
    seen = right[:, own] - np.einsum("nij,ni->nj", share, right[:, rest])
    weight, means, covariances = [], [], []
    for s, r in _GRID:
        whole = known + (r * s) ** 2 * known @ (_SHAPE[:, None] * known)
        passed = np.swapaxes(np.linalg.solve(whole, known), 1, 2)
        pull, information = np.einsum("nij,nj->i", passed, seen), (passed @ known).sum(axis=0)
        own_part = -0.5 * (np.linalg.slogdet(whole)[1]
                           + np.einsum("ni,ni->n", seen, np.linalg.solve(whole, seen[..., None])[..., 0])).sum()
        covariance = np.linalg.inv(information + np.diag(1 / (s**2 * _SHAPE)))
        mean = covariance @ pull
        before = _NONE if s == _SIZES[0] else (1 - _NONE) / (len(_SIZES) - 1)
        weight.append(own_part + pull @ mean / 2 + np.log(before)
                      - np.linalg.slogdet(np.eye(_POWERS) + s**2 * _SHAPE[:, None] * information)[1] / 2)
        means.append(mean)
        covariances.append(covariance)
    weight = np.exp(np.array(weight) - max(weight))
    return _Whole(weight / weight.sum(), np.array(means), np.array(covariances))


def _summed(matrix: np.ndarray, right: np.ndarray, effects: np.ndarray, whole: _Whole) -> Discrepancy:
    """The session's discrepancy from the posterior of every curve's modulus at vanishing depth; 0 where none is seen.

    What is not smooth is no part of it: a residual that is no noise is flagged.
    """
    size = matrix.shape[1]
    own, rest = _columns(size)
    jitter = _JITTER * np.trace(matrix, axis1=1, axis2=2)[:, None, None]
    plain = np.linalg.inv(matrix[:, rest][:, :, rest] + jitter * np.eye(len(rest)))
    noise = np.einsum("ni,nij,nj->n", effects[:, rest], plain, effects[:, rest])
    total, middle = np.zeros(len(matrix)), np.zeros(len(matrix))
    for (s, r), weight, mean, covariance in zip(_GRID, whole.weight, whole.mean, whole.covariance):
        precision = 1 / np.maximum((r * s) ** 2 * _SHAPE, 1e-12)
        inner = matrix + jitter * np.eye(size)
        inner[:, own, own] += precision
        row = np.linalg.solve(inner, effects[..., None])[..., 0]
        through = row[:, own] * precision
        value = (row * right).sum(axis=1) + through @ mean
        spread = (row * effects).sum(axis=1) + np.einsum("ni,ij,nj->n", through, covariance, through)
        total += weight * (spread + (value - 1) ** 2)
        middle += weight * value
    chance = float(whole.weight[_GRID[:, 0] == _SIZES[0]].sum())
    square = np.mean(np.maximum(total - noise, 0.0)) if chance <= SEEN else 0.0
    at_contact = float(np.median(middle))
    kinds = _likeness(whole, at_contact) if chance <= SEEN else (Departure.none_seen, Departure.none_seen)
    return Discrepancy(float(np.sqrt(square)), chance, at_contact, _unseen(matrix), *kinds)


def _likeness(whole: _Whole, at_contact: float) -> tuple[Departure, Departure]:
    """The kinds whose shapes, at their best size, are nearest to the session's factor in units of its uncertainty.

    The second is ``none_seen`` where its chi-square is larger by what one free size would explain in 5 % of cases.
    """
    best = int(whole.weight.argmax())
    seen, information = whole.mean[best], np.linalg.inv(whole.covariance[best])
    v = np.linspace(0.05, 1.0, 60)
    powers, felt = v[:, None] ** np.arange(1, _POWERS + 1), v**3  # by the force of a paraboloid
    found = {}
    for kind, shape in _SHAPES.items():
        like = np.linalg.lstsq(powers * felt[:, None], shape(v) * felt, rcond=None)[0]
        size = max(like @ information @ seen / (like @ information @ like), 0.0)
        found[kind] = (seen - size * like) @ information @ (seen - size * like)
    first, second = sorted(found, key=lambda one: found[one])[:2]
    alike = found[second] - found[first] < _ALIKE
    if first in _RISING and at_contact < _CONICAL:
        return Departure.like_a_more_conical_tip, Departure.none_seen
    return first, second if alike else Departure.none_seen

r"""Deflections, the law of the force and the constants of the lever together: the most probable, and their covariance.

The unknowns are the states $s_j$ at the nodes of a grid finer than the samples, the coefficients c of the force's
spline, and small departures $\theta$ of the lever's constants. With the rule of `asperity.dynamics.lever_motion`,

$$J = \sum_n \frac{|y_n - o - H s_n|^2}{\sigma^2}
      + \sum_j |s_{j+1} - \Phi s_j - p_j(s_j, s_{j+1}, c, \theta)|^2_{W^{-1}} + \lambda |B c|^2 + |\theta|^2_{P^{-1}}$$

is minimized by Gauss-Newton steps. W is the covariance of what thermal noise adds in one step, of a force with the
spectral density of the lever's damping, $\sigma_w^2 = 2 k_B T / (k Q)$ in the scaled time: noise of the lever is told
from noise of its detector. The states form a band, are eliminated for each record, and what is left is a small system
for c and $\theta$, whose inverse is their covariance, the states' own doubt included. W begins large, so that the
states follow the samples, and falls to its value. $\sigma$ is the one at which J is what it should be, $\lambda$ the
most probable one (MacKay's fixed point) for the bends B c of the law.

Source: Bell, SIAM J. Optim. 4, 626 (1994) (the iterated Kalman smoother as a Gauss-Newton method); MacKay, Neural
Comput. 4, 415 (1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.interpolate import BSpline
from scipy.linalg import cho_factor, cho_solve, cho_solve_banded, cholesky_banded

from asperity.dynamics.lever_motion import StepRule, path, step_rule
from asperity.messages import DataError

__all__ = ["DEPARTURES", "ForceSpline", "Seen", "Settings", "Smoothed", "smoothed"]

#: the departures that may be unknown: relative ones of two constants and of the drive, its shift (rad), and the zero of
#: the deflection (in units of length)
DEPARTURES = ("quality", "frequency", "drive", "drive_phase", "offset")
_STAGES = 8  # by which the noise of the force falls to its value
_AGAIN = 100.0  # times its value, where it begins from states of another spline
_STEPS = 3  # in each of them,
_LAST = 40  # and at most in the last
_SETTLED = 1e-3  # standard deviations: change of the coefficients at the end
_HALVINGS = 6  # of a step that does not lessen J
_FARTHEST = 2.0  # standard deviations of the prior, that a departure moves in one step
_LEAST = 1e-7  # of the stroke: the least noise of a detector
_DIFFERENCE = 1e-6  # step of derivatives by the departures
_STRAIGHT = 1e-4  # of the largest coefficient, or of the noise: bends that are none
_LOOSE = 1e-10  # of the mean curvature: keeps coefficients that nothing tells
_LOST = ("the force is not found: the motion of the lever cannot be followed with these constants; are spring "
         "constant, frequency and quality those of this lever, and are deflection, velocity and drive in their units?")


class ForceSpline(NamedTuple):
    """A cubic spline of the force over the lever's stiffness; it vanishes beyond its last knot."""

    knots: Float[np.ndarray, " knot"]  # all, the repeated ends included
    size: int  # how many coefficients

    @staticmethod
    def on(places: Float[np.ndarray, " place"]) -> ForceSpline:
        """The spline with knots at these ascending places: value and slope are 0 at the last."""
        whole = np.concatenate([np.repeat(places[0], 3), places, np.repeat(places[-1], 3)])
        return ForceSpline(whole, len(places))

    def matrix(self, at: Float[np.ndarray, " point"], derivative: int = 0) -> Float[np.ndarray, "point function"]:
        """Every function at these places; nearer than the first knot the first cubic goes on."""
        near = at < self.knots[-1]
        made = np.zeros((len(at), self.size))
        if near.any():
            whole = BSpline(self.knots, np.eye(self.size + 2), 3)
            made[near] = whole(at[near], derivative)[:, : self.size]
        return made


class Seen(NamedTuple):
    """One record on its grid, lengths, and forces over the stiffness, in the unit of the spline."""

    values: Float[np.ndarray, "sample channel"]  # deflection, and velocity where it is measured
    drive: Float[np.ndarray, "step node"]
    turned: Float[np.ndarray, "step node"]  # derivative of the drive with respect to its phase
    every: int  # nodes of the grid from sample to sample


class Settings(NamedTuple):
    """What is held, in the unit of the spline."""

    quality: float
    length: float  # of a step, rad
    intensity: float  # of the noise of the force, sigma_w^2
    prior: Float[np.ndarray, " departure"]  # standard deviations of the `DEPARTURES`; 0: known


class Smoothed(NamedTuple):
    """The most probable law and constants, with the covariance of all of them."""

    coefficients: Float[np.ndarray, " function"]
    departures: Float[np.ndarray, " departure"]
    covariance: Float[np.ndarray, "unknown unknown"]  # of the coefficients, then of all departures
    noise: float  # of the samples
    prior: Float[np.ndarray, "function function"]  # precision that smoothness adds to the coefficients' own
    states: list[Float[np.ndarray, "node 2"]]
    settled: bool


class _Now(NamedTuple):
    """Where the iteration stands."""

    states: list[np.ndarray]
    unknown: np.ndarray  # coefficients, then the departures that are not known


class _Weights(NamedTuple):
    noise: float
    intensity: float
    smooth: float  # lambda


class _Problem(NamedTuple):
    records: Sequence[Seen]
    spline: ForceSpline
    held: Settings
    free: np.ndarray  # indices of the departures that are not known
    penalty: np.ndarray  # bends squared


def smoothed(records: Sequence[Seen], spline: ForceSpline, held: Settings, start: Smoothed | None = None) -> Smoothed:
    """The law, constants and states of these records.

    Args:
        records, spline, held: see there.
        start: of the same records on another spline, from whose states the iteration begins.

    Raises:
        DataError: the iteration went to numbers that are not finite, or that tell nothing.
    """
    bends = _bends(spline)
    free = np.flatnonzero(held.prior > 0)
    problem = _Problem(records, spline, held, free, bends.T @ bends)
    now = _Now([_first(one, held) for one in records] if start is None else start.states,
               np.zeros(spline.size + len(free)))
    stroke = max(float(np.ptp(one.values[:, 0])) for one in records)
    weights = _Weights(1e-3 * stroke, (0.1 * stroke) ** 2, stroke**-2.0)
    if start is not None:
        weights = weights._replace(noise=start.noise, intensity=held.intensity * _AGAIN)
    covariance, settled = np.eye(len(now.unknown)), False
    stages = _STAGES if start is None else 2
    for stage, intensity in enumerate(np.geomspace(weights.intensity, held.intensity, stages)):
        weights = weights._replace(intensity=float(intensity))
        for _ in range(_LAST if stage == stages - 1 else _STEPS):
            before = now.unknown
            try:
                now, covariance = _moved(problem, now, weights)
            except np.linalg.LinAlgError as error:
                raise DataError(_LOST) from error
            weights = _weighed(problem, now, weights, covariance, stroke)
            moved = np.abs(now.unknown - before) / np.sqrt(np.diag(covariance))
            settled = bool(moved.max() < _SETTLED)
            if settled:
                break
    return _told(problem, now, covariance, weights, settled)


def _bends(spline: ForceSpline) -> np.ndarray:
    """Rows: the change of slope between neighboring coefficients times their distance; 0 for a straight law."""
    centers = np.array([spline.knots[i + 1 : i + 4].mean() for i in range(spline.size + 2)])
    gaps = np.diff(centers)
    slopes = np.diff(np.eye(spline.size + 2), axis=0) / gaps[:, None]
    return (np.diff(slopes, axis=0) * ((gaps[1:] + gaps[:-1]) / 2)[:, None])[:, : spline.size]


def _told(problem: _Problem, now: _Now, covariance: np.ndarray, weights: _Weights, settled: bool) -> Smoothed:
    count = problem.spline.size
    departures = np.zeros(len(DEPARTURES))
    departures[problem.free] = now.unknown[count:]
    whole = np.zeros((count + len(DEPARTURES),) * 2)
    index = np.concatenate([np.arange(count), count + problem.free])
    whole[np.ix_(index, index)] = covariance
    return Smoothed(now.unknown[:count], departures, whole, weights.noise, weights.smooth * problem.penalty,
                    now.states, settled)


def _first(one: Seen, held: Settings) -> np.ndarray:
    """States from the samples alone: a cubic through the deflections, its slope as the velocity where none is seen."""
    from scipy.interpolate import CubicSpline

    at = np.arange(len(one.values)) * one.every
    nodes = np.arange(at[-1] + 1)
    curve = CubicSpline(at, one.values)
    return np.stack([curve(nodes)[:, 0], curve(nodes)[:, 1] if one.values.shape[1] > 1
                     else curve(nodes, 1)[:, 0] / held.length], axis=1)


def _rule(problem: _Problem, departures: np.ndarray) -> StepRule:
    held = problem.held
    return step_rule(held.quality * np.exp(departures[0]), held.length * np.exp(departures[1]))


def _rest(problem: _Problem, one: Seen, states: np.ndarray, coefficients: np.ndarray,
          departures: np.ndarray) -> np.ndarray:
    """What the motion leaves of each step, (step, 2)."""
    rule = _rule(problem, departures)
    both = np.concatenate([states[:-1], states[1:]], axis=1)
    force = _force(problem.spline, coefficients, both @ path(rule))
    pushed = force + one.drive * (1 + departures[2]) + one.turned * departures[3]
    return states[1:] - states[:-1] @ rule.flow.T - pushed @ rule.kick


def _force(spline: ForceSpline, coefficients: np.ndarray, at: np.ndarray, derivative: int = 0) -> np.ndarray:
    near = at < spline.knots[-1]
    made = np.zeros(at.shape)
    made[near] = BSpline(spline.knots, np.append(coefficients, [0.0, 0.0]), 3)(at[near], derivative)
    return made


def _departures(problem: _Problem, unknown: np.ndarray) -> np.ndarray:
    made = np.zeros(len(DEPARTURES))
    made[problem.free] = unknown[problem.spline.size:]
    return made


def _cost(problem: _Problem, now: _Now, weights: _Weights) -> tuple[float, float]:
    """What samples and steps contribute to J."""
    coefficients, departures = now.unknown[: problem.spline.size], _departures(problem, now.unknown)
    white = _whitener(problem, weights)
    seen = moved = 0.0
    for one, states in zip(problem.records, now.states, strict=True):
        seen += float((_missed(one, states, departures) ** 2).sum()) / weights.noise**2
        moved += float(((_rest(problem, one, states, coefficients, departures) @ white.T) ** 2).sum())
    return seen, moved


def _missed(one: Seen, states: np.ndarray, departures: np.ndarray) -> np.ndarray:
    rest = one.values - states[:: one.every, : one.values.shape[1]]
    rest[:, 0] -= departures[4]
    return rest


def _whitener(problem: _Problem, weights: _Weights) -> np.ndarray:
    spread = step_rule(problem.held.quality, problem.held.length).spread * weights.intensity
    return np.linalg.inv(np.linalg.cholesky(spread))


def _prior(problem: _Problem, unknown: np.ndarray, weights: _Weights) -> tuple[float, np.ndarray, np.ndarray]:
    """The prior's part of J, half its slope and half its curvature."""
    curvature = np.zeros((len(unknown),) * 2)
    count = problem.spline.size
    curvature[:count, :count] = weights.smooth * problem.penalty
    curvature[range(count, len(unknown)), range(count, len(unknown))] = problem.held.prior[problem.free] ** -2.0
    slope = curvature @ unknown
    return float(unknown @ slope), slope, curvature


def _moved(problem: _Problem, now: _Now, weights: _Weights) -> tuple[_Now, np.ndarray]:
    """One step downhill, and the covariance of the unknowns where it began."""
    kept, curvature, slope = [], 0.0, 0.0
    for one, states in zip(problem.records, now.states, strict=True):
        factor, right, arrow, own_curvature, own_slope = _eliminated(problem, one, states, now.unknown, weights)
        kept.append((factor, right, arrow))
        curvature, slope = curvature + own_curvature, slope + own_slope
    cost, pull, stiff = _prior(problem, now.unknown, weights)
    curvature = curvature + stiff
    size = 1 / np.sqrt(np.diag(curvature))
    factored = cho_factor(size[:, None] * curvature * size + _LOOSE * np.eye(len(size)))
    covariance = size[:, None] * cho_solve(factored, np.diag(size))
    step = -covariance @ (slope + pull)
    far = np.abs(step[problem.spline.size:]) / problem.held.prior[problem.free]
    whole = min(1.0, _FARTHEST / max(float(far.max(initial=0.0)), 1e-300))
    moves = [-(right + arrow @ step).reshape(-1, 2) for _, right, arrow in kept]
    before = sum(_cost(problem, now, weights)) + cost
    for halving in range(_HALVINGS + 1):
        share = whole * 0.5**halving
        there = _Now([states + share * move for states, move in zip(now.states, moves, strict=True)],
                     now.unknown + share * step)
        with np.errstate(over="ignore", invalid="ignore"):
            after = sum(_cost(problem, there, weights)) + _prior(problem, there.unknown, weights)[0]
        if np.isfinite(after) and after <= before * (1 + 1e-9):
            return there, covariance
    return now, covariance


def _eliminated(problem: _Problem, one: Seen, states: np.ndarray, unknown: np.ndarray,
                weights: _Weights) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What is left of one record without its states: (factor, N^-1 g, N^-1 E, curvature, slope)."""
    rest, early, late, along = _linear(problem, one, states, unknown)
    white = _whitener(problem, weights)
    rest, early, late, along = (np.einsum("ij,nj...->ni...", white, part) for part in (rest, early, late, along))
    count, wide = len(states), along.shape[2]
    diagonal, slope, arrow = np.zeros((count, 2, 2)), np.zeros((count, 2)), np.zeros((count, 2, wide))
    for part, where in ((early, slice(0, -1)), (late, slice(1, None))):
        turned = part.transpose(0, 2, 1)
        diagonal[where] += turned @ part
        slope[where] += (turned @ rest[:, :, None])[:, :, 0]
        arrow[where] += turned @ along
    curvature = np.tensordot(along, along, ((0, 1), (0, 1)))
    pull = np.tensordot(along, rest, ((0, 1), (0, 1)))
    departures, channels = _departures(problem, unknown), one.values.shape[1]
    missed = _missed(one, states, departures) / weights.noise**2
    slope[:: one.every, :channels] -= missed
    diagonal[:: one.every, range(channels), range(channels)] += weights.noise**-2
    if (offset := np.flatnonzero(problem.free == DEPARTURES.index("offset"))).size:
        at = problem.spline.size + int(offset[0])
        arrow[:: one.every, 0, at] += weights.noise**-2
        curvature[at, at] += len(missed) * weights.noise**-2
        pull[at] -= missed[:, 0].sum()
    factor = cholesky_banded(_band(diagonal, early.transpose(0, 2, 1) @ late))
    flat = np.concatenate([slope.reshape(-1, 1), arrow.reshape(2 * count, wide)], axis=1)
    solved = cho_solve_banded((factor, False), np.asfortranarray(flat))
    right, across = solved[:, 0], solved[:, 1:]
    return factor, right, across, curvature - flat[:, 1:].T @ across, pull - flat[:, 1:].T @ right


def _band(diagonal: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """The upper band of the block tridiagonal matrix."""
    band = np.zeros((4, 2 * len(diagonal)))
    band[3] = np.stack([diagonal[:, 0, 0], diagonal[:, 1, 1]], 1).ravel()
    band[2, 1::2] = diagonal[:, 0, 1]
    for a in range(2):
        for b in range(2):
            band[1 + a - b, 2 + b :: 2] += beside[:, a, b]
    return band


def _linear(problem: _Problem, one: Seen, states: np.ndarray,
            unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the steps leave, and its derivatives by the state before, the state after and the unknowns."""
    coefficients, departures = unknown[: problem.spline.size], _departures(problem, unknown)
    rule = _rule(problem, departures)
    along_path = path(rule)
    at = np.concatenate([states[:-1], states[1:]], axis=1) @ along_path
    slope = _force(problem.spline, coefficients, at, 1)
    turned = np.einsum("nq,qi,aq->nia", slope, rule.kick, along_path)
    rest = _rest(problem, one, states, coefficients, departures)
    near = np.flatnonzero((at < problem.spline.knots[-1]).any(axis=1))
    along = np.zeros((len(rest), 2, len(unknown)))
    basis = problem.spline.matrix(at[near].ravel()).reshape(len(near), at.shape[1], -1)
    along[near, :, : problem.spline.size] = -np.einsum("nqc,qi->nic", basis, rule.kick)
    for i, name in enumerate(problem.free):
        if DEPARTURES[name] != "offset":
            changed = departures.copy()
            changed[name] += _DIFFERENCE
            along[:, :, problem.spline.size + i] = (_rest(problem, one, states, coefficients, changed)
                                                     - rest) / _DIFFERENCE
    return rest, -rule.flow - turned[:, :, :2], np.eye(2) - turned[:, :, 2:], along


def _weighed(problem: _Problem, now: _Now, weights: _Weights, covariance: np.ndarray, stroke: float) -> _Weights:
    """The noise at which J is what it should be, and the most probable smoothness."""
    seen, moved = _cost(problem, now, weights)
    count = problem.spline.size
    coefficients, own = now.unknown[:count], covariance[:count, :count]
    rough = float(coefficients @ problem.penalty @ coefficients)
    told = count - weights.smooth * float(np.trace(own @ problem.penalty))
    least = _STRAIGHT * max(float(np.abs(coefficients).max()), weights.noise)
    smooth = max(told, 1.0) / (rough + least**2)
    samples = sum(one.values.size for one in problem.records)
    degrees = samples - 2 * len(problem.records) - told
    left = max(degrees - moved, 0.1 * degrees)
    noise = max(weights.noise * np.sqrt(seen / left), _LEAST * stroke)
    if not np.isfinite(noise):
        raise DataError(_LOST)
    return _Weights(float(noise), weights.intensity, float(smooth))

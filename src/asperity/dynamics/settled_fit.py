r"""The least chi-square of settled records, and how far a modulus may go from there.

All unknowns, those of every record, are moved together by steps of Levenberg and Marquardt. That one period closes is
asked for loosely at first: far from the law no motion does. The interval of the modulus is where the least $\chi^2$ at
a given modulus has risen by 3.84.

Source: Marquardt, J. SIAM 11, 431 (1963); Venzon, Moolgavkar, Appl. Stat. 37, 87 (1988) (profile likelihood).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import chi2

from asperity.contact import AbstractElasticContact
from asperity.dynamics.settled_motion import MotionHarmonics
from asperity.dynamics.settled_orbit import COMMON, OWN, orbit

__all__ = ["CLOSED", "GIGA", "NANO", "WIDE", "Descent", "Problem", "covariance_of", "ends_of", "found", "part_of"]

NANO = 1e-9  #: m in the unit of lengths, N in that of forces
GIGA = 1e9  #: Pa in the unit of moduli
CLOSED = 1e-5  #: nm: how well a period is asked to close, at most
WIDE = float(chi2.ppf(0.95, 1))  #: rise of chi-square at the ends of 95 %
_OPEN = 1e3, 30.0, 1.0  # times the doubt of a period's end that is granted, on the way
_LIMITS = 1e4, 1e13  # Pa, between which a reduced modulus is sought
_STEPS = 100  # of one search
_DAMPING = 1e-3  # at its beginning
_ASTRAY = 2  # steps uphill, in which the stiff ones of the conditions are met again
_STUCK = 1e10  # damping, at which no step is found any more
_SETTLED = 1e-3  # change of chi-square at the end
_STILL = 0.1  # change of it over the second half of the steps, below which it does not matter
_FARTHEST = {"reduced_modulus": 1.5, "pull": 1.5, "range": 0.5, "contact_point": 2.0}  # in one step: logarithms, nm
_FIRST = 0.5  # step of the profile, standard deviations,
_GROWTH = 1.4  # by which it grows,
_LARGEST = 1.5  # to this logarithm at most
_AGAIN = 5  # times that a better state may be met on the way
_PROFILE = 60  # of them to either side


class Problem(NamedTuple):
    """What is held; lengths in nm, forces in nN, moduli in GPa."""

    seen: list[MotionHarmonics]
    maps: list[Float[np.ndarray, "harmonic node"]]  # of the nodes of a period to what is found of its samples
    levers: list[tuple[float, ...]]  # as `asperity.dynamics.settled_orbit.orbit` takes them,
    drives: list[complex]  # and these
    open: list[float]  # standard deviation of what is known of the change in one period
    contact: AbstractElasticContact
    center: Float[np.ndarray, " unknown"]
    std: Float[np.ndarray, " unknown"]  # of the prior; infinite: none
    ties: Float[np.ndarray, "tie unknown"]  # sums that are 0 within a standard deviation of 1


class Descent(NamedTuple):
    """Where the search stands."""

    unknown: Float[np.ndarray, " unknown"]  # `COMMON`, and `OWN` of every record
    cost: float
    curvature: Float[np.ndarray, "unknown unknown"]
    slope: Float[np.ndarray, " unknown"]
    settled: bool = True


def part_of(record: int) -> slice:
    """Where the unknowns of one record are."""
    start = len(COMMON) + record * len(OWN)
    return slice(start, start + len(OWN))


def _rows(problem: Problem, unknown: np.ndarray, opened: float) -> tuple[np.ndarray, np.ndarray]:
    """What is left of everything over its standard deviation, and its derivatives."""
    left, slopes, offset = [], [], len(COMMON) + OWN.index("offset")
    for i, seen in enumerate(problem.seen):
        index = np.r_[: len(COMMON), part_of(i)]
        values, along = orbit(unknown[index], problem.contact, problem.levers[i], problem.drives[i])
        shown, moved, turned = problem.maps[i] @ values[:-2], values[-2:], problem.maps[i] @ along[:-2]
        shown[0] += unknown[index[offset]]
        turned[0, offset] += 1.0
        weight = np.concatenate([NANO / seen.std, np.full(2, 1 / (problem.open[i] * opened))])
        whole = np.zeros((len(weight), len(unknown)))
        whole[:, index] = weight[:, None] * np.concatenate([turned, along[-2:]])
        left.append(weight * np.concatenate([shown - seen.values / NANO, moved - seen.gap / NANO]))
        slopes.append(whole)
    held = np.flatnonzero(np.isfinite(problem.std) & (problem.std > 0))
    prior = np.eye(len(unknown))[held] / problem.std[held, None]
    return (np.concatenate([*left, prior @ (unknown - problem.center), problem.ties @ unknown]),
            np.concatenate([*slopes, prior, problem.ties]))


def _at(problem: Problem, unknown: np.ndarray, opened: float) -> Descent:
    with np.errstate(over="ignore", invalid="ignore"):
        rows, slopes = _rows(problem, unknown, opened)
        cost = float(rows @ rows)
        if not (np.isfinite(cost) and np.isfinite(slopes).all()):
            return Descent(unknown, np.inf, np.eye(len(unknown)), np.zeros(len(unknown)))
        return Descent(unknown, cost, slopes.T @ slopes, slopes.T @ rows)


def _descended(problem: Problem, unknown: np.ndarray, opened: float, *, fixed: bool = False) -> Descent:
    """The least chi-square that is found from here; ``fixed``: the modulus stays."""
    free = problem.std > 0
    free[0] = not fixed
    best = now = _at(problem, unknown, opened)
    damping, astray, midway = _DAMPING, 0, np.inf
    for count in range(_STEPS):
        midway = best.cost if count == _STEPS // 2 else midway
        step, gain = _step(now, free, damping)
        if gain < _SETTLED and damping <= _DAMPING and not astray:
            return best
        then = _at(problem, now.unknown + step, opened)
        if then.cost < best.cost:
            best, now, damping, astray = then, then, damping / 10, 0
        elif astray < _ASTRAY and np.isfinite(then.cost):
            now, astray = then, astray + 1
        else:
            now, damping, astray = best, max(damping, 1e-6) * 10, 0
        if damping > _STUCK:
            return best
    return best._replace(settled=midway - best.cost < _STILL)


def _step(now: Descent, free: np.ndarray, damping: float) -> tuple[np.ndarray, float]:
    """A step of those unknowns that are free, and by how much chi-square should fall."""
    size = 1 / np.sqrt(np.maximum(np.diag(now.curvature)[free], 1e-300))
    scaled = now.curvature[np.ix_(free, free)] * np.outer(size, size) + damping * np.eye(len(size))
    step = np.zeros(len(free))
    step[free] = -size * np.linalg.lstsq(scaled, size * now.slope[free], rcond=None)[0]
    step *= _share(step)
    return step, -float(2 * now.slope @ step + step @ now.curvature @ step)


def _share(step: np.ndarray) -> float:
    """The share of a step that goes no farther than a law may change at once."""
    most = 1.0
    for name, limit in _FARTHEST.items():
        at = step[[COMMON.index(name)]] if name in COMMON else step[len(COMMON) + OWN.index(name):: len(OWN)]
        most = min(most, limit / max(float(np.abs(at).max()), 1e-300))
    return most


def found(problem: Problem, start: Float[np.ndarray, " unknown"]) -> Descent:
    """The state that a search from here ends in."""
    state = _at(problem, start, 1.0)
    for opened in _OPEN:
        state = _descended(problem, state.unknown, opened)
    return state


def ends_of(problem: Problem, states: list[Descent]) -> tuple[float, float, Descent]:
    """Logarithms (of GPa) of the ends of 95 %, infinite where there is none, and the best state that was met.

    Other states that the data allow as well (less than 3.84 above the best) and that lie outside widen the interval:
    a tip that does not touch goes with every modulus.
    """
    for _ in range(_AGAIN):
        best = min(states, key=lambda state: state.cost)
        ends = [-np.inf, np.inf]
        inside = [state for state in states if state.cost - best.cost < WIDE]
        if any(_apart(problem, state) for state in inside):
            return -np.inf, np.inf, best
        better = None
        for k, side in enumerate((-1.0, 1.0)):
            from_here = max(inside, key=lambda state: side * float(state.unknown[0]))
            ends[k], better = _end(problem, from_here, side, best.cost)
            if better is not None:
                break
        if better is None:
            return ends[0], ends[1], best
        states = [*states, better]
    return -np.inf, np.inf, min(states, key=lambda state: state.cost)._replace(settled=False)


def _apart(problem: Problem, state: Descent) -> bool:
    """Whether no record touches: then its modulus is any."""
    at = OWN.index("contact_point")
    for i in range(len(problem.seen)):
        index = np.r_[: len(COMMON), part_of(i)]
        path = orbit(state.unknown[index], problem.contact, problem.levers[i], problem.drives[i])[0][:-2]
        if path.min() < state.unknown[index][len(COMMON) + at]:
            return False
    return True


def _end(problem: Problem, state: Descent, side: float, least: float) -> tuple[float, Descent | None]:
    """Where chi-square has risen to 3.84 above the least, going from a state to one side; or a better state."""
    limit = np.log(_LIMITS[int(side > 0)] / GIGA)
    step = min(max(_FIRST * float(np.sqrt(covariance_of(problem, state)[0, 0])), 1e-6), _LARGEST)
    at, rise = float(state.unknown[0]), state.cost - least
    for _ in range(_PROFILE):
        then = state.unknown.copy()
        then[0] += side * step
        if (then[0] - limit) * side > 0:
            return side * np.inf, None
        state = _descended(problem, then, 1.0, fixed=True)
        risen = state.cost - least
        if risen < -10 * _SETTLED:
            return 0.0, _descended(problem, state.unknown, 1.0)
        if risen >= WIDE:
            before = np.sqrt(max(rise, 0.0))
            return float(at + side * step * (np.sqrt(WIDE) - before) / (np.sqrt(risen) - before)), None
        at, rise, step = float(then[0]), risen, min(step * _GROWTH, _LARGEST)
    return side * np.inf, None


def covariance_of(problem: Problem, state: Descent) -> Float[np.ndarray, "unknown unknown"]:
    """Of all unknowns, by the parabola of chi-square."""
    free = np.flatnonzero(problem.std > 0)
    curvature = state.curvature[np.ix_(free, free)]
    size = 1 / np.sqrt(np.maximum(np.diag(curvature), 1e-300))
    made = np.zeros_like(state.curvature)
    made[np.ix_(free, free)] = np.linalg.pinv(curvature * np.outer(size, size), rcond=1e-14) * np.outer(size, size)
    return made

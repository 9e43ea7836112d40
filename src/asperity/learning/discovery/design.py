r"""Designs that meet targets: the best compromises of two objectives within limits, by the epsilon-constraint method.

Every number is positive and everything is done in logarithms: with the variables $x$ and an aim's value $v_i(x)$, its
*demand* is $g_i = \pm\ln v_i$, the sign such that small is good, and its bound is met where $g_i \le b_i$. Power laws,
of which contact mechanics is made, are then linear; a distance in $g$ is the logarithm of a factor.

The front of two objectives: both ends first, then, at levels $\epsilon_j$ of the first that are evenly spaced,

$$\min_x\; g_2(x) \quad\text{with}\quad g_1(x) \le \epsilon_j, \qquad g_i(x) \le b_i$$

each by sequential quadratic programming with exact derivatives, from the solution before and, at the ends, from
several beginnings.

Source: Haimes, Lasdon, Wismer, IEEE Trans. Syst. Man Cybern. 1, 296 (1971) (epsilon constraints); Kraft, ACM Trans.
Math. Softw. 20, 262 (1994) (the minimizer).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from scipy.stats import qmc

from asperity.learning.discovery.pareto import nondominated

__all__ = ["TOLERANCE", "Aim", "Demands", "Front", "InverseProblem", "Place", "beginnings", "front", "least",
           "least_excess"]

#: in ln of a value: a bound that is exceeded by less is met
TOLERANCE = 1e-7
_STEP = 1e-10  # in ln: a step of the minimizer that changes its goal by less is its last,
_STEPS = 80  # of at most so many
_BEGINNINGS = 4  # of each search that has to find the best place of all: the middle and three of a Sobol sequence

#: numbers by name, each a scalar
Values = Mapping[str, Any]


class Aim(NamedTuple):
    """What a value shall be: small (at most ``bound``), or large (at least it)."""

    name: str
    small: bool = True
    bound: float | None = None  # positive, in the unit of the value

    @property
    def sign(self) -> float:
        """That of the logarithm in the demand."""
        return 1.0 if self.small else -1.0

    @property
    def level(self) -> float:
        """The largest demand that meets it."""
        return np.inf if self.bound is None else self.sign * float(np.log(self.bound))


class InverseProblem(NamedTuple):
    """What may be chosen, what follows from it, and what shall."""

    physics: Callable[[dict[str, Any], Values], Mapping[str, Any]]  # (chosen, known) -> values, all positive
    variables: dict[str, tuple[float, float]]  # the least and the largest of each
    objectives: tuple[Aim, ...]  # two for a front
    limits: tuple[Aim, ...] = ()  # each with its bound

    @property
    def aims(self) -> tuple[Aim, ...]:
        """Objectives, then limits."""
        return (*self.objectives, *self.limits)

    @property
    def levels(self) -> np.ndarray:
        """(aim,) the demands that meet them; infinite where there is no bound."""
        return np.array([aim.level for aim in self.aims])

    @property
    def ends(self) -> np.ndarray:
        """(variable, 2) logarithms of the least and the largest."""
        return np.log(np.array(list(self.variables.values()), float))

    def chosen(self, place: Any) -> dict[str, Any]:
        """The variables at a place (variable,) of the unit cube."""
        low, high = self.ends.T
        exponent = low + (high - low) * place
        return {name: jnp.exp(exponent[i]) for i, name in enumerate(self.variables)}

    def demands(self, place: Any, known: Values) -> Any:
        """(aim,) demands at a place of the unit cube, of the values ``known``."""
        return self.demands_of(self.chosen(place), known)

    def demands_of(self, chosen: dict[str, Any], known: Values) -> Any:
        """(aim,) demands of a design that is named by its variables."""
        values = self.physics(chosen, known)
        return jnp.stack([aim.sign * jnp.log(values[aim.name]) for aim in self.aims])


class Place(NamedTuple):
    """Where a search ended, in the unit cube."""

    place: np.ndarray  # (variable,)
    demands: np.ndarray  # (aim,)
    met: bool  # whether all bounds of that search are


class Demanding(Protocol):
    """What searches ask: (aim,) demands and (aim, variable) slopes at a place of the unit cube."""

    problem: InverseProblem

    def __call__(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...
    def among(self, places: np.ndarray) -> np.ndarray: ...


class Demands:
    """Demands for values that are known, each place worked out once; ``calls`` counts them."""

    def __init__(self, problem: InverseProblem, known: Values) -> None:
        self.problem, self.known, self.calls = problem, known, 0
        self._at = jax.jit(problem.demands)
        self._both = jax.jit(lambda place, known: (problem.demands(place, known),
                                                   jax.jacfwd(problem.demands)(place, known)))
        self._kept: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Demands and slopes at one place."""
        key = np.asarray(place, float).tobytes()
        if key not in self._kept:
            self.calls += 1
            with jax.enable_x64(True):
                found, slopes = self._both(jnp.asarray(place), self.known)
            self._kept[key] = np.asarray(found), np.asarray(slopes)
        return self._kept[key]

    def among(self, places: np.ndarray) -> np.ndarray:
        """(place, aim) at many."""
        self.calls += len(places)
        with jax.enable_x64(True):
            return np.asarray(jax.vmap(self._at, (0, None))(jnp.asarray(places), self.known))


def beginnings(variables: int, count: int = _BEGINNINGS) -> np.ndarray:
    """(beginning, variable) the middle of the unit cube, and places that are spread over it."""
    spread = qmc.Sobol(variables, scramble=False).random_base2(max(int(np.ceil(np.log2(count + 1))), 1))
    return np.vstack([np.full(variables, 0.5), spread[2:][:count - 1]]) if count > 1 else np.full((1, variables), 0.5)


def _searched(goal: Callable[[np.ndarray], tuple[float, np.ndarray]],
              slack: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], start: np.ndarray,
              box: list[tuple[float, float]]) -> np.ndarray:
    """Where the goal is least while nothing of the ``slack`` is negative."""
    rules = [{"type": "ineq", "fun": lambda z: slack(z)[0], "jac": lambda z: slack(z)[1]}] if len(
        slack(start)[0]) else []
    found = minimize(goal, start, jac=True, method="SLSQP", bounds=box, constraints=rules,
                     options={"ftol": _STEP, "maxiter": _STEPS})
    low, high = np.array(box).T
    return np.clip(found.x, low, high)


def least(demands: Demanding, aim: int, levels: np.ndarray, starts: np.ndarray) -> Place:
    """The place with the least demand of one aim that meets ``levels`` (aim,); the best of all ``starts``."""
    bounded = np.flatnonzero(np.isfinite(levels))

    def goal(place: np.ndarray) -> tuple[float, np.ndarray]:
        found, slopes = demands(place)
        return float(found[aim]), slopes[aim]

    def slack(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found, slopes = demands(place)
        return levels[bounded] - found[bounded], -slopes[bounded]

    places = []
    for start in np.atleast_2d(starts):
        end = _searched(goal, slack, start, [(0.0, 1.0)] * len(start))
        found = demands(end)[0]
        places.append(Place(end, found, bool((found[bounded] - levels[bounded] <= TOLERANCE).all())))
    return min(places, key=lambda one: (not one.met, one.demands[aim] if one.met else _excess(one.demands, levels)))


def least_excess(demands: Demanding, levels: np.ndarray, starts: np.ndarray, *, enough: float = -np.inf
                 ) -> tuple[float, Place]:
    r"""The least $s$ with $g_i \le b_i + s$ for all aims, and where; below 0 all bounds are met with room to spare.

    Args:
        enough: an excess at which the search may end.
    """
    bounded = np.flatnonzero(np.isfinite(levels))
    best: tuple[float, Place] | None = None
    for start in np.atleast_2d(starts):
        first = _excess(demands(start)[0], levels)
        if first > enough:
            start = _searched(lambda z: (float(z[-1]), np.eye(len(z))[-1]), lambda z: _slack(demands, z, levels,
                              bounded), np.append(start, first), [(0.0, 1.0)] * len(start) + [(-50.0, 500.0)])[:-1]
        found = demands(start)[0]
        here = _excess(found, levels), Place(start, found, _excess(found, levels) <= TOLERANCE)
        best = here if best is None or here[0] < best[0] else best
        if best[0] <= enough:
            break
    assert best is not None
    return best


def _slack(demands: Demanding, widened: np.ndarray, levels: np.ndarray, bounded: np.ndarray
           ) -> tuple[np.ndarray, np.ndarray]:
    found, slopes = demands(widened[:-1])
    return (levels[bounded] + widened[-1] - found[bounded],
            np.hstack([-slopes[bounded], np.ones((len(bounded), 1))]))


def _excess(found: np.ndarray, levels: np.ndarray) -> float:
    """The largest of all demands over their levels."""
    return float(np.max(np.where(np.isfinite(levels), found - levels, -np.inf), initial=-np.inf))


class Front(NamedTuple):
    """The best compromises that were found, from the least of the first objective to the least of the second."""

    places: np.ndarray  # (point, variable) of the unit cube
    demands: np.ndarray  # (point, aim)


def front(demands: Demanding, points: int, *, beyond: float = np.inf) -> Front:
    """The front of the first two objectives within the limits, whatever bounds the objectives have.

    Without a design that meets the limits it has no point.

    Args:
        beyond: in ln, by which an objective of its points may exceed its bound, if there are such points: the others
            are of no use.
    """
    problem, starts = demands.problem, beginnings(len(demands.problem.variables))
    levels = problem.levels + np.where(np.arange(len(problem.aims)) < len(problem.objectives), beyond, 0.0)
    excess, inside = least_excess(demands, levels, starts, enough=0.0)
    if excess > TOLERANCE and np.isfinite(beyond):
        return front(demands, points)
    if excess > TOLERANCE:
        return Front(np.zeros((0, len(problem.variables))), np.zeros((0, len(levels))))
    starts = np.vstack([inside.place, starts])
    ends = [_end(demands, aim, levels, starts) for aim in (0, 1)]
    found = [ends[0]]
    for level in np.linspace(ends[0].demands[0], ends[1].demands[0], points)[1:-1]:
        within = levels.copy()
        within[0] = level
        before = found[-1]
        here = least(demands, 1, within, before.place)
        found.append(here if here.met else least(demands, 1, within, np.vstack([ends[0].place, starts])))
    found = [one for one in (*found, ends[1]) if one.met]
    kept = nondominated(np.array([one.demands[:2] for one in found]) if found else np.zeros((0, 2)))
    return Front(*(np.array([values for values, use in zip(column, kept) if use]) for column in
                   ([one.place for one in found], [one.demands for one in found])))


def _end(demands: Demanding, aim: int, levels: np.ndarray, starts: np.ndarray) -> Place:
    """The least of one objective, and there the least of the other."""
    first = least(demands, aim, levels, starts)
    within = levels.copy()
    within[aim] = first.demands[aim] + TOLERANCE
    both = least(demands, 1 - aim, within, first.place)
    return both if both.met else first

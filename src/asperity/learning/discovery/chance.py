r"""Designs under a posterior: the probability that all targets are met, and designs that meet them with a wanted one.

Of draws $\theta$ of what is known, the probability of a design is the share that meets every bound at once,

$$P(x) = \Pr_\theta\big[\max_i\,(g_i(x, \theta) - b_i) \le 0\big]$$

and never that of the best estimate: an optimum lies on a bound, and the truth on either side of it. Back-off: the
quantile $q$ of each demand is held to its bound, $Q_q[g_i(x, \theta)] \le b_i$, with the least $q$ (one for all)
at which $P$ is the wanted probability. The quantiles are Harrell and Davis's, which are smooth in x, with the exact
derivatives of their draws.

Three sets of draws that share none: one gives the quantiles, one finds q, one judges what is told; a design that was
tuned to its own judge would be told too good.

Source: Charnes, Cooper, Manage. Sci. 6, 73 (1959) (chance constraints); Harrell, Davis, Biometrika 69, 635 (1982).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from scipy.special import betainc, betaincinv

from asperity.learning.discovery.design import (
    TOLERANCE,
    InverseProblem,
    Place,
    Values,
    beginnings,
    least,
    least_excess,
)

__all__ = ["Chance", "Chances", "Proposal", "QuantileDemands", "chance_of", "most_probable", "proposal"]

_BELOW = 1.5  # times what is left above the wanted probability: q may be less sure where one bound alone counts
_HALVINGS = 7  # of the range of q: to 1/100 of what is left above the wanted probability
_WIDTHS = (1.0, 0.3, 0.1)  # of a smooth probability, over the spread of the demands,
_NARROWEST = 1e-4  # in ln, which counts as the least spread
_CONFIDENCE = 0.95  # of the interval of a probability


class Chance(NamedTuple):
    """The probability that all bounds are met, and with which certainty the draws tell it."""

    all_met: float
    low: float  # interval of 95 % (Clopper and Pearson) of so many draws
    high: float
    each: np.ndarray  # (aim,) of single ones; 1 where there is no bound


class Proposal(NamedTuple):
    """A design with the probability that it meets all bounds."""

    place: np.ndarray  # (variable,) of the unit cube
    chance: Chance  # judged by draws that took no part in finding it
    quantile: float  # that each demand was held to; the wanted probability where none is enough
    reached: bool  # whether the wanted probability was reached on the second set of draws


class QuantileDemands:
    """Quantiles of the demands over draws, with their slopes; ``quantile`` may be set, ``calls`` counts places."""

    def __init__(self, problem: InverseProblem, draws: Values, quantile: float) -> None:
        self.problem, self.draws, self.calls = problem, draws, 0
        self._count = len(next(iter(draws.values())))

        def at(place: Any, draws: Values, weights: Any) -> Any:
            return weights @ jnp.sort(jax.vmap(problem.demands, (None, 0))(place, draws), axis=0)

        self._at = jax.jit(at)
        self._both = jax.jit(lambda *given: (at(*given), jax.jacfwd(at)(*given)))
        self.quantile = quantile

    @property
    def quantile(self) -> float:
        """Of each demand; its place in the middle of the draws beyond which none lies."""
        return self._quantile

    @quantile.setter
    def quantile(self, value: float) -> None:
        n, self._quantile = self._count, value
        edges = betainc((n + 1) * value, (n + 1) * (1 - value), np.arange(n + 1) / n)
        self._weights, self._kept = np.diff(edges), {}

    def __call__(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Demands and slopes at one place."""
        key = np.asarray(place, float).tobytes()
        if key not in self._kept:
            self.calls += 1
            with jax.enable_x64(True):
                found = self._both(jnp.asarray(place), self.draws, jnp.asarray(self._weights))
            self._kept[key] = np.asarray(found[0]), np.asarray(found[1])
        return self._kept[key]

    def among(self, places: np.ndarray) -> np.ndarray:
        """(place, aim) at many, one after the other: the draws of all would not fit into memory."""
        self.calls += len(places)
        with jax.enable_x64(True):
            weights = jnp.asarray(self._weights)
            return np.array([self._at(jnp.asarray(place), self.draws, weights) for place in places])


class Chances:
    """The chances of designs, compiled once for a problem."""

    def __init__(self, problem: InverseProblem) -> None:
        def at(places: Any, draws: Values) -> Any:
            return jax.lax.map(lambda place: jax.vmap(problem.demands, (None, 0))(place, draws), places)

        self.problem, self._at = problem, jax.jit(at)

    def __call__(self, draws: Values, places: np.ndarray) -> list[Chance]:
        """One for each of the places (place, variable) of the unit cube."""
        with jax.enable_x64(True):
            found = np.asarray(self._at(jnp.asarray(places), draws))
        return [chance_of(one <= self.problem.levels + TOLERANCE) for one in found]


def chance_of(met: np.ndarray) -> Chance:
    """The chance of one design, of (draw, aim) whether a bound is met."""
    n, k = len(met), int(met.all(axis=1).sum())
    tail = (1 - _CONFIDENCE) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return Chance(k / n, low, high, met.mean(axis=0))


def proposal(problem: InverseProblem, draws: tuple[Values, Values, Values], wanted: float, prefer: int = 0) -> Proposal:
    """The design with the least demand of the objective ``prefer`` that meets all bounds with ``wanted`` probability.

    Where no design is found that does, the one with the largest probability found.

    Args:
        problem: with its bounds.
        draws: three sets, each a dictionary of (draw,): for the quantiles, for their level, for the judgement.
        wanted: probability, above 0 and below 1.
        prefer: index of an objective.
    """
    search, starts = QuantileDemands(problem, draws[0], wanted), beginnings(len(problem.variables))
    chances, tried = Chances(problem), {}  # quantile -> place
    count = len(next(iter(draws[1].values())))
    safe = wanted + np.sqrt(wanted * (1 - wanted) / count)  # one standard error of its share above it

    def at(quantile: float) -> float:
        """The probability of the best design at this quantile; that of the safest where no design meets the bounds."""
        search.quantile = quantile
        tried[quantile] = _best(search, problem.levels, prefer, starts).place
        return chances(draws[1], tried[quantile][None])[0].all_met

    enough = _level(at, safe, len(problem.aims))
    if enough is not None:
        place, reached = tried[enough], True
    else:
        places = np.array([*tried.values(), most_probable(problem, draws[0], np.array(list(tried.values())))])
        shares = [one.all_met for one in chances(draws[1], places)]
        place, reached = places[int(np.argmax(shares))], max(shares) >= safe
    return Proposal(place, chances(draws[2], place[None])[0], enough or wanted, bool(reached))


def most_probable(problem: InverseProblem, draws: Values, starts: np.ndarray) -> np.ndarray:
    r"""(variable,) the place of the unit cube with the largest probability that was found.

    That of draws is made smooth, $\ln\frac1n\sum_d\prod_i\sigma[(b_i - g_i)/\tau]$ with the logistic function
    $\sigma$, and the width $\tau$ falls from the spread of the demands to a tenth of it.
    """
    levels, bounded = problem.levels, np.isfinite(problem.levels)
    demands = jax.vmap(problem.demands, (None, 0))

    def goal(place: Any, draws: Values, width: Any) -> Any:
        room = (jnp.where(bounded, levels, 0.0) - demands(place, draws)) / width
        each = jnp.where(bounded, jax.nn.log_sigmoid(room), 0.0).sum(axis=1)
        return jnp.log(len(each)) - jax.scipy.special.logsumexp(each)

    both, found = jax.jit(jax.value_and_grad(goal)), list(starts)
    with jax.enable_x64(True):
        spread = np.asarray(jnp.std(demands(jnp.asarray(starts[0]), draws), axis=0))[bounded]
        widths = max(float(spread.max()), _NARROWEST) * np.array(_WIDTHS)
        for width in widths:
            found = [_climbed(lambda z, w=width: both(jnp.asarray(z), draws, w), one) for one in found]
        return min(found, key=lambda one: float(both(jnp.asarray(one), draws, widths[-1])[0]))


def _climbed(goal: Any, start: np.ndarray) -> np.ndarray:
    found = minimize(lambda z: tuple(np.asarray(one, float) for one in goal(z)), start, jac=True, method="L-BFGS-B",
                     bounds=[(0.0, 1.0)] * len(start))
    return np.clip(found.x, 0.0, 1.0)


def _best(search: QuantileDemands, levels: np.ndarray, prefer: int, starts: np.ndarray) -> Place:
    """The best design that meets the levels, or the safest one."""
    excess, safest = least_excess(search, levels, starts)
    if excess > TOLERANCE:
        return safest
    return least(search, prefer, levels, np.vstack([safest.place, starts[:1]]))


def _level(at: Any, wanted: float, aims: int) -> float | None:
    """The least quantile, to a hundredth of what is left above it, with the wanted probability; None: there is none."""
    if wanted >= 1:
        return None
    low, high = 1 - _BELOW * (1 - wanted), 1 - (1 - wanted) / (2 * aims)
    if at(low) >= wanted:
        return low
    if at(high) < wanted:
        return None
    for _ in range(_HALVINGS):
        middle = 1 - np.sqrt((1 - low) * (1 - high))
        low, high = (low, middle) if at(middle) >= wanted else (middle, high)
    return float(high)

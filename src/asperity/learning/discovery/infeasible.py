r"""Why targets cannot be met: which bounds forbid it, and by how much each would have to give.

Phase one of the search widens all bounds by the same factor $e^s$ and asks for the least: $s > 0$ means that no design
meets them all. Then each bound by itself: the least factor by which it alone must give while all others hold; a bound
that helps alone is one of those that forbid. Both are least values over all designs, found from several beginnings and
checked at places spread over all that may be chosen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import qmc

from asperity.learning.discovery.design import TOLERANCE, Demanding, Place, beginnings, least, least_excess

__all__ = ["Certificate", "certificate"]

_SCATTER = 10  # powers of two of places, unless others are asked for


class Certificate(NamedTuple):
    """The verdict on a set of bounds, all in ln of a factor."""

    excess: float  # by which all bounds together must be widened; not above 0: they can be met
    nearest: Place  # where it is so
    alone: np.ndarray  # (aim,) by which one must be widened alone; infinite: that is no help; NaN: there is no bound
    checked: int  # other places that were looked at, none of which needs less

    @property
    def feasible(self) -> bool:
        """Whether a design meets all bounds."""
        return self.excess <= TOLERANCE


def certificate(demands: Demanding, levels: np.ndarray, *, scatter: int = _SCATTER) -> Certificate:
    """Whether a design meets all ``levels`` (aim,) and, if none does, which of them forbid it and by how much.

    Args:
        scatter: power of two of places at which is looked for what the searches may have missed.
    """
    starts = beginnings(len(demands.problem.variables))
    excess, nearest = least_excess(demands, levels, starts, enough=0.0)
    alone, checked = np.where(np.isfinite(levels), 0.0, np.nan), 0
    if excess > TOLERANCE:
        spread = qmc.Sobol(len(demands.problem.variables), scramble=False).random_base2(scatter)
        seen = np.nanmax(np.where(np.isfinite(levels), demands.among(spread) - levels, -np.inf), axis=1)
        checked = len(spread)
        if seen.min() < excess:
            other = least_excess(demands, levels, spread[np.argmin(seen)], enough=0.0)
            excess, nearest = min((excess, nearest), other, key=lambda one: one[0])
    if excess > TOLERANCE:
        starts = np.vstack([nearest.place, starts])
        for aim in np.flatnonzero(np.isfinite(levels)):
            alone[aim] = _alone(demands, levels, int(aim), starts)
    return Certificate(excess, nearest, alone, checked)


def _alone(demands: Demanding, levels: np.ndarray, aim: int, starts: np.ndarray) -> float:
    """The least excess over one level where all others are met; infinite if they cannot be."""
    others = levels.copy()
    others[aim] = np.inf
    excess, inside = least_excess(demands, others, starts, enough=0.0)
    if excess > TOLERANCE:
        return float(np.inf)
    found = least(demands, aim, others, np.vstack([inside.place, starts]))
    return float(found.demands[aim] - levels[aim]) if found.met else float(np.inf)

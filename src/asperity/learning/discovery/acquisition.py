r"""Where the next curve tells most: what a measurement takes off the uncertainty of the whole area.

With the posterior covariance C of the property over the area, its diagonal v and the noise $\sigma^2$ of a curve,
a curve at p is worth

$$\text{property:}\quad \sum_x \frac{C_{xp}^2}{v_p + \sigma^2}, \qquad
  \text{two materials:}\quad \sum_x \varphi\!\left(\frac{m_x - t}{\sqrt{v_x}}\right) \frac{C_{xp}^2}{v_x (v_p +
  \sigma^2)}$$

the variance that it removes from the mean over all places x (exact of a Gaussian process whose field is known), and the
same weighted by how close x is to the boundary m = t. Both need no value at p, so that the places of a batch are taken
one after the other, each as if those before it had been measured and had shown what is expected there. With costs,
worth is divided by the time that the curve and the way to it take.

Source: Cohn, Neural Networks 9, 1071 (1996) (integrated variance); Picheny et al., J. Mech. Des. 132, 071008 (2010)
(weighted by closeness to a threshold).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from asperity.learning.discovery.field import Field, KnownField

__all__ = ["Cost", "Worth", "boundary_worth", "even_places", "picked", "property_worth", "two_means", "variance_worth"]

_TINY = 1e-12  # of the field's variance: what is known to that, nothing more is learnt of
_ROUNDS = 50  # of two means, which settle in a few
_TENTHS = (10.0, 90.0)  # percentiles where they begin


class Cost(NamedTuple):
    """What a curve costs, in s, and how fast the tip goes from place to place, in places' units per s."""

    curve: float
    speed: float
    start: np.ndarray  # (2,), where the tip is


class Worth(NamedTuple):
    """The state of a batch: what is known of candidates p and of places x of the area, and their covariance."""

    covariance: np.ndarray  # (x, p)
    variance: np.ndarray  # (p,)
    noise: float  # variance of a curve
    distance: np.ndarray  # (x,), of the mean from the threshold, signed
    spread: np.ndarray  # (x,), variance


#: the worth of all candidates, (p,)
Criterion = Callable[[Worth], np.ndarray]


def property_worth(known: Worth) -> np.ndarray:
    """The variance that a curve at each candidate removes, summed over the area."""
    return np.einsum("xp,xp->p", known.covariance, known.covariance) / (known.variance + known.noise)


def boundary_worth(known: Worth) -> np.ndarray:
    """The same, weighted by the closeness of each place to the threshold: misclassification that is removed."""
    weight = np.exp(-0.5 * known.distance**2 / known.spread) / np.sqrt(2 * np.pi) / known.spread
    return (weight @ known.covariance**2) / (known.variance + known.noise)


def variance_worth(known: Worth) -> np.ndarray:
    """The variance of each candidate: what is known least, whatever it tells of the rest."""
    return known.variance.copy()


def picked(field: Field, at: tuple[KnownField, np.ndarray], area: tuple[KnownField, np.ndarray], count: int, *,
           criterion: Criterion = property_worth, noise: float = 0.0, threshold: float = 0.0,
           cost: Cost | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the ``count`` candidates that are worth most, one after the other, and their worth.

    Args:
        field: of the property.
        at, area: candidates and the places that count, each with what is known there.
        criterion: how worth is counted.
        noise: variance of a curve, its nugget included.
        threshold: between two materials, in the unit of the values.
        cost: of curves and ways; None: they cost nothing.
    """
    (candidate, places), (whole, there) = at, area
    floor = _TINY * field.variance
    known = Worth(field.covariance(there, places) - whole.half.T @ candidate.half, candidate.variance.copy(), noise,
                  whole.mean - threshold, np.maximum(whole.variance, floor))
    rows: list[np.ndarray] = []  # what each pick takes off the covariances of the candidates
    free, chosen, worth = np.ones(len(places), bool), [], []
    way = np.full(len(places), np.inf) if cost is None else np.hypot(*(places - cost.start).T)
    for _ in range(min(count, len(places))):
        gain = criterion(known)
        gain = gain if cost is None else gain / (cost.curve + way / cost.speed)
        best = int(np.argmax(np.where(free, gain, -np.inf)))
        chosen.append(best)
        worth.append(float(gain[best]))
        free[best] = False
        way = np.minimum(way, np.hypot(*(places - places[best]).T))
        row = field.covariance(places[best:best + 1], places)[0] - candidate.half[:, best] @ candidate.half
        row = row - sum((one[best] * one for one in rows), np.zeros(len(row)))
        row = row / np.sqrt(known.variance[best] + noise + floor)
        column = known.covariance[:, best] / np.sqrt(known.variance[best] + noise + floor)
        rows.append(row)
        known = known._replace(covariance=known.covariance - np.outer(column, row),
                               variance=np.maximum(known.variance - row**2, 0.0),
                               spread=np.maximum(known.spread - column**2, floor))
    return np.array(chosen, int), np.array(worth)


def even_places(places: np.ndarray, taken: np.ndarray, count: int) -> np.ndarray:
    """The indices of ``count`` places, each the farthest from all that are ``taken`` (n, 2) or chosen before it."""
    from scipy.spatial import KDTree

    far = KDTree(taken).query(places)[0] if len(taken) else np.full(len(places), np.inf)
    chosen: list[int] = []
    for _ in range(min(count, len(places))):
        best = int(np.argmax(far))
        chosen.append(best)
        far = np.minimum(far, np.hypot(*(places - places[best]).T))
        far[best] = -1.0
    return np.array(chosen, int)


def two_means(values: np.ndarray) -> float:
    """The threshold between two groups: midway between their means, each value with the nearer one."""
    low, high = np.percentile(values, _TENTHS)
    for _ in range(_ROUNDS):
        middle = 0.5 * (low + high)
        below = values <= middle
        if below.all() or not below.any():
            break
        low, high = values[below].mean(), values[~below].mean()
        if 0.5 * (low + high) == middle:
            break
    return float(0.5 * (low + high))

r"""Whether neighbors are alike: the semivariance of a property against the distance, before a place is chosen by it.

$$\gamma(h) = \frac{\sum_{ij} w_i w_j (y_i - y_j)^2}{2 \sum_{ij} w_i w_j}, \quad |x_i - x_j| \approx h$$

over the weighted variance of all values (the sill). Curves are crowded where a plan put them: $w_i$ is one over the
number of curves within one spacing of curve i, 1 on a grid. Where even neighbors differ as much as any two curves, no
plan of places is better than another.

Source: Matheron, Econ. Geol. 58, 1246 (1963); Isaaks, Srivastava, An Introduction to Applied Geostatistics (1989), ch.
10 (cell declustering).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["CHANCE", "FEWEST", "NUGGET", "TELLING", "Variogram", "nearest_distances", "spacing_of", "variogram"]

#: share of the sill in the semivariance of neighbors, from which they are as good as unrelated
NUGGET = 0.8
#: probability that unrelated values have neighbors so alike, above which they may be unrelated
CHANCE = 0.05
#: curves, below which neighbors tell nothing
FEWEST = 12
#: share of the sill that unrelated values must fall short of in less than 1 of 20 cases: else there are too few pairs
TELLING = 0.75

_REACH = 1.2  # spacings to a neighbor at most: not the diagonal of a grid
_SAME = 0.1  # of a spacing: curves nearer than that are repeats at one place
_LAGS = 8  # at most, of one spacing each,
_HALF = 0.5  # up to this share of the largest distance: beyond it pairs are of the edges alone
_SHUFFLES = 999  # of the values over the places
_SEED = 0  # of the shuffles: the same values have the same probability


class Variogram(NamedTuple):
    """Distances of pairs in classes of one spacing, with what they differ by."""

    spacing: float  # of neighbors, in the unit of the places
    distance: np.ndarray  # (lag,), mean of the pairs
    semivariance: np.ndarray  # (lag,), in the unit of the values, squared
    pairs: np.ndarray  # (lag,)
    sill: float  # variance of the values
    chance: float  # probability that unrelated values have neighbors as alike as these
    least: float  # share of the sill below which 5 % of unrelated values have their neighbors
    noise: float  # mean variance of the noise of the curves

    @property
    def nugget(self) -> float:
        """The share of the sill in the semivariance of neighbors; 1 of values that are all the same."""
        return float(self.semivariance[0] / self.sill) if self.sill > 0 else 1.0

    @property
    def related(self) -> bool:
        """Whether neighbors are alike, so that a plan can know more than the places that it has."""
        return self.nugget <= NUGGET and self.chance <= CHANCE

    @property
    def telling(self) -> bool:
        """Whether there are pairs enough for neighbors that are alike to be seen."""
        return self.least >= TELLING


def variogram(places: np.ndarray, values: np.ndarray, noise: np.ndarray) -> Variogram:
    """The variogram of ``values`` (n,) with variances ``noise`` at ``places`` (n, 2), n at least `FEWEST`."""
    spacing = spacing_of(places)
    one, other = np.triu_indices(len(values), 1)
    distance = np.hypot(*(places[one] - places[other]).T)
    apart = distance > _SAME * spacing
    one, other, distance = one[apart], other[apart], distance[apart]
    crowd = 1 + np.bincount(np.concatenate([one[distance < spacing * (1 - _SAME)],
                                            other[distance < spacing * (1 - _SAME)]]), minlength=len(values))
    weight = 1.0 / crowd
    lag = np.where(distance <= _REACH * spacing, 1, np.maximum(np.rint(distance / spacing), 2)).astype(int)
    reach = max(int(_HALF * distance.max() / spacing), 1)
    rows = []
    for number in range(1, min(reach, _LAGS) + 1):
        use = lag == number
        if use.any():
            pair = weight[one[use]] * weight[other[use]]
            rows.append((np.average(distance[use], weights=pair),
                         _half_square(values, one[use], other[use], pair), use.sum()))
    near = lag == 1
    pair = weight[one[near]] * weight[other[near]]
    sill = _variance(values, weight)
    chance, least = _chance(values, (one[near], other[near], pair), weight)
    at, semivariance, pairs = (np.array(column) for column in zip(*rows, strict=True))
    return Variogram(spacing, at, semivariance, pairs, sill, chance, least, float(np.average(noise, weights=weight)))


def spacing_of(places: np.ndarray) -> float:
    """The distance of neighbors, were all places spread evenly over their area: of a grid, its own."""
    width, height = np.ptp(places, axis=0)
    even = np.sqrt(width * height) / max(np.sqrt(len(places)) - 1, 1.0)
    nearest = nearest_distances(places)
    nearest = nearest[nearest > 0]
    return float(max(even, np.median(nearest) if len(nearest) else 0.0, _SAME * max(width, height) / len(places)))


def nearest_distances(places: np.ndarray) -> np.ndarray:
    """From each place to its nearest neighbor, (n,)."""
    from scipy.spatial import KDTree

    return KDTree(places).query(places, k=2)[0][:, 1]


def _half_square(values: np.ndarray, one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> float:
    return 0.5 * float(np.average((values[one] - values[other]) ** 2, weights=weight))


def _variance(values: np.ndarray, weight: np.ndarray) -> float:
    if np.ptp(values) == 0:
        return 0.0
    share = weight / weight.sum()
    return float(share @ (values - share @ values) ** 2 / (1 - share @ share))


def _chance(values: np.ndarray, near: tuple[np.ndarray, np.ndarray, np.ndarray],
            weight: np.ndarray) -> tuple[float, float]:
    """How often values that are shuffled over the places have neighbors as alike as these; the share of 5 % of them."""
    rng = np.random.default_rng(_SEED)

    def ratio(values: np.ndarray) -> float:
        return _half_square(values, *near) / max(_variance(values, weight), 1e-300)

    shuffled = np.array([ratio(rng.permutation(values)) for _ in range(_SHUFFLES)])
    return float((1 + (shuffled <= ratio(values)).sum()) / (_SHUFFLES + 1)), float(np.quantile(shuffled, CHANCE))

"""Does a cross-validation test new places, or the neighbors of what it was trained on? Measured on the data.

The correlation length of the target says how far apart two places must be; a cheap predictor says how much of a
score comes from neighbors: its score on the folds as given, on random pixels, and on blocks kept one correlation
length apart. Where the last is much lower, the model has learned the map and not the physics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import KDTree

from asperity.evaluation.accuracy import r2
from asperity.evaluation.correlation import of_points
from asperity.evaluation.splits import Leak, Split, by_block, by_group, distances, find_leaks
from asperity.messages import ArgumentError, DataError

__all__ = ["Leakage", "lines", "nearest", "report", "spaced_blocks"]

_NEIGHBORS = 5  # training points whose mean is the prediction
_LEAST_TRAINING = 0.1  # of the points, in every fold
_MOST_BLOCKS = 8  # along each side

#: (training inputs (k, d), training targets (k,), inputs (l, d)) -> predictions (l,)
Predictor = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class Leakage(NamedTuple):
    """What a cross-validation lets through. Scores are R^2 pooled over the folds, of one predictor."""

    length: float  # m, the correlation length that everything is compared with
    nearest: float  # least distance of a test point to a training point, in correlation lengths
    within: int  # training points within one correlation length of a test point of their fold, over all folds
    given: float  # score on the folds as given
    random: float  # on random points
    blocked: float  # on blocks with a buffer of one correlation length
    leaks: tuple[Leak, ...]  # the worst of each kind over the folds; empty: none found


def spaced_blocks(positions: Any, length: float, *, folds: int = 5, seed: int = 0,
                  maps: Any = None) -> tuple[Split, ...]:
    """Cross-validation over blocks two correlation lengths wide with a buffer of one.

    On a map too small for that the blocks become smaller and the folds more, down to one block of 8 x 8 at a time,
    until every fold keeps a tenth of the points to learn from; the buffer stays.

    Args:
        positions: (n, 2) x and y in m.
        length: the correlation length in m, as `asperity.evaluation.correlation` measures it.
        folds: how many, where the map is large enough.
        seed: of dealing the blocks out to the folds.
        maps: (n,) the map of each point where there are several, each with positions of its own.

    Raises:
        ValueError: a length that is not positive and finite, or a map too small to hold any point apart.
    """
    if not 0 < length < np.inf:
        raise ArgumentError(f"length = {length:g} m must be positive and finite; take a larger map if it was not "
                            "reached")
    place = np.asarray(positions, np.float64)
    span = float(np.ptp(place, axis=0).max())
    first = max(2, int(span // (2 * length)))
    for count in [first, *range(first + 1, _MOST_BLOCKS + 1)]:
        for parts in (folds, count**2):
            found = _blocks(place, span / count * (1 + 1e-9), length, parts, seed, maps)
            if found and min(len(split.train) for split in found) >= _LEAST_TRAINING * len(place):
                return found
    raise DataError(f"the map is {span / length:.2g} correlation lengths wide: no new place can be tested on it. "
                    "Measure a larger map, or test on another one (by_group).")


def _blocks(place: np.ndarray, block: float, length: float, folds: int, seed: int, maps: Any) -> tuple[Split, ...]:
    """Blocks of one width, or nothing where they are too few or leave nothing to learn from."""
    try:
        return by_block(place, block=block, buffer=length, folds=folds, seed=seed, maps=maps)
    except ValueError:
        return ()


def nearest(inputs: np.ndarray, targets: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The mean target of the five nearest training points, inputs in standard deviations of the training points."""
    scale = inputs.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    count = min(_NEIGHBORS, len(inputs))
    found = KDTree(inputs / scale).query(asked / scale, count)[1]
    return targets[found.reshape(len(asked), count)].mean(axis=1)


def report(target: Any, positions: Any, folds: Sequence[Split], *, inputs: Any = None, length: float | None = None,
           predict: Predictor = nearest, groups: Mapping[str, Any] | None = None, maps: Any = None) -> Leakage:
    """What the folds of a cross-validation let through.

    Args:
        target: (n,) what is predicted; finite.
        positions: (n, 2) x and y in m.
        folds: the splits to judge.
        inputs: (n, d) what is predicted from; the positions if nothing is given.
        length: correlation length in m; measured from the target if not given (the longest of the maps).
        predict: the model to judge with, as `nearest`.
        groups: what must not be shared by training and test, by name, (n,) each: session, file, frame, also a
            preprocessing that was fitted on several points (``{"leveling": image_of_each_point}``).
        maps: (n,) the map of each point where there are several.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, no correlation length within the maps.
    """
    y, place = np.asarray(target, np.float64), np.asarray(positions, np.float64)
    x = place if inputs is None else np.asarray(inputs, np.float64)
    if y.ndim != 1 or x.shape[:1] != y.shape or x.ndim != 2 or not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise ValueError(f"target {y.shape} must be (n,) and inputs {x.shape} (n, d), all finite")
    reach = _length(y, place, maps) if length is None else float(length)
    blocked = spaced_blocks(place, reach, maps=maps)
    gaps = [float(distances(split, place, maps=maps).min()) for split in folds]
    found = [leak for split in folds
             for leak in find_leaks(split, groups=groups, positions=place, buffer=reach, maps=maps)]
    worst = {leak.kind: leak for leak in sorted(found, key=lambda leak: leak.share)}
    return Leakage(
        length=reach, nearest=min(gaps) / reach, within=sum(_near(split, place, reach, maps) for split in folds),
        given=_score(x, y, folds, predict), random=_score(x, y, by_group(np.arange(len(y))), predict),
        blocked=_score(x, y, blocked, predict), leaks=tuple(worst.values()))


def _length(y: np.ndarray, place: np.ndarray, maps: Any) -> float:
    """The longest correlation length of the maps."""
    area = np.zeros(len(y)) if maps is None else np.asarray(maps)
    return max(of_points(y[area == a], place[area == a]).length for a in np.unique(area))


def _near(split: Split, place: np.ndarray, reach: float, maps: Any) -> int:
    """How many training points lie within the reach of a test point."""
    return int((distances(Split(split.test, split.train), place, maps=maps) <= reach).sum())


def _score(x: np.ndarray, y: np.ndarray, folds: Sequence[Split], predict: Predictor) -> float:
    """R^2 over the test points of all folds together."""
    tested = np.concatenate([split.test for split in folds])
    predicted = np.concatenate([predict(x[s.train], y[s.train], x[s.test]) for s in folds])
    return r2(y[tested], predicted)


def lines(found: Leakage) -> list[str]:
    """A report as plain lines."""
    verdict = "; ".join(f"{leak.kind} ({100 * leak.share:.3g} % of the test points)" for leak in found.leaks)
    return [f"correlation length: {found.length:.3g} m",
            f"nearest training point of a test point: {found.nearest:.3g} correlation lengths",
            f"training points within one correlation length: {found.within}",
            f"R^2 on these folds {found.given:.2f}, on random points {found.random:.2f}, on blocks one correlation "
            f"length apart {found.blocked:.2f}",
            f"leaks: {verdict}" if verdict else "no leak found"]

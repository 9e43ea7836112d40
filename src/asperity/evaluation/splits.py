r"""Splits into training and test data that answer the question asked, and a check that they do.

Neighboring pixels of a map are nearly the same measurement, and curves of one session share its tip and its
calibration. A random split of pixels puts both on either side: the test then asks what the training data
have already said. Split by what will be *new* in use: `by_group` for a new session (file, specimen, tip),
`by_block` for new places of a map that is already measured in part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import KDTree

from asperity.messages import ArgumentError, DataError

__all__ = ["Leak", "LeakageError", "Split", "by_block", "by_group", "check_leaks", "distances", "find_leaks",
           "hold_out"]

_EDGE = 1e-9  # of a block: what lies on an edge up to rounding is beyond it


class Split(NamedTuple):
    """Indices of the points to learn from and of those to test on; the rest belongs to neither."""

    train: np.ndarray  # (k,) int, ascending
    test: np.ndarray  # (l,) int, ascending


def hold_out(groups: Any, tested: Any) -> Split:
    """Test on the named groups (sessions, files, tip radii), learn from all others.

    Args:
        groups: (n,) the group of each point.
        tested: the groups to test on.

    Raises:
        ValueError: a tested group that is not there, or nothing left on either side.
    """
    groups, tested = np.asarray(groups), np.atleast_1d(np.asarray(tested))
    unknown = tested[~np.isin(tested, groups)]
    inside = np.isin(groups, tested)
    if len(unknown) or inside.all() or not inside.any():
        there = ", ".join(map(str, np.unique(groups)[:12]))
        raise ArgumentError(f"cannot test on {tested.tolist()}: the groups are {there}; name some, not all")
    return Split(np.flatnonzero(~inside), np.flatnonzero(inside))


def by_group(groups: Any, *, folds: int = 5, seed: int = 0) -> tuple[Split, ...]:
    """Cross-validation that keeps every group whole: by session, by file, by specimen, by tip.

    Groups go to the folds at random, so that folds have equal numbers of groups up to one; every point is
    tested once. One hold-out split is the first of them.

    Args:
        groups: (n,) the group of each point.
        folds: how many; at most the number of groups.
        seed: of the dealing out.

    Raises:
        ValueError: folds below 2 or more than groups.
    """
    names, which = np.unique(np.asarray(groups), return_inverse=True)
    fold = _dealt(len(names), folds, seed)[which]
    return tuple(Split(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds))


def _dealt(count: int, folds: int, seed: int) -> np.ndarray:
    """A fold for each of ``count`` units, at random and as evenly as possible."""
    if not 2 <= folds <= count:
        raise ArgumentError(f"folds = {folds}: must be at least 2 and at most {count}, the units there are")
    return np.random.default_rng(seed).permutation(np.arange(count) % folds)


def by_block(positions: Any, *, block: float, buffer: float, folds: int = 5, seed: int = 0,
             maps: Any = None) -> tuple[Split, ...]:
    """Cross-validation over square blocks of a map; training points keep a distance from those tested.

    The block's width should be several times the correlation length of what is mapped, the buffer at least
    one. Every point is tested once; a training set lacks all points within ``buffer`` of its test points.

    Args:
        positions: (n, 2) x and y in m.
        block: width of the blocks in m, from the least x and y of each map.
        buffer: distance in m; a training point at exactly this distance is left out, too.
        folds: how many; at most the number of blocks.
        seed: of dealing the blocks out to the folds.
        maps: (n,) the map of each point where there are several, each with positions of its own.

    Raises:
        ValueError: shapes, a block or buffer that makes no sense, or nothing left to learn from.
    """
    place, area = _places(positions, maps)
    if not (block > 0 and buffer >= 0):
        raise ArgumentError(f"block = {block:g} m must be above 0 and buffer = {buffer:g} m at least 0")
    corner = np.array([place[area == a].min(axis=0) for a in range(area.max() + 1)])[area]
    cells = np.column_stack([area, np.floor((place - corner) / block + _EDGE)])
    which = np.unique(cells, axis=0, return_inverse=True)[1].ravel()
    fold = _dealt(which.max() + 1, folds, seed)[which]
    splits = tuple(_with_buffer(fold == k, place, area, buffer) for k in range(folds))
    if not all(len(s.train) for s in splits):
        raise DataError(f"with blocks of {block:g} m and a buffer of {buffer:g} m nothing is left to learn "
                        "from; take larger blocks, fewer of them at a time (more folds) or a smaller buffer")
    return splits


def _places(positions: Any, maps: Any) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 2) and the number of each point's map (n,)."""
    place = np.asarray(positions, np.float64)
    if place.ndim != 2 or place.shape[1] != 2 or not len(place) or not np.isfinite(place).all():
        raise ValueError(f"positions must be finite and (n, 2), x and y in m; got {place.shape}")
    area = np.zeros(len(place), int) if maps is None else np.unique(np.asarray(maps), return_inverse=True)[1]
    if area.shape != place.shape[:1]:
        raise ValueError(f"there are {len(place)} positions, but maps has the shape {area.shape}")
    return place, area


def _with_buffer(tested: np.ndarray, place: np.ndarray, area: np.ndarray, buffer: float) -> Split:
    test, rest = np.flatnonzero(tested), np.flatnonzero(~tested)
    far = _gap(place, area, rest, test) > buffer
    return Split(rest[far], test)


def _gap(place: np.ndarray, area: np.ndarray, points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance of each of ``points`` to the nearest of ``others`` on its own map; infinite without any."""
    gap = np.full(len(points), np.inf)
    for a in np.unique(area[points]):
        near = others[area[others] == a]
        if len(near):
            mine = area[points] == a
            gap[mine] = KDTree(place[near]).query(place[points[mine]])[0]
    return gap


def distances(split: Split, positions: Any, *, maps: Any = None) -> np.ndarray:
    """Distance in m of each test point to the nearest training point on its map, infinite without any: (l,).

    Args:
        split: indices into the points, as (train, test).
        positions: (n, 2) x and y in m.
        maps: (n,) as in `by_block`.

    Raises:
        ValueError: shapes that do not fit.
    """
    place, area = _places(positions, maps)
    return _gap(place, area, np.asarray(split[1], int), np.asarray(split[0], int))


class Leak(NamedTuple):
    """One way in which the training data know the test data."""

    kind: str  # "same point", "same <group>" or "neighbor"
    share: float  # of the test points concerned
    where: str  # examples
    why: str
    remedy: str


class LeakageError(DataError):
    """A split whose test does not test what it claims; ``leaks`` holds what was found."""

    def __init__(self, leaks: tuple[Leak, ...]) -> None:
        self.leaks = leaks
        super().__init__("the split leaks: " + "; ".join(
            f"{leak.kind} for {100 * leak.share:.3g} % of the test points ({leak.where}): "
            f"{leak.why} {leak.remedy}" for leak in leaks))

    def __reduce__(self):
        return type(self), (self.leaks,)


def check_leaks(split: Split, *, groups: Mapping[str, Any] | None = None, positions: Any = None,
                buffer: float = 0.0, maps: Any = None) -> None:
    """Raise a `LeakageError` if `find_leaks` finds any; the arguments are the same."""
    leaks = find_leaks(split, groups=groups, positions=positions, buffer=buffer, maps=maps)
    if leaks:
        raise LeakageError(leaks)


def find_leaks(split: Split, *, groups: Mapping[str, Any] | None = None, positions: Any = None,
               buffer: float = 0.0, maps: Any = None) -> tuple[Leak, ...]:
    """All ways in which the training points of a split know its test points; empty if there is none.

    Args:
        split: indices into the points, as (train, test).
        groups: what must be new in the test, by name: ``{"session": (n,), "file": (n,)}``. For a claim about
            new places of a map already measured, leave the session out.
        positions: (n, 2) x and y in m.
        buffer: a test point with a training point at this distance (m) or less on its map leaks.
        maps: (n,) as in `by_block`.

    Raises:
        ValueError: shapes that do not fit, or no points on one side.
    """
    train, test = (np.asarray(part, int) for part in split)
    if not (len(train) and len(test)):
        raise DataError(f"{len(train)} points to learn from and {len(test)} to test on: both are needed")
    last, found = max(train.max(), test.max()), [_repeated(train, test)]
    for name, values in (groups or {}).items():
        found.append(_shared(name, _covering(name, np.asarray(values), last), train, test))
    if positions is not None:
        place, area = _places(positions, maps)
        found.append(_neighbors(_covering("positions", place, last), area, train, test, buffer))
    return tuple(leak for leak in found if leak is not None)


def _covering(name: str, values: np.ndarray, last: int) -> np.ndarray:
    """``values`` if there is a row for the ``last`` point of the split."""
    if not values.ndim:
        raise ValueError(f"{name} must be one row per point; got {values!r}")
    if last >= len(values):
        raise DataError(f"the split names point {last}, but there are {len(values)} {name}")
    return values


def _repeated(train: np.ndarray, test: np.ndarray) -> Leak | None:
    both = np.isin(test, train)
    if not both.any():
        return None
    return Leak("same point", float(both.mean()), f"point {_some(test[both])}",
                "it is in the training data itself.", "Test on points that are not learnt from.")


def _shared(name: str, groups: np.ndarray, train: np.ndarray, test: np.ndarray) -> Leak | None:
    both = np.isin(groups[test], groups[train])
    if not both.any():
        return None
    return Leak(f"same {name}", float(both.mean()), f"{name} {_some(np.unique(groups[test][both]))}",
                f"curves of one {name} share its errors, so the test does not show how a new {name} will do.",
                f"Split with by_group({name}).")


def _neighbors(place: np.ndarray, area: np.ndarray, train: np.ndarray, test: np.ndarray,
               buffer: float) -> Leak | None:
    gap = _gap(place, area, test, train)
    near = gap <= buffer
    if not near.any():
        return None
    return Leak("neighbor", float(near.mean()), f"point {_some(test[near])}, down to {gap.min():.3g} m apart",
                f"training points within the buffer of {buffer:.3g} m are nearly the same measurement.",
                f"Split with by_block(positions, buffer={buffer:.3g}), in blocks several times as wide.")


def _some(items: np.ndarray) -> str:
    """The first few of the items, in words."""
    return ", ".join(map(str, items[:3])) + (f" and {len(items) - 3} more" if len(items) > 3 else "")

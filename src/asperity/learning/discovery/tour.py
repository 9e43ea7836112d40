r"""A short way through places: the nearest one next, then crossings undone (2-opt) until none is left.

Source: Croes, Oper. Res. 6, 791 (1958).
"""

from __future__ import annotations

import numpy as np

__all__ = ["length_of", "tour"]

_PASSES = 60  # over all pairs, at most
_LESS = 1e-12  # of the length, by which a turn must shorten it


def tour(places: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The order in which to visit ``places`` (n, 2) from ``start`` (2,), which is not returned to: indices (n,)."""
    if not len(places):
        return np.zeros(0, int)
    along = np.concatenate([[0], _nearest(places, start) + 1])
    points = np.vstack([start, places])
    for _ in range(_PASSES):
        if not _uncrossed(points, along):
            break
    return along[1:] - 1


def length_of(places: np.ndarray, start: np.ndarray) -> float:
    """Of the way from ``start`` through ``places`` in their order."""
    return float(np.hypot(*np.diff(np.vstack([start, places]), axis=0).T).sum())


def _nearest(places: np.ndarray, start: np.ndarray) -> np.ndarray:
    left, at, order = np.ones(len(places), bool), start, []
    for _ in range(len(places)):
        best = int(np.argmin(np.where(left, np.hypot(*(places - at).T), np.inf)))
        left[best] = False
        order.append(best)
        at = places[best]
    return np.array(order, int)


def _uncrossed(points: np.ndarray, along: np.ndarray) -> bool:
    """Turn round every stretch whose turning shortens the way, in place; whether there was one. The end is free."""
    turned = False
    for first in range(1, len(along) - 1):
        here, before = points[along[first:]], points[along[first - 1]]
        inner = np.hypot(*np.diff(here, axis=0).T)  # from each to the next, of those after the first
        to_end = np.append(np.hypot(*(here[0] - here[1:]).T)[1:], 0.0)  # the first would lie before what follows
        saved = np.hypot(*(before - here[0])) + np.append(inner[1:], 0.0) - (np.hypot(*(before - here[1:]).T) + to_end)
        best = int(np.argmax(saved))
        if saved[best] > _LESS * (inner.sum() + _LESS):
            last = first + 1 + best
            along[first:last + 1] = along[first:last + 1][::-1]
            turned = True
    return turned

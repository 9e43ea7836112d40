r"""The best compromises of several aims: what no other design beats in all of them, and how much they reach together.

A design dominates another if it is no worse in every objective (all to be small) and better in one; the designs that
none dominates are the Pareto front. The hypervolume of two objectives is the area that the front dominates below a
reference point,

$$\mathrm{HV} = \Big|\bigcup_i [f_1^i, r_1] \times [f_2^i, r_2]\Big|$$

Source: Zitzler, Thiele, IEEE Trans. Evol. Comput. 3, 257 (1999).
"""

from __future__ import annotations

import numpy as np

__all__ = ["hypervolume", "nondominated"]


def nondominated(objectives: np.ndarray) -> np.ndarray:
    """(design,) whether no other design dominates it; of (design, objective), all to be small, NaN never.

    Of designs that are equal in all objectives each counts.

    >>> nondominated(np.array([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0]])).tolist()
    [True, True, False]
    """
    values = np.atleast_2d(np.asarray(objectives, float))
    known = np.isfinite(values).all(axis=1)
    best = np.zeros(len(values), bool)
    for i in np.flatnonzero(known):
        no_worse = (values[known] <= values[i]).all(axis=1)
        best[i] = not (no_worse & (values[known] < values[i]).any(axis=1)).any()
    return best


def hypervolume(objectives: np.ndarray, reference: np.ndarray) -> float:
    """The area that (design, 2) objectives dominate below the ``reference`` (2,), in the product of their units.

    Exact; designs that are not below the reference in both add nothing.

    >>> float(hypervolume(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([2.0, 2.0])))
    3.0
    """
    values = np.asarray(objectives, float).reshape(-1, 2)
    values = values[(values < reference).all(axis=1)]
    area, height = 0.0, float(reference[1])
    for first, second in values[np.lexsort((values[:, 1], values[:, 0]))]:
        if second < height:
            area += (float(reference[0]) - first) * (height - second)
            height = float(second)
    return area

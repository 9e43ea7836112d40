r"""Conformal intervals: coverage that holds for any predictor, however wrong it is, and for finite samples.

A *score* says how far an observation of the calibration set was from its prediction, most simply
$s = |y - m|/\sigma(x)$ with any predictor m and any positive $\sigma$ that have *not seen* that
observation. The functions return the largest score q that a new point is allowed; its interval is
$m(x) \pm q\,\sigma(x)$ (with $\sigma = 1$ q is in the unit of y). q is infinite where the calibration set is
too small for the level: an honest answer, not a failure.

Which function is right depends on what the new point shares with the calibration set:

- `split`: drawn like the calibration points (same sessions, same specimens);
- `weighted`: same law of y at given x, but other x, with a known ratio of the densities of x;
- `hierarchical`: from a new session, drawn like the calibration *sessions*;
- `jackknife_plus`: as `split`, where there are too few points to set a calibration set aside.

A fit on curves of the same sessions, checked on a random part of them, says nothing about a new session.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from asperity.evaluation._columns import columns, probability
from asperity.messages import DataError

__all__ = ["Weighted", "effective_size", "hierarchical", "jackknife_plus", "split", "weighted"]

_ROUNDING = 1e-12  # of sums of weights


def _smallest(scores: np.ndarray, weights: np.ndarray, needed: Any) -> np.ndarray:
    """The smallest score up to which the weights add up to ``needed`` (any shape); infinite if none is."""
    order = np.argsort(scores, kind="stable")
    total = np.cumsum(weights[order])
    place = np.searchsorted(total, np.asarray(needed) * (1 - _ROUNDING))
    return np.append(scores[order], np.inf)[place]


def split(scores: Any, *, level: float = 0.9) -> float:
    r"""Split conformal: the $\lceil (n+1)\,\mathrm{level} \rceil$-th smallest of n scores.

    A new point exchangeable with the calibration points has a score <= q with probability >= level, and
    <= level + 1/(n+1) if scores do not tie; on average over calibration sets.

    Args:
        scores: (n,) of points that the predictor has not seen.
        level: the coverage asked for.

    Raises:
        ValueError: no scores, not finite, or a level outside (0, 1).
    """
    s, = columns(scores=scores)
    return float(_smallest(s, np.ones_like(s), probability("level", level) * (len(s) + 1)))


class Weighted(NamedTuple):
    """Allowed scores under a shift of the inputs, and how many calibration points still count."""

    score: np.ndarray  # (m,)
    effective_size: float


def weighted(scores: Any, weights: Any, new_weights: Any, *, level: float = 0.9) -> Weighted:
    r"""Weighted conformal: calibration under P, new points under Q, with $w(x) = dQ/dP\,(x)$ up to a factor.

    The quantile at ``level`` of the scores with masses $w(x_i) / (\sum_j w(x_j) + w(x))$, and the mass of
    the new point itself at infinity. Covers with probability >= level if y given x is the same under P
    and Q and w is right. Source: Tibshirani, Barber, Candes, Ramdas, NeurIPS 2019.

    Args:
        scores: (n,) of the calibration points.
        weights: (n,) w at the calibration points, >= 0.
        new_weights: (m,) w at the new points, >= 0, with the same factor.
        level: the coverage asked for.

    Returns:
        The allowed score at each new point, and the `effective_size` of the calibration points; where it is
        small the intervals are wide or infinite.

    Raises:
        ValueError: as `split`, negative weights, or weights that are all 0.
    """
    s, w = columns(scores=scores, weights=weights)
    new, = columns(new_weights=new_weights)
    size = effective_size(w)
    if (new < 0).any():
        raise DataError(f"new_weights[{int(np.argmax(new < 0))}] < 0: a ratio of densities is at least 0")
    return Weighted(_smallest(s, w, probability("level", level) * (w.sum() + new)), size)


def effective_size(weights: Any) -> float:
    r"""$n_\mathrm{eff} = (\sum w)^2 / \sum w^2$: the number of equal weights that would scatter as much.

    ValueError: no weights, not finite, negative, or all 0.
    """
    w, = columns(weights=weights)
    if (w < 0).any() or not w.any():
        raise DataError("weights must be at least 0 and not all 0; a ratio of densities is neither")
    return float(w.sum() ** 2 / (w**2).sum())


def hierarchical(scores: Any, by_session: Any, *, level: float = 0.9) -> float:
    r"""Hierarchical conformal: for a point of a *new session*.

    Each of $m_g$ scores of session g has mass $1/((G+1) m_g)$, and $1/(G+1)$ lies at infinity. A point of a
    session exchangeable with the G calibration sessions is covered with probability >= level. It takes
    $G \ge 1/(1 - \mathrm{level}) - 1$ sessions (9 for 90 %); with fewer the answer is infinity. Sources:
    Dunn, Wasserman, Ramdas, J. Am. Stat. Assoc. 118, 2491 (2023); Lee, Barber, Willett, arXiv:2306.06342.

    Args:
        scores: (n,) of points whose *session* the predictor has not seen. One predictor for all of them gives
            the guarantee; scores from leaving each session out in turn are common practice, and give it only
            as far as the predictors resemble each other.
        by_session: (n,) the session of each score.
        level: the coverage asked for.

    Raises:
        ValueError: as `split`, or arrays of different lengths.
    """
    s, = columns(scores=scores)
    _, which, sizes = np.unique(np.asarray(by_session), return_inverse=True, return_counts=True)
    if which.shape != s.shape:
        raise ValueError(f"scores are {s.shape}, by_session {which.shape}: one session per score is needed")
    return float(_smallest(s, 1 / sizes[which], probability("level", level) * (len(sizes) + 1)))


def jackknife_plus(predictions: Any, residuals: Any, *, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    r"""Jackknife+ and CV+: intervals from predictors that each left one point (or fold) out.

    With $a = 1 - \mathrm{level}$: from the $\lfloor a(n+1) \rfloor$-th smallest of
    $m_{-i}(x) - R_i$ to the $\lceil (1-a)(n+1) \rceil$-th smallest of $m_{-i}(x) + R_i$,
    $R_i = |y_i - m_{-i}(x_i)|$. Guaranteed is a coverage of 1 - 2a (CV+ with K folds: short of that by at
    most $\sqrt{2/n}$); in practice it is near 1 - a. Source: Barber, Candes, Ramdas, Tibshirani,
    Ann. Stat. 49, 486 (2021).

    Args:
        predictions: (n, m) at the m new points; row i by the predictor that left point i (or its fold) out.
        residuals: (n,) R_i, in the same unit.
        level: 1 - a.

    Returns:
        Lower and upper ends, (m,) each.

    Raises:
        ValueError: shapes that do not fit, no points, not finite, or a level outside (0, 1).
    """
    r, = columns(residuals=residuals)
    m = np.asarray(predictions, np.float64)
    if m.ndim != 2 or len(m) != len(r) or not np.isfinite(m).all():
        raise ValueError(f"predictions must be finite and (n, m) with n = {len(r)} residuals; got {m.shape}")
    needed = probability("level", level) * (len(r) + 1)
    ones = np.ones_like(r)
    ends = [[float(_smallest(sign * column + r, ones, needed)) for column in m.T] for sign in (-1, 1)]
    return -np.array(ends[0]), np.array(ends[1])

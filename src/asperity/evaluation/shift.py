r"""What happens to a model on other tips, sessions and specimens, and how to see it coming.

`fall` compares predictions inside and outside the range of training. `detect` flags single inputs unlike
those learnt from, at a stated rate of false alarms. `two_sample` asks whether a whole session is different.
Give inputs as dimensionless groups (their logarithms where they span decades): then a new tip radius is out
of distribution only if the physics is.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from asperity.evaluation._columns import columns, probability
from asperity.evaluation.accuracy import r2, rmse
from asperity.messages import DataError

__all__ = ["Detection", "Fall", "Judged", "Predictions", "TwoSample", "detect", "fall", "two_sample"]

_STILL = 1e-6  # of a dimensionless group's spread: a direction that varies less never varied
_ROUNDING = 1e-9  # of MMD^2: the same division of points must compare as equal
_LARGEST = 1000  # points per side in the matrix of the two-sample test


class Predictions(NamedTuple):
    """What was observed and predicted, and how the prediction scales: (n,) each, or a number."""

    observed: Any
    predicted: Any
    slope_mean: Any  # exponent s of the prediction at each point
    target: Any  # exponent s* of theory
    slope_std: Any = 0.0


class Judged(NamedTuple):
    """Accuracy and consistency of one set of predictions."""

    r2: float
    rmse: float
    squared_deviation: float  # E[(s - s*)^2]; infinite if a slope is not finite


class Fall(NamedTuple):
    """Both sets, and how much worse the one outside is."""

    inside: Judged
    outside: Judged
    r2_lost: float
    rmse_ratio: float
    deviation_gained: float  # difference of the mean squared deviations


def fall(inside: Predictions, outside: Predictions) -> Fall:
    r"""How accuracy and consistency fall from test points inside the training range to those outside.

    Consistency is judged by $\mathrm{E}[(s - s^*)^2] = \mathrm{mean}\,(m_s - s^*)^2 + v_s$, over points and
    the posterior of the exponent. Give quantities that span decades as logarithms: $R^2$ and RMSE then weigh
    large and small values alike.

    Args:
        inside, outside: predictions by *one* trained model; the points of neither were trained on.

    Raises:
        ValueError: shapes that do not fit, no points, observations or predictions that are not finite.
    """
    a, b = _judge(inside), _judge(outside)
    ratio = b.rmse / a.rmse if a.rmse > 0 else math.inf if b.rmse > 0 else math.nan
    return Fall(a, b, a.r2 - b.r2, ratio, b.squared_deviation - a.squared_deviation)


def _judge(found: Predictions) -> Judged:
    y, m, target = columns(observed=found.observed, predicted=found.predicted, target=found.target)
    slope = np.broadcast_to(np.asarray(found.slope_mean, np.float64), y.shape)
    std = np.broadcast_to(np.asarray(found.slope_std, np.float64), y.shape)
    square = float(((slope - target) ** 2 + std**2).mean())
    return Judged(r2(y, m), rmse(y, m), square if math.isfinite(square) else math.inf)


def _features(name: str, values: Any) -> np.ndarray:
    x = np.asarray(values, np.float64)
    if x.ndim != 2 or 0 in x.shape or not np.isfinite(x).all():
        raise DataError(f"{name} must be finite and (n, p), one row per curve and one column per "
                        f"dimensionless group; got {x.shape}. Leave flagged curves out")
    return x


class Detection(NamedTuple):
    """Which inputs are unlike those learnt from, and in what."""

    distance: np.ndarray  # (m,) about 1 at the edge of what was learnt from
    p_value: np.ndarray  # (m,)
    flag: np.ndarray  # (m,) bool: p_value <= false_alarm
    outside: np.ndarray  # (m, p) bool: this group lies beyond all training values


def detect(training: Any, inputs: Any, *, false_alarm: float = 0.05, seed: int = 0) -> Detection:
    r"""Flag inputs unlike the training inputs, with a calibrated rate of false alarms.

    The distance is the larger of Mahalanobis's $\sqrt{(x-c)^T S^{-1} (x-c)}$ and the range's
    $\max_j |x_j - \mathrm{mid}_j|/\mathrm{half}_j$, each over its own $1 - \mathrm{false\ alarm}$ quantile;
    they come from a random half of the training inputs. The other half of size n calibrates it:
    $p = (1 + \#\{d_i \ge d\})/(n + 1)$, so that an input drawn like the training inputs is flagged with
    probability $\lfloor (n+1)\,\mathrm{false\ alarm} \rfloor/(n+1)$, whatever their distribution. Curves of a
    new session are not drawn like that if sessions differ: then false alarms gather in some sessions, and
    `two_sample` with ``by_session`` is the question to ask.

    Args:
        training: (n, p) dimensionless groups, of order one (logarithms where they span decades).
        inputs: (m, p). A group that never varied in training flags every input where it differs.
        false_alarm: the rate.
        seed: of halving.

    Raises:
        ValueError: shapes, values that are not finite, or too few training inputs ever to flag one.
    """
    x, new = _features("training", training), _features("inputs", inputs)
    if x.shape[1] != new.shape[1]:
        raise DataError(f"training has {x.shape[1]} groups, inputs {new.shape[1]}: give the same ones")
    least = 2 * math.ceil(1 / probability("false_alarm", false_alarm) - 1)
    if len(x) < max(least, 4):
        raise DataError(f"{len(x)} training inputs cannot show a false-alarm rate of {false_alarm:g}; "
                        f"at least {max(least, 4)} can")
    order = np.random.default_rng(seed).permutation(len(x))
    reference, held = x[order[: len(x) // 2]], x[order[len(x) // 2 :]]
    scale = np.quantile(_distances(reference, reference), 1 - false_alarm, axis=1, keepdims=True)
    scale = np.maximum(scale, _STILL)
    calibration = np.sort((_distances(reference, held) / scale).max(axis=0))
    distance = (_distances(reference, new) / scale).max(axis=0)
    p_value = (1 + len(held) - np.searchsorted(calibration, distance)) / (len(held) + 1)
    outside = (new < x.min(axis=0)) | (new > x.max(axis=0))
    return Detection(distance, p_value, p_value <= false_alarm, outside)


def _distances(reference: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mahalanobis's distance and the range's from the reference inputs, (2, m)."""
    center, spread = reference.mean(axis=0), reference.std(axis=0)
    spread = np.where(spread > _STILL, spread, 1.0)
    standard = (reference - center) / spread
    variance, axes = np.linalg.eigh(standard.T @ standard / len(standard))
    along = (points - center) / spread @ axes / np.sqrt(np.maximum(variance, _STILL**2))
    low, high = reference.min(axis=0), reference.max(axis=0)
    half = np.maximum((high - low) / 2, _STILL)
    return np.stack([np.linalg.norm(along, axis=1), (np.abs(points - (low + high) / 2) / half).max(axis=1)])


class TwoSample(NamedTuple):
    """Whether two sets of inputs differ."""

    squared_mmd: float
    p_value: float
    resolution: float  # the least p_value that these data could have given


def two_sample(inputs: Any, second: Any, *, by_session: Any = None, permutations: int = 999,
               seed: int = 0) -> TwoSample:
    r"""Permutation test of the maximum mean discrepancy: do two sets of inputs have the same distribution?

    $$\mathrm{MMD}^2 = \frac{1}{n^2}\sum k(x, x') + \frac{1}{m^2}\sum k(y, y') - \frac{2}{nm}\sum k(x, y)$$

    with $k = \exp(-|x-x'|^2/(2h^2))$ of the pooled and standardized inputs and h their median distance. The
    labels are permuted: $p = (1 + \#\{\text{permuted} \ge \text{found}\})/(1 + \text{permutations})$, which
    is <= alpha with probability <= alpha if there is no difference. Sets of more than 1000 points are
    thinned at random.
    Source: Gretton, Borgwardt, Rasch, Schoelkopf, Smola, J. Mach. Learn. Res. 13, 723 (2012).

    Args:
        inputs: (n, p) of both sets, as in `detect`.
        second: (n,) bool, which points belong to the second set.
        by_session: (n,) the session of each point; then whole sessions change sides. Needed whenever the
            question is whether *kinds* of session differ: two sessions of one kind always differ a little.
        permutations: how many; seed: of these and of thinning.

    Raises:
        ValueError: shapes, values that are not finite, an empty set, or a session in both sets.
    """
    x, side = _features("inputs", inputs), np.asarray(second, bool)
    units = np.unique(np.arange(len(x)) if by_session is None else by_session, return_inverse=True)[1]
    if side.shape != (len(x),) or units.shape != side.shape or side.all() or not side.any():
        raise ValueError(f"second and by_session must be one row of {len(x)}, with points in both sets")
    if np.isin(units[side], units[~side]).any():
        raise DataError("a session is in both sets; it belongs to one of them, or leave by_session out")
    rng = np.random.default_rng(seed)
    kept = np.sort(np.concatenate([_thinned(np.flatnonzero(side == s), rng) for s in (False, True)]))
    units = np.unique(units[kept], return_inverse=True)[1]
    labels = np.zeros(units.max() + 1, bool)
    labels[units] = side[kept]
    drawn = rng.permuted(np.tile(labels, (permutations, 1)), axis=1)
    found = _squared_mmd(_kernel(x[kept]), np.vstack([labels, drawn])[:, units])
    as_large = (found[1:] >= found[0] * (1 - _ROUNDING)).sum()
    return TwoSample(float(found[0]), float((1 + as_large) / (1 + permutations)),
                     max(1 / _ways(labels), 1 / (1 + permutations)))


def _ways(labels: np.ndarray) -> int:
    """In how many ways the units fall into two sets; exchanging sets of equal size is no new way."""
    count, chosen = len(labels), int(labels.sum())
    return math.comb(count, chosen) // (2 if 2 * chosen == count else 1)


def _thinned(members: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return members if len(members) <= _LARGEST else rng.choice(members, _LARGEST, replace=False)


def _kernel(x: np.ndarray) -> np.ndarray:
    """The Gaussian kernel of the standardized points at their median distance, (n, n)."""
    from scipy.spatial.distance import cdist

    standard = x / np.maximum(x.std(axis=0), _STILL)
    squared = cdist(standard, standard, "sqeuclidean")
    typical = np.median(squared[np.triu_indices(len(x), 1)])
    return np.exp(-squared / (2 * max(typical, _STILL**2)))


def _squared_mmd(kernel: np.ndarray, second: np.ndarray) -> np.ndarray:
    """MMD^2 for each row of labels (k, n)."""
    weights = second / second.sum(axis=1, keepdims=True) - ~second / (~second).sum(axis=1, keepdims=True)
    return ((weights @ kernel) * weights).sum(axis=1)

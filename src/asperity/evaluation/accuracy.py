"""How far predictions are from what was observed: the value alone, and the value with its uncertainty."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import erf

from asperity.evaluation._columns import columns, positive

__all__ = ["crps", "nlpd", "r2", "r2_of_rows", "rmse"]


def r2(observed: Any, predicted: Any) -> float:
    r"""Coefficient of determination $R^2 = 1 - \sum (y - m)^2 / \sum (y - \bar y)^2$.

    1 for perfect predictions, 0 for those no better than the mean of the observed values, unbounded
    below; NaN where all observed values are equal.

    Args:
        observed, predicted: (n,) in one unit.

    Raises:
        ValueError: shapes differ, no points, or values that are not finite.
    """
    y, m = columns(observed=observed, predicted=predicted)
    if np.ptp(y) == 0:
        return math.nan
    return float(1 - ((y - m) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def r2_of_rows(observed: np.ndarray, predicted: np.ndarray, counted: np.ndarray) -> np.ndarray:
    r"""`r2` of each row at once, (row,): the same to rounding, as the sums of a row run over all its places.

    NaN where a row has no point that counts, where its observed values are all equal, or where one of its points is
    not finite.

    Args:
        observed, predicted: (row, point) in one unit.
        counted: (row, point) which points count; whatever stands at the others has no effect.
    """
    y, m = (np.where(counted, values, 0.0) for values in (observed, predicted))
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(counted, y - (y.sum(axis=1) / counted.sum(axis=1))[:, None], 0.0)
        explained = 1 - ((y - m) ** 2).sum(axis=1) / (apart**2).sum(axis=1)
    high, low = (f(np.where(counted, y, end), axis=1, initial=end) for f, end in ((np.max, -np.inf), (np.min, np.inf)))
    return np.where(high > low, explained, np.nan)


def rmse(observed: Any, predicted: Any) -> float:
    r"""Root mean squared error $\sqrt{\mathrm{mean}\,(y - m)^2}$, in the unit of the (n,) arguments.

    Raises:
        ValueError: as `r2`.
    """
    y, m = columns(observed=observed, predicted=predicted)
    return float(np.sqrt(((y - m) ** 2).mean()))


def _standardized(observed: Any, mean: Any, std: Any) -> tuple[np.ndarray, np.ndarray]:
    """z = (y - m) / sigma and sigma, (n,) each."""
    y, m, sigma = columns(observed=observed, mean=mean, std=std)
    return (y - m) / positive("std", sigma), sigma


def nlpd(observed: Any, mean: Any, std: Any) -> float:
    r"""Negative log predictive density of Gaussian predictions, nats per point.

    $$\mathrm{mean}\left[\tfrac12 \ln(2\pi\sigma^2) + \tfrac12 z^2\right],\quad z = (y - m)/\sigma$$

    A change of unit by the factor c adds ln c: compare models of the same quantity in the same unit.

    Args:
        observed, mean, std: (n,) in one unit, std > 0.

    Raises:
        ValueError: as `r2`, or a std that is not above 0.
    """
    z, sigma = _standardized(observed, mean, std)
    return float((0.5 * math.log(2 * math.pi) + np.log(sigma) + 0.5 * z**2).mean())


def crps(observed: Any, mean: Any, std: Any) -> float:
    r"""Continuous ranked probability score of Gaussian predictions, mean over points, in the unit of y.

    $$\int (F(x) - 1[x \ge y])^2\,dx = \sigma\left[z(2\Phi(z) - 1) + 2\varphi(z) - 1/\sqrt\pi\right]$$

    It tends to the mean absolute error as std goes to 0. Source: Gneiting, Raftery, J. Am. Stat. Assoc.
    102, 359 (2007).

    Args:
        observed, mean, std: (n,) in one unit, std > 0.

    Raises:
        ValueError: as `nlpd`.
    """
    z, sigma = _standardized(observed, mean, std)
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    return float((sigma * (z * erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))).mean())

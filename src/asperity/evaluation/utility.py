r"""The utility of a model: does it predict, and does it scale as theory says it must?

A network can reach $R^2 = 0.99$ with a useless slope, and then fails on the next tip. The utility weighs
both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from asperity.messages import ArgumentError, DataError

__all__ = ["Utility", "utility"]


class Utility(NamedTuple):
    """U_alpha with its two terms, and what the second is made of."""

    value: float
    accuracy: float  # R^2, at most 1, unbounded below
    consistency: float  # 0 to 1
    deviation: float  # root mean squared s - s*


def utility(r2: float, slope_mean: Any, slope_std: Any, target: Any, *, weight: float = 0.5,
            tolerance: float = 0.2) -> Utility:
    r"""Predictive accuracy and mechanistic consistency in one number.

    $$U_\alpha = \alpha R^2
        + (1-\alpha)\,\max\left\{0,\; 1 - \frac{\mathrm{E}[(s - s^*)^2]}{\delta^2}\right\}, \qquad
      \mathrm{E}[(s - s^*)^2] = \frac1n \sum_i (m_i - s_i^*)^2 + v_i$$

    The expectation is over the test points and the posterior of the exponent s, mean m and variance v. A
    slope that is not finite (the prediction is not positive) leaves no consistency. $R^2$ is unbounded
    below, and so is U: look at both terms.

    Args:
        r2: $R^2$ on the test points, `asperity.evaluation.accuracy.r2`.
        slope_mean, slope_std: (n,) of `asperity.evaluation.scaling`; 0 for the std of a single function.
        target: the exponent s* of theory, a number or (n,). No default: 1 holds for the pull-off force
            against the radius in the limits of DMT and JKR only, between them see
            `asperity.contact.pull_off.pull_off_exponent`.
        weight: alpha, from 0 to 1.
        tolerance: delta > 0, the deviation at which nothing is left of the consistency.

    Raises:
        ValueError: weight or tolerance out of range, no points, a negative std, a target that is not finite.
    """
    if not (0 <= weight <= 1 and tolerance > 0):
        raise ArgumentError(f"weight must be in [0, 1] and tolerance above 0; got {weight:g} and {tolerance:g}")
    mean, std, goal = np.broadcast_arrays(*(np.asarray(a, float) for a in (slope_mean, slope_std, target)))
    if mean.size == 0 or not np.isfinite(goal).all() or (std < 0).any():
        raise DataError("slopes at one point at least, a finite target and a std >= 0 are needed")
    square = float(np.mean((mean - goal) ** 2 + std**2))
    square = square if np.isfinite(square) else np.inf
    consistency = max(0.0, 1 - square / tolerance**2)
    return Utility(weight * r2 + (1 - weight) * consistency, float(r2), consistency, square**0.5)

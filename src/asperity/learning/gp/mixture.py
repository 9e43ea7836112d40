"""Draws of normal distributions taken together: mean, covariance and quantiles of the mixture."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

__all__ = ["covariance", "quantile"]

_HALVINGS = 50  # to twelve digits of the widest distribution


def covariance(mean: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Covariance of the mixture: (draw, ..., row) means and (draw, ..., row, row) covariances to (..., row, row)."""
    apart = mean - mean.mean(axis=0)
    return within.mean(axis=0) + np.einsum("d...i,d...j->...ij", apart, apart) / len(mean)


def quantile(mean: np.ndarray, std: np.ndarray, probability: float) -> np.ndarray:
    """The value below which the mixture has this probability: (draw, ...) to (...), by bisection."""
    low, high = (mean - 10 * std).min(axis=0), (mean + 10 * std).max(axis=0)
    safe = np.where(std > 0, std, 1e-300)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = ndtr((middle - mean) / safe).mean(axis=0) < probability
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2

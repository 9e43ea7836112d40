r"""When enough was measured, and whether what is claimed then holds on curves that had no part in it.

A property is known when the mean of its standard deviations over the area is small enough; two materials are told apart
when the expected share of misclassified places is,

$$\bar q = \operatorname{mean}_x \min(P_x, 1 - P_x), \qquad P_x = \Phi\!\left(a \frac{m_x - t}{\sqrt{v_x}}\right)$$

Two materials are no Gaussian field: between two edges there is less to be wrong about than its variance says. Curves
that are held out, each by all others, tell a, of which the end of its interval of 95 % on the safe side is taken: who
stops at a claim stops when it is most hopeful.

Held-out curves test both claims: the number of them on the wrong side of the threshold against the sum of their own q
(a sum of unequal coins; a is told by the other four fifths of the curves), and the number outside of their 95 %
intervals against 5 % of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtr
from scipy.stats import binom

__all__ = ["Check", "classes_checked", "coins", "intervals_checked", "sharpness", "wrong_share"]

_WIDE = 1.959964  # standard deviations to the ends of 95 %
_OUTSIDE = 0.05  # of the values, that lie outside of them
_FOLDS = 5  # parts of the curves, each checked by what the others tell
_SHARP = np.exp(np.linspace(-2.0, 2.0, 81))  # the a that are compared,
_SPREAD = 0.5  # standard deviation of ln(a) before a curve is held out
_SAFE = 0.05  # probability that a is smaller than what is used: who stops, stops at the most hopeful moment


class Check(NamedTuple):
    """How many of some held-out curves contradict what was claimed of them."""

    curves: int
    expected: float  # that contradict it, if the claim holds
    found: int
    chance: float  # probability of so many or more, if the claim holds

    @property
    def held(self) -> bool:
        """Whether the claim stands: no more contradictions than chance brings in 19 of 20 cases."""
        return self.chance > _OUTSIDE


def wrong_share(mean: np.ndarray, variance: np.ndarray, threshold: float, sharp: float = 1.0) -> np.ndarray:
    """The probability of each place to be of the other material than its mean says; ``sharp`` is a."""
    return ndtr(-sharp * np.abs(mean - threshold) / np.sqrt(np.maximum(variance, 1e-300)))


def sharpness(values: np.ndarray, mean: np.ndarray, variance: np.ndarray, threshold: float) -> float:
    """a by ``values`` that were held out, the lower end of 95 % (one-sided); ``variance`` includes their noise."""
    sides = np.where(values > threshold, 1.0, -1.0) * (mean - threshold) / np.sqrt(variance)
    told = log_ndtr(_SHARP[:, None] * sides).sum(axis=1) - 0.5 * (np.log(_SHARP) / _SPREAD) ** 2
    weight = np.cumsum(np.exp(told - told.max()))
    return float(_SHARP[np.searchsorted(weight, _SAFE * weight[-1])])


def classes_checked(values: np.ndarray, mean: np.ndarray, variance: np.ndarray, threshold: float) -> Check:
    """Held-out ``values`` against the side of the threshold that they were expected on.

    Args:
        variance: of a value about its mean, its noise included.
    """
    share, fold = np.empty(len(values)), np.arange(len(values)) % _FOLDS
    for one in range(_FOLDS):
        own, rest = fold == one, fold != one
        sharp = sharpness(values[rest], mean[rest], variance[rest], threshold)
        share[own] = wrong_share(mean[own], variance[own], threshold, sharp)
    found = int(((values > threshold) != (mean > threshold)).sum())
    return Check(len(values), float(share.sum()), found, float(coins(share)[found:].sum()))


def intervals_checked(values: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> Check:
    """Held-out ``values`` against their intervals of 95 %; ``variance`` is that of a value, its noise included."""
    found = int((np.abs(values - mean) > _WIDE * np.sqrt(variance)).sum())
    return Check(len(values), _OUTSIDE * len(values), found, float(binom.sf(found - 1, len(values), _OUTSIDE)))


def coins(share: np.ndarray) -> np.ndarray:
    """The probabilities of 0, 1, ... n heads of n coins, each with its own ``share`` of heads: (n + 1,)."""
    told = np.ones(1)
    for one in share:
        told = np.append(told * (1 - one), 0.0) + np.append(0.0, told * one)
    return told

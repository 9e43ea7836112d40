r"""Intervals of the rates of a Koopman model, from the scatter among episodes.

Episodes are drawn with replacement, their sums added, the model fitted again. Eigenvalues of a draw are matched to
those of all episodes by their eigenfunctions: the assignment with the largest overlap
$|\langle \varphi_i, \varphi_j \rangle|^2$ on the data. The half width of an interval is that of the middle 68.27 % of
the draws times Student's quantile for one episode less than there are.

These intervals hold what other episodes of the same kind would give, not the truth where the estimate is biased.
Noise of the states biases least squares: it adds to G, and damping comes out too large by any factor, with
an interval as narrow as there are many data. Sums two lags apart (`fit_lagged`) remove the bias of additive noise that
is independent from sample to sample; a dictionary in which the dynamics are not closed leaves its own bias in both.

Source: Efron, Ann. Stat. 7, 1 (1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from scipy.optimize import linear_sum_assignment
from scipy.special import erf
from scipy.stats import t as student

from asperity.dynamics.dictionaries import AbstractDictionary
from asperity.dynamics.koopman.edmd import Eigenpairs, KoopmanModel, eigenpairs, fit, fit_lagged
from asperity.dynamics.koopman.sums import Scaling, Sums
from asperity.messages import ArgumentError

__all__ = ["FEWEST_EPISODES", "RateIntervals", "rate_intervals"]

_MIDDLE = float(erf(1 / np.sqrt(2)))  # of a normal distribution within one standard deviation
#: episodes, whose scatter says something
FEWEST_EPISODES = 5


class RateIntervals(NamedTuple):
    """Of each eigenvalue of ``model``, in the order of ``found``; rates are per step of time."""

    model: KoopmanModel  # of all episodes
    found: Eigenpairs
    rate: Complex[np.ndarray, " function"]  # ln of the eigenvalue: minus the decay, and i times the angle, of one step
    decay: Float[np.ndarray, "function 2"]  # lowest and highest real part
    angle: Float[np.ndarray, "function 2"]  # and imaginary part
    overlap: Float[np.ndarray, " function"]  # median over draws, 0 to 1: near 1 it is the same eigenfunction again


def rate_intervals(dictionary: AbstractDictionary, scaling: Scaling, episodes: Sequence[Sums], *,
                   later: Sequence[Sums] | None = None, level: float = 0.95, draws: int = 200,
                   seed: int = 0) -> RateIntervals:
    """Rates with intervals.

    Args:
        dictionary, scaling: of the model.
        episodes: the sums of each episode by itself.
        later: the sums two lags apart of each, for `fit_lagged`; without them `fit`, which noise biases.
        level: of the intervals.
        draws: of episodes.
        seed: of the draws.

    Raises:
        ArgumentError: fewer than five episodes.
    """
    count = len(episodes)
    if count < FEWEST_EPISODES:
        raise ArgumentError(f"{count} episodes: intervals come from their scatter, which takes {FEWEST_EPISODES} at "
                            "least. Cut longer ones, where they are long against the decay")
    plain = [one._replace(triangle=None) for one in episodes]

    def model_of(weight: np.ndarray) -> KoopmanModel:
        one = _weighted(plain, weight)
        return fit(dictionary, scaling, one) if later is None else fit_lagged(
            dictionary, scaling, one, _weighted(later, weight))

    whole = model_of(np.ones(count, int))
    found = eigenpairs(whole)
    rate = np.log(found.value.astype(complex))
    rng = np.random.default_rng(seed)
    away, overlap = np.empty((draws, len(rate)), complex), np.empty((draws, len(rate)))
    for draw in range(draws):
        again = eigenpairs(model_of(rng.multinomial(count, np.full(count, 1 / count))))
        place, overlap[draw] = _matched(whole.sums.gram, found.vector, again.vector)
        away[draw] = np.log(again.value.astype(complex)[place] / found.value)
    width = student.ppf((1 + level) / 2, count - 1) * np.sqrt(count / (count - 1))
    half = [width * _deviation(part)[:, None] * np.array([-1, 1]) for part in (np.real(away), np.imag(away))]
    return RateIntervals(whole, found, rate, np.real(rate)[:, None] + half[0], np.imag(rate)[:, None] + half[1],
                         np.median(overlap, axis=0))


def _weighted(sums: Sequence[Sums], weight: np.ndarray) -> Sums:
    """Each episode as often as the weight says."""
    return reduce(Sums.merged, [Sums(n * one.samples, n * one.gram, n * one.across, n * one.after, None)
                                for one, n in zip(sums, weight.tolist()) if n])


def _matched(gram: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the other eigenfunctions is which of the one, and how far they agree on the data."""
    size = [np.sqrt(np.einsum("ik,ik->k", v.conj(), gram @ v).real) for v in (one, other)]
    overlap = np.abs((one / size[0]).conj().T @ gram @ (other / size[1])) ** 2
    _, place = linear_sum_assignment(overlap, maximize=True)
    return place, overlap[np.arange(len(place)), place]


def _deviation(draws: np.ndarray) -> np.ndarray:
    """Half the width of the middle 68.27 %, of each column."""
    low, high = np.quantile(draws, [(1 - _MIDDLE) / 2, (1 + _MIDDLE) / 2], axis=0)
    return (high - low) / 2

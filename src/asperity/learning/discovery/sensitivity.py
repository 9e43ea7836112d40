r"""Which inputs a result's scatter comes from.

$$S_i = \frac{\operatorname{Var} \mathrm{E}[Y|X_i]}{\operatorname{Var} Y}, \qquad
  S^T_i = 1 - \frac{\operatorname{Var} \mathrm{E}[Y|X_{-i}]}{\operatorname{Var} Y}, \qquad
  \mathrm{Sh}_i = \frac{1}{d} \sum_{u \not\ni i} \binom{d-1}{|u|}^{-1} \frac{c(u \cup i) - c(u)}{c(\text{all})},
  \quad c(u) = \operatorname{Var} \mathrm{E}[Y|X_u]$$

Sobol's indices are of independent inputs, and their bands are those of replicates: the points of one scrambled
sequence are not independent of each other. Of correlated inputs they do not add up; the effects of Shapley do.

Source: Sobol, Math. Comput. Simul. 55, 271 (2001); Owen, Prieur, SIAM/ASA J. Uncertain. Quantif. 5, 986 (2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from asperity.learning.discovery.smooth_process import SmoothProcess
from asperity.messages import ArgumentError, DataError, whole

__all__ = [
    "FEWEST_REPLICATES",
    "MOST_INPUTS",
    "Shapley",
    "Sobol",
    "linear_shapley",
    "process_draws",
    "shapley_effects",
    "sobol_shares",
]

#: inputs of which all subsets are taken
MOST_INPUTS = 6
#: scrambled sequences that a band is made from
FEWEST_REPLICATES = 10

_LEVEL = 0.95  # that a band holds
_JITTER = 1e-9  # of the process's variance, on the diagonal of the covariance of draws: round-off

#: of points (input, point): their values (point,), or those of several draws (draw, point)
Function = Callable[[np.ndarray], Any]


class Sobol(NamedTuple):
    """Shares of each input, (input,) each; the parts of the standard errors are (first or total, input)."""

    first: np.ndarray
    total: np.ndarray
    sampling_std: np.ndarray  # of finitely many points
    surrogate_std: np.ndarray  # of the draws: what is not known of the function; 0 of one that is
    reach: np.ndarray  # half the width of the bands that hold 95 %, by both parts


class Shapley(NamedTuple):
    """Shares of each input, which add up to 1, and their standard errors, (input,) each."""

    effect: np.ndarray
    std: np.ndarray


def sobol_shares(function: Function, distributions: Sequence[Any], *, count: int = 1024,
                 replicates: int = FEWEST_REPLICATES, seed: int = 0) -> Sobol:
    """First-order and total indices of independent inputs, with bands.

    Args:
        function: of (input, point); with several rows (draw, point) each is a function that it may be.
        distributions: of each input, with the inverse ``ppf`` of its cumulative distribution (as scipy's).
        count: points of a sequence, a power of two; it takes ``count`` times (inputs + 2) values.
        replicates: scrambled sequences, ten at least.
        seed: of the scrambling.

    Raises:
        ArgumentError: ``count`` is no power of two, or too few replicates.
        DataError: a value that is not finite, or the same value everywhere.
    """
    from scipy.stats import qmc, sobol_indices

    whole("replicates", replicates, FEWEST_REPLICATES)
    if whole("count", count, 2) & (count - 1):
        raise ArgumentError(f"count = {count}: must be a power of two, such as {1 << count.bit_length()}")
    inputs, found = len(distributions), []
    for one in np.random.default_rng(seed).spawn(replicates):
        unit = qmc.Sobol(2 * inputs, rng=one).random(count).T
        places = np.stack([distributions[i % inputs].ppf(np.clip(row, 1e-12, 1 - 1e-12))
                           for i, row in enumerate(unit)])
        values = _values(function, np.concatenate(_mixed(places[:inputs], places[inputs:]), axis=1), count)
        parts = {"f_A": values[0], "f_B": values[1], "f_AB": values[2:]}
        shares = sobol_indices(func=parts, n=count)
        found.append(np.stack([shares.first_order, shares.total_order]).reshape(2, -1, inputs))
    return _shares(np.array(found))


def _mixed(first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """A, B, and A with one row of B each."""
    return [first, second, *(np.where((np.arange(len(first)) == i)[:, None], second, first)
                             for i in range(len(first)))]


def _values(function: Function, places: np.ndarray, count: int) -> np.ndarray:
    """(set, draw, point)"""
    values = np.atleast_2d(np.array(function(places), float))
    if not np.isfinite(values).all():
        raise DataError("the function is not finite somewhere in the ranges of its inputs: narrow them")
    if (np.ptp(values, axis=1) == 0).any():
        raise DataError("the function has the same value everywhere: no input has a share of its scatter")
    return np.moveaxis(values.reshape(len(values), -1, count), 1, 0)


def _shares(found: np.ndarray) -> Sobol:
    """Of (replicate, first or total, draw, input)."""
    replicates, _, draws, _ = found.shape
    sampling = found.mean(axis=2).std(axis=0, ddof=1) / math.sqrt(replicates)
    surrogate = found.std(axis=2, ddof=1).mean(axis=0) if draws > 1 else np.zeros_like(sampling)
    reach = np.hypot(stdtrit(replicates - 1, (1 + _LEVEL) / 2) * sampling, 1.96 * surrogate)
    first, total = found.mean(axis=(0, 2))
    return Sobol(first, total, sampling, surrogate, reach)


def process_draws(process: SmoothProcess, points: np.ndarray, draws: int, seed: int = 0) -> np.ndarray:
    """Functions that the process may be, at these ``points`` (point, coordinate) together: (draw, point).

    They spread more than the process says by as much as points that are left out are wrong by more than it says.
    """
    lengths, amplitude = np.asarray(process.kernel.lengths), float(process.kernel.amplitude)

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a, b = a / lengths, b / lengths
        squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
        return amplitude**2 * np.exp(-0.5 * np.maximum(squared, 0.0))

    known = covariance(np.asarray(process.places), points)
    half = np.asarray(process.whitening) @ known
    left = covariance(points, points) - half.T @ half
    variance, axes = np.linalg.eigh(left)
    size = np.sqrt(np.where(variance > _JITTER * amplitude**2, variance, 0.0))
    random = np.random.default_rng(seed).standard_normal((draws, len(points)))
    off = np.asarray(process.left_out / process.scale) ** 2 * (np.asarray(process.whitening) ** 2).sum(axis=0)
    unit = known.T @ np.asarray(process.weights) + max(1.0, float(off.mean()) ** 0.5) * (random * size) @ axes.T
    return float(process.mean) + float(process.scale) * unit


def linear_shapley(slopes: Any, covariance: Any) -> np.ndarray:
    r"""Shapley effects (input,) of $Y = \sum_i b_i X_i$ of Gaussian inputs with this covariance, exact."""
    slope, spread = np.asarray(slopes, float), np.asarray(covariance, float)
    _check(spread, len(slope))

    def known(subset: tuple[int, ...]) -> float:
        own = list(subset)
        along = spread[own] @ slope
        return float(along @ np.linalg.lstsq(spread[np.ix_(own, own)], along, rcond=None)[0]) if own else 0.0

    return _effects(known, len(slope))


def shapley_effects(function: Callable[[np.ndarray], Any], mean: Any, covariance: Any, *, count: int = 4096,
                    replicates: int = FEWEST_REPLICATES, seed: int = 0) -> Shapley:
    r"""Shapley effects of a function of correlated Gaussian inputs, over all subsets of at most six.

    $c(u)$ is the covariance of two values with the same $X_u$ and the rest drawn twice, given $X_u$.

    Args:
        function: of (input, point), (point,).
        mean, covariance: of the inputs.
        count: pairs of values for each subset of each replicate.
        replicates, seed: independent repetitions, from whose scatter the standard error is.

    Raises:
        ArgumentError: more inputs, or no covariance. DataError: the same value everywhere.
    """
    middle, spread = np.asarray(mean, float), np.asarray(covariance, float)
    _check(spread, len(middle))
    every = []
    for rng in np.random.default_rng(seed).spawn(whole("replicates", replicates, 2)):
        whole_variance = float(np.var(function(_drawn(rng, middle, spread, count)), ddof=1))
        every.append(_effects(lambda own, rng=rng, total=whole_variance: _explained(
            function, rng, (middle, spread), (own, count, total)), len(middle)))
    effects = np.array(every)
    return Shapley(effects.mean(axis=0), effects.std(axis=0, ddof=1) / math.sqrt(len(effects)))


def _explained(function: Callable[[np.ndarray], Any], rng: np.random.Generator, inputs: tuple[np.ndarray, np.ndarray],
               asked: tuple[tuple[int, ...], int, float]) -> float:
    """Var E[Y | X_u], of (mean, covariance) and (u, pairs, the whole variance)."""
    (middle, spread), (subset, count, total) = inputs, asked
    own, rest = list(subset), [i for i in range(len(middle)) if i not in subset]
    if not own or not rest:
        return total if own else 0.0
    held = _drawn(rng, middle[own], spread[np.ix_(own, own)], count)
    onto = np.linalg.lstsq(spread[np.ix_(own, own)], spread[np.ix_(own, rest)], rcond=None)[0].T
    left = spread[np.ix_(rest, rest)] - onto @ spread[np.ix_(own, rest)]
    at = middle[rest, None] + onto @ (held - middle[own, None])
    values = []
    for _ in range(2):
        places = np.empty((len(middle), count))
        places[own], places[rest] = held, at + _drawn(rng, np.zeros(len(rest)), left, count)
        values.append(np.asarray(function(places), float))
    first, second = values
    return float(np.mean(first * second) - np.mean((first + second) / 2) ** 2)


def _drawn(rng: np.random.Generator, mean: np.ndarray, covariance: np.ndarray, count: int) -> np.ndarray:
    """(input, point); the covariance may be singular."""
    variance, axes = np.linalg.eigh(covariance)
    return mean[:, None] + (axes * np.sqrt(np.maximum(variance, 0.0))) @ rng.standard_normal((len(mean), count))


def _effects(known: Callable[[tuple[int, ...]], float], inputs: int) -> np.ndarray:
    """Of c(u), for every subset."""
    values = {u: known(u) for size in range(inputs + 1) for u in combinations(range(inputs), size)}
    everything = values[tuple(range(inputs))]
    if not everything > 0:
        raise DataError("the result does not change with its inputs: none has a share of its scatter")
    effect = np.zeros(inputs)
    for i in range(inputs):
        for u in (u for u in values if i not in u):
            gain = values[tuple(sorted((*u, i)))] - values[u]
            effect[i] += gain / math.comb(inputs - 1, len(u)) / inputs
    return effect / everything


def _check(covariance: np.ndarray, inputs: int) -> None:
    whole("the number of inputs", inputs, 1, MOST_INPUTS)
    if covariance.shape != (inputs, inputs) or not np.allclose(covariance, covariance.T):
        raise ArgumentError(f"covariance must be a symmetric matrix of {inputs} by {inputs}")
    if np.linalg.eigvalsh(covariance)[0] < -1e-9 * np.trace(covariance):
        raise ArgumentError("covariance has a negative eigenvalue: no errors are correlated so; check the correlations")

"""The minimizer of the spectral fit, the covariance of its result, and the test of the model."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from scipy.special import gammaincc, ndtri, polygamma
from scipy.stats import chi2

from asperity.instrument.thermal import AbstractResonance, spectral_density

__all__ = ["Optimum", "covariance", "fit_counted", "misfit"]

_STEPS = 200  # of the minimizer at most; a dozen are usual
_ENOUGH = 1e-7  # decrease of -ln(likelihood) that is not worth another step
_CLIP = 2.5  # standard deviations of ln(periodogram) beyond which the robust fit counts a bin as an outlier
_GROUPS = 48  # of bins, in the test of the model
_BLOCK = 512  # the number of bins is rounded up to a multiple, so that few shapes are compiled


class Optimum(NamedTuple):
    """``parameters`` (m, 5), ``density`` (m, k), ``gradient`` (m, k, 5), ``converged`` (m,).

    The gradient is that of ln(density) by (ln mean square, ln resonance, ln quality, white, pink).
    """

    parameters: np.ndarray
    density: np.ndarray
    gradient: np.ndarray
    converged: np.ndarray


class _Data(NamedTuple):
    frequency: Array  # (k,) Hz
    log_power: Array  # (k,) of the power over its scale
    weight: Array  # (k,) 1 where counted
    center: Array  # () mean of ln(periodogram / truth)
    spread: Array  # () its standard deviation
    enough: Array  # () decrease of the sum that ends the search


class _State(NamedTuple):
    theta: Array  # (5,) the best so far, with value, ln S, its gradient and the slope of the sum
    value: Array
    logarithm: Array
    gradient: Array
    slope: Array
    proposal: Array  # (5,) to be tried next
    damping: Array
    steps: Array
    done: Array


def fit_counted(model: AbstractResonance, frequency: np.ndarray, power: np.ndarray, counted: np.ndarray,
                starts: np.ndarray, averages: np.ndarray, robust: bool) -> Optimum:
    """Minimize over the counted bins from the best of the starts.

    Args:
        model: the resonance.
        frequency: (k,) Hz.
        power: (m, k).
        counted: (m, k) bool.
        starts: (m, s, 5) parameters.
        averages: (m,) n, for the robust fit.
        robust: fit the logarithm with clipped residuals instead of the likelihood.
    """
    bins = len(frequency)
    pad = ((0, 0), (0, -bins % _BLOCK))
    level = np.median(power, axis=1, keepdims=True)
    unit = np.concatenate([level * frequency[-1], np.ones_like(level), np.ones_like(level), level,
                           level * frequency[-1]], axis=1)
    data = _Data(np.pad(frequency, pad[1], mode="edge"), np.pad(np.log(power / level), pad),  # type: ignore
                 np.pad(counted.astype(float), pad), polygamma(0, averages) - np.log(averages),  # type: ignore
                 np.sqrt(polygamma(1, averages)), _ENOUGH / averages)  # type: ignore
    scaled = starts / unit[:, None]
    scaled[..., :3] = np.log(scaled[..., :3])
    theta, density, gradient, converged = map(np.array, _optimize(model, data, scaled, robust))
    theta[:, :3] = np.exp(theta[:, :3])
    gradient[..., 3:] /= unit[:, None, 3:]
    return Optimum(theta * unit, density[:, :bins] * level, gradient[:, :bins], converged)


@jax.jit
def _optimize(model: AbstractResonance, data: _Data, starts: Array, robust: Array):
    """All spectra, each from all of its starts."""
    one = jax.vmap(_minimize, in_axes=(None, None, 0, None))

    def best(data: _Data, starts: Array):
        ends = one(model, data, starts, robust)
        chosen = jnp.argmin(jnp.where(jnp.isfinite(ends.value), ends.value, jnp.inf))
        return (ends.theta[chosen], jnp.exp(ends.logarithm[chosen]), ends.gradient[chosen],
                ends.done[chosen])

    return jax.vmap(best, in_axes=(_Data(None, 0, 0, 0, 0, 0), 0))(data, starts)  # type: ignore[arg-type]


def _log_density(model: AbstractResonance, frequency: Array, theta: Array) -> tuple[Array, Array]:
    """ln S (k,) and its gradient (k, 5) by theta."""
    last = frequency[-1]

    def logarithm(theta: Array) -> Array:
        mean_square, resonance, quality = jnp.exp(theta[:3])
        parameters = (mean_square * last, resonance, quality, theta[3], theta[4] * last)
        return jnp.log(spectral_density(model, frequency, parameters))

    value, push = jax.linearize(logarithm, theta)
    return value, jax.vmap(push)(jnp.eye(5)).T


def _losses(data: _Data, logarithm: Array, robust: Array) -> tuple[Array, Array]:
    """The sum to be minimized, and its negative slope by ln S in every bin."""
    error = data.log_power - logarithm
    ratio = jnp.exp(error)
    free, most = error - data.center, _CLIP * data.spread
    clipped = jnp.clip(free, -most, most)
    loss = jnp.where(robust, clipped * (free - clipped / 2), ratio + logarithm)
    return (data.weight * loss).sum(), data.weight * jnp.where(robust, clipped, ratio - 1)


def _minimize(model: AbstractResonance, data: _Data, start: Array, robust: Array) -> _State:
    """Fisher scoring with damping, inside bounds."""
    least, most = _bounds(data)

    def step(state: _State) -> _State:
        logarithm, gradient = _log_density(model, data.frequency, state.proposal)
        value, slopes = _losses(data, logarithm, robust)
        better = value <= state.value
        theta, value, logarithm, gradient, slope = (jnp.where(better, new, old) for new, old in zip(
            (state.proposal, value, logarithm, gradient, slopes @ gradient), state))
        damping = jnp.where(better, state.damping * 0.1, state.damping * 10 + 1e-6)
        free = ~(((theta <= least) & (slope < 0)) | ((theta >= most) & (slope > 0)))
        fisher = (gradient * data.weight[:, None]).T @ gradient
        move = _solve(fisher, jnp.where(free, slope, 0.0), free, damping)
        done = (move @ slope < data.enough) | (damping > 1e9)
        move = move / jnp.maximum(1.0, jnp.abs(move[:3]).max())
        return _State(theta, value, logarithm, gradient, slope, jnp.clip(theta + move, least, most), damping,
                      state.steps + 1, done)

    bins = data.frequency.shape[0]
    start = jnp.clip(start, least, most)
    state = _State(start, jnp.asarray(jnp.inf), jnp.zeros(bins), jnp.zeros((bins, 5)), jnp.zeros(5), start,
                   jnp.asarray(1e-3), jnp.asarray(0), jnp.asarray(False))
    return lax.while_loop(lambda s: ~s.done & (s.steps < _STEPS), step, state)


def _bounds(data: _Data) -> tuple[Array, Array]:
    """The resonance lies in the band, and no noise is negative."""
    first, last = jnp.log(data.frequency[0]), jnp.log(data.frequency[-1])
    return (jnp.stack([-80.0, first, jnp.log(0.3), 1e-9, 0.0]),
            jnp.stack([80.0, last, jnp.log(1e6), jnp.inf, jnp.inf]))


def _solve(matrix: Array, slope: Array, free: Array, damping: Array) -> Array:
    """The step (5,) of the free parameters; the matrix is brought to a unit diagonal."""
    size = jnp.sqrt(jnp.maximum(jnp.diag(matrix), 1e-30))
    scaled = jnp.where(free[:, None] & free, matrix / jnp.outer(size, size), 0.0)
    factor = jnp.linalg.cholesky(scaled + jnp.diag(jnp.where(free, damping + 1e-13, 1.0)))
    return jax.scipy.linalg.cho_solve((factor, True), slope / size) / size


def _correlations(ratio: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """(m, 3) autocorrelation of the ratios at lags 0, 1 and 2 bins; 0 where it is not significant."""
    residual = np.where(counted, ratio - 1, 0.0)
    total = (residual**2).sum(axis=1)
    lags = np.stack([(residual[:, lag:] * residual[:, :-lag]).sum(axis=1) / total for lag in (1, 2)], axis=1)
    lags = np.where(np.abs(lags) > 3 / np.sqrt(counted.sum(axis=1))[:, None], lags, 0.0)
    return np.column_stack([np.ones(len(ratio)), lags])


def covariance(ratio: np.ndarray, gradient: np.ndarray, counted: np.ndarray,
               averages: np.ndarray) -> np.ndarray:
    r"""(m, 5, 5) covariance of (ln mean square, ln resonance, ln quality, white, pink).

    $A^{-1} B A^{-1} / n$ with the Fisher matrix $A = \sum_j g_j g_j^T$ of one periodogram and
    $B = \sum_{jl} \rho_{|j-l|} g_j g_l^T$, where $\rho$ is the correlation of neighboring bins that a window
    brings (Hann: 4/9 and 1/36); without a window B = A. A singular A gives infinite variances.
    """
    g = gradient * counted[..., None]
    size = np.sqrt((g**2).sum(axis=1))
    g = g / np.where(size > 0, size, 1.0)[:, None]
    fisher = np.einsum("mki,mkj->mij", g, g)
    both, rho = fisher.copy(), _correlations(ratio, counted)
    for lag in (1, 2):
        cross = np.einsum("mki,mkj->mij", g[:, lag:], g[:, :-lag])
        both += rho[:, lag, None, None] * (cross + cross.transpose(0, 2, 1))
    sound = np.linalg.cond(fisher) < 1e13
    inverse = np.linalg.inv(np.where(sound[:, None, None], fisher, np.eye(5)))
    outer = size[:, :, None] * size[:, None, :]
    result = inverse @ both @ inverse / averages[:, None, None] / np.where(outer > 0, outer, 1.0)
    return np.where(sound[:, None, None], result, np.inf)


def misfit(frequency: np.ndarray, ratio: np.ndarray, gradient: np.ndarray, counted: np.ndarray,
           averages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Test the model on means over groups of neighboring bins.

    The bins fall into 48 groups with equal parts of the bins and of the mode's share of the spectrum. The
    mean ratio in a group is gamma distributed; its normal quantiles make a chi-square with 5 degrees of
    freedom less than groups.

    Returns:
        (m,) the chance that a true model deviates so far; (m, 2) frequency (Hz) and relative deviation of the
        group that deviates most, NaN where no group has two bins.
    """
    chance, worst = np.empty(len(ratio)), np.empty((len(ratio), 2))
    slack = _correlations(ratio, counted) @ np.array([1.0, 2.0, 2.0])
    for row, (values, share, among) in enumerate(zip(ratio, gradient[..., 0], counted)):
        density = among * (share / max(share[among].sum(), 1e-30) + 1 / max(among.sum(), 1))
        group = np.minimum((np.cumsum(density) / density.sum() * _GROUPS).astype(int), _GROUPS - 1)[among]
        count = np.bincount(group, minlength=_GROUPS)
        filled = count > 1
        if not filled.any():  # of few bins, most taken for lines: nothing is left that could deviate
            chance[row], worst[row] = 1.0, np.nan
            continue
        mean = np.bincount(group, values[among], _GROUPS)[filled] / count[filled]
        place = np.bincount(group, frequency[among], _GROUPS)[filled] / count[filled]
        shape = count[filled] * averages[row] / slack[row]
        z = -ndtri(np.clip(gammaincc(shape, shape * mean), 1e-300, 1 - 1e-16))
        chance[row] = chi2.sf((z**2).sum(), max(filled.sum() - 5, 1))
        most = np.abs(z).argmax()
        worst[row] = place[most], mean[most] - 1
    return chance, worst

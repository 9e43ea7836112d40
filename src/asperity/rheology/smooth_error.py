r"""Errors that are smooth in ln(frequency) or ln(time): gain and phase of an instrument drift over decades.

Of the stated variance of an error a share $\rho$ is such a drift, the rest independent from point to point:

$$E^*_\mathrm{meas} = E^*\,(1 + g + i\varphi) + \epsilon, \qquad
  g, \varphi \sim \mathrm{GP}\Big(0,\ \rho\,\sigma^2 e^{-(u-u')^2/2\ell^2}\Big), \qquad
  \epsilon \sim \mathrm{N}\big(0, (1-\rho)\,\sigma^2|E^*|^2\big)$$

with u the logarithm of the frequency or time in decades; E(t) and J(t) have a gain alone. What the point-to-point
scatter leaves of the stated error is what may drift: share and length have a posterior on a grid, from the restricted
likelihood in which the branches that the nearest material uses are free. A fifth of the prior is given to no drift
at all, the rest evenly to shares and lengths.
Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), sections 2.7 and 4.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.ndimage import median_filter

from asperity.messages import ArgumentError
from asperity.rheology.spectrum_estimate import Data, Whitened, by_discrepancy, smoothed, whitened

__all__ = ["SmoothError", "decorrelated", "learnt_error"]

_LENGTHS = (0.5, 1.0, 2.0, 4.0)  # decades over which a gain drifts: a filter's edge to a whole sweep
_SHARES = (0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 0.97)  # of the variance
_NONE = 0.2  # prior probability that errors are independent
_NODES = 2  # of the process, to a length
_NEIGHBORS = 9  # points over which the relative size of the noise is the same, in the median
_JITTER = 1e-8  # added to the diagonal of its covariance, for Cholesky's sake


class Drift(NamedTuple):
    """Smooth errors of one length, in units of the noise of each value: covariance U S^2 U^T, U orthonormal."""

    directions: np.ndarray  # (rows, k)
    size: np.ndarray  # (k,)


class SmoothError(NamedTuple):
    """What is known of the smooth part of the errors: a posterior over shares and lengths."""

    share: np.ndarray  # (g,) of the variance
    length: np.ndarray  # (g,) decades, as places in ``drifts``
    weight: np.ndarray  # (g,) probabilities
    drifts: tuple[Drift, ...]

    @property
    def mean(self) -> float:
        """The expected share."""
        return float(self.share @ self.weight)

    def quantile(self, probability: float) -> float:
        """The share that is not exceeded with this probability."""
        order = np.argsort(self.share, kind="stable")
        place = int(np.searchsorted(np.cumsum(self.weight[order]), probability * (1 - 1e-12)))
        return float(self.share[order][min(place, len(order) - 1)])

    @property
    def likeliest(self) -> int:
        """The entry of the length that is likeliest, with the share nearest to the mean."""
        weight = np.bincount(self.length, self.weight, len(self.drifts))
        of_length = np.flatnonzero(self.length == int(weight.argmax()))
        return int(of_length[np.abs(self.share[of_length] - self.mean).argmin()])


def learnt_error(data: Data, share: float | None = None) -> SmoothError:
    """What one set of values (rows,) tells of the smooth part of its errors.

    Args:
        data: as of `asperity.rheology.spectrum_estimate.frequency_data`.
        share: of the variance, if it is known; 0 for independent errors.

    Raises:
        ArgumentError: a share outside 0 <= share < 1.
    """
    if share is not None and not 0 <= share < 1:
        raise ArgumentError(f"smooth_share = {share:g}: the share of the error's variance that is smooth lies from 0 "
                            "to below 1; 0 for errors that are independent from point to point")
    if share == 0:
        return SmoothError(np.zeros(1), np.zeros(1, int), np.ones(1), ())
    problem = whitened(*data)
    material = data.design.matrix @ (smoothed(problem, by_discrepancy(problem))[0] * problem.scale)
    drifts = tuple(_drift(data, material, length) for length in _LENGTHS)
    shares = _SHARES if share is None else (share,)
    entries = [(s, k) for k in range(len(_LENGTHS)) for s in shares]
    prior = np.full(len(entries), (1 - _NONE) / len(entries))
    if share is None:
        entries, prior = [(0.0, 0), *entries], np.concatenate([[_NONE], prior])
    used = smoothed(problem, 0.0)[0] > 0
    evidence = np.array([_evidence(problem, used, drifts[k], s) for s, k in entries])
    weight = prior * np.exp(evidence - evidence.max())
    return SmoothError(np.array([s for s, _ in entries]), np.array([k for _, k in entries]), weight / weight.sum(),
                       drifts)


def decorrelated(problem: Whitened, error: SmoothError, entry: int) -> Whitened:
    """The problem in units in which errors with one share and length are independent, of variance 1."""
    share = float(error.share[entry])
    if share == 0:
        return problem
    drift = error.drifts[int(error.length[entry])]
    return problem._replace(matrix=_divided(problem.matrix, drift, share),
                            target=_divided(problem.target, drift, share))


def _divided(values: np.ndarray, drift: Drift, share: float) -> np.ndarray:
    """C^(-1/2) values, with C = (1 - share) I + share U S^2 U^T."""
    shrunk = 1 / np.sqrt(1 + share / (1 - share) * drift.size**2) - 1
    along = drift.directions.T @ values
    return (values + drift.directions @ (shrunk.reshape(-1, *[1] * (values.ndim - 1)) * along)) / np.sqrt(1 - share)


def _evidence(problem: Whitened, used: np.ndarray, drift: Drift, share: float) -> float:
    """The logarithm of the restricted likelihood, up to a constant."""
    counted = np.any(problem.matrix != 0, axis=1).sum()
    matrix, target = (_divided(part, drift, share) for part in (problem.matrix[:, used], problem.target))
    q, r = np.linalg.qr(matrix)
    rest = target - q @ (q.T @ target)
    log_c = counted * np.log1p(-share) + np.log1p(share / (1 - share) * drift.size**2).sum()
    log_r = np.log(np.maximum(np.abs(np.diag(r)), 1e-12)).sum()
    return float(-0.5 * (rest @ rest + log_c) - log_r)


def _drift(data: Data, material: np.ndarray, length: float) -> Drift:
    """Gain, and for complex values phase, as processes of one length.

    They act on the modulus of the ``material`` (rows,). Errors of one gain on the measured values would pull every fit
    down, since those that are small by chance would count as surer.
    """
    gain, turn = _acted(data, material)
    process = _process(np.log10(data.design.time), length)
    modes = gain[:, None] * np.concatenate([process] * data.design.parts)
    if data.design.parts == 2:
        modes = np.concatenate([modes, turn[:, None] * np.concatenate([process] * 2)], axis=1)
    directions, size, _ = np.linalg.svd(modes, full_matrices=False)
    return Drift(directions, size)


def _acted(data: Data, material: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a gain and a phase of the size of the noise do to each value, (rows,) in units of its noise.

    The size is the noise over the modulus of the material, smooth from point to point: noise that was taken of
    measured values is ragged, drift is not.
    """
    parts = material.reshape(data.design.parts, -1)
    modulus, noise = np.linalg.norm(parts, axis=0), data.noise.reshape(parts.shape)
    counted = np.isfinite(noise) & (modulus > 0)
    unit = np.zeros_like(parts)
    for row, there in enumerate(counted):
        share = np.log(noise[row, there] / modulus[there])
        unit[row, there] = np.exp(_smooth(share, data.design.time[there])) / noise[row, there]
    turned = np.concatenate([-parts[-1], parts[0]]) if len(parts) == 2 else np.zeros_like(material)
    return unit.ravel() * material, unit.ravel() * turned


def _smooth(values: np.ndarray, time: np.ndarray) -> np.ndarray:
    """The running median along time."""
    order, found = np.argsort(time), np.empty_like(values)
    found[order] = median_filter(values[order], _NEIGHBORS, mode="nearest")
    return found


def _process(decades: np.ndarray, length: float) -> np.ndarray:
    """(m, k) with rows whose products are the covariance exp(-(u - u')^2 / 2 length^2)."""
    count = int(np.ceil(np.ptp(decades) / length * _NODES)) + 1 + 2 * _NODES
    nodes = decades.min() + (np.arange(count) - _NODES) * length / _NODES

    def kernel(u: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * ((u[:, None] - nodes) / length) ** 2)

    root = np.linalg.cholesky(kernel(nodes) + _JITTER * np.eye(count))
    return solve_triangular(root, kernel(decades).T, lower=True).T

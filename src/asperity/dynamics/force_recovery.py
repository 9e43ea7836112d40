r"""The tip-sample force of a recorded oscillation: what the exact linear motion of the lever leaves.

Between two samples the lever obeys $\ddot x + \dot x/Q + x = (F_d(\tau) + F(z + x)) / k$ with $\tau = \omega_0 t$. Off
the state that was measured its exact motion without F, drive included, is taken:

$$r_n = s_{n+1} - e^{Ah} s_n - \text{(drive)} = \int_0^h e^{A(h-\tau)}\,(0,\ F(z + x(\tau))/k)^\top d\tau, \qquad
  s = (x, \dot x).$$

F is a cubic spline of the distance, and the integral is linear in its coefficients, by Gauss's formula along the cubic
through both states. They are found by least squares, with a small ridge on the second differences where no sample
comes; their covariance is that of white errors of the states, whose size the residual tells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.interpolate import BSpline
from scipy.linalg import cho_factor, cho_solve

from asperity.messages import DataError

__all__ = ["Recovered", "recover_force"]

_GAUSS = 4  # nodes in one step
_ORDER = 3  # of the spline
_RIDGE = 1e-9  # of the mean curvature of the sum of squares, on second differences of the coefficients
_FEWEST = 4  # samples for each coefficient


class Recovered(NamedTuple):
    """The force as a spline of the distance."""

    distance: Float[np.ndarray, " point"]  # m
    force: Float[np.ndarray, " point"]  # N
    std: Float[np.ndarray, " point"]  # N, by the errors of the states
    covariance: Float[np.ndarray, "point point"]  # N^2
    residual: float  # of the states, standard deviation, m


def recover_force(states: Float[np.ndarray, "sample 2"], height: float, lever: tuple[float, float],
                  drive: Float[np.ndarray, " sample"], step: float, knots: Float[np.ndarray, " knot"]) -> Recovered:
    """The force at each of the ``knots``.

    Args:
        states: deflection (m) and its velocity over the angular frequency of the lever (m), evenly sampled.
        height: m, distance of the tip where the lever is not deflected.
        lever: stiffness (N/m) and quality factor.
        drive: N, the driving force at the samples.
        step: between samples, the angular frequency of the lever times their distance in time.
        knots: m, ascending distances, closer where the force changes faster.

    Raises:
        DataError: fewer than four samples for each knot, states that are not finite, or knots that do not hold the
            path.
    """
    states = np.asarray(states, float)
    if len(states) < _FEWEST * len(knots) or not np.isfinite(states).all():
        raise DataError(f"{len(states)} samples for {len(knots)} knots: give four for each, all finite")
    stiffness, quality = lever
    nodes, weights = np.polynomial.legendre.leggauss(_GAUSS)
    share, weights = (nodes + 1) / 2, weights * step / 2
    moved = _exponential(quality, np.append(step * (1 - share), step))
    path = _hermite(states, step, share)
    pushed = np.stack([_between(drive, one) for one in share], axis=1) / stiffness
    kicks = np.einsum("q,qi->qi", weights, moved[:-1, :, 1])
    rest = states[1:] - states[:-1] @ moved[-1].T - pushed @ kicks
    spline, places = _basis(knots), height + path
    if places.min() < knots[0] or places.max() > knots[-1]:
        raise DataError(f"the tip goes from {places.min():.3g} to {places.max():.3g} m, and the knots from "
                        f"{knots[0]:.3g} to {knots[-1]:.3g}: let them hold all of its path")
    basis = spline(places.ravel()).reshape(*path.shape, -1) / stiffness
    columns = np.einsum("nqj,qi->nij", basis, kicks)
    return _solved(columns.reshape(-1, columns.shape[-1]), rest.ravel(), spline, knots)


def _exponential(quality: float, times: np.ndarray) -> np.ndarray:
    """e^(A t) of the damped oscillator, (time, 2, 2)."""
    decay = 1 / (2 * quality)
    turn = np.sqrt(1 - decay**2)
    cosine, sine, fall = np.cos(turn * times), np.sin(turn * times) / turn, np.exp(-decay * times)
    return fall[:, None, None] * np.stack([np.stack([cosine + decay * sine, sine], -1),
                                           np.stack([-sine, cosine - decay * sine], -1)], -2)


def _hermite(states: np.ndarray, step: float, share: np.ndarray) -> np.ndarray:
    """The deflection within each step, by the cubic through both states, (step, node)."""
    (x0, v0), (x1, v1) = (part.T[:, :, None] for part in (states[:-1], states[1:]))
    t = share
    return (x0 * (1 + 2 * t) * (1 - t) ** 2 + v0 * step * t * (1 - t) ** 2 + x1 * t**2 * (3 - 2 * t)
            + v1 * step * t**2 * (t - 1))


def _between(drive: np.ndarray, share: float) -> np.ndarray:
    """The drive within each step, by the cubic through four samples."""
    padded = np.concatenate([[3 * (drive[0] - drive[1]) + drive[2]], drive, [3 * (drive[-1] - drive[-2]) + drive[-3]]])
    a, b, c, d = (padded[i : len(drive) - 1 + i] for i in range(4))
    t = share
    return (-t * (t - 1) * (t - 2) / 6 * a + (t + 1) * (t - 1) * (t - 2) / 2 * b - (t + 1) * t * (t - 2) / 2 * c
            + (t + 1) * t * (t - 1) / 6 * d)


def _basis(knots: np.ndarray) -> BSpline:
    """All B-splines on these knots."""
    whole = np.concatenate([np.repeat(knots[0], _ORDER), knots, np.repeat(knots[-1], _ORDER)])
    return BSpline(whole, np.eye(len(knots) + _ORDER - 1), _ORDER)


def _solved(columns: np.ndarray, rest: np.ndarray, spline: BSpline, knots: np.ndarray) -> Recovered:
    gram = columns.T @ columns
    second = np.diff(np.eye(len(gram)), 2, axis=0)
    factor = cho_factor(gram + _RIDGE * np.trace(gram) / len(gram) * (second.T @ second) + 1e-14 * np.trace(gram)
                        * np.eye(len(gram)))
    found = cho_solve(factor, columns.T @ rest)
    left = rest - columns @ found
    variance = left @ left / (len(rest) - len(gram))
    inverse = cho_solve(factor, np.eye(len(gram)))
    at = spline(knots)
    covariance = variance * at @ (inverse @ gram @ inverse) @ at.T
    return Recovered(knots, at @ found, np.sqrt(np.diag(covariance)), covariance, float(np.sqrt(variance)))

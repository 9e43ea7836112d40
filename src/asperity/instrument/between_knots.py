r"""What drift does between its knots, as far as scans tell: the misfit of a spline, and the error that it leaves.

A spline through few knots misses the true drift by some u between them. Nothing is assumed of the values at the
knots; of u two things, each alike along both axes, with a strength $\tau$ that the scans themselves tell:

- what an integrated Wiener process does between given values, whose mean is the smoothing spline (Wahba, J. R. Stat.
  Soc. B 40, 364, 1978); its time runs evenly from knot to knot, so that knots set closer expect faster drift;
- creep from the first knot on, a sum of exponentials $1 - e^{-t/t_c}$ (the usual model of a piezo scanner), with time
  constants $t_c$ from four of the first steps to the whole record.

For the estimating equation $s = s_0 - H (\theta - \theta_0) + e$, $e \sim N(0, S)$, the information is $A = H^T S^{-1}
H$; mean and covariance are those of the mixture over both $\tau$ (flat in their logarithms, weighed by their
likelihood). So what cannot be seen of u (a drift even about the time of return) counts as much as what is seen leads
one to expect. Creep that is over before the first line that counts leaves no trace and is not in the error.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import block_diag, solve_triangular

__all__ = ["SplineDrift", "finer_knots", "natural_spline", "through_between"]

_SINGULAR = 1e-4  # of the most visible: what is less visible is not there
_SPREADS = np.geomspace(3e-4, 10.0, 12)  # pixels, of the misfit: from the error of interpolation to hopeless
_NOTHING = 1e-300  # in place of zero, where no knots were added
_CREEPS = 6  # time constants of creep
_ENOUGH = 17  # knots; intervals are not halved again where that would make more


class SplineDrift(NamedTuple):
    """The natural cubic spline through values at knots, with their covariance."""

    knots: np.ndarray  # (knots,) times
    values: np.ndarray  # (knots, 2) pixels; zero at the first
    covariance: np.ndarray  # (knots, 2, knots, 2) pixels squared

    def displacement(self, times: np.ndarray) -> np.ndarray:
        """d(t) (..., 2) in pixels."""
        return natural_spline(self.knots, times) @ self.values

    def deviation(self, times: np.ndarray) -> np.ndarray:
        """Standard deviation (..., 2) of d(t) in pixels."""
        basis = natural_spline(self.knots, times)
        return np.sqrt(np.einsum("...k,kala,...l->...a", basis, self.covariance, basis))


def natural_spline(knots: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The natural cubic spline of a unit value at each knot, (..., knots); a straight line for two knots."""
    return CubicSpline(knots, np.eye(len(knots)), bc_type="natural")(times)


def finer_knots(knots: np.ndarray, least: float) -> np.ndarray:
    """The knots with all intervals halved, once or up to 17 knots, and from there on the first and the last alone.

    No half is shorter than ``least``. A natural spline errs most at its ends, where creep is fastest.
    """
    finer = knots
    while len(finer) == len(knots) or 2 * len(finer) - 1 <= _ENOUGH:
        longer = _halved(finer, np.diff(finer) >= 2 * least)
        if len(longer) == len(finer):
            break
        finer = longer
    for side in (0, -1):
        while np.diff(finer)[side] >= 2 * least:
            finer = _halved(finer, np.arange(len(finer) - 1) == side % (len(finer) - 1))
    return finer


def _halved(knots: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.sort(np.concatenate([knots, (0.5 * (knots[1:] + knots[:-1]))[chosen]]))


def through_between(knots: np.ndarray, finer: np.ndarray, target: np.ndarray, sensitivity: np.ndarray,
                    spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The unknowns on finer knots and their covariance, from a linear estimating equation.

    Args:
        knots: at which nothing is assumed of the curve.
        finer: those and more between them.
        target: (unknowns,) $H \\theta_0 - s_0$; the unknowns are the values at the finer knots but the first along
            either axis, and perhaps others.
        sensitivity: (unknowns, unknowns) H.
        spread: (unknowns, unknowns) S.
    """
    turn, smooth, creeping = _nested(knots, finer, len(target))
    weighed = (np.linalg.pinv(spread, rcond=_SINGULAR, hermitian=True) @ sensitivity @ turn).T
    information, pull = weighed @ sensitivity @ turn, weighed @ target
    inverses, logarithms = [], []
    for of_smooth, of_creep in product(_SPREADS, _SPREADS):
        prior = smooth / of_smooth**2 + creeping / of_creep**2
        inverse = np.linalg.inv(information + np.diag(prior))
        inverses.append(turn @ inverse)
        logarithms.append(np.linalg.slogdet(inverse)[1] + np.log(prior[prior > 0]).sum() + pull @ inverse @ pull)
    weights = np.exp(0.5 * (np.array(logarithms) - max(logarithms)))
    weights /= weights.sum()
    states = np.stack(inverses) @ pull
    state = weights @ states
    covariance = np.tensordot(weights, inverses, 1) @ turn.T
    return state, covariance + np.einsum("t,ti,tj->ij", weights, states - state, states - state)


def _nested(knots: np.ndarray, finer: np.ndarray, unknowns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values at the knots, other unknowns, misfits of variance 1, to the unknowns; which are smooth, which creep."""
    others = np.eye(unknowns - 2 * (len(finer) - 1))
    parts = (natural_spline(knots, finer)[1:, 1:], _bridges(knots, finer)[1:], _creeps(knots, finer)[1:])
    blocks = [np.asarray(block_diag(part, part, others[:, : 0 if k else None])) for k, part in enumerate(parts)]
    kinds = np.concatenate([np.full(block.shape[1], k) for k, block in enumerate(blocks)])
    return np.hstack(blocks), kinds == 1, kinds == 2


def _bridges(knots: np.ndarray, finer: np.ndarray) -> np.ndarray:
    """Independent misfits (finer, misfits) of variance 1 in the mean, zero at the knots."""
    added = ~np.isin(finer, knots)
    curvatures = CubicSpline(finer, np.eye(len(finer)), bc_type="natural").derivative(2)(finer)[:, added]
    gaps, wide = np.diff(finer), np.diff(knots)[np.searchsorted(knots, finer[:-1], side="right") - 1]
    first, second, weights = curvatures[:-1], curvatures[1:], gaps * wide**3 / 6
    bending = np.sum([(part.T * weights) @ part for part in (first, second, first + second)], axis=0)
    free = np.zeros((len(finer), added.sum()))
    free[added] = solve_triangular(np.linalg.cholesky(bending).T, np.eye(len(bending)))
    return _of_one_variance(free, added)


def _creeps(knots: np.ndarray, finer: np.ndarray) -> np.ndarray:
    """Misfits (finer, misfits) of exponential creep from the first knot, of one variance, together of 1 in the mean."""
    constants = np.geomspace(min(4 * np.diff(finer)[0], 0.5 * np.ptp(knots)), np.ptp(knots), _CREEPS)
    decays = np.exp(-np.divide.outer(finer - finer[0], constants)) - 1
    added = ~np.isin(finer, knots)
    return _of_one_variance(decays - natural_spline(knots, finer) @ decays[~added], added)


def _of_one_variance(misfits: np.ndarray, added: np.ndarray) -> np.ndarray:
    return misfits * np.sqrt(added.sum()) / max(float(np.linalg.norm(misfits)), _NOTHING)

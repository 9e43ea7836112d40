r"""Drift from frame to frame: shifts of many pairs joined to one trajectory, with a check that cycles close.

The noise of a frame enters all its pairs alike: to first order the error of the shift from i to j is
$\epsilon_j - \epsilon_i$, which cancels around every cycle and which no number of pairs averages away. Only
the product of the noise of both frames, and the places that other pairs do not see, are a pair's own. The
positions are therefore found with the own part as weight, and their covariance has both,

$$p = \arg\min \sum_{ij} (p_j - p_i - d_{ij})^T U_{ij}^{-1} (p_j - p_i - d_{ij}), \qquad
  \mathrm{cov}(p_i, p_j) = (A^T U^{-1} A)^{-1}_{ij} + \delta_{ij} F_i + F_0 .$$

How much of the noise is shared is estimated from the overlap, and the pairs' own parts are taken as independent:
the closure of sound cycles is right in the median, but single sequences scatter more than chi-square does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.stats import chi2, f

from asperity.instrument.registration import Registration, register
from asperity.messages import DataError

__all__ = ["Pair", "Trajectory", "Velocity", "join_pairs", "mean_velocity", "register_pairs"]

_EFFICIENCY = 0.95  # of Tukey's weights
_SUSPECT = 1e-4  # probability, over all pairs, that a sound pair is left out


class Pair(NamedTuple):
    """Two frames of a sequence and the shift from the first to the second."""

    first: int
    second: int
    registration: Registration


class Trajectory(NamedTuple):
    """Where the surface is in every frame, against the first; NaN where no usable pairs lead to a frame."""

    positions: np.ndarray  # (frames, 2) pixels
    covariance: np.ndarray  # (frames, 2, frames, 2) pixels squared; zero for the first frame
    residuals: np.ndarray  # (pairs, 2) shift found less shift joined, pixels
    used: np.ndarray  # (pairs,) False where a pair was flagged or contradicts the others
    chi_square: float  # of the cycles' closure, before the covariance is widened by it
    degrees_of_freedom: int  # 0: no cycles, nothing was checked

    @property
    def chance(self) -> float:
        """The probability of a worse closure if the pairs are as good as they say; NaN without cycles."""
        return float(chi2.sf(self.chi_square, self.degrees_of_freedom)) if self.degrees_of_freedom else np.nan


class Velocity(NamedTuple):
    """A constant drift velocity."""

    velocity: np.ndarray  # (2,) pixels per unit of time
    covariance: np.ndarray  # (2, 2)
    chi_square: float  # of the positions about a constant velocity
    degrees_of_freedom: int


def register_pairs(frames: Sequence[np.ndarray], *, reach: int = 3, counted: Sequence[np.ndarray] | None = None,
                   line_offsets: bool = True) -> tuple[Pair, ...]:
    """Register all pairs of frames that are at most ``reach`` apart; see `register`.

    Args:
        frames: heights (rows, columns) each, all of one shape, NaN where missing.
        reach: 1 for neighbors only, which leaves no cycles to check.
        counted: a mask for every frame.
        line_offsets: whether every line may have an offset of its own.

    Raises:
        ValueError: less than two frames, a reach below 1, or another number of masks.
    """
    if len(frames) < 2 or reach < 1 or (counted is not None and len(counted) != len(frames)):
        raise DataError(f"{len(frames)} frames, reach = {reach}, {len(counted or ())} masks: there must be two "
                        "frames or more, a reach of 1 or more, and a mask for every frame or none")
    masks = [None] * len(frames) if counted is None else counted
    return tuple(Pair(i, j, register(frames[i], frames[j], first_counted=masks[i], second_counted=masks[j],
                                     line_offsets=line_offsets))
                 for i, j in combinations(range(len(frames)), 2) if j - i <= reach)


def join_pairs(pairs: Sequence[Pair], frames: int) -> Trajectory:
    """The positions of all frames that agree best with the shifts of the pairs.

    A pair is left out if it is flagged, or if its shift contradicts the others beyond chance (one at a time,
    the worst first). Where the remaining cycles close worse than stated, covariances are widened by
    chi-square per degree of freedom.

    Args:
        pairs: from `register_pairs`.
        frames: how many there are.

    Raises:
        ValueError: a pair that names a frame that is not there, or no pair at all.
    """
    if not pairs or any(not 0 <= p.first < p.second < frames for p in pairs):
        raise ValueError(f"pairs must name two of the frames 0 to {frames - 1}, the earlier first")
    used = np.array([pair.registration.flag == 0 for pair in pairs])
    while True:
        reached = _reached(pairs, used, frames)
        taking = used & np.array([reached[pair.first] for pair in pairs])
        solved = _solved(pairs, taking, reached, frames)
        freedom = int(2 * (taking.sum() - reached.sum() + 1))
        worst = _most_suspect(solved, taking, freedom)
        if worst is None:
            break
        used[worst] = False
    positions, own, residuals, squares, _ = solved
    chi_square = float(squares[taking].sum())
    covariance = own * max(1.0, chi_square / freedom if freedom else 1.0) + _by_frame(pairs, taking, frames)
    covariance[~reached] = np.nan
    covariance[:, :, ~reached] = np.nan
    return Trajectory(positions, covariance, residuals, taking, chi_square, freedom)


def mean_velocity(trajectory: Trajectory, times: np.ndarray) -> Velocity:
    """The constant velocity that agrees best with a trajectory, by generalized least squares.

    Args:
        trajectory: at least two frames of it reached.
        times: (frames,) increasing, in s or any other unit.

    Raises:
        ValueError: times that do not fit, or a trajectory without a second frame.
    """
    times, positions = np.asarray(times, np.float64), trajectory.positions
    known = np.isfinite(positions[:, 0]) & (np.arange(len(positions)) > 0)
    if times.shape != positions.shape[:1] or np.any(np.diff(times) <= 0) or not known.any():
        raise ValueError(f"times must be {len(positions)} increasing numbers, and a second frame must be known")
    covariance = trajectory.covariance[known][:, :, known].reshape(2 * known.sum(), -1)
    design = np.kron((times[known] - times[0])[:, None], np.eye(2))
    weighted = np.linalg.solve(covariance, design)
    spread = np.linalg.inv(design.T @ weighted)
    velocity = spread @ weighted.T @ positions[known].ravel()
    miss = positions[known].ravel() - design @ velocity
    return Velocity(velocity, spread, float(miss @ np.linalg.solve(covariance, miss)), int(2 * known.sum() - 2))


def _reached(pairs: Sequence[Pair], used: np.ndarray, frames: int) -> np.ndarray:
    """Which frames usable pairs link to the first."""
    links = np.array([(p.first, p.second) for p, use in zip(pairs, used, strict=True) if use]).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(links)), (links[:, 0], links[:, 1])), (frames, frames))
    _, part = connected_components(graph, directed=False)
    return part == part[0]


def _common(registration: Registration) -> float:
    """The part of the frames' noise that another pair takes up alike.

    Another pair may lose the opposite edge of the frame, and its weights, 95 % efficient, follow other noise.
    """
    return _EFFICIENCY * max(0.0, 2 * registration.overlap - 1)


def _own(registration: Registration) -> np.ndarray:
    """The part of a pair's covariance that no other pair shares."""
    shared = registration.covariance - registration.unshared
    return registration.unshared + (1 - _common(registration)) * shared


def _solved(pairs: Sequence[Pair], taking: np.ndarray, reached: np.ndarray, frames: int):
    """Positions, their covariance by the pairs' own errors, residuals, their squares, what each pair adds to them."""
    normal, right = np.zeros((frames, 2, frames, 2)), np.zeros((frames, 2))
    chosen = [pair for pair, take in zip(pairs, taking, strict=True) if take]
    for i, j, found in chosen:
        weight = np.linalg.inv(_own(found))
        for a, b, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
            normal[a, :, b] += sign * weight
        right[j] += weight @ found.shift
        right[i] -= weight @ found.shift
    free = reached & (np.arange(frames) > 0)
    own = np.zeros((frames, 2, frames, 2))
    inverse = np.linalg.inv(normal[free][:, :, free].reshape(2 * free.sum(), -1)) if free.any() else np.zeros((0, 0))
    both = np.repeat(free, 2)
    own.reshape(2 * frames, 2 * frames)[np.outer(both, both)] = inverse.ravel()
    positions = np.where(reached[:, None], np.einsum("iajb,jb->ia", own, right), np.nan)
    residuals = np.array([p.registration.shift - positions[p.second] + positions[p.first] for p in pairs])
    squares, relative = np.full((2, len(pairs)), np.nan)
    for k in np.flatnonzero(taking):
        i, j, found = pairs[int(k)]
        explained = own[i, :, i] + own[j, :, j] - own[i, :, j] - own[j, :, i]
        squares[k] = residuals[k] @ np.linalg.solve(_own(found), residuals[k])
        left = _own(found) - explained  # covariance of the residual: zero where nothing checks the pair
        checked = np.trace(left) > 1e-6 * np.trace(_own(found))
        relative[k] = residuals[k] @ np.linalg.solve(left, residuals[k]) if checked else 0.0
    return positions, own, residuals, squares, relative


def _most_suspect(solved, taking: np.ndarray, freedom: int) -> int | None:
    """The pair without which the cycles close better by most, if that is beyond chance (an F test)."""
    relative, total = np.where(taking, solved[4], 0.0), solved[3][taking].sum()
    if freedom <= 2:
        return None
    scale = max(1.0, (total - relative.max()) / (freedom - 2))
    limit = 2 * scale * f.isf(_SUSPECT / taking.sum(), 2, freedom - 2)
    return int(relative.argmax()) if relative.max() > limit else None


def _by_frame(pairs: Sequence[Pair], taking: np.ndarray, frames: int) -> np.ndarray:
    """The covariance by the frames' own noise, which all their pairs share, of positions against the first."""
    sums, count = np.zeros((frames, 2, 2)), np.zeros(frames)
    for pair, take in zip(pairs, taking, strict=True):
        if take:
            shared = 0.5 * (pair.registration.covariance - _own(pair.registration))
            for frame in (pair.first, pair.second):
                sums[frame] += shared
                count[frame] += 1
    each = sums / np.maximum(count, 1)[:, None, None]
    covariance = np.zeros((frames, 2, frames, 2))
    covariance[1:, :, 1:] = each[0][None, :, None, :]
    for frame in range(1, frames):
        covariance[frame, :, frame] += each[frame]
    return covariance

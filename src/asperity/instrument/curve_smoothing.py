r"""Smoothing of force curves by what contact mechanics allows: a straight baseline, then a convex rise.

Off contact the force is a line. From the contact point on a force is added that rises, never less steeply: the
deflection of a lever on an elastic contact has this shape against the *height* of its base, too, for
$d' = F'/(k + F')$ and $d'' = k^3 F''/(k + F')^3$ have the signs of $F'$ and $F''$ while $F' > -k$. An adhesive contact
starts with a jump downwards, and may go on falling until the force is lowest (a lever stiff enough holds it there): it
is convex only.

The second derivative is a sum of hat functions with coefficients at least 0 on knots that crowd towards the contact
point, so that the fit for one contact point is a nonnegative least squares problem of a few unknowns: the quadratic
program with all constraints kept exactly, between samples too. An earlier contact point never fits worse, as a
contact may begin with no force at all: taken is the latest one whose sum of squares is within $\sigma^2$ of the
least. It comes late where a contact starts gently: by 0.02 of the range for a sphere and 0.06 for a cone, at a
noise of 3 % of the largest force. A contact is seen where it lowers the sum of squares of the baseline alone by
more than $12 \sigma^2$.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar, nnls

from asperity.messages import DataError

__all__ = ["SmoothCurve", "smooth_curve"]

_KNOTS = 14  # at L (j / 14)^2
_SCAN = 24  # contact points tried with a jump
_NEAR = 5  # more of them on each side of the best, twice
_STEP = 4  # samples compared before and after a jump
_TRIED = 16  # contact points tried without a jump
_HALVINGS = 6  # of the distance between two of them then
_LEAST = 3  # samples in contact at least
_FREE = 8  # samples off contact at least, or a twentieth of all
_SEEN = 12.0  # by how many noise variances a contact lowers the sum of squares at least


class SmoothCurve(NamedTuple):
    """A force curve in agreement with the constraints; NaN where the data are missing."""

    force: np.ndarray  # (n,) N
    std: np.ndarray  # (n,) N, standard error for white noise, given the contact point and the active constraints
    baseline: np.ndarray  # (n,) N, the line of the free lever
    contact_point: float  # m, in the coordinate given; NaN where no contact is seen
    attraction: float  # N, the largest below the baseline: pull-off of a retract curve, snap-in of an approach
    noise: float  # N, standard deviation of one sample


class _Data(NamedTuple):
    """A curve in numbers of order one, with an orthonormal basis of its baseline."""

    x: np.ndarray  # (n,) 0 to 1, ascending
    free: np.ndarray  # (n,) the force without its part along the baseline
    lines: np.ndarray  # (n, baseline) orthonormal
    adhesive: bool


def smooth_curve(depth: np.ndarray, force: np.ndarray, *, adhesive: bool = False,
                 baseline: int | None = 1) -> SmoothCurve:
    """One segment of a force curve without its noise.

    Give the height of the base, not the tip position: noise of the deflection moves a tip position along with the
    force. The contact point is that of this coordinate.

    Args:
        depth: (n,) m, increasing towards the sample (minus the height); any order, NaN where missing.
        force: (n,) N, or any signal proportional to the deflection.
        adhesive: whether the force may jump down at the contact point.
        baseline: degree of the line off contact, 1 or 0; None: it is zero.

    Raises:
        ValueError: shapes, fewer than 16 finite samples, no range of depths, or another degree.
    """
    depth, force = np.asarray(depth, np.float64), np.asarray(force, np.float64)
    if depth.shape != force.shape or depth.ndim != 1 or baseline not in (None, 0, 1):
        raise ValueError(f"depth {depth.shape} and force {force.shape} must be (n,), baseline = {baseline} must be 1, "
                         "0 or None")
    seen = np.flatnonzero(np.isfinite(depth + force))
    seen = seen[np.argsort(depth[seen], kind="stable")]
    if len(seen) < 16 or not np.ptp(depth[seen]) > 0:
        raise DataError(f"{len(seen)} finite samples over {np.ptp(depth[seen]) if len(seen) else 0:g} m: a curve "
                        "needs at least 16 at different depths")
    span, size = np.ptp(depth[seen]), float(np.std(force[seen])) or 1.0
    x, y = (depth[seen] - depth[seen[0]]) / span, force[seen] / size
    powers = np.vander(x, 0 if baseline is None else baseline + 1, increasing=True)
    lines = np.linalg.qr(powers)[0]
    data = _Data(x, y - lines @ (lines.T @ y), lines, adhesive)
    contact = _contact(data)
    coefficients, shapes = _rise(data, contact)
    touching = _touches(data, contact)
    rise = shapes @ coefficients if touching else np.zeros(len(x))
    line = lines @ (lines.T @ (y - rise))
    moved = [np.gradient(rise, x, edge_order=1)[:, None]] if touching and np.all(np.diff(x) > 0) else []
    columns = np.concatenate([lines, *([shapes[:, coefficients > 0], *moved] if touching else [])], axis=1)
    noise = math.sqrt(np.sum((y - line - rise) ** 2) / max(len(x) - columns.shape[1], 1))
    leverage = (np.linalg.qr(columns)[0] ** 2).sum(axis=1) if columns.shape[1] else np.zeros(len(x))
    result = np.full((3, len(depth)), np.nan)
    result[:, seen] = size * np.stack([line + rise, noise * np.sqrt(leverage), line])
    where = float(depth[seen[0]] + contact * span) if touching else math.nan
    return SmoothCurve(result[0], result[1], result[2], where, size * max(0.0, -float(rise.min())), size * noise)


def _contact(data: _Data) -> float:
    """The latest contact point whose sum of squares is within the noise variance of the least."""
    first, last = data.x[max(_FREE, len(data.x) // 20)], data.x[-_LEAST]
    if not data.adhesive:
        return _latest(data, first, last)
    steps = np.convolve(data.free, np.repeat([1.0, -1.0], _STEP), "valid")  # sums before less after, times -1
    drop = int(steps.argmin()) + _STEP + np.arange(-_STEP, _STEP + 1)
    middle = (data.x[1:] + data.x[:-1]) / 2
    tried = np.concatenate([np.linspace(first, last, _SCAN), middle[np.clip(drop, 1, len(middle)) - 1]])
    tried = tried[(tried >= first) & (tried <= last)]
    step, squares = tried[1] - tried[0], {c: _squares(data, c) for c in tried}
    for _ in range(2):
        near = min(squares, key=squares.__getitem__) + step * np.linspace(-1, 1, 2 * _NEAR + 1)
        step = near[1] - near[0]
        squares |= {c: _squares(data, c) for c in near[(near >= first) & (near <= last)]}
    contact = max(c for c in squares if squares[c] <= _limit(data, min(squares.values())))
    attracts = _rise(data, contact)[0][:2].any()  # a jump, or a fall within a sample
    return float(contact) if attracts else _latest(data._replace(adhesive=False), first, last)


def _latest(data: _Data, first: float, last: float) -> float:
    """The last crossing of the limit, first among a few contact points and the best one, then by halving."""
    tried = np.linspace(first, last, _TRIED)
    squares = np.array([_squares(data, c) for c in tried])
    best = int(squares.argmin())
    around = tried[max(best - 1, 0)], tried[min(best + 1, _TRIED - 1)]
    least = minimize_scalar(lambda c: _squares(data, c), bounds=around, method="bounded", options={"xatol": 3e-4})
    tried, squares = np.append(tried, least.x), np.append(squares, least.fun)
    order = np.argsort(tried)
    tried, limit = tried[order], _limit(data, squares.min())
    good = int(np.flatnonzero(squares[order] <= limit)[-1])
    early, late = tried[good], tried[min(good + 1, _TRIED)]
    for _ in range(_HALVINGS):
        middle = (early + late) / 2
        early, late = (middle, late) if _squares(data, middle) <= limit else (early, middle)
    return float(early)


def _touches(data: _Data, contact: float) -> bool:
    """Whether the baseline alone is clearly worse."""
    least = _squares(data, contact)
    return float(data.free @ data.free) > least * (1 + _SEEN / (len(data.x) - 4)) + 1e-12 * len(data.x)


def _limit(data: _Data, least: float) -> float:
    return least * (1 + 1 / (len(data.x) - 4)) + 1e-12 * len(data.x)


def _squares(data: _Data, contact: float) -> float:
    """The least sum of squares with this contact point."""
    corner, triangle, _ = _reduced(data, contact)
    along = corner.T @ data.free
    return float(data.free @ data.free - along @ along + nnls(triangle, along)[1] ** 2)


def _rise(data: _Data, contact: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients at least 0 and the shapes (n, shapes) that they multiply."""
    corner, triangle, norm = _reduced(data, contact)
    return nnls(triangle, corner.T @ data.free)[0] / norm, _shapes(data.x, contact, data.adhesive)


def _reduced(data: _Data, contact: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """QR of the shapes less their parts along the baseline, scaled to unit columns, and the scales."""
    shapes = _shapes(data.x, contact, data.adhesive)
    left = shapes - data.lines @ (data.lines.T @ shapes)
    norm = np.sqrt((left**2).sum(axis=0))
    norm = np.where(norm > 1e-12, norm, np.inf)
    corner, triangle = np.linalg.qr(left / norm)
    return corner, triangle, norm


def _shapes(x: np.ndarray, contact: float, adhesive: bool) -> np.ndarray:
    r"""(n, shapes) from the contact point: [a jump down, a fall,] a straight rise, and those with a hat for f''."""
    depth = np.maximum(x - contact, 0.0)
    knots = (x[-1] - contact) * (np.arange(_KNOTS + 1) / _KNOTS) ** 2
    cubes = np.maximum(depth[:, None] - knots, 0.0) ** 3 / 6
    slopes = np.diff(cubes, axis=1) / -np.diff(knots)  # f'' rises from 0 to 1 between two knots and stays there
    first = depth**2 / 2 - slopes[:, 0]
    hats = np.column_stack([first, slopes[:, :-1] - slopes[:, 1:], slopes[:, -1]])
    rise = depth[:, None]
    down = [-(x >= contact)[:, None].astype(float), -rise] if adhesive else []
    return np.concatenate([*down, rise, hats], axis=1)

r"""One fit of every curve for every lambda of a grid, with the compliance of the instrument marginalized.

At fixed lambda the force is

$$F_i = b_0 + b_1 x_i + f\,P\!\left(\frac{x_i - x_0 - s \tilde F_i}{d};\ \lambda\right)$$

with $f = \pi wR$, $d = \delta_c$ and the compliance error s, which has a normal prior (a relative error
$\epsilon$ of the deflection sensitivity gives $s = \epsilon/k$) and multiplies a smooth force $\tilde F$ from
a first fit without it: the noisy one would draw s towards itself. Offset, tilt and f are eliminated; x_0,
ln d and s take Gauss-Newton steps with Levenberg's damping from a start that is exact without noise. The
evidence of lambda is Laplace's integral over all six, flat in b, x_0, ln f and ln d.
Source: contact mechanics as in `asperity.contact.maugis`; Golub, Pereyra, SIAM J. Numer. Anal. 10, 413
(1973); MacKay, Neural Comput. 4, 415 (1992).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from asperity.learning.maugis_grid import Row, displacements, evaluate, load_grid
from asperity.learning.retraction import Prepared

__all__ = ["Scan", "bent", "fit_rows", "in_padded_blocks", "residual_scores", "with_bending"]

_STEPS = 8
_CHUNK, _BLOCK, _ROWS = 8, 32, 4  # curves worked on together; curves and rows of one compiled call
_STRETCHES = 16  # of the test of the residual
_NEVER = -1e30  # log evidence of a fit that has no meaning


class Scan(NamedTuple):
    """The optimum of each curve for each row, in the units of `Prepared`; (batch, row) arrays."""

    log_evidence: Any
    log_force: Any  # ln f
    log_length: Any  # ln d
    force_variance: Any  # of ln f
    covariance: Any  # of ln f and ln d
    length_variance: Any  # of ln d
    misfit: Any  # weighted sum of squares over the variance, without the prior of s
    contact_point: Any  # x_0
    compliance: Any  # s


class _Fit(NamedTuple):
    """A point (x_0, s, ln d) and what one pass over the data gives there."""

    point: jax.Array  # (3,)
    force: jax.Array  # f
    objective: jax.Array  # misfit and prior of s
    curvature: jax.Array  # (6, 6) of b0, b1, x_0, s, f, ln d
    gradient: jax.Array  # (6,)


def _factor(matrix: Any, size: int, damping: Any = 0.0) -> tuple[list[list[Any]], list[Any]]:
    """L and D of the Cholesky decomposition L D L^T, with the diagonal raised by ``damping``."""
    lower: list[list[Any]] = [[None] * size for _ in range(size)]
    pivots: list[Any] = []
    for i in range(size):
        for j in range(i):
            total = matrix[i][j] - sum(lower[i][k] * lower[j][k] * pivots[k] for k in range(j))
            lower[i][j] = total / pivots[j]
        diagonal = matrix[i][i] * (1 + damping)
        pivot = diagonal - sum(lower[i][k] ** 2 * pivots[k] for k in range(i))
        pivots.append(jnp.maximum(pivot, 1e-13 * diagonal + 1e-200))
    return lower, pivots


def _solve(lower: list[list[Any]], pivots: list[Any], right: Any) -> list[Any]:
    size, forward = len(pivots), []
    for i in range(size):
        forward.append(right[i] - sum(lower[i][k] * forward[k] for k in range(i)))
    result: list[Any] = [None] * size
    for i in reversed(range(size)):
        result[i] = forward[i] / pivots[i] - sum(lower[k][i] * result[k] for k in range(i + 1, size))
    return result


def _model(curve: Prepared, row: Row, point: jax.Array) -> tuple[jax.Array, ...]:
    """Columns, f, residual, misfit, normal matrix of the columns at one point."""
    x0, s, log_length = point
    d = jnp.exp(log_length)
    displacement = (curve.x - x0 - s * curve.bending) / d
    load, slope = evaluate(row, displacement, curve.attached)
    columns = jnp.stack([jnp.ones_like(load), curve.x, -slope / d, -slope * curve.bending / d, load, -slope * displacement])
    weighted = columns * (curve.weight / curve.variance)
    normal, right = weighted @ columns.T, weighted @ curve.y
    n, x, xx, y, xy, yy = curve.off / curve.variance
    normal = normal.at[:2, :2].add(jnp.stack([n, x, x, xx]).reshape(2, 2))
    right = right.at[:2].add(jnp.stack([y, xy]))
    linear = jnp.array([0, 1, 4])
    b0, b1, force = _solve(*_factor(normal[linear][:, linear], 3), right[linear])
    residual = curve.y - b0 - b1 * curve.x - force * load
    outside = yy - 2 * (b0 * y + b1 * xy) + n * b0**2 + 2 * b0 * b1 * x + xx * b1**2
    misfit = jnp.sum(curve.weight * residual**2) / curve.variance + outside
    gradient = (weighted @ residual).at[:2].add(jnp.stack([y - n * b0 - x * b1, xy - x * b0 - xx * b1]))
    return columns, force, residual, misfit, normal, gradient


def _evaluate(curve: Prepared, row: Row, point: jax.Array) -> _Fit:
    _, force, _, misfit, normal, gradient = _model(curve, row, point)
    factor = jnp.stack([1.0, 1.0, force, force, 1.0, force])
    prior, s = curve.compliance**-2.0, point[1]
    normal = (normal * factor[:, None] * factor).at[3, 3].add(prior)
    gradient = (gradient * factor).at[3].add(-s * prior)
    objective = jnp.where(force > 0, misfit + s**2 * prior, jnp.inf)
    return _Fit(point, force, objective, normal, gradient)


def _start(curve: Prepared, row: Row, displacement: jax.Array) -> jax.Array:
    """The point at which the row goes through the two landmarks, its pull-off that of the data."""
    high_x, high_y, low_x, low_y = curve.levels
    force = curve.pull_off / -row.pull_off
    place = jnp.arange(len(row.value))
    rising = jnp.where(place < jnp.argmin(row.value), -1e6 + place, row.value)
    high, low = (jnp.interp(y / force, rising, displacement) for y in (high_y, low_y))
    d = (high_x - low_x) / jnp.maximum(high - low, 1e-3)
    return jnp.stack([high_x - d * high, 0.0, jnp.log(d)])


def _fit(curve: Prepared, row: Row, displacement: jax.Array) -> _Fit:
    def step(_: int, state: tuple[_Fit, jax.Array]) -> tuple[_Fit, jax.Array]:
        fit, damping = state
        change = _solve(*_factor(fit.curvature, 6, damping), fit.gradient)
        d = jnp.exp(fit.point[2])
        limit = jnp.stack([2 * d, 3 * curve.compliance, 0.7])
        trial = _evaluate(curve, row, fit.point + jnp.clip(jnp.stack([change[2], change[3], change[5]]), -limit, limit))
        better = trial.objective < fit.objective
        return (jax.tree.map(lambda new, old: jnp.where(better, new, old), trial, fit),
                jnp.where(better, damping * 0.1, jnp.maximum(damping, 1e-3) * 10))

    first = _evaluate(curve, row, _start(curve, row, displacement))
    return lax.fori_loop(0, _STEPS, step, (first, jnp.asarray(1e-4)))[0]


def _summary(curve: Prepared, fit: _Fit) -> Scan:
    lower, pivots = _factor(fit.curvature, 6)
    log_det = sum(jnp.log(pivot) for pivot in pivots)
    usable = jnp.isfinite(fit.objective)
    force = jnp.where(usable, fit.force, 1.0)
    link, length_variance = lower[5][4], 1 / pivots[5]
    force_variance = (1 / pivots[4] + link**2 * length_variance) / force**2
    evidence = -0.5 * (fit.objective + log_det) - jnp.log(force)
    misfit = fit.objective - (fit.point[1] / curve.compliance) ** 2
    return Scan(jnp.where(usable & jnp.isfinite(evidence), evidence, _NEVER), jnp.log(force), fit.point[2],
                force_variance, -link * length_variance / force, length_variance, misfit, fit.point[0], fit.point[1])


def _fit_chunk(curves: Prepared, chosen: jax.Array, grid: Row, displacement: jax.Array) -> Scan:
    def one(curve: Prepared, index: jax.Array) -> Scan:
        rows = jax.tree.map(lambda a: a[index], grid)
        return jax.vmap(lambda row, d: _summary(curve, _fit(curve, row, d)))(rows, displacement[index])

    return jax.vmap(one)(curves, chosen)


@jax.jit
def _fit_block(prepared: Prepared, chosen: jax.Array, grid: Row, displacement: jax.Array) -> Scan:
    split = jax.tree.map(lambda a: a.reshape(-1, _CHUNK, *a.shape[1:]), (prepared, chosen))
    scans = lax.map(lambda part: _fit_chunk(*part, grid, displacement), split)
    return jax.tree.map(lambda a: a.reshape(chosen.shape), scans)


def fit_rows(prepared: Prepared, chosen: np.ndarray) -> Scan:
    """Fit every curve with its ``chosen`` rows (batch, row) of `asperity.learning.maugis_grid.load_grid`.

    Rows are taken four at a time, so that one compiled function serves all. Call inside
    ``jax.enable_x64(True)``.
    """
    grid, (count, rows) = load_grid(), chosen.shape
    places, padded = displacements(grid), np.pad(chosen, ((0, 0), (0, -rows % _ROWS)), mode="edge")
    parts = [in_padded_blocks(lambda p, c: _fit_block(p, c, grid, places), prepared, padded[:, k:k + _ROWS])
             for k in range(0, padded.shape[1], _ROWS)]
    return Scan(*(np.concatenate(a, axis=1)[:, :rows] for a in zip(*parts)))


def in_padded_blocks(function, *arrays):
    """``function`` of blocks of 32 curves, the last one padded; NumPy arrays with one row per curve."""
    batch = len(jax.tree.leaves(arrays)[0])
    parts = []
    for first in range(0, batch, _BLOCK):
        rows = np.minimum(np.arange(first, first + _BLOCK), batch - 1)
        result = function(*jax.tree.map(lambda a, r=rows: np.asarray(a)[r], arrays))
        parts.append(jax.tree.map(lambda a, n=min(_BLOCK, batch - first): np.asarray(a)[:n], result))
    return jax.tree.map(lambda *a: np.concatenate(a), *parts)


def with_bending(prepared: Prepared, rows: np.ndarray) -> tuple[Prepared, Scan]:
    """Fill in ``bending`` from the best of a few ``rows``: first without compliance, then with it.

    Also returns the second fits.
    """
    count = len(prepared.x)
    every = np.tile(rows, (count, 1))
    stiff = prepared._replace(compliance=np.full(count, 1e-9))
    prepared = bent(prepared, every, fit_rows(stiff, every))
    scan = fit_rows(prepared, every)
    return bent(prepared, every, scan), scan


def bent(prepared: Prepared, rows: np.ndarray, scan: Scan) -> Prepared:
    """The curves with ``bending`` from the likeliest fit of each ``scan`` of ``rows`` (batch, row)."""
    place, each, grid = scan.log_evidence.argmax(axis=1), np.arange(len(rows)), load_grid()
    points = np.stack([a[each, place] for a in (scan.contact_point, scan.compliance, scan.log_length)], 1)
    force = np.exp(scan.log_force[each, place])
    bending = in_padded_blocks(lambda *a: _bending_block(*a, grid), prepared, rows[each, place], points, force)
    return prepared._replace(bending=bending)


@jax.jit
def _bending_block(prepared: Prepared, row: jax.Array, points: jax.Array, force: jax.Array, grid: Row) -> jax.Array:
    def one(curve: Prepared, r: jax.Array, p: jax.Array, f: jax.Array) -> jax.Array:
        displacement = (curve.x - p[0] - p[1] * curve.bending) / jnp.exp(p[2])
        return f * evaluate(jax.tree.map(lambda a: a[r], grid), displacement, curve.attached)[0]

    return jax.vmap(one)(prepared, row, points, force)


def residual_scores(prepared: Prepared, row: np.ndarray, scan: Scan) -> np.ndarray:
    """How far the residual of the fit with ``row`` (batch,) is from noise, in standard deviations, (batch, 2).

    First its size, against a noise known from half as many samples as there are in all; then the sums
    over 16 stretches of the curve, which a smooth misfit moves long before the size.
    """
    grid = load_grid()
    points = np.stack([scan.contact_point, scan.compliance, scan.log_length], 1)
    return in_padded_blocks(lambda *a: _residual_block(*a, grid), prepared, row, points)


@jax.jit
def _residual_block(prepared: Prepared, row: jax.Array, points: jax.Array, grid: Row) -> jax.Array:
    return jax.vmap(lambda c, r, p: _residual_score(c, jax.tree.map(lambda a: a[r], grid), p))(prepared, row, points)


def _residual_score(curve: Prepared, row: Row, point: jax.Array) -> jax.Array:
    residual, misfit = _model(curve, row, point)[2:4]
    parts = jnp.arange(len(residual)) * _STRETCHES // len(residual)
    total = jax.ops.segment_sum(curve.weight * residual, parts, _STRETCHES)
    weight = jax.ops.segment_sum(curve.weight, parts, _STRETCHES)
    used = weight > 0
    sums = jnp.sum(jnp.where(used, total**2 / (curve.variance * jnp.where(used, weight, 1.0)), 0.0))
    independent = curve.count / curve.correlation
    size = (misfit / independent - 1) / jnp.sqrt(6 / independent)
    return jnp.stack([size, (sums - used.sum()) / jnp.sqrt(2.0 * used.sum())])

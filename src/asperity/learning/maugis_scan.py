r"""One fit of every curve for every lambda of a grid, with the compliance of the instrument marginalized.

At fixed lambda the force is

$$F_i = b_0 + b_1 x_i + f P_i, \qquad P_i = P\!\left(\frac{x_i - x_0 - s f P_i}{d};\ \lambda\right)$$

with $f = \pi wR$, $d = \delta_c$ and the compliance error s, which has a normal prior (a relative error
$\epsilon$ of the deflection sensitivity gives $s = \epsilon/k$). Offset, tilt and f are eliminated; x_0, s f
and ln d take Gauss-Newton steps with Levenberg's damping from a point that is exact without noise and
compliance error. The evidence of lambda is Laplace's integral over all six parameters, flat in b, x_0, ln f
and ln d.
Source: MacKay, Neural Comput. 4, 415 (1992); P as in `asperity.contact.maugis`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from asperity.learning.maugis_grid import displacements, load_grid
from asperity.learning.retraction import Prepared

__all__ = ["Scan", "fit_rows", "in_padded_blocks", "residual_scores"]

_STEPS = 6  # of the fit, from the start
_CHUNK = 8  # curves worked on together
_BLOCK = 16  # curves of one compiled call
_ROWS = 4  # rows of one compiled call
_LINEAR = np.array([0, 1, 4])  # b0, b1, f among the parameters
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
    point: Any  # (batch, row, 6) b0, b1, x_0, s f, f, ln d


class _Fit(NamedTuple):
    """A point (b0, b1, x_0, s f, f, ln d) and what one pass over the data gives there."""

    point: jax.Array  # (6,)
    objective: jax.Array  # misfit and prior of s
    curvature: jax.Array  # (6, 6)
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


def _load(curve: Prepared, row: Any, point: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """D, P and dP/d(x / d) of every sample: one Newton step for D, from the measured force, then the curve.

    The step makes D that of the fitted force; with the measured one its noise would enter D and draw the
    compliance.
    """
    _, _, x0, compliance, force, log_length = point
    d = jnp.exp(log_length)

    def lever(slope: jax.Array) -> jax.Array:
        return jnp.clip(compliance * slope / d, -0.5, 5.0)

    guess = (curve.x - x0 - compliance * curve.y / force) / d
    load, slope = row.loads(guess, curve.attached)
    guess = guess - (guess + (compliance * load - curve.x + x0) / d) / (1 + lever(slope))
    load, slope = row.loads(guess, curve.attached)
    return guess, load, slope / (1 + lever(slope))


def _residual(curve: Prepared, point: jax.Array, load: jax.Array) -> jax.Array:
    return curve.y - point[0] - point[1] * curve.x - point[4] * load


def _rough_force(curve: Prepared, row: Any) -> jax.Array:
    """f that gives the pull-off of the data."""
    return curve.pull_off / -row.pull_off


def _evaluate(curve: Prepared, row: Any, point: jax.Array) -> _Fit:
    """The fit at the nonlinear parameters of ``point``; b0, b1 and f are solved for."""
    place, load, slope = _load(curve, row, point)
    push = slope * jnp.exp(-point[5])
    columns = jnp.stack([jnp.ones_like(load), curve.x, -push, -push * load, load, -slope * place])
    weighted = columns * (curve.weight / curve.variance)
    n, x, xx, y, xy, yy = curve.off / curve.variance
    normal = (weighted @ columns.T).at[:2, :2].add(jnp.stack([n, x, x, xx]).reshape(2, 2))
    right = (weighted @ curve.y).at[:2].add(jnp.stack([y, xy]))
    b0, b1, force = _solve(*_factor(normal[_LINEAR][:, _LINEAR], 3), right[_LINEAR])
    point = point.at[_LINEAR].set(jnp.stack([b0, b1, force]))
    residual = _residual(curve, point, load)
    outside = yy - 2 * (b0 * y + b1 * xy) + n * b0**2 + 2 * b0 * b1 * x + xx * b1**2
    scale = jnp.stack([1.0, 1.0, force, force, 1.0, force])
    gradient = (weighted @ residual).at[:2].add(jnp.stack([y - n * b0 - x * b1, xy - x * b0 - xx * b1]))
    prior = (curve.compliance * _rough_force(curve, row)) ** -2.0
    objective = jnp.sum(curve.weight * residual**2) / curve.variance + outside + point[3] ** 2 * prior
    normal, gradient = normal * scale[:, None] * scale, gradient * scale
    return _Fit(point, jnp.where(force > 0, objective, jnp.inf), normal.at[3, 3].add(prior),
                gradient.at[3].add(-point[3] * prior))


def _start(curve: Prepared, row: Any, displacement: jax.Array) -> jax.Array:
    """The point at which the row goes through the two landmarks, its pull-off that of the data."""
    high_x, high_y, low_x, low_y = curve.levels
    force = _rough_force(curve, row)
    place = jnp.arange(len(row.value))
    rising = jnp.where(place < jnp.argmin(row.value), -1e6 + place, row.value)
    high, low = (jnp.interp(y / force, rising, displacement) for y in (high_y, low_y))
    d = (high_x - low_x) / jnp.maximum(high - low, 1e-3)
    return jnp.stack([0.0, 0.0, high_x - d * high, 0.0, force, jnp.log(d)])


def _fit(curve: Prepared, row: Any, displacement: jax.Array) -> _Fit:
    def step(_: int, state: tuple[_Fit, jax.Array]) -> tuple[_Fit, jax.Array]:
        fit, damping = state
        change = jnp.stack(_solve(*_factor(fit.curvature, 6, damping), fit.gradient))
        reach = 2 * jnp.exp(fit.point[5]), 3 * rough * curve.compliance
        limit = jnp.stack([jnp.inf, jnp.inf, *reach, jnp.inf, 0.7])
        trial = _evaluate(curve, row, fit.point + jnp.clip(change, -limit, limit))
        better = trial.objective < fit.objective
        return (jax.tree.map(lambda new, old: jnp.where(better, new, old), trial, fit),
                jnp.where(better, damping * 0.1, jnp.maximum(damping, 1e-3) * 10))

    rough = _rough_force(curve, row)
    start = _Fit(_start(curve, row, displacement), jnp.asarray(jnp.inf), jnp.eye(6), jnp.zeros(6))
    return lax.fori_loop(0, _STEPS + 1, step, (start, jnp.asarray(1e-3)))[0]  # the first trial is the start


def _summary(curve: Prepared, row: Any, fit: _Fit) -> Scan:
    lower, pivots = _factor(fit.curvature, 6)
    log_det = sum(jnp.log(pivot) for pivot in pivots)
    usable = jnp.isfinite(fit.objective)
    force, rough = jnp.where(usable, fit.point[4], 1.0), _rough_force(curve, row)
    link, length_variance = lower[5][4], 1 / pivots[5]
    force_variance = (1 / pivots[4] + link**2 * length_variance) / force**2
    evidence = -0.5 * (fit.objective + log_det) - jnp.log(force * rough)  # the prior of s f is 1/rough high
    misfit = fit.objective - (fit.point[3] / (curve.compliance * rough)) ** 2
    return Scan(jnp.where(usable & jnp.isfinite(evidence), evidence, _NEVER), jnp.log(force), fit.point[5],
                force_variance, -link * length_variance / force, length_variance, misfit, fit.point)


def _fit_chunk(curves: Prepared, chosen: jax.Array, grid: Any, displacement: jax.Array) -> Scan:
    def one(curve: Prepared, index: jax.Array) -> Scan:
        rows = jax.tree.map(lambda a: a[index], grid)
        return jax.vmap(lambda row, d: _summary(curve, row, _fit(curve, row, d)))(rows, displacement[index])

    return jax.vmap(one)(curves, chosen)


@jax.jit
def _fit_block(prepared: Prepared, chosen: jax.Array, grid: Any, displacement: jax.Array) -> Scan:
    split = jax.tree.map(lambda a: a.reshape(-1, _CHUNK, *a.shape[1:]), (prepared, chosen))
    scans = lax.map(lambda part: _fit_chunk(part[0], part[1], grid, displacement), split)
    return jax.tree.map(lambda a: a.reshape(*chosen.shape, *a.shape[3:]), scans)


def fit_rows(prepared: Prepared, chosen: np.ndarray, grid: Any = None) -> Scan:
    """Fit every curve with its ``chosen`` rows (batch, row) of a ``grid``, or of that of Maugis and Dugdale.

    Rows are taken four at a time, so that one compiled function serves all. Call inside
    ``jax.enable_x64(True)``.
    """
    grid, rows = load_grid() if grid is None else grid, chosen.shape[1]
    places, padded = displacements(grid), np.pad(chosen, ((0, 0), (0, -rows % _ROWS)), mode="edge")
    parts = [in_padded_blocks(lambda p, c: _fit_block(p, c, grid, places), prepared, padded[:, k:k + _ROWS])
             for k in range(0, padded.shape[1], _ROWS)]
    return jax.tree.map(lambda *a: np.concatenate(a, axis=1)[:, :rows], *parts)


def in_padded_blocks(function, *arrays):
    """``function`` of blocks of 16 curves, the last one padded; NumPy arrays with one row per curve."""
    batch = len(jax.tree.leaves(arrays)[0])
    starts = range(0, batch, _BLOCK)
    blocks = [np.minimum(np.arange(first, first + _BLOCK), batch - 1) for first in starts]
    parts = [function(*_rows(arrays, block)) for block in blocks]
    return _rows(jax.tree.map(lambda *a: np.concatenate([np.asarray(b) for b in a]), *parts), slice(batch))


def _rows(arrays, chosen: np.ndarray | slice):
    """The chosen rows of every array."""
    return jax.tree.map(lambda a: np.asarray(a)[chosen], arrays)


def residual_scores(prepared: Prepared, rows: np.ndarray, scan: Scan, grid: Any = None) -> np.ndarray:
    """How far the residual is from noise, in standard deviations, (batch, 2).

    ``rows`` (batch, 2) of the ``grid`` are two neighbors, between which the fitted force is interpolated to the least
    residual, so that a sharp optimum between nodes is no misfit. First its size, against a noise known from
    half as many samples as there are in all; then the sums over 16 stretches of the curve, which a smooth
    misfit moves long before the size.
    """
    every = load_grid() if grid is None else grid
    return in_padded_blocks(lambda *a: _residual_block(*a, every), prepared, rows, scan.point, scan.misfit)


@jax.jit
def _residual_block(prepared: Prepared, rows: jax.Array, points: jax.Array, misfit: jax.Array,
                    grid: Any) -> jax.Array:
    def one(curve: Prepared, pair: jax.Array, point: jax.Array, misfit: jax.Array) -> jax.Array:
        def left(r: jax.Array, p: jax.Array) -> jax.Array:
            return _residual(curve, p, _load(curve, jax.tree.map(lambda a: a[r], grid), p)[1])

        return _residual_score(curve, jax.vmap(left)(pair, point), misfit)

    return jax.vmap(one)(prepared, rows, points, misfit)


def _residual_score(curve: Prepared, residuals: jax.Array, misfit: jax.Array) -> jax.Array:
    first, change = residuals[0], residuals[1] - residuals[0]
    steep = jnp.sum(curve.weight * change**2)
    part = jnp.clip(-jnp.sum(curve.weight * first * change) / jnp.where(steep > 0, steep, 1.0), 0.0, 1.0)
    residual = first + part * change
    inside = [jnp.sum(curve.weight * r**2) / curve.variance for r in (first, residual)]
    parts = jnp.arange(len(residual)) * _STRETCHES // len(residual)
    total = jax.ops.segment_sum(curve.weight * residual, parts, _STRETCHES)
    weight = jax.ops.segment_sum(curve.weight, parts, _STRETCHES)
    used = weight > 0
    sums = jnp.sum(jnp.where(used, total**2 / (curve.variance * jnp.where(used, weight, 1.0)), 0.0))
    independent = curve.count / curve.correlation
    size = ((misfit[0] - inside[0] + inside[1]) / independent - 1) / jnp.sqrt(6 / independent)
    return jnp.stack([size, (sums - used.sum()) / jnp.sqrt(2.0 * used.sum())])

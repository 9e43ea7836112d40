r"""Batched least squares for force curves on a material that relaxes.

Every curve, approach and retraction in one, is fitted with

$$F_i \approx b_0 + b_1 x_i + b_2\,\dot z_i + c\,\frac{1}{1-\nu^2}\int_0^{t_1} e(t_i-s;\theta)\,
   \frac{d\,g(z_0 - z(s))}{ds}\,ds$$

by Lee and Radok on the way in and Ting on the way out (`asperity.rheology.exponential_memory`), with the
measured history of the tip position z (positive into the sample). Offset, tilt, the viscous drag b_2 of the
lever in its liquid (only told apart with both directions) and the modulus c enter linearly and are eliminated (variable
projection); the contact point z_0 and the shape theta of the relaxation take Gauss-Newton steps with
Levenberg's damping.

Source: Golub, Pereyra, SIAM J. Numer. Anal. 10, 413 (1973); Kaufman, BIT 15, 49 (1975).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from asperity.contact import AbstractElasticContact
from asperity.rheology.exponential_memory import as_exponentials, ting_integral
from asperity.rheology.mittag_leffler import reciprocal_gamma
from asperity.rheology.springpot import Springpot
from asperity.rheology.standard_linear_solid import StandardLinearSolid

__all__ = ["FAMILIES", "Family", "HistoryFit", "IndentationHistories", "deflected", "fit_histories"]

_STEPS = 40  # of the minimizer, at most
_TOLERANCE = 1e-10  # relative decrease of the sum of squares that a further step promises
_BLOCK = 32  # curves that one compiled step works on


class Family(NamedTuple):
    """How a model of `asperity.rheology` is fitted: by its size c (Pa), and shape parameters theta that take steps."""

    material: Callable[..., Springpot | StandardLinearSolid]  # (c, theta, duration in s)
    start: tuple[float, ...]  # theta; a logarithm of time is relative to the contact's duration
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    names: tuple[str, ...]  # of the quantities that are told
    told: Callable[[Any], tuple]  # (material) -> their values


def _springpot(c, theta, duration) -> Springpot:
    return Springpot(quasi_property=c / reciprocal_gamma(1 - theta[0]), order=theta[0])


def _standard_linear_solid(c, theta, duration) -> StandardLinearSolid:
    return StandardLinearSolid(equilibrium_modulus=c * (1 - theta[0]), relaxing_modulus=c * theta[0],
                               relaxation_time=duration * jnp.exp(theta[1]))


#: the viscoelastic models, by their names in `asperity.rheology`, that a force curve can be fitted with
FAMILIES = {
    "springpot": Family(_springpot, (0.15,), (-0.3,), (0.9,), ("modulus", "order"),
                        lambda material: (material.relaxation_modulus(1.0), material.order)),  # after 1 s
    "standard_linear_solid": Family(
        _standard_linear_solid, (0.5, -1.0), (-1.0, -5.0), (1.5, 3.0), StandardLinearSolid.fitted,
        lambda material: tuple(getattr(material, name) for name in StandardLinearSolid.fitted)),
}


class IndentationHistories(NamedTuple):
    """A batch of histories, the first ``turn + 1`` samples inward, the others outward; NumPy arrays."""

    depth: Any  # (batch, sample) of the tip, 0 at the farthest, 1 at the deepest sample; 0 where there is none
    force: Any  # (batch, sample) of order one
    step: Any  # (batch, sample) s since the sample before
    speed: Any  # (batch, sample) m/s, into the sample, smoothed
    counted: Any  # (batch, sample) bool
    span: Any  # (batch,) m, of the depth
    top: Any  # (batch,) m, the tip position at depth 0
    unit: Any  # (batch,) N, of the force
    level: Any  # (batch,) N, at force 0
    spring_constant: Any  # (batch,) N/m; infinite if the tip position does not depend on the force
    duration: Any  # (batch,) s


class HistoryFit(NamedTuple):
    """The optimum of each curve; parameters: the family's, contact point, offset, tilt and drag, in SI."""

    values: Any  # (batch, parameter)
    gradient: Any  # (batch, parameter, internal)
    response: Any  # (batch, internal, sample): how the internal parameters follow a change of the scaled force
    gain: Any  # (batch, sample): how noise of the deflection acts on the residual
    contact: Any  # (batch, sample) N, force of contact
    residual: Any  # (batch, sample) N
    tip: Any  # (batch, sample) N, change of the force of contact per relative change of the tip's size
    nonlinear: Any  # (batch, 1 + shape parameters): depth of the contact point, theta
    converged: Any  # (batch,) bool


def fit_histories(family: str, contact: AbstractElasticContact, curves: IndentationHistories, start: np.ndarray,
                  rates: np.ndarray, *, turn: int, tilt: bool) -> HistoryFit:
    """Fit every curve of a batch.

    Args:
        family: a name in `FAMILIES`.
        contact: the tip; its modulus is ignored.
        curves: histories in numbers of order one.
        start: (batch,) depth of the contact point to start from.
        rates: from `asperity.rheology.exponential_memory.rates` for the shortest step and longest record.
        turn: the number of the last inward sample; that of the last sample if there is no retraction.
        tilt: fit a slope of the baseline.

    Returns:
        `HistoryFit`. A curve whose steps did not settle has ``converged`` False. Nothing raises.
    """
    parts, count = [], len(start)
    for first in range(0, count, _BLOCK):
        rows = np.minimum(np.arange(first, first + _BLOCK), count - 1)
        block = IndentationHistories(*(np.asarray(a)[rows] for a in curves))
        parts.append(jax.tree.map(np.asarray, _fit_block(contact, block, start[rows], rates, family, turn, tilt)))
    return HistoryFit(*(np.concatenate(columns)[:count] for columns in zip(*parts)))


def deflected(family: str, contact: AbstractElasticContact, curves: IndentationHistories, fit: HistoryFit,
              rates: np.ndarray, *, turn: int, force: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """How the residuals change with small changes of the recorded ``force`` and, by ``bend`` / k, of the tip position.

    A fast change meets the stiff, instantaneous response of the sample, where the gain of `HistoryFit` is that of a
    slow one.

    Args:
        family, contact, curves, rates, turn: as in `fit_histories`.
        fit: the optimum.
        force, bend: (batch, draw, sample) N.

    Returns:
        (batch, draw, sample) N.
    """
    parts, count = [], len(force)
    for first in range(0, count, _BLOCK):
        rows = np.minimum(np.arange(first, first + _BLOCK), count - 1)
        block = IndentationHistories(*(np.asarray(a)[rows] for a in curves))
        size = np.abs(fit.contact[rows]).max(axis=1)
        parts.append(np.asarray(_deflect_block(contact, block, fit.nonlinear[rows], size, rates, bend[rows], family,
                                               turn)))
    return (force - np.concatenate(parts)[:count]) * curves.counted[:, None]


@partial(jax.jit, static_argnames=("family", "turn"))
def _deflect_block(contact, curves: IndentationHistories, p, size, rates, bend, family: str, turn: int):
    """What a ``bend`` of the lever does to the fitted forces, whose largest is ``size``, (batch, draw, sample)."""

    def one(curve, p, size, bend):
        def pushed(depth):
            return _column(FAMILIES[family], turn, contact, rates, curve._replace(depth=depth), p)

        column, follow = jax.linearize(pushed, curve.depth)
        change = jax.vmap(follow)(-bend / (curve.spring_constant * curve.span))
        return change * size / jnp.maximum(jnp.abs(column).max(), 1e-300)

    return jax.vmap(one)(curves, p, size, bend)


@partial(jax.jit, static_argnames=("family", "turn", "tilt"))
def _fit_block(contact, curves: IndentationHistories, start, rates, family: str, turn: int, tilt: bool) -> HistoryFit:
    fit = partial(_fit_one, FAMILIES[family], turn, tilt, contact, rates)
    return jax.vmap(fit)(curves, start)


def _column(family: Family, turn: int, contact, rates, curve: IndentationHistories, p):
    """The force of contact per unit modulus, (sample,)."""
    inward = jnp.arange(len(curve.depth)) <= turn
    raw = curve.span * (curve.depth - p[0])
    depth = jnp.where(inward, jnp.maximum(raw, 0.0), raw)
    shape = jax.vmap(contact.shape)(depth) / (1 - contact.poisson_ratio**2)
    material = family.material(1.0, p[1:], curve.duration)
    return ting_integral(as_exponentials(material, rates), curve.step, depth, shape, turn)


def _lines(turn: int, tilt: bool, curve: IndentationHistories):
    """The columns of offset, tilt and drag, (sample, line)."""
    lines = [jnp.ones_like(curve.depth)] + ([curve.depth] if tilt else [])
    lines += [curve.speed] if turn + 1 < len(curve.depth) else []
    return jnp.stack(lines, 1) * curve.counted[:, None]


class _Point(NamedTuple):
    squares: jax.Array
    linear: jax.Array  # c, lines
    columns: jax.Array  # (sample, 1 + lines)
    slopes: jax.Array  # (sample, nonlinear) of the fitted force
    gradient: jax.Array
    curvature: jax.Array


def _evaluate(column, lines, curve: IndentationHistories, p) -> _Point:
    """Eliminate the linear parameters at ``p``."""
    slope, g = jax.jacfwd(lambda q: (column(q),) * 2, has_aux=True)(p)
    weight = curve.counted
    columns = jnp.concatenate([g[:, None] * weight[:, None], lines], axis=1)
    basis, triangle = jnp.linalg.qr(columns / _norm(columns))
    y = curve.force * weight
    inner = basis.T @ y
    residual = y - basis @ inner
    linear = jax.scipy.linalg.solve_triangular(triangle + 1e-13 * jnp.eye(len(inner)), inner) / _norm(columns)
    slopes = linear[0] * slope * weight[:, None]
    free = slopes - basis @ (basis.T @ slopes)
    return _Point(residual @ residual, linear, columns, slopes, free.T @ residual, free.T @ free)


def _norm(columns):
    size = jnp.sqrt((columns**2).sum(axis=0))
    return jnp.where(size > 0, size, 1.0)


def _propose(point: _Point, damping):
    scale = jnp.sqrt(jnp.maximum(jnp.diag(point.curvature), 1e-300))
    matrix = point.curvature / (scale[:, None] * scale) + (damping + 1e-12) * jnp.eye(len(scale))
    return jnp.linalg.solve(matrix, point.gradient / scale) / scale


def _fit_one(family: Family, turn: int, tilt: bool, contact, rates, curve: IndentationHistories, start) -> HistoryFit:
    """The steps of one curve, and what its uncertainty needs."""
    column = partial(_column, family, turn, contact, rates, curve)
    lines = _lines(turn, tilt, curve)
    lower, upper = jnp.array([-0.05, *family.lower]), jnp.array([0.999, *family.upper])
    limit = jnp.array([0.15] + [0.5] * len(family.start))

    def advance(state):
        number, p, point, damping, _ = state
        trial = jnp.clip(p + jnp.clip(_propose(point, damping), -limit, limit), lower, upper)
        new = _evaluate(column, lines, curve, trial)
        better = new.squares <= point.squares
        p, point = jax.tree.map(lambda a, b: jnp.where(better, a, b), (trial, new), (p, point))
        damping = jnp.where(better, damping * 0.1, jnp.maximum(damping, 1e-4) * 8)
        promise = _propose(point, 0.0) @ point.gradient
        settled = (promise <= _TOLERANCE * point.squares) | (jnp.abs(trial - p).max() + better < 1e-11)
        return number + 1, p, point, damping, settled

    p = jnp.array([start, *family.start])
    count, unknowns, samples = lines.shape[1] + 1, len(p), len(curve.depth)
    # the first step is zero, so that the start itself is tried
    unknown = _Point(jnp.asarray(jnp.inf), jnp.zeros(count), jnp.zeros((samples, count)),
                     jnp.zeros((samples, unknowns)), jnp.zeros(unknowns), jnp.eye(unknowns))
    state = (0, p, unknown, jnp.asarray(1e-3), False)
    _, p, point, _, settled = lax.while_loop(lambda s: (s[0] < _STEPS) & ~s[4], advance, state)
    return _finish(family, contact, rates, turn, curve, p, point, settled)


def _finish(family: Family, contact, rates, turn: int, curve: IndentationHistories, p, point: _Point,
            settled) -> HistoryFit:
    jacobian = jnp.concatenate([point.columns, point.slopes], axis=1)
    size = _norm(jacobian)
    response = jnp.linalg.pinv(jacobian / size, rtol=1e-12) / size[:, None]
    count, both_ways = len(point.linear), turn + 1 < len(curve.depth)
    tilt = count == 3 + both_ways

    def physical(internal):
        linear, q = internal[:count], internal[count:]
        slope = linear[2] if tilt else jnp.zeros(())
        drag = linear[-1] if both_ways else jnp.zeros(())
        own = family.told(family.material(linear[0] * curve.unit, q[1:], curve.duration))
        return jnp.stack([*own, curve.top - curve.span * q[0], curve.level + curve.unit * (linear[1] + slope * q[0]),
                          -slope * curve.unit / curve.span, drag * curve.unit])

    def resized(log_size):
        tip = {n: getattr(contact, n) * jnp.exp(log_size) for n in contact.fixed if n != "poisson_ratio"}
        return point.linear[0] * _column(family, turn, dataclasses.replace(contact, **tip), rates, curve, p)

    internal = jnp.concatenate([point.linear, p])
    lever = curve.spring_constant * curve.span / curve.unit
    residual = curve.force * curve.counted - point.columns @ point.linear
    return HistoryFit(physical(internal), jax.jacfwd(physical)(internal), response, 1 - point.slopes[:, 0] / lever,
                      point.columns[:, 0] * point.linear[0] * curve.unit, residual * curve.unit,
                      jax.jvp(resized, (0.0,), (1.0,))[1] * curve.unit, p, settled)

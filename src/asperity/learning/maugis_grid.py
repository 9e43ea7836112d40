r"""P(D) of Maugis-Dugdale contacts tabulated for a fixed set of lambda, with the limits of DMT and JKR.

A row is one curve. Its contact branch, which begins at D_c (touch, or the fold of a stiff lever), is a cubic
spline in $v = \ln(1 + u/c)$ with $u = \sqrt{D - D_c}$: smooth where contact begins, evenly fine at high
load. The hovering branch between the jump-off D_e and D_c is its closed form. See `asperity.contact.maugis`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from asperity.contact import jkr, maugis

__all__ = ["COARSE", "DMT_ROW", "FINE", "HERTZ_ROW", "JKR_ROW", "LAMBDA", "NODES", "SPACING", "STEP", "Row",
           "along", "displacements", "distances", "evaluate", "load_grid", "row_of"]

#: rows per node of the coarse scan over lambda
FINE = 16
#: lambda of the rows, evenly spaced in the logarithm; beyond the last one stands JKR
LAMBDA = np.geomspace(0.01, 20.0, 30 * FINE + 1)
#: their spacing in ln lambda
SPACING = math.log(2000.0) / (30 * FINE)
#: the rows of the limits, and of a contact without adhesion
JKR_ROW, DMT_ROW, HERTZ_ROW = range(len(LAMBDA), len(LAMBDA) + 3)
#: the rows of a coarse scan: every `FINE`-th lambda, then JKR
COARSE = np.append(np.arange(0, len(LAMBDA), FINE), JKR_ROW)

#: of v, evenly spaced
NODES = 257
_CORE = 0.05  # c in v = ln(1 + u/c), of the dimensionless u
_LARGEST = 40.0  # u at the last node (D - D_c = 1600)
#: between them
STEP = math.log1p(_LARGEST / _CORE) / (NODES - 1)


class Row(NamedTuple):
    """One tabulated curve, or a stack of them with a leading axis."""

    parameter: Any  # lambda of the hovering branch; 1 where there is none
    end: Any  # D_e, below which the tip is off
    start: Any  # D_c, where the contact branch begins
    value: Any  # (node,) P
    slope: Any  # (node,) dP/dv * step
    pull_off: Any  # P at the pull-off, negative

    @property
    def first_held(self) -> Any:
        """D from which on the tip is held."""
        return self.end

    def loads(self, displacement: jax.Array, attached: jax.Array) -> tuple[jax.Array, jax.Array]:
        """`evaluate` of this row."""
        return evaluate(self, displacement, attached)


def distances() -> np.ndarray:
    """u at the nodes."""
    return _CORE * np.expm1(STEP * np.arange(NODES))


def displacements(rows: Any) -> np.ndarray:
    """D at the nodes of every row, (row, node)."""
    return np.asarray(rows.start)[:, None] + distances() ** 2


def row_of(loads: np.ndarray, start: float, end: float, parameter: float = 1.0) -> Row:
    """The row of a curve from its ``loads`` at ``start`` + u^2 on the nodes of u."""
    slope = CubicSpline(np.arange(NODES), loads)(np.arange(NODES), 1)
    return Row(*map(np.asarray, (parameter, end, start, loads, slope, loads.min())))


@jax.jit
def _ends(parameter: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """D at the end of the branch, D where contact begins, P at the pull-off, for every lambda."""
    end = jax.vmap(maugis.jump_off)(parameter)[2]
    start = jnp.where(parameter < maugis.THRESHOLD, jax.vmap(maugis.touch)(parameter)[2], end)
    return end, start, jax.vmap(maugis.pull_off)(parameter)[1]


@jax.jit
def _loads(displacement: jax.Array, parameter: jax.Array) -> jax.Array:
    return jax.vmap(jax.vmap(maugis.load, (0, None)))(displacement, parameter)


def _maugis_rows() -> list[Row]:
    end, start, pull_off = map(np.asarray, _ends(jnp.asarray(LAMBDA)))
    displacement = start[:, None] + distances() ** 2
    displacement[:, 0] = start + 1e-13  # the end itself belongs to the contact, whatever rounding says
    loads = np.asarray(_loads(jnp.asarray(displacement), jnp.asarray(LAMBDA)))
    return [row_of(*one)._replace(pull_off=least)
            for *one, least in zip(loads, start, end, LAMBDA, pull_off)]


@lru_cache(maxsize=1)
def load_grid() -> Row:
    """All rows, stacked: lambda from DMT-like to JKR-like, then JKR, DMT and Hertz (P = u^3, no adhesion)."""
    with jax.enable_x64(True):
        rows, fold = _maugis_rows(), jkr.FOLD_DISPLACEMENT
        at_fold = np.asarray(jax.jit(jax.vmap(jkr.load))(jnp.asarray(fold + distances() ** 2)))
    rows += [row_of(at_fold, fold, fold)._replace(pull_off=np.asarray(jkr.PULL_OFF_LOAD)),
             row_of(distances() ** 3 - 2, 0.0, 0.0),
             row_of(distances() ** 3, 0.0, 0.0)._replace(pull_off=np.asarray(-1.0))]
    return Row(*map(np.stack, zip(*rows)))


def along(u: jax.Array, value: jax.Array, slope: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The spline through ``value`` with ``slope`` on the nodes, at many u, and its derivative by u^2."""
    place = jnp.minimum(jnp.log1p(u / _CORE) / STEP, NODES - 1.001)
    node = place.astype(jnp.int32)
    s = place - node
    p0, p1 = value[node], value[node + 1]
    m0, m1 = slope[node], slope[node + 1]
    a, b = m0 - (p1 - p0), (p1 - p0) - m1
    load = p0 + s * (p1 - p0) + s * (1 - s) * ((1 - s) * a + s * b)
    change = (p1 - p0) + (1 - 2 * s) * ((1 - s) * a + s * b) + s * (1 - s) * (b - a)
    return load, change / (2 * STEP * u * (u + _CORE))


def evaluate(row: Row, displacement: jax.Array, attached: jax.Array) -> tuple[jax.Array, jax.Array]:
    """P and dP/dD of one row at many D.

    Where ``attached`` > 0 the tip is known to be held: the curve goes on at its last value below the end;
    elsewhere the load there is 0. Slopes are capped within 1e-4 of a fold.
    """
    held = jnp.maximum(displacement, row.end)
    load, slope = along(jnp.sqrt(jnp.maximum(held - row.start, 1e-8)), row.value, row.slope)
    least = 8 / (3 * math.pi) * row.parameter
    rise = jnp.sqrt(2 * jnp.maximum(held - row.end, 1e-8))
    hovers = held < row.start
    load = jnp.where(hovers, -math.pi / 2 * row.parameter * (least + rise) ** 2, load)
    slope = jnp.where(hovers, -math.pi * row.parameter * (least + rise) / rise, slope)
    below = displacement < row.end
    return jnp.where(below & (attached <= 0), 0.0, load), jnp.where(below, 0.0, slope)

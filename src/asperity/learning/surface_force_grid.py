r"""P(D) of contacts of Lennard-Jones surfaces tabulated for a fixed set of Tabor's parameter.

Beside the rows of `asperity.learning.maugis_grid`: displacements in $\delta_c$, forces in $\pi wR$, and
$\lambda = 1.157\,\mu$ as the parameter, so that both laws have one axis and one prior of the equilibrium separation.
A row has two sides, each a cubic spline in $\ln(1 + u/c)$, $u$ the root of the distance from where the side begins:
the contact from its end upward, and the attraction from farther away, which has no end. Where a stiff lever does not
jump ($\mu$ < 0.70) both begin at the steepest place of the approach, where they meet.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from asperity.contact._surface_force_table import RANGE, Branches, branches
from asperity.learning.lambda_posterior import SEPARATION_FACTOR
from asperity.learning.maugis_grid import FINE, LAMBDA, NODES, along, distances

__all__ = ["COARSE", "PARAMETERS", "SurfaceForceRow", "surface_force_grid"]

_SCALE = (9 * math.pi**2 / 16) ** (1 / 3)  # delta_c over mu z_0
_FIRST, _LAST = np.searchsorted(LAMBDA, np.array(RANGE) * SEPARATION_FACTOR * _SCALE, side="left")
#: lambda of the rows, those of Maugis and Dugdale within the range of the table
PARAMETERS = LAMBDA[_FIRST:_FIRST + (_LAST - _FIRST - 1) // FINE * FINE + 1]
#: the rows of a coarse scan: every `FINE`-th lambda
COARSE = np.arange(0, len(PARAMETERS), FINE)
_WITHIN = 64  # places in each piece of the table, between which it is linear


class SurfaceForceRow(NamedTuple):
    """One tabulated curve, or a stack of them with a leading axis."""

    jumps: Any  # 1 where a stiff lever jumps off, else 0
    start: Any  # D where the contact begins,
    value: Any  # (node,) P from there upward
    slope: Any  # (node,) dP/dv * step
    edge: Any  # D up to which the attraction from farther away reaches,
    far_value: Any  # (node,) P from there outward
    far_slope: Any
    pull_off: Any  # P at the pull-off, negative

    @property
    def first_held(self) -> Any:
        """D from which on the tip is held, or attracted most steeply."""
        return self.start

    def loads(self, displacement: jax.Array, attached: jax.Array) -> tuple[jax.Array, jax.Array]:
        """P and dP/dD at many D; ``attached`` as in `asperity.learning.maugis_grid.evaluate`.

        A tip that is known to be off feels the attraction from farther away.
        """
        below = displacement < self.start
        loose = jnp.where(self.jumps > 0, (attached < 0) | ((attached == 0) & below), below)
        near, rise = along(jnp.sqrt(jnp.maximum(displacement - self.start, 1e-8)), self.value, self.slope)
        far, fall = along(jnp.sqrt(jnp.maximum(self.edge - displacement, 1e-8)), self.far_value, self.far_slope)
        rise, fall = jnp.where(below, 0.0, rise), jnp.where(displacement > self.edge, 0.0, -fall)
        return jnp.where(loose, far, near), jnp.where(loose, fall, rise)


@lru_cache(maxsize=1)
def surface_force_grid() -> SurfaceForceRow:
    """All rows, stacked: lambda from DMT-like to JKR-like."""
    with jax.enable_x64(True):
        tables = jax.jit(jax.vmap(branches))(jnp.log(PARAMETERS / (SEPARATION_FACTOR * _SCALE)))
    tables = jax.tree.map(np.asarray, tables)
    rows = (_row(Branches(*(one[i] for one in tables))) for i in range(len(PARAMETERS)))
    return SurfaceForceRow(*map(np.stack, zip(*rows)))


def _row(table: Branches) -> SurfaceForceRow:
    """Both sides of one curve."""
    displacement, force = _finer(table)
    back = np.diff(displacement) < 0
    if back.any():
        near = np.flatnonzero(back)[-1] + 1
        far = np.flatnonzero(back)[0]
    else:
        before = np.arange(len(force) - 1) < force.argmin()
        near = far = int(np.where(before, np.abs(np.diff(force)) / np.diff(displacement), 0.0).argmax())
    nodes, outer = np.arange(NODES), slice(far + 1)
    value = _pressed(displacement[near:], force[near:])
    distant = _distant(displacement[outer], force[outer], float(table.parameter))
    slope, steepness = (CubicSpline(nodes, one)(nodes, 1) for one in (value, distant))
    return SurfaceForceRow(float(back.any()), displacement[near], value, slope, displacement[far], distant, steepness,
                           force.min())


def _finer(table: Branches) -> tuple[np.ndarray, np.ndarray]:
    """Displacement and force along the table, between its nodes."""
    nodes = np.arange(len(table.displacement))
    place = np.linspace(0, len(nodes) - 1, (len(nodes) - 1) * _WITHIN + 1)
    piece = np.minimum(place.astype(int), len(nodes) - 2)
    s = place - piece

    def cubic(value: Any, slope: Any) -> np.ndarray:
        step = value[piece + 1] - value[piece]
        a, b = slope[piece] - step, step - slope[piece + 1]
        return value[piece] + s * step + s * (1 - s) * ((1 - s) * a + s * b)

    return cubic(table.displacement, table.steepness), cubic(table.force, table.slope)


def _pressed(displacement: np.ndarray, force: np.ndarray) -> np.ndarray:
    """P on the nodes upward; beyond the table as the power 3/2, of the same value and slope there."""
    depth = distances() ** 2
    steep = np.diff(force[-2:])[0] / np.diff(displacement[-2:])[0]
    further = np.maximum(depth - (displacement[-1] - displacement[0]), 0.0)
    inside = np.interp(np.sqrt(depth), np.sqrt(displacement - displacement[0]), force)
    return inside + force[-1] * ((1 + further * steep / (1.5 * force[-1])) ** 1.5 - 1)


def _distant(displacement: np.ndarray, force: np.ndarray, tabor: float) -> np.ndarray:
    """P on the nodes outward; beyond the table the attraction of rigid surfaces, of the same value there."""
    away = distances() ** 2
    reach = displacement[-1] - displacement
    further = _SCALE * tabor * np.maximum(away - reach[0], 0.0)
    inside = np.interp(np.sqrt(away), np.sqrt(np.maximum(reach, 0.0))[::-1], force[::-1])
    return inside / (1 + further * math.sqrt(-3 / 8 * force[0])) ** 2

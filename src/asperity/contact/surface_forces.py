r"""A paraboloid and an elastic half-space that attract and repel each other at every distance.

Two surfaces a gap h apart exert the stress of two half-spaces of Lennard-Jones atoms on each other, and the surface
of the sample bends under the stress that it feels: both are found together. With lateral lengths in
$\sqrt{R z_0}$, vertical ones in the equilibrium separation $z_0$ and forces in $\pi w R$:

$$H(X) = H_0 + \frac{X^2}{2} + \frac4\pi\,\mu^{3/2}\!\int k(X, S)\,P(H(S))\,dS, \qquad
  P(H) = \frac83\,(H^{-9} - H^{-3}), \qquad F = 2\int P\,X\,dX$$

with Tabor's parameter $\mu = (R w^2 / (E^{*2} z_0^3))^{1/3}$ as the only number and $H_0$ the separation of the
undeformed surfaces. k is the displacement by a ring of stress; of a ring of finite width it is the difference of two
discs, in complete elliptic integrals. Limits: the force between rigid surfaces,
$F = \tfrac23 H_0^{-8} - \tfrac83 H_0^{-2}$ with its least value -2 (Derjaguin, Muller, Toporov), for $\mu \to 0$, and
the contact of Johnson, Kendall and Roberts, -3/2, for $\mu \to \infty$.

$H_0$ and F are functions of two or three values above $\mu$ of about 0.7, where a stiff lever jumps. The gap at the
center, H(0), falls all along the curve: with it given, Newton's method finds the other gaps and $H_0$ at once, and
no fold is in the way.

Source: Derjaguin, Muller, Toporov, J. Colloid Interface Sci. 53, 314 (1975); Greenwood, Proc. R. Soc. A 453, 1277
(1997) (the equations); Tabor, J. Colloid Interface Sci. 58, 2 (1977).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.special import ellipe, ellipkm1

from asperity.messages import DataError

__all__ = ["SurfaceForceCurve", "surface_force_curve"]

_FINE = 0.08  # width of a ring at the edge of contact, of the length mu^(-3/2) over which stress there changes,
_WIDEST = 0.02  # but not above it
_GROWTH = 0.025  # of the width, by each unit of distance from the edge
_FARTHEST = 30.0  # radius up to which there are rings, and
_TIMES = 4.0  # that of the edge times this: what is beyond adds 1e-6 to the force
_SHIFTED = 8  # widths of a ring, by which the edge may lie off the finest ones
_ROUNDS = 8  # of new rings at one gap
_TURNS = 30  # of Newton's method
_EXACT = 1e-10  # last change of a gap, in z_0
_NEARER = 0.3  # of a gap, by which one turn may change it at most
_FINEST = 1e-12  # step of the gap at the center, below which there is no solution
_PULLED = 3 ** (1 / 6)  # gap at which the stress pulls most: that of the edge
_BEGIN = 8.0  # gap at the center where the surface hardly bends: from there on the curve is followed


class SurfaceForceCurve(NamedTuple):
    """Separation and force at each gap of the center."""

    separation: Float[np.ndarray, " gap"]  # H_0, of the undeformed surfaces, in z_0
    force: Float[np.ndarray, " gap"]  # in pi w R, repulsive positive


class _Surface(NamedTuple):
    """Rings of equal stress and what they do."""

    radius: Float[np.ndarray, " ring"]  # where the gap is looked at
    bending: Float[np.ndarray, "ring ring"]  # gap by a unit of stress on each ring
    edge: float  # where they are finest


def surface_force_curve(tabor_parameter: float, gaps: Float[np.ndarray, " gap"], *,
                        width: float = 1.0) -> SurfaceForceCurve:
    r"""The curve at these gaps of the center.

    Args:
        tabor_parameter: mu > 0.
        gaps: in z_0, descending from at most 8.
        width: of the rings, relative to usual ones, with which the pull-off force has an error of 2e-4 (it falls
            with the square).

    Raises:
        DataError: no solution is found.
    """
    surface = _surface(tabor_parameter, 0.0, width)
    held, heights = _BEGIN, _BEGIN + surface.radius**2 / 2
    separations, forces = np.empty(len(gaps)), np.empty(len(gaps))
    for i, goal in enumerate(gaps):
        surface, heights = _followed(surface, heights, (held, float(goal)), (tabor_parameter, width))
        held, stress = float(goal), _stress(heights)
        separations[i] = held - surface.bending[0] @ stress
        forces[i] = 2 * CubicSpline(surface.radius**2 / 2, stress).integrate(0, surface.radius[-1] ** 2 / 2)
    return SurfaceForceCurve(separations, forces)


def _stress(gap: np.ndarray) -> np.ndarray:
    return 8 / 3 * (gap**-9.0 - gap**-3.0)


def _surface(tabor_parameter: float, edge: float, width: float) -> _Surface:
    finest = width * min(_FINE * tabor_parameter**-1.5, _WIDEST)
    growth, last = width * _GROWTH, max(_FARTHEST, _TIMES * edge)
    inner, outer = (int(np.log1p(growth * way / finest) / growth) + 1 for way in (edge, last - edge))
    steps = [np.expm1(np.linspace(0, np.log1p(growth * way / finest), count + 1)) * finest / growth
             for way, count in ((edge, inner), (last - edge, outer))]
    edges = np.concatenate([edge - steps[0][::-1], edge + steps[1][1:]]) if edge > 0 else steps[1]
    edges[0] = 0.0
    radius = np.sqrt((edges[1:] ** 2 + edges[:-1] ** 2) / 2)
    radius[0] = 0.0  # the center itself
    discs = np.stack([_disc(radius, one) for one in edges[1:]], axis=1)
    bending = 4 / np.pi * tabor_parameter**1.5 * np.diff(discs, axis=1, prepend=0.0)
    return _Surface(radius, bending, edge)


def _edge(surface: _Surface, heights: np.ndarray) -> float:
    """The radius at which the stress pulls most, 0 where it does so nowhere."""
    if heights[0] >= _PULLED:
        return 0.0
    after = int(np.argmax(heights >= _PULLED))
    both = slice(after - 1, after + 1)
    return float(np.sqrt(np.interp(_PULLED, heights[both], surface.radius[both] ** 2)))


def _disc(radius: np.ndarray, edge: float) -> np.ndarray:
    """The displacement at each radius by a uniform stress within the edge, times pi E* / 4 over the stress."""
    share = np.minimum(radius, edge) / np.maximum(radius, edge)
    inside, rest = ellipe(share**2), 1 - share**2
    outside = inside - rest * ellipkm1(np.where(rest > 0, rest, 1.0))
    return np.where(radius <= edge, edge * inside, radius * outside)


def _followed(surface: _Surface, heights: np.ndarray, way: tuple[float, float],
              made: tuple[float, float]) -> tuple[_Surface, np.ndarray]:
    """Rings and gaps with that of the center brought from one value to another, in as many steps as it takes."""
    held, goal = way
    step = goal - held
    while held != goal:
        following = goal if abs(step) >= abs(goal - held) else held + step
        found = _settled(surface, heights, following, made)
        if found is None:
            step /= 2
            if abs(step) < _FINEST:
                raise DataError(f"no solution beyond a gap of {held:g} at the center: take narrower rings")
        else:
            (surface, heights), held, step = found, following, 2 * step
    return surface, heights


def _settled(surface: _Surface, heights: np.ndarray, held: float,
             made: tuple[float, float]) -> tuple[_Surface, np.ndarray] | None:
    """The solution on rings that are finest where its edge is; None where there is none near."""
    for _ in range(_ROUNDS):
        found = _solved(surface, heights, held)
        if found is None:
            return None
        heights = found
        edge = _edge(surface, heights)
        if abs(edge - surface.edge) <= _SHIFTED * _FINE * made[1] * min(made[0] ** -1.5, 1.0):
            return surface, heights
        other = _surface(made[0], edge, made[1])
        bent = PchipInterpolator(surface.radius, heights - surface.radius**2 / 2, extrapolate=False)(other.radius)
        heights = np.where(np.isfinite(bent), bent, heights[-1] - surface.radius[-1] ** 2 / 2) + other.radius**2 / 2
        surface = other
    return None


def _solved(surface: _Surface, heights: np.ndarray, held: float) -> np.ndarray | None:
    """Newton's method with the gap of the center held; None where it does not settle."""
    bending = surface.bending - surface.bending[0]
    found = heights.copy()
    found[0] = held
    for _ in range(_TURNS):
        off = found - held - surface.radius**2 / 2 - bending @ _stress(found)
        slope = 8 / 3 * (3 * found**-4.0 - 9 * found**-10.0)
        change = np.linalg.solve(np.eye(len(found) - 1) - (bending * slope)[1:, 1:], -off[1:])
        largest = np.abs(change / found[1:]).max()
        if not np.isfinite(largest):
            return None
        found[1:] += min(1.0, _NEARER / max(largest, _NEARER)) * change
        if np.abs(change).max() < _EXACT:
            return found
    return None

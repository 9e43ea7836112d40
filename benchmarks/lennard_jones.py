r"""Adhesive contact with the Lennard-Jones law between the surfaces, solved self-consistently.

With lengths normal to the surface in $z_0$ and along it in $\sqrt{Rz_0}$ the gap is

$$H(\rho) = \tfrac12\rho^2 - \Delta + \tfrac83\mu^{3/2}\,\frac1\pi\iint \frac{p(H)}{|\rho-\rho'|}\,dA',
  \qquad p = H^{-9} - H^{-3}$$

and the load is $P = \frac{16}{3}\int\rho\,p\,d\rho$ in $\pi wR$: no Dugdale law, no crack, no
choice of an edge.
Newton's method on rings, from deep contact upward; the branch ends where it loses its stability.
Source: Greenwood, Proc. R. Soc. A 453, 1277 (1997); Feng, Colloids Surf. A 172, 175 (2000).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.special import ellipkm1

from asperity.learning.lambda_posterior import SEPARATION_FACTOR

__all__ = ["TABOR_TO_MAUGIS", "retraction"]

#: lambda / mu
TABOR_TO_MAUGIS = 16 / (9 * math.sqrt(3)) * (9 / (2 * math.pi)) ** (1 / 3)
_RINGS = 320
_STEPS = 160


def _response(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle radii, and the integral of p / (pi distance) over each ring at each of them, (to, from)."""
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    nodes, weights = np.polynomial.legendre.leggauss(8)
    total = np.zeros((len(middle), len(middle)))
    for node, weight in zip(nodes, weights):
        s = middle + node * width / 2
        rest = ((middle[:, None] - s) / (middle[:, None] + s)) ** 2  # 1 - m
        total += weight / 2 * width * s * ellipkm1(np.maximum(rest, 1e-30)) / (middle[:, None] + s)
    own = width / 2 * (np.log(16 * middle / width) + 1)  # the logarithm at the ring itself, integrated
    total[np.diag_indices_from(total)] = own
    return middle, 4 / math.pi * total


def _solve(gap: np.ndarray, target: np.ndarray, matrix: np.ndarray) -> np.ndarray | None:
    """The gap with H - matrix p(H) = target, from a start nearby; None if there is none."""
    for _ in range(60):
        residual = gap - matrix @ (gap**-9.0 - gap**-3.0) - target
        slope = -9 * gap**-10.0 + 3 * gap**-4.0
        change = lu_solve(lu_factor(np.eye(len(gap)) - matrix * slope), residual)
        factor = min(1.0, 0.1 / np.max(np.abs(change) / gap))
        gap = gap - factor * change
        if factor == 1.0 and np.max(np.abs(change)) < 1e-9:
            return gap
    return None


def _followed(gap: np.ndarray, middle: np.ndarray, response: np.ndarray, path) -> np.ndarray:
    """The gap after a ``path`` of (mu, place), each from the one before."""
    for mu, place in path:
        fresh = _solve(gap, middle**2 / 2 - place, 8 / 3 * mu**1.5 * response)
        gap = gap if fresh is None else fresh
    return gap


def _compressed(middle: np.ndarray, response: np.ndarray, tabor: float, deepest: float) -> np.ndarray:
    """The gap at the deepest place: touched with a stiff body, which does not jump, softened, pressed in."""
    stiff, first = min(tabor, 0.4), min(deepest, 4.0)
    down = [(stiff, place) for place in np.linspace(-3, first, 200)]
    gap = _followed(middle**2 / 2 + 3, middle, response, down)
    soften = np.geomspace(stiff, tabor, 2 + int(12 * math.log(tabor / stiff)))[1:]
    gap = _followed(gap, middle, response, [(mu, first) for mu in soften])
    return _followed(gap, middle, response, [(tabor, place) for place in np.linspace(first, deepest, _STEPS)])


@lru_cache(maxsize=32)
def retraction(tabor: float, load: float) -> tuple[np.ndarray, np.ndarray]:
    """(D, P) in delta_c and pi w R, from the end of the stable branch to about ``load``, increasing."""
    unit = TABOR_TO_MAUGIS * tabor / SEPARATION_FACTOR  # delta_c / z0
    deepest = unit * (load + 2) ** (2 / 3)
    middle, response = _response(np.linspace(0, 1.15 * math.sqrt(deepest) + 7.0, _RINGS + 1))
    area, matrix = middle * np.diff(middle, prepend=-middle[0]), 8 / 3 * tabor**1.5 * response
    gap, found = _compressed(middle, response, tabor, deepest), []
    place, factor = deepest, 1.0
    while factor > 0.02 and place > -12 * unit - 3:
        step = factor * (0.1 * unit if place > 2 * unit else 0.04 * unit if place > -1 - 3 * unit else 0.1)
        fresh = _solve(gap, middle**2 / 2 - place, matrix)
        if fresh is None or (found and fresh[0] > 1.3 * gap[0] + 0.2 * step):  # lost, or on another branch
            place, factor = place + step / 2, factor / 2
            continue
        gap = fresh
        found.append((place / unit, 16 / 3 * float(area @ (gap**-9.0 - gap**-3.0))))
        place -= step
    distance, force = np.array(found)[::-1].T
    return distance, force

r"""Real spherical harmonics, and the coefficients that couple two of them to a third.

$Y_{lm}$ are homogeneous polynomials of the direction with $\sum_m Y_{lm}^2 = 2l + 1$, polar about y, so that $Y_1$ is
$\sqrt 3\,(x, y, z)$: the order and signs of the program e3nn. A rotation turns each l by itself, a reflection through
the origin multiplies it by $(-1)^l$. Of the couplings only those with an even $l_1 + l_2 + l_3$ keep this parity; they
are the integrals of three harmonics over the sphere (Gaunt), which a quadrature of enough points gives exactly.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from asperity.messages import ArgumentError

__all__ = ["HIGHEST", "coupled", "couples", "coupling", "harmonics"]

HIGHEST = 3  # degree of the harmonics
_NODES = 8  # of the quadrature along the polar axis, exact to the degree 15; products have 9 at most


def _polynomials(x: Any, y: Any, z: Any) -> list[list[Any]]:
    """The harmonics of a unit vector, degree by degree."""
    across, around = z * z - x * x, x * z
    near, far = 5 * y * y - 1, 5 * y * y - 3
    return [[x * 0 + 1],
            [3**0.5 * x, 3**0.5 * y, 3**0.5 * z],
            [15**0.5 * around, 15**0.5 * x * y, 5**0.5 / 2 * (3 * y * y - 1), 15**0.5 * y * z, 15**0.5 / 2 * across],
            [4.375**0.5 * x * (3 * z * z - x * x), 105**0.5 * around * y, 2.625**0.5 * x * near, 7**0.5 / 2 * y * far,
             2.625**0.5 * z * near, 105**0.5 / 2 * y * across, 4.375**0.5 * z * (z * z - 3 * x * x)]]


def harmonics(direction: Float[Array, "3 ..."], degree: int) -> list[Float[Array, "order ..."]]:
    """Those of unit vectors, of the degrees 0 to ``degree``."""
    return [jnp.stack(own) for own in _polynomials(*direction)[: degree + 1]]


def couples(first: int, second: int, third: int) -> bool:
    """Whether two degrees couple to a third that keeps its parity."""
    return abs(first - second) <= third <= first + second and (first + second + third) % 2 == 0


@lru_cache
def coupling(first: int, second: int, third: int) -> Float[np.ndarray, "first second third"]:
    """The coefficients of two degrees to a third, of the norm sqrt(2 third + 1).

    Two sets of independent numbers with the variance 1 so give a third one with the variance 1.

    Raises:
        ArgumentError: degrees that do not couple.
    """
    if not couples(first, second, third) or max(first, second, third) > HIGHEST:
        raise ArgumentError(f"degrees {first}, {second} and {third} do not couple: each at most {HIGHEST}, none above "
                            "the sum of the others, and an even sum")
    polar, weight = np.polynomial.legendre.leggauss(_NODES)
    turn = np.arange(2 * _NODES) * np.pi / _NODES
    flat = np.sqrt(1 - polar**2)[:, None]
    points = flat * np.sin(turn), polar[:, None] + 0 * turn, flat * np.cos(turn)
    one, two, three = (np.stack(_polynomials(*points)[degree]) for degree in (first, second, third))
    found = np.einsum("apt,bpt,cpt,p->abc", one, two, three, weight)
    found[np.abs(found) < 1e-12 * np.abs(found).max()] = 0.0
    return found * np.sqrt((2 * third + 1) / (found**2).sum())


def coupled(first: Float[Array, "first ..."], second: Float[Array, "second ..."],
            third: int) -> Float[Array, "third ..."]:
    """Two harmonics, or sums of them, coupled to a third: a product of matrices."""
    table = coupling(len(first) // 2, len(second) // 2, third)
    pairs = first[:, None] * second[None]
    return jnp.tensordot(jnp.asarray(table, first.dtype), pairs, ((0, 1), (0, 1)))

r"""Moduli of a polycrystal, and anisotropy, of the elastic constants of a crystal.

With the constants C and the compliances $S = C^{-1}$ in Voigt's order, under equal strain (Voigt) and equal stress
(Reuss), which bound the bulk modulus K and the shear modulus G of an untextured polycrystal,

$$9 K_V = C_{11} + C_{22} + C_{33} + 2 (C_{12} + C_{13} + C_{23}), \qquad
  15 G_V = C_{11} + C_{22} + C_{33} - C_{12} - C_{13} - C_{23} + 3 (C_{44} + C_{55} + C_{66}),$$
$$1/K_R = S_{11} + S_{22} + S_{33} + 2 (S_{12} + S_{13} + S_{23}), \qquad
  15/G_R = 4 (S_{11} + S_{22} + S_{33}) - 4 (S_{12} + S_{13} + S_{23}) + 3 (S_{44} + S_{55} + S_{66}),$$

with their means (Hill) between, $E = 9 K G / (3 K + G)$, $\nu = (3 K - 2 G) / (6 K + 2 G)$, and the universal
anisotropy $5 G_V/G_R + K_V/K_R - 6$, which is 0 for an isotropic solid.

Source: Hill, Proc. Phys. Soc. A 65, 349 (1952); Ranganathan, Ostoja-Starzewski, Phys. Rev. Lett. 101, 055504 (2008)
(anisotropy).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

__all__ = ["GPA", "Moduli", "moduli"]

GPA = 160.21766208  # GPa, of 1 eV/angstrom^3


class Moduli(NamedTuple):
    """In the unit of the constants, but for the pure numbers."""

    bulk_voigt: float
    bulk_reuss: float
    bulk: float
    shear_voigt: float
    shear_reuss: float
    shear: float
    young: float
    poisson_ratio: float  # pure number
    anisotropy: float  # pure number
    softest: float  # the least stiffness against any strain: not positive where the crystal is unstable


def moduli(constants: Float[np.ndarray, "6 6"]) -> Moduli:
    """The moduli of elastic constants (6, 6); NaN where the crystal has no compliance."""
    c = (np.asarray(constants, float) + np.transpose(constants)) / 2
    softest = float(np.linalg.eigvalsh(c)[0])
    s = np.linalg.inv(c) if softest > 0 else np.full((6, 6), np.nan)
    (stiff, mixed, shear), (soft, cross, loose) = (_sums(part) for part in (c, s))
    kv, kr = (stiff + 2 * mixed) / 9, 1 / (soft + 2 * cross)
    gv, gr = (stiff - mixed + 3 * shear) / 15, 15 / (4 * soft - 4 * cross + 3 * loose)
    k, g = (kv + kr) / 2, (gv + gr) / 2
    return Moduli(kv, kr, k, gv, gr, g, 9 * k * g / (3 * k + g), (3 * k - 2 * g) / (6 * k + 2 * g),
                  5 * gv / gr + kv / kr - 6, softest)


def _sums(part: np.ndarray) -> tuple[float, float, float]:
    """Of the three stretches, of their products, of the three shears."""
    return (float(np.trace(part[:3, :3])), float(part[0, 1] + part[0, 2] + part[1, 2]), float(np.trace(part[3:, 3:])))

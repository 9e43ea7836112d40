"""A potential between layers that knows their registry."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from asperity.atomistic.potentials._potential import AbstractLocalPotential

__all__ = ["Interlayer"]


class Interlayer(AbstractLocalPotential):
    r"""The potential of Kolmogorov and Crespi for flat layers, whose normal is z: for atoms of different layers

    $$V(r) = e^{-\lambda (r - z_0)}\,[C + 2 f(\rho)] - A\,(r/z_0)^{-6}, \qquad
      f(\rho) = e^{-(\rho/\delta)^2} \sum_{n=0}^{2} C_{2n} (\rho/\delta)^{2n}, \quad \rho^2 = x^2 + y^2.$$

    Atoms less than $z_0/2$ apart in z are of one layer and do not interact: layers are rigid, or held together by
    another potential. It is brought to 0 with
    continuous forces over the last angstrom before the cutoff. The values that stand here are those of graphite.

    Source: Kolmogorov, Crespi, Phys. Rev. B 71, 235415 (2005).
    """

    contact: float = 3.030e-3  # eV, C
    c0: float = 15.71e-3  # eV
    c2: float = 12.29e-3  # eV
    c4: float = 4.933e-3  # eV
    delta: float = 0.578  # angstrom
    decay: float = 3.629  # 1/angstrom, lambda
    attraction: float = 10.238e-3  # eV, A
    distance: float = 3.34  # angstrom, z_0
    cutoff: float = 16.0  # angstrom

    def energy_of_atom(self, away: Float[Array, "place 3"], present: Bool[Array, " place"], kind: Int[Array, ""],
                       kinds: Int[Array, " place"]) -> Float[Array, ""]:
        """eV of one atom."""
        length = jnp.sqrt((away**2).sum(axis=1))
        near = present & (jnp.abs(away[:, 2]) > self.distance / 2) & (length < self.cutoff)
        r = jnp.where(near, length, self.cutoff)
        aside = (away[:, 0] ** 2 + away[:, 1] ** 2) / self.delta**2
        registry = jnp.exp(-aside) * (self.c0 + self.c2 * aside + self.c4 * aside**2)
        pushed = jnp.exp(-self.decay * (r - self.distance)) * (self.contact + 2 * registry)
        rest = jnp.clip(self.cutoff - r, 0.0, 1.0)
        end = rest**3 * (10 - 15 * rest + 6 * rest**2)
        return jnp.where(near, end * (pushed - self.attraction * (self.distance / r) ** 6), 0.0).sum() / 2

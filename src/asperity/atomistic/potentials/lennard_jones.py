"""The pair potential of Lennard-Jones."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from asperity.atomistic.potentials._potential import AbstractLocalPotential

__all__ = ["LennardJones"]


class LennardJones(AbstractLocalPotential):
    r"""$E_i = \tfrac12 \sum_j [V(r_{ij}) - V(r_c) - (r_{ij} - r_c) V'(r_c)]$ within the cutoff $r_c$, with
    $V = 4 \epsilon\,[(\sigma/r)^{12} - (\sigma/r)^6]$: energy and force are continuous there.

    Source: Lennard-Jones, Proc. Phys. Soc. 43, 461 (1931).
    """

    epsilon: float  # eV
    sigma: float  # angstrom
    cutoff: float  # angstrom

    def energy_of_atom(self, away: Float[Array, "place 3"], present: Bool[Array, " place"], kind: Int[Array, ""],
                       kinds: Int[Array, " place"]) -> Float[Array, ""]:
        """eV of one atom."""
        length = jnp.sqrt((away**2).sum(axis=1))
        near = present & (length < self.cutoff)
        r = jnp.where(near, length, self.cutoff)
        end = (self.sigma / self.cutoff) ** 6
        slope = 24 * self.epsilon * (end - 2 * end**2) / self.cutoff
        sixth = (self.sigma / r) ** 6
        shifted = 4 * self.epsilon * (sixth**2 - sixth - end**2 + end) - (r - self.cutoff) * slope
        return jnp.where(near, shifted, 0.0).sum() / 2

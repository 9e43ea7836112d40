"""The contract of a potential: the energy of every atom, from the vectors to its neighbors."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from asperity.atomistic.neighbors import Neighbors, vectors

__all__ = ["AbstractLocalPotential", "AbstractPotential"]


class AbstractPotential(eqx.Module):
    """Energies of atoms, invariant under translations, rotations, reflections and permutations.

    ``cutoff`` is the distance (angstrom) at and beyond which a neighbor counts for nothing, with continuous forces;
    ``kinds`` are atomic numbers, or any numbers that a potential tells atoms apart by.
    """

    cutoff: eqx.AbstractVar[float]

    @abstractmethod
    def energies(self, away: Float[Array, "atom place 3"], neighbors: Neighbors,
                 kinds: Int[Array, " atom"]) -> Float[Array, " atom"]:
        """eV of each atom, from the vectors ``away`` (angstrom) to its neighbors."""

    def energy(self, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"], neighbors: Neighbors,
               kinds: Int[Array, " atom"]) -> Float[Array, ""]:
        """eV of all atoms; its derivatives are forces, stress and all that `asperity.atomistic` makes of them."""
        return self.energies(vectors(neighbors, positions, cell), neighbors, kinds).sum()


class AbstractLocalPotential(AbstractPotential):
    """A potential whose energy of an atom depends on that atom's neighbors alone."""

    @abstractmethod
    def energy_of_atom(self, away: Float[Array, "place 3"], present: Bool[Array, " place"], kind: Int[Array, ""],
                       kinds: Int[Array, " place"]) -> Float[Array, ""]:
        """eV of one atom of a ``kind`` with these neighbors; what is not ``present`` counts for nothing."""

    def energies(self, away: Float[Array, "atom place 3"], neighbors: Neighbors,
                 kinds: Int[Array, " atom"]) -> Float[Array, " atom"]:
        """`energy_of_atom` of each."""
        return jax.vmap(self.energy_of_atom)(away, neighbors.present, jnp.asarray(kinds),
                                             jnp.asarray(kinds)[neighbors.index])

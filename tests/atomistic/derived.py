"""Energies, forces and stress of any potential by one program for each shape, so that tests share what is compiled."""

import jax
import jax.numpy as jnp
import numpy as np

from asperity.atomistic.elasticity import strained
from asperity.atomistic.neighbors import neighbors_within, vectors


@jax.jit
def derived(potential, positions, cell, neighbors, kinds):
    """eV of each atom, eV/angstrom, eV/angstrom^3."""
    def total(at, strain):
        turned = strained(strain)
        energies = potential.energies(vectors(neighbors, at @ turned, cell @ turned), neighbors, kinds)
        return energies.sum(), energies

    slopes, energies = jax.grad(total, (0, 1), has_aux=True)(positions, jnp.zeros(6, positions.dtype))
    return energies, -slopes[0], slopes[1] / jnp.abs(jnp.linalg.det(cell))


def of(potential, positions, cell, *, kinds=None, more=0.0, places=None):
    """The same of a periodic crystal, silicon where no kinds are given, as arrays of NumPy."""
    found = neighbors_within(potential.cutoff + more, positions, cell, places=places)
    kinds = np.full(len(positions), 14) if kinds is None else kinds
    return tuple(map(np.asarray, derived(potential, jnp.asarray(positions), jnp.asarray(cell), found,
                                         jnp.asarray(kinds))))

"""A potential as a calculator of ASE: energies, forces and stresses for its optimizers, dynamics and file formats."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from asperity.atomistic.elasticity import strained
from asperity.atomistic.neighbors import Neighbors, neighbors_within, vectors
from asperity.atomistic.potentials import AbstractPotential

__all__ = ["PotentialCalculator"]

_SKIN = 0.5  # angstrom beyond the cutoff, so that atoms may move before the table is made anew


class PotentialCalculator(Calculator):
    """Energy and energies (eV), forces (eV/angstrom), stress (eV/angstrom^3, tension positive, xx yy zz yz xz xy).

    In double precision. The table of neighbors is made anew where an atom has moved by half of its margin, and keeps
    its shape where it can, so that little is compiled. Without three periodic directions there is no stress.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "energies", "free_energy", "forces", "stress"]  # type: ignore[misc]

    def __init__(self, potential: AbstractPotential, **options: Any) -> None:
        super().__init__(**options)
        self.potential = potential
        self._table: tuple[Neighbors, np.ndarray, np.ndarray] | None = None

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        """As ASE asks for it."""
        super().calculate(atoms, properties, system_changes)
        own = self.atoms
        assert own is not None
        with jax.enable_x64(True):
            state = (jnp.asarray(own.positions), jnp.asarray(own.cell.array), self._neighbors(own),
                     jnp.asarray(own.numbers))
            energies, forces, stress = map(np.asarray, _all(self.potential, *state))
        total = float(energies.sum())
        self.results = {"energies": energies, "energy": total, "free_energy": total, "forces": forces}
        if own.pbc.all():
            self.results["stress"] = stress

    def _neighbors(self, atoms: Any) -> Neighbors:
        """The table that was made last, as long as it holds."""
        box = np.concatenate([atoms.cell.array.ravel(), atoms.pbc, atoms.numbers])
        if self._table is not None:
            table, positions, other = self._table
            if np.array_equal(box, other) and np.linalg.norm(atoms.positions - positions, axis=1).max() < _SKIN / 2:
                return table
        places = None if self._table is None else self._table[0].index.shape[1]
        reach = self.potential.cutoff + _SKIN
        table = neighbors_within(reach, atoms.positions, atoms.cell.array, periodic=atoms.pbc)
        if places is not None and table.index.shape[1] < places:
            table = neighbors_within(reach, atoms.positions, atoms.cell.array, periodic=atoms.pbc, places=places)
        self._table = table, atoms.positions.copy(), box
        return table


@jax.jit
def _all(potential: AbstractPotential, positions: Any, cell: Any, neighbors: Neighbors,
         kinds: Any) -> tuple[Any, Any, Any]:
    """Energies, forces and stress, from one derivative."""
    def total(at: Any, strain: Any) -> tuple[Any, Any]:
        turned = strained(strain)
        energies = potential.energies(vectors(neighbors, at @ turned, cell @ turned), neighbors, kinds)
        return energies.sum(), energies

    (slope, pull), energies = jax.grad(total, (0, 1), has_aux=True)(positions, jnp.zeros(6))
    return energies, -slope, pull / jnp.abs(jnp.linalg.det(cell))

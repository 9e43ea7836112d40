"""Energies of a small cluster that stand beside weights: whether a network is computed as it was when it was trained.

Weights alone do not say what is done with them. If a later version of the network, of JAX or of a processor's libraries
makes other numbers of the same weights, these energies are other ones, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from asperity.atomistic.lattices import Cell
from asperity.atomistic.networks import AbstractNetwork
from asperity.measurements.atoms.crystal_numbers import energy_of

__all__ = ["cluster", "differs", "reference_energies"]

#: places in units of the cutoff: no symmetry, distances of 0.38 to 1.2
_PLACES = ((0.0, 0.0, 0.0), (0.4, 0.1, 0.05), (-0.1, 0.42, 0.2), (0.15, -0.2, 0.5), (0.55, 0.5, -0.1),
           (-0.4, -0.3, -0.2))
_WIDE = 4.0  # cutoffs, the edge of the cell: no atom sees another's image
_ROUNDING = 1e-6  # eV, and of the energy: orders of double precision sums differ by less than a thousandth of it
#: compiled fast instead of into fast code: it runs once
_ONCE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def cluster(network: AbstractNetwork) -> Cell:
    """Six atoms within reach of one another, of the network's species in turn."""
    places = network.cutoff * np.asarray(_PLACES)
    return Cell(places, _WIDE * network.cutoff * np.eye(3), np.resize(np.asarray(network.species), len(places)))


def _valued(energy: Any, positions: Any, cell: Any) -> Any:
    return energy(positions, cell)


_compiled = jax.jit(_valued, compiler_options=_ONCE)


def reference_energies(members: Sequence[AbstractNetwork]) -> list[float]:
    """eV of the cluster by each network, in double precision."""
    own = cluster(members[0])
    with jax.enable_x64(True):
        return [float(_compiled(energy_of(one, own, 0.0), jnp.asarray(own.positions), jnp.asarray(own.cell)))
                for one in members]


def differs(found: Sequence[float], written: Sequence[float]) -> bool:
    """Whether energies are others than those that were written, by more than rounding."""
    if len(found) != len(written):
        return True
    return not np.allclose(found, written, rtol=_ROUNDING, atol=_ROUNDING)

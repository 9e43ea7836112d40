r"""Many configurations as one graph of a fixed shape, and what a potential says of them by one derivative.

The atoms of all stand one after the other, each with as many places for neighbors; free atoms have the kind 0. With the
vectors $d_{ik}$ from atom i to its neighbors, $g_{ik} = \partial E / \partial d_{ik}$ is all that is needed:

$$F_i = \sum_k g_{ik} - \sum_{jk \to i} g_{jk}, \qquad
  \sigma = \frac1V \sum_{ik} \tfrac12 (d_{ik} \otimes g_{ik} + g_{ik} \otimes d_{ik}).$$

The vectors are made in double precision, so that single precision loses nothing in differences of positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from asperity.atomistic.neighbors import Neighbors, neighbors_within
from asperity.atomistic.potentials import AbstractPotential
from asperity.learning.potentials.configurations import Configuration, checked
from asperity.messages import DataError

__all__ = ["Batch", "Graph", "Prediction", "Room", "energies_forces_stresses", "graphs", "packed", "predicted",
           "predicted_graphs", "room_for", "together"]

_ATOMS = 32  # atoms of a batch are a multiple of it,
_PLACES = 2  # places for neighbors of this, so that little is compiled and little computed for nothing
_AWAY = 1.0  # angstrom, the length of a vector in a free place: any but 0, whose norm has no derivative
_TOGETHER = 512  # atoms that are predicted at once, unless one configuration has more


class Graph(NamedTuple):
    """One configuration with its neighbors."""

    configuration: Configuration
    near: Int[np.ndarray, "atom place"]  # the neighbors
    away: Float[np.ndarray, "atom place 3"]  # angstrom
    present: Bool[np.ndarray, "atom place"]


class Room(NamedTuple):
    """The shape of a batch."""

    atoms: int
    structures: int
    places: int  # for neighbors of an atom


class Batch(NamedTuple):
    """Configurations together, with what is known of them; what is not known has no weight."""

    away: Float[Array, "atom place 3"]  # angstrom, from each atom to its neighbors
    neighbors: Neighbors
    kinds: Int[Array, " atom"]  # atomic numbers; 0: there is no atom
    owner: Int[Array, " atom"]  # the structure of each atom
    size: Float[Array, " structure"]  # atoms; 0: there is no structure
    volume: Float[Array, " structure"]  # angstrom^3; 1 where there is none
    energy: Float[Array, " structure"]  # eV
    forces: Float[Array, "atom 3"]  # eV/angstrom
    stress: Float[Array, "structure 6"]  # eV/angstrom^3
    pulled: Float[Array, " atom"]  # 1 where the forces are known, else 0
    stressed: Float[Array, " structure"]  # 1 where the stress is known, else 0


class Prediction(NamedTuple):
    """What a potential says: of a batch in arrays of jax, of one configuration in those of NumPy."""

    energy: Any  # (structure,) eV
    forces: Any  # (atom, 3) eV/angstrom
    stress: Any  # (structure, 6) eV/angstrom^3, tension positive, xx yy zz yz xz xy


def graphs(configurations: Sequence[Configuration], cutoff: float) -> list[Graph]:
    """Each configuration with the neighbors of its atoms within the ``cutoff`` (angstrom)."""
    return [_graph(one, cutoff) for one in checked(configurations)]


def _graph(one: Configuration, cutoff: float) -> Graph:
    found = neighbors_within(cutoff, one.positions, one.cell, periodic=tuple(one.periodic))
    index, present = np.asarray(found.index), np.asarray(found.present)
    most = max(int(present.sum(axis=1).max()), 1)
    index, present = index[:, :most], present[:, :most]
    away = one.positions[index] + np.asarray(found.shift, float)[:, :most] @ one.cell - one.positions[:, None]
    return Graph(one, index, np.where(present[:, :, None], away, [_AWAY, 0.0, 0.0]), present)


def room_for(own: Sequence[Graph], atoms: int = _TOGETHER) -> Room:
    """Room for batches of some ``atoms``, or of one configuration where it has more."""
    sizes = np.array([len(one.near) for one in own])
    most = max(int(sizes.max()), min(atoms, int(sizes.sum())))
    structures = min(len(own), max(1, most // int(sizes.min())))
    places = max(one.near.shape[1] for one in own)
    return Room(-(-most // _ATOMS) * _ATOMS, structures, -(-places // _PLACES) * _PLACES)


def packed(own: Sequence[Graph], order: Iterable[int], room: Room) -> list[list[int]]:
    """The numbers of the graphs, in their order, in batches that have room for them."""
    batches: list[list[int]] = [[]]
    used = 0
    for number in order:
        size = len(own[number].near)
        if batches[-1] and (used + size > room.atoms or len(batches[-1]) == room.structures):
            batches.append([])
            used = 0
        batches[-1].append(number)
        used += size
    return batches


def together(own: Sequence[Graph], room: Room) -> Batch:
    """One batch of graphs, in the precision that jax has.

    Raises:
        DataError: there is no room for them.
    """
    sizes = [len(one.near) for one in own]
    places = max(one.near.shape[1] for one in own)
    if sum(sizes) > room.atoms or len(own) > room.structures or places > room.places:
        raise DataError(f"{len(own)} configurations of {sum(sizes)} atoms with up to {places} neighbors do not fit "
                        f"into a batch for {room.structures} of {room.atoms} atoms with {room.places}")
    away = np.tile([_AWAY, 0.0, 0.0], (room.atoms, room.places, 1))
    index = np.tile(np.arange(room.atoms)[:, None], room.places)
    present = np.zeros((room.atoms, room.places), bool)
    flat = {name: np.zeros((room.atoms, *shape)) for name, shape in (
        ("kinds", ()), ("owner", ()), ("forces", (3,)), ("pulled", ()))}
    each = {name: np.zeros((room.structures, *shape)) for name, shape in (
        ("size", ()), ("energy", ()), ("stress", (6,)), ("stressed", ()))}
    volume = np.ones(room.structures)
    start = 0
    for number, one in enumerate(own):
        rows, width, known = slice(start, start + sizes[number]), one.near.shape[1], one.configuration
        away[rows, :width], index[rows, :width], present[rows, :width] = one.away, one.near + start, one.present
        flat["kinds"][rows], flat["owner"][rows] = known.kinds, number
        flat["forces"][rows], flat["pulled"][rows] = (0.0, 0.0) if known.forces is None else (known.forces, 1.0)
        each["size"][number], each["energy"][number] = sizes[number], known.energy
        each["stress"][number], each["stressed"][number] = (0.0, 0.0) if known.stress is None else (known.stress, 1.0)
        volume[number] = abs(np.linalg.det(known.cell)) if known.periodic.all() else 1.0
        start += sizes[number]
    neighbors = Neighbors(jnp.asarray(index), jnp.zeros((room.atoms, room.places, 3)), jnp.asarray(present))
    kinds, owner = (jnp.asarray(flat.pop(name).astype(int)) for name in ("kinds", "owner"))
    told = {name: jnp.asarray(values, float) for name, values in (flat | each).items()}
    return Batch(jnp.asarray(away, float), neighbors, kinds, owner, volume=jnp.asarray(volume, float), **told)


def energies_forces_stresses(potential: AbstractPotential, batch: Batch) -> Prediction:
    """What the potential says of a batch; where there is no structure, and of a stress without volume, 0 or no use."""
    energies, pull = jax.vjp(lambda away: potential.energies(away, batch.neighbors, batch.kinds), batch.away)
    slope = jnp.where(batch.neighbors.present[:, :, None], pull(jnp.ones_like(energies))[0], 0.0)
    count = len(batch.volume)
    back = jax.ops.segment_sum(slope.reshape(-1, 3), batch.neighbors.index.ravel(), len(energies))
    virial = jax.ops.segment_sum(jnp.einsum("ika,ikb->iab", batch.away, slope), batch.owner, count)
    both = (virial + virial.mT) / 2
    voigt = jnp.stack([both[:, a, b] for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))], axis=1)
    return Prediction(jax.ops.segment_sum(energies, batch.owner, count), slope.sum(axis=1) - back,
                    voigt / batch.volume[:, None])


_prediction = eqx.filter_jit(energies_forces_stresses)


def predicted(potential: AbstractPotential, configurations: Sequence[Configuration]) -> list[Prediction]:
    """What a potential says of each configuration: in single precision where its numbers are of that.

    A stress that has no volume is NaN.
    """
    return predicted_graphs(potential, graphs(configurations, potential.cutoff))


def predicted_graphs(potential: AbstractPotential, own: Sequence[Graph]) -> list[Prediction]:
    """`predicted`, of configurations whose neighbors are known."""
    single = any(getattr(leaf, "dtype", None) == np.float32 for leaf in jax.tree.leaves(potential))
    room, found = room_for(own), []
    with jax.enable_x64(not single):
        for numbers in packed(own, range(len(own)), room):
            told = Prediction(*map(np.asarray, _prediction(potential, together([own[i] for i in numbers], room))))
            ends = np.cumsum([len(own[i].near) for i in numbers])
            for row, (i, end) in enumerate(zip(numbers, ends)):
                whole = own[i].configuration.periodic.all()
                found.append(Prediction(told.energy[row], told.forces[end - len(own[i].near):end],
                                        told.stress[row] if whole else np.full(6, np.nan)))
    return found

"""What a potential learns from: atoms with the energy, the forces and the stress that a better theory gave them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from asperity.atomistic.neighbors import neighbors_within
from asperity.atomistic.networks import Scales
from asperity.messages import DataError

__all__ = ["Configuration", "checked", "scales_of"]

_LEAST = 1e-3  # eV/angstrom, the scale where there are no forces to take it from


class Configuration(NamedTuple):
    """One structure of a training or test set."""

    positions: Float[np.ndarray, "atom 3"]  # angstrom
    cell: Float[np.ndarray, "3 3"]  # angstrom, its vectors in rows
    periodic: Bool[np.ndarray, " 3"]  # along each vector
    kinds: Int[np.ndarray, " atom"]  # atomic numbers, positive
    energy: float  # eV, of all atoms
    forces: Float[np.ndarray, "atom 3"] | None = None  # eV/angstrom
    stress: Float[np.ndarray, " 6"] | None = None  # eV/angstrom^3, tension positive, xx yy zz yz xz xy
    group: str = ""  # what it shares with others: a trajectory, a kind of specimen


def checked(configurations: Sequence[Configuration]) -> list[Configuration]:
    """The configurations in double precision, after a look at each.

    Raises:
        DataError: none at all, or one whose shapes do not fit, whose numbers are not finite, or with a stress that has
            no volume; the message says which.
    """
    if not configurations:
        raise DataError("there are no configurations to learn from or to judge by")
    return [_checked(number, one) for number, one in enumerate(configurations)]


def _checked(number: int, one: Configuration) -> Configuration:
    count = len(one.positions)
    own = Configuration(np.asarray(one.positions, float), np.asarray(one.cell, float).reshape(3, 3),
                        np.broadcast_to(np.asarray(one.periodic, bool), 3), np.asarray(one.kinds, int),
                        float(one.energy), None if one.forces is None else np.asarray(one.forces, float),
                        None if one.stress is None else np.asarray(one.stress, float), one.group)
    where = f"configuration {number} ({count} atoms{', ' + one.group if one.group else ''})"
    shapes = {"positions": (own.positions, (count, 3)), "kinds": (own.kinds, (count,)),
              "forces": (own.forces, (count, 3)), "stress": (own.stress, (6,))}
    for name, (values, shape) in shapes.items():
        if values is not None and values.shape != shape:
            raise DataError(f"{where}: its {name} have the shape {values.shape} and must have {shape}")
        if values is not None and not np.isfinite(values).all():
            raise DataError(f"{where}: its {name} are not all finite; leave it out or compute it anew")
    if not count or not np.isfinite(own.energy) or (own.kinds <= 0).any():
        raise DataError(f"{where}: needs atoms, each with a positive atomic number, and a finite energy")
    if own.stress is not None and not (own.periodic.all() and abs(np.linalg.det(own.cell)) > 0):
        raise DataError(f"{where}: has a stress and no volume; give three periodic vectors, or leave it out")
    return own


def scales_of(configurations: Sequence[Configuration], cutoff: float) -> Scales:
    """What a network has to know of its training set: sizes, so that all it learns is of order one.

    The ``shift`` of each species is the energy per atom by least squares of the energies on the numbers of atoms (the
    smallest such energies where compositions do not tell species apart), the ``scale`` is the rms force times one
    angstrom, the ``crowd`` is the mean number of neighbors.

    Args:
        configurations: of the training set alone.
        cutoff: angstrom.
    """
    own = checked(configurations)
    species = sorted({int(kind) for one in own for kind in one.kinds})
    numbers = np.array([[(one.kinds == kind).sum() for kind in species] for one in own], float)
    energies = np.array([one.energy for one in own])
    shift = np.linalg.lstsq(numbers, energies, rcond=None)[0]
    pulls = [one.forces.ravel() for one in own if one.forces is not None]
    scale = np.sqrt(np.mean(np.concatenate(pulls) ** 2)) if pulls else np.std(energies - numbers @ shift)
    crowd = np.concatenate([np.asarray(neighbors_within(cutoff, one.positions, one.cell, periodic=tuple(
        one.periodic)).present).sum(axis=1) for one in own])
    return Scales(float(cutoff), tuple(species), tuple(map(float, shift)), max(float(scale), _LEAST),
                  max(float(crowd.mean()), 1.0))

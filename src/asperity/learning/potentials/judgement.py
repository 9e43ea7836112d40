"""How far a potential is from what it should say: of energies, forces and stresses, of all and of each group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asperity.atomistic.moduli import GPA
from asperity.atomistic.potentials import AbstractPotential
from asperity.learning.potentials.batches import Graph, Prediction, graphs, predicted_graphs

__all__ = ["Deviation", "Judgement", "judged", "judged_graphs"]


class Deviation(NamedTuple):
    """Of predictions from what is known; NaN where nothing is."""

    mean: float  # of the absolute values (MAE)
    rms: float


class Judgement(NamedTuple):
    """Of one group of configurations, or of all."""

    group: str  # "" for all
    structures: int
    atoms: int
    energy: Deviation  # eV per atom
    forces: Deviation  # eV/angstrom, of components
    stress: Deviation  # GPa, of components


def judged(potential: AbstractPotential, configurations: Sequence) -> list[Judgement]:
    """The deviations of all configurations, then of each group where there are several.

    Energies count once for each structure, forces once for each atom.
    """
    return judged_graphs(potential, graphs(configurations, potential.cutoff))


def judged_graphs(potential: AbstractPotential, own: Sequence[Graph]) -> list[Judgement]:
    """`judged`, of configurations whose neighbors are known."""
    told = predicted_graphs(potential, own)
    groups = sorted({one.configuration.group for one in own})
    whole = _judgement("", own, told)
    if len(groups) < 2:
        return [whole]
    parts = ([i for i, one in enumerate(own) if one.configuration.group == group] for group in groups)
    return [whole, *(_judgement(group, [own[i] for i in part], [told[i] for i in part])
                     for group, part in zip(groups, parts))]


def _judgement(group: str, own: Sequence[Graph], told: Sequence[Prediction]) -> Judgement:
    energy, forces, stress = [], [], []
    for graph, said in zip(own, told):
        known = graph.configuration
        energy.append((float(said.energy) - known.energy) / len(known.kinds))
        if known.forces is not None:
            forces.append((said.forces - known.forces).ravel())
        if known.stress is not None:
            stress.append((said.stress - known.stress) * GPA)
    return Judgement(group, len(own), sum(len(one.near) for one in own), *map(_deviation, (
        [np.array(energy)], forces, stress)))


def _deviation(parts: list[np.ndarray]) -> Deviation:
    if not parts:
        return Deviation(np.nan, np.nan)
    values = np.concatenate(parts)
    return Deviation(float(np.abs(values).mean()), float(np.sqrt((values**2).mean())))

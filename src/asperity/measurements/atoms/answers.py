"""What potentials say of configurations: energies, forces and stresses, and where they extrapolate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.atomistic.moduli import GPA
from asperity.data.results import flag_attributes, gravest
from asperity.measurements.atoms.ensemble import Members, with_intervals
from asperity.measurements.atoms.mechanics import VOIGT

if TYPE_CHECKING:
    from asperity.learning.potentials.configurations import Configuration

__all__ = [
    "AXES",
    "Extrapolation",
    "Replies",
    "answered",
    "error_rows",
    "nearest_distances",
    "spread_reached",
    "structure_table",
]

AXES = ("x", "y", "z")
_FAR_SPREAD = 3.0  # times the largest usual spread of members, above which they extrapolate
_USUAL = 0.99  # quantile of the spreads of forces that is the largest usual one
_CLOSER = 0.97  # of the nearest distance in training, below which atoms are nearer than in training
_SEEN = 3.0  # angstrom, within which nearest distances are told
_PART = 32  # configurations that are predicted between two steps of the progress


class Extrapolation(IntEnum):
    """The flag of a configuration."""

    inside = 0
    spread = 1  # members differ by more than three times what they mostly do
    nearer = 2  # two atoms are nearer than any in training
    unknown_species = 3  # an element that no member has seen: nothing is told


class Replies(NamedTuple):
    """What each member says of each configuration; NaN where an element is not known."""

    energy: np.ndarray  # (member, structure) eV
    forces: list[np.ndarray]  # of each structure (member, atom, 3) eV/angstrom
    stress: np.ndarray  # (member, structure, 6) eV/angstrom^3


def answered(members: Members, configurations: Sequence[Configuration],
             tell: Callable[[int, int], None] | None = None) -> Replies:
    """What the members say; an energy that a configuration lacks is not needed."""
    from asperity.learning.potentials.batches import predicted

    count, several = len(configurations), len(members.potentials)
    energy, stress = np.full((several, count), np.nan), np.full((several, count, 6), np.nan)
    forces = [np.full((several, len(one.kinds), 3), np.nan) for one in configurations]
    known = [i for i, one in enumerate(configurations) if set(one.kinds.tolist()) <= set(members.species)]
    order = sorted(known, key=lambda i: len(configurations[i].kinds))  # alike ones share a shape
    for start in range(0, len(order), _PART):
        part = order[start:start + _PART]
        asked = [configurations[i]._replace(energy=0.0, forces=None, stress=None) for i in part]
        for m, potential in enumerate(members.potentials):
            for i, said in zip(part, predicted(potential, asked)):
                energy[m, i], forces[i][m], stress[m, i] = said.energy, said.forces, said.stress
        if tell:
            tell(min(start + _PART, len(order)), len(order))
    return Replies(energy, forces, stress)


def structure_table(configurations: Sequence[Configuration], answers: Replies, factor: float,
                    extra: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables over ``structure`` and ``atom``: what is said with its interval, and what is known beside it.

    Args:
        extra: coordinates of the structures, by name.
    """
    sizes = np.array([len(one.kinds) for one in configurations])
    told: dict[str, Any] = {}
    quantities = {
        "energy": (("structure",), "eV", "energy of an atom", answers.energy / sizes,
                   np.array([one.energy for one in configurations]) / sizes),
        "force": (("atom", "axis"), "eV/angstrom", "force on an atom", np.concatenate(answers.forces, axis=1),
                  np.concatenate([np.full((len(one.kinds), 3), np.nan) if one.forces is None else one.forces
                                  for one in configurations])),
        "stress": (("structure", "row"), "GPa", "stress, tension positive", answers.stress * GPA,
                   GPA * np.array([np.full(6, np.nan) if one.stress is None else one.stress
                                    for one in configurations]).reshape(-1, 6))}
    for name, (dims, unit, meaning, values, reference) in quantities.items():
        told |= with_intervals(name, values, factor, dims=dims, unit=unit, meaning=meaning)
        told[f"{name}_reference"] = (dims, reference, {"units": unit, "long_name": f"{meaning}: as the file has it"})
    coords = {"row": list(VOIGT), "axis": list(AXES), "structure": np.arange(len(sizes)),
              "atoms": ("structure", sizes), "structure_of_atom": ("atom", np.repeat(np.arange(len(sizes)), sizes)),
              "atomic_number": ("atom", np.concatenate([one.kinds for one in configurations])),
              **{name: ("structure", values) for name, values in extra.items()}}
    return {"data_vars": told, "coords": coords}


def flags(configurations: Sequence[Configuration], answers: Replies, members: Members) -> tuple[Any, ...]:
    """The flag of each structure: where the members are asked for what they have not learnt."""
    learnt = [one.get("training", {}) for one in members.abouts if isinstance(one.get("training"), dict)]
    unknown = np.array([not set(one.kinds.tolist()) <= set(members.species) for one in configurations])
    spread, usual = spread_reached(answers), min([float(one["spread"]) for one in learnt if one.get("spread")],
                                                 default=np.inf)
    least = [one["nearest"] for one in learnt if isinstance(one.get("nearest"), dict)]
    nearer = np.array([_is_nearer(one, least) for one in configurations])
    flag = gravest({Extrapolation.spread: np.nan_to_num(spread) > _FAR_SPREAD * usual, Extrapolation.nearer: nearer,
                    Extrapolation.unknown_species: unknown})
    return ("structure",), flag, flag_attributes(Extrapolation, "whether the potential has learnt such a configuration")


def _is_nearer(one: Configuration, least: Sequence[Mapping[str, float]]) -> bool:
    own = nearest_distances([one]) if least else {}
    return any(distance < _CLOSER * seen[pair] for seen in least for pair, distance in own.items() if pair in seen)


def spread_reached(answers: Replies) -> np.ndarray:
    """(structure,) eV/angstrom, by how much members differ in the force on an atom, the largest; NaN of one member."""
    if len(answers.energy) < 2:
        return np.full(len(answers.forces), np.nan)
    return np.array([np.sqrt((one.std(axis=0, ddof=1) ** 2).sum(axis=1)).max() for one in answers.forces])


def usual_spread(answers: Replies, known: np.ndarray) -> float | None:
    """The largest usual spread of forces of configurations that members learnt or were judged by (structure,) bool."""
    found = spread_reached(answers)[known]
    return float(np.quantile(found, _USUAL)) if np.isfinite(found).all() and len(found) else None


def nearest_distances(configurations: Sequence[Configuration]) -> dict[str, float]:
    """``14-14`` -> the least distance of two such atoms, angstrom, below 3."""
    from asperity.atomistic.neighbors import neighbors_within

    found: dict[str, float] = {}
    for one in configurations:
        table = neighbors_within(_SEEN, one.positions, one.cell, periodic=tuple(map(bool, one.periodic)))
        index, shift, present = (np.asarray(part) for part in (table.index, table.shift, table.present))
        length = np.linalg.norm(one.positions[index] + shift @ one.cell - one.positions[:, None], axis=2)
        i, place = np.nonzero(present)
        pairs = np.sort(np.stack([one.kinds[i], one.kinds[index[i, place]]], axis=1), axis=1)
        for pair in np.unique(pairs, axis=0):
            least = float(length[i, place][(pairs == pair).all(axis=1)].min())
            name = f"{pair[0]}-{pair[1]}"
            found[name] = min(found.get(name, np.inf), least)
    return found


def error_rows(table: xr.Dataset, chosen: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Mean and rms deviations of the structures of each choice (name -> (structure,) bool), and what bands hold."""
    rows = []
    for name, which in chosen.items():
        inside = {"structure": which, "atom": which[table["structure_of_atom"].values]}
        row: dict[str, Any] = {"name": name, "structures": int(which.sum())}
        for quantity, dim in (("energy", "structure"), ("force", "atom"), ("stress", "structure")):
            here = {dim: inside[dim]}
            value, known, low, high = (table[quantity + end].values[here[dim]].ravel()
                                       for end in ("", "_reference", "_low", "_high"))
            off = (value - known)[np.isfinite(value - known)]
            row[quantity] = float(np.abs(off).mean()) if off.size else np.nan
            row[f"{quantity}_rms"] = float(np.sqrt((off**2).mean())) if off.size else np.nan
            told = np.isfinite(known) & np.isfinite(low)
            row[f"{quantity}_held"] = float(((low <= known) & (known <= high))[told].mean()) if told.any() else np.nan
        rows.append(row)
    return rows

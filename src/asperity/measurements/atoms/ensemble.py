"""Which potentials are meant: by name, or the files of an ensemble; and the intervals that members make."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from asperity.messages import ArgumentError, DataError, shown

if TYPE_CHECKING:
    from asperity.atomistic.potentials import AbstractPotential

__all__ = ["NAMED", "Members", "apart", "check_species", "default_potential", "members_of", "named_members",
           "with_intervals"]

#: name -> the elements that the classical potential of this name is of
NAMED = {"stillinger-weber": (14,), "lennard-jones": (18,)}
_SHIPPED = "silicon.npz"  # the ensemble that comes with asperity
#: end of a variable's name -> what it is, in the order of `asperity.learning.potentials.ensembles.MemberInterval`
_ENDS = {"": "", "_std": ": standard uncertainty by the members", "_low": ": lower end of 95 %",
         "_high": ": upper end of 95 %"}
_ARGON = (0.0104, 3.40, 8.5)  # eV, angstrom, angstrom: depth, size and cutoff of two atoms of argon


class Members(NamedTuple):
    """The potentials that answer together."""

    potentials: tuple[AbstractPotential, ...]
    names: tuple[str, ...]
    species: tuple[int, ...]
    factor: float  # by which the spread of members is multiplied
    abouts: tuple[dict[str, Any], ...]  # the headers of the files, none of named ones
    files: tuple[Path, ...]


def apart(paths: str | PathLike[str] | Sequence[str | PathLike[str]] | None) -> tuple[list[Path], list[Path]]:
    """The files of weights (.npz) among some paths, and the others."""
    several = () if paths is None else [paths] if isinstance(paths, str | PathLike) else paths
    files = [Path(one) for one in several]
    return [one for one in files if one.suffix == ".npz"], [one for one in files if one.suffix != ".npz"]


def default_potential() -> str:
    """The potential that is meant where nobody names one."""
    shipped = (resources.files("asperity.measurements.atoms") / _SHIPPED).is_file()
    return "silicon" if shipped else "stillinger-weber"


def named_members(name: str) -> Members:
    """A classical potential, or the ensemble that comes with asperity. Raises ArgumentError: no such name."""
    from asperity.atomistic.potentials import LennardJones, StillingerWeber

    if name == default_potential() == "silicon":
        place = resources.files("asperity.measurements.atoms") / _SHIPPED
        with resources.as_file(place) as path:
            return _of_file(path)
    if name not in NAMED:
        known = ", ".join(dict.fromkeys([default_potential(), *NAMED]))
        raise ArgumentError(f"potential = {shown(name)}: neither a file of weights (.npz) nor one of {known}")
    made = StillingerWeber() if name == "stillinger-weber" else LennardJones(*_ARGON)
    return Members((made,), (name,), NAMED[name], 1.0, (), ())


def members_of(weights: Sequence[Path], potential: str | None) -> Members:
    """The potentials of files of weights, several of which are one ensemble, or of a name.

    Raises:
        ArgumentError: a name that there is not, or both.
        ReadError: a file that holds no potential.
    """
    if not weights:
        return named_members(default_potential() if potential is None else potential)
    if potential is not None:
        raise ArgumentError(f"potential = {shown(potential)}: there are files of weights, too; several files are the "
                            "members of one ensemble, and a named potential stands alone")
    parts = [_of_file(path) for path in weights]
    species = set.intersection(*(set(part.species) for part in parts))
    return Members(tuple(one for part in parts for one in part.potentials),
                   tuple(one for part in parts for one in part.names), tuple(sorted(species)),
                   max(part.factor for part in parts), tuple(one for part in parts for one in part.abouts),
                   tuple(one for part in parts for one in part.files))


def _of_file(path: Path) -> Members:
    from asperity.measurements.atoms.weights import read_potential

    found = read_potential(path)
    members: tuple[Any, ...] = found.members
    calibration = found.about.get("calibration")
    factor = float(calibration["factor"]) if isinstance(calibration, dict) and "factor" in calibration else 1.0
    names = tuple(f"{path.name} {i + 1}" if len(found.members) > 1 else path.name for i in range(len(found.members)))
    return Members(members, names, members[0].species, max(factor, 1e-6), (found.about,), (path,))


def check_species(members: Members, kinds: np.ndarray, where: str) -> None:
    """Raise DataError where an element is none that all of the potentials know."""
    from ase.data import chemical_symbols

    if unknown := sorted(set(np.asarray(kinds).tolist()) - set(members.species)):
        names, known = (", ".join(chemical_symbols[number] for number in part) for part in (unknown, members.species))
        raise DataError(f"{where}: it has {names}, and the potential {members.names[0]} knows {known} alone; give one "
                        "that was trained on structures of all its elements")


def with_intervals(name: str, values: np.ndarray, factor: float, *, dims: tuple[str, ...], unit: str,
                   meaning: str) -> dict[str, Any]:
    """The variable ``name`` of what members (the first axis) say together, with ``_std``, ``_low`` and ``_high``.

    The mean, its standard uncertainty and the ends of 95 % by Student's distribution of the spread of the members times
    the calibrated ``factor``; NaN of one member alone.
    """
    values = np.asarray(values, float)
    if len(values) < 2:
        nothing = np.full(values.shape[1:], np.nan)
        parts = values.mean(axis=0), nothing, nothing, nothing
    else:
        from asperity.learning.potentials.ensembles import interval

        parts = interval(values, factor)
    told: dict[str, Any] = {name + end: (dims, part, {"units": unit, "long_name": meaning + words})
                            for (end, words), part in zip(_ENDS.items(), parts)}
    told[name][2]["ancillary_variables"] = f"{name}_std {name}_low {name}_high"
    return told

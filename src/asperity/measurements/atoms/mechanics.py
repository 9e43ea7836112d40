"""The mechanics of a crystal by a potential or an ensemble of them: elastic constants, a plane that slides."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from asperity.data import provenance
from asperity.data.jobs import Progress
from asperity.data.results import flag_attributes
from asperity.data.verbs import verb
from asperity.measurements.atoms.ensemble import Members, apart, check_species, members_of, with_intervals
from asperity.measurements.atoms.extra import insist_on_extra
from asperity.messages import ArgumentError, DataError, known_keys, shown
from asperity.report.citing import citations

if TYPE_CHECKING:
    from asperity.atomistic.lattices import Cell
    from asperity.measurements.atoms.crystal_numbers import Glide
    from asperity.measurements.atoms.structures import Crystal

_log = logging.getLogger("asperity")
__all__ = ["MODULI", "VOIGT", "Stability", "crystal_mechanics", "miller"]

#: the order of strains and stresses; shears count twice
VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")
#: moduli that a reference may be given of, beside C11, C12, ... C66 and lattice lengths a, b, c
MODULI = {"K": "bulk_modulus", "G": "shear_modulus", "E": "young_modulus", "nu": "poisson_ratio"}
_CONSTANTS = tuple(f"C{i}{j}" for i in range(1, 7) for j in range(i, 7))
_ELEMENT = "Si"  # where nobody says of what
_SOFT_PRESSURE = 0.5  # GPa, from which the constants are said to be those under a pressure
_GPA = "GPa"
#: variable -> (dims beside the member, unit, meaning)
_TOLD: dict[str, tuple[tuple[str, ...], str, str]] = {
    "energy_per_atom": ((), "eV", "energy of an atom of the crystal at rest"),
    "length": (("vector",), "angstrom", "lengths of the cell at rest"),
    "angle": (("vector",), "degree", "angles of the cell at rest, between the other two vectors"),
    "volume_per_atom": ((), "angstrom^3", "volume of an atom at rest"),
    "stress": (("row",), _GPA, "stress of the cell, tension positive"),
    "pressure": ((), _GPA, "pressure"),
    "elastic_constant": (("row", "column"), _GPA, "elastic constants with the atoms at rest in the strained cell"),
    "elastic_constant_clamped": (("row", "column"), _GPA, "elastic constants with the atoms strained like the cell"),
    "bulk_modulus_voigt": ((), _GPA, "bulk modulus under equal strain"),
    "bulk_modulus_reuss": ((), _GPA, "bulk modulus under equal stress"),
    "bulk_modulus": ((), _GPA, "bulk modulus of a polycrystal, their mean"),
    "shear_modulus_voigt": ((), _GPA, "shear modulus under equal strain"),
    "shear_modulus_reuss": ((), _GPA, "shear modulus under equal stress"),
    "shear_modulus": ((), _GPA, "shear modulus of a polycrystal, their mean"),
    "young_modulus": ((), _GPA, "Young's modulus of a polycrystal"),
    "poisson_ratio": ((), "1", "Poisson's ratio of a polycrystal"),
    "anisotropy": ((), "1", "universal anisotropy, 0 of an isotropic solid"),
    "least_stiffness": ((), _GPA, "least stiffness against any strain"),
    "soft_motions": ((), "1", "motions of the atoms beside the translations that cost nothing"),
    "interfacial_stiffness": (("state", "way", "push"), "GPa/nm", "interfacial shear stiffness of the plane"),
    "slip_energy": (("relaxation", "slip"), "J/m^2", "energy of the slipped plane"),
    "slip_opening": (("slip",), "angstrom", "by which the gap is wider than at first"),
    "slip_traction": (("relaxation", "slip"), _GPA, "shear stress that holds the plane there"),
    "ideal_shear_strength": (("relaxation",), _GPA, "largest shear stress on the way"),
    "gamma_energy": (("first", "second"), "J/m^2", "energy of the plane slipped by shares of its lattice's vectors, "
                                                    "with the gap at rest"),
}
#: what is never negative of a stable crystal, but for what else is on the diagonal of the second table
_POSITIVE = ("length", "volume_per_atom", "bulk_modulus_voigt", "bulk_modulus_reuss", "bulk_modulus",
             "shear_modulus_voigt", "shear_modulus_reuss", "shear_modulus", "young_modulus", "anisotropy",
             "least_stiffness", "ideal_shear_strength")
_POSITIVE_DIAGONAL = ("elastic_constant", "elastic_constant_clamped", "interfacial_stiffness")
#: how far atoms may move where a plane slides
STATES = ("unrelaxed", "gap", "full")


class Stability(IntEnum):
    """The flag of a crystal."""

    stable = 0
    under_pressure = 1  # the cell is kept, and is not at rest
    soft = 2  # motions of its atoms cost nothing: it is about to change
    unstable = 3  # a strain of it gains energy


@verb()
def crystal_mechanics(paths: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None, *,
                      crystal: str | None = None, potential: str | None = None, plane: str | None = None,
                      direction: str | None = None, keep_cell: bool = False,
                      reference: Mapping[str, float] | None = None, progress: Progress | None = None) -> xr.Dataset:
    """Elastic constants of a crystal, and stiffness, energies and strength of a plane that slides, by potentials.

    Args:
        paths: a structure file (extxyz, CIF, POSCAR), and the files of weights (.npz) of one potential or an ensemble.
        crystal: the symbol of an element, whose crystal is meant where there is no structure file.
        potential: a classical potential where there are no weights: ``stillinger-weber`` (silicon),
            ``lennard-jones`` (argon); None: the potential that comes with asperity.
        plane: that slides, by Miller's indices in the vectors of the cell that is given: ``111``, ``1 -1 0``;
            ``none``; None: that of the widest gap between its atoms.
        direction: along which, by indices too; None: the shortest vector of the plane's lattice.
        keep_cell: keep the cell and bring the atoms alone to rest; else the cell finds its own.
        reference: numbers to stand beside, GPa: ``{"C11": 166.0, "K": 98.0}``.
        progress: called with (finished parts, all parts).

    Returns:
        ``elastic_constant`` and what follows of it, ``interfacial_stiffness``, ``slip_energy``, ``gamma_energy`` and
        others, each with ``_std``, ``_low`` and ``_high`` (95 %) by the members of an ensemble, NaN of one potential;
        ``_member`` of each; ``flag``; and the attribute ``findings``.

    Raises:
        ArgumentError: an input that there is not, or that cannot be.
        ReadError: a file that holds no crystal, or no potential.
        DataError: an element that a potential does not know, or no state of rest.
    """
    insist_on_extra()
    weights, structures = apart(paths)
    known_keys("reference", reference, (*_CONSTANTS, *MODULI, "a", "b", "c"))
    planes = _planes(plane, direction)
    own, members = _crystal(structures, crystal), members_of(weights, potential)
    check_species(members, own.cell.kinds, own.source)
    found, slab = _found(members, own, planes, keep_cell, progress)
    table = _table(found, members, slab).assign_attrs(
        source=own.source, formula=own.name, atoms=len(own.cell.kinds),
        given_volume=abs(float(np.linalg.det(own.cell.cell))) / len(own.cell.kinds),
        potential=json.dumps(list(members.names)),
        reference=json.dumps(dict(reference or {})), factor=members.factor, **_about(slab, planes))
    table = table.assign_attrs(findings=json.dumps(_said(table)), citations=json.dumps(_cited(members)))
    inputs = [provenance.file_record(path) for path in (*structures, *weights)]
    given = {"paths": [entry["file"] for entry in inputs] or None, "crystal": crystal or (
        None if structures else _ELEMENT), "potential": potential, "plane": plane, "direction": direction,
        "keep_cell": keep_cell, "reference": reference}
    return provenance.record(table, provenance.step("crystal_mechanics", given, inputs=inputs))


def _crystal(structures: Sequence[Path], crystal: str | None) -> Crystal:
    from asperity.measurements.atoms.structures import crystal_of, named_crystal

    if len(structures) > 1:
        raise ArgumentError(f"paths: '{structures[0]}' and '{structures[1]}' are two structures; give one at a time")
    if structures and crystal is not None:
        raise ArgumentError(f"crystal = {shown(crystal)}: there is a structure file, too; give one of the two")
    return crystal_of(structures[0]) if structures else named_crystal(crystal or _ELEMENT)


def miller(name: str, text: str) -> tuple[int, int, int]:
    """Miller's indices as people write them: ``111``, ``1-10``, ``1 -1 0``. Raises ArgumentError: they are none."""
    if re.fullmatch(r"\s*(-?\d[\s,]*){3}\s*", text) or re.fullmatch(r"\s*(-?\d+[\s,]+){2}-?\d+\s*", text):
        separate = re.split(r"[\s,]+", text.strip())
        found = separate if len(separate) == 3 else re.findall(r"-?\d", text)
        h, k, l = map(int, found)  # noqa: E741
        if (h, k, l) != (0, 0, 0) and max(map(abs, (h, k, l))) <= 9:
            return h, k, l
    raise ArgumentError(f"{name} = {shown(text)}: must be three indices, for example 111 or 1-10")


def _planes(plane: str | None, direction: str | None) -> tuple[Any, Any]:
    """The indices of plane (None: the widest, "none": none) and direction."""
    if plane == "none":
        if direction is not None:
            raise ArgumentError(f"direction = {shown(direction)}: there is no plane to slide along it")
        return "none", None
    return (None if plane is None else miller("plane", plane),
            None if direction is None else miller("direction", direction))


def _found(members: Members, own: Crystal, planes: tuple[Any, Any], keep_cell: bool,
           progress: Progress | None) -> tuple[list[dict[str, np.ndarray]], tuple[Any, Glide] | None]:
    """What each member says, and the plane and the way of the first one."""
    from asperity.atomistic.lattices import primitive
    from asperity.measurements.atoms.crystal_numbers import (
        MOST_LAYER,
        elastic_numbers,
        plane_numbers,
        rested,
        way_in,
        widest_plane,
    )

    tell = progress or (lambda done, total: None)
    small, lattice = primitive(own.cell), own.cell.cell
    plane = planes[0]
    if plane is None and len(small.kinds) <= MOST_LAYER:
        plane = widest_plane(small, lattice)
    elif plane is None:
        _log.warning("%d atoms in the smallest cell: no plane slides unless --plane names it", len(small.kinds))
        plane = "none"
    parts = 2 if plane == "none" else 3
    found, slab = [], None
    for number, potential in enumerate(members.potentials):
        tell(parts * number, parts * len(members.potentials))
        try:
            rest = rested(potential, small, keep_cell=keep_cell)
        except DataError as error:
            raise DataError(f"{members.names[number]}: {error}; does this potential know such a crystal, near its "
                            "volume and strained? Train it on such structures, or longer") from error
        way = None if plane == "none" else way_in(rest.cell, lattice @ rest.change, plane, planes[1])
        tell(parts * number + 1, parts * len(members.potentials))
        told = elastic_numbers(potential, rest, lattice)
        tell(parts * number + 2, parts * len(members.potentials))
        if way is not None:
            told |= plane_numbers(potential, way)
            slab = slab or (plane, way)
        found.append(told)
    tell(parts * len(members.potentials), parts * len(members.potentials))
    return found, slab


def _table(found: list[dict[str, np.ndarray]], members: Members, slab: tuple[Any, Glide] | None) -> xr.Dataset:
    """All numbers with their intervals."""
    told: dict[str, Any] = {}
    several, worst = len(members.names) > 1, max(_stability(one) for one in found)
    for name in found[0]:
        dims, unit, meaning = _TOLD[name]
        values = np.stack([one[name] for one in found])
        told |= with_intervals(name, values, members.factor, dims=dims, unit=unit, meaning=meaning)
        told[name][2]["ancillary_variables"] += " flag"
        if worst < Stability.unstable:
            told[f"{name}_low"] = _not_negative(name, values, told[f"{name}_low"])
        if several:
            told[f"{name}_member"] = (("member", *dims), values, {"units": unit, "long_name": f"{meaning}: of each "
                                                                  "member"})
    told["flag"] = ((), np.int8(worst), flag_attributes(Stability, "whether the crystal is stable"))
    coords: dict[str, Any] = {"row": list(VOIGT), "column": list(VOIGT), "vector": ["a", "b", "c"]}
    if several:
        coords["member"] = list(members.names)
    if slab is not None:
        coords |= _places(slab[1])
    return xr.Dataset(told, coords)


def _not_negative(name: str, values: np.ndarray, low: tuple[Any, np.ndarray, dict[str, str]]) -> Any:
    """The lower ends ``low`` of intervals, 0 at least where that is what the quantity can be.

    What cannot be negative lies in the cut interval as often as in the whole one. It is cut where all members (the
    first axis of ``values``) agree on the sign.
    """
    dims, ends, about = low
    of_sign = np.broadcast_to(np.eye(ends.shape[-1], dtype=bool) if name in _POSITIVE_DIAGONAL else name in _POSITIVE,
                              ends.shape)
    return dims, np.where(of_sign & (values > 0).all(axis=0), np.maximum(ends, 0.0), ends), about


def _places(way: Glide) -> dict[str, Any]:
    """Where the plane slides."""
    from asperity.measurements.atoms.crystal_numbers import GRID, POINTS

    share = np.arange(GRID) / GRID
    length = float(np.linalg.norm(way.period))
    about = {"units": "1", "long_name": "share of a vector of the plane's lattice"}
    return {"state": list(STATES), "way": ["x", "y"], "push": ["x", "y"], "relaxation": ["rigid", "gap"],
            "slip": ("slip", np.linspace(0, length, POINTS), {"units": "angstrom", "long_name": "slip"}),
            "first": ("first", share, about), "second": ("second", share, about)}


def _stability(one: dict[str, np.ndarray]) -> Stability:
    if not one["least_stiffness"] > 0:
        return Stability.unstable
    if one["soft_motions"] > 0:
        return Stability.soft
    return Stability.under_pressure if np.abs(one["stress"]).max() > _SOFT_PRESSURE else Stability.stable


def _about(slab: tuple[Any, Glide] | None, planes: tuple[Any, Any]) -> dict[str, Any]:
    """The plane in attributes."""
    if slab is None:
        return {"plane": "none"}
    plane, way = slab
    whole: Cell = way.cut.whole
    return {"plane": " ".join(map(str, plane)), "chosen_plane": int(planes[0] is None),
            "direction": " ".join(map(str, planes[1])) if planes[1] else "", "gap": way.cut.gap,
            "spacing": way.cut.spacing, "slab_thickness": float(whole.cell[2, 2]), "slab_atoms": len(whole.kinds),
            "area": float(np.linalg.det(whole.cell[:2, :2])), "plane_vectors": whole.cell[:2, :2].ravel().tolist()}


def _said(table: xr.Dataset) -> list[str]:
    from asperity.measurements.atoms.mechanics_claims import claims

    return claims(table)


def _cited(members: Members) -> list[str]:
    from asperity.atomistic import elasticity, interfaces, moduli

    return citations(elasticity, interfaces, moduli, *dict.fromkeys(type(one) for one in members.potentials))

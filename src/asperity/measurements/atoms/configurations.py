"""Files of configurations with energies, forces and stresses, with a record of the units and signs that were read.

Read is extxyz, as ASE writes it: energies in eV, forces in eV/angstrom, the stress in eV/angstrom^3, positive in
tension, xx yy zz yz xz xy. ``REF_energy``, ``REF_forces``, ``REF_stress`` (and ``dft_``) mean the same, ``virial`` is
$-V\\sigma$ in eV. A stress whose unit or sign nobody says is refused until somebody does, and so are forces and
stresses that do not fit the energies of their own file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.measurements.atoms.derivatives import STRESSES, agreement
from asperity.measurements.atoms.structures import checked_atoms, frames
from asperity.messages import known_keys, one_of
from asperity.report.numbers import count_of

if TYPE_CHECKING:
    from asperity.learning.potentials.configurations import Configuration

__all__ = ["Recorded", "read_configurations"]

_VASP = (0, 1, 2, 4, 5, 3)  # where xx yy zz yz xz xy stand in that order
_KEYS = {
    "energy": ("energy", "REF_energy", "ref_energy", "dft_energy", "DFT_energy", "Energy", "free_energy"),
    "forces": ("forces", "REF_forces", "ref_forces", "dft_forces", "DFT_forces", "force"),
    "stress": ("stress", "REF_stress", "ref_stress", "dft_stress", "DFT_stress"),
    "virial": ("virial", "REF_virial", "ref_virial", "dft_virial", "DFT_virial", "virials")}
_UNTOLD = ("virial_stress", "vasp_stress")  # names of stresses whose unit and sign differ from program to program
#: where a frame says what it belongs to
_LABELS = ("trajectory", "group", "config_type", "label", "name", "comment")
#: what counts frames of one trajectory, or steps of one series, in such a text
_COUNTED = re.compile(r"\b(snapshot|frame|step|image|config(?:uration)?|structure|strain|scale|volume|displacement)s?"
                      r"\s*[#=:_]?\s*[-+]?\d*\.?\d+(?:\s*(?:of|/)\s*\d+)?", re.IGNORECASE)
_MOST = 1_000_000  # configurations of a file


class Recorded(NamedTuple):
    """The configurations of a file, and how it was read."""

    path: Path
    configurations: list[Configuration]  # the energy is NaN where there is none
    record: dict[str, Any]  # what was read from which entry, in which unit
    remarks: list[str]


def read_configurations(path: str | PathLike[str], keys: Mapping[str, Any] | None = None, *,
                        with_energies: bool = True) -> Recorded:
    """The configurations of a file, in eV and angstrom, with the trajectory of each as its group.

    Args:
        path: extxyz.
        keys: ``energy``, ``forces``, ``stress``, ``group``: the entries that hold them; ``unit``: a key of `STRESSES`.
        with_energies: refuse a file without energies.

    Raises:
        ReadError: the file cannot be read; no energies; numbers that are not finite; two atoms in one place; a stress
            of unknown unit; forces or stresses that do not fit the energies. The message says at which configuration.
    """
    from asperity.learning.potentials.configurations import Configuration

    path, given = Path(path), known_keys("keys", keys, ("energy", "forces", "stress", "group", "unit"))
    one_of("stress", given.get("unit", "eV/A^3"), STRESSES)
    found, used, without = [], {}, {"energy": 0, "forces": 0, "stress": 0}
    for number, atoms in enumerate(frames(path), 1):
        where = f"configuration {number}: "
        if number > _MOST:
            raise Unsupported(path, f"it has more than {_MOST:,} configurations.", "Give a part of them.")
        checked_atoms(path, atoms, where=where)
        told = {name: _told(atoms, name, given, path, where) for name in ("energy", "forces", "stress")}
        for name, (value, key) in told.items():
            without[name] += value is None
            if value is not None:
                used.setdefault(name, {}).setdefault(key, 0)
                used[name][key] += 1
        energy, forces, stress = (value for value, _ in told.values())
        found.append(Configuration(np.array(atoms.positions), np.array(atoms.cell.array), np.array(atoms.pbc),
                                   np.array(atoms.numbers), np.nan if energy is None else float(energy), forces, stress,
                                   _group(atoms, given.get("group"), path, where)))
    if with_energies and without["energy"]:
        raise CorruptFile(path, f"{without['energy']} of its {len(found)} configurations have no energy, or under "
                          f"another name than {', '.join(_KEYS['energy'][:4])}.", "Name it: --energy-key.")
    record = {"configurations": len(found), "atoms": int(sum(len(one.kinds) for one in found)), **{
        name: ", ".join(f"{key} ({count})" for key, count in entries.items()) for name, entries in used.items()}}
    agreed = agreement(path, found, str(given.get("unit", "eV/A^3"))) if with_energies else ""
    return Recorded(path, found, record, [*_remarks(path, found, used, without), *([agreed] if agreed else [])])


def _told(atoms: Any, name: str, given: Mapping[str, Any], path: Path, where: str) -> tuple[Any, str]:
    """A quantity of one frame in eV and angstrom, and the entry that it was read from; None where there is none."""
    unit = given.get("unit", "eV/A^3")
    if name == "stress" and (unit == "none" or not atoms.pbc.all()):
        return None, ""
    results = {} if atoms.calc is None else atoms.calc.results
    entries = {**atoms.info, **(atoms.arrays if name == "forces" else {}), **results}
    key = given.get(name) or next((key for key in _KEYS[name] if key in entries), None)
    if name == "stress" and key is None:
        if virial := next((key for key in _KEYS["virial"] if key in entries), None):
            value = _numbers(entries[virial], virial, path, where)
            return -_voigt(value, virial, path, where) / atoms.cell.volume, f"{virial} (-V stress, eV)"
        if untold := [key for key in _UNTOLD if key in entries]:
            raise Unsupported(path, f"{where}it has '{untold[0]}', whose unit and sign nobody says.",
                              f"Say --stress-key {untold[0]} --stress vasp (kbar, positive in compression, xx yy zz xy "
                              "yz zx), or --stress none.")
    if key is None or key not in entries:
        return None, ""
    value = _numbers(entries[key], key, path, where)
    if name == "energy":
        return (float(value) if value.size == 1 else _wrong(path, where, key, value, "one number")), f"{key} (eV)"
    if name == "forces":
        good = value.shape == (len(atoms), 3)
        return (value if good else _wrong(path, where, key, value, "3 for each atom")), f"{key} (eV/A)"
    voigt = _voigt(value, key, path, where) if unit != "vasp" or value.shape == (3, 3) else value.ravel()[list(_VASP)]
    return voigt * STRESSES[unit], f"{key} ({unit})"


def _numbers(value: Any, key: str, path: Path, where: str) -> np.ndarray:
    try:
        found = np.asarray(value, float)
    except (TypeError, ValueError):
        raise CorruptFile(path, f"{where}its '{key}' is no number.", "Write it anew, or name another entry.") from None
    if not np.isfinite(found).all():
        raise CorruptFile(path, f"{where}its '{key}' holds numbers that are not finite.",
                          "Leave the configuration out, or compute it anew: did its calculation converge?")
    return found


def _voigt(value: np.ndarray, key: str, path: Path, where: str) -> np.ndarray:
    if value.size == 9:
        own = value.reshape(3, 3)
        if np.abs(own - own.T).max() > 1e-3 * max(np.abs(own).max(), 1e-6):
            raise CorruptFile(path, f"{where}its '{key}' is not symmetric.", "Is it a stress?")
        return own[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    return value.ravel() if value.size == 6 else _wrong(path, where, key, value, "6 numbers, or 3 times 3")


def _wrong(path: Path, where: str, key: str, value: np.ndarray, wanted: str) -> Any:
    raise CorruptFile(path, f"{where}its '{key}' has the shape {value.shape}; expected {wanted}.",
                      "Name another entry, or write it anew.")


def _group(atoms: Any, key: str | None, path: Path, where: str) -> str:
    """The trajectory of a frame: what it says of itself without the numbers that count, else its atoms and cell."""
    if key is not None:
        if key not in atoms.info:
            raise Unsupported(path, f"{where}it has no '{key}' to tell its trajectory by.", "Name another entry.")
        return str(atoms.info[key])
    texts = [str(atoms.info[one]) for one in _LABELS if isinstance(atoms.info.get(one), str)]
    told = [" ".join(_COUNTED.sub("", text).split()).removeprefix("of ").strip(" ,;") for text in texts]
    if told != [" ".join(text.split()) for text in texts]:
        return ", ".join(dict.fromkeys(filter(None, told)))
    size = "" if not atoms.pbc.any() else " ".join(f"{x:.3f}" for x in atoms.cell.cellpar())
    return ", ".join(dict.fromkeys([*told, str(atoms.symbols), *([size] if size else [])]))


def _remarks(path: Path, found: Sequence[Any], used: Mapping[str, Any], without: Mapping[str, int]) -> list[str]:
    """What a reader of the file should know."""
    count = len({one.group for one in found})
    entries = ", ".join(f"{name} from {' and '.join(keys)}" for name, keys in used.items())
    said = [f"{path.name}: {count_of(len(found), 'configuration')}, {sum(len(one.kinds) for one in found):,} atoms, "
            f"{count} {'trajectory' if count == 1 else 'trajectories'}; "
            + (entries or "structures alone") + "."]
    if some := [f"{count} without {name}" for name, count in without.items() if 0 < count < len(found)]:
        said.append(f"{path.name}: {', '.join(some)}; they count for the rest.")
    if found and without["stress"] == len(found):
        said.append(f"{path.name}: no stress is read.")
    return said

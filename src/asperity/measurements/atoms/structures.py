"""Crystals: from structure files (extxyz, CIF, POSCAR), or by the name of an element."""

from __future__ import annotations

import io
import warnings
from collections import deque
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from asperity.atomistic.lattices import Cell
from asperity.data.readers._appearance import appearance, is_foreign
from asperity.data.readers._errors import CorruptFile, NotRecognized, Unsupported
from asperity.data.readers._text import read_head, read_text
from asperity.measurements.atoms.extra import insist_on_extra
from asperity.messages import ArgumentError, quoted, shown

__all__ = ["Crystal", "checked_atoms", "crystal_of", "frames", "named_crystal"]

_KNOWN = "Known: extxyz (.xyz, .extxyz), CIF (.cif) and POSCAR (POSCAR, CONTCAR, .vasp)."
_CUT = "It may be cut off; look at its lines there, or write it anew with ASE."
_NINE = "A 'stress' has 9 numbers there; under another name it may have 6: rename it, and say --stress-key."
_VACUUM = 6.0  # angstrom without an atom along a direction: wider than between layers of any crystal
_CAUSE = 120  # characters of what a parser says
_TOGETHER = 0.2  # angstrom, below which two atoms are in one place: a third of the shortest bond
_LOOKED = 1.5  # angstrom, within which neighbors are looked at for it
_LEAST_VOLUME = 1.0  # angstrom^3 for each atom; the densest solids have 5


class Crystal(NamedTuple):
    """A crystal and where it is from."""

    cell: Cell  # in the axes of the file
    name: str  # its formula
    source: str


def crystal_of(path: str | PathLike[str]) -> Crystal:
    """The crystal of a file, the last of several configurations.

    Raises:
        ReadError: the file cannot be read, or holds no crystal (see `checked_atoms`).
    """
    found = [*deque(frames(path), maxlen=1)]
    if not found:
        raise CorruptFile(path, "it holds no atoms.", _KNOWN)
    last = found[0]
    checked_atoms(Path(path), last, periodic=True)
    last.wrap()
    return Crystal(Cell(last.positions, last.cell.array, last.numbers), str(last.symbols), str(path))


def named_crystal(name: str) -> Crystal:
    """The crystal of an element at room temperature.

    Raises:
        ArgumentError: no element, or one whose crystal is not known.
    """
    insist_on_extra()
    from ase.build import bulk
    from ase.data import chemical_symbols

    if name not in chemical_symbols[1:]:
        raise ArgumentError(f"crystal = {shown(name)}: must be the symbol of an element, such as Si; other "
                            f"crystals come from a structure file. {_KNOWN}")
    for cubic in (True, False):
        try:
            made: Any = bulk(name, cubic=cubic)
        except (ValueError, RuntimeError, NotImplementedError):
            continue
        return Crystal(Cell(made.positions, made.cell.array, made.numbers), name, f"crystal of {name}")
    raise ArgumentError(f"crystal = {shown(name)}: its crystal is not known by name; give a structure file. {_KNOWN}")


def _form(path: Path) -> str:
    """The format by the name of the file."""
    name = path.name.upper()
    if path.suffix.lower() in (".vasp", ".poscar") or name.startswith(("POSCAR", "CONTCAR")):
        return "vasp"
    return "cif" if path.suffix.lower() == ".cif" else "extxyz"


def frames(path: str | PathLike[str]) -> Iterator[Any]:
    """The configurations of a file in turn, as ASE's atoms.

    Raises:
        ReadError: the file cannot be read; the message says at which configuration.
    """
    insist_on_extra()
    from ase.io import iread

    path = Path(path)
    if is_foreign(head := read_head(path)):
        raise NotRecognized(path, f"it is no text but {appearance(head)}.", _KNOWN)
    text = read_text(path)
    if not text.strip():
        raise CorruptFile(path, "it is empty.", _KNOWN)
    if (form := _form(path)) == "extxyz" and not text.split("\n", 1)[0].strip().isdigit():
        raise NotRecognized(path, "its first line is not the number of atoms, with which an xyz file begins.", _KNOWN)
    found = iter(iread(io.StringIO(text.rstrip() + "\n"), index=slice(None), format=form))
    for number in range(1, len(text)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                one: Any = next(found, None)
        except Exception as error:
            cause = quoted(" ".join(f"{type(error).__name__}: {error}".split()))[:_CAUSE]
            raise CorruptFile(path, f"configuration {number}: not a readable "
                              f"{ {'vasp': 'POSCAR', 'cif': 'CIF'}.get(form, form)} file ({cause}).",
                              _NINE if "3x3" in str(error) else _CUT) from error
        if one is None:
            return
        yield one


def checked_atoms(path: Path, atoms: Any, *, periodic: bool = False, where: str = "") -> None:
    """Refuse atoms that nothing can be computed of.

    Args:
        path, where: the file, and which configuration of it, for the message.
        periodic: only crystals pass: three periodic directions, no vacuum.

    Raises:
        CorruptFile, Unsupported: no atoms, positions that are no numbers, no cell, two atoms in one place, an unknown
            element, a molecule or a slab.
    """
    if not len(atoms):
        raise CorruptFile(path, f"{where}it holds no atoms.", _KNOWN)
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise CorruptFile(path, f"{where}a position or the cell is no number.", "Look for nan or *** in the file.")
    if (unknown := np.flatnonzero(atoms.numbers < 1)).size:
        raise Unsupported(path, f"{where}atom {int(unknown[0])} is of no element (symbol X).",
                          "Name the elements; dummy atoms are taken out.")
    if atoms.pbc.any() and abs(np.linalg.det(atoms.cell.array)) < _LEAST_VOLUME * (len(atoms) if periodic else 1):
        if not atoms.cell.array.any() or atoms.cell.rank < 3:
            raise CorruptFile(path, f"{where}it is periodic but its cell is missing or flat.",
                              'Give its vectors: Lattice="5.43 0 0 0 5.43 0 0 0 5.43" in the second line.')
        raise CorruptFile(path, f"{where}its cell has {atoms.cell.volume / len(atoms):.2g} A^3 for each atom.",
                          "Are its lengths in angstrom?")
    _apart(path, atoms, where)
    if periodic:
        _is_crystal(path, atoms, where)


def _apart(path: Path, atoms: Any, where: str) -> None:
    """Refuse two atoms in one place."""
    from vesin import NeighborList

    cell = atoms.cell.array if atoms.pbc.any() else np.eye(3)
    search = NeighborList(cutoff=_LOOKED, full_list=False)  # a shorter one makes it slow
    first, second, distance = search.compute(atoms.positions, cell, list(map(bool, atoms.pbc)), "ijd")
    if len(distance) and np.min(distance) < _TOGETHER:
        nearest = int(np.argmin(distance))
        raise CorruptFile(path, f"{where}atom {int(first[nearest])} and atom {int(second[nearest])} are "
                          f"{distance[nearest]:.2g} A apart, in one place (counted from 0).",
                          "Is one of them there twice, or the cell too small?")


def _is_crystal(path: Path, atoms: Any, where: str) -> None:
    """Refuse molecules and slabs: their elastic constants depend on the empty space."""
    if not atoms.pbc.all():
        raise Unsupported(path, f"{where}it is periodic in {int(atoms.pbc.sum())} of 3 directions; elastic constants "
                          "are of a crystal.", "Give the cell of a crystal, with pbc=\"T T T\".")
    place = np.sort(atoms.get_scaled_positions() % 1, axis=0)
    gaps = np.diff(np.concatenate([place, place[:1] + 1]), axis=0).max(axis=0)
    height = atoms.cell.volume / np.linalg.norm(np.cross(atoms.cell.array[[1, 2, 0]], atoms.cell.array[[2, 0, 1]]),
                                                axis=1)
    if (gaps * height).max() > _VACUUM:
        way = int(np.argmax(gaps * height))
        raise Unsupported(path, f"{where}it has {(gaps * height)[way]:.3g} A of vacuum along its vector {way + 1}: "
                          "elastic constants and stress of a slab depend on its empty space.",
                          "Give the cell of the crystal itself.")

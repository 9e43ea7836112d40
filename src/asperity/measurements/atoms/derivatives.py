"""Whether forces and stresses of a file are derivatives of its energies, in the units and signs that were read.

Between two near states a and b of the same atoms, with means of both and the strain $\\epsilon$ from one to the other,

$$E_b - E_a = -f\\,\\bar F \\cdot \\Delta r + s\\,\\bar V \\bar\\sigma : \\epsilon$$

up to third order, with f = s = 1 (the trapezoidal rule). Least squares over many pairs tell f and s with their
scatter; of atoms that are 0.1 angstrom out of place anharmonic terms leave them up to a quarter too small. A sign of
the gradient is f = -1, forces in eV/bohr are f = 1.9, a stress in GPa is s = 1/160.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from asperity.atomistic.moduli import GPA
from asperity.data.readers._errors import Unsupported

__all__ = ["STRESSES", "agreement"]

#: how a stress may be written -> eV/angstrom^3 of its unit, tension positive; "vasp" has the order xx yy zz xy yz zx
STRESSES = {"eV/A^3": 1.0, "GPa": 1 / GPA, "kbar": 0.1 / GPA, "vasp": -0.1 / GPA, "none": 0.0}
_BOHR = 0.529177210903  # angstrom
_HARTREE = 27.211386245988  # eV
#: what forces may be -> eV/angstrom of it
_FORCES = {"gradients, the negative of forces": -1.0, "eV/bohr": 1 / _BOHR, "hartree/bohr": _HARTREE / _BOHR,
           "hartree/A": _HARTREE, "Ry/bohr": _HARTREE / 2 / _BOHR, "kcal/(mol A)": 0.0433641, "kJ/(mol A)": 0.0103643,
           "meV/A": 1e-3}
_STRAIN = (1e-4, 0.06)  # between two cells whose energies tell the size of a stress
_MOVED = 0.2  # angstrom, by which atoms may be elsewhere in the two: their fourth derivatives count beyond
_PAIRS = 400  # that are looked at,
_NEXT = 8  # of each with the next ones of its kind
_ENOUGH = 3  # pairs that tell it
_REST = 0.5  # of the energies, that may be left
_OFF = {"forces": 0.5, "stress": 0.5}  # by which they may be off
_SURE = 5.0  # standard deviations of the scatter, by which they are off at least
_FAR = 10.0  # times it, which no scatter of energies explains
_LEAST_WORK = 1e-2  # eV of all pairs together, with which anything is told
_SHARE = 0.3  # of the energies, which the work of forces or stresses makes where it tells theirs
_SOME = 1e-4  # of the energies: less work is rounding
_TOLD = 0.2  # standard deviation of a ratio that tells anything
_HUGE = 40.0  # eV of stress times volume of an atom: 300 GPa in silicon
_NEAR = 0.25  # logarithm of a ratio over that of a unit, within which the unit is named


class _Ratio(NamedTuple):
    """What a quantity must be multiplied by to be the derivative of the energies."""

    value: float
    std: float


def agreement(path: Path, found: Sequence[Any], unit: str) -> str:
    """How well forces and stresses (read in ``unit``) fit the energies, in words; "" of a file without any.

    Raises:
        Unsupported: they do not: a unit or a sign is another one.
    """
    known = [one for one in found if one.forces is not None and np.isfinite(one.energy)]
    ratios, pairs = _ratios(known)
    for name, ratio in ratios.items():
        if abs(ratio.value - 1) > max(_OFF[name], _SURE * ratio.std):
            raise Unsupported(path, *_refused(name, ratio.value, unit))
    stressed = [one for one in found if one.stress is not None]
    typical = float(np.median([np.abs(one.stress).max() * abs(np.linalg.det(one.cell)) / len(one.kinds)
                               for one in stressed])) if stressed else 0.0
    if "stress" not in ratios and typical > _HUGE:
        raise Unsupported(path, f"its stress, read as {unit}, is {typical:.3g} eV for each atom's volume in the "
                          "median: no solid bears that.", "Is it in kbar or GPa? Say --stress vasp, --stress GPa or "
                          "kbar, or --stress none.")
    return _told(path, ratios, pairs, [*(["forces"] if known else []), *(["stress"] if stressed else [])])


def _told(path: Path, ratios: dict[str, _Ratio], pairs: int, asked: Sequence[str]) -> str:
    """What was found to fit, and what nothing tells."""
    fit = [f"{name} {ratio.value:.2f} ± {ratio.std:.2g}" for name, ratio in ratios.items()]
    said = [f"{path.name}: held against its energies, {' and '.join(fit)} (1 is right, to third order in the "
            f"displacements; {pairs} pairs of configurations)."] if fit else []
    if rest := [name for name in asked if name not in ratios]:
        said.append(f"{path.name}: units and sign of its {' and '.join(rest)} are taken as read: no configurations are "
                    "near enough to one another to hold them against the energies.")
    return " ".join(said)


def _refused(name: str, ratio: float, unit: str) -> tuple[str, str]:
    """What is wrong with forces or a stress, and what to do."""
    times = f"{1 / abs(ratio):.3g} times too large" if abs(ratio) < 1 else f"{abs(ratio):.3g} times too small"
    words = [f"about {times}"] if abs(abs(ratio) - 1) > _OFF[name] else []
    if name == "stress":
        words = [f"it is {one}" for one in words] + (["its sign is that of a pressure"] if ratio < 0 else [])
        return (f"its stress does not fit its own energies, read as {unit}, tension positive: {' and '.join(words)} "
                "against what energies of strained cells tell.", _looks(ratio, unit))
    words = [f"they are {one}" for one in words] + (["their sign is that of gradients"] if ratio < 0 else [])
    near = " or ".join(one for one, factor in _FORCES.items() if ratio / factor > 0 and abs(
        np.log(ratio / factor)) < _NEAR)
    return (f"its forces do not fit its own energies, read as eV/A and eV: {' and '.join(words)} against what energies "
            "of displaced atoms tell.",
            (f"They look like {near}. " if near else "Are energies and forces in different units? ")
            + "Write both in eV and A, or name other entries (--energy-key, --forces-key).")


def _looks(ratio: float, unit: str) -> str:
    """Which unit of a stress would fit."""
    wanted = ratio * STRESSES[unit]
    near = {name: abs(np.log(abs(wanted / factor))) for name, factor in STRESSES.items()
            if factor and np.sign(factor) == np.sign(wanted)}
    best = min(near, key=lambda name: near[name], default="")
    if best and near[best] < _OFF["stress"]:
        return f"It looks like {best}: say --stress {best}, or --stress none to leave it out."
    return "Say its unit with --stress, or --stress none to leave it out."


def _ratios(known: Sequence[Any]) -> tuple[dict[str, _Ratio], int]:
    """f and s, each where the pairs tell it, and the number of pairs."""
    told = list(islice(_pairs(known, by_group=True), _PAIRS))
    if len(told) < _ENOUGH:
        told = list(islice(_pairs(known, by_group=False), _PAIRS))
    if len(told) < _ENOUGH:
        return {}, len(told)
    energy, *works = np.array(told).T
    size = float(np.linalg.norm(energy))
    columns = {name: work for name, work in zip(("forces", "stress"), works, strict=True)
               if np.linalg.norm(work) > _SOME * size}
    if not columns or size < _LEAST_WORK:
        return {}, len(told)
    matrix = np.stack([*columns.values()], axis=1)
    scale = np.linalg.norm(matrix, axis=0)
    found, _, rank, _ = np.linalg.lstsq(matrix / scale, energy, rcond=1e-6)
    rest = float(np.linalg.norm(energy - matrix / scale @ found))
    if rank < matrix.shape[1]:
        return {}, len(told)
    scatter = rest / np.sqrt(max(len(told) - len(columns), 1))
    std = scatter * np.sqrt(np.diag(np.linalg.inv((matrix / scale).T @ (matrix / scale))))
    ratios = {}
    for name, value, doubt, unit in zip(columns, found, std, scale, strict=True):
        ratio, counts = _Ratio(float(value / unit), float(doubt / unit)), abs(value) > _SHARE * size
        far = counts and not 1 / _FAR < ratio.value < _FAR and abs(value) > _SURE * doubt
        if far or (counts and rest < _REST * size and ratio.std < _TOLD * max(abs(ratio.value), 1.0)):
            ratios[name] = ratio
    return ratios, len(told)


def _pairs(known: Sequence[Any], *, by_group: bool) -> Iterator[tuple[float, float, float]]:
    """Near states of the same atoms, each with the next ones (of its trajectory)."""
    alike: dict[tuple[str, bytes, bool], list[Any]] = {}
    for one in known:
        key = one.group if by_group else "", one.kinds.tobytes(), one.stress is not None
        alike.setdefault(key, []).append(one)
    for members in alike.values():
        for i, a in enumerate(members):
            yield from (pair for b in members[i + 1:i + _NEXT] if (pair := _pair(a, b)) is not None)


def _pair(a: Any, b: Any) -> tuple[float, float, float] | None:
    """Energy, work of the forces and of the stress from one state to another, eV; None where they are not near."""
    if not (a.periodic.all() and b.periodic.all()):
        if not np.array_equal(a.cell, b.cell):
            return None
        moved, strained = b.positions - a.positions, 0.0
    else:
        turn = np.linalg.solve(a.cell + b.cell, 2 * (b.cell - a.cell))  # of the cell half way
        strain = (turn + turn.T) / 2
        wide = float(np.abs(strain).max())
        if wide > (_STRAIN[1] if a.stress is not None else 1e-9):
            return None
        place = b.positions @ np.linalg.inv(b.cell) - a.positions @ np.linalg.inv(a.cell)
        moved = (place - np.round(place)) @ (a.cell + b.cell) / 2
        strained = _strained(a, b, strain) if wide > _STRAIN[0] else 0.0
    moved = moved - moved.mean(axis=0)
    if np.abs(moved).max() > _MOVED:
        return None
    return float(b.energy - a.energy), -float(((a.forces + b.forces) / 2 * moved).sum()), strained


def _strained(a: Any, b: Any, strain: Float[np.ndarray, "3 3"]) -> float:
    volume = (abs(np.linalg.det(a.cell)) + abs(np.linalg.det(b.cell))) / 2
    xx, yy, zz, yz, xz, xy = (a.stress + b.stress) / 2
    stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return float(volume * (stress * strain).sum())

r"""Cells of a crystal: its smallest one, and one that is cut along a plane.

A plane is told by its normal n. In whole numbers $h_i \propto a_i \cdot n$ of the cell's vectors $a_i$ without a common
divisor, the vectors $m$ with $m \cdot h = 0$ lie in it, and one with $m \cdot h = 1$ leads to the next plane of the
lattice.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from asperity.messages import ArgumentError

__all__ = ["Cell", "Cut", "cut_along", "primitive"]

_SAME = 1e-3  # angstrom, within which two places are one
_WHOLE = 1e-4  # within which a number is whole
_LARGEST_INDEX = 12  # of a plane, in the vectors of a cell
_MOST = 1024  # atoms, up to which a smaller cell is sought
_FLAT = 1e-6  # of the product of lengths, below which vectors are not independent


class Cell(NamedTuple):
    """Atoms that repeat."""

    positions: Float[np.ndarray, "atom 3"]  # angstrom
    cell: Float[np.ndarray, "3 3"]  # angstrom, its vectors in rows
    kinds: Int[np.ndarray, " atom"]


class Cut(NamedTuple):
    """A crystal with its plane in z = 0 and the shortest vector of the plane along x, cut where it is widest."""

    whole: Cell  # cut between its atoms and those of the next cell along the third vector
    turn: Float[np.ndarray, "3 3"]  # vectors in rows of the crystal times this are those here
    gap: float  # angstrom, between the planes of atoms on both sides of the cut
    spacing: float  # angstrom, between planes of the lattice


def primitive(crystal: Cell) -> Cell:
    """The smallest cell of a crystal, in the same axes; the cell itself where it is the smallest.

    Up to 1024 atoms; larger cells are returned as they are.
    """
    positions, cell, kinds = crystal
    if len(kinds) > _MOST:
        return crystal
    periods = _periods(crystal)
    if len(periods) == 1:
        return crystal
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    vectors = ((periods[:, None] + steps).reshape(-1, 3)) @ cell
    smallest = _shortest(vectors[np.linalg.norm(vectors, axis=1) > _SAME], 3)
    if abs(abs(np.linalg.det(smallest)) * len(periods) / abs(np.linalg.det(cell)) - 1) > _SAME:
        return crystal
    smallest[2] *= np.sign(np.linalg.det(smallest) * np.linalg.det(cell))
    away = (positions[:, None] - positions) @ np.linalg.inv(smallest)
    apart = np.linalg.norm((away - np.round(away)) @ smallest, axis=2)
    first = (apart < _SAME).argmax(axis=1)
    kept = np.flatnonzero(first == np.arange(len(kinds)))
    return Cell(positions[kept], smallest, kinds[kept])


def _periods(crystal: Cell) -> np.ndarray:
    """Fractional vectors of the cell by which the crystal goes over into itself, the first 0."""
    positions, cell, kinds = crystal
    place = positions @ np.linalg.inv(cell)
    names, counts = np.unique(kinds, return_counts=True)
    rare = place[kinds == names[counts.argmin()]]
    same = kinds[:, None] == kinds

    def repeats(step: np.ndarray) -> bool:
        away = place[:, None] + step - place
        near = np.linalg.norm((away - np.round(away)) @ cell, axis=2) < _SAME
        return bool((near & same).any(axis=1).all())

    return np.array([step for step in rare - rare[0] if repeats(step)])


def _shortest(vectors: np.ndarray, count: int) -> np.ndarray:
    """The shortest ``count`` of the vectors that are independent: in two and three dimensions a basis."""
    chosen: list[np.ndarray] = []
    length = np.linalg.norm(vectors, axis=1)
    for way in vectors[np.lexsort((*np.round(vectors.T, 6), np.round(length, 6)))]:
        some = np.array([*chosen, way])
        size = np.prod(np.linalg.norm(some, axis=1))
        if np.sqrt(max(np.linalg.det(some @ some.T), 0)) > _FLAT * size:
            chosen.append(way)
        if len(chosen) == count:
            break
    return np.array(chosen)


def cut_along(crystal: Cell, normal: Float[np.ndarray, " 3"], thickness: float) -> Cut:
    """The crystal with the plane of this normal in z = 0, cut in its widest gap, ``thickness`` (angstrom) at least.

    Raises:
        ArgumentError: no plane of the lattice has this normal, with indices up to 12.
    """
    positions, cell, kinds = crystal
    indices = _indices(cell, normal)
    reach = range(-(np.abs(indices).max() + 1), np.abs(indices).max() + 2)
    numbers = np.array(list(itertools.product(reach, repeat=3)))
    height = numbers @ indices
    flat = _shortest(numbers[(height == 0) & numbers.any(axis=1)] @ cell, 2)
    if np.linalg.det([*flat, normal]) < 0:
        flat[1] *= -1
    up = numbers[height == 1] @ cell
    across = up - (up @ normal)[:, None] * normal / (normal @ normal)
    own = np.array([*flat, up[np.linalg.norm(across, axis=1).round(6).argmin()]])
    turn = _turn(own)
    own, at = own @ turn, positions @ turn
    gap, edge = _widest(at[:, 2], own[2, 2])
    at = at - np.array([0, 0, edge])
    at = at - np.floor(at[:, 2:] / own[2, 2]) * own[2]
    times = int(np.ceil(thickness / own[2, 2]))
    stacked = (at + np.arange(times)[:, None, None] * own[2]).reshape(-1, 3)
    return Cut(Cell(stacked, own * np.array([[1], [1], [times]]), np.tile(kinds, times)), turn, gap, own[2, 2])


def _indices(cell: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The plane in whole numbers of the cell's vectors."""
    share = cell @ normal
    share = share / np.abs(share).max()
    for times in range(1, _LARGEST_INDEX + 1):
        if np.abs(share * times - np.round(share * times)).max() < _WHOLE * times:
            whole = np.round(share * times).astype(int)
            return whole // np.gcd.reduce(whole)
    raise ArgumentError(f"plane: no plane of the lattice with indices up to {_LARGEST_INDEX} has this normal")


def _turn(own: np.ndarray) -> np.ndarray:
    """The rotation, for vectors in rows, that brings the first along x and the second into z = 0."""
    x = own[0] / np.linalg.norm(own[0])
    z = np.cross(own[0], own[1])
    z = z / np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=1)


def _widest(height: np.ndarray, period: float) -> tuple[float, float]:
    """The widest gap between planes of atoms, and the height of its middle."""
    level = np.sort(height % period)
    gaps = np.diff(np.append(level, level[0] + period))
    at = int(np.argmax(gaps.round(6)))
    return float(gaps[at]), float(level[at] + gaps[at] / 2)

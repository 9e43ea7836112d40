"""Who is near whom: a table of neighbors with as many places for each atom, so that shapes stay the same.

The table has the neighbors of atom i in row i: their numbers, the periods by which they are shifted, and whether the
place is taken. The dense layout [atom, neighbor] makes sums over neighbors products of matrices, also in second
derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from asperity.messages import ArgumentError, DataError

__all__ = ["Neighbors", "neighbors_within", "vectors"]

_PLACES = 8  # the number of places is a multiple of it, so that few shapes are compiled
_FREE = 1.0  # angstrom, the length of the vector in a free place: any but 0, whose norm has no derivative


class Neighbors(eqx.Module):
    """The neighbors of each atom."""

    index: Int[Array, "atom place"]  # of the neighbor
    shift: Float[Array, "atom place 3"]  # periods by which it is shifted along each vector of the cell
    present: Bool[Array, "atom place"]


def neighbors_within(cutoff: float, positions: Float[np.ndarray, "atom 3"], cell: Float[np.ndarray, "3 3"], *,
                     periodic: Sequence[bool] = (True, True, True), places: int | None = None) -> Neighbors:
    """All atoms within the ``cutoff`` of each atom, its own periodic images included.

    Args:
        cutoff: angstrom.
        positions: angstrom.
        cell: angstrom, its vectors in rows.
        periodic: along each vector.
        places: for each atom; None: as many as are needed, rounded up. Give the number of an earlier table for the
            same shape.

    Raises:
        ArgumentError: a cutoff or places that are not positive.
        DataError: positions that are not finite, atoms in one place, more neighbors than places.
    """
    from vesin import NeighborList

    if not cutoff > 0 or (places is not None and places < 1):
        raise ArgumentError(f"cutoff = {cutoff:g} A and places = {places}: both must be above 0")
    positions, cell = np.asarray(positions, float), np.asarray(cell, float)
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        raise DataError("positions or cell are not finite")
    count = len(positions)
    search = NeighborList(cutoff=float(cutoff), full_list=True, sorted=True)
    first, second, shift, distance = search.compute(positions, cell, list(map(bool, periodic)), "ijSd")
    if len(distance) and distance.min() <= 0:
        atom = int(first[distance.argmin()])
        raise DataError(f"atom {atom} and atom {int(second[distance.argmin()])} are in one place")
    number = np.bincount(np.asarray(first, int), minlength=count)
    most = int(number.max(initial=0))
    size = max(1, -(-most // _PLACES)) * _PLACES if places is None else places
    if most > size:
        raise DataError(f"atom {int(number.argmax())} has {most} neighbors within {cutoff:g} A, for {size} places: "
                        "give more places")
    row = np.asarray(first, int)
    place = np.arange(len(row)) - np.repeat(np.cumsum(number) - number, number)
    index, shifts = np.tile(np.arange(count)[:, None], size), np.zeros((count, size, 3))
    present = np.zeros((count, size), bool)
    index[row, place], shifts[row, place], present[row, place] = second, shift, True
    return Neighbors(jnp.asarray(index), jnp.asarray(shifts), jnp.asarray(present))


def vectors(neighbors: Neighbors, positions: Float[Array, "atom 3"],
            cell: Float[Array, "3 3"]) -> Float[Array, "atom place 3"]:
    """From each atom to its neighbors, angstrom, differentiable in positions and cell; a constant in free places."""
    away = positions[neighbors.index] + neighbors.shift @ cell - positions[:, None]
    return jnp.where(neighbors.present[:, :, None], away, jnp.array([_FREE, 0.0, 0.0], positions.dtype))

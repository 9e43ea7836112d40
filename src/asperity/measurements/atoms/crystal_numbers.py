"""All that one potential says of one crystal: rest, elastic constants, and a plane that slides."""

from __future__ import annotations

import itertools
import logging
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from asperity.atomistic.elasticity import Energy, at_rest, elastic_constants
from asperity.atomistic.interfaces import SlipEnergy, shear_stiffness, slip_energy
from asperity.atomistic.lattices import Cell, Cut, cut_along
from asperity.atomistic.moduli import moduli
from asperity.atomistic.neighbors import Neighbors, neighbors_within
from asperity.atomistic.potentials import AbstractPotential
from asperity.messages import ArgumentError, DataError

_log = logging.getLogger("asperity")
__all__ = [
    "GRID",
    "MOST_LAYER",
    "POINTS",
    "Glide",
    "Rested",
    "elastic_numbers",
    "energy_of",
    "plane_numbers",
    "rested",
    "way_in",
    "widest_plane",
]

#: of the way along which a plane slips, both ends included
POINTS = 49
#: of the surface of slip energies, each way
GRID = 12
_MARGIN = 1.0  # angstrom, by which atoms may come nearer while they come to rest
_OPENING = 1.0  # angstrom, by which a gap may change its height while it slips
_THICK = 9.0  # angstrom, of a crystal between two planes that slide: further than potentials mostly reach
_SETTLED = 1e-6  # of the cell, by which it may still change
_TURNS = 5  # of coming to rest with a new table of neighbors; two are usual
_MOST_SLAB = 120  # atoms, whose second derivatives are held at once
#: atoms of a crystal's smallest cell, up to which a plane slides unasked
MOST_LAYER = 24
_LONG = 60.0  # s, from which the time that a large cell takes is told beforehand
_CALLS = 2000  # forces of it, about as many as it takes to come to rest and to answer six strains
_ALONG = 4  # lattice vectors, of a plane, among which a direction is looked for


class Rested(NamedTuple):
    """A crystal at rest."""

    cell: Cell
    energy: float  # eV of an atom
    change: np.ndarray  # (3, 3), by which vectors in rows are multiplied on the way there


class Glide(NamedTuple):
    """Where a plane slides."""

    cut: Cut
    period: np.ndarray  # (2,) angstrom, the shortest vector of the plane's lattice along the direction


def _total(potential: AbstractPotential, table: Neighbors, kinds: Any, positions: Any, cell: Any) -> Any:
    return potential.energy(positions, cell, table, kinds)


def energy_of(potential: AbstractPotential, cell: Cell, margin: float) -> Energy:
    """The energy of atoms that come nearer by ``margin`` (angstrom) at most; compiled once for all of its shapes."""
    table = neighbors_within(potential.cutoff + margin, cell.positions, cell.cell)
    with jax.enable_x64(True):
        arrays = jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, float) else leaf, potential)
    return Partial(_total, arrays, table, jnp.asarray(cell.kinds))


@jax.jit
def _valued(energy: Any, positions: Any, cell: Any) -> Any:
    return energy(positions, cell)


@jax.jit
def _sloped(energy: Any, positions: Any, cell: Any) -> Any:
    return jax.grad(energy)(positions, cell)


def _tell_time(potential: AbstractPotential, crystal: Cell) -> None:
    """Say beforehand how long a large cell takes."""
    if len(crystal.kinds) <= _MOST_SLAB:
        return
    with jax.enable_x64(True):
        asked = energy_of(potential, crystal, _MARGIN), jnp.asarray(crystal.positions), jnp.asarray(crystal.cell)
        jax.block_until_ready(_sloped(*asked))
        begun = time.monotonic()
        jax.block_until_ready(_sloped(*asked))
    seconds = _CALLS * (time.monotonic() - begun)
    if seconds > _LONG:
        _log.warning("%d atoms without a smaller cell: about %.0f min for each potential; a crystal without defects "
                     "needs one cell only", len(crystal.kinds), seconds / 60)


def rested(potential: AbstractPotential, crystal: Cell, *, keep_cell: bool) -> Rested:
    """The crystal with its atoms, and unless it is kept the cell, at rest.

    Raises:
        DataError: no state of rest is found.
    """
    own = crystal
    _tell_time(potential, crystal)
    for _ in range(_TURNS):
        energy = energy_of(potential, own, _MARGIN)
        positions, cell = at_rest(energy, own.positions, own.cell, with_cell=not keep_cell)
        moved = float(np.abs(cell @ np.linalg.inv(own.cell) - np.eye(3)).max())
        own = own._replace(positions=positions, cell=cell)
        if moved < _SETTLED:
            break
    with jax.enable_x64(True):
        value = float(_valued(energy_of(potential, own, _MARGIN), jnp.asarray(own.positions), jnp.asarray(own.cell)))
    return Rested(own, value / len(own.kinds), np.linalg.solve(crystal.cell, own.cell))


def elastic_numbers(potential: AbstractPotential, own: Rested, lattice: np.ndarray) -> dict[str, np.ndarray]:
    """Elastic constants and what follows of them; ``lattice`` (3, 3) is the cell whose lengths and angles are told."""
    found = elastic_constants(energy_of(potential, own.cell, _MARGIN), own.cell.positions, own.cell.cell)
    several = moduli(found.relaxed)
    cell = lattice @ own.change
    length = np.linalg.norm(cell, axis=1)
    angles = [np.degrees(np.arccos(cell[i] @ cell[j] / length[i] / length[j])) for i, j in ((1, 2), (0, 2), (0, 1))]
    told: dict[str, Any] = {
        "energy_per_atom": own.energy, "length": length, "angle": angles,
        "volume_per_atom": abs(np.linalg.det(own.cell.cell)) / len(own.cell.kinds),
        "stress": found.stress, "pressure": -found.stress[:3].mean(),
        "elastic_constant": found.relaxed, "elastic_constant_clamped": found.clamped, "soft_motions": found.soft,
        "bulk_modulus_voigt": several.bulk_voigt, "bulk_modulus_reuss": several.bulk_reuss,
        "bulk_modulus": several.bulk, "shear_modulus_voigt": several.shear_voigt,
        "shear_modulus_reuss": several.shear_reuss, "shear_modulus": several.shear, "young_modulus": several.young,
        "poisson_ratio": several.poisson_ratio, "anisotropy": several.anisotropy, "least_stiffness": several.softest}
    return {name: np.asarray(value, float) for name, value in told.items()}


def widest_plane(crystal: Cell, lattice: np.ndarray) -> tuple[int, int, int]:
    """The plane with indices up to 1 in the vectors of ``lattice`` whose atoms are farthest from the next ones."""
    steps = (1, 0, -1)
    planes = [(h, k, l) for h in steps for k in steps for l in steps if (h, k, l) > (0, 0, 0)]  # noqa: E741
    planes.sort(key=lambda one: (sum(map(abs, one)), sum(part < 0 for part in one), one))
    gaps = [cut_along(crystal, _normal(one, lattice), 0.1).gap for one in planes]
    return planes[int(np.argmax(np.round(gaps, 3)))]


def _normal(plane: tuple[int, int, int], lattice: np.ndarray) -> np.ndarray:
    normal = np.linalg.inv(lattice) @ np.asarray(plane, float)
    return normal / np.linalg.norm(normal)


def way_in(crystal: Cell, lattice: np.ndarray, plane: tuple[int, int, int],
           direction: tuple[int, int, int] | None) -> Glide:
    """The crystal cut along a plane, and the vector of the plane's lattice along a direction, or the shortest one.

    Args:
        crystal: its smallest cell.
        lattice: the vectors (3, 3) that the indices of plane and direction are of.
        plane, direction: Miller's indices.

    Raises:
        ArgumentError: a plane of no such lattice, a direction out of the plane, or too many atoms.
    """
    cut = cut_along(crystal, _normal(plane, lattice), _THICK)
    if len(cut.whole.kinds) > _MOST_SLAB:
        raise ArgumentError(f"plane: a crystal of {_THICK:g} A over this plane has {len(cut.whole.kinds)} atoms, more "
                            f"than the {_MOST_SLAB} of which second derivatives are held; give a smaller cell, another "
                            "plane, or --plane none")
    flat = cut.whole.cell[:2]
    if direction is None:
        return Glide(cut, flat[0, :2])
    wanted = np.asarray(direction, float) @ lattice @ cut.turn
    wanted = wanted / np.linalg.norm(wanted)
    if abs(wanted[2]) > 1e-6:
        raise ArgumentError(f"direction = {direction}: it does not lie in the plane {plane}")
    steps = np.array(list(itertools.product(range(-_ALONG, _ALONG + 1), repeat=2)))
    ways = steps[steps.any(axis=1)] @ flat
    along = ways[np.abs(ways @ wanted - np.linalg.norm(ways, axis=1)) < 1e-4]
    if not len(along):
        raise ArgumentError(f"direction = {direction}: no short vector of the plane's lattice lies along it")
    return Glide(cut, along[np.linalg.norm(along, axis=1).argmin(), :2])


def plane_numbers(potential: AbstractPotential, way: Glide) -> dict[str, np.ndarray]:
    """Stiffness of the plane, its energies on a way and over the lattice, and the largest traction."""
    own, flat = way.cut.whole, way.cut.whole.cell[:2, :2]
    near = energy_of(potential, own, _MARGIN)
    stiff = shear_stiffness(near, own.positions, own.cell)
    share = np.arange(GRID) / GRID
    grid = np.stack(np.meshgrid(share, share, indexing="ij"), axis=-1)
    grid[1::2] = grid[1::2, ::-1]  # there and back, so that a gap begins near where it was
    surface = _nearest(grid.reshape(-1, 2) @ flat, flat)
    path = _nearest(np.linspace(0, 1, POINTS)[:, None] * way.period, flat)
    farthest = np.linalg.norm(np.concatenate([surface, path]), axis=1).max()
    far = energy_of(potential, own, float(np.hypot(farthest, _OPENING)))
    unit = way.period / np.linalg.norm(way.period)
    both = [slip_energy(far, own.positions, own.cell, path), _eased(far, own, path)]
    pull = np.stack([-one.traction @ unit for one in both])
    over = _eased(far, own, surface).energy.reshape(GRID, GRID)
    over[1::2] = over[1::2, ::-1]
    return {"interfacial_stiffness": np.stack([stiff.unrelaxed, stiff.normal, stiff.full]),
            "slip_energy": np.stack([one.energy for one in both]), "slip_opening": both[1].opening,
            "slip_traction": pull, "ideal_shear_strength": np.minimum(pull.max(axis=1), -pull.min(axis=1)),
            "gamma_energy": over}


def _eased(energy: Energy, own: Cell, path: np.ndarray) -> SlipEnergy:
    """Slip energies with the gap at rest; NaN where it finds no height."""
    try:
        return slip_energy(energy, own.positions, own.cell, path, normal=True)
    except DataError:
        nothing = np.full(len(path), np.nan)
        return SlipEnergy(nothing, nothing, np.full((len(path), 2), np.nan))


def _nearest(path: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """The same displacements by the shortest vectors: the energy repeats with the plane's lattice."""
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=2))) @ flat
    inside = path - np.round(path @ np.linalg.inv(flat)) @ flat
    several = inside[:, None] + steps
    return several[np.arange(len(path)), np.linalg.norm(several, axis=2).round(9).argmin(axis=1)]

r"""What it costs to slide one half of a crystal over the other: interfacial shear stiffness, slip energies, strength.

A rigid displacement u of what lies above a plane of the area A costs the energy E(u). The cell repeats along its third
vector, so that one that changes by u has one such plane. The interfacial stiffness is

$$k_s = \frac{1}{A} \frac{\partial^2 E}{\partial u_{xy}^2},$$

a tensor (2, 2), in eV/angstrom^4 or GPa/nm, *unrelaxed*; *normal* where the gap finds its height, so that the normal
stress stays what it was; *full* where all atoms do, with the cell's displacement held. The shear traction is
$-\frac1A \partial E / \partial u$, and its largest value on the way the ideal shear strength. A layered solid with one
such plane in every distance d has $C_{44} = k_s d$.

Where only energies of some registries are known, with their errors, the first Fourier terms of the plane's lattice tell
the stiffness: $E(u) = U_0 + 2 U_1 \sum_i \cos G_i u$ over the three pairs of shortest vectors $G_i$ of the reciprocal
lattice of a hexagonal plane, and $k_s = \tfrac32 |G|^2 U_1 / A$ at its minimum (where $U_1 < 0$, atom above atom is
the most stable, and $k_s = 3 |G|^2 |U_1| / A$).

Source: Vitek, Philos. Mag. 18, 773 (1968) (energies of slip).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.optimize import root_scalar

from asperity.atomistic.elasticity import Energy, second_derivatives, yielded
from asperity.atomistic.moduli import GPA
from asperity.messages import ArgumentError, DataError

__all__ = ["RegistryStiffness", "ShearStiffness", "SlipEnergy", "registry_stiffness", "shear_stiffness", "slip_energy"]

_PER_NM = 10 * GPA  # GPa/nm, of 1 eV/angstrom^4
_OPENING = 2.0  # angstrom, in which a gap finds its height,
_STEP = 0.05  # in steps of so much, until its pull changes sign
_FLAT = 1e-6  # of a cell's length: its first two vectors lie in the plane z = 0


class ShearStiffness(NamedTuple):
    """GPa/nm, of displacements along x and y."""

    unrelaxed: Float[np.ndarray, "2 2"]
    normal: Float[np.ndarray, "2 2"]  # with the gap at rest
    full: Float[np.ndarray, "2 2"]  # with all atoms at rest
    normal_stress: float  # GPa, at the gap as it was given; tension positive


class SlipEnergy(NamedTuple):
    """Along a path of displacements."""

    energy: Float[np.ndarray, " point"]  # J/m^2, over that of the first point
    opening: Float[np.ndarray, " point"]  # angstrom, by which the gap is wider than at first
    traction: Float[np.ndarray, "point 2"]  # GPa, -dE/du / A


class RegistryStiffness(NamedTuple):
    """Of a hexagonal plane at its most stable registry."""

    stiffness: float  # GPa/nm
    std: float  # GPa/nm, by the errors of the energies
    chi_square: float  # of the energies about the two terms, for each degree of freedom; NaN where there is none


def registry_stiffness(shifts: Float[np.ndarray, "registry 2"], energies: Float[np.ndarray, " registry"],
                       std: Float[np.ndarray, " registry"], lattice: float) -> RegistryStiffness:
    """The interfacial stiffness of a hexagonal plane, from energies of some registries at one distance.

    Args:
        shifts: angstrom, from the registry in which atom is above atom; one vector of the lattice lies along x.
        energies: eV of one cell of the plane.
        std: eV, their standard errors, independent.
        lattice: angstrom, the length of the vectors of the plane's cell.

    Raises:
        DataError: fewer than two registries, or ones that do not tell the corrugation from the mean.
    """
    turns = np.arange(3) * np.pi / 3 + np.pi / 6
    length = 4 * np.pi / (np.sqrt(3) * lattice)
    waves = length * np.stack([np.cos(turns), np.sin(turns)])
    columns = np.stack([np.ones(len(shifts)), 2 * np.cos(np.asarray(shifts) @ waves).sum(axis=1)], axis=1)
    weighted = columns / np.asarray(std)[:, None]
    if np.linalg.matrix_rank(weighted) < 2:
        raise DataError("the registries do not tell the corrugation from the mean: give at least two that differ in it")
    covariance = np.linalg.inv(weighted.T @ weighted)
    found = covariance @ (weighted.T @ (np.asarray(energies) / std))
    left = (np.asarray(energies) - columns @ found) / std
    freedom = len(energies) - 2
    size = 1.5 * length**2 / (np.sqrt(3) / 2 * lattice**2) * _PER_NM
    size *= 1.0 if found[1] > 0 else -2.0
    return RegistryStiffness(float(size * found[1]), float(abs(size) * np.sqrt(covariance[1, 1])),
                             float(left @ left / freedom) if freedom else np.nan)


def _area(cell: np.ndarray) -> float:
    """Of the plane of the first two vectors, angstrom^2. Raises ArgumentError: they do not lie in z = 0."""
    if np.abs(cell[:2, 2]).max() > _FLAT * np.abs(cell).max():
        raise ArgumentError("the first two vectors of the cell must lie in the plane of the interface, z = 0")
    return float(np.abs(np.linalg.det(cell[:2, :2])))


class _Slid(eqx.Module):
    """E of a displacement (3,) of what lies above, and displacements (3 N,) of the atoms."""

    energy: Energy
    positions: Array
    cell: Array
    above: Array | None  # (atom, 1), 1 or 0; None: what lies above is the next cell

    def __call__(self, u: Array, away: Array) -> Array:
        own, above = away.reshape(-1, 3), self.above
        if above is None:
            return self.energy(self.positions + own, self.cell.at[2].add(u))
        own -= above * (above * own).sum(axis=0) / above.sum()  # about the mean of each side, which u alone moves
        own -= (1 - above) * ((1 - above) * own).sum(axis=0) / (1 - above).sum()
        return self.energy(self.positions + own + above * u, self.cell)


def _slid(energy: Energy, positions: np.ndarray, cell: np.ndarray, upper: np.ndarray | None) -> _Slid:
    if upper is not None and not 0 < np.sum(upper) < len(upper):
        raise ArgumentError("upper: some of the atoms, not all, are above an interface")
    above = None if upper is None else jnp.asarray(upper, float)[:, None]
    return _Slid(energy, jnp.asarray(positions), jnp.asarray(cell), above)


@eqx.filter_jit
def _curvature(slid: _Slid) -> Array:
    """All second derivatives, of u and then of the atoms."""
    return second_derivatives(lambda x: slid(x[:3], x[3:]), jnp.zeros(3 + slid.positions.size))


@eqx.filter_jit
def _slope(slid: _Slid, u: Array) -> tuple[Array, Array]:
    """The energy and its derivatives by u, with the atoms as they are."""
    return jax.value_and_grad(lambda u: slid(u, jnp.zeros(slid.positions.size)))(u)


def shear_stiffness(energy: Energy, positions: Float[np.ndarray, "atom 3"], cell: Float[np.ndarray, "3 3"],
                    upper: Bool[np.ndarray, " atom"] | None = None) -> ShearStiffness:
    """The interfacial stiffness of a cell with one interface.

    Args:
        energy, positions, cell: as `asperity.atomistic.elasticity.elastic_constants` takes them.
        upper: the atoms above the interface, in a cell with a vacuum above them; None: the interface is that across
            the third vector of the cell, between its atoms and their images.

    The gap and the atoms should be at rest where the relaxed ones are asked for: they are derivatives at the state that
    is given.
    """
    with jax.enable_x64(True):
        positions, cell = np.asarray(positions, float), np.asarray(cell, float)
        area = _area(cell)
        slid = _slid(energy, positions, cell, upper)
        whole = np.asarray(_curvature(slid))
        pull = np.asarray(_slope(slid, jnp.zeros(3))[1])[2]
        kept = [0, 1]
        none, gap, every = (part / area * _PER_NM for part in (
            whole[:2, :2], _condensed(whole[:3, :3], kept), _condensed(whole, kept)))
        return ShearStiffness(none, gap, every, float(pull / area * GPA))


def _condensed(stiffness: np.ndarray, kept: list[int]) -> np.ndarray:
    """The stiffness of some coordinates where all others are at rest; motions that cost nothing are left out."""
    rest = [i for i in range(len(stiffness)) if i not in kept]
    across = stiffness[np.ix_(rest, kept)]
    answer, _ = yielded(stiffness[np.ix_(rest, rest)], across, float(np.abs(stiffness).max()))
    return stiffness[np.ix_(kept, kept)] - across.T @ answer


def slip_energy(energy: Energy, positions: Float[np.ndarray, "atom 3"], cell: Float[np.ndarray, "3 3"],
                path: Float[np.ndarray, "point 2"], *, upper: Bool[np.ndarray, " atom"] | None = None,
                normal: bool = False) -> SlipEnergy:
    """The energy of displacements (angstrom) of what lies above the interface, rigid; a grid of them is a surface.

    Args:
        energy: with a table of neighbors that holds on all of the path: give it as much more than the cutoff as the
            path goes.
        positions, cell: angstrom; the first two vectors in the plane z = 0.
        path: angstrom, along x and y.
        upper: as in `shear_stiffness`.
        normal: let the gap find its height at each point, downhill from that of the one before (within 2 angstrom of
            what it was at first).

    Raises:
        ArgumentError: the cell is not of that kind. DataError: a gap finds no height.
    """
    with jax.enable_x64(True):
        positions, cell = np.asarray(positions, float), np.asarray(cell, float)
        area = _area(cell)
        slid = _slid(energy, positions, cell, upper)

        def both(u: Array) -> tuple[Array, Array]:
            return _slope(slid, u)

        opening = np.zeros(len(path))
        for i, u in enumerate(np.asarray(path, float) if normal else ()):
            opening[i] = _height(both, u, opening[max(i - 1, 0)])
        found = [both(jnp.asarray([*u, height])) for u, height in zip(path, opening)]
        energies = np.array([float(value) for value, _ in found]) / area
        traction = -np.array([np.asarray(slope)[:2] for _, slope in found]) / area * GPA
        return SlipEnergy((energies - energies[0]) * GPA / 10, opening, traction)


def _height(both: Callable[[Array], tuple[Array, Array]], u: np.ndarray, before: float) -> float:
    """By how much the gap at this displacement is wider than at first: downhill from what it was ``before``."""
    def pull(height: float) -> float:
        return float(both(jnp.asarray([*u, height]))[1][2])

    slope = pull(before)
    step = -_STEP * np.sign(slope)
    height = before
    while pull(height + step) * slope > 0:
        height += step
        if abs(height) > _OPENING:
            raise DataError(f"the gap finds no height within {_OPENING:g} A at the displacement {u} A")
    return float(root_scalar(pull, bracket=sorted((height, height + step))).root) if step else before

"""Stiffness and energy of sliding: silicon by another program's numbers, layered solids by an exact relation."""

import numpy as np
import pytest

from asperity.atomistic.elasticity import elastic_constants
from asperity.atomistic.interfaces import registry_stiffness, shear_stiffness, slip_energy
from asperity.atomistic.neighbors import neighbors_within
from asperity.atomistic.potentials import LennardJones, StillingerWeber
from asperity.messages import ArgumentError, DataError
from tests.atomistic.crystals import silicon_111
from tests.atomistic.test_elasticity import SILICON, Bonds

A = 2.46  # angstrom, of graphene
EV = 16.0217662  # J/m^2, of 1 eV/angstrom^2


def energy(potential, positions, cell, more):
    found = neighbors_within(potential.cutoff + more, positions, cell)
    return lambda at, box: potential.energy(at, box, found, np.full(len(positions), 14))


def silicon(more):
    positions, cell = silicon_111(SILICON)
    return energy(StillingerWeber(), positions, cell, more), positions, cell


def test_shuffle_plane_of_silicon():
    """0.09953 eV/A^4 by matscipy's second differences; slip energies 0.0197, 0.0656, 0.0865 eV/A^2 by the tests
    of potentials of Bartok and others, Phys. Rev. X 8, 041048 (2018)."""
    found = shear_stiffness(*silicon(0.3))
    np.testing.assert_allclose(found.unrelaxed, 0.09953 * 1602.1766 * np.eye(2), rtol=2e-4, atol=1e-6)
    assert np.linalg.eigvalsh(found.full).max() < np.linalg.eigvalsh(found.normal).min() * (1 + 1e-9)
    total, positions, cell = silicon(3.0)
    path = np.concatenate([[[0, 0]], np.array([[1], [2], [3]]) / 6 * cell[1, :2]])
    slid = slip_energy(total, positions, cell, path)
    np.testing.assert_allclose(slid.energy[1:] / EV, [0.0197, 0.0656, 0.0865], atol=1e-4)


def test_traction_is_the_slope_and_an_open_gap_costs_less():
    total, positions, cell = silicon(3.0)
    along = np.linspace(0, 0.5, 41)
    path = along[:, None] * cell[1, :2]
    slid, eased = slip_energy(total, positions, cell, path), slip_energy(total, positions, cell, path, normal=True)
    length = np.linalg.norm(cell[1, :2])
    work = -slid.traction @ cell[1, :2] / length * (along[1] - along[0]) * length * 0.1  # J/m^2 of GPa times angstrom
    np.testing.assert_allclose(((work[1:] + work[:-1]) / 2).sum(), slid.energy[-1], rtol=2e-3)
    assert (eased.energy <= slid.energy + 1e-9).all()
    assert np.abs(eased.opening[20]) > 0.01


def test_bonds_across_a_plane_do_not_know_that_it_slides():
    """The bonds are normal to the plane: any model of bond lengths of the first shell has no stiffness there."""
    bond = np.sqrt(3) / 4 * SILICON
    positions, cell = silicon_111(SILICON)
    found = shear_stiffness(energy(Bonds(bond, 1.3 * bond), positions, cell, 0.1), positions, cell)
    assert np.abs(found.unrelaxed).max() < 1e-6


def test_a_layered_solid_has_the_stiffness_of_its_planes():
    """C44 = k_s d, where one atom repeats by a shift of a third; under a stress a simple shear adds to it."""
    own = LennardJones(0.0104, 3.40, 8.0)
    flat, height, side = np.zeros((1, 3)), 3.1, 3.9
    cell = np.array([[side, 0, 0], [side / 2, side * np.sqrt(3) / 2, 0], [0, side / np.sqrt(3), height]])
    total = energy(own, flat, cell, 0.5)
    found = shear_stiffness(total, flat, cell)
    elastic = elastic_constants(total, flat, cell)
    for way, (plane, along) in enumerate(((4, 0), (3, 1))):
        simple = elastic.clamped[plane, plane] + (elastic.stress[2] - elastic.stress[along]) / 2
        np.testing.assert_allclose(found.unrelaxed[way, way] * height / 10, simple, rtol=1e-9)
    np.testing.assert_allclose(found.normal_stress, elastic.stress[2], rtol=1e-9)
    assert abs(elastic.stress[2]) > 0.01


def test_two_layers_slide_as_one_plane_of_many():
    """A slab of two halves: unrelaxed, the stiffness of the plane between them is that of the crystal; it falls as more
    may move, and what is displaced cannot go back."""
    own = StillingerWeber()
    positions, cell = silicon_111(SILICON)
    double = np.concatenate([positions, positions + cell[2]])
    box = cell * np.array([[1], [1], [2]]) + np.array([[0, 0, 0], [0, 0, 0], [0, 0, 20.0]])
    upper = double[:, 2] > cell[2, 2]
    found = shear_stiffness(energy(own, double, box, 0.3), double, box, upper)
    np.testing.assert_allclose(found.unrelaxed, 0.09953 * 1602.1766 * np.eye(2), rtol=2e-4, atol=1e-6)
    assert 0 < found.full[0, 0] < found.normal[0, 0] * (1 + 1e-9)
    with pytest.raises(ArgumentError, match="upper: some of the atoms, not all"):
        shear_stiffness(energy(own, double, box, 0.3), double, box, np.ones(12, bool))


def test_registries_give_back_the_stiffness_of_their_waves():
    """An energy that is the first terms by construction, and its second derivative by differences."""
    length = 4 * np.pi / (np.sqrt(3) * A)

    def wave(u):
        turns = np.arange(3) * np.pi / 3 + np.pi / 6
        return 2 * 0.004 * np.cos(length * (np.cos(turns) * u[0] + np.sin(turns) * u[1])).sum()

    step, stable = np.array([1e-4, 0]), np.array([0, A / np.sqrt(3)])
    curve = (wave(stable + step) - 2 * wave(stable) + wave(stable - step)) / step[0] ** 2
    wanted = curve / (np.sqrt(3) / 2 * A**2) * 1602.1766
    shifts = np.array([[0, 0], [0, A / np.sqrt(3)], [A / 2, 0], [0, 0.3]])
    found = registry_stiffness(shifts, np.array([wave(u) for u in shifts]), np.full(4, 1e-3), A)
    np.testing.assert_allclose(found.stiffness, wanted, rtol=1e-6)
    assert found.chi_square < 1e-20
    draws = np.random.default_rng(0).normal(0, 1e-3, (4000, 4)) + [wave(u) for u in shifts]
    several = np.array([registry_stiffness(shifts, own, np.full(4, 1e-3), A).stiffness for own in draws])
    np.testing.assert_allclose(several.std(), found.std, rtol=0.05)


def test_what_cannot_be_is_refused():
    total, positions, cell = silicon(0.3)
    with pytest.raises(ArgumentError, match="in the plane of the interface, z = 0"):
        shear_stiffness(total, positions, cell[[2, 0, 1]])
    with pytest.raises(DataError, match="do not tell the corrugation from the mean"):
        registry_stiffness(np.zeros((3, 2)), np.ones(3), np.ones(3), A)

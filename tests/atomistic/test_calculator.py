"""A potential in ASE: its numbers, its signs by differences, optimizers and dynamics."""

import numpy as np
import pytest

from asperity.atomistic.potentials import LennardJones, StillingerWeber
from tests.atomistic.crystals import DIAMOND, cubic, repeated

ase = pytest.importorskip("ase")


def silicon(times=(1, 1, 1), shake=0.05):
    from asperity.atomistic.calculator import PotentialCalculator

    positions, cell = repeated(*cubic(DIAMOND, 5.43), times)
    atoms = ase.Atoms(f"Si{len(positions)}", positions=positions, cell=cell, pbc=True)
    atoms.rattle(shake, seed=1)
    atoms.calc = PotentialCalculator(StillingerWeber())
    return atoms


def test_forces_and_stress_against_differences():
    """Signs and Voigt's order as ASE has them."""
    from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

    atoms = silicon()
    strain = np.array([[1, 0.02, 0], [0, 1, 0.03], [0, 0, 1.01]])
    atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
    np.testing.assert_allclose(atoms.get_forces(), calculate_numerical_forces(atoms, 1e-4), atol=1e-6)
    np.testing.assert_allclose(atoms.get_stress(), calculate_numerical_stress(atoms, 1e-5), atol=1e-8)
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), rel=1e-14)


def test_an_optimizer_finds_the_crystal():
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS

    atoms = silicon()
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-5)
    assert abs(atoms.get_volume() ** (1 / 3) - 5.43095) < 1e-4
    assert abs(atoms.get_potential_energy() / 8 + 4.3366) < 1e-5


def test_energy_is_kept_by_dynamics():
    """64 atoms, 600 K at first, 0.2 ps of 1 fs: the table of neighbors is made anew on the way."""
    from ase import units
    from ase.md.verlet import VelocityVerlet

    atoms = silicon((2, 2, 2), 0.0)
    momenta = np.random.default_rng(0).normal(0, 1, (64, 3)) * np.sqrt(atoms.get_masses()[:, None] * 600 * units.kB)
    atoms.set_momenta(momenta - momenta.mean(axis=0))
    before = atoms.get_total_energy()
    VelocityVerlet(atoms, 1 * units.fs).run(200)
    assert abs(atoms.get_total_energy() - before) / 64 < 2e-4
    assert np.linalg.norm(atoms.positions - silicon((2, 2, 2), 0.0).positions, axis=1).max() > 0.1


def test_without_three_periods_there_is_no_stress():
    from ase.calculators.calculator import PropertyNotImplementedError

    from asperity.atomistic.calculator import PotentialCalculator

    pair = ase.Atoms("Ar2", positions=[[0, 0, 0], [0, 0, 3.816]])
    pair.calc = PotentialCalculator(LennardJones(0.0104, 3.40, 8.5))
    sixth, end = (3.40 / 3.816) ** 6, (3.40 / 8.5) ** 6
    wanted = 4 * 0.0104 * (sixth**2 - sixth - end**2 + end) - (3.816 - 8.5) * 24 * 0.0104 * (end - 2 * end**2) / 8.5
    assert pair.get_potential_energy() == pytest.approx(wanted, rel=1e-12)
    with pytest.raises(PropertyNotImplementedError):
        pair.get_stress()

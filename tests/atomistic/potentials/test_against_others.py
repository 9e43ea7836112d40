"""Potentials against another program, and against numbers of their papers."""

import jax.numpy as jnp
import numpy as np
import pytest

from asperity.atomistic.elasticity import at_rest, forces, stress
from asperity.atomistic.neighbors import neighbors_within
from asperity.atomistic.potentials import Interlayer, LennardJones, StillingerWeber
from tests.atomistic.crystals import DIAMOND, FCC, cubic, repeated


def test_stillinger_weber_against_matscipy(x64):
    atoms = pytest.importorskip("ase").Atoms
    manybody = pytest.importorskip("matscipy.calculators.manybody")
    forms = pytest.importorskip("matscipy.calculators.manybody.explicit_forms.stillinger_weber")
    rng = np.random.default_rng(0)
    positions, cell = repeated(*cubic(DIAMOND, 5.43), (2, 1, 1))
    turn = np.eye(3) + rng.normal(0, 0.03, (3, 3))
    positions, cell = (positions + rng.normal(0, 0.15, positions.shape)) @ turn, cell @ turn
    peer = atoms("Si16", positions=positions, cell=cell, pbc=True)
    peer.calc = manybody.Manybody(**forms.StillingerWeber(forms.Stillinger_Weber_PRB_31_5262_Si))
    own = StillingerWeber()
    found = neighbors_within(own.cutoff, positions, cell)
    args = jnp.asarray(positions), jnp.asarray(cell)

    def total(at, box):
        return own.energy(at, box, found, np.full(16, 14))

    np.testing.assert_allclose(total(*args), peer.get_potential_energy(), rtol=1e-11)
    np.testing.assert_allclose(forces(total, *args), peer.get_forces(), atol=1e-10)
    np.testing.assert_allclose(stress(total, *args), peer.get_stress(), atol=1e-11)


def test_an_infinite_fcc_crystal_of_lennard_jones(x64):
    """The lattice sums 14.45392 and 12.13188 (Kittel, Introduction to Solid State Physics): a crystal at rest has the
    distance 1.0902 sigma and -8.610 epsilon an atom; the cutoff's share is known in closed form to leading order."""
    own = LennardJones(1.0, 1.0, 5.0)
    positions, cell = cubic(FCC, 1.0902 * np.sqrt(2))
    found = neighbors_within(5.3, positions, cell)

    def total(at, box):
        return own.energy(at, box, found, np.zeros(4, int))

    rested, box = at_rest(total, positions, cell, with_cell=True)
    density = 4 / np.linalg.det(box)
    missing = 2 * np.pi * density * 4 * (-1 / (3 * 5.0**3))  # beyond the cutoff,
    shift = 0.5 * 4 * np.pi / 3 * 5.0**3 * density * (4 * 5.0**-6) + 0.5 * density * np.pi * 5.0**4 / 3 * (24 * 5.0**-7)
    assert abs(float(total(jnp.asarray(rested), jnp.asarray(box))) / 4 + missing - shift + 8.610) < 0.02
    assert abs(box[0, 0] / np.sqrt(2) - 1.0902) < 0.004


def test_graphite_of_kolmogorov_and_crespi(x64):
    """A bilayer is at rest near the distance of graphite, 3.34 angstrom, bound by about half of its 48 meV an atom."""
    a = 2.46
    own = Interlayer()

    def bilayer(shift, distance):
        cell = np.array([[a, 0, 0], [a / 2, a * np.sqrt(3) / 2, 0], [0, 0, 100.0]])
        flat = np.array([[0, 0, 0], [0, a / np.sqrt(3), 0]])
        positions = np.concatenate([flat, flat + np.array([0, shift, distance])])
        found = neighbors_within(own.cutoff, positions, cell)
        return float(own.energy(jnp.asarray(positions), jnp.asarray(cell), found, np.full(4, 6))) / 4

    heights = np.linspace(3.2, 3.6, 41)
    stacked = np.array([bilayer(a / np.sqrt(3), d) for d in heights])
    assert abs(heights[stacked.argmin()] - 3.37) < 0.04
    assert -0.026 < stacked.min() < -0.020
    assert 0.005 < bilayer(0.0, 3.37) - bilayer(a / np.sqrt(3), 3.37) < 0.012

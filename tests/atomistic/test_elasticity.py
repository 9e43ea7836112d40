"""Elastic constants against another program, exact relations, and the theorem on bond lengths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.atomistic import elasticity
from asperity.atomistic.elasticity import at_rest, elastic_constants, stress
from asperity.atomistic.moduli import GPA
from asperity.atomistic.neighbors import neighbors_within
from asperity.atomistic.potentials import AbstractLocalPotential, LennardJones, StillingerWeber
from asperity.messages import DataError
from tests.atomistic.crystals import DIAMOND, FCC, cubic, repeated, rotation

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
SILICON = 5.430949777  # angstrom, of Stillinger and Weber at rest


def energy(potential, positions, cell, more=0.5):
    found = neighbors_within(potential.cutoff + more, positions, cell)
    return lambda at, box: potential.energy(at, box, found, np.full(len(positions), 14))


def silicon():
    positions, cell = cubic(DIAMOND, SILICON)
    return energy(StillingerWeber(), positions, cell), positions, cell


@pytest.fixture(scope="module")
def constants():
    return elastic_constants(*silicon())


def test_silicon_against_matscipy(constants):
    """Its analytic Born constants and the part of the inner displacements."""
    atoms = pytest.importorskip("ase").Atoms
    manybody = pytest.importorskip("matscipy.calculators.manybody")
    forms = pytest.importorskip("matscipy.calculators.manybody.explicit_forms.stillinger_weber")
    from matscipy.elasticity import full_3x3x3x3_to_Voigt_6x6 as full
    from matscipy.elasticity import nonaffine_elastic_contribution as inner_part

    peer = atoms("Si8", positions=DIAMOND * SILICON, cell=SILICON * np.eye(3), pbc=True)
    peer.calc = manybody.Manybody(**forms.StillingerWeber(forms.Stillinger_Weber_PRB_31_5262_Si))
    born = full(peer.calc.get_property("born_constants", peer)) * GPA
    inner = full(inner_part(peer), check_symmetry=False) * GPA
    np.testing.assert_allclose(constants.clamped, born, atol=0.01)
    np.testing.assert_allclose(constants.relaxed, born + inner, atol=0.01)


def test_silicon_against_published_numbers(constants):
    """151.4, 76.4, 56.4 GPa (Cowley, Phys. Rev. Lett. 60, 2379 (1988)); without inner displacements 109.8."""
    found = constants.relaxed[0, 0], constants.relaxed[0, 1], constants.relaxed[3, 3], constants.clamped[3, 3]
    np.testing.assert_allclose(found, [151.42, 76.42, 56.45, 109.76], atol=0.01)
    np.testing.assert_allclose(constants.stress, 0.0, atol=1e-4)
    assert constants.soft == 0


def test_large_cells_by_products_alone(constants, monkeypatch):
    positions, cell = repeated(*silicon()[1:], (2, 1, 1))
    monkeypatch.setattr(elasticity, "_DENSE", 8)
    found = elastic_constants(energy(StillingerWeber(), positions, cell), positions, cell)
    np.testing.assert_allclose(found.relaxed, constants.relaxed, atol=1e-6)


def test_a_turned_crystal_has_turned_constants(constants):
    turn = rotation(np.random.default_rng(1))
    _, positions, cell = silicon()
    positions, cell = positions @ turn.T, cell @ turn.T
    found = elastic_constants(energy(StillingerWeber(), positions, cell), positions, cell)
    pairs = VOIGT
    full = np.zeros((3, 3, 3, 3))
    for i, (a, b) in enumerate(pairs):
        for j, (c, d) in enumerate(pairs):
            for p, q in ((a, b), (b, a)):
                for r, s in ((c, d), (d, c)):
                    full[p, q, r, s] = constants.relaxed[i, j]
    turned = np.einsum("ai,bj,ck,dl,ijkl->abcd", turn, turn, turn, turn, full)
    wanted = [[turned[a, b, c, d] for c, d in pairs] for a, b in pairs]
    np.testing.assert_allclose(found.relaxed, wanted, atol=1e-6)


@pytest.mark.study
def test_under_pressure_they_are_the_change_of_the_stress(x64):
    """By finite strains of a compressed crystal, whose atoms are at rest by symmetry in the first two."""
    own = LennardJones(0.0104, 3.40, 8.0)
    positions, cell = cubic(FCC, 5.0)
    total = energy(own, positions, cell, 1.0)
    found = elastic_constants(total, positions, cell)
    assert found.stress[0] < -0.5
    step = 1e-4
    for i, (a, b) in enumerate(VOIGT):
        ends = []
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[a, b] += sign * step / 2
            strain[b, a] += sign * step / 2
            turn = np.eye(3) + strain
            ends.append(np.asarray(stress(total, jnp.asarray(positions @ turn), jnp.asarray(cell @ turn))) * GPA)
        np.testing.assert_allclose(found.clamped[:, i], (ends[0] - ends[1]) / (2 * step), atol=2e-5)
    pressure = -found.stress[0]
    assert abs(found.clamped[0, 1] - found.clamped[3, 3] - 2 * pressure) < 1e-9  # Cauchy's relation under pressure


class Bonds(AbstractLocalPotential):
    """Springs between nearest neighbors, and no more: any model whose features are bond lengths is one, near rest."""

    length: float
    cutoff: float

    def energy_of_atom(self, away, present, kind, kinds):
        long = jnp.sqrt((away**2).sum(axis=1))
        return jnp.where(present & (long < self.cutoff), 5.0 * (long - self.length) ** 2, 0.0).sum()


def test_bond_lengths_of_the_first_shell_know_no_shear():
    """C' and the relaxed C44 of diamond are 0 for every such model; clamped, C44 is not."""
    bond = np.sqrt(3) / 4 * SILICON
    positions, cell = cubic(DIAMOND, SILICON)
    found = elastic_constants(energy(Bonds(bond, 1.3 * bond), positions, cell, 0.1), positions, cell)
    bulk = (found.relaxed[0, 0] + 2 * found.relaxed[0, 1]) / 3
    assert abs(found.relaxed[0, 0] - found.relaxed[0, 1]) < 1e-9 * bulk
    assert abs(found.relaxed[3, 3]) < 1e-9 * bulk
    assert found.clamped[3, 3] > 0.1 * bulk
    assert found.soft > 0


def test_atoms_that_are_not_at_rest_are_refused_and_come_to_it(x64):
    total, positions, cell = silicon()
    rng = np.random.default_rng(2)
    shaken = positions + rng.normal(0, 0.05, positions.shape)
    with pytest.raises(DataError, match=r"the largest force is .* bring the atoms to rest first \(at_rest\)"):
        elastic_constants(total, shaken, cell)
    rested, box = at_rest(total, shaken, 1.01 * cell, with_cell=True)
    assert np.abs(np.asarray(jax.grad(total)(jnp.asarray(rested), jnp.asarray(box)))).max() < 1e-8
    np.testing.assert_allclose(np.abs(np.linalg.det(box)), SILICON**3, rtol=1e-7)

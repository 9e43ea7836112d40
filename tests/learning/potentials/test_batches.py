"""A batch says the same as one configuration alone, and as derivatives by strains; few shapes are compiled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.atomistic.elasticity import forces, stress
from asperity.atomistic.neighbors import neighbors_within
from asperity.atomistic.potentials import StillingerWeber
from asperity.learning.potentials import batches
from asperity.learning.potentials.batches import energies_forces_stresses, graphs, packed, predicted, room_for, together
from asperity.messages import DataError
from tests.learning.potentials.pair_network import CUTOFF, by_images, pair_network, silicon


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(0)
    return [silicon(rng, times) for times in ((1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 1))]


def test_a_batch_says_what_each_says_alone(x64, known):
    """Stillinger-Weber, by the derivatives of its energy."""
    own = StillingerWeber()
    told = predicted(own, known)

    @jax.jit
    def alone(at, box, table):
        energy = lambda at, box: own.energy(at, box, table, jnp.full(len(at), 14))  # noqa: E731
        return energy(at, box), forces(energy, at, box), stress(energy, at, box)

    for one, said in zip(known, told):
        table = neighbors_within(own.cutoff, one.positions, one.cell, places=16)
        energy, pulls, stresses = alone(jnp.asarray(one.positions), jnp.asarray(one.cell), table)
        np.testing.assert_allclose(said.energy, energy, rtol=1e-12)
        np.testing.assert_allclose(said.forces, pulls, atol=1e-12)
        np.testing.assert_allclose(said.stress, stresses, atol=1e-14)


def test_single_precision_is_near_double(known):
    network = pair_network()
    with jax.enable_x64(True):
        double = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), network)
    for one, other in zip(predicted(network, known), predicted(double, known)):
        assert one.forces.dtype == np.float32
        assert other.forces.dtype == np.float64
        np.testing.assert_allclose(one.forces, other.forces, atol=1e-5 * np.abs(other.forces).max())
        np.testing.assert_allclose(one.energy, other.energy, rtol=1e-5)


def test_what_is_free_counts_for_nothing(x64, known):
    own = graphs(known, CUTOFF)
    room = room_for(own)
    wide = room._replace(atoms=room.atoms + 64, structures=room.structures + 3, places=room.places + 5)
    network = pair_network()
    said = jax.jit(energies_forces_stresses)
    one, other = (said(network, together(own, where)) for where in (room, wide))
    np.testing.assert_allclose(other.energy[:4], one.energy[:4], rtol=1e-12)
    np.testing.assert_allclose(other.stress[:4], one.stress[:4], atol=1e-14)
    np.testing.assert_allclose(other.forces[:48], one.forces[:48], atol=1e-13)
    assert not np.asarray(other.energy[4:]).any()
    assert not np.asarray(other.forces[48:]).any()


def test_overflow_is_told(known):
    own = graphs(known, CUTOFF)
    room = room_for(own)
    for small in (room._replace(atoms=40), room._replace(structures=3), room._replace(places=4)):
        with pytest.raises(DataError, match="do not fit"):
            together(own, small)


def test_batches_take_all_in_their_order(known):
    own = graphs(known * 5, CUTOFF)
    room = room_for(own, 40)
    order = np.random.default_rng(1).permutation(len(own))
    found = packed(own, order, room)
    assert [i for part in found for i in part] == list(order)
    for part in found:
        together([own[i] for i in part], room)


def test_few_shapes_are_compiled(known):
    """Other members, one shape: one program."""
    counted, network = [], pair_network()

    @jax.jit
    def said(batch):
        counted.append(1)
        return energies_forces_stresses(network, batch).energy

    own = graphs(known * 5, CUTOFF)
    room = room_for(own, 40)
    for seed in range(3):
        for part in packed(own, np.random.default_rng(seed).permutation(len(own)), room):
            said(together([own[i] for i in part], room))
    assert len(counted) == 1
    before = batches._prediction._cached._cache_size()
    predicted(network, known)
    predicted(network, [*known[::-1], known[0]])
    assert batches._prediction._cached._cache_size() <= before + 2


def test_the_generator_of_truth_is_right():
    """Its forces and stresses are differences of its energies."""
    one = silicon(np.random.default_rng(3), (1, 1, 1))
    way = np.random.default_rng(4).standard_normal(one.positions.shape)
    ends = [by_images(one.positions + sign * 1e-5 * way, one.cell)[0] for sign in (1, -1)]
    np.testing.assert_allclose((ends[0] - ends[1]) / 2e-5, -(one.forces * way).sum(), rtol=1e-6)
    shear = np.array([[0.3, 0.2, -0.1], [0.2, -0.5, 0.4], [-0.1, 0.4, 0.7]])
    ends = [by_images(one.positions @ turn, one.cell @ turn)[0]
            for turn in (np.eye(3) + sign * 1e-5 * shear for sign in (1, -1))]
    voigt = np.array([0.3, -0.5, 0.7, 0.8, -0.2, 0.4])
    np.testing.assert_allclose((ends[0] - ends[1]) / 2e-5, one.stress @ voigt * abs(np.linalg.det(one.cell)), rtol=1e-6)


def test_a_molecule_has_no_stress():
    one = silicon(np.random.default_rng(0), (1, 1, 1))._replace(periodic=np.zeros(3, bool), stress=None)
    said, = predicted(pair_network(), [one])
    assert np.isnan(said.stress).all()
    np.testing.assert_allclose(said.forces.sum(axis=0), 0, atol=1e-5)

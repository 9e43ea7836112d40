"""Symmetry, padding, ends and sizes of the networks, untrained; two species."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.atomistic.neighbors import Neighbors, neighbors_within, vectors
from asperity.atomistic.networks import DistanceGNN, EquivariantGNN, MomentNet, Scales
from asperity.messages import ArgumentError, DataError
from tests.atomistic.crystals import DIAMOND, cubic, rotation
from tests.atomistic.derived import derived, of

SCALES = Scales(cutoff=4.5, species=(14, 32), shift=(-2.0, 1.5), scale=1.3, crowd=17.0)
NETWORKS = {one.__name__: one for one in (DistanceGNN, MomentNet, EquivariantGNN)}
PLACES = 32  # of all tables here
KINDS = np.array([14, 32, 14, 14, 32, 32, 14, 32])

each = pytest.mark.parametrize("name", NETWORKS)


@functools.cache
def network_of(name):
    """One of them; drawn when a test wants it, and not by every worker that collects the tests."""
    with jax.enable_x64(False):  # the same weights whichever test comes first
        return NETWORKS[name](SCALES, jax.random.key(3), channels=6)


def crystal(seed=0):
    positions, cell = cubic(DIAMOND, 5.5)
    rng = np.random.default_rng(seed)
    strain = np.eye(3) + rng.normal(0, 0.03, (3, 3))
    return (positions + rng.normal(0, 0.1, positions.shape)) @ strain, cell @ strain


def tensor(voigt):
    xx, yy, zz, yz, xz, xy = voigt
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def moved(seed, reflect):
    """A rotation, an order, and the crystal turned, shifted and renumbered by them."""
    rng = np.random.default_rng(seed)
    (positions, cell), turn, order = crystal(), rotation(rng, reflect), rng.permutation(8)
    return turn, order, (positions @ turn.T + rng.normal(0, 1, 3))[order], cell @ turn.T


def compared(network, seed, reflect, precision):
    """Errors of the energy per atom, over 1 eV or itself, and of forces and stress over their largest."""
    turn, order, positions, cell = moved(seed, reflect)
    one = of(network, *(part.astype(precision) for part in crystal()), kinds=KINDS, places=PLACES)
    other = of(network, positions.astype(precision), cell.astype(precision), kinds=KINDS[order], places=PLACES)
    forces, stress = one[1] @ turn.T, turn @ tensor(one[2]) @ turn.T
    return (abs((other[0] - one[0]).mean()) / max(1.0, abs(one[0].mean())),
            np.abs(other[1] - forces[order]).max() / np.abs(forces).max(),
            np.abs(tensor(other[2]) - stress).max() / np.abs(stress).max())


@each
def test_no_frame_or_numbering_matters_in_double_precision(x64, name):
    for seed in range(4):
        assert max(compared(network_of(name), seed, seed % 2 == 1, np.float64)) < 1e-12


@each
def test_nor_in_single_precision(name):
    for seed in range(4):
        assert max(compared(network_of(name), seed, seed % 2 == 1, np.float32)) < 1e-5


@each
def test_padding_atoms_have_no_energy_and_change_nothing(x64, name):
    positions, cell = crystal()
    found = neighbors_within(SCALES.cutoff, positions, cell, places=PLACES)
    own = derived(network_of(name), jnp.asarray(positions), jnp.asarray(cell), found, jnp.asarray(KINDS))
    more = Neighbors(*(jnp.concatenate([part, part[:3] * wild], axis=0) for part, wild in zip(
        (found.index, found.shift, found.present), (1, 1, True))))  # rows that name neighbors, to be ignored
    index = more.index.at[:8, -1].set(9)  # and a padding atom as a neighbor
    present = more.present.at[:8, -1].set(True)
    assert not np.asarray(found.present)[:, -1].any()
    padded = derived(network_of(name), jnp.concatenate([jnp.asarray(positions), 7.0 + jnp.arange(9.0).reshape(3, 3)]),
                     jnp.asarray(cell), Neighbors(index, more.shift, present), jnp.asarray([*KINDS, 0, 0, 0]))
    assert (np.asarray(padded[0])[8:] == 0).all()
    assert (np.asarray(padded[1])[8:] == 0).all()
    for wide, one in zip((padded[0][:8], padded[1][:8], padded[2]), own):
        np.testing.assert_allclose(wide, one, rtol=0, atol=1e-13)


@each
def test_an_atom_alone_has_the_energy_that_was_told(x64, name):
    apart, cell = cubic(DIAMOND, 80.0)
    energies, forces, _ = of(network_of(name), apart, cell, kinds=KINDS, places=PLACES)
    assert (energies == np.where(KINDS == 14, -2.0, 1.5)).all()
    assert (forces == 0).all()


@each
def test_learned_energies_are_of_order_one_before_training(name):
    network = network_of(name)
    found = []
    for seed in range(8):
        drawn = jax.random.normal(jax.random.key(seed), network.embedding.shape)
        positions, cell = (part.astype(np.float32) for part in crystal(seed))
        energies = of(eqx.tree_at(lambda one: one.embedding, network, drawn), positions, cell, kinds=KINDS,
                      places=PLACES)[0]
        found.append((energies - np.where(KINDS == 14, -2.0, 1.5)) / SCALES.scale)
    assert 0.003 < np.abs(found).mean() < 3


@each
def test_settings_make_the_same_network_and_weights_are_single(name):
    network = network_of(name)
    again = type(network)(network.scales, jax.random.key(3), **network.settings())
    assert eqx.tree_equal(network, again)
    weights = jax.tree.leaves(network)
    assert {leaf.dtype for leaf in weights} == {np.dtype("float32")}
    assert (network.cutoff, network.species, network.shift, network.scale, network.crowd) == tuple(SCALES)


def test_species_that_it_does_not_know_are_told():
    network = network_of("MomentNet")
    network.check(np.array([14, 32, 0]))
    with pytest.raises(DataError, match="atomic numbers 6, 29: the network knows 14, 32 alone"):
        network.check(np.array([29, 14, 6]))


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"layers": 0}, {"radial": -1}, {"degree": 4}, {"degree": -1}])
def test_numbers_out_of_range_are_told(wrong):
    with pytest.raises(ArgumentError, match=f"{next(iter(wrong))} = {next(iter(wrong.values()))}"):
        MomentNet(SCALES, jax.random.key(0), **wrong)


@pytest.mark.parametrize("wrong", [{"cutoff": 0.0}, {"crowd": float("nan")}, {"scale": -1.0}, {"shift": (0.0,)}])
def test_scales_out_of_range_are_told(wrong):
    with pytest.raises(ArgumentError, match="must be above 0, and each species has one shift"):
        DistanceGNN(SCALES._replace(**wrong), jax.random.key(0))


def outputs(network, positions, cell, kinds):
    found = neighbors_within(network.cutoff, positions, cell, places=PLACES)

    @jax.jit
    def both(at, box, table, kinds):
        away = vectors(table, at, box)
        return network.vectors(away, table, kinds), network.tensors(away, table, kinds)

    return tuple(map(np.asarray, both(jnp.asarray(positions), jnp.asarray(cell), found, jnp.asarray(kinds))))


@pytest.mark.parametrize("reflect", [False, True])
def test_vectors_and_tensors_turn_with_the_atoms(x64, reflect):
    network = network_of("EquivariantGNN")
    turn, order, positions, cell = moved(5, reflect)
    vector, symmetric = outputs(network, *crystal(), KINDS)
    turned, turned_too = outputs(network, positions, cell, KINDS[order])
    assert min(np.abs(vector).max(), np.abs(symmetric).max()) > 1e-3
    np.testing.assert_allclose(turned, (vector @ turn.T)[order], atol=1e-13)
    np.testing.assert_allclose(turned_too, np.einsum("ij,njk,lk->nil", turn, symmetric, turn)[order], atol=1e-13)
    np.testing.assert_allclose(symmetric, symmetric.transpose(0, 2, 1), atol=1e-14)
    assert np.abs(np.trace(symmetric, axis1=1, axis2=2)).max() > 1e-3


def test_a_center_of_symmetry_has_no_vector(x64):
    """An atom of the lattice fcc; its tensor is a number times the unit tensor."""
    vector, symmetric = outputs(network_of("EquivariantGNN"), *cubic(DIAMOND[:4], 4.1), np.full(4, 14))
    assert np.abs(vector).max() < 1e-13
    np.testing.assert_allclose(symmetric, symmetric[:, :1, :1] * np.eye(3), atol=1e-13)


def test_a_network_of_a_low_degree_has_no_tensors():
    low = EquivariantGNN(SCALES, jax.random.key(0), channels=2, degree=1)
    with pytest.raises(ArgumentError, match="a network of the degree 1 has no such output: it needs 2"):
        outputs(low, *crystal(), KINDS)

"""What a network of distances cannot know, and one of angles does."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.optimize import brentq

from asperity.atomistic.elasticity import elastic_constants
from asperity.atomistic.interfaces import shear_stiffness
from asperity.atomistic.neighbors import Neighbors, neighbors_within, vectors
from asperity.atomistic.networks import DistanceGNN, EquivariantGNN, MomentNet, Scales
from tests.atomistic.crystals import DIAMOND, cubic, silicon_111
from tests.atomistic.derived import of

SHELL = Scales(cutoff=3.77, species=(14,), shift=(0.0,), scale=1.0, crowd=4.0)  # the first shell of silicon alone
WHOLE = Scales(cutoff=9.0, species=(14,), shift=(0.0,), scale=1.0, crowd=5.0)


def cloud(gram):
    """Six atoms, three and their opposites, with these products of their vectors; everyone sees all others."""
    three = np.linalg.cholesky(gram)
    positions = jnp.asarray(np.concatenate([three, -three]))
    others = jnp.array([[j for j in range(6) if j != i] for i in range(6)])
    table = Neighbors(others, jnp.zeros((6, 5, 3)), jnp.ones((6, 5), bool))
    return positions, 50.0 * jnp.eye(3), table, jnp.full(6, 14)


PRODUCTS = np.array([[4.0, 1.1, 0.7], [1.1, 5.0, 1.6], [0.7, 1.6, 6.0]])  # angstrom^2


@pytest.mark.study
def test_two_clouds_of_one_distance_graph(x64):
    """Three vectors and their opposites, and the same with one of the three products reversed: no rotation or
    reflection takes one to the other (the sign of the product of all three), but each atom sees the same distances to
    atoms that see the same distances, and so on. Of the kind of Pozdnyakov and Ceriotti, arXiv 2201.07136."""
    other = PRODUCTS.copy()
    other[1, 2] = other[2, 1] = -PRODUCTS[1, 2]
    clouds = cloud(PRODUCTS), cloud(other)
    energies = jax.jit(lambda network, at, *rest: network.energies(vectors(rest[1], at, rest[0]), *rest[1:]))
    for make, same in ((DistanceGNN, True), (MomentNet, False), (EquivariantGNN, False)):
        network = make(WHOLE, jax.random.key(0), channels=6)
        one, two = (np.asarray(energies(network, *each)) for each in clouds)
        spread = np.abs(one).max()
        if same:
            np.testing.assert_allclose(one, two, rtol=0, atol=1e-13 * spread)
        else:
            assert np.abs(np.sort(one) - np.sort(two)).max() > 1e-4 * spread


def trained():
    """A network of distances with its least energy at the lattice constant of silicon: the energies of a well."""
    lattice = np.linspace(5.36, 5.52, 9)
    cells = [cubic(DIAMOND, a) for a in lattice]
    found = [neighbors_within(SHELL.cutoff, *one, places=8) for one in cells]
    table = jax.tree.map(lambda *parts: jnp.stack(parts), *found)
    at, box = (jnp.asarray(np.stack(part)) for part in zip(*cells))
    wanted = jnp.asarray(40 * (lattice / 5.43 - 1) ** 2 - 4.3)
    network = DistanceGNN(SHELL, jax.random.key(1), channels=6, layers=2)
    rule = optax.adam(5e-3)

    @jax.jit
    def step(network, state):
        def loss(network):
            energies = jax.vmap(lambda *one: network.energy(*one, jnp.full(8, 14)))(at, box, table) / 8
            return ((energies - wanted) ** 2).mean()

        change, state = rule.update(jax.grad(loss)(network), state)
        return optax.apply_updates(network, change), state

    state = rule.init(network)
    for _ in range(300):
        network, state = step(network, state)
    return network


def stress_free(network):
    """Lattice constants without a stress at which the second shell is beyond the cutoff."""
    def pressure(a):
        return of(network, *cubic(DIAMOND, a), places=8)[2][0]

    tried = np.linspace(SHELL.cutoff * np.sqrt(2) + 1e-3, 6.6, 40)
    values = [pressure(a) for a in tried]
    return [brentq(pressure, low, high, xtol=1e-14, rtol=1e-14)
            for low, high, one, two in zip(tried, tried[1:], values, values[1:]) if one * two < 0]


def energy(network, positions, cell):
    found = neighbors_within(network.cutoff + 0.02, positions, cell, places=16)
    kinds = np.full(len(positions), 14)
    return lambda at, box: network.energy(at, box, found, kinds), positions, cell


@pytest.mark.parametrize("made", ["untrained", pytest.param("trained", marks=pytest.mark.study)])
def test_bond_lengths_of_the_first_shell_have_no_shear_stiffness(x64, made):
    """Whatever the weights are: at every lattice constant without stress, C', C44 with the atoms at rest and the
    stiffness of the shuffle plane are 0."""
    if made == "trained":
        network = trained()
        (lattice,) = [a for a in stress_free(network) if 5.4 < a < 5.46]
    else:
        drawn = (DistanceGNN(SHELL, jax.random.key(seed), channels=6, layers=2) for seed in range(20))
        network, lattice = next((one, a) for one in drawn for a in stress_free(one))
    elastic = elastic_constants(*energy(network, *cubic(DIAMOND, lattice))).relaxed
    plane = shear_stiffness(*energy(network, *silicon_111(lattice)))
    bulk = abs(elastic[0, 0] + 2 * elastic[0, 1]) / 3
    assert bulk > 0.1
    assert abs(elastic[0, 0] - elastic[0, 1]) / 2 < 1e-6 * bulk
    assert abs(elastic[3, 3]) < 1e-6 * bulk
    assert np.abs(plane.unrelaxed).max() * lattice / 10 < 1e-6 * bulk  # GPa/nm times angstrom


@pytest.mark.study
def test_angles_in_the_first_shell_have_one(x64):
    """By differences: C', C44 with the two sublattices at rest, and the traction of a plane that slides."""
    network, step = MomentNet(SHELL, jax.random.key(0), channels=6), 1e-4
    positions, cell = cubic(DIAMOND, 5.43)

    def at(strain, apart=0.0):
        """Stress and the force on the second sublattice, moved along x."""
        turn = np.eye(3) + np.asarray(strain)
        shifted = positions @ turn + apart * np.outer(np.arange(8) >= 4, [1.0, 0, 0])
        _, forces, stress = of(network, shifted, cell @ turn, places=8)
        return np.array([stress[0] - stress[1], stress[3], forces[4:, 0].sum()])

    axial, shear = np.diag([step, -step, 0]), step / 2 * np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0]])
    prime = (at(axial) - at(-axial))[0] / (4 * step)
    _, clamped, push = (at(shear) - at(-shear)) / (2 * step)
    _, mixed, inner = (at(0 * shear, step) - at(0 * shear, -step)) / (2 * step)
    relaxed = clamped - mixed * push / inner
    bulk = abs((of(network, *cubic(DIAMOND, 5.43 * (1 + step)), places=8)[2][0] - at(0 * shear)[1]).max()) / 3
    flat, box = silicon_111(5.43)
    slid = [of(network, flat, box + way * step * np.outer([0, 0, 1], [1.0, 0, 0]), places=8)[2][4] for way in (1, -1)]
    sliding = (slid[0] - slid[1]) / (2 * step) * 5.43
    assert np.abs([prime, relaxed, sliding]).min() > 1e-3 * np.abs([clamped, bulk]).max()

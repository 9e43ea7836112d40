"""What every potential promises, run on each of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.atomistic.neighbors import Neighbors
from asperity.atomistic.networks import DistanceGNN, EquivariantGNN, MomentNet, Scales
from asperity.atomistic.potentials import Interlayer, LennardJones, StillingerWeber
from tests.atomistic.crystals import DIAMOND, FCC, cubic, rotation
from tests.atomistic.derived import derived, of

STEP = 3e-6  # angstrom
PLACES = 200  # for the neighbors of each atom in all of the crystals here


def layers():
    """Two layers of graphene, a little out of registry."""
    a = 2.46
    cell = np.array([[a, 0, 0], [a / 2, a * np.sqrt(3) / 2, 0], [0, 0, 20.0]])
    flat = np.array([[0, 0, 0], [0, a / np.sqrt(3), 0]])
    return np.concatenate([flat, flat + np.array([0.3, 0.2, 3.3])]), cell


SCALES = Scales(cutoff=4.5, species=(14,), shift=(0.0,), scale=1.0, crowd=17.0)
POTENTIALS = {"Stillinger-Weber": (StillingerWeber, cubic(DIAMOND, 5.43)),
              "Lennard-Jones": (lambda: LennardJones(0.0104, 3.40, 8.5), cubic(FCC, 5.30)),
              "interlayer": (lambda: Interlayer(cutoff=9.0), layers()),
              "distances": (lambda: DistanceGNN(SCALES, jax.random.key(0)), cubic(DIAMOND, 5.43)),
              "moments": (lambda: MomentNet(SCALES, jax.random.key(0)), cubic(DIAMOND, 5.43)),
              "equivariant": (lambda: EquivariantGNN(SCALES, jax.random.key(0), channels=8), cubic(DIAMOND, 5.43))}
FREE = {"interlayer"}  # that know a direction by nature: the normal of the layers

each = pytest.mark.parametrize("name", POTENTIALS)


@functools.cache
def potential_of(name):
    """One of them; made when a test wants it, and not by every worker that collects the tests."""
    with jax.enable_x64(False):  # the same weights whichever test comes first
        return POTENTIALS[name][0]()


def built(name, seed=0):
    """The potential, and positions a little out of place in a cell a little strained."""
    potential, (positions, cell) = potential_of(name), POTENTIALS[name][1]
    rng = np.random.default_rng(seed)
    strain = np.eye(3) + (0 if name in FREE else 1) * rng.normal(0, 0.02, (3, 3))
    return potential, (positions + rng.normal(0, 0.05, positions.shape)) @ strain, cell @ strain


@each
def test_forces_and_stress_are_derivatives(x64, name):
    potential, positions, cell = built(name)
    rng = np.random.default_rng(1)
    way, shear = rng.standard_normal(positions.shape), rng.standard_normal((3, 3))
    shear = shear + shear.T
    _, forces, stress = of(potential, positions, cell, more=0.1, places=PLACES)
    ends = [of(potential, positions + sign * STEP * way, cell, more=0.1, places=PLACES)[0].sum() for sign in (1, -1)]
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * STEP), -(forces * way).sum(), rtol=2e-7, atol=1e-9)
    ends = [of(potential, positions @ turn, cell @ turn, more=0.1, places=PLACES)[0].sum()
            for turn in (np.eye(3) + sign * STEP * shear for sign in (1, -1))]
    voigt = np.array([shear[0, 0], shear[1, 1], shear[2, 2], 2 * shear[1, 2], 2 * shear[0, 2], 2 * shear[0, 1]])
    along = stress @ voigt * abs(np.linalg.det(cell))
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * STEP), along, rtol=2e-7, atol=1e-8)


@pytest.mark.parametrize("reflect", [False, True])
@each
def test_frame_origin_and_numbering_do_not_matter(x64, name, reflect):
    potential, positions, cell = built(name)
    rng = np.random.default_rng(2)
    turn, order = rotation(rng, reflect), rng.permutation(len(positions))
    if name in FREE:
        turn = np.diag([1.0, -1.0 if reflect else 1.0, 1.0])
    moved = (positions @ turn.T + [0.3, -0.7, 1.1])[order]
    before, forces, _ = of(potential, positions, cell, places=PLACES)
    after, found, _ = of(potential, moved, cell @ turn.T, places=PLACES)
    assert abs(after.sum() - before.sum()) < 1e-12 * len(positions) * max(1.0, abs(before.sum()))
    turned = forces @ turn.T
    np.testing.assert_allclose(found, turned[order], rtol=0, atol=1e-12 * np.abs(turned).max() + 1e-13)


@each
def test_more_places_or_a_wider_table_change_nothing(x64, name):
    potential, positions, cell = built(name)
    own, wide = of(potential, positions, cell, places=PLACES), of(potential, positions, cell, more=1.0)
    np.testing.assert_allclose(wide[0], own[0], rtol=1e-12)
    np.testing.assert_allclose(wide[1], own[1], atol=1e-12)


@each
def test_it_ends_at_the_cutoff_with_its_force(x64, name):
    """Two atoms that come apart: energy and force of the pair go to 0."""
    potential, *_ = built(name)
    upright = np.array([0.0, 0.0, 1.0])
    pair = Neighbors(jnp.array([[1], [0]]), jnp.zeros((2, 1, 3)), jnp.ones((2, 1), bool))

    def pair_of(length):
        energies, forces, _ = derived(potential, jnp.stack([jnp.zeros(3), length * upright]), 100 * jnp.eye(3), pair,
                                      jnp.array([14, 14]))
        return float(energies.sum()), float(forces[1, 2])

    inside, outside = (pair_of(potential.cutoff * way) for way in (1 - 1e-5, 1 + 1e-9))
    typical = max(abs(pair_of(x * potential.cutoff)[0]) for x in (0.5, 0.6, 0.7, 0.8))
    assert abs(inside[0]) < 1e-6 * typical
    assert abs(inside[1]) < 1e-3 * typical / potential.cutoff
    assert outside == (0.0, 0.0)

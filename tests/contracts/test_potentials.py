"""What every potential promises, run on each of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.atomistic.elasticity import forces, stress
from asperity.atomistic.neighbors import Neighbors, neighbors_within
from asperity.atomistic.networks import DistanceGNN, MomentNet, Scales
from asperity.atomistic.potentials import Interlayer, LennardJones, StillingerWeber
from tests.atomistic.crystals import DIAMOND, FCC, cubic, rotation

STEP = 3e-6  # angstrom


def layers():
    """Two layers of graphene, a little out of registry."""
    a = 2.46
    cell = np.array([[a, 0, 0], [a / 2, a * np.sqrt(3) / 2, 0], [0, 0, 20.0]])
    flat = np.array([[0, 0, 0], [0, a / np.sqrt(3), 0]])
    return np.concatenate([flat, flat + np.array([0.3, 0.2, 3.3])]), cell


SCALES = Scales(cutoff=4.5, species=(14,), shift=(0.0,), scale=1.0, crowd=17.0)
POTENTIALS = {"Stillinger-Weber": (StillingerWeber(), cubic(DIAMOND, 5.43)),
              "Lennard-Jones": (LennardJones(0.0104, 3.40, 8.5), cubic(FCC, 5.30)),
              "interlayer": (Interlayer(cutoff=9.0), layers()),
              "distances": (DistanceGNN(SCALES, jax.random.key(0)), cubic(DIAMOND, 5.43)),
              "moments": (MomentNet(SCALES, jax.random.key(0)), cubic(DIAMOND, 5.43))}
FREE = {"interlayer"}  # that know a direction by nature: the normal of the layers

each = pytest.mark.parametrize("name", POTENTIALS)


def built(name, seed=0):
    """The potential, and positions a little out of place in a cell a little strained."""
    potential, (positions, cell) = POTENTIALS[name]
    rng = np.random.default_rng(seed)
    strain = np.eye(3) + (0 if name in FREE else 1) * rng.normal(0, 0.02, (3, 3))
    return potential, (positions + rng.normal(0, 0.05, positions.shape)) @ strain, cell @ strain


def energy(potential, positions, cell, *, places=None):
    found = neighbors_within(potential.cutoff, positions, cell, places=places)
    kinds = np.full(len(positions), 14)
    return lambda own, box: potential.energy(own, box, found, kinds)


@each
def test_forces_and_stress_are_derivatives(x64, name):
    potential, positions, cell = built(name)
    total = energy(potential, positions, cell)
    rng = np.random.default_rng(1)
    way, shear = rng.standard_normal(positions.shape), rng.standard_normal((3, 3))
    shear = shear + shear.T
    ends = [float(total(jnp.asarray(positions + sign * STEP * way), jnp.asarray(cell))) for sign in (1, -1)]
    along = -(np.asarray(forces(total, jnp.asarray(positions), jnp.asarray(cell))) * way).sum()
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * STEP), along, rtol=2e-7, atol=1e-9)
    ends = [float(total(jnp.asarray(positions @ turn), jnp.asarray(cell @ turn)))
            for turn in (np.eye(3) + sign * STEP * shear for sign in (1, -1))]
    voigt = np.array([shear[0, 0], shear[1, 1], shear[2, 2], 2 * shear[1, 2], 2 * shear[0, 2], 2 * shear[0, 1]])
    along = np.asarray(stress(total, jnp.asarray(positions), jnp.asarray(cell))) @ voigt * abs(np.linalg.det(cell))
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
    one, other = energy(potential, positions, cell), energy(potential, moved, cell @ turn.T)
    before, after = float(one(jnp.asarray(positions), jnp.asarray(cell))), float(other(jnp.asarray(moved),
                                                                                       jnp.asarray(cell @ turn.T)))
    assert abs(after - before) < 1e-12 * len(positions) * max(1.0, abs(before))
    turned = np.asarray(forces(one, jnp.asarray(positions), jnp.asarray(cell))) @ turn.T
    found = np.asarray(forces(other, jnp.asarray(moved), jnp.asarray(cell @ turn.T)))
    np.testing.assert_allclose(found, turned[order], rtol=0, atol=1e-12 * np.abs(turned).max() + 1e-13)


@each
def test_more_places_or_a_wider_table_change_nothing(x64, name):
    potential, positions, cell = built(name)
    own = energy(potential, positions, cell)
    found = neighbors_within(potential.cutoff + 1.0, positions, cell)
    wide = lambda at, box: potential.energy(at, box, found, np.full(len(positions), 14))  # noqa: E731
    args = jnp.asarray(positions), jnp.asarray(cell)
    np.testing.assert_allclose(wide(*args), own(*args), rtol=1e-12)
    np.testing.assert_allclose(forces(wide, *args), forces(own, *args), atol=1e-12)


@each
def test_it_ends_at_the_cutoff_with_its_force(x64, name):
    """Two atoms that come apart: energy and force of the pair go to 0."""
    potential, *_ = built(name)
    upright = np.array([0.0, 0.0, 1.0])
    pair = Neighbors(jnp.array([[1], [0]]), jnp.zeros((2, 1, 3)), jnp.ones((2, 1), bool))

    def total(length):
        return potential.energy(jnp.stack([jnp.zeros(3), length * upright]), 100 * jnp.eye(3), pair, np.array([14, 14]))

    inside, outside = potential.cutoff * (1 - 1e-5), potential.cutoff * (1 + 1e-9)
    typical = max(abs(float(total(x * potential.cutoff))) for x in (0.5, 0.6, 0.7, 0.8))
    assert abs(float(total(inside))) < 1e-6 * typical
    assert abs(float(jax.grad(total)(inside))) < 1e-3 * typical / potential.cutoff
    assert float(total(outside)) == 0.0
    assert float(jax.grad(total)(outside)) == 0.0

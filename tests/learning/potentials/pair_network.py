"""A potential of pairs with a few weights, and silicon by a pair potential of its own to learn from."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from asperity.atomistic.networks import AbstractNetwork, Scales
from asperity.learning.potentials.configurations import Configuration
from tests.atomistic.crystals import DIAMOND, cubic, repeated

CUTOFF = 4.0  # angstrom


class PairNetwork(AbstractNetwork):
    """f_i = sum_jn w_n R_n(r_ij): linear in its weights."""

    weights: jax.Array
    scales: Scales = eqx.field(static=True)
    channels: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    radial: int = eqx.field(static=True)

    def __init__(self, weights):
        self.weights, self.radial = jnp.asarray(weights, jnp.float32), len(weights)
        self.channels = self.layers = 1
        self.scales = Scales(CUTOFF, (14,), (0.0,), 1.0, 16.0)

    def settings(self):
        return {"radial": self.radial}

    def learned(self, seen):
        return (seen.radial @ self.weights.astype(seen.radial.dtype)).reshape(seen.neighbor.shape).sum(axis=1)


def pair_network(seed=0, radial=6):
    return PairNetwork(np.random.default_rng(seed).normal(0, 0.1, radial))


def silicon(rng, times, *, forces=True, stress=True, group=""):
    """Diamond out of place and strained; energies of V = 3 exp(-1.2 r) (1 - r / 4)^2 by sums over images, in NumPy."""
    positions, cell = repeated(*cubic(DIAMOND, 5.43), times)
    strain = np.eye(3) + rng.normal(0, 0.03, (3, 3))
    positions, cell = (positions + rng.normal(0, 0.1, positions.shape)) @ strain, cell @ strain
    energy, pulls, stresses = by_images(positions, cell)
    return Configuration(positions, cell, np.ones(3, bool), np.full(len(positions), 14), energy,
                         pulls if forces else None, stresses if stress else None, group)


def by_images(positions, cell, reach=2):
    """eV, eV/angstrom, eV/angstrom^3."""
    shifts = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 3) @ cell
    away = positions[None, :, None] - positions[:, None, None] + shifts
    r = np.linalg.norm(away, axis=-1)
    near = (r > 0) & (r < CUTOFF)
    x = np.where(near, r, 1.0)
    value = np.where(near, 3 * np.exp(-1.2 * x) * (1 - x / CUTOFF) ** 2, 0)
    slope = np.where(near, 3 * np.exp(-1.2 * x) * (1 - x / CUTOFF) * (-1.2 * (1 - x / CUTOFF) - 2 / CUTOFF), 0)
    along = (slope / x)[..., None] * away
    virial = np.einsum("ijsa,ijsb->ab", along, away) / 2
    return value.sum() / 2, along.sum((1, 2)), (virial / abs(np.linalg.det(cell)))[
        [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]

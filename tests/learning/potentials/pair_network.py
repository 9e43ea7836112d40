"""A potential of pairs with a few weights, and silicon by a pair potential of its own to learn from."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from asperity.atomistic.networks import AbstractNetwork
from asperity.learning.potentials.configurations import Configuration
from tests.atomistic.crystals import DIAMOND, cubic, repeated

CUTOFF = 4.0  # angstrom


class PairNetwork(AbstractNetwork):
    """E_i = shift + scale sum_jn w_n sin(n pi r / r_c) (1 - r / r_c)^2: linear in its weights."""

    weights: jax.Array
    cutoff: float = eqx.field(static=True, default=CUTOFF)
    species: tuple[int, ...] = eqx.field(static=True, default=(14,))
    shift: tuple[float, ...] = eqx.field(static=True, default=(0.0,))
    scale: float = eqx.field(static=True, default=1.0)
    crowd: float = eqx.field(static=True, default=16.0)

    def settings(self):
        return {"terms": len(self.weights)}

    def check(self, kinds):
        assert set(kinds) <= {14}

    def energies(self, away, neighbors, kinds):
        length = jnp.sqrt((away**2).sum(-1))
        near = neighbors.present & (length < self.cutoff)
        x = jnp.where(near, length / self.cutoff, 0.5)
        waves = jnp.sin(jnp.pi * x[..., None] * jnp.arange(1, len(self.weights) + 1))
        pairs = (waves @ self.weights) * jnp.where(near, (1 - x) ** 2, 0.0)
        return jnp.where(kinds > 0, self.shift[0] + self.scale * pairs.sum(1), 0.0)


def pair_network(seed=0, terms=6, **fields):
    return PairNetwork(jnp.asarray(np.random.default_rng(seed).normal(0, 0.1, terms), jnp.float32), **fields)


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

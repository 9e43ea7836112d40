"""A network that knows distances alone: the control."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from asperity.atomistic.networks._network import AbstractNetwork, Nearby, Scales, bent, checked, drawn, smooth

__all__ = ["DistanceGNN"]


class _Layer(eqx.Module):
    """Messages from neighbors, by their distance, and what an atom makes of them."""

    radial: Float[Array, "radial channel"]
    sent: Float[Array, "channel channel"]
    own: Float[Array, "species channel"]
    mix: Float[Array, "channel channel"]
    update: Float[Array, "channel channel"]
    read: Float[Array, "channel 1"]

    def __init__(self, key: Array, species: int, channels: int, radial: int) -> None:
        keys = jax.random.split(key, 6)
        self.radial = smooth(keys[0], radial, channels)
        self.sent = drawn(keys[1], channels, channels)
        self.own = jax.random.normal(keys[2], (species, channels), jnp.float32)
        self.mix = drawn(keys[3], channels, channels)
        self.update = drawn(keys[4], channels, channels)
        self.read = drawn(keys[5], channels, 1)


class DistanceGNN(AbstractNetwork):
    r"""Features of an atom, and messages from its neighbors by the distance:

    $$h_i \to h_i + U\!\left(\frac{o_{s_i}}{n} \sum_j R(r_{ij}) \odot W h_j\right),$$

    of which each layer gives a part of the energy. It knows no angle between bonds: where all neighbors are of the
    first shell of a diamond crystal without stress, it has no shear stiffness whatever it has learned, and some
    different surroundings are the same to it at any cutoff (Pozdnyakov, Ceriotti, arXiv 2201.07136). It is here to be
    compared with.

    Source: Schutt, Sauceda, Kindermans, Tkatchenko, Muller, J. Chem. Phys. 148, 241722 (2018) (SchNet).
    """

    embedding: Float[Array, "species channel"]
    steps: tuple[_Layer, ...]
    scales: Scales = eqx.field(static=True)
    channels: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    radial: int = eqx.field(static=True)

    def __init__(self, scales: Scales, key: Array, *, channels: int = 32, layers: int = 3, radial: int = 8) -> None:
        self.scales = checked(scales, channels, layers, radial)
        self.channels, self.layers, self.radial = channels, layers, radial
        first, *keys = jax.random.split(key, layers + 1)
        count = len(self.scales.species)
        self.embedding = jax.random.normal(first, (count, channels), jnp.float32)
        self.steps = tuple(_Layer(one, count, channels, radial) for one in keys)

    def settings(self) -> dict[str, int]:
        """channels, layers, radial."""
        return {"channels": self.channels, "layers": self.layers, "radial": self.radial}

    def learned(self, seen: Nearby) -> Float[Array, " atom"]:
        """The network's number of each atom."""
        features, total = seen.species @ self.embedding, jnp.zeros(len(seen.species), seen.radial.dtype)
        for step in self.steps:
            sent = (features @ step.sent)[seen.neighbor]
            told = (bent(seen.radial @ step.radial).reshape(sent.shape) * sent).sum(axis=1) / self.crowd
            change = bent((told @ step.mix) * (seen.species @ step.own)) @ step.update
            features = features + change
            total = total + (change @ step.read)[:, 0]
        return total / self.layers**0.5

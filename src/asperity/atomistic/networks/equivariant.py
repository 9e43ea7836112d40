"""The network whose features turn with the atoms: besides energies it gives vectors and tensors."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from asperity.atomistic.neighbors import Neighbors
from asperity.atomistic.networks._network import AbstractNetwork, Nearby, Scales, bent, checked, drawn, smooth
from asperity.atomistic.networks.couplings import couples, coupling, harmonics
from asperity.messages import ArgumentError

__all__ = ["EquivariantGNN"]

Features = list[Float[Array, "order atom channel"]]


class _Layer(eqx.Module):
    """Messages of every degree, and what an atom makes of them."""

    radial: Float[Array, "radial channel"]
    sent: Float[Array, "degree channel channel"]
    mix: list[Array]
    kept: Float[Array, "degree channel channel"]
    own: Float[Array, "species channel"]
    update: Float[Array, "scalar hidden"]
    gates: Float[Array, "hidden channels_of_all_degrees"]
    read: Float[Array, "hidden 1"]

    def __init__(self, key: Array, species: int, sizes: tuple[int, int, int], first: bool) -> None:
        (channels, degree, radial), keys = sizes, jax.random.split(key, 8)
        pairs, known = _pairs(degree, first), 0 if first else 1
        self.radial = smooth(keys[0], radial, channels)
        self.sent = drawn(keys[1], degree + 1, channels, channels)
        count = [sum(couples(*pair, out) for pair in pairs) for out in range(degree + 1)]
        self.mix = [drawn(one, n * channels, channels) for one, n in zip(jax.random.split(keys[2], degree + 1), count)]
        self.kept = drawn(keys[3], degree + 1, channels, channels)
        self.own = jax.random.normal(keys[4], (species, channels), jnp.float32)
        self.update = drawn(keys[5], (degree + 2 + known) * channels, 2 * channels)
        self.gates = drawn(keys[6], 2 * channels, (degree + 1) * channels)
        self.read = drawn(keys[7], 2 * channels, 1)


class EquivariantGNN(AbstractNetwork):
    r"""Features $h_{lmc}$ that turn like the harmonics $Y_{lm}$, and messages that couple them to these:

    $$M_{i,lc} = \sum_{l_1 l_2} W \Big[\frac{1}{\sqrt n} \sum_j R_c(r_{ij})\,
      h_{j,l_1 c} \otimes Y_{l_2}(\hat r_{ij})\Big]_l, \qquad
      h_{i,l} \to g_{lc}\, (M_{i,lc} + K h_{i,l}),$$

    with gates g that a layer of silu makes of the scalars $M_0$, $|M_l|^2$ and $h_0$; each layer gives a part of the
    energy. Every feature has the parity $(-1)^l$. Its vectors and tensors turn with the atoms under rotations and
    reflections: dipoles, displacements, charges of Born, stress of an atom. For energies alone `MomentNet` is faster.

    Source: Batzner and others, Nat. Commun. 13, 2453 (2022) (NequIP).
    """

    embedding: Float[Array, "species channel"]
    steps: tuple[_Layer, ...]
    outward: Float[Array, "3 channel 1"]
    scales: Scales = eqx.field(static=True)
    channels: int = eqx.field(static=True)
    degree: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    radial: int = eqx.field(static=True)

    def __init__(self, scales: Scales, key: Array, *, channels: int = 16, degree: int = 2, layers: int = 2,
                 radial: int = 8) -> None:
        self.scales = checked(scales, channels, layers, radial, degree)
        self.channels, self.degree, self.layers, self.radial = channels, degree, layers, radial
        first, last, *keys = jax.random.split(key, layers + 2)
        count = len(self.scales.species)
        self.embedding = jax.random.normal(first, (count, channels), jnp.float32)
        self.steps = tuple(_Layer(one, count, (channels, degree, radial), number == 0)
                           for number, one in enumerate(keys))
        self.outward = drawn(last, 3, channels, 1)

    def settings(self) -> dict[str, int]:
        """channels, degree, layers, radial."""
        return {"channels": self.channels, "degree": self.degree, "layers": self.layers, "radial": self.radial}

    def learned(self, seen: Nearby) -> Float[Array, " atom"]:
        """The network's number of each atom."""
        return self.features(seen)[0]

    def features(self, seen: Nearby) -> tuple[Float[Array, " atom"], Features]:
        """The network's number of each atom, and its features after the last layer, degree by degree."""
        angular = jnp.concatenate(harmonics(seen.direction, self.degree)).swapaxes(0, 1)
        held, total = [(seen.species @ self.embedding)[None]], jnp.zeros(len(seen.species), seen.radial.dtype)
        for number, step in enumerate(self.steps):
            weight = bent(seen.radial @ step.radial).reshape(*seen.neighbor.shape, self.channels)
            sent = [one @ step.sent[degree] for degree, one in enumerate(held)]
            told = [jnp.concatenate(one, axis=-1) @ step.mix[degree] * (seen.species @ step.own)
                    for degree, one in enumerate(_messages(angular, weight, sent, seen.neighbor, self.crowd))]
            scalars = [told[0][0], *((one**2).mean(axis=0) for one in told)]
            if number:
                scalars.append(held[0][0])
                told = [one + held[degree] @ step.kept[degree] for degree, one in enumerate(told)]
            inside = bent(jnp.concatenate(scalars, axis=1) @ step.update)
            gates = jnp.split(jnp.tanh(inside @ step.gates), self.degree + 1, axis=1)
            held = [gates[0][None], *(one * gate for one, gate in zip(told[1:], gates[1:]))]
            total = total + (inside @ step.read)[:, 0]
        return total / self.layers**0.5, held

    def vectors(self, away: Float[Array, "atom place 3"], neighbors: Neighbors,
                kinds: Int[Array, " atom"]) -> Float[Array, "atom 3"]:
        """A vector for each atom, of order one; it turns with the atoms, and a reflection reflects it.

        Raises:
            ArgumentError: a network of the degree 0.
        """
        held, outward, known = self._outputs(away, neighbors, kinds, 1)
        return (held[1] @ outward[1])[:, :, 0].T * known[:, None]

    def tensors(self, away: Float[Array, "atom place 3"], neighbors: Neighbors,
                kinds: Int[Array, " atom"]) -> Float[Array, "atom 3 3"]:
        """A symmetric tensor for each atom, of order one, which turns with the atoms.

        Raises:
            ArgumentError: a network of a degree below 2.
        """
        held, outward, known = self._outputs(away, neighbors, kinds, 2)
        table = jnp.asarray(coupling(1, 1, 2), away.dtype)
        without = jnp.einsum("abm,mn->nab", table, (held[2] @ outward[2])[:, :, 0])
        sphere = (held[0] @ outward[0])[0, :, 0][:, None, None] * jnp.eye(3, dtype=away.dtype)
        return (without + sphere) * known[:, None, None]

    def _outputs(self, away: Array, neighbors: Neighbors, kinds: Any, degree: int) -> tuple[Features, Array, Array]:
        if self.degree < degree:
            raise ArgumentError(f"a network of the degree {self.degree} has no such output: it needs {degree}")
        own, seen = self.cast(away.dtype), self.nearby(away, neighbors, kinds)
        return own.features(seen)[1], own.outward, seen.species.sum(axis=1)


def _pairs(degree: int, first: bool) -> list[tuple[int, int]]:
    """Degrees of features and of harmonics; at first there are scalars alone."""
    return [(held, turned) for held in range(1 if first else degree + 1) for turned in range(degree + 1)]


def _messages(angular: Float[Array, "atom turned place"], weight: Float[Array, "atom place channel"], sent: Features,
              neighbor: Int[Array, "atom place"], crowd: float) -> list[list[Array]]:
    """For each degree what the pairs of degrees give to it; the couplings act on sums over the neighbors."""
    degree = round(angular.shape[1] ** 0.5) - 1
    found: list[list[Array]] = [[] for _ in range(degree + 1)]
    gathered = jnp.concatenate(sent).swapaxes(0, 1)[neighbor] * weight[:, :, None]  # atom place order channel
    sums = jnp.einsum("nbk,nkac->abnc", angular, gathered)
    for held, turned in _pairs(degree, len(sent) == 1):
        product = sums[held**2 : (held + 1) ** 2, turned**2 : (turned + 1) ** 2] / crowd ** (0.5 if turned else 1.0)
        for out in range(degree + 1):
            if couples(held, turned, out):
                table = jnp.asarray(coupling(held, turned, out), product.dtype)
                found[out].append(jnp.tensordot(table, product, ((0, 1), (0, 1))))
    return found

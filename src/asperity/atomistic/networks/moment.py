"""The network of moments: products of sums over neighbors, to the fourth body."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from asperity.atomistic.networks._network import AbstractNetwork, Nearby, Scales, bent, checked, drawn, smooth
from asperity.atomistic.networks.couplings import coupled, couples, harmonics

__all__ = ["MomentNet"]


class _Layer(eqx.Module):
    """Moments of what the neighbors send, and what an atom makes of them."""

    radial: Float[Array, "radial hidden"]
    mix: Float[Array, "degree hidden channel"]
    own: Float[Array, "species scalar"]
    update: Float[Array, "scalar hidden"]
    sent: Float[Array, "hidden hidden"]
    read: Float[Array, "hidden 1"]

    def __init__(self, key: Array, species: int, channels: int, radial: int, degree: int, known: int) -> None:
        keys = jax.random.split(key, 6)
        scalars, hidden = _count(degree) * channels, 2 * channels
        self.radial = smooth(keys[0], radial, hidden)
        self.mix = drawn(keys[1], degree + 1, hidden, channels)
        self.own = jax.random.normal(keys[2], (species, scalars), jnp.float32)
        self.update = drawn(keys[3], scalars + known, hidden)
        self.sent = drawn(keys[4], hidden, hidden) / 3  # as the third power of what is sent counts
        self.read = drawn(keys[5], hidden, 1)


class MomentNet(AbstractNetwork):
    r"""Moments of an atom's neighbors, and their products that no rotation changes:

    $$A_{i,lmc} = \frac{1}{\sqrt n} \sum_q W_{lcq} \sum_j Y_{lm}(\hat r_{ij})\, R_q(r_{ij})\, h_{jq}, \qquad
      B = \{A_{00},\; A_l \cdot A_l,\; (A_{l_1} \otimes A_{l_2})_{l_3} \cdot A_{l_3}\}.$$

    The products know up to three neighbors at once, with the angles between them. A layer maps them to a part of the
    energy and to what its atom sends in the next one, so that two layers see twice as far and more bodies.

    Source: Drautz, Phys. Rev. B 99, 014104 (2019) (atomic cluster expansion); Batatia, Kovacs, Simm, Ortner, Csanyi,
    arXiv 2206.07697 (2022) (MACE).
    """

    embedding: Float[Array, "species hidden"]
    steps: tuple[_Layer, ...]
    scales: Scales = eqx.field(static=True)
    channels: int = eqx.field(static=True)
    degree: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    radial: int = eqx.field(static=True)

    def __init__(self, scales: Scales, key: Array, *, channels: int = 16, degree: int = 3, layers: int = 2,
                 radial: int = 8) -> None:
        self.scales = checked(scales, channels, layers, radial, degree)
        self.channels, self.degree, self.layers, self.radial = channels, degree, layers, radial
        first, *keys = jax.random.split(key, layers + 1)
        count = len(self.scales.species)
        self.embedding = jax.random.normal(first, (count, 2 * channels), jnp.float32)
        self.steps = tuple(_Layer(one, count, channels, radial, degree, 2 * channels * (number > 0))
                           for number, one in enumerate(keys))

    def settings(self) -> dict[str, int]:
        """channels, degree, layers, radial."""
        return {"channels": self.channels, "degree": self.degree, "layers": self.layers, "radial": self.radial}

    def learned(self, seen: Nearby) -> Float[Array, " atom"]:
        """The network's number of each atom."""
        angular = jnp.concatenate(harmonics(seen.direction, self.degree)).swapaxes(0, 1)
        features, total = seen.species @ self.embedding, jnp.zeros(len(seen.species), seen.radial.dtype)
        for number, step in enumerate(self.steps):
            weight = bent(seen.radial @ step.radial).reshape(*seen.neighbor.shape, -1)
            if number or len(self.species) > 1:  # where all neighbors are alike, R says it all
                weight = weight * features[seen.neighbor]
            sums = jnp.einsum("nmk,nkq->nmq", angular, weight)
            told = _invariants(_moments(sums, step.mix, self.crowd)) * (seen.species @ step.own)
            changed = bent((jnp.concatenate([told, features], axis=1) if number else told) @ step.update)
            features = changed @ step.sent
            total = total + (changed @ step.read)[:, 0]
        return total / self.layers**0.5


def _moments(sums: Float[Array, "atom order hidden"], mix: Float[Array, "degree hidden channel"],
             crowd: float) -> list[Float[Array, "order atom channel"]]:
    """Degree by degree; the sums over neighbors of the degree 0 count them, others partly cancel."""
    return [jnp.swapaxes(sums[:, degree**2 : (degree + 1) ** 2] @ (one / crowd ** (0.5 if degree else 1.0)), 0, 1)
            for degree, one in enumerate(mix)]


def _invariants(moments: list[Float[Array, "order atom channel"]]) -> Float[Array, "atom scalar"]:
    """One, squares and cubes of moments, each channel by itself."""
    found = [moments[0][0]]
    found += [(own**2).mean(axis=0) for own in moments]
    for first, second, third in _triples(len(moments) - 1):
        both = coupled(moments[first], moments[second], third)
        found.append((both * moments[third]).sum(axis=0) / len(both) ** 0.5)
    return jnp.concatenate(found, axis=1)


def _triples(degree: int) -> list[tuple[int, int, int]]:
    """Degrees, ascending, whose product has an invariant."""
    return [(one, two, three) for three in range(degree + 1) for two in range(three + 1) for one in range(two + 1)
            if couples(one, two, three)]


def _count(degree: int) -> int:
    return 2 + degree + len(_triples(degree))

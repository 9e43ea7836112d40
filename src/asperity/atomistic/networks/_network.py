"""The contract of a network, and what all of them see of an atom's neighbors."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from asperity.atomistic.neighbors import Neighbors
from asperity.atomistic.networks.couplings import HIGHEST
from asperity.atomistic.potentials import AbstractPotential
from asperity.messages import ArgumentError, DataError

__all__ = ["AbstractNetwork", "Nearby", "Scales", "bent", "checked", "drawn", "smooth"]

_POWER = 6  # of the envelope, which leaves the cutoff with three derivatives of 0


class Scales(NamedTuple):
    """What a network is told of its data, so that what is left to learn is of order one."""

    cutoff: float  # angstrom
    species: tuple[int, ...]  # atomic numbers that it knows
    shift: tuple[float, ...]  # eV, the energy of an atom of each species that has no neighbors
    scale: float  # eV, of the learned energy of an atom
    crowd: float  # neighbors that an atom has within the cutoff, on average


class Nearby(NamedTuple):
    """What a network sees of the neighbors of each atom, in the numbers of its weights."""

    radial: Float[Array, "atom_place radial"]  # functions of the distance, 0 in free places and beyond the cutoff
    direction: Float[Array, "3 atom place"]
    neighbor: Int[Array, "atom place"]
    species: Float[Array, "atom species"]  # 1 at the species of the atom, all 0 for padding


class AbstractNetwork(AbstractPotential):
    """A potential whose weights are learned: $E_i = E_0(s_i) + \\epsilon\\, f_i$ with the network's number f.

    The float arrays are what is trained; all else is fixed when it is made. An atom of the kind 0 fills a shape: its
    energy is 0, and it is nobody's neighbor. An atom without neighbors has the energy that its species is told in
    `Scales`, exactly.
    """

    scales: eqx.AbstractVar[Scales]
    channels: eqx.AbstractVar[int]
    layers: eqx.AbstractVar[int]
    radial: eqx.AbstractVar[int]

    @property
    def cutoff(self) -> float:  # type: ignore[override]
        """angstrom."""
        return self.scales.cutoff

    @property
    def species(self) -> tuple[int, ...]:
        """The atomic numbers that it knows."""
        return self.scales.species

    @property
    def shift(self) -> tuple[float, ...]:
        """eV, of an atom of each species without neighbors."""
        return self.scales.shift

    @property
    def scale(self) -> float:
        """eV, of the learned energies."""
        return self.scales.scale

    @property
    def crowd(self) -> float:
        """The mean number of neighbors."""
        return self.scales.crowd

    @abstractmethod
    def settings(self) -> dict[str, int]:
        """The numbers that it was made with, by their names."""

    @abstractmethod
    def learned(self, seen: Nearby) -> Float[Array, " atom"]:
        """The network's number of each atom, 0 where it has no neighbors."""

    def energies(self, away: Float[Array, "atom place 3"], neighbors: Neighbors,
                 kinds: Int[Array, " atom"]) -> Float[Array, " atom"]:
        """eV of each atom."""
        seen = self.nearby(away, neighbors, kinds)
        shift = jnp.asarray(self.shift, away.dtype)
        return seen.species @ shift + self.scale * self.cast(away.dtype).learned(seen) * seen.species.sum(axis=1)

    def nearby(self, away: Float[Array, "atom place 3"], neighbors: Neighbors,
               kinds: Int[Array, " atom"]) -> Nearby:
        """What it sees of the neighbors."""
        kinds = jnp.asarray(kinds)
        length = jnp.sqrt((away**2).sum(axis=2))
        near = neighbors.present & (kinds[neighbors.index] > 0) & (length < self.cutoff)
        species = (kinds[:, None] == jnp.asarray(self.species)).astype(away.dtype)
        direction = jnp.moveaxis(away, 2, 0) / length
        radial = _basis(length / self.cutoff, near, self.radial).reshape(-1, self.radial)
        return Nearby(radial, direction, neighbors.index, species)

    def cast(self, dtype: Any) -> Self:
        """The same with weights of this precision."""
        return jax.tree.map(lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf, self)

    def check(self, kinds: Int[np.ndarray, " atom"]) -> None:
        """Raises DataError where an atomic number is not among those that the network knows."""
        unknown = sorted(set(np.asarray(kinds).tolist()) - {0, *self.species})
        if unknown:
            raise DataError(f"atomic numbers {', '.join(map(str, unknown))}: the network knows "
                            f"{', '.join(map(str, self.species))} alone; train one with structures of all of them")


def _basis(x: Float[Array, "atom place"], near: Bool[Array, "atom place"], count: int
           ) -> Float[Array, "atom place radial"]:
    r"""$\sqrt 2 \sin(n \pi x) / x$ with an end at x = 1 that has three derivatives of 0.

    Source: Gasteiger, Gross, Gunnemann, arXiv 2003.03123 (2020).
    """
    x = jnp.where(near, x, 0.5)
    p = _POWER
    end = 1 - x**p * ((p + 1) * (p + 2) / 2 - x * (p * (p + 2) - x * (p * (p + 1) / 2)))
    waves, twice = [jnp.zeros_like(x), jnp.sin(jnp.pi * x)], 2 * jnp.cos(jnp.pi * x)
    while len(waves) <= count:
        waves.append(twice * waves[-1] - waves[-2])
    return jnp.stack(waves[1:], axis=-1) * (jnp.where(near, end, 0.0) * 2**0.5 / x)[:, :, None]


def drawn(key: Array, *shape: int) -> Array:
    """Weights whose products with numbers of order one are of order one; the second last axis is summed over."""
    return jax.random.normal(key, shape, jnp.float32) / np.sqrt(shape[-2]).astype(np.float32)


def smooth(key: Array, radial: int, features: int) -> Float[Array, "radial feature"]:
    """The same for functions of the distance: the faster they turn the less they weigh at first."""
    number = jnp.arange(1, radial + 1, dtype=jnp.float32)[:, None]
    return drawn(key, radial, features) / number * jnp.sqrt(radial / (number**-2).sum())


def bent(x: Float[Array, ...]) -> Float[Array, ...]:
    """The nonlinear unit: 0 stays 0, and normal numbers keep their mean square."""
    return 1.68 * jax.nn.silu(x)


def checked(scales: Scales, channels: int, layers: int, radial: int, degree: int = 0) -> Scales:
    """The scales as plain numbers. Raises ArgumentError for numbers out of their range."""
    if not (scales.cutoff > 0 and scales.scale > 0 and scales.crowd > 0 and len(scales.species) == len(scales.shift)):
        raise ArgumentError(f"{scales}: cutoff, scale and crowd must be above 0, and each species has one shift")
    if min(channels, layers, radial) < 1 or not 0 <= degree <= HIGHEST:
        raise ArgumentError(f"channels = {channels}, layers = {layers}, radial = {radial}, degree = {degree}: at least "
                            f"1, and a degree from 0 to {HIGHEST}")
    return Scales(float(scales.cutoff), tuple(map(int, scales.species)), tuple(map(float, scales.shift)),
                  float(scales.scale), float(scales.crowd))

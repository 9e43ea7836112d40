"""The potential of Stillinger and Weber: bonds and the angles between them."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from asperity.atomistic.potentials._potential import AbstractLocalPotential

__all__ = ["StillingerWeber"]

_NEAR = 1e-2  # of sigma, before the cutoff, where exp(sigma / (r - a sigma)) is 0 to all digits


class StillingerWeber(AbstractLocalPotential):
    r"""With $x = r/\sigma$ below a,

    $$E_i = \frac{\epsilon}{2} \sum_j A\,(B x_{ij}^{-p} - x_{ij}^{-q})\, e^{1/(x_{ij} - a)}
      + \frac{\epsilon \lambda}{2} \sum_{j \ne k} (\cos\theta_{jik} + \tfrac13)^2\,
        e^{\gamma/(x_{ij} - a) + \gamma/(x_{ik} - a)}.$$

    The values that stand here are those of silicon. Source: Stillinger, Weber, Phys. Rev. B 31, 5262 (1985).
    """

    epsilon: float = 2.1683  # eV
    sigma: float = 2.0951  # angstrom
    bond: float = 7.049556277  # A
    repulsion: float = 0.6022245584  # B
    angle: float = 21.0  # lambda
    decay: float = 1.2  # gamma
    cutoff: float = 1.8 * 2.0951  # angstrom, a sigma
    power: int = eqx.field(static=True, default=4)  # p
    attraction: int = eqx.field(static=True, default=0)  # q

    def energy_of_atom(self, away: Float[Array, "place 3"], present: Bool[Array, " place"], kind: Int[Array, ""],
                       kinds: Int[Array, " place"]) -> Float[Array, ""]:
        """eV of one atom."""
        length, end = jnp.sqrt((away**2).sum(axis=1)), self.cutoff / self.sigma
        near = present & (length / self.sigma < end - _NEAR)
        x = jnp.where(near, length / self.sigma, end / 2)
        fall = jnp.where(near, jnp.exp(1 / (x - end)), 0.0)
        pairs = self.bond * (self.repulsion * x**-self.power - x**-self.attraction) * fall
        weight = jnp.where(near, jnp.exp(self.decay / (x - end)), 0.0)
        toward = away / length[:, None]
        angles = jnp.square(toward @ toward.T + 1 / 3) * weight[:, None] * weight
        both = 1 - jnp.eye(len(x), dtype=x.dtype)
        return self.epsilon / 2 * (pairs.sum() + self.angle * (both * angles).sum())

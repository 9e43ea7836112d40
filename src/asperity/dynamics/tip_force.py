"""The force between an oscillating tip and a sample: what attracts before contact, any contact model, and viscosity."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from asperity.contact import AbstractContactModel

__all__ = ["TipForce"]

Scalar = Float[Array, ""]


def _number() -> Any:
    return eqx.field(converter=jnp.asarray, default=0.0)


class TipForce(eqx.Module):
    r"""With the distance d of the surfaces, the indentation $\delta = a_0 - d$, and the radius R,

    $$F = \begin{cases} -HR/6d^2 & d > a_0 \\ -HR/6a_0^2 + F_c(\delta) - \eta \sqrt{R \delta}\,\dot d & d \le a_0
      \end{cases}$$

    $F_c$ is that of the contact model, which may attract by itself: then leave the Hamaker constant 0. A model whose
    contact ends below zero indentation (JKR) is in contact from $\delta = 0$ on until it lets go: it has a memory,
    ``touching``, and takes up energy.

    Source: Derjaguin, Muller, Toporov, J. Colloid Interface Sci. 53, 314 (1975); Garcia, San Paulo, Phys. Rev. B 60,
    4961 (1999) (viscosity).
    """

    contact: AbstractContactModel
    radius: Scalar = _number()  # m
    hamaker: Scalar = _number()  # J
    cutoff: Scalar = _number()  # m, a_0
    viscosity: Scalar = _number()  # Pa s

    def touches(self, distance: Scalar, touching: Bool[Array, ""]) -> Bool[Array, ""]:
        """Whether the tip is in contact at this distance, given whether it was."""
        _, theta = self.contact.amplitudes_of()
        end = jnp.minimum(self.contact.end_of_contact(theta), 0.0)
        end = jnp.where(jnp.isfinite(end), end, 0.0)
        indentation = self.cutoff - distance
        return (indentation >= 0) | (touching & (indentation >= end))

    def force(self, distance: Scalar, velocity: Scalar, touching: Bool[Array, ""]) -> Scalar:
        """N at one distance (m) with its velocity (m/s)."""
        indentation = self.cutoff - distance
        inside = jnp.where(touching, indentation, 0.0)
        beyond = jnp.maximum(distance, self.cutoff)
        attraction = jnp.where(self.hamaker > 0, -self.hamaker * self.radius / 6 / jnp.where(
            self.hamaker > 0, beyond, 1.0) ** 2, 0.0)
        pressed = jnp.where(inside > 0, inside, 1e-30)
        drag = -self.viscosity * jnp.sqrt(self.radius * pressed) * velocity
        elastic = self.contact.force(inside)
        return attraction + jnp.where(touching, elastic, 0.0) + jnp.where(touching & (inside > 0), drag, 0.0)

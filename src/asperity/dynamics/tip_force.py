"""The force between an oscillating tip and a sample: what attracts before contact, any contact model, and viscosity."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from asperity.contact import AbstractContactModel
from asperity.dynamics.capillary_bridge import CapillaryBridge

__all__ = ["TipForce"]

Scalar = Float[Array, ""]


def _number() -> Any:
    return eqx.field(converter=jnp.asarray, default=0.0)


class TipForce(eqx.Module):
    r"""With the distance d of the surfaces, the indentation $\delta = a_0 - d$, and the radius R,

    $$F = \begin{cases} -(1 + \epsilon) HR/6d^2 & d > a_0 \\
      -(1 + \epsilon) HR/6a_0^2 + F_c(\delta) - \eta \sqrt{R \delta}\,\dot d & d \le a_0 \end{cases}$$

    $F_c$ is that of the contact model, which may attract by itself: then leave the Hamaker constant 0. A model whose
    contact ends below zero indentation (JKR) is in contact from $\delta = 0$ on until it lets go: it has a memory,
    ``touching``, and takes up energy. So does a ``bridge`` of liquid, and an attraction that is larger by the share
    $\epsilon$ (``hysteresis``) while the tip goes away.

    Source: Derjaguin, Muller, Toporov, J. Colloid Interface Sci. 53, 314 (1975); Garcia, San Paulo, Phys. Rev. B 60,
    4961 (1999) (viscosity); Garcia et al., Phys. Rev. Lett. 97, 016103 (2006) (hysteresis of surface energies).
    """

    contact: AbstractContactModel
    radius: Scalar = _number()  # m
    hamaker: Scalar = _number()  # J
    cutoff: Scalar = _number()  # m, a_0
    viscosity: Scalar = _number()  # Pa s
    hysteresis: Scalar = _number()
    bridge: CapillaryBridge | None = None

    def touches(self, distance: Scalar, touching: Bool[Array, ""]) -> Bool[Array, ""]:
        """Whether the tip is in contact at this distance, given whether it was."""
        _, theta = self.contact.amplitudes_of()
        end = jnp.minimum(self.contact.end_of_contact(theta), 0.0)
        end = jnp.where(jnp.isfinite(end), end, 0.0)
        indentation = self.cutoff - distance
        return (indentation >= 0) | (touching & (indentation >= end))

    def force(self, distance: Scalar, velocity: Scalar, touching: Bool[Array, ""]) -> Scalar:
        """N at one distance (m) with its velocity (m/s), without that of a bridge."""
        indentation = self.cutoff - distance
        inside = jnp.where(touching, indentation, 0.0)
        beyond = jnp.maximum(distance, self.cutoff)
        hamaker = self.hamaker * (1 + jnp.where(velocity > 0, self.hysteresis, 0.0))
        attraction = jnp.where(self.hamaker > 0, -hamaker * self.radius / 6 / jnp.where(
            self.hamaker > 0, beyond, 1.0) ** 2, 0.0)
        pressed = jnp.where(inside > 0, inside, 1e-30)
        drag = -self.viscosity * jnp.sqrt(self.radius * pressed) * velocity
        elastic = self.contact.force(inside)
        return attraction + jnp.where(touching, elastic, 0.0) + jnp.where(touching & (inside > 0), drag, 0.0)

    def of_bridge(self, distance: Scalar, half: Scalar, bridged: Bool[Array, ""]) -> tuple[Scalar, Bool[Array, ""]]:
        """N of the bridge, the mean over a short way (see `CapillaryBridge.there`), and whether it is there then."""
        if self.bridge is None:
            return jnp.zeros_like(distance), bridged
        share, after = self.bridge.there(distance, half, bridged)
        return share * self.bridge.force(distance, self.radius), after

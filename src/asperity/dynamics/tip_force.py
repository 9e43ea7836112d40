"""The force between an oscillating tip and a sample: what attracts before contact, any contact model, and viscosity."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from asperity.contact import AbstractContactModel
from asperity.dynamics.capillary_bridge import CapillaryBridge, held

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

    def touches(self, distance: Scalar, half: Scalar, touching: Bool[Array, ""]) -> tuple[Scalar, Bool[Array, ""]]:
        """The share of a short way in contact, and whether the tip is in contact then (see `held`).

        Of a force that does not jump at contact the share is all or nothing, and nothing is kept in mind: its kick is
        as good, and twice as quick.
        """
        if type(self.contact).end_of_contact is AbstractContactModel.end_of_contact:
            return (distance <= self.cutoff) * 1.0, touching
        return held(distance, half, touching, (self.cutoff, self.cutoff - self._end()))

    def _end(self) -> Scalar:
        """The indentation, not above 0, at which contact ends."""
        _, theta = self.contact.amplitudes_of()
        end = jnp.minimum(self.contact.end_of_contact(theta), 0.0)
        return jnp.where(jnp.isfinite(end), end, 0.0)

    def force(self, distance: Scalar, velocity: Scalar, touching: Scalar) -> Scalar:
        """N at one distance (m) with its velocity (m/s) and the share of contact, without that of a bridge."""
        indentation = self.cutoff - distance
        inside = jnp.where(touching > 0, jnp.maximum(indentation, self._end()), 0.0)
        beyond = jnp.maximum(distance, self.cutoff)
        hamaker = self.hamaker * (1 + jnp.where(velocity > 0, self.hysteresis, 0.0))
        attraction = jnp.where(self.hamaker > 0, -hamaker * self.radius / 6 / jnp.where(
            self.hamaker > 0, beyond, 1.0) ** 2, 0.0)
        pressed = jnp.where(inside > 0, inside, 1e-30)
        drag = jnp.where(inside > 0, -self.viscosity * jnp.sqrt(self.radius * pressed) * velocity, 0.0)
        return attraction + jnp.where(touching > 0, touching * (self.contact.force(inside) + drag), 0.0)

    def of_bridge(self, distance: Scalar, half: Scalar, bridged: Bool[Array, ""]) -> tuple[Scalar, Bool[Array, ""]]:
        """N of the bridge, the mean over a short way, and whether it is there then (see `held`)."""
        if self.bridge is None:
            return jnp.zeros_like(distance), bridged
        share, after = held(distance, half, bridged, (self.bridge.formation, self.bridge.rupture))
        return share * self.bridge.force(distance, self.radius), after

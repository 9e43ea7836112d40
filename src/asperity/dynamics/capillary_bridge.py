"""A neck of liquid between tip and sample, that forms nearer than it breaks: a force with a memory."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

__all__ = ["CapillaryBridge", "held"]

Scalar = Float[Array, ""]

_SHORTEST = 1e-30  # m: a path without length, over which no bridge forms or breaks


def held(distance: Scalar, half: Scalar, there: Bool[Array, ""], ends: tuple[Scalar, Scalar]
         ) -> tuple[Scalar, Bool[Array, ""]]:
    """The share of a short way in which a bond is there that forms and breaks, and whether it is at the end.

    Args:
        distance, half: m; the way goes from ``distance - half`` to ``distance + half``, ``half`` negative towards the
            sample.
        there: whether it is where the way begins.
        ends: m, the distance below which it forms, and the one above which it breaks.

    With whole steps alone the moment of a jump would be that of the next step, and many oscillations beside each other
    steady.
    """
    end, way = distance + half, jnp.maximum(2 * jnp.abs(half), _SHORTEST)
    formed, broken = ~there & (end < ends[0]), there & (end > ends[1])
    since = jnp.clip((ends[0] - end) / way, 0.0, 1.0)
    until = jnp.clip(1 - (end - ends[1]) / way, 0.0, 1.0)
    return jnp.where(formed, since, jnp.where(broken, until, there * 1.0)), formed | (there & ~broken)


class CapillaryBridge(eqx.Module):
    r"""A wetting liquid of constant volume V between a sphere of the radius R and a plane, at the distance d:

    $$F = -4\pi\gamma R \left(1 - \frac{d}{\sqrt{d^2 + c^2}}\right), \qquad c^2 = \frac{V}{\pi R}$$

    from where the films touch, at ``formation``, until it breaks at ``rupture``. The neck of the radius r has the
    volume $\pi r^2 d + \pi r^4 / 4R$ and the pressure $-2\gamma / (d + r^2 / 2R)$ over its section, with r far below R.
    A closed loop takes up $\int F\,\mathrm{d}d$ between the two distances (`loop`).

    Source: Zitzler, Herminghaus, Mugele, Phys. Rev. B 66, 155436 (2002) (a neck that forms and breaks in each period);
    Willett, Adams, Johnson, Seville, Langmuir 16, 9396 (2000) (rupture at some $V^{1/3}$).
    """

    tension: Any = eqx.field(converter=jnp.asarray)  # N/m
    volume: Any = eqx.field(converter=jnp.asarray)  # m^3
    formation: Any = eqx.field(converter=jnp.asarray)  # m
    rupture: Any = eqx.field(converter=jnp.asarray)  # m, not below that of the formation

    @staticmethod
    def of_films(tension: float, volume: float, film: float) -> CapillaryBridge:
        """Between films of this thickness (m): formed where they touch, broken at the cube root of the volume (m^3)."""
        return CapillaryBridge(tension, volume, 2 * film, max(volume ** (1 / 3), 2 * film))

    def force(self, distance: Scalar, radius: Scalar) -> Scalar:
        """N of a bridge that is there."""
        reach = jnp.sqrt(distance**2 + self.volume / (math.pi * radius))
        return -4 * math.pi * self.tension * radius * (1 - distance / reach)

    def energy(self, distance: Scalar, radius: Scalar) -> Scalar:
        """J, whose derivative by the distance is less the force."""
        reach = jnp.sqrt(distance**2 + self.volume / (math.pi * radius))
        return 4 * math.pi * self.tension * radius * (distance - reach)

    def loop(self, radius: Scalar) -> Scalar:
        """J that is taken up each time that it forms and breaks."""
        return self.energy(self.rupture, radius) - self.energy(self.formation, radius)

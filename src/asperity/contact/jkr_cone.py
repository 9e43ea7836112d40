r"""The adhesive cone: Johnson, Kendall and Roberts's argument for a sharp tip, in closed form.

In units of $\delta_c = 4\,(w/E^*)\tan\alpha$, $a_c = \tfrac{2}{\pi}\delta_c\tan\alpha$ and
$F_c = \tfrac{2}{\pi}E^*\tan\alpha\,\delta_c^2$, with $s = \sqrt{A}$:

$$P = s^4 - 2 s^3, \qquad D = s^2 - s$$
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self, final

import jax.numpy as jnp

from asperity.contact._adhesive import AbstractAdhesiveContact
from asperity.contact._model import Scalar
from asperity.quantities import quantity

__all__ = ["FOLD_DISPLACEMENT", "PULL_OFF_LOAD", "JKRCone", "load"]

#: the displacement at which a contact on a stiff lever jumps off
FOLD_DISPLACEMENT = -0.25
#: the most negative load
PULL_OFF_LOAD = -27 / 16


def load(displacement: Scalar) -> Scalar:
    """P(D) on the stable branch; 0 below FOLD_DISPLACEMENT (out of contact)."""
    attached = displacement >= FOLD_DISPLACEMENT
    rise = jnp.where(attached, displacement, 1.0) - FOLD_DISPLACEMENT
    root = 0.5 + jnp.sqrt(jnp.maximum(rise, jnp.finfo(rise.dtype).eps))
    return jnp.where(attached, root**3 * (root - 2), 0.0)


@final
class JKRCone(AbstractAdhesiveContact):
    r"""A rigid cone of half-opening angle alpha that adheres with energy w per unit area.

    $$F = \frac{\pi}{2}E^*a^2\cot\alpha - \sqrt{8\pi w E^* a^3}, \qquad
      \delta = \frac{\pi}{2}\,a\cot\alpha - \sqrt{\frac{2\pi a w}{E^*}}, \qquad E^* = \frac{E}{1-\nu^2}$$

    ``force`` is the stable contact branch down to its displacement instability at
    $\delta = -(w/E^*)\tan\alpha$; beyond, the tip is off and the force 0. The pull-off force is
    $54\,w^2\tan^3\alpha/(\pi E^*)$: unlike a paraboloid's it depends on the modulus.
    Validity: attraction of short range, blunt cones, contact radius much larger than the rounding of the
    apex, w > 0 (without adhesion use `Cone`).
    Shape parameter: the logarithm of $\delta_c = 4(w/E^*)\tan\alpha$ in m; amplitude
    $\tfrac2\pi E^*\tan\alpha\,\delta_c^2$ in N.
    Source: Maugis, Barquins, J. Phys. Lett. 42, L95 (1981).
    """

    half_angle: Scalar = quantity("half_angle", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    work_of_adhesion: Scalar = quantity("work_of_adhesion", kw_only=True, default=1e-3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fixed: ClassVar[tuple[str, ...]] = ("half_angle", "poisson_ratio")

    def pull_off_force(self) -> Scalar:
        """54 w^2 tan(alpha)^3 / (pi E*) in N, a magnitude."""
        return -PULL_OFF_LOAD * self.amplitudes_of()[0][0]

    def end_of_contact(self, theta: tuple[Scalar, ...]) -> Scalar:
        """The displacement instability, -delta_c / 4 in m."""
        return FOLD_DISPLACEMENT * jnp.exp(theta[0])

    def basis(self, indentation: Scalar, theta: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        """``(P(delta / delta_c),)``, a pure number."""
        return (load(indentation * jnp.exp(-theta[0])),)

    def with_amplitudes(self, c: tuple[Scalar, ...], theta: tuple[Scalar, ...]) -> Self:
        """The model with F_c = c0 (in N) and ln(delta_c / m) = theta0."""
        slope, length = jnp.tan(self.half_angle), jnp.exp(theta[0])
        stiffness = math.pi / (2 * slope) * (c[0] / length) / length
        return dataclasses.replace(self, modulus=stiffness * (1 - self.poisson_ratio**2),
                                   work_of_adhesion=stiffness * length / (4 * slope))

    def amplitudes_of(self) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
        """F_c in N, and ln(delta_c / m)."""
        slope, stiffness = jnp.tan(self.half_angle), self.modulus / (1 - self.poisson_ratio**2)
        length = 4 * self.work_of_adhesion / stiffness * slope
        return (2 / math.pi * slope * (stiffness * length) * length,), (jnp.log(length),)

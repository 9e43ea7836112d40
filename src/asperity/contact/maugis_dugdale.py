"""Maugis-Dugdale: adhesion of any range between the limits of DMT and JKR."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self, final

import jax.numpy as jnp

from asperity.contact import maugis
from asperity.contact._adhesive import AbstractAdhesiveContact
from asperity.contact._model import Scalar
from asperity.contact.jkr import log_displacement_scale, modulus_of_scales
from asperity.quantities import quantity

__all__ = ["MaugisDugdale"]


@final
class MaugisDugdale(AbstractAdhesiveContact):
    r"""A rigid paraboloid that a constant stress attracts up to a finite gap: a Dugdale crack.

    $$F = \pi w R\; P(\delta/\delta_c;\ \lambda), \qquad
      \delta_c = \left(\frac{\pi^2w^2R}{K^2}\right)^{1/3}, \qquad K = \frac43\,\frac{E}{1-\nu^2}, \qquad
      \lambda = 2\sigma_0\left(\frac{R}{\pi w K^2}\right)^{1/3}$$

    with the curve P(D; lambda) of `asperity.contact.maugis`. ``force`` is the stable branch as a stiff lever
    retracts: contact, then for $\lambda < 0.9379$ the hovering state (no contact, but the attraction across
    the gap holds the tip: the force is not zero), down to the jump-off; beyond it the force is 0. A tip
    that approaches for the first time feels nothing before $\delta = -2\delta_c/(\pi\lambda)$
    (``jump_in_indentation``), wherever that lies above the jump-off.
    The limits are `DMT` (lambda -> 0) and `JKR` (lambda -> infinity).
    Validity: 0.001 < lambda < 1000, no friction, small strain, contact much smaller than R and the sample
    thickness, w > 0. Lambda is taken as a parameter of its own: `maugis.maugis_parameter` and
    `maugis.dugdale_stress` make it from a stress or from an equilibrium separation.
    Shape parameters: the logarithms of $\delta_c$ in m and of lambda; amplitude $\pi wR$ in N.
    Source: Maugis, J. Colloid Interface Sci. 150, 243 (1992); hovering state: Johnson, Greenwood, J. Colloid
    Interface Sci. 192, 326 (1997).
    """

    radius: Scalar = quantity("radius", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    work_of_adhesion: Scalar = quantity("work_of_adhesion", kw_only=True, default=1e-3)
    maugis_parameter: Scalar = quantity("maugis_parameter", kw_only=True, default=1.0)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fitted: ClassVar[tuple[str, ...]] = ("modulus", "work_of_adhesion", "maugis_parameter")
    fixed: ClassVar[tuple[str, ...]] = ("radius", "poisson_ratio")
    paraboloid: ClassVar[bool] = True
    shape_names: ClassVar[tuple[str, ...]] = ("log_displacement_scale", "log_maugis_parameter")

    def pull_off_force(self) -> Scalar:
        """The largest attraction in N, a magnitude: between 3/2 and 2 times pi w R."""
        return -maugis.pull_off(self.maugis_parameter)[1] * math.pi * self.work_of_adhesion * self.radius

    def jump_in_indentation(self) -> Scalar:
        """The (negative) indentation in m at which an approaching tip first feels the surface."""
        return maugis.jump_in(self.maugis_parameter) * jnp.exp(log_displacement_scale(self))

    def end_of_contact(self, theta: tuple[Scalar, ...]) -> Scalar:
        """The displacement instability (of contact or of hovering) in m."""
        return maugis.jump_off(jnp.exp(theta[1]))[2] * jnp.exp(theta[0])

    def basis(self, indentation: Scalar, theta: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        """``(P(delta / delta_c; lambda),)``, a pure number."""
        return (maugis.load(indentation * jnp.exp(-theta[0]), jnp.exp(theta[1])),)

    def with_amplitudes(self, c: tuple[Scalar, ...], theta: tuple[Scalar, ...]) -> Self:
        """The model with pi w R = c0 (in N), ln(delta_c / m) = theta0 and ln(lambda) = theta1."""
        return dataclasses.replace(self, modulus=modulus_of_scales(self, c[0], theta[0]),
                                   work_of_adhesion=c[0] / (math.pi * self.radius),
                                   maugis_parameter=jnp.exp(theta[1]))

    def amplitudes_of(self) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
        """pi w R in N, ln(delta_c / m) and ln(lambda)."""
        theta = log_displacement_scale(self), jnp.log(self.maugis_parameter)
        return (math.pi * self.work_of_adhesion * self.radius,), theta

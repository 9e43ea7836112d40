"""Contact of surfaces that attract and repel each other at every distance: adhesion without an assumed edge."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self, final

import jax.numpy as jnp

from asperity.contact._adhesive import AbstractAdhesiveContact
from asperity.contact._model import Scalar
from asperity.contact._surface_force_table import branches, force_at, least_force, within
from asperity.contact.jkr import log_displacement_scale, modulus_of_scales
from asperity.quantities import quantity

__all__ = ["LennardJonesContact"]


@final
class LennardJonesContact(AbstractAdhesiveContact):
    r"""A rigid paraboloid and a half-space with the stress of Lennard-Jones surfaces between them.

    $$F = \pi w R\; P(\delta/\delta_c;\ \mu), \qquad p(h) = \frac{8w}{3z_0}
      \left[\left(\frac{z_0}{h}\right)^{9} - \left(\frac{z_0}{h}\right)^{3}\right], \qquad
      \mu = \left(\frac{R w^2}{E^{*2} z_0^3}\right)^{1/3}$$

    with the curve P(D; mu) of `asperity.contact.surface_forces`, solved self-consistently and tabulated; the
    indentation is 0 where the undeformed surfaces are $z_0$ apart. Above mu = 0.70 it is the branch of contact as
    a stiff lever retracts, down to its displacement instability, and beyond that the attraction from farther away;
    below there is no instability, and no jump. Attraction has no end: it falls as the distance squared.
    Its pull-off force is up to 6 % above that of `MaugisDugdale` at lambda = 1.157 mu. The limits are
    $2 \pi w R$ (mu -> 0; the interface is compliant, and the contact thereby softer than `DMT`) and `JKR`.
    Validity: 0.01 < mu < 5 (a mu out of range acts as one at its end), no friction, small strain, contact much
    smaller than R and the sample thickness, w > 0. The curve is solved up to some 450 pi w R; beyond, the force rises
    as that of `Hertz`, from the same value and slope.
    Shape parameters: the logarithms of $\delta_c = (\pi^2w^2R/K^2)^{1/3}$ in m and of mu; amplitude $\pi wR$ in N.
    Source: Greenwood, Proc. R. Soc. A 453, 1277 (1997); Tabor, J. Colloid Interface Sci. 58, 2 (1977).
    """

    radius: Scalar = quantity("radius", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    work_of_adhesion: Scalar = quantity("work_of_adhesion", kw_only=True, default=1e-3)
    tabor_parameter: Scalar = quantity("tabor_parameter", kw_only=True, default=1.0)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fitted: ClassVar[tuple[str, ...]] = ("modulus", "work_of_adhesion", "tabor_parameter")
    fixed: ClassVar[tuple[str, ...]] = ("radius", "poisson_ratio")
    paraboloid: ClassVar[bool] = True
    shape_names: ClassVar[tuple[str, ...]] = ("log_displacement_scale", "log_tabor_parameter")

    def pull_off_force(self) -> Scalar:
        """The largest attraction in N, a magnitude: between 3/2 and 2 times pi w R."""
        return -least_force(branches(jnp.log(self.tabor_parameter))) * math.pi * self.work_of_adhesion * self.radius

    def equilibrium_separation(self) -> Scalar:
        """z_0 in m, at which the surfaces neither attract nor repel each other."""
        reduced = self.modulus / (1 - self.poisson_ratio**2)
        return jnp.cbrt(self.radius * (self.work_of_adhesion / reduced) ** 2) / self.tabor_parameter

    def end_of_contact(self, theta: tuple[Scalar, ...]) -> Scalar:
        """The displacement instability in m; where there is none, where the attraction is 4 % of pi w R."""
        return branches(theta[1]).end * jnp.exp(theta[0])

    def basis(self, indentation: Scalar, theta: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        """``(P(delta / delta_c; mu),)``, a pure number."""
        return (force_at(indentation * jnp.exp(-theta[0]), branches(theta[1])),)

    def with_amplitudes(self, c: tuple[Scalar, ...], theta: tuple[Scalar, ...]) -> Self:
        """The model with pi w R = c0 (in N), ln(delta_c / m) = theta0 and ln(mu) = theta1."""
        return dataclasses.replace(self, modulus=modulus_of_scales(self, c[0], theta[0]),
                                   work_of_adhesion=c[0] / (math.pi * self.radius),
                                   tabor_parameter=jnp.exp(within(theta[1])))

    def amplitudes_of(self) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
        """pi w R in N, ln(delta_c / m) and ln(mu)."""
        theta = log_displacement_scale(self), jnp.log(self.tabor_parameter)
        return (math.pi * self.work_of_adhesion * self.radius,), theta

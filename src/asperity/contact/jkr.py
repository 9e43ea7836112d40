r"""Johnson-Kendall-Roberts: the contact as a crack, for soft samples, large tips, strong adhesion.

In units of $a_c = (\pi w R^2/K)^{1/3}$, $F_c = \pi w R$ and $\delta_c = a_c^2/R$, with
$K = \tfrac43 E/(1-\nu^2)$, the paraboloid has no parameter left:

$$P = A^3 - \sqrt6\,A^{3/2}, \qquad D = A^2 - \tfrac23\sqrt{6A}$$

`load` and `contact_radius` follow the stable branch, which ends at `FOLD_DISPLACEMENT`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self, final

import jax.numpy as jnp

from asperity.contact._adhesive import AbstractAdhesiveContact
from asperity.contact._model import Scalar
from asperity.contact._roots import implicit_root
from asperity.quantities import quantity

__all__ = ["FOLD_DISPLACEMENT", "FOLD_LOAD", "JKR", "PULL_OFF_LOAD", "contact_radius", "load"]

#: the displacement (a distance of retraction) at which a contact on a stiff lever jumps off
FOLD_DISPLACEMENT = -(0.75 ** (1 / 3))
#: the load there
FOLD_LOAD = -5 / 6
#: the most negative load, at which a contact under a dead weight jumps off
PULL_OFF_LOAD = -1.5

_ROOT_AT_FOLD = 6 ** (-1 / 6)  # sqrt(A) at the fold


def _rise(excess: Scalar) -> Scalar:
    """D - FOLD_DISPLACEMENT at sqrt(A) = _ROOT_AT_FOLD + excess, without cancellation."""
    return excess**2 * (excess * (excess + 4 * _ROOT_AT_FOLD) + 6 * _ROOT_AT_FOLD**2)


def _fast_excess(rise: Scalar) -> Scalar:
    """The inverse of `_rise`: a rational start, then two Newton steps.

    The start has the right limits at 0 and infinity; its three coefficients are a minimax fit for
    D < 1e4, relative error 7e-4 there and below 1e-2 everywhere.
    """
    rise = jnp.maximum(rise, 1e-24)
    v = jnp.sqrt(rise)
    top = 6 * _ROOT_AT_FOLD**2 + v * (2.22151026 + v * (0.223661014 + v * 1.27756616e-3))
    bottom = 1 + v * (0.18349726 + v * 1.27756616e-3)
    e = v * jnp.sqrt(bottom / top)
    for _ in range(2):
        slope = 4 * e * (e * (e + 3 * _ROOT_AT_FOLD) + 3 * _ROOT_AT_FOLD**2)
        e = e - (_rise(e) - rise) / slope
    return e


_excess = implicit_root(_fast_excess, lambda excess, rise: _rise(excess) - rise)


def _root_of_radius(displacement: Scalar) -> tuple[Scalar, Scalar]:
    """Whether there is contact, and sqrt(A) (a harmless number where there is none)."""
    attached = displacement >= FOLD_DISPLACEMENT
    return attached, _ROOT_AT_FOLD + _excess(jnp.where(attached, displacement, 1.0) - FOLD_DISPLACEMENT)


def load(displacement: Scalar) -> Scalar:
    """P(D) on the stable branch; 0 below FOLD_DISPLACEMENT (out of contact).

    Error in float64, relative to max(1, |P|): 1e-12 for D < 900, 4e-12 for D < 1e4, 2e-7 for all D.
    The slope is exact for the returned radius; at the fold, where it diverges, it is capped.
    """
    attached, root = _root_of_radius(displacement)
    cube = root**3
    return jnp.where(attached, cube * (cube - math.sqrt(6)), 0.0)


def contact_radius(displacement: Scalar) -> Scalar:
    """A(D) on the stable branch; 0 below FOLD_DISPLACEMENT."""
    attached, root = _root_of_radius(displacement)
    return jnp.where(attached, root**2, 0.0)


@final
class JKR(AbstractAdhesiveContact):
    r"""A rigid paraboloid of curvature radius R that adheres with energy w per unit area.

    $$F = \frac{4 E^* a^3}{3R} - \sqrt{8\pi w E^* a^3}, \qquad
      \delta = \frac{a^2}{R} - \sqrt{\frac{2\pi a w}{E^*}}, \qquad E^* = \frac{E}{1-\nu^2}$$

    ``force`` is the stable contact branch (loading and unloading alike) down to its displacement
    instability at $\delta = -0.9086\,\delta_c$, where $F = -\tfrac56\pi w R$; beyond, the tip is off and the
    force 0. A tip that approaches for the first time feels nothing before $\delta = 0$.
    The pull-off force is $\tfrac32\pi w R$, at $\delta = -0.4368\,\delta_c$.
    Validity: large Maugis parameter (from 0.7 for w within 10 %, from 5 for contact radii within 5 %),
    a much smaller than R and the sample thickness, w > 0 (without adhesion use `Hertz`).
    Shape parameter: the logarithm of $\delta_c = (\pi^2 w^2 R/K^2)^{1/3}$ in m, with $K = \tfrac43E^*$.
    Source: Johnson, Kendall, Roberts, Proc. R. Soc. A 324, 301 (1971); Maugis, Contact, Adhesion and
    Rupture of Elastic Solids (2000).
    """

    radius: Scalar = quantity("radius", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    work_of_adhesion: Scalar = quantity("work_of_adhesion", kw_only=True, default=1e-3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fixed: ClassVar[tuple[str, ...]] = ("radius", "poisson_ratio")
    paraboloid: ClassVar[bool] = True

    def pull_off_force(self) -> Scalar:
        """3/2 pi w R in N, a magnitude."""
        return -PULL_OFF_LOAD * math.pi * self.work_of_adhesion * self.radius

    def basis(self, indentation: Scalar, theta: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        """``(P(delta / delta_c),)``, a pure number."""
        return (load(indentation * jnp.exp(-theta[0])),)

    def end_of_contact(self, theta: tuple[Scalar, ...]) -> Scalar:
        """The displacement instability, -0.9086 delta_c in m."""
        return FOLD_DISPLACEMENT * jnp.exp(theta[0])

    def with_amplitudes(self, c: tuple[Scalar, ...], theta: tuple[Scalar, ...]) -> Self:
        """The model with pi w R = c0 (in N) and ln(delta_c / m) = theta0."""
        return dataclasses.replace(self, modulus=modulus_of_scales(self, c[0], theta[0]),
                                   work_of_adhesion=c[0] / (math.pi * self.radius))

    def amplitudes_of(self) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
        """The force scale pi w R in N, and ln(delta_c / m)."""
        return (math.pi * self.work_of_adhesion * self.radius,), (log_displacement_scale(self),)


def log_displacement_scale(model) -> Scalar:
    """ln(delta_c / m), delta_c = (pi^2 w^2 R / K^2)^(1/3), of a paraboloid with adhesion."""
    stiffness = 4 / 3 * model.modulus / (1 - model.poisson_ratio**2)
    return (2 * jnp.log(math.pi * model.work_of_adhesion / stiffness) + jnp.log(model.radius)) / 3


def modulus_of_scales(model, force_scale: Scalar, log_displacement: Scalar) -> Scalar:
    """Young's modulus in Pa whose scales are pi w R = ``force_scale`` and delta_c = exp(...)."""
    stiffness = force_scale / jnp.sqrt(model.radius) * jnp.exp(-1.5 * log_displacement)
    return 0.75 * stiffness * (1 - model.poisson_ratio**2)

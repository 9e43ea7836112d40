"""Derjaguin-Muller-Toporov: a stiff contact under attraction that acts outside it."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self, final

import jax.numpy as jnp

from asperity.contact._elastic import positive_power
from asperity.contact._model import AbstractContactModel, Scalar
from asperity.quantities import quantity

__all__ = ["DMT"]


@final
class DMT(AbstractContactModel):
    r"""Hertz's paraboloid pulled by a constant adhesive force, as long as the surfaces touch.

    $$F = \frac{4}{3}\,\frac{E}{1-\nu^2}\,\sqrt{R}\;\delta^{3/2} - 2\pi w R \quad(\delta \ge 0),
      \qquad F = 0 \quad(\delta < 0)$$

    Pull-off force $2\pi w R$, at $\delta = 0$. The attraction before contact, which decays over the
    range of the surface forces, is left out: `MaugisDugdale` has it.
    Validity: small Maugis parameter (below 0.1 for contact radii within 5 %), no friction, small strain.
    Source: Derjaguin, Muller, Toporov, J. Colloid Interface Sci. 53, 314 (1975), in Maugis's form:
    Maugis, J. Colloid Interface Sci. 150, 243 (1992).
    """

    radius: Scalar = quantity("radius", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    work_of_adhesion: Scalar = quantity("work_of_adhesion", kw_only=True, default=1e-3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fitted: ClassVar[tuple[str, ...]] = ("modulus", "work_of_adhesion")
    fixed: ClassVar[tuple[str, ...]] = ("radius", "poisson_ratio")
    paraboloid: ClassVar[bool] = True
    amplitudes: ClassVar[int] = 2

    def force(self, indentation: Scalar) -> Scalar:
        """Force in N at one indentation in m; 0 before contact."""
        (modulus, pull_off), _ = self.amplitudes_of()
        repulsion, attraction = self.basis(indentation)
        return modulus * repulsion + pull_off * attraction

    def pull_off_force(self) -> Scalar:
        """2 pi w R in N, a magnitude."""
        return 2 * math.pi * self.work_of_adhesion * self.radius

    def basis(self, indentation: Scalar, theta: tuple[Scalar, ...] = ()) -> tuple[Scalar, ...]:
        """``(g, -1)`` in contact and ``(0, 0)`` before it; g in m^2 as in `Hertz`."""
        repulsion = 4 / 3 * jnp.sqrt(self.radius) * positive_power(indentation, 1.5)
        return repulsion, jnp.where(indentation >= 0, -jnp.ones_like(repulsion), 0.0)

    def end_of_contact(self, theta: tuple[Scalar, ...] = ()) -> Scalar:
        """Contact ends at zero indentation, under the full pull-off force."""
        return jnp.zeros(())

    def with_amplitudes(self, c: tuple[Scalar, ...], theta: tuple[Scalar, ...] = ()) -> Self:
        """The model with modulus c0 (1 - nu^2) and work of adhesion c1 / (2 pi R)."""
        return dataclasses.replace(self, modulus=c[0] * (1 - self.poisson_ratio**2),
                                   work_of_adhesion=c[1] / (2 * math.pi * self.radius))

    def amplitudes_of(self) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
        """The reduced modulus in Pa and the pull-off force in N; no shape parameter."""
        return (self.modulus / (1 - self.poisson_ratio**2), self.pull_off_force()), ()

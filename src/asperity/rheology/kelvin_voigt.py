"""A spring and a dashpot in parallel: the simplest solid that creeps."""

from __future__ import annotations

from typing import ClassVar, final

import jax.numpy as jnp

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar

__all__ = ["KelvinVoigt"]


@final
class KelvinVoigt(AbstractRelaxationModel):
    r"""A spring E beside a dashpot $\eta$; it creeps with $\tau = \eta/E$.

    ::

            +---/\/\/\---+
        o---+     E      +---o
            +---[=   ----+
                 eta

    $$E^* = E + i\omega\eta, \qquad E(t) = E + \eta\,\delta(t), \qquad
      J(t) = \frac{1 - e^{-Et/\eta}}{E}$$

    Validity: a solid that cannot be strained at once: it has no step response; small strain.
    Source: Voigt, Ann. Phys. 283, 671 (1892); Tschoegl, Phenomenological Theory of Linear
    Viscoelastic Behavior (1989), chapter 3.
    """

    modulus: Scalar = quantity("modulus", default=1e3)
    viscosity: Scalar = quantity("viscosity", default=1e3)

    fitted: ClassVar[tuple[str, ...]] = ("modulus", "viscosity")

    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa."""
        return self.modulus + self.viscosity * s

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa for t > 0; the dashpot acts at t = 0 alone."""
        return self.modulus * jnp.ones_like(time)

    def creep_compliance(self, time: Scalar) -> Scalar:
        """J(t) in 1/Pa."""
        return -jnp.expm1(-time * self.modulus / self.viscosity) / self.modulus

    def relaxation_integral(self, time: Scalar) -> Scalar:
        """The integral of E(t) in Pa s; the dashpot's share comes at once."""
        return self.modulus * time + self.viscosity

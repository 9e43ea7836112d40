"""A spring and a dashpot in series: the simplest liquid that remembers."""

from __future__ import annotations

from typing import ClassVar, final

import jax.numpy as jnp

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar

__all__ = ["Maxwell"]


@final
class Maxwell(AbstractRelaxationModel):
    r"""A spring E in series with a dashpot $\eta$; it relaxes with $\tau = \eta/E$.

    ::

        o---/\/\/\---[=   ---o
              E       eta

    $$E^* = \frac{i\omega\eta\,E}{E + i\omega\eta}, \qquad E(t) = E\,e^{-Et/\eta}, \qquad
      J(t) = \frac{1}{E} + \frac{t}{\eta}$$

    Validity: a liquid with one relaxation time; small strain.
    Source: Maxwell, Phil. Trans. R. Soc. 157, 49 (1867); Tschoegl, Phenomenological Theory of Linear
    Viscoelastic Behavior (1989), chapter 3.
    """

    modulus: Scalar = quantity("modulus", default=1e3)
    viscosity: Scalar = quantity("viscosity", default=1e3)

    fitted: ClassVar[tuple[str, ...]] = ("modulus", "viscosity")

    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa."""
        return self.viscosity * s * self.modulus / (self.modulus + self.viscosity * s)

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa."""
        return self.modulus * jnp.exp(-time * self.modulus / self.viscosity)

    def creep_compliance(self, time: Scalar) -> Scalar:
        """J(t) in 1/Pa."""
        return 1 / self.modulus + time / self.viscosity

    def relaxation_integral(self, time: Scalar) -> Scalar:
        """The integral of E(t) in Pa s."""
        return -self.viscosity * jnp.expm1(-time * self.modulus / self.viscosity)

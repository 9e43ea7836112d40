"""The standard linear solid (Zener): between a soft and a stiff spring with one relaxation time."""

from __future__ import annotations

from typing import ClassVar, final

import jax.numpy as jnp

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar

__all__ = ["StandardLinearSolid"]


@final
class StandardLinearSolid(AbstractRelaxationModel):
    r"""A spring $E_e$ beside a Maxwell branch $E_1$, $\tau = \eta/E_1$ (Zener's solid).

    ::

            +--------/\/\/\--------+
        o---+          E_e         +---o
            +---/\/\/\---[=   -----+
                  E_1    E_1 tau

    $$E^* = E_e + E_1\frac{i\omega\tau}{1+i\omega\tau}, \qquad E(t) = E_e + E_1 e^{-t/\tau}, \qquad
      J(t) = \frac{1}{E_e}\left[1 - \frac{E_1}{E_e+E_1}\,e^{-t/\tau_c}\right],\;
      \tau_c = \tau\,\frac{E_e+E_1}{E_e}$$

    Validity: a solid with one relaxation time; small strain. The loss modulus peaks at $\omega\tau = 1$
    with $E_1/2$.
    Source: Zener, Elasticity and Anelasticity of Metals (1948); Tschoegl, Phenomenological Theory of Linear
    Viscoelastic Behavior (1989), chapter 3.
    """

    equilibrium_modulus: Scalar = quantity("equilibrium_modulus", default=1e3)
    relaxing_modulus: Scalar = quantity("relaxing_modulus", default=1e3)
    relaxation_time: Scalar = quantity("relaxation_time", default=1.0)

    fitted: ClassVar[tuple[str, ...]] = ("equilibrium_modulus", "relaxing_modulus", "relaxation_time")

    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa."""
        phase = s * self.relaxation_time
        return self.equilibrium_modulus + self.relaxing_modulus * phase / (1 + phase)

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa."""
        return self.equilibrium_modulus + self.relaxing_modulus * jnp.exp(-time / self.relaxation_time)

    def creep_compliance(self, time: Scalar) -> Scalar:
        """J(t) in 1/Pa."""
        whole = self.equilibrium_modulus + self.relaxing_modulus
        slow = jnp.exp(-time * self.equilibrium_modulus / (self.relaxation_time * whole))
        return (1 - self.relaxing_modulus / whole * slow) / self.equilibrium_modulus

    def relaxation_integral(self, time: Scalar) -> Scalar:
        """The integral of E(t) in Pa s."""
        decayed = -self.relaxation_time * jnp.expm1(-time / self.relaxation_time)
        return self.equilibrium_modulus * time + self.relaxing_modulus * decayed

"""Structural damping with a Newtonian drag: the usual model of living cells."""

from __future__ import annotations

from typing import ClassVar, final

import jax.numpy as jnp

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar
from asperity.rheology.mittag_leffler import reciprocal_gamma

__all__ = ["StructuralDamping"]


@final
class StructuralDamping(AbstractRelaxationModel):
    r"""A weak power law with a constant loss tangent, beside a dashpot $\mu$.

    ::

            +---<>---+  E_0 / cos(pi alpha / 2), alpha
        o---+        +---o
            +---[= --+  mu

    $$E^* = E_0\left(1 + i\tan\tfrac{\pi\alpha}{2}\right)\left(\frac{\omega}{\omega_0}\right)^\alpha
            + i\omega\mu, \qquad
      E(t) = \frac{E_0\,(\omega_0 t)^{-\alpha}}{\cos(\pi\alpha/2)\,\Gamma(1-\alpha)} + \mu\,\delta(t),
      \qquad \omega_0 = 1\ \mathrm{rad/s}$$

    $E_0$ is the storage modulus at $\omega_0$. J(t) is inverted numerically.

    Validity: 0 <= order < 1; small strain; the dashpot stands for the cell, the drag of the lever is to
    be taken off before.
    Source: Fabry et al., Phys. Rev. Lett. 87, 148102 (2001); Alcaraz et al., Biophys. J. 84, 2071 (2003).
    """

    modulus: Scalar = quantity("modulus", default=1e3)
    order: Scalar = quantity("order", default=0.2)
    viscosity: Scalar = quantity("viscosity", default=1.0)

    fitted: ClassVar[tuple[str, ...]] = ("modulus", "order", "viscosity")

    def _quasi_property(self) -> Scalar:
        """That of the springpot, in Pa s^alpha."""
        return self.modulus / jnp.cos(jnp.pi * self.order / 2)

    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa."""
        return self._quasi_property() * s**self.order + self.viscosity * s

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa for t > 0; the dashpot acts at t = 0 alone."""
        return self._quasi_property() * time**-self.order * reciprocal_gamma(1 - self.order)

    def relaxation_integral(self, time: Scalar) -> Scalar:
        """The integral of E(t) in Pa s; the dashpot's share comes at once."""
        power = time ** (1 - self.order) * reciprocal_gamma(2 - self.order)
        return self._quasi_property() * power + self.viscosity

"""The generalized Maxwell (Wiechert, Prony) model: a sum of exponentials."""

from __future__ import annotations

from typing import ClassVar, final

import jax.numpy as jnp
from jaxtyping import Array, Float

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar

__all__ = ["GeneralizedMaxwell"]


@final
class GeneralizedMaxwell(AbstractRelaxationModel):
    r"""A spring, a dashpot and any number of Maxwell branches side by side: a Prony series.

    ::

            +--------/\/\/\--------+
            |          E_e         |
            +--------[=   ---------+
        o---+          eta         +---o
            +---/\/\/\---[=   -----+
            |    E_1     E_1 tau_1 |
            +---  ...              +
            +---/\/\/\---[=   -----+
                 E_K     E_K tau_K

    $$E^* = E_e + \sum_k E_k\frac{i\omega\tau_k}{1+i\omega\tau_k} + i\omega\eta, \qquad
      E(t) = E_e + \sum_k E_k e^{-t/\tau_k} + \eta\,\delta(t)$$

    ``relaxing_modulus`` and ``relaxation_time`` are arrays (K,). J(t) is inverted numerically.

    Validity: causal and passive for any $E_e, E_k, \eta \ge 0$; small strain.
    Source: Wiechert, Ann. Phys. 286, 335 (1893); Tschoegl, Phenomenological Theory of Linear
    Viscoelastic Behavior (1989), chapter 3.
    """

    relaxing_modulus: Float[Array, " mode"] = quantity("relaxing_modulus")
    relaxation_time: Float[Array, " mode"] = quantity("relaxation_time")
    equilibrium_modulus: Scalar = quantity("equilibrium_modulus", default=1e3)
    viscosity: Scalar = quantity("viscosity", default=0.0)

    fitted: ClassVar[tuple[str, ...]] = ("relaxing_modulus", "relaxation_time", "equilibrium_modulus")

    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa."""
        phase = jnp.asarray(s)[..., None] * self.relaxation_time
        branches = (self.relaxing_modulus * (phase / (1 + phase))).sum(axis=-1)
        return self.equilibrium_modulus + branches + self.viscosity * s

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa for t > 0; the dashpot acts at t = 0 alone."""
        return self.equilibrium_modulus + (self.relaxing_modulus * jnp.exp(-time / self.relaxation_time)).sum()

    def relaxation_integral(self, time: Scalar) -> Scalar:
        """The integral of E(t) in Pa s."""
        decayed = -self.relaxation_time * jnp.expm1(-time / self.relaxation_time)
        return self.equilibrium_modulus * time + self.viscosity + (self.relaxing_modulus * decayed).sum()

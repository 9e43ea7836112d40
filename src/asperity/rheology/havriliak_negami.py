"""Havriliak and Negami's broad, asymmetric relaxation, with those of Cole and Cole and of Debye in it."""

from __future__ import annotations

from typing import ClassVar, final

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar

__all__ = ["HavriliakNegami"]


@final
class HavriliakNegami(AbstractRelaxationModel):
    r"""A relaxation by $\Delta E$ that is broader than a single time, and asymmetric in ln t.

    ::

            +---/\/\/\---+                      a continuous row of Maxwell branches,
        o---+    E_e     +---o                  their moduli spread about tau
            +--[branches]+

    $$E^* = E_e + \Delta E\left[1 - \frac{1}{\left(1 + (i\omega\tau)^a\right)^b}\right]$$

    b = 1 is the model of Cole and Cole (an equal to `FractionalZener` with orders a, 0, 0), a = b = 1 is
    `StandardLinearSolid`. E(t) and J(t) are inverted numerically.

    Validity: 0 < a <= 1, 0 < b <= 1 (then the relaxation spectrum is nonnegative); small strain.
    Source: Havriliak, Negami, J. Polym. Sci. C 14, 99 (1966); Cole, Cole, J. Chem. Phys. 9, 341 (1941).
    """

    equilibrium_modulus: Scalar = quantity("equilibrium_modulus", default=1e3)
    relaxing_modulus: Scalar = quantity("relaxing_modulus", default=1e3)
    relaxation_time: Scalar = quantity("relaxation_time", default=1.0)
    broadness: Scalar = quantity("broadness", default=0.5)
    asymmetry: Scalar = quantity("asymmetry", default=0.5)

    fitted: ClassVar[tuple[str, ...]] = ("equilibrium_modulus", "relaxing_modulus", "relaxation_time",
                                         "broadness", "asymmetry")

    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa."""
        relaxed = (1 + (s * self.relaxation_time) ** self.broadness) ** -self.asymmetry
        return self.equilibrium_modulus + self.relaxing_modulus * (1 - relaxed)

"""The fractional Zener model: a springpot beside a fractional Maxwell branch."""

from __future__ import annotations

from typing import ClassVar, final

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar
from asperity.rheology.fractional_maxwell import FractionalMaxwell
from asperity.rheology.springpot import Springpot

__all__ = ["FractionalZener"]


@final
class FractionalZener(AbstractRelaxationModel):
    r"""A springpot $c_c, c$ beside two springpots in series, $a > b$.

    ::

            +-------<>-------+  c_c, c
        o---+                +---o
            +---<>------<>---+
              c_a, a  c_b, b

    $$E^* = c_c(i\omega)^c + \frac{c_a(i\omega)^a\;c_b(i\omega)^b}{c_a(i\omega)^a + c_b(i\omega)^b}, \qquad
      E(t) = \frac{c_c\,t^{-c}}{\Gamma(1-c)}
             + c_b\,t^{-b}\,E_{a-b,1-b}\!\left(-\tfrac{c_b}{c_a}\,t^{a-b}\right)$$

    with the Mittag-Leffler function $E_{\alpha,\beta}$. J(t) is inverted numerically.
    $a = 1, b = c = 0$ is `StandardLinearSolid`.

    Validity: 0 <= b < a <= 1 and 0 <= c <= 1; small strain.
    Source: Schiessel, Metzler, Blumen, Nonnenmacher, J. Phys. A 28, 6567 (1995); Bonfanti et al., Soft
    Matter 16, 6002 (2020).
    """

    larger_quasi_property: Scalar = quantity("larger_quasi_property", default=1e3)
    larger_order: Scalar = quantity("larger_order", default=0.8)
    smaller_quasi_property: Scalar = quantity("smaller_quasi_property", default=1e3)
    smaller_order: Scalar = quantity("smaller_order", default=0.2)
    parallel_quasi_property: Scalar = quantity("parallel_quasi_property", default=1e3)
    parallel_order: Scalar = quantity("parallel_order", default=0.1)

    fitted: ClassVar[tuple[str, ...]] = ("larger_quasi_property", "larger_order", "smaller_quasi_property",
                                         "smaller_order", "parallel_quasi_property", "parallel_order")
    above: ClassVar[dict[str, str]] = {"larger_order": "smaller_order"}

    def _parts(self) -> tuple[Springpot, FractionalMaxwell]:
        """The two branches."""
        return (Springpot(self.parallel_quasi_property, self.parallel_order),
                FractionalMaxwell(self.larger_quasi_property, self.larger_order,
                                  self.smaller_quasi_property, self.smaller_order))

    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa."""
        beside, branch = self._parts()
        return beside.operational_modulus(s) + branch.operational_modulus(s)

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa."""
        beside, branch = self._parts()
        return beside.relaxation_modulus(time) + branch.relaxation_modulus(time)

    def relaxation_integral(self, time: Scalar) -> Scalar:
        """The integral of E(t) in Pa s."""
        beside, branch = self._parts()
        return beside.relaxation_integral(time) + branch.relaxation_integral(time)

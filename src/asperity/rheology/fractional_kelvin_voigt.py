"""Two springpots in parallel."""

from __future__ import annotations

from typing import ClassVar, final

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar
from asperity.rheology.mittag_leffler import mittag_leffler, reciprocal_gamma

__all__ = ["FractionalKelvinVoigt"]


@final
class FractionalKelvinVoigt(AbstractRelaxationModel):
    r"""Two springpots side by side, $a > b$: a cell that is soft at low and viscous at high frequency.

    ::

            +---<>---+  c_a, a
        o---+        +---o
            +---<>---+  c_b, b

    $$E^* = c_a(i\omega)^a + c_b(i\omega)^b, \qquad
      E(t) = \frac{c_a\,t^{-a}}{\Gamma(1-a)} + \frac{c_b\,t^{-b}}{\Gamma(1-b)}, \qquad
      J(t) = \frac{t^a}{c_a}\,E_{a-b,1+a}\!\left(-\tfrac{c_b}{c_a}\,t^{a-b}\right)$$

    with the Mittag-Leffler function $E_{\alpha,\beta}$. $a = 1, b = 0$ is `KelvinVoigt`.

    Validity: 0 <= b < a <= 1; small strain.
    Source: Schiessel, Metzler, Blumen, Nonnenmacher, J. Phys. A 28, 6567 (1995); Bonfanti et al., Soft
    Matter 16, 6002 (2020).
    """

    larger_quasi_property: Scalar = quantity("larger_quasi_property", default=1e3)
    larger_order: Scalar = quantity("larger_order", default=0.8)
    smaller_quasi_property: Scalar = quantity("smaller_quasi_property", default=1e3)
    smaller_order: Scalar = quantity("smaller_order", default=0.2)

    fitted: ClassVar[tuple[str, ...]] = ("larger_quasi_property", "larger_order", "smaller_quasi_property",
                                         "smaller_order")
    above: ClassVar[dict[str, str]] = {"larger_order": "smaller_order"}

    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa."""
        return (self.larger_quasi_property * s**self.larger_order
                + self.smaller_quasi_property * s**self.smaller_order)

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa."""
        a, b = self.larger_order, self.smaller_order
        return (self.larger_quasi_property * time**-a * reciprocal_gamma(1 - a)
                + self.smaller_quasi_property * time**-b * reciprocal_gamma(1 - b))

    def creep_compliance(self, time: Scalar) -> Scalar:
        """J(t) in 1/Pa."""
        a, order = self.larger_order, self.larger_order - self.smaller_order
        ratio = self.smaller_quasi_property / self.larger_quasi_property
        return time**a / self.larger_quasi_property * mittag_leffler(ratio * time**order, order, 1 + a)

    def relaxation_integral(self, time: Scalar) -> Scalar:
        """The integral of E(t) in Pa s."""
        a, b = self.larger_order, self.smaller_order
        return (self.larger_quasi_property * time ** (1 - a) * reciprocal_gamma(2 - a)
                + self.smaller_quasi_property * time ** (1 - b) * reciprocal_gamma(2 - b))

"""Two springpots in series."""

from __future__ import annotations

from typing import ClassVar, final

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar
from asperity.rheology.mittag_leffler import mittag_leffler, reciprocal_gamma

__all__ = ["FractionalMaxwell"]


@final
class FractionalMaxwell(AbstractRelaxationModel):
    r"""Two springpots in series, $a > b$.

    ::

        o---<>------<>---o
          c_a, a  c_b, b

    $$E^* = \frac{c_a(i\omega)^a\;c_b(i\omega)^b}{c_a(i\omega)^a + c_b(i\omega)^b}, \qquad
      E(t) = c_b\,t^{-b}\,E_{a-b,1-b}\!\left(-\tfrac{c_b}{c_a}\,t^{a-b}\right), \qquad
      J(t) = \frac{t^a}{c_a\Gamma(1+a)} + \frac{t^b}{c_b\Gamma(1+b)}$$

    with the Mittag-Leffler function $E_{\alpha,\beta}$. $a = 1, b = 0$ is `Maxwell`.

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
        first = self.larger_quasi_property * s**self.larger_order
        second = self.smaller_quasi_property * s**self.smaller_order
        return first * second / (first + second)

    def _decay(self, time: Scalar, beta: Scalar) -> Scalar:
        """The Mittag-Leffler function of this model, of second order ``beta``."""
        order = self.larger_order - self.smaller_order
        return mittag_leffler(self.smaller_quasi_property / self.larger_quasi_property * time**order, order, beta)

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa."""
        b = self.smaller_order
        return self.smaller_quasi_property * time**-b * self._decay(time, 1 - b)

    def creep_compliance(self, time: Scalar) -> Scalar:
        """J(t) in 1/Pa."""
        a, b = self.larger_order, self.smaller_order
        return (time**a * reciprocal_gamma(1 + a) / self.larger_quasi_property
                + time**b * reciprocal_gamma(1 + b) / self.smaller_quasi_property)

    def relaxation_integral(self, time: Scalar) -> Scalar:
        """The integral of E(t) in Pa s."""
        b = self.smaller_order
        return self.smaller_quasi_property * time ** (1 - b) * self._decay(time, 2 - b)

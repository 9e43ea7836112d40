"""The springpot: a power law between a spring and a dashpot."""

from __future__ import annotations

from typing import ClassVar, final

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar
from asperity.rheology.mittag_leffler import reciprocal_gamma

__all__ = ["Springpot"]


@final
class Springpot(AbstractRelaxationModel):
    r"""One fractional element: a spring for $\beta = 0$, a dashpot for $\beta = 1$.

    ::

        o---<>---o
          c, beta

    $$E^* = c\,(i\omega)^\beta, \qquad E(t) = \frac{c\,t^{-\beta}}{\Gamma(1-\beta)}, \qquad
      J(t) = \frac{t^\beta}{c\,\Gamma(1+\beta)}$$

    A modulus $E_0$ at the time $t_0$, as force curves report it, means $c = E_0\,t_0^\beta\,\Gamma(1-\beta)$.

    Validity: 0 <= order <= 1; small strain. Neither a glassy nor an equilibrium modulus exists.
    Source: Scott Blair, J. Colloid Sci. 2, 21 (1947); Bonfanti et al., Soft Matter 16, 6002 (2020).
    """

    quasi_property: Scalar = quantity("quasi_property", default=1e3)
    order: Scalar = quantity("order", default=0.2)

    fitted: ClassVar[tuple[str, ...]] = ("quasi_property", "order")

    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa."""
        return self.quasi_property * s**self.order

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa."""
        return self.quasi_property * time**-self.order * reciprocal_gamma(1 - self.order)

    def creep_compliance(self, time: Scalar) -> Scalar:
        """J(t) in 1/Pa."""
        return time**self.order * reciprocal_gamma(1 + self.order) / self.quasi_property

    def relaxation_integral(self, time: Scalar) -> Scalar:
        """The integral of E(t) in Pa s."""
        return self.quasi_property * time ** (1 - self.order) * reciprocal_gamma(2 - self.order)

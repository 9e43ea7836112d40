"""The flat cylindrical punch of Boussinesq."""

from __future__ import annotations

from typing import ClassVar, final

from asperity.contact._elastic import AbstractElasticContact, positive_power
from asperity.contact._model import Scalar
from asperity.quantities import quantity

__all__ = ["FlatPunch"]


@final
class FlatPunch(AbstractElasticContact):
    r"""A rigid flat cylinder of radius a, pressed squarely on an elastic half-space.

    $$F = 2\,\frac{E}{1-\nu^2}\,a\,\delta$$

    Validity: no adhesion, no friction, no tilt between punch and surface, edge rounding much smaller
    than the indentation.
    Source: Boussinesq (1885); Sneddon, Int. J. Eng. Sci. 3, 47 (1965).
    """

    punch_radius: Scalar = quantity("punch_radius", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fixed: ClassVar[tuple[str, ...]] = ("punch_radius", "poisson_ratio")

    def shape(self, indentation: Scalar) -> Scalar:
        """g = 2 a delta in m^2."""
        return 2 * self.punch_radius * positive_power(indentation, 1)

"""The cone of Love and Sneddon: a sharp tip."""

from __future__ import annotations

import math
from typing import ClassVar, final

import jax.numpy as jnp

from asperity.contact._elastic import AbstractElasticContact, positive_power
from asperity.contact._model import Scalar
from asperity.quantities import quantity

__all__ = ["Cone"]


@final
class Cone(AbstractElasticContact):
    r"""A rigid cone of half-opening angle alpha (between axis and side) on an elastic half-space.

    $$F = \frac{2}{\pi}\,\frac{E}{1-\nu^2}\,\tan\alpha\;\delta^2, \qquad \delta = \frac{\pi}{2}\,a\cot\alpha$$

    Validity: no adhesion, no friction, blunt cones (linear elasticity leaves out the radial displacement
    under steep sides), an indentation much larger than the rounding of the apex.
    Source: Love, Q. J. Math. 10, 161 (1939); Sneddon, Int. J. Eng. Sci. 3, 47 (1965).
    """

    half_angle: Scalar = quantity("half_angle", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fixed: ClassVar[tuple[str, ...]] = ("half_angle", "poisson_ratio")

    def shape(self, indentation: Scalar) -> Scalar:
        """g = 2/pi tan(alpha) delta^2 in m^2."""
        return 2 / math.pi * jnp.tan(self.half_angle) * positive_power(indentation, 2)

"""The paraboloid of Hertz: the usual model of a spherical tip at small indentation."""

from __future__ import annotations

from typing import ClassVar, final

import jax.numpy as jnp

from asperity.contact._elastic import AbstractElasticContact, positive_power
from asperity.contact._model import Scalar
from asperity.quantities import quantity

__all__ = ["Hertz"]


@final
class Hertz(AbstractElasticContact):
    r"""A rigid paraboloid of curvature radius R on an elastic half-space.

    $$F = \frac{4}{3}\,\frac{E}{1-\nu^2}\,\sqrt{R}\;\delta^{3/2}, \qquad a^2 = R\,\delta$$

    Validity: no adhesion, no friction, small strain, sample much thicker than the contact radius a.
    For a sphere the force is too large by 1.0 / 5.3 / 11 % at $\delta/R$ = 0.1 / 0.5 / 1 (use `Sphere`).
    Source: Hertz, J. reine angew. Math. 92, 156 (1881); Johnson, Contact Mechanics (1985), section 4.2.
    """

    radius: Scalar = quantity("radius", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fixed: ClassVar[tuple[str, ...]] = ("radius", "poisson_ratio")
    paraboloid: ClassVar[bool] = True

    def shape(self, indentation: Scalar) -> Scalar:
        """g = 4/3 sqrt(R) delta^(3/2) in m^2."""
        return 4 / 3 * jnp.sqrt(self.radius) * positive_power(indentation, 1.5)

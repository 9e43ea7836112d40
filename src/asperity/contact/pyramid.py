"""Pyramids with three and four sides: the usual sharp cantilever tips.

The prefactor of a pyramid is no closed form, and programs differ in it. Each class names its own;
alpha is always the angle between the axis and a *face* (not an edge).
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, final

import equinox as eqx
import jax.numpy as jnp

from asperity.contact._elastic import AbstractElasticContact, positive_power
from asperity.contact._model import Scalar
from asperity.messages import ArgumentError
from asperity.quantities import quantity

__all__ = ["FOUR_SIDED_FACTOR", "THREE_SIDED_FACTOR", "Pyramid3", "Pyramid4"]

#: F / (E* tan(alpha) delta^2) of a three-sided pyramid
THREE_SIDED_FACTOR = 0.8887
#: F / (E* tan(alpha) delta^2) of a four-sided pyramid, by convention
FOUR_SIDED_FACTOR = {"bilodeau": 0.7453, "rico": 1 / math.sqrt(2)}


@final
class Pyramid3(AbstractElasticContact):
    r"""A rigid regular three-sided pyramid; alpha is the angle between axis and face.

    $$F = 0.8887\,\frac{E}{1-\nu^2}\,\tan\alpha\;\delta^2$$

    Validity: no adhesion, no friction, blunt pyramids, an indentation much larger than the rounding of
    the apex. The prefactor is approximate.
    Source: Bilodeau, J. Appl. Mech. 59, 519 (1992).
    """

    half_angle: Scalar = quantity("half_angle", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fixed: ClassVar[tuple[str, ...]] = ("half_angle", "poisson_ratio")

    def shape(self, indentation: Scalar) -> Scalar:
        """g = 0.8887 tan(alpha) delta^2 in m^2."""
        return THREE_SIDED_FACTOR * jnp.tan(self.half_angle) * positive_power(indentation, 2)


@final
class Pyramid4(AbstractElasticContact):
    r"""A rigid square pyramid; alpha is the angle between axis and face.

    $$F = \kappa\,\frac{E}{1-\nu^2}\,\tan\alpha\;\delta^2$$

    ``convention`` chooses the prefactor: ``"bilodeau"`` $\kappa = 0.7453$ (default) or ``"rico"``
    $\kappa = 1/\sqrt2 = 0.7071$, which the JPK software uses. Moduli differ by 5.4 % between the two.
    Raises ValueError for another convention.
    Validity: no adhesion, no friction, blunt pyramids, an indentation much larger than the rounding of
    the apex.
    Source: Bilodeau, J. Appl. Mech. 59, 519 (1992); Rico et al., Phys. Rev. E 72, 021914 (2005).
    """

    half_angle: Scalar = quantity("half_angle", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)
    convention: Literal["bilodeau", "rico"] = eqx.field(static=True, kw_only=True, default="bilodeau")

    fixed: ClassVar[tuple[str, ...]] = ("half_angle", "poisson_ratio")

    def __check_init__(self):
        if self.convention not in FOUR_SIDED_FACTOR:
            raise ArgumentError(f"Pyramid4: no convention {self.convention!r}; choose one of "
                                f"{', '.join(FOUR_SIDED_FACTOR)}.")

    def shape(self, indentation: Scalar) -> Scalar:
        """g = kappa tan(alpha) delta^2 in m^2."""
        factor = FOUR_SIDED_FACTOR[self.convention]
        return factor * jnp.tan(self.half_angle) * positive_power(indentation, 2)

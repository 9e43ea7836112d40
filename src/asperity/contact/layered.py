r"""Tips on a thin elastic layer on a rigid base, such as a cell or a gel on glass: exact, and fast.

The force is that of the half-space times a correction that depends on the half-space contact radius over the
thickness h and on Poisson's ratio. `asperity.contact.fredholm` solves for it exactly; a table made from that
at the first use (`asperity.contact._layer_table`) makes it fast. ``docs/thin_layers.md`` has the errors.
"""

from __future__ import annotations

import math
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp

from asperity.contact._elastic import AbstractElasticContact
from asperity.contact._layer_table import REACH, layer_correction
from asperity.contact._model import Scalar
from asperity.quantities import quantity

__all__ = ["ConeBondedLayer", "ConeUnbondedLayer", "HertzBondedLayer", "HertzUnbondedLayer"]


class AbstractLayeredParaboloid(AbstractElasticContact):
    """What a paraboloid on a layer is, whether the layer is ``bonded`` to its base or slides."""

    radius: eqx.AbstractVar[Scalar]
    thickness: eqx.AbstractVar[Scalar]

    bonded: ClassVar[bool]
    fixed: ClassVar[tuple[str, ...]] = ("radius", "thickness", "poisson_ratio")
    paraboloid: ClassVar[bool] = True

    def shape(self, indentation: Scalar) -> Scalar:
        """g = 4/3 sqrt(R) delta^(3/2) C in m^2."""
        inside = indentation > 0
        safe = jnp.where(inside, indentation, self.thickness)
        radius = jnp.sqrt(self.radius * safe)
        correction = layer_correction(radius / self.thickness, self.poisson_ratio, 2, self.bonded)
        return jnp.where(inside, 4 / 3 * safe * radius * correction, 0.0)

    def largest_indentation(self) -> Scalar:
        r"""That of $\chi = 4$, in m: the end of the table."""
        return (REACH * self.thickness) ** 2 / self.radius


class AbstractLayeredCone(AbstractElasticContact):
    """What a cone on a layer is, whether the layer is ``bonded`` to its base or slides."""

    half_angle: eqx.AbstractVar[Scalar]
    thickness: eqx.AbstractVar[Scalar]

    bonded: ClassVar[bool]
    fixed: ClassVar[tuple[str, ...]] = ("half_angle", "thickness", "poisson_ratio")

    def shape(self, indentation: Scalar) -> Scalar:
        """g = 2/pi tan(alpha) delta^2 C in m^2."""
        inside = indentation > 0
        safe = jnp.where(inside, indentation, self.thickness)
        radius = 2 / math.pi * jnp.tan(self.half_angle) * safe
        correction = layer_correction(radius / self.thickness, self.poisson_ratio, 1, self.bonded)
        return jnp.where(inside, radius * safe * correction, 0.0)

    def largest_indentation(self) -> Scalar:
        """That of x = 4, in m: the end of the table."""
        return REACH * self.thickness * math.pi / 2 / jnp.tan(self.half_angle)


@final
class HertzBondedLayer(AbstractLayeredParaboloid):
    r"""A rigid paraboloid of radius R on an elastic layer of thickness h that is bonded to a rigid base.

    $$F = \frac43\,\frac{E}{1-\nu^2}\,\sqrt R\,\delta^{3/2}\;C_\nu\!\left(\frac{\sqrt{R\delta}}{h}\right), \qquad
      C_\nu(\chi) = 1 + \frac{2\kappa_0}{\pi}\chi + \frac{14}{3}\Big(\frac{\kappa_0}{\pi}\Big)^2\chi^2 + \ldots$$

    $\kappa_0$ is 1.770 / 1.377 / 1.211 at $\nu$ = 0.5 / 0.3 / 0. C is not the series but the exact solution of
    `asperity.contact.fredholm`, tabulated: error below 1e-6 for $\chi \le 4$.
    Validity: no adhesion, no friction under the tip, small strain ($\delta \ll h$, $\delta \ll R$), a base much
    stiffer than the layer. Beyond $\chi = 4$ the force goes on with the power law that it has there, off by up
    to 2 % at $\chi = 5$ and 20 % at 8 (so that a fit may pass through; a result there is flagged).
    Tends to `Hertz` as $h \to \infty$.
    Source: Hayes et al., J. Biomech. 5, 541 (1972); Dimitriadis et al., Biophys. J. 82, 2798 (2002), whose
    series it replaces.
    """

    radius: Scalar = quantity("radius", kw_only=True)
    thickness: Scalar = quantity("thickness", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    bonded: ClassVar[bool] = True


@final
class HertzUnbondedLayer(AbstractLayeredParaboloid):
    r"""A rigid paraboloid of radius R on an elastic layer of thickness h that slides freely on a rigid base.

    $$F = \frac43\,\frac{E}{1-\nu^2}\,\sqrt R\,\delta^{3/2}\;C\!\left(\frac{\sqrt{R\delta}}{h}\right), \qquad
      C(\chi) = 1 + \frac{2\kappa_0}{\pi}\chi + \frac{14}{3}\Big(\frac{\kappa_0}{\pi}\Big)^2\chi^2 + \ldots$$

    $\kappa_0 = 1.1676$ and C are the same for every Poisson's ratio. C is not the series but the exact solution
    of `asperity.contact.fredholm`, tabulated: error below 1e-6 for $\chi \le 4$.
    Validity: as `HertzBondedLayer`, with a base that neither holds nor rubs the layer. Beyond $\chi = 4$ the
    force goes on with the power law that it has there, off by 0.3 % at $\chi = 5$ and 2 % at 8.
    Tends to `Hertz` as $h \to \infty$, to $\pi E^* R\delta^2/h$ as $h \to 0$.
    Source: Hayes et al., J. Biomech. 5, 541 (1972); Dimitriadis et al., Biophys. J. 82, 2798 (2002), whose
    series it replaces.
    """

    radius: Scalar = quantity("radius", kw_only=True)
    thickness: Scalar = quantity("thickness", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    bonded: ClassVar[bool] = False


@final
class ConeBondedLayer(AbstractLayeredCone):
    r"""A rigid cone of half-opening angle alpha on an elastic layer of thickness h bonded to a rigid base.

    $$F = \frac2\pi\,\frac{E}{1-\nu^2}\,\tan\alpha\;\delta^2\;C_\nu(x), \qquad
      x = \frac{2}{\pi}\,\frac{\delta\tan\alpha}{h}$$

    C is the exact solution of `asperity.contact.fredholm`, tabulated: error below 1e-6 for $x \le 4$.
    Validity: no adhesion, no friction under the tip, a blunt cone, $\delta \ll h$, a base much stiffer than
    the layer. Beyond $x = 4$ the force goes on with the power law that it has there, off by up to 2 % at
    $x = 5$ and 20 % at 8. Tends to `Cone` as $h \to \infty$.
    Source: Hayes et al., J. Biomech. 5, 541 (1972); Garcia, Garcia, Biophys. J. 114, 2923 (2018), whose
    series it replaces.
    """

    half_angle: Scalar = quantity("half_angle", kw_only=True)
    thickness: Scalar = quantity("thickness", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    bonded: ClassVar[bool] = True


@final
class ConeUnbondedLayer(AbstractLayeredCone):
    r"""A rigid cone of half-opening angle alpha on an elastic layer of thickness h that slides freely.

    $$F = \frac2\pi\,\frac{E}{1-\nu^2}\,\tan\alpha\;\delta^2\;C(x), \qquad
      x = \frac{2}{\pi}\,\frac{\delta\tan\alpha}{h}$$

    C is the exact solution of `asperity.contact.fredholm`, tabulated: error below 1e-6 for $x \le 4$; the
    same for every Poisson's ratio.
    Validity: as `ConeBondedLayer`, with a base that neither holds nor rubs the layer. Beyond $x = 4$ the force
    goes on with the power law that it has there, off by 0.3 % at $x = 5$ and 2 % at 8.
    Tends to `Cone` as $h \to \infty$.
    Source: Hayes et al., J. Biomech. 5, 541 (1972).
    """

    half_angle: Scalar = quantity("half_angle", kw_only=True)
    thickness: Scalar = quantity("thickness", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    bonded: ClassVar[bool] = False

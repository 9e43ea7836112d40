r"""A paraboloid pressed into an adhesive layer on a rigid base, at a given indentation.

The exact solution of `asperity.contact.fredholm` is for a given contact radius a. Here the a of an indentation
$\delta \ge 0$ is found, and the force told as what presses and what pulls, both positive:

$$\delta = \delta_H(a) - \frac{\sqrt{2\pi a w/E^*}}{\varphi_1(a)}, \qquad
  F = F_H(a) - S(a)\,\frac{\sqrt{2\pi a w/E^*}}{\varphi_1(a)}$$

$\delta_H$, $F_H$: of the layer without adhesion; S: the stiffness of a flat punch; $\varphi_1$: the edge of its
solution. It is Griffith's balance, $(F_H - F)^2\,|d(1/S)/da| = 4\pi a w$. In groups, $\delta R/h^2$, $\nu$ and
$\alpha = wR^2/(E^*h^3)$ decide all (small slope: R and h scale apart). Limits: JKR for $a \ll h$; the largest
attraction is $\tfrac32\pi wR$ there, $2\pi wR$ on a thin compressible layer, $3\pi wR$ on a thin incompressible one.

Source: Johnson, Kendall, Roberts, Proc. R. Soc. A 324, 301 (1971); Lebedev, Ufliand, J. Appl. Math. Mech. 22, 442
(1958). The last two limits follow from the pressures under a thin layer, $p \propto \delta - r^2/2R$ and
$p \propto (a^2 - r^2)\,\delta$ for a punch.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp

from asperity.contact import jkr
from asperity.contact._model import Scalar
from asperity.contact._roots import bisect, implicit_root
from asperity.contact.fredholm import Layer, layer_contact

__all__ = ["PressedLayer", "half_space_radius", "pressed_layer"]

_NARROWEST = 0.3  # contact radius over that of the half-space,
_WIDEST = 2.3  # between which it is sought: 2 of a thin incompressible layer without adhesion is the largest
_HALVINGS = 45  # of the logarithm of that interval: until double precision is reached
_FEWER = 48  # nodes along the radius
_FEWER_WAVES = 192  # and along the wave number; up to 4.3 thicknesses exact to 1e-10


class PressedLayer(NamedTuple):
    """What an indentation does; NaN where there is no contact at it. Forces are per reduced modulus."""

    contact_radius: Scalar  # m
    pressing: Scalar  # m^2, the force that this contact radius takes without adhesion
    pulling: Scalar  # m^2, by which adhesion makes it smaller

    @property
    def force(self) -> Scalar:
        """In m^2, repulsive positive."""
        return self.pressing - self.pulling


def half_space_radius(depth: Scalar, adhesion: Scalar) -> Scalar:
    r"""The contact radius on a half-space (JKR) over h, at $\delta R/h^2$ and $wR^2/(E^*h^3)$."""
    adhesive = adhesion > 0
    unit = jnp.cbrt(0.75 * math.pi * jnp.where(adhesive, adhesion, 1.0))
    hertz = jnp.sqrt(jnp.where(adhesive, 1.0, depth))
    return jnp.where(adhesive, unit * jkr.contact_radius(depth / unit**2), hertz)


def pressed_layer(indentation: Scalar, radius: Scalar, layer: Layer, adhesion_length: Scalar) -> PressedLayer:
    r"""The contact at an indentation of 0 or more.

    Args:
        indentation: in m.
        radius: of the tip, in m.
        layer: what is pressed.
        adhesion_length: $w/E^*$ in m, 0 or more.

    Differentiable in every argument, the thickness and Poisson's ratio of the layer among them. Meant for contact
    radii up to four thicknesses.
    """
    thickness = layer.thickness
    groups = (jnp.asarray(indentation) * radius / thickness**2, jnp.asarray(layer.poisson_ratio),
              jnp.asarray(adhesion_length) * radius**2 / thickness**3)
    reach = (_bonded if layer.bonded else _sliding)(*groups)
    own = Layer(thickness=jnp.ones_like(reach), poisson_ratio=groups[1], bonded=layer.bonded)
    _, pressing = layer_contact(jnp.square, reach, own)
    _, force = layer_contact(jnp.square, reach, own, groups[2])
    unit = thickness**3 / radius
    return PressedLayer(reach * thickness, pressing * unit, (pressing - force) * unit)


def _off(reach: Scalar, depth: Scalar, poisson_ratio: Scalar, adhesion: Scalar, *, bonded: bool) -> Scalar:
    """The indentation of a contact radius less that wanted, over the square of the half-space's contact radius."""
    layer = Layer(thickness=jnp.ones_like(reach), poisson_ratio=poisson_ratio, bonded=bonded)
    found, _ = layer_contact(jnp.square, reach, layer, adhesion, nodes=_FEWER, waves=_FEWER_WAVES)
    return (found - depth) / half_space_radius(depth, adhesion) ** 2


def _sought(depth: Scalar, poisson_ratio: Scalar, adhesion: Scalar, *, bonded: bool) -> Scalar:
    """The contact radius over the thickness."""
    guess = half_space_radius(depth, adhesion)
    off = partial(_off, depth=depth, poisson_ratio=poisson_ratio, adhesion=adhesion, bonded=bonded)
    found = bisect(off, _NARROWEST * guess, _WIDEST * guess, steps=_HALVINGS)
    return jnp.where((depth >= 0) & (guess > 0), found, jnp.nan)


_bonded = implicit_root(partial(_sought, bonded=True), partial(_off, bonded=True))
_sliding = implicit_root(partial(_sought, bonded=False), partial(_off, bonded=False))

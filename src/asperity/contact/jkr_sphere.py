r"""The adhesive exact sphere: Johnson, Kendall and Roberts's argument without the paraboloid.

Units: $a_s = (2\pi w R^2/E^*)^{1/3}$, $\delta_s = a_s^2/R$, $F_s = E^*a_s^3/R = 2\pi w R$. One parameter is
left, the depth $k = a_s/R = \sqrt{\delta_s/R}$. With $u = \operatorname{artanh}(a/R)$:

$$D = \frac{u\tanh u}{k^2} - \Big(\frac{\tanh u}{k}\Big)^{1/2}, \qquad
  P = \frac{u(1+\tanh^2u) - \tanh u}{k^3} - 2\,\Big(\frac{\tanh u}{k}\Big)^{3/2}$$

The code uses $y = \sqrt{u/k}$, in which both are smooth: for k -> 0, $D = y^4 - y$, $P = \tfrac43y^6 - 2y^3$.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self, final

import jax
import jax.numpy as jnp

from asperity.contact import sphere
from asperity.contact._adhesive import AbstractAdhesiveContact
from asperity.contact._model import Scalar
from asperity.contact._roots import bisect, follow_branch, implicit_root
from asperity.quantities import quantity

__all__ = ["JKRSphere", "contact_curve", "jump_off", "load", "pull_off"]


def contact_curve(y: Scalar, depth: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """(A, P, D) at y = sqrt(u / k) > 0; A = a / a_s."""
    u = depth * y**2
    radius = jnp.tanh(u) / depth
    return radius, sphere.force_at(u) / depth**3 - 2 * radius**1.5, y**2 * radius - jnp.sqrt(radius)


def _turning_point(quantity: int):
    def slope(y: Scalar, depth: Scalar) -> Scalar:
        return jax.jvp(lambda x: contact_curve(x, depth)[quantity], (y,), (jnp.ones_like(y),))[1]

    def solve(depth: Scalar) -> Scalar:
        low = jnp.full_like(depth, 0.5)
        return bisect(lambda y: slope(y, depth), low, 4 * low)

    return implicit_root(solve, slope)


_least_load = _turning_point(1)
_least_displacement = _turning_point(2)


def pull_off(depth: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """(A, P, D) at the most negative load, for depths k < 1."""
    return contact_curve(_least_load(depth), depth)


def jump_off(depth: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """(A, P, D) where a contact on a stiff lever jumps off, for depths k < 1."""
    return contact_curve(_least_displacement(depth), depth)


def _solve(displacement: Scalar, depth: Scalar, end_y: Scalar, end_displacement: Scalar) -> Scalar:
    pressed = jnp.maximum(displacement, 0)
    start = jnp.sqrt(jnp.sqrt(pressed + (depth * pressed) ** 2)) + 1.2
    return follow_branch(lambda y: contact_curve(y, depth)[2], displacement, start,
                         (end_y, end_displacement), 7)


_inverse = implicit_root(
    _solve, lambda y, displacement, depth, *_: contact_curve(y, depth)[2] - displacement)


def load(displacement: Scalar, depth: Scalar) -> Scalar:
    """P(D; k) on the stable branch down to `jump_off`; 0 beyond. For depths 0 < k < 1."""
    end_y = _least_displacement(depth)
    end = contact_curve(end_y, depth)[2]
    attached = displacement >= end
    y = _inverse(jnp.where(attached, displacement, end + 1), depth, end_y, end)
    return jnp.where(attached, contact_curve(y, depth)[1], 0.0)


@final
class JKRSphere(AbstractAdhesiveContact):
    r"""A rigid sphere (not a paraboloid) of radius R that adheres with energy w per unit area.

    $$F = E^*\left[\tfrac{a^2+R^2}{2}\ln\tfrac{R+a}{R-a} - aR\right] - \sqrt{8\pi w E^* a^3}, \qquad
      \delta = \tfrac{a}{2}\ln\tfrac{R+a}{R-a} - \sqrt{\tfrac{2\pi a w}{E^*}}, \qquad
      E^* = \tfrac{E}{1-\nu^2}$$

    ``force`` is the stable contact branch down to its displacement instability; beyond, the tip is off
    and the force 0. Tends to `JKR` where $w \ll E^*R$. Other programs call this model "Sphere (Maugis)"; it
    is not the model of Maugis and Dugdale.
    Validity: attraction of short range, no friction, linear elasticity, $2\pi w < E^*R$, w > 0 (without
    adhesion use `Sphere`).
    Shape parameter: the logarithm of $\delta_s = (2\pi w/E^*)^{2/3}R^{1/3}$ in m; amplitude $2\pi wR$ in N.
    Source: Maugis, Langmuir 11, 679 (1995).
    """

    radius: Scalar = quantity("radius", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    work_of_adhesion: Scalar = quantity("work_of_adhesion", kw_only=True, default=1e-4)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fixed: ClassVar[tuple[str, ...]] = ("radius", "poisson_ratio")

    def pull_off_force(self) -> Scalar:
        """The largest attraction in N, a magnitude."""
        (scale,), theta = self.amplitudes_of()
        return -scale * pull_off(self._depth(theta))[1]

    def end_of_contact(self, theta: tuple[Scalar, ...]) -> Scalar:
        """The displacement instability in m."""
        return jnp.exp(theta[0]) * jump_off(self._depth(theta))[2]

    def basis(self, indentation: Scalar, theta: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        """``(P(delta / delta_s; sqrt(delta_s / R)),)``, a pure number."""
        return (load(indentation * jnp.exp(-theta[0]), self._depth(theta)),)

    def with_amplitudes(self, c: tuple[Scalar, ...], theta: tuple[Scalar, ...]) -> Self:
        """The model with 2 pi w R = c0 (in N) and ln(delta_s / m) = theta0."""
        stiffness = c[0] / jnp.sqrt(self.radius) * jnp.exp(-1.5 * theta[0])
        return dataclasses.replace(self, modulus=stiffness * (1 - self.poisson_ratio**2),
                                   work_of_adhesion=c[0] / (2 * math.pi * self.radius))

    def amplitudes_of(self) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
        """2 pi w R in N, and ln(delta_s / m)."""
        length = 2 * math.pi * self.work_of_adhesion * (1 - self.poisson_ratio**2) / self.modulus
        scale = (2 * jnp.log(length) + jnp.log(self.radius)) / 3
        return (2 * math.pi * self.work_of_adhesion * self.radius,), (scale,)

    def _depth(self, theta: tuple[Scalar, ...]) -> Scalar:
        return jnp.exp(theta[0] / 2) / jnp.sqrt(self.radius)

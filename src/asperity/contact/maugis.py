r"""The Dugdale crack of Maugis in dimensionless form: adhesion of any range, from DMT to JKR.

Units: $a_c = (\pi w R^2/K)^{1/3}$, $F_c = \pi w R$, $\delta_c = a_c^2/R$, $K = \tfrac43 E/(1-\nu^2)$. A
constant attraction $\sigma_0$ acts up to the gap $h_0 = w/\sigma_0$, out to the radius c > a. The
Maugis parameter is $\lambda = 2\sigma_0\,(R/(\pi w K^2))^{1/3}$; see `maugis_parameter` and `dugdale_stress`.

With $t = \sqrt{(c/a)^2 - 1}$ and $\theta = \arctan t$ the condition on the gap at c is quadratic in A, so the
curve is explicit (`contact_curve`):

$$\tfrac{\lambda}{2} f_1 A^2 + \tfrac{4\lambda^2}{3} f_2 A = 1, \quad
  f_1 = t + (t^2-1)\theta, \quad f_2 = t\theta - \sqrt{1+t^2} + 1$$
$$P = A^3 - \lambda A^2\,[t + (1+t^2)\theta], \qquad D = A^2 - \tfrac43\lambda A t$$

Contact ends at A = 0. Below `THRESHOLD` the tip then still hovers, held by the attraction of a disc of
radius C (`hovering_curve`), and jumps off from there; above it jumps off from contact.
The code uses r = 1/t and B = A t, which stay finite where contact ends.
Source: Maugis, J. Colloid Interface Sci. 150, 243 (1992); Johnson, Greenwood, J. Colloid Interface Sci.
192, 326 (1997). The tests check the explicit form against Maugis's equations in 50 digits.
"""

from __future__ import annotations

import math
from fractions import Fraction

import jax
import jax.numpy as jnp

from asperity.contact import jkr
from asperity.contact._model import Scalar
from asperity.contact._roots import bisect, follow_branch, implicit_root

__all__ = ["THRESHOLD", "contact_curve", "dugdale_stress", "hovering_curve", "jump_in", "jump_off", "load",
           "maugis_parameter", "pull_off", "touch"]

#: the Maugis parameter below which a stiff lever jumps off from the hovering state
THRESHOLD = (9 * math.pi / (16 * (math.pi - 1))) ** (1 / 3)

_TERMS = 17  # of the series of the gap functions for t < 1/3
_BINOMIAL = [Fraction(1)]
for _k in range(1, _TERMS + 1):
    _BINOMIAL.append(_BINOMIAL[-1] * (Fraction(1, 2) - _k + 1) / _k)
#: f1 = t^3 sum_k s_k t^(2k), f2 = t^2 sum_k s_k t^(2k)
_SERIES_1 = [float((-1) ** (k + 1) * Fraction(4 * k, 4 * k * k - 1)) for k in range(1, _TERMS + 1)]
_SERIES_2 = [float((-1) ** (k + 1) * Fraction(1, 2 * k - 1) - _BINOMIAL[k]) for k in range(1, _TERMS + 1)]


def _polynomial(coefficients: list[float], x: Scalar) -> Scalar:
    total = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def _gap_functions(r: Scalar, angle: Scalar) -> tuple[Scalar, Scalar]:
    """f1 r^2 and f2 r at r = 1/t; a series above r = 3, where the closed forms cancel."""
    near = r > 3
    t = 1 / jnp.where(near, r, 3.0)
    far = jnp.where(near, 3.0, r)
    first = jnp.where(near, t * _polynomial(_SERIES_1, t * t), far + (1 - far**2) * angle)
    second = jnp.where(near, t * _polynomial(_SERIES_2, t * t), angle - 1 / (far + jnp.sqrt(1 + far**2)))
    return first, second


def _curve(r: Scalar, maugis_parameter: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """(A, P, D) at r = 1/t >= 0; contact ends at r = 0."""
    angle = jnp.arctan2(jnp.ones_like(r), r)
    first, second = _gap_functions(r, angle)
    half = maugis_parameter * first / 2
    linear = 4 / 3 * maugis_parameter**2 * second
    width = 2 / (linear + jnp.sqrt(linear**2 + 4 * half))  # B = A t
    radius = width * r
    attraction = maugis_parameter * width**2 * (r + (1 + r**2) * angle)
    return radius, radius**3 - attraction, radius**2 - 4 / 3 * maugis_parameter * width


def contact_curve(t: Scalar, maugis_parameter: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """Contact radius A, load P and displacement D at t = sqrt((c/a)^2 - 1) > 0.

    The whole contact branch: t -> 0 is infinite load, t -> infinity the end of contact. Relative error
    of a few eps (P and D: relative to their largest term).
    """
    return _curve(1 / t, maugis_parameter)


def hovering_curve(disc_radius: Scalar, maugis_parameter: Scalar) -> tuple[Scalar, Scalar]:
    r"""(P, D) without contact, at the radius C of the disc in which the attraction acts.

    $$P = -\tfrac{\pi}{2}\lambda C^2, \; D = \tfrac12C^2 - \tfrac{8\lambda}{3\pi}C - \tfrac{2}{\pi\lambda}$$
    """
    load = -math.pi / 2 * maugis_parameter * disc_radius**2
    sag = 8 / (3 * math.pi) * maugis_parameter * disc_radius
    return load, disc_radius**2 / 2 - sag + jump_in(maugis_parameter)


def jump_in(maugis_parameter: Scalar) -> Scalar:
    """The displacement -2 / (pi lambda), at which an approaching tip first feels the surface and jumps."""
    return -2 / (math.pi * maugis_parameter)


def touch(maugis_parameter: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """(C, P, D) where contact begins (A = 0): the hovering branch and the contact branch meet here."""
    _, load, displacement = _curve(jnp.zeros_like(maugis_parameter), maugis_parameter)
    return -0.75 * displacement / maugis_parameter, load, displacement


def _slope(quantity: int):
    """d(A, P or D)/dr of the contact branch as a function of (r, lambda)."""

    def slope(r: Scalar, parameter: Scalar) -> Scalar:
        return jax.jvp(lambda x: _curve(x, parameter)[quantity], (r,), (jnp.ones_like(r),))[1]

    return slope


def _turning_point(quantity: int):
    slope = _slope(quantity)

    def solve(parameter: Scalar) -> Scalar:
        wide = jnp.full_like(parameter, 1e-8), 10 * (1 + parameter)
        return bisect(lambda r: slope(r, parameter), *wide)

    return implicit_root(solve, slope)


_least_load = _turning_point(1)
_least_displacement = _turning_point(2)


def pull_off(maugis_parameter: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """(A, P, D) at the most negative load, where a dead weight pulls the tip off."""
    return _curve(_least_load(maugis_parameter), maugis_parameter)


def _end(maugis_parameter: Scalar) -> tuple[Scalar, Scalar, Scalar, Scalar]:
    """(r, A, P, D) where the stable branch ends under a stiff lever; r = 0 where the tip hovers there."""
    hovers = maugis_parameter < THRESHOLD
    disc = 8 / (3 * math.pi) * maugis_parameter
    load, displacement = hovering_curve(disc, maugis_parameter)
    r = _least_displacement(jnp.where(hovers, 1.0, maugis_parameter))
    fold = _curve(r, jnp.where(hovers, 1.0, maugis_parameter))
    zero = jnp.zeros_like(r)
    pairs = zip((zero, zero, load, displacement), (r, *fold))
    first, second, third, fourth = (jnp.where(hovers, a, b) for a, b in pairs)
    return first, second, third, fourth


def jump_off(maugis_parameter: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    """(A, P, D) where a stiff lever loses the tip; A = 0 below THRESHOLD (it jumps from hovering)."""
    return _end(maugis_parameter)[1:]


def _start(displacement: Scalar, maugis_parameter: Scalar) -> Scalar:
    """An r above the solution: from the radius of JKR, which is larger, and f1 < 4t^3/3, f2 < t^2/2."""
    radius = jkr.contact_radius(jnp.maximum(displacement, jkr.FOLD_DISPLACEMENT))
    return jnp.cbrt(2 / 3 * maugis_parameter * radius**2) + jnp.sqrt(2 / 3 * radius) * maugis_parameter


def _solve(displacement: Scalar, maugis_parameter: Scalar, end_r: Scalar, end_displacement: Scalar) -> Scalar:
    return follow_branch(lambda r: _curve(r, maugis_parameter)[2], displacement,
                         _start(displacement, maugis_parameter), (end_r, end_displacement), 9)


_inverse = implicit_root(
    _solve, lambda r, displacement, parameter, *_: _curve(r, parameter)[2] - displacement)


def _contact_load(displacement: Scalar, maugis_parameter: Scalar, end_r: Scalar, end_displacement: Scalar):
    r = _inverse(displacement, maugis_parameter, end_r, end_displacement)
    return _curve(r, maugis_parameter)[1]


def _hovering_load(displacement: Scalar, maugis_parameter: Scalar, end_displacement: Scalar) -> Scalar:
    """The stable hovering branch: the larger of the two discs."""
    rise = jnp.maximum(displacement - end_displacement, 1e-24)
    disc = 8 / (3 * math.pi) * maugis_parameter + jnp.sqrt(2 * rise)
    return hovering_curve(disc, maugis_parameter)[0]


def load(displacement: Scalar, maugis_parameter: Scalar) -> Scalar:
    """P(D) on the stable branch, contact and hovering, down to `jump_off`; 0 beyond.

    Valid for lambda from 1e-3 to 1e3. Differentiable in both arguments.
    """
    end_r, _, _, end = _end(maugis_parameter)
    contact_end = jnp.where(maugis_parameter < THRESHOLD, touch(maugis_parameter)[2], end)
    contact = displacement >= contact_end
    hovers = (displacement >= end) & ~contact
    reached = jnp.where(contact, displacement, contact_end + 1)
    in_contact = _contact_load(reached, maugis_parameter, end_r, contact_end)
    hovering = _hovering_load(jnp.where(hovers, displacement, end + 1), maugis_parameter, end)
    return jnp.where(contact, in_contact, jnp.where(hovers, hovering, 0.0))


def maugis_parameter(radius: Scalar, reduced_modulus: Scalar, work_of_adhesion: Scalar,
                     cohesive_stress: Scalar) -> Scalar:
    r"""$\lambda = \sigma_0\,(9R / (2\pi w E^{*2}))^{1/3}$ from SI values (m, Pa, J/m^2, Pa)."""
    return cohesive_stress * jnp.cbrt(9 * radius / (2 * math.pi * work_of_adhesion * reduced_modulus**2))


def dugdale_stress(work_of_adhesion: Scalar, equilibrium_separation: Scalar) -> Scalar:
    r"""$\sigma_0 = 16 w / (9\sqrt3\,z_0)$ in Pa: the largest stress of a Lennard-Jones surface.

    With it $\lambda = 1.1570\,\mu$, where $\mu = (R w^2/(E^{*2} z_0^3))^{1/3}$ is Tabor's parameter, and the
    range is $h_0 = 0.974\,z_0$.
    """
    return 16 / (9 * math.sqrt(3)) * work_of_adhesion / equilibrium_separation

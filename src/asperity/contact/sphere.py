r"""The exact rigid sphere on an elastic half-space (no limit on the ratio of indentation to radius).

The kernels work in units of R and E* R^2, and with $u = \operatorname{artanh}(a/R)$ instead of the contact
radius a, because then nothing saturates at deep indentation:

$$\delta/R = u\tanh u, \qquad F/(E^* R^2) = u\,(1 + \tanh^2 u) - \tanh u$$
"""

from __future__ import annotations

from typing import ClassVar, final

import jax
import jax.numpy as jnp

from asperity.contact._elastic import AbstractElasticContact
from asperity.contact._model import Scalar
from asperity.contact._roots import implicit_root
from asperity.quantities import quantity

__all__ = ["Sphere", "contact_radius", "load"]


def excess_of_tanh(u: Scalar) -> Scalar:
    """u - tanh(u) without cancellation (Lambert's continued fraction below 1)."""
    small = jnp.minimum(u, 1.0)
    fraction = jnp.zeros_like(small)
    for odd in (17, 15, 13, 11, 9, 7, 5, 3):
        fraction = small**2 / (odd + fraction)
    return jnp.where(u < 1, small * fraction / (1 + fraction), u - jnp.tanh(u))


def force_at(u: Scalar) -> Scalar:
    """F / (E* R^2) at u = artanh(a / R)."""
    return excess_of_tanh(u) + u * jnp.tanh(u) ** 2


def _solve(displacement: Scalar) -> Scalar:
    """u of u tanh(u) = displacement > 0: Newton from sqrt(d + d^2/3 + ...)."""
    d = displacement
    u = jnp.sqrt(d * (1 + d * (1 / 3 + d) / (1 + d)))
    for _ in range(4):
        t = jnp.tanh(u)
        u = u - (u * t - d) / (t + u * (1 - t) * (1 + t))
    return u


_inner = implicit_root(_solve, lambda u, displacement: u * jnp.tanh(u) - displacement)


def contact_radius(displacement: Scalar) -> Scalar:
    """a / R at delta / R; 0 outside contact."""
    inside = displacement > 0
    return jnp.where(inside, jnp.tanh(_inner(jnp.where(inside, displacement, 1.0))), 0.0)


@jax.custom_jvp
def load(displacement: Scalar) -> Scalar:
    """F / (E* R^2) at delta / R; 0 outside contact. Its slope is 2 a / R, exactly."""
    inside = displacement > 0
    return jnp.where(inside, force_at(_inner(jnp.where(inside, displacement, 1.0))), 0.0)


@load.defjvp
def _load_tangent(primals, tangents):
    (displacement,), (change,) = primals, tangents
    return load(displacement), 2 * contact_radius(displacement) * change


@final
class Sphere(AbstractElasticContact):
    r"""A rigid sphere of radius R on an elastic half-space: Sneddon's solution, solved for the force.

    $$\delta = \frac{a}{2}\ln\frac{R+a}{R-a}, \qquad
      F = \frac{E}{1-\nu^2}\left[\frac{a^2+R^2}{2}\ln\frac{R+a}{R-a} - aR\right]$$

    Validity: no adhesion, no friction, linear elasticity (small strain: a well below R). Tends to `Hertz` at
    small $\delta/R$, below which it lies by 1.0 / 5.0 / 10.0 % at $\delta/R$ = 0.1 / 0.5 / 1.
    Source: Sneddon, Int. J. Eng. Sci. 3, 47 (1965).
    """

    radius: Scalar = quantity("radius", kw_only=True)
    modulus: Scalar = quantity("modulus", kw_only=True, default=1e3)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)

    fixed: ClassVar[tuple[str, ...]] = ("radius", "poisson_ratio")

    def shape(self, indentation: Scalar) -> Scalar:
        """g = F / E* in m^2."""
        return self.radius**2 * load(indentation / self.radius)

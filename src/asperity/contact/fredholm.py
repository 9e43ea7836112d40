r"""Contact of any rigid axisymmetric tip with an elastic layer on a rigid base, solved exactly.

Friction-free contact of radius a on a layer of thickness h is a Fredholm equation of the second kind
for the function $\varphi(t)$, $0 \le t \le a$, from which load and pressure follow:

$$\varphi(t) - \frac1\pi\int_0^a [k(t+s) + k(t-s)]\,\varphi(s)\,ds = \frac{E^*}{\pi}\,[\delta - \delta_H(t)],
  \qquad F = 2\pi\int_0^a \varphi\,dt$$
$$k(x) = \int_0^\infty [1 - M(\xi h)]\cos(\xi x)\,d\xi, \qquad E^* = \frac{E}{1-\nu^2}$$

$\delta_H(t)$ is the indentation that the tip needs on a half-space for the contact radius t. M is the surface
displacement of the layer under a pressure wave, over that of the half-space (`Layer.deficit`). The
contact radius follows from $\varphi(a) = 0$ without adhesion, and from $\varphi(a) = -\sqrt{2awE^*/\pi}$ with
adhesion of short range, for at the edge of the contact the layer is a half-space (the JKR argument).

Method: $k(t+s) + k(t-s) = 2\int [1-M]\cos\xi t\cos\xi s\,d\xi$ separates, so the matrix of Nystrom's method is a
product of three, with Gauss-Legendre nodes in t and in $\xi h$. Error in float64 with the default nodes,
relative to finer ones: 1e-12 for a <= 2 h, 1e-10 for a <= 10 h, 1e-6 at a = 20 h.
Source: Lebedev, Ufliand, J. Appl. Math. Mech. 22, 442 (1958); Hayes, Keer, Herrmann, Mockros, J. Biomech. 5,
541 (1972). The tests check that the pressure found does press the layer into the shape of the tip.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from asperity.contact._model import Scalar
from asperity.contact._roots import bisect
from asperity.quantities import quantity

__all__ = ["Layer", "layer_contact", "pressure_function", "pull_off", "punch_stiffness"]

#: an indentation in m for each contact radius in m; called with arrays
Profile = Callable[[Float[Array, " t"]], Float[Array, " t"]]

_NODES = 64  # along the radius, unless others are asked for
_WAVES = 256  # nodes along the wave number, unless others are asked for
_SHORTEST = 24.0  # xi h beyond which 1 - M is below 1e-15


@final
class Layer(eqx.Module):
    r"""An elastic layer on a rigid base, either bonded to it or free to slide on it.

    $$M_{bonded} = \frac{(3-4\nu)\sinh x\cosh x - x}{x^2 + 4(1-\nu)^2 + (3-4\nu)\sinh^2x}, \qquad
      M_{unbonded} = \frac{\sinh^2x}{x + \sinh x\cosh x}, \qquad x = \xi h$$
    """

    thickness: Scalar = quantity("thickness", kw_only=True)
    poisson_ratio: Scalar = quantity("poisson_ratio", kw_only=True, default=0.5)
    bonded: bool = eqx.field(kw_only=True, default=True, static=True)

    def deficit(self, x: Float[Array, " x"]) -> Float[Array, " x"]:
        """1 - M at x = xi h, without cancellation: 1 at x = 0, of order x^2 exp(-2 x) at large x."""
        q = jnp.exp(-2 * x)
        if not self.bonded:
            return q * (x + (1 - q) / 2) / (q * x + (1 - q) * (1 + q) / 4)
        base, shear = 4 * (1 - self.poisson_ratio) ** 2, 3 - 4 * self.poisson_ratio
        return q * (x**2 + x + base - shear * (1 - q) / 2) / (q * (x**2 + base) + shear * (1 - q) ** 2 / 4)


def _gauss(count: int, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Legendre on (0, end)."""
    node, weight = np.polynomial.legendre.leggauss(count)
    return end / 2 * (node + 1), end / 2 * weight


def _solve(profile: Profile, contact_radius: Scalar, layer: Layer, nodes: int,
           waves: int) -> tuple[Float[Array, "t side"], Float[Array, " side"], Float[Array, " side"]]:
    """phi for the right sides 1 and ``profile``: at the nodes, at the edge, and integrated over (0, a)."""
    t, dt = _gauss(nodes, 1.0)
    x, dx = _gauss(waves, _SHORTEST)
    reach = contact_radius / layer.thickness
    waves_at = jnp.cos(reach * t[:, None] * x)
    strength = 2 * reach / math.pi * dx * layer.deficit(jnp.asarray(x))
    collected = waves_at.T * dt
    right = jnp.stack([jnp.ones(nodes), profile(contact_radius * t)], axis=1)
    phi = jnp.linalg.solve(jnp.eye(nodes) - (waves_at * strength) @ collected, right)
    end = jnp.stack([jnp.ones(()), profile(jnp.reshape(contact_radius, 1))[0]])
    return phi, end + (jnp.cos(reach * x) * strength) @ collected @ phi, contact_radius * dt @ phi


def layer_contact(profile: Profile, contact_radius: Scalar, layer: Layer, adhesion_length: Scalar | float = 0.0,
                  *, nodes: int = _NODES, waves: int = _WAVES) -> tuple[Scalar, Scalar]:
    r"""(indentation in m, force per reduced modulus in m^2) at one contact radius.

    Args:
        profile: $\delta_H(t)$ in m for an array of radii in m: ``t**2 / R`` for a paraboloid,
            ``pi / 2 * t / tan(alpha)`` for a cone, ``t * arctanh(t / R)`` for a sphere,
            `asperity.contact.profile.elastic_contact` for any other tip.
        contact_radius: a in m, positive.
        layer: what is pressed.
        adhesion_length: $w/E^*$ in m; 0 without adhesion.
        nodes: nodes along the radius.
        waves: nodes along the wave number.

    Differentiable in every argument; no error is raised. Meant for contact radii up to 20 thicknesses.
    """
    _, edge, whole = _solve(profile, contact_radius, layer, nodes, waves)
    adhesive = jnp.asarray(adhesion_length) > 0
    retreat = jnp.sqrt(2 * math.pi * contact_radius * jnp.where(adhesive, adhesion_length, 1.0))
    indentation = (edge[1] - jnp.where(adhesive, retreat, 0.0)) / edge[0]
    return indentation, 2 * (indentation * whole[0] - whole[1])


def punch_stiffness(punch_radius: Scalar, layer: Layer, *, nodes: int = _NODES, waves: int = _WAVES) -> Scalar:
    r"""Force per reduced modulus and indentation in m of a flat punch, 2 a on a half-space.

    It is also $dF/d\delta\,/\,E^*$ of any tip with this contact radius.
    """
    return 2 * _solve(jnp.zeros_like, punch_radius, layer, nodes, waves)[2][0]


def pressure_function(profile: Profile, contact_radius: Scalar, layer: Layer,
                      adhesion_length: Scalar | float = 0.0) -> tuple[Float[Array, " t"], Float[Array, " t"]]:
    r"""(t in m, $\pi\varphi(t)/E^*$ in m) at the Gauss-Legendre nodes of (0, a).

    The pressure is $p(r) = \varphi(a)/\sqrt{a^2-r^2} - \int_r^a\varphi'(t)\,dt/\sqrt{t^2-r^2}$, and its Hankel
    transform $\int_0^a\varphi(t)\cos\xi t\,dt$.
    """
    indentation, _ = layer_contact(profile, contact_radius, layer, adhesion_length)
    phi, *_ = _solve(profile, contact_radius, layer, _NODES, _WAVES)
    return contact_radius * _gauss(_NODES, 1.0)[0], indentation * phi[:, 0] - phi[:, 1]


def pull_off(profile: Profile, layer: Layer, adhesion_length: Scalar,
             between: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar, Scalar]:
    """(contact radius in m, indentation in m, force per reduced modulus in m^2) at the most negative load.

    ``between``: two contact radii in m that enclose it; the nearer one is returned where they do not.
    """

    def slope(radius: Scalar) -> Scalar:
        force = lambda a: layer_contact(profile, a, layer, adhesion_length)[1]  # noqa: E731
        return jax.jvp(force, (radius,), (jnp.ones_like(radius),))[1]

    radius = bisect(slope, *between, steps=45)
    return radius, *layer_contact(profile, radius, layer, adhesion_length)

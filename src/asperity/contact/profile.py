r"""Contact of any rigid axisymmetric tip z = f(r), given its slope f': with and without adhesion.

The contact radius a is the parameter; the tip may be measured or any function.

$$\delta_H(a) = a\int_0^{\pi/2} f'(a\sin\varphi)\,d\varphi, \qquad
  \frac{F_H(a)}{E^*} = 2a^2\int_0^{\pi/2} f'(a\sin\varphi)\sin^2\!\varphi\,d\varphi$$
$$\delta = \delta_H - \sqrt{2\pi a\,\ell}, \qquad \frac{F}{E^*} = \frac{F_H}{E^*} - \sqrt{8\pi a^3\ell},
  \qquad \ell = \frac{w}{E^*}$$

Validity: a convex tip (a circular contact that grows with the load), small slopes, adhesion of short
range. Source: Sneddon, Int. J. Eng. Sci. 3, 47 (1965); Maugis, Barquins, J. Phys. D 11, 1989 (1978).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from asperity.contact._model import Scalar

__all__ = ["adhesive_contact", "elastic_contact"]


def elastic_contact(slope: Callable[[Scalar], Scalar], contact_radius: Scalar,
                    nodes: int = 64) -> tuple[Scalar, Scalar]:
    """(indentation in m, force per reduced modulus in m^2) of the tip with slope f'(r) at radius a.

    ``slope`` is called with an array of ``nodes`` radii in m (Gauss-Legendre nodes in arcsin(r/a)).
    """
    abscissa, weight = np.polynomial.legendre.leggauss(nodes)
    sine = np.sin(math.pi / 4 * (abscissa + 1))
    weighted = math.pi / 4 * weight * slope(contact_radius * sine)
    return contact_radius * jnp.sum(weighted), 2 * contact_radius**2 * jnp.sum(weighted * sine**2)


def adhesive_contact(slope: Callable[[Scalar], Scalar], contact_radius: Scalar, adhesion_length: Scalar,
                     nodes: int = 64) -> tuple[Scalar, Scalar]:
    """As `elastic_contact`, with adhesion; ``adhesion_length`` is w / E* in m. Both branches of the curve."""
    indentation, force = elastic_contact(slope, contact_radius, nodes)
    retreat = jnp.sqrt(2 * math.pi * contact_radius * adhesion_length)
    return indentation - retreat, force - 2 * contact_radius * retreat

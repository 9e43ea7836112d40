r"""The force of an adhesive layer on a rigid base at an indentation, without solving an integral equation each time.

Six quantities make three groups (small slope): depth $\delta R/h^2$, adhesion $\alpha = wR^2/(E^*h^3)$ and $\nu$. The
half-space tells how the first two act, and so the surrogates are of its contact radius $A_0 = a_0/h$ (JKR), of the
share $s = \sqrt{2\pi a_0w/E^*}\,R/a_0^2$ by which adhesion takes the surface back, and of $\nu$. What presses and what
pulls are positive, and each is told as its ratio to that of the half-space:

$$F = \frac{E^*h^3}{R}\left[\tfrac43A_0^3\,e^{z_1} - 2sA_0^3\,e^{z_2}\right], \qquad z_i(A_0, s, \nu) \to 0
\text{ for } A_0 \to 0$$

Contact at an indentation of 0 and more; the solver is `asperity.contact.adhesive_layer`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from asperity.contact.adhesive_layer import half_space_radius, pressed_layer
from asperity.contact.fredholm import Layer
from asperity.learning.discovery.dimensions import named_group
from asperity.learning.discovery.surrogate import Axis, Derived, Ratio, Surrogate, SurrogateValue, surrogate

__all__ = ["ADHESION", "DEPTH", "LAYER_AXES", "LAYER_UNITS", "LayerSurrogate", "half_space_parts", "layer_surrogate",
           "solved_parts"]

#: name -> unit of what goes in
LAYER_UNITS = {"indentation": "m", "radius": "m", "thickness": "m", "reduced_modulus": "Pa", "poisson_ratio": "1",
               "work_of_adhesion": "J/m^2"}
DEPTH = named_group("depth", {"indentation": 1, "radius": 1, "thickness": -2}, LAYER_UNITS)
ADHESION = named_group("adhesion", {"work_of_adhesion": 1, "radius": 2, "reduced_modulus": -1, "thickness": -3},
                       LAYER_UNITS)
_POISSON = named_group("poisson_ratio", {"poisson_ratio": 1}, LAYER_UNITS)


def _reach(values: Mapping[str, Any]) -> Float[Array, ...]:
    """The half-space's contact radius over the thickness."""
    with_depth = jnp.broadcast_arrays(DEPTH.value(values), ADHESION.value(values))
    one = half_space_radius
    for _ in range(jnp.ndim(with_depth[0])):
        one = jax.vmap(one)
    return one(*with_depth)


def _share(values: Mapping[str, Any]) -> Float[Array, ...]:
    """By which adhesion takes the surface back, over the square of the contact radius over R."""
    return jnp.sqrt(2 * math.pi * ADHESION.value(values) / _reach(values) ** 3)


#: the box: contact radii up to three thicknesses; from hardly any adhesion to an indentation of 0 held by it alone
LAYER_AXES = (Axis(Derived("reach", _reach), 0.05, 3.0, "reach"),
              Axis(_POISSON, 0.0, 0.495, "incompressible"),
              Axis(Derived("share", _share), 0.01, 1.0, "linear"))


def half_space_parts(groups: Float[Array, " axis"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    r"""What presses and what pulls on a half-space, in $E^*h^3/R$."""
    return 4 / 3 * groups[0] ** 3, 2 * groups[2] * groups[0] ** 3


@jax.jit
def _solved(reach: Array, poisson_ratio: Array, share: Array) -> tuple[Array, Array]:
    def one(group: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        own, poisson, taken = group
        layer = Layer(thickness=jnp.ones_like(own), poisson_ratio=poisson)
        found = pressed_layer(own**2 * (1 - taken), jnp.ones_like(own), layer, taken**2 * own**3 / (2 * math.pi))
        return found.pressing, found.pulling

    return jax.lax.map(one, (reach, poisson_ratio, share))


def solved_parts(groups: Float[np.ndarray, "point axis"]) -> tuple[np.ndarray, np.ndarray]:
    r"""What presses and what pulls on a layer at these groups, exactly, in $E^*h^3/R$."""
    with jax.enable_x64(True):
        pressing, pulling = _solved(*(jnp.asarray(one) for one in np.asarray(groups, float).T))
        return np.asarray(pressing), np.asarray(pulling)


class LayerSurrogate(NamedTuple):
    """The force of an adhesive layer, of two surrogates of the same groups."""

    pressing: Surrogate
    pulling: Surrogate
    correlation: float  # of what points left out of both were wrong by: both follow from one contact radius

    def force(self, **quantities: Any) -> SurrogateValue:
        """In N, of the quantities in `LAYER_UNITS` by name.

        Raises:
            ArgumentError: one is missing, or a group is outside the box.
        """
        parts = self.pressing(**quantities), self.pulling(**quantities)
        unit = quantities["reduced_modulus"] * quantities["thickness"] ** 3 / quantities["radius"]
        told = self._between(*parts)
        return SurrogateValue(unit * told.value, unit * told.std, told.inside)

    def reduced(self, groups: Float[Array, "*points axis"]) -> SurrogateValue:
        r"""In $E^*h^3/R$, at groups in the order of `LAYER_AXES`; NaN outside the box."""
        return self._between(self.pressing.told(groups), self.pulling.told(groups))

    def _between(self, pressing: SurrogateValue, pulling: SurrogateValue) -> SurrogateValue:
        """The difference, whose errors partly cancel."""
        variance = pressing.std**2 + pulling.std**2 - 2 * self.correlation * pressing.std * pulling.std
        return SurrogateValue(pressing.value - pulling.value, jnp.sqrt(variance), pressing.inside)


def layer_surrogate(*, solves: int = 256, seed: int = 0) -> LayerSurrogate:
    """Made from so many contacts (some 10 ms each)."""
    kept = lru_cache(maxsize=1)(lambda given: solved_parts(np.frombuffer(given).reshape(-1, len(LAYER_AXES))))

    def made(part: int) -> Surrogate:
        """Both parts are those of one solution."""
        limit = Ratio(lambda groups: half_space_parts(groups)[part])
        return surrogate(lambda groups: kept(np.ascontiguousarray(groups).tobytes())[part], LAYER_AXES, limit,
                         solves=solves, seed=seed)

    pressing, pulling = made(0), made(1)
    return LayerSurrogate(pressing, pulling, float(np.corrcoef(pressing.left_out, pulling.left_out)[0, 1]))

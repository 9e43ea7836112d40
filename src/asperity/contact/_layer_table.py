r"""The exact correction for a layer as a polynomial, so that a fit costs about what it costs with `Sphere`.

For a tip $\delta_H(t) = c\,t^m$ (m = 2: paraboloid, m = 1: cone) the force on a layer over that on a
half-space depends on three numbers only: m, Poisson's ratio, and $A = a_H/h$, where
$a_H = (\delta/c)^{1/m}$ is the contact radius that the half-space would have. Its logarithm is tabulated as
a Chebyshev polynomial in $\ln(1 + A/A_0)$ and, for a bonded layer, in $\ln(1 + (1-2\nu)/\epsilon_0)$: smooth in
both, for thin layers follow a power of A, and incompressible ones differ within $1-2\nu \sim (h/a)^2$.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import chebyshev

from asperity.contact._model import Scalar
from asperity.contact.fredholm import Layer, layer_contact

__all__ = ["REACH", "layer_correction"]

#: the largest half-space contact radius over thickness that the table holds
REACH = 4.0
_REACH_SCALE = 0.5  # A_0, of the contact radius over thickness in ln(1 + A/A_0)
_REACH_TOP = 1.06 * REACH  # contact radius over thickness at which the polynomial ends: beyond `REACH`, not at it
_REACH_DEGREE = 24  # of the polynomial in ln(1 + A/A_0)
_POISSON_SCALE = 0.02  # epsilon_0, of 1 - 2 nu in ln(1 + (1 - 2 nu)/epsilon_0)
_POISSON_DEGREE = 15  # of the polynomial in that logarithm, for a bonded layer
_SOLVED = 64  # contact radii at which the integral equation is solved, per Poisson's ratio


def _reach_place(reach):
    """The place of A in (-1, 1), that of 0 and of `_REACH_TOP`."""
    return 2 * jnp.log1p(reach / _REACH_SCALE) / math.log1p(_REACH_TOP / _REACH_SCALE) - 1


def _poisson_place(poisson_ratio):
    """The place of Poisson's ratio in (-1, 1), that of 1/2 and of -1."""
    return 2 * jnp.log1p((1 - 2 * poisson_ratio) / _POISSON_SCALE) / math.log1p(3 / _POISSON_SCALE) - 1


def _roots(count: int) -> np.ndarray:
    """The roots of the Chebyshev polynomial of degree ``count``."""
    return np.cos(math.pi * (np.arange(count) + 0.5) / count)


@partial(jax.jit, static_argnums=(0, 3))
def _solved(exponent: int, ratio: jax.Array, poisson_ratio: Scalar,
            bonded: bool) -> tuple[jax.Array, jax.Array]:
    """(A, ln of the correction) at the contact radii ``ratio`` over the thickness."""
    layer = Layer(thickness=jnp.ones(()), poisson_ratio=poisson_ratio, bonded=bonded)

    def one(radius: Scalar) -> tuple[Scalar, Scalar]:
        indentation, force = layer_contact(lambda t: t**exponent, radius, layer, nodes=48, waves=192)
        reach = indentation ** (1 / exponent)
        return reach, jnp.log(force * (exponent + 1) / (2 * exponent * reach * indentation))

    return jax.vmap(one)(ratio)


def _row(exponent: int, bonded: bool, poisson_ratio: float) -> np.ndarray:
    """The polynomial in A for one Poisson's ratio."""
    top = 2.1 * _REACH_TOP  # no contact radius is more than twice that of the half-space
    place = _roots(_SOLVED)
    ratio = _REACH_SCALE * np.expm1(math.log1p(top / _REACH_SCALE) * (place + 1) / 2)
    reach, logarithm = _solved(exponent, jnp.asarray(ratio), jnp.asarray(poisson_ratio), bonded)
    along = chebyshev.chebfit(place, np.stack([_reach_place(reach), logarithm], axis=1), _SOLVED - 1)
    reach_place, logarithm = chebyshev.chebval(_roots(8 * _SOLVED), along)
    return chebyshev.chebfit(reach_place[reach_place < 1], logarithm[reach_place < 1], _REACH_DEGREE)


@lru_cache
def _table(exponent: int, bonded: bool) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (degree in Poisson's ratio, degree in A), and those of the slope at `REACH`, (degree,).

    Made at the first use, also inside a trace.
    """
    with jax.enable_x64(True), jax.ensure_compile_time_eval():
        place = _roots(_POISSON_DEGREE + 1 if bonded else 1)
        poisson_ratio = 0.5 - _POISSON_SCALE / 2 * np.expm1(math.log1p(3 / _POISSON_SCALE) * (place + 1) / 2)
        rows = np.stack([_row(exponent, bonded, float(one)) for one in poisson_ratio])
        table = chebyshev.chebfit(place, rows, len(place) - 1)
        slope = chebyshev.chebder(table, axis=1)
        return table, np.asarray(chebyshev.chebval(float(_reach_place(REACH)), slope.T))


def _sum(coefficients: jax.Array, place: Scalar) -> jax.Array:
    """The Chebyshev series at one place (Clenshaw), over the first axis of ``coefficients``."""
    later = latest = jnp.zeros_like(coefficients[0])
    for one in reversed(range(1, len(coefficients))):
        later, latest = 2 * place * later - latest + coefficients[one], later
    return place * later - latest + coefficients[0]


def layer_correction(reach: Scalar, poisson_ratio: Scalar, exponent: int, bonded: bool) -> Scalar:
    r"""F on the layer over F on the half-space at the same indentation, at A = ``reach`` = a_H / h >= 0.

    Args:
        reach: $\sqrt{R\delta}/h$ for a paraboloid, $2\delta\tan\alpha/(\pi h)$ for a cone.
        poisson_ratio: of the layer, -1 to 1/2; of no effect on an unbonded one.
        exponent: 2 for a paraboloid, 1 for a cone.
        bonded: whether the layer is bonded to its base.

    Within 1e-6 of the exact solution up to A = `REACH`. Beyond, the power law of 1 + A/A_0 that holds there
    goes on (continuous with its slope), which is an extrapolation: see ``docs/thin_layers.md`` for its error.
    """
    table, end_slope = (jnp.asarray(one, dtype=jnp.result_type(reach)) for one in _table(exponent, bonded))
    poisson = _poisson_place(poisson_ratio)
    place = _reach_place(reach)
    end = _reach_place(jnp.asarray(REACH, dtype=table.dtype))
    value = _sum(_sum(table, poisson), jnp.minimum(place, end))
    return jnp.exp(value + _sum(end_slope, poisson) * jnp.maximum(place - end, 0.0))

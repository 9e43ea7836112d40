r"""The curve of `asperity.contact.surface_forces` as a table, some 10^5 times as fast.

Separation and force are smooth functions of Tabor's parameter $\mu$ and of the gap G at the center, which falls all
along the curve. They are polynomials of Chebyshev in $\ln\mu$ and in the place along the curve, that of

$$\varphi = \tfrac83\,\mu\,(G^{-9} - 1) - 4 \ln G,$$

which goes as the logarithm of the gap where the surfaces are apart and as the stress of the center where they touch:
there the displacement is nearly its square and the force its cube. For one $\mu$ the polynomials become cubic pieces,
of which one is inverted for each displacement.

Displacements are $(z_0 - h_0)/\delta_c$ with the separation $h_0$ of the undeformed surfaces and $\delta_c$ of
`asperity.contact.maugis`; then $\delta_c = (9\pi^2/16)^{1/3} \mu z_0$. Forces are in $\pi w R$.

``python -m asperity.contact._surface_force_table`` makes the table anew, which takes some minutes.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.polynomial import chebyshev

from asperity.contact._model import Scalar
from asperity.contact._roots import implicit_root

__all__ = ["RANGE", "Branches", "branches", "force_at", "least_force", "tabulated", "within"]

#: Tabor's parameters that the table holds
RANGE = (0.01, 5.0)
_MADE = (math.log(0.008), math.log(6.0))  # of ln mu, for which it is made
_MARGIN = 0.18  # of ln mu, over which a parameter out of range comes to rest
_SCALE = (9 * math.pi**2 / 16) ** (1 / 3)  # delta_c over mu z_0
_FARTHEST = 8.0  # gap at the center where it begins, in z_0
_STRESS = 7.0  # of the center times mu, less that of no attraction, where it ends: a force of 200 or more
_LOGARITHM = 4.0  # weight of ln G
_ALONG = 44  # degree along the curve
_SEEN = 60  # gaps for it
_ACROSS = 24  # parameters, one more than the degree in ln mu
_WIDTH = 0.5  # of the rings
_PIECES = 256
_HALVINGS = 40  # of a piece, until the place is known


class Branches(NamedTuple):
    """The curve of one parameter."""

    parameter: Scalar  # in range
    displacement: Float[Array, " node"]
    force: Float[Array, " node"]
    steepness: Float[Array, " node"]  # of the displacement along a piece
    slope: Float[Array, " node"]  # of the force along a piece
    first: Array  # number of the piece in which the branch of contact begins,
    begins: Scalar  # the place there, 0 to 1,
    end: Scalar  # and its displacement: where a stiff lever jumps off; with one branch alone its first
    last: Array  # number of the last node of the other branch


def _ends(parameter: float) -> tuple[float, float]:
    """phi at both ends of the table."""
    pressed = 1 + 3 / 8 * _STRESS / parameter  # G^-9, at a stress of the center of 7 / mu
    near = _STRESS + 8 / 3 * parameter * (pressed ** (1 / 3) - 1) + _LOGARITHM / 9 * math.log(pressed)
    return _off(_FARTHEST, parameter, 0.0), near


def _off(gap: float, parameter: float, goal: float) -> float:
    """phi less what it is to be."""
    return 8 / 3 * parameter * (gap**-9 - 1) - _LOGARITHM * math.log(gap) - goal


def _made() -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of (H_0 - 1) / (1 + mu) and of the force, (along, across)."""
    from scipy.optimize import brentq

    from asperity.contact.surface_forces import surface_force_curve

    place = np.cos(np.pi * (np.arange(_SEEN) + 0.5) / _SEEN)[::-1]
    across = np.cos(np.pi * (np.arange(_ACROSS) + 0.5) / _ACROSS)
    rows = []
    for parameter in np.exp(_MADE[0] + (_MADE[1] - _MADE[0]) * (across + 1) / 2):
        far, near = _ends(parameter)
        gaps = np.array([brentq(_off, 0.1, 9.0, args=(parameter, one), xtol=1e-14)
                         for one in far + (near - far) * (place + 1) / 2])
        curve = surface_force_curve(parameter, gaps, width=_WIDTH)
        rows.append([chebyshev.chebfit(place, one, _ALONG)
                     for one in ((curve.separation - 1) / (1 + parameter), curve.force)])
    separation, force = (chebyshev.chebfit(across, one, _ACROSS - 1).T for one in np.moveaxis(np.array(rows), 1, 0))
    return separation, force


@lru_cache(maxsize=1)
def tabulated() -> tuple[np.ndarray, np.ndarray]:
    """The coefficients that come with asperity: of (H_0 - 1) / (1 + mu) and of the force, (along, across)."""
    with (resources.files("asperity.contact") / "surface_forces.npz").open("rb") as file, np.load(file) as stored:
        return stored["separation"].astype(float), stored["force"].astype(float)


@lru_cache(maxsize=1)
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    """Values at the nodes, and derivatives along a piece, of the polynomials along the curve."""
    place = np.linspace(-1, 1, _PIECES + 1)
    unit = np.eye(_ALONG + 1)
    slopes = np.stack([chebyshev.chebval(place, chebyshev.chebder(one)) for one in unit], axis=1)
    return chebyshev.chebvander(place, _ALONG), slopes * 2 / _PIECES


def within(log_parameter: Scalar) -> Scalar:
    """ln mu, brought to rest beyond both ends of the range."""
    low, high = (math.log(one) for one in RANGE)
    over = jnp.maximum(log_parameter - high, 0.0)
    under = jnp.minimum(log_parameter - low, 0.0)
    return jnp.clip(log_parameter, low, high) + _MARGIN * (jnp.tanh(over / _MARGIN) + jnp.tanh(under / _MARGIN))


def branches(log_parameter: Scalar) -> Branches:
    """The curve at ln mu; a parameter out of range stays within 20 % of its end."""
    log = within(log_parameter)
    parameter = jnp.exp(log)
    across = jnp.cos(jnp.arange(_ACROSS) * jnp.arccos(2 * (log - _MADE[0]) / (_MADE[1] - _MADE[0]) - 1))
    digits = np.float32 if log.dtype == jnp.float32 else np.float64  # of which JAX may keep half
    separation, force = (jnp.asarray(one.astype(digits)) @ across for one in tabulated())
    value, slope = (jnp.asarray(one.astype(digits)) for one in _nodes())
    size = -(1 + parameter) / (_SCALE * parameter)
    nodes = size * (value @ separation), value @ force, size * (slope @ separation), slope @ force
    first, begins, end, last = _turns(nodes[0], nodes[2])
    return Branches(parameter, *nodes, first, begins, end, last)


def _turns(displacement: Array, steepness: Array) -> tuple[Array, Scalar, Scalar, Array]:
    """Where the branch of contact begins (piece, place, displacement), and the last node of the other branch."""
    back = steepness < 0
    any_back = back.any()
    number = jnp.arange(_PIECES + 1)
    first = jnp.where(any_back, jnp.max(jnp.where(back, number, 0)), 0)
    last = jnp.where(any_back, jnp.argmax(back) - 1, _PIECES)
    piece = tuple(_one(one, first) for one in (displacement, steepness))
    after = tuple(_one(one, first + 1) for one in (displacement, steepness))
    # the slope of a cubic piece is a parabola a + b s + c s^2, which rises through 0 there
    rise = after[0] - piece[0]
    a, b, c = piece[1], 6 * rise - 4 * piece[1] - 2 * after[1], 3 * (piece[1] + after[1]) - 6 * rise
    root = jnp.sqrt(jnp.maximum(b * b - 4 * a * c, 0.0))
    begins = jnp.where(any_back, jnp.clip(-2 * a / jnp.where(any_back, b + root, 1.0), 0.0, 1.0), 0.0)
    end = _cubic(begins, (piece[0], after[0], piece[1], after[1]))
    return first, begins, end, last


def _one(values: Array, number: Array) -> Array:
    """One of the values."""
    return jnp.take(values, number, mode="clip")


def _cubic(place: Scalar, piece: tuple[Scalar, ...]) -> Scalar:
    """The value at a place 0 to 1 of the cubic piece with these values and slopes at both ends."""
    before, after, rise, fall = piece
    step = after - before
    return before + place * (rise + place * (3 * step - 2 * rise - fall + place * (rise + fall - 2 * step)))


def _placed(target: Scalar, low: Scalar, *piece: Scalar) -> Scalar:
    def halve(_: int, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        lower, upper = ends
        middle = (lower + upper) / 2
        above = _cubic(middle, piece) > target
        return jnp.where(above, lower, middle), jnp.where(above, middle, upper)

    lower, upper = jax.lax.fori_loop(0, _HALVINGS, halve, (low, jnp.ones_like(low)))
    return (lower + upper) / 2


_place = implicit_root(_placed, lambda place, target, low, *piece: (_cubic(place, piece) - target)
                       / jax.lax.stop_gradient(jnp.abs(piece[1] - piece[0]) + jnp.abs(piece[2]) + jnp.abs(piece[3])))


def force_at(displacement: Scalar, curve: Branches) -> Scalar:
    """The force in pi w R: in contact, where the branch of contact reaches, else the attraction from farther away."""
    nodes = curve.displacement
    number = jnp.arange(_PIECES + 1)
    held = displacement >= curve.end
    inner = jnp.where(number > curve.first, nodes, -jnp.inf)
    outer = jnp.where(number <= curve.last, nodes, jnp.inf)
    found = jnp.where(held, jnp.searchsorted(inner, displacement, side="right") - 1,
                      jnp.searchsorted(outer, displacement, side="right") - 1)
    piece = jnp.clip(found, jnp.where(held, curve.first, 0), _PIECES - 1)
    low = jnp.where(held & (piece == curve.first), curve.begins, 0.0)
    inside = (held | (displacement > nodes[0])) & (displacement < nodes[-1])
    target = jnp.where(inside, displacement, nodes[piece])
    own = (nodes[piece], nodes[piece + 1], curve.steepness[piece], curve.steepness[piece + 1])
    place = _place(target, low, *own)
    among = _cubic(place, (curve.force[piece], curve.force[piece + 1], curve.slope[piece], curve.slope[piece + 1]))
    beyond = jnp.where(displacement <= nodes[0], _far(displacement, curve), _pressed(displacement, curve))
    return jnp.where(inside, among, beyond)


def _far(displacement: Scalar, curve: Branches) -> Scalar:
    """The attraction of rigid surfaces, as large where the table begins."""
    away = _SCALE * curve.parameter * (curve.displacement[0] - jnp.minimum(displacement, curve.displacement[0]))
    return curve.force[0] / (1 + away * jnp.sqrt(-3 / 8 * curve.force[0])) ** 2


def _pressed(displacement: Scalar, curve: Branches) -> Scalar:
    """Beyond the end of the table, a force as the displacement to the power of 3/2 of the same slope there."""
    force, further = curve.force[-1], jnp.maximum(displacement - curve.displacement[-1], 0.0)
    return force * (1 + further * curve.slope[-1] / curve.steepness[-1] / (1.5 * force)) ** 1.5


def least_force(curve: Branches) -> Scalar:
    """The most attractive force, in pi w R."""
    lowest = jnp.clip(jnp.argmin(curve.force), 1, _PIECES - 1)
    before, at, after = (curve.force[lowest + i] for i in (-1, 0, 1))
    return at - (after - before) ** 2 / (8 * (before - 2 * at + after))


if __name__ == "__main__":
    np.savez_compressed(str(resources.files("asperity.contact") / "surface_forces.npz"),
                        **dict(zip(("separation", "force"), _made())))

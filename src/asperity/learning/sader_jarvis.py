r"""The classical inversion of a frequency shift to a force, and the test that says where it is not to be trusted.

$$F(z) = 2k \int_z^\infty \left[\left(1 + \frac{\sqrt a}{8\sqrt{\pi (t - z)}}\right) \Omega(t)
  - \frac{a^{3/2}}{\sqrt{2(t - z)}} \frac{d\Omega}{dt}\right] dt, \qquad \Omega = \frac{\Delta f}{f_0}$$

with the closest approach z, the amplitude a and the stiffness k of the lever; right to 5 % at any amplitude. With
$t = z + s^2$ the integrand is smooth, and a polynomial in s on each interval if $\Omega$ is a spline: Gauss's formula
then gives the integral exactly. What lies beyond the last sample is missing: the force there, everywhere.
All are in units of one length and one force; a stiffness is a force over a length.

Source: Sader, Jarvis, Appl. Phys. Lett. 84, 1801 (2004); Sader, Hughes, Huber, Giessibl, Nat. Nanotechnol. 13, 1088
(2018) (the test).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PPoly, make_interp_spline

from asperity.messages import ArgumentError, DataError

__all__ = ["Inflection", "canceled", "ill_posed", "inflections", "sader_jarvis"]

_ORDER = 3  # of the spline through the frequency shift
_NODES = 4  # of Gauss's formula in each interval: exact for polynomials of the seventh degree, which the integrand has
_TEST_ORDER = 5  # of the spline through the force, whose third derivative is wanted
_FLAT = 1e-6  # of the steepest slope: where the force is flatter it bends by rounding, and does nothing
_RETURNED = 0.2  # of the largest attraction, by which the first force is above it, of a law that cancels there


class Inflection(NamedTuple):
    r"""A point where F'' = 0, and what it means for the inversion.

    The factor is $S = \tfrac14 z^2 F''' / F'$ with z from the closest approach. From -1 on every amplitude is safe;
    below, those from $\sqrt{-F'/F'''}$ to z/2 make the inversion ill-posed, nearer than the point less 2a.
    """

    at: float  # separation
    factor: float
    smallest: float  # amplitude at which the inversion begins to be ill-posed,
    largest: float  # and from which on it is well-posed again; infinite and 0 where it never is


def sader_jarvis(z: Float[np.ndarray, " point"], shift: Float[np.ndarray, " point"], amplitude: float,
                 stiffness: float, order: int = _ORDER) -> Float[np.ndarray, " point"]:
    """The force at the ascending closest approaches ``z``, less that at the last one.

    Args:
        shift: relative frequency shifts.
        order: degree of the spline through them, 1 (straight lines) or 3.

    Raises:
        DataError: the closest approaches do not ascend.
        ArgumentError: the order is another one.
    """
    if order not in (1, 3):
        raise ArgumentError(f"order = {order!r}: it is 1 (straight lines between the samples) or 3 (a cubic spline)")
    if len(z) <= order or not (np.diff(z) > 0).all():
        raise DataError(f"{len(z)} closest approaches: needs {order + 1} or more that ascend; sort them and average "
                        "those that are equal")
    spline = make_interp_spline(z, shift, k=order)
    slope = spline.derivative()
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    force = np.zeros(len(z))
    for i in range(len(z) - 1):
        s = np.sqrt(z[i:] - z[i])
        half = np.diff(s)[:, None] / 2
        s = s[:-1, None] + half * (1 + nodes)
        t = z[i] + s**2
        seen = (2 * s + np.sqrt(amplitude / np.pi) / 4) * spline(t) - np.sqrt(2 * amplitude**3) * slope(t)
        force[i] = 2 * stiffness * (half * seen * weights).sum()
    return force


def inflections(z: Float[np.ndarray, " point"], force: Float[np.ndarray, " point"]) -> list[Inflection]:
    """The points of inflection of a force law at ascending separations, the first of them the closest approach.

    The third derivative of noisy values means nothing: take the mean of a posterior, or smooth them first.
    """
    spline = make_interp_spline(z, force, k=_TEST_ORDER)
    slope, third = spline.derivative(), spline.derivative(3)
    roots = PPoly.from_spline(spline.derivative(2)).roots(extrapolate=False)
    roots = roots[np.abs(slope(roots)) > _FLAT * np.abs(slope(z)).max()]
    return [_inflection(float(at), float(at - z[0]), float(third(at) / slope(at))) for at in roots]


def canceled(force: Float[np.ndarray, " point"]) -> bool:
    """Whether a force law at ascending separations begins where its repulsion and attraction nearly cancel.

    The formula has each to 5 %, of what is then much larger than their sum: it is off by up to 12 % of the largest
    force. Beyond a fifth of the attraction's way back from its largest, and until the repulsion is as large as that.
    """
    largest = -float(np.min(force))
    return bool(largest > 0 and _RETURNED * largest < force[0] + largest < 2 * largest)


def ill_posed(found: list[Inflection], amplitude: float) -> bool:
    """Whether the inversion at this amplitude is not to be trusted, for any of the points of inflection."""
    return any(one.smallest < amplitude < one.largest for one in found)


def _inflection(at: float, distance: float, ratio: float) -> Inflection:
    factor = 0.25 * distance**2 * ratio
    if factor >= -1:
        return Inflection(at, factor, np.inf, 0.0)
    return Inflection(at, factor, 1 / np.sqrt(-ratio), distance / 2)

r"""The force law behind a dynamic measurement: what an oscillating tip shows is linear in the force F(z).

A tip that oscillates with the amplitude a and comes as near as z sees the mean of F over its path, weighted by where it
is:

$$\langle u F \rangle(z) = \frac1\pi \int_{-1}^1 F(z + a(1+u)) \frac{u}{\sqrt{1-u^2}}\,du, \qquad
  \Omega = \frac{\Delta f}{f_0} = -\frac{\langle u F \rangle}{a k}, \qquad
  V = \langle F x \rangle = a \langle u F \rangle$$

with the relative frequency shift $\Omega$ of a lever of the stiffness k whose amplitude is kept (small against 1), and
the virial V of any oscillation that is a sine (`virial`). For $a \to 0$ $\Omega = -F'/2k$. Because they are linear, F
given either is the posterior of a Gaussian process at any amplitude, and no formula of inversion is needed.

`rows` writes the functionals as sums over nodes that all points share: in panels that widen with the separation F is
the polynomial through eight nodes, and the integral is that of these polynomials. The likelihood then takes one
evaluation of the kernel for each pair of some 100 nodes. `oscillating` is the same functional point by point, by
the formula of Gauss and Chebyshev with m nodes (`asperity.dynamics.frequency_modulation.weak_shift`), and takes
$n^2 m^2$ evaluations.

All are in units of one length and one force; a stiffness is a force over a length.

Source: Giessibl, Phys. Rev. B 56, 16010 (1997); Giessibl, Appl. Phys. Lett. 78, 123 (2001) (frequency shift); San
Paulo, Garcia, Phys. Rev. B 64, 193411 (2001) (virial).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Float
from numpy.polynomial import chebyshev
from scipy.special import ive

from asperity.dynamics.frequency_modulation import equal_times, weak_shift
from asperity.learning.gp.dense import Functional, LinearRows
from asperity.messages import ArgumentError

__all__ = ["averaging", "drive", "force_gradient", "nodes", "oscillating", "rows", "small_amplitude", "virial",
           "virial_rows"]

_IN_PANEL = 8  # nodes of a panel: a polynomial of the seventh degree
_GROWTH = 0.3  # the width of a panel over its separation: an inverse power is then right to 1e-9,
_FINEST = 0.03  # of a panel within the data, narrower if it has to span no more
_STEPS = 8  # than so many of their steps: as many nodes as points
_PATH = 512  # nodes along one oscillation, by which the polynomials are integrated
_LARGEST = 1024  # nodes that `nodes` asks for at most


def force_gradient(force: Callable[[Array], Array], at: Array) -> Array:
    """F'(z), force per length."""
    return jax.grad(force)(at)


def small_amplitude(stiffness: ArrayLike) -> Functional:
    """The relative frequency shift -F'(z) / 2k at amplitudes far below the lengths over which F' changes."""
    return lambda force, at: -force_gradient(force, at) / (2 * stiffness)


def oscillating(amplitude: ArrayLike, stiffness: ArrayLike, count: int) -> Functional:
    """The relative frequency shift at a closest approach z, by ``count`` nodes (see `nodes`)."""
    return lambda force, at: weak_shift(force, at, amplitude, stiffness, count)


def nodes(amplitude: float, decay: float, nearest: float, tolerance: float = 1e-10) -> int:
    r"""How many nodes of Gauss and Chebyshev are right to the relative ``tolerance``.

    The error is that of the first aliases, the coefficients of $T_{2m-1}$ and $T_{2m+1}$ over that of $T_1$: for
    $e^{-z/\lambda}$ of the length ``decay`` they are $I_n(a/\lambda)$, for $z^{-2}$ at the closest approach ``nearest``
    $(n + s)\,\rho^{-n}$ with $\rho = x + \sqrt{x^2 - 1}$, $s = x / \sqrt{x^2 - 1}$, $x = 1 + z/a$.

    Raises:
        ArgumentError: more than 1024 would be needed.
    """
    x = 1 + nearest / amplitude
    root = np.sqrt(x**2 - 1)
    many = np.arange(2, _LARGEST)
    aliases = np.stack([2 * many - 1, 2 * many + 1])
    bessel = ive(aliases, amplitude / decay).sum(axis=0) / ive(1, amplitude / decay)
    pole = ((aliases + x / root) * (x + root) ** (1.0 - aliases)).sum(axis=0) / (1 + x / root)
    enough = (bessel < tolerance) & (pole < tolerance)
    if not enough.any():
        raise ArgumentError(f"amplitude {amplitude:g} over decay length {decay:g} at {nearest:g}: needs more than "
                            f"{_LARGEST} nodes; take lengths that are not so different, or `rows`")
    return int(many[np.argmax(enough)])


def averaging(z: Float[np.ndarray, " point"], width: float = 0.03) -> Float[np.ndarray, "group point"]:
    """The matrix that averages points at ascending ``z`` that are nearer to each other than this share of z.

    A long tail of many points then costs no more than one of few: the averages are as linear in the force as what they
    are averages of, and `rows` takes the matrix. Independent noise of the variances v has the variances matrix**2 @ v.
    """
    first = [0]
    for i in range(1, len(z)):
        if z[i] > (1 + width) * z[first[-1]]:
            first.append(i)
    group = np.searchsorted(first, np.arange(len(z)), side="right") - 1
    member = group == np.arange(len(first))[:, None]
    return member / member.sum(axis=1, keepdims=True)


def rows(z: Float[np.ndarray, " point"], amplitude: float, stiffness: float,
         average: Float[np.ndarray, "group point"] | None = None) -> LinearRows:
    """The relative frequency shifts at the closest approaches ``z`` > 0, in any order, or averages of them.

    The ``amplitude`` is that of all; the ``stiffness`` k of the lever is a force over a length. Nodes are as close as
    the points, or a 27th of z where that is less: forces that change within less are not resolved.

    Raises:
        ArgumentError: a closest approach or amplitude is not positive.
    """
    at, weight = _first_harmonic(z, amplitude, average)
    return LinearRows(at, -weight / (amplitude * stiffness))


def virial_rows(z: Float[np.ndarray, " point"], amplitude: ArrayLike) -> LinearRows:
    """The virials, an energy, of oscillations with each its own ``amplitude`` and closest approach ``z`` > 0.

    Raises:
        ArgumentError: a closest approach or amplitude is not positive.
    """
    at, weight = _first_harmonic(z, amplitude, None)
    return LinearRows(at, weight * np.broadcast_to(amplitude, np.shape(z))[:, None])


def virial(amplitude: ArrayLike, phase: ArrayLike, stiffness: float, force: float,
           frequency: float = 1.0) -> np.ndarray:
    r"""The virial <F x> of a driven lever with the amplitude a that lags behind its drive by the phase $\phi$ (rad).

    $$V = \tfrac12 k a^2 (1 - r^2) - \tfrac12 F_0 a \cos\phi$$

    with the ``force`` $F_0$ that drives it (see `drive`) and its ``frequency`` r in units of the free resonance. What
    the tip loses does not enter: F is the mean of the forces on both ways where these differ.
    """
    a = np.asarray(amplitude)
    return 0.5 * stiffness * a**2 * (1 - frequency**2) - 0.5 * force * a * np.cos(phase)


def drive(free_amplitude: float, stiffness: float, quality: float, frequency: float = 1.0) -> float:
    r"""The force $F_0 = k a_0 \sqrt{(1 - r^2)^2 + (r/Q)^2}$ that makes a free lever swing with its amplitude $a_0$."""
    return float(stiffness * free_amplitude * np.hypot(1 - frequency**2, frequency / quality))


def _first_harmonic(z: Float[np.ndarray, " point"], amplitude: ArrayLike,
                    average: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Nodes, and weights with which the values there are <u F> of each point, or averages of these."""
    z, a = np.broadcast_arrays(np.asarray(z, float), np.asarray(amplitude, float))
    if not (z.min() > 0 and a.min() > 0):
        raise ArgumentError(f"closest approach {z.min():g}, amplitude {a.min():g}: both must be positive; measure "
                            "separations from where the force would be infinite, some 0.1 nm below the closest one")
    edges, u = _edges(z if average is None else average @ z, z.min(), (z + 2 * a).max()), equal_times(_PATH)
    reference = np.sort(equal_times(_IN_PANEL))
    half = np.diff(edges) / 2
    at = (edges[:-1] + half)[:, None] + half[:, None] * reference
    there = z[:, None] + a[:, None] * (1 + u)
    panel = np.clip(np.searchsorted(edges, there) - 1, 0, len(half) - 1)
    basis = chebyshev.chebvander((there - edges[panel]) / half[panel] - 1, _IN_PANEL - 1)
    basis = basis @ np.linalg.inv(chebyshev.chebvander(reference, _IN_PANEL - 1))
    weight = np.zeros((len(z), len(half), _IN_PANEL))
    np.add.at(weight, (np.arange(len(z))[:, None], panel), basis * (u / _PATH)[:, None])
    weight = weight.reshape(len(z), -1)
    return at.ravel(), weight if average is None else average @ weight


def _edges(z: np.ndarray, first: float, last: float) -> np.ndarray:
    """The ends of the panels, from the closest approach to the farthest point of an oscillation."""
    z, edges = np.sort(z), [first]
    while (at := edges[-1]) < last:
        i = max(np.searchsorted(z, at, side="right") - 1, 0)
        span = z[min(i + _STEPS, len(z) - 1)] - z[i] if at < z[-1] else np.inf
        edges.append(at * (1 + np.clip(span / at, _FINEST, _GROWTH)))
    return np.array(edges)

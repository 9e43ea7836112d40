"""The vendor's way to a modulus from an adhesive map, by its published settings, and the true optimum of it.

The retract from its lowest force on, a line through the samples between 50 and 80 % of its length (farthest
first) taken off, F = 4/3 E / (1 - nu^2) sqrt(R) sign(z) |z|^(3/2) - F_adhesion with three free numbers.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import curve_fit, minimize_scalar

from asperity.contact.dmt import DMT
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.fit_curves import fit_curves, learn_noise
from tests.reference.settings import dataset, exactly

MAP = "adhesion/spectroscopy.nid"
RADIUS, POISSON_RATIO = 10e-9, 0.35
_FACTOR = 4 / 3 * np.sqrt(RADIUS) / (1 - POISSON_RATIO**2)
_REACH = 1e-6  # how far before the lowest force a contact point is looked for; the fitted part is 10 nm long


class Adhesive(NamedTuple):
    """One retract, farthest first: depth (m, growing into the sample) and force (N), and its pull-off."""

    depth: np.ndarray
    force: np.ndarray
    pull_off: float


@lru_cache
def curves():
    """The fitted part of all retracts of the map."""
    part = dataset(MAP).sel(segment="retract")
    k = part["spring_constant"].values
    rows = zip(part["force"].values, part["height"].values, part["sample_count"].values, k)
    return [_prepared(force[:n][::-1], -height[:n][::-1], stiffness) for force, height, n, stiffness in rows]


def _prepared(force, height, stiffness):
    n = len(force)
    half, late = n // 2, int(0.8 * n)
    force = force - np.polyval(np.polyfit(height[half:late], force[half:late], 1), height)
    start = int(np.flatnonzero(force == force[late:].min())[0])
    return Adhesive((height - force / stiffness)[start:-1], force[start:-1], -force.min())


def pull_offs():
    """The lowest force of each curve, as a positive number."""
    return np.array([curve.pull_off for curve in curves()])


def _power(depth):
    return np.sign(depth) * np.abs(depth) ** 1.5


def squares(curve, modulus, contact, adhesion):
    """The sum of squares of the model with three given numbers, in nN^2."""
    residual = curve.force - _published_force(curve.depth, modulus, contact, adhesion)
    return np.sum((residual * 1e9) ** 2)


def _published_force(depth, modulus, contact, adhesion):
    return _FACTOR * modulus * _power(depth - contact) - adhesion


def as_published(curve):
    """(E, contact, adhesion) where `curve_fit` ends from the script's start, or None where it gives up."""
    start = [1e9, curve.depth[0], -curve.force[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return curve_fit(_published_force, curve.depth, curve.force, p0=start)[0]
        except RuntimeError:
            return None


@lru_cache
def published():
    """`as_published` of every curve."""
    return [as_published(curve) for curve in curves()]


def _eliminated(curve, contact):
    """(sum of squares in nN^2, E, adhesion) with the linear numbers at their best for one contact point."""
    power = _power((curve.depth - contact) * 1e9)
    design = np.stack([power, -np.ones_like(power)], axis=1)
    solution = np.linalg.lstsq(design, curve.force * 1e9, rcond=None)[0]
    residual = curve.force * 1e9 - design @ solution
    return residual @ residual, solution[0] * 1e-9 * 1e9**1.5 / _FACTOR, solution[1] * 1e-9


def best_squares(curve, reach):
    """The smallest sum of squares with the contact point this far before the lowest force."""
    return _eliminated(curve, curve.depth.min() - reach)[0]


def optimum(curve):
    """(E, contact, adhesion) of the least squares, the contact at most `_REACH` before the lowest force."""
    first, last = curve.depth.min(), curve.depth.max()
    nodes = np.concatenate([first - np.geomspace(_REACH, 1e-10, 100), np.linspace(first, last, 100)[:-1]])
    best = int(np.argmin([_eliminated(curve, node)[0] for node in nodes]))
    bounds = nodes[max(best - 1, 0)], nodes[min(best + 1, len(nodes) - 1)]
    found: Any = minimize_scalar(lambda z: _eliminated(curve, z)[0], bounds=bounds, method="bounded",
                                 options={"xatol": 1e-15})
    _, modulus, adhesion = _eliminated(curve, found.x)
    return modulus, found.x, adhesion


@lru_cache
def optima():
    """`optimum` of every curve."""
    return [optimum(curve) for curve in curves()]


def without_finite_optimum():
    """The curves whose contact point runs off: the further out it lies, the better the fit."""
    return [i for i, (curve, (_, contact, _)) in enumerate(zip(curves(), optima()))
            if contact < curve.depth.min() - 0.99 * _REACH]


def moduli_of_converged():
    """E in Pa at the optimum of the curves on which the script itself converges."""
    return np.array([best[0] for best, theirs in zip(optima(), published()) if theirs is not None])


@lru_cache
def library_results():
    """asperity's own fit of the map: the whole retract, the jump read off the data, the baseline fitted."""
    model = exactly(DMT, radius=RADIUS, poisson_ratio=POISSON_RATIO)
    noise = learn_noise(dataset(MAP), model, segment="retract")
    return fit_curves(dataset(MAP), model, noise=noise, segment="retract")


def failures_of_library():
    """How many curves end without an optimum."""
    return int((library_results()["flag"].values >= Outcome.not_converged).sum())

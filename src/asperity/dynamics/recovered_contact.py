r"""An elastic contact in a recovered force, by generalized least squares with the covariance of that force.

$$F(d) = F_0 + \frac{E}{1 - \nu^2}\,s(d_0 - d)$$

with the shape s of the contact model ($\tfrac43 \sqrt R\,\delta^{3/2}$ of a sphere), the place $d_0$ of the surface and
the attraction $F_0$ in contact (that of Derjaguin, Muller and Toporov: constant). Only distances well inside contact
are used, where the law of the attraction says nothing.

Source: Derjaguin, Muller, Toporov, J. Colloid Interface Sci. 53, 314 (1975).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from asperity.contact import AbstractElasticContact
from asperity.dynamics.force_recovery import Recovered
from asperity.messages import DataError

__all__ = ["RecoveredContact", "contact_in"]

_POINTS = 16  # in contact
_DEEPEST = 0.02  # of the depth, at either end of which the law is not used:
_FIRST = 0.05  # the surface is rounded by what the record resolves
_ROUNDS = 40
_SETTLED = 1e-8  # relative change
_JITTER = 1e-6  # of the mean variance
_DIFFERENCE = 1e-5  # of the depth, step of the derivative
_TOLD_APART = 1e12  # condition of the normal matrix, from which its inverse is rounding
_RISEN = 5.0  # standard deviations of the force, by which the peak must stand out


class RecoveredContact(NamedTuple):
    """Modulus, surface and attraction with their covariance."""

    modulus: float  # Pa
    modulus_std: float
    surface: float  # m
    surface_std: float
    attraction: float  # N
    attraction_std: float
    misfit: float  # chi-square over its degrees of freedom
    covariance: Float[np.ndarray, "3 3"]


def contact_in(law: Recovered, contact: AbstractElasticContact) -> RecoveredContact:
    """The contact of a recovered force whose distances begin at the nearest one.

    Args:
        law: as `recover_force` gives it.
        contact: its tip, and Poisson's ratio; its modulus is not used.

    Raises:
        DataError: no repulsive force is told from the noise, or no fit is found.
    """
    deepest, peak = float(law.distance[0]), float(law.force[0])
    if not peak > _RISEN * law.std[0]:
        raise DataError("no contact is seen: the force where the tip is nearest is not told from zero. Approach the "
                        "sample, lower the setpoint, or record longer")
    least = int(np.argmin(law.force))
    surface = float(law.distance[least] if law.force[least] < 0 else law.distance[np.argmax(law.force < 0.02 * peak)])
    found = np.array([1.0, surface, min(float(law.force[least]), 0.0)])
    found, covariance, misfit = _fitted(law, contact, found, (deepest, surface))
    for _ in range(2):
        surface = min(float(found[1]), surface)
        found, covariance, misfit = _fitted(law, contact, found, (deepest, surface))
    modulus, surface, attraction = map(float, found)
    modulus_std, surface_std, attraction_std = map(float, np.sqrt(np.diag(covariance)))
    return RecoveredContact(modulus, modulus_std, surface, surface_std, attraction, attraction_std, misfit, covariance)


def _fitted(law: Recovered, contact: AbstractElasticContact, start: np.ndarray,
            ends: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, float]:
    """Values, covariance and misfit from the distances between these ends."""
    depth = ends[1] - ends[0]
    inside = np.flatnonzero((law.distance >= ends[0] + _DEEPEST * depth) & (law.distance <= ends[1] - _FIRST * depth))
    if len(inside) < 4:
        raise DataError("the contact is too shallow for a modulus: fewer than four distances lie in it. Lower the "
                        "setpoint")
    use = inside[np.unique(np.linspace(0, len(inside) - 1, _POINTS).astype(int))]
    at, force, covariance = law.distance[use], law.force[use], law.covariance[np.ix_(use, use)]
    weight = np.linalg.inv(covariance + _JITTER * np.trace(covariance) / len(use) * np.eye(len(use)))
    factor = 1 / (1 - float(contact.poisson_ratio) ** 2)

    def shape(surface: float) -> np.ndarray:
        with jax.enable_x64(True):
            return factor * np.asarray(jax.vmap(contact.shape)(jnp.maximum(surface - at, 1e-6 * depth)))

    def model(values: np.ndarray) -> np.ndarray:
        return values[0] * shape(values[1]) + values[2]

    found, small = start.copy(), _DIFFERENCE * depth
    found[0] = (force[0] - found[2]) / shape(found[1])[0]
    for _ in range(_ROUNDS):
        early, late = shape(found[1] - small), shape(found[1] + small)
        slopes = np.stack([shape(found[1]), found[0] * (late - early) / (2 * small), np.ones(len(at))], axis=1)
        size = 1 / np.linalg.norm(slopes, axis=0)
        scaled = slopes * size
        curvature = scaled.T @ weight @ scaled
        if not np.linalg.cond(curvature) < _TOLD_APART:
            raise DataError("modulus, surface and attraction of this model are not told apart by a force alone: take a "
                            "tip whose stiffness grows with the depth, such as a sphere")
        step = size * np.linalg.solve(curvature, scaled.T @ weight @ (force - model(found)))
        step *= min(1.0, 0.5 * depth / max(abs(step[1]), 1e-300))
        found = found + step
        if np.all(np.abs(step) < _SETTLED * np.array([abs(found[0]), depth, max(abs(found[2]), abs(force[0]))])):
            left = force - model(found)
            return (found, size[:, None] * np.linalg.inv(curvature) * size,
                    float(left @ weight @ left / max(len(use) - 3, 1)))
    raise DataError("no contact of this model is found in the recovered force: is the force one of contact, and the "
                    "tip this one?")

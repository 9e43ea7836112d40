r"""The liquid's drag on a cantilever near a wall, and its value at contact.

$$b(h) = \frac{6\pi\eta\,a_\mathrm{eff}^2}{h + h_\mathrm{eff}}$$

is a sphere's drag near a wall with an effective radius and an effective distance, which stand for the
lever and its tip. It is measured off the surface and extrapolated to h = 0: the coefficient that is measured
at a distance is too small.

Source: Alcaraz, Buscemi, Puig-de-Morales, Colchero, Baro, Navajas, Langmuir 18, 716 (2002).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import chi2

from asperity.messages import DataError

__all__ = ["Drag", "drag_of_ramps", "fit_drag"]


class Drag(NamedTuple):
    """The fitted b(h)."""

    strength: float  # 6 pi eta a_eff^2 in N s
    effective_distance: float  # h_eff in m
    covariance: np.ndarray  # (2, 2) of strength and effective distance
    probability: float  # of a misfit as large as this one, were law and stated noise right; NaN if none stated

    def at(self, distance: Any = 0.0) -> np.ndarray:
        """b in N s/m at distances in m; by default at contact."""
        return self.strength / (np.asarray(distance) + self.effective_distance)

    def std(self, distance: Any = 0.0) -> np.ndarray:
        """Standard uncertainty of b in N s/m."""
        whole = np.asarray(distance) + self.effective_distance
        slope = np.stack([1 / whole, -self.strength / whole**2], axis=-1)
        return np.sqrt(np.einsum("...i,ij,...j", slope, self.covariance, slope))

    def effective_radius(self, viscosity: float) -> float:
        """a_eff in m in a liquid of that viscosity in Pa s."""
        return math.sqrt(self.strength / (6 * math.pi * viscosity))


def fit_drag(distance: Any, coefficient: Any, std: Any = None) -> Drag:
    r"""Fit b(h); its value at contact is ``drag.at(0)``.

    Args:
        distance: (n,) of the tip from the surface in m, n >= 3, not all alike.
        coefficient: (n,) b in N s/m.
        std: (n,) or one number, N s/m; without it the misfit gives the noise.

    Raises:
        ValueError: too few or bad numbers, or a drag that does not fall with distance, which this law cannot
            extrapolate.
    """
    h, b = np.asarray(distance, float), np.asarray(coefficient, float)
    sigma = np.broadcast_to(np.asarray(1.0 if std is None else std, float), b.shape)
    sound = h.shape == b.shape and h.size >= 3 and bool((np.isfinite(h + b) & (sigma > 0) & (h >= 0)).all())
    if not sound or np.ptp(h) == 0:
        raise DataError(f"{h.size} distances and {b.size} coefficients: at least 3 finite pairs at different "
                        "distances >= 0 with positive standard deviations are needed")
    slope, level = np.polyfit(h, 1 / b, 1) if (b > 0).all() else (0.0, 0.0)
    if not (slope > 0 and level > 0):
        raise DataError("the drag does not fall with distance as strength/(h + h_eff): nothing to extrapolate to "
                        "contact. Check the distances, or use the measured value as it is")
    unit = np.array([1 / slope, level / slope])
    fit = least_squares(lambda p: (unit[0] * p[0] / (h + unit[1] * p[1]) - b) / sigma, [1.0, 1.0], bounds=(0, np.inf),
                        x_scale=[1.0, 1.0], xtol=1e-14, ftol=1e-14, gtol=1e-14)
    noise = 1.0 if std is not None else 2 * fit.cost / (h.size - 2)
    covariance = noise * np.linalg.inv(fit.jac.T @ fit.jac) * np.outer(unit, unit)
    probability = float(chi2.sf(2 * fit.cost, h.size - 2)) if std is not None else math.nan
    strength, effective = unit * fit.x
    return Drag(float(strength), float(effective), covariance, probability)


def drag_of_ramps(approach_force: Any, retract_force: Any, approach_speed: float, retract_speed: float) -> Any:
    r"""$b = (F_a - F_r)/(v_a + v_r)$ in N s/m from the force off the surface on the way in and out.

    The drag pushes the tip up on the way in and down on the way out. Forces in N at the same distance, speeds
    in m/s as magnitudes. An adhesive tether or a drift between the two ramps is mistaken for drag.
    """
    return (np.asarray(approach_force) - np.asarray(retract_force)) / (approach_speed + retract_speed)

r"""The pull-off force of Lennard-Jones surfaces over Tabor's parameter, between both exact limits.

R, w, E* and $z_0$ make one group beside the force, $\mu = (Rw^2/(E^{*2}z_0^3))^{1/3}$. The force in $\pi wR$ falls from
2 (rigid, $\mu \to 0$) to 3/2 (JKR), and what is learnt is the logit of the share of that way: no value is ever beyond a
limit. The solver is `asperity.contact.surface_forces`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from asperity.contact.surface_forces import surface_force_curve
from asperity.learning.discovery.dimensions import named_group
from asperity.learning.discovery.surrogate import Axis, Between, Surrogate, surrogate

__all__ = ["PULL_OFF_AXES", "SURFACE_UNITS", "TABOR", "pull_off_surrogate", "solved_pull_off"]

#: name -> unit of what goes in
SURFACE_UNITS = {"radius": "m", "work_of_adhesion": "J/m^2", "reduced_modulus": "Pa", "equilibrium_separation": "m"}
TABOR = named_group("tabor_parameter", {"radius": "1/3", "work_of_adhesion": "2/3", "reduced_modulus": "-2/3",
                                        "equilibrium_separation": -1}, SURFACE_UNITS)
PULL_OFF_AXES = (Axis(TABOR, 0.01, 3.0, "logarithmic"),)
_FAR = (8.0, 4.0, 2.5, 1.8, 1.5, 1.3, 1.2)  # gaps of the center in z_0, by which the curve is followed
_NEAR = np.linspace(1.15, 0.85, 13)  # where stiff surfaces attract most,
_STRESS = np.linspace(0.0, 3.0, 13)  # and soft ones: stress of the center times mu
_WIDTH = 0.7  # of the rings: the pull-off force to 1e-4


def _gaps(parameter: float) -> np.ndarray:
    """Along which the curve is followed, descending."""
    near = np.concatenate([_NEAR, (1 + 3 / 8 * _STRESS / parameter) ** (-1 / 9)])
    near = np.unique(near[near >= min(_NEAR[-1], near[-1])])[::-1]
    return np.concatenate([_FAR, near[np.append(True, -np.diff(near) > 1e-4)]])


def solved_pull_off(groups: Float[np.ndarray, "point 1"]) -> Float[np.ndarray, " point"]:
    r"""In $\pi wR$, by solving for the surfaces: a second or more each."""

    def one(parameter: float) -> float:
        gaps = _gaps(parameter)
        curve = surface_force_curve(parameter, gaps, width=_WIDTH)
        along = 8 / 3 * parameter * (gaps**-9.0 - 1) - 4 * np.log(gaps)  # even where the force changes
        spline = CubicSpline(along, curve.force)
        return -float(spline(spline.derivative().roots(extrapolate=False)).min())

    return np.array([one(float(parameter)) for parameter in np.asarray(groups)[:, 0]])


def pull_off_surrogate(*, solves: int = 16, seed: int = 0) -> Surrogate:
    r"""The largest attraction in $\pi wR$, made from so many curves."""
    return surrogate(solved_pull_off, PULL_OFF_AXES, Between(lambda _: 1.5, lambda _: 2.0), solves=solves, seed=seed)

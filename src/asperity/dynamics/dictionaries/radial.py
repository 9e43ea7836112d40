"""Radial functions about centers in the space of the states."""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from asperity.dynamics.dictionaries._dictionary import AbstractDictionary

__all__ = ["RadialFunctions"]


class RadialFunctions(AbstractDictionary):
    r"""1, the states, and $g(|x - c_j|)$ with centers ``centers`` (center, state) in the scaled box.

    g(r) is $r^2 \ln r$ ("thin_plate"), $e^{-r^2 / 2 l^2}$ ("gaussian") or $(1 + r^2/l^2)^{-1}$ ("inverse_quadratic"),
    with the ``length`` l. They follow a kink, as at the beginning of contact, better than polynomials do.

    Source: Buhmann, Acta Numer. 9, 1 (2000).
    """

    centers: Float[np.ndarray, "center state"]
    family: Literal["thin_plate", "gaussian", "inverse_quadratic"] = eqx.field(static=True, default="thin_plate")
    length: float = eqx.field(static=True, default=0.5)

    def size(self, states: int) -> int:
        """One for each center beside 1 and the states."""
        return 1 + states + len(self.centers)

    def lift(self, x: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        """Distances of all samples from all centers, through g."""
        square = cdist(self.centers, x.T, "sqeuclidean")
        if self.family == "thin_plate":
            g = 0.5 * square * np.log(np.maximum(square, np.finfo(float).tiny))
        elif self.family == "gaussian":
            g = np.exp(-square / (2 * self.length**2))
        else:
            g = 1 / (1 + square / self.length**2)
        return np.concatenate([np.ones((1, x.shape[1])), x, g])

    def rate(self, x: Float[np.ndarray, "state sample"],
             velocity: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        r"""$2 (x - c_j) \cdot \dot x$ times the derivative of g by $r^2$."""
        square = cdist(self.centers, x.T, "sqeuclidean")
        if self.family == "thin_plate":
            slope = 0.5 * (np.log(np.maximum(square, np.finfo(float).tiny)) + 1)
        elif self.family == "gaussian":
            slope = -np.exp(-square / (2 * self.length**2)) / (2 * self.length**2)
        else:
            slope = -1 / (1 + square / self.length**2) ** 2 / self.length**2
        toward = np.einsum("sn,sn->n", x, velocity) - self.centers @ velocity
        return np.concatenate([np.zeros((1, x.shape[1])), velocity, 2 * slope * toward])

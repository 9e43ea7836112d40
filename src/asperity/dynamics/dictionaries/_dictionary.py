"""The contract of a dictionary: functions of the state in which its evolution is nearly linear."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import numpy as np
from jaxtyping import Float

__all__ = ["AbstractDictionary"]

_STEP = 1e-3  # of the box: where differences of fourth order lose as much to rounding as to the step


class AbstractDictionary(eqx.Module):
    r"""Functions $\psi_m(x)$ of states in [-1, 1]^d, of which the first is 1 and the next d are the states themselves.

    They are arrays of NumPy with the functions along the first axis: what follows are products of matrices, which its
    linear algebra does best.
    """

    @abstractmethod
    def size(self, states: int) -> int:
        """How many functions there are of so many states."""

    @abstractmethod
    def lift(self, x: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        """The functions of states, one column for each sample."""

    def rate(self, x: Float[np.ndarray, "state sample"],
             velocity: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        r"""$\dot\psi = J_\psi \dot x$ of states that move with these velocities; here by differences of fourth order.

        The differences are right to some 1e-11 where the functions are smooth. Dictionaries that know their
        derivatives give them exactly.
        """
        speed = np.maximum(np.abs(velocity).max(axis=0), np.finfo(float).tiny)
        step = _STEP * velocity / speed
        near = self.lift(x + step) - self.lift(x - step)
        far = self.lift(x + 2 * step) - self.lift(x - 2 * step)
        return (8 * near - far) / (12 * _STEP) * speed

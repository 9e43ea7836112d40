"""The contract of a dictionary: functions of the state in which its evolution is nearly linear."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import numpy as np
from jaxtyping import Float

__all__ = ["AbstractDictionary"]


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

"""Waves of random directions and lengths in the space of the states."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from jaxtyping import Float

from asperity.dynamics.dictionaries._dictionary import AbstractDictionary

__all__ = ["RandomFourier"]


class RandomFourier(AbstractDictionary):
    r"""1, the states, and $\cos(w_j \cdot x + b_j)$ with normal $w_j$ of standard deviation 1 / ``length``.

    A model that is linear in them is one in the functions of a Gaussian kernel $e^{-|x - y|^2 / 2 l^2}$, the better
    the more waves there are. Their number does not grow with the number of states, as that of polynomials does.

    Source: Rahimi, Recht, Adv. Neural Inf. Process. Syst. 20, 1177 (2007).
    """

    count: int = eqx.field(static=True)
    length: float = eqx.field(static=True, default=0.5)  # in the scaled box
    seed: int = eqx.field(static=True, default=0)

    def size(self, states: int) -> int:
        """One for each wave beside 1 and the states."""
        return 1 + states + self.count

    def lift(self, x: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        """1, the states, the waves."""
        return np.concatenate([np.ones((1, x.shape[1])), x, np.cos(self._argument(x)[1])])

    def rate(self, x: Float[np.ndarray, "state sample"],
             velocity: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        r"""$-\sin(w_j \cdot x + b_j)\,w_j \cdot \dot x$."""
        wave, argument = self._argument(x)
        return np.concatenate([np.zeros((1, x.shape[1])), velocity, -np.sin(argument) * (wave @ velocity)])

    def _argument(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Wave vectors, and the arguments of the cosines; the same for the same seed."""
        rng = np.random.default_rng(self.seed)
        wave = rng.normal(size=(self.count, len(x))) / self.length
        return wave, wave @ x + rng.uniform(0, 2 * np.pi, self.count)[:, None]

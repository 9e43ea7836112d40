"""Polynomials of the states times harmonics of the phase of a periodic drive."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from jaxtyping import Float

from asperity.dynamics.dictionaries._dictionary import AbstractDictionary
from asperity.dynamics.dictionaries.polynomials import Polynomials

__all__ = ["Harmonics"]


class Harmonics(AbstractDictionary):
    r"""$\psi_m(x)\,\{1, \cos n\phi, \sin n\phi\}$, n = 1 ... ``order``, of states (x, $\cos\phi$, $\sin\phi$).

    The last two states are cosine and sine of the drive's phase, in the scaled box (where their center is 0 and their
    half 1 if all phases occur). Plain polynomials of them would repeat themselves, because $\cos^2 + \sin^2 = 1$: their
    Gram matrix is singular.
    """

    polynomials: Polynomials
    order: int = eqx.field(static=True, default=1)

    def size(self, states: int) -> int:
        """2 n + 1 for each polynomial of the other states."""
        return self.polynomials.size(states - 2) * (2 * self.order + 1)

    def lift(self, x: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        """1 and the states first, then the other products."""
        own = self.polynomials.lift(x[:-2])
        turned = self._turned(x[-2] + 1j * x[-1])
        return self._ordered(x, own, turned, [own[1:] * one for one in turned])

    def rate(self, x: Float[np.ndarray, "state sample"],
             velocity: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        """By the rule of products."""
        own, moved = self.polynomials.lift(x[:-2]), self.polynomials.rate(x[:-2], velocity[:-2])
        phasor, turning = x[-2] + 1j * x[-1], velocity[-2] + 1j * velocity[-1]
        turned = self._turned(phasor)
        turns = [part(n * phasor ** (n - 1) * turning) for n in range(1, self.order + 1) for part in (np.real, np.imag)]
        return self._ordered(velocity, moved, turns,
                             [moved[1:] * one + own[1:] * change for one, change in zip(turned, turns)])

    def _turned(self, phasor: np.ndarray) -> list[np.ndarray]:
        return [part(phasor**n) for n in range(1, self.order + 1) for part in (np.real, np.imag)]

    def _ordered(self, states: np.ndarray, own: np.ndarray, turned: list[np.ndarray],
                 products: list[np.ndarray]) -> np.ndarray:
        alone = 1 + len(states) - 2  # 1 and the other states
        higher = np.stack(turned[2:]) if turned[2:] else states[:0]
        return np.concatenate([own[:alone], states[-2:], own[alone:], higher, *products])

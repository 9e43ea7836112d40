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
        phasor = x[-2] + 1j * x[-1]
        turned = [part for n in range(1, self.order + 1) for part in ((phasor**n).real, (phasor**n).imag)]
        alone = 1 + len(x) - 2  # 1 and the other states
        return np.concatenate([own[:alone], x[-2:], own[alone:], np.stack(turned[2:]) if turned[2:] else x[:0],
                               *(own[1:] * one for one in turned)])

"""The exponential envelope of short-range forces."""

from __future__ import annotations

import jax.numpy as jnp

from asperity.learning.gp._kernel import AbstractAmplitude, Scalar, scalar

__all__ = ["Envelope"]


class Envelope(AbstractAmplitude):
    r"""k(z, z') = e^{-(z + z') / \lambda}: as a factor it lets a process fall off exponentially, with the length
    ``decay``, as overlap, hydration and Morse forces do."""

    decay: Scalar = scalar()

    @property
    def tail(self) -> float:
        """Faster than any power."""
        return -jnp.inf

    def at(self, z: Scalar) -> Scalar:
        r"""$e^{-z/\lambda}$."""
        return jnp.exp(-z / self.decay)

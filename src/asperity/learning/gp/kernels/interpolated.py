"""A known shape, given at some coordinates, of unknown size."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from asperity.learning.gp._kernel import AbstractAmplitude, Scalar

__all__ = ["Interpolated"]


class Interpolated(AbstractAmplitude):
    """k(z, z') = s(z) s(z'), with s by straight lines through the numbers ``std`` at ``places``, constant outside them.

    ``places`` ascend. As a factor it gives another kernel a standard deviation that is known point by point.
    """

    places: Float[Array, " place"]
    std: Float[Array, " place"]

    @property
    def tail(self) -> float:
        """The variance stays as it is at the last place."""
        return 0.0

    def at(self, z: Scalar) -> Scalar:
        """s."""
        return jnp.interp(z, self.places, self.std)

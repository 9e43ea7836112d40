"""The logarithmic coordinate: processes that change on the scale of the separation itself."""

from __future__ import annotations

import jax.numpy as jnp

from asperity.learning.gp._kernel import AbstractWarped, Scalar

__all__ = ["LogSeparation"]


class LogSeparation(AbstractWarped):
    r"""k(z, z') of a stationary ``kernel`` of u = ln z, for z > 0: what bends at 1 nm within 1 nm bends at 100 nm
    within 100 nm. Its lengths are pure numbers."""

    @property
    def tail(self) -> float:
        """The variance is the same everywhere."""
        return 0.0

    def warped(self, z: Scalar) -> Scalar:
        """ln z."""
        return jnp.log(z)

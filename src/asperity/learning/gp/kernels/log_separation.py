"""The logarithmic coordinate: processes that change on the scale of the separation itself."""

from __future__ import annotations

import jax.numpy as jnp

from asperity.learning.gp._kernel import AbstractKernel, AbstractStationary, Matrix, Scalar, Vector

__all__ = ["LogSeparation"]


class LogSeparation(AbstractKernel):
    r"""k(z, z') of a stationary ``kernel`` of u = ln z, for z > 0: what bends at 1 nm within 1 nm bends at 100 nm
    within 100 nm. Its lengths are pure numbers."""

    kernel: AbstractStationary

    @property
    def states(self) -> int:
        """Those of the kernel."""
        return self.kernel.states

    @property
    def tail(self) -> float:
        """The variance is the same everywhere."""
        return 0.0

    def covariance(self, a: Scalar, b: Scalar) -> Scalar:
        """The correlation at the ratio of both."""
        return self.kernel.correlation(jnp.log(b) - jnp.log(a))

    def state_covariance(self) -> Matrix:
        """That of the kernel."""
        return self.kernel.state_covariance()

    def transition(self, a: Scalar, b: Scalar) -> Matrix:
        """That of the kernel from ln a to ln b."""
        return self.kernel.transition(jnp.zeros_like(a), jnp.log(b / a))

    def observation(self, at: Scalar) -> Vector:
        """That of the kernel."""
        return self.kernel.observation(jnp.log(at))

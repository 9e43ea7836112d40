"""Forces between surfaces that cannot come closer than contact."""

from __future__ import annotations

import jax.numpy as jnp

from asperity.learning.gp._kernel import AbstractKernel, Matrix, Scalar, Vector, scalar

__all__ = ["Beyond"]


class Beyond(AbstractKernel):
    r"""k(D + a, D' + a) of a ``kernel`` of distances above zero, with D = max(z, 0) and the distance ``cutoff`` a > 0.

    The force that acts at contact stays as it is while the tip indents (DMT); a is the distance of two surfaces that
    touch, 0.16 to 0.4 nm between atoms, more where they are rough.

    Source: Derjaguin, Muller, Toporov, J. Colloid Interface Sci. 53, 314 (1975).
    """

    kernel: AbstractKernel
    cutoff: Scalar = scalar()

    @property
    def states(self) -> int:
        """Those of the kernel."""
        return self.kernel.states

    @property
    def tail(self) -> float | Scalar:
        """That of the kernel."""
        return self.kernel.tail

    def _distance(self, z: Scalar) -> Scalar:
        return jnp.maximum(z, 0.0) + self.cutoff

    def covariance(self, a: Scalar, b: Scalar) -> Scalar:
        """That of the kernel."""
        return self.kernel.covariance(self._distance(a), self._distance(b))

    def state_covariance(self) -> Matrix:
        """That of the kernel."""
        return self.kernel.state_covariance()

    def transition(self, a: Scalar, b: Scalar) -> Matrix:
        """That of the kernel."""
        return self.kernel.transition(self._distance(a), self._distance(b))

    def observation(self, at: Scalar) -> Vector:
        """That of the kernel."""
        return self.kernel.observation(self._distance(at))

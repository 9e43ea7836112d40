"""How a contact departs from its model, growing with the contact."""

from __future__ import annotations

import jax.numpy as jnp

from asperity.learning.gp._kernel import AbstractKernel, AbstractStationary, Matrix, Scalar, Vector
from asperity.learning.gp.kernels.contact_term import ContactTerm

__all__ = ["ContactDiscrepancy"]


class ContactDiscrepancy(AbstractKernel):
    r"""k(z, z') = h v h' v' k(v - v'), of a stationary ``kernel`` of $v = \sqrt{\delta / d}$ (0 outside contact).

    h is that of the contact ``term`` and d its depth. Layers, large strain, and stiffening add to the force of a
    contact a part that grows with the contact radius, to which v is proportional for a sphere, and vanishes with it:
    the term's own amplitude is then the modulus at vanishing depth. Lengths of the kernel are pure numbers.
    """

    term: ContactTerm
    kernel: AbstractStationary

    @property
    def states(self) -> int:
        """Those of the kernel."""
        return self.kernel.states

    @property
    def tail(self) -> float:
        """There is none outside contact."""
        return -float("inf")

    def _radius(self, z: Scalar) -> Scalar:
        """v."""
        inside = z < 0
        return jnp.where(inside, jnp.sqrt(jnp.where(inside, -z, 1.0) / self.term.depth), 0.0)

    def covariance(self, a: Scalar, b: Scalar) -> Scalar:
        """The product of both amplitudes with the correlation."""
        one, other = self._radius(a), self._radius(b)
        return self.term.at(a) * one * self.term.at(b) * other * self.kernel.correlation(other - one)

    def state_covariance(self) -> Matrix:
        """That of the kernel."""
        return self.kernel.state_covariance()

    def transition(self, a: Scalar, b: Scalar) -> Matrix:
        """That of the kernel of -v, which rises with the separation."""
        return self.kernel.transition(-self._radius(a), -self._radius(b))

    def observation(self, at: Scalar) -> Vector:
        """The amplitude times what the kernel shows."""
        radius = self._radius(at)
        return self.term.at(at) * radius * self.kernel.observation(-radius)

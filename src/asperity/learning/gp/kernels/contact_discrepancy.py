"""How a contact departs from its model, growing with the contact."""

from __future__ import annotations

import jax.numpy as jnp

from asperity.learning.gp._kernel import AbstractWarped, Scalar, Vector
from asperity.learning.gp.kernels.contact_term import ContactTerm

__all__ = ["ContactDiscrepancy"]


class ContactDiscrepancy(AbstractWarped):
    r"""k(z, z') = h v h' v' k(v - v'), of a stationary ``kernel`` of $v = \sqrt{\delta / d}$ (0 outside contact).

    h is that of the contact ``term`` and d its depth. Layers, large strain, and stiffening add to the force of a
    contact a part that grows with the contact radius, to which v is proportional for a sphere, and vanishes with it:
    the term's own amplitude is then the modulus at vanishing depth. Lengths of the kernel are pure numbers.
    """

    term: ContactTerm

    @property
    def tail(self) -> float:
        """There is none outside contact."""
        return -float("inf")

    def warped(self, z: Scalar) -> Scalar:
        """-v, which rises with the separation."""
        inside = z < 0
        return jnp.where(inside, -jnp.sqrt(jnp.where(inside, -z, 1.0) / self.term.depth), 0.0)

    def _amplitude(self, z: Scalar) -> Scalar:
        return -self.term.at(z) * self.warped(z)

    def covariance(self, a: Scalar, b: Scalar) -> Scalar:
        """The product of both amplitudes with the correlation."""
        return self._amplitude(a) * self._amplitude(b) * super().covariance(a, b)

    def observation(self, at: Scalar) -> Vector:
        """The amplitude times what the kernel shows."""
        return self._amplitude(at) * super().observation(at)

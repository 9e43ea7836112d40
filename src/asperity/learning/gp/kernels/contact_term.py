"""The force of an elastic contact, of unknown stiffness."""

from __future__ import annotations

import jax
from jaxtyping import Array

from asperity.contact import AbstractElasticContact
from asperity.learning.gp._kernel import AbstractAmplitude, Scalar, scalar

__all__ = ["ContactTerm"]


class ContactTerm(AbstractAmplitude):
    r"""k(z, z') = h(z) h(z'), with h(z) = g(-z) / g(d) where the separation z is negative, and 0 elsewhere.

    g is the shape of the contact ``model``, a function of the indentation, and d the ``depth`` at which h is 1: scaled
    by s it is the prior of a contact whose force at that depth is N(0, s^2). Separations are in units of ``length``
    (m), as the depth is.
    """

    model: AbstractElasticContact
    depth: Scalar = scalar()
    length: Scalar = scalar()

    @property
    def tail(self) -> float:
        """There is none outside contact."""
        return -float("inf")

    def at(self, z: Scalar) -> Scalar:
        """h."""
        return self.model.shape(-z * self.length) / self._whole()

    def _whole(self) -> Array:
        return jax.lax.stop_gradient(self.model.shape(self.depth * self.length))

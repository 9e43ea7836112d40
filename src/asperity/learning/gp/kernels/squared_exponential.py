"""The squared exponential kernel: processes that are smooth to every order."""

from __future__ import annotations

import jax.numpy as jnp

from asperity.learning.gp._kernel import AbstractStationary, Scalar, scalar

__all__ = ["SquaredExponential"]


class SquaredExponential(AbstractStationary):
    r"""$k(d) = e^{-d^2 / 2 l^2}$ with the length ``length`` l. It has no finite state.

    Source: Rasmussen, Williams, Gaussian Processes for Machine Learning (2006), sec. 4.2.
    """

    length: Scalar = scalar()

    @property
    def states(self) -> int:
        """None."""
        return 0

    def correlation(self, distance: Scalar) -> Scalar:
        """k(d)."""
        return jnp.exp(-0.5 * (distance / self.length) ** 2)

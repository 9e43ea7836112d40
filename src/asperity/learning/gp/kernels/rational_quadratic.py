"""The rational quadratic kernel: smooth processes of many lengths at once."""

from __future__ import annotations

import jax.numpy as jnp

from asperity.learning.gp._kernel import AbstractStationary, Scalar, scalar

__all__ = ["RationalQuadratic"]


class RationalQuadratic(AbstractStationary):
    r"""$k(d) = (1 + d^2 / 2 \alpha l^2)^{-\alpha}$: squared exponentials whose inverse squared lengths scatter as a
    gamma distribution of shape ``shape`` $\alpha$ about that of ``length`` l. It has no finite state.

    Source: Rasmussen, Williams, Gaussian Processes for Machine Learning (2006), sec. 4.2.
    """

    length: Scalar = scalar()
    shape: Scalar = scalar()

    @property
    def states(self) -> int:
        """None."""
        return 0

    def correlation(self, distance: Scalar) -> Scalar:
        """k(d)."""
        return jnp.exp(-self.shape * jnp.log1p(0.5 * (distance / self.length) ** 2 / self.shape))

"""Forces between surfaces that cannot come closer than contact."""

from __future__ import annotations

import jax.numpy as jnp

from asperity.learning.gp._kernel import AbstractWarped, Scalar, scalar

__all__ = ["Beyond"]


class Beyond(AbstractWarped):
    r"""k(D + a, D' + a) of a ``kernel`` of distances above zero, with D = max(z, 0) and the distance ``cutoff`` a > 0.

    The force that acts at contact stays as it is while the tip indents (DMT); a is the distance of two surfaces that
    touch, 0.16 to 0.4 nm between atoms, more where they are rough.

    Source: Derjaguin, Muller, Toporov, J. Colloid Interface Sci. 53, 314 (1975).
    """

    cutoff: Scalar = scalar()

    @property
    def tail(self) -> float | Scalar:
        """That of the kernel."""
        return self.kernel.tail

    def warped(self, z: Scalar) -> Scalar:
        """The distance D + a."""
        return jnp.maximum(z, 0.0) + self.cutoff

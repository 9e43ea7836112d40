"""A constant of unknown size."""

from __future__ import annotations

from asperity.learning.gp._kernel import AbstractAmplitude, Scalar, scalar

__all__ = ["Constant"]


class Constant(AbstractAmplitude):
    r"""k(z, z') = s^2; as a factor it gives another kernel its standard deviation ``std``."""

    std: Scalar = scalar()

    @property
    def tail(self) -> float:
        """The variance is the same everywhere."""
        return 0.0

    def at(self, z: Scalar) -> Scalar:
        """s."""
        return self.std

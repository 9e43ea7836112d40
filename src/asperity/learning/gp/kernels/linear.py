"""A straight line of unknown slope."""

from __future__ import annotations

from asperity.learning.gp._kernel import AbstractAmplitude, Scalar, scalar

__all__ = ["Linear"]


class Linear(AbstractAmplitude):
    r"""k(t, t') = s^2 t t': a line through the origin, whose slope has the standard deviation ``std`` s (drift)."""

    std: Scalar = scalar()

    @property
    def tail(self) -> float:
        """The variance of a slope."""
        return 2.0

    def at(self, z: Scalar) -> Scalar:
        """s t."""
        return self.std * z

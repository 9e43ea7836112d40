"""The power-law amplitude of long-range forces."""

from __future__ import annotations

from asperity.learning.gp._kernel import AbstractAmplitude, Scalar, scalar

__all__ = ["PowerLaw"]


class PowerLaw(AbstractAmplitude):
    r"""k(z, z') = (z z')^{-q} for z > 0: as a factor it lets a process fall off as a power, with the ``exponent`` q.

    Of van der Waals forces between a sphere and a plane q = 2, retarded 3 (:cite: Parsegian 2005); alone and scaled
    by s it is the prior of F = -c z^-q with c ~ N(0, s^2).
    """

    exponent: Scalar = scalar()

    @property
    def tail(self) -> Scalar:
        """-2q."""
        return -2 * self.exponent

    def at(self, z: Scalar) -> Scalar:
        r"""$z^{-q}$."""
        return z**-self.exponent

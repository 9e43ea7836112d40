"""What all non-adhesive models share: the force is the reduced modulus times a function of the tip."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from typing import ClassVar, Self

import equinox as eqx
import jax.numpy as jnp

from asperity.contact._model import AbstractContactModel, Scalar

__all__ = ["AbstractElasticContact", "positive_power"]


def positive_power(indentation: Scalar, exponent: float) -> Scalar:
    """``indentation**exponent`` in contact and 0 outside, with finite derivatives in both (exponent >= 1)."""
    inside = indentation > 0
    safe = jnp.where(inside, indentation, 1.0)
    power = safe * jnp.sqrt(safe) if exponent == 1.5 else safe**exponent
    return jnp.where(inside, power, 0.0)


class AbstractElasticContact(AbstractContactModel):
    r"""A contact without adhesion, $F = \dfrac{E}{1-\nu^2}\, g(\delta)$ and $F = 0$ for $\delta \le 0$.

    A concrete model adds its geometry and ``shape``. One amplitude, $c = E/(1-\nu^2)$.
    """

    modulus: eqx.AbstractVar[Scalar]
    poisson_ratio: eqx.AbstractVar[Scalar]

    fitted: ClassVar[tuple[str, ...]] = ("modulus",)

    @abstractmethod
    def shape(self, indentation: Scalar) -> Scalar:
        """g in m^2: the force per reduced modulus at one indentation in m; 0 outside contact."""

    def force(self, indentation: Scalar) -> Scalar:
        """Force in N at one indentation in m; 0 outside contact."""
        (c,), _ = self.amplitudes_of()
        return c * self.shape(indentation)

    def basis(self, indentation: Scalar, theta: tuple[Scalar, ...] = ()) -> tuple[Scalar, ...]:
        """``(g,)`` in m^2 at one indentation in m."""
        return (self.shape(indentation),)

    def with_amplitudes(self, c: tuple[Scalar, ...], theta: tuple[Scalar, ...] = ()) -> Self:
        """The model with modulus $c\\,(1-\\nu^2)$."""
        return dataclasses.replace(self, modulus=c[0] * (1 - self.poisson_ratio**2))

    def amplitudes_of(self) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
        """The reduced modulus in Pa as the one amplitude, and no shape parameter."""
        return (self.modulus / (1 - self.poisson_ratio**2),), ()

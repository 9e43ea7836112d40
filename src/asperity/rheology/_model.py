"""The contract of a viscoelastic model: one function of s gives its answers to every history of strain."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from asperity.rheology._laplace import inverse_laplace

__all__ = ["AbstractRelaxationModel", "ComplexScalar", "Scalar"]

Scalar = Float[Array, ""]
ComplexScalar = Complex[Array, ""]


class AbstractRelaxationModel(eqx.Module):
    r"""A linear viscoelastic solid or liquid, for one frequency or one time.

    With the strain $\epsilon \sim e^{+i\omega t}$ and the relaxation modulus E(t), everything follows from

    $$Q(s) = s \int_{0^-}^\infty E(t)\,e^{-st}\,dt, \qquad E^*(\omega) = E' + iE'' = Q(i\omega), \qquad
      \int_{0^-}^\infty J(t)\,e^{-st}\,dt = \frac{1}{s\,Q(s)}$$

    A concrete model is final and holds its parameters as fields made with `asperity.quantities.quantity`.
    It gives ``operational_modulus`` Q(s), and closed forms where there are any; all others are inverted
    numerically (`inverse_laplace`, relative error 1e-12 in double precision). Every function is pure,
    differentiable, of one frequency or one time > 0, and works under `vmap`.

    ``fitted``  names of the fields that a fit determines;
    ``above``   name -> the name of the field that bounds it from below (orders in their order).
    """

    fitted: ClassVar[tuple[str, ...]]
    above: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa at complex s in 1/s, off the negative real axis; elementwise in s."""

    def complex_modulus(self, angular_frequency: Scalar) -> ComplexScalar:
        """E* = E' + iE'' in Pa at one angular frequency > 0 in rad/s."""
        frequency = jnp.asarray(angular_frequency, jnp.result_type(float))
        return self.operational_modulus(jax.lax.complex(jnp.zeros_like(frequency), frequency))

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa at one time > 0 in s after a step of strain, without what acts at the step itself."""
        return inverse_laplace(lambda s: self.operational_modulus(s) / s, time)

    def creep_compliance(self, time: Scalar) -> Scalar:
        """J(t) in 1/Pa at one time > 0 in s after a step of stress."""
        return inverse_laplace(lambda s: 1 / (s * self.operational_modulus(s)), time)

    def relaxation_integral(self, time: Scalar) -> Scalar:
        r"""$\int_{0^-}^t E\,dt'$ in Pa s at one time > 0 in s: the stress t after the start of strain at 1/s."""
        return inverse_laplace(lambda s: self.operational_modulus(s) / s**2, time)

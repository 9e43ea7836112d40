"""The contract of a contact model: the force of one tip on a half-space, for one indentation."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

__all__ = ["AbstractContactModel"]

Scalar = Float[Array, ""]


class AbstractContactModel(eqx.Module):
    r"""Force F (N, repulsive positive) of a rigid tip against the indentation (m).

    A concrete model is final and holds its parameters as scalar fields made with
    `asperity.quantities.quantity`. For fast fitting every model also says how its force
    separates into *amplitudes*, in which it is linear, and *shape parameters*, in which it is not:

    $$F(\delta) = \sum_j c_j\, g_j(\delta; \theta, \mathrm{tip})$$

    ``fitted``      names of the fields that a fit determines (modulus, work_of_adhesion, ...);
    ``fixed``       names of the fields that stay as given (radius, half_angle, poisson_ratio);
    ``amplitudes``  number of c_j;
    ``shape_names`` names of theta (empty, or for instance a logarithm of a length in m);
    ``paraboloid``  whether a paraboloid of the field ``radius`` stands for a sphere of that radius;
    ``basis(indentation, theta)``         the g_j as a tuple of scalars, from the fixed fields alone;
    ``with_amplitudes(c, theta)``         the model whose fitted fields belong to (c, theta);
    ``amplitudes_of()``                   (c, theta) of this model: the inverse of ``with_amplitudes``.
    All three are differentiable, work under `vmap`, and are free of units' traps: c may be any sign
    (a negative modulus is an answer that the caller flags).
    """

    fitted: ClassVar[tuple[str, ...]]
    fixed: ClassVar[tuple[str, ...]]
    amplitudes: ClassVar[int] = 1
    shape_names: ClassVar[tuple[str, ...]] = ()
    paraboloid: ClassVar[bool] = False

    def __getstate__(self) -> dict[str, Any]:
        """For another process, where JAX may be without 64 bits: NumPy's arrays, each with its weak type."""
        return {name: (np.asarray(value), value.weak_type) if isinstance(value, jax.Array)
                and not isinstance(value, Tracer) else value for name, value in vars(self).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            if isinstance(value, tuple):
                kept, weak = value
                with jax.enable_x64(kept.dtype.itemsize == np.dtype(float).itemsize):
                    vars(self)[name] = jnp.asarray(kept.item() if weak else kept)
            else:
                vars(self)[name] = value

    @abstractmethod
    def force(self, indentation: Scalar) -> Scalar:
        """Force in N at one indentation in m (positive into the sample)."""

    @abstractmethod
    def basis(self, indentation: Scalar, theta: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        """The shape functions g_j at one indentation, given the shape parameters."""

    def end_of_contact(self, theta: tuple[Scalar, ...]) -> Scalar:
        """The indentation in m below which the force is 0 after a jump; minus infinity if there is none."""
        return jnp.asarray(-jnp.inf)

    def largest_indentation(self) -> Scalar:
        """The indentation in m beyond which the formula is not known to hold; infinite if no bound is known."""
        return jnp.asarray(jnp.inf)

    @abstractmethod
    def with_amplitudes(self, c: tuple[Scalar, ...], theta: tuple[Scalar, ...]) -> Self:
        """The model with its fitted fields replaced by those of (c, theta)."""

    @abstractmethod
    def amplitudes_of(self) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
        """(c, theta) of this model."""

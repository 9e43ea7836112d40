"""The contract of a kernel: the covariance of a process of one coordinate, and its state space where it has one."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import block_diag
from jaxtyping import Array, Float

__all__ = ["AbstractAmplitude", "AbstractKernel", "AbstractStationary", "AbstractWarped", "Product", "Scalar", "Sum",
           "scalar"]

Scalar = Float[Array, ""]
Vector = Float[Array, " state"]
Matrix = Float[Array, "state state"]


def scalar() -> Any:
    """A field of a kernel that holds one number; a Python number keeps its double precision wherever it is made."""
    return eqx.field(converter=lambda value: value if isinstance(value, jax.Array) else np.asarray(value, float))


class AbstractKernel(eqx.Module):
    r"""The covariance k(z, z') of a process f(z) at two coordinates; kernels add (``+``) and multiply (``*``).

    A kernel with a finite state is also the observation of a linear process of ``states`` dimensions,

    $$f(z) = h(z)^\top x(z), \qquad x(z') = A(z, z')\,x(z) + \text{noise}, \qquad \operatorname{Cov} x = P,$$

    with the same P at every coordinate, so that $k(z, z') = h(z')^\top A(z, z') P\,h(z)$ for z <= z'. Everything is
    for one pair of coordinates, differentiable in fields and coordinates, and works under `vmap`. Coordinates have
    the unit that the lengths among the fields have; where a kernel needs z > 0 it says so.
    """

    @property
    @abstractmethod
    def states(self) -> int:
        """The dimension of the state; 0 where no finite one exists."""

    @property
    @abstractmethod
    def tail(self) -> float | Scalar:
        """The exponent p of the variance k(z, z) ~ z^p at large z; minus infinity where it falls faster."""

    @abstractmethod
    def covariance(self, a: Scalar, b: Scalar) -> Scalar:
        """The covariance of f(a) and f(b)."""

    def state_covariance(self) -> Matrix:
        """P, of the state at any one coordinate."""
        raise NotImplementedError(f"{type(self).__name__} has no finite state")

    def transition(self, a: Scalar, b: Scalar) -> Matrix:
        """A(a, b), from a to b >= a."""
        raise NotImplementedError(f"{type(self).__name__} has no finite state")

    def observation(self, at: Scalar) -> Vector:
        """h, of what the state shows at one coordinate."""
        raise NotImplementedError(f"{type(self).__name__} has no finite state")

    @property
    def parts(self) -> tuple[AbstractKernel, ...]:
        """The kernels whose sum this is."""
        return (self,)

    def __add__(self, other: AbstractKernel) -> Sum:
        return Sum(self, other)

    def __mul__(self, other: AbstractKernel) -> Product:
        return Product(self, other)


class AbstractStationary(AbstractKernel):
    """A kernel of the distance alone."""

    @abstractmethod
    def correlation(self, distance: Scalar) -> Scalar:
        """The covariance at this distance, of either sign; 1 at 0."""

    def covariance(self, a: Scalar, b: Scalar) -> Scalar:
        """The correlation of the distance."""
        return self.correlation(b - a)

    @property
    def tail(self) -> float:
        """The variance is the same everywhere."""
        return 0.0


class AbstractAmplitude(AbstractKernel):
    """A function of known shape times one unknown number: the kernel s(z) s(z'), whose state is that number."""

    @abstractmethod
    def at(self, z: Scalar) -> Scalar:
        """The standard deviation s at one coordinate, of either sign."""

    @property
    def states(self) -> int:
        """One number."""
        return 1

    def covariance(self, a: Scalar, b: Scalar) -> Scalar:
        """The product of both standard deviations."""
        return self.at(a) * self.at(b)

    def state_covariance(self) -> Matrix:
        """A unit number."""
        return jnp.ones((1, 1))

    def transition(self, a: Scalar, b: Scalar) -> Matrix:
        """It stays."""
        return jnp.ones((1, 1))

    def observation(self, at: Scalar) -> Vector:
        """The standard deviation."""
        return jnp.reshape(self.at(at), (1,))


class AbstractWarped(AbstractKernel):
    """A ``kernel`` of another coordinate, which never falls where this one rises."""

    kernel: AbstractKernel

    @abstractmethod
    def warped(self, z: Scalar) -> Scalar:
        """The coordinate of the kernel."""

    @property
    def states(self) -> int:
        """Those of the kernel."""
        return self.kernel.states

    def covariance(self, a: Scalar, b: Scalar) -> Scalar:
        """That of the kernel."""
        return self.kernel.covariance(self.warped(a), self.warped(b))

    def state_covariance(self) -> Matrix:
        """That of the kernel."""
        return self.kernel.state_covariance()

    def transition(self, a: Scalar, b: Scalar) -> Matrix:
        """That of the kernel."""
        return self.kernel.transition(self.warped(a), self.warped(b))

    def observation(self, at: Scalar) -> Vector:
        """That of the kernel."""
        return self.kernel.observation(self.warped(at))


class Sum(AbstractKernel):
    """k1 + k2: two independent processes, added."""

    left: AbstractKernel
    right: AbstractKernel

    @property
    def states(self) -> int:
        """Both states side by side."""
        own = self.left.states, self.right.states
        return sum(own) if all(own) else 0

    @property
    def tail(self) -> float | Scalar:
        """Of the slower one."""
        return jnp.maximum(self.left.tail, self.right.tail)

    def covariance(self, a: Scalar, b: Scalar) -> Scalar:
        """The sum of the covariances."""
        return self.left.covariance(a, b) + self.right.covariance(a, b)

    def state_covariance(self) -> Matrix:
        """Independent blocks."""
        return block_diag(self.left.state_covariance(), self.right.state_covariance())

    def transition(self, a: Scalar, b: Scalar) -> Matrix:
        """Each by its own."""
        return block_diag(self.left.transition(a, b), self.right.transition(a, b))

    def observation(self, at: Scalar) -> Vector:
        """Both are seen."""
        return jnp.concatenate([self.left.observation(at), self.right.observation(at)])

    @property
    def parts(self) -> tuple[AbstractKernel, ...]:
        """Those of both."""
        return (*self.left.parts, *self.right.parts)


class Product(AbstractKernel):
    """k1 k2: the covariance of the product of two independent processes, taken as Gaussian."""

    left: AbstractKernel
    right: AbstractKernel

    @property
    def states(self) -> int:
        """Every pair of their states."""
        return self.left.states * self.right.states

    @property
    def tail(self) -> float | Scalar:
        """Exponents add."""
        return self.left.tail + self.right.tail

    def covariance(self, a: Scalar, b: Scalar) -> Scalar:
        """The product of the covariances."""
        return self.left.covariance(a, b) * self.right.covariance(a, b)

    def state_covariance(self) -> Matrix:
        """The Kronecker product."""
        return jnp.kron(self.left.state_covariance(), self.right.state_covariance())

    def transition(self, a: Scalar, b: Scalar) -> Matrix:
        """The Kronecker product."""
        return jnp.kron(self.left.transition(a, b), self.right.transition(a, b))

    def observation(self, at: Scalar) -> Vector:
        """The Kronecker product."""
        return jnp.kron(self.left.observation(at), self.right.observation(at))

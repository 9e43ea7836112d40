"""The Matern kernel of half-integer order: rough processes with a finite state."""

from __future__ import annotations

from functools import partial
from math import factorial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import gammaln

from asperity.learning.gp._kernel import AbstractStationary, Matrix, Scalar, Vector, scalar

__all__ = ["Matern"]


class Matern(AbstractStationary):
    r"""A process with ``order`` p derivatives and the length ``length`` l, of smoothness $\nu = p + 1/2$.

    $$k(d) = e^{-x} \frac{p!}{(2p)!} \sum_{i=0}^{p} \frac{(p+i)!}{i!\,(p-i)!} (2x)^{p-i}, \qquad
      x = \sqrt{2\nu}\,|d|/l$$

    p = 0 is exponential (Ornstein-Uhlenbeck), p = 1, 2, 3 are Matern 3/2, 5/2, 7/2. The state holds f and its p
    derivatives in the unit of length $l / \sqrt{2\nu}$; its transition is $e^{-x} \sum_k (Nx)^k / k!$ with a nilpotent
    N, exactly.

    Source: Rasmussen, Williams, Gaussian Processes for Machine Learning (2006), sec. 4.2; Hartikainen, Sarkka, IEEE
    MLSP (2010) (state space).
    """

    length: Scalar = scalar()
    order: int = eqx.field(static=True, default=2)

    @property
    def states(self) -> int:
        """f and its derivatives."""
        return self.order + 1

    @property
    def _rate(self) -> Scalar:
        return np.sqrt(2 * self.order + 1) / self.length

    def correlation(self, distance: Scalar) -> Scalar:
        """k(d), with exact derivatives at d = 0 as far as the process has them."""
        return _matern(self.order, self._rate * distance)

    def state_covariance(self) -> Matrix:
        """The moments of the spectrum (1 + w^2)^-(p+1), with alternating signs."""
        p = self.order
        moment = [np.exp(gammaln(k + 0.5) + gammaln(p + 0.5 - k) - gammaln(0.5) - gammaln(p + 0.5))
                  for k in range(p + 1)]
        return jnp.array([[(-1.0) ** ((i - j) // 2) * moment[(i + j) // 2] if (i + j) % 2 == 0 else 0.0
                           for j in range(p + 1)] for i in range(p + 1)])

    def transition(self, a: Scalar, b: Scalar) -> Matrix:
        """The exponential of the companion matrix."""
        p, x = self.order, self._rate * (b - a)
        powers = [np.linalg.matrix_power(_nilpotent(p), k) / factorial(k) for k in range(p + 1)]
        total = powers[p]
        for lower in reversed(powers[:p]):
            total = lower + x * total
        return jnp.exp(-x) * total

    def observation(self, at: Scalar) -> Vector:
        """f itself."""
        return jnp.zeros(self.order + 1).at[0].set(1.0)


def _nilpotent(p: int) -> np.ndarray:
    """The companion matrix of (s + 1)^(p+1), plus one."""
    row = [-float(factorial(p + 1) // (factorial(k) * factorial(p + 1 - k))) for k in range(p + 1)]
    return np.vstack([np.eye(p + 1)[1:], row]) + np.eye(p + 1)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _matern(p: int, x: Scalar) -> Scalar:
    """The correlation at the signed distance x, in units of the rate."""
    size = jnp.abs(x)
    total = jnp.zeros_like(size)
    for i in range(p + 1):  # Horner's scheme in 2x: the highest power is that of i = 0
        total = total * 2 * size + factorial(p + i) / (factorial(i) * factorial(p - i))
    return jnp.exp(-size) * total * (factorial(p) / factorial(2 * p))


@_matern.defjvp
def _slope(p: int, at: tuple[Scalar], along: tuple[Scalar]) -> tuple[Scalar, Scalar]:
    """The derivative -x k_(p-1) / (2p - 1), which is smooth at 0 as far as the process is; -sign(x) e^-|x| at p = 0."""
    (x,), (dx,) = at, along
    slope = -x * _matern(p - 1, x) / (2 * p - 1) if p else -jnp.sign(x) * _matern(0, x)
    return _matern(p, x), slope * dx

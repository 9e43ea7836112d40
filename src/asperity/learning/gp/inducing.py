r"""The solver of cost n m^2: m inducing points, for kernels without a finite state on long curves.

With U the covariance of the process at the m ``inducing`` points, K that between the n points and those, S the
variances of the noise and $Q = K U^{-1} K^\top$, it maximizes over what is known at the inducing points the bound

$$\ln p(y) \ge \ln N(y; 0, Q + S) - \tfrac12 \sum_i (k_{ii} - Q_{ii}) / S_i,$$

through the m x m matrix $B = 1 + V V^\top$, $V = L^{-1} K^\top S^{-1/2}$, $U = L L^\top$. The second term is what the
inducing points leave unexplained; the bound is sharp where they are as dense as the process bends: for forces, equally
spaced in ln z.

Source: Titsias, AISTATS, JMLR W&CP 5, 567 (2009).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from asperity.learning.gp import dense
from asperity.learning.gp._kernel import AbstractKernel
from asperity.learning.gp.observed import Observed, PartPosterior, value
from asperity.messages import ArgumentError

__all__ = ["condition", "log_likelihood"]

_JITTER = 1e-9  # of the prior variance, added at each inducing point: it costs 2e-4 nats of 800 points; with less,
# rounding spoils the gradient (a hundredth off at 1e-11)


class _Factors(NamedTuple):
    """What both answers need."""

    inducing: Float[Array, "inducing inducing"]  # L
    whitened: Float[Array, "inducing point"]  # V
    inner: Float[Array, "inducing inducing"]  # the factor of B
    told: Float[Array, " inducing"]  # that factor's inverse times V times the whitened values


def log_likelihood(kernel: AbstractKernel, data: Observed, inducing: Float[Array, " inducing"]) -> Float[Array, ""]:
    """The lower bound of the logarithm of the density of ``data.y``.

    Raises:
        ArgumentError: ``data`` has noise that is not independent from point to point.
    """
    found, weight = _factors(kernel, data, inducing), _weights(data)
    square = (_values(data) ** 2).sum() - (found.told**2).sum()
    size = 2 * jnp.log(jnp.diag(found.inner)).sum() - 2 * jnp.log(jnp.where(data.there, weight, 1.0)).sum()
    left_over = (jax.vmap(kernel.covariance)(data.z, data.z) * weight**2).sum() - (found.whitened**2).sum()
    return -0.5 * (square + size + data.there.sum() * jnp.log(2 * jnp.pi) + left_over)


def condition(kernel: AbstractKernel, data: Observed, inducing: Float[Array, " inducing"],
              at: Float[Array, " asked"] | None = None) -> PartPosterior:
    """What ``data`` tell of the parts of the kernel and their derivatives at the points ``at`` (by default its own).

    Raises:
        ArgumentError: as in `log_likelihood`.
    """
    at = data.z if at is None else at
    found = _factors(kernel, data, inducing)
    across = dense.prior_rows(kernel, at, value, inducing)
    flat = across.reshape(-1, across.shape[-1]).T
    first = solve_triangular(found.inducing, flat, lower=True)
    second = solve_triangular(found.inner, first, lower=True)
    mean = (found.told @ second).reshape(across.shape[:2])
    one, other = (half.T.reshape(across.shape) for half in (first, second))
    known = jnp.einsum("nri,nqi->nrq", one, one) - jnp.einsum("nri,nqi->nrq", other, other)
    return PartPosterior(mean, dense.prior_covariance(kernel, at) - known)


def _weights(data: Observed) -> Array:
    """The inverse standard deviation of the noise; 0 where nothing was observed."""
    return jnp.where(data.there, 1 / jnp.sqrt(jnp.where(data.there, data.variance, 1.0)), 0.0)


def _values(data: Observed) -> Array:
    """The values in standard deviations of the noise."""
    return jnp.where(data.there, data.y, 0.0) * _weights(data)


def _factors(kernel: AbstractKernel, data: Observed, inducing: Array) -> _Factors:
    if data.noise is not None:
        raise ArgumentError("noise = a kernel: inducing points take noise that is independent from point to point; for "
                            "correlated noise use the solvers state_space (kernels with a finite state) or dense")
    own = dense.gram(kernel.covariance, value, inducing, value, inducing)
    lower = jnp.linalg.cholesky(own + _JITTER * jnp.diag(jnp.diag(own)))
    across = dense.gram(kernel.covariance, value, inducing, value, data.z)
    whitened = solve_triangular(lower, across * _weights(data), lower=True)
    inner = jnp.linalg.cholesky(jnp.eye(len(inducing)) + whitened @ whitened.T)
    return _Factors(lower, whitened, inner, solve_triangular(inner, whitened @ _values(data), lower=True))

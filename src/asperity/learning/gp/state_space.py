r"""The solver of linear cost: Kalman filter and Rauch-Tung-Striebel smoother of kernels with a finite state.

With the stationary covariance P of the state, the filter carries $\Delta = \operatorname{Cov}(x\,|\,y) - P$, which a
transition maps to $A \Delta A^\top$ exactly: no difference of nearly equal matrices is formed for points that lie
close together.

Source: Sarkka, Bayesian Filtering and Smoothing (2013), sec. 4 and 8; Foreman-Mackey et al., Astron. J. 154, 220 (2017)
(the form with the difference).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import block_diag
from jaxtyping import Array, Float

from asperity.learning.gp._kernel import AbstractKernel
from asperity.learning.gp.observed import Observed, PartPosterior

__all__ = ["condition", "innovations", "log_likelihood"]


class _Chain(NamedTuple):
    """A kernel and the noise's as one linear process at the points in order."""

    transition: Float[Array, "point state state"]  # to each point from the one before
    row: Float[Array, "point state"]
    covariance: Float[Array, "state state"]


class _Seen(NamedTuple):
    """One step of the filter."""

    mean: Float[Array, " state"]  # of the state before the point is seen,
    change: Float[Array, "state state"]  # and its covariance less that of the process
    gain: Float[Array, " state"]
    error: Float[Array, ""]  # of the prediction
    total: Float[Array, ""]  # its variance


def log_likelihood(kernel: AbstractKernel, data: Observed) -> Float[Array, ""]:
    """The logarithm of the density of ``data.y``, in time and memory proportional to the number of points.

    ``data.z`` must ascend, and ``data.time`` go one way.
    """
    chain = _chain(kernel, data)

    @partial(jax.checkpoint, prevent_cse=False)  # the gradient does each step anew: half the time of reading it back
    def step(carry: tuple[Array, Array], now: tuple[Array, ...]) -> tuple[tuple[Array, Array], Array]:
        carry, seen = _filtered(carry, chain.covariance, *now)
        return carry, jnp.where(now[-1], jnp.log(seen.total) + seen.error**2 / seen.total, 0.0)

    _, terms = jax.lax.scan(step, _start(chain), _inputs(chain, data))
    return -0.5 * (terms.sum() + data.there.sum() * jnp.log(2 * jnp.pi))


def innovations(kernel: AbstractKernel, data: Observed) -> Float[Array, " point"]:
    """What each value departs from the prediction of those before it, in standard deviations; 0 where none is there.

    Of data that obey the kernel and its noise they are independent standard normal numbers.
    """
    chain = _chain(kernel, data)

    def step(carry: tuple[Array, Array], now: tuple[Array, ...]) -> tuple[tuple[Array, Array], Array]:
        carry, seen = _filtered(carry, chain.covariance, *now)
        return carry, jnp.where(now[-1], seen.error / jnp.sqrt(seen.total), 0.0)

    return jax.lax.scan(step, _start(chain), _inputs(chain, data))[1]


def condition(kernel: AbstractKernel, data: Observed) -> PartPosterior:
    """What ``data`` tell of the parts of the kernel and their derivatives at each of its points, seen or not.

    To ask at other points, let them be among ``data.z`` with ``there`` False.
    """
    chain = _chain(kernel, data)

    def forth(carry: tuple[Array, Array], now: tuple[Array, ...]) -> tuple[tuple[Array, Array], _Seen]:
        return _filtered(carry, chain.covariance, *now)

    _, seen = jax.lax.scan(forth, _start(chain), _inputs(chain, data))

    def back(carry: tuple[Array, Array], now: Any) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        return _smoothed(carry, chain.covariance, *now)

    states, steps = len(chain.covariance), (chain.transition, chain.row, data.there, seen)
    _, (mean, covariance) = jax.lax.scan(back, _start(chain), steps, reverse=True)
    asked = jnp.zeros((len(data.z), 2 * len(kernel.parts), states))
    asked = asked.at[:, :, : kernel.states].set(jax.vmap(lambda at: _rows(kernel, at))(data.z))
    return PartPosterior(jnp.einsum("nrs,ns->nr", asked, mean),
                         jnp.einsum("nrs,nst,nqt->nrq", asked, covariance, asked))


def _chain(kernel: AbstractKernel, data: Observed) -> _Chain:
    """The transitions and rows, with the state of the noise below that of the kernel."""
    before = jnp.concatenate([data.z[:1], data.z[:-1]])
    transition, row = jax.vmap(kernel.transition)(before, data.z), jax.vmap(kernel.observation)(data.z)
    covariance = kernel.state_covariance()
    if data.noise is not None and data.time is not None:
        gap = jnp.abs(jnp.diff(data.time, prepend=data.time[:1]))
        slow = jax.vmap(data.noise.transition)(jnp.zeros_like(gap), gap)
        transition = jax.vmap(block_diag)(transition, slow)
        row = jnp.concatenate([row, jax.vmap(data.noise.observation)(data.time)], axis=1)
        covariance = block_diag(covariance, data.noise.state_covariance())
    return _Chain(transition, row, covariance)


def _start(chain: _Chain) -> tuple[Array, Array]:
    """Nothing is known but the process."""
    return jnp.zeros_like(chain.covariance[0]), jnp.zeros_like(chain.covariance)


def _inputs(chain: _Chain, data: Observed) -> tuple[Array, ...]:
    return chain.transition, chain.row, jnp.where(data.there, data.y, 0.0), data.variance, data.there


def _filtered(carry: tuple[Array, Array], process: Array, transition: Array, row: Array, y: Array, variance: Array,
              there: Array) -> tuple[tuple[Array, Array], _Seen]:
    """One point: to it, and what it tells."""
    mean, change = carry
    mean, change = transition @ mean, transition @ change @ transition.T
    shown = (process + change) @ row
    total = row @ shown + jnp.where(there, variance, 1.0)
    gain = jnp.where(there, shown / total, 0.0)
    error = y - row @ mean
    return ((mean + gain * error, change - jnp.outer(gain, shown)),
            _Seen(mean, change, gain, error, total))


def _smoothed(carry: tuple[Array, Array], process: Array, transition: Array, row: Array, there: Array,
              seen: _Seen) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """One point backwards: what it and all later ones tell of its state, as a vector and a matrix of information."""
    pull, known = carry
    own = jnp.where(there, row, 0.0)
    pull = own * (seen.error / seen.total - seen.gain @ pull) + pull
    kept = jnp.eye(len(row)) - jnp.outer(seen.gain, own)
    known = jnp.outer(own, own) / seen.total + kept.T @ known @ kept
    before = process + seen.change
    told = seen.mean + before @ pull, before - before @ known @ before
    return (transition.T @ pull, transition.T @ known @ transition), told


def _rows(kernel: AbstractKernel, at: Array) -> Array:
    """What the state of the kernel shows of each part, and of its derivative."""
    values, slopes, first = [], [], 0
    for part in kernel.parts:
        last = first + part.states

        def along(z: Array, part: AbstractKernel = part) -> Array:
            return part.observation(z) @ part.transition(at, z)

        empty = jnp.zeros(kernel.states)
        values.append(empty.at[first:last].set(part.observation(at)))
        slopes.append(empty.at[first:last].set(jax.jacfwd(along)(at)))
        first = last
    return jnp.stack([*values, *slopes])

r"""Scaling exponents $s_i = \partial \ln f / \partial \ln x_i$ with their uncertainty.

Of any differentiable function, of the draws of an ensemble or a posterior, of a Gaussian process, and of
data alone. A prediction that fits but scales wrongly fails on the next tip: see `utility`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.messages import DataError

__all__ = ["Slopes", "exponents", "exponents_of_draws", "gaussian_process_slopes", "power_law"]


class Slopes(NamedTuple):
    """Exponents and their standard deviations, one row per point (a single row for a `power_law`)."""

    mean: np.ndarray | jax.Array  # (..., d)
    std: np.ndarray | jax.Array  # (..., d)


def exponents(function: Callable[[Any], Any], points: Any) -> jax.Array:
    r"""$s_i = x_i\, \partial_i \ln f(x)$ by automatic differentiation, (n, d).

    The unit of f and of every x_i cancels. NaN where f is not positive: there is no exponent there.

    Args:
        function: from (d,) to a scalar, differentiable.
        points: (n, d), or (n,) for a function of one scalar; the result has the same shape.
    """

    def slope(x):
        value, gradient = jax.value_and_grad(function)(x)
        return jnp.where(value > 0, x * gradient / value, jnp.nan)

    return jax.vmap(slope)(jnp.asarray(points))


def exponents_of_draws(function: Callable[[Any, Any], Any], draws: Any, points: Any) -> Slopes:
    """Mean and standard deviation over the draws of the exponents of ``function(draw, x)``.

    NaN at points at which any draw is not positive.

    Args:
        function: of one member of ``draws`` and one point, positive and differentiable in the point.
        draws: the parameters of an ensemble or posterior: a pytree of arrays whose first axis is the draw.
        points: as in `exponents`.

    Raises:
        ValueError: fewer than two draws, which have no spread.
    """
    if len(jax.tree.leaves(draws)[0]) < 2:
        raise DataError("one draw has no spread; give an ensemble or a posterior of at least two")
    slopes = jax.vmap(lambda draw: exponents(lambda x: function(draw, x), points))(draws)
    return Slopes(slopes.mean(axis=0), slopes.std(axis=0, ddof=1))


def gaussian_process_slopes(kernel: Callable[[Any, Any], Any], inputs: Any, values: Any, noise_variance: Any,
                            points: Any) -> Slopes:
    r"""The posterior of the gradient of a Gaussian process f ~ GP(0, k) given values y = f(x) + noise.

    $$\mathrm{E}[\partial_i f_*] = \partial_i k_*^T (K+\Sigma)^{-1} y, \qquad
      \mathrm{Var}[\partial_i f_*] = \partial_i \partial'_i k(x_*, x_*)
      - \partial_i k_*^T (K+\Sigma)^{-1} \partial_i k_*$$

    With x the logarithms of the inputs and y that of the force (less that of a known mean law, whose exponent
    is then added to the mean) these are exponents.

    Args:
        kernel: of two points (d,), the Gaussian process's covariance, differentiable in both also where
            they coincide.
        inputs: (n, d). values: (n,), with zero prior mean.
        noise_variance: scalar, (n,), or the (n, n) covariance Sigma (sessions share their error).
        points: (m, d) where the slopes are wanted.

    Returns:
        (m, d) means and standard deviations. NaN throughout where K + Sigma is not positive definite.
    """
    x, at = jnp.asarray(inputs), jnp.asarray(points)
    noise = jnp.asarray(noise_variance)
    gram = jax.vmap(lambda a: jax.vmap(lambda b: kernel(a, b))(x))(x)
    factor = jnp.linalg.cholesky(gram + (noise if noise.ndim == 2 else noise * jnp.eye(len(x))))

    def slope(point):
        cross = jax.vmap(jax.grad(kernel), (None, 0))(point, x)  # (n, d)
        prior = jnp.diagonal(jax.jacfwd(jax.grad(kernel), 1)(point, point))
        white = jax.scipy.linalg.solve_triangular(factor, cross, lower=True)
        return white.T @ white_values, prior - (white**2).sum(axis=0)

    white_values = jax.scipy.linalg.solve_triangular(factor, jnp.asarray(values), lower=True)
    mean, variance = jax.vmap(slope)(at)
    return Slopes(mean, jnp.sqrt(jnp.maximum(variance, 0)))


def power_law(inputs: Any, values: Any, sessions: Any, *, resamples: int = 2000, seed: int = 0) -> Slopes:
    r"""Exponents of measured values by least squares, $\ln y = c + \sum_i s_i \ln x_i$, (d,).

    The standard deviation comes from drawing whole sessions with replacement: measurements of one session
    share its calibration error and are not independent. For an interval take Student's t with G - 1 degrees
    of freedom for G sessions; nominal 90 % then cover 88 to 90 % with 10 to 40 sessions of one tip each, and
    too much with 6, when some resamples hold hardly more than one radius. Those that do not determine the
    exponents are left out.
    Source: Field, Welsh, J. R. Stat. Soc. B 69, 369 (2007).

    Args:
        inputs: (n, d) or (n,), positive. values: (n,), positive. sessions: (n,) labels.
        resamples, seed: of the bootstrap.

    Raises:
        ValueError: values that are not positive, fewer sessions than exponents + 2, or inputs that do not
            determine the exponents.
    """
    x, y = np.asarray(inputs, float).reshape(len(inputs), -1), np.asarray(values, float)
    if not ((x > 0).all() and (y > 0).all()):
        raise DataError("a power law needs positive inputs and values; leave out or flag the others")
    logs = np.log(x) - np.log(x).mean(axis=0)
    design = np.column_stack([np.ones(len(y)), logs / _spread(logs)])
    labels, which = np.unique(np.asarray(sessions), return_inverse=True)
    if len(labels) < design.shape[1] + 1:
        raise DataError(f"{len(labels)} sessions do not tell how sure {x.shape[1]} exponents are; "
                        f"at least {design.shape[1] + 1} are needed")
    normal, moment = _sums_by_session(design, np.log(y), which, len(labels))
    count = len(labels)
    counts = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    mean = _solve(normal.sum(axis=0)[None], moment.sum(axis=0)[None])[0]
    if np.isnan(mean).any():
        raise DataError("the inputs are powers of each other: their exponents cannot be told apart")
    drawn = _solve(np.tensordot(counts, normal, 1), np.tensordot(counts, moment, 1))
    return Slopes(mean / _spread(logs), np.nanstd(drawn, axis=0, ddof=1) / _spread(logs))


def _spread(logs: np.ndarray) -> np.ndarray:
    spread = logs.std(axis=0)
    if not (spread > 0).all():
        raise DataError("an input that never changes has no exponent")
    return spread


def _sums_by_session(design: np.ndarray, values: np.ndarray, which: np.ndarray, count: int):
    """X^T X and X^T y of each session."""
    normal, moment = np.zeros((count, design.shape[1], design.shape[1])), np.zeros((count, design.shape[1]))
    np.add.at(normal, which, design[:, :, None] * design[:, None, :])
    np.add.at(moment, which, design * values[:, None])
    return normal, moment


def _solve(normal: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """The exponents of each row; NaN where they are not determined."""
    least = np.linalg.eigvalsh(normal)[:, 0] / np.trace(normal, axis1=1, axis2=2)
    determined = least > 1e-10
    solution = np.full(moment.shape, np.nan)
    solution[determined] = np.linalg.solve(normal[determined], moment[determined][..., None])[..., 0]
    return solution[:, 1:]

r"""The posterior of lambda from fits at its nodes and a prior on the equilibrium separation.

Convention: $\lambda = 1.1570\,\mu$ (the Dugdale stress of a Lennard-Jones surface), which ties lambda to a
length, $\lambda = 0.6534\,\delta_c/z_0$. A normal $\ln z_0$ with spread $\varsigma$ then makes

$$p(\ln\lambda \mid y) \propto Z(\lambda)\;\mathcal N\!\left(\ln\frac{0.6534\,\hat d(\lambda)}{\lambda};\
  \ln z_0,\ \varsigma^2 + \mathrm{var}\ln d\right)$$

with the evidence Z of the fit at fixed lambda. Everything that varies with lambda is interpolated between
the nodes by polynomials of degree five. Above the last node the curve is that of JKR, below the first one
that of the first; the prior's tails are summed exactly.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr

from asperity.learning.adequacy import Biases, Tolerance, excess
from asperity.learning.maugis_scan import Scan

__all__ = ["SEPARATION_FACTOR", "LambdaPosterior", "SideInformation", "posterior"]

#: lambda z0 / delta_c, where z0 sets the stress as in `asperity.contact.maugis.dugdale_stress`
SEPARATION_FACTOR = 32 / (9 * math.sqrt(3) * math.pi)

_PARTS = 16  # points per interval between two nodes
_NEGLIGIBLE = 18.0  # log of the smallest density that counts, under the largest
_NOWHERE = -1e29  # log evidence, below which a fit has no meaning


class SideInformation(NamedTuple):
    """What is known of each curve besides its fits, without units; (batch,) arrays."""

    first: Any  # ln lambda of the first node
    spacing: Any  # of the nodes in ln lambda
    separation: Any  # ln(z0 / length)
    separation_spread: Any
    load: Any  # largest force in units of the fit
    neck_seen: Any
    force_variance: Any  # of the logarithm of the force calibration: it scales modulus and adhesion alike
    radius_variance: Any  # of ln R


class LambdaPosterior(NamedTuple):
    """Per curve; logarithms in the units of `asperity.learning.retraction.Prepared`."""

    probability: Any  # (batch, model)
    log_parameter: Any  # mean of ln lambda
    parameter_spread: Any
    low: Any  # ln lambda between which the density counts
    high: Any
    peak: Any  # ln lambda of the largest density
    log_stiffness: Any  # (batch, 3) mean, and ends of the 90 % interval, of ln(f / d^1.5)
    log_force: Any  # (batch, 3) the same of ln f
    log_load: Any  # mean of the logarithm of the largest load in pi w R
    log_length: Any  # mean of ln d
    log_evidence: Any  # of all lambda together, with flat priors of the other parameters


def _weights(nodes: int) -> np.ndarray:
    """The interpolation of degree five from ``nodes`` even nodes to `_PARTS` points per interval."""
    matrix = np.zeros(((nodes - 1) * _PARTS + 1, nodes))
    for i, place in enumerate(np.arange(len(matrix)) / _PARTS):
        first = int(np.clip(math.floor(place) - 2, 0, nodes - 6))
        for j in range(first, first + 6):
            others = [k for k in range(first, first + 6) if k != j]
            matrix[i, j] = np.prod([(place - k) / (j - k) for k in others])
    return matrix


def _interpolate(matrix: np.ndarray, values: jax.Array, bad: jax.Array) -> jax.Array:
    """Values at the points; linear beside a node without a fit."""
    place = np.arange(len(matrix)) / _PARTS
    low = np.minimum(place.astype(int), matrix.shape[1] - 2)
    linear = values[low] + (place - low) * (values[low + 1] - values[low])
    touched = ((matrix != 0).astype(float) @ bad.astype(float)) > 0
    return jnp.where(touched, linear, matrix @ jnp.where(bad, 0.0, values))


def _ceiling(evidence: jax.Array) -> jax.Array:
    """How high the evidence may rise between two nodes: a fit gone wrong must not make a peak beside it."""
    place = np.minimum(np.arange((len(evidence) - 1) * _PARTS + 1) // _PARTS, len(evidence) - 2)
    high, low = (f(evidence[place], evidence[place + 1]) for f in (jnp.maximum, jnp.minimum))
    return high + 20.0 + 0.25 * (high - low)


def _one(scan: Scan, known: SideInformation, table: Biases, tolerance: Tolerance, tails: bool) -> LambdaPosterior:
    matrix = _weights(len(scan.log_evidence))
    bad = scan.log_evidence < _NOWHERE
    evidence = jnp.maximum(scan.log_evidence, jnp.max(scan.log_evidence) - 1e6)
    evidence, force, length, force_var, shared, length_var = (
        _interpolate(matrix, a, bad) for a in (evidence, *scan[1:6]))
    evidence = jnp.minimum(evidence, _ceiling(scan.log_evidence))
    force_var, length_var = jnp.maximum(force_var, 1e-14), jnp.maximum(length_var, 1e-14)
    points = known.first + known.spacing * jnp.arange(len(matrix)) / _PARTS
    wide = known.separation_spread**2 + length_var
    surprise = known.separation - (math.log(SEPARATION_FACTOR) + length - points)
    density = evidence - 0.5 * (surprise**2 / wide + jnp.log(wide))
    top = jnp.max(density)
    mass = jnp.exp(density - top)
    if tails:
        step = known.spacing / _PARTS
        above = _tail(evidence[-1] - top, surprise[-1], wide[-1]) / step
        below = _tail(evidence[0] - top, -surprise[0], wide[0]) / step
        mass = mass.at[-1].add(above).at[0].add(below)
    total = mass.sum()
    mass = mass / total
    gain = surprise / wide
    length, force = length + length_var * gain, force + shared * gain
    force_var, shared = force_var - shared**2 / wide, shared - shared * length_var / wide
    length_var = length_var * known.separation_spread**2 / wide
    load = jnp.log(jnp.maximum(known.load, 1e-9)) - force
    classes = _classes(points, load, known.neck_seen, table, tolerance)
    stiffness_var = force_var - 3 * shared + 2.25 * length_var
    mean, outside = jnp.sum(mass * points), known.force_variance + known.radius_variance
    counts = density > top - _NEGLIGIBLE
    return LambdaPosterior(
        classes @ mass, mean, jnp.sqrt(jnp.sum(mass * (points - mean) ** 2)),
        jnp.min(jnp.where(counts, points, jnp.inf)), jnp.max(jnp.where(counts, points, -jnp.inf)),
        points[jnp.argmax(density)],
        _mixture(mass, force - 1.5 * length, stiffness_var + outside / 4 + 0.75 * known.force_variance),
        _mixture(mass, force, force_var + outside),
        jnp.sum(mass * load), jnp.sum(mass * length), top + jnp.log(total * known.spacing / _PARTS))


def _tail(evidence: jax.Array, surprise: jax.Array, wide: jax.Array) -> jax.Array:
    """The prior's mass beyond the last node, times the evidence there, on the scale of the density."""
    return jnp.exp(jnp.minimum(evidence, 300.0)) * ndtr(-surprise / jnp.sqrt(wide)) * math.sqrt(2 * math.pi)


def _classes(points: jax.Array, load: jax.Array, neck_seen: jax.Array, table: Biases,
             tolerance: Tolerance) -> jax.Array:
    """Which part of each point's cell belongs to each model, (model, point)."""
    over = excess(points, load, neck_seen, tolerance, table)
    change = jnp.abs(jax.vmap(lambda row: jnp.asarray(jnp.gradient(row)))(over)) + 1e-12
    adequate = jnp.clip(0.5 - over / change, 0.0, 1.0)
    left, shares = jnp.ones_like(load), []
    for share in adequate:
        shares.append(left * share)
        left = left * (1 - share)
    return jnp.stack([*shares, left])


def _mixture(mass: jax.Array, mean: jax.Array, variance: jax.Array) -> jax.Array:
    """Mean and 5 and 95 % points of a mixture of normals; points are first merged in groups of eight."""
    padding = -len(mass) % 8
    mass, mean, variance = (jnp.pad(a, (0, padding), mode="edge") for a in (mass, mean, variance))
    mass = (mass * (jnp.arange(len(mass)) < len(mass) - padding)).reshape(-1, 8)
    total = mass.sum(axis=1)
    share = mass / jnp.where(total > 0, total, 1.0)[:, None]
    center = (share * mean.reshape(-1, 8)).sum(axis=1)
    spread = (share * (variance.reshape(-1, 8) + (mean.reshape(-1, 8) - center[:, None]) ** 2)).sum(axis=1)
    spread = jnp.sqrt(jnp.where(total > 0, spread, 1.0))
    used = total > 1e-12
    low = jnp.min(jnp.where(used, center - 6 * spread, jnp.inf))
    high = jnp.max(jnp.where(used, center + 6 * spread, -jnp.inf))

    def quantile(level: float) -> jax.Array:
        def halve(_: int, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            middle = (ends[0] + ends[1]) / 2
            under = jnp.sum(total * ndtr((middle - center) / spread)) < level
            return jnp.where(under, middle, ends[0]), jnp.where(under, ends[1], middle)

        return jax.lax.fori_loop(0, 30, halve, (low, high))[0]

    return jnp.stack([jnp.sum(total * center), quantile(0.05), quantile(0.95)])


@jax.jit(static_argnames="tails")
def posterior(scan: Scan, known: SideInformation, table: Biases, tolerance: Tolerance, *,
              tails: bool) -> LambdaPosterior:
    """The posterior of each curve from its ``scan`` at even nodes, (batch, node).

    With ``tails`` the first node stands for all smaller lambda and the last one for all larger.
    """
    return jax.vmap(lambda s, k: _one(s, k, table, tolerance, tails))(scan, known)

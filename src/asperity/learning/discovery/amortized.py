r"""A posterior of a force curve in microseconds: a small network that has seen a million curves of known truth.

A curve becomes 65 numbers without units: the means of its force in 64 even bins of indentation, about the level far
away and over their range, and the logarithm of the noise of such a mean over that range. From these a network
gives the probabilities of Hertz, DMT and JKR and, for each, a mixture of normal distributions of

$$\mathrm{logit}\,x_0, \qquad \ln\frac{C d^{3/2}}{\Delta F}, \qquad \ln\frac{\pi wR}{\Delta F}, \qquad
  C = \tfrac43 E^*\sqrt R$$

with the contact point $x_0$ and the depth $d = (1 - x_0)\,$ span, and the range $\Delta F$ of the force: the same curve
in other units gives the same numbers. It answers for what its prior holds (`PRIOR`), and says where a curve is not of
that kind: where its numbers lie outside of what was seen in training, or the mean's curve does not go through the data.
``python -m benchmarks.train_amortized`` makes the weights anew.
Source: Bishop, Mixture density networks (1994); Cranmer, Brehmer, Louppe, PNAS 117, 30055 (2020).
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, nn

from asperity.contact import jkr
from asperity.messages import DataError

__all__ = ["BINS", "MODELS", "PRIOR", "VERSION", "AmortizedPosterior", "DensityNetwork", "Guard", "Mixtures",
           "Summaries", "amortized_posterior", "contact_curve", "digest", "log_density", "random_network",
           "stored_network", "summaries"]

#: the contact models that it tells apart
MODELS = ("hertz", "dmt", "jkr")
#: what training curves are drawn from, uniform in the logarithm: depth of contact over the span, noise over the range
#: of the force at 256 samples, largest force over pi w R, snap of the lever over the depth
PRIOR = {"depth": (0.03, 0.95), "noise": (1e-4, 0.1), "load": (0.3, 100.0), "snap": (1e-3, 0.5)}
#: of the stored weights
VERSION = 1
#: of a curve
BINS = 64
_WIDTH = 96  # of the hidden layers
_DEPTH = 3
_MIXED = 4  # normal distributions for each model
_FREE = 3  # parameters
_LOWER = np.flatnonzero(np.tril(np.ones((_FREE, _FREE))).ravel())
_PLACES = np.eye(_FREE * _FREE)[_LOWER]
_SAMPLES = 256
_FIRST_BINS = 4  # of which the level far away is the mean


class Summaries(NamedTuple):
    """Curves as the network sees them, and their units; (curve, ...) arrays."""

    features: Any  # (curve, 65), without units
    span: Any  # m
    force_range: Any  # N
    deepest: Any  # m, the indentation of the deepest sample


class Mixtures(NamedTuple):
    """What the network gives for one curve, or many."""

    log_probability: Any  # (model,)
    log_weight: Any  # (model, component)
    mean: Any  # (model, component, 3)
    factor: Any  # (model, component, 3, 3) lower triangle, inverse of that of the covariance


class Guard(NamedTuple):
    """What training curves look like, for `AmortizedPosterior.familiar`."""

    center: np.ndarray  # (feature,)
    whitening: np.ndarray  # (feature, feature)
    farthest: float  # distance that one training curve in 1000 exceeds
    roughest: float  # misfit of the mean's curve that one in 1000 exceeds
    widening: np.ndarray  # (model, 3) of the network's spread, for 90 % intervals of fresh training curves to hold


class AmortizedPosterior(NamedTuple):
    """The posterior of each curve, NumPy arrays; of no use where not ``familiar``: ask the full way there."""

    probability: np.ndarray  # (curve, model)
    contact_point: np.ndarray  # (curve, model, 2) m of indentation: mean and standard deviation
    log_stiffness: np.ndarray  # (curve, model, 2) of ln C, C = 4/3 E* sqrt(R) in N/m^1.5
    log_adhesion: np.ndarray  # (curve, model, 2) of ln(pi w R) in N; NaN for Hertz
    familiar: np.ndarray  # (curve,) bool
    distance: np.ndarray  # (curve,) from the training curves, over the farthest that counts
    misfit: np.ndarray  # (curve,) of the mean's curve, over the largest that counts


@final
class DensityNetwork(eqx.Module):
    """65 numbers to the mixtures of three models, by three hidden layers."""

    layers: eqx.nn.MLP

    def __call__(self, features: Array) -> Mixtures:
        """Of one curve."""
        out = self.layers(features)
        models, parts = len(MODELS), len(MODELS) * _MIXED
        logits, out = out[:models], out[models:]
        weights, out = out[:parts].reshape(models, _MIXED), out[parts:]
        means, out = out[:parts * _FREE].reshape(models, _MIXED, _FREE), out[parts * _FREE:]
        lower = out.reshape(models, _MIXED, -1) @ jnp.asarray(_PLACES, out.dtype)
        lower = lower.reshape(models, _MIXED, _FREE, _FREE)
        diagonal = jnp.exp(jnp.diagonal(lower, axis1=-2, axis2=-1))
        factor = jnp.tril(lower, -1) + diagonal[..., None] * jnp.eye(_FREE)
        return Mixtures(nn.log_softmax(logits), nn.log_softmax(weights, axis=-1), means, factor)


def random_network(key: Array) -> DensityNetwork:
    """An untrained network."""
    size = len(MODELS) * (1 + _MIXED * (1 + _FREE + len(_LOWER)))
    return DensityNetwork(eqx.nn.MLP(BINS + 1, size, _WIDTH, _DEPTH, activation=nn.silu, key=key))


def log_density(found: Mixtures, model: Array, parameters: Array) -> Array:
    """The logarithm of the density of the ``parameters`` (3,) of one curve, if it is of that ``model``.

    The third parameter of Hertz means nothing: it is to be drawn from a normal distribution.
    """
    off = jnp.einsum("kij,kj->ki", found.factor[model], parameters - found.mean[model])
    size = jnp.log(jnp.diagonal(found.factor[model], axis1=-2, axis2=-1)).sum(axis=-1)
    each = found.log_weight[model] + size - 0.5 * (off**2).sum(axis=-1) - 0.5 * _FREE * math.log(2 * math.pi)
    return nn.logsumexp(each)


def summaries(indentation: np.ndarray, force: np.ndarray, counted: np.ndarray) -> Summaries:
    """Reduce curves (curve, sample) to numbers without units.

    Args:
        indentation: m, larger is deeper, zero anywhere; the farthest sample first.
        force: N, any offset.
        counted: bool; others are left out.

    Neighbors are averaged to at most 256 samples, as many as training curves had.
    """
    indentation, force, counted = _thinned(indentation, force, counted)
    number = np.maximum(counted.sum(axis=1), 1)
    low = np.where(counted, indentation, np.inf).min(axis=1)
    deepest = np.where(counted, indentation, -np.inf).max(axis=1)
    span = np.where(deepest > low, deepest - low, 1.0)
    place = np.clip((indentation - low[:, None]) / span[:, None] * BINS, 0, BINS - 1).astype(int)
    flat = (np.where(counted, place, BINS) + (BINS + 1) * np.arange(len(force))[:, None]).ravel()
    count, total = (np.bincount(flat, weights, (BINS + 1) * len(force)).reshape(-1, BINS + 1)[:, :-1]
                    for weights in (None, np.where(counted, force, 0.0).ravel()))
    mean = np.stack([np.interp(np.arange(BINS), np.flatnonzero(n), (t / np.maximum(n, 1))[n > 0]) if n.any() else t
                     for n, t in zip(count, total)])
    level = mean[:, :_FIRST_BINS].mean(axis=1)
    size = np.ptp(mean, axis=1)
    size = np.where(size > 0, size, 1.0)
    steps = np.where(counted[:, 1:] & counted[:, :-1], np.abs(np.diff(force, axis=1)), np.nan)
    half = np.nanmedian(np.where(np.arange(steps.shape[1]) < steps.shape[1] // 4, steps, np.nan), axis=1)  # far away
    noise = np.maximum(1.4826 / math.sqrt(2) * half, 1e-5 * size)
    noise = noise * np.sqrt(BINS / np.maximum(number, BINS)) / size
    features = np.concatenate([(mean - level[:, None]) / size[:, None], np.log(noise)[:, None]], axis=1)
    return Summaries(features, span, size, deepest)


def _thinned(indentation: np.ndarray, force: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, ...]:
    group = -(-force.shape[1] // _SAMPLES)
    if group == 1:
        return indentation, force, counted
    use = force.shape[1] // group * group
    split = (a[:, -use:].reshape(len(force), -1, group) for a in (np.where(counted, indentation, 0.0),
                                                                  np.where(counted, force, 0.0), counted))
    places, forces, number = (a.sum(axis=2) for a in split)
    whole = np.maximum(number, 1)
    return places / whole, forces / whole, number > 0


def contact_curve(model: Array, parameters: Array, place: Array) -> Array:
    """The force over its range at ``place`` x, 0 farthest and 1 deepest, of one contact without baseline."""
    start = nn.sigmoid(parameters[0])
    stiffness = jnp.exp(parameters[1]) / (1 - start) ** 1.5
    pull = jnp.where(model == 0, 0.0, jnp.exp(parameters[2]))
    depth = jnp.maximum(place - start, 0.0)
    hertz = stiffness * depth**1.5 - jnp.where(depth > 0, 2 * pull, 0.0)
    scale = (jnp.exp(parameters[2]) / stiffness) ** (2 / 3)
    return jnp.where(model == 2, pull * jax.vmap(jkr.load)((place - start) / scale), hertz)


@eqx.filter_jit
def _evaluated(network: DensityNetwork, features: Array) -> tuple[Array, ...]:
    """Probabilities, means and variances (curve, model, 3), and the curve of the likeliest mean at the bins."""
    found = jax.vmap(network)(features)
    weight = jnp.exp(found.log_weight)[..., None]
    inverse = jnp.linalg.inv(found.factor)
    spread = jnp.sum(inverse**2, axis=-1)
    mean = (weight * found.mean).sum(axis=2)
    variance = (weight * (spread + found.mean**2)).sum(axis=2) - mean**2
    best = found.log_probability.argmax(axis=1)
    bins = (jnp.arange(BINS) + 0.5) / BINS
    own = jnp.take_along_axis(mean, best[:, None, None], axis=1)[:, 0]
    curve = jax.vmap(contact_curve, (0, 0, None))(best, own, bins)
    return jnp.exp(found.log_probability), mean, jnp.sqrt(jnp.maximum(variance, 0.0)), curve


def amortized_posterior(found: Summaries, stored: tuple[DensityNetwork, Guard] | None = None) -> AmortizedPosterior:
    """The posterior of each curve by the ``stored`` network, or by that which comes with asperity."""
    network, guard = stored_network() if stored is None else stored
    probability, mean, spread, curve = map(np.asarray, _evaluated(network, jnp.asarray(found.features, jnp.float32)))
    spread = spread * guard.widening
    start = 1 / (1 + np.exp(-mean[..., 0]))
    depth = (1 - start) * found.span[:, None]
    point = found.deepest[:, None] - depth, start * (1 - start) * spread[..., 0] * found.span[:, None]
    stiffness = mean[..., 1] + np.log(found.force_range)[:, None] - 1.5 * np.log(depth)
    slope = 1.5 * start * spread[..., 0]  # of -1.5 ln d by logit x_0; errors taken for independent
    adhesion = np.where(np.arange(len(MODELS)) == 0, np.nan, mean[..., 2] + np.log(found.force_range)[:, None])
    distance, misfit = _strangeness(found.features, curve, guard)
    return AmortizedPosterior(
        probability, np.stack(point, -1), np.stack([stiffness, np.hypot(spread[..., 1], slope)], -1),
        np.stack([adhesion, spread[..., 2] + 0 * adhesion], -1), (distance <= 1) & (misfit <= 1), distance, misfit)


def _strangeness(features: np.ndarray, curve: np.ndarray, guard: Guard) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the training curves, and rms of what the mean's curve leaves, each over its limit."""
    off = (features - guard.center) @ guard.whitening
    ramp = np.linspace(-1, 1, BINS)
    line = np.linalg.qr(np.stack([np.ones(BINS), ramp], 1))[0]
    left = features[:, :BINS] - curve
    left = left - left @ line @ line.T
    rms = np.sqrt((left**2).mean(axis=1)) / (np.exp(features[:, -1]) + 0.01)  # bins cost a hundredth at a kink
    return np.sqrt((off**2).mean(axis=1)) / guard.farthest, rms / guard.roughest


def digest(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of the weights, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return total.hexdigest()


@lru_cache(maxsize=1)
def stored_network() -> tuple[DensityNetwork, Guard]:
    """The network that comes with asperity, and what it was trained on."""
    with (resources.files("asperity.learning.discovery") / "amortized.npz").open("rb") as file, np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    told, version = str(arrays.pop("digest")), int(arrays.pop("version"))
    if version != VERSION or digest(arrays) != told:
        raise DataError(f"amortized.npz is of version {version} with another content than it states; this asperity "
                        f"reads version {VERSION}. Install asperity anew, or run python -m benchmarks.train_amortized.")
    farthest, roughest = (float(arrays.pop(name)) for name in ("farthest", "roughest"))
    guard = Guard(arrays.pop("center"), arrays.pop("whitening"), farthest, roughest, arrays.pop("widening"))
    empty = random_network(jax.random.key(0))
    leaves, tree = jax.tree.flatten(eqx.filter(empty, eqx.is_array))
    filled = jax.tree.unflatten(tree, [jnp.asarray(arrays[f"weight_{i}"], jnp.float32) for i in range(len(leaves))])
    return eqx.combine(filled, empty), guard

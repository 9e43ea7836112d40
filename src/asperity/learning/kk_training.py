r"""Training of many small networks at once: measured spectra in numbers of order one, and Adam on all of them.

Each network minimizes its own $L_\mathrm{data} + r\,L_\mathrm{physics}$; r is 0 while the data alone are learnt, then
rises linearly to 1. The steps are compiled once for given shapes, whatever their number and the weights of the losses.
Source of the optimizer: Kingma and Ba, Adam: a method for stochastic optimization (2015).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from asperity.messages import ArgumentError, DataError

__all__ = ["Measured", "Objective", "Plan", "Progress", "complex_moduli", "descend", "mean_square", "measured",
           "random_layers", "single", "unflattened", "with_noise"]

#: (model, data of this model, data of all) -> (data loss, physics loss), scalars
Objective = Callable[[Any, Any, Any], tuple[Array, Array]]
Progress = Callable[[int, int], None]

_CALLS = 20  # of the compiled loop, so that progress can be told
_WIDTH = 32  # units of a hidden layer
_DEPTH = 2  # hidden layers
_BLOCKS = (8, 32, 64)  # sizes of a batch; beyond, multiples of the last
_FEWEST = 4  # finite points, below which there is nothing to learn
_MEMORY = (0.9, 0.999)  # of the first and second moments in Adam
_BALANCE_MEMORY = 0.95  # part of the last step's balance of data and physics that is kept
_BALANCE_RANGE = (1e-3, 1e3)  # ratio of the two gradients between which they are balanced


class Plan(NamedTuple):
    """How long and how to train."""

    steps: int = 4000
    learning_rate: float = 3e-3  # of the first step; it falls to 0 as half a cosine
    warm_up: float = 0.25  # share of the steps with the data alone
    ramp: float = 0.25  # share of the steps in which the weight of the physics rises to its value
    balance: bool = False  # multiply the physics by the ratio of the gradient norms (moving average)
    seed: Any = 0  # int of the initial weights, broadcast to the batch dimensions


class Measured(NamedTuple):
    """Spectra at common frequencies, flattened to one batch dimension."""

    shape: tuple[int, ...]  # the batch dimensions as given
    angular_frequency: np.ndarray  # (m,) rad/s
    values: np.ndarray  # (batch, 2, m) E' and E'' in Pa; 0 where not counted
    weight: np.ndarray  # (batch, 2, m) 1 / standard deviation in 1/Pa; 0 where not counted
    size: np.ndarray  # (batch, m) |E*| in Pa, NaN where not counted

    @property
    def tolerance(self) -> np.ndarray:
        """The relative noise of each spectrum (batch,): rms of the standard deviation of E* over |E*|, 1."""
        counted = self.weight > 0
        deviation = np.where(counted, 1 / np.where(counted, self.weight, 1.0), 0.0)
        return np.sqrt(np.nanmean(np.sum(deviation**2, axis=1) / self.size**2, axis=1))


def measured(angular_frequency: Any, modulus: Any, noise: Any) -> Measured:
    """Check and flatten spectra.

    Args:
        angular_frequency: (m,) rad/s, positive and ascending.
        modulus: (..., m) complex E* in Pa; points that are not finite are left out.
        noise: standard deviation in Pa, broadcast to the modulus: real, the same for E' and E'', or complex (see
            `asperity.rheology.spectrum_estimate.noise_of`); infinite for a point that is not to count.

    Raises:
        ValueError: shapes, frequencies or noise that are not positive, or fewer than four finite points.
    """
    omega, modulus = np.asarray(angular_frequency, np.float64), np.asarray(modulus, np.complex128)
    if omega.ndim != 1 or not (np.isfinite(omega).all() and (omega > 0).all() and (np.diff(omega) > 0).all()):
        raise DataError("the frequencies must be finite, positive and ascending (m,) in rad/s; got shape "
                        f"{omega.shape}")
    if modulus.shape[-1:] != omega.shape:
        raise ValueError("the modulus must have one value per frequency on its last axis: "
                         f"{len(omega)} frequencies, but shape {modulus.shape}")
    modulus, noise = with_noise(modulus, noise)
    values, noise = (_parts(a.reshape(-1, len(omega))) for a in (modulus, noise))
    if not (noise > 0).all():
        raise DataError("the noise must be positive everywhere (infinite for a point that does not count); state the "
                        "standard deviation in Pa, for example with noise_of")
    counted = np.isfinite(values).all(axis=1, keepdims=True) & np.isfinite(noise).all(axis=1, keepdims=True)
    few = counted.sum(axis=(1, 2)) < _FEWEST
    if few.any():
        raise DataError(f"spectrum {np.argmax(few)} has fewer than {_FEWEST} finite points: leave it out")
    values, weight = np.where(counted, values, 0.0), np.where(counted, 1 / noise, 0.0)
    size = np.where(counted[:, 0], np.hypot(values[:, 0], values[:, 1]), np.nan)
    return Measured(modulus.shape[:-1], omega, values, weight, size)


def with_noise(modulus: Any, noise: Any) -> tuple[np.ndarray, np.ndarray]:
    """The modulus and, of the same shape, its noise with that of E' as the real, of E'' as the imaginary part."""
    modulus, noise = np.asarray(modulus, np.complex128), np.asarray(noise)
    both = np.empty(modulus.shape, np.complex128)  # part by part, since 1j * infinity is not a number
    both.real, both.imag = noise.real, noise.imag if np.iscomplexobj(noise) else noise
    return modulus, both


def _parts(modulus: Any) -> np.ndarray:
    return np.stack([modulus.real, modulus.imag], axis=1)


def mean_square(residual: Array, weight: Array) -> Array:
    """Mean of squared residuals in units of the noise, over the points that count."""
    return jnp.sum((residual * weight) ** 2) / jnp.maximum(jnp.sum(weight > 0), 1)


def complex_moduli(networks: Any, angular_frequency: Any) -> np.ndarray:
    """E* (..., k) in Pa of networks with batch dimensions (...) at (k,) frequencies in rad/s, in double precision."""
    shape, omega = networks.batch_shape, np.asarray(angular_frequency, np.float64)
    arrays, rest = eqx.partition(networks, eqx.is_inexact_array)
    flat = jax.tree.map(lambda a: np.asarray(a, np.float64).reshape(-1, *a.shape[len(shape):]), arrays)
    with jax.enable_x64(True):
        return np.asarray(_evaluated(flat, rest, omega)).reshape(*shape, len(omega))


@eqx.filter_jit
def _evaluated(arrays: Any, rest: Any, angular_frequency: Any) -> Array:
    return jax.vmap(lambda one: eqx.combine(one, rest).complex_modulus(angular_frequency))(arrays)


def random_layers(seed: Any, shape: tuple[int, ...], outputs: int) -> tuple[eqx.nn.MLP, int]:
    """Networks of one input with two hidden layers of 32 tanh, one (leading axis) per member of a batch; their number.

    Weights and biases are uniform within one over the root of the inputs of a layer, in single precision.

    Args:
        seed: ``Plan.seed``, broadcast to the batch dimensions.
        shape: the batch dimensions.
        outputs: how many.
    """
    layers = eqx.filter_eval_shape(eqx.nn.MLP, 1, outputs, _WIDTH, _DEPTH, jnp.tanh, key=jax.random.PRNGKey(0))
    rngs = [np.random.default_rng([int(s), 32416190071]) for s in np.broadcast_to(seed, shape).ravel()]

    def leaves(network: Any) -> list[Any]:
        return [leaf for layer in network.layers for leaf in (layer.weight, layer.bias)]

    drawn = []
    for layer in layers.layers:
        most = layer.in_features**-0.5
        for leaf in (layer.weight, layer.bias):
            drawn.append(np.stack([rng.uniform(-most, most, leaf.shape) for rng in rngs]).astype(np.float32))
    return eqx.tree_at(leaves, layers, [jnp.asarray(values) for values in drawn]), len(rngs)


def single(tree: Any) -> Any:
    """All arrays in single precision, whose rounding of 1e-7 is far below the noise of a measurement."""
    return jax.tree.map(lambda a: np.asarray(a, np.float32), tree)


def unflattened(model: Any, shape: tuple[int, ...]) -> Any:
    """The leading axis of all leaves as batch dimensions, in NumPy."""
    arrays, rest = eqx.partition(model, eqx.is_inexact_array)
    return eqx.combine(jax.tree.map(lambda a: np.asarray(a).reshape((*shape, *a.shape[1:])), arrays), rest)


class _State(NamedTuple):
    """What one step hands on to the next; leading axis batch."""

    parameters: Any
    first: Any
    second: Any
    balance: Array  # (batch,)


def descend(objective: Objective, models: Any, data: Any, common: Any, plan: Plan,
            progress: Progress | None = None) -> tuple[Any, np.ndarray]:
    """Train models (leading axis batch), each on its row of ``data``; returns them and their losses (2, batch).

    Args:
        objective: must be the same object in every call, so that it is compiled once.
        models: pytree of arrays (batch, ...); constants of a model stop their gradients.
        data: pytree of arrays (batch, ...).
        common: pytree of arrays that all share.
        plan: how long and how.
        progress: called with (steps done, steps in all).

    Raises:
        ValueError: a plan that makes no sense.
    """
    _check(plan)
    count = jax.tree.leaves(data)[0].shape[0]
    rows = np.minimum(np.arange(_block(count)), count - 1)
    models, data = (jax.tree.map(lambda a: a[rows] if eqx.is_array_like(a) else a, tree) for tree in (models, data))
    parameters, rest = eqx.partition(models, eqx.is_inexact_array)
    zero = jax.tree.map(jnp.zeros_like, parameters)
    state = _State(parameters, zero, zero, jnp.ones(len(rows)))
    bounds = np.linspace(0, plan.steps, min(_CALLS, plan.steps) + 1).astype(int)
    for start, stop in pairwise(bounds):
        state = _advance(objective, rest, state, data, common, jnp.asarray(plan[:4], jnp.float32), plan.balance,
                         jnp.asarray([start, stop]))
        if progress is not None:
            jax.block_until_ready(state)
            progress(int(stop), plan.steps)
    models = eqx.combine(state.parameters, rest)
    losses = np.stack(_losses(objective, models, data, common))[:, :count]
    return jax.tree.map(lambda a: a[:count] if eqx.is_array(a) else a, models), losses


def _block(count: int) -> int:
    """The size to which a batch is padded, so that few shapes are compiled."""
    return next((size for size in _BLOCKS if size >= count), -(-count // _BLOCKS[-1]) * _BLOCKS[-1])


def _check(plan: Plan) -> None:
    if plan.steps < 1 or not plan.learning_rate > 0 or min(plan.warm_up, plan.ramp) < 0 or plan.warm_up + plan.ramp > 1:
        raise ArgumentError(f"{plan}: needs a step, a positive learning rate, and shares of warm-up and ramp that are "
                            "not negative and together at most 1")


@eqx.filter_jit
def _losses(objective: Objective, models: Any, data: Any, common: Any) -> tuple[Array, Array]:
    return eqx.filter_vmap(objective, in_axes=(eqx.if_array(0), eqx.if_array(0), None))(models, data, common)


@eqx.filter_jit
def _advance(objective: Objective, rest: Any, state: _State, data: Any, common: Any, plan: Array, balance: bool,
             bounds: Array) -> _State:
    """The steps from bounds[0] up to bounds[1] of the whole batch."""
    steps, rate, warm_up, ramp = plan

    def one(step: Array, state: _State, datum: Any) -> _State:
        share = step / steps
        strength = jnp.clip((share - warm_up) / jnp.maximum(ramp, 1 / steps), 0.0, 1.0)

        def losses(parameters: Any) -> tuple[Array, Array]:
            return objective(eqx.combine(parameters, rest), datum, common)

        gradient, weight = _gradient(losses, state, strength, balance)
        return _adam(state._replace(balance=weight), gradient, step, rate * 0.5 * (1 + jnp.cos(jnp.pi * share)))

    every = jax.vmap(one, in_axes=(None, 0, 0))
    return lax.fori_loop(bounds[0], bounds[1], lambda step, state: every(step, state, data), state)


def _gradient(losses: Callable[[Any], tuple[Array, Array]], state: _State, strength: Array,
              balance: bool) -> tuple[Any, Array]:
    """Gradient of data + strength x balance x physics, and the balance."""
    if not balance:
        def total(parameters: Any) -> Array:
            data, physics = losses(parameters)
            return data + strength * physics

        return jax.grad(total)(state.parameters), state.balance
    (data, physics), pull = jax.vjp(losses, state.parameters)
    one, none = jnp.ones_like(data), jnp.zeros_like(physics)
    by_data, by_physics = pull((one, none))[0], pull((none, one))[0]
    ratio = jnp.clip(_norm(by_data) / jnp.maximum(_norm(by_physics), 1e-12), *_BALANCE_RANGE)
    moved = _BALANCE_MEMORY * state.balance + (1 - _BALANCE_MEMORY) * ratio
    weight = jnp.where(strength > 0, moved, state.balance)
    return jax.tree.map(lambda a, b: a + strength * weight * b, by_data, by_physics), weight


def _norm(tree: Any) -> Array:
    return jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(tree)))


def _adam(state: _State, gradient: Any, step: Array, rate: Array) -> _State:
    a, b = _MEMORY
    first = jax.tree.map(lambda m, g: a * m + (1 - a) * g, state.first, gradient)
    second = jax.tree.map(lambda v, g: b * v + (1 - b) * g**2, state.second, gradient)
    size = rate * jnp.sqrt(1 - b ** (step + 1)) / (1 - a ** (step + 1))
    moved = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) + 1e-8), state.parameters, first, second)
    return _State(moved, first, second, state.balance)

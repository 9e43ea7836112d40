r"""Training of a potential on energies, forces and stresses.

In units of the scale s of the training set (its rms force times 1 angstrom, `scales_of`), with the virial
$W = V \sigma / N$ of an atom, the loss of a batch is

$$L = w_E \Big\langle \rho\Big(\frac{\Delta E}{N s}\Big) \Big\rangle
   + w_F \Big\langle \rho\Big(\frac{\Delta F}{s/\text{A}}\Big) \Big\rangle
   + w_\sigma \Big\langle \rho\Big(\frac{\Delta W}{s}\Big) \Big\rangle, \qquad
  \rho(x) = \delta^2 \big(\sqrt{1 + x^2/\delta^2} - 1\big) \cdot 2,$$

means over structures, components of forces, components of stresses. Weights are found by Adam, with a learning rate
that rises and falls as half a cosine; a moving average of the weights is what is handed out. In the last part of the
training energies count more. The order of the structures and all else follow from the seed: a training that is
stopped and goes on from a state that was kept ends with the same weights, bit for bit, as one that was not.

Source: Kingma, Ba, Adam: a method for stochastic optimization (2015).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from asperity.atomistic.networks import AbstractNetwork
from asperity.learning.potentials.batches import (
    Batch,
    Graph,
    Room,
    energies_forces_stresses,
    graphs,
    packed,
    room_for,
    together,
)
from asperity.learning.potentials.configurations import Configuration
from asperity.learning.potentials.judgement import judged_graphs
from asperity.messages import ArgumentError, DataError, number, whole

__all__ = ["CURVE", "Epoch", "Training", "TrainingPlan", "begun", "train"]

_STREAM = 7_919_003  # keeps the order of the structures apart from other uses of the seed

#: the columns of `Training.curve`
CURVE = ("loss", "validation_energy", "validation_forces", "validation_stress", "seconds")


class TrainingPlan(NamedTuple):
    """How long and how to train."""

    epochs: int = 100  # passes over the training set
    rate: float = 4e-3  # the largest learning rate
    atoms: int = 256  # of a batch
    energy: float = 3.0  # weight w_E,
    late_energy: float = 100.0  # and in the last part
    late: float = 0.3  # share of the epochs that is the last part
    forces: float = 1.0  # weight w_F
    stress: float = 1.0  # weight w_sigma
    bend: float = 0.05  # delta, where squares of deviations turn into their size
    memory: float = 0.99  # part of the moving average that a step keeps
    seed: int = 0


class Training(NamedTuple):
    """The state of a training: a pytree of arrays, which can be stored and taken up again."""

    epoch: Any  # int, those done
    network: AbstractNetwork  # with the weights of now
    average: AbstractNetwork  # with their moving average: the result
    moments: Any  # of Adam
    curve: Float[np.ndarray, "epoch 5"]  # columns as in `CURVE`: 1, eV per atom, eV/angstrom, GPa, s; NaN: not yet


class Epoch(NamedTuple):
    """What is told after each pass over the training set."""

    epoch: int  # those done
    epochs: int  # of all
    loss: float  # mean of this pass
    energy: float  # eV per atom, mean deviation of the validation set; NaN without one
    forces: float  # eV/angstrom
    stress: float  # GPa
    seconds: float  # since the training began
    left: float  # s until it ends


def begun(network: AbstractNetwork, plan: TrainingPlan) -> Training:
    """The state before the first epoch, and the shapes of every other one.

    Raises:
        ArgumentError: a plan that makes no sense.
    """
    _check(plan)
    with jax.enable_x64(False):
        learnt, fixed = eqx.partition(network, eqx.is_inexact_array)
        single = eqx.combine(jax.tree.map(lambda leaf: jnp.array(leaf, jnp.float32), learnt), fixed)
        moments = optax.scale_by_adam().init(eqx.filter(single, eqx.is_inexact_array))
    return Training(np.zeros((), int), single, single, moments, np.full((plan.epochs, len(CURVE)), np.nan))


def _check(plan: TrainingPlan) -> None:
    whole("epochs", plan.epochs, least=1)
    whole("atoms", plan.atoms, least=1)
    for name in ("rate", "bend"):
        number(name, getattr(plan, name), above=0)
    for name in ("energy", "late_energy", "forces", "stress"):
        number(name, getattr(plan, name), least=0)
    number("late", plan.late, least=0, most=1)
    if not 0 <= plan.memory < 1:
        raise ArgumentError(f"memory = {plan.memory}: must be at least 0 and below 1")


def train(network: AbstractNetwork, configurations: Sequence[Configuration], plan: TrainingPlan | None = None, *,
          validation: Sequence[Configuration] = (), state: Training | None = None,
          keep: Callable[[Training], None] | None = None,
          progress: Callable[[Epoch], None] | None = None) -> Training:
    """Train a network; ``Training.average`` is the result. In single precision.

    Args:
        network: with the scales of these configurations (`scales_of`).
        configurations: to learn from.
        plan: how long and how.
        validation: to watch; nothing depends on it.
        state: None: from the beginning; else one that ``keep`` was given, of the same plan and configurations.
        keep: called with the state after each epoch, to store it.
        progress: called after each epoch.

    Raises:
        ArgumentError: a plan that makes no sense, or a state of another one.
        DataError: configurations that are damaged or of other species, or a training that has left all numbers.
    """
    plan = plan or TrainingPlan()
    state = begun(network, plan) if state is None else state
    if np.shape(state.curve) != (plan.epochs, len(CURVE)):
        raise ArgumentError(f"the state is of a training of {len(state.curve)} epochs, the plan has {plan.epochs}: go "
                            "on with the plan that it was begun with")
    own, watched = (_graphs(network, part) for part in (configurations, validation))
    room, before = room_for(own, plan.atoms), float(np.nanmax([0.0, *np.asarray(state.curve)[:, -1]]))
    start, first = time.monotonic(), int(state.epoch)
    for epoch in range(first, plan.epochs):
        with jax.enable_x64(False):
            state, loss = _passed(state, own, room, plan)
        away = [one.mean for one in judged_graphs(state.average, watched)[0][3:]] if watched else [np.nan] * 3
        spent = time.monotonic() - start
        curve = np.array(state.curve)
        curve[epoch] = [loss, *away, before + spent]
        state = state._replace(epoch=np.array(epoch + 1), curve=curve)
        if keep is not None:
            keep(state)
        if progress is not None:
            left = spent / (epoch + 1 - first) * (plan.epochs - epoch - 1)
            loss, energy, forces, stress, seconds = map(float, curve[epoch])
            progress(Epoch(epoch + 1, plan.epochs, loss, energy, forces, stress, seconds, left))
    return state


def _graphs(network: AbstractNetwork, configurations: Sequence[Configuration]) -> list[Graph]:
    for one in configurations:
        network.check(one.kinds)
    return graphs(configurations, network.cutoff) if configurations else []


def _passed(state: Training, own: list[Graph], room: Room, plan: TrainingPlan) -> tuple[Training, float]:
    """One pass over all configurations in an order of its own, and its mean loss."""
    epoch = int(state.epoch)
    order = np.random.default_rng([plan.seed, _STREAM, epoch]).permutation(len(own))
    batches, losses = packed(own, order, room), []
    carried: Any = state.network, state.average, state.moments
    for turn, members in enumerate(batches):
        share = (epoch + turn / len(batches)) / plan.epochs
        numbers = jnp.asarray([*_weights(plan, share), _rate(plan, share), plan.memory, plan.bend], jnp.float32)
        carried, loss = _step(carried, together([own[i] for i in members], room), numbers)
        losses.append(loss)
    mean = float(np.mean(losses))
    if not np.isfinite(mean):
        raise DataError(f"the training has left all numbers in epoch {epoch + 1}: take a smaller learning rate than "
                        f"{plan.rate:g}, and look for damaged configurations")
    return state._replace(network=carried[0], average=carried[1], moments=carried[2]), mean


def _weights(plan: TrainingPlan, share: float) -> tuple[float, float, float]:
    """Of energies, forces, stresses after this share of the training."""
    return plan.late_energy if share >= 1 - plan.late else plan.energy, plan.forces, plan.stress


def _rate(plan: TrainingPlan, share: float) -> float:
    """The learning rate: it rises in the first 2 %, then falls as half a cosine."""
    return plan.rate * min(1.0, (share + 1e-3) / 0.02) * max(0.5 * (1 + np.cos(np.pi * share)), 1e-3)


@eqx.filter_jit
def _step(state: Any, batch: Batch, numbers: Array) -> tuple[Any, Array]:
    """One step of Adam, the moving average, and the loss before it."""
    network, average, moments = state
    weights, rate, memory, bend = numbers[:3], numbers[3], numbers[4], numbers[5]
    learnt, fixed = eqx.partition(network, eqx.is_inexact_array)

    def loss(own: Any) -> Array:
        return (weights * _losses(eqx.combine(own, fixed), batch, bend)).sum()

    value, slope = jax.value_and_grad(loss)(learnt)
    pace, moments = optax.scale_by_adam().update(slope, moments)
    learnt = jax.tree.map(lambda own, way: own - rate * way, learnt, pace)
    step = optax.tree_utils.tree_get(moments, "count")
    kept = jnp.minimum(memory, (step - 1) / (step + 9))  # the first steps are soon forgotten
    before = eqx.filter(average, eqx.is_inexact_array)
    mean = jax.tree.map(lambda old, new: kept * old + (1 - kept) * new, before, learnt)
    return (eqx.combine(learnt, fixed), eqx.combine(mean, fixed), moments), value


def _losses(network: AbstractNetwork, batch: Batch, bend: Array) -> Array:
    """Of energies, forces and stresses, without their weights."""
    told = energies_forces_stresses(network, batch)
    unit, count = network.scale, jnp.maximum(batch.size, 1)
    energy = _bent((told.energy - batch.energy) / (count * unit), bend) * (batch.size > 0)
    forces = _bent((told.forces - batch.forces) / unit, bend).mean(axis=1) * batch.pulled
    volume = (batch.volume / (count * unit))[:, None]
    stress = _bent((told.stress - batch.stress) * volume, bend).mean(axis=1) * batch.stressed
    known = (batch.size > 0).sum(), batch.pulled.sum(), batch.stressed.sum()
    return jnp.stack([part.sum() / jnp.maximum(many, 1) for part, many in zip((energy, forces, stress), known)])


def _bent(deviation: Array, bend: Array) -> Array:
    """Its square where it is small, twice its size times ``bend`` where it is large."""
    return 2 * bend**2 * (jnp.sqrt(1 + (deviation / bend) ** 2) - 1)

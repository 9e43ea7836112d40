"""Networks of atoms: energy, forces and stress of silicon, and a step of training, beside mace-torch.

MACE runs in an environment of its own (its e3nn clashes with newer ones): ``python -m venv .venv-mace`` and
``.venv-mace/bin/python -m pip install mace-torch``; without it the rows have no ratio. Both have 32 channels, harmonics
up to l = 2, products of three, two layers and single precision; both see each atom's 28 neighbors within 5 angstrom.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from asperity.atomistic.elasticity import strained
from asperity.atomistic.neighbors import neighbors_within, vectors
from asperity.atomistic.networks import AbstractNetwork, DistanceGNN, EquivariantGNN, MomentNet, Scales
from asperity.learning.potentials.batches import Batch, energies_forces_stresses, graphs, room_for, together
from asperity.learning.potentials.configurations import Configuration
from benchmarks.mace_timings import CUTOFF, TRAINED, by_itself, rattled
from benchmarks.machine import Timing, seconds
from benchmarks.table import Row, limit, note, ratio

__all__ = ["networks"]

_COMPILED = 10.0  # s, of a training step
_GOALS = {"energy, forces, stress, 64 atoms": 4.0, "energy, forces, stress, 256 atoms": 4.0, "training step": 2.5}
_SCALES = Scales(cutoff=CUTOFF, species=(14,), shift=(-5.0,), scale=1.0, crowd=28.0)
_LIKE = "MomentNet 32 channels, l <= 2"
_NETWORKS = {_LIKE: MomentNet(_SCALES, jax.random.key(0), channels=32, degree=2),
             "MomentNet as it is": MomentNet(_SCALES, jax.random.key(0)),
             "EquivariantGNN": EquivariantGNN(_SCALES, jax.random.key(0)),
             "DistanceGNN": DistanceGNN(_SCALES, jax.random.key(0))}


def networks(python: Path, repeats: int) -> list[Row]:
    """One row for each work and network; ratios of the one that is like MACE, run by ``python``."""
    theirs = _mace(python, repeats)
    rows: list[Row] = []
    for name, network in _NETWORKS.items():
        works, (wall, spent) = _works(network)
        for what, own in by_itself(works, repeats).items():
            known = theirs.get(what) if name == _LIKE else None
            title = f"{name}: {what}"
            rows.append(ratio(title, own, "mace-torch", known, _GOALS[what]) if known else note(
                title, f"{1e3 * own.middle:.3g} ms ({1e3 * own.best:.3g})", **own._asdict()))
        rows.append(limit(f"{name}: compiling a training step", spent, _COMPILED, f"{wall:.2g} s wall"))
    return rows if theirs else [*rows, note("mace-torch", f"left out: no environment at {python}")]


def _mace(python: Path, repeats: int) -> dict[str, Timing]:
    if not python.exists():
        return {}
    done = subprocess.run([str(python), "-m", "benchmarks.mace_timings", str(repeats)], check=True,
                          stdout=subprocess.PIPE, text=True)
    return {what: Timing(*own) for what, own in json.loads(done.stdout.splitlines()[-1]).items()}


def _works(network: AbstractNetwork) -> tuple[dict[str, Callable[[], Any]], tuple[float, float]]:
    """What is timed, compiled, and what compiling the step of training cost: seconds, of a processor."""
    works = {f"energy, forces, stress, {count} atoms": _once(network, times) for count, times in (
        (64, (2, 2, 2)), (256, (4, 4, 2)))}
    step = _step(network)
    for work in works.values():
        work()
    start, spent = time.perf_counter(), seconds(step)
    return {**works, "training step": step}, (time.perf_counter() - start, spent)


def _once(network: AbstractNetwork, times: tuple[int, int, int]) -> Callable[[], Any]:
    positions, cell = rattled(times, 0)
    table = neighbors_within(CUTOFF, positions, cell)
    at, box, kinds = jnp.asarray(positions, jnp.float32), jnp.asarray(cell, jnp.float32), jnp.full(len(positions), 14)

    @jax.jit
    def both(network: AbstractNetwork, at: Any) -> Any:
        def total(at: Any, strain: Any) -> Any:
            turned = strained(strain)
            return network.energies(vectors(table, at @ turned, box @ turned), table, kinds).sum()

        return jax.value_and_grad(total, (0, 1))(at, jnp.zeros(6))

    return lambda: jax.block_until_ready(both(network, at))


def _step(network: AbstractNetwork) -> Callable[[], Any]:
    """Adam on energies and forces, as MACE is timed, and stresses."""
    own = [Configuration(*rattled((2, 2, 2), seed), np.ones(3, bool), np.full(64, 14), 0.0, np.zeros((64, 3)),
                         np.zeros(6)) for seed in range(TRAINED)]
    found = graphs(own, CUTOFF)
    batch, rule = together(found, room_for(found)), optax.adam(1e-3)

    @jax.jit
    def step(network: AbstractNetwork, state: Any, batch: Batch) -> Any:
        def loss(network: AbstractNetwork) -> Any:
            told = energies_forces_stresses(network, batch)
            return ((told.energy - batch.energy) ** 2).mean() + ((told.forces - batch.forces) ** 2).mean() + (
                (told.stress - batch.stress) ** 2).mean()

        change, state = rule.update(jax.grad(loss)(network), state)
        return optax.apply_updates(network, change), state

    state = rule.init(network)  # type: ignore[arg-type]
    return lambda: jax.block_until_ready(step(network, state, batch))

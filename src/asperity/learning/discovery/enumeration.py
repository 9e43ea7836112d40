"""Designs of a catalogue: each is worked out, so that the best of them is the best of all."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.learning.discovery.chance import Chance, chance_of
from asperity.learning.discovery.design import TOLERANCE, InverseProblem, Values
from asperity.learning.discovery.pareto import nondominated

__all__ = ["Enumeration", "best_of", "enumerated", "judged"]


class Enumeration(NamedTuple):
    """Every design of a list."""

    demands: np.ndarray  # (design, aim) of the best estimate
    met: np.ndarray  # (design,) whether it meets all bounds then
    front: np.ndarray  # (design,) whether it meets the limits and none that does dominates it
    share: np.ndarray  # (design,) of the draws that meet all bounds


def enumerated(problem: InverseProblem, designs: Values, known: Values, draws: Values) -> Enumeration:
    """Work out all ``designs``, each variable an array (design,), for what is ``known`` and for its draws."""
    aims, levels = len(problem.objectives), problem.levels
    with jax.enable_x64(True):
        inputs = {name: jnp.asarray(values, float) for name, values in designs.items()}
        found = np.asarray(jax.jit(jax.vmap(problem.demands_of, (0, None)))(inputs, known))
        count = np.asarray(jax.jit(lambda all_: jax.lax.map(lambda one: _met(problem, one, draws), all_))(inputs))
    share = count / len(next(iter(draws.values())))
    over = found - levels
    front = np.zeros(len(found), bool)
    inside = np.flatnonzero((over[:, aims:] <= TOLERANCE).all(axis=1))
    front[inside] = nondominated(found[inside, :aims])
    return Enumeration(found, np.asarray((over <= TOLERANCE).all(axis=1)), front, share)


def _met(problem: InverseProblem, design: Values, draws: Values) -> jax.Array:
    """How many draws meet all bounds."""
    demands = jax.vmap(problem.demands_of, (None, 0))(dict(design), draws)
    return (demands <= problem.levels + TOLERANCE).all(axis=1).sum()


def best_of(found: Enumeration, wanted: float, prefer: int = 0) -> int:
    """The design with the least demand of one objective of those with the wanted probability; else the likeliest."""
    enough = np.flatnonzero(found.share >= wanted)
    if len(enough):
        return int(enough[np.argmin(found.demands[enough, prefer])])
    return int(np.argmax(found.share))


def judged(problem: InverseProblem, design: Values, draws: Values) -> Chance:
    """The chance of one design by draws that took no part in choosing it."""
    with jax.enable_x64(True):
        demands = np.asarray(jax.vmap(problem.demands_of, (None, 0))(dict(design), draws))
    return chance_of(demands <= problem.levels + TOLERANCE)

"""Which contact model is good enough: what the wrong model would infer from a Maugis-Dugdale contact.

Or from one of Lennard-Jones surfaces, by a table of its own.

A model is adequate if the modulus and the work of adhesion that it infers without noise stay within the
tolerance; for these systematic errors see `asperity.learning.wrong_models`.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["DEFAULT", "Biases", "Model", "Tolerance", "biases", "excess", "labels",
           "surface_force_biases"]


class Model(IntEnum):
    """The contact models to choose from, the simplest first."""

    hertz = 0
    dmt = 1
    jkr = 2
    maugis_dugdale = 3
    lennard_jones_contact = 4


class Tolerance(NamedTuple):
    """The relative error that is accepted; infinite where a quantity is not asked for."""

    modulus: float = 0.05
    work_of_adhesion: float = 0.1


#: 5 % of the modulus, 10 % of the work of adhesion
DEFAULT = Tolerance()


class Biases(NamedTuple):
    """ln(inferred / true) of Hertz, DMT, JKR, (model, neck seen, lambda, load); Hertz infers no adhesion."""

    log_parameter: Any  # (lambda,)
    log_load: Any  # (load,) largest load in pi w R
    modulus: Any
    work_of_adhesion: Any


@lru_cache(maxsize=1)
def biases() -> Biases:
    """The table that comes with asperity, of `asperity.learning.wrong_models`, where Maugis-Dugdale theory holds."""
    return _stored("")


@lru_cache(maxsize=1)
def surface_force_biases() -> Biases:
    """The same where the surfaces obey the law of Lennard-Jones; lambda is 1.157 times Tabor's parameter."""
    return _stored("surface_force_")


def _stored(prefix: str) -> Biases:
    with (resources.files("asperity.learning") / "wrong_models.npz").open("rb") as file, np.load(file) as stored:
        bias = stored[f"{prefix}bias"].astype(float)
        return Biases(np.log(stored[f"{prefix}parameter"]), np.log(stored["load"]), bias[:, :, 0], bias[:, :, 1])


def excess(log_parameter: Any, log_load: Any, neck_seen: Any, tolerance: Tolerance, table: Biases) -> Any:
    """ln(systematic error / tolerance) of Hertz, DMT and JKR at points (lambda, load); adequate up to 0.

    Returns (model, ...) for arrays of one shape; bilinear in the logarithms, held at the edges of the table.
    """
    worst = jnp.maximum(jnp.abs(jnp.expm1(table.modulus)) / tolerance.modulus,
                        jnp.abs(jnp.expm1(table.work_of_adhesion)) / tolerance.work_of_adhesion)
    worst = jnp.log(jnp.maximum(worst, 1e-6))
    row, right = _cell(log_parameter, table.log_parameter)
    column, up = _cell(log_load, table.log_load)
    side = jnp.asarray(neck_seen).astype(jnp.int32)
    corners = [[worst[:, side, row + i, column + j] for j in (0, 1)] for i in (0, 1)]
    low, high = (pair[0] * (1 - up) + pair[1] * up for pair in corners)
    return low * (1 - right) + high * right


def _cell(value: Any, nodes: Any) -> tuple[Any, Any]:
    """The interval of evenly spaced ``nodes`` and the place in it."""
    place = (value - nodes[0]) / (nodes[1] - nodes[0])
    place = jnp.clip(place, 0.0, len(nodes) - 1.000001)
    index = place.astype(jnp.int32)
    return index, place - index


@jax.jit
def _excess_at(maugis_parameter: Any, load: Any, neck_seen: Any, tolerance: Tolerance, table: Biases) -> Any:
    """`excess` of lambda and load themselves."""
    return excess(jnp.log(maugis_parameter), jnp.log(load), neck_seen, tolerance, table)


def labels(maugis_parameter: np.ndarray, load: np.ndarray, neck_seen: np.ndarray,
           tolerance: Tolerance = DEFAULT) -> np.ndarray:
    """The simplest adequate `Model` of contacts with known lambda and largest load (in pi w R)."""
    with jax.enable_x64(True):
        over = _excess_at(maugis_parameter, load, neck_seen, tolerance, biases())
    adequate = np.concatenate([np.asarray(over) <= 0, np.ones((1, len(load)), bool)])
    return adequate.argmax(axis=0)

"""Which contact model is good enough: what the wrong model would infer from a Maugis-Dugdale contact.

A model is adequate if the modulus and the work of adhesion that it infers without noise stay within the
tolerance. The systematic errors depend on lambda, on the largest load and on how far the retraction is
seen. Each model is fitted as its users do: Hertz to the part with positive force, DMT from the pull-off up
(it knows no contact beyond), JKR to all that is seen in contact; each with free contact point, offset, tilt.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.learning.maugis_grid import (
    DMT_ROW,
    HERTZ_ROW,
    JKR_ROW,
    LAMBDA,
    Row,
    displacements,
    evaluate,
    load_grid,
)
from asperity.learning.maugis_scan import fit_rows
from asperity.learning.retraction import Prepared

__all__ = ["DEFAULT", "Biases", "Model", "Tolerance", "biases", "excess", "labels"]

_LOADS = np.geomspace(0.3, 1000.0, 25)
_PARAMETERS = np.arange(0, len(LAMBDA), 8)  # rows of the grid that serve as truth
_SAMPLES = 256  # of a curve in contact that serves as truth, and as many off contact


class Model(IntEnum):
    """The contact models to choose from, the simplest first."""

    hertz = 0
    dmt = 1
    jkr = 2
    maugis_dugdale = 3


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
    """The table, from noise-free fits of the three models to every row and load."""
    with jax.enable_x64(True):
        (hertz,), (dmt, shrunk), (stretched,) = (
            _inferred([HERTZ_ROW], None), _inferred([DMT_ROW, JKR_ROW], False), _inferred([JKR_ROW], True))
    values = np.array([[hertz, hertz], [dmt, dmt], [shrunk, stretched]])
    values = values.reshape(3, 2, 2, len(_PARAMETERS), len(_LOADS))
    adhesion = values[:, :, 1].copy()
    adhesion[Model.hertz] = -np.inf
    return Biases(np.log(LAMBDA[_PARAMETERS]), np.log(_LOADS), values[:, :, 0], adhesion)


def _inferred(fitted: list[int], neck: bool | None) -> np.ndarray:
    """ln(E/E_true) and ln(w/w_true), (row, 2, lambda * load); ``neck`` None: positive force alone."""
    truth = Row(*(np.repeat(np.asarray(a)[_PARAMETERS], len(_LOADS), axis=0) for a in load_grid()))
    curves = _noise_free(truth, displacements(truth), np.tile(_LOADS, len(_PARAMETERS)), neck)
    scan = fit_rows(curves, np.tile(fitted, (len(curves.x), 1)))
    return np.stack([scan.log_force.T - 1.5 * scan.log_length.T, scan.log_force.T], 1)


def _noise_free(truth: Row, nodes: np.ndarray, load: np.ndarray, neck: bool | None) -> Prepared:
    """Curves in units of pi w R and delta_c; the same number of samples in contact as off."""
    lowest = truth.value.argmin(1)
    at = np.array([[np.interp(p, v[low:], d[low:]) for p in (0.0, high)]
                   for v, d, low, high in zip(truth.value, nodes, lowest, load)])
    pull_off = nodes[np.arange(len(load)), lowest]
    first = at[:, 0] if neck is None else truth.end + 1e-9 if neck else pull_off
    x = first[:, None] + (at[:, 1] - first)[:, None] * np.linspace(0, 1, _SAMPLES)
    held = np.ones(x.shape, np.int8)
    y = np.asarray(jax.jit(jax.vmap(evaluate))(Row(*map(jnp.asarray, truth)), x, held)[0])
    away = first[:, None] + (at[:, 1] - first)[:, None] * np.linspace(-1, 0, _SAMPLES, endpoint=False)
    one, zero = np.ones(len(x)), np.zeros(len(x))
    off = np.stack([_SAMPLES * one, away.sum(1), (away**2).sum(1), zero, zero, zero], 1)
    levels = np.stack([x[:, -1], y[:, -1], at[:, 0], zero], 1)
    return Prepared(x, y, held, np.ones_like(x), off, 1e-6 * one, one, 1e-9 * one, levels,
                    -truth.value.min(1), one, one, one, 2 * _SAMPLES * one)


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


def labels(maugis_parameter: np.ndarray, load: np.ndarray, neck_seen: np.ndarray,
           tolerance: Tolerance = DEFAULT) -> np.ndarray:
    """The simplest adequate `Model` of contacts with known lambda and largest load (in pi w R)."""
    with jax.enable_x64(True):
        over = excess(jnp.log(maugis_parameter), jnp.log(load), jnp.asarray(neck_seen), tolerance, biases())
    adequate = np.concatenate([np.asarray(over) <= 0, np.ones((1, len(load)), bool)])
    return adequate.argmax(axis=0)

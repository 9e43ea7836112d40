"""What the wrong contact model infers from a Maugis-Dugdale contact: the table behind `asperity.learning.adequacy`.

The same from a contact of Lennard-Jones surfaces, where the attraction off contact is part of what a stiff lever sees.

The systematic errors depend on lambda, on the largest load and on how far the retraction is seen. Each model is fitted
as its users do: Hertz to the part with positive force, DMT from the pull-off up (it knows no contact beyond), JKR to
all that is seen in contact; each with free contact point, offset, tilt.

``python -m asperity.learning.wrong_models`` makes the table anew, which takes some 20 s.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import jax
import numpy as np

from asperity.learning.maugis_grid import DMT_ROW, HERTZ_ROW, JKR_ROW, LAMBDA, displacements, load_grid
from asperity.learning.maugis_scan import fit_rows
from asperity.learning.retraction import Prepared
from asperity.learning.surface_force_grid import COARSE, surface_force_grid
from asperity.learning.surface_force_grid import PARAMETERS as ATTRACTED

__all__ = ["ATTRACTING", "LOADS", "PARAMETERS", "infer"]

#: largest loads in pi w R
LOADS = np.geomspace(0.3, 1000.0, 25)
#: rows of the grid that serve as truth
PARAMETERS = np.arange(0, len(LAMBDA), 8)
#: the same of the grid of Lennard-Jones surfaces
ATTRACTING = COARSE
#: samples of a curve in contact that serves as truth, and as many off contact
_SAMPLES = 256


def infer(rows: np.ndarray = PARAMETERS, loads: np.ndarray = LOADS, grid: Any = None) -> np.ndarray:
    """ln(inferred / true) by noise-free fits: (model, neck seen, modulus or work of adhesion, row, load).

    Models are Hertz, DMT and JKR; Hertz infers no adhesion, -inf. The truth are ``rows`` of a ``grid``, or of that
    of Maugis and Dugdale.
    """
    with jax.enable_x64(True):
        truth = load_grid() if grid is None else grid
        (hertz,), (dmt, shrunk), (stretched,) = (_inferred((truth, rows), loads, fitted, neck) for fitted, neck in (
            ([HERTZ_ROW], None), ([DMT_ROW, JKR_ROW], False), ([JKR_ROW], True)))
    values = np.array([[hertz, hertz], [dmt, dmt], [shrunk, stretched]])
    values[0, :, 1] = -np.inf
    return values.reshape(3, 2, 2, len(rows), len(loads))


def _inferred(contact: tuple[Any, np.ndarray], loads: np.ndarray, fitted: list[int], neck: bool | None) -> np.ndarray:
    """(row fitted, 2, lambda * load); ``neck`` None: positive force alone."""
    grid, rows = contact
    truth = jax.tree.map(lambda a: np.repeat(np.asarray(a)[rows], len(loads), axis=0), grid)
    curves = _noise_free(truth, displacements(truth), np.tile(loads, len(rows)), neck)
    scan = fit_rows(curves, np.tile(fitted, (len(curves.x), 1)))
    return np.stack([scan.log_force.T - 1.5 * scan.log_length.T, scan.log_force.T], 1)


def _noise_free(truth: Any, nodes: np.ndarray, load: np.ndarray, neck: bool | None) -> Prepared:
    """Curves in units of pi w R and delta_c; the same number of samples in contact as off."""
    lowest = truth.value.argmin(1)
    at = np.array([[np.interp(p, v[low:], d[low:]) for p in (0.0, high)]
                   for v, d, low, high in zip(truth.value, nodes, lowest, load)])
    pull_off = nodes[np.arange(len(load)), lowest]
    first = at[:, 0] if neck is None else truth.first_held + 1e-9 if neck else pull_off
    x = first[:, None] + (at[:, 1] - first)[:, None] * np.linspace(0, 1, _SAMPLES)
    held = np.ones(x.shape, np.int8)
    y = _loads(truth, x, held)
    away = first[:, None] + (at[:, 1] - first)[:, None] * np.linspace(-1, 0, _SAMPLES, endpoint=False)
    one, zero = np.ones(len(x)), np.zeros(len(x))
    pulled = _loads(truth, away, -held) if neck else 0 * away  # or it snapped
    off = np.stack([_SAMPLES * one, away.sum(1), (away**2).sum(1),
                    pulled.sum(1), (away * pulled).sum(1), (pulled**2).sum(1)], 1)
    levels = np.stack([x[:, -1], y[:, -1], at[:, 0], zero], 1)
    return Prepared(x, y, held, np.ones_like(x), off, 1e-6 * one, one, 1e-9 * one, levels,
                    -truth.value.min(1), one, one, one, 2 * _SAMPLES * one)


def _loads(truth: Any, x: np.ndarray, attached: np.ndarray) -> np.ndarray:
    """P of every row at its own places."""
    return np.asarray(jax.jit(jax.vmap(lambda row, *a: row.loads(*a)[0]))(truth, x, attached))


if __name__ == "__main__":
    # the rounding of the table, 6e-8 of an error that is itself below 1, is far below what a decision can see
    np.savez_compressed(str(resources.files("asperity.learning") / "wrong_models.npz"),
                        parameter=LAMBDA[PARAMETERS], load=LOADS, bias=infer().astype(np.float32),
                        surface_force_parameter=ATTRACTED[ATTRACTING], surface_force_bias=infer(
                            ATTRACTING, grid=surface_force_grid()).astype(np.float32))

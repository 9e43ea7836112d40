"""What the wrong contact model infers from a Maugis-Dugdale contact: the table behind `asperity.learning.adequacy`.

The systematic errors depend on lambda, on the largest load and on how far the retraction is seen. Each model is fitted
as its users do: Hertz to the part with positive force, DMT from the pull-off up (it knows no contact beyond), JKR to
all that is seen in contact; each with free contact point, offset, tilt.

``python -m asperity.learning.wrong_models`` makes the table anew, which takes some 20 s.
"""

from __future__ import annotations

from importlib import resources

import jax
import jax.numpy as jnp
import numpy as np

from asperity.learning.maugis_grid import DMT_ROW, HERTZ_ROW, JKR_ROW, LAMBDA, Row, displacements, evaluate, load_grid
from asperity.learning.maugis_scan import fit_rows
from asperity.learning.retraction import Prepared

__all__ = ["LOADS", "PARAMETERS", "infer"]

#: largest loads in pi w R
LOADS = np.geomspace(0.3, 1000.0, 25)
#: rows of the grid that serve as truth
PARAMETERS = np.arange(0, len(LAMBDA), 8)
#: samples of a curve in contact that serves as truth, and as many off contact
_SAMPLES = 256


def infer(rows: np.ndarray = PARAMETERS, loads: np.ndarray = LOADS) -> np.ndarray:
    """ln(inferred / true) by noise-free fits: (model, neck seen, modulus or work of adhesion, row, load).

    Models are Hertz, DMT and JKR; Hertz infers no adhesion, -inf.
    """
    with jax.enable_x64(True):
        (hertz,), (dmt, shrunk), (stretched,) = (_inferred(rows, loads, fitted, neck) for fitted, neck in (
            ([HERTZ_ROW], None), ([DMT_ROW, JKR_ROW], False), ([JKR_ROW], True)))
    values = np.array([[hertz, hertz], [dmt, dmt], [shrunk, stretched]])
    values[0, :, 1] = -np.inf
    return values.reshape(3, 2, 2, len(rows), len(loads))


def _inferred(rows: np.ndarray, loads: np.ndarray, fitted: list[int], neck: bool | None) -> np.ndarray:
    """(row fitted, 2, lambda * load); ``neck`` None: positive force alone."""
    truth = Row(*(np.repeat(np.asarray(a)[rows], len(loads), axis=0) for a in load_grid()))
    curves = _noise_free(truth, displacements(truth), np.tile(loads, len(rows)), neck)
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


if __name__ == "__main__":
    # the rounding of the table, 6e-8 of an error that is itself below 1, is far below what a decision can see
    np.savez_compressed(str(resources.files("asperity.learning") / "wrong_models.npz"),
                        parameter=LAMBDA[PARAMETERS], load=LOADS, bias=infer().astype(np.float32))

r"""The two laws of the stress between surfaces, Dugdale's and that of Lennard-Jones, and the fit of a curve by one.

Fits on nodes of lambda come first, 32 with the law of Dugdale, 25 with the other; where the posterior is narrow, 16
closer nodes follow. Both laws have the same parameters, the same flat priors and the same prior of the equilibrium
separation, by $\lambda = 1.157\,\mu$, so that their evidences compare. Off a contact that has jumped the law of Dugdale
has no force; that of Lennard-Jones attracts from there too, and its fits see every sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from asperity.learning import maugis_grid, surface_force_grid
from asperity.learning.adequacy import Biases, Tolerance, biases, surface_force_biases
from asperity.learning.lambda_posterior import LambdaPosterior, SideInformation, posterior
from asperity.learning.maugis_grid import FINE, SPACING
from asperity.learning.maugis_scan import Scan, fit_rows, in_padded_blocks, residual_scores
from asperity.learning.retraction import Prepared, Retractions, prepare

__all__ = ["DUGDALE", "LENNARD_JONES", "LawOnCurves", "SurfaceLaw", "fit_law"]

_CLOSE = 16  # nodes of the second scan
_ALONE = 30.0  # log evidence of the best node over the next, from which the nodes are too far apart


class SurfaceLaw(NamedTuple):
    """What a law brings."""

    parameters: np.ndarray  # lambda of the rows
    coarse: np.ndarray  # the rows of a coarse scan
    grid: Callable[[], Any]  # all rows
    biases: Callable[[], Biases]  # of simpler models, where this law holds
    far: bool  # whether there is a force off contact


DUGDALE = SurfaceLaw(maugis_grid.LAMBDA, maugis_grid.COARSE, maugis_grid.load_grid, biases, False)
LENNARD_JONES = SurfaceLaw(surface_force_grid.PARAMETERS, surface_force_grid.COARSE,
                           surface_force_grid.surface_force_grid, surface_force_biases, True)


class LawOnCurves(NamedTuple):
    """What one law makes of each curve. NumPy arrays."""

    result: LambdaPosterior
    best: Scan  # the row of the largest evidence and the better one beside it, (batch, 2)
    scores: np.ndarray  # (batch, 2) of the residual test
    prepared: Prepared
    far: bool  # as that of the law

    @property
    def fitted(self) -> np.ndarray:
        """Whether a fit has a meaning, (batch,)."""
        return (self.best.log_evidence[:, 0] > -1e29) & np.isfinite(self.result.probability).all(axis=1)

    def modulus(self, radius: np.ndarray) -> np.ndarray:
        """Reduced modulus in Pa: middle, low, high."""
        stiffness = 0.75 * self.prepared.force_scale / np.sqrt(radius) * self.prepared.length**-1.5
        return np.exp(self.result.log_stiffness) * stiffness[:, None]

    def work_of_adhesion(self, radius: np.ndarray) -> np.ndarray:
        """In J/m^2: middle, low, high."""
        return np.exp(self.result.log_force) * (self.prepared.force_scale / (math.pi * radius))[:, None]


def fit_law(law: SurfaceLaw, curves: Retractions, uncertainties: tuple[float, float],
            tolerance: Tolerance) -> LawOnCurves:
    """Fit every curve by one law; call inside ``jax.enable_x64(True)``.

    Args:
        law: `DUGDALE` or `LENNARD_JONES`.
        curves: in SI.
        uncertainties: relative standard deviations of the force calibration and of the radius.
        tolerance: of the simpler models.
    """
    prepared = prepare(curves, far=law.far)
    scan = fit_rows(prepared, np.tile(law.coarse, (len(prepared.x), 1)), law.grid())
    first = np.full(len(prepared.x), math.log(law.parameters[0]))
    known = _known(curves, prepared, uncertainties, first)
    result = _posterior(scan, known, law, tolerance, tails=True)
    row, best = _best(law.coarse, scan)
    result, row, best = _closer(law, tolerance, (prepared, known, scan.log_evidence), (result, row, best))
    return LawOnCurves(result, best, residual_scores(prepared, row, best, law.grid()), prepared, law.far)


def _known(curves: Retractions, prepared: Prepared, uncertainties: tuple[float, float],
           first: np.ndarray) -> SideInformation:
    same, (force, radius) = np.ones(len(first)), uncertainties
    return SideInformation(first, same * (FINE * SPACING), np.log(prepared.separation),
                           np.asarray(curves.separation_spread, float), prepared.levels[:, 1],
                           np.asarray(curves.neck_seen, bool), same * force**2, same * radius**2)


def _posterior(scan: Scan, known: SideInformation, law: SurfaceLaw, tolerance: Tolerance, *,
               tails: bool) -> LambdaPosterior:
    table = law.biases()
    return in_padded_blocks(lambda s, k: posterior(s, k, table, tolerance, tails=tails), scan, known)


def _best(rows: np.ndarray, scan: Scan) -> tuple[np.ndarray, Scan]:
    """The row of the largest evidence and the better one beside it, (batch, 2), and their fits."""
    evidence = scan.log_evidence
    place, last, each = evidence.argmax(axis=1), evidence.shape[1] - 1, np.arange(len(evidence))
    sides = np.stack([np.clip(place + step, 0, last) for step in (-1, 1)], 1)
    better = (np.where(sides == place[:, None], -np.inf, evidence[each[:, None], sides])).argmax(axis=1)
    pair = np.stack([place, sides[each, better]], 1)
    fits = jax.tree.map(lambda a: a[each[:, None], pair], scan)
    return np.broadcast_to(rows, evidence.shape)[each[:, None], pair], fits


def _closer(law: SurfaceLaw, tolerance: Tolerance, found: tuple[Prepared, SideInformation, np.ndarray], coarse):
    """Replace what a closer scan resolves better; the posteriors that reach an end of the grid stay."""
    prepared, known, evidence = found
    start, stride, inside = _closer_rows(coarse[0], known, evidence, len(law.parameters))
    chosen = np.flatnonzero(inside)
    if not len(chosen):
        return coarse
    part, some = (jax.tree.map(lambda a: np.asarray(a)[chosen], tree) for tree in (prepared, known))
    rows = start[chosen, None] + stride[chosen, None] * np.arange(_CLOSE)
    some = some._replace(first=np.log(law.parameters[rows[:, 0]]), spacing=stride[chosen] * SPACING)
    scan = fit_rows(part, rows, law.grid())
    fresh = (_posterior(scan, some, law, tolerance, tails=False), *_best(rows, scan))
    return jax.tree.map(lambda old, new: _replaced(old, chosen, new), coarse, fresh)


def _closer_rows(result: LambdaPosterior, known: SideInformation, evidence: np.ndarray,
                 count: int) -> tuple[np.ndarray, ...]:
    """First row, stride and use of a closer scan: over where the density counts, or two coarse intervals
    about the best node where it stands alone (the density between nodes is then unknown)."""
    low, high = (np.where(np.isfinite(a), a, -1e3) for a in (result.low, result.high))  # no fit: outside
    width, center = (high - low) / SPACING, (high + low) / 2 - known.first
    stride = 2 ** np.ceil(np.log2(np.maximum(width, 1.0) / (_CLOSE - 1))).clip(0).astype(int)
    start = np.round(center / SPACING).astype(int) - stride * (_CLOSE - 1) // 2
    best = evidence.argmax(axis=1)
    alone = np.diff(np.sort(evidence, axis=1)[:, -2:], axis=1)[:, 0] > _ALONE
    around = np.clip(FINE * best - (_CLOSE - 1), 0, count - 1 - 2 * (_CLOSE - 1))
    start, stride = np.where(alone, around, start), np.where(alone, 2, stride)
    inside = (start >= 0) & (start + stride * (_CLOSE - 1) < count) & (stride < FINE)
    return start, stride, inside & ~(alone & (best == evidence.shape[1] - 1))


def _replaced(old: np.ndarray, chosen: np.ndarray, new: np.ndarray) -> np.ndarray:
    result = np.array(old)
    result[chosen] = new
    return result

r"""The choice of the contact model of a retraction curve, with probabilities, or the reasons not to answer.

The answer is the simplest of Hertz, DMT, JKR and Maugis-Dugdale that is *adequate* (see
`asperity.learning.adequacy`): whose inferred modulus and work of adhesion stay within the user's tolerance if
the contact obeys Maugis-Dugdale theory, for this load and this part of the curve. Its probability is the
posterior mass of the lambda for which that holds (see `asperity.learning.lambda_posterior`). Fits on 32 nodes
of lambda come first; where the posterior is narrow, 16 closer nodes follow. Modulus and adhesion are averaged
over lambda, so that they hold without a choice.

Only ratios enter: the probabilities do not depend on the units, to the last bit under powers of two.
Convention: lambda = 1.1570 mu, where mu is Tabor's parameter.
"""

from __future__ import annotations

import math
from enum import IntFlag
from typing import Any, NamedTuple

import jax
import numpy as np

from asperity.learning.adequacy import DEFAULT, Tolerance, biases
from asperity.learning.lambda_posterior import LambdaPosterior, SideInformation, posterior
from asperity.learning.maugis_grid import COARSE, FINE, LAMBDA, SPACING
from asperity.learning.maugis_scan import Scan, fit_rows, in_padded_blocks, residual_scores
from asperity.learning.retraction import Prepared, Retractions, prepare

__all__ = ["DEFAULTS", "NOTHING_ELSE", "NeglectedEffects", "Options", "Reason", "Selection", "fit_temperature",
           "lever_ratio", "select", "tempered"]

_CLOSE = 16  # nodes of the second scan
_ALONE = 30.0  # log evidence of the best node over the next, from which the nodes are too far apart
_DEVIATIONS = 5.0  # of the residual test
_VISIBLE = 6.0  # pull-off over noise


class Reason(IntFlag):
    """Why no model is named; several may hold. Stored as CF ``flag_masks`` / ``flag_meanings``."""

    none = 0
    low_probability = 1
    misfit = 2
    no_adhesion = 4
    neck_unseen = 8
    large_contact = 16
    elastocapillary = 32
    hysteresis = 64
    thin_layer = 128
    not_fitted = 256
    contradicted = 512

    @property
    def meaning(self) -> str:
        """One sentence for each reason that holds."""
        return " ".join(text for flag, text in _MEANING.items() if flag in self)


_MEANING = {
    Reason.low_probability:
        "No model is likely enough: the curve and the prior of the separation leave lambda open.",
    Reason.misfit:
        "The best Maugis-Dugdale curve leaves a residual far above the noise: other physics, another tip "
        "shape, or noise that is taken too small.",
    Reason.no_adhesion:
        "The pull-off does not stand out of the noise, so that lambda has no meaning.",
    Reason.neck_unseen:
        "The lever snaps at the pull-off and the equilibrium separation is unknown: shape alone does not "
        "tell lambda between 0.3 and 3. Use a stiffer lever or give the separation.",
    Reason.large_contact:
        "The contact radius exceeds half of the tip radius: a paraboloid on a half-space fails.",
    Reason.elastocapillary:
        "Surface tension carries part of the load (omega > 0.3): JKR theory does not hold.",
    Reason.hysteresis: "Approach and retraction differ in contact: the sample flows or yields.",
    Reason.thin_layer:
        "The contact radius exceeds a tenth of the layer's thickness: correct for the substrate.",
    Reason.not_fitted: "No fit of the curve has a meaning.",
    Reason.contradicted:
        "JKR is nearest, but its fit pulls with another force than the curve: a capillary neck or a tether, for "
        "instance.",
}


class Options(NamedTuple):
    """What the user tolerates, and what is known of the instrument. Relative standard deviations."""

    tolerance: Tolerance = DEFAULT
    force_uncertainty: float = 0.05  # of the force calibration (spring constant)
    radius_uncertainty: float = 0.0
    least_probability: float = 0.8
    temperature: float = 1.0  # see `fit_temperature`


class NeglectedEffects(NamedTuple):
    """Physics outside of the theory, per curve or for all; the defaults check nothing."""

    surface_tension: Any = 0.0  # N/m, of the solid
    thickness: Any = math.inf  # m, of a layer for which the curve has not been corrected
    hysteresis: Any = 0.0  # energy lost between approach and retraction in contact, over that of loading


#: the options unless others are given
DEFAULTS = Options()
#: nothing outside of the theory is checked
NOTHING_ELSE = NeglectedEffects()


class Selection(NamedTuple):
    """The choice for each curve. Intervals hold 90 %. NumPy arrays."""

    probability: Any  # (batch, model), in the order of `Model`
    model: Any  # (batch,) the most likely `Model`, named or not
    reasons: Any  # (batch,) `Reason`; 0: the model may be named
    maugis_parameter: Any  # (batch,) exp of the mean of ln lambda
    parameter_spread: Any  # (batch,) standard deviation of ln lambda
    modulus: Any  # (batch, 3) reduced modulus, Pa: middle, low, high
    work_of_adhesion: Any  # (batch, 3) J/m^2
    load: Any  # (batch,) largest load in pi w R
    displacement_scale: Any  # (batch,) delta_c, m
    residual: Any  # (batch, 2) standard deviations of the residual test


def select(curves: Retractions, options: Options = DEFAULTS,
           neglected: NeglectedEffects = NOTHING_ELSE) -> Selection:
    """Choose the contact model of every curve; a curve without an answer says why.

    Raises nothing for bad curves: they get `Reason.not_fitted` and NaN.
    """
    with jax.enable_x64(True), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        prepared = prepare(curves)
        scan = fit_rows(prepared, np.tile(COARSE, (len(prepared.x), 1)))
        first = np.full(len(prepared.x), math.log(LAMBDA[0]))
        known = _known(curves, prepared, options, first, np.full(len(first), FINE * SPACING))
        result = _posterior(scan, known, options, tails=True)
        row, best = _best(COARSE, scan)
        result, row, best = _closer(prepared, known, options, scan.log_evidence, (result, row, best))
        scores = residual_scores(prepared, row, best)
        return _selection(curves, prepared, options, neglected, (result, best, scores))


def _known(curves: Retractions, prepared: Prepared, options: Options, first: np.ndarray,
           spacing: np.ndarray) -> SideInformation:
    same = np.ones(len(first))
    return SideInformation(first, spacing, np.log(prepared.separation), np.asarray(curves.separation_spread, float),
                           prepared.levels[:, 1], np.asarray(curves.neck_seen, bool),
                           same * options.force_uncertainty**2, same * options.radius_uncertainty**2)


def _posterior(scan: Scan, known: SideInformation, options: Options, *, tails: bool) -> LambdaPosterior:
    table = biases()
    return in_padded_blocks(lambda s, k: posterior(s, k, table, options.tolerance, tails=tails), scan, known)


def _best(rows: np.ndarray, scan: Scan) -> tuple[np.ndarray, Scan]:
    """The row of the largest evidence and the better one beside it, (batch, 2), and their fits."""
    evidence = scan.log_evidence
    place, last, each = evidence.argmax(axis=1), evidence.shape[1] - 1, np.arange(len(evidence))
    sides = np.stack([np.clip(place + step, 0, last) for step in (-1, 1)], 1)
    better = (np.where(sides == place[:, None], -np.inf, evidence[each[:, None], sides])).argmax(axis=1)
    pair = np.stack([place, sides[each, better]], 1)
    fits = jax.tree.map(lambda a: a[each[:, None], pair], scan)
    return np.broadcast_to(rows, evidence.shape)[each[:, None], pair], fits


def _closer(prepared: Prepared, known: SideInformation, options: Options, evidence: np.ndarray, coarse):
    """Replace what a closer scan resolves better; the posteriors that reach an end of the grid stay."""
    start, stride, inside = _closer_rows(coarse[0], known, evidence)
    chosen = np.flatnonzero(inside)
    if not len(chosen):
        return coarse
    part, some = (jax.tree.map(lambda a: np.asarray(a)[chosen], tree) for tree in (prepared, known))
    rows = start[chosen, None] + stride[chosen, None] * np.arange(_CLOSE)
    some = some._replace(first=np.log(LAMBDA[rows[:, 0]]), spacing=stride[chosen] * SPACING)
    scan = fit_rows(part, rows)
    fresh = (_posterior(scan, some, options, tails=False), *_best(rows, scan))
    return jax.tree.map(lambda old, new: _replaced(old, chosen, new), coarse, fresh)


def _closer_rows(result: LambdaPosterior, known: SideInformation, evidence: np.ndarray) -> tuple[np.ndarray, ...]:
    """First row, stride and use of a closer scan: over where the density counts, or two coarse intervals
    about the best node where it stands alone (the density between nodes is then unknown)."""
    low, high = (np.where(np.isfinite(a), a, -1e3) for a in (result.low, result.high))  # no fit: outside
    width, center = (high - low) / SPACING, (high + low) / 2 - known.first
    stride = 2 ** np.ceil(np.log2(np.maximum(width, 1.0) / (_CLOSE - 1))).clip(0).astype(int)
    start = np.round(center / SPACING).astype(int) - stride * (_CLOSE - 1) // 2
    best = evidence.argmax(axis=1)
    alone = np.diff(np.sort(evidence, axis=1)[:, -2:], axis=1)[:, 0] > _ALONE
    around = np.clip(FINE * best - (_CLOSE - 1), 0, len(LAMBDA) - 1 - 2 * (_CLOSE - 1))
    start, stride = np.where(alone, around, start), np.where(alone, 2, stride)
    inside = (start >= 0) & (start + stride * (_CLOSE - 1) < len(LAMBDA)) & (stride < FINE)
    return start, stride, inside & ~(alone & (best == evidence.shape[1] - 1))


def _replaced(old: np.ndarray, chosen: np.ndarray, new: np.ndarray) -> np.ndarray:
    result = np.array(old)
    result[chosen] = new
    return result


def _selection(curves: Retractions, prepared: Prepared, options: Options, neglected: NeglectedEffects,
               found) -> Selection:
    result, best, scores = found
    probability = tempered(result.probability, options.temperature)
    radius = np.asarray(curves.radius, float)
    adhesion = np.exp(result.log_force) * (prepared.force_scale / (math.pi * radius))[:, None]
    stiffness = 0.75 * prepared.force_scale / np.sqrt(radius) * prepared.length**-1.5
    modulus = np.exp(result.log_stiffness) * stiffness[:, None]
    length = np.exp(result.log_length) * prepared.length
    selection = Selection(probability, probability.argmax(axis=1), np.zeros(len(radius), int),
                          np.exp(result.log_parameter), result.parameter_spread, modulus, adhesion,
                          np.exp(result.log_load), length, scores)
    fitted = (best.log_evidence[:, 0] > -1e29) & np.isfinite(probability).all(axis=1)
    reasons = _reasons(curves, selection, options, neglected, (prepared.force_scale, fitted))
    return selection._replace(reasons=reasons)


def _reasons(curves: Retractions, chosen: Selection, options: Options, outside: NeglectedEffects,
             found: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    (pull_off, fitted), radius = found, np.asarray(curves.radius, float)
    contact = _contact_radius(chosen.load) * np.sqrt(chosen.displacement_scale / radius)
    shear = chosen.modulus[:, 0] / 4  # E* = 4 G of an incompressible solid
    omega = outside.surface_tension * (shear * radius) ** (-2 / 3) * (
        9 * math.pi / 4 * chosen.work_of_adhesion[:, 0]) ** (-1 / 3)
    holds = {
        Reason.low_probability: ~(chosen.probability.max(axis=1) >= options.least_probability),
        Reason.misfit: (chosen.residual > _DEVIATIONS).any(axis=1),
        Reason.no_adhesion: pull_off < _VISIBLE * curves.noise,
        Reason.neck_unseen: ~np.asarray(curves.neck_seen, bool) & (curves.separation_spread > 1.0),
        Reason.large_contact: contact > 0.5,
        Reason.elastocapillary: omega > 0.3,
        Reason.hysteresis: np.broadcast_to(np.asarray(outside.hysteresis) > 0.2, radius.shape),
        Reason.thin_layer: contact * radius / outside.thickness > 0.1,
        Reason.not_fitted: ~fitted,
    }
    return np.sum([np.where(flag, int(reason), 0) for reason, flag in holds.items()], axis=0)


def _contact_radius(load: np.ndarray) -> np.ndarray:
    """The contact radius of JKR, the largest of all lambda, in (pi w R^2 / K)^(1/3)."""
    return (math.sqrt(1.5) + np.sqrt(np.maximum(load + 1.5, 0.0))) ** (2 / 3)


def lever_ratio(spring_constant: np.ndarray, chosen: Selection, radius: np.ndarray) -> np.ndarray:
    r"""$k\,\delta_c/(\pi wR)$: above about one the lever shows the neck, below it snaps at the pull-off."""
    return spring_constant * chosen.displacement_scale / (math.pi * chosen.work_of_adhesion[:, 0] * radius)


def tempered(probability: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities to the power 1 / ``temperature``, normalized: above one they are less sure."""
    if temperature == 1.0:
        return probability
    power = np.maximum(probability, 1e-300) ** (1 / temperature)
    return power / power.sum(axis=1, keepdims=True)


def fit_temperature(probability: np.ndarray, truth: np.ndarray) -> float:
    """The temperature under which held-out true classes are most likely, between 1/4 and 8."""
    logs = np.log(np.maximum(probability, 1e-12))
    grid = np.geomspace(0.25, 8.0, 241)
    return float(grid[np.argmin([_surprise(logs / t, truth) for t in grid])])


def _surprise(logits: np.ndarray, truth: np.ndarray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(truth)), truth]))

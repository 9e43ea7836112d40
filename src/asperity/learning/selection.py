r"""The choice of the contact model of a retraction curve, with probabilities, or the reasons not to answer.

The answer is the simplest of Hertz, DMT, JKR and Maugis-Dugdale that is *adequate* (see
`asperity.learning.adequacy`): whose inferred modulus and work of adhesion stay within the user's tolerance if
the contact obeys Maugis-Dugdale theory, for this load and this part of the curve. Its probability is the
posterior mass of the lambda for which that holds (see `asperity.learning.lambda_posterior`). Modulus and adhesion
are averaged over lambda, so that they hold without a choice.

Surfaces may obey the law of Lennard-Jones instead (see `asperity.learning.surface_laws`). Where the curve tells that
it does, the answer is the simplest of Hertz, DMT, JKR and the contact of Lennard-Jones surfaces that is adequate then.
Where it does not tell, the model is that of Maugis-Dugdale theory, and modulus and adhesion are averaged over both.

Only ratios enter: the probabilities do not depend on the units, to the last bit under powers of two.
Convention: lambda = 1.1570 mu, where mu is Tabor's parameter.
"""

from __future__ import annotations

import math
from enum import IntEnum, IntFlag
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.special import expit, ndtr

from asperity.learning.adequacy import DEFAULT, Tolerance
from asperity.learning.retraction import Retractions
from asperity.learning.surface_laws import DUGDALE, LENNARD_JONES, LawOnCurves, fit_law

__all__ = [
    "DEFAULTS",
    "NOTHING_ELSE",
    "NeglectedEffects",
    "Options",
    "Reason",
    "Selection",
    "SurfaceStress",
    "fit_temperature",
    "lever_ratio",
    "select",
    "tempered",
]

_DEVIATIONS = 5.0  # of the residual test
_VISIBLE = 6.0  # pull-off over noise
_TOLD = 0.95  # probability of a law, from which on the curve tells it: both have the same before
_ALIKE = math.log(4.5)  # mean of ln lambda, above which both laws are JKR within a hundredth
_NINETY = 1.6448536269514722  # standard deviations to either side of 90 % of a normal distribution


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
        "The best curve of theory leaves a residual far above the noise: other physics, another tip "
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


#: without a pull-off or a fit there is nothing to compare; where other physics acts, neither law has a meaning
_NOT_COMPARED = (Reason.no_adhesion | Reason.not_fitted | Reason.large_contact | Reason.elastocapillary
                 | Reason.hysteresis | Reason.thin_layer)


class SurfaceStress(IntEnum):
    """What a curve tells of the law of the stress between the surfaces."""

    not_compared = 0
    maugis_dugdale = 1
    lennard_jones = 2
    either = 3
    neither = 4


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
    law: Any  # (batch,) `SurfaceStress`
    lennard_jones: Any  # (batch,) probability of that law; NaN where it was not fitted
    modulus_by_law: Any  # (batch, law, 3) by Dugdale's law, by that of Lennard-Jones
    work_of_adhesion_by_law: Any  # (batch, law, 3)
    log_evidence: Any  # (batch,) of the law that decides


def select(curves: Retractions, options: Options = DEFAULTS,
           neglected: NeglectedEffects = NOTHING_ELSE) -> Selection:
    """Choose the contact model of every curve; a curve without an answer says why.

    Raises nothing for bad curves: they get `Reason.not_fitted` and NaN.
    """
    with jax.enable_x64(True), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        known = (options.force_uncertainty, options.radius_uncertainty), options.tolerance
        by_dugdale = fit_law(DUGDALE, curves, *known)
        chosen = _selection(curves, options, neglected, by_dugdale)
        asked = np.flatnonzero((chosen.reasons & int(_NOT_COMPARED) == 0) & (by_dugdale.result.log_parameter < _ALIKE))
        if not len(asked):
            return chosen
        some = Retractions(*(np.asarray(a)[asked] for a in curves))
        outside = NeglectedEffects(*(np.broadcast_to(a, len(chosen.model))[asked] for a in neglected))
        other = _selection(some, options, outside, fit_law(LENNARD_JONES, some, *known))
        return _compared(chosen, other, asked)


def _selection(curves: Retractions, options: Options, neglected: NeglectedEffects, found: LawOnCurves) -> Selection:
    """The choice where one law holds."""
    result, radius = found.result, np.asarray(curves.radius, float)
    probability, law = tempered(result.probability, options.temperature), found.far
    last = probability[:, -1:]
    probability = np.concatenate([probability[:, :-1], *((0 * last, last) if law else (last, 0 * last))], 1)
    values = found.modulus(radius), found.work_of_adhesion(radius)
    other = np.full_like(values[0], np.nan)
    stiff, sticky = (np.stack([other, one] if law else [one, other], 1) for one in values)
    count = len(radius)
    selection = Selection(probability, probability.argmax(axis=1), np.zeros(count, int),
                          np.exp(result.log_parameter), result.parameter_spread, *values,
                          np.exp(result.log_load), np.exp(result.log_length) * found.prepared.length, found.scores,
                          np.zeros(count, np.int8), np.full(count, np.nan), stiff, sticky, result.log_evidence)
    reasons = _reasons(curves, selection, options, neglected, (found.prepared.force_scale, found.fitted))
    return selection._replace(reasons=reasons)


def _compared(chosen: Selection, other: Selection, asked: np.ndarray) -> Selection:
    """The choice with that of Lennard-Jones surfaces beside it, which was made for the curves ``asked``."""
    one = Selection._make(np.asarray(a)[asked] for a in chosen)
    share = expit(other.log_evidence - one.log_evidence)
    bad = [(a.residual > _DEVIATIONS).any(axis=1) | (a.reasons & int(Reason.not_fitted) > 0) for a in (one, other)]
    better, worse = share >= _TOLD, share <= 1 - _TOLD
    failed = np.select([better, worse], bad[::-1], bad[0] & bad[1])
    law = np.select([failed, better, worse], [SurfaceStress.neither, SurfaceStress.lennard_jones,
                                              SurfaceStress.maugis_dugdale], SurfaceStress.either)
    better, either = law == SurfaceStress.lennard_jones, law == SurfaceStress.either
    merged = [np.where(_beside(better, a), b, a) for a, b in zip(one, other)]
    result = Selection._make(merged)._replace(law=law.astype(np.int8), lennard_jones=share)
    for name in ("modulus", "work_of_adhesion"):
        by_law = np.stack([getattr(one, f"{name}_by_law")[:, 0], getattr(other, f"{name}_by_law")[:, 1]], 1)
        own = np.where(either[:, None], _averaged(by_law, share), getattr(result, name))
        result = result._replace(**{name: own, f"{name}_by_law": by_law})
    return Selection._make(_put(whole, asked, part) for whole, part in zip(chosen, result))


def _beside(rows: np.ndarray, like: np.ndarray) -> np.ndarray:
    """One value per curve, of as many dimensions as an array."""
    return rows.reshape(-1, *[1] * (like.ndim - 1))


def _put(whole: np.ndarray, rows: np.ndarray, part: np.ndarray) -> np.ndarray:
    result = np.array(whole)
    result[rows] = part
    return result


def _averaged(by_law: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Middle, low and high (batch, 3) of what two laws infer (batch, law, 3), the second one with a ``share``.

    Each is taken for normal in the logarithm to either side of its middle.
    """
    logs, weight = np.log(by_law), np.stack([1 - share, share], 1)
    middle, sides = logs[..., 0], np.abs(logs[..., 1:] - logs[..., :1]) / _NINETY

    def quantile(level: float) -> np.ndarray:
        low, high = (f(logs.reshape(len(logs), -1), axis=1) for f in (np.min, np.max))
        for _ in range(40):
            at = (low + high) / 2
            off = at[:, None] - middle
            under = (weight * ndtr(off / np.where(off < 0, sides[..., 0], sides[..., 1]))).sum(axis=1) < level
            low, high = np.where(under, at, low), np.where(under, high, at)
        return low

    return np.exp(np.stack([(weight * middle).sum(axis=1), quantile(0.05), quantile(0.95)], 1))


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

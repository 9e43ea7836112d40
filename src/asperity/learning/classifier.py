"""The contact model of many curves in little time: a small network on dimensionless features.

The features are what four quick fits, at lambda from DMT-like to JKR, say without units: their evidence, the
lambda that each implies with the stated separation, the largest load, noise, compliance, and which part of
the curve is seen. The network was trained on generated Maugis-Dugdale curves of tips of 10 to 100 nm and its
probabilities were tempered on others (``python -m benchmarks.train_classifier``). It answers for the default
tolerance only; where it is not sure, or has not seen the like, `quick_select` asks the full posterior.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from asperity.learning.adequacy import DEFAULT, Model
from asperity.learning.classifier_weights import BOUNDS, LAYERS, TEMPERATURE
from asperity.learning.lambda_posterior import SEPARATION_FACTOR
from asperity.learning.maugis_grid import COARSE
from asperity.learning.maugis_scan import fit_rows
from asperity.learning.retraction import Prepared, Retractions, prepare, thinned
from asperity.learning.selection import DEFAULTS, Options, select, tempered

__all__ = ["Quick", "class_probability", "features", "quick_select"]

_ROWS = COARSE[[5, 15, 20, -1]]  # lambda 0.035, 0.45, 1.6, infinite
_SAMPLES = 128  # of a curve, to which it is thinned


class Quick(NamedTuple):
    """The choice for each curve. NumPy arrays."""

    probability: Any  # (batch, model), in the order of `asperity.learning.adequacy.Model`
    model: Any  # (batch,) the most likely one
    sure: Any  # (batch,) bool: the network's own answer stands; else it is that of the full posterior


def features(curves: Retractions) -> np.ndarray:
    """(batch, feature), dimensionless; NaN where no fit has a meaning."""
    with jax.enable_x64(True):
        prepared = thinned(prepare(curves), _SAMPLES)
        scan = fit_rows(prepared, np.tile(_ROWS, (len(prepared.x), 1)))
    evidence = scan.log_evidence - scan.log_evidence.max(axis=1, keepdims=True)
    implied = math.log(SEPARATION_FACTOR) + scan.log_length - np.log(prepared.separation)[:, None]
    load = np.log(np.maximum(prepared.levels[:, 1], 1e-9))[:, None] - scan.log_force[:, [0, -1]]
    bending = np.log(prepared.compliance) + scan.log_force[:, -1] - scan.log_length[:, -1]
    columns = [-np.log1p(-evidence).T, implied.T, load.T, _instrument(curves, prepared, bending)]
    found = np.concatenate(columns).T
    return np.where(scan.log_evidence.min(axis=1, keepdims=True) > -1e29, found, np.nan)


def _instrument(curves: Retractions, prepared: Prepared, bending: np.ndarray) -> np.ndarray:
    """What the curve was recorded with, (feature, batch): noise, priors of z0 and of s, its extent."""
    noise = 0.5 * np.log(prepared.variance / np.maximum(prepared.count, 1))
    return np.stack([noise, np.log(curves.separation_spread), bending,
                     np.asarray(curves.neck_seen, float), (np.asarray(curves.attached) != 0).any(axis=1)])


def class_probability(found: np.ndarray, layers=LAYERS, temperature: float = TEMPERATURE) -> np.ndarray:
    """The network: (batch, feature) to (batch, model)."""
    hidden = found
    for weight, bias in layers[:-1]:
        hidden = np.tanh(hidden @ weight + bias)
    logits = hidden @ layers[-1][0] + layers[-1][1]
    power = np.exp(logits - logits.max(axis=1, keepdims=True))
    return tempered(power / power.sum(axis=1, keepdims=True), temperature)


def quick_select(curves: Retractions, options: Options = DEFAULTS, *, fall_back: bool = True) -> Quick:
    """Choose the contact model of every curve; the full posterior decides where the network is not sure.

    The network is not sure below ``options.least_probability``, outside of the range of its training, and
    for any other tolerance than the default. Without ``fall_back`` its own answer is returned even there.
    """
    found = features(curves)
    known = np.isfinite(found).all(axis=1)
    known &= ((found >= BOUNDS[0]) & (found <= BOUNDS[1])).all(axis=1) & (options.tolerance == DEFAULT)
    probability = class_probability(np.where(np.isfinite(found), found, 0.0))
    sure = known & (probability.max(axis=1) >= options.least_probability)
    ask = np.flatnonzero(~sure)
    probability = np.pad(probability, ((0, 0), (0, len(Model) - probability.shape[1])))  # of Maugis-Dugdale contacts
    if fall_back and len(ask):
        probability[ask] = select(Retractions(*(np.asarray(a)[ask] for a in curves)), options).probability
    return Quick(probability, probability.argmax(axis=1), sure)

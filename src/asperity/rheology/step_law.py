"""Other answers to a force curve with holds: a law of few parameters, and the step that a hold is often taken for."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

from asperity.contact import AbstractElasticContact
from asperity.rheology._model import AbstractRelaxationModel
from asperity.rheology.held_force import growth_of
from asperity.rheology.held_record import StepRecord
from asperity.rheology.step_response import from_outside, ting_force, whitening

__all__ = ["LawFit", "fit_law", "ideal_creep", "ideal_relaxation"]


class LawFit(NamedTuple):
    """A material of few parameters."""

    model: AbstractRelaxationModel
    std: dict[str, float]  # of the parameters, relative
    contact_point: float
    contact_point_std: float
    residual: float  # rms over the largest force


def fit_law(data: StepRecord, contact: AbstractElasticContact, law: AbstractRelaxationModel,
            contact_point: float) -> LawFit:
    """A relaxation model of few positive parameters and the contact point, by least squares on Ting's force.

    Args:
        data: of `record`.
        contact: the tip and Poisson's ratio.
        law: a model with its start values, such as ``Springpot(1e3, 0.2)`` or ``StandardLinearSolid(...)``.
        contact_point: m, to start from, such as that of `fit_step`.
    """
    depth, white = contact_point - data.tip_position.min(), whitening(data.covariance)
    upper = [*(0.0 if name == "order" else 60.0 for name in law.fitted), 0.5]
    x = np.array([*(np.log(float(getattr(law, name))) for name in law.fitted), 0.0])
    lines = np.linalg.qr(np.concatenate([white(data.lines), np.diag(1 / data.spread)]))[0]

    def material(x: np.ndarray) -> AbstractRelaxationModel:
        return dataclasses.replace(law, **{n: jnp.asarray(v) for n, v in zip(law.fitted, np.exp(x[:-1]), strict=True)})

    def force(x: np.ndarray) -> np.ndarray:
        indentation = jnp.asarray(from_outside(data, contact_point + x[-1] * depth))
        found = np.asarray(ting_force(contact, material(x), jnp.asarray(data.time), indentation))
        return np.nan_to_num(found, nan=1e3 * data.top)

    def rest(x: np.ndarray) -> np.ndarray:
        """What neither the law nor level, tilt, drift and drag explain, in units of the noise."""
        own = np.concatenate([white(data.force - force(x)), np.zeros(data.lines.shape[1])])
        return own - lines @ (lines.T @ own)

    with jax.enable_x64(True):
        solved = least_squares(rest, x, diff_step=1e-6, bounds=([*(-60.0 for _ in law.fitted), -0.5], upper))
        left = data.force - force(solved.x)
        model = material(solved.x)
    left = left - data.lines @ np.linalg.lstsq(white(data.lines), white(left))[0]
    worse = max(float(np.sum(solved.fun**2)) / max(len(left) - len(x) - data.lines.shape[1], 1), 1.0)
    std = np.sqrt(np.diag(np.linalg.pinv(solved.jac.T @ solved.jac)) * worse)
    return LawFit(model, dict(zip(law.fitted, (float(s) for s in std), strict=False)),
                  float(contact_point + solved.x[-1] * depth), float(std[-1] * depth),
                  float(np.sqrt(np.mean(left**2)) / data.top))


def ideal_relaxation(data: StepRecord, contact: AbstractElasticContact,
                     contact_point: float) -> tuple[np.ndarray, np.ndarray]:
    """Times since the hold began and E(t) = (1 - nu^2) F / g as if the indentation had been a step."""
    held = data.time > data.hold
    level = np.median(data.force[(data.time < data.hold) & (data.tip_position > data.touch)])
    growth = growth_of(contact, contact_point - data.tip_position[held])
    with np.errstate(divide="ignore", invalid="ignore"):
        return data.time[held] - data.hold, (data.force[held] - level) / growth


def ideal_creep(data: StepRecord, contact: AbstractElasticContact,
                contact_point: float) -> tuple[np.ndarray, np.ndarray]:
    """Times since the hold began and J(t) = g / ((1 - nu^2) F) as if the force had been a step."""
    time, modulus = ideal_relaxation(data, contact, contact_point)
    return time, 1 / modulus

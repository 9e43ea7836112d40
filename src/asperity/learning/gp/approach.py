r"""The force law of one approach: an elastic contact, its discrepancy, and an attraction, each with its uncertainty.

$$F(D) = c\,h(-D)\,[1 + a(v)] + A(D), \qquad y = F + b_0 + b_1 t + n$$

over the separation D from a surface whose place is unknown: h is the contact model's shape, a a Gaussian process of
the contact radius v that vanishes with it, A a process of ln(D + a_0) that falls as $(D + a_0)^{-q}$ and stays as it is
in contact, b a baseline of any level and tilt over the height t, and n the noise of the baseline with its spectrum.
Level, tilt and c are integrated out exactly, the place of the surface and the other hyperparameters by draws: each draw
tells the law from its own surface, so that not knowing the surface is part of the bands, which are wide where the law
is steep.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from asperity.contact import AbstractElasticContact
from asperity.learning.gp import dense
from asperity.learning.gp._kernel import AbstractKernel
from asperity.learning.gp.approach_bins import Binned
from asperity.learning.gp.hyperparameters import Draws, GaussianPrior
from asperity.learning.gp.kernels import (
    Beyond,
    Constant,
    ContactDiscrepancy,
    ContactTerm,
    Linear,
    LogSeparation,
    Matern,
    PowerLaw,
)
from asperity.learning.gp.observed import Observed
from asperity.learning.gp.tempering import tempered

__all__ = ["PARAMETERS", "PARTS", "POINTS", "PRIOR", "UNIT", "ScaledApproach", "answers", "draws_of", "scaled"]

#: the parts of a force law
PARTS = ("contact", "discrepancy", "attraction")
#: m, the unit of separations here
UNIT = 1e-9
#: hyperparameter -> mean and standard deviation of its natural logarithm, but for the first
PRIOR = {
    "surface": (0.0, 1.0),  # shift of the surface from the rough one, in units of how far that may be off
    "cutoff": (-1.2, 0.5),  # nm: 0.3, of surfaces that touch
    "attraction": (-0.7, 1.5),  # at contact, in units of the force scale
    "exponent": (0.693, 0.25),  # 2, of a sphere and a plane
    "bend": (0.7, 0.7),  # of ln D, the length of the attraction
    "discrepancy": (-1.6, 1.2),  # of the contact, 0.2 at the largest depth,
    "radius": (-0.3, 0.6),  # of v, the length of the discrepancy
    "noise": (0.0, 0.2),  # the standard deviation of the noise over that of the baseline's far half
    "position_noise": (-3.0, 1.5),  # nm, of the height: 0.05
}
PARAMETERS = tuple(PRIOR)

#: that all bins are padded to
POINTS = 96
_OFF = 3.0  # by how much more the surface may be off than a plain fit tells
_ANY = 10.0  # force scales: the standard deviation of a contact and of a baseline of any size
_ROUNDING = 1e-6  # of the force scale: the least noise
_STEEPEST = 1e3  # of 1 + F'/k


class ScaledApproach(NamedTuple):
    """One approach, scaled and padded; NumPy arrays outside compiled functions, JAX arrays inside."""

    z: Any  # (point,) UNIT, from the rough surface
    y: Any  # (point,) in units of ``scale``, the far baseline's median taken off
    time: Any  # (point,) height of the base over the highest, 0 at contact, for level and tilt
    covariance: Any  # (point, point) of the recorded force
    there: Any  # (point,) 1, or 0 of padding
    softness: Any  # (point,) F'/k of the rough contact
    steepness: Any  # (point,) F', in units of ``scale`` per UNIT
    depth: Any  # UNIT
    stiffness: Any  # force of the rough contact at that depth, in units of ``scale``
    surface_std: Any  # UNIT
    scale: Any  # N


def scaled(bins: Binned, spring_constant: float) -> ScaledApproach:
    """The bins of one approach as a task of fixed shape; k in N/m."""
    used = len(bins.force)
    if used > POINTS:
        raise ValueError(f"{used} bins, more than {POINTS}")
    level = float(np.median(bins.force[: used // 2]))
    scale = max(float(np.abs(bins.force - level).max()), 1e-300)

    def padded(values: np.ndarray, fill: float = 0.0) -> Array:
        return jnp.asarray(np.pad(values, (0, POINTS - used), constant_values=fill))

    z = bins.separation / UNIT
    covariance = np.pad(bins.covariance / scale**2, (0, POINTS - used))
    along = bins.height / max(float(bins.height[0]), 1e-300)
    return ScaledApproach(padded(z, float(z[-1])), padded((bins.force - level) / scale), padded(along),
                jnp.asarray(covariance), padded(np.ones(used)), padded(bins.slope / spring_constant),
                padded(bins.slope * UNIT / scale),
                jnp.asarray(bins.depth / UNIT), jnp.asarray(bins.stiffness / scale),
                jnp.asarray(_OFF * bins.surface_std / UNIT), jnp.asarray(scale))


def _kernel(theta: Array, own: ScaledApproach, model: AbstractElasticContact) -> AbstractKernel:
    cutoff, attraction, exponent, bend, discrepancy, radius = (jnp.exp(one) for one in theta[1:7])
    term = ContactTerm(model, own.depth, jnp.asarray(UNIT))
    far = Constant(attraction * cutoff**exponent) * PowerLaw(exponent) * LogSeparation(Matern(bend))
    return (Constant(jnp.asarray(_ANY)) * term
            + Constant(discrepancy * own.stiffness) * ContactDiscrepancy(Matern(radius, 1), term)
            + Beyond(far, cutoff))


def _observed(theta: Array, own: ScaledApproach) -> Observed:
    """The data with the surface where ``theta`` has it, the noise at its size, level and tilt."""
    noise, position = jnp.exp(theta[-2:])
    weight = noise * jnp.clip(1 + own.softness, 1 / _STEEPEST, _STEEPEST)
    covariance = (weight[:, None] * weight * own.covariance
                  + jnp.diag((own.steepness * position) ** 2 + _ROUNDING**2))
    baseline = Constant(jnp.asarray(_ANY)) + Linear(jnp.asarray(_ANY))
    return Observed(own.z + theta[0] * own.surface_std, own.y, covariance, own.there > 0, own.time, baseline)


@eqx.filter_jit
def draws_of(own: ScaledApproach, model: AbstractElasticContact, key: Array, draws: int) -> Draws:
    """Draws of the hyperparameters (`PARAMETERS`) from their posterior."""
    mean, std = (jnp.array(column) for column in zip(*PRIOR.values()))

    def likelihood(theta: Array) -> Array:
        return dense.log_likelihood(_kernel(theta, own, model), _observed(theta, own))

    return tempered(likelihood, GaussianPrior(mean, std), key, draws)


class Answers(NamedTuple):
    """What each draw says, in units of the approach; the rows are those of `PartPosterior`."""

    mean: Any  # (draw, at, row)
    covariance: Any  # (draw, at, row, row)


@eqx.filter_jit
def answers(own: ScaledApproach, model: AbstractElasticContact, theta: Float[Array, "draw parameter"],
            at: Float[Array, " at"]) -> Answers:
    """The parts and their derivatives at the separations ``at`` (UNIT), from where each draw has the surface."""

    def one(draw: Array) -> tuple[Array, Array]:
        found = dense.condition(_kernel(draw, own, model), _observed(draw, own), at)
        return found.mean, found.covariance

    return Answers(*jax.lax.map(one, theta))

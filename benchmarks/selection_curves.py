"""Retraction curves of Maugis-Dugdale contacts with known truth, for the choice of the contact model."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact import maugis
from asperity.learning.lambda_posterior import SEPARATION_FACTOR
from asperity.learning.retraction import Retractions

__all__ = ["NANOTIPS", "Condition", "Truth", "measured"]

NANOTIPS = (10e-9, 100e-9)

_VISIBLE = 6.0  # jumps of fewer standard deviations are left to the model


class Condition(NamedTuple):
    """How curves are drawn: contact and instrument."""

    full: bool = True  # the neck is seen down to the displacement instability; else from the pull-off up
    noise: float = 0.01  # standard deviation over the pull-off force
    compliance: float = 0.0  # fixed s in delta_c / (pi w R)
    spread: float = 0.03  # what the analysis takes as standard deviation of s; drawn from it if drawn
    drawn: bool = False
    separation_spread: float = 0.3
    force_spread: float = 0.05  # of the logarithm of the spring constant
    radii: tuple[float, float] = NANOTIPS


class Truth(NamedTuple):
    """What the curves were made of; one number per curve."""

    maugis_parameter: np.ndarray
    load: np.ndarray  # the largest load in pi w R
    modulus: np.ndarray  # reduced, Pa
    work_of_adhesion: np.ndarray
    full: np.ndarray


def measured(count: int, condition: Condition, seed: int, samples: int = 512) -> tuple[Retractions, Truth]:
    """Curves with lambda log-uniform in 0.02 to 8 and the largest load log-uniform in 2 to 50 pi w R.

    Half of the samples are in contact, evenly spaced; half are baseline. White noise, offset, tilt, a
    shift of the scanner; z0 and the spring constant are known with the errors of ``condition``.
    """
    rng = np.random.default_rng(seed)
    parameter, load = _log_uniform(rng, 0.02, 8, count), _log_uniform(rng, 2, 50, count)
    separation, radius = _log_uniform(rng, 0.2e-9, 0.5e-9, count), _log_uniform(rng, *condition.radii, count)
    adhesion = _log_uniform(rng, 0.01, 0.3, count)
    length, force = parameter * separation / SEPARATION_FACTOR, np.pi * adhesion * radius
    modulus = 0.75 * force / np.sqrt(radius) * length**-1.5
    displacement, contact, off, pull_off = _contact(parameter, load, condition.full, samples // 2)
    shift = rng.normal(0, condition.spread, count) if condition.drawn else np.full(count, condition.compliance)
    x = displacement + shift[:, None] * contact
    ramp = np.linspace(-1, 0, samples - samples // 2, endpoint=False)
    x = np.concatenate([x[:, :1] + (x[:, -1:] - x[:, :1]) * ramp, x], 1)
    y = np.concatenate([np.zeros((count, len(ramp))), contact], 1)
    line = rng.uniform(-0.5, 0.5, (count, 1)) + rng.uniform(-0.05, 0.05, (count, 1)) * x / np.ptp(x, 1, keepdims=True)
    y = y + pull_off[:, None] * (line + condition.noise * rng.standard_normal(y.shape))
    held = np.where(np.arange(samples) < len(ramp), -1, 1)
    visible = np.abs(off) > _VISIBLE * condition.noise * pull_off
    calibration = np.exp(condition.force_spread * rng.standard_normal(count))
    unit = force * calibration
    place = rng.uniform(-1e-6, 1e-6, (count, 1))
    curves = Retractions(
        x * length[:, None] + place, y * unit[:, None], np.where(visible[:, None], held, 0).astype(np.int8),
        np.ones_like(y), _noise(y[:, :len(ramp)]) * unit, np.ones(count), radius,
        condition.spread * length / unit, separation * np.exp(condition.separation_spread * rng.standard_normal(count)),
        np.full(count, condition.separation_spread), np.full(count, condition.full))
    return curves, Truth(parameter, contact[:, -1], modulus, adhesion, np.full(count, condition.full))


def _log_uniform(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    return low * (high / low) ** rng.uniform(size=count)


def _noise(baseline: np.ndarray) -> np.ndarray:
    """Standard deviation about a straight line."""
    t = np.linspace(-1, 1, baseline.shape[1])
    line = np.linalg.qr(np.stack([np.ones_like(t), t], 1))[0]
    return np.sqrt(((baseline - baseline @ line @ line.T) ** 2).sum(1) / (len(t) - 2))


def _contact(parameter: np.ndarray, load: np.ndarray, full: bool, samples: int) -> tuple[np.ndarray, ...]:
    """(D, P) of the samples in contact, P where the tip is lost, and the pull-off force."""
    with jax.enable_x64(True):
        d, p, lost, pull_off = _curves(jnp.asarray(parameter), jnp.asarray(load), full, jnp.linspace(0, 1, samples))
        return np.asarray(d), np.asarray(p), np.asarray(lost), np.asarray(pull_off)


@jax.jit
def _curves(parameter, load, full, ramp):
    t = jnp.geomspace(1e-4, 1e4, 4000)

    def one(parameter, load):
        _, loads, displacements = maugis.contact_curve(t, parameter)
        deepest = jnp.interp(-load, -loads, displacements)
        _, pull_off, at_pull_off = maugis.pull_off(parameter)
        _, at_jump, jump = maugis.jump_off(parameter)
        first = jnp.where(full, jump + 1e-9, at_pull_off)
        d = first + (deepest - first) * ramp
        return d, jax.vmap(maugis.load, (0, None))(d, parameter), jnp.where(full, at_jump, pull_off), -pull_off

    return jax.vmap(one)(parameter, load)

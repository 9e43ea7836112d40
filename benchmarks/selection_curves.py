"""Retraction curves of Maugis-Dugdale contacts with known truth, for the choice of the contact model."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact import maugis
from asperity.learning.lambda_posterior import SEPARATION_FACTOR
from asperity.learning.retraction import Retractions

__all__ = ["NANOTIPS", "Condition", "Contact", "Truth", "contacts", "measured", "recorded"]

NANOTIPS = (10e-9, 100e-9)

_VISIBLE = 6.0  # jumps of fewer standard deviations are left to the model
_GUARD = 2  # samples beside a visible jump that do not count, as in `asperity.learning.attachment`


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
    parameters: tuple[float, float] = (0.02, 8.0)  # range of lambda
    loads: tuple[float, float] = (2.0, 50.0)  # range of the largest load in pi w R


class Truth(NamedTuple):
    """What the curves were made of; one number per curve."""

    maugis_parameter: np.ndarray
    load: np.ndarray  # the largest load in pi w R
    modulus: np.ndarray  # reduced, Pa
    work_of_adhesion: np.ndarray
    full: np.ndarray


def measured(count: int, condition: Condition, seed: int, samples: int = 256) -> tuple[Retractions, Truth]:
    """Curves with lambda and the largest load log-uniform in the ranges of ``condition``.

    z0 is 0.2 to 0.5 nm, the work of adhesion 10 to 300 mJ/m^2. ``samples`` in contact, as many off.
    """
    rng = np.random.default_rng(seed)
    parameter, load = (_log_uniform(rng, *r, count) for r in (condition.parameters, condition.loads))
    separation, radius = _log_uniform(rng, 0.2e-9, 0.5e-9, count), _log_uniform(rng, *condition.radii, count)
    contact = contacts(parameter, load, condition.full, samples)
    length, adhesion = parameter * separation / SEPARATION_FACTOR, _log_uniform(rng, 0.01, 0.3, count)
    return recorded(contact, length, radius, adhesion, separation, (condition, rng))


class Contact(NamedTuple):
    """Curves without units, (curve, sample) and (curve,)."""

    parameter: np.ndarray
    displacement: np.ndarray
    load: np.ndarray
    lost: np.ndarray  # load where the tip is lost
    pull_off: np.ndarray


def recorded(contact: Contact, length: np.ndarray, radius: np.ndarray, adhesion: np.ndarray,
             separation: np.ndarray, how: tuple[Condition, np.random.Generator]) -> tuple[Retractions, Truth]:
    """What an instrument makes of contacts with delta_c = ``length`` (m).

    As many samples off as in contact; two beside a visible jump do not count. White noise, offset, tilt,
    a shift of the scanner; z0 and the spring constant are known with the errors of the condition.
    """
    (condition, rng), (count, samples) = how, contact.load.shape
    force = np.pi * adhesion * radius
    fixed = np.full(count, condition.compliance)
    shift = rng.normal(0, condition.spread, count) if condition.drawn else fixed
    x = contact.displacement + shift[:, None] * contact.load
    ramp = np.linspace(-1, 0, samples, endpoint=False)
    x = np.concatenate([x[:, :1] + (x[:, -1:] - x[:, :1]) * ramp, x], 1)
    y = np.concatenate([np.zeros((count, samples)), contact.load], 1)
    offset, tilt = rng.uniform(-0.5, 0.5, (count, 1)), rng.uniform(-0.05, 0.05, (count, 1))
    line = offset + tilt * x / np.ptp(x, 1, keepdims=True)
    y = y + contact.pull_off[:, None] * (line + condition.noise * rng.standard_normal(y.shape))
    place = np.arange(2 * samples) - samples
    held, beside = np.where(place < 0, -1, 1), (place >= 0) & (place < _GUARD)
    visible = (np.abs(contact.lost) > _VISIBLE * condition.noise * contact.pull_off)[:, None]
    unit = force * np.exp(condition.force_spread * rng.standard_normal(count))
    stated = separation * np.exp(condition.separation_spread * rng.standard_normal(count))
    curves = Retractions(
        x * length[:, None] + rng.uniform(-1e-6, 1e-6, (count, 1)), y * unit[:, None],
        np.where(visible, held, 0).astype(np.int8), np.where(visible & beside, 0.0, 1.0),
        _noise(y[:, :samples]) * unit, np.ones(count), radius, condition.spread * length / unit, stated,
        np.full(count, condition.separation_spread), np.full(count, condition.full))
    modulus = 0.75 * force / np.sqrt(radius) * length**-1.5
    return curves, Truth(contact.parameter, contact.load[:, -1], modulus, adhesion, curves.neck_seen)


def _log_uniform(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    return low * (high / low) ** rng.uniform(size=count)


def _noise(baseline: np.ndarray) -> np.ndarray:
    """Standard deviation about a straight line."""
    t = np.linspace(-1, 1, baseline.shape[1])
    line = np.linalg.qr(np.stack([np.ones_like(t), t], 1))[0]
    return np.sqrt(((baseline - baseline @ line @ line.T) ** 2).sum(1) / (len(t) - 2))


def contacts(parameter: np.ndarray, load: np.ndarray, full: bool, samples: int = 256) -> Contact:
    """Maugis-Dugdale contacts, evenly spaced from their end (or the pull-off) to ``load`` (in pi w R)."""
    with jax.enable_x64(True):
        found = _curves(jnp.asarray(parameter), jnp.asarray(load), full, jnp.linspace(0, 1, samples))
        return Contact(parameter, *map(np.asarray, found))


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
        lost = jnp.where(full, at_jump, pull_off)
        return d, jax.vmap(maugis.load, (0, None))(d, parameter), lost, -pull_off

    return jax.vmap(one)(parameter, load)

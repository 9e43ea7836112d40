"""Curves with known truth: 4 parameters for Hertz, 5 for JKR, force range over noise = 100."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from asperity.contact import AbstractContactModel
from asperity.contact.hertz import Hertz
from asperity.contact.jkr import JKR

__all__ = ["RADIUS", "SIGNAL_TO_NOISE", "Curves", "hertz_curves", "jkr_curves"]

RADIUS = 5e-6
SIGNAL_TO_NOISE = 100.0


class Curves(NamedTuple):
    """A batch of curves, farthest sample first."""

    model: AbstractContactModel  # the template of the fit
    position: np.ndarray  # (curve, sample) m
    force: np.ndarray  # (curve, sample) N
    modulus: np.ndarray  # (curve,) Pa, the truth

    def first(self, count: int) -> Curves:
        """The first curves alone."""
        return self._replace(position=self.position[:count], force=self.force[:count],
                             modulus=self.modulus[:count])


def hertz_curves(count: int, samples: int = 512, seed: int = 1) -> Curves:
    """Approach curves of 3 um, contact at 40 to 70 % of the way, E spread by a factor of 2 about 10 kPa."""
    rng = np.random.default_rng(seed)
    modulus = 1e4 * np.exp(0.7 * rng.standard_normal(count))
    position = np.tile(np.linspace(0.0, 3e-6, samples), (count, 1))
    indentation = position - 3e-6 * rng.uniform(0.4, 0.7, (count, 1))
    models = Hertz(radius=RADIUS, modulus=modulus)
    return Curves(Hertz(radius=RADIUS), -position, _disturbed(_force(models, indentation), rng), modulus)


def jkr_curves(count: int, samples: int = 512, seed: int = 2) -> Curves:
    """Retract curves on a stiff lever, with their jump, 3 to 8 delta_c deep; E near 10 kPa, w near 1 mJ/m^2."""
    rng = np.random.default_rng(seed)
    modulus = 1e4 * np.exp(0.3 * rng.standard_normal(count))
    adhesion = 1e-3 * np.exp(0.3 * rng.standard_normal(count))
    models = JKR(radius=RADIUS, modulus=modulus, work_of_adhesion=adhesion)
    with jax.enable_x64(True):
        unit = np.exp(np.asarray(jax.vmap(lambda m: m.amplitudes_of()[1][0])(_arrays(models))))[:, None]
    deepest, farthest = rng.uniform(3, 8, (count, 1)) * unit, -rng.uniform(3, 5, (count, 1)) * unit
    indentation = farthest + (deepest - farthest) * np.linspace(0, 1, samples)
    top = 3e-6 * rng.uniform(-1, 1, (count, 1))
    force = _disturbed(_force(models, indentation), rng)
    return Curves(JKR(radius=RADIUS), top - indentation, force, modulus)


def _arrays(models: AbstractContactModel) -> AbstractContactModel:
    """Every field as an array with one entry per curve."""
    leaves = [np.atleast_1d(np.asarray(leaf, float)) for leaf in jax.tree.leaves(models)]
    count = max(len(leaf) for leaf in leaves)
    return jax.tree.unflatten(jax.tree.structure(models), [np.broadcast_to(leaf, count) for leaf in leaves])


def _force(models: AbstractContactModel, indentation: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        every = jax.vmap(lambda model, row: jax.vmap(model.force)(row))
        return np.asarray(every(_arrays(models), indentation))


def _disturbed(force: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With offset, tilt and white noise, in parts of the range of the force."""
    size = np.ptp(force, axis=1, keepdims=True)
    offset, tilt = rng.uniform(-0.2, 0.2, (2, len(force), 1))
    line = offset + 0.1 * tilt * np.linspace(0, 1, force.shape[1])
    return force + size * (line + rng.standard_normal(force.shape) / SIGNAL_TO_NOISE)

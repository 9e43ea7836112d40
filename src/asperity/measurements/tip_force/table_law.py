"""The force law of a table: of forces against separations, with the prior that lets forces vanish far away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from asperity.data import provenance
from asperity.data.readers._errors import Unsupported
from asperity.data.readers.force_table import read_force_table
from asperity.data.verbs import verb
from asperity.learning.gp import force_prior, state_space, tempering
from asperity.learning.gp._kernel import AbstractKernel
from asperity.learning.gp.force_prior import FORCE_PRIORS
from asperity.learning.gp.hyperparameters import Draws, GaussianPrior
from asperity.learning.gp.observed import Observed, PartPosterior
from asperity.learning.gp.tempering import tempered
from asperity.learning.outcome import Outcome
from asperity.measurements.tip_force.law_table import ForceLaw, table, together
from asperity.report.citing import citations

__all__ = ["KNOWN_GAP", "NEAREST", "PRIOR", "SAID", "dataset_of", "force_law_of_table", "grid", "related",
           "stays", "turns", "white_noise",
           "with_table"]

PRIOR = FORCE_PRIORS["decaying"]
_POINTS = 120  # of the law,
_BEYOND = 3.0  # to so many times the farthest separation
_SIZES = (64, 256, 512)  # that tables are padded to
_MOST = 512  # points: longer tables become means of so many bins, at most
_SURE = 4.0  # standard deviations, from which a doubt is told
_ROUNDING = 1e-6  # of the force scale: the least noise
#: of the unit of length: the least separation that a draw may mean
NEAREST = 1e-6
#: standard deviation of ln of the nearest separation, whose zero nobody knows exactly
KNOWN_GAP = 0.3
_ANY_GAP = 1.0  # the same where the separations of the table begin at 0 or below
_TOUCHING = 0.3e-9  # m: then it is about this
_KNOWN_NOISE = 0.05  # standard deviation of ln of the noise where the table states it,
_ANY_NOISE = 1.0  # and where it does not
_SECOND = 1.65  # median size of second differences of white noise of variance 1: sqrt(6) / 1.4826
_STUCK = 0.02  # of the last moves of the draws that must be accepted
#: what bands hold
SAID = ("Bands hold white noise about a zero of the force that is right (no level, drift or waves), the shape and the "
        "decay of both parts, and that the zero of the separations is known to a third of the nearest one at best.")
_STAYS = ("The values at the largest separations do not fall off as forces do, not even as 1/z: a level or a drift is "
          "in them. Take it off first; the law's bands do not hold it.")
_TURNS = ("Over the farther half of the data the law attracts and repels, as waves do and forces hardly: take the "
          "waves off first; the law's bands do not hold them.")
_RELATED = ("What the law leaves is no white noise: waves, drift, or a force that no sum of both parts follows. Its "
            "bands do not hold that.")


class _Table(NamedTuple):
    """A table in units of the scales, padded."""

    z: Any  # (point,) from the nearest point,
    y: Any  # (point,)
    relative: Any  # (point,) of the noise's standard deviation
    there: Any  # (point,)
    gap: Any  # of the nearest point, as the table has it
    gap_std: Any
    noise: Any
    noise_std: Any


@verb()
def force_law_of_table(source: str | PathLike[str], *, draws: int = 128, seed: int = 0) -> xr.Dataset:
    """The force law behind a table of forces against separations: short and long range, with bands, extrapolated.

    The default prior of `asperity.learning.gp.force_prior`, whose forces vanish at large separations. The zero of the
    separations and the size of the noise are sampled with the other hyperparameters.

    Args:
        source: a table (see `asperity.data.readers.force_table`).
        draws: of the hyperparameters, an even number.
        seed: of the draws.

    Returns:
        as `asperity.measurements.tip_force.law.force_law`, with one curve whose parts are ``short_range`` and
        ``long_range``.

    Raises:
        ReadError: the table cannot be read, or has no forces.
    """
    data = read_force_table(source)
    if "force" not in data:
        raise Unsupported(source, "it has frequency shifts, not forces.", "force_law_of_frequency_shift is for them.")
    own, first, length, scale = _task(data)
    z, y = data["separation"].values, data["force"].values
    at, count = grid(z), draws + draws % 2
    with jax.enable_x64(True):
        own = jax.tree.map(jnp.asarray, own)
        found = jax.tree.map(np.asarray, _draws(own, jax.random.key(seed), count))
        asked = jnp.concatenate([jnp.asarray((at - first) / length), own.z])
        answer = jax.tree.map(np.asarray, _answers(own, found.theta, asked))
        own = jax.tree.map(np.asarray, own)
    told, seen = answer.mean[:, len(at):, : len(PRIOR.parts)].sum(axis=2).mean(axis=0), own.there > 0
    answer = jax.tree.map(lambda values: values[:, : len(at)], answer)
    noise = float(np.exp(found.theta[:, -1]).mean()) * scale
    law = together(answer.mean * scale, answer.covariance * scale**2, at, length) | {
        "force_std_noise": np.full(len(at), noise), "bin_separation": z, "bin_force": y,
        "bin_baseline": np.zeros(len(z)), "hyperparameter": found.theta}
    single = {"noise_std": noise, "moved": float(found.moved), "scale": scale}
    doubts = [*stays(z, y), *related(((own.y - told) / own.relative)[seen]), *turns(law, z)]
    made = dataset_of(law, single, source, [*doubts, SAID], doubted=bool(doubts))
    step = provenance.step("force_law_of_table", {"source": str(source), "draws": count, "seed": seed}, seed=seed,
                           inputs=[provenance.file_record(Path(source))])
    return provenance.record(made, step)


def dataset_of(law: dict[str, Any], single: dict[str, float], source: str | PathLike[str],
               said: Sequence[str], *, doubted: bool) -> xr.Dataset:
    """The law of one table with what is said of it; its flag is that of what is ``doubted``, or of ``moved``."""
    flag = (Outcome.not_converged if single["moved"] <= _STUCK else Outcome.misfit if doubted else Outcome.converged)
    made = table(xr.Dataset(), [ForceLaw(law, single, flag, "")], {}).drop_vars("problem")
    names = [*PRIOR.parameters, "nearest_separation", "noise"]
    return made.assign_coords(part=list(PRIOR.parts), parameter=names).assign_attrs(
        file=str(source), samples=len(law["bin_separation"]), model=PRIOR.name, assumed="{}", findings=json.dumps(said),
        citations=json.dumps(citations(force_prior, tempering)))


def stays(z: np.ndarray, y: np.ndarray) -> list[str]:
    """That values at the far end of a table fall off more slowly than 1/z, if they do: one sentence or none."""
    third = len(z) // 3
    middle, far = slice(third, len(z) - third), slice(len(z) - third, None)
    place = z - z[0] + _gap(z)
    ratio = float(np.mean(1 / place[far]) / np.mean(1 / place[middle]))
    excess = abs(float(y[far].mean())) - ratio * abs(float(y[middle].mean()))
    doubt = white_noise(y) * np.sqrt((1 + ratio**2) / third)
    return [_STAYS] if excess > _SURE * doubt else []


def turns(law: dict[str, Any], z: np.ndarray) -> list[str]:
    """That the law attracts and repels over the farther half of the data, if it does: one sentence or none."""
    far = (law["separation"] >= (z[0] + z[-1]) / 2) & (law["separation"] <= z[-1])
    return [_TURNS] if (law["force_low"][far] > 0).any() and (law["force_high"][far] < 0).any() else []


def related(rest: np.ndarray) -> list[str]:
    """That what a law leaves is no white noise, if it is none: one sentence or none."""
    alike = float(rest[1:] @ rest[:-1] / max(rest @ rest, 1e-300))
    return [_RELATED] if alike > _SURE / np.sqrt(len(rest)) else []


def _gap(z: np.ndarray) -> float:
    """How far the nearest point of a table is from zero distance, m."""
    return float(z[0]) if z[0] > 0 else min(_TOUCHING, float(np.ptp(z)))


def grid(z: np.ndarray) -> np.ndarray:
    """The separations at which the law is told: those of the table, evenly in their logarithm from the first on."""
    nearest = max(float(np.median(np.diff(z))), float(np.ptp(z)) / 1e3)
    return z[0] - nearest + np.geomspace(nearest, nearest + _BEYOND * z[-1] - z[0], _POINTS)


def _task(data: xr.Dataset) -> tuple[_Table, float, float, float]:
    """The table padded, its first separation, its units of length (m) and force (N); of a long one, `_MOST` means."""
    z, y = data["separation"].values, data["force"].values
    std = data["force_std"].values if "force_std" in data else None
    place = z - z[0] + _gap(z)  # bins as wide as forces allow: in proportion to the separation
    edges = np.arange(len(z) + 1) if len(z) <= _MOST else np.unique(np.concatenate(
        [[0], np.searchsorted(place, np.geomspace(place[0], place[-1], _MOST + 1)[1:-1]), [len(z)]]))
    number = np.diff(edges)
    z, y = (np.add.reduceat(values, edges[:-1]) / number for values in (z, y))
    gap = _gap(z)
    length = float(np.sqrt(gap * (gap + np.ptp(z))))
    scale = max(float(np.sqrt(np.mean(y**2))), 1e-300)
    noise = float(np.median(std)) if std is not None else white_noise(y) * np.sqrt(np.median(number))
    noise = max(noise / scale, _ROUNDING)
    relative = 1 / np.sqrt(number) if std is None else np.sqrt(
        np.add.reduceat(std**2, edges[:-1])) / number / np.median(std)
    size = next(size for size in _SIZES if size >= len(z))

    def padded(values: np.ndarray, fill: float) -> np.ndarray:
        return np.pad(values, (0, size - len(values)), constant_values=fill)

    return _Table(padded((z - z[0]) / length, float((z[-1] - z[0]) / length)), padded(y / scale, 0.0),
                  padded(relative, 1.0), padded(np.ones(len(z)), 0.0), np.log(gap / length),
                  KNOWN_GAP if z[0] > 0 else _ANY_GAP, np.log(noise),
                  _KNOWN_NOISE if std is not None else _ANY_NOISE), float(z[0]), length, scale


def _split(theta: Array, own: _Table) -> tuple[AbstractKernel, Observed]:
    """The kernel and the data of one draw: its last two entries are those of the table."""
    gap, noise = jnp.exp(theta[-2]), jnp.exp(theta[-1])
    return (PRIOR.kernel(theta[:-2], gap),
            Observed(own.z + gap, own.y, (noise * own.relative) ** 2, own.there > 0))


@partial(jax.jit, static_argnums=2)
def _draws(own: _Table, key: Array, draws: int) -> Draws:
    prior = with_table((own.gap, own.gap_std), (own.noise, own.noise_std))
    return tempered(lambda theta: state_space.log_likelihood(*_split(theta, own)), prior, key, draws)


def with_table(gap: tuple[Any, Any], noise: tuple[Any, Any]) -> GaussianPrior:
    """The prior with the nearest separation and the noise of a table: mean and standard deviation of their ln."""
    mean, std = PRIOR.prior
    more = jnp.array([gap, noise])
    return GaussianPrior(jnp.append(mean, more[:, 0]), jnp.append(std, more[:, 1]))


def white_noise(values: np.ndarray) -> float:
    """The standard deviation of white noise on values that change smoothly, by their second differences."""
    return float(np.median(np.abs(np.diff(values, 2)))) / _SECOND


@jax.jit
def _answers(own: _Table, theta: Array, at: Array) -> PartPosterior:
    """The parts and derivatives at ``at`` (from the nearest point), for each draw."""
    order = jnp.argsort(jnp.concatenate([own.z, at]), stable=True)
    place = jnp.argsort(order)[len(own.z):]

    def filled(values: Array, fill: float) -> Array:
        return jnp.concatenate([values, jnp.full(len(at), fill)])[order]

    def one(draw: Array) -> PartPosterior:
        kernel, data = _split(draw, own)
        asked = Observed(jnp.concatenate([data.z, jnp.maximum(at + jnp.exp(draw[-2]), NEAREST)])[order],
                         filled(data.y, 0.0), filled(data.variance, 1.0), filled(own.there, 0.0) > 0)
        return jax.tree.map(lambda row: row[place], state_space.condition(kernel, asked))

    return jax.lax.map(one, theta)

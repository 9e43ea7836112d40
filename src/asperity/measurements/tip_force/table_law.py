"""The force law of a table: of forces against separations, with the prior that lets forces vanish far away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.data import provenance
from asperity.data.readers._errors import Unsupported
from asperity.data.readers.force_table import read_force_table
from asperity.data.verbs import verb
from asperity.learning.gp import force_prior, force_table, tempering
from asperity.learning.gp.force_table import FORCE, GAP, PARAMETERS, ForceTable
from asperity.learning.outcome import Outcome
from asperity.measurements.tip_force.doubts import related, slow, spikes, stays, step, steps, turns, waves
from asperity.measurements.tip_force.law_table import ForceLaw, table, together
from asperity.report.citing import citations
from asperity.report.numbers import measurement

__all__ = ["KNOWN_GAP", "SAID", "beyond", "dataset_of", "force_law_of_table", "grid", "only_told", "told_at",
           "white_noise"]

_POINTS = 120  # of the law,
_BEYOND = 3.0  # to so many times the farthest separation
_SIZES = (64, 256, 512)  # that tables are padded to
_MOST = 512  # points: longer tables become means of so many bins, at most
_ROUNDING = 1e-6  # of the force scale: the least noise
#: standard deviation of ln of the nearest separation, whose zero nobody knows exactly
KNOWN_GAP = 0.3
_ANY_GAP = 1.0  # the same where the separations of the table begin at 0 or below
_TOUCHING = 0.3e-9  # m: then it is about this
_KNOWN_NOISE = 0.05  # standard deviation of ln of the noise where the table states it,
_ANY_NOISE = 1.0  # where it does not,
_ROWS_NOISE = 0.3  # and where thousands of rows show it
_SECOND = 1.65  # median size of second differences of white noise of variance 1: sqrt(6) / 1.4826
_STUCK = 0.02  # of the last moves of the draws that must be accepted
#: what bands hold
SAID = ("Bands hold noise, as large in all rows unless a column states it, also such that follows from row to row, a "
        "level, a tilt and a slow drift of the zero (no waves), the shape and the decay of both parts, and that the "
        "zero of the separations is known to a third of the nearest one at best. Beyond the data they hold forces "
        "that fall about as 1/z^2 (powers of 1.2 to 3.3), not as 1/z, as between charges.")
_TOLD = 2.0  # standard uncertainties, from which a level is said
_RELATED_ROWS = 0.3  # correlation of the noise of neighboring rows, from which it is said


class _Task(NamedTuple):
    """A table for the fit."""

    own: ForceTable
    z: np.ndarray  # (row,) m, of the means
    length: float  # m, its unit,
    scale: float  # and that of forces, N


class _Level(NamedTuple):
    """Level and tilt at the rows of a table, N."""

    mean: np.ndarray
    std: np.ndarray


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
    z, y = data["separation"].values, data["force"].values
    std = data["force_std"].values if "force_std" in data else np.full(len(z), np.nan)
    task, count = _task(z, y, std), draws + draws % 2
    with jax.enable_x64(True):
        own = jax.tree.map(jnp.asarray, task.own)
        found = jax.tree.map(np.asarray, force_table.draws_of(own, jax.random.key(seed), count))
        rest = np.asarray(force_table.standardized(own, found.theta))[task.own.there > 0]
    law, level = _told(task, found.theta, grid(z))
    law |= {"bin_separation": z, "bin_force": y, "bin_std": std, "bin_baseline": np.interp(z, task.z, level.mean),
            "hyperparameter": found.theta}
    power = np.exp(found.theta[:, PARAMETERS.index("exponent")])
    single = {"noise_std": float(law["force_std_noise"][0]), "moved": float(found.moved), "scale": task.scale,
              **_numbers(task, found.theta, level)}
    doubts = [*steps(y, single["noise_std"], "N"), *spikes(rest, task.z), *related(rest), *waves(rest), *stays(law, z),
              *turns(law, z)]
    made = dataset_of(law, single, source, [*doubts, *_in_it(single), *slow(power, "beyond the data"), SAID],
                      doubted=bool(doubts))
    made_by = provenance.step("force_law_of_table", {"source": str(source), "draws": count, "seed": seed}, seed=seed,
                              inputs=[provenance.file_record(Path(source))])
    return provenance.record(made, made_by)


def told_at(one: xr.Dataset, z: np.ndarray) -> dict[str, np.ndarray]:
    """The variables over ``point`` of the law of one table at separations ``z`` (m)."""
    first, force, std = (one[f"bin_{name}"].values for name in ("separation", "force", "std"))
    task, theta = _task(first, force, std), one["hyperparameter"].values
    return only_told(_told(task, theta, z)[0], (z - task.z[0]) / task.length, theta)


def _told(task: _Task, theta: np.ndarray, z: np.ndarray) -> tuple[dict[str, Any], _Level]:
    """The law at separations ``z`` (m), and the baseline at the rows of the task, from all draws together."""
    with jax.enable_x64(True):
        own, at = jax.tree.map(jnp.asarray, task.own), jnp.asarray((z - task.z[0]) / task.length)
        answer = jax.tree.map(np.asarray, force_table.answers(own, jnp.asarray(theta), at))
    law = together(answer.law.mean * task.scale, answer.law.covariance * task.scale**2, z, task.length)
    noise = force_table.total_noise(theta, bool(task.own.stated)) * task.scale
    seen = task.own.there > 0
    level, within = answer.level[:, seen] * task.scale, answer.level_variance[:, seen] * task.scale**2
    return law | {"force_std_noise": np.full(len(z), noise), "extrapolated": beyond(z, task.z)}, _Level(
        level.mean(axis=0), np.sqrt(np.maximum(within, 0).mean(axis=0) + level.var(axis=0)))


def only_told(law: dict[str, Any], at: np.ndarray, theta: np.ndarray) -> dict[str, Any]:
    """The law without what few draws decide: NaN at or behind the zero of any draw, or where the mean leaves the band.

    ``at``: the separations from the nearest point, in the unit of the fit.
    """
    reached = at + np.exp(theta[:, GAP]).min() > 0
    told = reached & (law["force_low"] <= law["force"]) & (law["force"] <= law["force_high"])

    def kept(values: np.ndarray) -> np.ndarray:
        return np.where(told.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)

    return {name: values if name in ("separation", "extrapolated") else kept(values) for name, values in law.items()}


def beyond(z: np.ndarray, there: np.ndarray) -> np.ndarray:
    """1 where the separations ``z`` are nearer or farther than those that are ``there``, else 0."""
    return 1.0 * ((z < there.min()) | (z > there.max()))


def _numbers(task: _Task, theta: np.ndarray, level: _Level) -> dict[str, float]:
    """Level, tilt and the noise's correlation from row to row."""
    return {"level": float(level.mean[-1]), "level_std": float(level.std[-1]),
            "level_change": float(level.mean[-1] - level.mean[0]),
            "noise_correlation": float(force_table.correlation(theta).mean())}


def _in_it(single: dict[str, float]) -> list[str]:
    """What was found beside the force and taken off: sentences."""
    level, std = single["level"], single["level_std"]
    said = []
    if abs(level) > _TOLD * std:
        said.append(f"The zero of the force is off by {measurement(level, 'N', [(std, '')])} at the farthest "
                    "separation; that is taken off.")
    if single["noise_correlation"] > _RELATED_ROWS:
        said.append(f"The noise of neighboring rows is related (correlation {single['noise_correlation']:.2f}); bands "
                    "hold that.")
    return said


def dataset_of(law: dict[str, Any], single: dict[str, float], source: str | PathLike[str],
               said: Sequence[str], *, names: Sequence[str] = PARAMETERS, doubted: bool) -> xr.Dataset:
    """The law of one table with what is said of it; its flag is that of what is ``doubted``, or of ``moved``."""
    flag = (Outcome.not_converged if single["moved"] <= _STUCK else Outcome.misfit if doubted else Outcome.converged)
    made = table(xr.Dataset(), [ForceLaw(law, single, flag, "")], {}).drop_vars("problem")
    return made.assign_coords(part=list(FORCE.parts), parameter=list(names)).assign_attrs(
        file=str(source), samples=len(law["bin_separation"]), model=FORCE.name, assumed="{}", findings=json.dumps(said),
        citations=json.dumps(citations(force_prior, tempering)))


def _gap(z: np.ndarray) -> float:
    """How far the nearest point of a table is from zero distance, m."""
    return float(z[0]) if z[0] > 0 else min(_TOUCHING, float(np.ptp(z)))


def grid(z: np.ndarray) -> np.ndarray:
    """The separations at which the law is told: those of the table, evenly in their logarithm from the first on."""
    nearest = max(float(np.median(np.diff(z))), float(np.ptp(z)) / 1e3)
    return z[0] - nearest + np.geomspace(nearest, nearest + _BEYOND * z[-1] - z[0], _POINTS)


def _task(z: np.ndarray, y: np.ndarray, std: np.ndarray) -> _Task:
    """A table as a task of fixed shape; of a long one means of rows. ``std``: N, NaN where it is not stated."""
    stated, long = bool(np.isfinite(std).all()), len(z) > _MOST
    noise = float(np.median(std)) if stated else white_noise(y)
    place = z - z[0] + _gap(z)  # bins as wide as forces allow: in proportion to the separation
    edges = np.arange(len(z) + 1) if not long else np.unique(np.concatenate(
        [[0], np.searchsorted(place, np.geomspace(place[0], place[-1], _MOST + 1)[1:-1]), [len(z)]]))
    number = np.diff(edges)
    z, y = (np.add.reduceat(values, edges[:-1]) / number for values in (z, y))
    gap = _gap(z)
    length = float(np.sqrt(gap * (gap + np.ptp(z))))
    scale = max(float(np.sqrt(np.mean((y - np.median(y[-(len(y) // 3):])) ** 2))), 1e-300)
    relative = (np.sqrt(np.add.reduceat(std**2, edges[:-1]) / number) / np.median(std) if stated
                else np.ones(len(z)))
    size = next(size for size in _SIZES if size >= len(z))

    def padded(values: np.ndarray, fill: float) -> np.ndarray:
        return np.pad(values.astype(float), (0, size - len(values)), constant_values=fill)

    row = (edges[1:] + edges[:-1] - 1) / 2
    more = row[-1] + np.arange(1, size - len(row) + 1)
    own = ForceTable(padded((z - z[0]) / length, float((z[-1] - z[0]) / length)), padded(y / scale, 0.0),
                     padded(relative, 1.0), padded(number, 1.0), np.concatenate([row, more]),
                     padded(np.ones(len(z)), 0.0), np.log(gap / length), KNOWN_GAP if z[0] > 0 else _ANY_GAP,
                     np.log(max(noise / scale, _ROUNDING)),
                     _KNOWN_NOISE if stated else _ROWS_NOISE if long else _ANY_NOISE, 1.0 * stated)
    return _Task(own, z, length, scale)


def white_noise(values: np.ndarray) -> float:
    """The standard deviation of white noise on values that change smoothly, by their second differences.

    At least that of the rounding to the step in which values come.
    """
    return max(float(np.median(np.abs(np.diff(values, 2)))) / _SECOND, step(values) / np.sqrt(12))

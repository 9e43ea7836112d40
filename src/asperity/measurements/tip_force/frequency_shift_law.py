"""The force law behind a table of frequency shifts (FM-AFM): a posterior, at any amplitude, without an inversion."""

from __future__ import annotations

from collections.abc import Mapping
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
from asperity.learning.gp import dense, frequency_shift, mixture
from asperity.learning.gp._kernel import AbstractKernel
from asperity.learning.gp.dense import LinearRows
from asperity.learning.gp.force_table import (
    FORCE,
    GAP,
    NEAREST,
    PARAMETERS,
    baseline_of,
    noise_of,
    prior_of,
    total_noise,
)
from asperity.learning.gp.hyperparameters import Draws
from asperity.learning.gp.observed import Observed, PartPosterior
from asperity.learning.gp.tempering import tempered
from asperity.learning.sader_jarvis import canceled, ill_posed, inflections, sader_jarvis
from asperity.measurements.tip_force.doubts import related, slow, spikes, stays, steps, turns, waves
from asperity.measurements.tip_force.law_table import together
from asperity.measurements.tip_force.table_law import (
    KNOWN_GAP,
    SAID,
    beyond,
    dataset_of,
    grid,
    only_told,
    white_noise,
)
from asperity.report.numbers import plain

__all__ = ["force_law_of_frequency_shift"]

_NOISE_STD = (0.05, 0.5)  # of ln of the noise where the table states it, and where it does not
_ROUNDING = 1e-6  # of the shifts' size: the least noise
_KNOWN = ("Amplitude, spring constant and resonance frequency are taken as exact; separations are those of closest "
          "approach.")
_ILL = ("At this amplitude the inversion of Sader and Jarvis, drawn as dots, is ill-posed for this law (its test of "
        "inflection points): do not trust the dots.")
_CANCELED = ("The table ends near where repulsion and attraction cancel: there the inversion of Sader and Jarvis, "
             "drawn as dots, is off by up to 12 % of the largest attraction, as it has each of them to 5 %.")


class _Shifts(NamedTuple):
    """Averages of frequency shifts in units of their size, as rows over nodes; lengths from the nearest point."""

    z: Any  # (average,)
    y: Any  # (average,)
    relative: Any  # (average,) standard deviation of the noise of one shift
    rows: Any  # (average,) of which it is the mean
    row: Any  # (average,) the number of the middle one
    at: Any  # (node,)
    weight: Any  # (average, node)
    gap: Any  # ln of the nearest separation,
    noise: Any  # and of the noise, as the table has them
    noise_std: Any
    stated: Any  # 1: of all noise, 0: of the independent one


class _Task(NamedTuple):
    """The shifts for the fit."""

    own: _Shifts
    z: np.ndarray  # (average,) m
    first: float  # m, the nearest closest approach,
    last: float  # and the farthest
    length: float  # m, the unit of separations,
    scale: float  # of forces, N,
    size: float  # and of shifts, Hz


@verb()
def force_law_of_frequency_shift(source: str | PathLike[str], *, amplitude: float | None = None,
                                 spring_constant: float | None = None, resonance_frequency: float | None = None,
                                 draws: int = 128, seed: int = 0) -> xr.Dataset:
    r"""The force law behind frequency shifts against separations, from the linear relation of both.

    $\Delta f / f_0 = -\frac{1}{\pi a k} \int F(z + a(1 + u)) u (1 - u^2)^{-1/2} du$ (see
    `asperity.learning.gp.frequency_shift`), with the prior of `force_law_of_table`. Beside the law stands what the
    inversion of Sader and Jarvis makes of the same shifts.

    Args:
        source: a table (see `asperity.data.readers.force_table`) of closest approaches > 0 and frequency shifts.
        amplitude: m, of the oscillation; the table's if it is not given, as the next two.
        spring_constant: N/m, of the lever.
        resonance_frequency: Hz, of the free lever.
        draws: of the hyperparameters, an even number.
        seed: of the draws.

    Returns:
        as `force_law_of_table`; ``bin_force`` is the inversion of Sader and Jarvis.

    Raises:
        ReadError: the table cannot be read, or says nothing of the amplitude, spring constant or resonance frequency.

    Source: Giessibl, Phys. Rev. B 56, 16010 (1997).
    """
    data = read_force_table(source)
    given = {"amplitude": amplitude, "spring_constant": spring_constant, "resonance_frequency": resonance_frequency}
    lever = _lever(Path(source), data, given)
    z, shift, count = data["separation"].values, data["frequency_shift"].values, draws + draws % 2
    std = data["frequency_shift_std"].values if "frequency_shift_std" in data else np.full(len(z), np.nan)
    if not z[0] > 0:
        raise Unsupported(Path(source), f"its first separation is {z[0]:.3g} m: closest approaches must be positive.",
                          "Add to all what puts the zero near the plane of the surface atoms.")
    task = _task(z, shift, std, lever)
    with jax.enable_x64(True):
        found = jax.tree.map(np.asarray, _draws(task.own, jax.random.key(seed), count))
    law, fit = _told(task, found.theta, grid(z)), _fitted(task, found.theta, z)
    inverted = sader_jarvis(z, (shift - fit["bin_frequency_shift_level"]) / lever["resonance_frequency"],
                            lever["amplitude"], lever["spring_constant"])
    law |= fit | {"bin_separation": z, "bin_baseline": np.zeros(len(z)), "hyperparameter": found.theta,
                  "bin_force": inverted, "bin_frequency_shift": shift, "bin_frequency_shift_std": std}
    noise = total_noise(found.theta, bool(task.own.stated)) * task.size
    single = {"moved": float(found.moved), "scale": task.scale, "frequency_shift_noise_std": noise}
    at, inside = law["separation"], law["separation"] >= z[0]
    bad = ill_posed(inflections(at[inside], law["force"][inside]), lever["amplitude"])
    with jax.enable_x64(True):
        rest = np.asarray(_standardized(task.own, found.theta))
    doubts = [*steps(shift, noise, "Hz"), *spikes(rest, task.z), *related(rest), *waves(rest), *stays(law, z),
              *turns(law, z), *slow(np.exp(found.theta[:, PARAMETERS.index("exponent")]), "at all separations")]
    level = float(fit["bin_frequency_shift_level"][-1])
    off = f"; a level of {plain(level, 'Hz', 2)} at the last one is taken off" if abs(level) > noise else ""
    said = [*doubts, f"The noise of the frequency shifts is {plain(noise, 'Hz', 2)}{off}.", *([_ILL] if bad else []),
            *([_CANCELED] if canceled(law["force"][inside]) else []), _KNOWN, SAID]
    made = dataset_of(law, single, source, said, doubted=bool(doubts)).assign_attrs(observed="frequency_shift", **lever)
    arguments = {"source": str(source), **{name: value for name, value in given.items() if value is not None},
                 "draws": count, "seed": seed}
    return provenance.record(made, provenance.step("force_law_of_frequency_shift", arguments, seed=seed,
                                                   inputs=[provenance.file_record(Path(source))]))


def told_at(one: xr.Dataset, z: np.ndarray) -> dict[str, np.ndarray]:
    """The variables over ``point`` of the law of one table of frequency shifts at separations ``z`` (m)."""
    first, shift, std = (one[f"bin_{name}"].values
                         for name in ("separation", "frequency_shift", "frequency_shift_std"))
    task, theta = _task(first, shift, std, one.attrs), one["hyperparameter"].values
    return only_told(_told(task, theta, z), (z - task.first) / task.length, theta)


def _told(task: _Task, theta: np.ndarray, z: np.ndarray) -> dict[str, Any]:
    """The law at separations ``z`` (m), from all draws together."""
    with jax.enable_x64(True):
        at = jnp.asarray((z - task.first) / task.length)
        answer = jax.tree.map(np.asarray, _answers(task.own, jnp.asarray(theta), at))
    law = together(answer.mean * task.scale, answer.covariance * task.scale**2, z, task.length)
    return law | {"extrapolated": beyond(z, np.array([task.first, task.last]))}


def _fitted(task: _Task, theta: np.ndarray, z: np.ndarray) -> dict[str, Any]:
    """The frequency shifts that the law has, with their bands of 95 %, and the level beside them, at separations z."""
    with jax.enable_x64(True):
        found = jax.tree.map(np.asarray, _of_shifts(task.own, jnp.asarray(theta)))
    mean, std = found.mean * task.size, np.sqrt(np.maximum(found.variance, 0.0)) * task.size
    low, high = (mixture.quantile(mean, std, end) for end in (0.025, 0.975))
    columns = {"fit": mean.mean(axis=0), "fit_low": low, "fit_high": high,
               "fit_std": np.sqrt(mean.var(axis=0) + (std**2).mean(axis=0)),
               "level": found.noise.mean(axis=0) * task.size}
    return {f"bin_frequency_shift_{name}": np.interp(z, task.z, values) for name, values in columns.items()}


def _lever(path: Path, data: xr.Dataset, given: dict[str, float | None]) -> dict[str, float]:
    """What was given, or else what the table says."""
    if "frequency_shift" not in data:
        raise Unsupported(path, "it has forces, not frequency shifts.", "force_law_of_table is for them.")
    known = {name: float(data.attrs.get(name, np.nan) if value is None else value) for name, value in given.items()}
    if lacking := [name for name, value in known.items() if not value > 0]:
        raise Unsupported(path, f"a frequency shift needs the lever's {', '.join(lacking).replace('_', ' ')}.",
                          "Give --amplitude, --spring-constant and --frequency, or write lines such as "
                          "'# amplitude = 0.3 nm' before the table.")
    return known


def _task(z: np.ndarray, shift: np.ndarray, std: np.ndarray, lever: Mapping[str, Any]) -> _Task:
    """The shifts (Hz) as a task; ``std`` is NaN where it is not stated."""
    a, k, frequency = (float(lever[name]) for name in ("amplitude", "spring_constant", "resonance_frequency"))
    length, centered = float(np.sqrt(z[0] * z[-1])), shift - np.median(shift[-(len(z) // 3):])
    size = max(float(np.sqrt(np.mean(centered**2))), 1e-300)
    scale = size / frequency * k * (2 * length + a * np.sqrt(a / length))
    average = frequency_shift.averaging(z)
    rows = frequency_shift.rows(z / length, a / length, k * length / scale, average)
    stated = bool(np.isfinite(std).all())
    noise = max(float(np.median(std)) if stated else white_noise(shift), _ROUNDING * size)
    relative = np.sqrt((average > 0) @ std**2 / (average > 0).sum(axis=1)) / np.median(std) if stated else np.ones(
        len(average))
    own = _Shifts(average @ (z - z[0]) / length, average @ shift / size, relative, (average > 0).sum(axis=1) * 1.0,
                  average @ np.arange(len(z)), np.asarray(rows.at) - z[0] / length,
                  np.asarray(rows.weight) * frequency / size, np.log(z[0] / length), np.log(noise / size),
                  _NOISE_STD[not stated], 1.0 * stated)
    with jax.enable_x64(True):
        return _Task(jax.tree.map(jnp.asarray, own), average @ z, float(z[0]), float(z[-1]), length, float(scale), size)


def _split(theta: Array, own: _Shifts) -> tuple[AbstractKernel, Observed, LinearRows]:
    """The kernel, the data and their rows of one draw."""
    gap = jnp.exp(theta[GAP])
    variance, slow = noise_of(theta, own)
    flat, tilted, bent = baseline_of(theta, (own.row[0], own.row[-1]))
    data = Observed(own.z + gap, own.y, variance, jnp.ones(own.y.shape, bool), own.row, flat + tilted + bent + slow)
    return FORCE.kernel(theta[:GAP], gap), data, LinearRows(own.at + gap, own.weight)


@partial(jax.jit, static_argnums=2)
def _draws(own: _Shifts, key: Array, draws: int) -> Draws:
    prior = prior_of((own.gap, KNOWN_GAP), (own.noise, own.noise_std))
    return tempered(lambda theta: dense.log_likelihood(*_split(theta, own)), prior, key, draws)


@jax.jit
def _answers(own: _Shifts, theta: Array, at: Array) -> PartPosterior:
    """The parts and derivatives at ``at`` (from the nearest point), for each draw."""

    def one(draw: Array) -> PartPosterior:
        kernel, data, rows = _split(draw, own)
        return dense.condition(kernel, data, jnp.maximum(at + jnp.exp(draw[GAP]), NEAREST), rows)

    return jax.lax.map(one, theta)


@jax.jit
def _of_shifts(own: _Shifts, theta: Array) -> dense.FittedValues:
    """The shifts of the law, for each draw."""
    return jax.lax.map(lambda draw: dense.fitted(*_split(draw, own)), theta)


@jax.jit
def _standardized(own: _Shifts, theta: Array) -> Array:
    """What each shift departs from its prediction by those before it, by the most likely of the draws."""
    value = jax.lax.map(lambda draw: dense.log_likelihood(*_split(draw, own)), theta)
    return dense.innovations(*_split(theta[jnp.argmax(value)], own))

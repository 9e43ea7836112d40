"""The force law behind a table of frequency shifts (FM-AFM): a posterior, at any amplitude, without an inversion."""

from __future__ import annotations

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
from asperity.learning.gp import dense, frequency_shift
from asperity.learning.gp._kernel import AbstractKernel
from asperity.learning.gp.dense import LinearRows
from asperity.learning.gp.hyperparameters import Draws
from asperity.learning.gp.observed import Observed, PartPosterior
from asperity.learning.gp.tempering import tempered
from asperity.learning.sader_jarvis import ill_posed, inflections, sader_jarvis
from asperity.measurements.tip_force.law_table import together
from asperity.measurements.tip_force.table_law import (
    KNOWN_GAP,
    NEAREST,
    PRIOR,
    SAID,
    dataset_of,
    grid,
    stays,
    turns,
    white_noise,
    with_table,
)

__all__ = ["force_law_of_frequency_shift"]

_NOISE_STD = (0.05, 0.5)  # of ln of the noise where the table states it, and where it does not
_ROUNDING = 1e-6  # of the shifts' size: the least noise
_KNOWN = ("Amplitude, spring constant and resonance frequency are taken as exact; separations are those of closest "
          "approach.")
_ILL = ("At this amplitude the inversion of Sader and Jarvis, drawn as dots, is ill-posed for this law (its test of "
        "inflection points): do not trust the dots.")


class _Shifts(NamedTuple):
    """Averages of frequency shifts in units of their size, as rows over nodes; lengths from the nearest point."""

    z: Any  # (average,)
    y: Any  # (average,)
    variance: Any  # (average,) of unit noise
    at: Any  # (node,)
    weight: Any  # (average, node)
    gap: Any  # ln of the nearest separation,
    noise: Any  # and of the noise, as the table has them
    noise_std: Any


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
    own, length, scale, size = _task(Path(source), data, lever)
    z, count = data["separation"].values, draws + draws % 2
    at = grid(z)
    with jax.enable_x64(True):
        own = jax.tree.map(jnp.asarray, own)
        found = jax.tree.map(np.asarray, _draws(own, jax.random.key(seed), count))
        answer = jax.tree.map(np.asarray, _answers(own, found.theta, jnp.asarray((at - z[0]) / length)))
    shift = data["frequency_shift"].values / lever["resonance_frequency"]
    law = together(answer.mean * scale, answer.covariance * scale**2, at, length) | {
        "bin_separation": z, "bin_baseline": np.zeros(len(z)), "hyperparameter": found.theta,
        "bin_force": sader_jarvis(z, shift, lever["amplitude"], lever["spring_constant"])}
    single = {"moved": float(found.moved), "scale": scale}
    noise = float(np.exp(found.theta[:, -1]).mean()) * size * lever["resonance_frequency"]
    bad = ill_posed(inflections(at[at >= z[0]], law["force"][at >= z[0]]), lever["amplitude"])
    doubts = [*stays(z, shift), *turns(law, z)]
    said = [*doubts, f"The noise of the frequency shifts is {noise:.2g} Hz.", *([_ILL] if bad else []), _KNOWN, SAID]
    made = dataset_of(law, single, source, said, doubted=bool(doubts)).assign_attrs(observed="frequency_shift", **lever)
    arguments = {"source": str(source), **{name: value for name, value in given.items() if value is not None},
                 "draws": count, "seed": seed}
    return provenance.record(made, provenance.step("force_law_of_frequency_shift", arguments, seed=seed,
                                                   inputs=[provenance.file_record(Path(source))]))


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


def _task(path: Path, data: xr.Dataset, lever: dict[str, float]) -> tuple[_Shifts, float, float, float]:
    """The shifts with the units of length (m) and force (N), and their size."""
    z, shift = data["separation"].values, data["frequency_shift"].values / lever["resonance_frequency"]
    if not z[0] > 0:
        raise Unsupported(path, f"its first separation is {z[0]:.3g} m: closest approaches must be positive.",
                          "Add to all what puts the zero near the plane of the surface atoms.")
    length, size = float(np.sqrt(z[0] * z[-1])), max(float(np.sqrt(np.mean(shift**2))), 1e-300)
    a = lever["amplitude"]
    scale = size * lever["spring_constant"] * (2 * length + a * np.sqrt(a / length))
    average = frequency_shift.averaging(z)
    rows = frequency_shift.rows(z / length, a / length, lever["spring_constant"] * length / scale, average)
    std = (data["frequency_shift_std"].values / lever["resonance_frequency"] if "frequency_shift_std" in data else
           None)
    noise = max(float(np.median(std)) if std is not None else white_noise(shift), _ROUNDING * size)
    relative = np.ones(len(z)) if std is None else std / np.median(std)
    return _Shifts(average @ (z - z[0]) / length, average @ shift / size, average**2 @ relative**2,
                   np.asarray(rows.at) - z[0] / length, np.asarray(rows.weight) / size, np.log(z[0] / length),
                   np.log(noise / size), _NOISE_STD[std is None]), length, float(scale), size


def _split(theta: Array, own: _Shifts) -> tuple[AbstractKernel, Observed, LinearRows]:
    """The kernel, the data and their rows of one draw."""
    gap = jnp.exp(theta[-2])
    data = Observed(own.z + gap, own.y, jnp.exp(2 * theta[-1]) * own.variance, jnp.ones(own.y.shape, bool))
    return PRIOR.kernel(theta[:-2], gap), data, LinearRows(own.at + gap, own.weight)


@partial(jax.jit, static_argnums=2)
def _draws(own: _Shifts, key: Array, draws: int) -> Draws:
    prior = with_table((own.gap, KNOWN_GAP), (own.noise, own.noise_std))
    return tempered(lambda theta: dense.log_likelihood(*_split(theta, own)), prior, key, draws)


@jax.jit
def _answers(own: _Shifts, theta: Array, at: Array) -> PartPosterior:
    """The parts and derivatives at ``at`` (from the nearest point), for each draw."""

    def one(draw: Array) -> PartPosterior:
        kernel, data, rows = _split(draw, own)
        return dense.condition(kernel, data, jnp.maximum(at + jnp.exp(draw[-2]), NEAREST), rows)

    return jax.lax.map(one, theta)

"""The virtual instrument: a force map of a heterogeneous specimen whose every number is known.

`virtual_map` brings together a contact model, a specimen (`Specimen`), a lever that snaps in and
pulls off (`asperity.virtual.lever`) and realistic noise (`Noise`) into a dataset of the same
schema as a measured one, with the truth beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.contact import JKR, AbstractContactModel
from asperity.data.curves import validate
from asperity.data.verbs import verb
from asperity.learning.outcome import Outcome
from asperity.messages import ArgumentError
from asperity.quantities import variable_attributes
from asperity.virtual.lever import Equilibria, equilibria, follow
from asperity.virtual.noise import Instrument, Noise, baseline_noise, correlated, waviness
from asperity.virtual.specimen import Specimen, properties

__all__ = ["FAULTS", "Instrument", "Noise", "Specimen", "baseline_noise", "virtual_map"]

#: the faults that can be asked for by name: the tip never touches; the detector's range ends below the
#: setpoint; the curve begins in contact
FAULTS = (Outcome.no_contact, Outcome.saturated, Outcome.contact_out_of_range)

_DIMS = ("curve", "segment", "sample")


@dataclass(frozen=True)
class _Ramp:
    """Sample counts, the deepest depth and the sampled depths u = surface - height of all curves."""

    counts: np.ndarray  # (curves, 2)
    depth: np.ndarray  # (curves, 2, samples), NaN-padded
    step: float  # m


@dataclass(frozen=True)
class _Draws:
    """The random numbers of each curve, (curves,), and the generators that go on to draw its noise."""

    generators: list[np.random.Generator]
    start: np.ndarray
    overshoot: np.ndarray
    fault: np.ndarray
    severity: np.ndarray
    phase: np.ndarray
    offset: np.ndarray  # standard normal, as the next two
    tilt: np.ndarray
    chirp: np.ndarray


@verb()
def virtual_map(*, rows: int = 64, columns: int = 64, samples: int = 512,
                model: AbstractContactModel | None = None, instrument: Instrument | None = None,
                specimen: Specimen | None = None, noise: Noise | None = None, seed: int = 0) -> xr.Dataset:
    r"""A force map with known truth, in the schema of `asperity.data.curves` (approach and retract).

    Every sample is a quasi-static equilibrium $k d = F(\delta)$, $\delta = c - (z + d)$, of the lever
    and the model of that place; the lever snaps in and pulls off where the equilibrium turns
    unstable. The approach ends at the first sample at or above the setpoint. The recorded signal is

    $$d_{rec} = d + o + \beta\,(z - c) + \text{stochastic noise} + \text{waviness}(z),
      \qquad F_{rec} = k\, d_{rec}$$

    so offset and tilt are those of the optical path (virtual deflection, which depends on the height).

    Args:
        rows, columns: of the map; pixels are square, the width is ``specimen.size``.
        samples: of the retract segment; the approach has 95 to 100 % of it.
        model: the template; the specimen varies its ``modulus`` and ``work_of_adhesion``. Default: a
            sphere-like JKR contact (R = 5 um, E = 10 kPa, w = 0.1 mJ/m^2).
        instrument, specimen, noise: see there; ``Instrument(faults={"no_contact": 0.01})`` spoils curves
            with a probability per name in `FAULTS`. Defaults are a soft lever on a soft specimen in water;
            ``Noise.silent()`` and ``Specimen.uniform()`` switch off what disturbs.
        seed: of everything random. The noise of a curve depends on (seed, row, column, samples) and the
            instrument, the specimen at (x, y) on the seed; neither depends on the size of the map.

    Returns:
        ``height``, ``deflection``, ``force``, ``time`` (curve, segment, sample), and per curve
        ``true_modulus`` and every other fitted field of the model; ``true_contact_point``, the
        *recorded* tip position (height + deflection) of the undeformed surface, c + o;
        ``true_surface_height``, c itself; ``true_baseline_offset`` k o (N, at the contact point),
        ``true_baseline_tilt`` k beta (N/m), ``true_pull_off_force`` (N, largest attraction on this lever),
        ``true_inclusion``, ``true_outcome`` (converged or the fault). Attributes hold all settings.

    Raises:
        ValueError: fewer than 16 samples, an unknown fault, or a setpoint out of the model's reach.
    """
    if samples < 16:
        raise ArgumentError(f"samples = {samples}: a segment needs at least 16")
    model = _default_model() if model is None else model
    instrument, specimen, noise = instrument or Instrument(), specimen or Specimen(), noise or Noise()
    row, column = (index.ravel() for index in np.indices((rows, columns)))
    pitch = specimen.size / columns
    place = {"row": row, "column": column, "x": (column + 0.5) * pitch, "y": (row + 0.5) * pitch}
    local = properties(place["x"], place["y"], specimen=specimen, seed=seed)
    values = _values(model, local)
    table = _equilibria(model, values, instrument)
    draws = _draw(seed, row, column)
    outcome = _outcomes(draws.fault, instrument.faults)
    ramp = _ramp(table, samples, _ramp_length(model, instrument), draws, outcome)
    sampled = _record(table, ramp, local["topography"], draws, instrument, noise, outcome)
    truth = _truth(table, local, draws, instrument, noise, outcome)
    coords = _coords(place, ramp.counts, instrument, seed)
    settings = _settings(model, {"instrument": instrument, "specimen": specimen, "noise": noise})
    return validate(xr.Dataset({**sampled, **truth}, coords, {**settings, "seed": seed}))


def _default_model() -> AbstractContactModel:
    with jax.enable_x64(True):
        return JKR(radius=jnp.asarray(5e-6), modulus=jnp.asarray(1e4), work_of_adhesion=jnp.asarray(1e-4))


def _equilibria(model: AbstractContactModel, values: dict[str, np.ndarray],
                instrument: Instrument) -> Equilibria:
    return equilibria(model, values, spring_constant=instrument.spring_constant, setpoint=instrument.setpoint)


def _values(model: AbstractContactModel, local: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The fitted fields of the model at every place: (curves,) each."""
    ones = np.ones(local["topography"].shape)
    return {name: float(getattr(model, name)) * local.get(name, ones) for name in model.fitted}


def _ramp_length(model: AbstractContactModel, instrument: Instrument) -> float:
    """The height range: as asked for, or 2.5 times the range in contact of the template (m)."""
    if instrument.ramp is not None:
        return instrument.ramp
    values = {name: np.array([float(getattr(model, name))]) for name in model.fitted}
    table = _equilibria(model, values, instrument)
    return 2.5 * float(table.trigger_depth[0] - min(table.depth[0].min(), 0.0))


def _draw(seed: int, row: np.ndarray, column: np.ndarray) -> _Draws:
    generators = [np.random.default_rng([seed, 104729, int(i), int(j)]) for i, j in zip(row, column)]
    uniform = np.array([g.uniform(size=5) for g in generators]).T
    normal = np.array([g.standard_normal(3) for g in generators]).T
    start, overshoot, fault, severity, turn = uniform
    offset, tilt, chirp = normal
    return _Draws(generators, start, overshoot, fault, severity, 2 * math.pi * turn, offset, tilt, chirp)


def _outcomes(draw: np.ndarray, faults: Mapping[str, float]) -> np.ndarray:
    """Each curve's `Outcome`: converged, or a fault with the probability asked for."""
    known = {fault.name: fault for fault in FAULTS}
    if not set(faults) <= set(known) or sum(faults.values()) > 1 or min(faults.values(), default=0) < 0:
        raise ArgumentError(f"faults are probabilities of {list(known)}, at most 1 in sum; got {dict(faults)}")
    outcome = np.full(draw.shape, int(Outcome.converged))
    edge = 0.0
    for name, probability in faults.items():
        outcome[(draw >= edge) & (draw < edge + probability)] = int(known[name])
        edge += probability
    return outcome


def _ramp(table: Equilibria, samples: int, length: float, draws: _Draws, outcome: np.ndarray) -> _Ramp:
    """Where the base is at every sample, one step apart: down to the trigger, then back up."""
    step = length / (samples - 1)
    turn = table.trigger_depth + draws.overshoot * step
    gap = np.maximum(-table.depth.min(axis=1), np.maximum(-table.jump_in, 0.0)) + step
    turn = np.where(outcome == Outcome.no_contact, -gap - 0.1 * length * draws.severity, turn)
    start = np.full(turn.shape, samples) - np.floor(0.05 * samples * draws.start).astype(int)
    counts = np.stack([start, np.full(turn.shape, samples)], axis=1)
    touching = np.maximum((0.4 + 0.4 * draws.severity) * table.trigger_depth / step, 2).astype(int)
    touching = np.minimum(touching, samples)
    cut = outcome == Outcome.contact_out_of_range
    counts[cut] = touching[cut, None]
    index = np.arange(samples)
    above = np.stack([counts[:, :1] - 1 - index, np.broadcast_to(index + 1, (len(turn), samples))], axis=1)
    depth = np.where(index < counts[..., None], turn[:, None, None] - step * above, np.nan)
    return _Ramp(counts, depth, step)


def _record(table: Equilibria, ramp: _Ramp, surface: np.ndarray, draws: _Draws, instrument: Instrument,
            noise: Noise, outcome: np.ndarray) -> dict[str, xr.Variable]:
    """What the instrument stores: time, height, deflection, force, each (curve, segment, sample)."""
    approach, retract = (follow(table, ramp.depth[:, i], approach=i == 0)[1] for i in (0, 1))
    deflection = np.stack([approach, retract], axis=1) / instrument.spring_constant
    height = surface[:, None, None] - ramp.depth
    deflection += _disturbance(ramp, height, draws, instrument, noise)
    deflection = np.minimum(deflection, _detector_limit(draws, instrument, noise, outcome)[:, None, None])
    if noise.resolution:
        deflection = noise.resolution * np.round(deflection / noise.resolution)
    time = np.where(np.isnan(height), np.nan, _order(ramp.counts, height.shape) / instrument.sampling_rate)
    force = instrument.spring_constant * deflection
    channels = {"time": time, "height": height, "deflection": deflection, "force": force}
    return {name: xr.Variable(_DIMS, data, variable_attributes(name)) for name, data in channels.items()}


def _detector_limit(draws: _Draws, instrument: Instrument, noise: Noise, outcome: np.ndarray) -> np.ndarray:
    """The largest deflection (m) the detector can show: infinite, or 40 to 80 % of the setpoint's."""
    largest = (0.4 + 0.4 * draws.severity) * instrument.setpoint / instrument.spring_constant
    return np.where(outcome == Outcome.saturated, noise.offset * draws.offset + largest, np.inf)


def _order(counts: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The number of each sample within its curve, from 0: the retract goes on where the approach ends."""
    order = np.broadcast_to(np.arange(shape[2]), shape).copy()
    order[:, 1] += counts[:, :1]
    return order


def _disturbance(ramp: _Ramp, height: np.ndarray, draws: _Draws, instrument: Instrument,
                 noise: Noise) -> np.ndarray:
    """Stochastic noise, waviness, offset and tilt: m of deflection, (curve, segment, sample)."""
    total = ramp.depth.shape[1] * ramp.depth.shape[2]
    rows = correlated(total, noise=noise, instrument=instrument, generators=draws.generators)
    order = _order(ramp.counts, height.shape).reshape(len(rows), -1)
    stochastic = np.take_along_axis(rows, order, axis=1).reshape(height.shape)
    chirp = draws.chirp / (ramp.step * ramp.depth.shape[2])
    wave = waviness(height.reshape(len(rows), -1), noise=noise, phase=draws.phase, chirp=chirp)
    optical = noise.offset * draws.offset[:, None, None] - noise.tilt * draws.tilt[:, None, None] * ramp.depth
    return stochastic + wave.reshape(height.shape) + optical


def _truth(table: Equilibria, local: dict[str, np.ndarray], draws: _Draws, instrument: Instrument,
           noise: Noise, outcome: np.ndarray) -> dict[str, xr.Variable]:
    """The truth of every curve as variables ``true_...`` (curve,)."""
    offset = noise.offset * draws.offset
    known = {
        **table.values,
        "contact_point": local["topography"] + offset,
        "baseline_offset": instrument.spring_constant * offset,
        "baseline_tilt": instrument.spring_constant * noise.tilt * draws.tilt,
        "pull_off_force": table.pull_off_force,
    }
    truth = {f"true_{name}": xr.Variable("curve", data, variable_attributes(name))
             for name, data in known.items()}
    surface_attributes = {"units": "m", "long_name": "height of the undeformed surface", "symbol": "c"}
    flags = sorted({Outcome.converged, *FAULTS})
    outcome_attributes = {"long_name": "what is wrong with the curve", "flag_values": [int(f) for f in flags],
                          "flag_meanings": " ".join(f.name for f in flags)}
    truth["true_surface_height"] = xr.Variable("curve", local["topography"], surface_attributes)
    truth["true_inclusion"] = xr.Variable("curve", local["inclusion"].astype(np.int8),
                                          {"long_name": "1 in a disc or fiber, 0 in the matrix"})
    truth["true_outcome"] = xr.Variable("curve", outcome.astype(np.int8), outcome_attributes)
    return truth


def _coords(place: dict[str, np.ndarray], counts: np.ndarray, instrument: Instrument,
            seed: int) -> dict[str, Any]:
    """The identity coordinates of the schema."""
    count = len(counts)

    def same(value: Any) -> tuple[str, np.ndarray]:
        return "curve", np.full(count, value)

    calibration = {name: (*same(getattr(instrument, name)), variable_attributes(name))
                   for name in ("spring_constant", "sensitivity")}
    positions = {name: ("curve", place[name], variable_attributes(name)) for name in ("x", "y")}
    return {
        "curve": np.arange(count),
        "segment": np.array(["approach", "retract"]),
        "sample_count": (_DIMS[:2], counts.astype(np.int64)),
        "file": same("virtual"),
        "curve_in_file": ("curve", np.arange(count)),
        "session": same(f"virtual-{seed}"),
        **calibration, **positions,
        "row": ("curve", place["row"].astype(np.int64)),
        "column": ("curve", place["column"].astype(np.int64)),
    }


def _settings(model: AbstractContactModel, groups: dict[str, Any]) -> dict[str, Any]:
    """All settings, flat: numbers (or short lists) that a NetCDF attribute can hold."""
    names = (*model.fitted, *model.fixed)
    flat: dict[str, Any] = {f"model_{name}": float(getattr(model, name)) for name in names}
    for group, settings in groups.items():
        flat |= {f"{group}_{name}": value for name, value in asdict(settings).items()}
    flat |= {f"instrument_fault_{name}": value for name, value in flat.pop("instrument_faults").items()}
    flat = {name: list(value) if isinstance(value, tuple) else value for name, value in flat.items()}
    kept = {name: value for name, value in flat.items() if value is not None}
    return {"instrument": "asperity virtual instrument", "model": type(model).__name__, **kept}

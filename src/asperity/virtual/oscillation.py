"""Oscillatory indentation by the virtual instrument: force curves with sine segments whose E*(f) is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.signal import lfilter

from asperity.contact import AbstractElasticContact
from asperity.data.curves import Curves, to_dataset
from asperity.rheology._model import AbstractRelaxationModel
from asperity.rheology.oscillatory_contact import DampedLever, contact_slope

__all__ = ["Recording", "virtual_oscillations"]

_CREEP_TIME = 0.3  # s, in which the height's drift halves its speed


class Recording(NamedTuple):
    """How the virtual instrument records."""

    frequencies: tuple[float, ...] = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # Hz
    periods: int = 16
    samples_per_period: int = 64
    amplitude: float = 1e-8  # m, of the height
    indentation: float = 8e-7  # m
    lag: float = 0.0  # s by which the recorded height lags the true one
    noise: float = 5e-10  # m, of the deflection; the height has a tenth of it
    correlation: float = 0.7  # of successive samples of that noise
    drift: float = 2e-9  # m, by which the height creeps per e-fold of time


def virtual_oscillations(contact: AbstractElasticContact, material: AbstractRelaxationModel, lever: DampedLever,
                         recording: Recording | None = None, *, curves: int = 1, seed: int = 0) -> xr.Dataset:
    """Force curves with an approach, one sine segment per frequency, and a retract, as `asperity.read` returns them.

    The force obeys the linearized contact with the material's E*(w), and the lever's drag, mass and base share; in
    approach and retract the contact is elastic with the storage modulus at the lowest frequency. The coordinates
    ``true_storage_modulus`` and ``true_loss_modulus`` (modulation) are the truth. The attribute
    ``modulation_frequency`` names the frequencies in the order of the segments.
    """
    how = recording or Recording()
    with jax.enable_x64(True):
        found = jax.vmap(material.complex_modulus)(2 * np.pi * jnp.asarray(how.frequencies))
    truth = np.asarray(found, complex)
    generators = [np.random.default_rng([seed, curve]) for curve in range(curves)]
    parts = [_segments(contact, truth, lever, how, rng) for rng in generators]
    names = ["modulation" if k == 0 else f"modulation_{k + 1}" for k in range(len(how.frequencies))]
    counts = np.array([[len(segment["time"]) for segment in curve] for curve in parts])

    def channel(name: str):
        return lambda curve: [segment[name] for segment in parts[curve]]

    recorded = Curves(("approach", *names, "retract"), counts,
                   {name: channel(name) for name in ("time", "height", "deflection")}, "virtual oscillations",
                   spring_constant=lever.spring_constant, sensitivity=5e-8,
                   attrs={"modulation_frequency": list(how.frequencies)})
    units = {"units": "Pa"}
    return to_dataset(recorded, "virtual").assign_coords(
        true_storage_modulus=("modulation", np.real(truth), units),
        true_loss_modulus=("modulation", np.imag(truth), units))


def _segments(contact: AbstractElasticContact, truth: np.ndarray, lever: DampedLever, how: Recording,
              rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """The approach, the oscillations and the retract of one curve."""
    ramp = _ramp(contact, float(np.real(truth[0])), lever, how)
    segments, start = [_noisy(ramp, how, rng)], ramp["time"][-1]
    base = ramp["height"][-1], ramp["deflection"][-1]
    begin = start
    for frequency, modulus in zip(how.frequencies, truth, strict=True):
        time = begin + np.arange(how.periods * how.samples_per_period) / (how.samples_per_period * frequency)
        height, deflection = _wave(contact, complex(modulus), lever, how, frequency)
        creep = how.drift * np.log1p((time - start) / _CREEP_TIME)
        wave = np.exp(2j * np.pi * frequency * time)
        late = np.exp(-2j * np.pi * frequency * how.lag)
        segments.append(_noisy({"time": time, "height": base[0] + creep + (height * late * wave).real,
                                "deflection": base[1] - creep + (deflection * wave).real}, how, rng))
        begin = time[-1] + 1 / (how.samples_per_period * frequency)
    back = {name: values[::-1] for name, values in ramp.items()}
    return [*segments, _noisy(back | {"time": begin + ramp["time"]}, how, rng)]


def _ramp(contact: AbstractElasticContact, modulus: float, lever: DampedLever, how: Recording) -> dict[str, np.ndarray]:
    """An elastic approach: time, height and deflection, the surface at a tip position of 0."""
    depth = np.linspace(-3 * how.indentation, how.indentation, 1200)
    with jax.enable_x64(True):
        shape = np.asarray(jax.vmap(contact.shape)(jnp.asarray(depth)))
    deflection = modulus / (1 - float(contact.poisson_ratio) ** 2) * shape / lever.spring_constant
    return {"time": np.arange(len(depth)) / 2e3, "height": -depth - deflection, "deflection": deflection}


def _wave(contact: AbstractElasticContact, modulus: complex, lever: DampedLever, how: Recording,
          frequency: float) -> tuple[complex, complex]:
    """Amplitudes of true height and deflection: the force balance of `contact_stiffness` solved for the latter."""
    stiffness = modulus / (1 - float(contact.poisson_ratio) ** 2) * float(contact_slope(contact, how.indentation))
    omega = 2 * np.pi * frequency
    liquid = 1j * omega * lever.drag - omega**2 * lever.mass
    pull = lever.spring_constant + stiffness + (1 - lever.base_share) * liquid
    return how.amplitude, -how.amplitude * (stiffness + liquid) / pull


def _noisy(segment: dict[str, Any], how: Recording, rng: np.random.Generator) -> dict[str, np.ndarray]:
    white = rng.standard_normal((2, len(segment["time"]) + 100))
    settled = np.asarray(lfilter([1.0], [1.0, -how.correlation], white, axis=1))[:, 100:]
    noise = np.sqrt(1 - how.correlation**2) * settled
    return segment | {"height": segment["height"] + 0.1 * how.noise * noise[0],
                      "deflection": segment["deflection"] + how.noise * noise[1]}

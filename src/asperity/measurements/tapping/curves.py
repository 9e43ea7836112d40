"""Amplitude and phase curves of a simulated tip: against the height, or against the frequency of the drive."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.data import provenance
from asperity.data.jobs import Progress
from asperity.data.results import flag_attributes, gravest
from asperity.data.verbs import verb
from asperity.dynamics import cantilever, oscillation
from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.frequency_modulation import bent
from asperity.dynamics.oscillation import Drive, Motion, SteadyOscillation, at_rest, free_motion, moved_to, steady
from asperity.dynamics.tip_force import TipForce
from asperity.measurements.tapping.claims import claims
from asperity.measurements.tapping.setup import Setup, setup
from asperity.messages import ArgumentError, number, shown
from asperity.report.citing import citations

__all__ = ["USUAL_AMPLITUDE", "USUAL_HEIGHTS", "Settling", "tapping"]

_STEPS = 512  # of a period; the amplitude is then right to some 1e-4 of the free one, and what it is off is told
_COARSER = (256, 192)  # steps, whose larger change tells that; one alone may agree by chance,
_SAFE = 2.0  # times it: once held 87 % of the errors of peak forces, and 90 % of those of amplitudes
_LARGEST = 1e-3  # m, of an amplitude or height: no lever swings so far
#: m, free
USUAL_AMPLITUDE = 10e-9
#: of the free amplitude, the usual sweep: from far in to where the tip is free
USUAL_HEIGHTS = (0.2, 1.2)
_BAND = 1.5  # widths of the resonance (f/Q) to both sides, the usual sweep of frequencies at least,
_AMPLITUDES = 64  # at which the shift is worked out that widens it,
_MARGIN = 0.1  # of which so much is added to it: the shift is one of first order
_WIDEST = 10.0  # times the first resonance, the largest frequency of a drive
_LEAST = 1e-2  # times the first resonance, the smallest
#: how a point begins that does not begin with the motion of another
_STARTS = ("free", "rest")
#: variable -> (unit, meaning)
_TOLD = {
    "amplitude": ("m", "amplitude of the tip at the frequency of the drive"),
    "phase": ("rad", "by which the tip lags behind the drive"),
    "deflection": ("m", "mean deflection"),
    "peak_force": ("N", "largest force on the tip, positive if it repels"),
    "mean_force": ("N", "mean force on the tip"),
    "virial": ("J", "mean of force times deflection, both less their means"),
    "dissipation": ("J", "energy that the sample takes up in one period"),
    "contact_time": ("1", "share of the time in contact"),
    "nearest": ("m", "least distance of the surfaces, negative in contact"),
}
#: of these is told by how much they change with fewer steps
_CHECKED = ("amplitude", "phase", "peak_force", "dissipation")


class Settling(IntEnum):
    """The flag of one point of a sweep."""

    settled = 0
    grazing = 1  # the tip just touches: amplitude and phase hold, their derivatives may not
    unsettled = 2  # still changing after 60 times of decay: the numbers are those of a passing state


class _Sweep(NamedTuple):
    """Where an oscillation is told: there, back, and at each place begun from the free motion and from rest."""

    name: str  # height or frequency
    values: np.ndarray  # (point,), ascending
    other: float  # that of height and frequency which stays

    @property
    def ways(self) -> tuple[str, ...]:
        return (*(("approach", "retraction") if self.name == "height" else ("rising", "falling")), *_STARTS)

    @property
    def order(self) -> np.ndarray:
        """Indices of the values in the order of the way there and back."""
        there = np.arange(len(self.values))
        return np.concatenate([there[::-1], there] if self.name == "height" else [there, there[::-1]])

    def at(self, index: int) -> tuple[float, float]:
        """Height and frequency."""
        value = float(self.values[index])
        return (value, self.other) if self.name == "height" else (self.other, value)


@verb()
def tapping(sample: str | Mapping[str, Any] = "hertz", *, lever: Mapping[str, float] | None = None,
            amplitude: float = USUAL_AMPLITUDE, heights: tuple[float, float] | None = None,
            frequencies: tuple[float | None, float | None] | None = None, height: float | None = None, points: int = 31,
            progress: Progress | None = None) -> xr.Dataset:
    """The oscillation of a driven tip over a sample, simulated: down and up again, or over frequencies and back.

    On both ways each point begins with the motion of the one before, so that a branch is followed to its end. Because
    a branch may be on neither, each point is also begun from the free motion and from rest. Where any two differ, two
    oscillations are stable; that there is no third is not shown.

    Args:
        sample: a contact model's name, or ``{"name": "hertz", "radius": 1e-8, "modulus": 1e9, ...}`` with the inputs of
            that model, and ``hamaker`` (J), ``cutoff`` (m), ``viscosity`` (Pa s); see
            `asperity.dynamics.tip_force.TipForce`.
        lever: ``spring_constant`` (N/m), ``frequency`` (Hz), ``quality``, and ``modes``, how many of a uniform beam.
        amplitude: m, of the free lever at the frequency of its first mode.
        heights: m, the smallest and the largest distance of the undeflected tip from the sample; by default 0.2 and 1.2
            times the amplitude.
        frequencies: Hz, the smallest and the largest; then the sweep is over the frequency, at one ``height``. None for
            either: as far as the oscillation bends the resonance (`bent`), and 1.5 widths of it at least.
        height: m, of a sweep over frequencies.
        points: of each sweep.
        progress: called with (finished points, all points).

    Returns:
        over ``sweep`` (there, back, free, rest) and ``height`` or ``frequency``: amplitude, phase and what a lock-in
        amplifier shows besides; ``_error`` of some, twice by how much they change with half of the steps or fewer;
        ``flag``, of points that have not settled or graze; and the attribute ``findings``.

    Raises:
        ArgumentError: an input that there is not, or that cannot be.

    Source: Garcia, San Paulo, Phys. Rev. B 60, 4961 (1999).
    """
    with jax.enable_x64(True):
        made = setup(sample, lever)
    number("amplitude", amplitude, above=0.0, most=_LARGEST, unit="m")
    sweep = _sweep(made, amplitude, heights, frequencies, height, points)
    with jax.enable_x64(True):
        found, rough = _followed(made, amplitude, sweep, progress)
    table = _table(sweep, found, rough)
    arguments = {"sample": sample, "lever": dict(lever) if lever else None, "amplitude": amplitude,
                 "heights": heights, "frequencies": frequencies, "height": height, "points": points}
    about = {**{name: value for name, value in made.named.items() if value is not None}, "free_amplitude": amplitude,
             "taken": json.dumps(made.taken), "steps": _STEPS,
             "citations": json.dumps(citations(type(made.force.contact), TipForce, tapping, cantilever, Cantilever,
                                               oscillation))}
    if height is not None:
        about["height_of_sweep"] = height
    table = table.assign_attrs(about)
    return provenance.record(table.assign_attrs(findings=json.dumps(claims(table))),
                             provenance.step("tapping", arguments))


def _sweep(made: Setup, amplitude: float, heights: Any, frequencies: Any, height: float | None, points: int) -> _Sweep:
    """Where the oscillation is asked for.

    Raises:
        ArgumentError: in the sample, too far, or both kinds of sweeps.
    """
    first = made.named["frequency"]
    if frequencies is None and height is None:
        low, high = tuple(part * amplitude for part in USUAL_HEIGHTS) if heights is None else heights
        number("heights", low, above=0.0, most=_LARGEST, unit="m")
        number("heights", high, above=0.0, most=_LARGEST, unit="m")
        return _Sweep("height", np.linspace(low, high, points), first)
    if heights is not None:
        raise ArgumentError("heights: a sweep is over heights or, at one height, over frequencies; leave out heights, "
                            "or frequencies and height")
    if height is None:
        raise ArgumentError("height = None: a sweep over frequencies is at one height above the sample; give it, in m")
    number("height", height, above=0.0, most=_LARGEST, unit="m")
    if frequencies is not None and len(frequencies) != 2:
        raise ArgumentError(f"frequencies = {shown(frequencies)}: must be two numbers, the smaller first; None for "
                            "either is where the resonance over the sample ends")
    low, high = (None, None) if frequencies is None else frequencies
    if low is None or high is None:
        usual = _usual_band(made, amplitude, height)
        low, high = usual[0] if low is None else low, usual[1] if high is None else high
    for value in (low, high):
        number("frequencies", value, least=_LEAST * first, most=_WIDEST * first, unit="Hz")
    if not low < high:
        raise ArgumentError(f"frequencies: the lowest, {low:.6g} Hz, must be below the highest, {high:.6g} Hz; one "
                            "that is not given is where the resonance over the sample ends")
    return _Sweep("frequency", np.linspace(low, high, points), height)


def _usual_band(made: Setup, amplitude: float, height: float) -> tuple[float, float]:
    """The smallest and the largest frequency (Hz) between which the resonance bends, with its jumps.

    The jumps lie near where the shift by the sample is least and largest of all amplitudes up to the free one.
    """
    first, width = made.named["frequency"], made.named["frequency"] / made.named["quality"]
    with jax.enable_x64(True):
        amplitudes = amplitude * np.arange(1, _AMPLITUDES + 1) / _AMPLITUDES
        shifts = first * np.asarray(bent(made.lever, made.force, height, amplitudes))
    low = min(-_BAND * width, shifts.min() - width)
    high = max(_BAND * width, (1 + _MARGIN) * shifts.max() + width)
    return max(first + low, _LEAST * first), min(first + high, _WIDEST * first)


@functools.partial(jax.jit, static_argnames="steps")
def _settle(lever: Cantilever, drive: Drive, force: TipForce, height: Any, start: Motion,
            steps: int) -> SteadyOscillation:
    return steady(lever, drive, force, height, start, steps=steps)


_moved = jax.jit(moved_to)
_resting = jax.jit(at_rest)


def _followed(made: Setup, amplitude: float, sweep: _Sweep, progress: Progress | None
              ) -> tuple[list[SteadyOscillation], list[list[SteadyOscillation]]]:
    """The oscillations, sweep by sweep over ascending values, and what each of them becomes with fewer steps."""
    drive = Drive.at_resonance(made.lever, amplitude)
    at = [Drive(drive.force, jnp.asarray(sweep.at(index)[1])) for index in range(len(sweep.values))]
    count, free = len(sweep.values), free_motion(made.lever)
    found: dict[int, SteadyOscillation] = {}
    rough: dict[int, list[SteadyOscillation]] = {}
    motion, before = free, at[sweep.order[0]]
    for done in range(4 * count):
        if progress:
            progress(done, 4 * count)
        way, index = done // count, int(sweep.order[done]) if done < 2 * count else done % count
        start = (_moved(motion, made.lever, before, at[index]) if way < 2 else
                 free if way == 2 else _resting(made.lever, at[index]))
        what = made.lever, at[index], made.force, jnp.asarray(sweep.at(index)[0])
        one = _settle(*what, start, _STEPS)
        motion, before = one.motion, at[index]
        found[way * count + index] = jax.tree.map(np.asarray, one)
        rough[way * count + index] = [jax.tree.map(np.asarray, _settle(*what, motion, steps)) for steps in _COARSER]
    if progress:
        progress(4 * count, 4 * count)
    return [found[i] for i in range(4 * count)], [rough[i] for i in range(4 * count)]


def _table(sweep: _Sweep, found: list[SteadyOscillation], rough: list[list[SteadyOscillation]]) -> xr.Dataset:
    shape = (len(sweep.ways), len(sweep.values))

    def ordered(values: Any) -> np.ndarray:
        return np.asarray(values, float).reshape(shape)

    dims = ("sweep", sweep.name)
    told = {name: (dims, ordered([getattr(one, name) for one in found]),
                   {"units": unit, "long_name": meaning, "ancillary_variables": "flag"})
            for name, (unit, meaning) in _TOLD.items()}
    for name in _CHECKED:
        off = [told[name][1] - ordered([getattr(one[i], name) for one in rough]) for i in range(len(_COARSER))]
        off = [np.angle(np.exp(1j * one)) for one in off] if name == "phase" else off
        told[f"{name}_error"] = (dims, _SAFE * np.abs(off).max(axis=0), {
            "units": _TOLD[name][0],
            "long_name": f"numerical error of the {name}: twice its change with half or three eighths of the steps"})
        told[name][2]["ancillary_variables"] = f"{name}_error flag"
    flag = gravest({Settling.grazing: ordered([one.grazing for one in found]) > 0,
                    Settling.unsettled: ordered([~one.settled for one in found]) > 0})
    told["flag"] = (dims, flag, flag_attributes(Settling, "whether the oscillation has settled"))
    unit = "m" if sweep.name == "height" else "Hz"
    meaning = "distance of the undeflected tip from the sample" if unit == "m" else "frequency of the drive"
    return xr.Dataset(told, {"sweep": list(sweep.ways),
                             sweep.name: (sweep.name, sweep.values, {"units": unit, "long_name": meaning})})

"""The force of records of a lever whose constants are known, with what is not known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from asperity.dynamics.force_recovery import Recovered, TappedLever, TappingRecord, recover_force
from asperity.measurements.time_series.damage import dominant_period
from asperity.measurements.time_series.files import Series
from asperity.messages import ArgumentError, shown
from asperity.report.numbers import plain

__all__ = ["KNOWN", "NEEDED", "Recovery", "component", "contradictions", "dominant", "known_of", "lever_of", "ranging",
           "recovered", "size_of", "uncertain_of"]

#: what a force cannot be told without
NEEDED = ("spring_constant", "resonance_frequency", "quality")
#: what may be said of a lever -> what is taken where nobody says it; None: nothing
KNOWN = {"spring_constant": None, "resonance_frequency": None, "quality": None, "free_amplitude": None,
         "drive_frequency": None, "height": 0.0, "temperature": 295.0, "spring_constant_std": 0.0,
         "resonance_frequency_std": 1e-3, "quality_std": 0.05, "drive_std": 0.05, "drive_phase_std": 0.05,
         "height_std": 0.0}
_ANY_PHASE = 0.5  # rad, of a drive that was not recorded
_OFFSET = 0.1  # of the stroke: standard deviation of the zero of the deflection
_FARTHEST = 4.0  # standard uncertainties, by which the record may differ from what is given,
_TOGETHER = 18.5  # and the sum of their squares: what four numbers exceed once in a thousand;
_NOTED = 2.0  # then these are named
_PER_PERIOD = 64  # samples of a period are used, about: more are thinned out
_MOST = 16384  # samples in all; what comes later is left out
_PARTS = 8  # of a record, at most, whose amplitudes are compared


class Recovery(NamedTuple):
    """A recovered force with what was used."""

    law: Recovered
    periods: float
    cut: bool  # whether the end of the records was left out
    driven: str  # where the drive came from
    uncertain: str  # the standard uncertainties of its constants
    against: tuple[str, ...]  # what of the lever the record contradicts
    ranging: float  # by how much the lower turning point moves, over the largest amplitude


def recovered(series: Sequence[Series], lever: Mapping[str, float]) -> Recovery:
    """The force of these records.

    Raises:
        ArgumentError: what is said of the lever is not enough. DataError: see `recover_force`.
    """
    said = known_of(lever)
    interval = series[0].interval
    if any(abs(one.interval / interval - 1) > 1e-6 for one in series):
        raise ArgumentError("lever: records with different sampling rates have no force in common; give them one at a "
                            "time")
    told = lever_of(series, said)
    every = max(int(1 / (interval * told.frequency) / _PER_PERIOD), 1)
    most = _MOST * every // len(series)
    height = said["height"] if not series[0].of_tip else float(series[0].deflection.mean())
    records = [_record(one, told, said, height if one.of_tip else 0.0, slice(0, most, every)) for one in series]
    law = recover_force(records, told, height, height_std=said["height_std"])
    used = sum(len(one.drive) for one in records) * every * interval * told.frequency
    words = _driven(series, said) if any(one.drive is None for one in series) else "of the record"
    uncertain = uncertain_of(told) + (f", height {plain(said['height_std'], 'm')}" if said["height_std"] else "")
    return Recovery(law, used, any(len(one.deflection) > most for one in series), words, uncertain,
                    contradictions(law.departures, told), ranging([record.seen[:, 0] for record in records]))


def known_of(lever: Mapping[str, float]) -> dict[str, Any]:
    """What is said of a lever, and what is taken where nobody says it.

    Raises:
        ArgumentError: what a force needs is not said.
    """
    said = {**KNOWN, **lever}
    if lacking := [name for name in NEEDED if said[name] is None]:
        raise ArgumentError(f"lever = {shown(dict(lever))}: for the force {' and '.join(lacking)} must be known, too; "
                            "a motion alone is modeled without any of them")
    return said


def lever_of(series: Sequence[Series], said: Mapping[str, Any]) -> TappedLever:
    """The lever of these records."""
    stroke = max(float(np.ptp(one.deflection)) for one in series)
    free = any(one.drive is None for one in series)
    return TappedLever(said["spring_constant"], said["resonance_frequency"], said["quality"],
                       said["spring_constant_std"], said["resonance_frequency_std"], said["quality_std"],
                       said["drive_std"], max(said["drive_phase_std"], _ANY_PHASE * free), _OFFSET * stroke,
                       said["temperature"])


def ranging(deflections: Sequence[np.ndarray]) -> float:
    """How far the lower turning point moves in the records, over the largest amplitude."""
    lowest, largest = [], 0.0
    for one in deflections:
        rate = 2 * np.pi * dominant(one, 1.0)
        parts = int(np.clip(len(one) * rate / (4 * np.pi), 1, _PARTS))  # of two periods at least
        for part in np.array_split(one, parts):
            angle = rate * np.arange(len(part))
            columns = np.stack([np.ones(len(part)), np.cos(angle), np.sin(angle)], axis=1)
            mean, cosine, sine = np.linalg.lstsq(columns, part, rcond=None)[0]
            amplitude = float(np.hypot(cosine, sine))
            lowest.append(float(mean) - amplitude)
            largest = max(largest, amplitude)
    return float(np.ptp(lowest)) / max(largest, 1e-300)


def _driven(series: Sequence[Series], said: Mapping[str, Any]) -> str:
    """Where a drive that was not recorded is sought."""
    if said["drive_frequency"]:
        return f"not recorded, sought at {said['drive_frequency']:.6g} Hz"
    at = next(dominant(one.deflection, one.interval) for one in series if one.drive is None)
    return (f"not recorded, sought at {at:.6g} Hz, where the deflection is strongest (a motion that settles beats: "
            "give --drive-frequency, if you know it)")


def _limits(told: TappedLever) -> dict[str, tuple[float, str]]:
    """Standard uncertainties of what the record tells, too, and their units."""
    return {"quality": (told.quality_std, "1"), "frequency": (told.frequency_std, "1"),
            "drive": (told.drive_std, "1"), "drive_phase": (told.drive_phase_std, "rad")}


def uncertain_of(told: TappedLever) -> str:
    """The standard uncertainties of its constants, in words."""
    return ", ".join(f"{name.replace('_', ' ')} {_share(*limit)}" for name, limit in _limits(told).items())


def contradictions(departures: Mapping[str, tuple[float, float]], told: TappedLever) -> tuple[str, ...]:
    """What of the lever is found farther from what was given than its uncertainty allows, alone or together."""
    limits = {name: limit for name, limit in _limits(told).items() if name in departures and limit[0] > 0}
    away = {name: abs(departures[name][0]) / std for name, (std, _) in limits.items()}
    together = sum(one**2 for one in away.values()) > _TOGETHER
    return tuple(f"{name.replace('_', ' ')} {departures[name][0] * (100 if unit == '1' else 1):+.3g} "
                 f"{'%' if unit == '1' else unit} from what was given, ± {_share(std, unit)}"
                 for name, (std, unit) in limits.items() if away[name] > (_NOTED if together else _FARTHEST))


def _share(value: float, unit: str) -> str:
    return f"{100 * value:.3g} %" if unit == "1" else f"{value:.3g} {unit}"


def _record(one: Series, lever: TappedLever, said: Mapping[str, Any], height: float,
            use: slice) -> TappingRecord:
    """The samples in use."""
    drive = _drive(one, lever, said)[use]
    channels = [one.deflection - height]
    if one.velocity is not None:
        channels.append(one.velocity / (2 * np.pi * lever.frequency))
    return TappingRecord(np.stack(channels, axis=1)[use], drive, one.interval * (use.step or 1))


def _drive(one: Series, lever: TappedLever, said: Mapping[str, Any]) -> np.ndarray:
    """The drive over the stiffness, m."""
    if one.drive is not None and one.drive_unit == "N":
        return one.drive / lever.stiffness
    amplitude = size_of(one, said)
    frequency = said["drive_frequency"] or dominant(one.deflection if one.drive is None else one.drive, one.interval)
    ratio = frequency / lever.frequency
    size = amplitude * abs(1 - ratio**2 + 1j * ratio / lever.quality)
    phase = 2 * np.pi * frequency * one.interval * np.arange(len(one.deflection))
    if one.drive is not None:
        return one.drive * size / abs(component(one.drive, phase))
    seen = component(one.deflection, phase)
    lag = np.arcsin(min(abs(seen) / amplitude, 1.0))
    return size * np.cos(phase + np.angle(seen) + lag)


def size_of(one: Series, said: Mapping[str, Any]) -> float:
    """The free amplitude, m.

    Raises:
        ArgumentError: nobody says it.
    """
    if said["free_amplitude"] is None:
        why = "the drive is in volts" if one.drive is not None else "no drive was recorded"
        raise ArgumentError(f"lever: {why}: give the free_amplitude of the lever, which tells the size of the drive")
    return said["free_amplitude"]


def component(values: np.ndarray, phase: np.ndarray) -> complex:
    """The complex amplitude at this phase, by least squares with a constant."""
    columns = np.stack([np.cos(phase), -np.sin(phase), np.ones(len(phase))], axis=1)
    real, imaginary, _ = np.linalg.lstsq(columns, values, rcond=None)[0]
    return complex(real, imaginary)


def dominant(values: np.ndarray, interval: float) -> float:
    """Hz, the frequency of the largest line."""
    return 1 / (dominant_period(values) * interval)

"""The contact law of settled motions, and what there is to say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from asperity.contact import AbstractElasticContact
from asperity.dynamics.force_recovery import TappedLever
from asperity.dynamics.settled_law import SettledLaw, SettledRecord, settled_law
from asperity.dynamics.settled_motion import phase_rate
from asperity.learning.outcome import Outcome
from asperity.measurements.time_series.files import Series
from asperity.measurements.time_series.recovery import (
    component,
    contradictions,
    dominant,
    known_of,
    lever_of,
    ranging,
    size_of,
    uncertain_of,
)
from asperity.messages import DataError
from asperity.report.numbers import count_of, plain, spread

__all__ = ["REPEATS", "judged", "repeats", "settled"]

#: of the amplitude, by which the lower turning point must move: below it every period is the same one
REPEATS = 0.01
_UNLIKELY = 1e-3  # probability of a larger chi-square, below which the law is not that of the record
_TOLD = 10.0  # times the lower end, at which the upper end of a modulus may be that is told
_GIVEN = 4.0  # standard uncertainties, by which a viscosity may be below 0
_STEEP = 0.5  # of the tip's radius: depth from which a paraboloid is no sphere
_WIDE = 1.96  # standard deviations to the ends of 95 %
_FAR = 30.0  # times the resonance: a drive is within, but for slow ones of large strokes
_LARGER = 2.0  # times the free amplitude, from which an amplitude is no effect of a sample
_MOST = 131072  # samples of a record: what comes later is left out
_FITTED = ("The motion repeats itself. One path does not tell a force that may be anything at every distance, but it "
           "tells a law: the harmonics of {periods} are fitted by the motion of this lever over this tip, with an "
           "attraction that falls off with the distance, and a viscosity. Drive {driven}. The errors hold noise, "
           "thermal motion, any height of the sample, and the standard uncertainties of the lever: {uncertain}. The "
           "tip is taken as given: such a record does not tell a cone from a sphere.")
_EXACT = ("The spring constant is taken to be exact: a share by which it is wrong is one of the modulus. Give "
          "--spring-constant-std, for example 10%.")
_MISFIT = ("No modulus: the harmonics are not those of this law (chi-square {chi:.4g}, {degrees} degrees of freedom). "
           "Another shape of the tip, a sample whose force depends on its history, a layer, other modes of the lever, "
           "or a drive that is no sine?")
_UNTOLD = ("The record does not tell the modulus{ends}. It is told by how long and how deep the tip is in contact: "
           "lower the setpoint, record longer or with less noise, or give records at several amplitudes at once.")
_AGAINST = ("No modulus: the record contradicts what is said of the lever: {}. Correct the constants, or give larger "
            "uncertainties (--quality-std and its like; lever in Python).")
_DEEP = "The tip goes {depth} deep, more than half of its radius: a paraboloid is no sphere there; try --model sphere."


def repeats(series: Sequence[Series]) -> bool:
    """Whether each motion is a settled one."""
    return all(ranging([one.deflection]) < REPEATS for one in series)


def settled(series: Sequence[Series], lever: Mapping[str, float],
            model: AbstractElasticContact) -> tuple[dict[str, Any], list[str], Outcome]:
    """Variables of the result, what is said of them, and how it ended.

    Raises:
        ArgumentError: what is said of the lever is not enough.
    """
    said = known_of(lever)
    told = lever_of(series, said)
    height = said["height"] if not series[0].of_tip else float(series[0].deflection.mean())
    records = [_record(one, said, height * one.of_tip) for one in series]
    try:
        law = settled_law(records, told, model, height_std=said["height_std"] if series[0].of_tip else None)
    except DataError as error:
        why = f"No modulus of this settled motion: {error}"
        return {}, [why + "." * (not why.endswith("?")), *_units(records, told)], Outcome.not_converged
    driven = "of the record" if all(one.drive is not None for one in series) else (
        f"not recorded, taken at {records[0].rate / (2 * np.pi * records[0].interval):.7g} Hz")
    periods = count_of(round(sum(one.periods for one in law.harmonics)), "period")
    words = [_FITTED.format(periods=periods, driven=driven, uncertain=uncertain_of(told))]
    words += [] if "spring_constant_std" in lever else [_EXACT]
    words += [f"The end of a record was left out: {_MOST} samples are used."] if any(
        len(one.deflection) > _MOST for one in series) else []
    doubts, outcome = judged(law, contradictions(law.values, told))
    made = _fit(law) | _harmonics(law)
    if outcome == Outcome.converged or outcome == Outcome.bound_hit:  # of a law that is refused nothing is told
        made |= _law(law, height) | _modulus(law, 1 - float(model.poisson_ratio) ** 2,
                                             told=outcome == Outcome.converged)
    more = _deep(law, model) if outcome == Outcome.converged else _units(records, told)
    return made, [*words, *doubts, *more], outcome


def _record(one: Series, said: Mapping[str, Any], height: float) -> SettledRecord:
    """Its samples with the drive, as a force or by the free amplitude."""
    deflection = one.deflection[:_MOST] - height
    shown = deflection if one.drive is None else one.drive[:_MOST]
    given = said["drive_frequency"] if one.drive is None else None
    frequency = given or dominant(shown, one.interval)
    rate = phase_rate(shown, 2 * np.pi * frequency * one.interval)
    phase = rate * np.arange(len(deflection))
    if one.drive is not None:
        seen = component(shown, phase)
        if one.drive_unit == "N":
            return SettledRecord(deflection, seen / said["spring_constant"], True, rate, one.interval)
        return SettledRecord(deflection, size_of(one, said) * seen / abs(seen), False, rate, one.interval)
    amplitude, seen = size_of(one, said), component(deflection, phase)
    lag = np.arcsin(min(abs(seen) / amplitude, 1.0))
    return SettledRecord(deflection, amplitude * seen / abs(seen) * np.exp(1j * lag), False, rate, one.interval)


def _units(records: Sequence[SettledRecord], told: TappedLever) -> list[str]:
    """Where a record is so far from the lever that a unit may be wrong."""
    said = []
    for one in records:
        frequency = one.rate / (2 * np.pi * one.interval)
        ratio = frequency / told.frequency
        if not 1 / _FAR < ratio < _FAR:
            said.append(f"The drive is at {plain(frequency, 'Hz')}, {ratio:.2g} times the resonance of the lever: are "
                        "the units of time and --frequency right?")
        size = abs(component(one.deflection, one.rate * np.arange(len(one.deflection))))
        free = abs(one.drive) / (abs(1 - ratio**2 + 1j * ratio / told.quality) if one.of_force else 1.0)
        if size > _LARGER * free:
            said.append(f"Its amplitude, {plain(size, 'm')}, is {size / free:.2g} times that of the free lever under "
                        f"this drive, {plain(free, 'm')}: are the units of deflection and drive, and "
                        "--spring-constant, right?")
    return list(dict.fromkeys(said))


def judged(law: SettledLaw, against: Sequence[str]) -> tuple[list[str], Outcome]:
    """What speaks against the law."""
    viscosity, doubt = law.values["viscosity"]
    against = [*against, *([f"the sample gives energy to it (a viscosity of {viscosity:.3g} ± {doubt:.2g} Pa s)"]
                           if viscosity < -_GIVEN * doubt else [])]
    if not law.settled:
        return ["No modulus: the fit of the harmonics did not come to its end."], Outcome.not_converged
    wrong = [_MISFIT.format(chi=law.chi_square, degrees=law.degrees)] if law.probability < _UNLIKELY else []
    wrong += [_AGAINST.format("; ".join(against))] if against else []
    if wrong:
        return wrong, Outcome.misfit
    if not law.modulus_high < _TOLD * law.modulus_low:
        return [_UNTOLD.format(ends=_one_end(law))], Outcome.bound_hit
    return [], Outcome.converged


def _one_end(law: SettledLaw) -> str:
    """What there is of an interval, in words; reduced moduli."""
    low, high = law.modulus_low, law.modulus_high
    if low > 0 and np.isfinite(high):
        return f": E/(1 - ν²) is anything from {spread(low, high, 'Pa')} (95 %)"
    if low > 0:
        return f": E/(1 - ν²) is {plain(low, 'Pa', 2)} at least (95 %), and may be anything above"
    return f": E/(1 - ν²) is {plain(high, 'Pa', 2)} at most (95 %)" if np.isfinite(high) else " at all"


def _deep(law: SettledLaw, model: AbstractElasticContact) -> list[str]:
    depth = -float(law.distance[0])
    radius = float(getattr(model, "radius", np.inf))
    return [_DEEP.format(depth=plain(depth, "m", 2))] if model.paraboloid and depth > _STEEP * radius else []


def _variable(dims: tuple[str, ...] | str, values: Any, unit: str, meaning: str) -> tuple[Any, Any, dict[str, str]]:
    return dims, values, {"units": unit, "long_name": meaning}


def _modulus(law: SettledLaw, plane: float, *, told: bool) -> dict[str, Any]:
    """The modulus with its interval; ``plane``: 1 - the square of Poisson's ratio."""
    made = {"modulus_low": _variable((), plane * law.modulus_low, "Pa", "lower end of the modulus's 95 %"),
            "modulus_high": _variable((), plane * law.modulus_high, "Pa", "upper end of the modulus's 95 %")}
    if not told:
        return made
    std = _variable((), plane * law.modulus_std, "Pa", "its standard uncertainty, by the width of its interval")
    return {"modulus": _variable((), plane * law.modulus, "Pa", "modulus by the harmonics of a settled motion"),
            "modulus_std": std, **made}


def _law(law: SettledLaw, height: float) -> dict[str, Any]:
    """The force over the distance, and what it is made of beside the modulus."""
    std = np.sqrt(np.maximum(np.diag(law.covariance), 0.0))
    point, point_std = law.contact_points[0]
    made = {"distance": _variable("point", law.distance + height + point, "m",
                                  "distance of the tip; the zero is that of the height"),
            "tip_force": _variable("point", law.force, "N", "force at the tip"),
            "tip_force_std": _variable("point", std, "N", "its standard uncertainty"),
            "tip_force_low": _variable("point", law.force - _WIDE * std, "N", "lower end of 95 %"),
            "tip_force_high": _variable("point", law.force + _WIDE * std, "N", "upper end of 95 %"),
            "tip_force_covariance": _variable(("point", "point_"), law.covariance, "N^2", "covariance of the force"),
            "contact_point": _variable((), height + point, "m", "distance at which contact begins"),
            "contact_point_std": _variable((), point_std, "m", "its standard uncertainty")}
    pull, pull_std = law.values["pull"]
    names = {"contact_attraction": (-pull, pull_std, "N", "attraction in contact"),
             "attraction_range": (*law.values["range"], "m", "distance over which it falls to a quarter"),
             "viscosity": (*law.values["viscosity"], "Pa s", "viscosity on the radius of contact")}
    for name, (value, spare, unit, meaning) in names.items():
        made[name] = _variable((), value, unit, meaning)
        made[f"{name}_std"] = _variable((), spare, unit, "its standard uncertainty")
    return made


def _fit(law: SettledLaw) -> dict[str, Any]:
    """How well the law fits, and how far the constants of the lever are from what was given."""
    made = {"detector_noise": _variable((), law.harmonics[0].noise, "m", "noise of the deflection, standard deviation"),
            "chi_square": _variable((), law.chi_square, "1", "of the harmonics and of what was known before"),
            "degrees_of_freedom": _variable((), law.degrees, "1", "of chi-square")}
    units = {"drive_phase": "rad", "offset": "m"}
    for name in ("quality", "frequency", "drive", "stiffness", "drive_phase", "offset"):
        value, spare = law.values[name]
        made[f"{name}_departure"] = _variable((), value, units.get(name, "1"), f"{name}: found less given")
        made[f"{name}_departure_std"] = _variable((), spare, units.get(name, "1"), "its standard uncertainty")
    return made


def _harmonics(law: SettledLaw) -> dict[str, Any]:
    """Measured and fitted harmonics of each record, complex amplitudes as real and imaginary part."""
    most = max(one.largest for one in law.harmonics)
    rows = np.full((5, len(law.harmonics), most + 1), np.nan)
    for i, (one, shown) in enumerate(zip(law.harmonics, law.foretold, strict=True)):
        for row, values in zip(rows[:, i], (one.values, one.values, shown, shown, one.std), strict=True):
            row[: one.largest + 1] = values[: one.largest + 1]
        for row, values in ((rows[1, i], one.values), (rows[3, i], shown)):
            row[: one.largest + 1] = [0.0, *(-values[one.largest + 1:])]
    words = ("deflection at multiples of the drive's frequency, real part", "its imaginary part",
             "that of the law, real part", "its imaginary part", "standard uncertainty of a measured part")
    names = ("harmonic_real", "harmonic_imaginary", "harmonic_fitted_real", "harmonic_fitted_imaginary", "harmonic_std")
    return {name: _variable(("record", "harmonic"), values, "m", meaning)
            for name, values, meaning in zip(names, rows, words, strict=True)}

"""Spring constant and deflection sensitivity of a cantilever."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from os import PathLike
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from asperity.data import calibrations as calibration
from asperity.data import provenance
from asperity.data.calibrations import Calibration, CalibrationError
from asperity.data.readers.thermal_spectra import open_spectrum
from asperity.data.results import IDENTITY, flag_attributes, gravest
from asperity.data.verbs import verb
from asperity.instrument import calibration as thermal_calibration
from asperity.instrument.calibration_methods import Lever, Number, Surroundings
from asperity.instrument.hydrodynamics import air, water
from asperity.instrument.sensitivity import Sensitivity, about_bend, straight_sensitivity
from asperity.instrument.spring_constant import Estimate, Known
from asperity.instrument.thermal import spectral_density
from asperity.instrument.yielding import Yielding, unyielding
from asperity.learning.outcome import Outcome
from asperity.measurements.calibration.record import calibration_of, constant, curves_of
from asperity.measurements.force_curves.correct import curves as curves_with
from asperity.measurements.force_curves.over_curves import over_curves
from asperity.measurements.force_curves.read import Paths
from asperity.messages import DataError, known_keys, one_of
from asperity.quantities import QUANTITIES
from asperity.report.numbers import measurement

__all__ = ["sensitivity", "spring_constant"]

_FLUIDS = {"air": air, "water": water}
_BATCH = 64  # curves of a chunk: some seconds of work
_BEND = tuple(f"bend_{name}" for name in Yielding._fields)
_UNTOLD = 0.5  # standard error of a curve's bend, beyond which curves tell nothing, however many
_PLAUSIBLE = (1e-4, 1e4)  # N/m, of levers: softer and stiffer ones are an error of units
_METHODS = ("equipartition", "sader", "coefficient")


@verb(spectrum="power", sensitivity="calibration")
def spring_constant(spectrum: str | PathLike[str] | xr.Dataset, *, lever: Mapping[str, float] | None = None,
                    fluid: str | None = None, temperature: float | None = None,
                    sensitivity: Calibration | float | None = None, band: tuple[float, float] | None = None,
                    method: str | None = None) -> xr.Dataset:
    """The spring constant of a cantilever from the spectrum of its thermal motion.

    Args:
        spectrum: a file (see `asperity.data.readers.thermal_spectra`), or its dataset. What it says of the
            lever stands in where nothing is given.
        lever: any of ``width``, ``length`` (m), ``tilt`` (rad), ``beta``, ``chi``, ``coefficient`` (N/m Hz^-1.3), and
            relative standard uncertainties ``width_std`` ... (rad for the tilt).
        fluid: ``air`` or ``water``.
        temperature: K; 298 K, with 3 K of doubt, if neither given nor in the file.
        sensitivity: m/V, or what `sensitivity` measured.
        band: Hz, from and to.
        method: ``equipartition``, ``sader`` or ``coefficient``: insist on it. By default the one with the smallest
            error, and none where they disagree by more than a factor 1.5.

    Returns:
        ``spring_constant`` in N/m with its uncertainties (NaN where refused), a table of methods, the spectrum and
        its fit.

    Raises:
        CalibrationError: too little is known for any method, the spectrum shows no resonance or a part of one, or
            what comes out is not the spring constant of a lever (1e-4 to 1e4 N/m).
    """
    opened = open_spectrum(spectrum) if not isinstance(spectrum, xr.Dataset) else spectrum
    inputs = [] if isinstance(spectrum, xr.Dataset) else [provenance.file_record(spectrum)]
    if method is not None:
        one_of("method", method, _METHODS)
    measured = None if isinstance(sensitivity, int | float) else calibration.held(
        "sensitivity", sensitivity, "sensitivity")
    arguments = {"lever": dict(lever or {}), "fluid": fluid, "temperature": temperature, "band": band, "method": method,
                 "sensitivity": measured or sensitivity,
                 **({} if isinstance(spectrum, xr.Dataset) else {"spectrum": str(spectrum)})}
    known = _known_of(opened, dict(lever or {}), fluid, temperature, measured or sensitivity)
    try:
        found = thermal_calibration.calibrate(
            opened["frequency"].values, opened["power"].values, known.lever, known.surroundings,
            sensitivity=known.sensitivity, band=band, averages=opened.attrs.get("averages"), method=method)
        _require_plausible(found.spring_constant.value)
    except DataError as error:
        raise CalibrationError(f"{opened.attrs.get('file', 'the spectrum')}: {error}") from error
    said = list(known.said)
    if np.isfinite(header := float(opened.attrs.get("spring_constant", np.nan))):
        said.append(thermal_calibration.compare_with(found, "The file's own spring constant", header))
        found = found if method else thermal_calibration.withheld(found, header)
    said = [*found.findings[:-1], *said, *found.findings[-1:]]
    return calibration_of(_thermal(opened, found), "spring_constant", [*_verdict(found), *said],
                        provenance.step("calibrate.spring_constant", arguments, inputs=inputs),
                          before=spectrum, sensitivity_exponent=-2.0 if found.method == "equipartition" else 0.0)


def _require_plausible(value: float) -> None:
    """That a spring constant (N/m) is one of a lever, or NaN."""
    if value < _PLAUSIBLE[0] or value > _PLAUSIBLE[1]:
        raise DataError(f"the spring constant comes out as {value:.3g} N/m, and levers have {_PLAUSIBLE[0]:g} to "
                        f"{_PLAUSIBLE[1]:g} N/m: check the unit of the spectrum (V^2/Hz or m^2/Hz), the sensitivity "
                        "(m/V) and the dimensions of the lever")


class _KnownOf(NamedTuple):
    lever: Lever
    surroundings: Surroundings
    sensitivity: Number | None
    said: list[str]


def _known_of(opened: xr.Dataset, lever: dict[str, float], fluid: str | None, temperature: float | None,
              sensitivity: Any) -> _KnownOf:
    """What is given, else what the file says."""
    names = {field.name for field in dataclasses.fields(Lever)}
    known_keys("lever", lever, sorted(names | {f"{name}_std" for name in names}))
    said = {name: float(opened.attrs[name]) for name in ("width", "length", "tilt") if name in opened.attrs}
    numbers = {name: _number(lever, name) for name in names if name in lever}
    warmth = temperature if temperature is not None else opened.attrs.get("temperature")
    kelvin = 298.15 if warmth is None else float(warmth)
    around: dict[str, Any] = {name: float(opened.attrs[name]) for name in ("density", "viscosity")
                              if name in opened.attrs}
    if fluid is not None:
        around = dict(_FLUIDS[one_of("fluid", fluid, _FLUIDS)](kelvin)._asdict())
    if isinstance(sensitivity, Mapping):
        sensitivity = Known(sensitivity["sensitivity"], sensitivity["sensitivity_std"])
    elif sensitivity is None and "sensitivity" in opened.attrs:
        sensitivity = float(opened.attrs["sensitivity"])
    scale, told = _scale(opened["power"].attrs.get("units"), sensitivity)
    around["temperature"] = Known(kelvin, 3.0) if warmth is None else kelvin
    return _KnownOf(Lever(**{**said, **numbers}), Surroundings(**around), scale, told)


def _scale(units: str | None, sensitivity: Number | None) -> tuple[Number | None, list[str]]:
    """What turns the spectrum into one of displacements, and what to say of it.

    A spectrum in m^2/Hz was made with a sensitivity: its uncertainty counts, its value is in the spectrum already.
    """
    if units != "m^2/Hz":
        return sensitivity, []
    if sensitivity is None:
        return 1.0, ["the spectrum is in m^2/Hz: the sensitivity is in it already."]
    said = ["the spectrum is in m^2/Hz: the sensitivity is in it already, and the one given is taken only for its "
            "uncertainty, not applied again."]
    return Known(1.0, sensitivity.std / sensitivity.value) if isinstance(sensitivity, Known) else 1.0, said


def _number(lever: Mapping[str, float], name: str) -> Number:
    """A number with its uncertainty if that is given, relative but for the tilt."""
    if f"{name}_std" not in lever:
        return lever[name]
    return Known(lever[name], lever[f"{name}_std"] * (1.0 if name == "tilt" else lever[name]))


def _thermal(opened: xr.Dataset, found: thermal_calibration.Calibration) -> xr.Dataset:
    """The numbers, the methods, the spectrum and its fit."""
    frequency, methods = opened["frequency"].values, found.methods
    fit = np.full(len(frequency), np.nan)
    with jax.enable_x64(True):
        fit[found.fit.used] = np.asarray(
            spectral_density(found.resonance, frequency[found.fit.used], found.fit.parameters))
    columns = {name: ("method", [getattr(m.spring_constant, kind) for m in methods], {"units": "N/m"})
               for name, kind in (("method_spring_constant", "value"), ("method_std_statistical", "std_statistical"),
                                  ("method_std_systematic", "std_systematic"))}
    return xr.Dataset({**constant("spring_constant", found.spring_constant), **columns,
                       "power": opened["power"].variable, "power_fit": ("frequency", fit, opened["power"].attrs),
                       "used": ("frequency", found.fit.used)},
                      {"frequency": opened["frequency"].variable, "method": [m.name for m in methods]})


def _verdict(found: thermal_calibration.Calibration) -> list[str]:
    if not np.isfinite(found.spring_constant.value):
        who = "The methods disagree" if len(found.methods) > 1 else "The method and the file disagree"
        return [f"{who}: no spring constant is given."]
    value = measurement(found.spring_constant.value, "N/m", [(found.spring_constant.std, "")])
    return [f"The spring constant is {value}, by the method of {found.method}."]


@verb(paths="curves", scanner="calibration")
def sensitivity(paths: Paths | xr.Dataset, *, scanner: Calibration | None = None,
                window: tuple[float, float] | None = None) -> xr.Dataset:
    """The deflection sensitivity, from curves on a surface that does not yield.

    Args:
        paths: files as `asperity.read`, or force curves, with the photodiode's voltage.
        scanner: what `scanner` measured: corrects heights where the curves hold no sensor's.
        window: V, from and to, that are in steep contact; by default it is searched for.

    Returns:
        ``sensitivity`` in m/V with its uncertainty: the mean over the curves, less what the bend of the contacts says
        of a surface that yields. Statistical is their scatter (or that of the line, for one curve) and that of the
        bend, systematic what directions and windows disagree by, and the doubt of the correction.
        ``curve_sensitivity`` is that of a straight line.

    Raises:
        CalibrationError: no voltage, no curve with a contact, or a surface that yields.
    """
    arguments = {"window": window, "scanner": calibration.held("scanner", scanner, "scanner")}
    data, step = curves_of(paths, "calibrate.sensitivity", arguments)
    if "deflection_voltage" not in data:
        raise DataError(f"{data['file'].values[0]}: the curves hold no voltage of the photodiode; "
                        "their deflection has a sensitivity in it already")
    if scanner is not None:
        data = curves_with(data, calibration=scanner)
    each = over_curves(data.load(), lambda some: _slopes(some, window), {"verb": "calibrate.sensitivity", **arguments},
                       batch=_BATCH)
    found = each.isel(curve=np.flatnonzero(each["flag"].values == 0))
    problems = [f"curve {curve}: {text}" for curve, text in enumerate(each["problem"].values) if text]
    if not found.sizes["curve"]:
        raise CalibrationError(f"{data['file'].values[0]}: no curve tells the sensitivity ({problems[0]})")
    line, bend = _mean_line(found), _mean_bend(found)
    try:
        mean = line if bend is None else unyielding(line, bend)
    except DataError as error:
        raise CalibrationError(f"{data['file'].values[0]}: {error}") from error
    numbers = constant("sensitivity", mean)
    said = [f"From {found.sizes['curve']} of {data.sizes['curve']} curves.",
            *json.loads(str(found["findings"].values[0])), *([about_bend(bend)] if bend else []), *problems[:3]]
    shown = _steepest(data, str(found["steepest"].values[0]))
    kept = each.drop_vars(["problem", "findings", "steepest", "systematic", *_BEND])
    return calibration_of(kept.assign({**numbers, **shown}), "sensitivity", said, step, before=paths)


def _mean_line(found: xr.Dataset) -> Estimate:
    """The mean over curves of what straight lines say; statistical is the scatter, or that of a line if it is more."""
    values = found["curve_sensitivity"].values
    own = np.sqrt(np.mean(found["curve_sensitivity_std"].values**2) / len(values))
    statistical = max(own, values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0)
    return Estimate(float(values.mean()), float(statistical), float(np.median(found["systematic"].values)))


def _mean_bend(found: xr.Dataset) -> Yielding | None:
    """The mean over curves of their bend; None where no curve tells it."""
    part, std, apart = (found[name].values for name in _BEND)
    known = np.isfinite(part)
    if not known.any():
        return None
    own = float(np.median(std[known]))
    mean = float(np.sqrt(np.mean(std[known] ** 2) / known.sum()))
    return Yielding(float(part[known].mean()), mean if own < _UNTOLD else own, float(np.median(apart[known])))


def _slopes(data: xr.Dataset, window: tuple[float, float] | None) -> xr.Dataset:
    """The sensitivity of every curve that has one, and why others have none."""
    kinds = [str(name) for name in data["segment"].values if name in ("approach", "retract")]
    rows = [_slope(data.isel(curve=curve), kinds, window) for curve in range(data.sizes["curve"])]
    none = np.array([row.sensitivity is None for row in rows])
    made = {
        "curve_sensitivity": [row.value("value") for row in rows],
        "curve_sensitivity_std": [row.value("std_statistical") for row in rows],
        "systematic": [row.value("std_systematic") for row in rows],
        **{f"bend_{name}": [row.bend(name) for row in rows] for name in Yielding._fields},
        "problem": [row.problem for row in rows],
        "findings": [json.dumps(row.sensitivity.findings if row.sensitivity else []) for row in rows],
        "steepest": [row.sensitivity.windows[0][0] if row.sensitivity else "" for row in rows]}
    units = {"units": QUANTITIES["sensitivity"].unit}
    variables: dict[str, Any] = {name: ("curve", values, units if name.startswith("curve_") else {})
                                 for name, values in made.items()}
    variables["flag"] = ("curve", gravest({Outcome.not_fitted: none}), flag_attributes())
    return xr.Dataset(variables, {name: data[name].variable for name in IDENTITY if name in data.coords})


class _Slope(NamedTuple):
    sensitivity: Sensitivity | None
    problem: str

    def value(self, name: str) -> float:
        return float("nan") if self.sensitivity is None else float(getattr(self.sensitivity.sensitivity, name))

    def bend(self, name: str) -> float:
        bend = None if self.sensitivity is None else self.sensitivity.yielding
        return float("nan") if bend is None else float(getattr(bend, name))


def _slope(curve: xr.Dataset, kinds: list[str], window: tuple[float, float] | None) -> _Slope:
    parts = {kind: _sampled(curve.sel(segment=kind)) for kind in kinds}
    try:
        return _Slope(straight_sensitivity({kind: part for kind, part in parts.items() if len(part[0])},
                                           sensor="height_drive" in curve, window=window), "")
    except ValueError as error:
        return _Slope(None, str(error))


def _sampled(segment: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    height, voltage = segment["height"].values, segment["deflection_voltage"].values
    there = np.isfinite(height) & np.isfinite(voltage)
    return height[there], voltage[there]


def _steepest(data: xr.Dataset, segment: str) -> dict[str, Any]:
    """The first curve for display: height and voltage."""
    height, voltage = _sampled(data.isel(curve=0).sel(segment=segment))
    return {"height": ("sample", height, {"units": "m"}), "voltage": ("sample", voltage, {"units": "V"})}

"""Calibrations: spring constant, sensitivity, scanner and tip, each from the data that tell it, with its error.

Every function returns a calibration (see `asperity.calibration`): give it, or the file that it is stored in, to
`asperity.analyze` as ``calibration``. Its attribute ``findings`` says in sentences what to think of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from asperity import calibration, correct, imaging
from asperity.calibration import Calibration, CalibrationError
from asperity.data import provenance
from asperity.data.images import open_images
from asperity.instrument.blind_tip import TipBound, bound_tip
from asperity.instrument.blind_tip import noise_bound as noise_bound_of
from asperity.instrument.height_correction import Trace, joined
from asperity.instrument.height_correction import correct as move
from asperity.instrument.identification import IdentificationError, Identified, identify
from asperity.instrument.sensitivity import Sensitivity, deflection_sensitivity
from asperity.instrument.spring_constant import Estimate
from asperity.instrument.tip_shape import Paraboloid, RoundedPyramid, ShapeFit, SphereCone, fit_shape
from asperity.quantities import QUANTITIES, variable_attributes
from asperity.report.numbers import plain
from asperity.workflow import Paths, Progress, listed, read

__all__ = ["scanner", "sensitivity", "tip"]

_CURVES = 9  # of a map, from which a scanner is identified: the first is only the others' past
_SHAPES = {"sphere_cone": SphereCone, "paraboloid": Paraboloid, "pyramid": RoundedPyramid}
_PAUSES = (0.1, 0.3, 1.0, 3.0)  # time between curves, over that of a curve


def scanner(paths: Paths | xr.Dataset, *, curves: int = _CURVES) -> xr.Dataset:
    """Hysteresis and creep of the scanner, from curves that hold the drive and a sensor's height.

    Args:
        paths: files as `asperity.read`, or force curves; at least four of one map in the order of their time.
        curves: how many to use, from the first; the last third only judges.

    Returns:
        the scanner's numbers, ``height_std`` (m, rms error of a corrected height on the curves that only judged),
        and for display the last curve's ``drive`` with what a straight line and the scanner leave.

    Raises:
        CalibrationError: no sensor height, too few curves, or reversals sampled too coarsely; it says which.
    """
    data, step = _curves_of(paths, "calibrate.scanner", {"curves": curves})
    if "height_drive" not in data:
        raise CalibrationError(
            "the curves hold no drive beside a sensor's height: from the drive alone, hysteresis and creep cannot be "
            "told from the sample's viscoelasticity. Take curves of an instrument or mode that records both")
    recorded = correct.traces(data.isel(curve=slice(0, curves)).load())
    judges = range(len(recorded) - max(1, len(recorded) // 3), len(recorded))
    try:
        found = identify(recorded, held_out=judges, pauses=_pauses(recorded))
    except (IdentificationError, ValueError) as error:
        raise CalibrationError(f"{data['file'].values[0]}: {error}") from error
    numbers: dict[str, Any] = dict(calibration.scanner_numbers(found.scanner))
    pause = {} if found.order.pause is None else {"scanner_pause": ((), found.order.pause, {"units": "s"})}
    shown = _left(recorded, found)
    made = xr.Dataset({**numbers, **pause, "scanner_residual": ((), found.residual, {"units": "m"}), **shown})
    return _calibration(made, "scanner", _about_scanner(found, len(recorded), len(judges)), step)


def sensitivity(paths: Paths | xr.Dataset, *, scanner: Calibration | None = None,
                window: tuple[float, float] | None = None) -> xr.Dataset:
    """The deflection sensitivity, from curves on a surface that does not yield.

    Args:
        paths: files as `asperity.read`, or force curves, with the photodiode's voltage.
        scanner: what `scanner` measured: corrects heights where the curves hold no sensor's.
        window: V, from and to, that are in steep contact; by default it is searched for.

    Returns:
        ``sensitivity`` in m/V with its uncertainty: the mean over the curves. Statistical is their scatter (or that of
        the line, for one curve), systematic what directions and windows disagree by.

    Raises:
        CalibrationError: no voltage, or no curve with a contact.
    """
    measured = calibration.records(scanner)
    arguments = {"window": window, "scanner": measured[0] if measured else None}
    data, step = _curves_of(paths, "calibrate.sensitivity", arguments)
    if "deflection_voltage" not in data:
        raise CalibrationError(f"{data['file'].values[0]}: the curves hold no voltage of the photodiode; "
                               "their deflection has a sensitivity in it already")
    if scanner is not None:
        data = correct.curves(data, calibration=scanner)
    found, problems = _slopes(data.load(), window)
    if not found:
        raise CalibrationError(f"{data['file'].values[0]}: no curve tells the sensitivity ({problems[0]})")
    values = np.array([one.sensitivity.value for one in found])
    own = np.sqrt(np.mean([one.sensitivity.std_statistical**2 for one in found]) / len(found))
    statistical = max(own, values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0)
    systematic = float(np.median([one.sensitivity.std_systematic for one in found]))
    numbers = _numbers("sensitivity", Estimate(float(values.mean()), float(statistical), systematic))
    said = [f"From {len(found)} of {data.sizes['curve']} curves.", *found[0].findings, *problems[:3]]
    return _calibration(xr.Dataset({**numbers, **_steepest(data, found[0])}), "sensitivity", said, step)


def _slopes(data: xr.Dataset, window: tuple[float, float] | None) -> tuple[list[Sensitivity], list[str]]:
    """The sensitivity of every curve that has one, and why others have none."""
    sensor, found, problems = "height_drive" in data, [], []
    kinds = [str(name) for name in data["segment"].values if name in ("approach", "retract")]
    for curve in range(data.sizes["curve"]):
        parts = {kind: _sampled(data.isel(curve=curve).sel(segment=kind)) for kind in kinds}
        try:
            found.append(deflection_sensitivity({kind: part for kind, part in parts.items() if len(part[0])},
                                                sensor=sensor, window=window))
        except ValueError as error:
            problems.append(f"curve {curve}: {error}")
    return found, problems


def _sampled(segment: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    height, voltage = segment["height"].values, segment["deflection_voltage"].values
    there = np.isfinite(height) & np.isfinite(voltage)
    return height[there], voltage[there]


def _steepest(data: xr.Dataset, found: Sensitivity) -> dict[str, Any]:
    """The first curve for display: height and voltage."""
    height, voltage = _sampled(data.isel(curve=0).sel(segment=found.windows[0][0]))
    return {"height": ("sample", height, {"units": "m"}), "voltage": ("sample", voltage, {"units": "V"})}


def tip(images: Paths | Sequence[xr.Dataset], *, size: int = 31, shape: str = "sphere_cone", channel: str = "height",
        noise_bound: float | None = None, progress: Progress | None = None) -> xr.Dataset:
    """The shape of the tip, from images of a rough surface alone.

    The bluntest tip that can have made the images is an outer bound of the true one: provable, if no pixel errs by
    more than the noise bound and the part of the tip that touches lies within ``size``.

    Args:
        images: files, or images (see `asperity.data.images`) of one pixel size; planes are taken off.
        size: pixels of the tip, odd.
        shape: ``sphere_cone``, ``paraboloid`` or ``pyramid``, to be fitted for the radius.
        channel: of heights.
        noise_bound: m, the greatest error of a pixel; by default from trace and retrace, else 0.
        progress: called with (pass, passes at most).

    Returns:
        ``radius`` and ``half_angle`` of the shape with their uncertainties, and ``tip_height`` on pixels of
        ``tip_pitch``.

    Raises:
        CalibrationError: no such channel, a film, pixels of different sizes, or too few known tip pixels.
    """
    if shape not in _SHAPES:
        raise CalibrationError(f"there is no tip shape '{shape}'; known: {', '.join(_SHAPES)}")
    opened, step = _images_of(images, {"size": size, "shape": shape, "channel": channel, "noise_bound": noise_bound})
    pixels = np.array([imaging.pixel(image) for image in opened])
    if np.ptp(pixels) > 0.01 * pixels.max():
        raise CalibrationError(f"the pixels are from {plain(float(pixels.min()), 'm')} to "
                               f"{plain(float(pixels.max()), 'm')} wide: one size is needed, and square ones")
    flat = [correct.image(image, channel=channel, scars=True) for image in opened]
    bounds = [_noise(image, channel) if noise_bound is None else noise_bound for image in flat]
    most = 100
    tell = None if progress is None else lambda number, _: progress(number, most)
    found = bound_tip([image[channel].values for image in flat], (size, size), noise_bound=max(bounds), passes=most,
                      progress=tell)
    pitch = float(pixels.mean())
    try:
        fitted = fit_shape(_SHAPES[shape], found.heights, pixel=(pitch, pitch))
    except ValueError as error:
        raise CalibrationError(str(error)) from error
    return _calibration(_tip_numbers(found, fitted, pitch), "tip",
                        _about_tip(found, fitted, max(bounds), noise_bound is None), step)


def _images_of(images: Any, arguments: Mapping[str, Any]) -> tuple[list[xr.Dataset], dict[str, Any]]:
    several = list(images) if isinstance(images, Sequence) and not isinstance(images, str) else [images]
    datasets = [image for image in several if isinstance(image, xr.Dataset)]
    if len(datasets) == len(several):
        return datasets, provenance.step("calibrate.tip", arguments)
    names = [str(name) for name in several]
    return [open_images(name) for name in names], provenance.step(
        "calibrate.tip", {"images": names, **arguments}, inputs=[provenance.file_record(name) for name in names])


def _noise(image: xr.Dataset, channel: str) -> float:
    """The greatest error of a pixel, by trace and retrace; 0 where there is no retrace."""
    retrace = f"{channel}_retrace"
    return noise_bound_of(image[channel].values, image[retrace].values).bound if retrace in image else 0.0


def _tip_numbers(found: TipBound, fitted: ShapeFit, pitch: float) -> xr.Dataset:
    heights = np.where(np.isfinite(found.heights), found.heights, np.nan)
    constants = {name: value for constant, std in fitted.std.items() if constant in calibration.CONSTANTS
                 for name, value in ((constant, float(getattr(fitted.shape, constant))), (f"{constant}_std", std))}
    return xr.Dataset({**{name: ((), value) for name, value in constants.items()},
                       "tip_height": (("v", "u"), heights, {"units": "m", "long_name": "outer bound of the tip"}),
                       "tip_shape_residual": (("v", "u"), fitted.residual, {"units": "m"}),
                       "tip_pitch": ((), pitch, {"units": "m"})})


def _about_tip(found: TipBound, fitted: ShapeFit, bound: float, guessed: bool) -> list[str]:
    said = [f"The tip is nowhere blunter than this, if no pixel errs by more than {plain(bound, 'm')} and the part "
            "that touches lies within the estimate. Where the sample has no sharp feature, the true tip is sharper: the "
            "radius is then an upper limit.", f"The shape fits the bound with a misfit of {fitted.misfit:.2g}."]
    if not found.settled:
        said.append("The images would lower the bound further: it was stopped.")
    if bound == 0 and guessed:
        said.append("There is no retrace to tell the noise: the images were taken for exact. Noise makes the tip too "
                    "sharp then; give a noise bound.")
    return said


def _curves_of(paths: Paths | xr.Dataset, verb: str, arguments: Mapping[str, Any]) -> tuple[xr.Dataset, dict[str, Any]]:
    """The force curves that are meant, and the step for the history."""
    if isinstance(paths, xr.Dataset):
        return paths, provenance.step(verb, arguments)
    names = listed(paths)
    inputs = [provenance.file_record(name) for name in names]
    step = provenance.step(verb, {"paths": names, **arguments}, inputs=inputs)
    return read(names if len(names) > 1 else names[0]), step


def _pauses(recorded: Sequence[Trace]) -> tuple[float, ...] | None:
    """Candidates for the time between curves; None where they share one clock."""
    ends, starts = [trace.time[-1] for trace in recorded[:-1]], [trace.time[0] for trace in recorded[1:]]
    if all(start > end for start, end in zip(starts, ends)):
        return None
    return tuple(factor * float(np.ptp(recorded[-1].time)) for factor in _PAUSES)


def _left(recorded: Sequence[Trace], found: Identified) -> dict[str, Any]:
    """The last curve: its drive, and what a straight line and the scanner leave of the sensor's height."""
    trace = recorded[-1]
    assert trace.height is not None
    record = joined(recorded, found.order.pause)
    made = move(found.scanner, [Trace(record.time, record.drive)], tolerance=1.0)[0][0].height[-len(trace.drive):]
    line = np.polyval(np.polyfit(trace.drive, trace.height, 1), trace.drive)
    kept = np.unique(np.linspace(0, len(line) - 1, 2000).astype(int))
    rest = trace.height - made
    columns = {"drive": trace.drive, "left_by_line": trace.height - line, "left_by_scanner": rest - np.nanmean(rest)}
    return {name: ("sample", values[kept], {"units": "m"}) for name, values in columns.items()}


def _about_scanner(found: Identified, curves: int, judges: int) -> list[str]:
    order = found.order
    parts = [f"{order.plays} plays", f"{order.modes} creep modes", *(["a static bend"] if order.bent else [])]
    said = [f"On {judges} of {curves} curves that took no part in it, heights from the drive are wrong by "
            f"{plain(found.residual, 'm', 2)} rms, {100 * found.relative:.2g} % of their range; "
            f"a straight line leaves {100 * found.linear:.2g} %.",
            f"The model that predicted left-out curves best has {', '.join(parts)}."]
    if found.relative > 0.5 * found.linear:
        said.append("That is hardly better than a straight line: do not use this scanner.")
    return said


def _numbers(name: str, found: Estimate) -> dict[str, Any]:
    """The variables of one constant and its uncertainties."""
    kinds = {"": found.value, "_std": found.std, "_std_statistical": found.std_statistical,
             "_std_systematic": found.std_systematic}
    unit = {"units": QUANTITIES[name].unit}
    return {f"{name}{kind}": ((), value, variable_attributes(name) if not kind else unit)
            for kind, value in kinds.items()}


def _calibration(made: xr.Dataset, kind: str, findings: Sequence[str], step: Mapping[str, Any],
                 **attrs: Any) -> xr.Dataset:
    """The dataset as a calibration of this kind, every known constant with its attributes."""
    for name in made.data_vars:
        constant = str(name).removesuffix("_std")
        if constant in QUANTITIES and not made[name].attrs:
            made[name].attrs.update(variable_attributes(constant))
    named = made.assign_attrs(calibration=kind, findings=json.dumps(list(findings)), **attrs)
    return provenance.record(named, step)

"""Measured constants of the instrument, as a dataset or a record, and what an analysis takes from them.

A calibration is a dataset whose attribute ``calibration`` names its kind and whose scalars are constants of the
instrument (`CONSTANTS`) with their standard uncertainty ``..._std``, in SI; a scanner's numbers are arrays
``scanner_...``. A *record* is the same as plain numbers, as the history keeps it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.contact.named import Model, contact_model, is_auto, model_record
from asperity.data import store
from asperity.data.kinds import needed
from asperity.instrument.creep import Creep
from asperity.instrument.hysteresis import PrandtlIshlinskii
from asperity.instrument.scanner import Asymmetry, Scanner
from asperity.messages import AsperityError, shown

__all__ = ["CONSTANTS", "Calibration", "CalibrationError", "applied", "held", "records", "scanner_in",
           "scanner_numbers", "scanner_of"]

#: the constants that a calibration can hold
CONSTANTS = ("spring_constant", "sensitivity", "radius", "half_angle")
_TIP = ("radius", "half_angle")


class CalibrationError(AsperityError, ValueError):
    """A calibration that cannot be made of these data or does not fit the others; the message says why."""


Calibration = xr.Dataset | str | PathLike[str] | Mapping[str, Any]


def records(calibration: Calibration | Iterable[Calibration] | None) -> list[dict[str, Any]]:
    """The records of one calibration or of several, each given as dataset, stored file or record.

    Raises:
        StoreError: a file that holds no calibration.
        CalibrationError: two calibrations of one constant.
    """
    if calibration is None:
        return []
    one = isinstance(calibration, xr.Dataset | str | PathLike | Mapping)
    found = [_record(entry) for entry in ([calibration] if one else calibration)]
    seen: dict[str, str] = {}
    for entry in found:
        for name in (*CONSTANTS, "scanner"):
            if name in entry:
                if name in seen:
                    raise CalibrationError(f"two calibrations give the {name.replace('_', ' ')}: {seen[name]} and "
                                     f"{entry.get('file', 'another')}; name one of them")
                seen[name] = str(entry.get("file", "one"))
    return found


def _record(calibration: Any) -> dict[str, Any]:
    if isinstance(calibration, Mapping) and not isinstance(calibration, xr.Dataset):
        if not {*CONSTANTS, "scanner", "tip"} & set(calibration):
            raise CalibrationError(f"calibration = {shown(calibration)}: holds none of {', '.join(CONSTANTS)}, scanner "
                                   "and tip; give what asperity.calibrate made, or its file")
        return dict(calibration)
    if isinstance(calibration, str | PathLike):
        dataset, file = store.load(Path(calibration)), str(calibration)
        if "calibration" not in dataset.attrs:
            raise store.StoreError(f"{file}: it holds no calibration; make one with: asperity calibrate")
    else:
        dataset, file = needed("calibration", calibration, "calibration"), "a dataset"
    names = [name for constant in CONSTANTS for name in (constant, f"{constant}_std") if name in dataset]
    numbers = {name: float(dataset[name]) for name in names}
    groups = {group: {str(name).removeprefix(f"{group}_"): dataset[name].values.tolist() for name in dataset.data_vars
                      if str(name).startswith(f"{group}_")} for group in ("scanner", "tip")}
    exponent = dataset.attrs.get("sensitivity_exponent")
    return {"kind": str(dataset.attrs.get("calibration")), "file": file, **numbers,
            **{group: inside for group, inside in groups.items() if inside},
            **({} if exponent is None else {"sensitivity_exponent": float(exponent)})}


def applied(found: Iterable[Mapping[str, Any]], model: Model, given: Mapping[str, Any],
            std: Mapping[str, float]) -> tuple[Model, dict[str, Any], dict[str, float]]:
    """Model, constants and relative uncertainties of an analysis: calibrated where nobody gave them.

    Args:
        found: from `records`.
        model: the contact model; a tip that nobody gave is taken from the calibration if the model has it.
        given: ``spring_constant`` and ``sensitivity`` as given, None where not.
        std: ``spring_constant_std``, ``sensitivity_std``, ``radius_std``: relative, 0 where not given.

    The spring constant found from thermal noise with a sensitivity s goes as s to the power of
    ``sensitivity_exponent``; with that sensitivity in use, the errors of the two are correlated.

    Raises:
        CalibrationError: a calibration that refused to give its constant.
    """
    known: dict[str, Any] = {}
    for entry in found:
        known |= entry
    refused = [name for name in CONSTANTS if name in known and not math.isfinite(known[name])]
    if refused:
        raise CalibrationError(f"the calibration gives no {refused[0].replace('_', ' ')} (see its findings): insist on "
                               "a method when you calibrate, or give the number")
    given, std = dict(given), dict(std)
    for name in ("spring_constant", "sensitivity"):
        if name in known and given.get(name) is None:
            given[name] = known[name]
            std[f"{name}_std"] = std.get(f"{name}_std") or _relative(known, name)
    relative, exponent = std.get("spring_constant_std", 0.0), known.get("sensitivity_exponent", 0.0)
    if exponent and relative > 0 and given.get("spring_constant") == known.get("spring_constant"):
        std["calibration_correlation"] = float(np.clip(exponent * std.get("sensitivity_std", 0.0) / relative, -1, 1))
    model, size = _with_tip(model, known)
    if size:
        std["radius_std"] = std.get("radius_std") or _relative(known, size)
    return model, given, std


def _relative(known: Mapping[str, Any], name: str) -> float:
    value = known.get(f"{name}_std", 0.0) / known[name]
    return float(value) if math.isfinite(value) else 0.0


def _with_tip(model: Model, known: Mapping[str, Any]) -> tuple[Model, str]:
    """The model with the calibrated tip, and which constant that is ("" if the model takes none of them)."""
    tip = {name: known[name] for name in _TIP if name in known}
    if not tip or not isinstance(model, str | Mapping):
        return model, ""
    base = {"name": "auto", **(dict(model) if isinstance(model, Mapping) else {})} if is_auto(model) else None
    if base is None:
        kind = type(contact_model(model))
        taken = [f.name for f in dataclasses.fields(kind) if f.name in tip]
        base = model_record(model)
    else:
        taken = [name for name in ("radius",) if name in tip]
    meant = [name for name in taken if base.get(name, tip[name]) == tip[name]]
    return {**base, **{name: tip[name] for name in meant}}, meant[0] if meant else ""


def held(name: str, calibration: Calibration | None, constant: str) -> dict[str, Any] | None:
    """The record of the argument ``name``, a calibration that must hold this constant; None if it is not given.

    Raises:
        CalibrationError: it holds others; the message says which.
        StoreError: a file that holds no calibration.
    """
    if calibration is None:
        return None
    entry = _record(calibration)
    if constant not in entry:
        there = [other for other in (*CONSTANTS, "scanner", "tip") if other in entry]
        raise CalibrationError(f"{name}: {entry.get('file', 'the calibration')} holds no {constant.replace('_', ' ')}, "
                               f"but {', '.join(there) or 'nothing'}; make one with asperity calibrate")
    return entry


def scanner_in(found: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The numbers of the scanner among the records, or None."""
    return next((entry["scanner"] for entry in found if "scanner" in entry), None)


def scanner_of(numbers: Mapping[str, Any]) -> Scanner:
    """The scanner of which a calibration holds the numbers."""
    bend = numbers.get("asymmetry")
    return Scanner(PrandtlIshlinskii(np.asarray(numbers["thresholds"]), np.asarray(numbers["weights"])),
                   Creep(np.asarray(numbers["strengths"]), np.asarray(numbers["decay_times"])),
                   Asymmetry(*(np.asarray(value) for value in bend)) if bend else None)


def scanner_numbers(scanner: Scanner) -> dict[str, Any]:
    """Name -> (dimension, values) of the variables ``scanner_...`` of a calibration; `scanner_of` inverts it."""
    plays, creep, bend = scanner.hysteresis, scanner.creep, scanner.asymmetry
    numbers: dict[str, tuple[str, Any]] = {
        "thresholds": ("play", plays.thresholds), "weights": ("play", plays.weights),
        "strengths": ("mode", creep.strengths), "decay_times": ("mode", creep.decay_times)}
    if bend is not None:
        numbers["asymmetry"] = ("term", [bend.quadratic, bend.cubic, bend.center, bend.half_width])
    return {f"scanner_{name}": (dimension, np.asarray(values, float)) for name, (dimension, values) in numbers.items()}

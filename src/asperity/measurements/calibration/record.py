"""What all calibrations have in common: the curves they come from, their numbers, their history."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from asperity.data import provenance
from asperity.instrument.spring_constant import Estimate
from asperity.measurements.force_curves.read import Paths, listed, read
from asperity.quantities import QUANTITIES, variable_attributes

__all__ = ["calibration_of", "constant", "curves_of"]


def curves_of(paths: Paths | xr.Dataset, verb: str, arguments: Mapping[str, Any]) -> tuple[xr.Dataset, dict[str, Any]]:
    """The force curves that are meant, and the step for the history."""
    if isinstance(paths, xr.Dataset):
        return paths, provenance.step(verb, arguments)
    names = listed(paths)
    data = read(names if len(names) > 1 else names[0])
    inputs = [provenance.file_record(name) for name in names]
    return data, provenance.step(verb, {"paths": names, **arguments}, inputs=inputs)


def constant(name: str, found: Estimate) -> dict[str, Any]:
    """The variables of one constant and its uncertainties."""
    kinds = {"": found.value, "_std": found.std, "_std_statistical": found.std_statistical,
             "_std_systematic": found.std_systematic}
    unit = {"units": QUANTITIES[name].unit}
    return {f"{name}{kind}": ((), value, variable_attributes(name) if not kind else unit)
            for kind, value in kinds.items()}


def calibration_of(made: xr.Dataset, kind: str, findings: Sequence[str], step: Mapping[str, Any], *,
                   before: Any = None, **attrs: Any) -> xr.Dataset:
    """The dataset as a calibration of this kind, every known constant with its attributes.

    ``before`` is what it was made of; if that is a dataset, its history goes before this step.
    """
    for name in made.data_vars:
        known = str(name).removesuffix("_std")
        if known in QUANTITIES and not made[name].attrs:
            made[name].attrs.update(variable_attributes(known))
    named = made.assign_attrs(calibration=kind, findings=json.dumps(list(findings)), **attrs)
    return provenance.record(named, step, before=before if isinstance(before, xr.Dataset) else None)

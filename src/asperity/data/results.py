"""How a result is written: its identity, its uncertainty, its flag."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from asperity.learning.outcome import Outcome
from asperity.quantities import QUANTITIES, variable_attributes

__all__ = ["CARRIED", "IDENTITY", "flag_attributes", "listed", "with_uncertainty"]


#: the coordinates that say which curve a number is about, as a table shows them
IDENTITY = ("file", "curve_in_file", "session", "row", "column", "x", "y")
#: the coordinates that every result of a curve carries
CARRIED = (*IDENTITY, "spring_constant", "sensitivity")


def with_uncertainty(name: str, values: np.ndarray, noise: np.ndarray, calibration: np.ndarray) -> dict[str, Any]:
    """The variable ``name`` with ``_std_noise``, ``_std_calibration`` and their root sum of squares ``_std``."""
    unit, meaning = QUANTITIES[name].unit, QUANTITIES[name].meaning
    kinds = {"_std": (np.hypot(noise, calibration), "standard uncertainty (noise and calibration)"),
             "_std_noise": (noise, "standard uncertainty from the noise"),
             "_std_calibration": (calibration, "standard uncertainty from the calibration, common to a session")}
    own = variable_attributes(name) | {"ancillary_variables": " ".join([*(name + kind for kind in kinds), "flag"])}
    return {name: ("curve", np.array(values), own)} | {
        name + kind: ("curve", np.array(std), {"units": unit, "long_name": f"{meaning}: {what}"})
        for kind, (std, what) in kinds.items()}


def flag_attributes() -> dict[str, Any]:
    """The attributes of ``flag``, by which anyone can read it."""
    return {"long_name": "outcome of the fit", "flag_values": np.array([int(o) for o in Outcome], np.int8),
            "flag_meanings": " ".join(o.name for o in Outcome)}


def listed(results: xr.Dataset, key: str) -> list[Any]:
    """The JSON list in an attribute; a text that is no JSON is its only entry, nothing is an empty list."""
    text = results.attrs.get(key)
    if not isinstance(text, str):
        return list(text) if text is not None else []
    if not text.strip():
        return []
    try:
        found = json.loads(text)
    except ValueError:
        return [text]
    return found if isinstance(found, list) else [found]

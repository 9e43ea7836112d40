"""Results made again from their history: replay, recipes, and how far two results differ."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr

from asperity import calibrate, correct, holding, imaging, oscillating, rheometry, workflow
from asperity.data import provenance

__all__ = ["VERBS", "differences", "from_recipe", "replay"]

#: the verbs that a history may name
VERBS: dict[str, Callable[..., xr.Dataset]] = {
    "read": workflow.read, "fit": workflow.fit, "analyze": workflow.analyze, "score": workflow.score,
    "select": workflow.select, "correct.curves": correct.curves, "correct.image": correct.image,
    "correct.drift": correct.drift,
    "read_image": imaging.read_image, "calibrate.scanner": calibrate.scanner,
    "calibrate.sensitivity": calibrate.sensitivity, "calibrate.spring_constant": calibrate.spring_constant,
    "calibrate.tip": calibrate.tip, "spectrum": rheometry.spectrum, "relax": rheometry.relax,
    "median_spectrum": rheometry.median_spectrum, "modulus_spectrum": oscillating.modulus_spectrum,
    "holds": holding.holds, "power_law": rheometry.power_law}


def replay(results: xr.Dataset) -> xr.Dataset:
    """Run the history of ``results`` again, on the same files, and return what it gives now.

    Raises:
        HistoryError: no history, or an input file that is gone or has changed (it is named).
    """
    return provenance.replay(results, VERBS)


def from_recipe(path: str | PathLike[str]) -> dict[str, Any]:
    """The keyword arguments of `analyze` that a recipe (a saved history) holds.

    Raises:
        HistoryError: not a recipe, or one with a step or an argument that `analyze` does not know.
    """
    known = {"read": {"spring_constant", "sensitivity"},
             "correct.curves": {"spring_constant", "sensitivity", "calibration"},
             "fit": {"model", "segment", "spring_constant_std", "sensitivity_std", "radius_std", "batch"}}
    known["analyze"] = known["correct.curves"] | known["fit"]
    arguments: dict[str, Any] = {}
    for step in provenance.read_recipe(path):
        unknown = sorted(set(step["arguments"]) - known.get(step["verb"], set()))
        if unknown or step["verb"] not in known:
            what = f"does not know {', '.join(unknown)}" if step["verb"] in known else "is unknown"
            raise provenance.HistoryError(f"{path}: the step '{step['verb']}' {what}")
        arguments |= step["arguments"]
    return arguments


def differences(old: xr.Dataset, new: xr.Dataset) -> dict[str, float]:
    """Name -> largest relative difference of each numeric variable of two results (inf: not comparable)."""
    found = {}
    for name in (str(name) for name, variable in old.data_vars.items() if variable.dtype.kind in "fiu"):
        if name not in new or new[name].shape != old[name].shape:
            found[name] = np.inf
            continue
        a, b = old[name].values.astype(float), new[name].values.astype(float)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore", divide="ignore"):
            off = np.where(same, 0.0, np.abs(a - b) / np.maximum(np.abs(a), np.abs(b)))
        found[name] = float(np.max(np.nan_to_num(off, nan=np.inf), initial=0.0))
    return found

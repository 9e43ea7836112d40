"""The arguments of an analysis from a recipe, which is a saved history."""

from __future__ import annotations

from os import PathLike
from typing import Any

from asperity.data import provenance

__all__ = ["from_recipe"]


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

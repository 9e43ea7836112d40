"""The arguments of an analysis from a recipe, which is a saved history."""

from __future__ import annotations

from os import PathLike
from typing import Any

from asperity.data import arguments as sayable
from asperity.data import provenance
from asperity.measurements.force_curves.analyze import analyze
from asperity.measurements.force_curves.correct import curves
from asperity.measurements.force_curves.fit import fit
from asperity.measurements.force_curves.read import read

__all__ = ["from_recipe"]

#: the steps whose arguments `analyze` takes
_STEPS = {"read": read, "correct.curves": curves, "fit": fit, "analyze": analyze}


def from_recipe(path: str | PathLike[str]) -> dict[str, Any]:
    """The keyword arguments of `analyze` that a recipe (a saved history) holds.

    What a recipe may say is what a history may say (see `asperity.data.arguments`), without the files.

    Raises:
        HistoryError: not a recipe, or one with a step or an argument that `analyze` does not know.
    """
    arguments: dict[str, Any] = {}
    for step in provenance.read_recipe(path):
        if step["verb"] not in _STEPS:
            raise provenance.HistoryError(f"{path}: the step {step['verb'][:80]!a} is unknown to an analysis; known: "
                                          f"{', '.join(_STEPS)}")
        verb, given = _STEPS[step["verb"]], step["arguments"]
        unknown = [name for name in given if name in sayable.files(verb)]
        if found := f"a recipe names no {unknown[0]}" if unknown else sayable.problem(verb, given):
            raise provenance.HistoryError(f"{path}: the step '{step['verb']}' does not fit: {found}")
        arguments |= given
    return arguments

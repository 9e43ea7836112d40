"""Force laws of files: of approach curves, or of a table of forces against separations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from asperity.contact.named import Model
from asperity.data.curve_files import missing_calibration
from asperity.data.readers._errors import MissingCalibration, Unsupported
from asperity.data.readers.force_table import force_table_shows, lone_column
from asperity.measurements.force_curves.read import read
from asperity.measurements.tip_force.frequency_shift_law import force_law_of_frequency_shift
from asperity.measurements.tip_force.law import force_law
from asperity.measurements.tip_force.table_law import force_law_of_table
from asperity.messages import ArgumentError

__all__ = ["law_of_files"]

#: kind of file -> what may be given with it, and its name
_TAKEN = {
    "force": ((), "a table of forces, whose law has no contact"),
    "frequency_shift": (("spring_constant", "amplitude", "resonance_frequency"), "a table of frequency shifts"),
    "curves": (("spring_constant", "sensitivity"), "approach curves"),
}


def law_of_files(paths: Sequence[str | PathLike[str]], model: Model, given: Mapping[str, float],
                 **how: Any) -> xr.Dataset:
    """The force laws of the curves of files, or of one table.

    Args:
        paths: as `asperity.read` takes them.
        model: see `force_law`.
        given: ``spring_constant`` and ``sensitivity``, which replace those of the files; of frequency shifts also
            ``amplitude`` and ``resonance_frequency``.
        how: the other arguments of `force_law`.
    """
    drawn = {name: how[name] for name in ("draws", "seed") if name in how}
    tables = {path: shown for path in paths if Path(path).is_file() and (shown := force_table_shows(path))}
    if tables and len(paths) > 1:
        raise ArgumentError(f"'{next(iter(tables))}' is a table of a force law: give one table at a time, and apart "
                            "from curves")
    for path in paths:
        if Path(path).is_file() and (title := lone_column(path)):
            raise Unsupported(Path(path), f"'{title}' is its only column: a law is of forces or frequency shifts "
                              "against separations.", "Add the other one, with its unit, for example: separation (nm), "
                              "force (nN).")
    shown = next(iter(tables.values()), "")
    _meant(shown or "curves", {**(model if shown and isinstance(model, Mapping) else {}), **given})
    if shown == "frequency_shift":
        return force_law_of_frequency_shift(paths[0], **given, **drawn)
    if shown:
        return force_law_of_table(paths[0], **drawn)
    curves = read(paths, **given)
    if lacking := missing_calibration(curves, str(paths[0])):
        raise MissingCalibration(str(paths[0]), lacking.problem, "Give --spring-constant, and --sensitivity if the "
                                 "deflection is in volts.")
    return force_law(curves, model, **how)


def _meant(shown: str, given: Mapping[str, Any]) -> None:
    """Raise ArgumentError for what says nothing of such a file: nothing is left out without a word."""
    taken, what = _TAKEN[shown]
    if wrong := [name for name, value in given.items() if name not in taken and (name, value) != ("name", "hertz")]:
        option = {"name": "model", "resonance_frequency": "frequency"}.get(wrong[0], wrong[0])
        raise ArgumentError(f"--{option.replace('_', '-')} says nothing of {what}: leave it out")

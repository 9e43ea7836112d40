"""Force laws of files: of approach curves, or of a table of forces against separations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from asperity.contact.named import Model
from asperity.data.curve_files import missing_calibration
from asperity.data.readers._errors import MissingCalibration
from asperity.data.readers.force_table import force_table_shows
from asperity.measurements.force_curves.read import read
from asperity.measurements.tip_force.frequency_shift_law import force_law_of_frequency_shift
from asperity.measurements.tip_force.law import force_law
from asperity.measurements.tip_force.table_law import force_law_of_table

__all__ = ["law_of_files"]


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
    if len(paths) == 1 and Path(paths[0]).is_file() and (shown := force_table_shows(paths[0])):
        if shown == "frequency_shift":
            known = {name: value for name, value in given.items() if name != "sensitivity"}
            return force_law_of_frequency_shift(paths[0], **known, **drawn)
        return force_law_of_table(paths[0], **drawn)
    own = {name: value for name, value in given.items() if name in ("spring_constant", "sensitivity")}
    curves = read(paths, **own)
    if lacking := missing_calibration(curves, str(paths[0])):
        raise MissingCalibration(str(paths[0]), lacking.problem, "Give --spring-constant, and --sensitivity if the "
                                 "deflection is in volts.")
    return force_law(curves, model, **how)

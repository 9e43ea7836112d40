"""The records of a report as rows of text: files and calibration."""

from __future__ import annotations

import numpy as np

from asperity.measurements.force_curves.contents import Contents, Property, median, of_files, words_of
from asperity.measurements.force_curves.page.words import not_defended, stated
from asperity.report.numbers import plain, spread

__all__ = ["MOST_FILES", "calibration_rows", "file_header", "file_rows"]


#: rows and list entries beyond this are counted, not printed
MOST_FILES = 200
#: the inputs that may differ from curve to curve, in the order of the table
_CALIBRATION = (
    "spring_constant",
    "spring_constant_std",
    "sensitivity",
    "sensitivity_std",
    "radius",
    "radius_std",
    "half_angle",
    "thickness",
    "poisson_ratio",
)


def file_header(contents: Contents) -> list[str]:
    """The column titles that belong to `file_rows`."""
    return [
        "file",
        "curves",
        "usable",
        *(f"{found.words}, median" for found in contents.measured),
        "spring constant",
        "sensitivity",
    ]


def file_rows(contents: Contents) -> list[list[str]]:
    """One row per file (at most 200): counts, medians with their typical uncertainty, calibration."""
    names = contents.files[:MOST_FILES]
    parts = of_files(contents, np.arange(contents.count), len(names))
    return [_file_row(contents, name, curves) for name, curves in zip(names, parts)]


def _file_row(contents: Contents, name: str, curves: np.ndarray) -> list[str]:
    good = curves[contents.usable[curves]]
    return [
        name,
        f"{len(curves):,}",
        f"{len(good):,}",
        *(_typical(found, good) for found in contents.measured),
        *(_values_in_words(contents, name, curves) for name in ("spring_constant", "sensitivity")),
    ]


def _typical(found: Property, curves: np.ndarray) -> str:
    value = median(found.values[curves])
    limited = found.limited[curves] & np.isfinite(found.values[curves])
    if 2 * limited.sum() > np.isfinite(found.values[curves]).sum():
        return f"< {plain(median(found.ends[1][curves]), found.unit)} (95 %)"
    if len(curves) and 2 * found.missed[curves].sum() >= len(curves):
        return not_defended(value, found.unit)
    parts = [(median(std[curves]), label) for std, label in found.parts]
    return stated(value, found.unit, parts) if np.isfinite(value) else "–"


def _values_in_words(contents: Contents, name: str, curves: np.ndarray | slice) -> str:
    """The one value, or the range of several."""
    found = np.unique(contents.columns[name][curves])
    found = found[np.isfinite(found)]
    if not found.size:
        return "–"
    unit = contents.units[name]
    if found.size == 1:
        return plain(float(found[0]), unit)
    return f"{spread(found[0], found[-1], unit)} ({found.size} values)"


def calibration_rows(contents: Contents) -> list[tuple[str, str]]:
    """(name, value) of every fixed input that the results hold, each with its standard uncertainty."""
    names = _inputs(contents)
    owned = {f"{name}_std" for name in names}
    rows = [(words_of(name), _input_text(contents, name)) for name in names if name not in owned]
    return [row for row in rows if row[1] not in ("unknown", "–", "")]


def _inputs(contents: Contents) -> list[str]:
    """Names of the fixed inputs: calibration per curve, and every scalar that is a number or a text."""
    dims = {str(name): variable.dims for name, variable in contents.results.variables.items()}
    per_curve = [name for name in _CALIBRATION if dims.get(name) == ("curve",)]
    return per_curve + [name for name in dims if dims[name] == ()]


def _input_text(contents: Contents, name: str) -> str:
    variable, unit = contents.results[name], contents.units[name]
    if variable.dtype.kind not in "fiu":
        return str(variable.values) if variable.ndim == 0 else ""
    text = (
        plain(float(variable.values), unit)
        if variable.ndim == 0
        else _values_in_words(contents, name, slice(None))
    )
    if f"{name}_std" not in contents.units:
        return text
    stated = contents.results[f"{name}_std"]
    std = median(np.atleast_1d(np.asarray(stated.values, dtype=float)))
    if not std > 0:
        return text
    if str(stated.attrs.get("units", unit)) in ("1", "") and unit not in ("1", ""):
        return f"{text} ± {plain(100 * std, '%', 2)}"
    return f"{text} ± {plain(std, unit, 2)}"

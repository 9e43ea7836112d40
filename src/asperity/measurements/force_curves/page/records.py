"""The records of a report as rows of text: files and calibration."""

from __future__ import annotations

import numpy as np
import xarray as xr

from asperity.measurements.force_curves.contents import (
    error_parts,
    file_names,
    inputs,
    measured,
    median,
    unit_of,
    usable,
    values,
    words_of,
)
from asperity.report.numbers import measurement, plain, spread

__all__ = ["MOST_FILES", "calibration_rows", "file_header", "file_rows"]


#: rows and list entries beyond this are counted, not printed
MOST_FILES = 200


def file_header(results: xr.Dataset) -> list[str]:
    """The column titles that belong to `file_rows`."""
    return [
        "file",
        "curves",
        "usable",
        *(f"{words_of(name)}, median" for name in measured(results)),
        "spring constant",
        "sensitivity",
    ]


def file_rows(results: xr.Dataset) -> list[list[str]]:
    """One row per file (at most 200): counts, medians with their typical uncertainty, calibration."""
    which, names = file_names(results)
    good = usable(results)
    return [
        [
            name,
            f"{int((which == i).sum()):,}",
            f"{int((good & (which == i)).sum()):,}",
            *(_typical(results, q, good & (which == i)) for q in measured(results)),
            _values_in_words(results, "spring_constant", which == i),
            _values_in_words(results, "sensitivity", which == i),
        ]
        for i, name in enumerate(names[:MOST_FILES])
    ]


def _typical(results: xr.Dataset, name: str, chosen: np.ndarray) -> str:
    parts = [(median(std[chosen]), label) for std, label in error_parts(results, name)]
    value = median(values(results, name)[chosen])
    return measurement(value, unit_of(results, name), parts) if np.isfinite(value) else "–"


def _values_in_words(results: xr.Dataset, name: str, chosen: np.ndarray) -> str:
    """The one value, or the range of several."""
    found = np.unique(values(results, name)[chosen])
    found = found[np.isfinite(found)]
    if found.size <= 1:
        return plain(float(found[0]), unit_of(results, name)) if found.size else "–"
    return f"{spread(found[0], found[-1], unit_of(results, name))} ({found.size} values)"


def calibration_rows(results: xr.Dataset) -> list[tuple[str, str]]:
    """(name, value) of every fixed input that the results hold, each with its standard uncertainty."""
    names = inputs(results)
    owned = {f"{name}_std" for name in names}
    rows = [(words_of(name), _input_text(results, name)) for name in names if name not in owned]
    return [row for row in rows if row[1] not in ("unknown", "–", "")]


def _input_text(results: xr.Dataset, name: str) -> str:
    variable = results[name]
    if variable.dtype.kind not in "fiu":
        return str(variable.values) if variable.ndim == 0 else ""
    everywhere = np.ones(results.sizes.get("curve", 0), dtype=bool)
    text = (
        plain(float(variable.values), unit_of(results, name))
        if variable.ndim == 0
        else _values_in_words(results, name, everywhere)
    )
    std = (
        median(np.atleast_1d(np.asarray(results[f"{name}_std"].values, dtype=float)))
        if f"{name}_std" in results.variables
        else float("nan")
    )
    if not std > 0:
        return text
    stated = str(results[f"{name}_std"].attrs.get("units", unit_of(results, name)))
    if stated in ("1", "") and unit_of(results, name) not in ("1", ""):
        return f"{text} ± {plain(100 * std, '%', 2)}"
    return f"{text} ± {plain(std, unit_of(results, name), 2)}"

"""The records of a report as rows of text: files, calibration, history, citations."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.report.contents import (
    error_parts,
    file_names,
    inputs,
    listed,
    measured,
    median,
    unit_of,
    usable,
    values,
    words_of,
)
from asperity.report.numbers import measurement, plain, spread

__all__ = [
    "Step",
    "calibration_rows",
    "citations",
    "file_header",
    "file_rows",
    "history",
    "made",
    "raw_history",
]

#: rows and list entries beyond this are counted, not printed
MOST_FILES, MOST_ENTRIES = 200, 4


class Step(NamedTuple):
    """One entry of the history: the verb, its arguments, and everything else that was noted."""

    verb: str
    arguments: list[tuple[str, str]]
    notes: list[tuple[str, str]]


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


def history(results: xr.Dataset) -> list[Step]:
    """The steps that made these results, in order, as readable text."""
    return [
        _step(entry) if isinstance(entry, dict) else Step(str(entry), [], [])
        for entry in listed(results, "history")
    ]


def _step(entry: dict[str, Any]) -> Step:
    arguments = entry.get("arguments") or {}
    pairs = arguments.items() if isinstance(arguments, dict) else [("arguments", arguments)]
    notes = [(key, _text(value)) for key, value in entry.items() if key not in ("verb", "arguments")]
    return Step(
        str(entry.get("verb", "a step without a name")),
        [(key, _text(value)) for key, value in pairs],
        [(key, text) for key, text in notes if text],
    )


def _text(value: Any) -> str:
    """A value of the history in one line; long lists are cut, and how much was cut is said."""
    if isinstance(value, dict) and {"file", "sha256"} <= value.keys():
        return f"{value['file']} (SHA-256 {str(value['sha256'])[:12]}…)"
    if isinstance(value, dict):
        return _joined([f"{key} {_text(part)}" for key, part in value.items()])
    if isinstance(value, list):
        return _joined([_text(part) for part in value])
    return "" if value is None else str(value)


def _joined(parts: list[str]) -> str:
    more = len(parts) - MOST_ENTRIES
    return ", ".join(parts[:MOST_ENTRIES]) + (f" and {more:,} more" if more > 0 else "")


def made(results: xr.Dataset) -> str:
    """When the last step of the history ran, as it was noted there; empty if it was not."""
    times = [
        str(entry["time"])
        for entry in listed(results, "history")
        if isinstance(entry, dict) and entry.get("time")
    ]
    return times[-1].replace("T", " ")[:16] if times else ""


def raw_history(results: xr.Dataset) -> str:
    """The history as indented JSON, complete."""
    return json.dumps(listed(results, "history"), indent=2, ensure_ascii=False)


def citations(results: xr.Dataset) -> list[str]:
    """The BibTeX entries that the results carry."""
    return [str(entry).strip() for entry in listed(results, "citations")]

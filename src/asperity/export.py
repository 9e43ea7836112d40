"""Results for people and other programs: a table with one row per curve, and a summary in numbers."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import intake, readers
from asperity.learning.outcome import Outcome
from asperity.report.contents import error_parts, flags, listed, measured, unit_of, usable, values
from asperity.units import in_words

__all__ = ["describe", "flag_line", "format_table", "summary", "write_csv"]

#: the columns that say which curve a row is about come first
_IDENTITY = ("file", "curve_in_file", "session", "row", "column", "x", "y")


def write_csv(results: xr.Dataset, path: str | PathLike[str]) -> Path:
    """One row per curve: identity, then every quantity with its unit in the header, the flag by name.

    Numbers have all their digits; an unknown one is an empty cell. Inputs that hold for all curves
    (radius, standard uncertainties of the calibration) are repeated in each row.
    """
    path = Path(path)
    names = _columns(results)
    columns = [_cells(results, name) for name in names]
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([_title(results, name) for name in names])
        writer.writerows(zip(*columns, strict=True))
    return temporary.replace(path)


def _columns(results: xr.Dataset) -> list[str]:
    plain = [
        str(name)
        for name, variable in results.variables.items()
        if variable.dims == ("curve",) or (variable.dims == () and variable.dtype.kind in "fiu")
    ]
    return [name for name in _IDENTITY if name in plain] + [
        name for name in plain if name not in (*_IDENTITY, "curve")
    ]


def _title(results: xr.Dataset, name: str) -> str:
    unit = results[name].attrs.get("units", "")
    return f"{name} ({unit})" if unit not in ("", "1") else name


def _cells(results: xr.Dataset, name: str) -> list[str]:
    cells = np.broadcast_to(results[name].values, results.sizes["curve"])
    if name == "flag":
        return [_flag_name(int(cell)) for cell in cells]
    if cells.dtype.kind != "f":
        return [str(cell) for cell in cells]
    return ["" if np.isnan(cell) else str(cell) for cell in cells]


def _flag_name(flag: int) -> str:
    return Outcome(flag).name if flag in Outcome._value2member_map_ else str(flag)


def _flag_counts(results: xr.Dataset) -> dict[str, int]:
    return {_flag_name(int(flag)): count for flag, count in Counter(flags(results).tolist()).most_common()}


def flag_line(results: xr.Dataset) -> str:
    """One line: ``37 of 4096 curves flagged: 30 no_contact, 7 not_converged``."""
    total = results.sizes["curve"]
    counts = {name: n for name, n in _flag_counts(results).items() if name != Outcome.converged.name}
    if not counts:
        return f"{total} of {total} curves fitted, none flagged"
    reasons = ", ".join(f"{n} {name}" for name, n in counts.items())
    return f"{sum(counts.values())} of {total} curves flagged: {reasons}"


def summary(results: xr.Dataset) -> dict[str, Any]:
    """Counts, flags, files, and the median of each measured quantity with its parts of uncertainty."""
    good = usable(results)
    return {
        "curves": results.sizes["curve"],
        "usable": int(good.sum()),
        "flags": _flag_counts(results),
        "files": len(np.unique(results["file"].values)),
        "failed_files": listed(results, "failed_files"),
        "skipped_files": listed(results, "skipped_files"),
        "assumed": json.loads(results.attrs.get("assumed", "{}")),
        "model": results.attrs.get("model", ""),
        "quantities": {name: _quantity(results, name, good) for name in measured(results)},
    }


def _quantity(results: xr.Dataset, name: str, good: np.ndarray) -> dict[str, Any]:
    entry: dict[str, Any] = {"unit": unit_of(results, name), "median": _median(values(results, name)[good])}
    return entry | {
        f"median_std_{label}" if label else "median_std": _median(std[good])
        for std, label in error_parts(results, name)
    }


def _median(array: np.ndarray) -> float | None:
    finite = array[np.isfinite(array)]
    return float(np.median(finite)) if finite.size else None


def describe(paths: Iterable[str | PathLike[str]]) -> list[dict[str, Any]]:
    """What is in each file under ``paths``: outcome, content, calibration, and ``text`` for people."""
    described = []
    for path, named in intake.find_files(paths):
        try:
            described.append(_content(path, intake.open_file(path)))
        except (readers.ReadError, OSError) as error:
            skipped = not named and isinstance(error, readers.NotRecognized | readers.Unsupported)
            described.append(
                {
                    "file": str(path),
                    "outcome": "skipped" if skipped else "failed",
                    "reason": str(error),
                    "text": str(error),
                }
            )
    return described


def _content(path: Path, dataset: xr.Dataset) -> dict[str, Any]:
    calibration = {name: _median(dataset[name].values) for name in ("spring_constant", "sensitivity")}
    said = {
        name: "unknown" if value is None else in_words(value, dataset[name].attrs["units"])
        for name, value in calibration.items()
    }
    words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in said.items())
    longest = dataset["sample_count"].max("curve")
    segments = {str(name): int(longest.sel(segment=name)) for name in dataset["segment"].values}
    parts = ", ".join(f"{name} (up to {count} samples)" for name, count in segments.items())
    channels = [str(name) for name in dataset.data_vars]
    text = f"{path}: {dataset.sizes['curve']} curves; {parts}; {words}; channels {', '.join(channels)}"
    missing = intake.missing_calibration(dataset, path)
    return {
        "file": str(path),
        "outcome": "read",
        "reason": "" if missing is None else str(missing),
        "curves": dataset.sizes["curve"],
        "segments": segments,
        "channels": channels,
        **calibration,
        "attributes": {name: str(value) for name, value in dataset.attrs.items()},
        "text": text if missing is None else f"{text}\n  {missing.problem} {missing.remedy}",
    }


def format_table() -> list[str]:
    """One line per file format that can be read: its name and usual endings."""
    return [f"{module.NAME} ({', '.join(module.EXTENSIONS)})" for module in readers._modules()] + [
        "asperity store (.nc, .zarr)"
    ]

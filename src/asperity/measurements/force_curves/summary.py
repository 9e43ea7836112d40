"""Results for people and other programs: a table with one row per curve, and a summary in numbers."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import xarray as xr

from asperity.data.results import codes, listed
from asperity.measurements.force_curves.contents import error_parts, flags, measured, unit_of, usable, values

__all__ = ["causes", "flag_line", "middle", "summary"]


def _flag_counts(results: xr.Dataset) -> dict[str, int]:
    names = codes(results)
    return {names[flag].name: count for flag, count in Counter(flags(results).tolist()).most_common()}


def flag_line(results: xr.Dataset) -> str:
    """One line: ``37 of 4096 curves flagged: 30 no_contact, 7 not_converged``."""
    total = results.sizes["curve"]
    sound = codes(results)[0].name
    counts = {name: n for name, n in _flag_counts(results).items() if name != sound}
    if not counts:
        return f"{total} of {total} curves fitted, none flagged"
    reasons = ", ".join(f"{n} {name}" for name, n in counts.items())
    return f"{sum(counts.values())} of {total} curves flagged: {reasons}"


def causes(results: xr.Dataset) -> list[str]:
    """Where no curve is usable, the likeliest cause of each flag and what to do, the commonest first."""
    if usable(results).any():
        return []
    named = {code.name: code for code in codes(results).values()}
    return [f"{name}: {named[name].meaning}" for name in _flag_counts(results)]


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
    entry: dict[str, Any] = {"unit": unit_of(results, name), "median": middle(values(results, name)[good])}
    return entry | {
        f"median_std_{label}" if label else "median_std": middle(std[good])
        for std, label in error_parts(results, name)
    }


def middle(array: np.ndarray) -> float | None:
    """The median of the known values, None where there is none."""
    finite = array[np.isfinite(array)]
    return float(np.median(finite)) if finite.size else None

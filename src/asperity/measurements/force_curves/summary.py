"""Results for people and other programs: a table with one row per curve, and a summary in numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from asperity.data.results import listed
from asperity.learning.detachment import Retraction
from asperity.learning.discrepancy import VAGUE
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.contents import Contents, Property, median
from asperity.report.numbers import count_of

__all__ = ["causes", "flag_line", "glitches", "middle", "not_read", "summary", "undefended"]

#: why a retraction tells no pull-off
_NOT_READ = {
    Retraction.ends_before_the_tip_is_off: "the retraction ends before, or just as, the tip is off (retract further)",
    Retraction.cut_off_by_the_detector: "the lowest forces are all equal: the end of the detector's range",
    Retraction.without_a_baseline: "too few samples of the retraction lie off the surface"}


def _flag_counts(contents: Contents) -> dict[str, int]:
    return {contents.codes[flag].name: count for flag, count in contents.outcomes.items()}


def flag_line(contents: Contents) -> str:
    """One line: ``37 of 4096 curves flagged: 30 no_contact, 7 not_converged``."""
    sound = contents.codes[0].name
    counts = {name: n for name, n in _flag_counts(contents).items() if name != sound}
    if not counts:
        return f"{contents.count} of {contents.count} curves fitted, none flagged"
    reasons = ", ".join(f"{n} {name}" for name, n in counts.items())
    return f"{sum(counts.values())} of {contents.count} curves flagged: {reasons}"


def causes(contents: Contents) -> list[str]:
    """Where no curve is usable, the likeliest cause of each flag and what to do, the commonest first."""
    if contents.usable.any():
        return []
    named = {code.name: code for code in contents.codes.values()}
    return [f"{name}: {named[name].meaning}" for name in _flag_counts(contents)]


def glitches(contents: Contents) -> list[str]:
    """How many samples of how many curves are no part of a fit, as both neighbors contradict them."""
    number = np.nan_to_num(contents.columns["glitches"])
    curves, samples = int((number > 0).sum()), int(number.sum())
    if not curves:
        return []
    of = f"{count_of(samples, 'sample')} of {count_of(curves, 'curve')}"
    return [f"{of} hugely off both neighbors (glitches), left out of the fit."]


def not_read(contents: Contents) -> list[str]:
    """Of how many usable curves the pull-off is not known though a retraction was recorded, and why."""
    if "retraction" not in contents.results:
        return []
    state = contents.columns["retraction"][contents.usable]
    counts = {words: int((state == code).sum()) for code, words in _NOT_READ.items()}
    return [f"No pull-off force for {count_of(number, 'usable curve')}: {words}."
            for words, number in counts.items() if number]


def undefended(contents: Contents) -> bool:
    """Whether the model misses half of the usable curves or more, and no model part of the error says how far."""
    good = contents.usable
    missed = good & (contents.flags == Outcome.misfit)
    if not missed.any() or 2 * missed.sum() < good.sum():
        return False
    return not median((contents.columns["modulus_std_model"] / np.abs(contents.columns["modulus"]))[missed]) <= VAGUE


def summary(contents: Contents) -> dict[str, Any]:
    """Counts, flags, files, and the median of each measured quantity with its parts of uncertainty."""
    attrs = contents.results.attrs
    return {
        "curves": contents.count,
        "usable": int(contents.usable.sum()),
        "defended": not undefended(contents),
        "flags": _flag_counts(contents),
        "glitches": int(np.nan_to_num(contents.columns["glitches"]).sum()),
        "files": len(contents.files),
        "failed_files": contents.failed_files,
        "unreadable_curves": contents.unreadable,
        "skipped_files": listed(contents.results, "skipped_files"),
        "decisions": listed(contents.results, "decisions"),
        "excluded_curves": listed(contents.results, "excluded_curves"),
        "assumed": json.loads(attrs.get("assumed", "{}")),
        "model": attrs.get("model", ""),
        "quantities": {found.name: _quantity(found) | _half_depth(contents, found) for found in contents.measured},
    }


def _quantity(found: Property) -> dict[str, Any]:
    typical = {f"median_std_{label}" if label else "median_std": std for std, label in found.typical}
    known = {name: value if np.isfinite(value) else None for name, value in {"median": found.median, **typical}.items()}
    if np.isfinite(found.limit):
        known["upper_limit_95"] = found.limit
    return {"unit": found.unit, **known}


def _half_depth(contents: Contents, found: Property) -> dict[str, Any]:
    """The median of the same from fits that end at half of the depth, where the results hold it."""
    half = middle(contents.columns[f"{found.name}_half_depth"][contents.usable])
    return {} if half is None else {"median_half_depth": half}


def middle(array: np.ndarray) -> float | None:
    """The median of the known values, None where there is none."""
    finite = array[np.isfinite(array)]
    return float(np.median(finite)) if finite.size else None

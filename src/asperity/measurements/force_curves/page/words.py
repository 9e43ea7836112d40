"""The verdict in words: how many curves, what they say, how sure that is, what failed and why."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import xarray as xr

from asperity.data.results import assumptions, codes, listed
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.contents import (
    error_parts,
    file_names,
    flags,
    measured,
    median,
    unit_of,
    usable,
    values,
    words_of,
)
from asperity.report.numbers import measurement, plain, spread
from asperity.report.page import Finding

__all__ = [
    "FlagLine",
    "closeness",
    "count_of",
    "curve_texts",
    "failed_files",
    "findings",
    "flag_lines",
    "headline",
    "legend",
    "remarks",
]

#: quantiles of the middle 68 % and 95 %; half-widths of these intervals in standard deviations
_MIDDLE = (0.16, 0.84)
_INTERVALS = ((68, 1.0), (95, 1.96))


class FlagLine(NamedTuple):
    """One outcome: how many curves ended with it, what it means, which curves these are."""

    flag: int
    name: str
    curves: int
    share: str
    usable: bool
    meaning: str
    examples: list[int]


def count_of(number: int, noun: str) -> str:
    """``1 curve``, ``4,096 curves``, ``0 curves``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def headline(results: xr.Dataset) -> str:
    """The first sentence: how many of how many curves of how many files can be used."""
    total, files = results.sizes.get("curve", 0), len(file_names(results)[1])
    failed = len(listed(results, "failed_files"))
    if total == 0:
        return (
            f"No curve could be read from {count_of(failed, 'file')}." if failed else "There are no curves."
        )
    good = int(usable(results).sum())
    origin = f"{count_of(files, 'file')}" + (f" ({failed} more could not be read)" if failed else "")
    if good == 0:
        return (
            f"None of {count_of(total, 'curve')} from {origin} is usable."
            if total > 1
            else f"The only curve, from {origin}, is not usable."
        )
    if total == 1:
        return f"The only curve, from {origin}, is usable."
    who = "All" if good == total else f"{good:,} of"
    return f"{who} {count_of(total, 'curve')} from {origin} {'is' if good == 1 else 'are'} usable."


def findings(results: xr.Dataset) -> list[Finding]:
    """Each measured property: median over the usable curves with a typical noise and calibration part."""
    good = usable(results)
    return [_finding(results, name, good) for name in measured(results)]


def _finding(results: xr.Dataset, name: str, good: np.ndarray) -> Finding:
    array, unit = values(results, name)[good], unit_of(results, name)
    parts = [(std[good], label) for std, label in error_parts(results, name)]
    line = measurement(median(array), unit, [(median(std), label) for std, label in parts])
    found = array[np.isfinite(array)]
    if len(found) == 1:
        return Finding(words_of(name), line, "one curve")
    low, high = np.quantile(found, _MIDDLE)
    noise, meaning = median(parts[0][0]), f"median of {len(found):,} curves"
    if len(found) >= 5:
        meaning += f"; 68 % of them lie from {spread(low, high, unit)}"
    if len(found) >= 20 and parts[0][1] == "noise" and noise > 0:
        meaning += f", {_spread_against_noise((high - low) / 2 / noise)}"
    return Finding(words_of(name), line, meaning)


def _spread_against_noise(ratio: float) -> str:
    """What the half-width of the distribution, in units of one curve's noise, says."""
    if ratio < 1.5:
        return "which is about what the noise of a single curve makes"
    far = "far " if ratio > 10 else ""
    size = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"
    return f"± {size} times the noise of one curve: they differ by {far}more than noise"


def legend(results: xr.Dataset) -> str:
    """What the ± of the findings stand for; empty if there are none."""
    labels = {label for name in measured(results) for _, label in error_parts(results, name)}
    many = int(usable(results).sum()) > 1
    said = [
        text
        for label, text in (
            ("noise", "noise: standard deviation" + (" of a single curve (the median one)" if many else "")),
            (
                "calibration",
                "calibration: standard deviation from spring constant, sensitivity and tip"
                + (", common to the curves, so that it does not average out" if many else ""),
            ),
            ("", "± without a name: standard deviation" + (" of a single curve" if many else "")),
        )
        if label in labels
    ]
    return "; ".join(said).capitalize() + "." if said else ""


def flag_lines(results: xr.Dataset) -> list[FlagLine]:
    """Every outcome that occurs, the most frequent first, in the words of its meaning."""
    found, counts = np.unique(flags(results), return_counts=True)
    total, names = results.sizes.get("curve", 0), codes(results)
    lines = []
    for flag, count in sorted(zip(found.tolist(), counts.tolist()), key=lambda pair: -pair[1]):
        code = names[flag]
        examples = np.flatnonzero(flags(results) == flag)[:5].tolist()
        lines.append(
            FlagLine(
                flag,
                code.name.replace("_", " "),
                count,
                _percent(count / total),
                code.usable,
                code.meaning,
                examples,
            )
        )
    return lines


def _percent(share: float) -> str:
    """A share with two significant digits, from 10 % on with three."""
    return f"{100 * share:.{3 if share >= 0.1 else 2}g} %"


def failed_files(results: xr.Dataset) -> list[tuple[str, str]]:
    """(file, problem) of the files that could not be read."""
    entries = [
        entry if isinstance(entry, dict) else {"problem": entry} for entry in listed(results, "failed_files")
    ]
    return [
        (str(entry.get("file", "a file")), str(entry.get("problem", "no reason given"))) for entry in entries
    ]


def remarks(results: xr.Dataset) -> list[str]:
    """What a careful reader must know beside the numbers: several files, misfit, missing calibration."""
    said = [" ".join(str(line).strip() for line in listed(results, "selection")), *assumptions(results)]
    good, names = usable(results), file_names(results)[1]
    if len(names) > 1 and good.any():
        said.append(
            f"The medians run over {len(names)} files, which may be different samples, tips or settings: "
            "the table of files below has each by itself."
        )
    if "averaged" in results.attrs:
        taken = json.loads(results.attrs["averaged"])
        said.append(
            f"{count_of(taken['curves'], 'curve')} of very many samples: the fit is to means of up to "
            f"{taken['samples']} neighboring samples, and noise and sample count are those of the means."
        )
    ratio = values(results, "reduced_chi_square")[good]
    if np.isfinite(ratio).any():
        said.append(_fit_quality(median(ratio), int(np.isfinite(ratio).sum())))
    if good.any() and not measured(results):
        said.append("The results name no fitted property with an uncertainty.")
    if (
        good.any()
        and "modulus" in measured(results)
        and error_parts(results, "modulus")[-1][1] != "calibration"
    ):
        said.append(
            "No uncertainty of spring constant, sensitivity or tip radius was propagated: the true "
            "error of the absolute values is larger than the ± says."
        )
    return [text for text in said if text]


def _fit_quality(ratio: float, count: int) -> str:
    start = (
        f"The residual of the usable fits has a median reduced chi-square of {ratio:.3g}"
        if count > 1
        else f"The residual of the fit has a reduced chi-square of {ratio:.3g}"
    )
    if ratio < 0.5:
        return f"{start}: the noise is overestimated, and so are the error bars."
    if ratio < 1.5:
        return f"{start} (1 if the model describes the data down to the noise)."
    return (
        f"{start}, where 1 is noise alone: the model misses part of the data, and the noise part of the "
        "error bars does not cover that."
    )


def closeness(results: xr.Dataset) -> list[str]:
    """Where the truth is known: how far the results are from it, and how often the intervals hold it."""
    names = [*measured(results), "contact_point"]
    said = [_closeness(results, name) for name in names if np.isfinite(_error(results, name)).any()]
    return said + ([_spoiled(results)] if "true_outcome" in results.variables else [])


def _spoiled(results: xr.Dataset) -> str:
    """How well the flags tell the curves that were spoiled on purpose from the sound ones."""
    spoiled, good = values(results, "true_outcome") != Outcome.converged, usable(results)
    caught, lost = int((spoiled & ~good).sum()), int((~spoiled & ~good).sum())
    return (
        f"Of {count_of(int(spoiled.sum()), 'curve')} spoiled on purpose, {caught:,} are flagged as unusable; "
        f"of {int((~spoiled).sum()):,} sound ones, {lost:,}."
    )


def _error(results: xr.Dataset, name: str) -> np.ndarray:
    """Value minus truth of the usable curves, NaN elsewhere."""
    return np.where(usable(results), values(results, name) - values(results, f"true_{name}"), np.nan)


def _closeness(results: xr.Dataset, name: str) -> str:
    error, truth = _error(results, name), values(results, f"true_{name}")
    unit = unit_of(results, name)
    if name == "contact_point":
        center, (low, high) = median(error), np.nanquantile(error, _MIDDLE)
        start = f"the median error is {plain(center, unit, 2)}, 68 % lie from {spread(low, high, unit)}"
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(truth > 0, 100 * error / truth, np.nan)
        if np.isfinite(relative).any():
            low, high = np.nanquantile(relative, _MIDDLE)
            middle = plain(median(relative), "%", 2)
            start = f"the median error is {middle}, 68 % lie from {spread(low, high, '%')}"
        else:
            start = f"the median error is {plain(median(error), unit, 2)}"
    held = [_coverage(error, std, label) for std, label in _intervals(results, name)]
    return f"{words_of(name).capitalize()}: {start}. " + " ".join(text for text in held if text)


def _intervals(results: xr.Dataset, name: str) -> list[tuple[np.ndarray, str]]:
    """The noise interval and, where it differs, the total one."""
    noise, total = values(results, f"{name}_std_noise"), values(results, f"{name}_std")
    if not np.isfinite(noise).any():
        return [(total, "standard")]
    return (
        [(noise, "noise")]
        if np.allclose(noise, total, rtol=1e-3, equal_nan=True)
        else [(noise, "noise"), (total, "noise and calibration")]
    )


def _coverage(error: np.ndarray, std: np.ndarray, label: str) -> str:
    known = np.isfinite(error) & np.isfinite(std) & (std > 0)
    if not known.any():
        return ""
    pull = np.abs(error[known]) / std[known]
    shares = [
        f"{100 * float(np.mean(pull <= width)):.1f} % (nominal {level} %)" for level, width in _INTERVALS
    ]
    of = count_of(int(known.sum()), "curve")
    return f"The {label} intervals hold the truth in {' and '.join(shares)} of {of}."


def curve_texts(results: xr.Dataset, name: str) -> list[str]:
    """The property of every curve as text, with its own uncertainty."""
    unit = unit_of(results, name)
    parts = error_parts(results, name)
    rows = zip(values(results, name).tolist(), *[std.tolist() for std, _ in parts])
    return [
        measurement(value, unit, [(std, label) for std, (_, label) in zip(stds, parts)])
        for value, *stds in rows
    ]

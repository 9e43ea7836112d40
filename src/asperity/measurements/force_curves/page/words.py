"""The verdict in words: how many curves, what they say, how sure that is, what failed and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asperity.learning.discrepancy import VAGUE
from asperity.learning.outcome import Outcome
from asperity.learning.student import wide
from asperity.measurements.force_curves.contents import Contents, Property, median, words_of
from asperity.measurements.force_curves.summary import undefended
from asperity.measurements.force_curves.unreadable import in_words
from asperity.report.numbers import count_of, factor_of, measurement, plain, spread
from asperity.report.page import Finding

__all__ = [
    "FlagLine",
    "closeness",
    "curve_texts",
    "failed_files",
    "findings",
    "flag_lines",
    "headline",
    "legend",
    "not_defended",
    "stated",
    "unreadable",
    "within",
]

#: quantiles of the middle 68 %
_MIDDLE = (0.16, 0.84)
_FEW = 5  # curves, from which the middle 68 % of them are given and not the ends


class FlagLine(NamedTuple):
    """One outcome: how many curves ended with it, what it means, which curves these are."""

    flag: int
    name: str
    curves: int
    share: str
    usable: bool
    meaning: str
    examples: list[int]


def headline(contents: Contents) -> str:
    """The first sentence: how many of how many curves of how many files can be used."""
    total, files, failed = contents.count, len(contents.files), len(contents.failed_files)
    if total == 0:
        return (
            f"No curve could be read from {count_of(failed, 'file')}." if failed else "There are no curves."
        )
    good = int(contents.usable.sum())
    origin = f"{count_of(files, 'file')}" + (f" ({failed} more could not be read)" if failed else "")
    if good == 0:
        return (
            f"None of {count_of(total, 'curve')} from {origin} is usable."
            if total > 1
            else f"The only curve, from {origin}, is not usable."
        )
    missed = int((contents.usable & (contents.flags == Outcome.misfit)).sum())
    which = "none" if missed == good else f"only {good - missed:,}"
    if undefended(contents):
        of = f"describes {which} of {count_of(good, 'fitted curve')}"
        of = of if good > 1 else "does not describe the only fitted curve"
        return f"The contact model {of} from {origin}: the numbers of the fit cannot be defended."
    if total == 1:
        return f"The only curve, from {origin}, is usable."
    of_all = "Both curves" if total == 2 else f"All {total:,} curves"
    who = of_all if good == total else f"{good:,} of {count_of(total, 'curve')}"
    but = f", but the model describes {which} of them" if 2 * missed >= good else ""
    return f"{who} from {origin} {'is' if good == 1 else 'are'} usable{but}."


def findings(contents: Contents) -> list[Finding]:
    """Each measured property: median over the usable curves with a typical noise and calibration part."""
    if undefended(contents):
        return [_finding(found, contents.usable) if found.name == "pull_off_force" else _of_fit(contents, found)
                for found in contents.measured]
    return [_finding(found, contents.usable) for found in contents.measured]


def _of_fit(contents: Contents, found: Property) -> Finding:
    """A fitted property where the model describes the curves badly: no digits that nobody can defend."""
    curves = "this curve" if contents.usable.sum() == 1 else "these curves"
    half = median(contents.columns[f"{found.name}_half_depth"][contents.usable])
    beside = f" ({plain(half, found.unit, 2)} from half of the depth)" if math.isfinite(half) else ""
    return Finding(found.words, not_defended(found.median, found.unit, beside),
                   f"what the fit makes of {curves}, which the model does not describe")


def not_defended(value: float, unit: str, beside: str = "") -> str:
    """A fitted value where the model does not describe the curves."""
    return f"about {plain(value, unit, 2)}{beside}, not defended"


def _finding(found: Property, good: np.ndarray) -> Finding:
    known = found.values[good & np.isfinite(found.values)]
    if math.isfinite(found.limit):
        return Finding(found.words, f"< {plain(found.limit, found.unit)} (95 %)", _not_told(found, good, len(known)))
    line = stated(found.median, found.unit, found.typical)
    if len(known) == 1:
        [curve] = np.flatnonzero(good & np.isfinite(found.values))
        return Finding(found.words, line, "; ".join(["one curve", *within(found, int(curve))]))
    low, high = np.quantile(known, _MIDDLE)
    (noise, label), meaning = found.typical[0], f"median of {len(known):,} curves"
    if 1 < len(known) < _FEW:
        meaning += f"; they lie from {spread(known.min(), known.max(), found.unit)}"
    if len(known) >= _FEW:
        meaning += f"; 68 % of them lie from {spread(low, high, found.unit)}"
    if len(known) >= 20 and label == "noise" and noise > 0:
        meaning += f", {_spread_against_noise((high - low) / 2 / noise)}"
    return Finding(found.words, line, meaning)


def _vague(value: float, parts: Sequence[tuple[float, str]]) -> float:
    """The model part over the value where it is so large that words stand for its digits, else 0."""
    part = max((std / abs(value) for std, label in parts if label == "model" and value), default=0.0)
    return part if part > VAGUE else 0.0


def stated(value: float, unit: str, parts: Sequence[tuple[float, str]]) -> str:
    """A value with the parts of its uncertainty; a model part above half of the value is words and no digits."""
    vague = _vague(value, parts)
    kept = [(std, label) for std, label in parts if not (vague and label == "model")]
    return measurement(value, unit, kept) + (f", within {factor_of(vague)}: the model does not hold" if vague else "")


def _not_told(found: Property, good: np.ndarray, known: int) -> str:
    """What an upper limit stands for."""
    limits = int((found.limited & good & np.isfinite(found.values)).sum())
    if known == 1:
        return "one curve; not to be told from zero, an upper limit"
    return f"not to be told from zero in {limits:,} of {count_of(known, 'curve')}: the median of their upper limits"


def within(found: Property, curve: int) -> list[str]:
    """Where a curve's property lies with 95 % probability, in words; nothing where that is not known."""
    low, high = (float(end[curve]) for end in found.ends)
    if _vague(float(found.values[curve]), [(float(std[curve]), label) for std, label in found.parts]):
        return []
    if found.limited[curve]:
        return [f"not to be told from zero: below {plain(high, found.unit)} with 95 %"]
    return [f"95 % from {spread(low, high, found.unit)}"] if math.isfinite(high - low) and high > low else []


def _spread_against_noise(ratio: float) -> str:
    """What the half-width of the distribution, in units of one curve's noise, says."""
    if ratio < 1.5:
        return "which is about what the noise of a single curve makes"
    far = "far " if ratio > 10 else ""
    size = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"
    return f"± {size} times the noise of one curve: they differ by {far}more than noise"


def legend(contents: Contents) -> str:
    """What the ± of the findings stand for; empty if there are none."""
    labels = {label for found in contents.measured for _, label in found.parts}
    many = int(contents.usable.sum()) > 1
    said = [
        text
        for label, text in (
            ("noise", "noise: half the width of the interval that holds 68 %"
             + (" of a single curve (the median one)" if many else "")),
            (
                "calibration",
                "calibration: standard deviation from spring constant, sensitivity and tip"
                + (", common to the curves, so that it does not average out" if many else ""),
            ),
            (
                "model",
                "model: because the contact model is not quite true"
                + (", common to the curves of a session, so that it does not average out" if many else ""),
            ),
            ("", "± without a name: standard deviation" + (" of a single curve" if many else "")),
        )
        if label in labels
    ]
    return "; ".join(said).capitalize() + "." if said else ""


def flag_lines(contents: Contents) -> list[FlagLine]:
    """Every outcome that occurs, the most frequent first, in the words of its meaning."""
    lines = []
    for flag, count in sorted(contents.outcomes.items(), key=lambda pair: (-pair[1], pair[0])):
        code = contents.codes[flag]
        lines.append(
            FlagLine(
                flag,
                code.name.replace("_", " "),
                count,
                _percent(count / contents.count),
                code.usable,
                code.meaning,
                np.flatnonzero(contents.flags == flag)[:5].tolist(),
            )
        )
    return lines


def _percent(share: float) -> str:
    """A share with two significant digits, from 10 % on with three."""
    return f"{100 * share:.{3 if share >= 0.1 else 2}g} %"


def failed_files(contents: Contents) -> list[tuple[str, str]]:
    """(file, problem) of the files that could not be read."""
    entries = [entry if isinstance(entry, dict) else {"problem": entry} for entry in contents.failed_files]
    return [
        (str(entry.get("file", "a file")), str(entry.get("problem", "no reason given"))) for entry in entries
    ]


def unreadable(contents: Contents) -> list[str]:
    """One line for each curve that could not be read, with its cause, as far as an entry is whole."""
    return in_words([entry for entry in contents.unreadable
                     if isinstance(entry, dict) and {"curve", "file", "problem"} <= entry.keys()])


def closeness(contents: Contents) -> list[str]:
    """Where the truth is known: how far the results are from it, and how often the intervals hold it."""
    names = [*(found.name for found in contents.measured), "contact_point"]
    errors = {name: _error(contents, name) for name in names}
    said = [_closeness(contents, name, error) for name, error in errors.items() if np.isfinite(error).any()]
    if said and contents.count > 1:
        said.append(
            "Curves of one session share the model of their noise: these shares are one draw of it, and scatter "
            "from map to map by more than their count says."
        )
    return said + ([_spoiled(contents)] if "true_outcome" in contents.units else [])


def _spoiled(contents: Contents) -> str:
    """How well the flags tell the curves that were spoiled on purpose from the sound ones."""
    spoiled, good = contents.columns["true_outcome"] != Outcome.converged, contents.usable
    caught, lost = int((spoiled & ~good).sum()), int((~spoiled & ~good).sum())
    return (
        f"Of {count_of(int(spoiled.sum()), 'curve')} spoiled on purpose, {caught:,} are flagged as unusable; "
        f"of {int((~spoiled).sum()):,} sound ones, {lost:,}."
    )


def _error(contents: Contents, name: str) -> np.ndarray:
    """Value minus truth of the usable curves, NaN elsewhere."""
    return np.where(contents.usable, contents.columns[name] - contents.columns[f"true_{name}"], np.nan)


def _closeness(contents: Contents, name: str, error: np.ndarray) -> str:
    unit, truth = contents.units[name], contents.columns[f"true_{name}"]
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
    held = [_coverage(error, *interval) for interval in _intervals(contents, name)]
    return f"{words_of(name).capitalize()}: {start}. " + " ".join(text for text in held if text)


def _intervals(contents: Contents, name: str) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """Half-widths of the intervals of 68 and 95 % by the noise and, where it differs, by noise and calibration."""
    noise, total = contents.columns[f"{name}_std_noise"], contents.columns[f"{name}_std"]
    if not np.isfinite(noise).any():
        return [(total, 1.96 * total, "standard")]
    freedom = contents.columns[f"{name}_dof"]
    with np.errstate(divide="ignore", invalid="ignore"):
        own = freedom * (noise / total) ** 4
    found = [(noise, noise * wide(own), "noise"), (total, total * wide(freedom), "noise and calibration")]
    return found[:1] if np.allclose(noise, total, rtol=1e-3, equal_nan=True) else found


def _coverage(error: np.ndarray, standard: np.ndarray, ends: np.ndarray, label: str) -> str:
    known = np.isfinite(error) & np.isfinite(standard) & (standard > 0)
    if not known.any():
        return ""
    shares = [f"{100 * float(np.mean(np.abs(error[known]) <= half[known])):.1f} % (nominal {level} %)"
              for level, half in ((68, standard), (95, ends))]
    of = count_of(int(known.sum()), "curve")
    return f"The {label} intervals hold the truth in {' and '.join(shares)} of {of}."


def curve_texts(found: Property, chosen: np.ndarray | slice = slice(None)) -> list[str]:
    """The property of the ``chosen`` curves as text, with its own uncertainty where the model describes the curve."""
    rows = zip(found.values[chosen].tolist(), *[std[chosen].tolist() for std, _ in found.parts])
    return [
        f"< {plain(float(high), found.unit)} (95 %)"
        if limited
        else not_defended(value, found.unit)
        if missed and math.isfinite(value)
        else stated(value, found.unit, [(std, label) for std, (_, label) in zip(stds, found.parts)])
        for limited, missed, high, (value, *stds) in zip(found.limited[chosen], found.missed[chosen],
                                                           found.ends[1][chosen], rows)
    ]

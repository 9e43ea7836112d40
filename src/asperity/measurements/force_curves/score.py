r"""`score`: one table that judges any result: accuracy, consistency, physics, coverage, shift, provenance.

What can be judged depends on what the result holds. Where the truth is known (virtual data), values and
intervals are compared with it; elsewhere the table says that this is not known. Consistency is judged
within each curve: in $F \propto (\delta - \delta_0)^s$ the measured exponent s, with a contact point of its own,
against that of the fit on the same samples, which does not need to know any property of the sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import xarray as xr

from asperity.data import provenance
from asperity.data.results import listed
from asperity.data.verbs import verb
from asperity.evaluation import accuracy, scaling, shift
from asperity.evaluation.exponent import FEWEST_CURVES, contact_exponent
from asperity.evaluation.utility import utility
from asperity.measurements.force_curves.contents import Columns, Contents, Property, gathered, median
from asperity.measurements.force_curves.criteria import (
    Criterion,
    Verdict,
    graded,
    interval,
    sessions_of,
    unknown,
    within,
)
from asperity.measurements.force_curves.score_model import of_model

__all__ = ["concerns", "judged", "rows", "score", "table"]

_LEVELS = (0.6827, 0.95)
_NORMAL = 1.959964  # standard deviations of a normal error that 95 % lie within, where no interval is stated
_EXPONENTS = 24  # curves that an exponent is found from, evenly spread over those that show a contact
_SHOWN = ("display_tip_position", "display_force", "display_fit")
_READ = 32_768  # curves that are read at a time, some chunks of a stored file: 50 MB of 120 points,
_AT_ONCE = 2048  # and judged at a time: 2 MB of an array
_PULLS = 0.02  # of the largest force, from which a fit is of an adhesive contact,
_OFF = 1e-4  # and up to which a sample of it is off contact
_FALSE_ALARM = 0.05  # part of like curves that is called unlike by chance
_LEAST_CURVES = 40  # of a session and of the rest, below which a shift is not looked for
_SESSIONS = 12  # that are compared with the others


@verb(results="results")
def score(results: xr.Dataset) -> xr.Dataset:
    """`judged`, with a step in the history."""
    return provenance.record(judged(gathered(results)), provenance.step("score", {}), before=results)


#: of contents that were judged, as long as they are in use: page and screen show one scorecard
_KNOWN: WeakKeyDictionary[Contents, xr.Dataset] = WeakKeyDictionary()


def judged(contents: Contents) -> xr.Dataset:
    """Judge the results of a fit; what was judged before is not judged again.

    Shares and medians are over all curves. Their intervals are from at most 400 curves, and the exponent is from 24,
    evenly spread. The curves of display are read some thousand at a time.

    Args:
        contents: of what `fit` or `analyze` returned, or of what was stored of it. Any part may be missing.

    Returns:
        Dimension ``criterion`` (with ``kind``): ``value``, ``low`` and ``high`` (90 %), ``target``,
        ``verdict`` (see `Verdict`) and ``statement`` in words. All values are pure numbers.
    """
    if contents not in _KNOWN:
        _KNOWN[contents] = _judged(contents)
    return _KNOWN[contents].copy(deep=True)


def _judged(contents: Contents) -> xr.Dataset:
    contact = _contact(contents)
    rows = [*_accuracy(contents, contact), *_consistency(contents, contact),
            *(row for judge in (of_model, _choice, _coverage, _shift, _provenance) for row in judge(contents))]
    columns = {name: ("criterion", [row[i] for row in rows])
               for i, name in enumerate(Criterion._fields) if name not in ("criterion", "kind")}
    dataset = xr.Dataset(columns, {"criterion": [row.criterion for row in rows],
                                   "kind": ("criterion", [row.kind for row in rows])})
    dataset["verdict"] = dataset["verdict"].astype(np.int8)
    dataset["verdict"].attrs = {"flag_values": np.array([*map(int, Verdict)], np.int8),
                                "flag_meanings": " ".join(v.name for v in Verdict)}
    for name in ("value", "low", "high", "target"):
        dataset[name].attrs["units"] = "1"
    attrs = contents.results.attrs
    return dataset.assign_attrs({key: attrs[key] for key in ("model", "history") if key in attrs})


def table(scores: xr.Dataset) -> list[str]:
    """The scorecard as lines of text."""
    kinds = scores["kind"].values.tolist()
    rows = zip(kinds, scores["verdict"].values, scores["statement"].values)
    return [f"{kind:<12} {Verdict(int(verdict)).name:<9} {text}" for kind, verdict, text in rows]


def rows(scores: xr.Dataset) -> list[dict[str, Any]]:
    """The scorecard as records for machines; what is not known is None."""
    return [{"kind": str(row["kind"].item()), "criterion": str(row["criterion"].item()),
             **{name: _number(float(row[name])) for name in ("value", "low", "high", "target")},
             "verdict": Verdict(int(row["verdict"])).name, "statement": str(row["statement"].item())}
            for row in (scores.isel(criterion=i) for i in range(scores.sizes["criterion"]))]


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def concerns(scores: xr.Dataset) -> list[str]:
    """One line that counts the verdicts, then every statement that is not good."""
    verdicts = scores["verdict"].values
    counts = ", ".join(f"{int((verdicts == v).sum())} {v.name}" for v in Verdict if (verdicts == v).any())
    lines = [f"  {Verdict(int(v)).name}: {text}" for v, text in zip(verdicts, scores["statement"].values)
             if v in (Verdict.doubtful, Verdict.bad)]
    return [f"scorecard: {counts}", *lines]


class _Contact(NamedTuple):
    """The curves of display that show a contact: their positions, R2 of each where it is loaded, their sessions."""

    curves: np.ndarray
    explained: np.ndarray
    sessions: np.ndarray


def _contact(contents: Contents) -> _Contact | None:
    """Every usable curve is looked at, some thousand at a time; what is kept is one number of each."""
    if not {*_SHOWN, "contact_point"} <= contents.units.keys() or not contents.usable.any():
        return None
    explained = np.full(contents.count, np.nan)
    enough = np.zeros(contents.count, bool)
    for curves, position, force, fit in _usable_curves(contents):
        top = _highest(fit)
        loaded = (fit > 0.2 * top) & (force > 0) & (contents.columns["contact_point"][curves, None] - position > 0)
        enough[curves] = loaded.sum(axis=1) >= 8
        explained[curves] = accuracy.r2_of_rows(force, fit, loaded)
    if not enough.any():
        return None
    return _Contact(np.flatnonzero(enough), explained[enough], sessions_of(contents)[enough])


def _usable_curves(contents: Contents) -> Iterator[tuple[np.ndarray, ...]]:
    """Positions of some usable curves, then their tip positions (m), forces and fits (N), until all were there."""
    for start in range(0, contents.count, _READ):
        some = [contents.results[name][start : start + _READ].values for name in _SHOWN]
        good = np.flatnonzero(contents.usable[start : start + _READ])
        for first in range(0, len(good), _AT_ONCE):
            part = good[first : first + _AT_ONCE]
            yield (start + part, *(values[part].astype(float) for values in some))


def _highest(fit: np.ndarray) -> np.ndarray:
    """The largest force of each fit, (curve, 1)."""
    return np.max(np.where(np.isfinite(fit), fit, -np.inf), axis=1, keepdims=True, initial=-np.inf)


def _shown(contents: Contents, curves: np.ndarray) -> list[np.ndarray]:
    """Indentation, force and fit of a few ``curves`` as an exponent is found from, NaN elsewhere.

    That is from the baseline on, or in an adhesive contact what is attached.
    """
    position, force, fit = (contents.results[name][curves].values.astype(float) for name in _SHOWN)
    top = _highest(fit)
    adhesive = (np.nanmin(fit, axis=1, keepdims=True) < -_PULLS * top) & (np.abs(fit) <= _OFF * top)
    shown = np.isfinite(fit) & np.isfinite(force) & ~adhesive
    indentation = contents.columns["contact_point"][curves, None] - position
    return [np.where(shown, values, np.nan) for values in (indentation, force, fit)]


def _accuracy(contents: Contents, contact: _Contact | None) -> Iterator[Criterion]:
    """How well the fit follows the force, and the values the truth where it is known."""
    if contact is None:
        yield unknown("accuracy", "force_r2", "No usable curve shows a contact to judge.")
    else:
        value, low, high = interval(median, [contact.explained], contact.sessions)
        yield Criterion("accuracy", "force_r2", value, low, high, 1.0, graded(1 - value, 0.02, 0.1),
                   f"The fit explains R2 = {value:.4f} of the force in contact (the median curve).")
    for found in contents.measured:
        truth = contents.columns[f"true_{found.name}"]
        known = contents.usable & (truth > 0) & (found.values > 0)
        if known.sum() < 3:
            continue
        error = np.log(found.values[known] / truth[known])
        value, low, high = interval(_usual_error, [error], sessions_of(contents)[known])
        r2 = accuracy.r2(np.log(truth[known]), np.log(found.values[known]))
        yield Criterion("accuracy", f"{found.name}_error", value, low, high, 0.0, graded(value, 0.05, 0.2),
                   f"{found.words.capitalize()}: 68 % of the curves are within {100 * value:.2g} % of the truth"
                   f"{within(100 * low, 100 * high, '.2g')}; R2 of the logarithm, outliers included, {r2:.4f}.")


def _usual_error(error: np.ndarray) -> float:
    return float(np.quantile(np.abs(error), 0.6827))


def _consistency(contents: Contents, contact: _Contact | None) -> Iterator[Criterion]:
    """Whether the force grows with indentation, and the result with the tip radius, as theory says."""
    if contact is None:
        yield unknown("consistency", "contact_exponent", "No usable curve shows a contact to judge.")
    else:
        chosen = contact.curves[np.unique(np.linspace(0, len(contact.curves) - 1, _EXPONENTS).astype(int))]
        indentation, force, fit = _shown(contents, chosen)
        value, low, high = contact_exponent(indentation, force)
        target = contact_exponent(indentation, fit).value
        off = value - target
        sure, few = _beyond(off, low - target, high - target), len(chosen) < FEWEST_CURVES
        verdict = Verdict.unknown if few else graded(abs(sure), 0.05, 0.15)
        said = f" (how surely, fewer than {FEWEST_CURVES} curves do not show)" if few else _reason(sure)
        yield Criterion("consistency", "contact_exponent", value, low, high, target, verdict,
                   f"In contact the force grows as indentation^{value:.2f}{within(low, high)}, with a contact point of "
                   f"its own; the model says {target:.2f}{said}.")
        merit = utility(median(contact.explained), target + sure, 0.0, target)
        yield Criterion("consistency", "utility", merit.value, np.nan, np.nan, 1.0, graded(1 - merit.value, 0.1, 0.5),
                   f"Utility U = {merit.value:.2f}: half R2 = {merit.accuracy:.3f}, half consistency of the exponent "
                   f"= {merit.consistency:.3f} (deviation allowed 0.2).")
    yield from _against_radius(contents)


def _beyond(off: float, low: float, high: float) -> float:
    """A deviation as far as its interval is beyond zero; as it is where there is none."""
    if not np.isfinite(low):
        return off
    return low if low > 0 else high if high < 0 else 0.0


def _reason(off: float) -> str:
    if abs(off) <= 0.05:
        return ""
    return (": steeper, as over a stiff substrate or with a more conical tip" if off > 0
            else ": flatter, as with a blunter tip, a yielding or a softening sample")


def _against_radius(contents: Contents) -> Iterator[Criterion]:
    """The modulus must not depend on the tip; told where at least three radii and sessions are there."""
    radius, modulus = contents.columns["radius"], contents.columns["modulus"]
    known = contents.usable & (radius > 0) & (modulus > 0)
    sessions = sessions_of(contents)[known]
    if len(np.unique(radius[known])) < 3 or len(np.unique(sessions)) < 4:
        return
    found = scaling.power_law(radius[known], modulus[known], sessions)
    mean, std = float(found.mean[0]), float(found.std[0])
    yield Criterion("consistency", "modulus_against_radius", mean, mean - 1.645 * std, mean + 1.645 * std, 0.0,
               graded(abs(mean) - 1.645 * std, 0.0, 0.2),
               f"Across tips the modulus goes as radius^{mean:.2f} ± {std:.2f}; a property of the sample has 0.")


def _choice(contents: Contents) -> Iterator[Criterion]:
    """How often a choice of the contact model (see `asperity.measurements.force_curves.select`) has an answer."""
    if "reasons" in contents.units:
        answered = (contents.results["reasons"].values == 0).astype(float)
        value, low, high = interval(np.mean, [answered], sessions_of(contents)) if len(answered) else (0.0, 0.0, 0.0)
        yield Criterion("physics", "model_named", value, low, high, 1.0, graded(1 - value, 0.2, 0.5),
                   f"A contact model is named for {100 * value:.0f} % of the curves; the others say why not.")


def _coverage(contents: Contents) -> Iterator[Criterion]:
    """Whether the stated intervals hold the truth, where it is known."""
    judged = False
    for found in contents.measured:
        inside = _inside(contents, found)
        known = np.isfinite(inside[0])
        for level, held, tolerance in zip(_LEVELS, inside, (0.05, 0.03)):
            if known.sum() < 20:
                continue
            judged = True
            value, low, high = interval(np.mean, [held[known]], sessions_of(contents)[known])
            yield Criterion("coverage", f"{found.name}_{round(100 * level)}", value, low, high, level,
                       graded(abs(value - level), tolerance, 2 * tolerance),
                       f"{found.words.capitalize()}: {round(100 * level)} % intervals hold the truth in "
                       f"{100 * value:.1f} % of {int(known.sum()):,} curves.")
    if not judged:
        yield unknown("coverage", "intervals", "The truth is not known, so the intervals cannot be checked here; "
                                                "the documentation shows their coverage with measured noise.")


def _inside(contents: Contents, found: Property) -> tuple[np.ndarray, np.ndarray]:
    """Whether the intervals of 68 and of 95 % hold the truth, 1 or 0, (curve,) each; NaN where that cannot be said."""
    truth, reach = contents.columns[f"true_{found.name}"], _NORMAL * found.std
    low, high = (np.where(np.isfinite(end), end, found.values + sign * reach) for end, sign in zip(found.ends, (-1, 1)))
    known = contents.usable & (found.std > 0) & np.isfinite(found.values - truth)
    near, wide = np.abs(found.values - truth) < found.std, (low < truth) & (truth < high)
    return np.where(known, near.astype(float), np.nan), np.where(known, wide.astype(float), np.nan)


def _shift(contents: Contents) -> Iterator[Criterion]:
    """Whether one session's curves are unlike those of the others, in ratios that have no unit."""
    groups = _groups(contents.columns)
    known = contents.usable & np.isfinite(groups).all(axis=1)
    sessions = sessions_of(contents)
    names, counts = np.unique(sessions[known], return_counts=True)
    names = names[(counts >= _LEAST_CURVES) & (known.sum() - counts >= _LEAST_CURVES)][:_SESSIONS]
    if not len(names):
        yield unknown("shift", "unlike_other_sessions",
                       f"A shift between sessions cannot be seen: that takes two of at least {_LEAST_CURVES} curves.")
        return
    shares = {str(n): float(shift.detect(groups[known & (sessions != n)], groups[known & (sessions == n)],
                                         false_alarm=_FALSE_ALARM).flag.mean()) for n in names}
    worst = max(shares, key=lambda name: shares[name])
    inside = int((known & (sessions == worst)).sum())
    chance = np.sqrt(_FALSE_ALARM * (1 - _FALSE_ALARM) * (1 / inside + 2 / (known.sum() - inside)))
    yield Criterion("shift", "unlike_other_sessions", shares[worst], np.nan, np.nan, _FALSE_ALARM,
               graded(shares[worst], max(2 * _FALSE_ALARM, _FALSE_ALARM + 3 * chance), 0.3),
               f"{100 * shares[worst]:.0f} % of the curves of session {worst} are unlike those of the others "
               f"({100 * _FALSE_ALARM:.0f} % are by chance).")


def _groups(columns: Columns) -> np.ndarray:
    """Logarithms of dimensionless groups of each curve, (curve, group)."""
    size = np.where(np.isfinite(columns["radius"]), columns["radius"], 1.0)
    force, depth = columns["force_max"], columns["indentation_max"]
    with np.errstate(divide="ignore", invalid="ignore"):
        groups = [depth / size, force / columns["noise_std"], force / (columns["modulus"] * size**2),
                  columns["noise_correlation"]]
        return np.stack([np.log(group) for group in groups], 1)


def _provenance(contents: Contents) -> Iterator[Criterion]:
    """Whether the result says how it was made, of what, and how sure the calibration is."""
    steps = [step for step in listed(contents.results, "history") if isinstance(step, dict)]
    inputs = [entry for step in steps for entry in step.get("inputs") or []]
    known = bool(inputs) and all(isinstance(entry, dict) and entry.get("sha256") for entry in inputs)
    yield Criterion("provenance", "history", float(known), np.nan, np.nan, 1.0,
               Verdict.good if known else Verdict.doubtful,
               f"{len(steps)} recorded step{'s' * (len(steps) != 1)}, {len(inputs)} input file"
               f"{'s' * (len(inputs) != 1)} with a checksum: the result can be made again." if known
               else "The history is incomplete: the result cannot be made again from it.")
    parts = [contents.columns[f"{found.name}_std_calibration"] for found in contents.measured[:1]]
    stated = bool(parts) and np.nanmax(np.where(contents.usable, parts[0], 0.0), initial=0.0) > 0
    guessed = str(contents.results.attrs.get("assumed", "{}")) not in ("{}", "")
    yield Criterion("provenance", "calibration", float(stated and not guessed), np.nan, np.nan, 1.0,
               Verdict.bad if guessed else Verdict.good if stated else Verdict.doubtful,
               "The tip was not known and was assumed: absolute values have no meaning until it is given." if guessed
               else "The uncertainty of the calibration is part of the error bars." if stated
               else "No uncertainty of spring constant, sensitivity or tip was given: the error bars are of the noise "
                    "alone.")

"""What a person decides about a fit: which part of a curve counts, and which curves do not.

A window is a range with a unit: ``0..500nm`` of indentation, ``0.1..2nN`` of force, ``10%..90%`` of the largest force
of each curve. Indentation and force are those of a fit, of the whole curve at first; the next one sees, of the samples
in contact, only those in the window. A lower end of 0 is the begin of contact, with all that adhesion does there.
Samples before contact count whatever the window is; a baseline ``200nm..2um`` keeps those so far before the contact
point.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.data.readers._table import separator_of, split_cells
from asperity.data.readers._text import read_text
from asperity.messages import ArgumentError, quoted, shown
from asperity.report.numbers import count_of
from asperity.units import in_words as quantity
from asperity.units import parse_range

__all__ = ["EVERYTHING", "Controls", "Exclusions", "Range", "again", "controls", "decisions", "excluded_entries",
           "in_words", "resolved_exclusions"]

Exclusions = str | PathLike[str] | Iterable[Mapping[str, Any]]

#: the units of a window: of indentation, force, and parts of the largest force
_UNITS = ("m", "N", "1")
_EXAMPLE = "0..500nm of indentation, 0.1..2nN of force or 10%..90% of the largest force"
_MOST_EXCLUDED = 1_000_000  # curves, as many as a map may have
_REASON = "no reason given"
_NAMED = 5  # reasons that are named one by one


class Range(NamedTuple):
    """From one value to another, both included."""

    unit: str  # of SI
    low: float
    high: float


class Controls(NamedTuple):
    """The decisions about one fit."""

    window: Range | None = None
    baseline: Range | None = None  # m before the contact point
    excluded: tuple[tuple[str, int, str], ...] = ()  # file, number of the curve in it, reason

    def counted(self, depth: np.ndarray, force: np.ndarray, contact: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Which samples count in the next fit, (batch, sample) bool.

        Args:
            depth: m, below the contact point of the fit before.
            force: N, fitted: were the recorded one to choose, its noise would choose the samples of one sign.
            contact: whether that has a sample in contact.
            counted: whether it counted.
        """
        kept = counted.copy()
        if (window := self.window) is not None:
            largest = np.maximum(np.max(np.where(counted, force, 0.0), axis=1, keepdims=True), 1e-300)
            value = depth if window.unit == "m" else force if window.unit == "N" else force / largest
            kept &= ~contact | (((value >= window.low) | (window.low == 0)) & (value <= window.high))
        if self.baseline is not None:
            kept &= contact | ((-depth >= self.baseline.low) & (-depth <= self.baseline.high))
        return kept

    def left_out(self, dataset: xr.Dataset) -> np.ndarray:
        """Which curves of a dataset are excluded, (curve,) bool."""
        if not self.excluded:
            return np.zeros(dataset.sizes["curve"], bool)
        names = {(file, number) for file, number, _ in self.excluded}
        own = zip(dataset["file"].values.tolist(), dataset["curve_in_file"].values.tolist())
        return np.array([(str(file), int(number)) in names for file, number in own], bool)

    @property
    def of_samples(self) -> bool:
        """Whether a part of each curve is to count."""
        return self.window is not None or self.baseline is not None


#: all samples of all curves
EVERYTHING = Controls()


def controls(window: str | None = None, baseline: str | None = None,
             excluded: Iterable[Mapping[str, Any]] = ()) -> Controls:
    """What a verb was asked for.

    Args:
        window: a range with a unit, ``0..500nm``, ``0.1..2nN`` or ``10%..90%``.
        baseline: a range of distances before the contact point, ``200nm..2um``.
        excluded: from `excluded_entries`.

    Raises:
        ArgumentError: no range.
    """
    part = None if window is None else _range("window", window, _UNITS)
    before = None if baseline is None else _range("baseline", baseline, ("m",))
    return Controls(part, before, tuple((one["file"], one["curve_in_file"], one["reason"]) for one in excluded))


def _range(name: str, written: str, units: tuple[str, ...]) -> Range:
    """The range that is written as ``low..high`` with one unit for both or one for each; no low end is 0."""
    example = _EXAMPLE if len(units) > 1 else "200nm..2um"
    whole = f"0{written}" if written.strip().startswith("..") else written
    found = next((Range(unit, *both) for unit in units if (both := _reads(whole, unit))), None)
    if found is None:
        raise ArgumentError(f"{name} = {shown(written)}: must be a range with its unit, for example {example}")
    if not found.low < found.high or (found.unit != "N" and found.low < 0) or (found.unit == "1" and found.high > 1):
        raise ArgumentError(f"{name} = {shown(written)}: must rise from a smaller value to a larger one"
                            f"{', 0 at least' if found.unit != 'N' else ''}"
                            f"{' and at most 100%' if found.unit == '1' else ''}, for example {example}")
    return found


def _reads(text: str, unit: str) -> tuple[float, float] | None:
    """Both ends if this is a range in the unit; a share is written in percent."""
    low, dots, high = text.partition("..")
    if not dots or (unit == "1" and "%" not in high):
        return None
    try:
        return parse_range(text, unit)
    except ValueError:
        try:  # the wrong way round is told by who asks
            first, last = parse_range(f"{high}..{low}", unit)
        except ValueError:
            return None
        return last, first


def excluded_entries(exclude: Exclusions | None) -> list[dict[str, Any]]:
    """The curves to leave out, as a history keeps them: ``file``, ``curve_in_file`` and ``reason`` of each.

    Args:
        exclude: the name of a table with these columns, the last one if there is one, as rows of a ``results.csv``;
            or mappings with these keys.

    Raises:
        ArgumentError: a table without these columns, or entries without these keys.
    """
    if exclude is None:
        return []
    rows = _table(Path(exclude)) if isinstance(exclude, str | PathLike) else [dict(entry) for entry in exclude]
    if not rows:
        raise ArgumentError(f"exclude = {shown(str(exclude))}: names no curve; leave it out where all count")
    if len(rows) > _MOST_EXCLUDED:
        raise ArgumentError(f"exclude names {len(rows)} curves; {_MOST_EXCLUDED} are the most")
    return [_entry(row) for row in rows]


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    number = row.get("curve_in_file")
    if not isinstance(row.get("file"), str) or not str(number).strip().isdecimal():
        raise ArgumentError(f"exclude holds {shown(dict(row))}: each entry needs 'file', the name of the file, and "
                            "'curve_in_file', the number of the curve in it from 0; 'reason' if there is one")
    return {"file": str(row["file"]), "curve_in_file": int(str(number)), "reason": str(row.get("reason") or _REASON)}


def _table(path: Path) -> list[dict[str, Any]]:
    """The rows of a table of curves; an apostrophe before a text that would be a formula is taken off."""
    lines = read_text(path).splitlines()
    separator = separator_of(lines[0] if lines else "")
    titles = split_cells(lines[0], separator) if lines else []
    missing = [name for name in ("file", "curve_in_file") if name not in titles]
    if missing:
        raise ArgumentError(f"{path}: no column {' and no column '.join(missing)} in its first line; a table "
                            "of curves to leave out has the columns file, curve_in_file and reason, for example rows "
                            "of a results.csv")
    cells = csv.DictReader(io.StringIO("\n".join(lines[1:])), titles, delimiter=separator)
    return [{name: (row.get(name) or "").strip().removeprefix("'") for name in ("file", "curve_in_file", "reason")}
            for row in cells]


def resolved_exclusions(asked: Controls, datasets: Iterable[xr.Dataset]) -> Controls:
    """The same with the names that the files have in the data; one that is written without its folder is found.

    Raises:
        ArgumentError: a curve that is not in the data.
    """
    if not asked.excluded:
        return asked
    there: dict[str, set[int]] = {}
    for dataset in datasets:
        for file, number in zip(dataset["file"].values.tolist(), dataset["curve_in_file"].values.tolist()):
            there.setdefault(str(file), set()).add(int(number))
    ends: dict[str, list[str]] = {}
    for file in there:
        ends.setdefault(Path(file).name, []).append(file)
    named = []
    for file, number, reason in asked.excluded:
        same = [file] if file in there else ends.get(Path(file).name, [])
        if len(same) != 1 or number not in there[same[0]]:
            raise ArgumentError(f"exclude: curve {number} of {shown(file)}: " + (
                "several files have this name" if len(same) > 1 else
                f"that file is not among the data ({', '.join(map(shown, list(there)[:_NAMED]))})" if not same else
                f"that file has the curves {min(there[same[0]])} to {max(there[same[0]])}"))
        named.append((same[0], number, reason))
    return asked._replace(excluded=tuple(named))


def in_words(asked: Controls) -> list[str]:
    """What was decided, a sentence each."""
    said = []
    if asked.window is not None:
        unit, low, high = asked.window
        ends = f"{100 * low:g} % to {100 * high:g} %" if unit == "1" else (
            f"{quantity(low, unit) if low else 0} to {quantity(high, unit)}")
        what = {"m": "an indentation of", "N": "a force of"}.get(unit, "a force, of the largest one of the curve, of")
        said.append(f"Fitted window: of the samples in contact those at {what} {ends}.")
    if asked.baseline is not None:
        _, low, high = asked.baseline
        ends = f"{quantity(low, 'm') if low else 0} to {quantity(high, 'm')}"
        said.append(f"Baseline: the samples {ends} before contact.")
    if asked.excluded:
        reasons = Counter(reason for _, _, reason in asked.excluded)
        said.append(f"{count_of(len(asked.excluded), 'curve')} left out by hand: "
                    + "; ".join(f"{quoted(reason)} ({number})" for reason, number in reasons.most_common(_NAMED))
                    + ("; ..." if len(reasons) > _NAMED else "") + ".")
    return said


def decisions(asked: Controls) -> dict[str, str]:
    """The attributes that say so in results: ``decisions`` in words, ``excluded_curves`` with their reasons."""
    entries = [{"file": file, "curve": number, "problem": reason} for file, number, reason in asked.excluded]
    said = {"decisions": json.dumps(in_words(asked))} if asked != EVERYTHING else {}
    return said | ({"excluded_curves": json.dumps(entries)} if entries else {})


def again(kept: Iterable[Any]) -> Controls:
    """The controls from what JSON keeps of them."""
    window, baseline, excluded = kept
    return Controls(window and Range(*window), baseline and Range(*baseline),
                    tuple((str(file), int(number), str(reason)) for file, number, reason in excluded))

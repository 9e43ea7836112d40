"""The vocabulary of the scorecard: a criterion with its value, its interval, its verdict and its words."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from asperity.evaluation import coverage
from asperity.measurements.force_curves.contents import Contents

__all__ = ["Criterion", "Verdict", "graded", "interval", "sessions_of", "unknown", "within"]

_MOST_CURVES = 400  # of a bootstrap; more are thinned evenly


class Verdict(IntEnum):
    """What a criterion says, stored as CF ``flag_values`` / ``flag_meanings``."""

    good = 0
    doubtful = 1
    bad = 2
    unknown = 3


class Criterion(NamedTuple):
    """One criterion: its value with a 90 % interval (NaN: none), what it should be, and the words."""

    kind: str
    criterion: str
    value: float
    low: float
    high: float
    target: float
    verdict: Verdict
    statement: str


def graded(distance: float, good: float, doubtful: float) -> Verdict:
    """A verdict on something that should be small."""
    if not np.isfinite(distance):
        return Verdict.unknown
    return Verdict.good if distance <= good else Verdict.doubtful if distance <= doubtful else Verdict.bad


def unknown(kind: str, criterion: str, statement: str) -> Criterion:
    """A criterion that cannot be judged, and why."""
    return Criterion(kind, criterion, np.nan, np.nan, np.nan, np.nan, Verdict.unknown, statement)


def sessions_of(contents: Contents) -> np.ndarray:
    """The session of every curve, (curve,); one of all where they have none."""
    known = "session" in contents.units
    return contents.results["session"].values.astype(str) if known else np.full(contents.count, "")


def interval(statistic: Callable[..., float], arrays: list[np.ndarray], sessions: np.ndarray) -> tuple[float, ...]:
    """The statistic with its 90 % interval: by session where there are three, else by curve."""
    keep = np.unique(np.linspace(0, len(sessions) - 1, min(len(sessions), _MOST_CURVES)).astype(int))
    units = sessions[keep] if len(np.unique(sessions)) >= 3 else keep
    value = float(statistic(*arrays))
    if len(np.unique(units)) < 2:
        return value, np.nan, np.nan
    found = coverage.bootstrap(statistic, [a[keep] for a in arrays], by_session=units, draws=400)
    return value, min(found.lower, value), max(found.upper, value)


def within(low: float, high: float, digits: str = ".2f") -> str:
    """An interval in words, in brackets; nothing where it is not known."""
    return f" (90 %: {low:{digits}} to {high:{digits}})" if np.isfinite(low) else ""

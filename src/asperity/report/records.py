"""The records of a page as rows of text: history and citations."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import xarray as xr

from asperity.data.results import listed
from asperity.quantities import QUANTITIES
from asperity.report.numbers import plain

__all__ = ["Step", "citations", "history", "made", "raw_history"]

#: entries of a list in the history that are written out; more are counted
MOST_ENTRIES = 4


class Step(NamedTuple):
    """One entry of the history: the verb, its arguments, and everything else that was noted."""

    verb: str
    arguments: list[tuple[str, str]]
    notes: list[tuple[str, str]]


def history(results: xr.Dataset) -> list[Step]:
    """The steps that made these results, in order, as readable text."""
    return [
        _step(entry) if isinstance(entry, dict) else Step(str(entry), [], [])
        for entry in listed(results, "history")
    ]


def _step(entry: dict[str, Any]) -> Step:
    arguments = entry.get("arguments") or {}
    pairs = arguments.items() if isinstance(arguments, dict) else [("arguments", arguments)]
    told = {"verb", "arguments"} | ({"seed"} & set(arguments))  # a seed that was given is an argument already
    notes = [(key, _text(value)) for key, value in entry.items() if key not in told]
    return Step(
        str(entry.get("verb", "a step without a name")),
        [(key, _named(key, value)) for key, value in pairs],
        [(key, text) for key, text in notes if text],
    )


def _text(value: Any) -> str:
    """A value of the history in one line; long lists are cut, and how much was cut is said."""
    if isinstance(value, dict) and {"file", "sha256"} <= value.keys():
        return f"{value['file']} (SHA-256 {str(value['sha256'])[:12]}…)"
    if isinstance(value, dict):
        return _joined([f"{key} {_named(key, part)}" for key, part in value.items()])
    if isinstance(value, list):
        return _joined([_text(part) for part in value])
    return "" if value is None else str(value)


def _named(key: str, value: Any) -> str:
    """A value with the unit of what its name is, or ends in: ``radius``, ``resonance_frequency``."""
    if not isinstance(value, float):
        return _text(value)
    parts = str(key).split("_")
    unit = next((QUANTITIES[name].unit for name in ("_".join(parts[i:]) for i in range(len(parts)))
                 if name in QUANTITIES), "1")
    if unit == "1":
        return _text(value)
    return plain(value, unit) if value == float(f"{value:.3g}") else f"{value!r} {unit}"


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

"""The curves that could not be read or broke their fit: which and why, beside the flags, in chunks and results."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xarray as xr

from asperity.data.curve_files import BROKEN
from asperity.messages import quoted

__all__ = ["CURVES", "attribute", "in_words", "merged", "named", "say"]

_log = logging.getLogger("asperity")

#: the attribute: a JSON list of file, number of the curve in it, and problem
CURVES = "unreadable_curves"
#: curves that are named one by one in what is logged; more are counted
_NAMED = 20


def named(curves: xr.Dataset, causes: Mapping[int, str]) -> list[dict[str, Any]]:
    """The curves at these positions, by file and number, each with its cause."""
    files, numbers = curves["file"].values, curves["curve_in_file"].values
    return [{"file": str(files[i]), "curve": int(numbers[i]), "problem": quoted(cause)}
            for i, cause in sorted(causes.items())]


def attribute(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The attribute that names these curves; none where there are none."""
    return {CURVES: json.dumps(entries)} if entries else {}


def merged(attributes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The attribute of what several results make together."""
    return attribute([entry for attrs in attributes if CURVES in attrs for entry in json.loads(attrs[CURVES])])


def in_words(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line for each curve."""
    return [f"curve {entry['curve']} of {entry['file']} {entry['problem']}" for entry in entries]


def say(attributes: Mapping[str, Any]) -> None:
    """Log why the curves that the attributes name have no numbers; one that ended a worker was told of at once."""
    entries = json.loads(attributes.get(CURVES, "[]"))
    lines = in_words([entry for entry in entries if entry["problem"] != BROKEN])
    for line in lines[:_NAMED]:
        _log.warning("%s", line)
    if len(lines) > _NAMED:
        _log.warning("%d more curves could not be read; the attribute %s of the results names them",
                     len(lines) - _NAMED, CURVES)

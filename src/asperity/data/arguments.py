"""What a history may say to a verb: JSON values that fit the verb's signature, and nothing else.

A history comes from a file, and a file may come from anywhere. So the signature of each verb decides what is
admitted, a new verb included: text for a text, a finite number for a number, and never where to write.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any, Union

__all__ = ["MOST", "NEVER", "completed", "files", "problem", "shallow"]

#: where to write, what to throw away, whom to tell and who works is said by the person who calls, never by a file
NEVER = frozenset({"out", "folder", "restart", "progress", "workers", "scheduler"})

#: the largest whole number of each argument: beyond it memory or time would have no bound
MOST = {
    "batch": 10_000_000,  # curves in memory; no more than there are
    "budget": 100_000,  # curves to record
    "columns": 4096,  # of a map
    "curves": 1_000_000,  # of one map
    "draws": 100_000,  # posterior draws; the bands of 1000 are smooth
    "epochs": 10_000_000,  # passes over a training set
    "level": 30,  # polynomial order of an image's background
    "lines": 30,  # polynomial order along a line
    "members": 256,  # of an ensemble
    "points": 1_000,  # of a simulated sweep: some minutes
    "reach": 1_000,  # frames
    "repeat_every": 100_000,  # curves
    "rows": 4096,  # of a map
    "samples": 10_000_000,  # of a segment
    "seed": 2**63 - 1,  # 64 bits
    "size": 1_001,  # pixels of a tip, which needs their square
    "workers": 1_024,  # processes
}

#: characters of a text: the longest path that Linux takes
LONGEST = 4096
#: of all numbers: far beyond any in SI, and still a float
LARGEST = 1e300
#: entries of one list: a map of 1000 x 1000
MOST_ENTRIES = 1_000_000
#: levels of lists and mappings in each other; a calibration's record has five
DEEPEST = 12


def problem(verb: Callable[..., Any], arguments: Mapping[str, Any]) -> str | None:
    """Why ``arguments`` of a history cannot be passed to ``verb``; None if each fits its signature."""
    hints = _admitted(verb)
    for name, value in arguments.items():
        if name not in hints:
            return f"a history cannot say {_short(name)}"
        if not _fits(value, hints[name]):
            return f"its {name}, {_short(value)}, is not what such a step holds"
        if type(value) is int and name in MOST and not 0 <= value <= MOST[name]:
            return f"its {name}, {value}, is not between 0 and {MOST[name]}"
    return None


def completed(verb: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """``arguments`` with None where it is admitted and missing: a step leaves out what was None."""
    parameters = inspect.signature(verb).parameters
    unsaid = {name: None for name, hint in _admitted(verb).items()
              if name not in arguments and type(None) in _parts(hint) and parameters[name].default is not None}
    return {**arguments, **unsaid}


def files(verb: Callable[..., Any]) -> list[str]:
    """The arguments of ``verb`` that name files to read."""
    return [name for name, hint in _admitted(verb).items() if PathLike in _origins(hint)]


def shallow(value: Any, levels: int = DEEPEST) -> bool:
    """Whether no more than so many lists and mappings lie in each other."""
    if not isinstance(value, list | dict):
        return True
    inside = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(shallow(entry, levels - 1) for entry in inside if isinstance(entry, list | dict))


def _admitted(verb: Callable[..., Any]) -> dict[str, Any]:
    """Argument -> type, of those that a history can say; a calibration is kept as its record, not by its file."""
    hints = {name: hint for name, hint in typing.get_type_hints(verb).items() if name not in {"return", *NEVER}}
    kept = {name: _without_files(hint) if Mapping in _origins(hint) else hint for name, hint in hints.items()}
    data = next(iter(inspect.signature(verb).parameters), None)
    return {name: hint for name, hint in kept.items() if name == data or PathLike not in _origins(hint)}


def _parts(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)


def _origins(hint: Any) -> set[Any]:
    """What a type is made of: the union's members, and those of its lists."""
    inside = [typing.get_args(part) for part in _parts(hint) if _is_list(part)]
    within = {origin for entries in inside for entry in entries for origin in _origins(entry)}
    return {typing.get_origin(part) or part for part in _parts(hint)} | within


def _is_list(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Iterable) and origin not in (Mapping, PathLike)


def _without_files(hint: Any) -> Any:
    """``hint`` without text and path beside a mapping and a path."""
    if PathLike not in _origins(hint):
        return hint
    kept = [part for part in _parts(hint) if part is not str and typing.get_origin(part) is not PathLike]
    return Union[tuple(list[_without_files(typing.get_args(part)[0])]  # noqa: UP007
                       if _is_list(part) else part for part in kept)]


def _fits(value: Any, hint: Any) -> bool:
    """Whether a JSON value is of this type."""
    return any(_fits_one(value, part) for part in _parts(hint))


def _fits_one(value: Any, hint: Any) -> bool:
    origin, inside = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is Any:
        return _plain(value)
    if isinstance(value, bool) or value is None:
        return origin is type(value)
    if isinstance(value, str):
        return origin in (str, PathLike) and _plain(value)
    if isinstance(value, int | float):
        return (origin is float or origin is type(value)) and abs(value) <= LARGEST
    if isinstance(value, list):
        return (_is_list(hint) and len(value) <= MOST_ENTRIES and all(_fits(entry, inside[0]) for entry in value)
                and (origin is not tuple or len(value) == len(inside)))
    return origin is Mapping and _plain(value) and (
        inside[1] is Any or all(isinstance(entry, int | float) for entry in value.values()))


def _plain(value: Any) -> bool:
    """Whether a JSON value is within bounds; a record may hold unknown numbers (NaN) and infinite ones."""
    if isinstance(value, dict):
        return all(_plain(key) and _plain(entry) for key, entry in value.items())
    if isinstance(value, list):
        return len(value) <= MOST_ENTRIES and all(map(_plain, value))
    if isinstance(value, str):
        return len(value) <= LONGEST
    return isinstance(value, float | None) or (isinstance(value, int) and abs(value) <= LARGEST)


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, list | dict) else f"a {type(value).__name__} of {len(value)}"
    return text if len(text) <= 60 else f"{text[:57]}..."

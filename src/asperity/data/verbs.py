"""Verbs of the library: functions that refuse a wrong argument with one line, before any work is done.

What an argument may be is read from the signature, so that a new verb is included by itself: its type, the bounds of
the physical quantity of its name, and the least value of the others.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any, ParamSpec, TypeVar

import xarray as xr

from asperity.contact import AbstractContactModel
from asperity.data.arguments import MOST
from asperity.data.kinds import KINDS, needed
from asperity.messages import ArgumentError, number, shown, whole
from asperity.quantities import QUANTITIES, bounds

__all__ = ["verb"]

_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given")

#: whole numbers: the least; the most is that of a history
_LEAST = {
    "batch": 1,  # curves
    "budget": 1,  # curves to record
    "columns": 1,  # of a map
    "curves": 1,  # of a map
    "draws": 2,  # of which quantiles are taken
    "epochs": 2,  # passes over a training set: the first one tells little
    "level": 0,  # order of a polynomial over a frame
    "lines": 0,  # order of a polynomial along a line
    "members": 1,  # of an ensemble
    "points": 2,  # of a simulated sweep
    "reach": 1,  # frames
    "repeat_every": 0,  # curves
    "rows": 1,  # of a map
    "samples": 16,  # of a segment
    "seed": 0,
    "size": 3,  # pixels of a tip: an apex and a neighbor on each side
    "workers": 1,
}
#: real numbers beside the quantities: above the first, at most the second
_ABOVE = {
    "probability": (0.0, 1.0),
    "curve_time": (0.0, 1e6),  # s
    "spacing": (0.0, 1e6),  # m, or pixels
    "target": (0.0, 1.0),  # relative
    "threshold": (0.0, 1e15),  # Pa
    "travel_speed": (0.0, 1e3),  # m/s, or pixels/s
    "resonance_frequency": (0.0, 1e9),  # Hz
    "features": (0.0, math.inf),  # robust standard deviations
    "minutes": (0.0, 1e6),  # of a training
    "noise": (0.0, 1.0),  # relative; beyond it nothing was measured
    "pitch": (0.0, 1.0),  # m; no scanner goes so far
    "separation": (0.0, 1e-3),  # m; of surfaces that attract each other
}
#: real numbers beside the quantities: from the first to the second
_FROM = {
    "mass": (0.0, 1.0),  # kg, of a lever
    "noise_bound": (0.0, 1.0),  # m
    "separation_std": (0.0, 3.0),  # of the logarithm: a factor 20 either way
    "surface_tension": (0.0, 1e3),  # N/m; liquid metals have 2
}
_LARGEST_STD = 1.0  # relative; beyond it nothing is known

#: types in words; a list comes after what it is a list of
_LIST = "a list of such"
_WORDS = {float: "a number", int: "a whole number", str: "text", bool: "True or False", PathLike: "a path",
          Mapping: "a dictionary", tuple: "a pair of numbers", type(None): "None", xr.Dataset: "a dataset"}


def verb(**kinds: str) -> Callable[[Callable[_Taken, _Given]], Callable[_Taken, _Given]]:
    """Make a function check its arguments against its signature.

    Args:
        kinds: argument -> kind of dataset that it takes (see `asperity.data.kinds.KINDS`).

    The function raises ArgumentError (SchemaError, DataError) before it runs; the message names the argument.
    """

    def decorated(function: Callable[_Taken, _Given]) -> Callable[_Taken, _Given]:
        @functools.wraps(function)
        def call(*args: _Taken.args, **kwargs: _Taken.kwargs) -> _Given:
            bound = inspect.signature(function).bind(*args, **kwargs).arguments
            hints = _hints(function)
            for name, value in bound.items():
                _check(name, value, hints[name], kinds.get(name, ""))
            return function(*args, **kwargs)

        return call

    return decorated


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(function)


def _check(name: str, value: Any, hint: Any, kind: str) -> None:
    """Refuse a value that is of none of the types of ``hint``, or outside the bounds of its name."""
    parts = [part for part in _parts(hint) if _fits(value, part)]
    if isinstance(value, xr.Dataset) and kind:
        needed(name, value, kind)
    elif not parts:
        raise ArgumentError(f"{name} = {shown(value)}: must be {_in_words(hint, kind)}")
    elif isinstance(value, list | tuple) or _is_array(value):
        _check_entries(name, value, parts, kind)
    elif isinstance(value, Mapping) and not isinstance(value, xr.Dataset):
        _check_numbers(name, value, parts)
    elif not isinstance(value, bool | str) and hasattr(value, "__float__") and getattr(value, "ndim", 0) == 0:
        _check_number(name, value)


def _check_number(name: str, value: Any, inside: str = "") -> None:
    """Refuse a number outside the bounds of its name; ``inside`` is the dictionary that it is in."""
    told = f"{name} in {inside}" if inside else name
    if name in QUANTITIES:
        unit = "" if inside or QUANTITIES[name].unit == "1" else QUANTITIES[name].unit
        number(told, value, unit=unit, **bounds(name))
    elif name in _LEAST:
        whole(told, value, _LEAST[name], MOST[name])
    elif name in _ABOVE:
        number(told, value, above=_ABOVE[name][0], most=_ABOVE[name][1])
    else:
        least, most = _FROM.get(name, (0.0, _LARGEST_STD) if name.endswith("_std") else (-math.inf, math.inf))
        number(told, value, least=least, most=most)


def _check_numbers(name: str, value: Mapping[Any, Any], parts: list[Any]) -> None:
    """The entries of a dictionary of numbers."""
    if any(typing.get_args(part)[1:] == (float,) for part in parts):
        for key, entry in value.items():
            _check_number(str(key), entry, name)


def _check_entries(name: str, value: Any, parts: list[Any], kind: str) -> None:
    """The entries of a list, or of an array."""
    pair = any(typing.get_args(part) == (float, float) for part in parts)
    if pair and not (len(value) == 2 and all(_fits(entry, float) for entry in value) and value[0] < value[1]):
        raise ArgumentError(f"{name} = {shown(value)}: must be two numbers, the smaller first")
    inside = [entry for part in parts for entry in typing.get_args(part) if entry is not ...]
    for entry in value if inside else []:
        if isinstance(entry, xr.Dataset) and kind:
            needed(name, entry, kind)
        elif not any(_fits(entry, part) for one in inside for part in _parts(one)):
            raise ArgumentError(f"{name} holds {shown(entry)}: each entry must be {_in_words(inside[0], kind)}")


def _is_array(value: Any) -> bool:
    return getattr(value, "ndim", 0) == 1


def _parts(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of this type; NumPy's numbers are numbers, a dataset is no dictionary, text is no list."""
    kind = typing.get_origin(hint) or hint
    if kind is Any:
        return True
    if kind in (int, float):
        return (not isinstance(value, bool | str) and getattr(value, "ndim", 0) == 0
                and hasattr(value, "__index__" if kind is int else "__float__"))
    if kind is collections.abc.Callable:
        return callable(value)
    if kind is xr.Dataset or isinstance(value, xr.Dataset):
        return kind is type(value)
    if typing.get_args(hint) and kind is not Mapping and issubclass(kind, Iterable):
        many = not hasattr(value, "ndim") and not isinstance(value, str | bytes | Mapping)
        listed = list | tuple if kind is tuple else kind  # a history, which is JSON, has lists for pairs
        return _is_array(value) or (many and isinstance(value, listed))
    return isinstance(value, kind)


def _in_words(hint: Any, kind: str) -> str:
    """What the type is called, in one phrase."""
    parts = [typing.get_origin(part) or part for part in _parts(hint)]
    words = [_WORDS.get(part) or _named(part) for part in parts if part is not str or PathLike not in parts]
    source = ""
    if kind and xr.Dataset in parts:
        words = [KINDS[kind][0] if word == _WORDS[xr.Dataset] else word for word in words]
        source = f" (as {KINDS[kind][1]} gives)"
    words = [word if i or word != _LIST else "a list of numbers" for i, word in enumerate(dict.fromkeys(words))]
    return ", ".join(words[:-1]) + (" or " if words[1:] else "") + words[-1] + source


def _named(part: type) -> str:
    """A class in words, a list in general."""
    if not part.__module__.startswith("asperity"):
        return _LIST
    return "a contact model" if part is AbstractContactModel else f"an {part.__module__}.{part.__name__}"

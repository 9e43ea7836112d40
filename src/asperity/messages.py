"""What people are told where something cannot be done: one base class, and what an argument may be.

Each message is one line that says what is wrong, where, the likeliest cause, and what to do. Whoever catches
`AsperityError` catches all of them; any other error that leaves asperity is a defect of asperity.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["WAITED_FOR", "ArgumentError", "AsperityError", "DataError", "known_keys", "number", "one_of", "quoted",
           "shown", "whole"]

#: the level of logging, below INFO, at which is told what is begun and may take seconds: the bar of the command line
#: shows it
WAITED_FOR = 15

_NAMES = {"Dataset": "dataset", "DataArray": "data array", "ndarray": "array"}  # class -> what people call it
_QUOTED = 300  # characters of foreign text that a message repeats
_SHOWN = 60  # characters of a wrong value that a message repeats: enough to know it by


class AsperityError(Exception):
    """Something that people can mend; the message says what, where, why, and what to do."""


class ArgumentError(AsperityError, ValueError):
    """An argument, or an option of a command, has a value that it cannot have."""


class DataError(AsperityError, ValueError):
    """The data do not hold what is needed."""


def quoted(text: str) -> str:
    """Foreign text for a message of one line: as it is, or in quotes if it would not print, and not without end."""
    found = text if text.isprintable() else ascii(text)
    return found if len(found) <= _QUOTED else f"{found[:_QUOTED - 3]}..."


def shown(value: Any) -> str:
    """A value as a message repeats it: in one line, short, large objects by their kind."""
    if value is not None and not isinstance(value, str | bytes | int | float | complex | list | tuple | dict | set):
        name = _NAMES.get(type(value).__name__, type(value).__name__)
        return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def number(name: str, value: Any, *, above: float = -math.inf, least: float = -math.inf, most: float = math.inf,
           unit: str = "") -> float:
    """The argument ``name`` as a number of ``unit``.

    Args:
        above, least, most: the value must be larger than ``above``, and lie between ``least`` and ``most``.

    Raises:
        ArgumentError: it is no number, or outside; the message says what it must be.
    """
    real = getattr(value, "ndim", 0) == 0 and hasattr(value, "__float__") and not isinstance(value, str | bool)
    if real and above < float(value) <= most and float(value) >= least:
        return float(value)
    low = f"above {above:g}" if math.isfinite(above) else f"at least {least:g}" if math.isfinite(least) else ""
    bounds = [*filter(None, [low]), *([f"at most {most:g}"] if math.isfinite(most) else [])]
    wanted = " ".join(["a number", *(["in", unit] if unit else []), *([" and ".join(bounds)] if bounds else [])])
    raise ArgumentError(f"{name} = {shown(value)}: must be {wanted}")


def whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """The argument ``name`` as an integer from ``least`` to ``most``.

    Raises:
        ArgumentError: it is no integer, or outside.
    """
    if hasattr(value, "__index__") and not isinstance(value, bool) and (
            least <= int(value) <= (int(value) if most is None else most)):
        return int(value)
    bounds = f"at least {least}" if most is None else f"from {least} to {most}"
    raise ArgumentError(f"{name} = {shown(value)}: must be a whole number, {bounds}")


def one_of(name: str, value: Any, known: Iterable[Any]) -> str:
    """The argument ``name`` as one of the ``known`` words.

    Raises:
        ArgumentError: it is another; the message lists the known ones.
    """
    words = [str(word) for word in known]
    if isinstance(value, str) and str(value) in words:
        return str(value)
    raise ArgumentError(f"{name} = {shown(value)} is not known; known: {', '.join(words)}")


def known_keys(name: str, given: Any, known: Iterable[str]) -> dict[str, Any]:
    """The argument ``name`` as a dictionary with no other keys than ``known``; None is an empty one.

    Raises:
        ArgumentError: it is no mapping, or has other keys; the message lists the known ones.
    """
    words = list(known)
    if given is not None and not isinstance(given, Mapping):
        raise ArgumentError(f"{name} = {shown(given)}: must be a dictionary with any of {', '.join(words)}")
    wrong = sorted(str(key) for key in given or {} if key not in words)
    if wrong:
        raise ArgumentError(f"{name} has no {' and no '.join(wrong)}; known: {', '.join(words)}")
    return dict(given or {})

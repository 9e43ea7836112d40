"""Gwyddion's native files (``.gwy``).

``GWYP``, then one serialized object: name, size, and items of a name, a type letter and a value, nested. The data
fields ``/0/data``, ``/1/data``, ... of the container are the channels: doubles, the top line first (turned here),
with their size in ``si_unit_xy`` and their unit in ``si_unit_z``. Titles are names; a title with the word retrace,
backward or bwd is a retrace. Fields of another grid than the first are left out and listed in the attributes.
"""

from __future__ import annotations

import math
import re
import struct
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers.images._channels import AS_MATRIX, Channel, Images, si_unit

__all__ = ["EXTENSIONS", "NAME", "matches", "open_images"]

NAME = "Gwyddion .gwy"
EXTENSIONS = (".gwy",)

_DEEPEST = 32  # levels of objects in each other; more is damage
_LARGEST = 2**29  # bytes; read at once
_SCALARS = {"b": "B", "c": "c", "i": "<i", "q": "<q", "d": "<d"}
_ARRAYS = {"C": 1, "I": 4, "Q": 8, "D": 8}
_BACKWARD = re.compile(r"retrace|backward|\bbwd\b|←", re.IGNORECASE)
_DIRECTION = re.compile(r"[\s\[(_-]*\b(trace|retrace|forward|backward|fwd|bwd)\b[\])]*", re.IGNORECASE)


class _Array(NamedTuple):
    """Where an array lies in the file."""

    offset: int
    length: int


def matches(head: bytes, name: str) -> bool:
    """True if the file starts with ``GWYP``."""
    return head.startswith(b"GWYP")


def open_images(path: Path) -> Images:
    """Open the channels of a Gwyddion file; reads the whole file once, keeps the places of the data.

    Raises:
        CorruptFile: truncated, or an item that is none.
        Unsupported: no data field in it.
    """
    content = opening.read_bytes(path, _LARGEST)
    items, end = _object(path, content, 4, 0)
    if end != len(content):
        raise CorruptFile(path, f"its container ends at byte {end}, the file has {len(content)}.")
    fields = {int(found[1]): value for key, value in items.items()
              if (found := re.fullmatch(r"/(\d+)/data", key)) and isinstance(value, dict)}
    if not fields:
        raise Unsupported(path, "a Gwyddion file without images (it may hold graphs or curves only).", AS_MATRIX)
    grids = {number: _grid(path, field) for number, field in fields.items()}
    first = grids[min(grids)]
    titles = {number: str(items.get(f"/{number}/data/title", f"channel {number}")) for number in fields}
    rows, columns, height, width, x, y = first
    left_out = [titles[number] for number in sorted(fields) if grids[number] != first]
    return Images(
        channels=tuple(_channel(path, fields[number], titles[number], (rows, columns))
                       for number in sorted(fields) if grids[number] == first),
        shape=(rows, columns), session=f"gwyddion {path.name}", pitch=(height / rows, width / columns),
        center=(-(y + height / 2), x + width / 2),
        attrs={"software": "Gwyddion"} | ({"left_out": ", ".join(left_out)} if left_out else {}))


def _object(path: Path, content: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
    """The items of the object at a byte, and the byte behind it."""
    _, at = _string(path, content, at)
    (size,) = struct.unpack_from("<I", content, at)
    at, end = at + 4, at + 4 + size
    if end > len(content) or depth > _DEEPEST:
        raise CorruptFile(path, f"an object should end at byte {end}, the file has {len(content)}.",
                          "It is truncated or damaged; save it again.")
    items: dict[str, Any] = {}
    while at < end:
        key, at = _string(path, content, at)
        items[key], at = _value(path, content, at + 1, content[at : at + 1].decode("latin-1"), depth)
    if at != end:
        raise CorruptFile(path, f"an object that should end at byte {end} ends at {at}.")
    return items, end


def _value(path: Path, content: bytes, at: int, kind: str, depth: int) -> tuple[Any, int]:
    """The value of an item of type ``kind`` at a byte, and the byte behind it."""
    if kind in _SCALARS:
        return struct.unpack_from(_SCALARS[kind], content, at)[0], at + struct.calcsize(_SCALARS[kind])
    if kind == "s":
        return _string(path, content, at)
    if kind == "o":
        return _object(path, content, at, depth + 1)
    (count,) = struct.unpack_from("<I", content, at)
    at += 4
    if kind in _ARRAYS:
        end = at + count * _ARRAYS[kind]
        if end > len(content):
            raise CorruptFile(path, f"an array should end at byte {end}, the file has {len(content)}.")
        return _Array(at, count), end
    if kind not in ("S", "O"):
        raise CorruptFile(path, f"an item has the type {kind!r}, which the format does not know.")
    for _ in range(count):
        _, at = _string(path, content, at) if kind == "S" else _object(path, content, at, depth + 1)
    return None, at


def _string(path: Path, content: bytes, at: int) -> tuple[str, int]:
    end = content.find(b"\0", at)
    if end < 0:
        raise CorruptFile(path, "a name in it has no end.", "It is truncated or damaged; save it again.")
    return content[at:end].decode("utf-8"), end + 1


def _grid(path: Path, field: dict[str, Any]) -> tuple[int, int, float, float, float, float]:
    """Rows, columns, height, width and offsets x, y (m, y downward) of a data field."""
    rows, columns, data = field.get("yres"), field.get("xres"), field.get("data")
    if not (isinstance(rows, int) and isinstance(columns, int) and isinstance(data, _Array)
            and rows > 0 and columns > 0 and data.length == rows * columns):
        raise CorruptFile(path, f"a data field of {columns} x {rows} pixels does not hold them.")
    factor, unit = si_unit(_unit(field, "si_unit_xy"))
    sizes = [float(field.get(key, 0.0)) * factor for key in ("yreal", "xreal", "xoff", "yoff")]
    if unit != "m" or not all(map(math.isfinite, sizes)) or min(sizes[:2]) <= 0:
        raise Unsupported(path, f"a data field of {sizes[1]:g} x {sizes[0]:g} '{unit}', expected m.", AS_MATRIX)
    return (rows, columns, sizes[0], sizes[1], sizes[2], sizes[3])


def _unit(field: dict[str, Any], key: str) -> str:
    found = field.get(key)
    return str(found.get("unitstr", "")) if isinstance(found, dict) else ""


def _channel(path: Path, field: dict[str, Any], title: str, shape: tuple[int, int]) -> Channel:
    name = _DIRECTION.sub("", title).strip(" ←→-_") or title
    return Channel(name, _unit(field, "si_unit_z"), partial(_load, path, field["data"], shape),
                   retrace=_BACKWARD.search(title) is not None)


def _load(path: Path, data: _Array, shape: tuple[int, int]) -> np.ndarray:
    return opening.array(path, "<f8", data.length, data.offset).reshape(shape)[::-1]

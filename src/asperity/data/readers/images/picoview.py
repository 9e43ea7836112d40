"""Molecular Imaging / Agilent / Keysight PicoView images (``.mi``).

A text header of 14-character keys and their values; every ``bufferLabel`` begins a channel, the line
``data BINARY_32`` (or ``BINARY``, 16 bits) ends it. The channels follow one after the other as little-endian
integers n of b bits, the lowest line first, whatever the direction of the scan, trace and retrace both from left
to right. The value is n / 2^(b - 1) times ``bufferRange``, in ``bufferUnit``.
"""

from __future__ import annotations

import math
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers._text import as_text
from asperity.data.readers.images._channels import AS_MATRIX, Channel, Images

__all__ = ["EXTENSIONS", "NAME", "matches", "open_images"]

NAME = "PicoView image"
EXTENSIONS = (".mi",)

_KEY = 14  # characters
_LIMIT = 2**20  # bytes of header
_INTEGER = {"BINARY": np.dtype("<i2"), "BINARY_32": np.dtype("<i4")}

Section = dict[str, str]


def matches(head: bytes, name: str) -> bool:
    """True if the file starts with the key ``fileType`` and the word ``Image``."""
    return head.startswith(b"fileType") and head[_KEY : _KEY + 5] == b"Image"


def open_images(path: Path) -> Images:
    """Open a PicoView image; reads the header only.

    Raises:
        CorruptFile: a header without its end, or a file that is not as long as its channels.
        Unsupported: samples written as text.
    """
    header, buffers, start, dtype = _read(path)
    rows, columns = (_count(path, header, key) for key in ("yPixels", "xPixels"))
    size = rows * columns * dtype.itemsize
    expected, found = start + len(buffers) * size, path.stat().st_size
    if found != expected:
        raise CorruptFile(path, f"{len(buffers)} channels of {rows} x {columns} pixels end at byte {expected}, the "
                                f"file has {found}.", "It is truncated or damaged; copy it again.")
    channels = tuple(_channel(path, buffer, start + i * size, dtype, (rows, columns))
                     for i, buffer in enumerate(buffers))
    speed = _number(header.get("scanSpeed", ""))
    return Images(
        channels=channels, shape=(rows, columns), session=_session(header),
        pitch=(_number(header.get("yLength", "")) / rows, _number(header.get("xLength", "")) / columns),
        center=(_known(header, "yOffset"), _known(header, "xOffset")),
        line_time=1 / speed if speed > 0 else math.nan, attrs=_attributes(header))


def _read(path: Path) -> tuple[Section, list[Section], int, np.dtype]:
    """Header, channels, the byte at which the samples begin, and their type."""
    with opening.stream(path) as stream:
        text = stream.read(_LIMIT)
    at = text.find(b"\ndata          ")
    end = text.find(b"\n", at + 1)
    if at < 0 or end < 0:
        raise CorruptFile(path, "its header has no end ('data').", "It is truncated or damaged; copy it again.")
    header: Section = {}
    buffers: list[Section] = []
    for line in as_text(text[:at]).splitlines():
        key, value = line[:_KEY].strip(), line[_KEY:].strip()
        if key == "bufferLabel":
            buffers.append({})
        (buffers[-1] if buffers else header).setdefault(key, value)
    kind = text[at + 1 + _KEY : end].decode("latin-1").strip()
    if kind not in _INTEGER:
        raise Unsupported(path, f"its samples are stored as {kind[:20]!r}, not as 16- or 32-bit integers.", AS_MATRIX)
    return header, buffers, end + 1, _INTEGER[kind]


def _channel(path: Path, buffer: Section, offset: int, dtype: np.dtype, shape: tuple[int, int]) -> Channel:
    name, full = buffer["bufferLabel"], _number(buffer.get("bufferRange", ""))
    if not full > 0:
        raise CorruptFile(path, f"channel '{name}' has no range ({buffer.get('bufferRange', 'missing')!r}).")
    factor = full / 2.0 ** (8 * dtype.itemsize - 1)
    return Channel(name, buffer.get("bufferUnit", ""), partial(_load, path, name, offset, dtype, shape, factor),
                   retrace=buffer.get("direction", buffer.get("trace", "")).lower() == "retrace")


def _load(path: Path, name: str, offset: int, dtype: np.dtype, shape: tuple[int, int], factor: float) -> np.ndarray:
    words = opening.array(path, dtype, shape[0] * shape[1], offset)
    if words.size != shape[0] * shape[1]:
        raise CorruptFile(path, f"'{name}' is cut off: {words.size} of {shape[0] * shape[1]} pixels.")
    return words.reshape(shape) * factor


def _number(text: str) -> float:
    """``text`` as a finite float, or NaN."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _known(header: Section, key: str) -> float:
    value = _number(header.get(key, ""))
    return value if math.isfinite(value) else 0.0


def _count(path: Path, header: Section, key: str) -> int:
    value = _number(header.get(key, ""))
    if not (1 <= value < 2**20 and value == int(value)):
        raise CorruptFile(path, f"'{key}' in its header is no count ({header.get(key, 'missing')!r}).")
    return int(value)


def _date(header: Section) -> str:
    text = header.get("dateAcquired", "")
    try:
        return datetime.strptime(text, "%a %b %d %H:%M:%S %Y").isoformat()
    except ValueError:
        return text


def _session(header: Section) -> str:
    """Same day, mode and calibration."""
    constants = (f"{key}={_number(header.get(key, '')):g}"
                 for key in ("zSensitivity", "deflectionSens", "forceConstant"))
    return " ".join(("picoview", _date(header)[:10], header.get("mode", ""), *constants))


def _attributes(header: Section) -> dict[str, str | float]:
    return {"instrument": "Agilent / Keysight", "software": header.get("version", ""), "date": _date(header),
            "mode": header.get("mode", ""), "scan_angle": math.radians(_known(header, "scanAngle")),
            "frame_direction": "up" if header.get("scanUp", "").upper() == "TRUE" else "down"}

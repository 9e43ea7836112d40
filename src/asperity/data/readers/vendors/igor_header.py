"""The headers, sizes, note and labels of an Igor binary wave, version 5 (Igor technical note 3)."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asperity.data.readers._errors import CorruptFile, Unsupported

__all__ = [
    "HEADERS",
    "LABEL",
    "WAVE_START",
    "check_head",
    "check_sizes",
    "checksum",
    "matches",
    "parse_note",
    "part_sizes",
    "version",
    "wave_header",
]

#: version, checksum, sizes of: wave, formula, note, data units, 4 dimension units, 4 labels, text indices
_BINARY_HEADER = "hhiiii4i4ii8x"
#: number of samples, type, 4 dimensions, 4 steps; the rest of the header is of no use here
_WAVE_HEADER = "12xih50x4i4d"
HEADERS = 384  # bytes of both headers of version 5
WAVE_START = 64  # bytes before the wave header
LABEL = 32  # bytes of a label
_SAMPLE = {0x02: "f4", 0x04: "f8", 0x08: "i1", 0x10: "i2", 0x20: "i4", 0x48: "u1", 0x50: "u2", 0x60: "u4"}
_VERSIONS = (1, 2, 3, 5)


def matches(head: bytes, name: str) -> bool:
    """True for a ``.ibw`` file, or for a version-5 header whose first 384 bytes sum to zero."""
    return name.endswith(".ibw") or (len(head) >= HEADERS and version(head) == 5 and checksum(head) == 0)


def version(head: bytes) -> int:
    """The version of the format; meaningless where `_order` is None."""
    return struct.unpack((_order(head) or "<") + "h", head[:2].ljust(2, b"\0"))[0]


def _order(head: bytes) -> str | None:
    """The byte order in which the first two bytes are a version of the format, or None."""
    first = head[:2].ljust(2, b"\0")
    return next((order for order in "<>" if struct.unpack(order + "h", first)[0] in _VERSIONS), None)


def checksum(head: bytes) -> int:
    """The sum of both headers as 16-bit integers, modulo 2**16."""
    return sum(struct.unpack_from(f"{_order(head) or '<'}{HEADERS // 2}h", head)) & 0xFFFF


def check_head(path: Path, head: bytes) -> str:
    """The byte order; raises if this is no undamaged version-5 header."""
    order = _order(head)
    if order is None:
        raise CorruptFile(path, "not an Igor binary wave (no known version in its first two bytes).")
    if version(head) != 5:
        raise Unsupported(path, f"an Igor wave of version {version(head)}: one channel, unnamed.",
                          "Force curves of Asylum instruments are version 5.")
    if len(head) < HEADERS or checksum(head) != 0:
        what = "the checksum of its headers is wrong." if len(head) == HEADERS else "it ends in its headers."
        raise CorruptFile(path, what, "It is damaged; copy it again from the instrument.")
    return order


def part_sizes(head: bytes, order: str) -> dict[str, int]:
    """The sizes in bytes of the parts behind the headers."""
    values = struct.unpack_from(order + _BINARY_HEADER, head)
    _, _, wave, formula, note, data_units = values[:6]
    units, labels, indices = values[6:10], values[10:14], values[14]
    return {"wave": wave, "formula": formula, "note": note, "data units": data_units, "units": sum(units),
            "row labels": labels[0], "column labels": labels[1], "other labels": labels[2] + labels[3],
            "indices": indices}


def wave_header(head: bytes, order: str) -> tuple:
    """Number of samples, type, four dimensions, four steps."""
    return struct.unpack_from(order + _WAVE_HEADER, head, WAVE_START)


def check_sizes(path: Path, sizes: dict[str, int], samples: int, kind: int, shape: Sequence[int],
                 order: str) -> np.dtype:
    """The type of a sample; raises unless shape, sizes and file agree."""
    if kind not in _SAMPLE:
        raise Unsupported(path, f"samples of Igor type {kind:#x} (text or complex numbers).")
    dtype = np.dtype(order + _SAMPLE[kind])
    extent = shape[0] * max(shape[1], 1) * max(shape[2], 1) * max(shape[3], 1)
    declared = WAVE_START + sum(sizes.values())
    if min(*sizes.values(), shape[0] - 1) < 0 or samples != extent or (
            sizes["wave"] < HEADERS - WAVE_START + samples * dtype.itemsize):
        raise CorruptFile(path, f"its headers contradict each other ({samples} samples, "
                                f"shape {tuple(shape)}, {sizes['wave']} bytes).")
    if declared > path.stat().st_size:
        raise CorruptFile(path, f"it should have {declared} bytes, it has {path.stat().st_size}.",
                          "It is truncated; copy it again from the instrument.")
    return dtype


def parse_note(text: str) -> dict[str, str]:
    """The note's lines ``key: value``; the last of a key counts."""
    pairs = (line.partition(":") for line in re.split(r"[\r\n]+", text))
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}

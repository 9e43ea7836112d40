"""Nanonis images (``.sxm``).

A header of ``:KEY:`` lines, each followed by its values, ends with ``:SCANIT_END:`` and the bytes 1A 04; then big-
endian float32, for each channel of the table ``DATA_INFO`` forward and (direction ``both``) backward. Lines come in
the order of the scan, backward lines from right to left; both are turned here. Pixels that were not scanned are
NaN. Checked against files written by the tests only.
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

NAME = "Nanonis .sxm"
EXTENSIONS = (".sxm",)

_END = b":SCANIT_END:"  # the last key of the header
_MARK = b"\x1a\x04"  # bytes after it, just before the samples
_LIMIT = 2**22  # bytes from the start of the file that the header must end in

Header = dict[str, list[str]]


def matches(head: bytes, name: str) -> bool:
    """True if the file starts with ``:NANONIS_VERSION:``."""
    return head.startswith(b":NANONIS_VERSION:")


def open_images(path: Path) -> Images:
    """Open a Nanonis image; reads the header only.

    Raises:
        CorruptFile: truncated, or a header without its end, size or table of channels.
        Unsupported: samples that are not float32.
    """
    header, start = _read(path)
    if "".join(header.get("SCANIT_TYPE", [])).split() != ["FLOAT", "MSBFIRST"]:
        raise Unsupported(path, f"its samples are {header.get('SCANIT_TYPE')}, not FLOAT MSBFIRST.", AS_MATRIX)
    columns, rows = (_count(path, value) for value in _pair(path, header, "SCAN_PIXELS"))
    width, height = _pair(path, header, "SCAN_RANGE")
    x, y = _pair(path, header, "SCAN_OFFSET")
    planes = _planes(path, header)
    expected, found = start + 4 * rows * columns * len(planes), path.stat().st_size
    if found != expected:
        raise CorruptFile(path, f"{len(planes)} maps of {rows} x {columns} pixels end at byte {expected}, the file "
                                f"has {found}.", "It is truncated or damaged; copy it again.")
    down = "".join(header.get("SCAN_DIR", [])).strip().lower() == "down"
    load = [partial(_load, path, start + 4 * i * rows * columns, (rows, columns), down, backward)
            for i, (_, _, backward) in enumerate(planes)]
    return Images(
        channels=tuple(Channel(name, unit, load[i], retrace=backward)
                       for i, (name, unit, backward) in enumerate(planes)),
        shape=(rows, columns), session=" ".join(("nanonis", _date(header)[:10])).strip(),
        pitch=(height / rows, width / columns), center=(y, x), line_time=_line_time(header),
        attrs={"instrument": "Nanonis", "software": f"Nanonis {' '.join(header.get('NANONIS_VERSION', []))}",
               "date": _date(header), "scan_angle": math.radians(_first(header, "SCAN_ANGLE")),
               "frame_direction": "down" if down else "up"})


def _read(path: Path) -> tuple[Header, int]:
    """The values by key, and the byte at which the samples begin."""
    with opening.stream(path) as stream:
        text = stream.read(_LIMIT)
    stop = text.find(_END)
    start = text.find(_MARK, max(stop, 0))
    if stop < 0 or start < 0:
        raise CorruptFile(path, "its header has no end (':SCANIT_END:').", "It is truncated or damaged.")
    header: Header = {}
    values: list[str] = []
    for line in as_text(text[:stop]).splitlines():
        if line.startswith(":") and line.rstrip().endswith(":"):
            values = header.setdefault(line.strip().strip(":"), [])
        elif line.strip():
            values.append(line)
    return header, start + len(_MARK)


def _planes(path: Path, header: Header) -> list[tuple[str, str, bool]]:
    """(name, unit, backward) of every map in file order, from the table of channels."""
    rows = [line.split("\t") for line in header.get("DATA_INFO", [])]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    if len(cells) < 2 or cells[0][:4] != ["Channel", "Name", "Unit", "Direction"]:
        raise CorruptFile(path, "its header has no table of channels ('DATA_INFO').")
    planes: list[tuple[str, str, bool]] = []
    for row in cells[1:]:
        if len(row) < 4 or row[3] not in ("both", "forward", "backward"):
            raise CorruptFile(path, f"its table of channels has the row {row}.")
        planes += [(row[1], row[2], backward) for backward in (False, True)
                   if row[3] == "both" or backward == (row[3] == "backward")]
    return planes


def _load(path: Path, offset: int, shape: tuple[int, int], down: bool, backward: bool) -> np.ndarray:
    words = opening.array(path, ">f4", shape[0] * shape[1], offset)
    if words.size != shape[0] * shape[1]:
        raise CorruptFile(path, f"a map is cut off: {words.size} of {shape[0] * shape[1]} pixels.")
    with np.errstate(invalid="ignore"):  # a damaged float may be a signaling NaN
        values = words.reshape(shape).astype(float)
    return values[:: -1 if down else 1, :: -1 if backward else 1]


def _pair(path: Path, header: Header, key: str) -> tuple[float, float]:
    words = " ".join(header.get(key, [])).split()
    try:
        x, y = (float(word) for word in words[:2])
    except ValueError:
        raise CorruptFile(path, f"'{key}' in its header is {words}, expected two numbers.") from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise CorruptFile(path, f"'{key}' in its header is {words}, expected two numbers.")
    return x, y


def _count(path: Path, value: float) -> int:
    if not (1 <= value < 2**20 and value == int(value)):
        raise CorruptFile(path, f"'SCAN_PIXELS' in its header is no count ({value:g}).")
    return int(value)


def _first(header: Header, key: str) -> float:
    try:
        value = float(" ".join(header.get(key, [])).split()[0])
    except (ValueError, IndexError):
        return 0.0
    return value if math.isfinite(value) else 0.0


def _line_time(header: Header) -> float:
    words = " ".join(header.get("SCAN_TIME", [])).split()
    try:
        value = sum(float(word) for word in words[:2])
    except ValueError:
        return math.nan
    return value if len(words) >= 2 and 0 < value < math.inf else math.nan


def _date(header: Header) -> str:
    text = " ".join(word.strip() for key in ("REC_DATE", "REC_TIME") for word in header.get(key, []))
    try:
        return datetime.strptime(text, "%d.%m.%Y %H:%M:%S").isoformat()
    except ValueError:
        return text

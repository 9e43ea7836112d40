"""Plain matrices: numbers in text (``.txt``, ``.csv``, ``.asc``), or a NumPy array (``.npy``).

Text: one line per image line, the top line first, separated by tabs, semicolons, commas or spaces. Header lines
start with ``#``; ``# Channel: Height``, ``# Width: 5 um``, ``# Height: 5 um``, ``# Value units: nm`` (what Gwyddion
exports) are understood. Three columns that list x, y and z of all pixels are read as the map they are. A NumPy array
is (row, column) or (frame, row, column), the top row first. Pixel pitch and unit that the file does not say are given
to `asperity.data.images.open_images`.
"""

from __future__ import annotations

import logging
import math
import re
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile, Unsupported, printable
from asperity.data.readers._table import is_no_number, parse_cells, parse_quantity, split_entry
from asperity.data.readers._text import head_text, read_text
from asperity.data.readers.images._channels import AS_MATRIX, Channel, Images
from asperity.data.readers.images._points import PointMap, map_of_points

__all__ = ["EXTENSIONS", "NAME", "matches", "open_images"]

NAME = "plain matrix (text or NumPy)"
EXTENSIONS = (".txt", ".csv", ".asc", ".npy")

_log = logging.getLogger("asperity")

#: relative difference of the steps along x and y of a list of x, y, z, that is rounding
_SQUARE = 0.01
_NUMPY = b"\x93NUMPY"
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def matches(head: bytes, name: str) -> bool:
    """True for a NumPy array, or a text whose first line that is no comment is two or more numbers."""
    if head.startswith(_NUMPY):
        return True
    *lines, rest = head_text(head).split("\n")
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    cells = _cells(lines[0]) if lines else [] if rest.startswith("#") else _cells(rest)[:-1]  # a line beyond the head
    numbers = [cell for cell in cells if not is_no_number(cell)]
    return len(cells) > 1 and len(numbers) > 0 and all(_NUMBER.fullmatch(cell) for cell in numbers)


def open_images(path: Path) -> Images:
    """Open a matrix; reads all of a text, the header of a NumPy array.

    Raises:
        CorruptFile: lines of different lengths, cells that are no numbers, a truncated array.
        Unsupported: a NumPy array that is no image.
    """
    return _open_array(path) if opening.read_head(path).startswith(_NUMPY) else _open_text(path)


def _open_array(path: Path) -> Images:
    with opening.stream(path) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, columns_first, dtype = read(file)
        offset = file.tell()
    if len(shape) not in (2, 3) or dtype.kind not in "iuf":
        raise Unsupported(path, f"an array of shape {shape} and type {dtype} is no image.", AS_MATRIX)
    if path.stat().st_size < (end := offset + math.prod(shape) * dtype.itemsize):
        raise CorruptFile(path, f"{shape} pixels end at byte {end}, the file has {path.stat().st_size}.",
                          "It is truncated or damaged; save it again.")
    load = partial(_load, path, dtype, shape, "F" if columns_first else "C", offset)
    return Images((Channel("", "", load),), shape, f"matrix {path.name}")


def _load(path: Path, dtype: np.dtype, shape: tuple[int, ...], order: Literal["C", "F"], offset: int) -> np.ndarray:
    words = opening.array(path, dtype, math.prod(shape), offset)
    return words.reshape(shape, order=order).astype(float)[..., ::-1, :]


def _open_text(path: Path) -> Images:
    text = read_text(path)
    if not text.endswith("\n"):
        raise CorruptFile(path, "its last line has no end, so that its last number may be cut off.",
                          "End it with a line break if it is complete, else export it again.")
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.strip() and not line.startswith("#"))
    header = _header(lines[:start])
    cells = _cells(lines[start])
    separator = _separator(lines[start])
    body = [line.rstrip("\t ;,").strip() for line in lines[start:]]
    table, _ = parse_cells(path, body, start + 1, separator, [f"pixel {i + 1}" for i in range(len(cells))])
    if len(table) < 2:
        raise CorruptFile(path, f"it is a single line of {len(cells)} numbers, no image.",
                          "Write one line of the image per line of the text; a line profile is not read.")
    width, height = (_length(path, header, key) for key in ("width", "height"))
    listed = map_of_points(path, table)
    pixels = np.flipud(table) if listed is None else _as_pixels(path, listed, known=math.isfinite(width))
    channel = Channel(header.get("channel", ""), header.get("value units", ""), partial(np.copy, pixels))
    return Images((channel,), pixels.shape, f"matrix {path.name}",
                  pitch=(height / pixels.shape[0], width / pixels.shape[1]))


def _as_pixels(path: Path, listed: PointMap, *, known: bool) -> np.ndarray:
    """The map of a list of x, y, z; its pixels must be square where their size is not in the header."""
    (along_y, along_x), (rows, columns) = listed.steps, listed.values.shape
    if not known and abs(along_y / along_x - 1) > _SQUARE:
        raise Unsupported(path, f"it is a list of x, y, z with steps of {along_x:g} along x and {along_y:g} along y.",
                          "Write its extent in m, um or nm into two first lines, for example '# Width: 5 um' and "
                          "'# Height: 2.5 um'.")
    _log.warning("%s: read as a list of x, y, z: %d x %d pixels, steps of %g (its unit is not in the file: --pixel)",
                 printable(path), columns, rows, along_x)
    return listed.values


def _header(lines: list[str]) -> dict[str, str]:
    entries = [split_entry(line) for line in lines]
    return {key.lower(): f"{value} {unit}".strip() for key, unit, value in entries if key}


def _length(path: Path, header: dict[str, str], key: str) -> float:
    """A length like ``5.00 µm`` of the header in m; NaN where it is not said."""
    if key not in header:
        return math.nan
    return parse_quantity(path, header[key].replace("~m", "um"), f"'{key}' in its header", "m")


def _separator(line: str) -> str:
    return next((separator for separator in "\t;," if separator in line.strip()), " ")


def _cells(line: str) -> list[str]:
    line = line.strip().rstrip("\t ;,")
    separator = _separator(line)
    cells = line.split() if separator == " " else line.split(separator)
    return [cell.strip().replace(",", ".") for cell in cells]

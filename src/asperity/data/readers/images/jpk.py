"""JPK images: ``.jpk``, ``.jpk-qi-image``, ``.force``, and the image inside a force map or QI archive.

A TIFF file: the first page is a thumbnail with the grid in private tags, each further page one channel of 32-bit
(or 16-bit) integers, the line of lowest v first unless the grid is reflected. A page lists the units to which it can
be converted; the default one is read, with its multiplier and offset. The integer that marks invalid pixels
becomes NaN. The grid is x0 + u, y0 + v before its rotation; pixels are as wide as the curves are apart. Files were
checked against the force curves that they belong to.
"""

from __future__ import annotations

import math
import struct
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers._text import as_text
from asperity.data.readers.images._channels import AS_MATRIX, Channel, Images
from asperity.data.readers.vendors.zip_archive import open_archive

__all__ = ["EXTENSIONS", "NAME", "matches", "open_images"]

NAME = "JPK image"
EXTENSIONS = (".jpk", ".jpk-qi-image", ".jpk-force-map", ".jpk-qi-data")

_MOST_TAGS = 4096  # tags of a page; one that declares more is damaged
_MOST_PAGES = 256  # pages, one per channel and the thumbnail; more is damage
_LARGEST = 2**28  # bytes; the whole file is read at once
#: TIFF field type -> struct format, bytes
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 11: "f", 12: "d"}
#: tags of TIFF
_COLUMNS = 0x100  # pixels
_ROWS = 0x101  # pixels
_BITS = 0x102  # of a pixel
_PACKED = 0x103  # compression; 1 is none
_STRIPS = 0x111  # bytes from the start of the file to each strip of pixels
_STRIP_BYTES = 0x117  # bytes of each strip
#: private tags of JPK
_DATE = 0x8003  # text
_FINGERPRINT = 0x8016  # text; with the day it names the session
_X0 = 0x8040  # m
_Y0 = 0x8041  # m
_U_LENGTH = 0x8042  # m
_V_LENGTH = 0x8043  # m
_ANGLE = 0x8044  # rad, of the grid
_REFLECT = 0x8045  # whether the grid is reflected
_CHANNEL = 0x8050  # its name; a page without it is no channel
_RETRACE = 0x8051  # whether the channel is one
_SLOTS = 0x8080  # their number: one slot per unit that the channel can be converted to
_DEFAULT = 0x8081  # name of the slot to convert with
#: the same of the first slot
_SLOT_NAME = 0x8090  # text
_SLOT_UNIT = 0x80A2  # text
_SLOT_SCALING = 0x80A3  # kind of conversion
_SLOT_FACTOR = 0x80A4  # units per integer
_SLOT_OFFSET = 0x80A5  # units
_SLOT_INVALID = 0x80AA  # the integer of a pixel without a value
_STEP = 0x30  # tags from slot to slot

Page = dict[int, tuple]


class _Scale(NamedTuple):
    """value = factor * integer + offset, in ``unit``; ``invalid`` is the integer of pixels without a value."""

    factor: float
    offset: float
    unit: str
    invalid: int | None


def matches(head: bytes, name: str) -> bool:
    """True for a TIFF file with a JPK ending, or a zip archive with the ending of a JPK map."""
    tiff = head[:4] in (b"II*\0", b"MM\0*")
    return (tiff and name.endswith((".jpk", "-image", ".force"))) or (tiff and b"jpk" in head.lower()) or (
        head[:2] == b"PK" and name.endswith((".jpk-force-map", ".jpk-qi-data", ".jpk-qi-series")))


def open_images(path: Path) -> Images:
    """Open a JPK image, or the one inside an archive; reads the whole file (JPK images are small).

    Raises:
        CorruptFile: truncated, or a page without its tags.
        Unsupported: compressed pages, pages of other sizes, or an archive without an image.
    """
    content = _content(path)
    pages = _pages(path, content)
    grid = pages[0]
    length = {key: _number(path, grid, key) for key in (_X0, _Y0, _U_LENGTH, _V_LENGTH)}
    maps = [page for page in pages[1:] if _CHANNEL in page]
    shapes = {(int(_number(path, page, _ROWS)), int(_number(path, page, _COLUMNS))) for page in maps}
    if len(shapes) != 1:
        raise Unsupported(path, f"its {len(maps)} channels have the sizes {sorted(shapes)}; one is needed.",
                          AS_MATRIX)
    rows, columns = shapes.pop()
    if grid.get(_REFLECT, (0,))[0]:
        raise Unsupported(path, "its grid is reflected, which no supplied file could check.", AS_MATRIX)
    return Images(
        channels=tuple(_channel(path, content, page) for page in maps), shape=(rows, columns),
        session=" ".join(("jpk", _text(grid, _DATE)[:10], _text(grid, _FINGERPRINT))).strip(),
        pitch=(length[_V_LENGTH] / rows, length[_U_LENGTH] / columns),
        center=(length[_Y0] + length[_V_LENGTH] / 2, length[_X0] + length[_U_LENGTH] / 2),
        attrs={"instrument": "JPK", "software": f"JPK {_text(grid, 0x8000)}".strip(),
               "date": _text(grid, _DATE), "scan_angle": float(grid.get(_ANGLE, (0.0,))[0])})


def _content(path: Path) -> bytes:
    """The bytes of the TIFF file."""
    if not opening.read_head(path).startswith(b"PK"):
        return opening.read_bytes(path, _LARGEST)
    archive = open_archive(path)
    names = [name for name in archive.members if name.startswith("data-image.")]
    if not names:
        raise Unsupported(path, "an archive of curves without an image.", "Its curves are read by open_dataset.")
    with archive.open() as stream:
        return archive.read(stream, names[0])


def _pages(path: Path, content: bytes) -> list[Page]:
    """The tags of every page."""
    order = "<" if content[:2] == b"II" else ">"
    pages: list[Page] = []
    at = struct.unpack_from(order + "I", content, 4)[0]
    while at:
        (count,) = struct.unpack_from(order + "H", content, at)
        if count > _MOST_TAGS or len(pages) > _MOST_PAGES:
            raise CorruptFile(path, f"page {len(pages)} declares {count} tags.")
        tags = (_tag(content, order, at + 2 + 12 * i) for i in range(count))
        pages.append({number: value for number, value in tags if value is not None})
        at = struct.unpack_from(order + "I", content, at + 2 + 12 * count)[0]
    if len(pages) < 2:
        raise CorruptFile(path, "it is a TIFF picture without JPK's channels: an exported picture, or damaged.",
                          "Take the file that the JPK program saved.")
    return pages


def _tag(content: bytes, order: str, at: int) -> tuple[int, tuple | None]:
    """Number and values of the tag at a byte; None for a type that JPK does not use."""
    number, kind, count = struct.unpack_from(order + "HHI", content, at)
    if kind not in _TYPES:
        return number, None
    form = f"{order}{count}{_TYPES[kind]}"
    inside = struct.calcsize(form) <= 4
    start = at + 8 if inside else struct.unpack_from(order + "I", content, at + 8)[0]
    return number, struct.unpack_from(form, content, start)


def _number(path: Path, page: Page, tag: int) -> float:
    """A tag that must hold a finite number."""
    value = page.get(tag, (math.nan,))[0]
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise CorruptFile(path, f"a page lacks the number of tag {tag:#x}.")
    return value


def _text(page: Page, tag: int) -> str:
    value = page.get(tag, (b"",))[0]
    return as_text(value.split(b"\0")[0]) if isinstance(value, bytes) else ""


def _channel(path: Path, content: bytes, page: Page) -> Channel:
    name = _text(page, _CHANNEL)
    scale = _scale(path, page, name)
    return Channel(name, scale.unit, partial(_load, path, content, page, name, scale),
                   retrace=bool(page.get(_RETRACE, (0,))[0]))


def _scale(path: Path, page: Page, name: str) -> _Scale:
    """The scale of the page's default unit."""
    wanted = _text(page, _DEFAULT)
    slots = [_SLOT_NAME + _STEP * i for i in range(int(_number(path, page, _SLOTS)))]
    at = next((slot - _SLOT_NAME for slot in slots if _text(page, slot) == wanted), None)
    if at is None:
        raise CorruptFile(path, f"channel '{name}' does not describe its default unit '{wanted}'.")
    invalid = page.get(_SLOT_INVALID + at, (None,))[0]
    if _text(page, _SLOT_SCALING + at) == "NullScaling":
        return _Scale(1.0, 0.0, _text(page, _SLOT_UNIT + at), invalid)
    factor, offset = (_number(path, page, tag + at) for tag in (_SLOT_FACTOR, _SLOT_OFFSET))
    return _Scale(factor, offset, _text(page, _SLOT_UNIT + at), invalid)


def _load(path: Path, content: bytes, page: Page, name: str, scale: _Scale) -> np.ndarray:
    """One channel, (row, column), NaN where invalid."""
    rows, columns, bits = (int(_number(path, page, tag)) for tag in (_ROWS, _COLUMNS, _BITS))
    if page.get(_PACKED, (1,))[0] != 1 or bits not in (16, 32):
        raise Unsupported(path, f"channel '{name}' is compressed or has {bits} bits.", AS_MATRIX)
    parts = [content[start : start + count] for start, count in zip(page[_STRIPS], page[_STRIP_BYTES], strict=True)]
    words = np.frombuffer(b"".join(parts), f"{'<' if content[:2] == b'II' else '>'}i{bits // 8}")
    if words.size != rows * columns:
        raise CorruptFile(path, f"channel '{name}' has {words.size} of {rows * columns} pixels.")
    values = np.where(words == scale.invalid, np.nan, words * scale.factor + scale.offset)
    return values.reshape(rows, columns)

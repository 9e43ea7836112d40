r"""Bruker NanoScope images (``.di``, ``.spm``, ``.000``).

One ``\*Ciao image list`` per channel, little-endian integers at its ``Data offset``, the lowest line first; trace
and retrace both from left to right. An integer n of b bytes stands for

    n * soft / 2^(8 b) * sensitivity,

with the *soft* scale of the line ``Z scale: V [Sens. Zsens] (0.005 V/LSB) 330 V`` and the ``Sens. Zsens`` that it
names: images that were leveled in the vendor's program are stored with a soft scale of their own, and the hard
scale in brackets (V/LSB) would make them too high. b is ``Data length`` over the number of pixels;
``Bytes/pixel`` is not to be trusted (NanoScope 9.2 says 2 and writes 4). Four-byte words that all fit into two
bytes do not say which of the two they are: they are refused, as one of the readings is 65536 times too small.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers.images._channels import AS_MATRIX, Channel, Images, si_unit
from asperity.data.readers.vendors.nanoscope_header import (
    NanoscopeHeader,
    Section,
    are_aligned,
    parse_length,
    parse_number,
    parse_scale,
    positive,
)

__all__ = ["EXTENSIONS", "NAME", "matches", "open_images"]

NAME = "Bruker NanoScope image"
EXTENSIONS = (".di", ".spm", ".000", ".001")

_INTEGER = {2: np.dtype("<i2"), 4: np.dtype("<i4")}


def matches(head: bytes, name: str) -> bool:
    r"""True if the file starts with ``\*File list`` or, as the image beside a force volume, ``\*Force file list``."""
    return head.startswith((b"\\*File list", b"\\*Force file list"))


def open_images(path: Path) -> Images:
    """Open a NanoScope image; reads the header only.

    Raises:
        CorruptFile: truncated, with more bytes than it lists, or sizes that contradict each other.
        Unsupported: no image in it, or channels of different sizes.
    """
    header = NanoscopeHeader.read(path)
    sections = header.all("ciao image list")
    if not sections:
        raise Unsupported(path, "a NanoScope file without images.", "Force curves are read by open_dataset.")
    grids = {_grid(header, section) for section in sections}
    if len(grids) > 1:
        raise Unsupported(path, f"its channels differ in their numbers of lines, pixels or size: {sorted(grids)}.",
                          "Export them into files of their own.")
    rows, columns, height, width = grids.pop()
    scan = header.first("ciao scan list")
    channels = tuple(_channel(header, section, rows, columns) for section in sections)
    header.check_end(lambda: all(_is_aligned(header, section) for section in sections))
    return Images(
        channels=channels,
        shape=(rows, columns), session=_session(header), pitch=(height / rows, width / columns),
        center=(_offset(scan, "y"), _offset(scan, "x")),
        line_time=1 / positive(parse_number(scan.get("scan rate", ""))),
        attrs=_attributes(header, scan, sections[0]))


def _grid(header: NanoscopeHeader, section: Section) -> tuple[int, int, float, float]:
    """Rows, columns, height and width (m) of a channel."""
    rows, columns = header.count("number of lines", section), header.count("samps/line", section)
    words = section.get("scan size", "").split()
    unit = words[-1] if words else ""
    width = parse_length(f"{words[0] if words else ''} {unit}")
    height = parse_length(f"{words[1]} {unit}") if len(words) == 3 else width
    across, _, along = section.get("aspect ratio", "1:1").partition(":")
    ratio = parse_number(across) / parse_number(along)
    if height == width and ratio > 0:
        height = width / ratio
    if not (width > 0 and height > 0):
        raise CorruptFile(header.path, f"its scan size is {section.get('scan size', 'missing')!r}.")
    return rows, columns, height, width


def _channel(header: NanoscopeHeader, section: Section, rows: int, columns: int) -> Channel:
    """Place, scale and name of one channel; the declared sizes must fit the file."""
    name = _label(section)
    offset, size = header.count("data offset", section), header.count("data length", section)
    if offset + size > header.file_size:
        raise header.too_short(name, offset + size)
    width = size // (rows * columns)
    if width not in _INTEGER or width * rows * columns != size:
        raise CorruptFile(header.path, f"'{name}': {size} bytes are no 2- or 4-byte samples of {rows} x {columns} "
                                       "pixels.")
    factor, unit = _scale(header, section, name)
    return Channel(name, unit, partial(_load, header.path, name, offset, _INTEGER[width], (rows, columns), factor),
                   retrace=section.get("line direction", "").lower() == "retrace",
                   second_pass=section.get("scan line", "").lower() in ("interleave", "lift"))


def _is_aligned(header: NanoscopeHeader, section: Section) -> bool:
    """True if the samples of a channel show by themselves that no byte was inserted before or among them."""
    offset, size = header.count("data offset", section), header.count("data length", section)
    return are_aligned(opening.array(header.path, _INTEGER[4], size // 4, offset))


def _scale(header: NanoscopeHeader, section: Section, name: str) -> tuple[float, str]:
    """Value of the full range of the integers, and its unit."""
    scale = parse_scale(section.get("z scale", ""))
    if not (math.isfinite(scale.soft) and scale.soft > 0):
        raise Unsupported(header.path, f"the scale of '{name}' is {section.get('z scale', 'missing')!r}.", AS_MATRIX)
    factor, unit = si_unit(scale.unit)
    sensitivity = parse_scale(header.text(scale.sensitivity.lower()))
    per_volt, ratio = si_unit(sensitivity.unit)
    if unit == "V" and ratio.endswith("/V") and sensitivity.soft > 0:
        return scale.soft * factor * sensitivity.soft * per_volt, ratio.removesuffix("/V")
    if unit == "V" and _label(section).lower().startswith(("height", "zsens")):
        raise CorruptFile(header.path, f"'{name}' has no sensitivity ('{scale.sensitivity}') that leads to meters.")
    return scale.soft * factor, unit


def _load(path: Path, name: str, offset: int, dtype: np.dtype, shape: tuple[int, int], full: float) -> np.ndarray:
    words = opening.array(path, dtype, shape[0] * shape[1], offset)
    if words.size != shape[0] * shape[1]:
        raise CorruptFile(path, f"'{name}' is cut off: {words.size} of {shape[0] * shape[1]} pixels.")
    if dtype.itemsize == 4 and words.any() and np.abs(words.astype(np.int64)).max() <= 2**15:
        raise Unsupported(path, f"the four-byte samples of '{name}' all fit into two bytes: their scale is ambiguous.",
                          "Export the image from NanoScope Analysis as text.")
    return words.reshape(shape) * (full / 2.0 ** (8 * dtype.itemsize))


def _label(section: Section) -> str:
    """The name of a channel, from ``S [ZSensor] "Height Sensor"``."""
    data = section.get("image data", "unnamed")
    return data.partition('"')[2].rstrip('" ') or data


def _offset(scan: Section, axis: str) -> float:
    value = parse_length(scan.get(f"{axis} offset", ""))
    return value if math.isfinite(value) else 0.0


def _session(header: NanoscopeHeader) -> str:
    """Same day, scanner, tip and calibration of the height."""
    parts = (header.date()[:10], header.text("description"), header.text("serial number"),
             header.text("tip serial number"), f"zsens={header.sensitivity('Sens. Zsens'):g}")
    return " ".join(("nanoscope", *(part for part in parts if part)))


def _attributes(header: NanoscopeHeader, scan: Section, section: Section) -> dict[str, str | float]:
    return {"instrument": header.text("microscope"), "software": f"NanoScope {header.text('version')}",
            "date": header.date(), "frame_direction": section.get("frame direction", "").lower(),
            "scan_angle_as_written": scan.get("rotate ang.", "")}

"""Asylum Research images in Igor binary waves (``.ibw``, version 5).

A wave of three dimensions: columns (x), lines (y, the lowest first), channels. Its third dimension is labeled
with the channels' names, ``HeightTrace``, ``HeightRetrace``, ``NapPotentialTrace`` (nap: the lift pass), trace and
retrace both from left to right. Units follow from the names; lines that were not scanned are NaN. The pixel
pitch is the step of the wave (scan size over pixels - 1). Headers are checked by their checksum.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers._text import as_text
from asperity.data.readers.images._channels import AS_MATRIX, Channel, Images
from asperity.data.readers.vendors.igor_header import (
    HEADERS,
    LABEL,
    WAVE_START,
    check_head,
    check_sizes,
    matches,
    parse_note,
    part_sizes,
    wave_header,
)

__all__ = ["EXTENSIONS", "NAME", "matches", "open_images"]

NAME = "Asylum Research .ibw image"
EXTENSIONS = (".ibw",)

#: words in a channel's name -> the unit in which Asylum stores it
_UNITS = (("height|zsensor|lvdt|deflection|amplitude", "m"), ("phase", "deg"), ("potential|lateral|user|volt", "V"),
          ("current", "A"), ("freq", "Hz"), ("force|adhesion", "N"), ("modulus|young", "Pa"), ("indent", "m"))


def open_images(path: Path) -> Images:
    """Open an Asylum image; reads headers, note and labels only.

    Raises:
        CorruptFile: truncated, or headers, checksum and sizes contradict each other.
        Unsupported: another version, a force curve, or channels without names.
    """
    wave = _Wave.read(path)
    columns, rows, layers = wave.shape
    return Images(
        channels=tuple(_channel(wave, i) for i in range(layers)), shape=(rows, columns), session=_session(wave),
        pitch=wave.pitch, center=(_known(wave, "YOffset"), _known(wave, "XOffset")),
        line_time=1 / wave.number("ScanRate") if wave.number("ScanRate") > 0 else math.nan, attrs=_attributes(wave))


class _Wave(NamedTuple):
    """An Igor wave of three dimensions, with its note."""

    path: Path
    dtype: np.dtype
    shape: tuple[int, int, int]  # columns, rows, layers
    pitch: tuple[float, float]  # m, along y and x
    names: tuple[str, ...]
    note: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> _Wave:
        """Read headers, note and labels, after checking them against each other and the file."""
        with opening.stream(path) as stream:
            head = stream.read(HEADERS)
            order = check_head(path, head)
            sizes, (samples, kind, *rest) = part_sizes(head, order), wave_header(head, order)
            shape, steps = rest[:4], rest[4:]
            if shape[2] < 1 or shape[3] > 0:
                raise Unsupported(path, f"a wave of {tuple(n for n in shape if n)} samples, no image of channels.",
                                  "Force curves are read by open_dataset.")
            dtype = check_sizes(path, sizes, samples, kind, shape, order)
            stream.seek(WAVE_START + sizes["wave"] + sizes["formula"])
            note = as_text(stream.read(sizes["note"]))
            stream.seek(sum(sizes[key] for key in ("data units", "units", "row labels", "column labels")), 1)
            labels = stream.read(sizes["other labels"])
        names = tuple(as_text(labels[i: i + LABEL].split(b"\0")[0]).strip()
                      for i in range(LABEL, len(labels), LABEL))[: shape[2]]
        if len(names) != shape[2] or not all(names):
            raise Unsupported(path, f"{shape[2]} channels with the names {names}: each needs one.", AS_MATRIX)
        if not all(0 < step < math.inf for step in steps[:2]):
            raise CorruptFile(path, f"its pixel pitch is {steps[0]:g} m x {steps[1]:g} m.")
        return cls(path, dtype, (shape[0], shape[1], shape[2]), (steps[1], steps[0]), names, parse_note(note))

    def load(self, layer: int) -> np.ndarray:
        """One channel, (row, column)."""
        columns, rows, _ = self.shape
        offset = HEADERS + layer * rows * columns * self.dtype.itemsize
        values = opening.array(self.path, self.dtype, rows * columns, offset)
        if values.size != rows * columns:
            raise CorruptFile(self.path, f"'{self.names[layer]}' is cut off: {values.size} of {rows * columns} pixels.")
        with np.errstate(invalid="ignore"):  # a damaged float may be a signaling NaN
            return values.reshape(rows, columns).astype(float)

    def number(self, key: str) -> float:
        """A number of the note, or NaN."""
        try:
            value = float(self.note.get(key, ""))
        except ValueError:
            return math.nan
        return value if math.isfinite(value) else math.nan


def _channel(wave: _Wave, layer: int) -> Channel:
    """A channel from its label: signal, then ``Trace`` or ``Retrace``, maybe after ``Nap``."""
    found = re.fullmatch(r"(Nap)?(.+?)(Trace|Retrace)?(Mod\d+)?", wave.names[layer])
    nap, name, direction = (found[1], found[2], found[3]) if found else (None, wave.names[layer], None)
    unit = next((unit for words, unit in _UNITS if re.search(words, name.lower())), "")
    return Channel(name, unit, partial(wave.load, layer), retrace=direction == "Retrace", second_pass=nap is not None)


def _known(wave: _Wave, key: str) -> float:
    value = wave.number(key)
    return value if math.isfinite(value) else 0.0


def _session(wave: _Wave) -> str:
    """Same day, microscope, lever and calibration."""
    named = (wave.note.get(key, "") for key in ("Date", "MicroscopeModel", "TipSerialNumber"))
    constants = (f"{key}={wave.number(key):g}" for key in ("SpringConstant", "InvOLS", "AmpInvOLS", "ZLVDTSens"))
    return " ".join(("asylum", *(part for part in named if part), *constants))


def _date(wave: _Wave) -> str:
    """Date and time as ISO text, or the note's own words."""
    text = f"{wave.note.get('Date', '')} {wave.note.get('Time', '')}".strip()
    try:
        return datetime.strptime(text, "%Y-%m-%d %I:%M:%S %p").isoformat()
    except ValueError:
        return text


def _attributes(wave: _Wave) -> dict[str, str | float]:
    return {"instrument": wave.note.get("MicroscopeModel", ""), "date": _date(wave),
            "software": f"Asylum Research {wave.note.get('Version', '')}".strip(),
            "mode": wave.note.get("ImagingMode", ""), "scan_angle": math.radians(_known(wave, "ScanAngle"))}

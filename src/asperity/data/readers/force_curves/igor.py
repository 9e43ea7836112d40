r"""Asylum Research force curves in Igor binary waves (``.ibw``, version 5).

A wave is a header of fixed layout, the samples (column after column, here one column per channel), a
note in text and the labels of the columns (Igor technical note 3). Its first 384 bytes, read as 16-bit
integers, sum to zero: this is checked, as are all declared sizes, before any sample is read.

Columns: ``Defl`` (m, inverse optical lever sensitivity applied) is the deflection, ``DeflV`` the voltage,
``ZSnsr`` (or ``LVDT``) the sensor and ``Raw`` the drive of the Z axis; both grow towards the sample,
``height`` is their negative. The note's ``Indexes`` are the bounds of the segments, ``Direction`` their
kind: 1 approach, 0 dwell (pause), -1 retract. Time comes from the step of the wave (``sfA``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from asperity.data import opening
from asperity.data.curves import Curves, number_segments
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers._text import as_text
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

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "Asylum Research .ibw"
EXTENSIONS = (".ibw",)

#: channel -> (column names in order of preference, sign)
_COLUMNS = {
    "deflection": (("Defl", "Deflection"), 1.0),
    "deflection_voltage": (("DeflV", "DeflVolts"), 1.0),
    "height": (("ZSnsr", "ZSensor", "LVDT", "ZLVDT"), -1.0),
    "height_drive": (("Raw", "Height", "Drive"), -1.0),
}
_KINDS = {1.0: "approach", 0.0: "pause", -1.0: "retract"}

Loader = Callable[[int], list[np.ndarray]]


def open_curves(path: Path) -> Curves:
    """Open one Asylum force curve; reads headers, note and labels only.

    The channels are ``deflection`` (else ``deflection_voltage``), ``height`` (the sensor where there is
    one), ``height_drive`` beside a sensor, and ``time``; the segments those of the note.

    Raises:
        CorruptFile: truncated, or headers, checksum and sizes contradict each other.
        Unsupported: another version, an image, or a wave without deflection, height or segment bounds.
    """
    wave = _Wave.read(path)
    channels = _channels(wave)
    kinds, bounds = _segments(wave)
    parts = [slice(first, last) for first, last in pairwise(bounds)]
    times = wave.step * np.arange(wave.rows)
    loaders = {name: _loader(wave, column, sign, parts) for name, (column, sign) in channels.items()}
    return Curves(
        segments=number_segments(kinds),
        counts=np.diff(bounds)[None, :],
        channels={**loaders, "time": lambda curve: [times[part] for part in parts]},
        session=_session(wave),
        spring_constant=wave.positive("SpringConstant"),
        sensitivity=wave.positive("InvOLS"),
        x=wave.number("XLVDT"),
        y=wave.number("YLVDT"),
        attrs=_attributes(wave),
        **_grid(path),
    )


@dataclass(frozen=True)
class _Wave:
    """An Igor wave of two dimensions: samples by named columns, with its note."""

    path: Path
    dtype: np.dtype
    rows: int
    step: float
    columns: tuple[str, ...]
    note: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> _Wave:
        """Read headers, note and labels, after checking them against each other and the file."""
        with opening.stream(path) as stream:
            head = stream.read(HEADERS)
            order = check_head(path, head)
            sizes, (samples, kind, *rest) = part_sizes(head, order), wave_header(head, order)
            shape, step = rest[:4], rest[4]
            if shape[2] > 0:
                raise Unsupported(path, f"an image ({shape[0]} x {shape[1]} x {shape[2]} samples), no force curve.")
            dtype = check_sizes(path, sizes, samples, kind, shape, order)
            stream.seek(WAVE_START + sizes["wave"] + sizes["formula"])
            note = as_text(stream.read(sizes["note"]))
            stream.seek(sum(sizes[key] for key in ("data units", "units", "row labels")), 1)
            labels = stream.read(sizes["column labels"])
        if not (0 < step < math.inf):
            raise CorruptFile(path, f"its time step is {step:g} s.")
        return cls(path, dtype, shape[0], step, _names(labels, shape[1]), parse_note(note))

    def load(self, column: int) -> np.ndarray:
        """All samples of a column, float64."""
        offset = HEADERS + column * self.rows * self.dtype.itemsize
        values = opening.array(self.path, self.dtype, self.rows, offset)
        if values.size != self.rows:
            raise CorruptFile(self.path, f"'{self.columns[column]}' is cut off: "
                                         f"{values.size} of {self.rows} samples.")
        with np.errstate(invalid="ignore"):  # a damaged float may be a signaling NaN
            return values.astype(float)

    def number(self, key: str) -> float:
        """A number of the note, or NaN."""
        try:
            value = float(self.note.get(key, ""))
        except ValueError:
            return math.nan
        return value if math.isfinite(value) else math.nan

    def positive(self, key: str) -> float:
        """A number of the note that must be positive, or NaN."""
        return self.number(key) if self.number(key) > 0 else math.nan

    def list(self, key: str) -> list[float]:
        """Comma-separated numbers of the note; NaN for what is none."""
        words = [word for word in self.note.get(key, "").split(",") if word.strip()]
        return [float(word) if re.fullmatch(r"\s*[-+]?\d+\s*", word) else math.nan for word in words]


def _names(labels: bytes, columns: int) -> tuple[str, ...]:
    """The names of the columns; the first label is that of the whole dimension."""
    texts = [as_text(labels[i: i + LABEL].split(b"\0")[0]).strip()
             for i in range(LABEL, len(labels), LABEL)]
    return tuple(texts[:max(columns, 1)])


def _channels(wave: _Wave) -> dict[str, tuple[int, float]]:
    """Which columns are read as what; a drive without a sensor is the height."""
    found = {}
    for channel, (names, sign) in _COLUMNS.items():
        column = next((wave.columns.index(name) for name in names if name in wave.columns), None)
        if column is not None:
            found[channel] = (column, sign)
    if "height" not in found and "height_drive" in found:
        found["height"] = found.pop("height_drive")
    if not {"deflection", "deflection_voltage"} & set(found) or "height" not in found:
        raise Unsupported(wave.path, "no force curve: it needs a deflection and a height, "
                          f"it has {', '.join(wave.columns) or 'no named channels'}.")
    return found


def _loader(wave: _Wave, column: int, sign: float, parts: Sequence[slice]) -> Loader:
    """A column, cut into its segments."""
    def load(curve: int) -> list[np.ndarray]:
        values = sign * wave.load(column)
        return [values[part] for part in parts]
    return load


def _segments(wave: _Wave) -> tuple[list[str], list[int]]:
    """The kinds of the segments and their bounds; the last bound is the number of samples."""
    indices, directions = wave.list("Indexes"), wave.list("Direction")[1:]
    if len(indices) < 2:
        raise Unsupported(wave.path, "its note does not say where approach and retract meet ('Indexes').")
    kinds = [_KINDS.get(direction, "") for direction in directions]
    inner = indices[1:-1]
    bounds = [0.0, *inner, float(wave.rows)]
    ends_well = wave.rows - 1 <= indices[-1] <= wave.rows
    if len(kinds) != len(bounds) - 1 or "" in kinds or not ends_well or not all(
            a < b for a, b in pairwise(bounds)):
        raise CorruptFile(wave.path, f"segments 'Indexes: {wave.note.get('Indexes')}', 'Direction: "
                          f"{wave.note.get('Direction', 'missing')}' do not divide {wave.rows} samples.")
    return kinds, [int(bound) for bound in bounds]


def _grid(path: Path) -> dict[str, int]:
    """Row and column of a curve of a map, from Asylum's file name ``...Line0003Point0007.ibw``."""
    match = re.search(r"Line(\d+)Point(\d+)", path.name)
    return {"row": int(match[1]), "column": int(match[2])} if match else {}


def _session(wave: _Wave) -> str:
    """Same day, microscope, lever and calibration."""
    named = (wave.note.get(key, "") for key in ("Date", "MicroscopeModel", "TipSerialNumber"))
    constants = f"k={wave.positive('SpringConstant'):g}", f"s={wave.positive('InvOLS'):g}"
    return " ".join(("asylum", *(part for part in named if part), *constants))


def _attributes(wave: _Wave) -> dict[str, str | float]:
    """Instrument, software, date, the vendor's channel names and a force setpoint."""
    date = "T".join(filter(None, (wave.note.get("Date", ""), wave.note.get("Time", ""))))
    attributes: dict[str, str | float] = {
        "format": NAME, "instrument": wave.note.get("MicroscopeModel", ""), "date": date,
        "software": f"Asylum Research {wave.note.get('Version', '')}".strip(),
        "vendor_channels": ", ".join(wave.columns)}
    if wave.note.get("TriggerChannel") == "Force" and math.isfinite(wave.number("TriggerPoint")):
        attributes["setpoint"] = wave.number("TriggerPoint")
    return attributes

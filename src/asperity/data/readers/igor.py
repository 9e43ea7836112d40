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
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from asperity.data.readers._errors import CorruptFile, ReadError, Unsupported
from asperity.data.schema import Curves, number_segments

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "Asylum Research .ibw"
EXTENSIONS = (".ibw",)

#: version, checksum, sizes of: wave, formula, note, data units, 4 dimension units, 4 labels, text indices
_BINARY_HEADER = "hhiiii4i4ii8x"
#: number of samples, type, 4 dimensions, 4 steps; the rest of the header is of no use here
_WAVE_HEADER = "12xih50x4i4d"
_HEADERS = 384  # bytes of both headers of version 5
_WAVE_START = 64
_LABEL = 32
_SAMPLE = {0x02: "f4", 0x04: "f8", 0x08: "i1", 0x10: "i2", 0x20: "i4", 0x48: "u1", 0x50: "u2", 0x60: "u4"}
_VERSIONS = (1, 2, 3, 5)

#: channel -> (column names in order of preference, sign)
_COLUMNS = {
    "deflection": (("Defl", "Deflection"), 1.0),
    "deflection_voltage": (("DeflV", "DeflVolts"), 1.0),
    "height": (("ZSnsr", "ZSensor", "LVDT", "ZLVDT"), -1.0),
    "height_drive": (("Raw", "Height", "Drive"), -1.0),
}
_KINDS = {1.0: "approach", 0.0: "pause", -1.0: "retract"}

Loader = Callable[[int], list[np.ndarray]]


def matches(head: bytes, name: str) -> bool:
    """True for a ``.ibw`` file, or for a version-5 header whose first 384 bytes sum to zero."""
    return name.endswith(".ibw") or (len(head) >= _HEADERS and _version(head) == 5 and _sum(head) == 0)


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
        with open(path, "rb") as stream:
            head = stream.read(_HEADERS)
            order = _check_head(path, head)
            sizes, (samples, kind, *rest) = _sizes(head, order), _wave_header(head, order)
            shape, step = rest[:4], rest[4]
            dtype = _check_sizes(path, sizes, samples, kind, shape, order)
            stream.seek(_WAVE_START + sizes["wave"] + sizes["formula"])
            note = stream.read(sizes["note"]).decode("latin-1")
            stream.seek(sum(sizes[key] for key in ("data units", "units", "row labels")), 1)
            labels = stream.read(sizes["column labels"])
        if not (0 < step < math.inf):
            raise CorruptFile(path, f"its time step is {step:g} s.")
        return cls(path, dtype, shape[0], step, _names(labels, shape[1]), _note(note))

    def load(self, column: int) -> np.ndarray:
        """All samples of a column, float64."""
        offset = _HEADERS + column * self.rows * self.dtype.itemsize
        try:
            values = np.fromfile(self.path, self.dtype, self.rows, offset=offset)
        except OSError as error:
            raise ReadError(self.path, f"cannot be read ({error.strerror}).") from error
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


def _version(head: bytes) -> int:
    """The version of the format; meaningless where `_order` is None."""
    return struct.unpack((_order(head) or "<") + "h", head[:2].ljust(2, b"\0"))[0]


def _order(head: bytes) -> str | None:
    """The byte order in which the first two bytes are a version of the format, or None."""
    first = head[:2].ljust(2, b"\0")
    return next((order for order in "<>" if struct.unpack(order + "h", first)[0] in _VERSIONS), None)


def _sum(head: bytes) -> int:
    """The sum of both headers as 16-bit integers, modulo 2**16."""
    return sum(struct.unpack_from(f"{_order(head) or '<'}{_HEADERS // 2}h", head)) & 0xFFFF


def _check_head(path: Path, head: bytes) -> str:
    """The byte order; raises if this is no undamaged version-5 header."""
    order = _order(head)
    if order is None:
        raise CorruptFile(path, "not an Igor binary wave (no known version in its first two bytes).")
    if _version(head) != 5:
        raise Unsupported(path, f"an Igor wave of version {_version(head)}: one channel, unnamed.",
                          "Force curves of Asylum instruments are version 5.")
    if len(head) < _HEADERS or _sum(head) != 0:
        what = "the checksum of its headers is wrong." if len(head) == _HEADERS else "it ends in its headers."
        raise CorruptFile(path, what, "It is damaged; copy it again from the instrument.")
    return order


def _sizes(head: bytes, order: str) -> dict[str, int]:
    """The sizes in bytes of the parts behind the headers."""
    values = struct.unpack_from(order + _BINARY_HEADER, head)
    _, _, wave, formula, note, data_units = values[:6]
    units, labels, indices = values[6:10], values[10:14], values[14]
    return {"wave": wave, "formula": formula, "note": note, "data units": data_units, "units": sum(units),
            "row labels": labels[0], "column labels": labels[1], "other labels": labels[2] + labels[3],
            "indices": indices}


def _wave_header(head: bytes, order: str) -> tuple:
    """Number of samples, type, four dimensions, four steps."""
    return struct.unpack_from(order + _WAVE_HEADER, head, _WAVE_START)


def _check_sizes(path: Path, sizes: dict[str, int], samples: int, kind: int, shape: Sequence[int],
                 order: str) -> np.dtype:
    """The type of a sample; raises unless shape, sizes and file agree."""
    if kind not in _SAMPLE:
        raise Unsupported(path, f"samples of Igor type {kind:#x} (text or complex numbers).")
    if shape[2] > 0:
        raise Unsupported(path, f"an image ({shape[0]} x {shape[1]} x {shape[2]} samples), no force curve.")
    dtype = np.dtype(order + _SAMPLE[kind])
    extent = shape[0] * max(shape[1], 1)
    declared = _WAVE_START + sum(sizes.values())
    if min(*sizes.values(), shape[0] - 1) < 0 or samples != extent or (
            sizes["wave"] < _HEADERS - _WAVE_START + samples * dtype.itemsize):
        raise CorruptFile(path, f"its headers contradict each other ({samples} samples, "
                                f"shape {tuple(shape)}, {sizes['wave']} bytes).")
    if declared > path.stat().st_size:
        raise CorruptFile(path, f"it should have {declared} bytes, it has {path.stat().st_size}.",
                          "It is truncated; copy it again from the instrument.")
    return dtype


def _names(labels: bytes, columns: int) -> tuple[str, ...]:
    """The names of the columns; the first label is that of the whole dimension."""
    texts = [labels[i: i + _LABEL].split(b"\0")[0].decode("latin-1").strip()
             for i in range(_LABEL, len(labels), _LABEL)]
    return tuple(texts[:max(columns, 1)])


def _note(text: str) -> dict[str, str]:
    """The note's lines ``key: value``; the last of a key counts."""
    pairs = (line.partition(":") for line in re.split(r"[\r\n]+", text))
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


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

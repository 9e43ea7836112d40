"""HDF5 files of the program afmformats: one group per curve, SI columns, metadata as attributes.

Groups are named "0", "1", ...; their datasets are ``force``, ``height (measured)``,
``height (piezo)``, ``time``, ``tip position`` and ``segment`` (0 approach, then 1 retract; with three
segments 1 is the hold), each with its SI unit. Heights fall towards the sample, forces are positive
in repulsion, as here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from asperity.data import opening
from asperity.data.curves import Curves, number_segments
from asperity.data.readers._errors import CorruptFile, NotRecognized
from asperity.data.readers._table import Segments, align_segments, count_samples, cut, require_rising

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "afmformats HDF5"
EXTENSIONS = (".h5", ".hdf5")

#: column of the file -> channel
COLUMNS = {"height (measured)": "height", "height (piezo)": "height_drive", "time": "time",
           "tip position": "tip_position", "force": "force"}
_UNITS = {"height": "m", "height_drive": "m", "time": "s", "tip_position": "m", "force": "N"}
#: kinds of the segment numbers 0, 1, 2 by the number of segments
_KINDS = {1: ("approach",), 2: ("approach", "retract"), 3: ("approach", "pause", "retract")}
#: more samples than any curve has; a declared size beyond is damage
_LONGEST = 50_000_000


def matches(head: bytes, name: str) -> bool:
    """True for the HDF5 signature; whether afmformats wrote it shows on opening."""
    return head.startswith(b"\x89HDF\r\n\x1a\n")


def open_curves(path: Path) -> Curves:
    """The curves of a file; of the samples only the segment numbers are read.

    Raises:
        CorruptFile: the file is truncated or damaged, or a column is missing or of another length.
        NotRecognized: an HDF5 file that afmformats did not write.
    """
    with opening.hdf5(path) as file:
        keys = sorted((key for key in map(str, file) if key.isdecimal()), key=int)
        if not keys or "software" not in file.attrs or not isinstance(file[keys[0]], h5py.Group):
            raise NotRecognized(path, "an HDF5 file, but not one that afmformats wrote.")
        groups = [_group(path, file, key) for key in keys]
        columns = _columns(path, keys, groups)
        meta = [dict(group.attrs) for group in groups]
        segments = [segment_runs(path, f"curve {key}", _values(group, "segment"), meta_count(m))
                    for key, group, m in zip(keys, groups, meta)]
        software = str(file.attrs["software"])
    names = align_segments(path, [own for own, _ in segments])
    channels: dict[str, Callable[[int], Sequence[np.ndarray]]] = {
        channel: partial(_load, path, keys, segments, names, column) for column, channel in columns.items()}
    return Curves(segments=names, counts=count_samples(names, segments), channels=channels,
                  **identity(path, meta), attrs=attributes(meta[0]) | {"software_of_file": software})


def _group(path: Path, file: h5py.File, key: str) -> h5py.Group:
    group = file[key]
    if not isinstance(group, h5py.Group) or "segment" not in group:
        raise CorruptFile(path, f"curve {key}: no 'segment' column.", "Export it again.")
    sizes = {name: _size(path, key, name, group[name]) for name in group if name in (*COLUMNS, "segment")}
    if len(set(sizes.values())) != 1:
        raise CorruptFile(path, f"curve {key}: its columns have different lengths ({sizes}).",
                          "Export it again.")
    return group


def _size(path: Path, key: str, name: str, column: Any) -> int:
    if not isinstance(column, h5py.Dataset) or column.ndim != 1 or column.dtype.kind not in "fiub":
        raise CorruptFile(path, f"curve {key}: '{name}' is not a column of numbers.", "Export it again.")
    stored = column.id.get_storage_size()
    if column.shape[0] > min(_LONGEST, 1100 * stored + 4096):  # deflate packs by 1030 at most
        raise CorruptFile(path, f"curve {key}: '{name}' declares {column.shape[0]} samples, "
                                f"stored are {stored} bytes.", "Export it again.")
    return column.shape[0]


def _columns(path: Path, keys: Sequence[str], groups: Sequence[h5py.Group]) -> dict[str, str]:
    """column -> channel, of the columns that every curve has, units checked."""
    common = [name for name in COLUMNS if all(name in group for group in groups)]
    for key, group in zip(keys, groups):
        for name in common:
            unit = group[name].attrs.get("unit", _UNITS[COLUMNS[name]])
            if unit != _UNITS[COLUMNS[name]]:
                raise CorruptFile(path, f"curve {key}: '{name}' is in {unit!r}, expected "
                                        f"{_UNITS[COLUMNS[name]]!r}.")
    return choose_channels(path, common)


def choose_channels(path: Path, found: Sequence[str]) -> dict[str, str]:
    """column -> channel; the drive height stands in for a missing sensor height."""
    channels = {name: COLUMNS[name] for name in COLUMNS if name in found}
    if "height (measured)" not in channels and "height (piezo)" in channels:
        channels["height (piezo)"] = "height"
    if "force" not in channels or not {"height", "tip_position"} & set(channels.values()):
        raise CorruptFile(path, f"it needs a force and a height column; found {sorted(found)}.",
                          "Export these columns too.")
    return channels


def meta_count(meta: Mapping[str, Any]) -> int | None:
    """How many segments the imaging mode has (None: unknown)."""
    modes = {"force-distance": 2, "creep-compliance": 3, "stress-relaxation": 3}
    return modes.get(str(meta.get("imaging mode", "")))


def segment_runs(path: Path, where: str, numbers: np.ndarray, count: int | None) -> Segments:
    """Names and bounds (n + 1 indices) of the runs of equal segment numbers.

    Args:
        path: named in errors.
        where: the curve, named in errors.
        numbers: (sample,) 0, 1, 2, rising.
        count: how many segments the imaging mode has; None to take it from the numbers.
    """
    numbers = numbers.astype(np.int64)
    if not numbers.size:
        raise CorruptFile(path, f"{where} has no samples.", "It may be truncated; export it again.")
    kinds = _KINDS.get(max(count or 0, int(numbers.max()) + 1))
    if kinds is None or numbers.min() < 0 or (np.diff(numbers) < 0).any():
        raise CorruptFile(path, f"{where}: the segment numbers {np.unique(numbers)[:8].tolist()} are not "
                                "0 (approach), 1, 2 in this order.")
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    names = number_segments([kinds[numbers[start]] for start in starts])
    return names, (*(int(start) for start in starts), len(numbers))


def _values(group: Any, column: str) -> np.ndarray:
    return np.asarray(group[column][:])


def _load(path: Path, keys: Sequence[str], segments: Sequence[Segments], names: Sequence[str],
          column: str, curve: int) -> list[np.ndarray]:
    with opening.hdf5(path) as file:
        samples = _values(file[keys[curve]], column).astype(float)
    if len(samples) != segments[curve][1][-1] or not np.isfinite(samples).all():
        raise CorruptFile(path, f"curve {keys[curve]}: '{column}' has too few or infinite values.",
                          "The file is damaged; export it again.")
    if column == "time":
        require_rising(path, samples, f"curve {keys[curve]}")
    return cut(samples, names, segments[curve])


def identity(path: Path, meta: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Session, calibration, position and grid index per curve, as keywords of `Curves`."""

    def numbers(key: str, default: float) -> np.ndarray:
        return np.array([_finite_number(path, key, m[key]) if key in m else default for m in meta])

    return {"session": np.array([_session(m) for m in meta]),
            "spring_constant": numbers("spring constant", np.nan),
            "sensitivity": numbers("sensitivity", np.nan),
            "x": numbers("position x", np.nan), "y": numbers("position y", np.nan),
            "row": numbers("grid index y", -1).astype(int), "column": numbers("grid index x", -1).astype(int)}


def _finite_number(path: Path, key: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.inf
    if np.isinf(number) or abs(number) > 1e15:
        raise CorruptFile(path, f"metadata '{key}' is {str(value)[:40]!r}, expected a number.")
    return number


def _session(meta: Mapping[str, Any]) -> str:
    """The session of the file, else instrument, date and calibration: what a session shares."""
    if meta.get("session id"):
        return str(meta["session id"])
    keys = ("instrument", "date", "spring constant", "sensitivity")
    return " ".join(str(meta[key]) for key in keys if key in meta) or "unknown session"


def attributes(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of the first curve that describe instrument and protocol."""
    wanted = ("instrument", "software", "software version", "date", "time", "imaging mode", "feedback mode",
              "setpoint", "speed approach", "speed retract", "rate approach", "rate retract", "curve id")
    return {key.replace(" ", "_"): value if isinstance(value, str) else float(value)
            for key, value in meta.items()
            if key in wanted and isinstance(value, str | int | float | np.number)}

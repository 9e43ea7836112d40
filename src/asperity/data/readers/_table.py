"""Tables of numbers in text files and zip archives: decoding, units, cells, segments.

Shared by the text readers. Every failure is a `CorruptFile` that names the file, the line and the
column; nothing else is raised for a damaged table.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers.vendors.zip_archive import Archive, open_archive

__all__ = ["Segments", "align_segments", "check_lines", "count_samples", "cut", "decode", "head_text", "parse_number",
           "parse_rows", "read_text", "read_texts", "remembering", "require_rising", "split_at_minimum",
           "unit_factor"]

#: characters; a line of a hundred thousand pixels has fewer
_LONGEST_LINE = 8 * 2**20
#: lines; more samples in one text do not fit into memory
_MOST_LINES = 10_000_000

#: the names of a curve's segments and their n + 1 bounds as sample indices
Segments = tuple[tuple[str, ...], tuple[int, ...]]

_PREFIXES = {"": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3,
             "k": 1e3, "M": 1e6, "G": 1e9}
_BASES = ("m", "N", "V", "s", "A", "Hz", "Pa", "K", "rad", "J")


def unit_factor(unit: str) -> tuple[float, str]:
    """The factor to SI and the SI unit of ``unit``: ``"nm/V"`` -> (1e-9, ``"m/V"``).

    Units are a prefix (f p n u µ m k M G) and m, N, V, s, A, Hz, Pa, K, rad, J, or a ratio of two
    of them; ``deg`` is the angle, ``1`` and ``%`` are plain numbers.

    Raises:
        ValueError: the unit is unknown; the message lists what is expected.
    """
    numerator, slash, denominator = unit.strip().partition("/")
    factor, base = _simple_factor(numerator)
    if not slash:
        return factor, base
    divisor, divisor_base = _simple_factor(denominator)
    return factor / divisor, f"{base}/{divisor_base}"


def _simple_factor(unit: str) -> tuple[float, str]:
    special = {"1": (1.0, "1"), "%": (0.01, "1"), "deg": (math.pi / 180, "rad")}
    if unit in special:
        return special[unit]
    for base in _BASES:
        prefix = unit.removesuffix(base)
        if unit.endswith(base) and prefix in _PREFIXES:
            return _PREFIXES[prefix], base
    raise ValueError(f"unknown unit '{unit}' (expected e.g. m, um, nm, N, nN, pN, V, mV, s, ms, N/m, nm/V)")


def decode(raw: bytes) -> str:
    """Text of bytes: UTF-8 (with or without mark), else Latin-1; line ends become ``\\n``."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def head_text(head: bytes) -> str:
    """The text that the first bytes of a file hold, looking into a zip's first member; "" if binary.

    For recognition only: other than ASCII characters may come out wrong.
    """
    raw = _zip_start(head) if head[:4] == b"PK\x03\x04" else head
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return "" if "\x00" in text else text.replace("\r\n", "\n").replace("\r", "\n")


def _zip_start(head: bytes) -> bytes:
    """The first bytes of the first real member of a zip archive, from its local header."""
    at = 0
    while head[at : at + 4] == b"PK\x03\x04" and len(head) >= at + 30:
        method = int.from_bytes(head[at + 8 : at + 10], "little")
        size = int.from_bytes(head[at + 18 : at + 22], "little")
        start = at + 30 + int.from_bytes(head[at + 26 : at + 28], "little") \
            + int.from_bytes(head[at + 28 : at + 30], "little")
        name_end = at + 30 + int.from_bytes(head[at + 26 : at + 28], "little")
        if not head[at + 30 : name_end].endswith(b"/"):
            return _inflate_start(head[start:]) if method == zipfile.ZIP_DEFLATED else head[start:]
        at = start + size
    return b""


def _inflate_start(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(-15).decompress(packed, 16384)
    except zlib.error:
        return b""


def check_lines(path: Path, raw: bytes) -> bytes:
    """The bytes of a text, if its lines fit into memory one by one and together; else raises `CorruptFile`."""
    ends = np.flatnonzero(np.frombuffer(raw, np.uint8) == ord("\n" if b"\n" in raw else "\r"))
    longest = int(np.diff(ends, prepend=-1, append=len(raw)).max())
    if longest > _LONGEST_LINE or len(ends) > _MOST_LINES:
        raise CorruptFile(path, f"it has {len(ends)} lines of up to {longest} characters, which no table of "
                                "measurements has.", "Store it in a binary format if it is complete.")
    return raw


def read_text(path: Path) -> str:
    """The decoded text of a file."""
    return decode(check_lines(path, opening.read_bytes(path, opening.LONGEST_TEXT)))


def read_texts(path: Path, names: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """(name, text) of the one text that a file is, or of the members of the zip archive that it is."""
    zipped = opening.read_head(path).startswith(b"PK\x03\x04")
    return _read_members(path, names) if zipped else [(path.name, read_text(path))]


def _read_members(path: Path, names: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """(name, text) of the members of a zip archive, of all that are files or only of ``names``.

    Raises:
        CorruptFile: the archive or a member is truncated, damaged or implausibly large, alone or together.
    """
    archive = open_archive(path)
    wanted = names if names is not None else _file_names(archive)
    declared = sum(archive.members[name].size for name in wanted if name in archive.members)
    if declared > opening.most_unpacked(path.stat().st_size):
        raise CorruptFile(path, f"its members unpack to {declared >> 20} MB, more than texts of measurements do.",
                          opening.DAMAGED)
    with archive.open() as stream:
        return [(name, decode(check_lines(path, archive.read(stream, name)))) for name in wanted]


def _file_names(archive: Archive) -> list[str]:
    return [name for name in archive.members
            if not name.endswith("/") and not Path(name).name.startswith(".")
            and not name.startswith("__MACOSX/")]


def parse_number(path: Path, text: str, line: int, what: str) -> float:
    """A finite number from a header cell; a decimal comma is accepted."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CorruptFile(path, f"line {line}: '{what}' is {text.strip()[:40]!r}, expected a number.")
    return value


def parse_rows(path: Path, lines: Sequence[str], first: int, separator: str,
               columns: Sequence[str]) -> np.ndarray:
    """The table (row, column) of float64 in text lines; every cell must be a finite number.

    Args:
        path: named in errors.
        lines: the rows; empty lines are skipped.
        first: the number of ``lines[0]`` in the file, counted from 1.
        separator: one character between the cells; a decimal comma is accepted unless it is a comma.
        columns: the names of the columns, for errors.

    Raises:
        CorruptFile: no rows, a cell that is not a number, or a row of another length.
    """
    if separator != ",":
        lines = [line.replace(",", ".") for line in lines]
    if not any(line.strip() for line in lines):
        raise CorruptFile(path, f"no data rows after line {first - 1}.",
                          "It may be truncated; export it again.")
    try:
        table = np.loadtxt(lines, delimiter=separator, comments=None, ndmin=2)
    except (ValueError, OverflowError, UnicodeError):
        table = np.empty((0, 0))
    if table.shape[1] != len(columns) or not np.isfinite(table).all():
        raise _bad_cell(path, lines, first, separator, columns)
    return table


def _bad_cell(path: Path, lines: Sequence[str], first: int, separator: str,
              columns: Sequence[str]) -> CorruptFile:
    """The error that names the first cell or row which is not as expected."""
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        cells = line.split(separator)
        if len(cells) != len(columns):
            return CorruptFile(path, f"line {number}: {len(cells)} columns, expected {len(columns)} "
                                     f"({', '.join(columns)}).", "It may be truncated; export it again.")
        for column, (cell, name) in enumerate(zip(cells, columns), start=1):
            if not _is_number(cell):
                return CorruptFile(path, f"line {number}, column {column} ('{name}'): {cell.strip()[:40]!r} "
                                         "is not a finite number.")
    return CorruptFile(path, f"the table from line {first} on is not a table of numbers.")


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def require_rising(path: Path, time: np.ndarray, where: str) -> None:
    """Raise `CorruptFile` unless the time never falls: the self-check of a recorded time column."""
    falls = np.flatnonzero(np.diff(time) < 0)
    if falls.size:
        raise CorruptFile(path, f"the time falls from {time[falls[0]]:g} s to {time[falls[0] + 1]:g} s "
                                f"at row {falls[0] + 2} of {where}.", "The rows are damaged or out of order.")


def split_at_minimum(height: np.ndarray) -> tuple[int, int]:
    """Samples in approach and retract when the turn is where the height is lowest."""
    turn = int(np.argmin(height)) + 1
    return turn, len(height) - turn


def align_segments(path: Path, per_curve: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One time order of segment names that holds those of every curve.

    Raises:
        CorruptFile: two curves have the same segments in different orders.
    """
    names: list[str] = []
    for own in per_curve:
        for i, name in enumerate(own):
            if name not in names:
                names.insert(names.index(own[i - 1]) + 1 if i else 0, name)
    for curve, own in enumerate(per_curve):
        if sorted(own, key=names.index) != list(own):
            raise CorruptFile(path, f"curve {curve} has its segments in the order {', '.join(own)}; "
                                    f"that of the others is {', '.join(names)}.")
    return tuple(names)


def count_samples(names: Sequence[str], curves: Sequence[Segments]) -> np.ndarray:
    """(curve, segment) sample counts of the dataset's segments ``names``, 0 where a curve lacks one."""
    return np.array([[dict(zip(own, np.diff(bounds))).get(name, 0) for name in names]
                     for own, bounds in curves])


def cut(samples: np.ndarray, names: Sequence[str], segments: Segments) -> list[np.ndarray]:
    """One array per segment of the dataset, empty where the curve lacks it."""
    own, bounds = segments
    parts = {name: samples[bounds[i] : bounds[i + 1]] for i, name in enumerate(own)}
    return [parts.get(name, np.empty(0)) for name in names]


def remembering(load: Callable[[int], Any]) -> Callable[[int], Any]:
    """``load`` that keeps its last result: the channels of one curve are parsed once."""
    last: dict[int, Any] = {}

    def remembered(curve: int) -> Any:
        result = last.get(curve)
        if result is None:
            result = load(curve)
            last.clear()
            last[curve] = result
        return result

    return remembered

"""Tables of numbers in texts: units, cells, segments.

Shared by the text readers. Every failure is a `CorruptFile` that names the file, the line and the
column; nothing else is raised for a damaged table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asperity.data.readers._errors import CorruptFile

__all__ = ["Segments", "align_segments", "count_samples", "cut", "parse_number", "parse_rows", "remembering",
           "require_rising", "split_at_minimum", "unit_factor"]

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

"""Tables of numbers in texts: units, cells, segments.

Shared by the text readers. Every failure is a `CorruptFile` that names the file, the line and the
column; nothing else is raised for a damaged table.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from asperity.data.readers._errors import CorruptFile

__all__ = ["Rows", "Segments", "align_segments", "count_samples", "cut", "is_no_number", "left_out", "lost_rows",
           "parse_cells", "parse_number", "parse_quantity", "parse_rows", "parse_unit", "remembering",
           "require_rising", "separator_of", "split_at_minimum", "split_cells", "split_entry", "to_number",
           "unit_factor"]

#: the names of a curve's segments and their n + 1 bounds as sample indices
Segments = tuple[tuple[str, ...], tuple[int, ...]]

#: rows without a number that any table may have: a glitch or a formula loses a few cells
_FEW_ROWS = 3
#: share of a long table that may have none: beyond it the column was not recorded, and what is left is not the curve
_FEW_OF = 0.01
#: what programs write where there is no number
_NO_NUMBER = re.compile(r"|-+|[-+]?nan(?:\(\w*\))?|[-+]?1[.,]#(?:ind|qnan|snan)\d*|n/?a|null"
                        r"|#(?:num!|n/a|nv|div/0!|value!|wert!|ref!|zahl!)", re.IGNORECASE)
#: the characters between cells; the first that occurs is it
_SEPARATORS = (";", "\t", ",")
#: a comma within a number
_COMMA = re.compile(r"\d,\d")
#: the same where commas separate cells: in quotes
_QUOTED_COMMA = re.compile(r'"[^",]*\d,\d[^"]*"')
#: a point within a number
_POINT = re.compile(r"\d\.\d")
#: a header entry: key, unit behind it, value
_ENTRY = re.compile(r"([^=:(\[]+)(?:[(\[]([^)\]]*)[)\]])?\s*[=:](.*)", re.DOTALL)
#: a number with its unit, behind it or in brackets
_QUANTITY = re.compile(r"([-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?)\s*[(\[]?([^()\[\]]*)[)\]]?")
#: SI unit -> what people mostly write
_EXAMPLES = {"m": "um", "N": "nN", "m/V": "nm/V", "rad": "deg"}

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
    numerator, slash, denominator = unit.replace(" ", "").partition("/")
    factor, base = _simple_factor(numerator)
    if not slash:
        return factor, base
    divisor, divisor_base = _simple_factor(denominator)
    return factor / divisor, f"{base}/{divisor_base}"


def _simple_factor(unit: str) -> tuple[float, str]:
    degree = (math.pi / 180, "rad")
    special = {"1": (1.0, "1"), "%": (0.01, "1"), "deg": degree, "°": degree, "º": degree, "Å": (1e-10, "m")}
    if unit in special:
        return special[unit]
    for base in _BASES:
        prefix = unit.removesuffix(base)
        if unit.endswith(base) and prefix in _PREFIXES:
            return _PREFIXES[prefix], base
    raise ValueError(f"unknown unit '{unit}' (expected e.g. m, um, nm, N, nN, pN, V, mV, s, ms, N/m, nm/V)")


def to_number(text: str) -> float:
    """The finite number that a text is, with a decimal point or comma; else NaN."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def parse_number(path: Path, text: str, line: int, what: str) -> float:
    """A finite number from a header cell; a decimal comma is accepted."""
    value = to_number(text)
    if not math.isfinite(value):
        raise CorruptFile(path, f"line {line}: '{what}' is {text.strip()[:40]!r}, expected a number.")
    return value


def split_entry(line: str) -> tuple[str, str, str]:
    """Key, unit behind it, and value of a header line ``# key (unit) = value`` or ``key: value``; else three "".

    Quotes around the line and separators behind it, as spreadsheets write them, do not count.
    """
    found = _ENTRY.fullmatch(line.strip().rstrip(",;\t").strip().strip('"').lstrip("#").strip())
    return (found[1].strip(), (found[2] or "").strip(), found[3].strip()) if found else ("", "", "")


def parse_quantity(path: Path, text: str, where: str, expected: str, unit: str = "") -> float:
    """A number with its unit, ``0.05 N/m``, ``0,05N/m`` or ``50 [mN/m]``, in the SI unit ``expected``.

    Args:
        path: named in errors.
        text: the value as it is written.
        where: the line and the name, for errors.
        expected: the SI unit of the quantity; "1" of a plain number.
        unit: that of a number without one, where it stands elsewhere.

    Raises:
        CorruptFile: no number, no unit (but of 0 or a plain number), or one of another quantity.
    """
    found = _QUANTITY.fullmatch(text.strip())
    number = to_number(found[1]) if found else math.nan
    if found is None or not math.isfinite(number):
        raise CorruptFile(path, f"{where} is {text.strip()[:40]!r}, expected a number with a unit of {expected}.")
    written = found[2].strip() or unit
    if not written and expected != "1" and number:
        raise CorruptFile(path, f"{where} is {found[1]} without a unit, and the format defines none.",
                          f"Write it behind the number, for example {found[1]} {_EXAMPLES.get(expected, expected)}.")
    return number * parse_unit(path, where, written, expected) if written else number


def parse_unit(path: Path, where: str, unit: str, expected: str) -> float:
    """The factor from ``unit`` to the SI unit ``expected``; `CorruptFile` if it is unknown or of another quantity."""
    try:
        factor, found = unit_factor(unit)
    except ValueError as error:
        raise CorruptFile(path, f"{where}: {error}.") from None
    if found != expected:
        raise CorruptFile(path, f"{where} is in '{unit}', expected a unit of {expected}.")
    return factor


class Rows(NamedTuple):
    """A table of numbers, and what was left out of it."""

    values: np.ndarray  # (row, column) float64, finite
    kept: np.ndarray  # of each row, its place among the lines
    left_out: tuple[str, ...] = ()  # of each row without a number: line, column and cell

    def __len__(self) -> int:
        return len(self.values)


def left_out(tables: Iterable[Rows]) -> dict[str, Any]:
    """Attributes that say what was left out of the tables: ``rows_left_out``, the count, and ``left_out``, in words."""
    tables = list(tables)
    found = [row for table in tables for row in table.left_out]
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return lost_rows(len(found), sum(map(len, tables)), f" ({'; '.join(found[:3])}{more})")


def lost_rows(lost: int, kept: int, named: str = "") -> dict[str, Any]:
    """As `left_out`, where it is known how many rows there are."""
    words = f"{lost} of {lost + kept} rows are left out, for a cell holds no number{named}"
    return {"rows_left_out": lost, "left_out": words} if lost else {}


def separator_of(line: str) -> str:
    """What separates the cells of a line of titles: semicolon, tab, comma, else blanks."""
    return next((separator for separator in _SEPARATORS if separator in line), " ")


def split_cells(line: str, separator: str) -> list[str]:
    """The cells of one line without blanks and quotes; several blanks separate as one."""
    if separator == " ":
        return line.split()
    try:
        cells = next(csv.reader([line], delimiter=separator), []) if '"' in line else line.split(separator)
    except csv.Error:  # a cell of megabytes, a line end in it
        cells = line.split(separator)
    return [cell.strip() for cell in cells]


def is_no_number(cell: str) -> bool:
    """True for what programs write where there is no number: nothing, NaN, #NUM!, N/A, a dash and the like."""
    return _NO_NUMBER.fullmatch(cell.strip()) is not None


def parse_rows(path: Path, lines: Sequence[str], first: int, separator: str, columns: Sequence[str]) -> Rows:
    """The rows of numbers in text lines; a row with a cell that says there is no number is left out.

    Args:
        path: named in errors.
        lines: the rows; empty lines are skipped.
        first: the number of ``lines[0]`` in the file, counted from 1.
        separator: one character between the cells; a decimal comma is accepted, in quotes where it is the separator.
        columns: the names of the columns, for errors.

    Raises:
        CorruptFile: no rows, a cell that is neither a number nor `is_no_number`, a row of another length, or more rows
            without a number than a glitch leaves (`_FEW_ROWS`, `_FEW_OF`).
    """
    values, kept = parse_cells(path, lines, first, separator, columns)
    bad = np.isnan(values).any(axis=1)
    if not bad.any():
        return Rows(values, kept)
    found = []
    for row, place in zip(values[bad], map(int, kept[bad])):
        column = int(np.flatnonzero(np.isnan(row))[0])
        cell = split_cells(lines[place], separator)[column]
        found.append(f"line {first + place}, column {column + 1} ('{columns[column]}'): {cell[:20]!r}")
    if len(found) > max(_FEW_ROWS, _FEW_OF * len(values)) or bad.all():
        raise CorruptFile(path, f"{len(found)} of {len(values)} rows have a cell that is not a finite number "
                                f"({found[0]}).", "Export it again, or take the column or the rows out.")
    return Rows(values[~bad], kept[~bad], tuple(found))


def parse_cells(path: Path, lines: Sequence[str], first: int, separator: str,
                columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The table (row, column) with NaN where a cell `is_no_number`, and the place of each row among the lines.

    Arguments and errors are those of `parse_rows`.
    """
    _require_one_mark(path, lines, first, separator)
    plain = _with_points(lines, separator)
    kept = [i for i, line in enumerate(plain) if line.strip()]
    if not kept:
        raise CorruptFile(path, f"no data rows after line {first - 1}.",
                          "It may be truncated; export it again.")
    table = _loaded([plain[i] for i in kept], separator)
    if table.shape[1] != len(columns) or not np.isfinite(table).all():
        kept, rows = _sifted(path, plain, first, separator, columns)
        table = _loaded(rows, separator)
        if table.shape != (len(kept), len(columns)) or np.isinf(table).any():
            raise CorruptFile(path, f"the table from line {first} on is not a table of numbers.")
    return table, np.array(kept)


def _require_one_mark(path: Path, lines: Sequence[str], first: int, separator: str) -> None:
    """Raise `CorruptFile` if commas and points stand within numbers of one table: 1,234 may then be 1234."""
    comma = _QUOTED_COMMA if separator == "," else _COMMA
    place = next((i for i, line in enumerate(lines) if "," in line and comma.search(line)), None) \
        if separator != "," or any('"' in line for line in lines) else None
    point = None if place is None else next((i for i, line in enumerate(lines) if _POINT.search(line)), None)
    if place is not None and point is not None:
        raise CorruptFile(path, f"numbers with a comma (line {first + place}) and with a point (line {first + point}): "
                                "is the comma a decimal mark, or of thousands?", "Export it with one decimal mark.")


def _with_points(lines: Sequence[str], separator: str) -> list[str]:
    """The lines without quotes, with decimal points, and one blank where blanks separate."""
    if any('"' in line for line in lines):
        return [separator.join(cell.replace(",", ".") for cell in split_cells(line, separator)) for line in lines]
    if separator == " ":
        return [" ".join(line.split()).replace(",", ".") for line in lines]
    return list(lines) if separator == "," else [line.replace(",", ".") for line in lines]


def _loaded(lines: Sequence[str], separator: str) -> np.ndarray:
    """The numbers in lines; an empty table if they are not all numbers, or not as many in each line."""
    if not lines:
        return np.empty((0, 0))
    try:
        return np.loadtxt(lines, delimiter=separator, comments=None, ndmin=2)
    except (ValueError, OverflowError, UnicodeError):
        return np.empty((0, 0))


def _sifted(path: Path, lines: Sequence[str], first: int, separator: str,
            columns: Sequence[str]) -> tuple[list[int], list[str]]:
    """The places and texts of the rows, with "nan" for each cell that is no number; raises for what is wrong."""
    kept, rows = [], []
    for i, line in enumerate(lines):
        cells = line.split(separator)
        if not any(cell.strip() for cell in cells):
            continue
        count = len(cells) - (i == len(lines) - 1 and not cells[-1].strip())  # a text ends with a line end, or is cut
        if count != len(columns):
            raise CorruptFile(path, f"line {first + i}: {count} columns, expected {len(columns)} "
                                    f"({', '.join(columns)}).", "It may be truncated; export it again.")
        for column, cell in enumerate(cells):
            if not (math.isfinite(to_number(cell)) or is_no_number(cell)):
                raise CorruptFile(path, f"line {first + i}, column {column + 1} ('{columns[column]}'): "
                                        f"{cell.strip()[:40]!r} is not a finite number.")
        kept.append(i)
        rows.append(separator.join("nan" if is_no_number(cell) else cell for cell in cells))
    return kept, rows


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

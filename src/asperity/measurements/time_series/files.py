"""Tables of a recorded motion: the deflection over time, with drive, velocity or tip force where they are.

One title line with the columns, the unit in brackets or after a slash behind the name; comma, semicolon, tab or blanks
between; a ``#`` before it, as numpy writes it, does not count. Columns: ``time`` with ``deflection`` or
``tip_position``; ``velocity``, ``drive`` (N, or V) and ``force`` are used where they are, others are left out.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from asperity.data.readers._appearance import appearance, is_foreign
from asperity.data.readers._errors import CorruptFile, NotRecognized, Unsupported
from asperity.data.readers._table import left_out, parse_rows, separator_of, split_cells, unit_factor
from asperity.data.readers._text import read_head, read_text
from asperity.data.readers._titles import quantity_of
from asperity.measurements.time_series.damage import cut_off, damage_of, stands_still
from asperity.messages import quoted
from asperity.report.numbers import plain

__all__ = ["DamagedCell", "Series", "in_words", "read_series"]

_NAMES = {"time": ("time", "t"), "deflection": ("deflection", "defl", "cantilever_deflection"),
          "tip_position": ("tip_position", "tip"), "velocity": ("velocity", "v", "tip_velocity"),
          "drive": ("drive", "excitation", "drive_force", "driving_force"),
          "force": ("force", "fts", "f_ts", "tip_force", "tip_sample_force")}
_UNITS = {"time": ("s",), "deflection": ("m",), "tip_position": ("m",), "velocity": ("m/s",), "drive": ("N", "V"),
          "force": ("N",)}
_FEWEST = 256  # samples
_UNEVEN = 0.2  # of a step, by which a sample's time may be off
_MEASURED = {"deflection", "tip_position", "velocity", "drive"}  # columns that are looked through for damage
_FEW_DAMAGED = 3  # cells that all others contradict are mended,
_FEW_OF = 0.01  # or so many of a column
_WANTED = "Name the columns, with units, for example: time (us), deflection (nm), drive (V)."


class DamagedCell(NamedTuple):
    """One value of a table, in SI."""

    column: str
    time: float
    value: float
    expected: float  # what the others tell
    unit: str


class Series(NamedTuple):
    """One record, in SI."""

    interval: float  # s
    deflection: Float[np.ndarray, " sample"]  # m, or the tip's position
    of_tip: bool  # whether it is the position of the tip
    velocity: Float[np.ndarray, " sample"] | None  # m/s
    drive: Float[np.ndarray, " sample"] | None
    drive_unit: str  # N or V; "" without a drive
    force: Float[np.ndarray, " sample"] | None  # N, of a simulation
    unused: tuple[str, ...]  # titles of columns that are not known
    damaged: tuple[DamagedCell, ...]  # cells that all others contradict: what those tell stands in their place
    cut_off: tuple[str, ...]  # columns whose largest or smallest values are cut off, in words


def read_series(path: str | PathLike[str]) -> Series:
    """The record of a table.

    Raises:
        ReadError: the file cannot be read, has no such columns or one twice, no unit or an unknown one, cells without a
            number, fewer than 256 samples, uneven times, values that stand still, or many that all others contradict.
    """
    path = Path(path)
    if is_foreign(head := read_head(path)):
        raise NotRecognized(path, f"it is no text but {appearance(head)}.", "Save the record as CSV. " + _WANTED)
    lines = read_text(path).split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip(" #\t\r")), None)
    if first is None:
        raise CorruptFile(path, "it is empty.", _WANTED)
    title = lines[first].lstrip("# ")
    separator = separator_of(title)
    titles = split_cells(title, separator)
    named = [_named(one) for one in titles]
    _known(path, titles, [name for name, _ in named])
    body = ["" if line.startswith("#") else line for line in lines[first + 1:]]
    rows = parse_rows(path, body, first + 2, separator, titles)
    values = rows.values
    columns, units = {}, {}
    for i, (name, unit) in enumerate(named):
        if name:
            columns[name], units[name] = _in_si(path, name, unit, values[:, i])
    if len(values) < _FEWEST:
        raise CorruptFile(path, f"its samples number {len(values)}; a motion needs {_FEWEST}.", "Record longer.")
    interval = _interval(path, columns["time"], left_out([rows]).get("left_out", ""))
    own = "deflection" if "deflection" in columns else "tip_position"
    if np.ptp(columns[own]) == 0:
        raise CorruptFile(path, f"its {own.replace('_', ' ')} never changes.", "Is this the column that was measured?")
    damaged: list[DamagedCell] = []
    for name in sorted(_MEASURED & set(columns)):
        columns[name], cells = _mended(path, name, columns["time"], columns[name], units[name])
        damaged += cells
    cut = [_cut_off(name, columns["time"], columns[name], units[name]) for name in sorted(_MEASURED & set(columns))]
    return Series(interval, columns[own], own == "tip_position", columns.get("velocity"), columns.get("drive"),
                  units.get("drive", ""), columns.get("force"),
                  tuple(title for title, (name, _) in zip(titles, named, strict=True) if not name),
                  tuple(damaged), tuple(filter(None, cut)))


def _mended(path: Path, name: str, time: np.ndarray, values: np.ndarray,
            unit: str) -> tuple[np.ndarray, list[DamagedCell]]:
    """The column with what the others tell in place of damaged cells, and these.

    Raises:
        CorruptFile: more than three, and one of a hundred; or it stands still for a while.
    """
    words = name.replace("_", " ")
    if name != "drive" and (still := stands_still(values)):
        first, last = still
        raise CorruptFile(path, f"its {words} stands still at {plain(values[first], unit)} from "
                          f"{plain(time[first], 's', 6)} to {plain(time[last], 's', 6)}: {last - first + 1} equal "
                          "values of a motion that moves all the time.",
                          "Was the detector read then? Give what is before and behind as files of their own.")
    found = damage_of(values, adjacent=name != "drive")
    cells = [DamagedCell(name, float(time[at]), float(seen), float(told), unit)
             for at, seen, told in zip(found.at, found.seen, found.expected, strict=True)]
    if len(cells) > max(_FEW_DAMAGED, _FEW_OF * len(values)):
        raise CorruptFile(path, f"{len(cells)} of {len(values)} values of its {words} are not those of its motion, "
                          f"first {in_words(cells[0])}.", "Spikes of the detector, or cells that lost a point, a digit "
                          "or a sign? Record again, or mend the table.")
    mended = values.copy()
    mended[found.at] = found.expected
    return mended, cells


def in_words(cell: DamagedCell) -> str:
    """A damaged cell, for people."""
    return (f"{plain(cell.value, cell.unit)} at {plain(cell.time, 's', 6)} (the others tell "
            f"{plain(cell.expected, cell.unit)})")


def _cut_off(name: str, time: np.ndarray, values: np.ndarray, unit: str) -> str:
    """In words where the column is cut off, "" where it is not."""
    found = cut_off(values)
    if found is None:
        return ""
    return f"{name.replace('_', ' ')} at {plain(found[2], unit)}, first from {plain(time[found[0]], 's', 6)} on"


def _named(title: str) -> tuple[str, str]:
    """The quantity that a title names ("" if it is not known) and its unit."""
    quantity, unit = quantity_of(title, _NAMES)
    return (quantity, (unit or "").strip()) if quantity in _UNITS else ("", "")


def _known(path: Path, titles: list[str], names: list[str]) -> None:
    """Refuse a table without a time and a deflection, or with two columns of one quantity."""
    if "time" not in names or not {"deflection", "tip_position"} & set(names):
        raise NotRecognized(path, f"its columns are {quoted(', '.join(titles))}: a time and a deflection are needed.",
                            _WANTED)
    if twice := [name for name in dict.fromkeys(names) if name and names.count(name) > 1]:
        raise Unsupported(path, f"it has {names.count(twice[0])} columns of {twice[0].replace('_', ' ')}.",
                          "Take out or rename all but one.")


def _in_si(path: Path, name: str, unit: str, values: np.ndarray) -> tuple[np.ndarray, str]:
    """The column in SI, and its unit there."""
    words, expected = name.replace("_", " "), _UNITS[name]
    if not unit:
        raise Unsupported(path, f"the column '{words}' has no unit.", "Write it behind the name. It is not guessed: a "
                          "wrong prefix is a factor of 1000. " + _WANTED)
    try:
        factor, base = unit_factor(unit)
    except ValueError as error:
        raise Unsupported(path, f"the column '{words}': {error}.", _WANTED) from error
    if base not in expected:
        hint = ("Multiply it by the sensitivity of the detector first, see 'asperity calibrate'." if base == "V"
                else _WANTED)
        raise Unsupported(path, f"the column '{words}' is in {unit}, expected {' or '.join(expected)}.", hint)
    return values * factor, base


def _interval(path: Path, time: np.ndarray, left_out: str) -> float:
    """The step of even times; ``left_out``: the rows without a number, in words."""
    if (falls := np.flatnonzero(np.diff(time) <= 0)).size:
        row = int(falls[0])
        raise CorruptFile(path, f"its time does not rise from row {row + 1} to row {row + 2} of the samples: "
                          f"{time[row]:.9g} s, {time[row + 1]:.9g} s.",
                          "Sort the rows by time, and take out those that are there twice.")
    place = np.arange(len(time)) - (len(time) - 1) / 2
    step = float(place @ time / (place @ place))
    off = np.abs(time - time.mean() - step * place)
    if off.max() > _UNEVEN * step:
        raise CorruptFile(path, f"its times are not even: row {int(off.argmax()) + 1} is off by "
                          f"{off.max() / step:.2g} steps.{left_out and f' {left_out}.'}",
                          "Records with gaps are several episodes: give each as a file of its own.")
    return step

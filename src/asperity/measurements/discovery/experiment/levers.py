"""The catalogue of levers: a table in plain CSV that comes with asperity, or one of your own."""

from __future__ import annotations

import csv
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers._table import parse_quantity, parse_unit
from asperity.messages import ArgumentError

__all__ = ["Levers", "chosen", "levers_of"]

_LARGEST = 2**20  # bytes; 5000 levers
_MOST = 2000  # rows: no shop has more
_OWN = 0.3  # times the nominal spring constant, and one over it: the range where a table states none
_OWN_RADIUS = 0.5  # the same of the radius
#: column -> its unit; the first two must be there
_COLUMNS = {"spring constant": "N/m", "radius": "m", "lowest spring constant": "N/m", "highest spring constant": "N/m",
            "lowest radius": "m", "highest radius": "m"}
_WITHIN = {"N/m": (1e-6, 1e6), "m": (1e-10, 1e-1)}  # what lies beyond is a slip of the unit


class Levers(NamedTuple):
    """Names, tips and sources of levers; spring constants (N/m) and radii (m): lowest, nominal, highest."""

    names: tuple[str, ...]
    spring_constant: np.ndarray  # (lever, 3)
    radius: np.ndarray  # (lever, 3)
    tips: tuple[str, ...]
    sources: tuple[str, ...]

    def take(self, rows: list[int]) -> Levers:
        """Some of them."""
        return Levers(tuple(self.names[i] for i in rows), self.spring_constant[rows], self.radius[rows],
                      tuple(self.tips[i] for i in rows), tuple(self.sources[i] for i in rows))


def levers_of(path: str | PathLike[str] | None = None) -> Levers:
    """The levers of a table, by default of the one that comes with asperity.

    Its first row that is no comment (``#``) names the columns, with units in brackets: ``name``, ``spring constant
    (N/m)``, ``radius (nm)``; ``lowest`` and ``highest`` of both, ``tip`` and ``source`` may be there. Without a range,
    the spring constant may be 0.3 to 3.3 times, and the radius half to twice, the nominal one.

    Raises:
        ReadError: no file, or no such table; the message names the line.
    """
    own = resources.files("asperity.measurements.discovery.experiment") / "levers.csv"
    if path is None:
        with resources.as_file(own) as place:
            return _read(place)
    return _read(Path(path))


def _read(path: Path) -> Levers:
    try:
        text = opening.read_bytes(path, _LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptFile(path, "is not a table in UTF-8.", "Save it as plain CSV.") from error
    lines = [(place, line) for place, line in enumerate(text.splitlines(), 1)
             if line.strip(" ,;") and not line.startswith(("#", '"#'))]
    if not 2 <= len(lines) <= _MOST + 1:
        raise CorruptFile(path, f"has {max(len(lines) - 1, 0)} rows of levers, of 1 to {_MOST} that it may have.",
                          "Its first row names the columns: name, spring constant (N/m), radius (nm), source.")
    mark = max(";\t,", key=lines[0][1].count)
    cells = list(csv.reader((line for _, line in lines), delimiter=mark))
    titles, units = _titles(path, cells[0])
    rows = [_row(path, f"line {place}", dict(zip(titles, row)), units) for (place, _), row in zip(lines[1:], cells[1:])]
    names, constants, radii, tips, sources = zip(*rows)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise CorruptFile(path, f"two levers have the name '{twice[:60]}'.", "Give each a name of its own.")
    return Levers(names, np.array(constants), np.array(radii), tips, sources)


def _titles(path: Path, header: list[str]) -> tuple[list[str], dict[str, float]]:
    """What the columns are, and the factors of their units."""
    titles, units = [], {}
    for cell in header:
        name, _, unit = cell.partition("(")
        titles.append(name.strip().lower())
        if titles[-1] in _COLUMNS:
            units[titles[-1]] = parse_unit(path, f"the column '{cell.strip()[:40]}'", unit.strip(" )") or "1",
                                           _COLUMNS[titles[-1]])
    if lacking := [name for name in ("name", "spring constant", "radius") if name not in titles]:
        raise CorruptFile(path, f"no column '{lacking[0]}'.",
                          "The first row names the columns: name, spring constant (N/m), radius (nm), source.")
    return titles, units


def _row(path: Path, where: str, cells: dict[str, str], units: dict[str, float]) -> tuple:
    name = " ".join(cells["name"].split())
    if not name or not name.isprintable():
        raise CorruptFile(path, f"{where}: a lever without a name.", "Write one into the column 'name'.")
    found = []
    for what, wide in (("spring constant", _OWN), ("radius", _OWN_RADIUS)):
        value = _number(path, where, what, cells, units)
        if value is None:
            raise CorruptFile(path, f"{where}: '{name[:60]}' has no {what}.")
        low = _number(path, where, f"lowest {what}", cells, units) or wide * value
        high = _number(path, where, f"highest {what}", cells, units) or value / wide
        if not low <= value <= high:
            raise CorruptFile(path, f"{where}: the {what} of '{name[:60]}' is not between its lowest and highest.")
        found.append((low, value, high))
    return name, *found, cells.get("tip", "").strip(), cells.get("source", "").strip() or "no source stated"


def _number(path: Path, where: str, what: str, cells: dict[str, str], units: dict[str, float]) -> float | None:
    """One cell in SI; None where it is empty, or there is no such column."""
    text = cells.get(what, "").strip()
    if not text:
        return None
    unit = _COLUMNS[what]
    value = units[what] * parse_quantity(path, text, f"{where}, {what}", "1")
    least, most = _WITHIN[unit]
    if not least <= value <= most:
        raise CorruptFile(path, f"{where}: a {what} of {value:.3g} {unit} is not within {least:g} to {most:g} {unit}.")
    return value


def chosen(levers: Levers, name: str) -> Levers:
    """The one lever of this name, in any case.

    Raises:
        ArgumentError: there is none; the message lists some.
    """
    rows = [i for i, one in enumerate(levers.names) if one.lower() == name.strip().lower()]
    if not rows:
        raise ArgumentError(f"lever = {name[:60]!r} is not in the table; it has {', '.join(levers.names[:30])}")
    return levers.take(rows)

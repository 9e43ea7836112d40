"""Tables of a force law: forces or frequency shifts against separations, as text with named columns and units.

One title line with the columns, the unit in brackets or after a slash behind the name; comma, semicolon, tab or blanks
between. Columns: ``separation`` (or z, distance) with ``force``, or with ``frequency_shift`` (or df); each of the two
may have ``..._std``. Lines ``# amplitude = 0.3 nm``, ``# spring constant = 1800 N/m`` and
``# resonance frequency = 30 kHz`` before it say what a frequency shift needs.
"""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data.readers._appearance import appearance, is_foreign
from asperity.data.readers._errors import CorruptFile, NotRecognized, Unsupported
from asperity.data.readers._table import parse_quantity, parse_rows, separator_of, split_cells, split_entry, unit_factor
from asperity.data.readers._text import read_head, read_text
from asperity.data.readers._titles import quantity_of

__all__ = ["force_table_shows", "lone_column", "read_force_table"]

_NAMES = {"separation": ("separation", "z", "distance", "tip_sample_distance", "d"),
          "force": ("force", "f", "f_ts"),
          "frequency_shift": ("frequency_shift", "df", "delta_f", "δf", "freq_shift")}
_UNITS = {"separation": "m", "force": "N", "force_std": "N", "frequency_shift": "Hz", "frequency_shift_std": "Hz"}
_ENTRIES = {"amplitude": "m", "spring_constant": "N/m", "resonance_frequency": "Hz"}
_FEWEST = 8  # rows: less than twice the unknowns of a law
_WANTED = ("Name the columns, with units, for example: separation (nm), force (nN); or separation (nm), "
           "frequency_shift (Hz).")


def force_table_shows(path: str | PathLike[str]) -> str:
    """``force`` or ``frequency_shift``, which the titles of a text name beside a separation; "" of another file."""
    head = read_head(Path(path))
    if is_foreign(head):
        return ""
    lines = [line for line in head.decode("utf-8", "replace").splitlines() if line.strip() and line[:1] != "#"]
    names = {name for name, _ in map(_named, split_cells(lines[0], separator_of(lines[0])))} if lines else set()
    shown = [name for name in ("force", "frequency_shift") if name in names and "separation" in names]
    return shown[0] if shown else ""


def lone_column(path: str | PathLike[str]) -> str:
    """The title of the only column of a text, if it names a force, a frequency shift or a separation; else ""."""
    head = read_head(Path(path))
    if is_foreign(head):
        return ""
    lines = [line for line in head.decode("utf-8", "replace").splitlines() if line.strip() and line[:1] != "#"]
    return lines[0].strip() if lines and _named(lines[0].strip())[0] else ""


def read_force_table(path: str | PathLike[str]) -> xr.Dataset:
    """``force`` (N) or ``frequency_shift`` (Hz) over ``separation`` (m, ascending), with ``_std`` where there is one.

    Raises:
        ReadError: the file cannot be read, has no such columns or one twice, no unit or an unknown one, fewer than
            eight separations that differ, one force only, or standard uncertainties that are not positive.
    """
    path = Path(path)
    if is_foreign(head := read_head(path)):
        raise NotRecognized(path, f"it is no text but {appearance(head)}.", "Save the table as CSV.")
    lines = read_text(path).split("\n")
    rows = [i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")]
    if len(rows) <= _FEWEST:
        raise CorruptFile(path, f"its rows below the titles number {max(len(rows) - 1, 0)}; a force law needs "
                          f"{_FEWEST}.", "Export more of it.")
    separator = separator_of(lines[rows[0]])
    titles = split_cells(lines[rows[0]], separator)
    named = [_named(title) for title in titles]
    body = ["" if line.startswith("#") else line for line in lines[rows[1]:]]
    values = parse_rows(path, body, rows[1] + 1, separator, titles).values
    _once(path, titles, [name for name, _ in named if name])
    columns = {name: _in_si(path, name, unit, values[:, i]) for i, (name, unit) in enumerate(named) if name}
    shown = [name for name in ("force", "frequency_shift") if name in columns]
    if "separation" not in columns or len(shown) != 1:
        raise NotRecognized(path, f"its columns are {', '.join(titles)}: one separation and either forces or frequency "
                            "shifts are needed.", _WANTED)
    _meaningful(path, columns, shown[0])
    z = columns.pop("separation")
    order = np.argsort(z, kind="stable")
    variables = {name: ("separation", column[order], {"units": _UNITS[name]}) for name, column in columns.items()}
    about = {name: parse_quantity(path, text, f"'{name}'", _ENTRIES[name], unit)
             for name, unit, text in _entries(lines)}
    return xr.Dataset(variables, {"separation": ("separation", z[order], {"units": "m"})}, {"file": str(path)} | about)


def _once(path: Path, titles: list[str], names: list[str]) -> None:
    """Refuse two columns of one quantity: which one is meant is not guessed."""
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise Unsupported(path, f"it has {names.count(twice[0])} columns of {twice[0].replace('_', ' ')}: "
                          f"{', '.join(title for title in titles if _named(title)[0] == twice[0])}.",
                          "Take out or rename all but one.")


def _meaningful(path: Path, columns: dict[str, np.ndarray], shown: str) -> None:
    """Refuse numbers that cannot be those of a law."""
    words = shown.replace("_", " ")
    if (places := len(np.unique(columns["separation"]))) < _FEWEST:
        raise CorruptFile(path, f"only {places} of its separations differ; a force law needs {_FEWEST}.",
                          "Give a table over a range of separations.")
    if np.ptp(columns[shown]) == 0:
        raise CorruptFile(path, f"its {words}s are all the same.", "Is this the column that was measured?")
    if (columns.get(f"{shown}_std", np.ones(1)) <= 0).any():
        raise CorruptFile(path, f"'{shown}_std' is zero or negative in some rows: no {words} is known exactly.",
                          "Give standard uncertainties above zero, or leave the column out.")


def _named(title: str) -> tuple[str, str]:
    """The quantity that a title names ("" if it is not known) and its unit."""
    quantity, unit = quantity_of(title, _NAMES)
    return (quantity, (unit or "").strip()) if quantity in _UNITS else ("", "")


def _entries(lines: list[str]) -> list[tuple[str, str, str]]:
    found = [split_entry(line) for line in lines if line.startswith("#")]
    named = [(re.sub(r"[\s-]+", "_", key.strip().lower()), unit, text) for key, unit, text in found]
    return [entry for entry in named if entry[0] in _ENTRIES]


def _in_si(path: Path, name: str, unit: str, values: np.ndarray) -> np.ndarray:
    if not unit:
        raise Unsupported(path, f"the column '{name}' has no unit.", "Write it behind the name, for example: "
                          f"{name} ({'nm' if name == 'separation' else 'nN' if 'force' in name else 'Hz'}). It is not "
                          "guessed: a wrong prefix is a factor of 1000.")
    try:
        factor, base = unit_factor(unit)
    except ValueError as error:
        raise Unsupported(path, f"the column '{name}': {error}.", _WANTED) from error
    if unit == "A" and _UNITS[name] == "m":
        raise Unsupported(path, f"the column '{name}' is in A, which is ampere.", f"If angstrom is meant, write {name} "
                          f"(Å), or give it in nm.")
    if base != _UNITS[name]:
        raise Unsupported(path, f"the column '{name}' is in {unit}, expected {_UNITS[name]}.", _WANTED)
    return values * factor

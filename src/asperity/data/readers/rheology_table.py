"""Tables of rheology: a spectrum E*(f) or a relaxation E(t) as text with named columns and units.

One title line with the columns, the unit in brackets behind the name or in a second line; comma, semicolon, tab or
blanks between. Columns: ``frequency`` (Hz) or ``angular_frequency`` (rad/s) with ``storage_modulus`` and
``loss_modulus``, or ``time`` with ``relaxation_modulus``; each may have ``..._std``. Common short names are known.
"""

from __future__ import annotations

import math
import re
from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data.readers._errors import CorruptFile, NotRecognized, Unsupported
from asperity.data.readers._table import unit_factor
from asperity.data.readers._text import read_text
from asperity.quantities import QUANTITIES

__all__ = ["read_table"]

_NAMES = {
    "frequency": ("frequency", "f", "freq"), "angular_frequency": ("angular_frequency", "omega", "w"),
    "storage_modulus": ("storage_modulus", "storage", "e'", "e_stor", "e_storage"),
    "loss_modulus": ("loss_modulus", "loss", "e''", 'e"', "e_loss"),
    "shear_storage_modulus": ("shear_storage_modulus", "g'", "g_stor"),
    "shear_loss_modulus": ("shear_loss_modulus", "g''", 'g"', "g_loss"),
    "time": ("time", "t"), "relaxation_modulus": ("relaxation_modulus", "e_relax", "e(t)", "modulus")}
_UNITS = {"angular_frequency": "rad/s", "frequency": "Hz", "time": "s"}
_TITLE = re.compile(r"^\s*(.*?)\s*(?:[\[(]([^\])]*)[\])])?\s*$")
_WANTED = ("Name the columns, with units, for example: frequency (Hz), storage_modulus (kPa), loss_modulus (kPa); or "
           "time (s), relaxation_modulus (kPa).")


def read_table(path: str | PathLike[str]) -> xr.Dataset:
    """A spectrum over ``frequency`` (Hz) or a relaxation over ``time`` (s), ascending, in SI.

    Shear moduli stay shear moduli (``shear_storage_modulus``): E* and G* are never mixed.

    Raises:
        ReadError: the file cannot be read, has no such columns, an unknown unit, or rows that are no numbers.
    """
    path = Path(path)
    rows = [row for row in read_text(path).splitlines() if row.strip() and row[0] != "#"]
    if len(rows) < 3:
        raise CorruptFile(path, "it has fewer than three lines.", _WANTED)
    titles = [_TITLE.match(cell) for cell in _cells(rows[0])]
    names = [match.group(1).strip().lower() if match else "" for match in titles]
    units = [match.group(2) if match else None for match in titles]
    body = rows[1:]
    if not any(units) and not _numbers(body[0]):
        units, body = list(_cells(body[0])), body[1:]
    known = {quantity: i for i, name in enumerate(names) if (quantity := _quantity(name))}
    numbers = [_numbers(row) for row in body]
    wrong = next((i for i, row in enumerate(numbers) if row is None or len(row) != len(names)), None)
    if wrong is not None:
        raise CorruptFile(path, f"not {len(names)} numbers in the line {body[wrong][:80]!r}.",
                          "Mend or leave out that line.")
    columns = {quantity: _in_si(path, quantity, units[i] if i < len(units) else None,
                                np.array([row[i] for row in numbers if row is not None]))
               for quantity, i in known.items()}
    return _dataset(path, columns)


def _cells(row: str) -> list[str]:
    for separator in (",", ";", "\t"):
        if separator in row:
            return [cell.strip() for cell in row.split(separator)]
    return row.split()


def _numbers(row: str) -> list[float] | None:
    try:
        return [float(cell) for cell in _cells(row)]
    except ValueError:
        return None


def _quantity(title: str) -> str | None:
    """What a title names, with ``_std`` kept."""
    bare = title.removesuffix("_std")
    found = next((name for name, words in _NAMES.items() if bare in words), None)
    return None if found is None else found + title[len(bare):]


def _in_si(path: Path, name: str, unit: str | None, values: np.ndarray) -> np.ndarray:
    bare = name.removesuffix("_std")
    wanted = _UNITS.get(bare, "Pa")
    if unit is None or not unit.strip():
        raise Unsupported(path, f"the column '{name}' has no unit.", _WANTED)
    try:
        factor, base = (1.0, "rad/s") if unit.strip() == "rad/s" else unit_factor(unit)
    except ValueError as error:
        raise Unsupported(path, f"the column '{name}': {error}.", _WANTED) from error
    if base != wanted:
        raise Unsupported(path, f"the column '{name}' is in {unit}, expected {wanted}.", _WANTED)
    return values * factor


def _dataset(path: Path, columns: dict[str, np.ndarray]) -> xr.Dataset:
    if "angular_frequency" in columns:
        columns["frequency"] = columns.pop("angular_frequency") / (2 * math.pi)
    axis = "frequency" if "frequency" in columns else "time" if "time" in columns else None
    pairs = (("storage_modulus", "loss_modulus"), ("shear_storage_modulus", "shear_loss_modulus"),
             ("relaxation_modulus",))
    if axis is None or not any(set(pair) <= set(columns) for pair in (pairs[:2] if axis == "frequency" else pairs[2:])):
        raise NotRecognized(path, f"the columns are {', '.join(columns) or 'unknown'}.", _WANTED)
    along = columns.pop(axis)
    if not (np.isfinite(along).all() and (along > 0).all() and len(np.unique(along)) == len(along)):
        raise CorruptFile(path, f"the {axis} is not positive and different in every line.", "Mend the table.")
    order = np.argsort(along)
    variables = {name: (axis, values[order], {"units": "Pa", "long_name": _meaning(name)})
                 for name, values in columns.items()}
    return xr.Dataset(variables, {axis: (axis, along[order], {"units": _UNITS[axis]})}, {"file": str(path)})


def _meaning(name: str) -> str:
    return QUANTITIES[name].meaning if name in QUANTITIES else name.replace("_", " ")

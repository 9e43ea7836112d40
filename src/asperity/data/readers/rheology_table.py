"""Tables of rheology: a spectrum E*(f), a relaxation E(t) or a creep J(t) as text with named columns and units.

One title line with the columns, the unit in brackets or after a slash behind the name or in a second line; comma,
semicolon, tab or blanks between. Columns: ``frequency`` (Hz) or ``angular_frequency`` (rad/s) with ``storage_modulus``
and ``loss_modulus``, or with ``abs_modulus`` and ``phase``, or with ``storage_modulus`` and ``loss_tangent``:

    E' = |E*| cos(phase), E'' = |E*| sin(phase); E'' = E' tan(phase);

or ``time`` with ``relaxation_modulus`` or ``creep_compliance``; each may have ``..._std``. Common short names are
known. A row at frequency or time 0, where a spectrum over decades has no place, is left out, and so is a row with a
cell without a number. Rows at one frequency, as in the overlaps of a master curve, become their mean.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.data.readers._appearance import appearance, is_foreign
from asperity.data.readers._errors import CorruptFile, NotRecognized, Unsupported, printable
from asperity.data.readers._table import (
    is_no_number,
    left_out,
    parse_rows,
    separator_of,
    split_cells,
    to_number,
    unit_factor,
)
from asperity.data.readers._text import read_head, read_text
from asperity.data.readers._titles import quantity_of
from asperity.messages import quoted
from asperity.quantities import QUANTITIES

__all__ = ["read_table"]

_log = logging.getLogger("asperity")

_NAMES = {
    "frequency": ("frequency", "f", "freq"), "angular_frequency": ("angular_frequency", "omega", "w", "ω"),
    "storage_modulus": ("storage_modulus", "storage", "e'", "e_stor", "e_storage"),
    "loss_modulus": ("loss_modulus", "loss", "e''", 'e"', "e_loss"),
    "shear_storage_modulus": ("shear_storage_modulus", "g'", "g_stor"),
    "shear_loss_modulus": ("shear_loss_modulus", "g''", 'g"', "g_loss"),
    "abs_modulus": ("abs_modulus", "|e*|", "|e|", "abs(e*)", "complex_modulus"),
    "shear_abs_modulus": ("shear_abs_modulus", "abs_shear_modulus", "|g*|", "|g|", "abs(g*)", "complex_shear_modulus"),
    "phase": ("phase", "phase_angle", "loss_angle", "delta", "δ", "phi"),
    "loss_tangent": ("loss_tangent", "tan_delta", "tan(delta)", "tan(δ)", "tan δ", "tan delta", "tandelta"),
    "time": ("time", "t"), "relaxation_modulus": ("relaxation_modulus", "e_relax", "e(t)", "modulus"),
    "creep_compliance": ("creep_compliance", "j(t)", "j", "compliance", "creep")}
#: SI unit of what is no modulus
_UNITS = {"angular_frequency": "rad/s", "frequency": "Hz", "time": "s", "phase": "rad", "loss_tangent": "1",
          "creep_compliance": "1/Pa"}
#: a power of minus one behind a unit: Pa^-1
_INVERSE = re.compile(r"\s*(?:\^?\(?-1\)?|⁻¹)$")
#: SI unit -> what people mostly write
_EXAMPLES = {"rad/s": "rad/s", "Hz": "Hz", "s": "s", "rad": "deg", "1": "1", "Pa": "kPa", "1/Pa": "1/kPa"}
#: rows at 0 that a table may have: more are no first point of a recording
_MOST_AT_ZERO = 3
#: what a table is of: two of them over frequency, two over time
_TABLES = (("storage_modulus", "loss_modulus"), ("shear_storage_modulus", "shear_loss_modulus"),
           ("relaxation_modulus",), ("creep_compliance",))
_WANTED = ("Name the columns, with units, for example: frequency (Hz), storage_modulus (kPa), loss_modulus (kPa); or "
           "frequency (Hz), abs_modulus (kPa), phase (deg); or time (s), relaxation_modulus (kPa); or time (s), "
           "creep_compliance (1/kPa).")


def read_table(path: str | PathLike[str]) -> xr.Dataset:
    """A spectrum over ``frequency`` (Hz), or a relaxation or creep over ``time`` (s), ascending, in SI.

    Shear moduli stay shear moduli (``shear_storage_modulus``): E* and G* are never mixed. The attributes
    ``rows_left_out`` and ``left_out`` say what the table has and the dataset has not, if there is such.

    Raises:
        ReadError: the file cannot be read, has no such columns, an unknown unit, or rows that are no numbers.
    """
    path = Path(path)
    if is_foreign(head := read_head(path)):
        raise NotRecognized(path, f"it is no text but {appearance(head)}.", "Save the table as CSV.")
    lines = read_text(path).split("\n")
    rows = [i for i, line in enumerate(lines) if line.strip() and not line.startswith(("#", '"#'))]
    if len(rows) < 3:
        raise CorruptFile(path, f"it has fewer than three lines, and looks like {appearance(head)}.", _WANTED)
    separator = separator_of(lines[rows[0]])
    titles = split_cells(lines[rows[0]], separator)
    named = [quantity_of(title, _NAMES) for title in titles]
    if not any(quantity for quantity, _ in named):
        raise NotRecognized(path, f"the columns are unknown; it looks like {appearance(head)}.", _WANTED)
    units, first = [unit for _, unit in named], rows[1]
    cells = split_cells(lines[first], separator)
    if not any(units) and not all(is_no_number(cell) or math.isfinite(to_number(cell)) for cell in cells):
        units, first = cells, rows[2]
    body = ["" if line.startswith("#") else line for line in lines[first:]]
    table = parse_rows(path, body, first + 1, separator, titles)
    _require_units(path, [(quantity, units[i] if i < len(units) else None) for i, (quantity, _) in enumerate(named)])
    columns = {quantity: _in_si(path, quantity, units[i] if i < len(units) else None, table.values[:, i])
               for i, (quantity, _) in enumerate(named) if quantity}
    strange = [title for title, (quantity, _) in zip(titles, named) if not quantity]
    found = _dataset(path, _with_parts(columns), left_out([table]), strange)
    found = found.assign_attrs(_with_unused(found, strange))
    if "left_out" in found.attrs:
        _log.warning("%s: %s", printable(path), found.attrs["left_out"])
    return found


def _require_units(path: Path, columns: Sequence[tuple[str | None, str | None]]) -> None:
    """Raise `Unsupported` that asks by name for every unit that the table does not state."""
    bare = {name: _UNITS.get(name.removesuffix("_std"), "Pa") for name, unit in columns
            if name and not (unit or "").strip()}
    asked = [name for name, wanted in bare.items() if wanted != "1"]
    if asked:
        titles = ", ".join(f"{name} ({_EXAMPLES[bare[name]]})" for name in asked)
        of = f"the column '{asked[0]}' has" if len(asked) == 1 else f"the columns {quoted(', '.join(asked))} have"
        raise Unsupported(path, f"{of} no unit.", f"Write it behind each name, for example: {titles}. It is not "
                          "guessed: a wrong prefix is a factor of 1000.")


def _with_parts(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns with storage and loss modulus, from magnitude and phase or from the loss tangent where they lack.

    A ``modulus`` over frequency beside a phase is the magnitude.
    """
    made = dict(columns)
    if {"frequency", "angular_frequency"} & set(made) and "phase" in made and "abs_modulus" not in made:
        made = {name.replace("relaxation_modulus", "abs_modulus"): values for name, values in made.items()}
    phase, tangent = (made.pop(name, None) for name in ("phase", "loss_tangent"))
    phase_std, _ = (made.pop(f"{name}_std", None) for name in ("phase", "loss_tangent"))
    for kind in ("", "shear_"):
        size, size_std = made.pop(f"{kind}abs_modulus", None), made.pop(f"{kind}abs_modulus_std", None)
        storage, loss = f"{kind}storage_modulus", f"{kind}loss_modulus"
        if size is not None and phase is not None and not {storage, loss} & set(made):
            cosine, sine = np.cos(phase), np.sin(phase)
            made |= {storage: size * cosine, loss: size * sine}
            if size_std is not None and phase_std is not None:
                made |= {f"{storage}_std": np.hypot(cosine * size_std, size * sine * phase_std),
                         f"{loss}_std": np.hypot(sine * size_std, size * cosine * phase_std)}
        elif tangent is not None and storage in made and loss not in made:
            made[loss] = made[storage] * tangent
    return made


def _in_si(path: Path, name: str, unit: str | None, values: np.ndarray) -> np.ndarray:
    wanted = _UNITS.get(name.removesuffix("_std"), "Pa")
    written = (unit or "").strip()
    if wanted == "1" and not written.strip("- "):
        return values
    if _INVERSE.search(written) and not written.startswith("1/"):
        written = f"1/{_INVERSE.sub('', written)}"
    try:
        factor, base = (1.0, "rad/s") if written == "rad/s" else unit_factor(written)
    except ValueError as error:
        raise Unsupported(path, f"the column '{name}': {error}.", _WANTED) from error
    if base != wanted:
        raise Unsupported(path, f"the column '{name}' is in {unit}, expected {wanted}.", _WANTED)
    return values * factor


def _dataset(path: Path, columns: dict[str, np.ndarray], lost: dict[str, Any], strange: list[str]) -> xr.Dataset:
    if "angular_frequency" in columns:
        columns["frequency"] = columns.pop("angular_frequency") / (2 * math.pi)
    axis = "frequency" if "frequency" in columns else "time" if "time" in columns else None
    wanted = _TABLES[:2] if axis == "frequency" else _TABLES[2:]
    if axis is None or not any(set(parts) <= set(columns) for parts in wanted):
        others = _mixed(columns) + (f"; not understood: {quoted(', '.join(strange))}" if strange else "")
        raise NotRecognized(path, f"the columns are {', '.join(columns) or 'unknown'}{others}.", _WANTED)
    along = columns.pop(axis)
    zero = along == 0
    if 0 < zero.sum() <= _MOST_AT_ZERO and not zero.all():
        along, columns = along[~zero], {name: values[~zero] for name, values in columns.items()}
        lost = _with_zero(lost, axis, int(zero.sum()))
    if not (np.isfinite(along).all() and (along > 0).all()):
        raise CorruptFile(path, f"the {axis} is not positive in every line.", "Mend the table.")
    along, columns, lost = _joined(along, columns, axis, lost)
    units = {name: _UNITS.get(name.removesuffix("_std"), "Pa") for name in columns}
    variables = {name: (axis, values, {"units": units[name], "long_name": _meaning(name)})
                 for name, values in columns.items()}
    return xr.Dataset(variables, {axis: (axis, along, {"units": _UNITS[axis]})}, {"file": str(path)} | lost)


def _mixed(columns: Mapping[str, Any]) -> str:
    """That a part of E* beside a part of G* are no spectrum."""
    both = any(name.startswith("shear_") for name in columns) and {"storage_modulus", "loss_modulus"} & set(columns)
    return ": one part of E* and one of G*, which are no spectrum together (E* = 2 (1 + nu) G*)" if both else ""


def _with_unused(found: xr.Dataset, strange: Sequence[str]) -> dict[str, str]:
    """What was left out, and the columns of which nothing is made: those not understood, and a second modulus."""
    there = [group for group in _TABLES if set(group) <= set(found.data_vars)]
    second = [name for group in there[1:] for name in group]
    words = [found.attrs["left_out"]] if "left_out" in found.attrs else []
    if strange:
        words.append(f"of columns that are not understood nothing is made: {quoted(', '.join(strange))}")
    if second:
        words.append(f"taken is {' and '.join(there[0])}, and nothing is made of {' and '.join(second)}")
    return {"left_out": "; ".join(words)} if words else {}


def _joined(along: np.ndarray, columns: dict[str, np.ndarray], axis: str,
            lost: dict[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, Any]]:
    """Ascending places, each once; of rows at one place the means (of uncertainties, too: they may be common)."""
    places, row, count = np.unique(along, return_inverse=True, return_counts=True)
    means = {name: np.bincount(row, values) / count for name, values in columns.items()}
    several = count > 1
    if several.any():
        off = max(float(np.max(np.abs(values / means[name][row] - 1), where=several[row] & (means[name][row] != 0),
                               initial=0.0)) for name, values in columns.items() if not name.endswith("_std"))
        rows = f"{several.sum()} {axis} value{'s' if several.sum() > 1 else ''}"
        words = f"{rows} stood in several rows, whose mean is taken; they are up to {100 * off:.2g} % off it"
        lost = lost | {"left_out": "; ".join([*([lost["left_out"]] if "left_out" in lost else []), words])}
        lost = lost | _scatter(columns, means, row, count)
    return places, means, lost


def _scatter(columns: dict[str, np.ndarray], means: dict[str, np.ndarray], row: np.ndarray,
             count: np.ndarray) -> dict[str, Any]:
    """How much rows at one place scatter about their mean, in parts of the modulus, and how many deviations say so."""
    squares, number = 0.0, 0
    for parts in (group for group in _TABLES if set(group) <= set(columns)):
        size = np.linalg.norm([means[name] for name in parts], axis=0)[row]
        off = np.array([columns[name] - means[name][row] for name in parts])
        squares += float(np.sum(np.divide(off, size, out=np.zeros_like(off), where=size > 0) ** 2))
        number += len(parts) * int(np.sum(count - 1))
    return {"repeat_scatter": math.sqrt(squares / number), "repeat_number": number}


def _with_zero(lost: dict[str, Any], axis: str, count: int) -> dict[str, Any]:
    """What was left out, and the rows at frequency or time 0."""
    rows = "the row" if count == 1 else f"{count} rows"
    words = f"{rows} at {axis} 0 {'is' if count == 1 else 'are'} left out: over decades there is no place for 0"
    return {"rows_left_out": lost.get("rows_left_out", 0) + count,
            "left_out": "; ".join([*([lost["left_out"]] if lost else []), words])}


def _meaning(name: str) -> str:
    return QUANTITIES[name].meaning if name in QUANTITIES else name.replace("_", " ")

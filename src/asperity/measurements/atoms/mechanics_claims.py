"""What the mechanics of a crystal say in words, and how its constants are put together that are equal."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import xarray as xr

from asperity.report.numbers import count_of, decimals_of, rounded

__all__ = ["ConstantRow", "claims", "constant_rows", "reference_of", "with_band"]

_EQUAL = 2e-3  # of the largest constant, within which two are one, and below which one is 0
_SWOLLEN = 0.1  # by which the volume may change on the way to rest before it is said
_NOTHING = 1e-6  # in any of the units here, what is less is rounding


class ConstantRow(NamedTuple):
    """Elastic constants that are equal by symmetry."""

    name: str  # C11, C22, C33
    place: tuple[int, int]  # of the first


def constant_rows(table: xr.Dataset) -> list[ConstantRow]:
    """The different constants that are not 0, the first of each with the names of its equals."""
    c = table["elastic_constant"].values
    clamped = table["elastic_constant_clamped"].values
    least, groups = _EQUAL * np.abs(c).max(), []
    for i in range(6):
        for j in range(i, 6):
            if max(abs(c[i, j]), abs(clamped[i, j])) < least:
                continue
            same = next((group for group in groups if abs(c[group[0]] - c[i, j]) < least
                         and abs(clamped[group[0]] - clamped[i, j]) < least
                         and _kind(group[0]) == _kind((i, j))), None)
            if same is None:
                groups.append([(i, j)])
            else:
                same.append((i, j))
    return [ConstantRow(", ".join(f"C{i + 1}{j + 1}" for i, j in group), group[0]) for group in groups]


def _kind(index: tuple[int, int]) -> tuple[bool, bool, bool]:
    return index[0] < 3, index[1] < 3, index[0] == index[1]


def with_band(value: float, low: float, high: float, unit: str, digits: int = 4) -> str:
    """A number with the ends of its interval, where it has one.

    >>> with_band(151.423, float("nan"), float("nan"), "GPa"), with_band(151.4, 148.0, 154.8, "GPa")
    ('151.4 GPa', '151.4 (148.0 to 154.8) GPa')
    """
    unit = {"1": "", "degree": "°", "angstrom": "Å", "angstrom^3": "Å³", "J/m^2": "J/m²"}.get(unit, unit)
    gap = "" if unit in ("", "°") else " "
    if not np.isfinite(value):
        return "not found"
    if not (np.isfinite(low) and np.isfinite(high)) or high - low < _NOTHING:
        return f"{_plain(value, digits)}{gap}{unit}"
    places = min(max(decimals_of((high - low) / 2), 0), 6) if high > low else digits
    return f"{rounded(value, places)} ({rounded(low, places)} to {rounded(high, places)}){gap}{unit}"


def _plain(value: float, digits: int) -> str:
    return rounded(value, min(max(decimals_of(value, digits), 0), 6)) if abs(value) > _NOTHING else "0"


def reference_of(table: xr.Dataset) -> dict[str, float]:
    """The numbers that the user gave to stand beside."""
    return {str(name): float(value) for name, value in json.loads(table.attrs.get("reference", "{}")).items()}


def told(table: xr.Dataset, name: str, **where: object) -> str:
    """A variable at one place in words."""
    value, low, high = (float(table[name + end].sel(**where)) for end in ("", "_low", "_high"))  # type: ignore[arg-type]
    return with_band(value, low, high, table[name].attrs["units"])


def claims(table: xr.Dataset) -> list[str]:
    """One sentence each, the headline first."""
    return [_headline(table), *_plane(table), *_doubts(table), *_members(table), *_untold(table)]


def _headline(table: xr.Dataset) -> str:
    c, low, high = (table[f"elastic_constant{end}"].values for end in ("", "_low", "_high"))
    if int(table["flag"]) == 3:
        return "The crystal is unstable in this potential: there is a strain that gains energy, and no modulus."
    if _is_cubic(table):
        parts = [f"C{i + 1}{j + 1} = {with_band(c[i, j], low[i, j], high[i, j], '').strip()}"
                 for i, j in ((0, 0), (0, 1), (3, 3))]
        return f"{', '.join(parts)} GPa; bulk modulus {told(table, 'bulk_modulus')}."
    return (f"Bulk modulus {told(table, 'bulk_modulus')}, shear modulus {told(table, 'shear_modulus')} of a "
            f"polycrystal; {len(constant_rows(table))} different elastic constants.")


def _is_cubic(table: xr.Dataset) -> bool:
    return [row.name for row in constant_rows(table)] == ["C11, C22, C33", "C12, C13, C23", "C44, C55, C66"]


def _plane(table: xr.Dataset) -> list[str]:
    if "interfacial_stiffness" not in table:
        return []
    a = table.attrs
    chosen = ", the one whose atoms are farthest apart," if a["chosen_plane"] else ""
    way = f"along {_bracketed(a['direction'], '[]')}" if a["direction"] else "along the shortest vector of its lattice"
    strong = told(table, "ideal_shear_strength", relaxation="gap")
    if strong == "not found":
        strong = f"{told(table, 'ideal_shear_strength', relaxation='rigid')} (rigid: the gap finds no height there)"
    return [f"The plane {_bracketed(a['plane'], '()')}{chosen} has the stiffness "
            f"{told(table, 'interfacial_stiffness', state='gap', way='x', push='x')} with its gap at rest and the "
            f"ideal shear strength {strong} {way}."]


def _bracketed(indices: str, brackets: str) -> str:
    parts = indices.split()
    inside = "".join(parts) if not any(part.startswith("-") for part in parts) else " ".join(parts)
    return brackets[0] + inside + brackets[1]


def _doubts(table: xr.Dataset) -> list[str]:
    said, flag = [], int(table["flag"])
    if flag == 3:
        said.append(f"Least stiffness of any strain: {told(table, 'least_stiffness')} (flag unstable). Is it a crystal "
                    "that this potential knows? Another cell may let it find its stable form.")
    if flag == 2:
        said.append(f"{count_of(int(float(table['soft_motions'].max())) or 1, 'motion')} of the atoms cost nothing "
                    "(flag soft): the crystal is about to change, or the potential does not know a stiffness there.")
    if flag == 1:
        said.append(f"The cell is not at rest (flag under_pressure): pressure {told(table, 'pressure')}; the constants "
                    "are coefficients of stress by strain at this pressure.")
    ratio = float(table["volume_per_atom"]) / float(table.attrs["given_volume"])
    if abs(ratio - 1) > _SWOLLEN:
        said.append(f"On the way to rest the volume became {ratio:.3g} times that of {table.attrs['source']}: was the "
                    "cell in angstrom, and is the potential one for this crystal?")
    if "gamma_energy" in table and not np.isfinite(table["gamma_energy"].values).all():
        said.append("Somewhere the gap finds no height within 2 Å while the plane slides: its energies with the gap at "
                    "rest are left out.")
    return said


def _members(table: xr.Dataset) -> list[str]:
    names = json.loads(table.attrs["potential"])
    if len(names) == 1:
        return [f"No interval: {names[0]} is one potential, which does not tell how far off it is; the files of "
                "several trainings with other seeds are an ensemble that does."]
    factor = float(table.attrs["factor"])
    how = f", whose spread is multiplied by {factor:.3g} as calibrated" if factor != 1 else ", not calibrated"
    few = [" The spread of two is so uncertain that intervals are wide; four make them four times narrower."]
    return [f"Intervals hold 95 % by the spread of {len(names)} potentials{how}; an error that all of them share is "
            "not in them." + "".join(few if len(names) == 2 else [])]  # Student's factors 12.7 and 3.2


def _untold(table: xr.Dataset) -> list[str]:
    """What has an interval that reaches 0: a positive number whose size nobody knows."""
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("the bulk modulus", "bulk_modulus", {}), ("the shear modulus", "shear_modulus", {}),
        ("the least stiffness of any strain", "least_stiffness", {})]
    asked += [(f"C{i + 1}{i + 1}", "elastic_constant", {"row": axis, "column": axis})
              for i, axis in enumerate(table["row"].values.tolist())]
    if "interfacial_stiffness" in table:
        asked += [("the stiffness of the plane", "interfacial_stiffness", {"state": "gap", "way": "x", "push": "x"}),
                  ("the ideal shear strength", "ideal_shear_strength", {"relaxation": "gap"})]
    told_not = [words for words, name, where in asked if float(table[f"{name}_low"].sel(where)) == 0
                and float(table[f"{name}_std"].sel(where)) > 0]
    if not told_not:
        return []
    return [f"Not told from 0: {', '.join(told_not)}. The members differ by more than these amount to; their intervals "
            "end at 0, which a stable crystal cannot pass."]

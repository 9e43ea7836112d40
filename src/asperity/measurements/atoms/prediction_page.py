"""The page about predictions of configurations, and the tables of them for other programs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.atomistic.moduli import GPA
from asperity.data import disk
from asperity.data.results import codes, listed
from asperity.measurements.atoms.mechanics import VOIGT
from asperity.measurements.atoms.mechanics_claims import with_band
from asperity.measurements.atoms.parity import error_panel, parity_panel
from asperity.measurements.atoms.prediction import rows_of
from asperity.report.page import Page, Panel
from asperity.report.tables import write_table

__all__ = ["page", "write_csv", "write_extxyz"]

_ROWS = 40  # configurations in the table of the page


def page(made: xr.Dataset) -> Page:
    """The page about the result of `asperity.measurements.atoms.prediction.predict_atoms`."""
    said = [str(one) for one in listed(made, "findings")]
    rows = rows_of(made)
    known = np.isfinite(made["energy"].values)
    panels = [parity_panel(made, known, "Against the numbers of the file"), error_panel(rows) if rows else None,
              _configurations(made), _about(made)]
    return Page("predictions of a potential", Path(str(made.attrs["file"])).name, said[0], (), tuple(said[1:]),
                tuple(panel for panel in panels if panel is not None))


def _configurations(made: xr.Dataset) -> Panel:
    """The flagged configurations first, then the others in their order."""
    flag, words = made["flag"].values, {code: one.name for code, one in codes(made).items()}
    order = np.argsort(-flag, kind="stable")[:_ROWS]
    owner = made["structure_of_atom"].values
    rows = []
    for i in order:
        force = np.linalg.norm(made["force"].values[owner == i], axis=1)
        pressure = -made["stress"].values[i, :3].mean()
        rows.append((str(int(i) + 1), str(made["group"].values[i])[:60], str(int(made["atoms"][i])),
                     _energy(made, int(i)),
                     with_band(float(force.max()), np.nan, np.nan, "eV/Å", 3),
                     "–" if not np.isfinite(pressure) else with_band(float(pressure), np.nan, np.nan, "GPa", 3),
                     words[int(flag[i])]))
    more = made.sizes["structure"] - len(order)
    return Panel("Configurations", f"Flagged ones first; {more} more are in the table beside this page." if more > 0
                 else "", (), ("number", "of", "atoms", "energy of an atom", "largest force", "pressure", "flag"),
                 tuple(rows))


def _energy(made: xr.Dataset, i: int) -> str:
    value, low, high = (float(made[f"energy{end}"][i]) for end in ("", "_low", "_high"))
    return with_band(value, low, high, "eV", 5)


def _about(made: xr.Dataset) -> Panel:
    rows = [("potential", name) for name in json.loads(made.attrs["potential"])]
    rows += [(str(key), str(value)) for key, value in json.loads(made.attrs["record"]).items()]
    return Panel("What was read", "", (), ("", ""), tuple(rows))


def write_csv(made: xr.Dataset, path: str | PathLike[str]) -> Path:
    """One row for each configuration: energy, largest force, stress, their standard uncertainties, and the flag.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    header = ["configuration", "group", "atoms", "energy_per_atom (eV)", "energy_per_atom_std (eV)",
              "energy_per_atom_reference (eV)", "largest_force (eV/A)", "largest_force_std (eV/A)",
              *(f"stress_{way} (GPa)" for way in VOIGT), *(f"stress_{way}_std (GPa)" for way in VOIGT), "flag"]
    return write_table(path, header, _rows(made))


def _rows(made: xr.Dataset) -> Iterator[list[Any]]:
    words = {code: one.name for code, one in codes(made).items()}
    owner = made["structure_of_atom"].values
    for i in range(made.sizes["structure"]):
        force, spread = (np.linalg.norm(made[f"force{end}"].values[owner == i], axis=1) for end in ("", "_std"))
        yield [i + 1, str(made["group"].values[i]), int(made["atoms"][i]), made["energy"].values[i],
               made["energy_std"].values[i], made["energy_reference"].values[i], force.max(),
               spread[int(np.nan_to_num(force).argmax())], *made["stress"].values[i], *made["stress_std"].values[i],
               words[int(made["flag"].values[i])]]


def write_extxyz(made: xr.Dataset, path: str | PathLike[str]) -> Path:
    """The configurations of the file with what is said of them, as ASE reads them: eV, eV/angstrom, eV/angstrom^3.

    What is known by the file is there as ``REF_energy``, ``REF_forces``, ``REF_stress``.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    from asperity.measurements.atoms.structures import frames

    path, owner = Path(path), made["structure_of_atom"].values
    several = []
    for i, atoms in enumerate(frames(made.attrs["file"])):
        energy, stress = made["energy"].values[i] * len(atoms), made["stress"].values[i] / GPA
        own = atoms.copy()
        own.info = {key: value for key, value in own.info.items() if isinstance(value, str | int | float)}
        own.info["flag"] = codes(made)[int(made["flag"].values[i])].name
        for key, values in (("REF_energy", made["energy_reference"].values[i] * len(atoms)),
                            ("REF_stress", made["stress_reference"].values[i] / GPA)):
            if np.isfinite(values).all():
                own.info[key] = values
        if np.isfinite(made["energy_std"].values[i]):
            own.info["energy_std"] = float(made["energy_std"].values[i] * len(atoms))
            own.arrays["forces_std"] = made["force_std"].values[owner == i]
        if np.isfinite(known := made["force_reference"].values[owner == i]).all():
            own.arrays["REF_forces"] = known
        told = {"energy": energy, "forces": made["force"].values[owner == i], "stress": stress}
        own.calc = SinglePointCalculator(own, **{name: value for name, value in told.items()
                                                if np.isfinite(value).all()})
        several.append(own)
    text = io.StringIO()
    write(text, several, format="extxyz")
    with disk.replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
    return path

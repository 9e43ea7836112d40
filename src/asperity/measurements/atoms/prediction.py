"""Energies, forces and stresses of the configurations of a file, with intervals and a flag of extrapolation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import provenance
from asperity.data.jobs import Progress
from asperity.data.verbs import verb
from asperity.measurements.atoms.answers import Extrapolation, answered, error_rows, flags, structure_table
from asperity.measurements.atoms.configurations import read_configurations
from asperity.measurements.atoms.ensemble import apart, members_of
from asperity.measurements.atoms.extra import insist_on_extra
from asperity.messages import ArgumentError, DataError
from asperity.report.citing import citations
from asperity.report.numbers import count_of

__all__ = ["predict_atoms"]

_WHY = {Extrapolation.spread: "members differ by more than three times what they mostly do",
        Extrapolation.nearer: "two atoms are nearer than any in training",
        Extrapolation.unknown_species: "an element that the potential does not know: nothing is told"}


@verb()
def predict_atoms(paths: str | PathLike[str] | Sequence[str | PathLike[str]], *, potential: str | None = None,
                  keys: Mapping[str, Any] | None = None, progress: Progress | None = None) -> xr.Dataset:
    """What a potential, or an ensemble, says of the configurations of a file.

    Args:
        paths: the configurations (extxyz), and the files of weights (.npz).
        potential: a named one where there are no weights; None: the one that comes with asperity.
        keys: what the entries of the file are called, see `read_configurations`; energies may be missing.
        progress: called with (finished, all) configurations.

    Returns:
        over ``structure`` and ``atom``: energy of an atom, force, stress, each with ``_std``, ``_low``, ``_high`` and,
        as far as the file has it, ``_reference``; ``flag``, of extrapolation; and the attribute ``findings``.

    Raises:
        ReadError: a file that holds no configurations, or no potential.
        DataError: no configuration has elements that the potential knows.
    """
    insist_on_extra()
    weights, data = apart(paths)
    if len(data) != 1:
        raise ArgumentError(f"paths: {count_of(len(data), 'file')} of configurations; give one, and files of weights "
                            "(.npz)")
    read, members = read_configurations(data[0], keys, with_energies=False), members_of(weights, potential)
    answers = answered(members, read.configurations, progress)
    if not np.isfinite(answers.energy).any():
        raise DataError(f"{data[0]}: none of its {count_of(len(read.configurations), 'configuration')} has elements "
                        f"that {members.names[0]} knows")
    groups = np.array([one.group for one in read.configurations])
    table = xr.Dataset(**structure_table(read.configurations, answers, members.factor, {
        "group": groups, "periodic": np.array([bool(one.periodic.all()) for one in read.configurations])}))
    table = table.assign(flag=flags(read.configurations, answers, members)).assign_attrs(
        file=str(data[0]), potential=json.dumps(list(members.names)), factor=members.factor,
        record=json.dumps(read.record), remarks=json.dumps(read.remarks),
        citations=json.dumps(_cited(members.potentials)))
    for name in ("energy", "force", "stress"):
        table[name].attrs["ancillary_variables"] += " flag"
    table = table.assign_attrs(findings=json.dumps(_claims(table)))
    inputs = [provenance.file_record(path) for path in (*data, *weights)]
    return provenance.record(table, provenance.step(
        "predict_atoms", {"paths": [entry["file"] for entry in inputs], "potential": potential, "keys": keys},
        inputs=inputs))


def rows_of(table: xr.Dataset) -> list[dict[str, Any]]:
    """Errors of all structures, and of those without a flag where others have one; [] where nothing is known."""
    if not any(np.isfinite(table[f"{name}_reference"].values).any() for name in ("energy", "force", "stress")):
        return []
    flag = table["flag"].values
    every = {"all": np.isfinite(table["energy"].values)}
    if (flag > 0).any() and (flag == 0).any():
        every |= {"without a flag": flag == 0, "flagged": (flag > 0) & every["all"]}
    return error_rows(table, every)


def _claims(table: xr.Dataset) -> list[str]:
    """One sentence each, the headline first."""
    flag, count = table["flag"].values, table.sizes["structure"]
    bad = int((flag > 0).sum())
    said = [f"{count_of(count, 'configuration')} predicted"
            + (f"; {bad} flagged: " + ", ".join(f"{int((flag == code).sum())} {code.name}" for code in _WHY
                                               if (flag == code).any()) if bad else "") + "."]
    said += [f"Flag {code.name}: {why}." for code, why in _WHY.items() if (flag == code).any()]
    for row in rows_of(table)[:1]:
        parts = [f"energy {1e3 * row['energy']:.3g} meV an atom", f"forces {1e3 * row['force']:.3g} meV/Å",
                 f"stress {row['stress']:.3g} GPa"]
        said.append("Mean errors against the file's own numbers: " + ", ".join(
            part for part, name in zip(parts, ("energy", "force", "stress")) if np.isfinite(row[name])) + ".")
    if not np.isfinite(table["energy_std"].values).any():
        said.append("No interval: one potential does not tell how far off it is; several files of weights are an "
                    "ensemble that does.")
    return [*said, *json.loads(table.attrs["remarks"])]


def _cited(potentials: Sequence[Any]) -> list[str]:
    return citations(*dict.fromkeys(type(one) for one in potentials))

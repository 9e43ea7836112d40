"""Force curves with a hold: relaxation and creep of the sample, by the indentation as it was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr

from asperity.contact import AbstractElasticContact
from asperity.contact.named import Model
from asperity.data import provenance
from asperity.data.curves import segment_kind
from asperity.data.jobs import Progress
from asperity.data.results import flag_attributes, gravest, identity
from asperity.data.verbs import verb
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.sessions import over_curves
from asperity.measurements.force_curves.tip import resolved_elastic
from asperity.messages import DataError
from asperity.rheology import step_response
from asperity.rheology.step_response import StepFit, fit_step, record

__all__ = ["holds"]

_POINTS = 120  # of the grid of times
_BATCH = 8  # curves of a chunk: some seconds of work


@verb(dataset="curves")
def holds(dataset: xr.Dataset, model: Model = "hertz", *, draws: int = 60, folder: str | PathLike[str] | None = None,
          restart: bool = False, progress: Progress | None = None) -> xr.Dataset:
    """The relaxation of the sample under every curve that approaches and then holds.

    No step is assumed: the force is that of a nonnegative spectrum of relaxation times under the measured indentation
    (Lee and Radok, Ting where the contact shrinks). A hold at constant force gives creep in the same way.

    Args:
        dataset: force curves with an approach and a pause.
        model: a contact model without adhesion.
        draws: repetitions from which the bands come.
        folder: where finished curves are kept, so that the same call goes on after an interruption.
        restart: throw away what is there.
        progress: called with (finished curves, all curves).

    Returns:
        over ``fit_time`` (s since the step), per curve: ``relaxation_fit`` E(t) and ``creep_fit`` J(t) with ``_low``
        and ``_high`` (90 %), ``contact_point``, ``residual`` (of the force, over its largest), ``flag`` (of
        `Outcome`); ``findings`` says why curves were not.

    Raises:
        DataError: no approach with a pause after it, no force, or a model with adhesion.
    """
    template, contact = resolved_elastic(model, dataset)
    names = [str(name) for name in dataset["segment"].values]
    after = names[names.index("approach") + 1:] if "approach" in names else []
    hold = next((name for name in after if segment_kind(name) == "pause"), None)
    if hold is None or "force" not in dataset or "time" not in dataset:
        raise DataError(f"no hold: it needs an approach, a pause after it, force and time; the segments are "
                        f"{', '.join(names)}")
    loaded = dataset.load()
    time = loaded["time"].sel(segment=hold)
    lasts = (time.max("sample") - time.min("sample")).values  # NaN where a curve of the same files has no hold
    if not np.any(lasts > 0):
        raise DataError(f"no hold: the segment {hold} of every curve is empty")
    longest = float(np.nanmax(lasts))
    arguments = {"model": template.record, "draws": draws}
    made = over_curves(loaded, lambda some: _fitted(some, hold, contact, draws, longest),
                       {"verb": "holds", **arguments}, batch=_BATCH, folder=folder, restart=restart,
                       progress=progress)
    problems = [f"curve {curve}: {text}" for curve, text in enumerate(made["problem"].values) if text]
    said = [f"{made.sizes['curve'] - len(problems)} of {made.sizes['curve']} curves fitted.", *problems[:5]]
    named = made.drop_vars("problem").assign_attrs(template.attributes(step_response), findings=json.dumps(said),
                                                   file=str(loaded["file"].values[0]))
    return provenance.record(named, provenance.step("holds", arguments), before=dataset)


def _fitted(curves: xr.Dataset, hold: str, contact: AbstractElasticContact, draws: int, longest: float) -> xr.Dataset:
    """The fits of some curves, on one grid of times; ``problem`` says why a curve has none."""
    found: list[StepFit | None] = []
    problems = []
    for curve in range(curves.sizes["curve"]):
        try:
            found.append(fit_step(_recorded(curves.isel(curve=curve), hold), contact, draws=draws))
            problems.append("")
        except ValueError as error:
            found.append(None)
            problems.append(str(error))
    return _table(curves, longest, found).assign(problem=("curve", problems))


def _recorded(curve: xr.Dataset, hold: str) -> Any:
    """The record of one curve: its approach and its hold, one after the other."""
    parts = [curve.sel(segment=name) for name in ("approach", hold)]
    columns = [[part[name].values for part in parts] for name in ("time", "force")]
    tip = [part["tip_position"].values if "tip_position" in part else (part["height"] + part["force"]
                                                                        / part["spring_constant"]).values
           for part in parts]
    time, force, position = (np.concatenate(values) for values in (*columns, tip))
    there = np.isfinite(time) & np.isfinite(force) & np.isfinite(position)
    starts = columns[0][1][np.isfinite(columns[0][1])]
    if not len(starts):
        raise DataError("the hold is empty")
    return record(time[there], position[there], force[there], float(starts[0]))


def _table(loaded: xr.Dataset, longest: float, found: Sequence[StepFit | None]) -> xr.Dataset:
    """All fits on one grid of times, from a thousandth of the longest hold (s) to its end."""
    grid = np.geomspace(longest / 1000, longest, _POINTS)
    nothing = np.full((3, _POINTS), np.nan)
    relaxed = np.stack([nothing if one is None else one.relaxation_modulus(grid) for one in found])
    crept = np.stack([nothing if one is None else one.creep_compliance(grid) for one in found])
    variables: dict[str, Any] = {}
    for name, values, unit in (("relaxation_fit", relaxed, "Pa"), ("creep_fit", crept, "1/Pa")):
        for i, end in enumerate(("", "_low", "_high")):
            variables[name + end] = (("curve", "fit_time"), values[:, i], {"units": unit})
    for name, unit in (("contact_point", "m"), ("contact_point_std", "m"), ("residual", "1")):
        values = [np.nan if one is None else float(getattr(one, name)) for one in found]
        variables[name] = ("curve", values, {"units": unit})
    flag = gravest({Outcome.not_fitted: np.array([one is None for one in found])})
    variables["flag"] = ("curve", flag, flag_attributes())
    coords = {"fit_time": ("fit_time", grid, {"units": "s"}), "curve": np.arange(len(found))}
    return xr.Dataset(variables, coords | identity(loaded))

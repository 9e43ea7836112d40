"""Force curves with a hold: relaxation and creep of the sample, by the indentation as it was measured."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from functools import partial
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.contact import AbstractElasticContact
from asperity.contact.named import Model
from asperity.data import provenance
from asperity.data.curves import segment_kind
from asperity.data.jobs import Progress
from asperity.data.results import flag_attributes, gravest, identity
from asperity.data.verbs import verb
from asperity.learning import noise as noise_model
from asperity.learning.noise import CONTRASTS, Contrasts, SharedNoise
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.over_curves import over_curves
from asperity.measurements.force_curves.tip import resolved_elastic
from asperity.measurements.rheometry.recording import mended
from asperity.messages import DataError
from asperity.report.numbers import count_of
from asperity.rheology import step_response
from asperity.rheology.held_record import ForceNoise, StepRecord, free_samples, record
from asperity.rheology.step_response import StepFit, fit_step, slow_contrasts

__all__ = ["holds"]

_KNOWN = ("Level, tilt, drift and drag are unknowns of every fit: bands hold what the baseline leaves open of them, "
          "not the tip, adhesion or a creep of the scanner that the height does not show.")
_ALIKE = "What drift and tilt leave open may be common to all curves: a mean over them does not average it out."
_POINTS = 120  # of the grid of times,
_LATEST = 1.001  # of a curve's longest hold, the end of the times that it is told at
_REACH = 1000.0  # its end over its beginning, but
_RESOLVED = 4.0  # samples of a hold, at least, to its beginning: what is faster is told from the ramp alone
_MOST = 1 << 16  # samples of a curve that are worked on
_BATCH = 8  # curves of a chunk: some seconds of work
_MIDDLING = 16  # curves of a session whose whole records show its noise: some seconds of work
_LEFT = 0.05  # of a contrast of white noise, that must be left by the fit for it to show anything
_FREE = 0.95  # of the samples before the surface is felt, that show the noise
_UNLIKE = 2.0  # mean square of the residual over that of the noise, above which it is none,
_MATTERS = 0.03  # and its size over the largest force, from which the material is another


@verb(dataset="curves")
def holds(dataset: xr.Dataset, model: Model = "hertz", *, draws: int = 60, folder: str | PathLike[str] | None = None,
          restart: bool = False, progress: Progress | None = None, workers: int = 1) -> xr.Dataset:
    """The relaxation of the sample under every curve that approaches and then holds.

    No step is assumed: the force is that of a nonnegative spectrum of relaxation times under the measured indentation
    (Lee and Radok, Ting where the contact shrinks). A hold at constant force gives creep in the same way. All ramps and
    holds up to the retraction are fitted together; level, tilt, drift and drag are unknowns, and the bands know the
    noise of the session's baselines with its correlation.

    Args:
        dataset: force curves with an approach and a pause.
        model: a contact model without adhesion.
        draws: repetitions from which the bands come.
        folder: where finished curves are kept, so that the same call goes on after an interruption.
        restart: throw away what is there.
        progress: called with (finished curves, all curves).
        workers: processes that share the curves; the results are the same to the last bit.

    Returns:
        over ``fit_time`` (s since the step), per curve: ``relaxation_fit`` E(t) and ``creep_fit`` J(t) with ``_low``
        and ``_high`` (90 %; NaN beyond the longest hold of a curve), ``contact_point``, ``residual`` (of the force,
        over its largest),
        ``reduced_chi_square``, ``drift``, ``flag`` (of `Outcome`); ``findings`` says why curves were not.

    Raises:
        DataError: no approach with a pause after it, no force, or a model with adhesion.
    """
    template, contact = resolved_elastic(model, dataset)
    parts = _parts([str(name) for name in dataset["segment"].values])
    lacking = [name for name in ("force", "time") if name not in dataset]
    if lacking:
        raise DataError(f"the curves hold no {' and no '.join(lacking)}, without which a hold tells no relaxation: "
                        "in a table give a column 'time (s)', or a line '# sampling rate = 1000 Hz' before the titles; "
                        "for a force, spring constant and sensitivity")
    if not any(segment_kind(name) == "pause" for name in parts[1:]):
        own = ", ".join(map(str, dataset["segment"].values))
        raise DataError(f"no hold: it needs an approach and a pause after it; the segments are {own}. In a table name "
                        "them in a column 'segment': approach, pause, retract")
    loaded = mended(dataset.load())
    lasts = _longest(loaded)
    if not np.any(lasts > 0):
        raise DataError("no hold: the pause of every curve is empty")
    longest = float(np.nanmax(lasts))
    time = loaded["time"].sel(segment=[name for name in parts if segment_kind(name) == "pause"])
    steps = time.diff("sample").median("sample").values
    shortest = min(max(longest / _REACH, _RESOLVED * float(np.nanmedian(steps))), longest / 2)
    records = [_curve(loaded.isel(curve=curve), parts) for curve in range(loaded.sizes["curve"])]
    noises = _noises(records, loaded["session"].values.astype(str), contact)
    arguments = {"model": template.record, "draws": draws}
    made = over_curves(loaded, partial(_fitted, parts=parts, how=(contact, draws, shortest, longest)),
                       {"verb": "holds", **arguments}, batch=_BATCH, each=noises, workers=workers,
                       folder=folder, restart=restart, progress=progress)
    problems = [f"curve {curve}: {text}" for curve, text in enumerate(made["problem"].values) if text]
    said = [f"{made.sizes['curve'] - len(problems)} of {made.sizes['curve']} curves fitted.", *_misfits(made),
            *problems[:5], _KNOWN, *([_ALIKE] if made.sizes["curve"] > 1 + len(problems) else [])]
    named = made.drop_vars("problem").assign_attrs(template.attributes(step_response), findings=json.dumps(said),
                                                   file=str(loaded["file"].values[0]))
    return provenance.record(named, provenance.step("holds", arguments), before=dataset)


def _longest(curves: xr.Dataset) -> np.ndarray:
    """How long the longest hold of each curve lasts, (curve,) s; NaN where one of the same files has none."""
    parts = _parts([str(name) for name in curves["segment"].values])
    time = curves["time"].sel(segment=[name for name in parts if segment_kind(name) == "pause"])
    return (time.max("sample") - time.min("sample")).max("segment").values


def _misfits(made: xr.Dataset) -> list[str]:
    """In how many curves the residual is none of the noise, and what that means."""
    flag = made["flag"].values
    small, large = int((flag == Outcome.small_misfit).sum()), int((flag == Outcome.misfit).sum())
    said = []
    if small:
        said.append(f"The residual of {count_of(small, 'curve')} is more than noise: the bands are wider by that, as "
                    "far as the residual shows what is wrong.")
    if large:
        said.append(f"The residual of {count_of(large, 'curve')} is above {100 * _MATTERS:.0f} % of the largest force: "
                    "no relaxing material gives these with this tip and this indentation.")
    return said


class _Curve(NamedTuple):
    """One curve from its approach to its last hold."""

    time: np.ndarray  # s
    tip_position: np.ndarray  # m
    force: np.ndarray  # N
    starts: list[int]  # the first sample of each part that it holds,
    held: list[bool]  # and whether that is a hold
    compliance: float  # m/N; 0 where the file gives the tip position itself


def _parts(names: list[str]) -> list[str]:
    """The segments from the approach to the last pause before the tip is drawn back."""
    after = names[names.index("approach"):] if "approach" in names else []
    back = next((i for i, name in enumerate(after) if segment_kind(name) not in {"approach", "pause"}), len(after))
    pauses = [i for i, name in enumerate(after[:back]) if segment_kind(name) == "pause"]
    return after[: pauses[-1] + 1] if pauses else after[:1]


def _curve(curve: xr.Dataset, parts: list[str]) -> _Curve:
    """The samples of one curve, its parts one after the other; those that it does not hold are left out.

    Of very many samples, the means of so many neighbors that `_MOST` are left, from which the noise is learnt as well.
    """
    columns: list[np.ndarray] = []
    starts, held = [0], []
    given = "height" not in curve
    compliance = 0.0 if given else 1 / float(curve["spring_constant"])
    width = -(-int(curve["sample_count"].sel(segment=parts).sum()) // _MOST)
    for name in parts:
        one = curve.sel(segment=name)
        rows = np.stack([one[key].values for key in ("time", "tip_position" if given else "height", "force")])
        rows = rows[:, np.isfinite(rows).all(axis=0)]
        rows = rows[:, : rows.shape[1] // width * width].reshape(3, -1, width).mean(axis=2) if width > 1 else rows
        if rows.shape[1]:
            columns.append(rows)
            starts.append(starts[-1] + rows.shape[1])
            held.append(segment_kind(name) == "pause")
    time, place, force = np.concatenate(columns, axis=1) if columns else np.zeros((3, 0))
    return _Curve(time, place + compliance * force, force, starts[:-1], held, compliance)


def _noises(curves: Sequence[_Curve], sessions: np.ndarray,
            contact: AbstractElasticContact) -> list[ForceNoise | None]:
    """What each curve's session tells of its noise; None where no baseline is long enough for that.

    The baselines, and slow contrasts of what a first fit leaves of whole records, of some curves of the session.
    """
    found: list[ForceNoise | None] = [None] * len(curves)
    for session in dict.fromkeys(sessions):
        rows = [i for i, own in enumerate(sessions) if own == session and len(curves[i].starts) > 1]
        baselines = [_before_contact(curves[i]) for i in rows]
        size = noise_model.baseline_length(baselines)
        if not size:
            continue
        length = max(len(curves[i].time) for i in rows)
        largest = np.array([np.abs(curves[i].force).max(initial=0.0) for i in rows])
        seen = noise_model.resolved(noise_model.of_baselines(baselines, size, length), 0 * largest, largest)
        first = _forces(noise_model.learn(seen, length, size), seen, length)
        slow = _slow([curves[i] for i in rows], first, contact)
        shown = slow.number.any(axis=1)
        if shown.any():
            seen = noise_model.together(slow, noise_model.beyond_windows(seen, size, length))
            learnt = noise_model.learn(Contrasts(*(part[shown] for part in seen)), length, size)
            first = [_slower(*both) for both in zip(first, _forces(learnt, seen, length), strict=True)]
        for i, own in zip(rows, first):
            found[i] = own
    return found


def _forces(noise: SharedNoise, seen: Contrasts, length: int) -> list[ForceNoise | None]:
    """The noise of each curve of a session, at its mean power."""
    spectra = noise_model.mean_power(noise, noise_model.spectra(noise, seen))
    lags = noise_model.autocovariance(length, length)
    more = 2 * np.cumsum(lags, axis=1) - lags[:, :1]
    sums = np.pad(np.cumsum(more, axis=1), ((0, 0), (1, 0)))
    return [ForceNoise(sums, mean, covariance) if np.isfinite(mean).all() else None
            for mean, covariance in zip(spectra.mean, spectra.covariance)]


def _slower(one: ForceNoise | None, other: ForceNoise | None) -> ForceNoise | None:
    """The noise of two that is larger in means over an eighth of the record.

    A fit of branches that may be zero takes up more slow noise than its projection knows: what it leaves may add to
    what the baseline shows of the noise, and takes nothing off.
    """
    known = [noise for noise in (one, other) if noise is not None]
    return max(known, key=lambda noise: float(np.exp(noise.mean) @ noise.sums[:, noise.sums.shape[1] // 8]),
               default=None)


def _slow(curves: Sequence[_Curve], noises: Sequence[ForceNoise | None], contact: AbstractElasticContact) -> Contrasts:
    """The slow contrasts of whole records, of `_MIDDLING` curves at most; none where a fit misses the curve.

    What a wrong material leaves must not count as noise, by which it would be excused.
    """
    knots = max((len(own.mean) for own in noises if own is not None), default=0)
    power, number = np.zeros((2, len(curves), CONTRASTS))
    expected = np.zeros((len(curves), CONTRASTS, knots))
    for i in np.unique(np.linspace(0, len(curves) - 1, min(_MIDDLING, len(curves))).astype(int)):
        with contextlib.suppress(ValueError):
            power[i], expected[i], unlike = slow_contrasts(_record(curves[i], noises[i]), contact, CONTRASTS)
            number[i] = (expected[i].sum(axis=1) > _LEFT) & (unlike <= _UNLIKE)
    return Contrasts(np.where(number > 0, power, 0.0), expected, number)


def _before_contact(curve: _Curve) -> np.ndarray:
    """The force of the approach before the surface is felt."""
    try:
        return curve.force[: int(_FREE * free_samples(curve.force, curve.starts[1]))]
    except DataError:
        return curve.force[:0]


def _record(one: _Curve, noise: ForceNoise | None) -> StepRecord:
    """The curve in means over short times. Raises as `asperity.rheology.held_record.record`."""
    if True not in one.held:
        raise DataError("the hold is empty")
    begin = one.held.index(True)
    later = list(zip(one.time[one.starts[begin + 1:]].tolist(), one.held[begin + 1:]))
    return record(one.time, one.tip_position, one.force, float(one.time[one.starts[begin]]), later=later,
                  compliance=one.compliance, noise=noise)


def _fitted(curves: xr.Dataset, noises: Sequence[ForceNoise | None], parts: list[str],
            how: tuple[AbstractElasticContact, int, float, float]) -> xr.Dataset:
    """The fits of some curves, on one grid of times; ``problem`` says why a curve has none."""
    contact, draws, shortest, longest = how
    found: list[StepFit | None] = []
    problems = []
    for index, noise in enumerate(noises):
        one = _curve(curves.isel(curve=index), parts)
        try:
            found.append(fit_step(_record(one, noise), contact, draws=draws))
            problems.append("")
        except ValueError as error:
            found.append(None)
            problems.append(str(error))
    return _table(curves, shortest, longest, found).assign(problem=("curve", problems))


def _table(loaded: xr.Dataset, shortest: float, longest: float, found: Sequence[StepFit | None]) -> xr.Dataset:
    """All fits on one grid of times, from the shortest that is resolved to the end of the longest hold, s."""
    grid = np.geomspace(shortest, longest, _POINTS)
    nothing = np.full((3, _POINTS), np.nan)
    ends = _LATEST * _longest(loaded)[:, None]
    relaxed, crept = (np.stack([nothing if one is None else getattr(one, name)(grid) for one in found])
                      for name in ("relaxation_modulus", "creep_compliance"))
    for values in (relaxed, crept):
        values[np.broadcast_to((grid > ends)[:, None], values.shape)] = np.nan  # not measured
    variables: dict[str, Any] = {}
    for name, values, unit in (("relaxation_fit", relaxed, "Pa"), ("creep_fit", crept, "1/Pa")):
        for i, end in enumerate(("", "_low", "_high")):
            variables[name + end] = (("curve", "fit_time"), values[:, i], {"units": unit})
    single = {"contact_point": "m", "contact_point_std": "m", "residual": "1", "chi_square": "1", "drift": "N/s"}
    values = {name: np.array([np.nan if one is None else float(getattr(one, name)) for one in found])
              for name in single}
    for name, unit in single.items():
        variables["reduced_chi_square" if name == "chi_square" else name] = ("curve", values[name], {"units": unit})
    unlike = values["chi_square"] > _UNLIKE
    flag = gravest({Outcome.small_misfit: unlike, Outcome.misfit: unlike & (values["residual"] > _MATTERS),
                    Outcome.not_fitted: np.array([one is None for one in found])})
    variables["flag"] = ("curve", flag, flag_attributes())
    coords = {"fit_time": ("fit_time", grid, {"units": "s"}), "curve": np.arange(len(found))}
    return xr.Dataset(variables, coords | identity(loaded))

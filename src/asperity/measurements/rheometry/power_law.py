"""Force curves on a material that relaxes: from a dataset of curves to a dataset of viscoelastic fits."""

from __future__ import annotations

from functools import partial
from os import PathLike
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from scipy.signal import savgol_filter

from asperity.contact import AbstractElasticContact
from asperity.contact.named import Model
from asperity.data import provenance
from asperity.data.jobs import Progress
from asperity.data.results import flag_attributes, gravest, identity, with_uncertainty
from asperity.data.verbs import verb
from asperity.learning import hereditary_fit
from asperity.learning.agreement import BY_CHANCE
from asperity.learning.batches import scale
from asperity.learning.hereditary_fit import (
    FAMILIES,
    Family,
    HistoryFit,
    IndentationHistories,
    deflected,
    fit_histories,
)
from asperity.learning.hereditary_noise import HistoryNoise, noise_of_histories
from asperity.learning.least_squares import least_squares
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.over_curves import over_curves
from asperity.measurements.force_curves.segments import segment_of
from asperity.measurements.force_curves.tip import resolved_elastic
from asperity.measurements.rheometry.recording import mended
from asperity.messages import ArgumentError, DataError
from asperity.quantities import variable_attributes
from asperity.rheology.exponential_memory import rates

__all__ = ["fit_viscoelastic", "power_law"]

_SIGNIFICANT = 3.0  # a modulus over its uncertainty, below which it is not told from zero
_MATTERS = 0.03  # residual that no noise explains over the largest force, from which the material is another
_FREE = 0.95  # of the means before contact, that show the noise
_BESIDE = 3  # block means on either side that a speed is taken over
_CHUNK = 256  # curves that are fitted and kept together
_WINDOW = 17  # block means that the deflection is smoothed over


class _Records(NamedTuple):
    """Block means of every curve: inward samples right-aligned up to the turn, then outward ones."""

    time: np.ndarray  # (curve, sample) s
    height: np.ndarray  # (curve, sample) m
    force: np.ndarray  # (curve, sample) N
    counted: np.ndarray  # (curve, sample)
    turn: int


def fit_viscoelastic(dataset: xr.Dataset, contact: AbstractElasticContact, *, relaxation: str = "springpot",
                     retract: bool = True, samples: int = 256, tilt: bool = True,
                     relative_std: dict[str, float] | None = None) -> xr.Dataset:
    r"""Fit every force curve with a contact on a relaxing half-space, the indentation history as measured.

    A ``springpot``, $E(t) = E_0\,(t/t_0)^{-\beta}$, is told by ``modulus`` $E_0$ (Young's) at $t_0$ = 1 s and
    ``order`` $\beta$; a ``standard_linear_solid`` is $E_e + E_1 e^{-t/\tau}$.

    The noise is learnt by the session, from the baselines and from what the fits leave of whole curves
    (`asperity.learning.hereditary_noise`).

    Args:
        dataset: force curves in memory, with ``time``.
        contact: the tip (a model without adhesion) and Poisson's ratio; its modulus is ignored.
        relaxation: ``springpot`` (a power of time) or ``standard_linear_solid``, as in `asperity.rheology`.
        retract: fit both directions (Ting); False: the approach alone (Lee and Radok).
        samples: block means that are fitted per direction; more cost more time and gain little.
        tilt: fit a slope of the baseline against the height.
        relative_std: relative standard uncertainty of ``spring_constant``, ``sensitivity`` and ``tip`` (its size).

    Returns:
        One entry per curve: the fitted quantities, ``contact_point``, baseline and ``drag_coefficient`` of the
        lever (N s/m, 0 if only one direction is fitted), each with ``_std_noise``, ``_std_calibration`` and
        ``_std``, and but for the baseline the ends ``_low`` and ``_high`` of an interval of 95 %;
        ``reduced_chi_square``, ``misfit_chance``, ``flag``.

    Raises:
        ValueError: an unknown relaxation, no ``time``, or an unknown source in ``relative_std``.
        MissingCalibration: no force can be had from the data.
    """
    sources = {"spring_constant": 0.0, "sensitivity": 0.0, "tip": 0.0} | (relative_std or {})
    _check(dataset, relaxation, sources)
    dataset = mended(dataset)
    with jax.enable_x64(True):
        point = _elastic_contact_point(dataset, contact, tilt)
        records = _records(dataset, retract, samples)
        curves, fit, rate = _solve(records, _stiffness(dataset), contact, relaxation, point, tilt)

        def passed(noise: np.ndarray) -> np.ndarray:
            """What noise of the deflection does to the residuals, (curve, draw, sample) N."""
            bend = np.apply_along_axis(_parabolas, 2, noise) if _one_way(records) else noise
            return deflected(relaxation, contact, curves, fit, rate, turn=records.turn, force=noise, bend=bend)

        baselines = _baselines(records, curves, fit)
        noise = noise_of_histories(fit, records.counted, baselines, curves.unit, _sessions(dataset), passed)
    change = np.sqrt((_calibration(fit, curves, list(sources.values()))**2).sum(axis=2))
    flag = _flags(relaxation, records, fit, noise, baselines)
    return _results(dataset, contact, relaxation, fit, noise, change, flag)


def _check(dataset: xr.Dataset, relaxation: str, sources: dict[str, float]) -> None:
    if relaxation not in FAMILIES:
        raise ArgumentError(f"there is no relaxation {relaxation!r} to fit; known: {', '.join(FAMILIES)}")
    if "time" not in dataset:
        raise DataError("the curves hold no 'time', without which no relaxation can be fitted: in a table "
                        "give a column 'time (s)', or a line '# sampling rate = 1000 Hz' before the titles; else a "
                        "variable 'time' (curve, segment, sample) in s")
    unknown = sorted(set(sources) - {"spring_constant", "sensitivity", "tip"})
    if unknown:
        raise ArgumentError(f"relative_std knows spring_constant, sensitivity and tip, not {', '.join(unknown)}")


def _elastic_contact_point(dataset: xr.Dataset, contact: AbstractElasticContact, tilt: bool) -> np.ndarray:
    """The tip position (curve,) m at which an elastic fit of the approach sees contact: where to start."""
    segment = segment_of(dataset, "approach")
    position = segment.height + segment.force / segment.spring_constant[:, None]
    scaled = scale(position, segment.force, segment.counted)
    fit = least_squares(contact, scaled, tilt=tilt)
    return scaled.top - scaled.span * fit.nonlinear[:, 0]


def _stiffness(dataset: xr.Dataset) -> np.ndarray:
    """The spring constant (curve,), infinite where the file gives the tip position itself."""
    if "height" not in dataset:
        return np.full(dataset.sizes["curve"], np.inf)
    return dataset["spring_constant"].values.astype(float)


def _records(dataset: xr.Dataset, retract: bool, samples: int) -> _Records:
    parts = ["approach", "retract"] if retract and "retract" in dataset["segment"].values else ["approach"]
    chosen = dataset.sel(segment=parts)
    height = chosen["height" if "height" in dataset else "tip_position"].values
    channels = np.stack([chosen["time"].values, height, chosen["force"].values])
    counts = np.minimum(chosen["sample_count"].values, channels.shape[-1])
    width = max(1, int(np.ceil(counts[:, 0].max(initial=1) / samples)))
    inward = int(np.ceil(channels.shape[-1] / width)) + 1
    total = inward + (int(np.ceil(channels.shape[-1] / width)) if len(parts) > 1 else 0)
    result = np.full((3, len(counts), total), np.nan)
    used = np.zeros((len(counts), total), bool)
    for i, k in enumerate(_stiffness(dataset)):
        whole = np.concatenate([channels[:, i, j, :n] for j, n in enumerate(counts[i])], axis=1)
        whole = whole[:, np.isfinite(whole).all(axis=0)]
        if whole.shape[1] and k > 0:
            _place(result[:, i], used[i], whole, width, inward, int(np.argmin(whole[1] + whole[2] / k)))
    return _Records(*result, counted=used, turn=inward - 1)


def _place(row: np.ndarray, used: np.ndarray, whole: np.ndarray, width: int, inward: int, turn: int) -> None:
    """Write the block means before the turn, the turn itself (uncounted), and those after it."""
    before, after = turn // width, (whole.shape[1] - turn - 1) // width
    before, after = min(before, inward - 1), min(after, row.shape[1] - inward)
    first = turn - before * width
    row[:, inward - 1 - before: inward - 1] = whole[:, first:turn].reshape(3, before, width).mean(axis=2)
    row[:, inward - 1] = whole[:, turn]
    row[:, inward: inward + after] = whole[:, turn + 1: turn + 1 + after * width].reshape(3, after, width).mean(axis=2)
    used[inward - 1 - before: inward - 1] = True
    used[inward: inward + after] = True


def _curves(records: _Records, k: np.ndarray, slope: np.ndarray) -> IndentationHistories:
    """Numbers of order one, the tilt ``slope`` (N/m against height) taken off.

    Of a single direction the tip position rests on the smoothed force: noise in both force and indentation
    would bias the order by half its standard error, since a fast change meets the stiff, instantaneous
    response. With both directions the order rests on their hysteresis, and smoothing would blur the turn.
    """
    present = np.isfinite(records.time)
    middle = np.nan_to_num(_row_mean(records.height, records.counted))
    force = records.force - slope[:, None] * (records.height - middle[:, None])
    position = records.height + (_smoothed(force) if _one_way(records) else force) / k[:, None]
    top = np.max(np.where(present, position, -np.inf), axis=1, initial=-np.inf)
    span = _positive(top - np.min(np.where(present, position, np.inf), axis=1, initial=np.inf))
    depth = np.where(present, (top[:, None] - position) / span[:, None], 0.0)
    level = np.nan_to_num(_row_mean(force, present))
    above = np.where(present, force - level[:, None], 0.0)
    unit = _positive(np.ptp(above, axis=1))
    step = np.diff(records.time, axis=1, prepend=np.nan)
    rising = np.isfinite(step) & (step > 0)
    nominal = float(np.median(step[rising])) if rising.any() else 1.0
    length = np.where(rising, step, 0.0).sum(axis=1)
    step = np.where(rising, step, nominal)
    speed = _speed(depth * span[:, None], step, present, records.turn)
    return IndentationHistories(depth, above / unit[:, None], step, speed, records.counted, span, top, unit,
                                level, k, np.maximum(length, nominal))


def _one_way(records: _Records) -> bool:
    return records.turn + 1 == records.force.shape[1]


def _smoothed(force: np.ndarray) -> np.ndarray:
    """The force (curve, sample) by a local parabola, NaN where there is none."""
    result = force.copy()
    for row in result:
        use = np.isfinite(row)
        row[use] = _parabolas(row[use])
    return result


def _parabolas(values: np.ndarray) -> np.ndarray:
    """Values in a row by local parabolas; a row of few as it is."""
    return np.asarray(savgol_filter(values, _WINDOW, 2)) if len(values) > _WINDOW else values


def _speed(depth: np.ndarray, step: np.ndarray, present: np.ndarray, turn: int) -> np.ndarray:
    """The speed into the sample, (curve, sample) m/s, by differences over a few samples of one direction."""
    speed, clock = np.zeros(depth.shape), np.cumsum(step, axis=1)
    for part in (slice(0, turn + 1), slice(turn + 1, depth.shape[1])):
        index = np.arange(depth.shape[1])[part]
        if len(index):
            first = np.where(present[:, part], index, depth.shape[1]).min(axis=1, keepdims=True)
            last = np.where(present[:, part], index, 0).max(axis=1, keepdims=True)
            ends = [np.clip(index + shift, np.minimum(first, last), last) for shift in (-_BESIDE, _BESIDE)]
            gone, took = (np.take_along_axis(a, ends[1], 1) - np.take_along_axis(a, ends[0], 1) for a in (depth, clock))
            speed[:, part] = gone / np.where(took > 0, took, np.inf)
    return speed


def _positive(size: np.ndarray) -> np.ndarray:
    """Sizes to divide by, 1 where there is none."""
    return np.where(np.isfinite(size) & (size > 0), size, 1.0)


def _row_mean(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    number = where.sum(axis=1)
    return np.where(number > 0, np.where(where, values, 0.0).sum(axis=1) / np.maximum(number, 1), np.nan)


def _solve(records: _Records, k: np.ndarray, contact: AbstractElasticContact, relaxation: str, point: np.ndarray,
           tilt: bool) -> tuple[IndentationHistories, HistoryFit, np.ndarray]:
    """Fit twice: the tilt found first corrects the deflection that the tip position rests on; and the rates used."""
    place = len(FAMILIES[relaxation].names) + 2
    curves = _curves(records, k, np.zeros(len(k)))
    rate = rates(float(curves.step.min()), float(curves.duration.max()))
    start = np.clip((curves.top - point) / curves.span - 0.01, 0.0, 0.98)
    fit = fit_histories(relaxation, contact, curves, start, rate, turn=records.turn, tilt=tilt)
    slope = np.where(np.abs(fit.values[:, place]) < 0.2 * k, fit.values[:, place], 0.0)
    slope = slope / (1 - slope / k)
    curves = _curves(records, k, slope)
    fit = fit_histories(relaxation, contact, curves, fit.nonlinear[:, 0], rate, turn=records.turn, tilt=tilt)
    fit.values[:, place] += slope
    return curves, fit, rate


def _sessions(dataset: xr.Dataset) -> np.ndarray:
    """The session of each curve; one of all where the curves name none."""
    return dataset["session"].values.astype(str) if "session" in dataset else np.full(dataset.sizes["curve"], "")


def _baselines(records: _Records, curves: IndentationHistories, fit: HistoryFit) -> list[np.ndarray]:
    """What the fit leaves of each approach up to shortly before contact, N, in order."""
    result, index = [], np.arange(records.time.shape[1])
    free = records.counted & (curves.depth <= fit.nonlinear[:, :1]) & (index < records.turn)
    touched = records.counted & ~free
    for row, use, after in zip(fit.residual, free, touched):
        kept = np.flatnonzero(use & (index < (np.argmax(after) if after.any() else len(after))))
        result.append(row[kept[: int(_FREE * len(kept))]])
    return result


def _calibration(fit: HistoryFit, curves: IndentationHistories, relative: list[float]) -> np.ndarray:
    """How the parameters change per standard uncertainty of spring constant, sensitivity, tip: (curve, p, source)."""
    force = fit.contact + fit.residual
    changes = np.stack([force, force * fit.gain, -fit.tip], axis=2) * curves.counted[:, :, None]
    changes /= curves.unit[:, None, None]
    return fit.gradient @ (fit.response @ changes) * np.array(relative)


def _flags(relaxation: str, records: _Records, fit: HistoryFit, noise: HistoryNoise,
           baselines: list[np.ndarray]) -> np.ndarray:
    """The outcome of each curve, int8: the gravest of those that apply."""
    family, number = FAMILIES[relaxation], records.counted.sum(axis=1)
    rms = np.sqrt(np.where(records.counted, fit.residual**2, 0.0).sum(axis=1) / np.maximum(number, 1))
    largest = np.abs(fit.contact).max(axis=1)
    at_limit = (fit.nonlinear[:, 1:] <= np.array(family.lower)) | (fit.nonlinear[:, 1:] >= np.array(family.upper))
    point, before, missed = fit.nonlinear[:, 0], np.array([len(b) for b in baselines]), noise.chance < BY_CHANCE
    conditions = {
        Outcome.small_misfit: missed,
        Outcome.misfit: missed & (rms > _MATTERS * largest),
        Outcome.short_baseline: before < 0.1 * records.counted[:, : records.turn].sum(axis=1),
        Outcome.bound_hit: at_limit.any(axis=1) | ~(fit.values[:, 0] > _SIGNIFICANT * _where_best(family, noise)),
        Outcome.not_converged: ~fit.converged | ~np.isfinite(fit.values).all(axis=1),
        Outcome.contact_out_of_range: (point < 0.01) | (point > 0.995) | (before < 8),
        Outcome.no_contact: ~(largest > _SIGNIFICANT * noise.std),
        Outcome.too_few_samples: number < 4 * fit.values.shape[1],
        Outcome.uncalibrated: number == 0,
    }
    return gravest(conditions)


def _where_best(family: Family, noise: HistoryNoise) -> np.ndarray:
    """The standard uncertainty of the modulus with the shape of the relaxation held, (curve,) Pa.

    That of a power law at 1 s is then as well known as at the time at which it is known best.
    """
    size = len(family.names)
    own = noise.bars.covariance[:, :size, :size]
    shape = own[:, 1:, :1]
    taken = (shape * (np.linalg.pinv(own[:, 1:, 1:]) @ shape)).sum(axis=(1, 2))
    return np.sqrt(np.maximum(own[:, 0, 0] - taken, 0.0))


def _results(dataset: xr.Dataset, contact: AbstractElasticContact, relaxation: str, fit: HistoryFit,
             noise: HistoryNoise, change: np.ndarray, flag: np.ndarray) -> xr.Dataset:
    """One entry per curve: quantities with their uncertainties, the flag, identity and fixed inputs."""
    names = (*FAMILIES[relaxation].names, "contact_point", "baseline_offset", "baseline_tilt", "drag_coefficient")
    variables: dict[str, Any] = {}
    known = flag < Outcome.contact_out_of_range
    for i, name in enumerate(names):
        three = fit.values, noise.bars.std, change
        values, std, calibration = (np.where(known, part[:, i], np.nan) for part in three)
        freedom = None if name.startswith("baseline") else noise.bars.freedom[:, i]
        variables |= with_uncertainty(name, values, std, calibration, freedom)
        if name.endswith("modulus"):  # which is not negative
            low = variables[f"{name}_low"][1]
            low[(low < 0) & (values > 0)] = 0.0
    variables["covariance"] = (("curve", "parameter", "parameter_"), noise.bars.covariance,
                               {"long_name": "covariance of the parameters from the noise"})
    rms = np.sqrt((fit.residual**2).sum(axis=1) / np.maximum((fit.residual != 0).sum(axis=1), 1))
    variables["residual_rms"] = ("curve", rms, {"units": "N", "long_name": "root mean square of force minus fit"})
    variables["noise_std"] = ("curve", noise.std, {"units": "N", "long_name": "standard deviation of noise of a mean"})
    variables["reduced_chi_square"] = ("curve", noise.chi_square, {
        "units": "1", "long_name": "mean square residual over that of the noise"})
    variables["misfit_chance"] = ("curve", noise.chance, {
        "units": "1", "long_name": "probability that noise alone leaves so large a residual"})
    variables["flag"] = ("curve", flag, flag_attributes())
    coords: dict[str, Any] = dict(identity(dataset))
    coords |= {name: ((), float(getattr(contact, name)), variable_attributes(name)) for name in contact.fixed}
    coords |= {"parameter": list(names), "parameter_": list(names)}
    return xr.Dataset(variables, coords, {"relaxation": relaxation, "reference_time": 1.0})


@verb(curves="curves")
def power_law(curves: xr.Dataset, model: Model = "hertz", *, folder: str | PathLike[str] | None = None,
              restart: bool = False, progress: Progress | None = None, workers: int = 1) -> xr.Dataset:
    """Every force curve on a material whose modulus falls as a power of time (see `fit_viscoelastic`).

    Of many curves the noise is learnt by the chunk, of up to 256.

    Args:
        curves: with approach, retraction, force and time.
        model: a contact model without adhesion.
        folder: where finished curves are kept, so that the same call goes on after an interruption.
        restart: throw away what is there.
        progress: called with (finished curves, all curves).
        workers: processes that share the chunks; the results are the same to the last bit.

    Returns:
        per curve ``modulus`` (at 1 s) and ``order`` with their uncertainties, and the flag.

    Raises:
        DataError: no time or no force, or a model with adhesion.
    """
    template, contact = resolved_elastic(model, curves)
    count = curves.sizes["curve"]
    even = max(1, -(-count // max(1, -(-count // _CHUNK))))  # curves of a chunk, so that none is small
    try:
        found = over_curves(curves.load(), partial(fit_viscoelastic, contact=contact),
                            {"verb": "power_law", "model": template.record}, batch=even, folder=folder, restart=restart,
                            progress=progress, workers=workers)
    except DataError as error:
        raise DataError(f"{curves['file'].values[0]}: {error}") from error
    step = provenance.step("power_law", {"model": template.record})
    law = f"{type(contact).__name__} contact, E(t) = modulus (t / 1 s)^-order"
    return provenance.record(found.assign_attrs(template.attributes(hereditary_fit) | {"model": law}), step,
                             before=curves)

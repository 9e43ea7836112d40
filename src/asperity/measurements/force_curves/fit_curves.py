"""From a dataset of curves to a dataset of fits: the crossing between the schema and the fitter."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
import xarray as xr

from asperity.contact import AbstractContactModel
from asperity.learning import noise as noise_model
from asperity.learning.adhesion import ModelPullOff, judged, model_pull_off
from asperity.learning.agreement import Scatter, scatter
from asperity.learning.attachment import find_jump
from asperity.learning.batches import Scaled, scale
from asperity.learning.curve_blocks import Blocks, blocks_of
from asperity.learning.detachment import Detachment, Reading, Retraction, read_detachment, unfolded
from asperity.learning.discrepancy import FEWEST, UNTESTED, Discrepancy, discrepancy
from asperity.learning.free_force import free_force
from asperity.learning.glitches import resolution
from asperity.learning.least_squares import Fit, contact_force, least_squares
from asperity.learning.noise import Contrasts, SharedNoise, Spectra
from asperity.learning.student import wide
from asperity.learning.uncertainty import ErrorBars, ParameterEstimates, error_bars, estimate, of_windows, spread
from asperity.measurements.force_curves.controls import EVERYTHING, Controls
from asperity.measurements.force_curves.fit_results import Fitted, Level, first_touch, results, touching
from asperity.measurements.force_curves.segments import Segment, segment_of
from asperity.messages import WAITED_FOR, ArgumentError

__all__ = ["Learnt", "fit_curves", "learn_noise", "session_noises"]


_log = logging.getLogger("asperity")

_AGAIN = 3  # fits to a window: each moves the contact point that it is counted from by a fraction of the last one
_GIVEN = {"units": "1", "long_name": "relative standard uncertainty that was given"}
_CORRELATED = {"units": "1", "long_name": "correlation of the errors of spring constant and sensitivity"}


class Learnt(NamedTuple):
    """What the curves of one session show together.

    The noise is there twice: a model that is wrong must not be excused by what it leaves in contact.
    """

    window: SharedNoise  # as whole curves show it, for error bars,
    before: SharedNoise  # and as baselines alone do, to judge fits by
    model: Discrepancy  # how wrong the modulus may be because the contact model is not quite true


class _Solution(NamedTuple):
    segment: Segment
    scaled: Scaled
    fit: Fit


class _Shown(NamedTuple):
    """What one curve shows of its noise."""

    baseline: np.ndarray  # N, the residual before contact,
    whole: np.ndarray  # and of the whole curve where that is too short
    left: np.ndarray  # (1, contrast, block) and
    seen: np.ndarray  # (1, contrast) of its `ParameterEstimates`
    samples: int  # that it is padded to
    resolution: tuple[np.ndarray, np.ndarray]  # (1,) N, the step of the recorded forces, and the largest of them
    blocks: Blocks | None  # what it shows of its model


class _OwnNoise(NamedTuple):
    """The noise of each curve."""

    spectra: Spectra
    length: np.ndarray  # (curve,) samples of the windows that its knots belong to
    pull: np.ndarray  # (curve,) N, what it does to the model's pull-off: half the width of an interval of 95 %
    contact: Scatter  # how a mean square of the samples in contact scatters


def learn_noise(dataset: xr.Dataset, model: AbstractContactModel, *, segment: str, tilt: bool = True,
                asked: Controls = EVERYTHING) -> Learnt:
    """The noise that the curves of one session share, from what their fits leave.

    Where no curve has a baseline, the residuals of the whole fit stand in.
    """
    return _learnt(_shown(dataset, model, segment, tilt, asked))


def session_noises(parts: Iterable[xr.Dataset], model: AbstractContactModel, *, segment: str,
                   asked: Controls = EVERYTHING) -> dict[str, Learnt]:
    """As `learn_noise`, for all sessions that are in ``parts``, each in memory only for its turn."""
    found: dict[str, list[_Shown]] = {}
    _log.log(WAITED_FOR, "learning the noise")
    for part in parts:
        for session, shown in zip(part["session"].values, _shown(part, model, segment, True, asked),
                                  strict=True):
            found.setdefault(str(session), []).append(shown)
    learnt = {session: _learnt(shown) for session, shown in found.items()}
    _log.log(WAITED_FOR, "curves")
    return learnt


def _shown(dataset: xr.Dataset, model: AbstractContactModel, segment: str, tilt: bool,
           asked: Controls) -> list[_Shown]:
    """What each curve shows of its noise."""
    with jax.enable_x64(True):
        solution = _solve(segment_of(dataset, segment), model, segment, tilt, asked)
        residual, contact = _residual(model, solution)
        found = estimate(model, solution.scaled, solution.fit, solution.segment.spring_constant, _relative(model),
                         tilt=tilt, leveled=True)  # the sources of a fit, so that nothing is compiled twice
        blocks = [None] * len(residual) if len(residual) < FEWEST else blocks_of(
            model, solution.scaled, solution.fit, found, solution.segment.spring_constant)
    counted, samples = solution.segment.counted, residual.shape[1]
    step, largest = _resolution(solution.segment)
    ones = [slice(i, i + 1) for i in range(len(residual))]
    return [_Shown(baseline, row[use] if len(baseline) < noise_model.MINIMUM_BASELINE else row[:0], found.left[one],
                   found.seen[one], samples, (step[one], largest[one]), own)
            for baseline, row, use, one, own in zip(_baselines(residual, contact, counted), residual, counted, ones,
                                                    blocks)]


def _resolution(segment: Segment) -> tuple[np.ndarray, np.ndarray]:
    """The least change from one recorded force to the next, if any, and the largest force of each curve, (curve,) N."""
    return resolution(segment.force + segment.removed, segment.present)


def _learnt(curves: Sequence[_Shown]) -> Learnt:
    """The noise of one session, from what its curves show."""
    length = max(curve.samples for curve in curves)
    baselines = [curve.baseline for curve in curves]
    size = noise_model.baseline_length(baselines)
    if not size:
        baselines = [curve.whole for curve in curves]
        size = noise_model.baseline_length(baselines)
    shown = [_contrasts(curve.left, curve.seen, [baseline], curve.resolution, (curve.samples, length, size))
             for curve, baseline in zip(curves, baselines)]
    window, before = (Contrasts(*map(np.concatenate, zip(*kind))) for kind in zip(*shown))
    judge = noise_model.learn(before, length, size)
    model = UNTESTED
    if sum(curve.blocks is not None for curve in curves) >= FEWEST:
        own = noise_model.spectra(judge, before)
        likely = own.mean + np.diagonal(own.covariance, axis1=1, axis2=2) / 2  # of a spectrum that is known so well
        model = discrepancy([curve.blocks for curve in curves], likely, length)
    return Learnt(noise_model.learn(window, length, size), judge, model)


def _contrasts(left: np.ndarray, seen: np.ndarray, baselines: Sequence[np.ndarray],
               resolution: tuple[np.ndarray, np.ndarray], sizes: tuple[int, int, int]) -> tuple[Contrasts, Contrasts]:
    """What whole curves show of their noise, and baselines alone; ``sizes``: of the curves, windows and baselines."""
    samples, length, size = sizes
    before = noise_model.of_baselines(baselines, size, length)
    window = noise_model.together(of_windows(left, seen, length, samples),
                                  noise_model.beyond_windows(before, size, length))
    return noise_model.resolved(window, *resolution), noise_model.resolved(before, *resolution)


def fit_curves(dataset: xr.Dataset, model: AbstractContactModel, *, noise: Learnt | Mapping[str, Learnt],
               segment: str = "approach",
               spring_constant_std: float = 0.0, sensitivity_std: float = 0.0, radius_std: float = 0.0,
               calibration_correlation: float = 0.0, tilt: bool = True, asked: Controls = EVERYTHING) -> xr.Dataset:
    """Fit every curve of a loaded dataset.

    Args:
        dataset: force curves in memory.
        model: the template; its fixed fields are used, its fitted ones ignored.
        noise: from `learn_noise` of the same session; for curves of several sessions, from `session_noises`.
        segment: the name of the segment to fit, ``approach`` or ``retract``.
        spring_constant_std, sensitivity_std, radius_std: relative standard uncertainties of the
            calibration; ``radius_std`` applies to the size of the tip, whatever the model calls it.
        calibration_correlation: of the errors of spring constant and sensitivity, -1 to 1: negative where
            the one was measured with the other.
        tilt: fit a slope of the baseline.
        asked: which samples count, and which curves do not.

    Returns:
        One entry per curve: the fitted quantities with ``_std_noise``, ``_std_calibration`` and ``_std``,
        contact point, baseline, what was seen, ``flag``, and the curves thinned for display.

    Raises:
        MissingCalibration: no force can be had from the data.
    """
    relative = _relative(model, spring_constant_std, sensitivity_std, radius_std)
    recorded = segment_of(dataset, segment)
    with jax.enable_x64(True):
        solution = _solve(recorded, model, segment, tilt, asked)
        residual, contact = _residual(model, solution)
        baselines = _baselines(residual, contact, solution.segment.counted)
        k = solution.segment.spring_constant
        found = estimate(model, solution.scaled, solution.fit, k, dict.fromkeys(relative, 1.0), tilt=tilt, leveled=True)
        follows = _follows(found, tuple(relative))
        found = found._replace(calibration=found.calibration * np.array(list(relative.values())))
        shallow, pull = _half_depth(model, solution, tilt, asked), model_pull_off(model, found, relative)
    number = (touching(contact) & solution.segment.counted).sum(axis=1)
    bars, std, correlation, own = _noise_of_curves(noise, dataset, (found, pull, number), baselines, solution.segment)
    found = found._replace(calibration=_independent(found.calibration, calibration_correlation))
    pull = pull._replace(calibration=_independent(pull.calibration, calibration_correlation))
    force_std = float(np.linalg.norm(
        _independent(np.array([spring_constant_std, sensitivity_std]), calibration_correlation)))
    level = Level(std, correlation, np.array([len(b) for b in baselines]), force_std, own.contact)
    retracting = segment.startswith("retract")
    fitted = (None, solution.segment) if retracting else (recorded if segment == "approach" else None, None)
    detached = _detached(dataset, fitted, std, correlation, own)
    with jax.enable_x64(True):
        adhesion = judged(model, found, bars, pull, detached, noise=(std, own.pull), retracting=retracting)
    given = {f"{name}_std": ((), std, _GIVEN) for name, std in relative.items() if std > 0}
    if calibration_correlation and min(spring_constant_std, sensitivity_std) > 0:
        given["calibration_correlation"] = ((), calibration_correlation, _CORRELATED)
    whole = Fitted(solution.segment, solution.scaled, solution.fit, found, bars, level, _of_sessions(noise, dataset),
                   shallow, adhesion, pull.calibration, asked.left_out(dataset), asked.window is not None)
    return results(dataset, model, whole).assign(follows).assign_coords(given)


def _follows(found: ParameterEstimates, sources: tuple[str, ...]) -> dict[str, tuple[str, np.ndarray, dict[str, str]]]:
    """The relative change of the modulus per relative change of each source of a ``found`` calibration of 1 each."""
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = found.calibration[:, 0] / found.values[:, :1]
    return {f"modulus_by_{name}": ("curve", np.where(np.isfinite(change), change, np.nan), {
        "units": "1", "long_name": f"relative change of the modulus over that of the {name.replace('_', ' ')}"})
            for name, change in zip(sources, changes.T)}


def _relative(model: AbstractContactModel, spring_constant: float = 0.0, sensitivity: float = 0.0,
              radius: float = 0.0) -> dict[str, float]:
    """The relative standard uncertainties of the calibration's sources; the size of the tip has many names."""
    tip = [name for name in model.fixed if name not in {"poisson_ratio", "thickness"}]
    return {"spring_constant": spring_constant, "sensitivity": sensitivity, **dict.fromkeys(tip, radius)}


def _of_sessions(learnt: Learnt | Mapping[str, Learnt], dataset: xr.Dataset) -> Discrepancy:
    """What each curve's session shows of its model, (curve,) each."""
    own = [learnt if isinstance(learnt, Learnt) else learnt[name] for name in dataset["session"].values.astype(str)]
    return Discrepancy(*map(np.array, zip(*(one.model for one in own))))


def _detached(dataset: xr.Dataset, known: tuple[Segment | None, Segment | None], std: np.ndarray,
              correlation: np.ndarray, own: _OwnNoise) -> Detachment:
    """The pull-off read off the retraction, NaN where there is none; approach and retraction, where ``known``."""
    approach, fitted = known
    if fitted is None and "retract" not in dataset["segment"].values:
        nothing = np.full(len(std), np.nan)
        return Detachment(nothing, nothing, nothing, nothing, nothing,
                          np.full(len(std), Retraction.not_recorded, np.int8))
    retraction = fitted or segment_of(dataset, "retract")
    if approach is None and "approach" in dataset["segment"].values:
        approach = segment_of(dataset, "approach")
    free = None if approach is None else free_force(approach.force, approach.height, approach.present,
                                                    (std, correlation), retraction.height)
    reading = read_detachment(retraction.force + retraction.removed, retraction.present, std, correlation, free)
    parts = []
    for length in np.unique(own.length):
        here = own.length == length
        found = spread(reading.weights[here], Spectra(*(part[here] for part in own.spectra)), int(length),
                       reading.weights.shape[2])
        parts.append((np.flatnonzero(here), unfolded(Reading(*(one[here] for one in reading)), *found)))
    back = np.argsort(np.concatenate([rows for rows, _ in parts]))
    return Detachment(*(np.concatenate(column)[back] for column in zip(*(found for _, found in parts))))


def _noise_of_curves(noise: Learnt | Mapping[str, Learnt], dataset: xr.Dataset,
                     estimates: tuple[ParameterEstimates, ModelPullOff, np.ndarray], baselines: Sequence[np.ndarray],
                     segment: Segment) -> tuple[ErrorBars, np.ndarray, np.ndarray, _OwnNoise]:
    """What the noise does to each curve's parameters and, last, to its pull-off; its size (N), its correlation, itself.

    The latter are those of the baseline alone: what is read without a model must not depend on how well one fits.
    ``estimates``: of the parameters, of the pull-off, and how many samples are in contact.
    """
    sessions = dataset["session"].values.astype(str)
    samples, (step, largest) = segment.force.shape[1], _resolution(segment)
    found, pull, number = estimates
    response = np.concatenate([found.response, pull.response[:, None]], axis=1)
    both = np.concatenate([np.broadcast_to(np.eye(found.values.shape[1]), found.within.shape), pull.gradient[:, None]],
                          axis=1)
    within = both @ found.within @ np.swapaxes(both, 1, 2)
    rows, parts = [], []
    for name in dict.fromkeys(sessions):
        own = noise if isinstance(noise, Learnt) else noise[name]
        rows.append(np.flatnonzero(sessions == name))
        here, length = rows[-1], own.window.length
        shown = _contrasts(found.left[here], found.seen[here], [baselines[i] for i in here],
                           (step[here], largest[here]), (samples, length, own.window.baseline))
        seen, alone = (noise_model.spectra(kind, one) for kind, one in zip(own[:2], shown))
        whole, before = (noise_model.mean_power(kind, one) for kind, one in zip(own[:2], (seen, alone)))
        bars = error_bars(response[here], whole, length, samples, within[here])
        pulled, freedom = spread(pull.response[here, None], before, length, samples, within[here, -1:, -1])
        parts.append((*bars, noise_model.level(own.before, alone), noise_model.correlation(own.before, alone),
                      *before, np.full(len(here), length), (pulled * wide(freedom))[:, 0],
                      *scatter(own.before, alone, number[here])))
    back = np.argsort(np.concatenate(rows))
    *whole, std, correlation, mean, covariance, length, moved, variance, freedom, level = (
        np.concatenate(column)[back] for column in zip(*parts))
    return ErrorBars(*whole), std, correlation, _OwnNoise(Spectra(mean, covariance), length, moved,
                                                          Scatter(variance, freedom, level))


def _independent(changes: np.ndarray, correlation: float) -> np.ndarray:
    r"""Changes (..., source) with the two correlated first sources made into two independent ones.

    Of errors e and f with the correlation $\rho$, f is $\rho e + \sqrt{1 - \rho^2}\, g$ with g independent of e.
    """
    if not -1 <= correlation <= 1:
        raise ArgumentError(f"calibration_correlation = {correlation:g} must lie between -1 and 1")
    mixed = changes.copy()
    mixed[..., 0] += correlation * changes[..., 1]
    mixed[..., 1] *= np.sqrt(1 - correlation**2)
    return mixed


def _solve(segment: Segment, model: AbstractContactModel, name: str, tilt: bool, asked: Controls) -> _Solution:
    """Fit twice: the baseline of the first fit corrects the deflection that the tip position rests on.

    Where only a part of the curve is to count, all that again for what is in it, `_AGAIN` times: the contact point of
    a model that is wrong for the whole curve is off.
    """
    whole = part = _solved(segment, model, name, tilt)
    for _ in range(_AGAIN if asked.of_samples else 0):
        scaled, fit = part.scaled, part.fit
        position = part.segment.height + part.segment.force / segment.spring_constant[:, None]
        x = np.where(whole.segment.counted, (scaled.top[:, None] - position) / scaled.span[:, None], 0.0)
        every = whole.scaled._replace(x=x, **{own: getattr(scaled, own) for own in ("top", "span", "force_scale")})
        contact = contact_force(model, every, fit) * scaled.force_scale[:, None]
        depth = (x - fit.nonlinear[:, :1]) * scaled.span[:, None]
        kept = asked.counted(depth, contact, touching(contact), whole.segment.counted)
        part = _solved(segment._replace(counted=segment.counted & kept), model, name, tilt)
    return part


def _solved(segment: Segment, model: AbstractContactModel, name: str, tilt: bool) -> _Solution:
    """The fit of the samples that count."""
    force, counted = segment.force, segment.counted
    adhesive, retracting = "work_of_adhesion" in model.fitted, name.startswith("retract")
    attached, counted = find_jump(force, counted) if adhesive else (None, counted)
    k = segment.spring_constant[:, None]
    scaled = scale(segment.height + force / k, force, counted, attached, retracting=retracting)
    fit = least_squares(model, scaled, tilt=tilt)
    slope, removed = np.zeros(len(force)), np.zeros(force.shape)
    if tilt:
        # The tilt is a property of the height, not of the tip position, which holds the tilt once more.
        slope = -fit.linear[:, 1] * scaled.force_scale / scaled.span
        slope = np.where(np.abs(slope) < 0.2 * segment.spring_constant, slope, 0.0)
        slope = slope / (1 - slope / segment.spring_constant)
        middle = np.where(counted, segment.height, 0.0).sum(1, keepdims=True) / np.maximum(counted.sum(1), 1)[:, None]
        removed = slope[:, None] * (segment.height - middle)
        force = force - removed
        point = scaled.top - scaled.span * fit.nonlinear[:, 0]
        scaled = scale(segment.height + force / k, force, counted, attached, retracting=retracting)
        nearest = np.abs(segment.height + segment.force / k - point[:, None])
        nearest = np.argmin(np.where(counted, nearest, np.inf), axis=1)
        point = point - (removed / k)[np.arange(len(force)), nearest]
        start = np.concatenate([((scaled.top - point) / scaled.span)[:, None], fit.nonlinear[:, 1:]], axis=1)
        fit = least_squares(model, scaled, tilt=tilt, start=start)
    return _Solution(segment._replace(force=force, counted=counted, tilt=slope, removed=removed), scaled, fit)


def _half_depth(model: AbstractContactModel, solution: _Solution, tilt: bool, asked: Controls) -> np.ndarray:
    """The modulus of a fit that ends at half of the depth, (batch,) Pa; NaN where it does not settle.

    Of a window, the half that is less deep.
    """
    scaled, fit = solution.scaled, solution.fit
    begin = fit.nonlinear[:, :1]
    if asked.window is not None and asked.window.low > 0:
        begin = np.min(np.where(scaled.counted & (scaled.x > begin), scaled.x, 1.0), axis=1, keepdims=True)
    part = scaled.where(scaled.x <= (1 + begin) / 2)
    half = least_squares(model, part, tilt=tilt, start=fit.nonlinear)
    amplitudes = half.linear[:, -model.amplitudes:] * scaled.force_scale[:, None]
    found = model.with_amplitudes(tuple(amplitudes.T), tuple(half.nonlinear[:, 1:].T))
    return np.where(half.converged, np.asarray(getattr(found, model.fitted[0])), np.nan)


def _residual(model: AbstractContactModel, solution: _Solution) -> tuple[np.ndarray, np.ndarray]:
    """Force minus fit, and the fitted force of contact, in N."""
    scaled, fit = solution.scaled, solution.fit
    contact = contact_force(model, scaled, fit)
    line = fit.linear[:, :1] + (fit.linear[:, 1:2] * scaled.x if _has_tilt(model, fit) else 0.0)
    size = scaled.force_scale[:, None]
    return np.where(scaled.counted, scaled.y - line - contact, 0.0) * size, contact * size


def _has_tilt(model: AbstractContactModel, fit: Fit) -> bool:
    return fit.linear.shape[1] == model.amplitudes + 2


def _baselines(residual: np.ndarray, contact: np.ndarray, counted: np.ndarray) -> list[np.ndarray]:
    """The residuals of each curve up to shortly before contact, in order."""
    result = []
    for row, use, stop in zip(residual, counted, first_touch(contact, counted)):
        start = int(use.argmax())
        stop = start + int(0.95 * (stop - start))
        result.append(row[start:stop][use[start:stop]])
    return result

"""What is said of each fitted curve: numbers with uncertainties, a flag, and the curve for display."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.contact import AbstractContactModel
from asperity.data.results import flag_attributes, gravest, identity, with_uncertainty
from asperity.learning.adhesion import Adhesion
from asperity.learning.agreement import BY_CHANCE, Scatter, chance
from asperity.learning.batches import Scaled
from asperity.learning.detachment import Retraction, plateau
from asperity.learning.discrepancy import Departure, Discrepancy
from asperity.learning.least_squares import Fit
from asperity.learning.outcome import Outcome
from asperity.learning.uncertainty import ErrorBars, ParameterEstimates
from asperity.measurements.force_curves.segments import Segment
from asperity.quantities import QUANTITIES, variable_attributes

__all__ = ["Fitted", "Level", "first_touch", "results", "touching"]

_POINTS = 120  # samples of a curve that are kept for display
_MATTERS = 0.03  # residual over largest force, or
_CHANGES = 0.1  # change of the modulus from all to half of the depth, above which a misfit is more than small
_HALVES = 0.5  # the same, from which on a residual is no noise
_DOUBTFUL = 0.05  # with this probability already
_HELD = 0.1  # of the noise, the least that is left of it in a sample: where the gain is 0 no lever holds the tip
_FEWEST = 24  # samples of a curve, with fewer of which its noise is not known
_INSIDE = 12  # samples of a window, with fewer of which contact point and modulus are not told from each other
_BASELINE = 8  # samples before contact, with fewer of which no baseline can be drawn
#: what stands beside a value and is as unknown as it
_OF_VALUE = ("std", "std_noise", "std_calibration", "std_model", "at_contact", "half_depth", "low", "high", "dof")
_POSITIVE = ("modulus",)  # to be told from zero
_LIMITED = ("work_of_adhesion",)  # of which an upper limit is an answer
_UNEVEN = 8.0  # of the rms about its line of the farthest half of the baseline, that its last tenth is off,
_NO_LINE = 0.01  # and of the largest force, to be no baseline,
_LONG = 100  # if it has so many samples
_WAY = 0.5  # of the whole way, that the end must be off to be at the wrong one
_BESIDE_IT = 0.2  # of the force that falls, which no other force may exceed then
_SIGNIFICANT = 3.0  # modulus over its uncertainty and contact force over the noise, and
_SWING = 15.0  # force, peak to peak, over the noise far away, below which nothing was touched


class Level(NamedTuple):
    """The noise of each curve, (batch,), and how well forces are calibrated."""

    std: np.ndarray  # N
    correlation: np.ndarray  # samples
    baseline: np.ndarray  # samples before contact
    force_std: float  # relative standard uncertainty of any force from the calibration
    agreement: Scatter  # how the mean square of the samples in contact scatters


class Fitted(NamedTuple):
    """A batch of curves with all that the fit found."""

    segment: Segment
    scaled: Scaled
    fit: Fit
    found: ParameterEstimates
    bars: ErrorBars  # of the parameters and, last, of the model's pull-off
    level: Level
    model: Discrepancy  # of each curve's session, (batch,) each
    half_depth: np.ndarray  # (batch,) Pa, the modulus of a fit that ends at half of the depth
    adhesion: Adhesion  # of the retraction, whatever segment is fitted
    pull_calibration: np.ndarray  # (batch, source) N, of the model's pull-off, per standard uncertainty of each source
    excluded: np.ndarray  # (batch,) bool, by a person
    windowed: bool  # whether a part of the contact is fitted


class _Residuals(NamedTuple):
    corrected: np.ndarray  # (batch, sample) N, the baseline taken off; NaN where not counted
    residual: np.ndarray  # (batch, sample) N
    rms: np.ndarray  # (batch,) N
    chi_square: np.ndarray  # (batch,) mean square in contact over what the noise explains
    chance: np.ndarray  # (batch,) the probability that noise alone leaves so much
    worst: np.ndarray  # (batch,) N, the larger rms of contact and whole curve
    largest: np.ndarray  # (batch,) N, the largest force of either sign
    far: np.ndarray  # (batch,) N, robust spread of the residual in the farthest third


def results(dataset: xr.Dataset, model: AbstractContactModel, fitted: Fitted) -> xr.Dataset:
    """The dataset of one batch: variables per curve, the covariance, display curves, identity, fixed inputs."""
    rest = _residuals(fitted)
    flag = _flags(model, fitted, rest)
    variables = _parameters(model, fitted) | _observed(fitted, rest)
    if model.paraboloid:
        radius = float(getattr(model, model.fixed[0]))
        ratio = np.sqrt(np.maximum(variables["indentation_max"][1], 0.0) / radius)
        variables["contact_radius_over_tip"] = ("curve", ratio, {
            "units": "1", "long_name": "largest radius of contact over that of the tip, which a paraboloid stands for"})
    for name in (*model.fitted, "contact_point", "indentation_max"):
        for key in variables:
            if key == name or key.removeprefix(f"{name}_") in _OF_VALUE:
                variables[key][1][flag >= Outcome.contact_out_of_range] = np.nan
    variables["flag"] = ("curve", flag, flag_attributes())
    variables["departure"] = ("curve", np.array(fitted.model.departure, np.int8),
                              flag_attributes(Departure, "how the session departs from the model"))
    variables["departure_second"] = ("curve", np.array(fitted.model.second, np.int8),
                                     flag_attributes(Departure, "what that cannot be told from, if anything"))
    variables["retraction"] = ("curve", fitted.adhesion.state,
                               flag_attributes(Retraction, "what the retraction tells of the pull-off"))
    variables |= _display(fitted, rest, flag)
    names = (*model.fitted, "contact_point", "baseline_offset", "baseline_tilt")
    variables["covariance"] = (("curve", "parameter", "parameter_"), fitted.bars.covariance[:, :-1, :-1],
                               {"long_name": "covariance of the parameters from the noise"})
    coords: dict[str, Any] = dict(identity(dataset))
    coords |= {name: ((), float(getattr(model, name)), variable_attributes(name)) for name in model.fixed}
    return xr.Dataset(variables, coords | {"parameter": list(names), "parameter_": list(names)})


def _residuals(fitted: Fitted) -> _Residuals:
    found, counted = fitted.found, fitted.segment.counted
    corrected = np.where(fitted.segment.present, fitted.segment.force - found.baseline, np.nan)
    residual = np.where(counted, corrected - found.model_force, np.nan)
    in_contact = touching(found.model_force) & counted
    gain = 1 + found.slope / fitted.segment.spring_constant[:, None]
    expected = np.maximum(fitted.level.std[:, None] * np.maximum(gain, _HELD), 1e-300)
    largest = np.maximum(np.max(np.abs(np.where(counted, corrected, 0.0)), axis=1), 1e-300)
    every, contact = _mean(residual**2, counted), _mean(residual**2, in_contact)
    with np.errstate(over="ignore"):
        chi_square = _mean((residual / expected) ** 2, in_contact)
    by_chance = chance(chi_square, fitted.level.agreement)
    chi_square = np.where(np.isfinite(chi_square), chi_square, np.nan)  # without noise no ratio to it
    return _Residuals(corrected, residual, np.sqrt(every), chi_square, by_chance, np.sqrt(np.fmax(contact, every)),
                      largest, _far_spread(residual, counted))


def _far_spread(residual: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The noise where no model can be wrong: of the farthest third, about its own straight line (robust)."""
    rank = np.cumsum(counted, axis=1)
    far = counted & (rank <= np.maximum(rank[:, -1:] // 3, 8))
    until = far.shape[1] - int(np.any(far, axis=0)[::-1].argmax())
    far, residual = far[:, :until], residual[:, :until]  # the rest has no part in it
    about = np.where(far, np.abs(_off_line(residual, far)), np.nan)
    return 1.4826 * np.nanmedian(np.where(np.any(far, axis=1, keepdims=True), about, 0.0), axis=1)


def _off_line(residual: np.ndarray, far: np.ndarray) -> np.ndarray:
    """The residual less the straight line through its ``far`` samples, (batch, sample)."""
    place = np.arange(residual.shape[1])
    index = place - _mean(np.broadcast_to(place, far.shape), far)[:, None]
    values = np.nan_to_num(residual) - _mean(residual, far)[:, None]
    slope = _mean(values * index, far) / np.maximum(_mean(index**2, far), 1e-300)
    return values - slope[:, None] * index


def first_touch(contact: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The place of the first counted sample in contact, (batch,); the number of samples where none is."""
    return np.where(touching(contact) & counted, np.arange(contact.shape[1]), contact.shape[1]).min(axis=1)


def touching(contact: np.ndarray) -> np.ndarray:
    """Where the fitted force of contact, (batch, sample), is not negligible."""
    size = np.abs(contact)
    return size > 1e-4 * np.maximum(size.max(axis=1, keepdims=True), 1e-300)


def _mean(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    number = where.sum(axis=1)
    total = np.where(where, values, 0.0).sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _parameters(model: AbstractContactModel, fitted: Fitted) -> dict[str, Any]:
    """The fitted quantities, contact point and baseline, each with its uncertainties."""
    found, variables = fitted.found, {}
    for i, name in enumerate((*model.fitted, "contact_point", "baseline_offset", "baseline_tilt")):
        values = found.values[:, i] + _taken_off(fitted, name)
        noise = fitted.bars.std[:, i]
        calibration = np.sqrt((found.calibration[:, i] ** 2).sum(axis=1))
        known = None if name.startswith("baseline") else fitted.bars.freedom[:, i]
        ends = fitted.adhesion.work if name == "work_of_adhesion" else None
        model_part = fitted.model.std * np.abs(values) if name == "modulus" else None
        variables |= with_uncertainty(name, values, noise, calibration, known, ends, model_part)
        if name in model.fitted:  # none of which is negative
            low = variables[f"{name}_low"][1]
            low[(low < 0) & (values > 0)] = 0.0
    modulus, unit = variables["modulus"][1], QUANTITIES["modulus"].unit
    at_contact = np.where(fitted.model.at_contact > 0, fitted.model.at_contact, np.nan)  # beyond is no extrapolation
    variables["modulus_at_contact"] = ("curve", modulus * at_contact, {
        "units": unit, "long_name": "modulus at vanishing depth, were the model wrong by a smooth factor of the depth"})
    variables["modulus_half_depth"] = ("curve", np.array(fitted.half_depth), {
        "units": unit, "long_name": "modulus of a fit that ends at half of the depth"})
    variables["model_chance"] = ("curve", np.array(fitted.model.chance), {
        "units": "1",
        "long_name": "probability that the model holds for the session, even odds before; NaN: not tested"})
    variables["modulus_unseen"] = ("curve", np.array(fitted.model.unseen), {
        "units": "1", "long_name": "change of the modulus by a stiff support beneath that the session hardly shows"})
    return variables


def _taken_off(fitted: Fitted, name: str) -> np.ndarray:
    """What the tilt that was removed before the last fit adds to a parameter of the raw curve."""
    segment, scaled = fitted.segment, fitted.scaled
    if name == "baseline_tilt":
        return segment.tilt
    nearest = np.argmin(np.where(segment.counted, np.abs(scaled.x - fitted.fit.nonlinear[:, :1]), np.inf), axis=1)
    force = segment.removed[np.arange(len(nearest)), nearest]
    return {"contact_point": force / segment.spring_constant, "baseline_offset": force}.get(name, np.zeros(len(force)))


def _observed(fitted: Fitted, rest: _Residuals) -> dict[str, Any]:
    """What is read off the corrected curve rather than fitted."""
    counted, scaled, level = fitted.segment.counted, fitted.scaled, fitted.level
    any_counted = counted.any(axis=1)
    pull = fitted.adhesion
    of_model = np.linalg.norm(fitted.pull_calibration, axis=1)
    variables = with_uncertainty("pull_off_force", pull.force, pull.std,
                                 np.where(pull.followed, of_model, pull.force * level.force_std), pull.freedom,
                                 (pull.low, pull.high))
    depth = _depth(fitted)
    plain = {
        "force_max": (np.max(np.where(counted, rest.corrected, -np.inf), axis=1), "N",
                      "largest force above the baseline"),
        "indentation_max": (depth, "m", "largest indentation in the fit"),
        "noise_std": (level.std, "N", "standard deviation of the force noise"),
        "noise_correlation": (level.correlation, "1", "samples that count as one independent one"),
        "residual_rms": (rest.rms, "N", "root mean square of force minus fit"),
        "reduced_chi_square": (rest.chi_square, "1", "mean square residual in contact over that of the noise"),
        "misfit_chance": (rest.chance, "1", "probability that noise alone leaves so large a residual"),
        "window_start": (scaled.top, "m", "farthest tip position in the fit"),
        "window_stop": (scaled.top - scaled.span, "m", "deepest tip position in the fit"),
        "sample_size": (counted.sum(axis=1), "1", "samples in the fit"),
        "glitches": (fitted.segment.glitches, "1", "samples far off both of their neighbors, not in the fit"),
    }
    for name, (values, units, meaning) in plain.items():
        data = values if units == "1" and values.dtype.kind == "i" else np.where(any_counted, values, np.nan)
        variables[name] = ("curve", np.array(data), {"units": units, "long_name": meaning})
    return variables


def _flags(model: AbstractContactModel, fitted: Fitted, rest: _Residuals) -> np.ndarray:
    """The outcome of each curve, int8: the gravest of those that apply."""
    found, counted, point = fitted.found, fitted.segment.counted, fitted.fit.nonlinear[:, 0]
    number, inside = counted.sum(axis=1), (touching(found.model_force) & counted).sum(axis=1)
    amplitude, spread = found.values[:, 0], fitted.bars.std[:, 0]  # of the modulus, the first of every model
    fitted_values = found.values[:, : len(model.fitted)]
    significant = np.abs(amplitude) > _SIGNIFICANT * spread
    vague = [~(values > _SIGNIFICANT * fitted.bars.std[:, i])
             for i, (name, values) in enumerate(zip(model.fitted, fitted_values.T)) if name in _POSITIVE]
    impossible = [values <= 0 for name, values in zip(model.fitted, fitted_values.T) if name not in _LIMITED]
    uneven = _uneven(fitted, rest)
    halves = ~(np.abs(fitted.half_depth - amplitude) <= _HALVES * np.abs(amplitude))  # or no fit that settles
    missed = (rest.chance < BY_CHANCE) | uneven | (halves & (rest.chance < _DOUBTFUL))
    changes = ~(np.abs(fitted.half_depth - amplitude) <= _CHANGES * np.abs(amplitude))
    matters = uneven | changes | (rest.worst > _MATTERS * rest.largest)
    conditions = {
        Outcome.small_misfit: missed,
        Outcome.misfit: missed & matters | fitted.adhesion.contradicted,
        Outcome.short_baseline: fitted.level.baseline < 0.1 * number,
        Outcome.bound_hit: np.any(impossible + vague, axis=0)
        | (_depth(fitted) > float(model.largest_indentation())),
        Outcome.saturated: plateau(fitted.segment.force + fitted.segment.removed, counted)[1]
        | (fitted.adhesion.spoils & (fitted.adhesion.state == Retraction.cut_off_by_the_detector)),
        Outcome.not_converged: ~fitted.fit.converged | ~np.isfinite(found.values).all(axis=1),
        Outcome.contact_out_of_range: (point < 0.01) | (point > 0.999) | (fitted.level.baseline < _BASELINE)
        | (fitted.adhesion.spoils & (fitted.adhesion.state == Retraction.ends_before_the_tip_is_off)),
        Outcome.wrong_way: _wrong_way(fitted, rest),
        Outcome.no_contact: _flat(rest) & ~(significant & _rises(fitted)),
        Outcome.too_few_samples: (number < _FEWEST) | (fitted.windowed & (inside < _INSIDE)),
        Outcome.uncalibrated: number == 0,
        Outcome.excluded: fitted.excluded,
    }
    return gravest(conditions)


def _uneven(fitted: Fitted, rest: _Residuals) -> np.ndarray:
    """Whether the force shortly before contact is off the line of the farthest half by far more than that varies."""
    counted = fitted.segment.counted
    before = counted & (np.arange(counted.shape[1]) < first_touch(fitted.found.model_force, counted)[:, None])
    rank, number = np.cumsum(before, axis=1), before.sum(axis=1)[:, None]
    far, near = before & (2 * rank <= number), before & (10 * rank > 9 * number)
    off = _off_line(rest.residual, far)
    return (np.abs(_mean(off, near)) > np.maximum(_UNEVEN * np.sqrt(_mean(off**2, far)), _NO_LINE * rest.largest)) & (
        number[:, 0] >= _LONG)


def _wrong_way(fitted: Fitted, rest: _Residuals) -> np.ndarray:
    """Whether the height rises from the first sample to the deepest, or the force falls where it presses."""
    counted, height = fitted.segment.counted, fitted.segment.height
    first, last = counted.argmax(axis=1), counted.shape[1] - 1 - counted[:, ::-1].argmax(axis=1)
    rows, size = np.arange(len(first)), np.ptp(np.where(counted, height, height[:, -1:]), axis=1)
    rises = height[rows, last] - height[rows, first] > _WAY * size
    force = np.where(counted, rest.corrected, 0.0)
    least, most = force.min(axis=1), force.max(axis=1)
    falls = (force[rows, last] < _WAY * least) & (-least > _SWING * rest.far) & (most < -_BESIDE_IT * least)
    return rises & (size > 0) | falls & (fitted.found.values[:, 0] < 0)


def _depth(fitted: Fitted) -> np.ndarray:
    """The largest indentation of each curve, (curve,) m."""
    return fitted.scaled.span * (1 - fitted.fit.nonlinear[:, 0])


def _rises(fitted: Fitted) -> np.ndarray:
    """Whether the fitted force of contact exceeds the noise."""
    return np.max(np.abs(fitted.found.model_force), axis=1) > _SIGNIFICANT * fitted.level.std


def _flat(rest: _Residuals) -> np.ndarray:
    """Whether the curve, whatever the model, is no more than its own noise (about 7 spreads peak to peak)."""
    swing = np.max(np.nan_to_num(rest.corrected), axis=1) - np.min(np.nan_to_num(rest.corrected), axis=1)
    return ~(swing > _SWING * rest.far)


def _display(fitted: Fitted, rest: _Residuals, flag: np.ndarray) -> dict[str, Any]:
    """Each curve thinned to `_POINTS` samples: half even, half in and shortly before contact."""
    segment, scaled = fitted.segment, fitted.scaled  # scaled places are of counted samples: those of a jump are not
    position = segment.height + segment.force / segment.spring_constant[:, None]
    x = (scaled.top[:, None] - position) / scaled.span[:, None]
    index = np.stack([_thinned(use, row, point) for use, row, point in
                      zip(segment.present, x, fitted.fit.nonlinear[:, 0])])
    model = np.where((flag < Outcome.no_contact)[:, None] & segment.counted, fitted.found.model_force, np.nan)
    curves = {"display_tip_position": (position, "m", "tip position"),
              "display_force": (rest.corrected, "N", "force, baseline taken off"),
              "display_fit": (model, "N", "fitted force")}
    valid = index >= 0
    return {name: (("curve", "point"), np.where(valid, np.take_along_axis(values, np.maximum(index, 0), 1), np.nan)
                   .astype(np.float32), {"units": unit, "long_name": f"{meaning} (thinned for display)"})
            for name, (values, unit, meaning) in curves.items()}


def _thinned(counted: np.ndarray, x: np.ndarray, point: float) -> np.ndarray:
    """The samples to show, ascending, padded with -1."""
    index = np.flatnonzero(counted)
    shown = np.full(_POINTS, -1)
    if len(index):
        near = index[x[index] > point - 0.25 * (1 - point)]
        near = near if len(near) else index
        chosen = [part[np.linspace(0, len(part) - 1, _POINTS // 2).astype(int)] for part in (index, near)]
        unique = np.unique(np.concatenate(chosen))
        shown[: len(unique)] = unique
    return shown

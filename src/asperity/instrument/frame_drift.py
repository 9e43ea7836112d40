r"""Drift within a frame, from scans of one place in different directions.

A sample at the nominal place x, taken at the time t, reads $s(x - d(t))$. Two scans meet every place at
different times, so that the drift shows as a distortion between them: up and down frames, or frames with the
slow axis turned. d(t) has any values at a few knots, zero at the first; between them it is a natural cubic spline and
what the scans show beyond it (`asperity.instrument.between_knots`). It minimizes the deviations of the frames, brought
to the coordinates of the surface, from their mean:

$$g_k(y) = a_k\big(y + d(t_k) + \ell_k\big), \qquad
  \sum_k \sum_y w\, J\, B_c(t_k)\, (g_k - \bar g) = 0, \qquad J = \nabla G_\sigma * \bar g,$$

with J in place of the plain gradient for the same reason as in `asperity.instrument.registration`. A drift that
passes every place alike in all scans distorts them alike and cannot be seen; for one up and one down frame that
is any drift even about the time of return. Such knots are refused (`PairFlag.undetermined`), never guessed. The first
lines at the edge (6, and what drifts out) do not count: where drift starts fast, begin the knots ten lines later.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.interpolate import CubicSpline

from asperity.instrument.between_knots import SplineDrift, finer_knots, natural_spline, through_between
from asperity.instrument.missing import fill_harmonic
from asperity.instrument.phase_correlation import PairFlag
from asperity.instrument.registration import best_width, biweight, register, smooth_slopes, without_nuisance
from asperity.instrument.subpixel import at_places, displaced, scan, spline_coefficients
from asperity.messages import ArgumentError, DataError

__all__ = ["FrameDrift", "drift_within", "line_times", "on_surface", "resampled"]

_MARGIN = 6  # pixels at the edges that do not count, beside what drifts out
_START = 3.0  # width of the gradient kernel before the spectra are known, pixels
_STEPS = 25  # of Newton's method, at most
_NEAR = 0.1  # pixels, a step of Newton's method near the end: from there on the samples that count are fixed
_PIXEL = 1e-9  # pixels, a step of Newton's method too small to matter
_PASSES = 4  # for places that move while they are scanned: drift below 1e-2 pixels per pixel, error below 1e-8
_SINGULAR = 1e-4  # of the most visible drift: what is less visible is not there
_LINES = 4  # the shortest time between two knots, in lines
_SETTLED = 0.05  # standard deviations, a step of Newton's method on finer knots too small to matter
_LARGEST_STD = 0.5  # pixels; beyond this the scans do not tell the drift
_HOPELESS = 5.0  # pixels, the same before Newton's method has ended


class FrameDrift(NamedTuple):
    """Drift over the time of some scans; values NaN unless ``flag`` is `PairFlag.registered`."""

    knots: np.ndarray  # (knots,) times
    values: np.ndarray  # (knots, 2) displacement of the surface there, pixels; zero at the first
    covariance: np.ndarray  # (knots, 2, knots, 2) pixels squared
    lag: float  # pixels from trace to retrace that are the scanner's; zero without directions
    lag_std: float
    noise: float  # standard deviation of the noise of the resampled scans, unit of the frames
    flag: PairFlag
    between: SplineDrift  # through more knots: what the scans show between those given

    def displacement(self, times: np.ndarray) -> np.ndarray:
        """d(t) (..., 2) in pixels."""
        return self.between.displacement(times)

    def deviation(self, times: np.ndarray) -> np.ndarray:
        """Standard deviation (..., 2) of d(t) in pixels, with what a spline through the knots alone would miss."""
        return self.between.deviation(times)


class _Problem(NamedTuple):
    coefficients: np.ndarray  # (scans, rows, columns) of the splines of leveled scans, of variance 1
    counted: np.ndarray  # (scans, rows, columns) bool
    times: np.ndarray  # (scans, rows, columns)
    directions: np.ndarray  # (scans,) +1 trace, -1 retrace; zeros where there is no lag to find
    knots: np.ndarray
    slow: tuple[int, ...]  # the slow axes; none where lines have no offsets


class _Match(NamedTuple):
    """All scans in the coordinates of the surface."""

    mean: np.ndarray  # (rows, columns)
    deviations: np.ndarray  # (scans, rows, columns) from it, without plane and line offsets
    counted: np.ndarray  # (rows, columns) bool: all scans have been there
    weights: np.ndarray  # (scans, rows, columns)
    basis: np.ndarray  # (scans, knots - 1 + lag, rows, columns) displacement by each unknown, less the scans' mean
    scale: float  # standard deviation of the deviations
    efficiency: float  # by which the weights' own change lessens the sensitivity


class _Settled(NamedTuple):
    state: np.ndarray  # (unknowns,) values at the knots but the first along rows, along columns; lag
    match: _Match


def line_times(shape: tuple[int, int], line_time: float, *, start: float = 0.0, slow_axis: int = 0,
               backward: bool = False) -> np.ndarray:
    """When the middle of every line is scanned, (rows, columns), with all samples of a line at one time.

    Args:
        shape: of the frame.
        line_time: from one line to the next.
        start: of the frame.
        slow_axis: 0 where lines are rows.
        backward: from the last line to the first, as a down frame.
    """
    order = np.arange(shape[slow_axis]) + 0.5
    times = start + line_time * (order[::-1] if backward else order)
    return np.broadcast_to(np.expand_dims(times, 1 - slow_axis), shape)


def drift_within(frames: np.ndarray, times: np.ndarray, knots: np.ndarray, *, directions: np.ndarray | None = None,
                 line_offsets: bool = True) -> FrameDrift:
    """The drift d(t) that makes some scans of one place agree, with its covariance.

    Args:
        frames: (scans, rows, columns) heights, each in the order of places (not of times), NaN where missing.
        times: (scans, rows, columns), or what broadcasts to it, when each sample was taken (see `line_times`).
        knots: (knots,) increasing times between which d is nearly a cubic; closer where the drift changes faster.
        directions: (scans,) +1 for trace, -1 for retrace: a constant offset along the fast axis (columns)
            between them is then taken as the scanner's lag, not as drift.
        line_offsets: whether every line of every scan may have an offset of its own.

    Raises:
        ValueError: shapes or knots that do not fit.
    """
    problem, size = _problem(frames, times, knots, directions, line_offsets)
    settled = _started(problem)
    if not isinstance(settled, PairFlag):
        settled = _settle(problem, settled.state, _width(settled.match), 1e-3)
    return _failed(problem.knots, settled) if isinstance(settled, PairFlag) else _refined(problem, settled, size)


def on_surface(drift: FrameDrift, times: np.ndarray, directions: np.ndarray | None = None) -> np.ndarray:
    """Where on the surface each sample was taken, (scans, 2, rows, columns) in pixels, y = x - d(t) - lag.

    Nothing is interpolated: use heights at these places wherever a method takes scattered places.

    Args:
        drift: what was found.
        times: (scans, rows, columns).
        directions: as in `drift_within`.
    """
    places = np.indices(times.shape[1:]) - np.moveaxis(drift.displacement(times), -1, 1)
    if directions is not None:
        places[:, 1] -= 0.5 * drift.lag * np.reshape(directions, (-1, 1, 1))
    return places


def resampled(frames: np.ndarray, times: np.ndarray, drift: FrameDrift,
              directions: np.ndarray | None = None) -> np.ndarray:
    """The frames (scans, rows, columns) interpolated once, at whole pixels of the surface; NaN beyond their edges.

    Args:
        frames, times, directions: as in `drift_within`, without missing heights.
        drift: what was found.
    """
    frames = np.asarray(frames, np.float64)
    times = np.broadcast_to(np.asarray(times, np.float64), frames.shape)
    signs = np.zeros(len(frames)) if directions is None else np.asarray(directions)
    return np.stack([scan(frame, _places(time, *drift.between[:2], 0.5 * drift.lag * sign)[0])
                     for frame, time, sign in zip(frames, times, signs, strict=True)])


def _places(times: np.ndarray, knots: np.ndarray, values: np.ndarray, lag: float) -> tuple[np.ndarray, np.ndarray]:
    """Nominal places (2, rows, columns) that met the whole pixels of the surface, x = y + d(t(x)) + lag, and when."""
    curve, nominal = CubicSpline(knots, values, bc_type="natural"), np.indices(times.shape).astype(np.float64)
    edge = np.reshape(times.shape, (2, 1, 1)) - 1
    slopes = np.reshape([np.diff(times, axis=axis).mean() for axis in (0, 1)], (2, 1, 1))
    places, when = nominal, times
    for _ in range(_PASSES):
        nearest = np.clip(np.rint(places), 0, edge).astype(int)
        when = times[tuple(nearest)] + (slopes * (places - nearest)).sum(axis=0)
        places = nominal + np.moveaxis(curve(when), -1, 0)
        places[1] += lag
    return places, when


def _problem(frames: np.ndarray, times: np.ndarray, knots: np.ndarray, directions: np.ndarray | None,
             line_offsets: bool) -> tuple[_Problem, float]:
    """What was given, checked, leveled and brought to a spread of 1; and the spread."""
    frames, knots = np.asarray(frames, np.float64), np.asarray(knots, np.float64)
    if frames.ndim != 3 or len(frames) < 2 or min(frames.shape[1:]) < 32:
        raise DataError(f"frames must be (scans, rows, columns), two scans or more of 32 x 32 samples or more; got "
                        f"{frames.shape}")
    if knots.ndim != 1 or len(knots) < 2 or np.any(np.diff(knots) <= 0):
        raise ArgumentError(f"knots must be two or more increasing times; got {knots}")
    times = np.broadcast_to(np.asarray(times, np.float64), frames.shape)
    signs = np.zeros(len(frames)) if directions is None else np.asarray(directions, np.float64)
    if signs.shape != (len(frames),) or not np.isfinite(times).all():
        raise ValueError(f"times must be finite, and directions one number for each of the {len(frames)} scans")
    slow = [int(np.abs(np.diff(t, axis=1).mean()) > np.abs(np.diff(t, axis=0).mean())) for t in times]
    counted = np.isfinite(frames)
    axes = tuple(sorted(set(slow))) if line_offsets else ()
    leveled = np.stack([_leveled(frame, (axis,) if line_offsets else ())
                        for frame, axis in zip(frames, slow, strict=True)])
    size = float(leveled.std()) or 1.0
    coefficients = np.stack([spline_coefficients(frame / size) for frame in leveled])
    whole = np.stack([ndimage.minimum_filter(c, 5) for c in counted])
    return _Problem(coefficients, whole, times, signs, knots, axes), size


def _leveled(frame: np.ndarray, slow: tuple[int, ...]) -> np.ndarray:
    """The frame without plane and line offsets, filled where missing."""
    present = np.isfinite(frame)
    values = _without_lines(np.where(present, frame, 0.0), present.astype(np.float64), slow)
    return fill_harmonic(np.where(present, values, np.nan))


def _without_lines(values: np.ndarray, weight: np.ndarray, slow: tuple[int, ...]) -> np.ndarray:
    """Values less their plane and the offsets of lines; of both families of lines if scans were turned."""
    if not slow:
        return without_nuisance(values, weight, False)
    for axis in slow * (3 if len(slow) == 2 else 1):
        across = without_nuisance(values.T if axis else values, weight.T if axis else weight, True)
        values = across.T if axis else across
    return values


def _started(problem: _Problem) -> _Settled | PairFlag:
    """The drift roughly: from whole frames to a constant velocity to all knots."""
    ends = problem._replace(knots=problem.knots[[0, -1]])
    state = _rigid_start(ends)
    settled = state if isinstance(state, PairFlag) else _settle(ends, state, _START, 0.3)
    if isinstance(settled, PairFlag):
        return settled
    values, _ = _split(ends, settled.state)
    values = natural_spline(ends.knots, problem.knots[1:]) @ values
    state = np.concatenate([values.T.ravel(), settled.state[2:]])
    return _settle(problem, state, _START, 0.3)


def _rigid_start(problem: _Problem) -> np.ndarray | PairFlag:
    """The unknowns from the scans' shifts as a whole."""
    frames = [_leveled(at_places(c, np.indices(c.shape)), problem.slow) for c in problem.coefficients]
    shifts = [np.zeros(2)]
    for frame in frames[1:]:
        found = register(frames[0], frame, line_offsets=bool(problem.slow))
        if found.flag:
            return found.flag
        shifts.append(found.shift)
    middle, shift, ahead = problem.times.mean(axis=(1, 2)), np.array(shifts), problem.directions >= 0
    order = np.flatnonzero(ahead)[np.argsort(middle[ahead])]
    values = np.stack([np.interp(problem.knots, middle[order], shift[order, axis]) for axis in (0, 1)])
    state = (values - values[:, :1])[:, 1:].ravel()
    if not problem.directions.any():
        return state
    lag = shift[problem.directions > 0, 1].mean() - shift[problem.directions < 0, 1].mean()
    return np.append(state, lag)


def _split(problem: _Problem, state: np.ndarray) -> tuple[np.ndarray, float]:
    """Values at all knots (knots, 2), and the lag."""
    count = len(problem.knots) - 1
    values = np.zeros((count + 1, 2))
    values[1:] = state[: 2 * count].reshape(2, count).T
    return values, float(state[-1]) if problem.directions.any() else 0.0


def _matched(problem: _Problem, state: np.ndarray, chosen: np.ndarray | None) -> _Match:
    """The scans brought together, on the ``chosen`` samples or on all that they share."""
    values, lag = _split(problem, state)
    edge = np.reshape(problem.times.shape[1:], (2, 1, 1)) - 1 - _MARGIN
    heights, basis, counted = [], [], np.ones(problem.times.shape[1:], bool)
    for coefficients, present, times, sign in zip(problem.coefficients, problem.counted, problem.times,
                                                  problem.directions, strict=True):
        places, when = _places(times, problem.knots, values, 0.5 * lag * sign)
        heights.append(at_places(coefficients, places))
        counted &= np.all((places >= _MARGIN) & (places <= edge), axis=0)
        counted &= present[tuple(np.clip(np.rint(places), 0, edge + _MARGIN).astype(int))]
        fields = list(np.moveaxis(natural_spline(problem.knots, when), -1, 0)[1:])
        basis.append(fields + [np.full(when.shape, 0.5 * sign)] * bool(problem.directions.any()))
    counted = counted if chosen is None else chosen
    mean, basis = np.mean(heights, axis=0), np.array(basis)
    unweighted = counted.astype(np.float64)
    deviations = np.stack([_without_lines(height - mean, unweighted, problem.slow) for height in heights])
    scale = float(np.median(np.abs(deviations[:, counted]))) / 0.6745 if counted.any() else 0.0
    weights, change = (counted * factor for factor in biweight(deviations, scale))
    deviations = np.stack([_without_lines(d, w, problem.slow) for d, w in zip(deviations, weights, strict=True)])
    efficiency = float(np.clip(change.sum() / max(weights.sum(), 1.0), 0.5, 1.0))
    return _Match(mean, deviations, counted, weights, basis - basis.mean(axis=0), scale, efficiency)


def _axes(problem: _Problem) -> list[tuple[int, int]]:
    """The axis and the field of the basis that belong to each unknown."""
    count = len(problem.knots) - 1
    pairs = [(axis, k) for axis in (0, 1) for k in range(count)]
    return [*pairs, (1, count)] if problem.directions.any() else pairs


def _multiplied(problem: _Problem, match: _Match, slopes: np.ndarray) -> np.ndarray:
    """Slopes (2, rows, columns) times what each unknown moves, without nuisance: (scans, unknowns, ...)."""
    counted = match.counted.astype(np.float64)
    return np.stack([[counted * _without_lines(slopes[axis] * fields[k], counted, problem.slow)
                      for axis, k in _axes(problem)] for fields in match.basis])


def _sensitivity(problem: _Problem, match: _Match, fields: np.ndarray, width: float) -> np.ndarray:
    """Derivative of the score with respect to the unknowns, free of what noise adds to it."""
    scans, axes = len(fields), _axes(problem)
    slopes = _slopes(match.mean)
    by_noise = np.sum([np.einsum("aij,bij->abij", smooth_slopes(field, width), _slopes(field))
                       for field in match.deviations], axis=0) / (scans * (scans - 1))
    sensitivity = np.zeros((len(axes), len(axes)))
    for own, basis, weight in zip(fields, match.basis, match.weights, strict=True):
        for q, (b, k) in enumerate(axes):
            moved = weight * basis[k]
            sensitivity[:, q] += np.tensordot(own, moved * slopes[b], 2)
            sensitivity[:, q] -= [np.vdot(basis[j], moved * by_noise[a, b]) for a, j in axes]
    return match.efficiency * sensitivity


def _slopes(field: np.ndarray) -> np.ndarray:
    coefficients = spline_coefficients(field)
    return np.stack([displaced(coefficients, np.zeros(2), axis) for axis in (0, 1)])


def _settle(problem: _Problem, state: np.ndarray, width: float, tolerance: float) -> _Settled | PairFlag:
    """Newton's method to ``tolerance`` standard deviations."""
    chosen = None  # fixed in the end, since samples that come and go would keep it from settling
    for _ in range(_STEPS):
        match = _matched(problem, state, chosen)
        if match.counted.mean() < 0.25:
            return PairFlag.little_overlap
        fields = _multiplied(problem, match, smooth_slopes(match.mean, width))
        sensitivity = _sensitivity(problem, match, fields, width)
        visible = np.linalg.eigvalsh(0.5 * (sensitivity + sensitivity.T))
        if visible[0] <= _SINGULAR * visible[-1]:
            return PairFlag.undetermined
        inverse = np.linalg.inv(sensitivity)
        influence = match.weights * match.deviations
        step = -inverse @ np.einsum("kpij,kij->p", fields, influence)
        parts = np.einsum("kpij,kij->pij", fields, influence).reshape(len(step), -1)
        deviation = np.sqrt(np.diag(inverse @ (parts @ parts.T) @ inverse.T))
        state = state + np.clip(step, -1.0, 1.0)
        if np.all(np.abs(step) <= np.maximum(tolerance * deviation, _PIXEL)):
            return _Settled(state, match)
        chosen = match.counted if np.all(np.abs(step) <= _NEAR) else None
    return PairFlag.not_converged


def _width(match: _Match) -> float:
    """Of the gradient kernel, from the spectra of what the scans share and of what they do not."""
    noise = match.counted * match.deviations
    return best_width(len(noise) * match.mean, np.sqrt(len(noise) / (len(noise) - 1)) * noise)


def _refined(problem: _Problem, settled: _Settled, size: float) -> FrameDrift:
    """The drift with what it does between the knots, by Newton's method on finer ones."""
    least = _LINES * np.ptp(problem.times, axis=(1, 2)).max() / max(problem.times.shape[1:])
    finer = problem._replace(knots=finer_knots(problem.knots, least))
    values = natural_spline(problem.knots, finer.knots[1:]) @ _split(problem, settled.state)[0]
    state, chosen = np.concatenate([values.T.ravel(), settled.state[2 * len(problem.knots) - 2 :]]), None
    for _ in range(_STEPS):
        match = _matched(finer, state, chosen)
        if match.counted.mean() < 0.25:
            return _failed(problem.knots, PairFlag.little_overlap)
        fields = _multiplied(finer, match, smooth_slopes(match.mean, width := _width(match)))
        sensitivity = _sensitivity(finer, match, fields, width)
        target = sensitivity @ state - np.einsum("kpij,kij->p", fields, match.weights * match.deviations)
        found, covariance = through_between(problem.knots, finer.knots, target, sensitivity, _spread(match, fields))
        if covariance.diagonal().max() > _HOPELESS**2:
            return _failed(problem.knots, PairFlag.undetermined)
        state = state + (step := np.clip(found - state, -1.0, 1.0))
        if np.all(np.abs(step) <= np.maximum(_SETTLED * np.sqrt(np.diag(covariance)), _PIXEL)):
            return _result(problem.knots, finer, state, covariance, size * match.scale)
        chosen = match.counted if np.all(np.abs(step) <= _NEAR) else None
    return _failed(problem.knots, PairFlag.not_converged)


def _spread(match: _Match, fields: np.ndarray) -> np.ndarray:
    """The covariance of the score, from the spectrum of the deviations."""
    influence = np.abs(np.fft.fft2(match.weights * match.deviations)) ** 2
    power = influence.sum(axis=0) / ((len(fields) - 1) * match.mean.size * match.counted.sum())
    spread = np.zeros((fields.shape[1],) * 2)
    for spectra in (np.fft.fft2(of_scan) for of_scan in fields):
        spread += np.einsum("pij,qij->pq", power * spectra, spectra.conj()).real
    return spread


def _result(knots: np.ndarray, finer: _Problem, state: np.ndarray, square: np.ndarray, scale: float) -> FrameDrift:
    if square.diagonal().max() > _LARGEST_STD**2:
        return _failed(knots, PairFlag.undetermined)
    (values, lag), count = _split(finer, state), len(finer.knots) - 1
    full = np.zeros((count + 1, 2, count + 1, 2))
    full[1:, :, 1:] = square[: 2 * count, : 2 * count].reshape(2, count, 2, count).transpose(1, 0, 3, 2)
    lag_std = float(np.sqrt(square[-1, -1])) if finer.directions.any() else 0.0
    noise, given = scale / np.sqrt(1 - 1 / len(finer.times)), np.isin(finer.knots, knots)
    return FrameDrift(knots, values[given], full[given][:, :, given], lag, lag_std, float(noise), PairFlag.registered,
                      SplineDrift(finer.knots, values, full))


def _failed(knots: np.ndarray, flag: PairFlag) -> FrameDrift:
    none = SplineDrift(knots, *(np.full((len(knots), 2) * times, np.nan) for times in (1, 2)))
    return FrameDrift(*none, np.nan, np.nan, np.nan, flag, none)

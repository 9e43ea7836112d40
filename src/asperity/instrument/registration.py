r"""The shift between two frames of the same surface, with its covariance.

A frame is (rows, columns) heights; a row is a scan line, the axis 1 the fast axis. The shift d of ``second``
against ``first`` is that of the surface, in pixels along rows and columns: ``second(x) = first(x - d)``.

Both frames are displaced by half the shift, in opposite directions, so that exchanging them changes the sign
of every quantity and of nothing else:

$$r(x) = a(x - d/2) - b(x + d/2), \qquad
  \sum_x w(x)\, J(x)\, r(x) = 0, \qquad J = \nabla G_\sigma * [a(x - d/2) + b(x + d/2)].$$

Least squares would take the plain gradient for J. Interpolation damps the noise by an amount that depends on
the fraction of a pixel, and least squares then prefers fractions where it damps most. With this J it cannot:
the noise of the sum and that of the difference are not correlated, and an antisymmetric kernel has no
correlation with the noise it acts on, of whatever color. Surface without noise makes r = 0 at the true shift
for every J, so that the estimate is consistent. The width sigma is the one with the least variance, found
from the spectra of sum and difference; for a spectrum that falls as a power it is within 3 % of the bound for
a Gaussian surface in noise (Knapp & Carter, IEEE Trans. ASSP 24, 320 (1976)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from asperity.instrument.missing import fill_harmonic
from asperity.instrument.phase_correlation import PairFlag, coarse_shift
from asperity.instrument.subpixel import damping, displaced, spline_coefficients
from asperity.messages import DataError

__all__ = ["Registration", "best_width", "biweight", "register", "smooth_slopes", "without_nuisance"]

_MARGIN = 6  # pixels at the edges of the overlap, where the spline knows no neighbors
_INNER = (slice(_MARGIN, -_MARGIN),) * 2
_LEAST = 24  # rows and columns of an overlap that can be registered
_START = 2.0  # pixels, width of the gradient kernel before the spectra are known
_NARROW = 0.7  # pixels, the least width of the gradient kernel that is tried
_WIDE = 8.0  # pixels, the largest width of the gradient kernel that is tried
_REACH = 3.0  # of that kernel, in widths
_ROUNDING = 1e-13  # of the largest height: less than this is no surface
_FLOOR = 3e-4  # pixels: the error of the spline for waves down to 3 pixels, in every direction
_STEPS = 30  # of Newton's method, at most
_PIXEL = 1e-9  # pixels, a step of Newton's method too small to matter
_SAME = 0.1  # pixels of shift within which the gradients stay the same
_FAR = 0.9  # pixels from the whole shift beyond which another whole shift is taken
_ASTRAY = 4.0  # pixels from the start beyond which Newton's method is lost
_TUKEY = 4.685  # of the biweight: 95 % efficient on Gaussian noise
_SIGNIFICANT = 6.0  # standard deviations of chance that the agreement of the gradients must exceed
_LARGEST_STD = 0.5  # pixels; beyond this the frames do not tell the shift


class Registration(NamedTuple):
    """The shift of the second frame against the first; NaN unless ``flag`` is `PairFlag.registered`."""

    shift: np.ndarray  # (2,) pixels along rows (slow axis) and columns (fast axis)
    covariance: np.ndarray  # (2, 2) pixels squared
    unshared: np.ndarray  # (2, 2) the part that other pairs with one of these frames do not share
    noise: float  # standard deviation of the noise of one sample of one frame, unit of the frames
    overlap: float  # part of the frame that both cover
    used: float  # part of the samples there that took part: neither missing nor outliers
    flag: PairFlag


class _Frame(NamedTuple):
    """A leveled frame, ready to be displaced."""

    coefficients: np.ndarray  # of the quintic spline
    counted: np.ndarray  # bool


class _Overlap(NamedTuple):
    """The frames brought over each other, cut to the samples that both have."""

    coefficients: tuple[np.ndarray, np.ndarray]
    offset: np.ndarray  # (2,) by which the second is displaced; the first by its negative
    counted: np.ndarray  # (rows, columns) bool, without the margin
    corners: np.ndarray  # (2, 2) the first row and column in either frame


class _Estimate(NamedTuple):
    """The estimating equation at one shift."""

    total: np.ndarray  # a + b
    residual: np.ndarray  # a - b without its nuisance
    weight: np.ndarray
    scale: float  # standard deviation of the residual
    efficiency: float  # by which the weights' own change lessens the sensitivity
    instrument: np.ndarray  # (2, rows, columns) J
    score: np.ndarray  # (2,) sum of J w r


class _Settled(NamedTuple):
    shift: np.ndarray
    overlap: _Overlap
    estimate: _Estimate
    inverse: np.ndarray  # (2, 2) of the sensitivity of the score to the shift


def register(first: np.ndarray, second: np.ndarray, *, first_counted: np.ndarray | None = None,
             second_counted: np.ndarray | None = None, line_offsets: bool = True,
             start: tuple[float, float] | None = None) -> Registration:
    r"""The shift d in ``second(x) = first(x - d) + plane + line offsets + noise``, and its covariance.

    Outliers (scan spikes, features that moved) lose their weight by Tukey's biweight; those found in a first
    pass are filled in from their neighbors and left out. The covariance holds for noise of any spectrum that
    is the same all over the frame: it sums the product of the spectra of J and of the weighted residual.

    Args:
        first, second: (rows, columns) heights in any unit, NaN where missing.
        first_counted, second_counted: (rows, columns) bool, False for samples to leave out.
        line_offsets: whether every line of either frame may have an offset of its own (raw AFM frames do).
            They and a plane are projected out exactly.
        start: pixels, where to begin instead of at the peak of `coarse_shift`; not more than 2 pixels off.

    Raises:
        ValueError: frames that are not two-dimensional, differ in shape, or have below 24 rows or columns.
    """
    leveled = [_leveled(frame, counted, line_offsets)
               for frame, counted in ((first, first_counted), (second, second_counted))]
    _check_shapes(*(values.shape for values, _ in leveled))
    coarse = coarse_shift(*(values for values, _ in leveled))
    if coarse.flag and (start is None or coarse.flag == PairFlag.featureless):
        return _failed(coarse.flag)
    size = float(np.mean([values.std() for values, _ in leveled]))
    frames = [_frame(values / size, counted) for values, counted in leveled]
    settled = _settle(frames, coarse.shift if start is None else np.asarray(start, np.float64),
                      _START, line_offsets, 0.3)
    if isinstance(settled, PairFlag):
        return _failed(settled)
    frames = [_without_outliers(values / size, frame.counted, settled, side)
              for side, ((values, _), frame) in enumerate(zip(leveled, frames, strict=True))]
    width = _best_width(frames, settled.shift, line_offsets)
    settled = _settle(frames, settled.shift, width, line_offsets, 1e-3)
    if isinstance(settled, PairFlag):
        return _failed(settled)
    return _result(settled, width, line_offsets, size, leveled[0][0].shape)


def without_nuisance(values: np.ndarray, weight: np.ndarray, line_offsets: bool) -> np.ndarray:
    """Values (rows, columns) less their weighted least-squares plane, with an offset for every line if asked."""
    rows, columns = (np.arange(n) - (n - 1) / 2 for n in values.shape)
    if not line_offsets:
        basis = np.stack([np.ones(values.size), *(c.ravel() for c in np.meshgrid(rows, columns, indexing="ij"))])
        gram, right = (basis * weight.ravel()) @ basis.T, basis @ (weight * values).ravel()
        return values - (np.linalg.lstsq(gram, right)[0] @ basis).reshape(values.shape)
    sums = weight.sum(axis=1)
    inverse = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
    values = values - (np.einsum("ij,ij->i", weight, values) * inverse)[:, None]
    across = columns - ((weight @ columns) * inverse)[:, None]
    weighted = weight * across
    spread = np.vdot(weighted, across)
    return values - np.vdot(weighted, values) / spread * across if spread > 0 else values


def _leveled(frame: np.ndarray, counted: np.ndarray | None, line_offsets: bool) -> tuple[np.ndarray, np.ndarray]:
    """Heights without plane and line offsets, harmonic where missing, and which samples count."""
    frame = np.asarray(frame, np.float64)
    if frame.ndim != 2 or min(frame.shape) < _LEAST:
        raise DataError(f"a frame must be (rows, columns) with at least {_LEAST} of each; got {frame.shape}")
    present = np.isfinite(frame)
    if counted is not None:
        _check_shapes(frame.shape, np.shape(counted))
        present &= np.asarray(counted, bool)
    if present.mean() < 0.1:
        return np.zeros(frame.shape), present
    values = without_nuisance(np.where(present, frame, 0.0), present.astype(np.float64), line_offsets)
    flat = np.std(values[present]) <= _ROUNDING * np.abs(frame[present]).max()
    return np.zeros(frame.shape) if flat else fill_harmonic(np.where(present, values, np.nan)), present


def _check_shapes(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    if one != other:
        raise DataError(f"both frames (and their masks) must have one shape; got {one} and {other}: resample "
                        "or crop one of them first")


def _frame(values: np.ndarray, counted: np.ndarray) -> _Frame:
    """The spline of a frame; the neighbors of missing samples do not count either."""
    whole = counted.all()
    return _Frame(spline_coefficients(values), counted if whole else ndimage.minimum_filter(counted, 5))


def _failed(flag: PairFlag) -> Registration:
    none = np.full((2, 2), np.nan)
    return Registration(none[0], none, none, np.nan, np.nan, np.nan, flag)


def _settle(frames: list[_Frame], shift: np.ndarray, width: float, line_offsets: bool,
            tolerance: float) -> _Settled | PairFlag:
    """Newton's method to ``tolerance`` standard deviations."""
    begin, whole, known, inverse = shift, np.rint(shift), shift + np.inf, np.zeros((2, 2))
    for _ in range(_STEPS):
        whole = np.where(np.abs(shift - whole) > _FAR, np.rint(shift), whole)
        overlap = _overlapping(frames, whole, shift)
        if overlap is None:
            return PairFlag.little_overlap
        estimate = _estimate(overlap, width, line_offsets)
        if np.abs(shift - known).max() > _SAME:
            sensitivity, known = _sensitivity(overlap, estimate, width, line_offsets), shift
            if np.linalg.eigvalsh(sensitivity + sensitivity.T)[0] <= 0:
                return PairFlag.undetermined
            inverse = np.linalg.inv(sensitivity)
        step = inverse @ estimate.score
        if np.abs(step).max() <= max(tolerance * _deviation(estimate, inverse), _PIXEL):
            return _Settled(shift + step, overlap, estimate, inverse)
        shift = shift + np.clip(step, -1.0, 1.0)
        if np.abs(shift - begin).max() > _ASTRAY:
            break
    return PairFlag.not_converged


def _overlapping(frames: list[_Frame], whole: np.ndarray, shift: np.ndarray) -> _Overlap | None:
    """Both frames moved by whole pixels and cut to what they share; None where that is less than half."""
    shape = np.array(frames[0].counted.shape)
    corners = np.stack([np.maximum(-whole, 0), np.maximum(whole, 0)]).astype(int)
    size = shape - np.abs(whole).astype(int)
    if np.any(2 * size < shape) or np.any(size < _LEAST):
        return None
    cuts = [tuple(slice(c, c + n) for c, n in zip(corner, size, strict=True)) for corner in corners]
    counted = np.logical_and(*(frame.counted[cut][_INNER] for frame, cut in zip(frames, cuts, strict=True)))
    first, second = (frame.coefficients[cut] for frame, cut in zip(frames, cuts, strict=True))
    return _Overlap((first, second), (shift - whole) / 2, counted, corners + _MARGIN) if counted.any() else None


def _moved(overlap: _Overlap, along: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """a(x - d/2) and b(x + d/2), or their derivatives along an axis."""
    first, second = overlap.coefficients
    return (displaced(first, -overlap.offset, along)[_INNER], displaced(second, overlap.offset, along)[_INNER])


def _estimate(overlap: _Overlap, width: float, line_offsets: bool) -> _Estimate:
    """The score at the shift of the overlap."""
    a, b = _moved(overlap)
    counted = overlap.counted.astype(np.float64)
    residual = without_nuisance(a - b, counted, line_offsets)
    scale = float(np.median(np.abs(residual[overlap.counted]))) / 0.6745
    weight, change = (counted * factor for factor in biweight(residual, scale))
    residual = without_nuisance(residual, weight, line_offsets)
    instrument = smooth_slopes(a + b, width)
    efficiency = float(np.clip(change.sum() / weight.sum(), 0.5, 1.0))
    score = np.tensordot(instrument, weight * residual, 2)
    return _Estimate(a + b, residual, weight, scale, efficiency, instrument, score)


def _sensitivity(overlap: _Overlap, estimate: _Estimate, width: float, line_offsets: bool) -> np.ndarray:
    """Minus the derivative of the score with respect to the shift, (2, 2), free of what noise adds to it."""
    first, second = (np.stack(parts) for parts in zip(*(_moved(overlap, axis) for axis in (0, 1)), strict=True))
    weighted = estimate.weight * _projected(estimate.instrument, estimate.weight, line_offsets)
    chance = estimate.weight * _projected(smooth_slopes(estimate.residual, width), estimate.weight, line_offsets)
    both = np.tensordot(weighted, first + second, ((1, 2), (1, 2)))
    noise = np.tensordot(chance, first - second, ((1, 2), (1, 2)))
    return 0.5 * estimate.efficiency * (both - noise)


def _deviation(estimate: _Estimate, inverse: np.ndarray) -> float:
    """The standard deviation of the shift, roughly: as if the noise were white."""
    parts = (estimate.instrument * (estimate.weight * estimate.residual)).reshape(2, -1)
    return float(np.sqrt(np.trace(inverse @ (parts @ parts.T) @ inverse.T)))


def _projected(fields: np.ndarray, weight: np.ndarray, line_offsets: bool) -> np.ndarray:
    return np.stack([without_nuisance(field, weight, line_offsets) for field in fields])


def biweight(residual: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Tukey's weight w and the derivative of w r; ones where the residual is zero throughout."""
    square = (residual / (_TUKEY * scale)) ** 2 if scale > 0 else np.zeros_like(residual)
    inside = np.maximum(1.0 - square, 0.0)
    return inside**2, inside * (1.0 - 5.0 * square)


def smooth_slopes(field: np.ndarray, width: float) -> np.ndarray:
    """The gradient (2, rows, columns) of a field smoothed by a Gaussian."""
    along = ((ndimage.gaussian_filter1d(field, width, axis, 1, truncate=_REACH), 1 - axis) for axis in (0, 1))
    return np.stack([ndimage.gaussian_filter1d(slope, width, axis, truncate=_REACH) for slope, axis in along])


def _without_outliers(values: np.ndarray, counted: np.ndarray, settled: _Settled, side: int) -> _Frame:
    """The frame with the samples that got no weight filled in from their neighbors."""
    overlap, estimate = settled.overlap, settled.estimate
    rows, columns = np.nonzero((estimate.weight == 0) & overlap.counted)
    if not len(rows):
        return _Frame(spline_coefficients(values), counted)
    outlying = np.zeros(values.shape, bool)
    outlying[rows + overlap.corners[side, 0], columns + overlap.corners[side, 1]] = True
    return _Frame(spline_coefficients(fill_harmonic(np.where(outlying, np.nan, values))), counted & ~outlying)


def _best_width(frames: list[_Frame], shift: np.ndarray, line_offsets: bool) -> float:
    overlap = _overlapping(frames, np.rint(shift), shift)
    if overlap is None:
        return _START
    a, b = _moved(overlap)
    residual = overlap.counted * without_nuisance(a - b, overlap.counted.astype(np.float64), line_offsets)
    return best_width(a + b, (residual,))


def best_width(total: np.ndarray, noise: Sequence[np.ndarray]) -> float:
    """The width of J in pixels that gives the least variance, from the spectra of the frames' sum and of its noise.

    Args:
        total: (rows, columns) the sum of the frames, surface and noise.
        noise: fields whose spectra add up to that of the noise in the sum, such as the difference of two frames.
    """
    rows, columns = total.shape
    taper = np.outer(np.hanning(rows), np.hanning(columns))
    power, by_noise = (sum(np.abs(np.fft.rfft2(taper * f)) ** 2 for f in fields) for fields in ((total,), noise))
    square = (2 * np.pi) ** 2 * np.add.outer(np.fft.fftfreq(rows) ** 2, np.fft.rfftfreq(columns) ** 2)
    bins = np.sqrt(square / square.max() * 4e4).astype(int).ravel()
    signal, spread = (np.bincount(bins, (square * part).ravel()) for part in (power - by_noise, power * by_noise))
    middle = (np.arange(len(signal)) + 0.5) ** 2 * square.max() / 4e4
    widths = np.geomspace(_NARROW, max(1.0, min(_WIDE, min(rows, columns) / 12)), 17)
    kernels = np.exp(-0.5 * middle * widths[:, None] ** 2)
    found = kernels @ signal
    variance = np.where(found > 0, kernels**2 @ spread / np.where(found > 0, found, 1.0) ** 2, np.inf)
    return float(widths[variance.argmin()])


def _result(settled: _Settled, width: float, line_offsets: bool, size: float,
            shape: tuple[int, ...]) -> Registration:
    shift, overlap, estimate, inverse = settled
    counted, weight = overlap.counted, estimate.weight
    samples = int(counted.sum())
    instrument, chance = (np.fft.fft2(counted * _projected(fields, weight, line_offsets)) for fields in
                          (estimate.instrument, smooth_slopes(estimate.residual, width)))
    influence = np.abs(np.fft.fft2(weight * estimate.residual)) ** 2 / (counted.size * samples)
    spread, by_chance = (np.einsum("aij,bij->ab", influence * part, part.conj()).real for part in (instrument, chance))
    covariance, unshared = (inverse @ part @ inverse.T + _FLOOR**2 * np.eye(2) for part in (spread, by_chance / 2))
    flag = _judged(instrument, chance, samples, covariance)
    if flag:
        return _failed(flag)
    covered = float(np.prod([1 - abs(s) / n for s, n in zip(shift, shape, strict=True)]))
    noise = size * estimate.scale / float(np.sqrt(2 * damping(overlap.offset)))
    return Registration(shift, covariance, unshared, noise, covered, float((weight > 0).mean()), flag)


def _judged(instrument: np.ndarray, chance: np.ndarray, samples: int, covariance: np.ndarray) -> PairFlag:
    """Whether the gradients of both frames agree beyond chance, along both axes."""
    size = instrument[0].size
    agreement = sum(sign * np.einsum("aij,bij->ab", part, part.conj()).real
                    for sign, part in ((1, instrument), (-1, chance))) / (4 * size)
    power = np.einsum("aij,aij->a", np.abs(instrument) ** 2, np.abs(chance) ** 2)
    by_chance = np.sqrt(power / (4 * size * samples))
    if np.trace(agreement) <= _SIGNIFICANT * np.hypot(*by_chance):
        return PairFlag.no_peak
    least = np.linalg.eigvalsh(agreement - _SIGNIFICANT * np.diag(by_chance))[0]
    wide = np.linalg.eigvalsh(covariance)[-1] > _LARGEST_STD**2
    return PairFlag.undetermined if least <= 0 or wide else PairFlag.registered

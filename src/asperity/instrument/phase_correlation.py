"""The whole-pixel shift between two frames by correlation, or the reason why there is none."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, cast

import numpy as np
from scipy import ndimage
from scipy.fft import next_fast_len

__all__ = ["CoarseShift", "PairFlag", "coarse_shift"]

_WIDTHS = (1.5, 3.0, 6.0)  # of the Gaussians, pixels
_HIGH = 6.0  # standard deviations of the correlation at other shifts; unrelated frames reach 5
_RIVAL = 0.7  # of the highest peak: another one above this makes it not unique
_ALIKE = 0.3  # correlation coefficient above which rivals are repetitions, not chance
_TALL = 5.0  # robust standard deviations at which spikes are cut off


class PairFlag(IntEnum):
    """How the registration of two frames ended; `meaning` says what happened and what to do."""

    registered = 0
    featureless = 1
    no_peak = 2
    not_unique = 3
    little_overlap = 4
    not_converged = 5
    undetermined = 6

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return _MEANING[self]


_MEANING = {
    PairFlag.registered: "The shift is found, and its covariance describes its error.",
    PairFlag.featureless: "A frame is flat or nearly all masked: there is nothing to compare.",
    PairFlag.no_peak: "The frames do not correlate above chance: other places, a shift of more than half a "
                      "frame, or noise that hides the surface.",
    PairFlag.not_unique: "Several shifts fit alike, as on a lattice: give the start of the right one.",
    PairFlag.little_overlap: "The shift is more than half a frame; compare frames that are closer in time.",
    PairFlag.not_converged: "The refinement moved away or did not settle: the frames differ by more than a "
                            "shift (a tip change, distortion, moving features). Mask what moves.",
    PairFlag.undetermined: "The frames overlap in nothing that tells the shift to half a pixel, such as "
                           "grooves along the shift. Record a rougher place or less noise.",
}


class CoarseShift(NamedTuple):
    """The highest peak of the correlation of two frames."""

    shift: np.ndarray  # (2,) whole pixels
    height: float  # in standard deviations of the correlation at other shifts
    peaks: int  # separate regions that reach 0.7 of the highest
    flag: PairFlag


def coarse_shift(first: np.ndarray, second: np.ndarray) -> CoarseShift:
    r"""The whole-pixel shift at the highest peak of the correlation of two leveled frames, if there is one.

    Hann windows, frames padded with zeros so that no shift of more than half a frame wraps around to less,
    and the band-pass of a Laplacian of a Gaussian,
    $C(d) = \mathcal{F}^{-1}[A^* B\, \omega^4 e^{-\omega^2 \sigma^2}]$, of three widths; the one whose peak
    stands out most counts. The spectra are not brought to equal size: where there is no signal, that would
    leave noise alone.

    Args:
        first, second: (rows, columns) finite heights without plane and line offsets.
    """
    if not (first.std() > 0 and second.std() > 0):
        return CoarseShift(np.full(2, np.nan), 0.0, 0, PairFlag.featureless)
    shape = tuple(cast(int, next_fast_len(n + (n + 1) // 2, real=True)) for n in first.shape)
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in first.shape))
    one, other = (np.fft.rfft2((window * _clipped(frame)).astype(np.float32), shape) for frame in (first, second))
    square = np.add.outer(np.fft.fftfreq(shape[0]) ** 2, np.fft.rfftfreq(shape[1]) ** 2) * (2 * np.pi) ** 2
    found = [_highest(one, other, _band(square, width), shape, first.shape) for width in _WIDTHS]
    return max(found, key=lambda peak: peak.height)


def _clipped(frame: np.ndarray) -> np.ndarray:
    """The frame in units of its standard deviation, without the tops of spikes."""
    usual = float(np.median(np.abs(frame))) / 0.6745
    return (np.clip(frame, -_TALL * usual, _TALL * usual) if usual > 0 else frame) / frame.std()


def _band(square: np.ndarray, width: float) -> np.ndarray:
    """The Laplacian of a Gaussian, squared, over wave vectors whose square is given."""
    return (square**2 * np.exp(-square * width**2)).astype(np.float32)


def _highest(one: np.ndarray, other: np.ndarray, band: np.ndarray, padded: tuple[int, ...],
             shape: tuple[int, ...]) -> CoarseShift:
    """The highest peak of the correlation in a band, and how it stands out."""
    correlation = np.fft.fftshift(np.fft.irfft2(one.conj() * other * band, padded))
    center = np.array(correlation.shape) // 2
    peak = np.array(np.unravel_index(correlation.argmax(), correlation.shape))
    near = tuple(slice(c - n // 4, c + n // 4) for c, n in zip(center, shape, strict=True))
    height = float(correlation.max() / correlation[near].std())
    regions = np.zeros(padded, np.int32)
    ndimage.label(correlation > _RIVAL * correlation.max(), output=regions)
    peaks = int(regions.max())
    power = np.prod([2 * np.vdot(part, band * part).real / correlation.size for part in (one, other)])
    shift = (peak - center).astype(np.float64)
    flag = _judged(shift, height, peaks > 1, bool(correlation.max() > _ALIKE * np.sqrt(power)), shape)
    return CoarseShift(shift, height, peaks, flag)


def _judged(shift: np.ndarray, height: float, several: bool, alike: bool, shape: tuple[int, ...]) -> PairFlag:
    if several and (alike or height >= _HIGH):
        return PairFlag.not_unique
    if height < _HIGH:
        return PairFlag.no_peak
    return PairFlag.little_overlap if np.any(2 * np.abs(shift) > shape) else PairFlag.registered

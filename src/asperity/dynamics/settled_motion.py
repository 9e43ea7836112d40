r"""The harmonics of a settled oscillation, with what its record leaves beside them.

A settled deflection repeats itself with the period of its drive: all that a record of it tells is the mean period, and
its white noise is that of one sample over the root of the number of periods. With the phase $\varphi$ of the drive,

$$y(\varphi) = c_0 + \sum_{n=1}^{m} (a_n \cos n\varphi + b_n \sin n\varphi)$$

is found by least squares over whole periods, from an upper turning point on. The mean period need not close: it is
open by the change over the whole record, over the number of periods, which the ends of the record show. The noise of
each harmonic is the median of the spectrum of what is left, about it. Harmonics above m are not left out:
`MotionHarmonics.fold` says how samples of this rate show a motion that has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from asperity.messages import DataError

__all__ = ["FOLDED", "MotionHarmonics", "harmonics_of", "phase_rate", "waves"]

_MOST = 40  # harmonics that are found
#: harmonics of a motion whose samples are foretold
FOLDED = 128
_SHARE = 0.95  # of half the samples of a period: the largest harmonic
_LOWEST = 2  # harmonic, from which on the noise is that of the detector: below, the lever's thermal motion is larger
_ABOUT = 1.5  # harmonics to either side, in which the noise is sought
_RESONANCE = 0.4  # harmonics about the first one, which are left out of it
_FEWEST = 16  # bins of the spectrum, in which a noise is sought
_PERIODS = 8  # of the drive, at least
_SAMPLES = 8  # of a period, at least: the third harmonic
_WHOLE = 1e-6  # of a period, that may lack of a whole one
_ENDS = 2  # periods at each end of a record, at least,
_PARTS = 8  # or this part of it, that show its change,
_PLAIN = 3  # by so many harmonics
_BLOCK = 8192  # samples at once
_LEAST = 1e-7  # of the stroke: the least error of a harmonic, that of a foretold motion
_ROUNDS = 8  # by which a frequency is refined


class MotionHarmonics(NamedTuple):
    """What one record tells; the order is constant, cosines, sines."""

    values: Float[np.ndarray, " harmonic"]  # m
    std: Float[np.ndarray, " harmonic"]  # m, of the noise
    fold: Float[np.ndarray, "harmonic wave"]  # of a motion with `FOLDED` harmonics -> what is found of its samples
    begin: float  # phase of the first sample in use, at the upper turning point
    gap: Float[np.ndarray, 2]  # m: change of position and of velocity (per radian) in the mean period
    gap_std: float  # m, by the noise
    periods: float
    ends: float  # periods at each end of the record, that show its change
    noise: float  # of one sample, m

    @property
    def largest(self) -> int:
        """The number of the last harmonic."""
        return len(self.values) // 2


def waves(phase: Float[np.ndarray, " sample"], count: int) -> Float[np.ndarray, "sample wave"]:
    """A constant, and cosines and sines of so many multiples of the phase."""
    angle = np.outer(phase, np.arange(1, count + 1))
    return np.concatenate([np.ones((len(phase), 1)), np.cos(angle), np.sin(angle)], axis=1)


def harmonics_of(deflection: Float[np.ndarray, " sample"], rate: float) -> MotionHarmonics:
    """The harmonics of even samples.

    Args:
        deflection: m.
        rate: rad, by which the phase of the drive grows from sample to sample; it is 0 at the first.

    Raises:
        DataError: fewer than 8 samples of a period, or than 8 periods.
    """
    count, per_period = len(deflection), 2 * np.pi / rate
    periods = count / per_period
    if per_period < _SAMPLES or count + 1 < _PERIODS * per_period:
        raise DataError(f"{per_period:.3g} samples for a period of the drive, and {periods:.3g} periods: the harmonics "
                        f"of a settled motion need {_SAMPLES} and {_PERIODS} at least; sample faster, or record longer")
    largest = int(min(_MOST, _SHARE * per_period / 2))
    first = _sums(deflection, 0.0, rate, 1)[2]
    begin = float(np.arctan2(first[2], first[1])) % (2 * np.pi)
    start = int(np.ceil(begin / rate))
    whole = int((count - start) / per_period + _WHOLE)
    used = deflection[start : start + round(whole * per_period)]
    begin = rate * start
    normal, folded, right = _sums(used, begin, rate, largest)
    inverse = np.linalg.inv(normal)
    found = inverse @ right
    rest = used - np.concatenate([columns @ found for columns in _blocks(len(used), begin, rate, largest)])
    size, stroke = np.sqrt(np.diag(inverse)), float(np.ptp(deflection))
    noise, levels = _noise(rest, per_period, largest)
    gap, gap_std, ends = _gap(used, begin, rate, whole, noise)
    std = np.maximum(size * np.concatenate([levels, levels[1:]]), _LEAST * stroke)
    return MotionHarmonics(found, std, inverse @ folded, begin, gap, max(gap_std, _LEAST * stroke / whole), whole, ends,
                           noise)


def _blocks(count: int, begin: float, rate: float, largest: int) -> Iterator[np.ndarray]:
    """The columns of the least squares, some samples at once."""
    for start in range(0, count, _BLOCK):
        yield waves(begin + rate * np.arange(start, min(start + _BLOCK, count)), largest)


def _sums(deflection: np.ndarray, begin: float, rate: float, largest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal matrix, its products with all waves of a motion, and its right side."""
    normal = folded = right = np.zeros(())
    for i, columns in enumerate(_blocks(len(deflection), begin, rate, largest)):
        part = slice(i * _BLOCK, i * _BLOCK + len(columns))
        normal = normal + columns.T @ columns
        folded = folded + columns.T @ waves(begin + rate * np.arange(part.start, part.stop), FOLDED)
        right = right + columns.T @ deflection[part]
    return normal, folded, right


def _gap(used: np.ndarray, begin: float, rate: float, whole: int, noise: float) -> tuple[np.ndarray, float, float]:
    """Change of position and velocity in the mean period, its noise, and the periods at each end that show it."""
    ends = max(_ENDS, whole // _PARTS)
    count = round(ends * 2 * np.pi / rate)
    late = len(used) - count
    early, after = (np.linalg.lstsq(waves(begin + rate * np.arange(at, at + count), _PLAIN), used[at : at + count],
                                    rcond=None)[0] for at in (0, late))
    constant, cosine, sine = (after - early)[[0, 1, _PLAIN + 1]] / (rate * late) * 2 * np.pi
    turn = np.cos(begin), np.sin(begin)
    gap = np.array([constant + turn[0] * cosine + turn[1] * sine, turn[0] * sine - turn[1] * cosine])
    return gap, noise * float(np.sqrt(6 / count)) / (whole - ends), ends


def _noise(rest: np.ndarray, per_period: float, largest: int) -> tuple[float, np.ndarray]:
    """Noise of one sample, and what it would be if it were white with the density about each harmonic."""
    window = np.hanning(len(rest))
    power = np.abs(np.fft.rfft(rest * window)) ** 2 / (window @ window)
    place = np.arange(len(power)) * per_period / len(rest)
    free = np.abs(place - 1) > _RESONANCE
    levels = []
    for n in range(largest + 1):
        near = free & (np.abs(place - max(n, _LOWEST)) < _ABOUT)
        use = power[near] if near.sum() >= _FEWEST else power[free]
        levels.append(np.median(use) / np.log(2))
    return float(np.sqrt(np.median(power[free]) / np.log(2))), np.sqrt(levels)


def phase_rate(values: Float[np.ndarray, " sample"], rate: float) -> float:
    """The rate (rad from sample to sample) at which the first harmonic of the values does not turn, near ``rate``."""
    index = np.arange(len(values)) - (len(values) - 1) / 2
    for _ in range(_ROUNDS):
        cosine, sine = np.cos(rate * index), np.sin(rate * index)
        columns = np.stack([np.ones(len(index)), cosine, sine, index * cosine, index * sine], axis=1)
        _, real, imaginary, along, across = np.linalg.lstsq(columns, values, rcond=None)[0]
        turn = (imaginary * along - real * across) / (real**2 + imaginary**2)
        rate += turn
        if abs(turn) * len(values) < 1e-9:
            break
    return float(rate)

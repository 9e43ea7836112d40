r"""Complex amplitudes of signals that oscillate at a known frequency, with what the noise leaves uncertain.

$$x(t) = \mathrm{Re}\big[a\,e^{i\omega t}\big] + \mathrm{Re}\big[a_2\,e^{2i\omega t}\big]
  + \sum_k c_k P_k(t) + \text{noise}$$

is fitted by least squares, a drift polynomial together with the oscillation, so that a sample that still
creeps leaves no bias as long as the polynomial follows it. The noise of a cantilever is not white: its power
at the drive frequency is read from the residual at the neighboring frequencies $f \pm j/T$, and the cross
power of two signals gives their covariance.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from asperity.messages import ArgumentError, DataError

__all__ = ["FEWEST_PERIODS", "Oscillation", "oscillation"]

FEWEST_PERIODS = 3.0  #: of the oscillation below which drift and oscillation cannot be told apart
_NEIGHBORS = 8  # frequencies on either side from which the noise is read
_LOWEST = 2.5  # periods in the recording: slower neighbors are mostly drift, which the polynomial has taken
_WINDOWS = 8  # of the coherence


class Oscillation(NamedTuple):
    """m signals at one frequency."""

    frequency: float  # Hz
    amplitude: np.ndarray  # (m,) complex a, in the signals' units
    covariance: np.ndarray  # (m, m) complex E[n n^H] of the amplitudes' errors; each part has half the variance
    degrees_of_freedom: int  # of that estimate: 0 where there is none (the covariance is then NaN)
    coherence: np.ndarray  # (m, m) from 0 to 1, over windows of whole periods; NaN with fewer than 2 windows
    second_harmonic: np.ndarray  # (m,) |a_2 / a|
    mean: np.ndarray  # (m,) mean of each signal
    periods: float  # periods recorded


def oscillation(time: Any, signals: Any, frequency: float, *, drift: int = 3) -> Oscillation:
    """The complex amplitudes of signals that are recorded at the same times.

    Args:
        time: (n,) s, ascending.
        signals: (m, n); samples that are not finite in all of them are left out.
        frequency: Hz, of the drive.
        drift: degree of the polynomial that is taken off.

    Raises:
        ValueError: shapes that do not fit, fewer than 3 periods, or fewer than 4 samples per period.
    """
    time, values = _finite(np.asarray(time, float), np.atleast_2d(np.asarray(signals, float)))
    periods = _periods(time, frequency)
    design = _design(time, frequency, drift)
    found = np.linalg.lstsq(design, values.T, rcond=None)[0]
    amplitude, second = found[0] - 1j * found[1], found[2] - 1j * found[3]
    residual = values - (design @ found).T
    covariance, freedom = _noise(time, residual, frequency, periods)
    covariance = covariance * _shared(design)
    beside = (design[:, 2:] @ found[2:]).T
    distortion = np.abs(second) / np.where(amplitude == 0, np.inf, np.abs(amplitude))
    return Oscillation(float(frequency), amplitude, covariance, freedom,
                       _coherence(time, values - beside, frequency, periods), distortion, values.mean(axis=1), periods)


def _finite(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if time.ndim != 1 or values.shape[1:] != time.shape:
        raise ValueError(f"signals of shape {values.shape} at times of shape {time.shape}: give (m, n) and (n,)")
    good = np.isfinite(time) & np.isfinite(values).all(axis=0)
    if good.sum() > 1 and np.diff(time[good]).min() <= 0:
        raise DataError("the times do not ascend: sort the samples, or give one segment at a time")
    return time[good], values[:, good]


def _periods(time: np.ndarray, frequency: float) -> float:
    """How many periods were recorded, the last sample with its full step."""
    if not (frequency > 0 and math.isfinite(frequency)):
        raise ArgumentError(f"frequency = {frequency:g} Hz: the frequency of the drive must be positive")
    periods = frequency * np.ptp(time) * len(time) / max(len(time) - 1, 1) if len(time) else 0.0
    if periods < FEWEST_PERIODS * (1 - 1e-6) or len(time) < 4 * periods:
        raise DataError(f"{len(time)} samples over {periods:.3g} periods of {frequency:g} Hz: at least "
                        f"{FEWEST_PERIODS:g} periods of 4 samples or more are needed; check the frequency's unit")
    return periods


def _waves(time: np.ndarray, frequency: float) -> tuple[np.ndarray, np.ndarray]:
    phase = 2 * np.pi * frequency * time
    return np.cos(phase), np.sin(phase)


def _design(time: np.ndarray, frequency: float, drift: int) -> np.ndarray:
    """Columns: the wave, its second harmonic, Legendre polynomials."""
    middle, half = (time[0] + time[-1]) / 2, (time[-1] - time[0]) / 2
    slow = np.polynomial.legendre.legvander((time - middle) / half, drift)
    return np.column_stack([*_waves(time, frequency), *_waves(time, 2 * frequency), slow])


def _shared(design: np.ndarray) -> float:
    """By how much the drift and the harmonic add to the variance of the amplitude's less certain part."""
    return float(np.diag(np.linalg.inv(design.T @ design))[:2].max() * len(design) / 2)


def _noise(time: np.ndarray, residual: np.ndarray, frequency: float, periods: float) -> tuple[np.ndarray, int]:
    """Covariance of the amplitudes from the residual beside the drive, and its degrees of freedom per part."""
    steps = np.arange(1, _NEIGHBORS + 1)
    beside = np.concatenate([periods - steps, periods + steps])
    beside = beside[(beside > _LOWEST) & (np.abs(beside - 2 * periods) > 0.5)] / periods * frequency
    if not len(beside):
        return np.full((len(residual),) * 2, np.nan + 0j), 0
    waves = np.exp(-2j * np.pi * beside[:, None] * time)
    neighbors = 2 / len(time) * residual @ waves.T
    return neighbors @ neighbors.conj().T / len(beside), 2 * len(beside)


def _coherence(time: np.ndarray, values: np.ndarray, frequency: float, periods: float) -> np.ndarray:
    """|<a_j conj(a_k)>|^2 / (<|a_j|^2> <|a_k|^2>) over windows."""
    whole = int(periods + 1e-6)
    count = min(_WINDOWS, whole)
    period = np.floor((time - time[0]) * frequency + 1e-9).astype(int)
    part = np.where(period < whole, period * count // whole, -1)
    windows = []
    for k in range(count):
        here = part == k
        design = np.column_stack([*_waves(time[here], frequency), np.ones(here.sum())])
        found = np.linalg.lstsq(design, values[:, here].T, rcond=None)[0]
        windows.append(found[0] - 1j * found[1])
    a = np.array(windows).T
    power = (np.abs(a) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(a @ a.conj().T) ** 2 / np.outer(power, power)

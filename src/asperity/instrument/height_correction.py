"""From the drive of many curves to corrected heights, with the part that an unknown past may have changed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.instrument.scanner import Scanner
from asperity.instrument.scanner_memory import Memory, filled
from asperity.messages import ArgumentError, DataError

__all__ = ["Corrected", "DriveRecord", "Past", "Trace", "correct", "joined", "required_drive"]


class Past(IntEnum):
    """What is known of the scanner's memory along one curve."""

    KNOWN = 0  # at every sample
    WIPED = 1  # from a sample of this curve on, see `Corrected.certain_from`
    UNKNOWN = 2  # at no sample of this curve


class Trace(NamedTuple):
    """One curve, its segments in order of time; arrays (sample,)."""

    time: np.ndarray  # s, by a clock that may start anew with each curve
    drive: np.ndarray  # V, or m where the instrument scales its drive so
    height: np.ndarray | None = None  # m, the displacement by a reference, as a sensor; NaN where unknown


class DriveRecord(NamedTuple):
    """Curves one after the other on one clock."""

    time: np.ndarray
    drive: np.ndarray
    bounds: np.ndarray  # (curve + 1,) the first sample of each curve, and the end


class Corrected(NamedTuple):
    """The displacement along one curve, and what an unknown past may have added to it."""

    height: np.ndarray  # (sample,) m; its zero is arbitrary, the same for all curves of a record
    half_width: np.ndarray  # (sample,) m, how far the unknown past may have moved it, up to a constant
    certain_from: int  # the first sample from which half_width stays within the tolerance; the count if none
    past: Past


def joined(traces: Sequence[Trace], pause: float | None = None) -> DriveRecord:
    """The curves one after the other, each held at its last drive for ``pause`` (s) until the next begins.

    What the drive did between curves is not in a file: it is taken to go straight to the next first value.

    Args:
        traces: in order of time.
        pause: between the last sample of a curve and the first of the next; None if the traces share one
            clock.

    Raises:
        ValueError: no traces, arrays that do not fit, values that are not finite, a clock that does not rise.
    """
    if not traces:
        raise DataError("no curves: give the drive of at least one")
    times, end = [], 0.0
    for number, trace in enumerate(traces):
        _check(trace, number)
        start = trace.time[0] if pause is None else end + (pause if number else 0.0)
        if number and not start > end:
            raise DataError(f"curve {number} starts at {start:g} s, curve {number - 1} ends at {end:g} s: "
                            "where every curve has its own clock, give the `pause` between them")
        times.append(np.asarray(trace.time, float) - trace.time[0] + start)
        end = times[-1][-1]
    bounds = np.cumsum([0, *(len(time) for time in times)])
    drive = np.concatenate([trace.drive for trace in traces], dtype=float)
    return DriveRecord(np.concatenate(times), drive, bounds)


def _check(trace: Trace, number: int) -> None:
    """Raise unless the arrays are of one length, time and drive finite, and time rises."""
    time, drive = np.asarray(trace.time), np.asarray(trace.drive)
    height = drive if trace.height is None else np.asarray(trace.height)
    if time.ndim != 1 or len(time) < 2 or not time.shape == drive.shape == height.shape:
        raise ValueError(f"curve {number}: time {time.shape}, drive {drive.shape} and height {height.shape} "
                         "must be of one length, 2 or more")
    bad = np.flatnonzero(~np.isfinite(time + drive))
    if len(bad):
        raise DataError(f"curve {number}: time or drive is not finite at {len(bad)} samples, first at "
                        f"sample {bad[0]}; no memory passes a gap: interpolate the drive, or cut the curve")
    falls = np.flatnonzero(np.diff(time) <= 0)
    if len(falls):
        first, then = time[falls[0]:falls[0] + 2]
        raise DataError(f"curve {number}: the time goes from {first:g} s to {then:g} s at sample "
                        f"{falls[0] + 1}; give the samples in order of time, segments joined")


def correct(scanner: Scanner, traces: Sequence[Trace], *, tolerance: float, pause: float | None = None,
            memory: Memory | None = None, past_range: float | None = None) -> tuple[list[Corrected], Memory]:
    r"""The displacement of the scanner along each curve, its memory carried from curve to curve.

    Without ``memory`` the past is unknown. A play is somewhere in $u \pm r_i$; the two ends of that are run,
    every other past lies between them, and their mean is the answer. Creep starts at rest. What is not known
    fades: play i is certain once the drive has covered $2 r_i$, a creep mode goes as $e^{-t/\tau}$. The error
    is, up to a constant per curve on which no force curve depends, at most

    $$\sum_i w_i \max(0, r_i - R(t)/2) + \sum_j c_j H\,(e^{-t/\tau_j} - e^{-T/\tau_j})$$

    with R(t) the range covered so far, T the end of the curve, H ``past_range``. Only the first curves of a
    record are touched.

    Args:
        scanner: as identified, for instance `asperity.instrument.identification.Identified.scanner`.
        traces: in order of time; their heights are not looked at (where a sensor recorded one, use that).
        tolerance: m; a sample is certain when the unknown past changes it by less. The residual of the
            identification is apt.
        pause: s between curves, as in `joined`.
        memory: at the first sample, for instance that returned for the record before (`Scanner.rested`
            through the time between).
        past_range: how far from the first drive the scanner may have rested before (units of the drive); by
            default the range of the record, or twice the largest threshold if that is more.

    Returns:
        one `Corrected` per curve, and the memory at the last sample.

    Raises:
        ValueError: as `joined`; a memory that no history of this scanner leads to; a tolerance not above 0.
    """
    if not tolerance > 0:
        raise ArgumentError(f"tolerance = {tolerance:g} m: must be positive; the residual of `identify` is apt")
    record = joined(traces, pause)
    starts = _extremes(scanner, record.drive[0]) if memory is None else [memory]
    runs = [_run(scanner, record.time, record.drive, start) for start in starts]
    height = np.mean([found for found, _ in runs], axis=0)
    end = Memory(*(np.mean(states, axis=0) for states in zip(*(end for _, end in runs), strict=True)))
    widths = _half_widths(scanner, record, past_range) if memory is None else np.zeros(len(height))
    cuts = record.bounds[1:-1]
    curves = zip(np.split(height, cuts), np.split(widths, cuts), strict=True)
    return [_judged(height, width, tolerance) for height, width in curves], end


def _extremes(scanner: Scanner, drive: float) -> list[Memory]:
    """The memories after the drive came from far below and from far above; creep at rest."""
    rest = np.full(np.shape(scanner.creep.decay_times), drive)
    return [Memory(drive + side * np.asarray(scanner.hysteresis.thresholds), rest) for side in (-1, 1)]


def _judged(height: np.ndarray, half_width: np.ndarray, tolerance: float) -> Corrected:
    """One curve with the sample from which the unknown past is within the tolerance."""
    outside = np.flatnonzero(half_width > tolerance)
    certain = int(outside[-1]) + 1 if len(outside) else 0
    past = Past.KNOWN if not certain else Past.WIPED if certain < len(height) else Past.UNKNOWN
    return Corrected(height, half_width, certain, past)


def _half_widths(scanner: Scanner, record: DriveRecord, past_range: float | None) -> np.ndarray:
    """The bound of `correct`, (sample,) in m."""
    r, w = np.asarray(scanner.hysteresis.thresholds), np.asarray(scanner.hysteresis.weights)
    c, tau = np.asarray(scanner.creep.strengths), np.asarray(scanner.creep.decay_times)
    covered = np.maximum.accumulate(record.drive) - np.minimum.accumulate(record.drive)
    left = np.exp(-(record.time - record.time[0])[:, None] / tau) @ c
    ends = np.repeat(left[record.bounds[1:] - 1], np.diff(record.bounds))
    far = max(2 * r[-1], covered[-1]) if past_range is None else past_range
    return np.maximum(0.0, r - covered[:, None] / 2) @ np.abs(w) + far * (left - ends)


def required_drive(scanner: Scanner, time: np.ndarray, displacement: np.ndarray, *,
                   memory: Memory) -> tuple[np.ndarray, Memory]:
    """The drive that makes the scanner follow a wanted displacement (m), and the memory at the last sample.

    Args:
        scanner: with its exact inverse, see `Scanner.drive`.
        time: (sample,) s, rising.
        displacement: (sample,) m, with the zero of the scanner (`correct` of what came before gives it).
        memory: at the first sample.

    Raises:
        ValueError: as `joined`; a memory that no history of this scanner leads to.
    """
    _check(Trace(time, displacement), 0)
    return _run(scanner, np.asarray(time, float), np.asarray(displacement, float), memory, inverse=True)


def _run(scanner: Scanner, time: np.ndarray, signal: np.ndarray, memory: Memory, *,
         inverse: bool = False) -> tuple[np.ndarray, Memory]:
    """Forward or inverse in double precision."""
    with jax.enable_x64(True):
        time_filled, signal_filled = jnp.asarray(filled(time)), jnp.asarray(filled(signal))
        if not scanner.remembers(memory):
            raise ValueError(f"memory {memory}: not one of this scanner, whose plays are at most the "
                             "difference of their thresholds apart; pass on what it returned, or none")
        follow = scanner.drive if inverse else scanner.displacement
        found, end = follow(time_filled, signal_filled, Memory(*(jnp.asarray(a, float) for a in memory)))
        return np.asarray(found)[: len(signal)], Memory(*(np.asarray(a) for a in end))

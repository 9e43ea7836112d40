r"""A scanner's hysteresis and creep from curves on which drive and displacement were both recorded.

With thresholds and decay times given, the displacement is linear in the weights and strengths, which are not
negative: nonnegative least squares. How many plays and modes, whether there is a static bend, and how long
the unrecorded pause between curves was, is chosen by leaving out one curve after another. What the answer is
worth is told by curves that took no part in either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

import jax
import numpy as np
from scipy.optimize import nnls

from asperity.instrument.creep import Creep
from asperity.instrument.height_correction import DriveRecord, Trace, correct, joined
from asperity.instrument.hysteresis import PrandtlIshlinskii
from asperity.instrument.scanner import Asymmetry, Scanner
from asperity.instrument.scanner_memory import filled, forgotten, relaxed, run
from asperity.messages import DataError

__all__ = ["IdentificationError", "Identified", "Order", "identify", "stiff_reference"]

_PLAYS = (4, 8, 16)  # numbers of plays that are tried, unless others are asked for
_MODES = (0, 1, 2, 3, 5)  # numbers of creep modes that are tried, unless others are asked for
_ALIKE = 1.02  # times the least residual: orders that good count as equally good
_ROUNDING = 1e-12  # of the range: what noise-free curves leave
_FEWEST = 64  # samples with a height that a curve must have
_RIGID = 1e-3  # largest ratio of the lever's to the sample's stiffness at which the sample counts as rigid


class IdentificationError(DataError):
    """The curves do not tell the scanner's hysteresis; the message says why and what to do."""


class Order(NamedTuple):
    """How rich a scanner model is."""

    plays: int
    modes: int  # of creep
    bent: bool  # with a static cubic
    pause: float | None  # s between the curves; None where the curves share one clock


class Identified(NamedTuple):
    """A scanner, and what it is worth on curves that it has not seen."""

    scanner: Scanner
    order: Order
    residual: float  # m, rms over the held-out curves, each without its mean: the uncertainty of a height
    relative: float  # the same over the range of the heights
    linear: float  # the relative residual of a straight line of drive and height on the same curves
    per_curve: np.ndarray  # (curve,) relative residual of every curve given; the first is never used
    choice: tuple[tuple[Order, float], ...]  # all orders and their cross-validated residuals, best first


class _Curve(NamedTuple):
    """Least squares of a curve as a triangle: |columns @ x - height|^2 = |triangle @ x - right|^2 + rest."""

    triangle: np.ndarray  # (k, all columns)
    right: np.ndarray  # (k,)
    rest: float
    samples: int


class _Problem(NamedTuple):
    """All columns that any order uses, for the curves to learn from, in numbers of order one."""

    thresholds: dict[int, np.ndarray]  # of each number of plays, units of the drive
    decay_times: dict[int, np.ndarray]  # of each number of modes, s
    center: float  # of the drive
    half_width: float  # of the drive
    height: float  # m, the largest range of a height
    curves: tuple[_Curve, ...]


def identify(traces: Sequence[Trace], *, held_out: Sequence[int], pauses: Sequence[float] | None = None,
             plays: Sequence[int] = _PLAYS, modes: Sequence[int] = _MODES) -> Identified:
    """Identify a scanner from at least two curves, judge it on at least one other.

    The first curve serves as the others' past only: what the scanner did before it (the engagement) is not in
    the record. Thresholds divide half the range that the drive covers in all curves evenly; decay times go
    from five samples to the length of the record in even ratios. The order is the one of least residual when
    each curve that is not held out is predicted by the others (within 2 % of that, the one of fewest
    unknowns); with it all of these are fitted together.

    Args:
        traces: in order of time, with no curve left out between.
        held_out: places in ``traces`` of the curves that only judge.
        pauses: candidates for the time between curves (s) where each has its own clock; None for one clock.
        plays, modes: candidates for the numbers of plays and of creep modes.

    Raises:
        IdentificationError: no reference height, too few curves, no reversal of the drive, or reversals
            sampled too coarsely for the least number of plays.
        ValueError: as `asperity.instrument.height_correction.joined`.
    """
    learned = _learned(traces, held_out)
    plays = _resolved(traces, learned, plays)
    problems = {pause: _problem(traces, joined(traces, pause), learned, plays, modes)
                for pause in ([None] if pauses is None else pauses)}
    orders = [Order(*order) for order in product(plays, modes, (False, True), problems)]
    scores = [(order, _left_out(problems[order.pause], order)) for order in orders]
    choice = tuple(sorted(scores, key=lambda score: score[1]))
    for order in _simplest_first(choice):
        scanner = _scanner(problems[order.pause], order)
        if scanner is not None:
            return _judged(scanner, order, traces, held_out, choice)
    raise IdentificationError("no order gives a scanner whose displacement rises with its drive: check that "
                              "height and drive have one sign and one clock")


def _simplest_first(choice: Sequence[tuple[Order, float]]) -> list[Order]:
    """The orders as good as the best, those of fewest unknowns first; then the others, best first."""
    alike = max(_ALIKE * choice[0][1], _ROUNDING)
    good = [order for order, score in choice if score <= alike]
    good.sort(key=lambda order: order.plays + order.modes + 2 * order.bent)
    return good + [order for order, score in choice if score > alike]


def _learned(traces: Sequence[Trace], held_out: Sequence[int]) -> list[int]:
    """The curves to learn from, or why there is nothing to learn."""
    missing = [k for k, trace in enumerate(traces) if trace.height is None]
    if missing:
        raise IdentificationError(
            f"curve {missing[0]} has no reference height: from force and drive, the scanner's creep and "
            "hysteresis look the same as viscoelasticity of the sample. Give the height of a sensor, or "
            "curves on a stiff sample with `stiff_reference`")
    unknown = [k for k in held_out if not 0 < k < len(traces)]
    if unknown:
        raise IdentificationError(f"cannot hold out curve {unknown[0]} of 0 to {len(traces) - 1}: the first "
                                  "cannot judge, since its past is not in the record; hold out a later one")
    learned = [k for k in range(1, len(traces)) if k not in held_out]
    if len(learned) < 2 or not held_out:
        raise IdentificationError(
            f"{len(learned)} curves to learn from (the first is only their past), {len(set(held_out))} held "
            "out: need two and one. A model fitted to one curve can follow it and yet miss the next by far")
    empty = [k for k in range(1, len(traces)) if np.isfinite(traces[k].height).sum() < _FEWEST]  # type: ignore
    if empty:
        raise IdentificationError(f"curve {empty[0]} has a height at fewer than {_FEWEST} samples: leave the "
                                  "record out, or give the reference over more of the curve")
    return learned


def _resolved(traces: Sequence[Trace], learned: Sequence[int], plays: Sequence[int]) -> list[int]:
    """The numbers of plays that the sampling of the reversals can tell apart."""
    steps = [step for k in learned for step in _steps_at_reversals(np.asarray(traces[k].drive))]
    if not steps:
        raise IdentificationError("the drive never turns back within a curve: hysteresis does not show. Give "
                                  "curves of approach and retraction together, segments joined")
    largest, span = max(steps), _range_of(traces)
    allowed = [count for count in plays if largest <= span / (4 * count)]
    if not allowed:
        raise IdentificationError(
            f"the drive steps by {largest:.3g} at a reversal, {largest / span:.2g} of its range {span:.3g}: "
            f"too coarse to see where {min(plays)} plays begin to move (at most {0.25 / min(plays):.2g}). "
            "Sample more densely")
    return allowed


def _steps_at_reversals(drive: np.ndarray) -> np.ndarray:
    """The larger of the steps before and after each point where the drive turns."""
    steps = np.diff(drive)
    steps = steps[steps != 0]
    turns = np.flatnonzero(steps[1:] * steps[:-1] < 0)
    return np.maximum(np.abs(steps[turns]), np.abs(steps[turns + 1]))


def _range_of(traces: Sequence[Trace]) -> float:
    """The range that the drive covers in all curves: plays with thresholds below half of it move."""
    return float(max(np.max(trace.drive) for trace in traces) - min(np.min(trace.drive) for trace in traces))


def _decay_times(shortest: float, longest: float, modes: int) -> np.ndarray:
    middle = np.sqrt(shortest * longest)
    return np.geomspace(shortest, longest, modes) if modes > 1 else np.full(modes, middle)


def _problem(traces: Sequence[Trace], record: DriveRecord, learned: Sequence[int], plays: Sequence[int],
             modes: Sequence[int]) -> _Problem:
    span = _range_of(traces)
    shortest, longest = 5 * float(np.median(np.diff(record.time))), record.time[-1] - record.time[0]
    thresholds = {count: np.arange(count) / count * span / 2 for count in plays}
    decay_times = {count: _decay_times(shortest, longest, count) for count in modes}
    heights = {k: np.asarray(traces[k].height, float) for k in learned}
    height = max(float(np.nanmax(h) - np.nanmin(h)) for h in heights.values())
    if not height > 0:
        raise IdentificationError("the reference height does not change along any curve: give that of a "
                                  "sensor that follows the scanner")
    center, half_width = float(record.drive.max() + record.drive.min()) / 2, float(np.ptp(record.drive)) / 2
    place = (record.drive - center) / half_width
    states = _states(record, center, *(np.concatenate([*d.values()]) for d in (thresholds, decay_times)))
    columns = np.column_stack([place**2, place**3, states / half_width])
    parts = np.split(columns, record.bounds[1:-1])
    curves = tuple(_reduced(parts[k], heights[k] / height) for k in learned)
    return _Problem(thresholds, decay_times, center, half_width, height, curves)


def _states(record: DriveRecord, center: float, thresholds: np.ndarray,
            decay_times: np.ndarray) -> np.ndarray:
    """Plays and creep states along the record, (sample, n + m)."""
    drive = record.drive - center
    with jax.enable_x64(True):
        start = relaxed(drive[0], len(thresholds), len(decay_times))
        found = _read_states(start, filled(record.time), filled(drive), thresholds, decay_times)
    return np.column_stack([np.asarray(part)[: len(drive)] for part in found])


@jax.jit
def _read_states(memory, time, drive, thresholds, decay_times):
    lost = forgotten(time, decay_times)
    return run(memory, drive, thresholds, lost, lambda plays, creep: (plays, creep))[0]


def _reduced(columns: np.ndarray, height: np.ndarray) -> _Curve:
    """The triangle of one curve, its offset removed; samples without a height do not count."""
    known = np.isfinite(height)
    columns, height = columns[known], height[known]
    columns, height = columns - columns.mean(axis=0), height - height.mean()
    q, triangle = np.linalg.qr(columns)
    right = q.T @ height
    rest = height - q @ right
    return _Curve(triangle, right, float(rest @ rest), len(height))


def _columns(problem: _Problem, order: Order) -> np.ndarray:
    """Where an order's columns are: two of the bend, then all numbers of plays, then all numbers of modes."""
    sizes = {("plays", k): k for k in problem.thresholds} | {("modes", k): k for k in problem.decay_times}
    ends = dict(zip(sizes, 2 + np.cumsum([*sizes.values()]), strict=True))
    plays, modes = ends["plays", order.plays], ends["modes", order.modes]
    return np.concatenate([np.arange(2 if order.bent else 0), np.arange(plays - order.plays, plays),
                           np.arange(modes - order.modes, modes)])


def _fit(curves: Iterable[_Curve], columns: np.ndarray, free: int) -> np.ndarray:
    """Least squares with the coefficients not negative, but for the ``free`` first ones."""
    matrix = np.concatenate([curve.triangle[:, columns] for curve in curves])
    right = np.concatenate([curve.right for curve in curves])
    q, triangle = np.linalg.qr(matrix[:, :free])
    bound = matrix[:, free:] - q @ (q.T @ matrix[:, free:])
    weights = nnls(bound, right - q @ (q.T @ right), maxiter=100 * bound.shape[1])[0]
    bend = np.linalg.solve(triangle, q.T @ (right - matrix[:, free:] @ weights))
    return np.concatenate([bend, weights])


def _left_out(problem: _Problem, order: Order) -> float:
    """The relative rms residual when every curve is predicted by the others."""
    columns, squares = _columns(problem, order), 0.0
    for k, curve in enumerate(problem.curves):
        fitted = _fit(problem.curves[:k] + problem.curves[k + 1:], columns, 2 * order.bent)
        squares += ((curve.triangle[:, columns] @ fitted - curve.right) ** 2).sum() + curve.rest
    return float(np.sqrt(squares / sum(curve.samples for curve in problem.curves)))


def _scanner(problem: _Problem, order: Order) -> Scanner | None:
    """The scanner fitted to all curves, or None if its displacement would not safely rise with the drive."""
    fitted = _fit(problem.curves, _columns(problem, order), 2 * order.bent) * problem.height
    bend, weights = np.split(fitted, [2 * order.bent])
    weights, strengths = np.split(weights / problem.half_width, [order.plays])
    asymmetry = Asymmetry(bend[0], bend[1], problem.center, problem.half_width) if order.bent else None
    try:
        return Scanner(PrandtlIshlinskii(problem.thresholds[order.plays], weights),
                       Creep(strengths, problem.decay_times[order.modes]), asymmetry)
    except ValueError:
        return None


def _judged(scanner: Scanner, order: Order, traces: Sequence[Trace], held_out: Sequence[int],
            choice: tuple[tuple[Order, float], ...]) -> Identified:
    """What the scanner is worth on curves that took no part in choosing or fitting it."""
    corrected, _ = correct(scanner, traces, tolerance=1.0, pause=order.pause)
    heights = [np.asarray(trace.height, float) for trace in traces]
    errors = [_centered(found.height - height) for found, height in zip(corrected, heights, strict=True)]
    ranges = np.array([np.nanmax(height) - np.nanmin(height) for height in heights])
    per_curve = np.array([_rms([error]) for error in errors]) / ranges
    held = sorted(set(held_out))
    residual, span = _rms([errors[k] for k in held]), float(ranges[held].max())
    linear = _rms([_line_residual(traces[k].drive, heights[k]) for k in held]) / span
    return Identified(scanner, order, residual, residual / span, linear, per_curve, choice)


def _centered(error: np.ndarray) -> np.ndarray:
    known = error[np.isfinite(error)]
    return known - known.mean()


def _rms(errors: Sequence[np.ndarray]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


def _line_residual(drive: np.ndarray, height: np.ndarray) -> np.ndarray:
    known = np.isfinite(height)
    drive, height = _centered(np.asarray(drive)[known]), _centered(height[known])
    return height - drive * (drive @ height) / (drive @ drive)


def stiff_reference(deflection: np.ndarray, *, spring_constant: float, sample_stiffness: float) -> np.ndarray:
    """The scanner's displacement (m) from the deflection on a sample so stiff that it does not yield.

    In contact the scanner moves by the deflection and the indentation, d (1 + k / k_s). Only where k / k_s is
    at most 0.001 does the sample's own viscoelasticity stay below what a scanner is identified to.

    Args:
        deflection: (sample,) m, deflection sensitivity x voltage; NaN where the tip is not in contact.
        spring_constant: k, N/m.
        sample_stiffness: k_s of the contact, N/m (2 E* a for a contact of radius a), a lower bound.

    Raises:
        IdentificationError: a sample too compliant for that.
    """
    ratio = spring_constant / sample_stiffness if sample_stiffness > 0 else np.inf
    if not 0 < ratio <= _RIGID:
        raise IdentificationError(
            f"the lever ({spring_constant:g} N/m) is {ratio:.2g} times as stiff as the contact "
            f"({sample_stiffness:g} N/m), more than {_RIGID:g}: the sample yields, and its viscoelasticity "
            "would be taken for the scanner's hysteresis. Use a sensor, or glass under a softer lever")
    return np.asarray(deflection, float) * (1 + ratio)

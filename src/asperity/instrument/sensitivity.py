r"""The deflection sensitivity of the optical lever, from a force curve on a stiff surface.

In contact with a surface that does not yield, the tip stands still: the deflection grows as the base
approaches, $dU/dz = -1/s$. The height must be the *sensor's*: a piezo's drive is not where the scanner is,
and its hysteresis gives approach and retract different slopes. A surface that yields takes a part of the way:
`asperity.instrument.yielding` tells it by the bend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from asperity.instrument.digits import percent
from asperity.instrument.spring_constant import Estimate
from asperity.instrument.yielding import Yielding, significant, unyielding, yielding_of
from asperity.messages import DataError

__all__ = ["Sensitivity", "Slope", "about_bend", "deflection_sensitivity", "straight_sensitivity"]

_LEAST = 5  # samples in a window
_LOWEST = (0.1, 0.25, 0.4, 0.55, 0.7)  # lower ends of the windows, in parts of the rise above the baseline
_HIGHEST = (0.9, 1.0)
_FAR = 0.8  # of the heights, above which the lever is free, also where a soft surface is pressed far
_ROUNDS = 20  # of reweighting
_BEND = 3.0  # standard errors beyond which a window is not straight
_SAME = 0.02  # of the rise: voltages as near to the highest are the same to a photodiode that saturates
_PLATEAU = 0.08  # of the way in contact, on which a voltage that still rises does not stay the same
_NEAR = 0.05  # of the samples, those nearest to the surface


class Slope(NamedTuple):
    """One straight piece: sensitivity, its standard error (m/V), samples, and the bend in standard errors."""

    sensitivity: float
    std: float
    samples: int
    bend: float


class Sensitivity(NamedTuple):
    """``sensitivity`` (m/V); what the bend of the contact says; ``windows``; ``findings`` in words.

    ``windows`` are (direction, lowest V, highest V, `Slope`); ``yielding`` is None where too few samples tell it.
    """

    sensitivity: Estimate
    yielding: Yielding | None
    windows: tuple[tuple[str, float, float, Slope], ...]
    findings: tuple[str, ...]


def deflection_sensitivity(curves: Mapping[str, tuple[Any, Any]], *, sensor: bool,
                           window: tuple[float, float] | None = None) -> Sensitivity:
    """Sensitivity from the straight, steep part of one or both directions on a surface that does not yield.

    It is `straight_sensitivity`, whose arguments and errors these are, less what the bend of the contact says of a
    surface that yields (`asperity.instrument.yielding.unyielding`); a window that you name is taken as it is.

    Raises:
        DataError: the surface yields, or the bend is too uncertain to tell.
    """
    line = straight_sensitivity(curves, sensor=sensor, window=window)
    if line.yielding is None:
        return line
    return line._replace(sensitivity=unyielding(line.sensitivity, line.yielding),
                         findings=(*line.findings, about_bend(line.yielding)))


def about_bend(bend: Yielding) -> str:
    """What the bend of the contact says of the surface, in words."""
    known = percent(bend.part, float(np.hypot(bend.std, bend.apart)))
    verdict = ("three quarters of it are taken off" if significant(bend)
               else "a surface that yields is not seen, and not excluded beyond this")
    return (f"the bend of the contact is that of a surface that would make a straight line overstate the sensitivity "
            f"by {known}: {verdict}.")


def straight_sensitivity(curves: Mapping[str, tuple[Any, Any]], *, sensor: bool,
                         window: tuple[float, float] | None = None) -> Sensitivity:
    """Sensitivity from straight lines through the steep part of one or both directions, and how the contact is bent.

    In every direction windows of the rise above the baseline are tried. Of those without a significant bend
    the one with the smallest standard error counts; if all are bent, the steepest. The result is the mean
    over the directions. Systematic is what the standard errors do not explain: the spread over the windows
    (over all of them if all are bent), and half the difference of the directions.

    Args:
        curves: "approach" and / or "retract": height (n,) in m, falling towards the surface, and voltage (n,)
            in V; any order in time.
        sensor: whether the height is measured by a sensor rather than commanded.
        window: voltages from and to that are in steep contact, instead of the search.

    Raises:
        ValueError: no direction, unequal lengths, values that are not finite, fewer than 5 samples in
            contact, or no rise of the voltage.
    """
    if not curves:
        raise DataError("no curve: give 'approach' and / or 'retract' as (height, voltage)")
    windows: list[tuple[str, float, float, Slope]] = []
    best: dict[str, Slope] = {}
    spreads: list[float] = []
    findings: list[str] = []
    levels: dict[str, tuple[float, float]] = {}
    for name, (height, voltage) in curves.items():
        levels[name], tried = _windows(name, height, voltage, window)
        slopes = [slope for _, _, slope in tried]
        straight = [slope for slope in slopes if abs(slope.bend) < _BEND]
        best[name] = min(straight or slopes, key=lambda s: s.std if straight else s.sensitivity)
        spreads.append(_spread(straight or slopes))
        windows += [(name, *row) for row in tried]
        if not straight:
            findings.append(f"{name}: the contact is bent in every window, so the steepest was taken: the "
                            "surface may yield, or the photodiode is not linear; the sensitivity is then too "
                            "large.")
    line = _combined(best, spreads, sensor, findings)
    bend = None if window else yielding_of(
        {name: (np.asarray(height, float), np.asarray(voltage, float)) for name, (height, voltage) in curves.items()},
        levels, line.value)
    return Sensitivity(line, bend, tuple(windows), tuple(findings))


def _combined(best: Mapping[str, Slope], spreads: list[float], sensor: bool, findings: list[str]) -> Estimate:
    """The mean over the directions; says what limits it."""
    values = np.array([slope.sensitivity for slope in best.values()])
    errors = np.array([slope.std for slope in best.values()])
    value, statistical = float(values.mean()), float(np.sqrt((errors**2).sum()) / len(errors))
    half = float(np.ptp(values)) / 2
    beyond = np.sqrt(max(half**2 - statistical**2, 0.0))
    systematic = float(np.hypot(beyond, np.sqrt(np.mean(np.square(spreads)))))
    if len(values) == 2:
        difference = percent(values[0] / values[1] - 1, float(np.hypot(*(errors / values))))
        findings.append(f"{' and '.join(best)} differ by {difference}.")
    else:
        findings.append(f"only one direction ({next(iter(best))}): friction and hysteresis are not seen.")
    if not sensor:
        systematic = max(systematic, half)
        findings.append("the height is the drive's, not a sensor's: the hysteresis of the scanner biases the "
                        "sensitivity, also where directions agree; correct the scanner or use its sensor.")
    fewest = min(slope.samples for slope in best.values())
    if fewest < 20:
        findings.append(f"only {fewest} samples in steep contact: record the curve on a stiff surface with "
                        "more samples, or to a higher setpoint.")
    return Estimate(value, statistical, systematic)


def _windows(name: str, height: Any, voltage: Any,
             window: tuple[float, float] | None) -> tuple[tuple[float, float], list[tuple[float, float, Slope]]]:
    """Base and top; lowest and highest voltage and the slope of every window with enough samples."""
    height, voltage = np.asarray(height, dtype=float), np.asarray(voltage, dtype=float)
    if height.shape != voltage.shape or height.ndim != 1 or not np.isfinite(height + voltage).all():
        raise ValueError(f"{name}: heights {height.shape} and voltages {voltage.shape} must be finite and of "
                         "the same length")
    base, top = _levels(height, voltage)
    if window is None:
        _require_rising(name, height, voltage, base, top)
    pairs = [window] if window else [(base + a * (top - base), base + b * (top - base))
                                     for a in _LOWEST for b in _HIGHEST]
    contact = height < height[voltage > base + 0.05 * (top - base)].max(initial=-np.inf)
    found = []
    for low, high in pairs:
        inside = (voltage >= low) & (voltage <= high) & contact
        if inside.sum() >= _LEAST:
            found.append((float(low), float(high), _line(height[inside], voltage[inside])))
    if not found:
        raise DataError(f"{name}: fewer than {_LEAST} samples in steep contact; record more samples, or "
                        "press harder, or give the window in V")
    return (base, top), found


def _levels(height: np.ndarray, voltage: np.ndarray) -> tuple[float, float]:
    """The voltage of the free lever, far from the surface, and the highest in contact."""
    far = voltage[height >= np.quantile(height, _FAR)]
    base, noise = float(np.median(far)), 1.4826 * float(np.median(np.abs(far - np.median(far))))
    top = float(voltage.max())
    if not top - base > 10 * noise or top <= base:
        near = float(np.median(voltage[height <= np.quantile(height, _NEAR)]))
        quick = _noise(far)
        if near - base > 2 * quick > noise:
            raise DataError(f"the noise of the voltage is too large: {quick:.2g} V, and contact raises it by "
                            f"{near - base:.3g} V (from {base:.3g} V to {near:.3g} V), which should be ten times as "
                            "much; press harder, record slower, or average curves")
        raise DataError(f"the voltage does not rise in contact (from {base:.3g} V to {top:.3g} V, noise "
                        f"{noise:.2g} V): not a curve on a stiff surface, or of inverted sign")
    return base, top


def _noise(voltage: np.ndarray) -> float:
    """The standard deviation (V) from sample to sample, robust."""
    return 1.4826 * float(np.median(np.abs(np.diff(voltage)))) / np.sqrt(2) if len(voltage) > 1 else 0.0


def _require_rising(name: str, height: np.ndarray, voltage: np.ndarray, base: float, top: float) -> None:
    """That the voltage rises to the end of the contact: a photodiode or converter at its limit stays where it is.

    Raises:
        DataError: the last part of the way leaves the highest voltage as it is.
    """
    order = np.argsort(-height, kind="stable")
    down, rising = height[order], voltage[order]
    same = _SAME * (top - base) + 4 * _noise(voltage[height >= np.quantile(height, _FAR)])
    lower = np.flatnonzero(rising < top - same)
    begun = np.flatnonzero(rising < base + same)
    if not (len(lower) and len(begun) and lower[-1] + _LEAST < len(down)):
        return
    flat, whole = (float(down[places[-1]] - down[-1]) for places in (lower, begun))
    expected = same / (top - base)
    if flat > (_PLATEAU + 2 * expected) * whole:
        raise DataError(f"{name}: the voltage stays at its highest, {top:.4g} V, over the last "
                        f"{100 * flat / whole:.0f} % of the way in contact: the photodiode or its converter saturates; "
                        "press less, center the laser, or give the window in V below that")


def _line(height: np.ndarray, voltage: np.ndarray) -> Slope:
    """Voltage against height by least squares with bisquare weights, and the bend from a parabola."""
    x = (height - height.mean()) / max(float(np.ptp(height)), 1e-300)
    weight = np.ones_like(x)
    line = np.column_stack([np.ones_like(x), x])
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)
        fit = np.linalg.lstsq(line * root[:, None], voltage * root, rcond=None)[0]
        residual = voltage - line @ fit
        scale = 1.4826 * float(np.median(np.abs(residual))) + 1e-12 * float(np.ptp(voltage))
        weight = np.clip(1 - (residual / (4.685 * scale)) ** 2, 0, 1) ** 2
    used = weight > 0
    slope, std = _coefficient(line[used], voltage[used], 1)
    bend, bend_std = _coefficient(np.column_stack([line, x**2])[used], voltage[used], 2)
    per_height = float(np.ptp(height))
    return Slope(-per_height / slope, per_height / slope**2 * std, int(used.sum()),
                 bend / bend_std if bend_std > 0 else 0.0)


def _coefficient(columns: np.ndarray, values: np.ndarray, which: int) -> tuple[float, float]:
    """One coefficient of a least squares fit and its standard error."""
    fit, *_ = np.linalg.lstsq(columns, values, rcond=None)
    free = max(len(values) - columns.shape[1], 1)
    variance = float(((values - columns @ fit) ** 2).sum()) / free
    return float(fit[which]), float(np.sqrt(variance * np.linalg.pinv(columns.T @ columns)[which, which]))


def _spread(slopes: list[Slope]) -> float:
    """Standard deviation of the sensitivity over windows, less what their standard errors explain."""
    values = np.array([slope.sensitivity for slope in slopes])
    explained = np.mean([slope.std**2 for slope in slopes])
    return float(np.sqrt(max(values.var() - explained, 0.0)))

r"""Whether the surface of a sensitivity yields, seen in the bend of the contact.

A surface that yields by $i$ under the voltage U takes a part of the way of the base: $z_0 - z = s U + i(U)$. In a
contact that widens as it is pressed, $i \propto U^p$ with p = 2/3 under a sphere (Hertz) and 1/2 under a cone, so that
$$U = \frac{z_0 - z}{s} - c\,U^p$$
is linear in $1/s$ and c: the sensitivity is what remains of the slope when the bend has been taken out. A surface
whose stiffness does not change (a flat punch) leaves no bend, and cannot be told from a stiff one.
Source: Hertz, J. reine angew. Math. 92, 156 (1882), with the balance of the forces of lever and contact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from asperity.instrument.spring_constant import Estimate
from asperity.messages import DataError

__all__ = ["Yielding", "significant", "unyielding", "yielding_of"]

_POWER = 2 / 3  # of the voltage: Hertz; a bend hides the more behind it the nearer the power is to 1
_LOWEST = (0.03, 0.1, 0.25, 0.4, 0.55, 0.7)  # lower ends of the parts tried, in parts of the rise
_HIGHEST = 0.9  # upper end, in parts of the rise, where it is not the end of the curve
_CLEAR = 0.1  # of the way out to the farthest point, beyond which the lever is free
_LEAST = 8  # samples in a part
_BEND = 3.0  # standard errors beyond which a bend, or what a fit leaves of it, is one
_YIELDS = 0.05  # of the sensitivity: a bend that hides more than this is a surface that yields
_TAKEN = 0.75  # of what the bend says by Hertz's law, see `unyielding`
_DOUBT = 0.5  # of the same, as a standard uncertainty
_UNSURE = 0.3  # of the sensitivity: a standard error beyond which there is no number
_UNLIKE = 0.5  # of the sensitivity: directions bent more differently than by the hysteresis of a scanner
_ROUNDS = 5  # of reweighting
_OUTLIER = 4.685  # of bisquare weights, in robust standard deviations
_PLACES = 8  # of the free lever, per length of a part, at which the same weights are tried


class Yielding(NamedTuple):
    """``part`` by which a straight line overstates the sensitivity; its standard error; half of what directions differ.

    All relative to the sensitivity.
    """

    part: float
    std: float
    apart: float


class _Bent(NamedTuple):
    """The slope (V/m) without the bend, its standard error, and what the fit leaves in standard errors."""

    slope: float
    std: float
    left: float


def yielding_of(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], levels: Mapping[str, tuple[float, float]],
                straight: float) -> Yielding | None:
    """By which part a straight line overstates the sensitivity, from the bend of approach and retract.

    Hysteresis and creep bend the directions opposite ways and cancel in the mean; a surface that yields bends both
    alike. The standard error holds the noise, also where it is slow: the same weights are tried on the free lever.

    Args:
        curves: height (n,) in m and voltage (n,) in V of each direction.
        levels: voltage of the free lever and the highest, of each direction.
        straight: sensitivity (m/V) by a straight line.

    Returns:
        the mean over the directions, or None where too few samples are in contact.
    """
    best = [_best(height, voltage, *levels[name]) for name, (height, voltage) in curves.items()]
    found = [bent for bent in best if bent is not None]
    if not found:
        return None
    slopes, stds = np.array([(bent.slope, bent.std) for bent in found]).T
    return Yielding(float(straight * slopes.mean() - 1), float(straight * np.sqrt((stds**2).sum()) / len(found)),
                    float(straight * np.ptp(slopes) / 2))


def significant(bend: Yielding) -> bool:
    """Whether the contact is bent by more than noise and what the directions differ by."""
    return bend.part > _BEND * np.hypot(bend.std, bend.apart)


def unyielding(line: Estimate, bend: Yielding) -> Estimate:
    """The sensitivity (m/V) on a surface that does not yield: a line's, and what the bend says of it.

    What the bend says by the law of a sphere is, for a surface that yields in another way, between nothing (a thin
    brush on stiff ground) and one and a half times as much (an adhesive sphere), half for a cone. If it is
    significant, three quarters are taken off and half is the systematic part; else nothing is taken off and all of it
    is systematic. A bend the other way (of friction, or of a photodiode that is not linear) adds only its
    standard error: no surface has a negative compliance.

    Raises:
        DataError: the surface yields, or the bend is too uncertain to tell.
    """
    steep = bend.part < -1  # a contact that stiffens faster than a sphere's on the softest surface
    clear = significant(bend)
    if steep or (clear and bend.part > _YIELDS):
        size = "severalfold" if steep else f"by about {100 * bend.part:.0f} %"
        raise DataError(f"the contact is bent like that of a surface that yields: a straight line would overstate the "
                        f"sensitivity {size}; press a surface that is stiff against the lever (glass, mica, silicon)")
    part = max(bend.part, 0.0)
    value = line.value / (1 + _TAKEN * part) if clear else line.value
    statistical = float(np.hypot(line.std_statistical, value * bend.std))
    systematic = float(np.hypot(line.std_systematic, value * part * (_DOUBT if clear else 1.0)))
    unsure, bent = np.hypot(statistical, systematic) / value, np.hypot(bend.std, bend.apart)
    unsure = max(unsure, bent) if bent > _UNLIKE else unsure
    if not unsure < _UNSURE:
        size = f"{100 * unsure:.0f} %" if unsure < 1 else "more than its size"
        raise DataError("the contact does not tell a stiff surface from one that yields: the sensitivity would be "
                        f"uncertain by {size}; record more samples in contact, with less noise, on glass, mica or "
                        "silicon")
    return Estimate(value, statistical, systematic)


def _best(height: np.ndarray, voltage: np.ndarray, base: float, top: float) -> _Bent | None:
    """The surest fit among parts of the contact that the law describes; of those it does not, the one nearest to it."""
    order = np.argsort(-height, kind="stable")
    width = max(len(height) // 200, 1)
    smooth = (np.convolve(voltage[order], np.ones(width) / width, "same") - base) / (top - base)
    smooth[len(smooth) - width:] = 1.0  # the mean runs beyond the end
    part = (voltage - base) / (top - base)
    edges = [_after(smooth < low) for low in _LOWEST]
    highest, contact = float(height.max()), float(height[order[min(edges[0], len(order) - 1)]])
    free = part[height > contact + _CLEAR * (highest - contact)]
    found = []
    for start in edges:
        for end in (_after(smooth < _HIGHEST), len(order)):
            inside = np.zeros(len(height), bool)
            inside[order[start:end]] = True
            if inside.sum() >= _LEAST:
                found.append(_fit(height[inside], part[inside], free, top - base))
    described = [bent for bent in found if abs(bent.left) < _BEND]
    if described:
        return min(described, key=lambda bent: bent.std)
    return min(found, key=lambda bent: abs(bent.left), default=None)


def _after(mask: np.ndarray) -> int:
    """The place after the last that is true."""
    places = np.flatnonzero(mask)
    return int(places[-1]) + 1 if len(places) else 0


def _fit(height: np.ndarray, part: np.ndarray, free: np.ndarray, rise: float) -> _Bent:
    """Line and bend of the voltage (in parts of the rise, V) by least squares with bisquare weights."""
    wide = float(np.ptp(height))
    x = (height - height.mean()) / wide
    weight, columns = np.ones_like(x), _columns(x, part, np.ones_like(x))
    for _ in range(_ROUNDS):
        residual = part - columns[:, :3] @ (_rows(columns[:, :3], weight) @ part)
        scale = 1.4826 * float(np.median(np.abs(residual))) + 1e-12
        weight = np.clip(1 - (residual / (_OUTLIER * scale)) ** 2, 0, 1) ** 2
        columns = _columns(x, part, weight)
    used = weight > 0
    rows, more = _rows(columns[:, :3], used), _rows(columns, used)
    noise = np.sqrt(((part - columns[:, :3] @ (rows @ part))[used] ** 2).sum() / max(used.sum() - 3, 1))
    left_std = _error(more[3], noise, free)
    left = float(more[3] @ part) / left_std if left_std > 0 else 0.0
    return _Bent(-rise / wide * float(rows[1] @ part), rise / wide * _error(rows[1], noise, free), left)


def _columns(x: np.ndarray, part: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A line, Hertz's bend, and one more to see what they leave; the bend from the voltage without its noise."""
    smooth = np.polyval(np.polyfit(x, part, 3, w=np.sqrt(weight) + 1e-9), x)
    return np.column_stack([np.ones_like(x), x, np.clip(smooth, 1e-3, None) ** _POWER, smooth**2])


def _rows(columns: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The weights of the samples in each coefficient."""
    root = np.sqrt(weight.astype(float))
    return np.linalg.pinv(columns * root[:, None]) * root


def _error(row: np.ndarray, noise: float, free: np.ndarray) -> float:
    """Standard error of a sum with these weights: of white noise, or what the free lever shows if that is more."""
    white = noise * float(np.sqrt((row**2).sum()))
    starts = range(0, len(free) - len(row) + 1, max(len(row) // _PLACES, 1))
    seen = [float(row @ free[start:start + len(row)]) for start in starts]
    return max(white, float(np.sqrt(np.mean(np.square(seen)))) if seen else 0.0)

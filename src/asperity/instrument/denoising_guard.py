"""A guard for whatever smooths data: how much each declared physical number changed, and whether that is too much.

An `Invariant` measures one number on one item, an image or a curve. The items of a set are paired before and after:
the tiles of an image, the curves of a map. The mean of the paired differences is the change, and their scatter
gives its standard error, whatever the two have in common.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from asperity.instrument.roughness_spectrum import isotropic_spectrum
from asperity.messages import DataError

__all__ = ["Change", "Invariant", "InvariantError", "changes", "contact_stiffness", "force_exponent", "guard",
           "power_in_band", "pull_off_force", "spectral_slope", "tiles", "work_of_adhesion"]


class Invariant(NamedTuple):
    """A number that must survive: ``measure(item)`` in ``unit``, and by how much its mean may change.

    With ``relative`` the change is divided by the size of the number before, and the tolerance is a fraction.
    """

    name: str
    unit: str
    measure: Callable[[np.ndarray], float]
    tolerance: float
    relative: bool = False


class Change(NamedTuple):
    """What became of one invariant; ``verdict`` is "kept", "changed" or "unclear".

    changed: beyond the tolerance. kept: within it by two standard errors. unclear: within it, but not surely.
    """

    name: str
    unit: str
    before: float  # means over the items
    after: float
    change: float  # after - before, or a fraction of before
    std: float  # standard error of the change
    tolerance: float
    verdict: str

    def __str__(self) -> str:
        return (f"{self.name}: {self.before:.4g} -> {self.after:.4g} {self.unit}, change {self.change:+.2g} "
                f"+- {self.std:.1g} (tolerance {self.tolerance:g}): {self.verdict}")


class InvariantError(DataError):
    """A denoiser changed what it must keep; ``changes`` holds all that was measured."""

    def __init__(self, changes: tuple[Change, ...]) -> None:
        self.changes = changes
        broken = "; ".join(str(c) for c in changes if c.verdict == "changed")
        super().__init__(f"the denoised data do not keep {broken}. Smooth less, use a denoiser that knows the spectrum "
                         "(`denoise`, its `restored`), or take the number from the raw data")

    def __reduce__(self):
        return type(self), (self.changes,)


def guard(before: Sequence[np.ndarray], after: Sequence[np.ndarray],
          invariants: Sequence[Invariant]) -> tuple[Change, ...]:
    """`changes`, or an error if any invariant changed beyond its tolerance.

    Raises:
        InvariantError: names each number that changed.
        ValueError: as `changes`.
    """
    found = changes(before, after, invariants)
    if any(c.verdict == "changed" for c in found):
        raise InvariantError(found)
    return found


def changes(before: Sequence[np.ndarray], after: Sequence[np.ndarray],
            invariants: Sequence[Invariant]) -> tuple[Change, ...]:
    """The change of every invariant from ``before`` to ``after``, items paired in order.

    Args:
        before, after: at least two items each: `tiles` of an image, the curves of a map. For the truth of a
            simulation, give it as ``before``.
        invariants: what to measure.

    Raises:
        ValueError: fewer than two items, unequal numbers, or an invariant that cannot be measured on an item.
    """
    if len(before) != len(after) or len(before) < 2:
        raise DataError(f"{len(before)} items before and {len(after)} after: at least two pairs are needed for an "
                        "uncertainty; cut an image with `tiles`")
    return tuple(_change(invariant, before, after) for invariant in invariants)


def _change(invariant: Invariant, before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> Change:
    old, new = (np.array([invariant.measure(item) for item in items]) for items in (before, after))
    wrong = np.flatnonzero(~np.isfinite(old + new))
    if len(wrong):
        raise DataError(f"{invariant.name} cannot be measured on item {wrong[0]} and {len(wrong) - 1} others")
    scale = abs(old.mean()) if invariant.relative else 1.0
    if scale == 0:
        raise DataError(f"{invariant.name} is 0 before: a relative change has no meaning; give the tolerance in "
                        f"{invariant.unit}")
    difference = (new - old) / scale
    change, std = float(difference.mean()), float(difference.std(ddof=1) / math.sqrt(len(old)))
    return Change(invariant.name, invariant.unit, float(old.mean()), float(new.mean()), change, std,
                  invariant.tolerance, _verdict(change, std, invariant.tolerance))


def _verdict(change: float, std: float, tolerance: float) -> str:
    if abs(change) > tolerance:
        return "changed"
    return "kept" if abs(change) + 2 * std <= tolerance else "unclear"


def tiles(height: np.ndarray, *, per_side: int = 2) -> list[np.ndarray]:
    """An image cut into ``per_side`` squared parts of equal shape (what is left over at the end is dropped)."""
    rows, columns = (n // per_side for n in height.shape)
    return [height[i * rows: (i + 1) * rows, j * columns: (j + 1) * columns]
            for i in range(per_side) for j in range(per_side)]


def spectral_slope(pitch: float | tuple[float, float], band: tuple[float, float], *,
                   tolerance: float = 0.05) -> Invariant:
    """The slope of ln(spectrum) against ln(wavenumber) of an image in a band (rad/m): -2 (1 + H) if self-affine."""
    def measure(height: np.ndarray) -> float:
        spectrum = isotropic_spectrum(height, pitch)
        inside = _inside(spectrum.wavenumber, band)
        logs = np.log(spectrum.wavenumber[inside]), np.log(spectrum.power[inside])
        return float(np.polyfit(*logs, 1, w=np.sqrt(spectrum.independent[inside]))[0])

    return Invariant("log-log slope of the spectrum", "", measure, tolerance)


def power_in_band(pitch: float | tuple[float, float], band: tuple[float, float], *,
                  tolerance: float = 0.05) -> Invariant:
    r"""$\int C\,q\,dq / 2\pi$ in m^2 over a band (rad/m) where the noise is negligible; relative change."""
    def measure(height: np.ndarray) -> float:
        spectrum = isotropic_spectrum(height, pitch)
        inside = _inside(spectrum.wavenumber, band)
        q = spectrum.wavenumber[inside]
        return float(np.sum(spectrum.power[inside] * q) * (q[1] - q[0]) / (2 * math.pi))

    return Invariant("power in the band", "m^2", measure, tolerance, relative=True)


def _inside(q: np.ndarray, band: tuple[float, float]) -> np.ndarray:
    inside = (q >= band[0]) & (q <= band[1])
    if inside.sum() < 4:
        raise DataError(f"{inside.sum()} wavenumbers between {band[0]:.3g} and {band[1]:.3g} rad/m; the image has "
                        f"{q[0]:.3g} to {q[-1]:.3g}: widen the band or cut fewer tiles")
    return inside


def contact_stiffness(*, share: float = 0.2, tolerance: float = 0.01) -> Invariant:
    """Slope in N/m of force against indentation over the last ``share`` of the indentation; relative change.

    A curve is (2, n): indentation in m (into the sample) and force in N; NaN is left out.
    """
    def measure(curve: np.ndarray) -> float:
        x, force = _finite(curve)
        deep = x >= x.max() - share * (x.max() - max(x.min(), 0.0))
        return float(np.polyfit(x[deep] - x.max(), force[deep], 1)[0])

    return Invariant("contact stiffness", "N/m", measure, tolerance, relative=True)


def force_exponent(*, shallowest: float = 0.2, tolerance: float = 0.02) -> Invariant:
    """Exponent of force against indentation beyond a share of the deepest: 1.5 for Hertz, 2 for a cone.

    A curve is (2, n) as in `contact_stiffness`, the indentation from the contact point, the force from the baseline.
    """
    def measure(curve: np.ndarray) -> float:
        x, force = _finite(curve)
        deep = (x > shallowest * x.max()) & (force > 0)
        return float(np.polyfit(np.log(x[deep]), np.log(force[deep]), 1)[0])

    return Invariant("exponent of the force", "", measure, tolerance)


def pull_off_force(*, tolerance: float = 0.02) -> Invariant:
    """The largest attraction in N of a curve (2, n), force from the baseline; relative change.

    The lowest of many noisy samples is lower than the truth: judge against a truth, or expect a change.
    """
    def measure(curve: np.ndarray) -> float:
        return float(-_finite(curve)[1].min())

    return Invariant("pull-off force", "N", measure, tolerance, relative=True)


def work_of_adhesion(radius: float, *, tolerance: float = 0.02) -> Invariant:
    r"""JKR's $w = 2 F_{po} / (3 \pi R)$ in J/m^2 from the pull-off force of a curve (2, n); relative change."""
    pull_off = pull_off_force().measure
    return Invariant("work of adhesion", "J/m^2", lambda curve: 2 * pull_off(curve) / (3 * math.pi * radius),
                     tolerance, relative=True)


def _finite(curve: np.ndarray) -> np.ndarray:
    return curve[:, np.isfinite(curve).all(axis=0)]

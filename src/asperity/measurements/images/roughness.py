"""How rough an image is: the surface without noise, leveling, bow and offsets of lines, as far as that is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from asperity.instrument.roughness_evenness import unevenness
from asperity.instrument.roughness_law import Interval, Law, law_of
from asperity.instrument.roughness_rings import line_offsets, rings
from asperity.instrument.roughness_waves import Waves, waves
from asperity.instrument.spectrum_fit import PowerSpectrumFit
from asperity.messages import DataError

__all__ = ["law_of_image", "roughness_of", "spectrum_of"]

_HIGHER = 2  # orders above that of the leveling, which are taken for bow of the scanner and not for roughness
_BESIDE = 2  # columns of modes along the fast axis that an offset of lines reaches, for a polynomial of degree 0
_OFFSET = 4.0  # standard errors from which lines are offset against each other
_PINNED = 0.6  # width of the interval of an exponent within 0 ... 1, above which nothing is known of it
_OBEYED = 2.0  # deviance of the rings over its expectation, up to which "at least" may be said; a right law: 1.0 +- 0.2
_NEARLY = 4.0  # up to which a value is stated, with its interval enlarged; beyond, rings and law have nothing in common
_KNOWN = 0.5  # of the upper end of an interval, that its lower end reaches at least, for a value to be stated

_NO_LAW = ("neither a value nor a bound: the spectrum is not that of a self-affine surface with a roll-off, as with "
           "gratings, arrays, stripes, cells and single steps")


def roughness_of(height: np.ndarray, pitch: tuple[float, float], level: int | None, lines: str | int | None, *,
                 cut: Mapping[str, float] | None = None) -> dict[str, Any]:
    """What the page and the record say of the roughness.

    Args:
        height: leveled, (rows, columns) in m, NaN where missing.
        pitch: m along rows and columns.
        level: order of the polynomial that was taken off the frame.
        lines: what was taken off each line.
        cut: ends of the range at which heights are cut off, from `asperity.instrument.clipping.clipped`: what is left
            is less rough than the surface, and nothing is known of its lengths.
    """
    found: dict[str, Any] = {"roughness_measured": float(np.nanstd(height)),
                             "missing": float(np.isnan(height).mean())}
    found |= {"clipped": dict(cut)} if cut else {}
    try:
        standing = _standing(height, pitch, level)
        law, offset = law_of_image(height, pitch, level, lines, without=standing.modes)
    except DataError as error:
        return found | {"roughness_unknown": str(error)}
    if standing.rms > 0:
        found |= {"waves": standing.rms, "waves_length": standing.length, "waves_angle": standing.angle}
    found |= {"line_offset": offset, "spectrum_misfit": law.misfit}
    if law.misfit > (_NEARLY if law.resolved else _OBEYED):
        return found | {"roughness_unknown": _NO_LAW}
    if cut:
        return found | {"roughness_resolved": False, "roughness_low": law.rms.low}
    found |= {"roughness_resolved": law.resolved, "roughness_low": law.rms.low,
              "correlation_length_low": law.correlation_length.low}
    if law.resolved:
        found |= _stated("roughness", law.rms) | _stated("correlation_length", law.correlation_length)
    found |= _exponent(law.hurst)
    noise = law.noise if law.noise.low > _KNOWN * law.noise.high else None
    found |= {"noise_in_image_high": law.noise.high} if noise is None else _stated("noise_in_image", noise)
    return found | {"unexplained": _unexplained(found["roughness_measured"], law, offset, standing.rms)}


def _standing(height: np.ndarray, pitch: tuple[float, float], level: int | None) -> Waves:
    """The waves of a leveled image."""
    return waves(_scanned(height), pitch, order=_order(level))


def _scanned(height: np.ndarray) -> np.ndarray:
    """Without lines and columns at the ends that a scan did not reach: they tell nothing."""
    rows, columns = (np.flatnonzero(np.isfinite(height).any(axis=axis)) for axis in (1, 0))
    return height[rows[0]: rows[-1] + 1, columns[0]: columns[-1] + 1] if rows.size else height


def _order(level: int | None) -> int:
    """Of the polynomials that are taken for bow."""
    return max(level or 0, 1) + _HIGHER


def law_of_image(height: np.ndarray, pitch: tuple[float, float], level: int | None, lines: str | int | None, *,
                 without: np.ndarray | None = None) -> tuple[Law, float]:
    """The law of the surface of a leveled image, and the rms offset of its lines (0 where they are not offset).

    Args:
        height, pitch, level, lines: as `roughness_of`.
        without: modes of waves, which are left out.

    Raises:
        DataError: as `asperity.instrument.roughness_rings.rings`.
    """
    height, order, offset, skip = _scanned(height), _order(level), 0.0, 0
    if lines is not None:
        skip = _BESIDE + (lines if isinstance(lines, int) else 0)
    elif (seen := line_offsets(height, pitch, order=order, without=without)).sure > _OFFSET:
        known = np.isfinite(height)
        mean = np.where(known, height, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        height, offset, skip = height - mean[:, None], seen.rms, _BESIDE
    found = rings(height, pitch, order=order, skip=skip, without=without)
    return law_of(found, unevenness=unevenness(height, order=order)), offset


def spectrum_of(law: Law, pitch: tuple[float, float], shape: tuple[int, ...]) -> PowerSpectrumFit:
    """The same law as denoising takes it."""
    area, reference = math.prod(pitch), law.roll_off
    lowest = 2 * math.pi * 4 / max(n * p for n, p in zip(shape, pitch, strict=True))
    covariance = np.zeros((4, 4))
    covariance[1, 1] = (2 * law.hurst.std) ** 2
    return PowerSpectrumFit(law.amplitude * area, law.exponent, law.floor * area, law.roll_off, reference, covariance,
                            (lowest, math.pi / max(pitch)), 2, math.sqrt(law.misfit), law.bend)


def _stated(name: str, found: Interval) -> dict[str, float]:
    return {name: found.value, f"{name}_std": found.std, f"{name}_low": found.low, f"{name}_high": found.high}


def _exponent(hurst: Interval) -> dict[str, Any]:
    """The Hurst exponent where it is one, between 0 and 1, else words."""
    low, high = max(hurst.low, 0.0), min(hurst.high, 1.0)
    if hurst.value > 1 and hurst.low >= 0:
        least = f"at least {hurst.low:.2f}, or none" if hurst.low < 1 else "none"
        return {"hurst_words": f"{least}: the spectrum falls as steeply as that of a surface that is smooth at the "
                               "scale of the pixel, or was seen through a blunt tip"}
    if hurst.high < 0:
        return {"hurst_words": "none: the spectrum falls less steeply than that of any self-affine surface"}
    if high - low > _PINNED:
        return {"hurst_words": "not known: noise hides how the spectrum falls, or too few wavelengths lie between the "
                               "roll-off and the pixel"}
    return _stated("hurst", Interval(float(np.clip(hurst.value, low, high)), low, high))


def _unexplained(measured: float, law: Law, offset: float, standing: float) -> float:
    """rms in the leveled image that neither roughness, noise, offsets of lines nor waves explain: mostly bow."""
    rest = measured**2 - law.rms.high**2 - law.noise.high**2 - offset**2 - standing**2
    return math.sqrt(rest) if law.resolved and rest > 0 else 0.0

"""How rough an image is: the surface without noise, leveling, bow and offsets of lines, as far as that is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from asperity.instrument.roughness_law import Interval, Law, law_of
from asperity.instrument.roughness_rings import line_offsets, rings
from asperity.instrument.spectrum_fit import PowerSpectrumFit
from asperity.messages import DataError

__all__ = ["law_of_image", "roughness_of", "spectrum_of"]

_HIGHER = 2  # orders above that of the leveling, which are taken for bow of the scanner and not for roughness
_BESIDE = 2  # columns of modes along the fast axis that an offset of lines reaches, for a polynomial of degree 0
_OFFSET = 4.0  # standard errors from which lines are offset against each other
_PINNED = 0.6  # width of the interval of an exponent within 0 ... 1, above which nothing is known of it
_KNOWN = 0.5  # of the upper end of an interval, that its lower end reaches at least, for a value to be stated


def roughness_of(height: np.ndarray, pitch: tuple[float, float], level: int | None,
                 lines: str | int | None) -> dict[str, Any]:
    """What the page and the record say of the roughness.

    Args:
        height: leveled, (rows, columns) in m, NaN where missing.
        pitch: m along rows and columns.
        level: order of the polynomial that was taken off the frame.
        lines: what was taken off each line.
    """
    found: dict[str, Any] = {"roughness_measured": float(np.nanstd(height)),
                             "missing": float(np.isnan(height).mean())}
    try:
        law, offset = law_of_image(height, pitch, level, lines)
    except DataError as error:
        return found | {"roughness_unknown": str(error)}
    found |= {"roughness_resolved": law.resolved, "roughness_low": law.rms.low, "line_offset": offset,
              "spectrum_misfit": law.misfit, "correlation_length_low": law.correlation_length.low}
    if law.resolved:
        found |= _stated("roughness", law.rms) | _stated("correlation_length", law.correlation_length)
    found |= _exponent(law.hurst)
    noise = law.noise if law.noise.low > _KNOWN * law.noise.high else None
    found |= {"noise_in_image_high": law.noise.high} if noise is None else _stated("noise_in_image", noise)
    return found | {"unexplained": _unexplained(found["roughness_measured"], law, offset)}


def law_of_image(height: np.ndarray, pitch: tuple[float, float], level: int | None,
                 lines: str | int | None) -> tuple[Law, float]:
    """The law of the surface of a leveled image, and the rms offset of its lines (0 where they are not offset).

    Raises:
        DataError: as `asperity.instrument.roughness_rings.rings`.
    """
    scanned = np.flatnonzero(np.isfinite(height).any(axis=1))  # lines that a scan did not reach tell nothing
    height = height[scanned[0]: scanned[-1] + 1] if scanned.size else height
    order = max(level or 0, 1) + _HIGHER
    if lines is not None:
        degree = lines if isinstance(lines, int) else 0
        return law_of(rings(height, pitch, order=order, skip=_BESIDE + degree)), 0.0
    offset = line_offsets(height, pitch, order=order)
    there = offset.sure > _OFFSET
    if there:
        height = height - np.nanmean(height, axis=1, keepdims=True)
    return law_of(rings(height, pitch, order=order, skip=_BESIDE if there else 0)), offset.rms if there else 0.0


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


def _unexplained(measured: float, law: Law, offset: float) -> float:
    """rms in the leveled image that neither roughness, noise nor offsets of lines explain: mostly bow."""
    rest = measured**2 - law.rms.high**2 - law.noise.high**2 - offset**2
    return math.sqrt(rest) if law.resolved and rest > 0 else 0.0

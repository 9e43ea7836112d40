"""Rough surfaces of the virtual instrument: random self-affine fields that can be shifted exactly."""

from __future__ import annotations

import math

import numpy as np
from scipy.fft import next_fast_len

from asperity.messages import ArgumentError

__all__ = ["self_affine"]


def self_affine(shape: tuple[int, int], *, hurst: float = 0.8, rms: float = 1.0, shortest: float = 3.0,
                longest: float = math.inf, shift: tuple[float, float] = (0.0, 0.0), seed: int = 0) -> np.ndarray:
    r"""A part of a periodic Gaussian random field with the isotropic spectrum $C(q) \propto q^{-2 (1 + H)}$.

    The field has the spectrum between the wavelengths ``longest`` and ``shortest`` and none outside. Its period is
    at least twice the shape, so that a part does not wrap around and has structure longer than itself. Being
    band-limited it can be displaced by any fraction of a pixel without error: ``shift`` multiplies the Fourier
    components by $e^{-2 \pi i q d}$, so that the field at x is the unshifted field at x - d.

    Args:
        shape: rows and columns, in pixels.
        hurst: H, between 0 and 1; the height difference over a distance r grows as r^H.
        rms: root mean square height of the whole period.
        shortest, longest: wavelengths in pixels; ``shortest`` is at least 2.
        shift: d in pixels, along rows and columns; the surface moves towards larger indices.
        seed: of the field; the same seed and shape give the same field, wherever it is shifted.

    Raises:
        ValueError: a wavelength below 2 pixels or a Hurst exponent outside (0, 1].
    """
    if shortest < 2 or not 0 < hurst <= 1:
        raise ArgumentError(f"shortest = {shortest:g} must be at least 2 pixels, hurst = {hurst:g} in (0, 1]")
    rows, columns = (int(next_fast_len(2 * n, real=True) or 0) for n in shape)
    qy, qx = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :]
    q = np.hypot(qy, qx)
    in_band = (q > 0) & (q >= 1 / longest) & (q <= 1 / shortest)
    amplitude = np.where(in_band, np.where(q > 0, q, 1.0) ** -(1 + hurst), 0.0)
    white = np.fft.rfft2(np.random.default_rng([seed, 15485863]).standard_normal((rows, columns)))
    spectrum = white * amplitude
    unshifted = np.fft.irfft2(spectrum, s=(rows, columns))
    moved = np.fft.irfft2(spectrum * np.exp(-2j * math.pi * (qy * shift[0] + qx * shift[1])), s=(rows, columns))
    return rms / unshifted.std() * moved[: shape[0], : shape[1]]

"""Scans of a surface that moves, exact: a sum of waves evaluated where each line was. Shares no code with asperity."""

from typing import NamedTuple

import numpy as np

__all__ = ["CURVES", "Scanned", "scanned"]

CURVES = {  # of the time in frames, for a drift of one pixel
    "linear": lambda t: t,
    "creep": lambda t: 1.5 * (1 - np.exp(-t / 0.4)) + 0.3 * t,
    "fast creep": lambda t: 1.5 * (1 - np.exp(-t / 0.1)) + 0.3 * t,
    "logarithmic creep": lambda t: np.log1p(t / 0.1) / np.log(11),
    "sine of 1.3 frames": lambda t: 0.4 * np.sin(2 * np.pi * t / 1.3) + 0.3 * t,
    "step": lambda t: 1.0 * (t > 1.5)}


class Scanned(NamedTuple):
    """One record and the truth."""

    frames: np.ndarray
    times: np.ndarray  # in frames
    directions: np.ndarray | None
    strides: np.ndarray  # (2,) pixels that the curve is multiplied with


def scanned(seed, curve, *, ways="udud", size=2.0, shape=(96, 96), shortest=4.0, hurst=0.8, noise=0.02, along=0.0,
            offsets=0.0, lag=0.0):
    """Frames up (u) and down (d), capitals with retrace; ``along``: length of the noise; ``size``: pixels of drift."""
    rng = np.random.default_rng([seed, 7919])
    waves = _waves(rng, shortest, hurst)
    strides = rng.choice([-1, 1], 2) * rng.uniform(0.5, 1.0, 2) * size
    frames, times, signs = [], [], []
    for k, way in enumerate(ways):
        order = np.arange(shape[0])[:: 1 if way.lower() == "u" else -1]
        when = k + (order + 0.5) / shape[0]
        for sign in (1, -1)[: 1 + way.isupper()]:
            moved = np.multiply.outer(CURVES[curve](when), strides)
            frames.append(_heights(waves, np.arange(shape[0]) - moved[:, 0], -moved[:, 1] - 0.5 * lag * sign, shape[1]))
            times.append(np.repeat(when[:, None], shape[1], 1))
            signs.append(sign)
    clean = np.array(frames)
    heights = clean + clean.std() * (noise * _noise(rng, clean.shape, along)
                                     + offsets * rng.standard_normal((*clean.shape[:2], 1)))
    return Scanned(heights, np.array(times), np.array(signs) if ways.isupper() else None, strides)


def _waves(rng, shortest, hurst, longest=64.0, number=1500):
    """Wave vectors along both axes, amplitudes and phases of a self-affine surface."""
    wave = 2 * np.pi / longest * (longest / shortest) ** rng.uniform(size=number)
    angle, phase = rng.uniform(0, np.pi, number), rng.uniform(0, 2 * np.pi, number)
    return wave * np.cos(angle), wave * np.sin(angle), wave**-hurst, phase


def _heights(waves, rows, starts, columns):
    """cos of the sum of a line's and a column's phase, as a product."""
    down, across, amplitude, phase = waves
    left = amplitude * np.exp(1j * (np.outer(rows, down) + np.outer(starts, across) + phase))
    right = np.exp(1j * np.outer(across, np.arange(columns)))
    return left.real @ right.real - left.imag @ right.imag


def _noise(rng, shape, along):
    noise = rng.standard_normal(shape)
    kept = np.exp(-1 / along) if along else 0.0
    for j in range(1, shape[-1]):
        noise[..., j] = kept * noise[..., j - 1] + np.sqrt(1 - kept**2) * noise[..., j]
    return noise

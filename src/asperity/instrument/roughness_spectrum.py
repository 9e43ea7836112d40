r"""The power spectrum of a height image or line, free of the bias of noise, and the law fitted to it.

Wavenumbers are $q = 2\pi/\lambda$ in rad/m. The spectrum of an image is $C(q) = |h_q|^2 / A$ in m^4 with
$\langle h^2 \rangle = (2\pi)^{-2} \int C\,d^2q$, that of a line $|h_q|^2 / L$ in m^3. A self-affine surface of Hurst
exponent H has $C \propto q^{-p}$ with p = d + 2H in d dimensions. White noise adds a constant floor.

Every transform is taken after a least-squares plane is removed, under a Hann window: its sidelobes fall as q^-6,
faster than any self-affine spectrum, so that the jump from one edge to the other leaks nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from asperity.instrument.missing import fill_harmonic
from asperity.messages import DataError

__all__ = ["Modes", "Spectrum", "isotropic_spectrum", "line_spectrum", "modes", "without_plane"]

_MOST_MISSING = 0.2  # of the pixels


class Spectrum(NamedTuple):
    """A power spectrum with its standard error; neighboring wavenumbers share a window and are correlated."""

    wavenumber: np.ndarray  # (k,) rad/m
    power: np.ndarray  # (k,) m^4 of an image, m^3 of a line
    std: np.ndarray  # (k,) of the power
    independent: np.ndarray  # (k,) modes averaged, counted as independent ones


class Modes(NamedTuple):
    """Fourier modes of one half of the reciprocal space, normalized so that |amplitude|^2 is the spectrum."""

    wavevector: np.ndarray  # (d, ...) rad/m
    amplitude: np.ndarray  # (...) complex, m^(1 + d/2)
    weight: np.ndarray  # (...) 1, or 1/2 where a mode and its conjugate are both there
    shared: float  # modes per independent mode: the window correlates neighbors


def modes(height: np.ndarray, pitch: float | tuple[float, ...]) -> Modes:
    """The windowed Fourier modes of an image (rows, columns) or a line (n,).

    Args:
        height: in m; NaN is missing and filled by `fill_harmonic`.
        pitch: m between neighbors along each axis; one number serves all axes.

    Raises:
        ValueError: fewer than 8 pixels along an axis, more than a fifth missing, or a wrong pitch.
    """
    height = np.asarray(height, np.float64)
    steps = pitches(height, pitch)
    windows = [_window(n) for n in height.shape]
    window = windows[0] if height.ndim == 1 else np.multiply.outer(*windows)
    flat = without_plane(fill_harmonic(height)) * window
    amplitude = np.fft.rfftn(flat) * math.sqrt(math.prod(steps) / np.sum(window**2))
    frequencies = [np.fft.fftfreq] * (height.ndim - 1) + [np.fft.rfftfreq]
    axes = [2 * math.pi * f(n, s) for f, n, s in zip(frequencies, height.shape, steps, strict=True)]
    weight = np.ones(amplitude.shape)
    weight[..., 0] = 0.5
    if height.shape[-1] % 2 == 0:
        weight[..., -1] = 0.5
    shared = math.prod(len(w) * np.sum(w**4) / np.sum(w**2) ** 2 for w in windows)
    return Modes(np.stack(np.meshgrid(*axes, indexing="ij")), amplitude, weight, shared)


def _window(n: int) -> np.ndarray:
    return np.hanning(n + 1)[:n]


def pitches(height: np.ndarray, pitch: float | tuple[float, ...]) -> tuple[float, ...]:
    """One pitch per axis, after a look at the data."""
    steps = tuple(float(s) for s in np.ravel(pitch))
    steps = steps * height.ndim if len(steps) == 1 else steps
    if height.ndim not in (1, 2) or len(steps) != height.ndim or not all(s > 0 for s in steps):
        raise ValueError(f"heights of shape {height.shape} need one positive pitch per axis (m); got {pitch}")
    if min(height.shape) < 8:
        raise DataError(f"heights of shape {height.shape}: a spectrum needs at least 8 pixels along each axis")
    missing = float(np.mean(~np.isfinite(height)))
    if missing > _MOST_MISSING:
        raise DataError(f"{100 * missing:.3g} % of the pixels are missing, more than {100 * _MOST_MISSING:.3g} %: "
                        "take a part of the frame with fewer gaps")
    return steps


def without_plane(height: np.ndarray) -> np.ndarray:
    """The heights less their least-squares plane (or line) over the finite pixels."""
    inside = np.isfinite(height)
    centered = [np.linspace(-1, 1, n) for n in height.shape]
    columns = [np.ones(height.shape), *np.meshgrid(*centered, indexing="ij")]
    design = np.stack([c[inside] for c in columns], axis=1)
    coefficients = np.linalg.solve(design.T @ design, design.T @ height[inside])
    return height - sum(c * x for c, x in zip(coefficients, columns, strict=True))


def isotropic_spectrum(height: np.ndarray, pitch: float | tuple[float, float], *,
                       second: np.ndarray | None = None) -> Spectrum:
    r"""The spectrum of an image averaged over directions, in m^4, up to the Nyquist wavenumber.

    With a ``second`` scan of the same place (retrace) it is the real part of the cross-spectrum
    $\langle h_1 h_2^* \rangle$: noise that the scans do not share averages to zero, so that no floor remains.
    The variance of one mode is $C^2$, of the cross-spectrum $(C_{11} C_{22} + R^2 - I^2)/2$ with its real and
    imaginary part R and I; values may be negative where noise is all there is.

    Raises:
        ValueError: as `modes`, or two scans of different shape.
    """
    first, second_modes = _pair(height, pitch, second)
    q = np.sqrt((first.wavevector**2).sum(axis=0))
    spacing = max(float(first.wavevector[0, 1, 0]), float(first.wavevector[1, 0, 1]))
    nyquist = min(math.pi / s for s in pitches(np.asarray(height), pitch))
    ring = np.rint(q / spacing).astype(int)
    inside = (ring > 0) & (q <= nyquist * (1 + 1e-9))
    size = int(ring[inside].max()) + 1
    ring[~inside] = 0

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(ring[inside], (first.weight * values)[inside], size)[1:] / total

    total = np.bincount(ring[inside], first.weight[inside], size)[1:]
    count = _independent(ring, first.weight, np.shape(height), size)
    power, std = _power(first.amplitude, second_modes, mean, count)
    return Spectrum(mean(q), power, std, count)


def _independent(ring: np.ndarray, weight: np.ndarray, shape: tuple[int, ...], size: int) -> np.ndarray:
    r"""$(\sum_k w_k)^2 / \sum_{kl} w_k w_l \rho_{k-l}^2$ of every ring from 1; $\rho$ is the window's correlation."""
    rows, columns = (np.abs(np.fft.fft(_window(n) ** 2)[:3] / np.sum(_window(n) ** 2)) ** 2 for n in shape)
    pairs = np.zeros(size)
    for i in range(-2, 3):
        for j in range(3):
            here, there = np.s_[:, : ring.shape[1] - j], np.s_[:, j:]
            other, factor = np.roll(ring, i, 0), np.roll(weight, i, 0)
            same = ring[here] == other[there]
            both = (weight[here] * factor[there])[same]
            pairs += (2 if j else 1) * rows[abs(i)] * columns[j] * np.bincount(ring[here][same], both, size)
    return np.bincount(ring.ravel(), weight.ravel(), size)[1:] ** 2 / pairs[1:]


def line_spectrum(height: np.ndarray, pitch: float, *, second: np.ndarray | None = None) -> Spectrum:
    r"""The spectrum along the fast axis (the last), averaged over the lines, in m^3.

    Line offsets do not enter. Neighboring lines of a rough surface are nearly alike, so that their number says
    nothing about the error: the independent lines at each q are counted from the data,
    $n = 2 (\sum_k P_k)^2 / \sum_k P_k^2 - 1$ over the wavenumbers k across the lines.

    Args:
        height: (lines, n) in m; NaN is missing.
        pitch: m along the line.
        second: another scan of the same place, as in `isotropic_spectrum`.

    Raises:
        ValueError: as `modes`, or two scans of different shape.
    """
    first = _line_modes(height, pitch)
    other = None if second is None else _line_modes(second, pitch)
    if other is not None and first.shape != other.shape:
        raise ValueError(f"two scans of different shape: {first.shape} and {other.shape} modes")
    across = np.abs(np.fft.fft(first, axis=0)) ** 2
    count = np.clip(2 * across.sum(axis=0) ** 2 / (across**2).sum(axis=0) - 1, 1.0, len(first))
    power, std = _power(first, other, lambda v: v.mean(axis=0), count)
    q = 2 * math.pi * np.fft.rfftfreq(np.shape(height)[1], pitch)
    return Spectrum(q[1:], power[1:], std[1:], count[1:])


def _line_modes(height: np.ndarray, pitch: float) -> np.ndarray:
    filled = fill_harmonic(np.asarray(height, np.float64))
    pitches(np.asarray(height), pitch)
    window = _window(filled.shape[1])
    place = np.linspace(-1, 1, filled.shape[1])
    level, slope = filled.mean(axis=1), filled @ place / (place @ place)
    flat = filled - level[:, None] - slope[:, None] * place
    return np.fft.rfft(flat * window, axis=1) * math.sqrt(pitch / np.sum(window**2))


def _pair(height: np.ndarray, pitch: float | tuple[float, ...],
          second: np.ndarray | None) -> tuple[Modes, np.ndarray | None]:
    if second is not None and np.shape(second) != np.shape(height):
        raise ValueError(f"two scans of different shape: {np.shape(height)} and {np.shape(second)}")
    return modes(height, pitch), None if second is None else modes(second, pitch).amplitude


def _power(first: np.ndarray, second: np.ndarray | None, mean, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (cross-)power and its standard error."""
    own = mean(np.abs(first) ** 2)
    if second is None:
        return own, own / np.sqrt(count)
    cross = first * np.conj(second)
    real, imaginary, other = mean(np.real(cross)), mean(np.imag(cross)), mean(np.abs(second) ** 2)
    return real, np.sqrt(np.maximum(own * other + real**2 - imaginary**2, 0.0) / (2 * count))

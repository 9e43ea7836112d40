r"""The roughness that leveling takes away, and the roughness without that bias.

Leveling by least squares is a projection: from heights h with covariance K it leaves $(1 - P) h$, whose mean square is

$$\langle S_q^2 \rangle = \sigma^2 (1 - \beta), \qquad \beta = \frac{1}{N \sigma^2} \sum_k \phi_k^T K \phi_k$$

with the orthonormal functions $\phi_k$ removed. For a correlation length T much shorter than the frame every
function removed costs the same: $\beta \to (j+1) \int\!\rho\,dx / L$ for a polynomial of degree j along each line of
length L, and $n \int\!\rho\,d^2r / A$ for n functions over an area A, where $\rho$ is the autocorrelation. The median
of a line of Gaussian heights instead of its mean changes $\int\!\rho$ to $\int (2 \rho - \arcsin \rho)$, since
$cov(h, m) \to \int\!\rho/L$ and $var(m) \to \int\!\arcsin \rho / L$. The problem and other closed forms: Necas,
Klapetek and Valtr, arXiv 2001.00433. The measured autocorrelation suffers in the same way, so that the correlation
length must be found from a model of the *leveled* one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from asperity.instrument.leveling import polynomials
from asperity.messages import ArgumentError, DataError

__all__ = ["Roughness", "corrected_roughness", "leveling_bias"]

_GRID = {1: 512, 2: 64}  # points along an axis on which smooth functions are enough
_LAGS = 24  # of the autocovariance that its model is fitted to, at most


class Roughness(NamedTuple):
    """Roughness with and without the bias of leveling."""

    measured: float  # m, rms of the leveled image
    rms: float  # m, corrected; NaN where not resolved
    std: float  # m, standard error of ``rms``, because the frame holds few correlation lengths; NaN likewise
    bias: float  # share of the mean square that leveling took away
    correlation_length: float  # m, where the autocorrelation is 1/e
    exponent: float  # e in exp(-(r/T)^e): 2 is Gaussian, 1 exponential
    resolved: bool  # False: the correlation length is beyond a tenth of the frame and ``measured`` a lower bound


class _Removed(NamedTuple):
    """The functions removed from one unit (a line or the frame), orthonormal on a grid over it."""

    functions: np.ndarray  # (terms, ...)
    lengths: tuple[float, ...]  # m
    median: bool


def leveling_bias(shape: tuple[int, int], pitch: float | tuple[float, float], correlation_length: float, *,
                  exponent: float = 2.0, lines: int | str | None = None,
                  polynomial: int | tuple[int, int] | None = None) -> float:
    r"""The share beta of the mean square height that leveling removes from a surface with $\rho = e^{-(r/T)^e}$.

    Args:
        shape: of the image, (rows, columns).
        pitch: m along (rows, columns), or one number.
        correlation_length: T in m.
        exponent: e, above 0 and at most 2.
        lines: degree of the polynomial removed from each line, or "median"; or
        polynomial: order removed from the frame, as in `level_polynomial`.

    Raises:
        ValueError: not exactly one of lines and polynomial, or a length or exponent out of range.
    """
    if not (correlation_length > 0 and 0 < exponent <= 2):
        raise ArgumentError(f"correlation_length = {correlation_length:g} m must be above 0, exponent = {exponent:g} "
                            "in (0, 2]")
    removed = _removed(shape, pitch, lines, polynomial)
    return float(-_deficit(removed, correlation_length, exponent, np.zeros(1))[0])


def corrected_roughness(leveled: np.ndarray, pitch: float | tuple[float, float], *, lines: int | str | None = None,
                        polynomial: int | tuple[int, int] | None = None) -> Roughness:
    r"""The rms roughness of a surface from its leveled image, without the bias of the leveling named.

    Fits $\sigma^2$, T and e to the autocorrelation along the fast axis with the effect of the leveling in the model.
    The standard error is that of a mean square over $A / \int\!\rho^2 d^2r$ independent patches of an isotropic
    Gaussian surface, enlarged by 1/(1 - beta) for the correction's own. Where the correlation length is not resolved
    (see `Roughness`) no correction is given: a surface that goes on to get rougher at the size of the frame has no rms
    roughness of its own. Noise counts as roughness: average or denoise first.

    Args:
        leveled: (rows, columns) in m, NaN where missing.
        pitch, lines, polynomial: as `leveling_bias`; where both kinds were removed, name the lines.

    Raises:
        ValueError: as `leveling_bias`, or an image without roughness.
    """
    leveled = np.asarray(leveled, np.float64)
    removed = _removed(leveled.shape, pitch, lines, polynomial)
    steps = _steps(pitch)
    measured = _autocorrelation(leveled)
    if not measured[0] > 0:
        raise DataError("the image is flat: there is no roughness to correct")
    below = np.flatnonzero(measured < measured[0] / math.e)
    start = max(int(below[0]) if len(below) else len(measured) // 4, 2)
    last = min(3 * start, len(measured) - 1)
    lags = np.unique(np.linspace(0, last, _LAGS).astype(int))
    length, exponent = _fit(removed, lags * steps[1], measured[lags], start * steps[1])
    bias = float(-_deficit(removed, length, exponent, np.zeros(1))[0])
    sizes = [n * s for n, s in zip(leveled.shape, steps, strict=True)]
    resolved = length < min(sizes) / 10
    variance = measured[0] / (1 - bias) if resolved else math.nan
    patch = 2 * math.pi / exponent * math.gamma(2 / exponent) * (length / 2 ** (1 / exponent)) ** 2
    relative = math.sqrt(2 * patch / math.prod(sizes)) / (1 - bias)
    return Roughness(math.sqrt(measured[0]), math.sqrt(variance), math.sqrt(variance) * relative / 2, bias, length,
                     exponent, bool(resolved))


def _steps(pitch: float | tuple[float, float]) -> tuple[float, float]:
    steps = tuple(float(s) for s in np.broadcast_to(np.asarray(pitch, np.float64), 2))
    if not min(steps) > 0:
        raise ArgumentError(f"pitch = {pitch} must be above 0, in m")
    return steps[0], steps[1]


def _removed(shape: tuple[int, ...], pitch: float | tuple[float, float], lines: int | str | None,
             polynomial: int | tuple[int, int] | None) -> _Removed:
    if (lines is None) == (polynomial is None) or (isinstance(lines, str) and lines != "median"):
        raise ArgumentError(f"lines = {lines!r} and polynomial = {polynomial!r}: name one of them; lines are a degree "
                            "or 'median'")
    lengths = tuple(n * s for n, s in zip(shape, _steps(pitch), strict=True))
    if polynomial is not None:
        grid = tuple(min(n, _GRID[2]) for n in shape)
        functions = polynomials(grid, polynomial)
    else:
        degree = 0 if isinstance(lines, str) or lines is None else lines
        functions = polynomials((1, min(shape[1], _GRID[1])), (0, degree))[:, 0]
        lengths = lengths[1:]
    flat = np.linalg.qr(functions.reshape(len(functions), -1).T)[0].T
    return _Removed(flat.reshape(functions.shape), lengths, lines == "median")


def _deficit(removed: _Removed, length: float, exponent: float, lags: np.ndarray) -> np.ndarray:
    r"""Expected leveled autocorrelation less $\rho$, per $\sigma^2$, at distances along the fast axis (m)."""
    functions = removed.functions
    shape = functions.shape[1:]
    steps = [size / n for size, n in zip(removed.lengths, shape, strict=True)]
    axes = [np.fft.fftfreq(2 * n, 1 / (2 * n)) * s for n, s in zip(shape, steps, strict=True)]
    distance = np.sqrt(np.sum(np.meshgrid(*(a**2 for a in axes), indexing="ij"), axis=0))
    correlation = np.exp(-((distance / length) ** exponent))
    padded, dims = tuple(2 * n for n in shape), tuple(range(1, len(shape) + 1))
    kernel = np.fft.rfftn(correlation)
    spread = np.fft.irfftn(np.fft.rfftn(functions, padded, dims) * kernel, padded, dims)
    images = spread[(slice(None), *(slice(n) for n in shape))]
    inner = np.tensordot(functions, images, (dims, dims))
    whole = np.arange(max(shape[-1] // 2, 1))
    table = np.array([_pair_mean(functions, images, inner, k) for k in whole])
    if removed.median:
        table *= np.sum(2 * correlation - np.arcsin(np.minimum(correlation, 1))) / np.sum(correlation)
    return np.interp(lags, whole * steps[-1], table)


def _pair_mean(functions: np.ndarray, images: np.ndarray, inner: np.ndarray, lag: int) -> float:
    """Mean over pairs of pixels ``lag`` apart of (P K P - P K - K P)."""
    n = functions.shape[-1]
    here, there = functions[..., : n - lag], functions[..., lag:]
    both = np.tensordot(inner, there, (1, 0)) * here
    cross = here * images[..., lag:] + images[..., : n - lag] * there
    return float((both - cross).sum() / here[0].size)


def _autocorrelation(height: np.ndarray) -> np.ndarray:
    """Mean product of heights at each lag along the fast axis up to half of it, over pairs that are both there."""
    seen = np.isfinite(height)
    n = height.shape[1]
    product, pairs = (np.fft.irfft((np.abs(np.fft.rfft(v, 2 * n, axis=1)) ** 2).sum(axis=0))[: n // 2]
                      for v in (np.where(seen, height, 0.0), seen.astype(float)))
    return product / np.maximum(pairs, 1)


def _fit(removed: _Removed, distance: np.ndarray, measured: np.ndarray, start: float) -> tuple[float, float]:
    """T and e whose leveled autocorrelation is nearest to the measured one; the amplitude follows linearly."""
    def residual(parameters: np.ndarray) -> np.ndarray:
        length, exponent = math.exp(parameters[0]), parameters[1]
        model = np.exp(-((distance / length) ** exponent)) + _deficit(removed, length, exponent, distance)
        return (measured - model * (model @ measured) / (model @ model)) / measured[0]

    bounds = ([math.log(start / 10), 0.3], [math.log(10 * removed.lengths[-1]), 2.0])
    found = least_squares(residual, [math.log(start), 1.5], bounds=bounds, x_scale=[0.3, 0.3])
    return math.exp(found.x[0]), float(found.x[1])

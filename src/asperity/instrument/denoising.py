r"""Denoising with the spectrum of the surface itself: the posterior of a Gaussian process, without a wrap-around.

The prior is the field whose cosine modes (DCT-II, $q_k = \pi k / L$) are independent with the fitted spectrum C: the
stationary field folded at the edges of the frame, so that nothing is joined to the opposite edge. Under white noise of
spectrum n, the posterior of every mode has the mean $C/(C+n)$ times the data and the variance $C n/(C + n)$.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.fft import dctn, idctn
from scipy.sparse.linalg import LinearOperator, cg

from asperity.instrument.missing import fill_harmonic
from asperity.instrument.roughness_spectrum import pitches, without_plane
from asperity.instrument.spectrum_fit import PowerSpectrumFit, fit_spectrum
from asperity.messages import DataError

__all__ = ["Denoised", "denoise", "posterior_draws"]


_ITERATIONS = 3000  # of conjugate gradients that fill missing pixels, at most
_RTOL = 1e-4  # of the right-hand side, left over by them: the posterior is then within 0.01 of its std


class Denoised(NamedTuple):
    """The posterior of the surface; NaN wherever the data are missing."""

    height: np.ndarray  # m, the posterior mean: the least squared error, but rough parts lost in noise are smooth
    std: np.ndarray  # m, posterior standard deviation of each pixel
    restored: np.ndarray  # m, the same with each mode's power brought back to that of the surface
    spectrum: PowerSpectrumFit


class _Problem(NamedTuple):
    """Data without their plane in cosine modes, with the spectra of signal and noise per mode, in m^2."""

    modes: np.ndarray
    signal: np.ndarray
    noise: float
    plane: np.ndarray
    missing: np.ndarray


def denoise(height: np.ndarray, pitch: float | tuple[float, ...], *, second: np.ndarray | None = None,
            spectrum: PowerSpectrumFit | None = None) -> Denoised:
    r"""An image or a line freed of white noise, as far as its own spectrum allows.

    ``height`` of the result is the posterior mean: no estimate has a smaller expected squared error under the prior,
    but its spectrum is $C^2/(C+n)$: it falls below the surface's where noise wins. ``restored`` has the gain
    $\sqrt{C/(C+n)}$ instead: it keeps the spectrum C of the surface, at a squared error $2 C (1 - \sqrt{C/(C+n)})$ per
    mode, at most twice as large; the finest structure in it has the right size but partly noise's shape.

    ``std`` is exact under the prior for a full frame; beside missing pixels it is a little too small. Scars cost half
    a second in 512 x 512 pixels, one hole of 120 x 150 pixels ten: crop the frame where that is too long. The plane is
    not shrunk: it is removed first and added again. Read ``spectrum.misfit`` before trusting any of it.

    Args:
        height: (rows, columns) or (n,) in m, NaN where missing. Level lines first: line offsets are not white noise.
        pitch: m along each axis; one number serves all.
        second: the same place scanned again (retrace), with noise of equal size of its own; the mean is denoised.
        spectrum: the law and floor to use, of the mean where there are two scans; default `fit_spectrum`.

    Raises:
        ValueError: as `fit_spectrum`; or a spectrum of another dimension or without floor.
    """
    problem, spectrum = _prepare(height, pitch, second, spectrum)
    total = problem.signal + problem.noise
    gain = problem.signal / total
    kept, restored = (_back(problem, g * problem.modes) for g in (gain, np.sqrt(gain)))
    std = np.where(problem.missing, np.nan, np.sqrt(_pixel_variance(gain * problem.noise)))
    return Denoised(kept, std, restored, spectrum)


def posterior_draws(height: np.ndarray, pitch: float | tuple[float, ...], *, count: int, seed: int = 0,
                    second: np.ndarray | None = None, spectrum: PowerSpectrumFit | None = None) -> np.ndarray:
    """Surfaces that the data leave possible, (count, ...) in m: for the error of anything computed from a surface.

    Each has the full roughness of the surface at every wavelength. The mean over many is `denoise`'s height. Of a
    full frame they are exact draws; beside missing pixels they spread a little too little.

    Raises:
        ValueError: as `denoise`.
    """
    problem, _ = _prepare(height, pitch, second, spectrum)
    gain = problem.signal / (problem.signal + problem.noise)
    spread = np.sqrt(gain * problem.noise)
    rng = np.random.default_rng([seed, 32452843])
    noises = rng.standard_normal((count, *problem.modes.shape))
    return np.stack([_back(problem, gain * problem.modes + spread * noise) for noise in noises])


def _prepare(height: np.ndarray, pitch: float | tuple[float, ...], second: np.ndarray | None,
             spectrum: PowerSpectrumFit | None) -> tuple[_Problem, PowerSpectrumFit]:
    height = np.asarray(height, np.float64)
    steps = pitches(height, pitch)
    spectrum = fit_spectrum(height, steps, second=second) if spectrum is None else spectrum
    if spectrum.dimensions != height.ndim or not spectrum.floor > 0:
        raise DataError(f"a spectrum of {spectrum.dimensions} dimensions with floor {spectrum.floor:g} does not serve "
                        f"data of {height.ndim}: without a floor above 0 there is no noise to remove")
    data = height if second is None else (height + second) / 2
    axes = [math.pi * np.arange(n) / (n * s) for n, s in zip(data.shape, steps, strict=True)]
    squared = np.sum(np.meshgrid(*(a**2 for a in axes), indexing="ij"), axis=0)
    squared.flat[0] = min(a[1] for a in axes) ** 2  # the mean, which is not shrunk either way
    area = math.prod(steps)
    signal, noise = spectrum.signal(np.sqrt(squared)) / area, spectrum.floor / area
    flat = without_plane(data)
    missing = ~np.isfinite(data)
    filled = _complete(flat, missing, 1 / (signal + noise)) if missing.any() else flat
    return _Problem(_cosine(filled), signal, noise, data - flat, missing), spectrum


def _cosine(values: np.ndarray) -> np.ndarray:
    return np.asarray(dctn(values, norm="ortho"))


def _complete(flat: np.ndarray, missing: np.ndarray, precision: np.ndarray) -> np.ndarray:
    r"""The data with their expected values at missing pixels m, $y_m = -Q_{mm}^{-1} Q_{mo}\, y_o$, Q = (K + n)^{-1}."""
    def apply(values: np.ndarray) -> np.ndarray:
        return np.asarray(idctn(precision * _cosine(values), norm="ortho"))[missing]

    def within(unknown: np.ndarray) -> np.ndarray:
        whole = np.zeros(flat.shape)
        whole[missing] = unknown
        return apply(whole)

    size = int(missing.sum())
    start = fill_harmonic(flat)
    operator = LinearOperator((size, size), matvec=within, dtype=np.float64)  # pyright: ignore[reportCallIssue]
    right = -apply(np.where(missing, 0.0, flat))
    solution, failed = cg(operator, right, x0=start[missing], rtol=_RTOL, maxiter=_ITERATIONS)
    if failed:
        raise DataError(f"the missing pixels could not be filled in {_ITERATIONS} steps: mask smaller holes, or "
                        "denoise parts of the frame")
    start[missing] = solution
    return start


def _back(problem: _Problem, modes: np.ndarray) -> np.ndarray:
    surface = np.asarray(idctn(modes, norm="ortho")) + problem.plane
    return np.where(problem.missing, np.nan, surface)


def _pixel_variance(variance: np.ndarray) -> np.ndarray:
    r"""$\sum_k v_k \prod_a \phi_{k_a}(x_a)^2$ with $\phi_k(x)^2 = (1 + \cos 2 \pi k (x + 1/2)/N)/N$ (1/N for k = 0)."""
    for axis, n in enumerate(variance.shape):
        k = np.arange(n)
        squared = (1 + np.cos(2 * math.pi * np.outer(k + 0.5, k) / n)) / n
        squared[:, 0] = 1 / n
        variance = np.moveaxis(np.tensordot(squared, variance, (1, axis)), 0, axis)
    return variance

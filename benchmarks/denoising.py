"""Denoising of rough images beside generic filters: what is left of the slope, how close, how fast.

`python -m benchmarks.denoising` prints the table of the reference (512 x 512, white noise of 5 % of the rms) and the
smoothing of force curves. scikit-image adds its rows where it is installed.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter
from scipy.signal import savgol_filter

from asperity.instrument.curve_smoothing import smooth_curve
from asperity.instrument.denoising import denoise
from asperity.instrument.leveling import find_scars, level_lines, level_polynomial
from asperity.instrument.roughness_spectrum import isotropic_spectrum
from asperity.instrument.spectrum_fit import fit_spectrum
from asperity.virtual.surface import self_affine

NOISE = 0.05  # of the rms of the surface
LONGEST = 512 / 2.83  # pixels, which gives the reference's errors of the filters
BAND = (2 * math.pi * 0.02, 2 * math.pi * 0.3)  # rad per pixel

Image = np.ndarray
Method = Callable[[Image, Image], Image]


def slope(height: Image) -> float:
    """Log-log slope of the isotropic spectrum over the reference's band, every ring counted once."""
    spectrum = isotropic_spectrum(height, 1.0)
    inside = (spectrum.wavenumber >= BAND[0]) & (spectrum.wavenumber <= BAND[1])
    return float(np.polyfit(np.log(spectrum.wavenumber[inside]), np.log(spectrum.power[inside]), 1)[0])


def cross_slope(a: Image, b: Image) -> float:
    """The same of the cross-spectrum of two scans."""
    spectrum = isotropic_spectrum(a, 1.0, second=b)
    inside = (spectrum.wavenumber >= BAND[0]) & (spectrum.wavenumber <= BAND[1]) & (spectrum.power > 0)
    return float(np.polyfit(np.log(spectrum.wavenumber[inside]), np.log(spectrum.power[inside]), 1)[0])


def skimage_methods() -> dict[str, Method]:
    """Total variation and wavelets of scikit-image, or nothing without it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from skimage.restoration import denoise_tv_chambolle, denoise_wavelet  # pyright: ignore
    except ImportError:
        return {}
    wavelet = partial(denoise_wavelet, method="BayesShrink", mode="soft", rescale_sigma=False)
    return {"skimage total variation, 0.05": lambda a, b: denoise_tv_chambolle(a, weight=0.05),
            "skimage wavelet, BayesShrink": lambda a, b: wavelet(a)}


METHODS: dict[str, Method] = {
    "one scan as it is": lambda a, b: a,
    "Gaussian sigma 1": lambda a, b: gaussian_filter(a, 1),
    "median 3 x 3": lambda a, b: median_filter(a, 3),
    **skimage_methods(),
    "asperity posterior mean": lambda a, b: denoise(a, 1.0).height,
    "asperity restored": lambda a, b: denoise(a, 1.0).restored,
    "mean of two scans": lambda a, b: (a + b) / 2,
    "Gaussian sigma 1 of the mean": lambda a, b: gaussian_filter((a + b) / 2, 1),
    "asperity posterior mean, two scans": lambda a, b: denoise(a, 1.0, second=b).height,
    "asperity restored, two scans": lambda a, b: denoise(a, 1.0, second=b).restored,
}


def cpu(function: Callable[[], object], repeats: int = 5) -> float:
    """CPU seconds, the least of several runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def images(hurst: float, seeds: range, longest: float) -> None:
    """One table: slope bias, rmse, CPU time; then slopes from spectra without any denoising."""
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    spectra: dict[str, list[float]] = {"cross-spectrum of two scans": [], "Whittle fit, one scan": [],
                                       "Whittle fit, two scans": []}
    pair = np.zeros((2, 512, 512))
    for seed in seeds:
        surface = self_affine((512, 512), hurst=hurst, shortest=2, longest=longest, seed=seed)
        surface = surface / surface.std()
        true = slope(surface)
        pair = surface + NOISE * np.random.default_rng([seed, 1]).standard_normal((2, 512, 512))
        for name, method in METHODS.items():
            image = method(*pair)
            rows[name].append((slope(image) - true, float(np.sqrt(np.mean((image - surface) ** 2)))))
        law = -2 - 2 * hurst
        spectra["cross-spectrum of two scans"].append(cross_slope(*pair) - true)
        spectra["Whittle fit, one scan"].append(-fit_spectrum(pair[0], 1.0).exponent - law)
        spectra["Whittle fit, two scans"].append(-fit_spectrum(pair[0], 1.0, second=pair[1]).exponent - law)
    print(f"\nH = {hurst}, longest wavelength {longest:.0f} px, {len(seeds)} surfaces of unit rms")
    print(f"{'':36} {'slope bias':>10} {'rmse':>7} {'CPU s':>7}")
    for name, values in rows.items():
        bias, rmse = np.mean(values, axis=0)
        print(f"{name:36} {bias:+10.3f} {rmse:7.4f} {cpu(partial(METHODS[name], *pair), 3):7.3f}")
    for name, errors in spectra.items():
        print(f"{name:36} {np.mean(errors):+10.3f}       -       -   (no denoising: a slope alone)")


def curves(count: int = 20, samples: int = 512) -> None:
    """Force curves of a sphere with 2 % noise: rmse in units of the noise, and the time of one."""
    x = np.linspace(0, 1, samples)
    force = (np.maximum(x - 0.3, 0) / 0.7) ** 1.5 + 0.1 * x
    noisy = force + 0.02 * np.random.default_rng(0).standard_normal((count, samples))
    methods: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "asperity smooth_curve": lambda y: smooth_curve(x, y).force,
        **{f"Savitzky-Golay, cubic, {w}": partial(savgol_filter, window_length=w, polyorder=3)
           for w in (11, 21, 41, 81)}}
    print(f"\nforce curves of a sphere, {samples} samples, noise 2 % of the largest force")
    print(f"{'':36} {'rmse/noise':>10} {'CPU ms':>15}")
    for name, method in methods.items():
        error = np.sqrt(np.mean([(method(y) - force) ** 2 for y in noisy])) / 0.02
        print(f"{name:36} {error:10.3f} {1e3 * cpu(partial(method, noisy[0])):15.2f}")


def times() -> None:
    """The rest of the image chain on 512 x 512."""
    surface = self_affine((512, 512), hurst=0.8, shortest=2, seed=0)
    surface += NOISE * np.random.default_rng(0).standard_normal(surface.shape)
    print(f"\n{'512 x 512':36} {'CPU s':>10}")
    for name, function in {"plane": lambda: level_polynomial(surface),
                           "plane, features left out": lambda: level_polynomial(surface, threshold=4.0),
                           "line medians": lambda: level_lines(surface),
                           "scars": lambda: find_scars(surface),
                           "isotropic spectrum": lambda: isotropic_spectrum(surface, 1.0),
                           "fit of the spectrum": lambda: fit_spectrum(surface, 1.0)}.items():
        print(f"{name:36} {cpu(function, 3):10.3f}")


if __name__ == "__main__":
    for exponent in (0.5, 0.8):
        images(exponent, range(4), LONGEST)
    images(0.8, range(4), math.inf)
    curves()
    times()

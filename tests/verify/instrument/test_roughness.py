"""Roughness, correlation length and Hurst exponent of noisy images: how often their intervals hold.

``python -m tests.verify.instrument.test_roughness [images [pixels]]`` prints every condition.
"""

import sys

import numpy as np
import pytest

from asperity.measurements.images.roughness import roughness_of
from tests.verify.verdict import Figure, judge

#: shape of the roll-off, its length in pixels, Hurst exponent
SURFACES = [("rounded", 5, 0.3), ("rounded", 5, 0.8), ("rounded", 8, 0.5), ("rounded", 12, 0.8), ("rounded", 20, 0.3),
            ("rounded", 40, 0.5), ("sharp", 5, 0.5), ("sharp", 8, 0.8), ("sampled", 8, 0.5),
            ("sampled", 4, 1.0), ("sampled", 8, 1.0)]  # the last two are smooth: a Gaussian correlation
NOISES = (0.0, 0.3, 1.0)  # of the rms of the surface
NM = 1e-9


def spectrum(size, length, hurst, kind):
    """Of rms 1 on a torus: a self-affine law with a roll-off, or a correlation exp(-(r/T)^2H) sampled at the pixels."""
    frequency = np.fft.fftfreq(size)
    scaled = 2 * np.pi * length * np.hypot(frequency[:, None], frequency)
    if kind == "rounded":
        power = (1 + scaled**2) ** -(1 + hurst)
    elif kind == "sharp":
        power = np.maximum(scaled, 1.0) ** -(2 + 2 * hurst)
    else:
        lag = np.minimum(np.arange(size), size - np.arange(size))
        correlation = np.exp(-((np.hypot(lag[:, None], lag) / length) ** (2 * hurst)))
        power = np.maximum(np.fft.fft2(correlation).real, 0.0)
    return power * size**2 / power.sum()


def surface(pixels, length, hurst, kind, rng):
    """A frame out of a larger torus with rms 1, and the lag in pixels at which its correlation is 1/e."""
    size = max(2 * pixels, pixels + 10 * length)
    power = spectrum(size, length, hurst, kind)
    heights = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) * np.sqrt(power)).real
    correlation = np.fft.ifft2(power).real[0]
    after = int(np.argmax(correlation < np.exp(-1)))
    part = (correlation[after - 1] - np.exp(-1)) / (correlation[after - 1] - correlation[after])
    return heights[:pixels, :pixels], after - 1 + part


def leveled(heights):
    """Less the least-squares plane."""
    place = np.linspace(-1, 1, len(heights))
    design = np.stack([np.ones(heights.shape), *np.meshgrid(place, place)], axis=-1).reshape(-1, 3)
    return heights - (design @ np.linalg.lstsq(design, heights.ravel(), rcond=None)[0]).reshape(heights.shape)


def rows(condition, noise, count, pixels, *, bow=0.0, lines=0.0):
    """For each image and quantity: 1 its interval holds, 0 not, NaN none is given; likewise for the lower bound."""
    kind, length, hurst = condition
    found, place = [], np.linspace(-1, 1, pixels)
    for seed in range(count):
        rng = np.random.default_rng([seed, pixels, length, round(10 * hurst), round(10 * noise), len(kind)])
        heights, lag = surface(pixels, length, hurst, kind, rng)
        heights = heights + noise * rng.normal(size=heights.shape)
        heights = heights + bow * place**2 + lines * rng.normal(size=(pixels, 1))
        said = roughness_of(NM * leveled(heights), (NM, NM), 1, None)
        truth = {"roughness": NM, "correlation_length": lag * NM, "hurst": hurst}
        found.append([said[f"{name}_low"] <= true <= said[f"{name}_high"] if name in said else np.nan
                      for name, true in truth.items()] + [said["roughness_low"] <= NM])
    return np.array(found, float)


def shares(table):
    """How often each is given, and holds where it is."""
    given = np.isfinite(table)
    return given.mean(axis=0), np.nansum(table, axis=0) / np.maximum(given.sum(axis=0), 1)


def figures(table):
    """Of intervals that should hold 95 %, and of lower bounds that should hold 97.5 %."""
    names = ("Sq", "correlation length", "Hurst exponent", "Sq is at least")
    return [Figure(f"{name}, given {100 * given:.0f} %", share, 0.9) for name, given, share in
            zip(names, *shares(table), strict=True)]


def test_intervals_hold_under_noise():
    """Five images of each of 33 conditions, 128 x 128 pixels."""
    judge("Roughness under noise, 95 % intervals", figures(np.concatenate(
        [rows(condition, noise, 5, 128) for condition in SURFACES for noise in NOISES])))


@pytest.mark.parametrize(("bow", "lines"), [(5.0, 0.0), (0.0, 0.5)])
def test_bow_and_line_offsets_are_no_roughness(bow, lines):
    """A bow of second order under a plane, and offsets of lines that were not taken off."""
    judge(f"Roughness beside a bow of {bow:g} and line offsets of {lines:g} rms", figures(np.concatenate(
        [rows(condition, 0.3, 12, 128, bow=bow, lines=lines) for condition in SURFACES[:3]])))


def main(count=20, pixels=128):
    """Every condition."""
    everything = []
    for condition in SURFACES:
        for noise in NOISES:
            table = rows(condition, noise, count, pixels)
            everything.append(table)
            parts = [f"{100 * share:.0f} % of {100 * given:.0f}" for given, share in zip(*shares(table), strict=True)]
            print(condition, f"noise {noise:g}:", "; ".join(parts), flush=True)
    judge(f"All, {pixels} x {pixels} pixels", figures(np.concatenate(everything)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

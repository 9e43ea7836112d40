"""Surfaces that are no random roughness alone: what is said of Sq and correlation length, and how often it is true.

Gratings, arrays of dots, particles, cells and stripes, alone or on a rough surface, and mains hum that is none of the
surface. ``python -m tests.verify.instrument.test_roughness_patterns [images [pixels [seed]]]`` prints every kind.
"""

import sys

import numpy as np

from asperity.measurements.images.roughness import roughness_of
from tests.verify.instrument.test_roughness import NM, leveled, surface
from tests.verify.verdict import Figure, judge

LAGS = np.arange(0.0, 80.0, 0.25)  # pixels
NOISE = 0.05


def sine(phase):
    return np.sqrt(2) * np.sin(2 * np.pi * phase)


def square(phase):
    return np.where(phase % 1 < 0.5, 1.0, -1.0)


def ramps(phase):
    """Flat tops and bottoms with flanks of a tenth of the period."""
    return np.clip(5 * np.abs((phase % 1) - 0.5) - 1.25, -0.5, 0.5)


def grating(profile, pitch, degrees):
    """Of the plane, as a function of x and y in pixels."""
    along, across = np.cos(np.radians(degrees)) / pitch, np.sin(np.radians(degrees)) / pitch
    return lambda x, y: profile(x * along + y * across)


def dots(pitch, degrees, radius=0.3, *, sharp=False):
    """A square lattice of round dots, flat with sharp rims or rounded."""
    turn = np.radians(degrees)

    def heights(x, y):
        u, v = (x * np.cos(turn) + y * np.sin(turn)) / pitch, (y * np.cos(turn) - x * np.sin(turn)) / pitch
        square_distance = ((u % 1) - 0.5) ** 2 + ((v % 1) - 0.5) ** 2
        return 1.0 * (square_distance < radius**2) if sharp else np.exp(-square_distance / (2 * (radius / 2) ** 2))

    return heights


def measured(pattern):
    """The rms of a periodic pattern and its autocorrelation over the directions, at random places of the plane."""
    rng = np.random.default_rng(7)
    x, y = rng.uniform(0, 5000, (2, 100_000))
    angle = rng.uniform(0, 2 * np.pi, x.size)
    here = pattern(x, y)
    here = here - here.mean()
    there = [np.mean(here * pattern(x + lag * np.cos(angle), y + lag * np.sin(angle))) for lag in LAGS]
    return here.std(), np.array(there) / here.var()


def crossing(correlation):
    """The lag at which it has fallen to 1/e."""
    after = int(np.argmax(correlation < np.exp(-1)))
    part = (correlation[after - 1] - np.exp(-1)) / (correlation[after - 1] - correlation[after])
    return LAGS[after - 1] + part * (LAGS[after] - LAGS[after - 1])


def of_pattern(pattern, rough=0.0):
    """Images of a pattern of rms 1 with roughness of so much; a random part of the plane."""
    rms, own = measured(pattern)
    # (1 + (5 q)^2)^-1.5, H = 0.5: the correlation is exp(-r / 5)
    correlation = (own + rough**2 * np.exp(-LAGS / 5)) / (1 + rough**2)

    def image(pixels, rng):
        x, y = np.meshgrid(np.arange(pixels), np.arange(pixels))
        place = rng.uniform(0, 5000, 2)
        heights = pattern(x + place[0], y + place[1]) / rms
        return heights + rough * surface(pixels, 5, 0.5, "rounded", rng)[0]

    return image, (rough, np.hypot(1, rough)), crossing(correlation)


def of_hum(periods, size):
    """A rough surface under a sine of so many pixels that goes on from line to line, retrace included."""
    def image(pixels, rng):
        time = np.arange(pixels)[:, None] * (2 * pixels + rng.uniform(0, 20)) + np.arange(pixels)
        hum = sum(np.sin(2 * np.pi * (time / period + rng.random())) for period in periods)
        return surface(pixels, 5, 0.5, "rounded", rng)[0] + size * np.sqrt(2 / len(periods)) * hum

    return image, (1.0, 1.0), crossing(np.exp(-LAGS / 5))


def of_bumps(shape, reach, density):
    """Bumps at random places, as many as the chance has it: Campbell's theorem gives rms and autocorrelation."""
    fine = np.arange(-3 * reach, 3 * reach + 1)
    kernel = shape(np.hypot(fine[:, None], fine))
    wide = np.abs(np.fft.fft2(kernel, (512, 512))) ** 2
    own = np.fft.ifft2(wide).real
    x, y = np.meshgrid(np.arange(120), np.arange(120))
    distance = np.hypot(x, y).ravel()
    correlation = np.array([own[:120, :120].ravel()[np.abs(distance - lag) <= 0.5].mean() for lag in LAGS]) / own[0, 0]

    def image(pixels, rng):
        wide = pixels + 8 * reach
        heights = np.zeros((pixels, pixels))
        rows, columns = np.ogrid[:pixels, :pixels]
        for row, column in rng.uniform(-4 * reach, pixels + 4 * reach, (rng.poisson(density * wide**2), 2)):
            heights += shape(np.hypot(rows - row, columns - column))
        return heights / np.sqrt(density * (kernel**2).sum())

    return image, (1.0, 1.0), crossing(correlation)


def of_stretched(times):
    """Roughness that is so many times as long along x."""
    angle = np.linspace(0, np.pi / 2, 181)
    lags = np.multiply.outer(LAGS, np.hypot(np.cos(angle) / times, np.sin(angle)))

    def image(pixels, rng):
        heights = surface(times * pixels, 5 * times, 0.5, "rounded", rng)[0]
        return heights[::times, ::1][:, :pixels]

    return image, (1.0, 1.0), crossing(np.exp(-lags / 5).mean(axis=1))


def of_stripes(length, degrees):
    """Two levels, changing at random along one direction: a correlation exp(-2 |x| / length)."""
    angle = np.linspace(0, np.pi, 721)
    correlation = np.exp(-2 * np.multiply.outer(LAGS, np.abs(np.cos(angle))) / length).mean(axis=1)

    def image(pixels, rng):
        edges = np.cumsum(rng.exponential(length, 4000)) - 10 * pixels
        x, y = np.meshgrid(np.arange(pixels), np.arange(pixels))
        place = x * np.cos(np.radians(degrees)) + y * np.sin(np.radians(degrees))
        return 1.0 - 2.0 * (np.searchsorted(edges, place) % 2)

    return image, (1.0, 1.0), crossing(correlation)


def gaussian(width):
    return lambda r: np.exp(-((r / width) ** 2) / 2)


def dome(radius):
    return lambda r: np.sqrt(np.maximum(1 - (r / radius) ** 2, 0.0))


KINDS = {
    "grating, square, 20 px along x": lambda: of_pattern(grating(square, 20, 0)),
    "grating, square, 12.3 px along y": lambda: of_pattern(grating(square, 12.3, 90)),
    "grating, square, 27 px at 30 deg": lambda: of_pattern(grating(square, 27, 30)),
    "grating, flanks, 33.3 px at 7 deg": lambda: of_pattern(grating(ramps, 33.3, 7)),
    "grating, flanks, 47 px along x": lambda: of_pattern(grating(ramps, 47, 0)),
    "grating, sine, 9.1 px at 45 deg": lambda: of_pattern(grating(sine, 9.1, 45)),
    "grating, sine, 21 px on roughness": lambda: of_pattern(grating(sine, 21, 15), 1.0),
    "grating, square, 16 px on roughness": lambda: of_pattern(grating(square, 16, 0), 0.5),
    "dots, sharp, 16 px": lambda: of_pattern(dots(16, 0, sharp=True)),
    "dots, rounded, 11.7 px at 20 deg": lambda: of_pattern(dots(11.7, 20)),
    "dots, sharp, 30 px on roughness": lambda: of_pattern(dots(30, 10, sharp=True), 0.3),
    "particles, many": lambda: of_bumps(gaussian(3.0), 12, 40 / 128**2),
    "particles, few": lambda: of_bumps(gaussian(5.0), 20, 8 / 128**2),
    "cells": lambda: of_bumps(dome(20), 20, 3 / 128**2),
    "roughness, twice as long along x": lambda: of_stretched(2),
    "roughness, three times": lambda: of_stretched(3),
    "stripes, 15 px along x": lambda: of_stripes(15, 0),
    "stripes, 25 px at 35 deg": lambda: of_stripes(25, 35),
    "hum of 7.3 px, 0.1 of the rms": lambda: of_hum([7.3], 0.1),
    "hum of 7.3 px, 0.6": lambda: of_hum([7.3], 0.6),
    "hum of 23.7 px, 0.4": lambda: of_hum([23.7], 0.4),
    "hum of 61 px, 0.5": lambda: of_hum([61.0], 0.5),
    "hum of 150 and 50 px, 0.7": lambda: of_hum([150.0, 50.0], 0.7),
    "hum of 401 px, 0.5": lambda: of_hum([401.0], 0.5),
}


def said(kind, count, pixels, seed):
    """Of each image: what is said (value, bound or neither) of Sq and of the correlation length, and if it is true."""
    image, (rest, rms), length = KINDS[kind]()
    rows = []
    for number in range(count):
        rng = np.random.default_rng([seed, number, pixels, len(kind)])
        heights = image(pixels, rng) + NOISE * rng.normal(size=(pixels, pixels))
        found = roughness_of(NM * leveled(heights), (NM, NM), 1, None)
        misfit = found.get("spectrum_misfit", np.nan)
        for name, least, most in (("roughness", rest, rms), ("correlation_length", length, length)):
            over = found.get(f"{name}_low", np.nan) / (most * NM)
            rows.append((name, *_judged(found, name, least * NM, most * NM), misfit, over))
    return rows


def _judged(found, name, rest, whole):
    """What is said, and whether it is true: beside waves it is said of the rest of the surface, else of all of it."""
    low = rest if "waves" in found else whole
    if name in found:
        return "value", found[f"{name}_low"] <= whole and found[f"{name}_high"] >= low
    if f"{name}_low" in found and "roughness_unknown" not in found:
        return "at least", found[f"{name}_low"] <= whole
    return "none", True


def test_what_is_said_is_true():
    """Two images of each of 24 kinds, 128 x 128 pixels."""
    judge("Surfaces with patterns, and hum", figures([row for kind in KINDS for row in said(kind, 2, 128, 1)]))


def main(count=5, pixels=128, seed=0):
    """Every kind."""
    everything = []
    for kind in KINDS:
        rows = said(kind, count, pixels, seed)
        everything += rows
        print(f"{kind:38s}", _words(rows), flush=True)
    print("all", _words(everything))
    judge("Surfaces with patterns, and hum", figures(everything))


def _words(rows):
    parts = []
    for name in ("roughness", "correlation_length"):
        for word in ("value", "at least", "none"):
            true = [row[2] for row in rows if row[:2] == (name, word)]
            if true:
                parts.append(f"{name[:5]} {word}: {sum(true)} of {len(true)}")
    return "; ".join(parts) + f"; misfit {np.nanmedian([row[3] for row in rows]):.1f}"


def figures(rows):
    """How often what is said is true."""
    found = []
    for name in ("roughness", "correlation_length"):
        for word in ("value", "at least"):
            true = [row[2] for row in rows if row[:2] == (name, word)]
            if true:
                found.append(Figure(f"{name}, {word}, {len(true)} times", float(np.mean(true)), 0.9))
        over = [row[4] for row in rows if row[:2] == (name, "at least")]
        if over:
            found.append(Figure(f"{name}, the highest bound over the truth", float(np.nanmax(over)), 0.0, 1.1))
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

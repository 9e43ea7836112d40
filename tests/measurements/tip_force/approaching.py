"""Approaches of a tip on a soft lever over a known force law: quasi-static, with the jump into contact."""

import numpy as np
from scipy.signal import lfilter

from asperity.data.curves import Curves, to_dataset

RADIUS = 20e-9
HAMAKER = 1e-19
CUTOFF = 0.3e-9
MODULUS = 1e9
POISSON = 0.5


def dmt(separation, radius=RADIUS, hamaker=HAMAKER, cutoff=CUTOFF, modulus=MODULUS):
    """A sphere and a plane: van der Waals forces that stay as they are in contact, and Hertz."""
    depth = np.maximum(-separation, 0.0)
    elastic = 4 / 3 * modulus / (1 - POISSON**2) * np.sqrt(radius) * depth**1.5
    return elastic - hamaker * radius / 6 / (np.maximum(separation, 0.0) + cutoff) ** 2


def equilibria(force, stiffness, base):
    """The separations of the tip as its base comes down through ``base`` (m): the branch is left where it ends."""
    grid = np.concatenate([np.linspace(2 * base[-1] - 1e-9, 0, 4000)[:-1], np.geomspace(1e-12, 1.2 * base[0], 8000)])
    grid = grid[::-1]
    needed = grid - force(grid) / stiffness  # where the base is, for the tip to rest here
    lowest = np.minimum.accumulate(needed)
    first = np.clip(np.searchsorted(-lowest, -base), 1, len(grid) - 1)
    high, low = needed[first - 1], needed[first]
    share = np.clip((high - base) / np.where(high > low, high - low, np.inf), 0, 1)
    inside = (high >= base) & (base >= low)
    return np.where(inside, grid[first - 1] + share * (grid[first] - grid[first - 1]), grid[first])


def approach(seed, *, force=dmt, stiffness=2.0, start=200e-9, end=-20e-9, samples=800, white=10e-12, slow=10e-12):
    """(height, force) of one approach: white and slow noise, a level and a tilt of the baseline."""
    rng = np.random.default_rng(seed)
    base = np.linspace(start, end, samples)
    there = equilibria(force, stiffness, base)
    memory = 40.0  # samples
    slowly = lfilter([np.sqrt(1 - np.exp(-2 / memory))], [1, -np.exp(-1 / memory)], rng.standard_normal(samples + 1000))
    noise = white * rng.standard_normal(samples) + slow * slowly[1000:]
    return base + 3e-11 * rng.standard_normal(samples), force(there) + noise + 3e-11 + 4e-5 * base


def dataset(seeds, stiffness=2.0, **how):
    """Force curves of approaches with these seeds, with the tip's radius."""
    pairs = [approach(seed, stiffness=stiffness, **how) for seed in seeds]
    samples = len(pairs[0][0])
    channels = {"height": lambda i: [pairs[i][0]], "force": lambda i: [pairs[i][1]],
                "time": lambda i: [np.arange(samples) / 1000]}
    made = to_dataset(Curves(("approach",), np.full((len(pairs), 1), samples), channels, "s", spring_constant=stiffness,
                             x=np.arange(len(pairs)) * 1e-6, y=0.0), "approaches.nc").load()
    return made.assign_attrs(radius=RADIUS)

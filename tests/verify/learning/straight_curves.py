"""Force curves for the amortized posterior, made without it: closed formulas, an even indentation, white noise."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq


class Known(NamedTuple):
    """Curves and what they were made of."""

    indentation: np.ndarray  # (curve, sample) m, the farthest first
    force: np.ndarray  # N
    contact_point: np.ndarray  # (curve,) m
    log_stiffness: np.ndarray  # ln of 4/3 E* sqrt(R), N/m^1.5
    log_adhesion: np.ndarray  # ln of pi w R, N; NaN for Hertz


def jkr_force(depth: np.ndarray, stiffness: float, pull: float, radius: float) -> np.ndarray:
    """By the contact radius: F = K a^3/R - sqrt(6 pi w K a^3), depth = a^2/R - (2/3) sqrt(6 pi w a / K), K = 4/3 E*."""
    k, w = stiffness / np.sqrt(radius), pull / (np.pi * radius)
    least = (np.pi * w * radius**2 / (6 * k)) ** (1 / 3)  # of a, at the fold of the displacement

    def depth_of(a: float) -> float:
        return a**2 / radius - 2 / 3 * np.sqrt(6 * np.pi * w * a / k)

    def one(d: float) -> float:
        if d < depth_of(least):
            return 0.0
        a = brentq(lambda a: depth_of(a) - d, least, 100 * least + 3 * np.sqrt(radius * max(d, 0) + least**2))
        return k * a**3 / radius - np.sqrt(6 * np.pi * w * k * a**3)

    return np.array([one(d) for d in depth])


def curves(model: str, count: int, noise: float, samples: int, seed: int,
           depth: tuple[float, float] = (0.1, 0.8)) -> Known:
    """Curves of one model over 1 um, a largest force of some nN, load 0.5 to 50 pi w R, no snap of the lever."""
    rng, radius = np.random.default_rng(seed), 1e-6
    deep = 1e-6 * depth[0] * (depth[1] / depth[0]) ** rng.uniform(size=count)
    pull = 1e-9 * 10 ** rng.uniform(-1, 1, count)
    load = 0.5 * 100 ** rng.uniform(size=count)
    stiffness = pull * (load + 2) / deep**1.5
    at = np.broadcast_to(np.linspace(0, 1e-6, samples), (count, samples))
    depth_at = at - (1e-6 - deep)[:, None]
    power = stiffness[:, None] * np.maximum(depth_at, 0) ** 1.5
    if model == "hertz":
        force = power
    elif model == "dmt":
        force = np.where(depth_at > 0, power - 2 * pull[:, None], 0.0)
    else:
        force = np.array([jkr_force(d, s, p, radius) for d, s, p in zip(depth_at, stiffness, pull)])
    size = np.ptp(force, axis=1, keepdims=True)
    shown = force + size * (rng.uniform(-0.5, 0.5, (count, 1)) + noise * rng.standard_normal(force.shape))
    adhesion = np.log(pull) if model != "hertz" else np.full(count, np.nan)
    return Known(at, shown, 1e-6 - deep, np.log(stiffness), adhesion)

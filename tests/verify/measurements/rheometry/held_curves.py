"""Ramps and holds on known materials, with the measured noise of five instruments, drift and tilt.

The force is computed with NumPy alone, by product integration of Lee and Radok's integral with the exact means of E(t)
over each step, on a lever whose base moves as told; nothing of asperity makes these curves.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import xarray as xr

from tests.verify.measurements.force_curves.measured_noise import RADIUS, Source, pieces

LENGTH = 2048  # samples of a curve at most
DEPTH = 1e-6  # m, about, at the end of the last ramp
FINE = 3000  # steps of the computation
BASE, RAMP = 0.6, 0.4  # s, each
#: protocol -> the holds after one ramp each, s; ramps share the depth
PROTOCOLS = {"one hold": (2.5,), "two holds": (0.8, 1.5)}


class Material(NamedTuple):
    """E(t) relative to a size, and its integral from zero."""

    modulus: Callable[[np.ndarray], np.ndarray]
    integral: Callable[[np.ndarray], np.ndarray]


MATERIALS = {
    "20 ms": Material(lambda t: 1 + 2 * np.exp(-t / 0.02), lambda t: t + 0.04 * -np.expm1(-t / 0.02)),
    "Zener": Material(lambda t: 1 + 2 * np.exp(-t / 0.1), lambda t: t + 0.2 * -np.expm1(-t / 0.1)),
    "two times": Material(lambda t: 0.5 + 1.5 * np.exp(-t / 0.03) + np.exp(-t),
                          lambda t: 0.5 * t + 0.045 * -np.expm1(-t / 0.03) - np.expm1(-t)),
    "power law": Material(lambda t: 2 * t**-0.2, lambda t: 2 * t**0.8 / 0.8),
}


class Held(NamedTuple):
    """One curve without noise; its contact point is at tip position 0."""

    time: np.ndarray  # s
    height: np.ndarray  # m
    force: np.ndarray  # N
    segment: np.ndarray  # the number of its segment
    size: float  # Pa, of the material


def path(protocol: str, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evenly sampled time (s), the base's way into the sample over its last (1: at the end), and segment numbers."""
    holds = PROTOCOLS[protocol]
    ends = np.cumsum([0.0, BASE + RAMP, holds[0], *(part for hold in holds[1:] for part in (RAMP, hold))])
    time = np.linspace(0, ends[-1], count, endpoint=False)
    corners = np.sort(np.concatenate([[0.0, BASE], ends[1:]]))
    rise = 1 / len(holds)
    levels = [-rise * BASE / RAMP, 0.0, *np.repeat(np.arange(1, len(holds) + 1) * rise, 2)]
    return time, np.interp(time, corners, levels), np.searchsorted(ends[1:-1], time, side="right")


@lru_cache
def _pushed(name: str, protocol: str, stiffness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fine time, way of the base and force, both of order one: the lever's ``stiffness`` over the size of the force."""
    time, way, _ = path(protocol, FINE)
    step = time[1] - time[0]
    mean = np.diff(MATERIALS[name].integral(np.arange(FINE + 1) * step)) / step
    depth, grown, rise, force = np.zeros((4, FINE))
    for i in range(int(np.argmax(way > 0)), FINE):
        past = rise[:i] @ mean[i:0:-1] if i else 0.0
        x = max(depth[i - 1], 1e-9)
        for _ in range(80):
            rest = past + mean[0] * (x**1.5 - grown[i - 1]) - stiffness * (way[i] - x)
            new = x - rest / (1.5 * mean[0] * np.sqrt(x) + stiffness)
            new = new if new > 0 else x / 2
            if abs(new - x) < 1e-14:
                break
            x = new
        depth[i], grown[i], force[i] = x, x**1.5, stiffness * (way[i] - x)
        rise[i] = grown[i] - grown[i - 1]
    return time, way, force


def held(own: Source, name: str, protocol: str, largest: float, count: int) -> Held:
    """A curve of ``count`` samples whose ``largest`` force (N) fixes the size of the material."""
    share = own.spring_constant * DEPTH / largest  # how stiff the lever is
    low, high = 1e-3, 1e3
    for _ in range(40):  # the stiffness over the size of the force that gives the largest force
        middle = np.sqrt(low * high)
        top = _pushed(name, protocol, float(f"{middle:.3g}"))[2].max()
        low, high = (middle, high) if top / middle > 1 / share else (low, middle)
        if high / low < 1.01:
            break
    stiffness = float(f"{np.sqrt(low * high):.3g}")
    fine, _, force = _pushed(name, protocol, stiffness)
    time, way, segment = path(protocol, count)
    unit = own.spring_constant * DEPTH / stiffness  # N, of a force of one
    return Held(time, -DEPTH * way, unit * np.interp(time, fine, force), segment,
                unit / (4 / 3 / 0.75 * np.sqrt(RADIUS) * DEPTH**1.5))


def curves(own: Source, one: Held, count: int, rng: np.random.Generator, *, drift: float = 0.0, tilt: float = 0.0,
           drag: float = 0.0) -> xr.Dataset:
    """``count`` curves of one session with measured noise.

    Parts of the largest force, each with a random sign: ``drift`` over the whole record, ``tilt`` over the whole way of
    the height, ``drag`` on the way in.
    """
    top, n = one.force.max(), len(one.time)
    noise = pieces(own, count, rng, n)
    signs = rng.choice([-1, 1], (3, count, 1))
    moving = np.gradient(one.height) < -1e-3 * np.ptp(one.height) / n
    force = (one.force + noise + signs[0] * drift * top * one.time / one.time[-1]
             + signs[1] * tilt * top * one.height / np.ptp(one.height) + np.abs(signs[2]) * drag * top * moving)
    lengths = np.bincount(one.segment)
    shape = (count, len(lengths), lengths.max())
    columns = {name: np.full(shape, np.nan) for name in ("time", "height", "force")}
    for i, length in enumerate(lengths):
        own_samples = one.segment == i
        columns["time"][:, i, :length] = one.time[own_samples]
        columns["height"][:, i, :length] = one.height[own_samples]
        columns["force"][:, i, :length] = force[:, own_samples]
    ends = ["", *(f"_{i}" for i in range(2, len(lengths)))][: len(lengths) // 2]
    names = [kind + end for end in ends for kind in ("approach", "pause")]
    axes = ("curve", "segment", "sample")
    coordinates = {"file": ("curve", ["generated"] * count), "curve_in_file": ("curve", np.arange(count)),
                   "session": ("curve", ["one"] * count), "segment": names, "curve": np.arange(count),
                   "sample_count": (("curve", "segment"), np.tile(lengths, (count, 1))),
                   "spring_constant": ("curve", np.full(count, own.spring_constant), {"units": "N/m"})}
    coordinates |= {name: ("curve", np.full(count, np.nan), {"units": unit})
                    for name, unit in (("sensitivity", "m/V"), ("x", "m"), ("y", "m"))}
    coordinates |= {name: ("curve", np.full(count, -1)) for name in ("row", "column")}
    return xr.Dataset({name: (axes, values, {"units": unit}) for (name, values), unit in
                       zip(columns.items(), ("s", "m", "N"))}, coordinates)

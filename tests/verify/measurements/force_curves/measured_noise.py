"""Known contacts on measured baselines: generators that share no code with what they judge.

Curves of a Hertzian paraboloid and of a JKR contact are computed with NumPy alone, on a cantilever whose
base moves evenly; the noise is cut from the measured force before contact of five instruments, found
without a fit. asperity reads the files, and is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import xarray as xr

import asperity
from tests.conftest import shared_data

SOURCES = {
    "map 2022": "force/jpk/map-data-2022.10.29-12.27.34.564.jpk-force-map",
    "reference points": "force/jpk/fmt-jpk-fd_map-data-reference-points.jpk-force-map",
    "QI": "force/jpk/fmt-jpk-fd_2020.02.07-16.29.05.036.jpk-qi-data",
    "Bruker volume": "force/bruker/20200903_Egel2.0_00023.spm",
    "Nanosurf map": "force/adhesion/spectroscopy.nid",
}
LENGTH = 512  # samples of a curve, or as many as the shortest baseline has
RADIUS = 5e-6
_KEPT = 0.75  # of what lies before contact


class Source(NamedTuple):
    """The measured noise of one instrument."""

    baselines: list[np.ndarray]  # N
    spring_constant: float  # N/m

    @property
    def length(self) -> int:
        """Samples of a curve that carries this noise."""
        return int(min(LENGTH, 0.95 * min(map(len, self.baselines))))

    @property
    def std(self) -> float:
        """Of all baselines about their means, N."""
        return float(np.concatenate([b - b.mean() for b in self.baselines]).std())


class Contact(NamedTuple):
    """One noise-free curve and what is true of it; its contact point is at height 0."""

    height: np.ndarray  # m, of the samples, in the order of time
    force: Callable[[np.ndarray], np.ndarray]  # N, at heights
    truth: dict[str, float]
    segment: str


@lru_cache
def source(name: str) -> Source:
    """Of each approach, what lies before the first twenty samples in a row that rise above the far part's line."""
    data = asperity.read(shared_data(SOURCES[name])).load()
    found = []
    for force in data["force"].sel(segment="approach").values:
        force = force[np.isfinite(force)]
        far, place = int(0.4 * len(force)), np.arange(len(force))
        rest = force - np.polyval(np.polyfit(place[:far], force[:far], 1), place)
        smooth = np.abs(np.convolve(rest, np.ones(9) / 9, "same"))
        risen = smooth > max(6 * rest[:far].std(), 0.04 * np.abs(rest).max())
        runs = np.convolve(risen, np.ones(20), "valid") >= 20
        found.append(force[: int(_KEPT * (np.argmax(runs) if runs.any() else len(force)))])
    longest = max(map(len, found))
    return Source([b for b in found if 2 * len(b) >= longest], float(data["spring_constant"][0]))


def pieces(own: Source, count: int, rng: np.random.Generator, length: int | None = None) -> np.ndarray:
    """Random pieces of the baselines, with random sign and direction, (count, sample) N, about their means."""
    length, rows = length or own.length, []
    for _ in range(count):
        whole = own.baselines[rng.integers(len(own.baselines))]
        start = rng.integers(len(whole) - length + 1)
        piece = whole[start:start + length][:: rng.choice([-1, 1])] * rng.choice([-1, 1])
        rows.append(piece - piece.mean())
    return np.array(rows)


def hertz(own: Source, largest: float, share: float, modulus: float = 5e3) -> Contact:
    """An approach with its contact in this ``share`` of the ramp; ``largest`` force in N."""
    k, stiff = own.spring_constant, 4 / 3 * modulus / 0.75 * np.sqrt(RADIUS)
    depth = (largest / stiff) ** (2 / 3)
    deepest = -depth - largest / k
    height = np.linspace(-deepest / share + deepest, deepest, own.length)

    indented = np.linspace(0.0, 1.1 * depth, 400_000)
    reached = indented + stiff * indented**1.5 / k  # below the contact point
    return Contact(height, lambda at: np.interp(-at, reached, stiff * indented**1.5),
                   {"modulus": modulus, "contact_point": 0.0}, "approach")


def jkr(own: Source, largest: float, share: float, pull_off: float, softness: float = 3.0) -> Contact:
    """A retraction; ``pull_off`` in N, ``softness`` k times the pull-off's elastic length over its force."""
    k = own.spring_constant
    work = pull_off / (1.5 * np.pi * RADIUS)
    length = softness * pull_off / k  # (pi^2 w^2 R / E*^2)^(1/3)
    reduced = np.pi * work * np.sqrt(RADIUS / length**3)
    scale = (np.pi * work * RADIUS**2 / reduced) ** (1 / 3)
    radius = np.linspace(12.0, 1e-3, 400_000) * scale
    force = 4 * reduced * radius**3 / (3 * RADIUS) - np.sqrt(8 * np.pi * work * reduced * radius**3)
    depth = radius**2 / RADIUS - np.sqrt(2 * np.pi * work * radius / reduced)
    height = -depth - force / k
    held = slice(int(np.argmax(force <= largest)), int(np.argmax(height)) + 1)  # until the lever pulls the tip off
    height, force = height[held], force[held]
    span = (height[-1] - height[0]) / share
    at = np.linspace(height[0], height[0] + span, own.length)
    return Contact(at, lambda place: np.where(place <= height[-1], np.interp(place, height, force), 0.0),
                   {"modulus": 0.75 * reduced, "work_of_adhesion": work, "pull_off_force": -force.min(),
                    "contact_point": 0.0}, "retract")


def dmt(own: Source, largest: float, share: float, pull_off: float, modulus: float = 5e3) -> Contact:
    """A retraction of a paraboloid that a constant ``pull_off`` (N) draws to the sample as long as they touch."""
    k, stiff = own.spring_constant, 4 / 3 * modulus / 0.75 * np.sqrt(RADIUS)
    depth = np.linspace(((largest + pull_off) / stiff) ** (2 / 3), 0.0, 400_000)
    force = stiff * depth**1.5 - pull_off
    height = -depth - force / k
    span = (height[-1] - height[0]) / share
    at = np.linspace(height[0], height[0] + span, own.length)
    return Contact(at, lambda place: np.where(place <= height[-1], np.interp(place, height, force), 0.0),
                   {"modulus": modulus, "work_of_adhesion": pull_off / (2 * np.pi * RADIUS), "pull_off_force": pull_off,
                    "contact_point": 0.0}, "retract")


def sessions(own: Source, contact: Contact, count: int, size: int, rng: np.random.Generator) -> xr.Dataset:
    """``count`` curves with measured noise, each session of ``size``; the ramp begins anywhere within a sample."""
    noise, step = pieces(own, count, rng), np.abs(np.diff(contact.height[:2]))
    shift = rng.uniform(0, 1, (count, 1)) * step
    height = contact.height + shift
    force = contact.force(height) + noise
    coordinates = {"file": ("curve", ["generated"] * count), "curve_in_file": ("curve", np.arange(count)),
                   "session": ("curve", [f"session {i // size}" for i in range(count)]),
                   "segment": [contact.segment], "curve": np.arange(count),
                   "sample_count": (("curve", "segment"), np.full((count, 1), own.length)),
                   "spring_constant": ("curve", np.full(count, own.spring_constant), {"units": "N/m"})}
    coordinates |= {name: ("curve", np.full(count, np.nan), {"units": unit})
                    for name, unit in (("sensitivity", "m/V"), ("x", "m"), ("y", "m"))}
    coordinates |= {name: ("curve", np.full(count, -1)) for name in ("row", "column")}
    axes = ("curve", "segment", "sample")
    return xr.Dataset({"height": (axes, height[:, None], {"units": "m"}),
                       "force": (axes, force[:, None], {"units": "N"})}, coordinates)

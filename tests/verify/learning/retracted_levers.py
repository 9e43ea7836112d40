"""Retractions as an instrument records them, of surfaces that obey the law of Lennard-Jones or that of Dugdale.

The equilibria of the contact and of the attraction from farther away are followed by a lever of some stiffness, which
snaps where it must: the tip is then where the lever and the surface hold it. Nothing here is shared with what chooses:
the curves are solved by `benchmarks.lennard_jones` (uniform rings, Newton's method), or by the closed equations of
Maugis; the samples are even in the way of the scanner.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from benchmarks.lennard_jones import TABOR_TO_MAUGIS, _response, _solve, retraction

from asperity.contact import maugis
from asperity.learning.attachment import find_jump
from asperity.learning.lambda_posterior import SEPARATION_FACTOR
from asperity.learning.retraction import Retractions
from asperity.measurements.force_curves.select import _neck_seen

SAMPLES = 512
TABOR = (0.1, 0.2, 0.4, 0.8, 1.6, 2.5)  # of the drawn contacts
_RINGS = 320
_LOAD = 150.0  # up to which a curve of stiff bodies is solved, in pi w R; 30 are reached by all
_DEEPEST = 20.0  # D of a load of more than 30


class Drawn(NamedTuple):
    """How curves are drawn."""

    law: str  # "lennard_jones" or "dugdale"
    bending: float  # compliance of the lever in delta_c / (pi w R): below 1 it shows the neck
    noise: float  # standard deviation of the force over the pull-off force


class Known(NamedTuple):
    """What the curves were made of, (curve,)."""

    parameter: np.ndarray  # 1.157 mu, or lambda
    load: np.ndarray  # the largest, in pi w R
    modulus: np.ndarray  # reduced, Pa
    work_of_adhesion: np.ndarray  # J/m^2


@lru_cache(maxsize=32)
def _attraction(tabor: float) -> tuple[np.ndarray, np.ndarray]:
    """(D, P) of the surfaces as they approach, from afar to where they snap, or to the least gap of no contact."""
    unit = TABOR_TO_MAUGIS * tabor / SEPARATION_FACTOR  # delta_c / z0
    middle, response = _response(np.linspace(0, 14.0, _RINGS + 1))
    area, matrix = middle * np.diff(middle, prepend=-middle[0]), 8 / 3 * tabor**1.5 * response
    gap, found, place, step = middle**2 / 2 + 25.0, [], -25.0, 0.25
    while step > 1e-3 and place < -0.5:
        fresh = _solve(gap, middle**2 / 2 - place, matrix)
        if fresh is None or fresh[0] < 0.6 * gap[0]:
            place, step = place - step / 2, step / 2
            continue
        gap = fresh
        found.append((place / unit, 16 / 3 * float(area @ (gap**-9.0 - gap**-3.0))))
        place += step if gap[0] > 3 else min(step, 0.05)
    distance, force = np.array(found).T
    return distance, force


@lru_cache(maxsize=64)
def equilibria(law: str, parameter: float) -> tuple[np.ndarray, np.ndarray]:
    """(D, P), from the deepest contact outward: all that a lever may come past."""
    if law == "dugdale":
        with jax.enable_x64(True):
            end = float(maugis.jump_off(parameter)[2])
            place = end + 1e-9 + np.linspace(0, 1, 3000)[::-1] ** 2 * (_DEEPEST - end)
            load = np.asarray(jax.jit(jax.vmap(maugis.load, (0, None)))(jnp.asarray(place), parameter))
        away = end - np.geomspace(1e-6, 1e4, 3000)
        return np.append(place, away), np.append(load, 0 * away)
    place, load = (a[::-1] for a in retraction(parameter, _LOAD))
    away, pull = (a[::-1] for a in _attraction(parameter))
    unit = TABOR_TO_MAUGIS * parameter / SEPARATION_FACTOR
    if parameter < 0.69:  # one curve: what is farther than the contact was followed
        far = away < place[-1]
        away, pull = away[far], pull[far]
    fine = np.linspace(0, len(away) - 1, 20 * len(away))
    away, pull = (np.interp(fine, np.arange(len(a)), a) for a in (away, pull))  # so that a snap ends where it does
    farther = np.geomspace(26.0, 1e5, 2000)
    return (np.concatenate([place, away, -farther / unit]), np.concatenate([load, pull, -8 / 3 * farther**-2.0]))


def _withdrawn(law: str, parameter: float, load: float, bending: float) -> tuple[np.ndarray, np.ndarray]:
    """(D, P) at even steps of the scanner, farthest first, from contact under ``load`` to as far off again."""
    place, force = equilibria(law, parameter)
    pressed = np.flatnonzero(place > 0)[::-1]
    begin = np.interp(load, force[pressed], place[pressed])
    kept = place < begin
    place, force = np.append(begin, place[kept]), np.append(load, force[kept])
    way = place + bending * force
    lowest = np.minimum.accumulate(way)
    passed = np.append(True, way[1:] < lowest[:-1])
    lost = way[passed][int(force[passed].argmin())]
    even = np.linspace(lost - (way[0] - lost), way[0], SAMPLES)
    found = np.interp(even, way[passed][::-1], force[passed][::-1])
    return even - bending * found, found


def recorded(count: int, drawn: Drawn, seed: int) -> tuple[Retractions, Known]:
    """Curves of tips of 10 to 100 nm, adhesion 10 to 300 mJ/m^2, z0 of 0.2 to 0.5 nm stated to 30 %, loads 2 to 30."""
    rng = np.random.default_rng(seed)

    def within(low: float, high: float) -> np.ndarray:
        return low * (high / low) ** rng.uniform(size=count)

    load, separation, radius, adhesion = within(2, 30), within(2e-10, 5e-10), within(1e-8, 1e-7), within(0.01, 0.3)
    tabor = np.array(TABOR)[rng.integers(len(TABOR), size=count)]
    parameter = TABOR_TO_MAUGIS * tabor
    each = [_withdrawn(drawn.law, p if drawn.law == "dugdale" else t, top, drawn.bending)
            for p, t, top in zip(parameter, tabor, load)]
    place, force = (np.array(a) for a in zip(*each))
    pull_off = -force.min(axis=1, keepdims=True)
    bent = drawn.bending * (1 + rng.normal(0, 0.03, (count, 1)))  # what the sensitivity makes of the deflection
    place = place + drawn.bending * force - bent * force
    shown = force + pull_off * (rng.uniform(-0.5, 0.5, (count, 1)) + drawn.noise * rng.standard_normal(force.shape))
    length, unit = parameter * separation / SEPARATION_FACTOR, math.pi * adhesion * radius
    noise, stated = drawn.noise * pull_off[:, 0], separation * np.exp(0.3 * rng.standard_normal(count))
    attached, counted = find_jump(shown, np.ones(shown.shape, bool))
    wrong = np.exp(0.05 * rng.standard_normal(count))  # of the spring constant
    curves = Retractions(
        place * length[:, None], shown * (unit * wrong)[:, None], attached, counted.astype(float), noise * unit * wrong,
        np.ones(count), radius, 0.03 * drawn.bending * length / unit, stated, np.full(count, 0.3),
        _neck_seen(shown, attached, counted, noise))
    return curves, Known(parameter, load, 0.75 * unit / np.sqrt(radius) * length**-1.5, adhesion)

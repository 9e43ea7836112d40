"""Settled tapping records with thermal motion and white noise, over levers, samples and instruments of many kinds.

The generator is its own: exact flows of a free oscillator and of a kick that is linear in the velocity (tip, damping,
viscosity), all draws side by side; a thermal push in each step. It shares nothing with `asperity.dynamics`. Every
constant that a user states is wrong by a draw of what is stated of it.

``python -m tests.verify.dynamics.settled_draws sphere 100 1`` prints one row of the table.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from asperity.contact.hertz import Hertz
from asperity.dynamics.force_recovery import TappedLever
from asperity.dynamics.settled_law import SettledRecord, settled_law
from asperity.learning.outcome import Outcome
from asperity.measurements.time_series.recovery import contradictions
from asperity.measurements.time_series.settled import judged
from asperity.messages import DataError

SECOND = 6.267  # frequency of the second mode of a uniform beam over the first's
CALIBRATED = 0.02
THERMAL = 1.380649e-23 * 295  # J
STEPS = 4096  # of a period that is recorded
COARSE = 512  # of one before
DECAYS = 12  # of the motion, before the record begins
AGAIN = 100  # periods of fine steps before it
EVERY = (32, 64, 128, 96, 152, 200)  # steps between samples: 128, 64, 32, 42.7, 26.9 and 20.5 of a period
#: standard uncertainties that are stated: spring constant, frequency, quality, drive, its phase (rad), offset (m)
#: what is drawn; calibrated: of levers whose spring constant is known to 2 %
KINDS = {"sphere": {"longest": 500}, "calibrated": {}, "viscous": {"viscous": True}, "cone": {"cone": True},
         "memory": {"memory": True}, "modes": {"modes": 2}}
STATED = np.array([0.1, 1e-3, 0.05, 0.05, 0.05, 1e-9])


class Lever(NamedTuple):
    """The truth, (draw,)."""

    stiffness: np.ndarray  # N/m
    quality: np.ndarray
    frequency: np.ndarray  # Hz
    ratio: np.ndarray  # of the drive's frequency to it
    amplitude: np.ndarray  # m, free
    height: np.ndarray  # m
    modes: int = 1  # 2: with the second mode of a uniform beam, as stiff as its frequency says


class Sample(NamedTuple):
    """The truth, (draw,)."""

    modulus: np.ndarray  # Pa, reduced
    radius: np.ndarray  # m
    hamaker: np.ndarray  # J
    cutoff: np.ndarray  # m
    viscosity: np.ndarray  # Pa s
    cone: bool = False  # of 45 degrees
    arm: float = 0.0  # of a standard linear solid: a Maxwell arm of so many times the modulus,
    time: float = 0.0  # rad of the drive, in which it relaxes


class Recorder(NamedTuple):
    """How it is recorded, (draw,)."""

    noise: np.ndarray  # m
    every: np.ndarray
    periods: np.ndarray


def draws(count: int, seed: int, *, viscous: bool = False, cone: bool = False, memory: bool = False,
          modes: int = 1, longest: float = 200) -> tuple[Lever, Sample, Recorder]:
    """So many levers, samples and recorders."""
    random = np.random.default_rng(seed)

    def log(low: float, high: float) -> np.ndarray:
        return np.exp(random.uniform(np.log(low), np.log(high), count))

    free, quality, frequency = log(5e-9, 60e-9), log(30, 500), log(50e3, 400e3)
    lever = Lever(log(2, 50), quality, frequency, 1 + random.uniform(-0.3, 0.3, count) / quality, free,
                  free * random.uniform(0.5, 0.95, count), modes)
    modulus = log(1e8, 1e10)
    loss = log(0.05, 1.0) if viscous else np.zeros(count)
    sample = Sample(modulus, log(5e-9, 50e-9), log(1e-20, 2e-19), random.uniform(0.12e-9, 0.3e-9, count),
                    loss * modulus / (2 * np.pi * frequency), cone, 2.0 * memory, 0.3)
    return lever, sample, Recorder(log(1e-12, 10e-12), random.choice(EVERY, count), log(50, longest).astype(int))


class Motion(NamedTuple):
    """Deflections and velocities (per radian of the drive), (mode, draw), and the force of the sample's arm (N)."""

    x: Array
    v: Array
    arm: Array


def _kicked(lever: Lever, sample: Sample, now: Motion, push: Array, time: float) -> Motion:
    """After a time (rad) with forces, at a place that stays."""
    distance = lever.height + now.x.sum(0)
    depth = jnp.maximum(sample.cutoff - distance, 0.0)
    radius = depth * 2 / np.pi if sample.cone else jnp.sqrt(sample.radius * depth)
    pressed = sample.modulus * (2 / np.pi * depth**2 if sample.cone else 4 / 3 * radius * depth)
    arm = now.arm
    if sample.arm:
        arm = (depth > 0) * (now.arm - 2 * sample.arm * sample.modulus * radius * now.v.sum(0) * time) * np.exp(
            -time / sample.time)
    force = pressed + arm - sample.hamaker * sample.radius / 6 / jnp.maximum(distance, sample.cutoff) ** 2
    lost = sample.viscosity * 2 * np.pi * lever.frequency * lever.ratio * radius
    moved = []
    for mode, pace in enumerate(now.v):
        higher = SECOND if mode else 1.0
        inertia = lever.ratio**2 / higher**2
        drag = higher / (lever.ratio * lever.quality) + lost / lever.stiffness / lever.ratio**2
        pulled = (push * (mode == 0) + force / lever.stiffness / higher**2) / inertia
        moved.append(pace * jnp.exp(-drag * time) - pulled * jnp.expm1(-drag * time) / drag)
    return Motion(now.x, jnp.stack(moved), arm)


@partial(jax.jit, static_argnames=("steps", "modes", "cone", "arm", "time"))
def _period(lever: Lever, sample: Sample, now: Motion, key: Array, *, steps: int, modes: int, cone: bool, arm: float,
            time: float) -> tuple[Motion, Array]:
    """One period, and the deflections every eighth step."""
    sample = sample._replace(cone=cone, arm=arm, time=time)
    drive = lever.amplitude * jnp.hypot(1 - lever.ratio**2, lever.ratio / lever.quality)
    h = 2 * np.pi / steps
    thermal = jnp.sqrt(2 * THERMAL * h / (lever.stiffness * lever.quality * lever.ratio**3))
    own = jnp.array([1.0, SECOND])[:modes, None] / lever.ratio
    cosine, sine = jnp.cos(own * h / 2), jnp.sin(own * h / 2)

    def half(at: Motion) -> Motion:
        return Motion(cosine * at.x + sine / own * at.v, cosine * at.v - sine * own * at.x, at.arm)

    def step(at: Motion, row: tuple[Array, Array]) -> tuple[Motion, None]:
        moved = _kicked(lever, sample, half(at), drive * row[0], h)
        return half(moved._replace(v=moved.v.at[0].add(thermal * row[1]))), None

    def eight(at: Motion, rows: tuple[Array, Array]) -> tuple[Motion, Array]:
        return jax.lax.scan(step, at, rows)[0], at.x.sum(0)

    pushes = jnp.cos((jnp.arange(steps) + 0.5) * h).reshape(-1, 8)
    normal = jax.random.normal(key, (steps // 8, 8, len(lever.height)))
    return jax.lax.scan(eight, now, (pushes, normal))


def motions(lever: Lever, sample: Sample, recorder: Recorder, seed: int) -> list[np.ndarray]:
    """The deflections of each draw (m), from the phase 0 of the drive on."""
    drive = lever.amplitude * np.abs(1 - lever.ratio**2 + 1j * lever.ratio / lever.quality)
    free = drive / (1 - lever.ratio**2 + 1j * lever.ratio / lever.quality)
    none = np.zeros((lever.modes - 1, len(free)))
    waits, longest = int(DECAYS * lever.quality.max() / np.pi), int(recorder.periods.max())
    kinds = {"modes": lever.modes, "cone": sample.cone, "arm": sample.arm, "time": sample.time}
    kept = []
    with jax.enable_x64(True):
        now = Motion(jnp.array([free.real, *none]), jnp.array([-free.imag, *none]), jnp.zeros(len(free)))
        for period, key in enumerate(jax.random.split(jax.random.key(seed), waits + AGAIN + longest)):
            steps = COARSE if period < waits else STEPS
            now, seen = _period(lever, sample, now, key, steps=steps, **kinds)
            if period >= waits + AGAIN:
                kept.append(np.asarray(seen))
    whole = np.concatenate(kept)
    return [whole[:: every // 8, draw][: int(periods) * STEPS // every]
            for draw, (every, periods) in enumerate(zip(recorder.every, recorder.periods, strict=True))]


def stated(lever: Lever, recorder: Recorder, draw: int, deflection: np.ndarray,
           random: np.random.Generator, stiffness_std: float = STATED[0]) -> tuple[SettledRecord, TappedLever]:
    """One record with its noise, and the lever as a user states it."""
    std = np.array([stiffness_std, *STATED[1:]])
    z = random.standard_normal(6) * std
    step = 2 * np.pi * int(recorder.every[draw]) / STEPS
    frequency = float(lever.frequency[draw])
    drive = lever.amplitude[draw] * np.exp(z[3] - 1j * z[4])
    known = TappedLever(lever.stiffness[draw] * np.exp(z[0]), frequency * np.exp(z[1]),
                        lever.quality[draw] * np.exp(z[2]), *std)
    seen = deflection + z[5] + recorder.noise[draw] * random.standard_normal(len(deflection))
    return SettledRecord(seen, complex(drive), False, step, step / (2 * np.pi * frequency * lever.ratio[draw])), known


class Row(NamedTuple):
    """What was said of one draw; moduli over the truth."""

    outcome: Outcome | None  # None: refused
    modulus: float
    low: float
    high: float
    probability: float
    depth: float  # m, that the tip goes into the sample


def row(truth: tuple[Lever, Sample, Recorder], draw: int, deflection: np.ndarray, seed: int,
        stiffness_std: float = STATED[0]) -> Row:
    """One draw, fitted by a sphere."""
    lever, sample, recorder = truth
    record, known = stated(lever, recorder, draw, deflection, np.random.default_rng([seed, draw]), stiffness_std)
    depth = float(sample.cutoff[draw] - lever.height[draw] - deflection.min())
    try:
        law = settled_law([record], known, Hertz(radius=sample.radius[draw], poisson_ratio=0.0))
    except DataError:
        return Row(None, np.nan, np.nan, np.nan, np.nan, depth)
    outcome = judged(law, contradictions(law.values, known))[1]
    true = float(sample.modulus[draw])
    return Row(outcome, law.modulus / true, law.modulus_low / true, law.modulus_high / true, law.probability, depth)


def rows(kind: str, count: int, seed: int) -> list[Row]:
    """So many draws of one of `KINDS`."""
    truth = draws(count, seed, **KINDS[kind])
    found = motions(*truth, seed + 1000)
    known = CALIBRATED if kind == "calibrated" else STATED[0]
    return [row(truth, draw, one, seed, known) for draw, one in enumerate(found)]


def figures(found: list[Row]) -> dict[str, float]:
    """What the draws say together."""
    told = [one for one in found if one.outcome == Outcome.converged]
    open_ = [one for one in found if one.outcome == Outcome.bound_hit]

    def held(part: list[Row]) -> float:
        return float(np.mean([one.low <= 1 <= one.high for one in part])) if part else float("nan")

    return {"draws": len(found), "told": len(told), "told: held": held(told),
            "told: median half width": float(np.median([(one.high - one.low) / 2 / one.modulus for one in told])),
            "told: median error": float(np.median([abs(one.modulus - 1) for one in told])),
            "told: below the truth": float(np.mean([one.modulus < 1 for one in told])),
            "not told": len(open_), "not told: held": held(open_),
            "flagged as another law": sum(one.outcome == Outcome.misfit for one in found),
            "did not end": sum(one.outcome == Outcome.not_converged for one in found),
            "refused": sum(one.outcome is None for one in found)}


if __name__ == "__main__":
    for what, number in figures(rows(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))).items():
        print(f"{what}: {number:.4g}")

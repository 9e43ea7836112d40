"""A lever that taps on a sample whose height changes, as controllers meet it: many at once, one control step a call.

The simulator knows everything; a controller is shown what a lock-in amplifier gives, with noise, once a step.
"""

from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact import Hertz
from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.oscillation import Drive, Motion, free_motion, steady
from asperity.dynamics.tip_force import TipForce

NM = 1e-9
NN = 1e-9
GPA = 1e9
STIFFNESS = 40.0  # N/m
FREQUENCY = 300e3  # Hz
QUALITY = 400.0
FREE = 20 * NM  # amplitude
SET = 16 * NM  # amplitude that is wanted
RADIUS = 10 * NM
HAMAKER = 6.4e-20  # J
CUTOFF = 0.165 * NM
PERIODS = 16  # of one control step: 53 us
STEPS = 256  # of one period
REACH = 1 * NM  # largest change of height in one control step, of every controller: 19 um/s
NOISE = 0.01 * NM  # of each quadrature, in one control step


class Lever(NamedTuple):
    """The levers' motions; one lane for each."""

    motion: Motion
    modulus: np.ndarray  # Pa
    quality: np.ndarray


class Run(NamedTuple):
    """What happened, (step, lane)."""

    amplitude: np.ndarray
    force: np.ndarray  # the largest of the step
    height: np.ndarray


@jax.jit
@partial(jax.vmap, in_axes=(0, 0, 0, 0))
def _step(motion, modulus, quality, gap):
    lever = Cantilever(STIFFNESS, FREQUENCY, quality)
    force = TipForce(Hertz(radius=RADIUS, modulus=modulus), radius=RADIUS, hamaker=HAMAKER, cutoff=CUTOFF)

    def period(state, _):
        found = steady(lever, Drive.at_resonance(lever, FREE), force, gap, state, steps=STEPS, periods=0)
        return found.motion, (found.amplitude * jnp.exp(-1j * found.phase), found.peak_force)

    motion, (signal, peak) = jax.lax.scan(period, motion, None, length=PERIODS)
    return motion, signal[PERIODS // 2 :].mean(), peak.max()


def free(modulus, quality=QUALITY):
    """Levers that oscillate freely."""
    modulus, quality = np.broadcast_arrays(np.asarray(modulus, float), np.asarray(quality, float))
    with jax.enable_x64(True):
        one = free_motion(Cantilever(STIFFNESS, FREQUENCY, 1.0))
        motion = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(modulus), *x.shape)), one)
    return Lever(motion, modulus, quality)


def after(lever, gap):
    """The levers one control step later, their signals (m, complex) in its second half, and its largest forces (N)."""
    with jax.enable_x64(True):
        motion, signal, peak = _step(lever.motion, lever.modulus, lever.quality, jnp.asarray(gap))
    return lever._replace(motion=motion), np.asarray(signal), np.asarray(peak)


@lru_cache(32)
def height_held(modulus, quality=QUALITY):
    """The height (m) at which the amplitude rests at the set point: what heights of training are measured from."""
    gaps = np.linspace(12, 16.5, 64) * NM
    lever = free(np.full(64, modulus), quality)
    for _ in range(80):
        lever, signal, _ = after(lever, gaps)
    return float(np.interp(SET, np.abs(signal), gaps))


def noisy(signal, rng, noise=NOISE):
    """Amplitude and phase that the lock-in shows."""
    shown = signal + noise * (rng.normal(size=signal.shape) + 1j * rng.normal(size=signal.shape))
    return np.abs(shown), -np.angle(shown)


def moved_at_random(modulus, lanes, steps, seed):
    """Episodes of levers that are moved to random heights at random speeds, with jitter.

    Each: states (amplitude, phase, height above the one held), inputs (change of height), outputs (`output`).
    """
    rng = np.random.default_rng(seed)
    lever, zero = free(np.full(lanes, modulus)), height_held(modulus)
    gap, aim = (rng.uniform(low, 23.5, lanes) * NM for low in (15, 13))
    rows = []
    for _ in range(steps):
        aim = np.where(rng.random(lanes) < 0.05, rng.uniform(13, 23.5, lanes) * NM, aim)
        fastest = rng.uniform(0, 1, lanes) * REACH
        jitter = np.where(rng.random(lanes) < 0.3, 0.2 * NM * rng.normal(size=lanes), 0.0)
        change = np.clip(np.clip(aim - gap, -fastest, fastest) + jitter, -REACH, REACH)
        gap = gap + change
        lever, signal, peak = after(lever, gap)
        rows.append((*noisy(signal, rng), gap - zero, change, output(peak)))
    rows = np.transpose(rows, (2, 0, 1))  # lane, step, what
    return [(one[:, :3], one[1:, 3:4], one[1:, 4:]) for one in rows]


def output(force):
    """F^(2/3) in nN^(2/3), nearly linear in height; a limit of the force is one of it."""
    return (np.maximum(force, 0) / NN) ** (2 / 3)


def closed_loop(controller, lever, gap, surface, wanted, *, seed, noise=NOISE):
    """Levers under a controller, which is shown amplitude, phase and what is wanted, and gives changes of height.

    Args:
        controller: called with arrays, one element for each lane.
        lever, gap: at the beginning.
        surface: height of the sample, (step, lane).
        wanted: amplitude, (step, lane).
        seed, noise: of the lock-in.
    """
    rng = np.random.default_rng(seed)
    height, signal, rows = np.array(gap, float), np.full(len(gap), -1j * FREE), []
    for top, aim in zip(surface, wanted, strict=True):
        height = height + np.clip(controller(*noisy(signal, rng, noise), aim), -REACH, REACH)
        lever, signal, peak = after(lever, height - top)
        rows.append((np.abs(signal), peak, height))
    return Run(*np.transpose(rows, (1, 0, 2)))

"""A lever that taps on a sample whose height changes, as a controller meets it: many at once, one control step a call.

The simulator knows everything; the controller is shown what a lock-in amplifier gives, with noise, once a step.
"""

from functools import partial
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
STIFFNESS = 40.0  # N/m
FREQUENCY = 300e3  # Hz
FREE = 20 * NM  # amplitude
RADIUS = 10 * NM
HAMAKER = 6.4e-20  # J
CUTOFF = 0.165 * NM
PERIODS = 16  # of one control step: 53 us
STEPS = 256  # of one period


class Lever(NamedTuple):
    """The levers' motions; one lane for each."""

    motion: Motion
    modulus: np.ndarray  # Pa, reduced
    quality: np.ndarray


@partial(jax.jit, static_argnames="periods")
@partial(jax.vmap, in_axes=(0, 0, 0, 0, None))
def _step(motion, modulus, quality, gap, periods):
    lever = Cantilever(STIFFNESS, FREQUENCY, quality)
    force = TipForce(Hertz(radius=RADIUS, modulus=modulus), radius=RADIUS, hamaker=HAMAKER, cutoff=CUTOFF)

    def period(state, _):
        found = steady(lever, Drive.at_resonance(lever, FREE), force, gap, state, steps=STEPS, periods=0)
        return found.motion, (found.amplitude * jnp.exp(-1j * found.phase), found.peak_force)

    motion, (signal, peak) = jax.lax.scan(period, motion, None, length=periods)
    return motion, signal[periods // 2 :].mean(), peak.max()


def free(modulus, quality):
    """Levers that oscillate freely."""
    modulus, quality = np.broadcast_arrays(np.asarray(modulus, float), np.asarray(quality, float))
    lanes = len(modulus)
    with jax.enable_x64(True):
        one = free_motion(Cantilever(STIFFNESS, FREQUENCY, 1.0))
        motion = jax.tree.map(lambda x: jnp.broadcast_to(x, (lanes, *x.shape)), one)
    return Lever(motion, modulus, quality)


def after(lever, gap, periods=PERIODS):
    """The levers one control step later, their complex signals (m) in its second half, and its largest forces (N)."""
    with jax.enable_x64(True):
        motion, signal, peak = _step(lever.motion, lever.modulus, lever.quality, jnp.asarray(gap), periods)
    return lever._replace(motion=motion), np.asarray(signal), np.asarray(peak)

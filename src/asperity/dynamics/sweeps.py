"""Amplitude and phase along a sweep, each point begun where the one before ended: a branch is followed to its end."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.oscillation import Drive, Motion, SteadyOscillation, at_rest, moved_to, steady
from asperity.dynamics.tip_force import TipForce

__all__ = ["over_frequencies", "over_heights"]


def over_heights(lever: Cantilever, drive: Drive, force: TipForce, heights: Float[Array, " point"], start: Motion, *,
                 steps: int = 1024) -> SteadyOscillation:
    """The oscillations at these heights (m), in their order: an amplitude and phase curve, (point,).

    Swept down and up again, the two differ where both an attractive and a repulsive branch are stable.
    """

    def point(motion: Motion, height: Array) -> tuple[Motion, SteadyOscillation]:
        found = steady(lever, drive, force, height, motion, steps=steps)
        return found.motion, found

    return jax.lax.scan(point, start, jnp.asarray(heights))[1]


def over_frequencies(lever: Cantilever, drive: Drive, force: TipForce, height: Float[Array, ""],
                     frequencies: Float[Array, " point"], *, steps: int = 1024) -> SteadyOscillation:
    """The oscillations with the drive's force at these frequencies (Hz), from rest at the first: a resonance curve."""

    def point(state: tuple[Motion, Array], frequency: Array) -> tuple[tuple[Motion, Array], SteadyOscillation]:
        motion, before = state
        now = Drive(drive.force, frequency)
        found = steady(lever, now, force, height, moved_to(motion, lever, Drive(drive.force, before), now), steps=steps)
        return (found.motion, frequency), found

    frequencies = jnp.asarray(frequencies)
    first = Drive(drive.force, frequencies[0])
    return jax.lax.scan(point, (at_rest(lever, first), frequencies[0]), frequencies)[1]

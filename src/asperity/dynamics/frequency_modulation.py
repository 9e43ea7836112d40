r"""Frequency modulation: the oscillation whose phase is held at 90 degrees and whose amplitude is kept.

A phase-locked loop and an automatic gain make the frequency and the force of the drive unknowns; amplitude and phase
are given. The periodic motion is found by Newton's method on one period: the same state after it, the amplitude of the
first harmonic, and a phase of 90 degrees. No transient is waited for, so that a lever in vacuum (Q of 1e5) takes no
longer than one in air, and branches that an open loop would leave are followed too.

For small forces the frequency shift is that of first-order perturbation (`weak_shift`), with the closest approach z and
the path $z + a (1 + u)$, $u = \cos \tau$, of a sine:

$$\frac{\Delta f}{f_0} = -\frac{\langle u F \rangle}{a k}, \qquad
  \langle u F \rangle(z) = \frac1\pi \int_{-1}^1 F(z + a(1+u)) \frac{u}{\sqrt{1-u^2}}\,du$$

For van der Waals forces it is $-HR / 6k\,[z(z + 2a)]^{3/2}$.

Source: Albrecht, Grutter, Horne, Rugar, J. Appl. Phys. 69, 668 (1991); Giessibl, Phys. Rev. B 56, 16010 (1997);
Giessibl, Appl. Phys. Lett. 78, 123 (2001) (the integral).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.oscillation import Drive, Motion, SteadyOscillation, free_motion, steady
from asperity.dynamics.tip_force import TipForce

__all__ = ["LockedOscillation", "bent", "equal_times", "locked", "weak_shift"]

_PATH = 512  # nodes of half a period, for forces with a kink
_NEWTON = 30  # steps of Newton's method, at most
_FOUND = 1e-12  # of the amplitude, by which the periodic motion is off
_FURTHEST = 0.1  # of an unknown of order one, by which a step of Newton's method moves it at most


class LockedOscillation(NamedTuple):
    """What a phase-locked loop shows."""

    shift: Float[Array, ""]  # Hz, of the frequency against the free resonance
    frequency: Float[Array, ""]  # Hz
    drive: Float[Array, ""]  # N, on the first mode: k a / Q without losses at the sample
    oscillation: SteadyOscillation
    found: Bool[Array, ""]  # whether the motion repeats itself to 1e-12 of the amplitude


def equal_times(count: int) -> Float[np.ndarray, " node"]:
    """Where a sine is at so many equal times of half a period, between -1 and 1 (nodes of Gauss and Chebyshev)."""
    return np.cos((2 * np.arange(count) + 1) * np.pi / (2 * count))


def weak_shift(force: Callable[[Array], Array], at: ArrayLike, amplitude: ArrayLike, stiffness: ArrayLike,
               count: int) -> Array:
    """The relative frequency shift of an oscillation whose closest approach is ``at``, by ``count`` nodes of its path.

    By the formula of Gauss and Chebyshev, <u F> is the mean of u F over the nodes. Lengths, forces and the stiffness (a
    force over a length) are in units of one length and one force.
    """
    u = equal_times(count)
    return -jnp.mean(u * jax.vmap(force)(jnp.asarray(at + amplitude * (1 + u)))) / (amplitude * stiffness)


@jax.jit
def bent(lever: Cantilever, force: TipForce, height: ArrayLike, amplitudes: Float[Array, " point"]) -> Array:
    """The relative shift of the first resonance at each of these amplitudes (m), to first order in the force.

    The frequency at which the oscillation lags by 90 degrees: the curve (backbone) that a resonance over a sample
    follows. Forces with a memory are those of the way in. Right to some 10 % where the force is not weak.
    """

    def law(distance: Array) -> Array:
        return force.force(distance, jnp.zeros_like(distance), (distance <= force.cutoff) * 1.0)

    def one(amplitude: Array) -> Array:
        return weak_shift(law, height - amplitude, amplitude, lever.stiffness[0], _PATH)

    return jax.vmap(one)(jnp.asarray(amplitudes))


def locked(lever: Cantilever, force: TipForce, height: Float[Array, ""], amplitude: Float[Array, ""], *,
           steps: int = 1024, guess: tuple[Array, Array] | None = None) -> LockedOscillation:
    """The oscillation of the tip with this ``amplitude`` (m), 90 degrees behind its drive, at this ``height`` (m).

    Args:
        guess: frequency (Hz) and drive (N), by default those of the free lever.
        steps: of one period.

    Forces with a memory must have forgotten it once in a period: the tip is neither in contact nor bridged where it is
    mid-way on its way out.
    """
    height, amplitude = jnp.asarray(height), jnp.asarray(amplitude)
    first = jnp.zeros_like(lever.stiffness).at[0].set(1.0)
    own = lever.stiffness[0] * amplitude / lever.quality[0]
    off, share = jnp.zeros(2) if guess is None else jnp.stack([guess[0] / lever.frequency[0], guess[1] / own]) - 1
    away = free_motion(lever).away.ravel()
    width = 1 / lever.quality[0]  # of the resonance, the unit of the frequency's unknown

    def shown(unknown: Array) -> tuple[Drive, SteadyOscillation]:
        drive = Drive(first * own * (1 + share + unknown[1]), lever.frequency[0] * (1 + off + width * unknown[0]))
        start = Motion(amplitude * unknown[2:].reshape(-1, 2), jnp.asarray(False), jnp.asarray(False))
        return drive, steady(lever, drive, force, height, start, steps=steps, periods=0)

    def residual(unknown: Array) -> Array:
        _, found = shown(unknown)
        signal = found.amplitude * jnp.exp(-1j * (found.phase - jnp.pi / 2)) / amplitude
        repeated = found.motion.away.ravel() / amplitude - unknown[2:]
        return jnp.concatenate([jnp.stack([signal.real - 1, signal.imag]), repeated])

    def improved(_: int, unknown: Array) -> Array:
        step = jnp.linalg.solve(jax.jacfwd(residual)(unknown), residual(unknown))
        return unknown - step * jnp.minimum(1.0, _FURTHEST / jnp.maximum(jnp.abs(step).max(), 1e-300))

    unknown = jax.lax.fori_loop(0, _NEWTON, improved, jnp.concatenate([jnp.zeros(2), away]))
    drive, found = shown(unknown)
    return LockedOscillation(lever.frequency[0] * (off + width * unknown[0]), drive.frequency, drive.force[0], found,
                             jnp.abs(residual(unknown)).max() < _FOUND)

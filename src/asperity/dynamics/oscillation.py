r"""The steady oscillation of a driven cantilever over a sample, with what a lock-in amplifier shows of it.

The linear part is solved exactly: the deflection is the free oscillation plus y, whose modes obey
$\ddot y_j + (\omega_j / Q_j)\,\dot y_j + \omega_j^2 y_j = F / m_j$. A step is a kick by the force, then the exact
motion without it (Strang's splitting, of second order; forces that depend on the velocity are taken at its midpoint).
Time runs in steps of the period of the drive over a whole number, and all sums of a lock-in amplifier run along.

Everything is for one parameter set, differentiable in all of them, and works under `vmap`.

Source: Strang, SIAM J. Numer. Anal. 5, 506 (1968); Garcia, San Paulo, Phys. Rev. B 60, 4961 (1999) (model); Cleveland
et al., Appl. Phys. Lett. 72, 2613 (1998) (dissipation).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.tip_force import TipForce

__all__ = ["Drive", "Motion", "SteadyOscillation", "at_rest", "free_motion", "moved_to", "steady"]

_SETTLED = 1e-7  # of the free amplitude: change of the amplitude over one time of decay
_DECAYS = 60  # times of decay of the first mode, at most, until the motion has settled


class Drive(NamedTuple):
    """A sinusoidal force at the tip, that acts on one mode or on each."""

    force: Any  # (mode,) N, on each mode
    frequency: Any  # Hz

    @staticmethod
    def at_resonance(lever: Cantilever, amplitude: float) -> Drive:
        """The drive that makes the first mode oscillate with this free amplitude (m) at its frequency."""
        first = jnp.zeros_like(lever.stiffness).at[0].set(1.0)
        return Drive(first * lever.stiffness[0] * amplitude / lever.quality[0], lever.frequency[0])


class Motion(NamedTuple):
    """Where the lever is at the beginning of a period of the drive."""

    away: Float[Array, "mode 2"]  # deflection (m) and velocity (m per radian of the drive), less those of free motion
    touching: Bool[Array, ""]


class SteadyOscillation(NamedTuple):
    """What one period shows; lengths in m, forces in N."""

    amplitude: Float[Array, ""]
    phase: Float[Array, ""]  # rad, by which the deflection lags behind the drive; pi/2 at a free resonance
    deflection: Float[Array, ""]  # mean
    peak_force: Float[Array, ""]
    mean_force: Float[Array, ""]
    virial: Float[Array, ""]  # J, mean of F (x - mean x)
    dissipation: Float[Array, ""]  # J in one period, taken up by the sample
    contact_time: Float[Array, ""]  # share of the period
    nearest: Float[Array, ""]  # distance
    settled: Bool[Array, ""]
    grazing: Bool[Array, ""]  # contact is touched by the last thousandth of the stroke: derivatives may be wrong
    motion: Motion


def at_rest(lever: Cantilever, drive: Drive) -> Motion:
    """An undeflected lever at which the drive is switched on."""
    return Motion(-jnp.stack(_parts(_response(lever, drive)), axis=1), jnp.asarray(False))


def free_motion(lever: Cantilever) -> Motion:
    """A lever that oscillates freely."""
    return Motion(jnp.zeros((len(lever.stiffness), 2)), jnp.asarray(False))


def moved_to(motion: Motion, lever: Cantilever, old: Drive, new: Drive) -> Motion:
    """The same deflections and velocities under another drive, at its phase 0."""
    before, after = (jnp.stack(_parts(_response(lever, drive)), axis=1) for drive in (old, new))
    ratio = jnp.stack([jnp.ones_like(old.frequency), old.frequency / new.frequency])  # of velocities per radian
    return Motion((motion.away + before) * ratio - after, motion.touching)


def _response(lever: Cantilever, drive: Drive) -> Array:
    """The complex amplitude of each mode, m: the deflection is the real part of it times e^(i phase of the drive)."""
    ratio = drive.frequency / lever.frequency
    return drive.force / lever.stiffness / (1 - ratio**2 + 1j * ratio / lever.quality)


def _parts(response: Array) -> tuple[Array, Array]:
    """Deflection and velocity (per radian) at the phase 0."""
    return response.real, -response.imag


def _flow(lever: Cantilever, drive: Drive, step: float) -> Array:
    """The exact motion of each mode without forces over one step (rad of the drive), (mode, 2, 2)."""
    rate = lever.frequency / drive.frequency
    decay = rate / (2 * lever.quality)
    turn = jnp.sqrt(rate**2 - decay**2)
    cosine, sine = jnp.cos(turn * step), jnp.sin(turn * step)
    fall = jnp.exp(-decay * step)
    own = decay / turn * sine
    return fall[:, None, None] * jnp.stack([jnp.stack([cosine + own, sine / turn], -1),
                                            jnp.stack([-(rate**2) / turn * sine, cosine - own], -1)], -2)


class _Sums(NamedTuple):
    """What a lock-in adds up along a period."""

    signal: Array  # complex
    deflection: Array
    force: Array
    peak: Array
    virial: Array
    work: Array
    contact: Array
    nearest: Array
    farthest: Array


def _period(lever: Cantilever, drive: Drive, force: TipForce, height: Array, motion: Motion, steps: int,
            *, measured: bool) -> tuple[Motion, _Sums]:
    """One period, with the sums of a lock-in if ``measured``."""
    h = 2 * jnp.pi / steps
    flow, response = _flow(lever, drive, h), _response(lever, drive)
    kick = h * (lever.frequency / drive.frequency) ** 2 / lever.stiffness  # m per radian and N
    turn = jnp.exp(1j * h)
    speed = 2 * jnp.pi * drive.frequency  # rad/s

    def step(_: int, state: tuple[Array, Array, Array, _Sums]) -> tuple[Array, Array, Array, _Sums]:
        away, touching, phasor, sums = state
        free = response * phasor
        x = (away[:, 0] + free.real).sum()
        before = (away[:, 1] - free.imag).sum()
        touching = force.touches(height + x, touching)
        first = force.force(height + x, before * speed, touching)
        own = force.force(height + x, (before + 0.5 * kick.sum() * first) * speed, touching)
        if measured:
            velocity = before + 0.5 * kick.sum() * own
            sums = _Sums(sums.signal + x * phasor.conj(), sums.deflection + x, sums.force + own,
                         jnp.maximum(sums.peak, own), sums.virial + own * x, sums.work - own * velocity * h,
                         sums.contact + touching, jnp.minimum(sums.nearest, height + x),
                         jnp.maximum(sums.farthest, height + x))
        away = away.at[:, 1].add(kick * own)
        return jnp.einsum("mij,mj->mi", flow, away), touching, phasor * turn, sums

    zero = jnp.zeros_like(height)
    sums = _Sums(zero * 1j, zero, zero, zero - jnp.inf, zero, zero, zero, zero + jnp.inf, zero - jnp.inf)
    away, touching, _, sums = jax.lax.fori_loop(0, steps, step, (motion.away, motion.touching, zero + 1 + 0j, sums))
    return Motion(away, touching), sums


def _shown(sums: _Sums, motion: Motion, steps: int, settled: Array, cutoff: Array) -> SteadyOscillation:
    signal = 2 * sums.signal / steps
    stroke = sums.farthest - sums.nearest
    grazing = jnp.abs(sums.nearest - cutoff) < 1e-3 * stroke
    virial = (sums.virial - sums.force * sums.deflection / steps) / steps
    return SteadyOscillation(jnp.abs(signal), -jnp.angle(signal), sums.deflection / steps, sums.peak,
                             sums.force / steps, virial, sums.work, sums.contact / steps, sums.nearest, settled,
                             grazing, motion)


def steady(lever: Cantilever, drive: Drive, force: TipForce, height: Float[Array, ""], start: Motion, *,
           steps: int = 1024, periods: int | None = None) -> SteadyOscillation:
    """The oscillation that the lever settles to.

    Args:
        lever, drive, force: of one parameter set.
        height: m, distance of the tip from the sample where the lever is not deflected.
        start: `at_rest`, `free_motion`, or the ``motion`` of another oscillation, whose branch is followed.
        steps: of one period; 1024 give the amplitude to some 1e-4 nm where it is 20 nm.
        periods: exactly so many before the one that is shown; None: until the amplitude changes by less than 1e-7 of
            itself in the time that the free oscillation takes to decay to 1/e (Q / pi periods), at most 60 such times.
    """
    height = jnp.asarray(height)

    def after(motion: Motion, count: Array | int) -> tuple[Motion, Motion, _Sums]:
        """The motion so many periods later, at the end of one more, and what that one shows."""
        motion = jax.lax.fori_loop(0, count, lambda _, own: _period(lever, drive, force, height, own, steps,
                                                                    measured=False)[0], motion)
        return motion, *_period(lever, drive, force, height, motion, steps, measured=True)

    motion, settled = start, jnp.asarray(True)
    if periods is None:
        motion, settled = _settled(after, start, jnp.maximum(jnp.ceil(lever.quality[0] / jnp.pi), 2).astype(int))
    _, end, sums = after(motion, periods or 0)
    return _shown(sums, end, steps, settled, force.cutoff)


def _settled(after: Callable[[Motion, Array], tuple[Motion, Motion, _Sums]], start: Motion,
             block: Array) -> tuple[Motion, Array]:
    """Blocks of a time of decay, until two of them show the same amplitude and phase."""

    def more(state: tuple[Motion, Array, Array, Array]) -> Array:
        return ~state[2] & (state[3] < _DECAYS)

    def body(state: tuple[Motion, Array, Array, Array]) -> tuple[Motion, Array, Array, Array]:
        motion, before, _, count = state
        motion, _, sums = after(motion, block)
        change = jnp.abs(sums.signal - before)
        return motion, sums.signal, change < _SETTLED * jnp.abs(sums.signal), count + 1

    nothing = jnp.zeros_like(start.away[0, 0]) + 0j
    first = start, nothing, jnp.asarray(False), jnp.asarray(0)
    motion, _, settled, _ = jax.lax.while_loop(more, body, first)
    return motion, settled

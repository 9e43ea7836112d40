r"""The steady oscillation of a driven cantilever over a sample, with what a lock-in amplifier shows of it.

The linear part is solved exactly: the deflection is the free oscillation plus y, whose modes obey
$\ddot y_j + (\omega_j / Q_j)\,\dot y_j + \omega_j^2 y_j = F / m_j$. A step is a kick by the force, then the exact
motion without it (Strang's splitting, of second order; forces that depend on the velocity are taken at its midpoint).
Time runs in steps of the period of the drive over a whole number, and all sums of a lock-in amplifier run along.

A drive may have several tones (bimodal operation). All begin again after a whole number of periods of the first, the
frame, over which a lock-in amplifier at each of their frequencies averages: none sees anything of the others.

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
from asperity.dynamics.lever_motion import free_flow
from asperity.dynamics.tip_force import TipForce
from asperity.messages import ArgumentError

__all__ = ["Drive", "Motion", "SteadyOscillation", "at_rest", "free_motion", "moved_to", "steady"]

_SETTLED = 1e-7  # of the free amplitude: change of the amplitude over one time of decay
_DECAYS = 60  # times of decay of the first mode, at most, until the motion has settled


class Drive(NamedTuple):
    """A force at the tip that acts on one mode or on each, a sine or a sum of them."""

    force: Any  # (mode,) N, on each mode; or (tone, mode)
    frequency: Any  # Hz; or (tone,), of which each is a whole number of times the first over the frame

    @staticmethod
    def at_resonance(lever: Cantilever, amplitude: float) -> Drive:
        """The drive that makes the first mode oscillate with this free amplitude (m) at its frequency."""
        first = jnp.zeros_like(lever.stiffness).at[0].set(1.0)
        return Drive(first * lever.stiffness[0] * amplitude / lever.quality[0], lever.frequency[0])

    @staticmethod
    def of_modes(lever: Cantilever, amplitudes: Float[Array, " mode"], frame: int) -> Drive:
        """A tone for each mode, that makes it alone oscillate freely with this amplitude (m).

        The first is at the first resonance, each other one as near to its resonance as the ``frame`` allows.
        """
        ratio = jnp.round(lever.frequency / lever.frequency[0] * frame) / frame
        own = ratio * lever.frequency[0] / lever.frequency
        force = lever.stiffness * jnp.asarray(amplitudes) * jnp.hypot(1 - own**2, own / lever.quality)
        return Drive(jnp.diag(force), ratio * lever.frequency[0])

    @property
    def tones(self) -> Drive:
        """The same with (tone, mode) and (tone,)."""
        return Drive(jnp.atleast_2d(jnp.asarray(self.force)), jnp.atleast_1d(jnp.asarray(self.frequency)))


class Motion(NamedTuple):
    """Where the lever is at the beginning of a period of the drive."""

    away: Float[Array, "mode 2"]  # deflection (m) and velocity (m per radian of the drive), less those of free motion
    touching: Bool[Array, ""]
    bridged: Bool[Array, ""] | bool = False


class SteadyOscillation(NamedTuple):
    """What one period (or frame) shows; lengths in m, forces in N. Of several tones amplitude and phase are (tone,)."""

    amplitude: Float[Array, ...]
    phase: Float[Array, ...]  # rad, by which the deflection lags behind the drive; pi/2 at a free resonance
    deflection: Float[Array, ""]  # mean
    peak_force: Float[Array, ""]
    mean_force: Float[Array, ""]
    virial: Float[Array, ""]  # J, mean of F (x - mean x)
    dissipation: Float[Array, ""]  # J in one period, taken up by the sample
    contact_time: Float[Array, ""]  # share of the time
    nearest: Float[Array, ""]  # distance
    settled: Bool[Array, ""]
    grazing: Bool[Array, ""]  # contact is touched by the last thousandth of the stroke: derivatives may be wrong
    motion: Motion


def at_rest(lever: Cantilever, drive: Drive) -> Motion:
    """An undeflected lever at which the drive is switched on."""
    return Motion(-_free(lever, drive), jnp.asarray(False), jnp.asarray(False))


def free_motion(lever: Cantilever) -> Motion:
    """A lever that oscillates freely."""
    return Motion(jnp.zeros((len(lever.stiffness), 2)), jnp.asarray(False), jnp.asarray(False))


def moved_to(motion: Motion, lever: Cantilever, old: Drive, new: Drive) -> Motion:
    """The same deflections and velocities under another drive, at its phase 0."""
    before, after = old.tones.frequency[0], new.tones.frequency[0]
    ratio = jnp.stack([jnp.ones_like(before), before / after])  # of velocities per radian
    return motion._replace(away=(motion.away + _free(lever, old)) * ratio - _free(lever, new))


def _response(lever: Cantilever, drive: Drive) -> Array:
    """(tone, mode) complex amplitude, m: the deflection is the real part of it times e^(i phase of the tone)."""
    ratio = drive.frequency[:, None] / lever.frequency
    return drive.force / lever.stiffness / (1 - ratio**2 + 1j * ratio / lever.quality)


def _free(lever: Cantilever, drive: Drive) -> Array:
    """(mode, 2) deflection and velocity (per radian of the first tone) of the free motion at the phase 0."""
    response, tones = _response(lever, drive.tones), _rates(drive.tones)
    return jnp.stack([response.real.sum(0), -(tones[:, None] * response.imag).sum(0)], axis=1)


def _rates(drive: Drive) -> Array:
    """(tone,) frequencies over the first."""
    return drive.frequency / drive.frequency[0]


class _Sums(NamedTuple):
    """What a lock-in adds up along a period."""

    signal: Array  # (tone,) complex
    deflection: Array
    force: Array
    peak: Array
    virial: Array
    work: Array
    contact: Array
    nearest: Array
    farthest: Array


class _Seen(NamedTuple):
    """What the tip sees where it is."""

    x: Array  # m, the deflection
    pace: Array  # m per radian, before the kick
    force: Array  # N
    contact: Array  # share of the step
    touching: Array  # after it
    bridged: Array


def _frame(lever: Cantilever, drive: Drive, force: TipForce, height: Array, motion: Motion, clock: tuple[int, int],
           *, measured: bool) -> tuple[Motion, _Sums]:
    """One frame, with the sums of a lock-in if ``measured``; ``clock`` is (steps of a period, periods)."""
    h = 2 * jnp.pi / clock[0]
    flow = free_flow(lever.quality, lever.frequency / drive.frequency[0], h, jnp)  # (mode, 2, 2), h in rad of the drive
    response, rates = _response(lever, drive).sum(1), _rates(drive)
    kick = h * (lever.frequency / drive.frequency[0]) ** 2 / lever.stiffness  # m per radian and N
    turn = jnp.exp(1j * h * rates)
    speed = 2 * jnp.pi * drive.frequency[0]  # rad/s

    def seen(place: Array, pace: Array, touching: Array, bridged: Array, phasor: Array) -> _Seen:
        x = place.sum() + (phasor.real * response.real - phasor.imag * response.imag).sum()
        before = pace.sum() - (rates * (phasor.real * response.imag + phasor.imag * response.real)).sum()
        contact, touching = force.touches(height + x, 0.5 * h * before, touching)
        neck, bridged = force.of_bridge(height + x, 0.5 * h * before, bridged)
        first = force.force(height + x, before * speed, contact) + neck
        own = force.force(height + x, (before + 0.5 * kick.sum() * first) * speed, contact) + neck
        return _Seen(x, before, own, contact, touching, bridged)

    def step(_: int, state: tuple[Array, Array, Array, Array, Array, _Seen, _Sums]) -> tuple[Any, ...]:
        """Kick and motion; the force is that of the end, so that it is worked out once for both of them."""
        place, pace, *_memory, phasor, now, sums = state
        if measured:
            velocity = now.pace + 0.5 * kick.sum() * now.force
            sums = _Sums(sums.signal + now.x * phasor.conj(), sums.deflection + now.x, sums.force + now.force,
                         jnp.maximum(sums.peak, now.force), sums.virial + now.force * now.x,
                         sums.work - now.force * velocity * h, sums.contact + now.contact,
                         jnp.minimum(sums.nearest, height + now.x), jnp.maximum(sums.farthest, height + now.x))
        pace = pace + kick * now.force
        place, pace = flow[:, 0, 0] * place + flow[:, 0, 1] * pace, flow[:, 1, 0] * place + flow[:, 1, 1] * pace
        then = place, pace, now.touching, now.bridged, phasor * turn
        return *then, seen(*then), sums

    zero = jnp.zeros_like(height)
    sums = _Sums(rates * 0j, zero, zero, zero - jnp.inf, zero, zero, zero, zero + jnp.inf, zero - jnp.inf)
    begin = (motion.away[:, 0], motion.away[:, 1], motion.touching, jnp.asarray(motion.bridged),
             jnp.ones_like(rates) + 0j)
    end = jax.lax.fori_loop(0, clock[0] * clock[1], step, (*begin, seen(*begin), sums))
    return Motion(jnp.stack(end[:2], axis=1), end[2], end[3]), end[-1]


def _shown(sums: _Sums, motion: Motion, clock: tuple[int, int], settled: Array, cutoff: Array) -> SteadyOscillation:
    steps = clock[0] * clock[1]
    signal = 2 * sums.signal / steps
    stroke = sums.farthest - sums.nearest
    grazing = jnp.abs(sums.nearest - cutoff) < 1e-3 * stroke
    virial = (sums.virial - sums.force * sums.deflection / steps) / steps
    return SteadyOscillation(jnp.abs(signal), -jnp.angle(signal), sums.deflection / steps, sums.peak,
                             sums.force / steps, virial, sums.work / clock[1], sums.contact / steps, sums.nearest,
                             settled, grazing, motion)


def steady(lever: Cantilever, drive: Drive, force: TipForce, height: Float[Array, ""], start: Motion, *,
           steps: int = 1024, periods: int | None = None, frame: int = 1) -> SteadyOscillation:
    """The oscillation that the lever settles to.

    Args:
        lever, drive, force: of one parameter set.
        height: m, distance of the tip from the sample where the lever is not deflected.
        start: `at_rest`, `free_motion`, or the ``motion`` of another oscillation, whose branch is followed.
        steps: of one period of the first tone; 1024 give the amplitude to some 1e-4 nm where it is 20 nm.
        periods: exactly so many before the frame that is shown; None: until amplitude and phase of each tone change by
            less than 1e-7 of the amplitude in the time that the free oscillation of the first mode takes to decay to
            1/e (Q / pi periods), at most 60 such times.
        frame: periods of the first tone after which all tones begin again.

    Raises:
        ArgumentError: the lever is in single precision, in which no oscillation settles.
    """
    if lever.stiffness.dtype != jnp.float64:
        raise ArgumentError("lever is in single precision: make it, and call this, under jax.enable_x64(True)")
    height = jnp.asarray(height)
    clock, several = (steps, frame), jnp.ndim(drive.frequency) > 0
    drive = drive.tones

    def after(motion: Motion, count: Array | int) -> tuple[Motion, Motion, _Sums]:
        """The motion so many frames later, at the end of one more, and what that one shows."""
        motion = motion._replace(bridged=jnp.asarray(motion.bridged))
        motion = jax.lax.fori_loop(0, count, lambda _, own: _frame(lever, drive, force, height, own, clock,
                                                                   measured=False)[0], motion)
        return motion, *_frame(lever, drive, force, height, motion, clock, measured=True)

    motion, settled = start, jnp.asarray(True)
    if periods is None:
        block = jnp.maximum(jnp.ceil(lever.quality[0] / jnp.pi / frame), 2).astype(int)
        motion, settled = _settled(after, start, block, jnp.zeros_like(drive.frequency) + 0j)
    _, end, sums = after(motion, (periods or 0) // frame)
    found = _shown(sums, end, clock, settled, force.cutoff)
    return found if several else found._replace(amplitude=found.amplitude[0], phase=found.phase[0])


def _settled(after: Callable[[Motion, Array], tuple[Motion, Motion, _Sums]], start: Motion, block: Array,
             nothing: Array) -> tuple[Motion, Array]:
    """Blocks of a time of decay, until two of them show the same amplitudes and phases."""

    def more(state: tuple[Motion, Array, Array, Array]) -> Array:
        return ~state[2] & (state[3] < _DECAYS)

    def body(state: tuple[Motion, Array, Array, Array]) -> tuple[Motion, Array, Array, Array]:
        motion, before, _, count = state
        motion, _, sums = after(motion, block)
        same = jnp.all(jnp.abs(sums.signal - before) < _SETTLED * jnp.abs(sums.signal))
        return motion, sums.signal, same, count + 1

    first = start._replace(bridged=jnp.asarray(start.bridged)), nothing, jnp.asarray(False), jnp.asarray(0)
    motion, _, settled, _ = jax.lax.while_loop(more, body, first)
    return motion, settled

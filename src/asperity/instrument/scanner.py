"""A piezo scanner: from its drive to its displacement and back, with hysteresis, creep and asymmetry."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from asperity.instrument.creep import Creep
from asperity.instrument.hysteresis import PrandtlIshlinskii
from asperity.instrument.scanner_memory import Memory, advance, as_array, forgotten, relaxed, run, valid_plays
from asperity.messages import ArgumentError

__all__ = ["Asymmetry", "Scanner"]

#: Newton steps of the inverse with an asymmetry. Where the slope varies by at most half of the least slope,
#: every step at least halves the error, and soon squares it: below rounding after 9.
_NEWTON = 9


@final
class Asymmetry(eqx.Module):
    r"""A static bend that makes rising and falling branches unlike: a cubic of the drive u, without its line.

    $$y = a_2 s^2 + a_3 s^3, \qquad s = (u - u_0)/h$$

    for |s| <= 1, continued by its tangents, so that it is tame where nothing was measured. ``quadratic``
    and ``cubic`` are a_2, a_3 in m; ``center`` u_0 and ``half_width`` h are in units of the drive.
    """

    quadratic: Float[Array, ""] = eqx.field(converter=as_array)
    cubic: Float[Array, ""] = eqx.field(converter=as_array)
    center: Float[Array, ""] = eqx.field(converter=as_array)
    half_width: Float[Array, ""] = eqx.field(converter=as_array)

    def displacement(self, drive: Array) -> Array:
        """The displacement (m) that the bend adds."""
        place = (drive - self.center) / self.half_width
        inside = jnp.clip(place, -1, 1)
        return self._shape(inside) + (place - inside) * self._shape_slope(inside)

    def slope(self, drive: Array) -> Array:
        """Its derivative, m per unit of drive."""
        inside = jnp.clip((drive - self.center) / self.half_width, -1, 1)
        return self._shape_slope(inside) / self.half_width

    def slope_range(self) -> tuple[float, float]:
        """The least and the largest slope anywhere."""
        turn = np.clip(-self.quadratic / (3 * self.cubic), -1, 1) if self.cubic else 1.0
        slopes = [self._shape_slope(s) / self.half_width for s in (-1.0, float(turn), 1.0)]
        return float(min(slopes)), float(max(slopes))

    def _shape(self, s):
        return s**2 * (self.quadratic + self.cubic * s)

    def _shape_slope(self, s):
        return s * (2 * self.quadratic + 3 * self.cubic * s)


@final
class Scanner(eqx.Module):
    r"""The displacement of a scanner: hysteresis of plays, creep modes, and a static bend where there is one.

    $$y = \sum_i w_i z_i + \sum_j c_j x_j + a_2 s^2 + a_3 s^3$$

    of the drive u (V, or m where the instrument scales its drive so). The zero of y is arbitrary. The memory
    (plays z_i, creep states x_j) is passed in and returned, so that it is carried from one curve to the next.
    Call the methods in 64-bit arithmetic (`jax.enable_x64`); `asperity.instrument.height_correction` does so
    for whole records.

    Raises:
        ValueError: an asymmetry so strong that the inverse is not safe: its slope varies by more than half of
            the least slope that the scanner has, w_0 + min of the bend's slope.
    """

    hysteresis: PrandtlIshlinskii
    creep: Creep = Creep()
    asymmetry: Asymmetry | None = None

    def __check_init__(self):
        bend, weights = self.asymmetry, self.hysteresis.weights
        if bend is None or not isinstance(weights, np.ndarray) or not isinstance(bend.cubic, np.ndarray):
            return
        least, most = bend.slope_range()
        if not 2 * (most - least) <= weights[0] + least:
            raise ArgumentError(f"asymmetry: its slope varies from {least:.3g} to {most:.3g} beside w_0 = "
                                f"{weights[0]:.3g} of the hysteresis; the displacement then hardly rises with "
                                "the drive somewhere. Identify without it")

    def relaxed(self, drive: float | Array) -> Memory:
        """The memory after long rest at ``drive``, every play in the middle of where it could be."""
        return relaxed(drive, self.hysteresis.thresholds.size, self.creep.decay_times.size)

    def rested(self, memory: Memory, duration: float | Array) -> Memory:
        """The memory after the last drive was held for a duration (s)."""
        return Memory(memory.plays, self.creep.rested(memory.creep, memory.plays[0], duration))

    def remembers(self, memory: Memory) -> bool:
        """Whether the memory has the size of this scanner and some history leads to it."""
        r, tau = self.hysteresis.thresholds, self.creep.decay_times
        fits = np.shape(memory.plays) == np.shape(r) and np.shape(memory.creep) == np.shape(tau)
        return fits and valid_plays(memory.plays, r) and bool(np.isfinite(np.asarray(memory.creep)).all())

    @eqx.filter_jit
    def displacement(self, time: Float[Array, " sample"], drive: Float[Array, " sample"],
                     memory: Memory) -> tuple[Float[Array, " sample"], Memory]:
        """The displacement (m) at every sample, and the memory at the last; ``memory`` is that before the
        first.

        ``time`` (s) does not fall; ``memory`` belongs to the time of the first sample.
        """
        weights, strengths = self.hysteresis.weights, self.creep.strengths
        found, end = run(memory, drive, self.hysteresis.thresholds, forgotten(time, self.creep.decay_times),
                         lambda plays, creep: weights @ plays + strengths @ creep)
        return found + self._bend(drive), end

    @eqx.filter_jit
    def drive(self, time: Float[Array, " sample"], displacement: Float[Array, " sample"],
              memory: Memory) -> tuple[Float[Array, " sample"], Memory]:
        """The drive that makes a displacement (m), exactly, and the memory at the last sample.

        Creep is known before each sample; what is left is a rising function of the drive with one corner per
        play. Without asymmetry its inverse is again a sum of plays; with it the corners, which the memory
        keeps in order, say which plays move, and Newton steps solve the cubic on that stretch to rounding.
        """
        lost = forgotten(time, self.creep.decay_times)
        if self.asymmetry is None:
            return self._inverse_of_plays(lost, displacement, memory)

        def step(state: Memory, sample: tuple[Array, Array]) -> tuple[Memory, Array]:
            wanted, lost = sample
            drive = self._solve(state.plays, wanted - self.creep.strengths @ state.creep)
            plays = advance(state, drive, self.hysteresis.thresholds).plays
            return Memory(plays, state.creep + lost * (drive - state.creep)), drive

        end, found = lax.scan(step, memory, (displacement, lost))
        return found, end

    def _bend(self, drive: Array) -> Array | float:
        return 0.0 if self.asymmetry is None else self.asymmetry.displacement(drive)

    def _inverse_of_plays(self, lost: Array, displacement: Array, memory: Memory) -> tuple[Array, Memory]:
        inverse = self.hysteresis.inverse()

        def step(state: Memory, sample: tuple[Array, Array]) -> tuple[Memory, Array]:
            wanted, lost = sample
            state = advance(state, wanted - self.creep.strengths @ state.creep, inverse.thresholds)
            drive = inverse.weights @ state.plays
            return Memory(state.plays, state.creep + lost * (drive - state.creep)), drive

        start = Memory(self.hysteresis.inverse_plays(memory.plays), memory.creep)
        end, found = lax.scan(step, start, (displacement, lost))
        return found, Memory(inverse.inverse_plays(end.plays), end.creep)

    def _solve(self, plays: Array, wanted: Array) -> Array:
        """The drive at which hysteresis and bend together make ``wanted``, from the given plays."""
        r, w = self.hysteresis.thresholds, self.hysteresis.weights
        way = jnp.where(wanted >= w @ plays + self._bend(plays[0]), 1.0, -1.0)
        corners = plays + way * r  # where each play begins to move, from near to far
        made = jnp.clip(plays, corners[:, None] - r, corners[:, None] + r) @ w + self._bend(corners)
        moving = (way * made <= way * wanted).at[0].set(True)
        stiff = w @ moving
        still = w @ jnp.where(moving, -way * r, plays)  # what does not depend on the drive
        drive = corners[jnp.sum(moving) - 1]
        for _ in range(_NEWTON):
            error = stiff * drive + still + self._bend(drive) - wanted
            drive = drive - error / (stiff + self.asymmetry.slope(drive))  # type: ignore[union-attr]
        return drive

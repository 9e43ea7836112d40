"""What a scanner remembers of its drive, and how that memory runs through a signal, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

__all__ = ["Memory", "advance", "as_array", "filled", "forgotten", "relaxed", "run", "valid_plays"]

_CHUNKS = 128  # pieces of a signal that advance side by side: enough to fill the vector units
_SHORTEST = 1024  # samples that a shorter record is filled up to


def as_array(values: object) -> Any:
    """Numbers as they are in JAX, else in double precision: JAX cuts them to its own outside `enable_x64`."""
    return values if isinstance(values, jax.Array) else np.asarray(values, float)


class Memory(NamedTuple):
    """The state of n plays (hysteresis) and m creep modes, all in units of the drive.

    The first play has the threshold 0: its state is the last drive.
    """

    plays: Any  # (n,)
    creep: Any  # (m,)


def filled(signal: np.ndarray) -> np.ndarray:
    """A signal that stays at its last value up to 1024 samples times 1, 1.5, 2, 3, 4, 6, ...

    Records of like length then share one compiled program. Standing still in time and drive leaves the memory
    as it is.
    """
    power = 1 << max(len(signal) - 1, _SHORTEST - 1).bit_length()
    size = power * 3 // 4 if len(signal) <= power * 3 // 4 and power > _SHORTEST else power
    return np.pad(np.asarray(signal, float), (0, size - len(signal)), mode="edge")


def relaxed(drive: float | Array, plays: int, modes: int) -> Memory:
    """The memory of a scanner that has rested at ``drive`` after an oscillation that died away."""
    return Memory(jnp.full(plays, drive), jnp.full(modes, drive))


def valid_plays(plays: Any, thresholds: Any) -> bool:
    """Whether some history leads to these plays: |z_(i+1) - z_i| <= r_(i+1) - r_i, up to rounding."""
    plays, thresholds = np.asarray(plays), np.asarray(thresholds)
    rounding = 1e-12 * (np.abs(plays).max() + thresholds.max())
    return bool((np.abs(np.diff(plays)) <= np.diff(thresholds) + rounding).all())


def forgotten(time: Float[Array, " sample"], decay_times: Float[Array, " m"]) -> Float[Array, "sample m"]:
    """The part 1 - exp(-dt / tau) of each creep state forgotten until the next sample; 0 at the last."""
    return -jnp.expm1(-jnp.pad(jnp.diff(time), (0, 1))[:, None] / decay_times)


def advance(memory: Memory, drive: Array, thresholds: Array) -> Memory:
    """The memory once the plays feel ``drive``: z_i = max(u - r_i, min(u + r_i, z_i))."""
    return Memory(jnp.clip(memory.plays, drive - thresholds, drive + thresholds), memory.creep)


def run(memory: Memory, drive: Float[Array, " sample"], thresholds: Float[Array, " n"],
        forgotten: Float[Array, "sample m"], read: Callable[[Array, Array], Any]) -> tuple[Any, Memory]:
    r"""Read the memory at every sample of a drive; return what was read and the memory at the last sample.

    $$z_i \leftarrow \max(u - r_i, \min(u + r_i, z_i)), \qquad
      x_j(t + \Delta t) = x_j + (1 - e^{-\Delta t/\tau_j})\,(u - x_j)$$

    A play is a clip, and clips composed are a clip; a creep step is affine, and so are its compositions.
    The signal is therefore cut into chunks: what each does to *any* memory is found side by side, then
    passed from chunk to chunk, then all chunks are run side by side from their own start. Equal to sample
    after sample up to rounding (the plays bit for bit).

    Args:
        memory: before the first sample, which moves the plays but not yet the creep.
        drive: u, any length.
        thresholds: r_i >= 0.
        forgotten: 1 - exp(-dt / tau_j) from each sample to the next, as by `forgotten`.
        read: function of the plays (n, chunks) and the creep states (m, chunks); its result has the chunks
            last.
    """
    length, offsets = drive.size, thresholds[:, None]
    u, lost = _columns(drive, "edge"), jnp.moveaxis(_columns(forgotten, "constant"), -1, 1)
    low, high, shift, factor = _compose(u, lost, offsets)

    def pass_on(start: Memory, chunk: tuple[Array, ...]) -> tuple[Memory, Memory]:
        low, high, shift, factor = chunk
        return Memory(jnp.clip(start.plays, low, high), factor * start.creep + shift), start

    end, starts = lax.scan(pass_on, memory, (low.T, high.T, shift.T, factor.T))

    def step(state: tuple[Array, Array], sample: tuple[Array, Array]) -> tuple[tuple[Array, Array], Any]:
        (plays, creep), (drive, lost) = state, sample
        plays = jnp.clip(plays, drive - offsets, drive + offsets)
        return (plays, creep + lost * (drive - creep)), read(plays, creep)

    _, found = lax.scan(step, (starts.plays.T, starts.creep.T), (u, lost))
    return jax.tree.map(lambda a: _joined(a)[:length], found), end


def _compose(drive: Array, lost: Array, thresholds: Array) -> tuple[Array, ...]:
    """What each chunk does to any memory: plays to clip(z, low, high), creep to factor x + shift."""
    def step(state: tuple[Array, ...], sample: tuple[Array, Array]) -> tuple[tuple[Array, ...], None]:
        (low, high, shift, factor), (drive, lost) = state, sample
        least, most = drive - thresholds, drive + thresholds
        return (jnp.clip(low, least, most), jnp.clip(high, least, most),
                shift + lost * (drive - shift), factor * (1 - lost)), None

    plays = jnp.full((thresholds.size, drive.shape[1]), jnp.inf, drive.dtype)
    creep = jnp.zeros(lost.shape[1:], drive.dtype)
    return lax.scan(step, (-plays, plays, creep, creep + 1), (drive, lost))[0]


def _columns(signal: Array, mode: str) -> Array:
    """(sample, ...) as (step, chunk, ...), the last chunk filled up so that the memory stays as it is."""
    steps = -(-signal.shape[0] // _CHUNKS)
    missing = steps * _CHUNKS - signal.shape[0]
    filled = jnp.pad(signal, [(0, missing)] + [(0, 0)] * (signal.ndim - 1), mode=mode)
    return jnp.moveaxis(filled.reshape(_CHUNKS, steps, *signal.shape[1:]), 0, 1)


def _joined(read: Array) -> Array:
    """(step, ..., chunk) as (sample, ...)."""
    ordered = jnp.moveaxis(read, -1, 0)
    return ordered.reshape(ordered.shape[0] * ordered.shape[1], *ordered.shape[2:])

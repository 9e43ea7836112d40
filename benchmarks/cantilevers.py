"""The simulated cantilever against a vmapped adaptive integrator (diffrax), at equal error, in CPU seconds.

``python -m benchmarks.cantilevers`` prints what 256 parameter sets over 1000 periods cost after compiling, and how far
the final states are off (median, 90 % and largest distance in deflection and velocity, nm) from the same with 8192
steps of a period. diffrax is no dependency of the library: where it is not installed its rows are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact import Hertz
from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.oscillation import Drive, free_motion, steady
from asperity.dynamics.tip_force import TipForce
from benchmarks.machine import compare, one_core
from benchmarks.table import Row, limit, note, ratio, show

__all__ = ["cantilevers"]

_K, _F0, _Q, _RADIUS, _HAMAKER, _CUTOFF = 40.0, 3e5, 400.0, 10e-9, 6.4e-20, 0.165e-9
_NM = 1e-9
_GOAL, _WITH_LOCK_IN = 8.0, 3.0  # times diffrax; s
_FINEST = 8192
_EQUAL = 1184  # steps, with which the median error is that of diffrax at 1e-8
_FINER = f"asperity, {_EQUAL} steps"


def cantilevers(sets: int = 256, periods: int = 1000, repeats: int = 3) -> list[Row]:
    """The rows of the table."""
    jax.config.update("jax_enable_x64", True)
    some = _sets(sets)
    exact = _state(_strang(some, _FINEST, periods), some)
    ways: dict[str, Callable[[], np.ndarray]] = {
        name: partial(_ended, some, steps, periods) for name, steps in (("asperity", 1024), (_FINER, _EQUAL))}
    if find_spec("diffrax"):
        ways |= {f"diffrax Tsit5 rtol {rtol:g}": partial(_diffrax, some, periods, rtol) for rtol in (1e-8, 1e-9)}
    errors = {name: np.hypot(*(way() - exact)) for name, way in ways.items()}  # compiles, too
    times = compare({name: (way, 1) for name, way in ways.items()}, repeats)
    what = f"{sets} levers, {periods} periods"
    rows = [limit(f"{what}, 1024 steps", times["asperity"].best)]
    rows += [ratio(f"{what}, {own.split(', ')[-1]}: against {name}", times[own], name, times[name],
                   _GOAL if name.endswith("1e-08") else None)
             for own in ("asperity", _FINER) for name in ways if name.startswith("diffrax")]
    rows += [note(f"error of the final state, {name}", " / ".join(f"{part:.2g}" for part in _spread(error)) + " nm",
                  "median / 90 % / largest", error=_spread(error)) for name, error in errors.items()]
    _strang(some, 1024, periods, lock_in=True)
    measured = compare({"lock-in": (lambda: _strang(some, 1024, periods, lock_in=True), 1)}, repeats)["lock-in"]
    rows.append(limit(f"{what}, 1024 steps, all sums of a lock-in", measured.best, _WITH_LOCK_IN))
    return rows if find_spec("diffrax") else [*rows, note("diffrax", "left out: not installed")]


def _spread(error: np.ndarray) -> list[float]:
    return [float(np.median(error)), float(np.quantile(error, 0.9)), float(error.max())]


def _sets(count: int) -> np.ndarray:
    """(3, set) free amplitude (m), reduced modulus (Pa), height (m), 0.5 to 0.9 of the amplitude."""
    rng = np.random.default_rng(0)
    free = rng.uniform(10e-9, 30e-9, count)
    return np.stack([free, 10 ** rng.uniform(9, 10.7, count), free * rng.uniform(0.5, 0.9, count)])


@partial(jax.jit, static_argnums=(1, 2, 3))
@partial(jax.vmap, in_axes=(1, None, None, None))
def _simulated(one, steps, periods, lock_in):
    free, modulus, height = one
    lever = Cantilever(_K, _F0, _Q)
    force = TipForce(Hertz(radius=_RADIUS, modulus=modulus, poisson_ratio=0.0), radius=_RADIUS, hamaker=_HAMAKER,
                     cutoff=_CUTOFF)
    drive = Drive.at_resonance(lever, free)
    how = {"periods": 0, "frame": periods} if lock_in else {"periods": periods - 1}
    return steady(lever, drive, force, height, free_motion(lever), steps=steps, **how)


def _strang(some, steps, periods, *, lock_in=False):
    return jax.block_until_ready(_simulated(jnp.asarray(some), steps, periods, lock_in))


def _ended(some, steps, periods) -> np.ndarray:
    return _state(_strang(some, steps, periods), some)


def _state(found, some) -> np.ndarray:
    """(2, set) deflection and velocity per radian, nm, at the end: the free motion at phase 0 is (0, free)."""
    away = np.asarray(found.motion.away)[:, 0].T
    return (away + np.stack([0 * some[0], some[0]])) / _NM


@partial(jax.jit, static_argnums=(1, 2))
@partial(jax.vmap, in_axes=(1, None, None))
def _solved(one, periods, rtol):
    import diffrax

    free, modulus, height = one[0] / _NM, one[1], one[2] / _NM
    stiff, pull = 4 / 3 * modulus * jnp.sqrt(_RADIUS) * _NM**1.5 / _K / _NM, _HAMAKER * _RADIUS / 6 / _K / _NM**3
    cutoff = _CUTOFF / _NM

    def motion(phase, state, _):
        d = height + state[0]
        depth = jnp.maximum(cutoff - d, 0.0)
        force = stiff * depth * jnp.sqrt(jnp.where(depth > 0, depth, 1.0)) - pull / jnp.maximum(d, cutoff) ** 2
        return jnp.stack([state[1], -state[0] - state[1] / _Q + free / _Q * jnp.cos(phase) + force])

    control = diffrax.PIDController(rtol=rtol, atol=10 * rtol, dtmax=2 * np.pi / 16)
    done = diffrax.diffeqsolve(diffrax.ODETerm(motion), diffrax.Tsit5(), 0.0, 2 * np.pi * periods, 0.05,
                               jnp.stack([0 * free, free]), stepsize_controller=control, max_steps=None, throw=False,
                               saveat=diffrax.SaveAt(t1=True))
    assert done.ys is not None
    return done.ys[0]


def _diffrax(some, periods, rtol) -> np.ndarray:
    return np.asarray(_solved(jnp.asarray(some), periods, rtol)).T


if __name__ == "__main__":
    one_core()
    quick = "--quick" in sys.argv
    show(cantilevers(32, 100, 2) if quick else cantilevers(), "simulated cantilevers, CPU seconds, median (best)")

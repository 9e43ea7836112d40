r"""Motion of atoms: at constant energy, or in contact with a heat bath.

Velocity Verlet, $v \to v + \tfrac{h}{2} F/m$, $r \to r + h v$, $v \to v + \tfrac{h}{2} F/m$; with a bath the drift is
halved, and between its halves the velocities relax exactly to those of the temperature T,
$v \to e^{-\gamma h} v + \sqrt{(1 - e^{-2 \gamma h})\, k_B T / m}\; \xi$ (BAOAB, whose positions in a harmonic well have
the variance of T at any step that is stable). The cell stays as it is.

Source: Swope, Andersen, Berens, Wilson, J. Chem. Phys. 76, 637 (1982); Leimkuhler, Matthews, J. Chem. Phys. 138, 174102
(2013) (bath).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from asperity.atomistic.elasticity import Energy
from asperity.messages import DataError

__all__ = ["Bath", "Run", "State", "run", "thermal_velocities"]

_ACCELERATION = 9.648533212e-3  # angstrom/fs^2, of 1 eV/angstrom on 1 Da
_BOLTZMANN = 8.617333262e-5  # eV/K


class Bath(NamedTuple):
    """What the atoms exchange heat with."""

    temperature: float  # K
    friction: float  # 1/fs
    key: Array  # of the random forces


class State(NamedTuple):
    """Atoms in motion."""

    positions: Float[np.ndarray, "atom 3"]  # angstrom
    velocities: Float[np.ndarray, "atom 3"]  # angstrom/fs
    cell: Float[np.ndarray, "3 3"]  # angstrom
    masses: Float[np.ndarray, " atom"]  # Da


class Run(NamedTuple):
    """A motion: its end, and its energies after each step."""

    state: State
    potential: Float[np.ndarray, " step"]  # eV
    kinetic: Float[np.ndarray, " step"]  # eV


def thermal_velocities(masses: Float[np.ndarray, " atom"], temperature: float, key: Array
                       ) -> Float[np.ndarray, "atom 3"]:
    """Velocities (angstrom/fs) of a temperature (K) without a motion of the whole; masses in Da."""
    with jax.enable_x64(True):
        drawn = np.asarray(jax.random.normal(key, (len(masses), 3)))
    weight = np.asarray(masses, float)[:, None]
    drawn = np.sqrt(_BOLTZMANN * temperature * _ACCELERATION / weight) * drawn
    return drawn - (weight * drawn).sum(axis=0) / weight.sum()


def run(energy: Energy, state: State, *, step: float, steps: int, margin: float, bath: Bath | None = None) -> Run:
    """So many steps of the motion.

    Args:
        energy: with a table of neighbors of the positions at the beginning.
        state: the beginning.
        step: fs; a twentieth of the shortest period, 1 fs for silicon.
        steps: so many.
        margin: angstrom, by which the table's cutoff is larger than the potential's: atoms may move by half of it.
        bath: None: the energy is kept.

    Raises:
        DataError: an atom has moved further than the table holds: make shorter runs, each with its own table.
    """
    with jax.enable_x64(True):
        (at, moving), told = _moved(energy, state, (step, steps), bath)
        potential, kinetic, away = map(np.asarray, told)
        if not away.max() <= margin / 2:
            raise DataError(f"an atom moves by {away.max():.3g} A, and the table of neighbors holds for {margin / 2:g} "
                            "A: give it more margin, or make shorter runs, each with a table of its own")
        return Run(state._replace(positions=np.asarray(at), velocities=np.asarray(moving)), potential, kinetic)


def _moved(energy: Energy, state: State, times: tuple[float, int],
           bath: Bath | None) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
    (step, steps), key = times, jax.random.key(0) if bath is None else bath.key
    begun, cell, weight = (jnp.asarray(part, float) for part in (state.positions, state.cell, state.masses[:, None]))
    both = jax.value_and_grad(energy)

    def one(state: tuple[Array, Array, Array], number: Array) -> tuple[tuple[Array, Array, Array], tuple[Array, ...]]:
        at, moving, slope = state
        moving -= step / 2 * _ACCELERATION * slope / weight
        at += step / 2 * moving
        if bath is not None:
            kept = jnp.exp(-bath.friction * step)
            spread = jnp.sqrt((1 - kept**2) * _BOLTZMANN * bath.temperature * _ACCELERATION / weight)
            moving = kept * moving + spread * jax.random.normal(jax.random.fold_in(key, number), moving.shape)
        at += step / 2 * moving
        potential, slope = both(at, cell)
        moving -= step / 2 * _ACCELERATION * slope / weight
        kinetic = (weight * moving**2).sum() / 2 / _ACCELERATION
        away = jnp.sqrt(((at - begun) ** 2).sum(axis=1).max())
        return (at, moving, slope), (potential, kinetic, away)

    @jax.jit
    def whole(at: Array, moving: Array) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
        begin = at, moving, both(at, cell)[1]
        (at, moving, _), told = jax.lax.scan(one, begin, jnp.arange(steps))
        return (at, moving), told

    return whole(begun, jnp.asarray(state.velocities, float))

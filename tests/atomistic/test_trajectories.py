"""Motion of atoms: energy kept, reversed in time; a bath against exact variances of a harmonic well."""

import jax
import numpy as np
import pytest

from asperity.atomistic.neighbors import neighbors_within
from asperity.atomistic.potentials import StillingerWeber
from asperity.atomistic.trajectories import Bath, State, run, thermal_velocities
from asperity.messages import DataError
from tests.atomistic.crystals import DIAMOND, cubic, repeated

BOLTZMANN = 8.617333262e-5  # eV/K
MARGIN = 1.0  # angstrom


def silicon():
    own = StillingerWeber()
    positions, cell = repeated(*cubic(DIAMOND, 5.431), (2, 2, 2))
    table = neighbors_within(own.cutoff + MARGIN, positions, cell)
    return lambda at, box: own.energy(at, box, table, np.full(64, 14)), positions, cell


def test_energy_is_kept_and_time_runs_backwards():
    """64 atoms, 600 K at first, 1 fs: the drift of 1 ps is below 0.01 meV an atom."""
    energy, positions, cell = silicon()
    masses = np.full(64, 28.0855)
    begin = State(positions, thermal_velocities(masses, 600.0, jax.random.key(1)), cell, masses)
    forth = run(energy, begin, step=1.0, steps=1000, margin=MARGIN)
    total = (forth.potential + forth.kinetic) / 64
    drift = np.polyfit(np.arange(1000) / 1000, total, 1)[0]
    assert abs(drift) < 1e-5  # eV an atom in 1 ps
    assert total.std() < 1e-4
    short = run(energy, begin, step=1.0, steps=100, margin=MARGIN).state
    back = run(energy, short._replace(velocities=-short.velocities), step=1.0, steps=100, margin=MARGIN)
    np.testing.assert_allclose(back.state.positions, positions, atol=1e-9)
    assert 0.8 * 300 < forth.kinetic[500:].mean() / 64 / 1.5 / BOLTZMANN < 1.2 * 300  # half of it has become potential


@pytest.mark.parametrize("step", [2.0, 20.0])
def test_a_bath_gives_the_exact_spread_of_a_harmonic_well(step):
    """<x^2> = kT / k at any step; 2000 wells at once, with the standard error of so many draws."""
    stiffness, mass, temperature, count = 0.5, 20.0, 300.0, 2000

    def energy(at, box):
        return stiffness * (at**2).sum() / 2

    begin = State(np.zeros((count, 3)), np.zeros((count, 3)), np.eye(3), np.full(count, mass))
    found = run(energy, begin, step=step, steps=4000 // int(step), margin=10.0,
                bath=Bath(temperature, 0.01, jax.random.key(3)))
    wanted = BOLTZMANN * temperature / stiffness
    spread = (found.state.positions**2).mean()
    assert abs(spread / wanted - 1) < 4 * np.sqrt(2 / (3 * count))
    if step < 10:
        kinetic = found.kinetic[-1] / count
        assert abs(kinetic / (1.5 * BOLTZMANN * temperature) - 1) < 4 * np.sqrt(2 / (3 * count))


def test_a_table_that_no_longer_holds_is_said():
    energy, positions, cell = silicon()
    with pytest.raises(DataError, match=r"an atom moves by .* A, and the table of neighbors holds for 0\.05 A"):
        run(energy, State(positions, np.full((64, 3), 1e-3), cell, np.full(64, 28.0)), step=1.0, steps=200, margin=0.1)

"""Intervals of ensembles: quantities of Stillinger-Weber silicon that no training and no calibration has seen.

    python -m tests.verify.atomistic.test_ensembles

Four networks learn energies, forces and stresses of strained diamond cells and of cells that are slid and opened along
(111). Their spread is calibrated on configurations of the same kind. Judged are second derivatives of the energy, which
no training set has: elastic constants of diamond under strains, of hexagonal diamond, stiffnesses of the (111) plane at
several gaps; and, told apart, those of a phase that is far from all that was learnt (beta-tin). Truth is exact.
"""

import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import binom

from asperity.atomistic.elasticity import strained
from asperity.atomistic.moduli import GPA
from asperity.atomistic.neighbors import neighbors_within
from asperity.atomistic.networks import MomentNet
from asperity.atomistic.potentials import StillingerWeber
from asperity.learning.potentials.batches import predicted
from asperity.learning.potentials.configurations import Configuration, scales_of
from asperity.learning.potentials.ensembles import calibrated, interval
from asperity.learning.potentials.judgement import judged
from asperity.learning.potentials.training import TrainingPlan, train
from tests.atomistic.crystals import DIAMOND, cubic, silicon_111
from tests.verify.verdict import Figure, judge

A = 5.431  # angstrom
MEMBERS = 4
LEVEL = 0.95
PLAN = TrainingPlan(epochs=60, rate=1e-2, atoms=128)


def configurations(count, seed):
    """Half strained diamond, half (111) cells slid and opened; rattled, with what Stillinger-Weber says of them."""
    rng, made = np.random.default_rng(seed), []
    for number in range(count):
        positions, cell = (cubic(DIAMOND, A), silicon_111(A))[number % 2]
        cell = cell.copy()
        if number % 2:
            cell[2] += [*rng.uniform(-0.6, 0.6, 2), rng.uniform(-0.3, 0.8)]
        turn = np.eye(3) + rng.normal(0, 0.025, (3, 3))
        away = rng.normal(0, rng.uniform(0, 0.12), positions.shape)
        made.append(Configuration((positions + away) @ turn, cell @ turn, np.ones(3, bool), np.full(len(positions), 14),
                                  0.0, group="slid" if number % 2 else "strained"))
    return [one._replace(energy=float(said.energy), forces=said.forces, stress=said.stress)
            for one, said in zip(made, predicted(StillingerWeber(), made))]


def hexagonal():
    """Hexagonal diamond with ideal angles, 4 atoms."""
    side, height = A / np.sqrt(2), A * 2 / np.sqrt(3)
    cell = np.array([[side, 0, 0], [-side / 2, side * np.sqrt(3) / 2, 0], [0, 0, height]])
    places = np.array([[1 / 3, 2 / 3, 1 / 16], [2 / 3, 1 / 3, 9 / 16], [1 / 3, 2 / 3, 7 / 16], [2 / 3, 1 / 3, 15 / 16]])
    return places @ cell, cell


def beta_tin():
    """4 atoms at the density of the high-pressure phase."""
    a, c = 4.81, 2.65
    return np.array([[0, 0, 0], [0, a / 2, c / 4], [a / 2, a / 2, c / 2], [a / 2, 0, 3 * c / 4]]), np.diag([a, a, c])


@eqx.filter_jit
def curvature(potential, positions, cell, table):
    """Second derivatives (6 + 3 N, 6 + 3 N) of the energy by strain and displacements, eV and eV/angstrom."""
    def total(x):
        turned = strained(x[:6])
        at = (positions + x[6:].reshape(-1, 3)) @ turned
        return potential.energy(at, cell @ turned, table, jnp.full(len(positions), 14))

    return jax.hessian(total)(jnp.zeros(6 + positions.size))


@eqx.filter_jit
def sliding(potential, positions, cell, table):
    """Second derivatives by the third vector of the cell alone."""
    return jax.hessian(lambda u: potential.energy(positions, cell.at[2].add(u), table, jnp.full(len(positions), 14)))(
        jnp.zeros(3))


def constants(potential, positions, cell):
    """(6, 6) GPa clamped, and with the atoms at rest."""
    table = neighbors_within(potential.cutoff, positions, cell, places=32)
    whole = np.asarray(curvature(potential, jnp.asarray(positions), jnp.asarray(cell), table))
    inner = np.linalg.pinv(whole[6:, 6:], rcond=1e-8, hermitian=True)
    scale = GPA / abs(np.linalg.det(cell))
    return scale * whole[:6, :6], scale * (whole[:6, :6] - whole[:6, 6:] @ inner @ whole[6:, :6])


def under(strain, crystal):
    positions, cell = crystal
    turn = np.eye(3) + np.asarray(strain)
    return positions @ turn, cell @ turn


PAIRS = {"C11": (0, 0), "C33": (2, 2), "C12": (0, 1), "C13": (0, 2), "C44": (3, 3), "C66": (5, 5)}
CUBIC, ALL = ("C11", "C12", "C44"), tuple(PAIRS)
#: held out: what, crystal, which constants, with the atoms at rest
HELD = {"diamond": (cubic(DIAMOND, A), CUBIC, True),
        "diamond 4 % shorter": (cubic(DIAMOND, 0.96 * A), CUBIC, True),
        "diamond 4 % longer": (cubic(DIAMOND, 1.04 * A), CUBIC, True),
        "diamond 5 % longer along z": (under(np.diag([0, 0, 0.05]), cubic(DIAMOND, A)), ALL, True),
        "diamond sheared by 5 %": (under([[0, 0.05, 0], [0.05, 0, 0], [0, 0, 0]], cubic(DIAMOND, A)), ALL, True),
        "hexagonal diamond": (hexagonal(), ALL[:5], True)}
FAR = {"beta-tin": (beta_tin(), ALL, False)}
#: to decide on the method by: not judged
TRIED = {"diamond 2 % shorter": (cubic(DIAMOND, 0.98 * A), CUBIC, True),
         "diamond 2 % longer": (cubic(DIAMOND, 1.02 * A), CUBIC, True),
         "diamond 4 % longer along x, clamped": (under(np.diag([0.04, 0, 0]), cubic(DIAMOND, A)), ALL, False),
         "diamond sheared by 3 %, clamped": (under([[0, 0, 0.03], [0, 0, 0], [0.03, 0, 0]], cubic(DIAMOND, A)), ALL,
                                             False)}
GAPS = (-0.2, 0.0, 0.2, 0.4, 0.6)  # angstrom, more than at rest
SIDE = (0.35, 0.1)  # angstrom, a displacement at which gaps of 0.1 and 0.3 angstrom are tried


def stiffness(potential, gap, aside=(0.0, 0.0)):
    """k_s along x and y of the shuffle plane, GPa/nm."""
    positions, cell = silicon_111(A)
    cell = cell + np.array([[0, 0, 0], [0, 0, 0], [*aside, gap]])
    table = neighbors_within(potential.cutoff, positions, cell, places=32)
    whole = np.asarray(sliding(potential, jnp.asarray(positions), jnp.asarray(cell), table))
    return np.diag(whole)[:2] / abs(np.linalg.det(cell[:2, :2])) * 10 * GPA


def quantities(potential, several, gaps=(), aside=(0.0, 0.0)):
    """Names and values."""
    found = {}
    for name, (crystal, which, rested) in several.items():
        table = constants(potential, *crystal)[1 if rested else 0]
        found |= {f"{one} of {name}": table[PAIRS[one]] for one in which}
    for gap in gaps:
        along = stiffness(potential, gap, aside)
        found[f"k_s at {gap:+.1f} A"] = along[0]
        if aside[0]:
            found[f"k_s at {gap:+.1f} A, across"] = along[1]
    return list(found), np.array(list(found.values()))


def trained(seed, known, scales):
    return train(MomentNet(scales, jax.random.key(seed), channels=8), known, PLAN._replace(seed=seed)).average


def double(network):
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, float)) if eqx.is_inexact_array(leaf) else leaf,
                        network)


def coverage(found, truth):
    """The share of truths inside, and the largest distance in half widths."""
    inside = (found.low <= truth) & (truth <= found.high)
    return inside.mean(), np.abs((truth - found.value) / (found.high - found.value))


def test_intervals_cover_what_was_held_out(x64):
    known, unseen, fresh = configurations(400, 1), configurations(60, 2), configurations(60, 3)
    scales = scales_of(known, StillingerWeber().cutoff)
    begin, processor = time.time(), time.process_time()
    members = [double(trained(seed, known, scales)) for seed in range(MEMBERS)]
    print(f"\n{time.process_time() - processor:.0f} s of a processor, {time.time() - begin:.0f} s")
    own = calibrated(members, unseen)
    errors = judged(members[0], fresh)[0]
    figures = [Figure("mean deviation of forces of a member, meV/A", 1e3 * errors.forces.mean),
               Figure("of energies, meV/atom", 1e3 * errors.energy.mean),
               Figure("of stresses, GPa", errors.stress.mean),
               Figure("factor of the spread", own.factor)]
    for title, several, gaps, aside in (("tried", TRIED, (0.1, 0.3), SIDE), ("held out", HELD, GAPS, (0.0, 0.0)),
                                        ("far", FAR, (), (0.0, 0.0))):
        names, truth = quantities(StillingerWeber(), several, gaps, aside)
        values = np.stack([quantities(one, several, gaps, aside)[1] for one in members])
        found = interval(values, own.factor, level=LEVEL)
        share, away = coverage(found, truth)
        print(f"\n| {title} | truth | members' mean | half width | outside |\n|---|---|---|---|---|")
        for row in zip(names, truth, found.value, found.high - found.value, away):
            print(f"| {row[0]} | {row[1]:.2f} | {row[2]:.2f} | {row[3]:.2f} | {'*' if row[4] > 1 else ''} |")
        std = np.sqrt(LEVEL * (1 - LEVEL) / len(truth))
        fewest = binom.ppf(0.025, len(truth), LEVEL) / len(truth)  # of independent ones
        figures += [Figure(f"quantities {title}", len(truth), 20 if title == "held out" else 0),
                    Figure(f"share inside, {title}", share, fewest if title == "held out" else 0),
                    Figure(f"its standard error if {LEVEL:.0%} are inside", std),
                    Figure(f"median half width over the truth, {title}", float(np.median(
                        (found.high - found.value) / np.abs(truth))))]
    judge("Intervals of ensembles on Stillinger-Weber silicon", figures)


if __name__ == "__main__":
    with jax.enable_x64(True):
        test_intervals_cover_what_was_held_out(None)

"""The benchmark of Zuo et al. (J. Phys. Chem. A 124, 731, 2020): silicon and molybdenum by density functional theory.

    python -m tests.verify.atomistic.test_zuo [official] [grouped] [extrapolated] [molybdenum] [distance]

The official split has frames of the same trajectories on both sides: 17 of 25 test structures of silicon, 15 of 23 of
molybdenum. A trajectory is told by the comment of a structure without its number: the kind of simulation (with or
without a vacancy) and its temperature, a mode of strain, or one surface. The split by trajectory holds out one of five
folds of these, of training and test together, by `asperity.evaluation.splits.by_group` with the seed 0.
"""

import re
import sys
import time
from functools import partial

import ase.io
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.atomistic.elasticity import at_rest, elastic_constants
from asperity.atomistic.interfaces import shear_stiffness
from asperity.atomistic.neighbors import neighbors_within
from asperity.atomistic.networks import DistanceGNN, MomentNet
from asperity.evaluation.splits import by_group
from asperity.learning.potentials.configurations import Configuration, scales_of
from asperity.learning.potentials.judgement import judged
from asperity.learning.potentials.training import TrainingPlan, train
from tests.atomistic.crystals import DIAMOND, cubic, silicon_111
from tests.conftest import shared_data
from tests.verify.verdict import Figure, judge

CUTOFF = 5.0  # angstrom
PLAN = TrainingPlan(epochs=120)
BCC = np.array([[0, 0, 0], [1, 1, 1]]) / 2
DFT = {"Si": {"a0": 5.469, "C11": 156.0, "C12": 65.0, "C44": 76.0}}  # angstrom, GPa: of the benchmark
PER_NM = 1602.1766  # GPa/nm, of 1 eV/angstrom^4


def structures(element, part):
    """The configurations of a file, and the trajectory of each."""
    found = ase.io.read(shared_data(f"atomistic/zuo2020_mlearn/{element}_{part}.xyz"), index=":")
    own = [Configuration(one.positions, one.cell.array, one.pbc, one.numbers, one.get_potential_energy(),
                         one.get_forces(), one.get_stress(), one.info["group"]) for one in found]
    return own, [trajectory(one.info["comment"]) for one in found]


def trajectory(comment):
    """What frames of one simulation, or strains of one mode, share in their comments."""
    return re.sub(r"^Snapshot \d+ of \d+ of |, strain .*$", "", comment)


def official(element):
    """To learn from, and to test on."""
    return structures(element, "training")[0], structures(element, "test")[0]


def grouped(element, fold=0):
    """The same, with no trajectory on both sides."""
    (own, names), (more, others) = structures(element, "training"), structures(element, "test")
    every = [*own, *more]
    split = by_group([*names, *others], folds=5, seed=0)[fold]
    return [every[i] for i in split.train], [every[i] for i in split.test]


def trained(kind, known, plan=PLAN, **settings):
    """The network, with the time that it took."""
    network = kind(scales_of(known, CUTOFF), jax.random.key(plan.seed), **settings)
    begin, processor = time.time(), time.process_time()
    found = train(network, known, plan).average
    print(f"\n{kind.__name__}: {time.process_time() - processor:.0f} s of a processor, {time.time() - begin:.0f} s")
    return found


def crystal(network, basis, a, number):
    """Lattice constant (angstrom) at rest, and C11, C12, C44 (GPa), in double precision."""
    positions, cell = cubic(basis, a)
    table = neighbors_within(CUTOFF + 0.5, positions, cell)
    energy = lambda at, box: network.energy(at, box, table, jnp.full(len(positions), number))  # noqa: E731
    positions, cell = at_rest(energy, positions, cell, with_cell=True)
    found = elastic_constants(energy, positions, cell).relaxed
    return {"a0": float(np.cbrt(np.linalg.det(cell))), "C11": found[0, 0], "C12": found[0, 1], "C44": found[3, 3]}


def shuffle_stiffness(network, a):
    """k_s (eV/angstrom^4) of the (111) shuffle plane of silicon, unrelaxed."""
    positions, cell = silicon_111(a)
    table = neighbors_within(CUTOFF + 0.5, positions, cell)
    slid = shear_stiffness(lambda at, box: network.energy(at, box, table, jnp.full(6, 14)), positions, cell)
    return slid.unrelaxed[0, 0] / PER_NM


def errors(network, test):
    """Rows of the table, all and by group."""
    found = judged(network, test)
    print("\n| group | structures | energy, meV/atom | forces, meV/A | stress, GPa |\n|---|---|---|---|---|")
    for one in found:
        print(f"| {one.group or 'all'} | {one.structures} | {1e3 * one.energy.mean:.2f} | "
              f"{1e3 * one.forces.mean:.1f} | {one.stress.mean:.3f} |")
    return 1e3 * found[0].forces.mean, 1e3 * found[0].energy.mean, found[0].stress.mean


def silicon_figures(network, test, limits):
    """The table of a network of silicon."""
    forces, energy, stress = errors(network, test)
    with jax.enable_x64(True):
        own, known = crystal(network, DIAMOND, 5.469, 14), DFT["Si"]
        slope = shuffle_stiffness(network, own["a0"])
    off = {name: 100 * (own[name] / value - 1) for name, value in known.items()}
    softer = 100 * ((own["C11"] - own["C12"]) / (known["C11"] - known["C12"]) - 1)
    bounds = {name: limits.get(name, np.inf) for name in ("forces", "energy", "C44", "C11")}
    return [Figure("forces, meV/A", forces, highest=bounds["forces"]),
            Figure("energies, meV/atom", energy, highest=bounds["energy"]),
            Figure("stresses, GPa", stress), Figure("a0, A", own["a0"]),
            *(Figure(f"{name}, GPa", own[name]) for name in ("C11", "C12", "C44")),
            Figure("C44 from 76 GPa, %", off["C44"], -bounds["C44"], bounds["C44"]),
            Figure("C11 from 156 GPa, %", off["C11"], -bounds["C11"], bounds["C11"]),
            Figure("C' from 45.5 GPa, %", softer, highest=limits.get("C'", np.inf)),
            Figure("k_s (111), eV/A^4 (CASTEP: 0.083)", slope)]


def silicon_by_the_official_split():
    known, test = official("Si")
    network = trained(MomentNet, known)
    judge("Silicon, official split", silicon_figures(network, test, {"forces": 65, "energy": 2.6, "C44": 6, "C11": 12}))
    return network


def silicon_by_trajectories(fold=0):
    known, test = grouped("Si", fold)
    network = trained(MomentNet, known)
    judge(f"Silicon, no trajectory on both sides, fold {fold}", silicon_figures(network, test, {}))
    return network


def molybdenum():
    known, test = official("Mo")
    network = trained(MomentNet, known, PLAN._replace(epochs=60))
    forces, energy, stress = errors(network, test)
    with jax.enable_x64(True):
        own = crystal(network, BCC, 3.168, 42)
    judge("Molybdenum, official split", [
        Figure("forces, meV/A", forces), Figure("energies, meV/atom", energy), Figure("stresses, GPa", stress),
        Figure("a0, A", own["a0"]), *(Figure(f"{name}, GPa", own[name]) for name in ("C11", "C12", "C44"))])
    return network


def distances_alone():
    """The control, with the same cutoff and training: C' is off by more than 30 %."""
    known, test = official("Si")
    network = trained(DistanceGNN, known, PLAN._replace(epochs=60))
    judge("Silicon by distances alone, official split", silicon_figures(network, test, {"C'": -30}))
    return network


PARTS = {"official": silicon_by_the_official_split, "grouped": silicon_by_trajectories,
         "extrapolated": partial(silicon_by_trajectories, 1), "molybdenum": molybdenum,
         "distance": distances_alone}


@pytest.mark.study
@pytest.mark.parametrize("part", PARTS)
def test_benchmark(part):
    PARTS[part]()


if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()

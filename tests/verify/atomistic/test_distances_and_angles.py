"""Distances alone against distances and angles, on graphs of the first shell and of 5 angstrom.

    python -m tests.verify.atomistic.test_distances_and_angles [MomentNet-3.77] [DistanceGNN-5.0] ...

What each knows of the shear of silicon by Stillinger and Weber, from 400 structures: its constants are 151.42, 76.42
and 56.45 GPa, its shuffle plane has 0.09953 eV/A^4 (matscipy). Of silicon by density functional theory: `test_zuo`.
"""

import sys
import time

import jax
import numpy as np
import pytest

from asperity.atomistic.elasticity import at_rest, elastic_constants
from asperity.atomistic.interfaces import shear_stiffness
from asperity.atomistic.neighbors import neighbors_within
from asperity.atomistic.networks import DistanceGNN, EquivariantGNN, MomentNet
from asperity.learning.potentials.configurations import Configuration, scales_of
from asperity.learning.potentials.training import TrainingPlan, train
from tests.atomistic.crystals import DIAMOND, cubic, silicon_111
from tests.verify.verdict import Figure, judge

A = 5.431  # angstrom
TRUTH = {"C11": 151.42, "C12": 76.42, "C44": 56.45, "C'": 37.50, "k_s": 0.09953}  # GPa, eV/angstrom^4
KINDS = {one.__name__: one for one in (DistanceGNN, MomentNet, EquivariantGNN)}
CASES = [(kind, cutoff) for cutoff in (3.77, 5.0) for kind in KINDS]
EPOCHS = {3.77: 300, 5.0: 150}


def silicon(count=400, seed=0):
    """Cubes under any strain, and six atoms whose upper half has slid: energies by matscipy, not by asperity."""
    calculators = pytest.importorskip("matscipy.calculators.manybody")
    forms = pytest.importorskip("matscipy.calculators.manybody.explicit_forms.stillinger_weber")
    from ase import Atoms

    parameters = forms.Stillinger_Weber_PRB_31_5262_Si
    calculator = calculators.Manybody(**forms.StillingerWeber(parameters))
    rng, made = np.random.default_rng(seed), []
    for number in range(count):
        positions, cell = cubic(DIAMOND, A) if number % 2 else silicon_111(A)
        strain = rng.normal(0, 0.02, (3, 3))
        turn = np.eye(3) + (strain + strain.T) / 2
        positions, cell = (positions + rng.normal(0, 0.1, positions.shape)) @ turn, cell @ turn
        if not number % 2:
            cell[2] += [*rng.normal(0, 0.3, 2), rng.normal(0, 0.1)]
        atoms = Atoms(f"Si{len(positions)}", positions, cell=cell, pbc=True)
        times = np.ceil(2 * 3.78 / np.abs(np.linalg.det(cell) / np.linalg.norm(
            np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1))).astype(int)
        large = atoms.repeat(times)  # so that no atom is its own neighbor
        large.calc = calculator
        made.append(Configuration(positions, cell, np.ones(3, bool), np.full(len(atoms), 14),
                                  large.get_potential_energy() / times.prod(), large.get_forces()[: len(atoms)],
                                  large.get_stress()))
    return made


def mechanics(network):
    """GPa, eV/angstrom^4; at rest."""
    def energy(positions, cell):
        table = neighbors_within(network.cutoff + 0.02, positions, cell)
        kinds = np.full(len(positions), 14)
        return lambda at, box: network.energy(at, box, table, kinds)

    positions, cell = at_rest(energy(*cubic(DIAMOND, A)), *cubic(DIAMOND, A), with_cell=True)
    found = elastic_constants(energy(positions, cell), positions, cell).relaxed
    flat, box = silicon_111(cell[0, 0])
    slid = shear_stiffness(energy(flat, box), flat, box).unrelaxed[0, 0] / 1602.1766
    return {"C11": found[0, 0], "C12": found[0, 1], "C44": found[3, 3], "C'": (found[0, 0] - found[0, 1]) / 2,
            "k_s": slid}


def learned(name, cutoff):
    """What a network knows after 400 structures."""
    known = silicon()
    network = KINDS[name](scales_of(known, cutoff), jax.random.key(0))
    begin = time.process_time()
    trained = train(network, known, TrainingPlan(epochs=EPOCHS[cutoff], late=0.0)).average
    print(f"\n{name}, {cutoff:g} A: {time.process_time() - begin:.0f} s of a processor")
    return mechanics(trained)


def shown(name, cutoff):
    """The table, with the limits of the claim."""
    found = learned(name, cutoff)
    off = {one: 100 * (found[one] / value - 1) for one, value in TRUTH.items()}
    blind, held = name == "DistanceGNN" and cutoff < 4, name == "MomentNet" and cutoff < 4
    bulk = (found["C11"] + 2 * found["C12"]) / 3
    figures = [Figure(f"{one}, {'eV/A^4' if one == 'k_s' else 'GPa'}", value) for one, value in found.items()]
    for one in ("C44", "k_s", "C'"):
        limit = 3.0 if held and one != "C'" else np.inf
        figures.append(Figure(f"{one} from that of Stillinger and Weber, %", off[one], -limit, limit))
    if blind:
        figures += [Figure("|C'| over B", abs(found["C'"]) / bulk, highest=1e-6),
                    Figure("|C44| over B", abs(found["C44"]) / bulk, highest=1e-6),
                    Figure("|k_s| a over B", abs(found["k_s"]) * A * 160.2177 / bulk, highest=1e-6)]
    judge(f"Silicon of Stillinger and Weber, {name}, {cutoff:g} A", figures)


@pytest.mark.study
@pytest.mark.parametrize(("name", "cutoff"), CASES)
def test_shear(name, cutoff):
    shown(name, cutoff)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [f"{name}-{cutoff}" for name, cutoff in CASES]:
        name_, cutoff_ = wanted.split("-")
        shown(name_, float(cutoff_))

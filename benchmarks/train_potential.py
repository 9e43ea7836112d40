"""``python -m benchmarks.train_potential DATA``: train the potential of silicon that comes with asperity anew.

DATA is the folder of the benchmark of Zuo et al. (J. Phys. Chem. A 124, 731, 2020) with ``Si_training.xyz`` and
``Si_test.xyz`` (eV, eV/angstrom, eV/angstrom^3, ASE's sign of stress). Four members learn the training set, each from a
seed of its own; their spread is calibrated on the test set, which none has seen. Writes
src/asperity/measurements/atoms/silicon.npz, in some ten minutes of one processor. The energies and forces are by
density functional theory (PBE) and under the licence that stands in NOTICE.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import ase.io
import equinox as eqx
import jax
import numpy as np

from asperity.atomistic.networks import MomentNet
from asperity.learning.potentials.configurations import Configuration, scales_of
from asperity.learning.potentials.ensembles import calibrated
from asperity.learning.potentials.judgement import judged
from asperity.learning.potentials.training import Epoch, TrainingPlan, train
from asperity.measurements.atoms.weights import write_potential

_TARGET = Path(__file__).resolve().parents[1] / "src" / "asperity" / "measurements" / "atoms" / "silicon.npz"
_CUTOFF = 5.0  # angstrom
_MEMBERS = 4
_PLAN = TrainingPlan(epochs=120)
_BITS = 15  # of the fraction of a weight that are kept: 3e-5 of it, so that the file stays below 300 kB
_SOURCE = "Zuo et al., J. Phys. Chem. A 124, 731 (2020), silicon, PBE; mlearn, BSD-3-Clause, Materials Virtual Lab"


def configurations(path: Path) -> list[Configuration]:
    """The structures of a file."""
    return [Configuration(one.positions, one.cell.array, one.pbc, one.numbers, one.get_potential_energy(),
                          one.get_forces(), one.get_stress(), one.info["group"])
            for one in ase.io.read(path, index=":")]


def member(known: Sequence[Configuration], seed: int) -> MomentNet:
    """One network, with weights of so many bits."""
    def tell(now: Epoch) -> None:
        print(f"member {seed + 1}, epoch {now.epoch} of {now.epochs}: loss {now.loss:.3g}, {now.left:.0f} s left")

    network = MomentNet(scales_of(known, _CUTOFF), jax.random.key(seed))
    found = train(network, known, _PLAN._replace(seed=seed), progress=tell).average
    return jax.tree.map(lambda leaf: rounded(np.asarray(leaf)) if eqx.is_inexact_array(leaf) else leaf, found)


def rounded(weights: np.ndarray) -> np.ndarray:
    """The nearest numbers with so many bits of their fraction."""
    fraction, exponent = np.frexp(weights.astype(np.float64))
    return np.ldexp(np.round(fraction * 2**_BITS) / 2**_BITS, exponent).astype(np.float32)


def main() -> None:
    """Train, calibrate, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_potential")
    parser.add_argument("data", type=Path, help="folder with Si_training.xyz and Si_test.xyz")
    folder = parser.parse_args().data
    known, unseen = (configurations(folder / f"Si_{part}.xyz") for part in ("training", "test"))
    members = [member(known, seed) for seed in range(_MEMBERS)]
    write(members, known, unseen)


def write(members: Sequence[MomentNet], known: Sequence[Configuration], unseen: Sequence[Configuration]) -> None:
    """The file, with what is known of the members."""
    own = calibrated(members, unseen)
    errors = [judged(one, unseen)[0] for one in members]
    mean = {name: float(np.mean([getattr(one, name).mean for one in errors]))
            for name in ("energy", "forces", "stress")}
    print(f"mean deviations on the test set: {1e3 * mean['energy']:.2f} meV/atom, {1e3 * mean['forces']:.1f} meV/A, "
          f"{mean['stress']:.3f} GPa; factor of the spread {own.factor:.2f}")
    about = {"training": {"data": _SOURCE, "structures": len(known), "epochs": _PLAN.epochs, "seeds": _MEMBERS,
                          "errors": mean},
             "calibration": {"factor": own.factor, "by": f"forces and stresses of {len(unseen)} test structures"}}
    print(write_potential(_TARGET, members, about), _TARGET.stat().st_size, "bytes")


if __name__ == "__main__":
    main()

"""Files of configurations, written as text here, by pair energies in NumPy that are nobody's code under test."""

import numpy as np

from tests.learning.potentials.pair_network import silicon

GPA = 160.21766208


def extxyz(configurations, *, names=("energy", "forces", "stress"), factor=1.0, order=None, extra=()):
    """The text of a file; ``factor`` times the stress, which is written as a matrix where ``order`` is None."""
    parts = []
    for number, one in enumerate(configurations):
        lattice = " ".join(f"{x:.10f}" for x in one.cell.ravel())
        said = [f'Lattice="{lattice}"', 'pbc="T T T"']
        columns = "species:S:1:pos:R:3" + (f":{names[1]}:R:3" if names[1] else "")
        said += [f"Properties={columns}"]
        said += [f"{names[0]}={one.energy:.12f}"] if names[0] else []
        if names[2] and one.stress is not None:
            xx, yy, zz, yz, xz, xy = factor * one.stress
            full = [xx, xy, xz, xy, yy, yz, xz, yz, zz]
            values = full if order is None else (factor * one.stress)[list(order)]
            said += [f'{names[2]}="{" ".join(f"{x:.12f}" for x in values)}"']
        said += [f'config_type="{one.group}" comment="Snapshot {number} of 99 of {one.group}"', *extra]
        rows = []
        for i, place in enumerate(one.positions):
            rows.append(" ".join(["Si", *(f"{x:.10f}" for x in place),
                                  *(f"{x:.12f}" for x in (one.forces[i] if names[1] else ()))]))
        parts.append("\n".join([str(len(one.positions)), " ".join(said), *rows]))
    return "\n".join(parts) + "\n"


def some(count, groups=("slow", "fast", "hot", "cold"), seed=0):
    """Cells of 8 atoms out of place and strained, of several trajectories in turn."""
    rng = np.random.default_rng(seed)
    return [silicon(rng, (1, 1, 1), group=groups[i % len(groups)]) for i in range(count)]

"""``python -m benchmarks.mace_timings REPEATS``: what MACE takes, run in the environment where mace-torch is.

Its last line is JSON: work -> (least, median) CPU seconds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.machine import Timing, compare

__all__ = ["CUTOFF", "TRAINED", "by_itself", "rattled"]

CUTOFF = 5.0  # angstrom
TRAINED = 8  # cells of 64 atoms in a step of training
_CUBE = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0], [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]]) / 4


def rattled(times: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Silicon with so many cubes along each axis, atoms out of place by 0.1 angstrom."""
    shifts = np.stack(np.meshgrid(*map(np.arange, times), indexing="ij"), -1).reshape(-1, 1, 3)
    positions = 5.43 * (shifts + _CUBE).reshape(-1, 3)
    return positions + np.random.default_rng(seed).normal(0, 0.1, positions.shape), 5.43 * np.diag(times).astype(float)


def by_itself(works: dict[str, Callable[[], Any]], repeats: int) -> dict[str, Timing]:
    """Each work again and again, as in a motion of atoms; in turn, one pays for the memory that another gave back."""
    return {what: compare({what: (work, 1)}, repeats)[what] for what, work in works.items()}


def _model() -> Any:
    import torch
    from mace import modules

    o3 = import_module("e3nn.o3")  # after mace, which tells it how to read its tables
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    torch.manual_seed(0)
    return modules.MACE(
        r_max=CUTOFF, num_bessel=8, num_polynomial_cutoff=6, max_ell=2, interaction_cls=block,
        interaction_cls_first=block, num_interactions=2, num_elements=1, hidden_irreps=o3.Irreps("32x0e"),
        MLP_irreps=o3.Irreps("16x0e"), atomic_energies=np.array([-5.0]), avg_num_neighbors=28.0, atomic_numbers=[14],
        correlation=3, gate=torch.nn.functional.silu, radial_MLP=[64, 64, 64])


def _batch(cells: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    from ase import Atoms
    from mace import data, tools
    from mace.tools import torch_geometric

    table = tools.AtomicNumberTable([14])
    own = [data.AtomicData.from_config(data.config_from_atoms(Atoms(f"Si{len(at)}", at, cell=cell, pbc=True)),
                                       z_table=table, cutoff=CUTOFF) for at, cell in cells]
    return next(iter(torch_geometric.dataloader.DataLoader(own, batch_size=len(own)))).to_dict()


def _works() -> dict[str, Callable[[], Any]]:
    import torch

    model = _model()
    rule = torch.optim.Adam(model.parameters(), 1e-3)
    cells = {f"energy, forces, stress, {count} atoms": _batch([rattled(times, 0)]) for count, times in (
        (64, (2, 2, 2)), (256, (4, 4, 2)))}
    many = _batch([rattled((2, 2, 2), seed) for seed in range(TRAINED)])

    def step() -> None:
        rule.zero_grad()
        told = model(dict(many), training=True, compute_force=True)
        ((told["energy"] ** 2).mean() + (told["forces"] ** 2).mean()).backward()
        rule.step()

    works: dict[str, Callable[[], Any]] = {
        what: lambda own=own: model(dict(own), training=False, compute_force=True, compute_stress=True)
        for what, own in cells.items()}
    return {**works, "training step": step}


def main() -> None:
    """Time them on one thread."""
    import warnings

    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    works = _works()
    for work in works.values():
        work(), work(), work()  # TorchScript optimizes in the first calls
    print(json.dumps(by_itself(works, int(sys.argv[1]))))


if __name__ == "__main__":
    main()

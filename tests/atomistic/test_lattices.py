"""Cells of crystals: the smallest one, and one cut along a plane, are the same crystal."""

import numpy as np
import pytest

from asperity.atomistic.lattices import Cell, cut_along, primitive
from asperity.atomistic.neighbors import neighbors_within
from asperity.messages import ArgumentError
from tests.atomistic.crystals import DIAMOND, FCC, cubic, repeated, rotation

SALT = np.concatenate([FCC, FCC + np.array([0.5, 0, 0])])
CRYSTALS = {"diamond": (cubic(DIAMOND, 5.43), np.full(8, 14), 2), "fcc": (cubic(FCC, 4.05), np.full(4, 13), 1),
            "salt": (cubic(SALT, 5.6), np.repeat([11, 17], 4), 2)}


def crystal(name, times=(1, 1, 1)):
    (positions, cell), kinds, _ = CRYSTALS[name]
    positions, cell = repeated(positions, cell, times)
    return Cell(positions, cell, np.tile(kinds, int(np.prod(times))))


def shells(cell):
    """The kind and the sorted distances to neighbors of each atom."""
    table = neighbors_within(6.9, cell.positions, cell.cell)
    index, shift, present = (np.asarray(part) for part in (table.index, table.shift, table.present))
    away = np.linalg.norm(cell.positions[index] + shift @ cell.cell - cell.positions[:, None], axis=2)
    return [(int(kind), np.sort(own[there])) for kind, own, there in zip(cell.kinds, away, present)]


def alike(one, other):
    """Whether each atom of both has an atom in the other with the same surroundings."""
    def has(own, others):
        return any(own[0] == kind and len(own[1]) == len(shell) and np.allclose(own[1], shell, atol=1e-4)
                   for kind, shell in others)

    one, other = shells(one), shells(other)
    return all(has(own, other) for own in one) and all(has(own, one) for own in other)


@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize("times", [(1, 1, 1), (2, 1, 3)])
def test_the_smallest_cell_is_the_same_crystal(name, times):
    turn = rotation(np.random.default_rng(0))
    whole = crystal(name, times)
    whole = Cell(whole.positions @ turn.T + 0.3, whole.cell @ turn.T, whole.kinds)
    small = primitive(whole)
    assert len(small.kinds) == CRYSTALS[name][2]
    assert np.linalg.det(small.cell) > 0
    np.testing.assert_allclose(np.linalg.det(small.cell) / len(small.kinds),
                               np.linalg.det(whole.cell) / len(whole.kinds), rtol=1e-9)
    assert alike(small, whole)


def test_a_crystal_with_a_defect_has_no_smaller_cell():
    whole = crystal("diamond", (2, 1, 1))
    less = Cell(whole.positions[1:], whole.cell, whole.kinds[1:])
    assert primitive(less) is less
    moved = whole._replace(positions=whole.positions + np.eye(len(whole.positions), 3) * 0.1)
    assert len(primitive(moved).kinds) == len(whole.kinds)


@pytest.mark.parametrize(("name", "plane", "gap", "spacing"), [
    ("diamond", (1, 1, 1), 5.43 * np.sqrt(3) / 4, 5.43 / np.sqrt(3)), ("diamond", (1, 0, 0), 5.43 / 4, 5.43 / 2),
    ("fcc", (1, 1, 1), 4.05 / np.sqrt(3), 4.05 / np.sqrt(3)), ("fcc", (1, 1, 0), 4.05 / np.sqrt(8), 4.05 / np.sqrt(8)),
    ("fcc", (-1, 1, 2), 4.05 / np.sqrt(24), 4.05 / np.sqrt(24)), ("salt", (1, 1, 1), 5.6 / np.sqrt(12), 5.6 / 3**0.5)])
def test_a_cut_crystal_is_the_same_with_its_plane_flat(name, plane, gap, spacing):
    whole = primitive(crystal(name))
    cut = cut_along(whole, np.array(plane, float), 8.0)
    own = cut.whole
    assert abs(own.cell[0, 1]) + abs(own.cell[:2, 2]).max() < 1e-9
    assert own.cell[2, 2] >= 8.0
    np.testing.assert_allclose([cut.gap, cut.spacing], [gap, spacing], rtol=1e-6)
    np.testing.assert_allclose(cut.turn @ cut.turn.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.array(plane) @ cut.turn / np.linalg.norm(plane), [0, 0, 1], atol=1e-9)
    assert alike(own, whole)
    assert own.positions[:, 2].min() > 0.4 * gap
    assert own.positions[:, 2].max() < own.cell[2, 2] - 0.4 * gap


def test_a_normal_of_no_plane_is_refused():
    with pytest.raises(ArgumentError, match="no plane of the lattice"):
        cut_along(primitive(crystal("fcc")), np.array([1, np.sqrt(2), 0.1]), 5.0)

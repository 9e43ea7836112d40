"""Tables of neighbors against all distances of all images, and what they refuse."""

import numpy as np
import pytest

from asperity.atomistic.neighbors import neighbors_within, vectors
from asperity.messages import ArgumentError, DataError
from tests.atomistic.crystals import DIAMOND, cubic


def brute(positions, cell, cutoff, periodic):
    """Sorted distances to all images within the cutoff, of each atom."""
    ranges = [np.arange(-6, 7) if one else [0] for one in periodic]
    shifts = np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, 3) @ cell
    away = np.linalg.norm(positions[None, :, None] + shifts[None, None] - positions[:, None, None], axis=-1)
    return [np.sort(row[(row > 0) & (row < cutoff)]) for row in away.reshape(len(positions), -1)]


@pytest.mark.parametrize("periodic", [(True, True, True), (True, True, False), (False, False, False)])
def test_against_all_images(x64, periodic):
    """A skew cell smaller than the cutoff: atoms are neighbors of themselves."""
    rng = np.random.default_rng(0)
    cell = 3.0 * np.eye(3) + rng.normal(0, 0.5, (3, 3))
    positions = np.array([[0.1, 0.2, 0.3], [0.6, 0.5, 0.9], [0.4, 0.9, 0.1]]) @ cell
    found = neighbors_within(4.5, positions, cell, periodic=periodic)
    length = np.linalg.norm(np.asarray(vectors(found, positions, cell)), axis=-1)
    for row, present, wanted in zip(length, found.present, brute(positions, cell, 4.5, periodic), strict=True):
        np.testing.assert_allclose(np.sort(row[np.asarray(present)]), wanted, rtol=1e-12)


def test_places_stay_the_same_and_do_not_overflow(x64):
    positions, cell = cubic(DIAMOND, 5.43)
    assert neighbors_within(2.6, positions, cell).index.shape == (8, 8)
    assert neighbors_within(2.6, positions, cell, places=12).index.shape == (8, 12)
    assert (np.asarray(neighbors_within(2.6, positions, cell).present).sum(axis=1) == 4).all()
    with pytest.raises(DataError, match="has 16 neighbors within 4 A, for 12 places: give more places"):
        neighbors_within(4.0, positions, cell, places=12)


def test_what_cannot_be_is_refused():
    positions, cell = cubic(DIAMOND, 5.43)
    with pytest.raises(ArgumentError, match="cutoff = -1 A"):
        neighbors_within(-1.0, positions, cell)
    with pytest.raises(DataError, match="not finite"):
        neighbors_within(3.0, positions * np.nan, cell)
    with pytest.raises(DataError, match="are in one place"):
        neighbors_within(3.0, np.concatenate([positions, positions[:1]]), cell)

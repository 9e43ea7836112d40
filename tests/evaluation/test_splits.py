"""Splits keep groups whole and neighbors apart, leaks are named, a random split promises too much."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asperity.evaluation.splits import (
    LeakageError,
    Split,
    by_block,
    by_group,
    check_leaks,
    find_leaks,
    hold_out,
)

PITCH = 1e-7
GRID = np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2) * PITCH
#: two maps of two sessions, at the same positions
TWO = np.concatenate([GRID, GRID])
SESSION = np.repeat(["monday", "tuesday"], len(GRID))


@given(groups=st.lists(st.sampled_from("abcdefghij"), min_size=2, max_size=60), folds=st.integers(2, 5),
       seed=st.integers(0, 3))
def test_groups_stay_whole_and_every_point_is_tested_once(groups, folds, seed):
    if len(set(groups)) < folds:
        with pytest.raises(ValueError, match="folds"):
            by_group(groups, folds=folds, seed=seed)
        return
    splits = by_group(groups, folds=folds, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([s.test for s in splits])), np.arange(len(groups)))
    values = np.array(groups)
    for train, test in splits:
        assert not set(values[train]) & set(values[test])
        assert len(train) + len(test) == len(groups)
        check_leaks(Split(train, test), groups={"session": values})
    sizes = [len(set(values[s.test])) for s in splits]
    assert max(sizes) - min(sizes) <= 1


def test_splits_are_functions_of_their_seed():
    groups = np.arange(100) % 20
    first, again, other = (by_group(groups, seed=seed) for seed in (0, 0, 1))
    assert all((a.test == b.test).all() and (a.train == b.train).all() for a, b in zip(first, again))
    assert any(len(a.test) != len(b.test) or (a.test != b.test).any() for a, b in zip(first, other))
    blocks = [by_block(GRID, block=5e-7, buffer=PITCH, seed=seed) for seed in (0, 0)]
    assert all((a.test == b.test).all() and (a.train == b.train).all() for a, b in zip(*blocks))


def test_hold_out_tests_the_named_groups():
    radius = np.array([10e-9, 50e-9, 10e-9, 200e-9])
    train, test = hold_out(radius, 200e-9)
    assert (train.tolist(), test.tolist()) == ([0, 1, 2], [3])
    assert hold_out(["a", "b", "a"], ["a"]).test.tolist() == [0, 2]


@pytest.mark.parametrize("buffer", [0.0, 1e-7, 2.5e-7])
def test_blocks_keep_their_distance(buffer):
    """By all pairs of distances: no training point is within the buffer, and all farther ones are used."""
    splits = by_block(GRID, block=5e-7, buffer=buffer, folds=8)
    np.testing.assert_array_equal(np.sort(np.concatenate([s.test for s in splits])), np.arange(len(GRID)))
    for train, test in splits:
        gap = np.linalg.norm(GRID[:, None] - GRID[test], axis=-1).min(axis=1)
        np.testing.assert_array_equal(train, np.flatnonzero(gap > buffer))
        assert not find_leaks(Split(train, test), positions=GRID, buffer=buffer)


def test_blocks_are_squares_of_the_width_asked_for():
    """16 blocks of 5 x 5 pixels in 16 folds: each test set is one block, wherever the origin is."""
    for split in by_block(GRID + 3e-5, block=5e-7, buffer=0.0, folds=16):
        assert len(split.test) == 25
        np.testing.assert_allclose(np.ptp(GRID[split.test], axis=0), 4 * PITCH, rtol=1e-9)


def test_each_map_has_its_own_places():
    """The same positions on another session's map are no neighbors."""
    splits = by_block(TWO, block=5e-7, buffer=2e-7, folds=4, maps=SESSION)
    alone = by_block(GRID, block=5e-7, buffer=2e-7, folds=4)
    assert np.mean([len(s.train) for s in splits]) > 1.5 * np.mean([len(s.train) for s in alone])
    train, test = hold_out(SESSION, "tuesday")
    assert not find_leaks(Split(train, test), positions=TWO, buffer=2e-7, maps=SESSION)
    assert find_leaks(Split(train, test), positions=TWO, buffer=2e-7)[0].kind == "neighbor"


def test_a_random_split_of_pixels_fails_the_check():
    split = by_group(np.arange(len(TWO)))[0]  # every pixel its own group
    found = find_leaks(split, groups={"session": SESSION}, positions=TWO, buffer=2e-7, maps=SESSION)
    assert [leak.kind for leak in found] == ["same session", "neighbor"]
    assert [leak.share for leak in found] == [1.0, 1.0]
    message = r"same session for 100 % of the test points \(session monday, tuesday\).*by_group\(.*by_block\("
    with pytest.raises(LeakageError, match=message) as caught:
        check_leaks(split, groups={"session": SESSION}, positions=TWO, buffer=2e-7, maps=SESSION)
    assert caught.value.leaks == found
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_check_counts_and_names_what_leaks():
    found = find_leaks(Split(np.array([0, 1, 2]), np.array([2, 3])), groups={"file": np.array(list("aabc"))})
    assert [(leak.kind, leak.share) for leak in found] == [("same point", 0.5), ("same file", 0.5)]
    assert "point 2" in found[0].where
    assert "file b" in found[1].where
    row = np.column_stack([np.arange(10) * PITCH, np.zeros(10)])
    split = Split(np.arange(5), np.arange(5, 10))
    near, = find_leaks(split, positions=row, buffer=2.5e-7)
    assert near.share == pytest.approx(2 / 5)  # points 5 and 6; 7 is three pixels from 4
    assert "5, 6, down to 1e-07 m apart" in near.where


def test_a_good_split_passes():
    for split in by_group(SESSION, folds=2):
        check_leaks(split, groups={"session": SESSION}, positions=TWO, buffer=1e-6, maps=SESSION)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: by_group(["a", "b"], folds=3), "folds = 3: must be at least 2 and at most 2"),
    (lambda: hold_out(["a", "b"], "c"), "the groups are a, b"),
    (lambda: hold_out(["a", "b"], ["a", "b"]), "name some, not all"),
    (lambda: by_block(GRID.T, block=1e-6, buffer=0.0), r"\(n, 2\)"),
    (lambda: by_block(GRID, block=-1.0, buffer=0.0), "block = -1 m"),
    (lambda: by_block(GRID, block=5e-7, buffer=1e-3), "nothing is left to learn from"),
    (lambda: by_block(GRID, block=5e-7, buffer=0.0, maps=[1]), "maps has the shape"),
    (lambda: find_leaks(Split(np.array([], int), np.array([1]))), "0 points to learn from and 1 to test on"),
    (lambda: find_leaks(Split(np.array([0]), np.array([3])), positions=GRID[:3]), "point 3, but there are 3"),
    (lambda: find_leaks(Split(np.array([0]), np.array([3])), groups={"file": "abc"}), "file must be one row"),
])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Jumps are read off a curve itself, not off what it was padded with."""

import numpy as np

from asperity.learning.attachment import find_jump


def padded(force, length=1024):
    """A curve at the end of a longer row, as fits have it."""
    row, there = np.zeros((1, length)), np.zeros((1, length), bool)
    row[0, -len(force):], there[0, -len(force):] = force, True
    return row, there


def test_noise_before_contact_is_no_jump():
    """More than the far fifth of the row is padding, which has neither a level nor noise."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        force = 5 + rng.normal(size=800)
        force[500:] += np.linspace(0, 100, 300)
        attached, counted = find_jump(*padded(force))
        assert not attached.any()
        assert counted.sum() == 800


def test_a_jump_is_the_same_however_long_the_row():
    rng = np.random.default_rng(1)
    force = rng.normal(size=800)
    force[500:] += np.linspace(-60, 100, 300)
    attached, counted = find_jump(force[None], np.ones((1, 800), bool))
    for length in (900, 1024, 1500):
        again, kept = find_jump(*padded(force, length))
        np.testing.assert_array_equal(again[0, -800:], attached[0])
        np.testing.assert_array_equal(kept[0, -800:], counted[0])
    assert attached[0, 499] == -1
    assert attached[0, 501] == 1

"""Cells of crystals, built here from their lattices alone."""

import numpy as np

DIAMOND = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0], [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]]) / 4
FCC = DIAMOND[:4]


def cubic(basis, a):
    """Positions and cell of a cubic crystal, angstrom."""
    return basis * a, a * np.eye(3)


def silicon_111(a):
    """Six atoms of diamond with (111) in the plane z = 0, cut between the planes that are far apart (shuffle)."""
    side, height = a / np.sqrt(2), a / np.sqrt(3)
    cell = np.array([[side, 0, 0], [side / 2, side * np.sqrt(3) / 2, 0], [0, 0, 3 * height]])
    third = (cell[0] + cell[1]) / 3
    bond = np.sqrt(3) / 4 * a
    upward = np.array([0, 0, 1.0])
    low = np.array([i * (third + height * upward) for i in range(3)])
    positions = np.concatenate([low, low + bond * upward]) + 0.6 * bond * upward
    return positions % [np.inf, np.inf, 3 * height], cell


def repeated(positions, cell, times):
    """A larger cell."""
    shifts = np.stack(np.meshgrid(*map(np.arange, times), indexing="ij"), -1).reshape(-1, 3) @ cell
    return (positions + shifts[:, None]).reshape(-1, 3), cell * np.array(times)[:, None]


def rotation(rng, reflect=False):
    """Any rotation, with a reflection if asked for."""
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    return turn * (np.sign(np.linalg.det(turn)) * (-1 if reflect else 1))

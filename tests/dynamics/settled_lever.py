"""The settled motion of a tapping lever: one period by another library's integrator, closed by Newton's method."""

import functools

import numpy as np
from scipy.integrate import solve_ivp

from tests.dynamics.tapped_lever import CUTOFF, F0, FREE, HAMAKER, HEIGHT, MODULUS, RADIUS, K, Q

__all__ = ["CUTOFF", "F0", "FREE", "HEIGHT", "MODULUS", "PULL", "RADIUS", "K", "Q", "motion", "period"]

PULL = HAMAKER * RADIUS / 6 / CUTOFF**2


def _law(distance, pace, shape, viscosity):
    """N; ``viscosity``: Pa, times the radian frequency of the drive; ``pace``: m per rad."""
    depth = max(CUTOFF - distance, 0.0)
    if shape == "sphere":
        radius = np.sqrt(RADIUS * depth)
        pressed = 4 / 3 * MODULUS * radius * depth
    else:  # a cone of 45 degrees
        radius = 2 / np.pi * depth
        pressed = 2 / np.pi * MODULUS * depth**2
    return pressed - PULL * (CUTOFF / max(distance, CUTOFF)) ** 2 - viscosity * radius * pace


@functools.cache
def period(samples=64, height=HEIGHT, free=FREE, shape="sphere", viscosity=0.0):
    """Deflections (m) at even phases of the drive, which is a cosine at the resonance."""
    at = 2 * np.pi / samples * np.arange(samples + 1)

    def slope(phase, state):
        force = _law(height + state[0] * 1e-9, state[1] * 1e-9, shape, viscosity) * 1e9
        return [state[1], -state[0] - state[1] / Q + free * 1e9 / Q * np.cos(phase) + force / K]

    def gone(start, points=None):
        done = solve_ivp(slope, [0, 2 * np.pi], start, method="DOP853", rtol=1e-11, atol=1e-11, max_step=0.02,
                         t_eval=points)
        return done.y

    start = np.array([0.0, 0.9 * min(height, free) * 1e9])
    for _ in range(2):  # toward the branch that is stable
        start = solve_ivp(slope, [0, 200 * np.pi], start, rtol=1e-6, atol=1e-6, max_step=0.2).y[:, -1]
    while np.abs(gap := gone(start)[:, -1] - start).max() > 1e-6:
        columns = [(gone(start + small)[:, -1] - start - small - gap) / 1e-5 for small in 1e-5 * np.eye(2)]
        start = start - np.linalg.solve(np.stack(columns, axis=1), gap)
    return gone(start, at)[0, :-1] * 1e-9


def motion(periods=60, noise=0.0, seed=0, **about):
    """The deflections of so many periods (m), with white noise."""
    whole = np.tile(period(**about), periods)
    return whole + noise * np.random.default_rng(seed).standard_normal(len(whole))

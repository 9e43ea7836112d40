"""The motion of a tapping lever by another integrator than asperity's: a spherical contact and an attraction."""

import functools

import numpy as np
from scipy.integrate import solve_ivp

K, Q, F0 = 40.0, 400.0, 3e5
RADIUS, HAMAKER, CUTOFF, MODULUS = 10e-9, 6.4e-20, 0.165e-9, 1e9
FREE, HEIGHT = 20e-9, 14e-9
SAMPLES, PERIODS = 64, 30


def law(distance):
    depth = np.maximum(CUTOFF - distance, 0)
    return 4 / 3 * MODULUS * np.sqrt(RADIUS) * depth**1.5 - HAMAKER * RADIUS / 6 / np.maximum(distance, CUTOFF) ** 2


@functools.cache
def motion():
    """(phase, states, drive over the stiffness) of a lever at resonance, from the free motion; SI."""
    at = 2 * np.pi / SAMPLES * np.arange(SAMPLES * PERIODS + 1)

    def slope(phase, state):
        return [state[1], -state[0] - state[1] / Q + FREE / Q * np.cos(phase) + law(HEIGHT + state[0]) / K]

    done = solve_ivp(slope, [0, at[-1]], [0.0, FREE], method="DOP853", rtol=1e-11, atol=1e-20, max_step=0.02,
                     t_eval=at)
    return at, done.y.T, FREE / Q * np.cos(at)

"""A tapping record as a table, by another integrator than asperity's: a lever, a spherical contact, an attraction."""

import functools

import numpy as np
from scipy.integrate import solve_ivp

K, Q, F0 = 40.0, 400.0, 3e5
RADIUS, HAMAKER, CUTOFF, MODULUS = 10e-9, 6.4e-20, 0.165e-9, 1e9
FREE, HEIGHT = 20e-9, 14e-9
SAMPLES, PERIODS = 64, 30
LEVER = {"spring_constant": K, "resonance_frequency": F0, "quality": Q, "height": HEIGHT}
OPTIONS = ["--spring-constant", "40N/m", "--frequency", "300kHz", "--quality", "400", "--height", "14nm"]


def law(distance):
    depth = np.maximum(CUTOFF - distance, 0)
    return 4 / 3 * MODULUS * np.sqrt(RADIUS) * depth**1.5 - HAMAKER * RADIUS / 6 / np.maximum(distance, CUTOFF) ** 2


@functools.cache
def motion():
    """(phase, deflection, drive), SI."""
    at = 2 * np.pi / SAMPLES * np.arange(SAMPLES * PERIODS + 1)

    def slope(phase, state):
        return [state[1], -state[0] - state[1] / Q + FREE / Q * np.cos(phase) + law(HEIGHT + state[0]) / K]

    done = solve_ivp(slope, [0, at[-1]], [0.0, FREE], method="DOP853", rtol=1e-10, atol=1e-18, max_step=0.03,
                     t_eval=at)
    return at, done.y[0], K * FREE / Q * np.cos(at)


def write(path, drive="nN", noise=2e-12, seed=3):
    """The table of a record with this noise; ``drive``: its unit, "" for none."""
    at, deflection, force = motion()
    seen = deflection + noise * np.random.default_rng(seed).standard_normal(len(at))
    columns = [at / (2 * np.pi * F0) * 1e6, seen * 1e9] + ([force * 1e9] if drive else [])
    title = "time (us), deflection (nm)" + (f", drive ({drive})" if drive else "")
    np.savetxt(path, np.stack(columns, axis=1), delimiter=",", header=title, comments="", fmt="%.10g")
    return path

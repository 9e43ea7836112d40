"""A tapping record as a table."""

import numpy as np

from tests.dynamics.tapped_lever import CUTOFF, F0, HEIGHT, MODULUS, RADIUS, K, Q, law
from tests.dynamics.tapped_lever import motion as states_of

__all__ = ["CUTOFF", "F0", "LEVER", "MODULUS", "OPTIONS", "RADIUS", "law", "motion", "write"]

LEVER = {"spring_constant": K, "resonance_frequency": F0, "quality": Q, "height": HEIGHT}
OPTIONS = ["--spring-constant", "40N/m", "--frequency", "300kHz", "--quality", "400", "--height", "14nm"]


def motion():
    """(phase, deflection, drive), SI."""
    at, states, drive = states_of()
    return at, states[:, 0], K * drive


def write(path, drive="nN", noise=2e-12, seed=3):
    """The table of a record with this noise; ``drive``: its unit, "" for none."""
    at, deflection, force = motion()
    seen = deflection + noise * np.random.default_rng(seed).standard_normal(len(at))
    columns = [at / (2 * np.pi * F0) * 1e6, seen * 1e9] + ([force * 1e9] if drive else [])
    title = "time (us), deflection (nm)" + (f", drive ({drive})" if drive else "")
    np.savetxt(path, np.stack(columns, axis=1), delimiter=",", header=title, comments="", fmt="%.10g")
    return path

"""A tip of which every answer is known: pull-off of JKR, stiffness and pressure of Hertz, in plain NumPy.

A bound p of the mean pressure leaves pull-off force times compliance = w / p on the whole front.
"""

import jax.numpy as jnp
import numpy as np

from asperity.learning.discovery.design import Aim, InverseProblem

MODULUS = 1e9  # Pa, reduced
ADHESION = 0.05  # J/m^2
PRESSURE = 1e8  # Pa
RADII = (5e-9, 5e-6)  # m
LOADS = (1e-11, 1e-2)  # N


def physics(chosen, known, np=jnp):
    """Pull-off force, compliance and pressure."""
    a = (3 * chosen["load"] * chosen["radius"] / (4 * known["modulus"])) ** (1 / 3)
    return {"pull_off": 1.5 * np.pi * known["adhesion"] * chosen["radius"],
            "compliance": 1 / (2 * known["modulus"] * a), "pressure": chosen["load"] / (np.pi * a**2)}


KNOWN = {"modulus": MODULUS, "adhesion": ADHESION}


def problem(pull_off=None, compliance=None, pressure=PRESSURE, loads=LOADS):
    return InverseProblem(physics, {"radius": RADII, "load": loads},
                          (Aim("pull_off", True, pull_off), Aim("compliance", True, compliance)),
                          (Aim("pressure", True, pressure),))


def normalized(demands):
    """Both objectives between 0 and 1 on the exact front, which is the line from (0, 1) to (1, 0)."""
    low, high = (np.log([1.5 * np.pi * ADHESION * r, 1 / (1.5 * np.pi * PRESSURE * r)]) for r in RADII)
    return (demands[:, :2] - [low[0], high[1]]) / [high[0] - low[0], low[1] - high[1]]


def truths(count, rng, spread=(0.1, 0.2)):
    """(draw,) moduli and works of adhesion whose logarithms are normal."""
    return {name: value * np.exp(s * rng.standard_normal(count)) for (name, value), s in zip(KNOWN.items(), spread)}

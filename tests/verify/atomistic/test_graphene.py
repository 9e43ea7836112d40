r"""Sliding of two layers of graphene: quantum Monte Carlo energies, and potentials fitted to them.

The energy of rigid layers at the distance d and the shift u is
$U_0(d) + 2 U_1(d) \sum \cos G u + 2 U_2(d) \sum \cos G' u$ over the first and the second star of reciprocal vectors; at
the stable one $k_s = \tfrac32 |G|^2 (U_1 - 6 U_2) / A$: a second star of 1 % takes 6 % from the stiffness. With any
$U_0$ at each distance and amplitudes that decay exponentially this is a potential of all 44 energies.

    python -m pytest -m study tests/verify/atomistic/test_graphene.py
"""

import csv

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

from asperity.atomistic.interfaces import registry_stiffness, shear_stiffness
from asperity.atomistic.neighbors import neighbors_within
from asperity.atomistic.potentials import Interlayer
from tests.conftest import shared_data
from tests.verify.verdict import Figure, judge

A = 2.46  # angstrom
PUBLISHED, STD = 15.7, 0.5  # GPa/nm at 3.35 angstrom, from the same energies by a weighted fit of the first star
FITTED = ("contact", "c0", "c2", "c4", "delta", "decay", "attraction")


def measured():
    """Shift from atom above atom (angstrom, along y), distance (angstrom), energy and its error (eV of one cell)."""
    with open(shared_data("atomistic/qmc_graphene/qmc.csv")) as file:
        rows = list(csv.DictReader(file))
    shift, distance, energy, error = (np.array([float(row[name]) for row in rows]) for name in (
        "disregistry", "d", "energy", "energy_err"))
    return (shift - 2 / 3) * np.sqrt(3) * A, distance, 4 * energy, 4 * error


def layers(shift, distance):
    """Two layers of graphene, and which atoms are those of the upper one."""
    flat = np.array([[0, 0, 0], [0, A / np.sqrt(3), 0]])
    cell = np.array([[A, 0, 0], [A / 2, A * np.sqrt(3) / 2, 0], [0, 0, 100.0]])
    return np.concatenate([flat, flat + np.array([0, shift, distance])]), cell, np.array([False, False, True, True])


def fitted(shift, distance, energy, error):
    """The potential and the energy of layers far apart that these energies tell."""
    found = [(jnp.asarray(p), jnp.asarray(c), neighbors_within(16.0, p, c, places=640)) for p, c, _ in map(
        layers, shift, distance)]
    stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *found)
    start = np.array([getattr(Interlayer(), name) for name in FITTED])

    def left(x):
        own = Interlayer(**dict(zip(FITTED, start * x[:-1])))
        told = jax.vmap(lambda state: own.energy(*state, jnp.full(4, 6)))(stacked)
        return (told + x[-1] - (energy - energy.mean())) / error

    jacobian = jax.jit(jax.jacfwd(left))
    best = least_squares(lambda x: np.asarray(jax.jit(left)(x)), np.append(np.ones(len(start)), 0.0),
                         jac=lambda x: np.asarray(jacobian(x)), x_scale="jac", max_nfev=400)
    return Interlayer(**dict(zip(FITTED, start * best.x[:-1]))), 2 * best.cost / (len(energy) - len(best.x))


def decaying(shift, distance, energy, error, stars):
    """k_s (GPa/nm) at 3.35 angstrom and its error, and chi-square, of amplitudes that decay exponentially."""
    turn, length = np.arange(3) * np.pi / 3, 4 * np.pi / np.sqrt(3) / A
    first = 2 * np.cos(np.outer(shift, length * np.sin(turn + np.pi / 6))).sum(axis=1)
    second = 2 * np.cos(np.outer(shift, np.sqrt(3) * length * np.sin(turn))).sum(axis=1)
    same = (distance[:, None] == np.unique(distance)) / error[:, None]
    basis = np.linalg.qr(same)[0]
    size = 1.5 * length**2 / (np.sqrt(3) / 2 * A**2) * 1602.1766

    def left(x):
        away = distance - 3.35
        told = np.exp(x[0] - x[1] * away) * first + (1e-4 * x[2] * np.exp(-x[3] * away) * second if stars > 1 else 0)
        rest = (energy - energy.mean() - told) / error
        return rest - basis @ (basis.T @ rest)

    found = least_squares(left, [-5.5, 3.3, 0.0, 3.3][: 2 * stars])
    slope = size * np.array([np.exp(found.x[0]), 0.0, -6e-4, 0.0])[: 2 * stars]
    std = np.sqrt(slope @ np.linalg.inv(found.jac.T @ found.jac) @ slope)
    stiffness = size * (np.exp(found.x[0]) - (6e-4 * found.x[2] if stars > 1 else 0.0))
    return stiffness, std, 2 * found.cost / (len(energy) - same.shape[1] - 2 * stars)


def test_stiffness_between_two_layers(x64):
    shift, distance, energy, error = measured()
    figures, at = [], np.isclose(distance, 3.35)
    plane = registry_stiffness(np.stack([0 * shift[at], shift[at]], 1), energy[at], error[at], A)
    low, high = plane.stiffness - 1.96 * plane.std, plane.stiffness + 1.96 * plane.std
    figures += [Figure("k_s at 3.35 A by the registries, GPa/nm", plane.stiffness, PUBLISHED - STD, PUBLISHED + STD),
                Figure("lower end of its band of 95 %, GPa/nm", low, highest=PUBLISHED),
                Figure("upper end, GPa/nm", high, PUBLISHED),
                Figure("mean square of what is left over the errors", plane.chi_square, highest=4.6)]
    for stars, name in ((1, "first star"), (2, "two stars")):
        stiffness, std, chi_square = decaying(shift, distance, energy, error, stars)
        figures += [Figure(f"k_s by all 44 energies, {name}, GPa/nm", stiffness),
                    Figure(f"its standard error, {name}, GPa/nm", std),
                    Figure(f"|k_s - {PUBLISHED}| over half its band, {name}", abs(stiffness - PUBLISHED) / (1.96 * std),
                           highest=1),
                    Figure(f"mean square of what is left over the errors, {name}", chi_square, highest=2)]
    own, chi_square = fitted(shift, distance, energy, error)
    positions, cell, upper = layers(0.0 + A / np.sqrt(3), 3.35)
    found = neighbors_within(own.cutoff + 0.5, positions, cell)
    slid = shear_stiffness(lambda at, box: own.energy(at, box, found, np.full(4, 6)), positions, cell, upper)
    # not judged: from other starts the fit ends at 12.6 GPa/nm with 1.63 for 1.64; its form does not tell k_s
    figures += [Figure("k_s of the fitted potential, GPa/nm", slid.unrelaxed[0, 0]),
                Figure("mean square of its residual over the errors", chi_square)]
    judge("Two layers of graphene", figures)

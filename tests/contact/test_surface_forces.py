"""Lennard-Jones surfaces: the equations by another quadrature, both limits, other people's numbers, and the table."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar
from scipy.special import ellipk

from asperity.contact import JKR, LennardJonesContact, MaugisDugdale, _surface_force_table, surface_forces
from asperity.contact._surface_force_table import branches, force_at, least_force
from asperity.contact.surface_forces import surface_force_curve
from asperity.messages import DataError
from tests.learning.test_least_squares import fitted, forces

SCALE = (9 * math.pi**2 / 16) ** (1 / 3)  # delta_c over mu z_0


def rigid_force(separation):
    """Of rigid surfaces, in pi w R, at separations in z_0."""
    return 2 / 3 * separation**-8.0 - 8 / 3 * separation**-2.0


def pull_off(parameter, width):
    """By the gap at the center that gives the least force."""
    def force(gap):
        return surface_force_curve(parameter, np.array([2.0, 1.2, gap]), width=width).force[-1]

    return -minimize_scalar(force, bounds=(0.9, 1.15), method="bounded", options={"xatol": 1e-4}).fun


def test_the_gap_is_what_the_stress_makes_of_it():
    """The displacement at a radius by rings, with the kernel of a ring of no width and an adaptive quadrature."""
    parameter, goal = 0.8, 0.97
    begin = surface_forces._surface(parameter, 0.0, 1.0)
    surface, gaps = surface_forces._followed(begin, 8 + begin.radius**2 / 2, (8.0, goal), (parameter, 1.0))
    gap = CubicSpline(surface.radius, gaps - surface.radius**2 / 2)

    def stress(s):
        h = gap(s) + s**2 / 2
        return 8 / 3 * (h**-9 - h**-3)

    def bent(x):
        def ring(s):
            share = 4 * x * s / (x + s) ** 2
            return 2 * s / (math.pi * (x + s)) * ellipk(share) * stress(s)  # of pi E* u / 2, with the modulus squared

        parts = [quad(ring, *ends, epsrel=1e-6, limit=200)[0] for ends in ((0, x), (x, x + 2), (x + 2, 25))]
        return 4 / math.pi * parameter**1.5 * sum(parts) * math.pi / 2

    separation = surface_force_curve(parameter, np.array([goal])).separation[0]
    for x in (0.7, 1.5, 2.5, 4.0):
        assert float(gap(x)) == pytest.approx(separation + bent(x), abs=2e-3)


def test_rigid_surfaces():
    gaps = np.array([5.0, 2.0, 1.2, 1.0, 0.9])
    curve = surface_force_curve(1e-4, gaps)
    np.testing.assert_allclose(curve.separation, gaps, atol=1e-4)
    np.testing.assert_allclose(curve.force, rigid_force(gaps), atol=2e-3)
    assert rigid_force(np.array([1.0]))[0] == -2


@pytest.mark.parametrize(("parameter", "known"), [
    (0.03, 1.9938), (0.1, 1.9683), (0.3, 1.8702), (0.65, 1.7417), (1.0, 1.6707), (2.0, 1.5840)])
def test_pull_off_forces(parameter, known):
    """To a thousandth of other discretizations: uniform rings, pseudo-arclength continuation."""
    assert pull_off(parameter, 1.0) == pytest.approx(known, rel=1e-3)


@pytest.mark.study
@pytest.mark.parametrize("parameter", [0.01, 0.3, 1.0, 3.0])
def test_narrower_rings_change_less_than_a_thousandth(parameter):
    assert pull_off(parameter, 1.0) == pytest.approx(pull_off(parameter, 0.5), rel=1e-3)
    assert pull_off(parameter, 1.0) == pytest.approx(-float(least_force(branches(math.log(parameter)))), rel=1e-3)


def test_what_is_not_solved_says_so():
    with pytest.raises(DataError, match="no solution beyond a gap of"):
        surface_force_curve(30.0, np.array([0.9]), width=8.0)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("parameter", [0.0123, 0.2, 0.65, 1.7, 4.7])
def test_the_table_is_the_curve(parameter, x64):
    """At gaps that it was not made of: both branches to a thousandth of 1 + |F|."""
    gaps = np.array([6.0, 3.0, 2.2, 0.985, 0.97, 0.96] if parameter > 0.5 else [6.0, 2.0, 1.1, 0.9, 0.8, 0.7])
    curve = surface_force_curve(parameter, gaps)
    table = branches(jnp.log(parameter))
    displacement = (1 - curve.separation) / (SCALE * parameter)
    seen = (displacement > float(table.end)) == (gaps < 1.1)  # the other branch is hidden where there are two
    if float(table.end) == float(table.displacement[0]):
        seen[:] = True
    found = jax.vmap(lambda at: force_at(at, table))(jnp.asarray(displacement))
    np.testing.assert_allclose(np.asarray(found)[seen], curve.force[seen], rtol=1e-3, atol=1e-3)
    assert seen.sum() >= 3


def test_a_soft_sample_of_strong_adhesion_is_that_of_jkr(x64):
    """Beyond the neck, F in pi w R at mu = 5 and at displacements in delta_c: 0.1 % at 10, 0.02 % at 40."""
    given = {"radius": 1e-6, "modulus": 1e5, "work_of_adhesion": 1e-3, "poisson_ratio": 0.5}
    own, limit = LennardJonesContact(**given, tabor_parameter=5.0), JKR(**given)
    size = -limit.jump_off_indentation() / 0.9086
    for at, share in ((10.0, 1e-3), (40.0, 2e-4), (1000.0, 2e-3)):  # the last beyond the table
        assert float(own.force(at * size)) == pytest.approx(float(limit.force(at * size)), rel=share)
    assert float(own.pull_off_force() / limit.pull_off_force()) == pytest.approx(1.0, abs=0.02)


def test_how_the_pull_off_force_grows_with_the_radius(x64):
    """d ln F / d ln R = 1 + (d ln F / d ln mu) / 3 has its least value, 0.966, between the limits."""
    logs = jnp.linspace(math.log(0.02), math.log(4.5), 60)
    slope = 1 + jax.vmap(jax.grad(lambda log: jnp.log(-least_force(branches(log)))))(logs) / 3
    assert float(slope.min()) == pytest.approx(0.967, abs=2e-3)
    assert 0.5 < float(jnp.exp(logs[slope.argmin()])) < 0.75
    assert float(slope[0]) > 0.998
    assert float(slope[-1]) > 0.988


def test_force_has_no_gap_but_at_the_jump(x64):
    """Along the indentation, below and above the parameter from which a stiff lever jumps."""
    for parameter, jumps in ((0.3, False), (0.5, False), (2.0, True)):
        table = branches(jnp.log(parameter))
        at = jnp.linspace(float(table.displacement[0]) * 1.5, float(table.displacement[-1]) * 1.1, 40001)
        force = np.asarray(jax.vmap(lambda one, table=table: force_at(one, table))(at))
        steps = np.abs(np.diff(force)) / (1 + np.abs(force[1:]))
        assert (steps.max() > 0.1) == jumps
        assert np.sort(steps)[-2] < 0.02
        assert (float(table.end) > float(table.displacement[0])) == jumps


def test_it_comes_to_rest_out_of_range(x64):
    low, high = _surface_force_table.RANGE
    for parameter in (low / 100, high * 100):
        own = float(branches(jnp.log(parameter)).parameter)
        assert low / 1.2 < own < high * 1.2


def test_the_separation_of_the_surfaces(x64):
    model = LennardJonesContact(radius=20e-9, modulus=1e9, work_of_adhesion=0.05, tabor_parameter=0.8,
                                poisson_ratio=0.3)
    z0 = float(model.equilibrium_separation())
    reduced = 1e9 / (1 - 0.09)
    assert (20e-9 * 0.05**2 / reduced**2 / z0**3) ** (1 / 3) == pytest.approx(0.8)


@pytest.mark.study
@pytest.mark.parametrize(("parameter", "low"), [(0.3, 0.31), (0.65, 0.18), (1.0, 0.09), (2.0, 0.02)])
def test_what_another_law_makes_of_it(parameter, low, x64):
    """Of an exact curve: its own parameters to 1e-4, and by Maugis and Dugdale a work of adhesion that is too low."""
    given = {"radius": 1e-6, "modulus": 1e6, "work_of_adhesion": 1e-2, "poisson_ratio": 0.5}
    truth = LennardJonesContact(**given, tabor_parameter=parameter)
    size = float(jnp.exp(truth.amplitudes_of()[1][0]))
    position = np.linspace(-6 * size, 8 * size, 2000)[None]
    force = np.asarray(forces(truth, jnp.asarray(-position)))
    own, *_ = fitted(truth, position, force)
    for name in truth.fitted:
        np.testing.assert_allclose(own[name], float(getattr(truth, name)), rtol=1e-4)
    other, *_ = fitted(MaugisDugdale(**given), position, force)
    assert other["modulus"][0] == pytest.approx(1e6, rel=0.01)
    assert 1 - other["work_of_adhesion"][0] / 1e-2 == pytest.approx(low, abs=0.02)

"""Maugis-Dugdale: the explicit curve in 50 digits, both branches, both limits, scaling."""

import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from asperity.contact import DMT, MaugisDugdale, jkr, maugis

pytestmark = pytest.mark.usefixtures("x64")

_load = jax.jit(jax.vmap(maugis.load, (0, None)))
_slopes = jax.jit(jax.vmap(jax.grad(maugis.load, (0, 1))))
_pull_off, _jump_off = jax.jit(maugis.pull_off), jax.jit(maugis.jump_off)


def exact_curve(t, parameter):
    """(A, P, D) and the sizes of the largest terms of each, from Maugis's equations in 50 digits."""
    t, lam = mp.mpf(t), mp.mpf(parameter)
    m, angle = mp.sqrt(1 + t * t), mp.atan(t)
    square = lam / 2 * (t + (m * m - 2) * angle)
    linear = 4 * lam * lam / 3 * (t * angle - m + 1)
    a = (-linear + mp.sqrt(linear**2 + 4 * square)) / (2 * square)
    terms = (a,), (a**3, -lam * a * a * (t + m * m * angle)), (a * a, -4 * lam * a * t / 3)
    return [sum(one) for one in terms], [max(map(abs, one)) for one in terms]


@pytest.mark.parametrize("parameter", [0.01, 0.1, 0.5, 0.937947, 1.0, 5.0, 50.0])
def test_explicit_curve(parameter):
    """Error <= 1e-12 (it is 2e-15) for t from 1e-5 to 1e5, relative to the largest term."""
    steps = np.geomspace(1e-5, 1e5, 81)
    ours = jax.vmap(maugis.contact_curve, (0, None))(jnp.asarray(steps), jnp.asarray(parameter))
    with mp.workdps(50):
        for index, t in enumerate(steps):
            values, sizes = exact_curve(t, parameter)
            for mine, value, size in zip(ours, values, sizes):
                assert abs(mp.mpf(float(mine[index])) - value) <= 1e-12 * size


@pytest.mark.parametrize("parameter", [1e-3, 0.05, 0.5, 0.93, 0.938, 0.95, 1.0, 3.0, 100.0])
def test_load_inverts_the_curve(parameter):
    """P(D) equals P(t) at D(t) on the stable branch; the tolerance follows the slope times eps."""
    lam = jnp.asarray(parameter)
    t = jnp.asarray(np.geomspace(1e-5 / parameter, 1e6, 600))
    _, load, displacement = jax.vmap(maugis.contact_curve, (0, None))(t, lam)
    falling = np.append(np.diff(displacement) < 0, False)
    end = max(float(_jump_off(lam)[2]), float(maugis.touch(lam)[2]) if parameter < maugis.THRESHOLD else -9e9)
    stable = falling & (np.asarray(displacement) > end + 1e-9)
    assert stable.sum() > 200
    step = 1e-12 * np.maximum(1, np.abs(displacement))
    found = _load(displacement, lam)  # everywhere, so that it compiles once; judged where it is stable
    change = np.abs(_load(displacement + step, lam) - found)
    error = np.abs(found - load)
    assert np.all((error <= 1e-12 * np.maximum(1, np.abs(load)) + change)[stable])


def test_threshold_is_where_the_touch_becomes_unstable():
    """Contact ends at the hovering disc of the jump-off, C0 = C* = 8 lambda / (3 pi)."""
    disc = maugis.touch(jnp.asarray(maugis.THRESHOLD))[0]
    assert maugis.THRESHOLD == pytest.approx(0.937947, abs=5e-7)
    assert float(disc) == pytest.approx(8 * maugis.THRESHOLD / (3 * math.pi), rel=1e-14)
    below, above = _jump_off(jnp.asarray(0.937)), _jump_off(jnp.asarray(0.939))
    assert float(below[0]) == 0 < float(above[0])
    for one, other in zip(below[1:], above[1:]):
        assert float(one) == pytest.approx(float(other), abs=5e-3)


@pytest.mark.parametrize("parameter", [0.02, 0.3, 0.9])
def test_hovering_branch_continues_the_contact_branch(parameter):
    lam = jnp.asarray(parameter)
    disc, load, displacement = maugis.touch(lam)
    hovering = maugis.hovering_curve(disc, lam)
    assert float(hovering[0]) == pytest.approx(float(load), rel=1e-13)
    assert float(hovering[1]) == pytest.approx(float(displacement), rel=1e-13)
    around = _load(displacement + jnp.asarray([-1e-9, 0.0, 1e-9]), lam)
    np.testing.assert_allclose(around, load, rtol=1e-7)
    jump = _jump_off(lam)
    beyond = _load(jump[2] + jnp.asarray([-1e-9, 1e-9]), lam)
    assert float(beyond[0]) == 0
    disc = 8 * parameter / (3 * math.pi) + math.sqrt(2e-9)  # the fold: dD = dC^2 / 2
    assert float(beyond[1]) == pytest.approx(-math.pi / 2 * parameter * disc**2, rel=1e-4)


def test_hovering_branch_is_a_uniform_pull_on_a_disc():
    """Boussinesq: a pressure p on a disc of radius c lifts its rim by 4pc/(pi E*); the gap there is w/p."""
    radius, reduced, work, stress = 1e-6, 1e9, 0.05, 2e7
    lam = float(maugis.maugis_parameter(*map(jnp.asarray, (radius, reduced, work, stress))))
    stiffness = 4 / 3 * reduced
    length = (math.pi * work * radius**2 / stiffness) ** (1 / 3)
    for disc in (0.5, 2.0):
        c = disc * length
        indentation = c * c / (2 * radius) - 4 * stress * c / (math.pi * reduced) - work / stress
        load, displacement = maugis.hovering_curve(disc, lam)
        assert load * math.pi * work * radius == pytest.approx(-math.pi * c * c * stress, rel=1e-12)
        assert displacement * length**2 / radius == pytest.approx(indentation, rel=1e-12)
    assert float(maugis.jump_in(lam)) * length**2 / radius == pytest.approx(-work / stress, rel=1e-12)


def test_lennard_jones_stress_gives_the_declared_ratio_to_tabors_parameter():
    radius, reduced, work, separation = 1e-6, 1e9, 0.05, 3e-10
    stress = float(maugis.dugdale_stress(work, separation))
    tabor = (radius * work**2 / (reduced**2 * separation**3)) ** (1 / 3)
    lam = float(maugis.maugis_parameter(*map(jnp.asarray, (radius, reduced, work, stress))))
    assert lam / tabor == pytest.approx(1.1570, abs=5e-5)
    assert work / stress / separation == pytest.approx(0.974, abs=5e-4)


def test_pull_off_tends_to_dmt_with_the_known_coefficient():
    """(P + 2) / lambda^(3/2) -> (8/3)(pi - 2)/sqrt(pi) as lambda -> 0, monotonically."""
    limit = 8 / 3 * (math.pi - 2) / math.sqrt(math.pi)
    gaps = [abs((float(_pull_off(jnp.asarray(x))[1]) + 2) / x**1.5 / limit - 1) for x in (0.02, 0.005, 1e-3)]
    assert gaps[2] < 3e-3
    assert gaps[0] > 1.9 * gaps[1] > 3 * gaps[2]


def test_pull_off_tends_to_jkr_with_the_inverse_square():
    scaled = [(float(_pull_off(jnp.asarray(x))[1]) + 1.5) * x**2 for x in (20.0, 50.0, 100.0)]
    np.testing.assert_allclose(scaled, -0.162, atol=2e-3)


def test_load_tends_to_jkr_and_to_dmt():
    displacement = jnp.asarray([-0.7, -0.2, 0.5, 4.0])
    errors = [np.abs(_load(displacement, jnp.asarray(x)) - jkr.load(displacement)) for x in (30.0, 300.0)]
    np.testing.assert_allclose(errors[0] / errors[1], 100, rtol=0.1)
    compressed, errors = jnp.asarray([0.2, 1.0, 5.0, 9.0]), []
    for parameter in (1e-2, 1e-3):
        lift = 8 / 3 * math.sqrt(parameter / math.pi)  # the sample rises under the attraction
        dmt = (compressed + lift) ** 1.5 - 2
        errors.append(np.abs(_load(compressed, jnp.asarray(parameter)) - dmt))
    assert np.all(errors[1] < 2e-3 * dmt.max())
    np.testing.assert_allclose(errors[0] / errors[1], 10, rtol=0.3)  # the next order: lambda


def test_si_limits_are_the_models_dmt():
    inputs = {"radius": 1e-7, "modulus": 1e9, "work_of_adhesion": 0.05}
    soft = MaugisDugdale(**inputs, maugis_parameter=1e-3)
    assert float(soft.pull_off_force()) == pytest.approx(float(DMT(**inputs).pull_off_force()), rel=1e-4)
    assert float(soft.force(2e-8)) == pytest.approx(float(DMT(**inputs).force(2e-8)), rel=3e-3)


def pull_off_exponent(parameter):
    """d ln F_po / d ln R at fixed material, as a user would compute it from the model."""
    def log_force(log_radius):
        radius = jnp.exp(log_radius)
        lam = parameter * jnp.exp(log_radius / 3)
        model = MaugisDugdale(radius=radius, modulus=1e6, work_of_adhesion=0.1, maugis_parameter=lam)
        return jnp.log(model.pull_off_force())

    return jax.grad(log_force)(0.0)


def test_pull_off_exponent_is_not_one_between_the_limits():
    """Three digits as printed (the last cut), and ten from the solution of make_maugis_dugdale.py.

    The minimum of that solution is 0.962539, at lambda = 0.489.
    """
    exponent = jax.jit(jax.vmap(pull_off_exponent))
    digits = exponent(jnp.asarray([0.083, 0.26, 0.517, 1.4, 4.3]))
    np.testing.assert_allclose(digits, [0.991, 0.970, 0.9626, 0.979, 0.996], atol=1e-3)
    exact = exponent(jnp.asarray([0.45, 0.517, 0.6]))
    np.testing.assert_allclose(exact, [0.9626820769, 0.962604439, 0.9634109443], atol=1e-9)
    grid = np.linspace(0.45, 0.55, 101)
    values = np.asarray(exponent(jnp.asarray(grid)))
    assert grid[values.argmin()] == pytest.approx(0.489, abs=1.5e-3)
    assert values.min() == pytest.approx(0.96253859, abs=1e-8)


def test_derivatives_in_both_arguments():
    """On the contact and the hovering branch, by central differences."""
    displacement = jnp.asarray([-0.5, 1.0, -1.2, -0.9, 0.0, 8.0])
    parameter = jnp.asarray([0.3, 0.3, 0.5, 1.0, 3.0, 20.0])
    load, step = jax.jit(jax.vmap(maugis.load)), 1e-5
    for index, ours in enumerate(_slopes(displacement, parameter)):
        shift = step * np.eye(2)[index]
        ends = [load(displacement + s * shift[0], parameter + s * shift[1]) for s in (1, -1)]
        np.testing.assert_allclose(ours, (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-8)

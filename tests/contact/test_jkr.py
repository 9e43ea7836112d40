"""JKR: closed forms, the fast kernel against the exact quartic, cone and sphere against any profile."""

import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from asperity.contact import JKR, Hertz, JKRCone, JKRSphere, jkr, jkr_cone, jkr_sphere, profile

pytestmark = pytest.mark.usefixtures("x64")


def curve(root):
    """(A, P, D) at sqrt(A), as the theory has them."""
    radius = root**2
    return radius, radius**3 - np.sqrt(6) * radius**1.5, radius**2 - 2 / 3 * np.sqrt(6 * radius)


def closed_form_radius(displacement):
    """Ferrari's solution of s^4 - (2 sqrt(6)/3) s = D, for D <= 0, in 40 digits."""
    with mp.workdps(40):
        d = mp.mpf(displacement)
        u = mp.cbrt(mp.mpf(1) / 6 + mp.sqrt(mp.mpf(1) / 36 + d**3 / 27))
        y = u - d / (3 * u)
        return float(((mp.sqrt(2 * y) + mp.sqrt(2 * mp.sqrt(6) / 3 * mp.sqrt(2 / y) - 2 * y)) / 2) ** 2)


def test_constants_of_the_instabilities():
    fold, pull_off = curve(6 ** (-1 / 6)), curve(1.5 ** (1 / 6))
    assert jkr.FOLD_DISPLACEMENT == pytest.approx(fold[2], rel=1e-15)
    assert jkr.FOLD_LOAD == pytest.approx(fold[1], rel=1e-15)
    assert jkr.PULL_OFF_LOAD == pytest.approx(pull_off[1], rel=1e-15)
    assert pull_off[2] == pytest.approx(-0.436790, abs=5e-7)


@pytest.mark.parametrize(("largest_root", "error"), [(30.0**0.5, 1e-12), (9.2, 4e-12), (1e3, 3e-7)])
def test_fast_load_has_the_declared_error(largest_root, error):
    start = 6 ** (-1 / 6)
    root = start + np.concatenate([np.linspace(1e-4, 2, 2000), np.geomspace(2, largest_root, 2000)])
    _, load, displacement = curve(root)
    ours = np.asarray(jax.vmap(jkr.load)(jnp.asarray(displacement)))
    assert np.max(np.abs(ours - load) / np.maximum(1, np.abs(load))) <= error


def test_contact_radius_is_the_closed_form():
    for displacement in np.linspace(-0.9, 0, 19):
        ours = float(jkr.contact_radius(jnp.asarray(displacement)))
        assert ours == pytest.approx(closed_form_radius(displacement), rel=2e-13)


def test_slopes_of_first_and_second_order():
    """dP/dD = P'(A) / D'(A), and the second derivative, from the parametric curve."""
    s = np.linspace(0.8, 8, 50)
    first = (6 * s**5 - 3 * np.sqrt(6) * s**2) / (4 * (s**3 - 1 / np.sqrt(6)))
    step = 1e-6
    displacement = jnp.asarray(curve(s)[2])
    slope = jax.vmap(jax.grad(jkr.load))
    np.testing.assert_allclose(slope(displacement), first, rtol=1e-11)
    numeric = (slope(displacement + step) - slope(displacement - step)) / (2 * step)
    second = jax.vmap(jax.grad(jax.grad(jkr.load)))(displacement)
    np.testing.assert_allclose(second, numeric, rtol=1e-6, atol=3e-8)  # atol: eps * slope / step


def test_si_force_at_zero_indentation_and_at_pull_off():
    model = JKR(radius=2e-6, modulus=3e5, work_of_adhesion=0.02, poisson_ratio=0.4)
    assert float(model.force(0.0)) == pytest.approx(-4 / 3 * math.pi * 0.02 * 2e-6, rel=1e-12)
    assert float(model.pull_off_force()) == pytest.approx(1.5 * math.pi * 0.02 * 2e-6, rel=1e-14)
    stiffness = 4 / 3 * 3e5 / (1 - 0.16)
    scale = (math.pi**2 * 0.02**2 * 2e-6 / stiffness**2) ** (1 / 3)
    assert float(model.jump_off_indentation()) == pytest.approx(-(0.75 ** (1 / 3)) * scale, rel=1e-13)


SLOPES = {
    "paraboloid": lambda r: r / 3e-6,
    "cone": lambda r: jnp.full_like(r, 1 / math.tan(1.1)),
    "sphere": lambda r: r / jnp.sqrt((3e-6) ** 2 - r**2),
}
MODELS = {
    "paraboloid": lambda: JKR(radius=3e-6, modulus=2e4),
    "cone": lambda: JKRCone(half_angle=1.1, modulus=2e4, work_of_adhesion=1e-3),
    "sphere": lambda: JKRSphere(radius=3e-6, modulus=2e4, work_of_adhesion=1e-3),
}


@pytest.mark.parametrize("tip", MODELS)
def test_models_agree_with_the_integrals_over_their_profile(tip):
    """Sneddon's integrals by quadrature, minus the adhesive terms, at contact radii of the stable branch."""
    model = MODELS[tip]()
    reduced = model.modulus / (1 - model.poisson_ratio**2)
    length = model.work_of_adhesion / reduced
    for radius in (8e-7, 1.2e-6, 2e-6):
        indentation, area = profile.adhesive_contact(SLOPES[tip], jnp.asarray(radius), length)
        assert float(model.force(indentation)) == pytest.approx(float(area * reduced), rel=1e-10)


def test_cone_pulls_off_at_the_minimum_of_its_curve():
    displacement = jnp.linspace(-0.25, 3, 20001)
    assert float(jnp.min(jkr_cone.load(displacement))) == pytest.approx(jkr_cone.PULL_OFF_LOAD, rel=1e-7)
    model = JKRCone(half_angle=1.0, modulus=1e5, work_of_adhesion=0.01)
    expected = 54 * 0.01**2 * math.tan(1.0) ** 3 / (math.pi * 1e5 / 0.75)
    assert float(model.pull_off_force()) == pytest.approx(expected, rel=1e-13)


def test_sphere_tends_to_the_paraboloid_with_the_square_of_the_depth():
    """Depth k = a_s/R -> 0: pull-off 3/2 pi w R (-3/4 of 2 pi w R), error proportional to k^2."""
    errors = [float(jkr_sphere.pull_off(jnp.asarray(depth))[1]) + 0.75 for depth in (0.02, 0.01)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=1e-2)
    assert abs(errors[1]) < 1e-4


def test_loads_tend_to_hertz_far_above_the_adhesion():
    """P / D^(3/2) -> 1 with error of order D^(-3/4): the adhesion is a surface term."""
    for displacement in (1e3, 1e4):
        ratio = float(jkr.load(jnp.asarray(displacement))) / displacement**1.5
        assert (1 - ratio) * displacement**0.75 == pytest.approx(0, abs=0.1)
    elastic, sticky = Hertz(radius=1e-6), JKR(radius=1e-6, work_of_adhesion=1e-12)
    assert float(sticky.force(1e-7)) == pytest.approx(float(elastic.force(1e-7)), rel=1e-5)

"""Hereditary contact against its closed form for ramps, its elastic limit, and another quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import beta as euler_beta
from scipy.special import betainc, gamma

from asperity.contact import Cone, FlatPunch, Hertz, Sphere
from asperity.rheology.generalized_maxwell import GeneralizedMaxwell
from asperity.rheology.hereditary import lee_radok, ting
from asperity.rheology.kelvin_voigt import KelvinVoigt
from asperity.rheology.springpot import Springpot
from asperity.rheology.standard_linear_solid import StandardLinearSolid

EXPONENTS = {"hertz": 1.5, "cone": 2.0, "flat_punch": 1.0}
run = {"lee_radok": jax.jit(lee_radok), "ting": jax.jit(ting)}


def tip(name):
    return {"hertz": lambda: Hertz(radius=5e-6), "cone": lambda: Cone(half_angle=1.1),
            "flat_punch": lambda: FlatPunch(punch_radius=1e-6), "sphere": lambda: Sphere(radius=2e-6)}[name]()


def power_law(modulus, exponent):
    """The springpot whose modulus at 1 s is ``modulus``."""
    return Springpot(modulus * gamma(1 - exponent), exponent)


def triangle(points, approach=10e-6, retract=15e-6, turn=0.1):
    """Times and indentations of a ramp in and a ramp out, ``points`` each."""
    out = turn * approach / retract
    time = np.concatenate([np.linspace(0, turn, points + 1), turn + np.linspace(0, out, points + 1)[1:]])
    return time, np.where(time <= turn, approach * time, approach * turn - retract * (time - turn))


def exact(name, modulus, exponent, time, approach=10e-6, retract=15e-6, turn=0.1):
    """The force of a triangular ramp on a power-law material, in incomplete beta functions."""
    n = EXPONENTS[name]
    with jax.enable_x64(True):
        contact = tip(name)
        prefactor = float(contact.shape(jnp.asarray(1e-7))) / 1e-7**n / (1 - float(contact.poisson_ratio) ** 2)
    before = time - (1 + retract / approach) ** (1 / (1 - exponent)) * np.maximum(time - turn, 0.0)
    upper = np.clip(np.divide(before, time, out=np.zeros_like(time), where=time > 0), 0, 1)
    shape = n * approach**n * time ** (n - exponent) * euler_beta(n, 1 - exponent) * betainc(n, 1 - exponent, upper)
    return prefactor * modulus * np.where(before > 0, shape, 0.0)


@pytest.mark.parametrize(("name", "exponent"), [("hertz", 0.1), ("hertz", 0.5), ("cone", 0.5), ("flat_punch", 0.3)])
def test_triangular_ramp_on_a_power_law(name, exponent, x64):
    """1000 samples per ramp, approach and retract: within 2e-4 of the largest force."""
    time, indentation = triangle(1000)
    force = np.asarray(run["ting"](tip(name), power_law(800.0, exponent), time, indentation))
    expected = exact(name, 800.0, exponent, time)
    assert np.abs(force - expected).max() <= 2e-4 * expected.max()
    on = indentation == np.maximum.accumulate(indentation)
    grown = np.asarray(run["lee_radok"](tip(name), power_law(800.0, exponent), time, indentation))
    np.testing.assert_allclose(grown[on], force[on], rtol=1e-12)
    assert 0 < np.count_nonzero(force[1001:] == 0) < 1000  # contact is lost before the indentation is


def test_error_falls_with_the_step(x64):
    errors = []
    for points in (100, 400):
        time, indentation = triangle(points)
        expected = exact("hertz", 800.0, 0.3, time)
        force = np.asarray(run["ting"](tip("hertz"), power_law(800.0, 0.3), time, indentation))
        errors.append(np.abs(force - expected).max() / expected.max())
    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 4  # the kernel's singularity costs a little of second order


def test_order_zero_is_the_elastic_contact(x64):
    """Without relaxation the force is that of the indentation, and retraction follows the approach."""
    time, indentation = triangle(300)
    for name in ("hertz", "sphere", "cone"):
        contact = tip(name)
        force = np.asarray(run["ting"](contact, Springpot(900.0, 0.0), time, indentation))
        elastic = np.asarray(jax.jit(jax.vmap(type(contact).force, (None, 0)))(
            jax.tree.map(jnp.asarray, contact.with_amplitudes((900.0 / 0.75,))), indentation))
        np.testing.assert_allclose(force, elastic, atol=2e-5 * elastic.max())


def test_punch_on_a_prony_series_in_closed_form(x64):
    """Contact area constant: F = 2 a / (1 - nu^2) times the stress of the strain ramp; uneven samples."""
    model = GeneralizedMaxwell(jnp.array([300.0, 700.0]), jnp.array([0.02, 0.4]), 200.0)
    time = np.sort(np.concatenate([[0.0, 0.5], np.random.default_rng(0).uniform(0, 0.5, 80)]))
    force = np.asarray(run["lee_radok"](tip("flat_punch"), model, time, 1e-6 * time))
    stress = 200 * time + 300 * 0.02 * -np.expm1(-time / 0.02) + 700 * 0.4 * -np.expm1(-time / 0.4)
    np.testing.assert_allclose(force, 2e-6 / 0.75 * 1e-6 * stress, rtol=1e-12, atol=1e-30)


def test_sphere_on_a_zener_solid_by_adaptive_quadrature(x64):
    """Approach, hold and a second rise, and a tip that is no power of the indentation."""
    model, contact = StandardLinearSolid(400.0, 900.0, 0.05), tip("sphere")
    time = np.linspace(0, 0.3, 1501)
    speed = np.where(time < 0.1, 8e-6, np.where(time < 0.2, 0.0, 3e-6))
    indentation = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * np.diff(time))])
    force = np.asarray(run["lee_radok"](contact, model, time, indentation))
    shape = np.asarray(jax.jit(jax.vmap(contact.shape))(indentation))
    rate = jax.jit(jax.grad(contact.shape))

    def integrand(s, t):
        v = float(np.interp(s, time, speed))
        relaxed = 400 + 900 * np.exp(-(t - s) / 0.05)
        return relaxed * float(rate(float(np.interp(s, time, indentation)))) * v

    for i in (300, 750, 1500):
        expected = quad(integrand, 0, time[i], args=(time[i],), points=[0.1, 0.2], limit=200)[0] / 0.75
        assert force[i] == pytest.approx(expected, rel=2e-4)
    assert force[0] == shape[0] == 0


def test_dashpot_beside_a_spring_adds_the_rate(x64):
    time = np.linspace(0, 0.1, 201)
    force = np.asarray(run["lee_radok"](tip("flat_punch"), KelvinVoigt(500.0, 3.0), time, 1e-6 * time))
    np.testing.assert_allclose(force[1:], 2e-6 / 0.75 * (500 * 1e-6 * time[1:] + 3.0 * 1e-6), rtol=1e-10)


def test_lost_contact_never_comes_back(x64):
    time, indentation = triangle(200)
    indentation = np.where(time > 0.16, indentation + 2e-7, indentation)
    force = np.asarray(run["ting"](tip("hertz"), power_law(800.0, 0.4), time, indentation))
    lost = np.flatnonzero(force[201:] == 0)
    assert len(lost)
    assert np.all(force[201 + lost[0]:] == 0)


def test_an_incomplete_history_gives_no_number(x64):
    time, indentation = triangle(50)
    for verb in run.values():
        assert np.all(np.isnan(verb(tip("hertz"), power_law(1e3, 0.2), time, indentation + 1e-8)))
        assert np.all(np.isnan(verb(tip("hertz"), power_law(1e3, 0.2), time[::-1].copy(), indentation)))


def test_derivatives_are_those_of_finite_differences(x64):
    """The power law's exponent, where the incomplete beta function has no gradient."""
    time, indentation = (jnp.asarray(a) for a in triangle(60))

    def force(exponent):
        return ting(tip("hertz"), Springpot(500.0, exponent), time, indentation)

    own = jax.jit(jax.jacfwd(force))(0.3)
    numeric = (jax.jit(force)(0.3 + 1e-6) - jax.jit(force)(0.3 - 1e-6)) / 2e-6
    np.testing.assert_allclose(own, numeric, atol=1e-6 * np.abs(numeric).max())

"""Contact with a thin layer: the exact solver against elasticity, limits and identities; the models on it."""

import math
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import BarycentricInterpolator, CubicSpline
from scipy.linalg import expm
from scipy.special import j0

from asperity.contact import MODELS, Cone, FlatPunch, Hertz, HertzBondedLayer, HertzUnbondedLayer, Sphere, jkr
from asperity.contact._layer_table import REACH, layer_correction
from asperity.contact.fredholm import Layer, layer_contact, pressure_function, pull_off, punch_stiffness
from asperity.contact.garcia import RANGE, garcia_correction
from asperity.contact.named import ModelError, contact_model, model_record
from asperity.learning.batches import scale
from asperity.learning.least_squares import least_squares
from asperity.measurements.force_curves.fit_curves import fit_curves, learn_noise
from asperity.virtual.force_map import Noise, virtual_map

pytestmark = pytest.mark.usefixtures("x64")

DOCS = Path(__file__).resolve().parents[2] / "docs" / "thin_layers.md"
FINE = {"nodes": 96, "waves": 384}


def paraboloid(t):
    """R = 1."""
    return t**2


def cone(t):
    """An opening angle of 90 degrees."""
    return math.pi / 2 * t


@partial(jax.jit, static_argnums=(0, 2))
def solved(profile, radius, bonded, poisson_ratio):
    """(indentation, force / E*) at each contact radius, for a thickness of 1."""
    layer = Layer(thickness=jnp.ones(()), poisson_ratio=poisson_ratio, bonded=bonded)
    return jax.vmap(lambda a: layer_contact(profile, a, layer, **FINE))(radius)


@partial(jax.jit, static_argnums=(2, 3))
def corrections(reach, poisson_ratio, exponent, bonded):
    """What the models multiply the force of the half-space by, at each reach."""
    return jax.vmap(lambda at: layer_correction(at, poisson_ratio, exponent, bonded))(reach)


@jax.jit
def punch(radius, layer):
    return punch_stiffness(radius, layer)


@partial(jax.jit, static_argnums=0)
def contact(profile, radius, layer, adhesion_length=0.0):
    return layer_contact(profile, radius, layer, adhesion_length)


# --- the solver -------------------------------------------------------------------------------------------

def compliance(x, poisson_ratio, bonded):
    """M from the equations of elasticity, integrated through the layer (plane waves; shear modulus 1, h = 1)."""
    lame = 2 * poisson_ratio / (1 - 2 * poisson_ratio)
    stiff = lame + 2
    # U, W, shear stress T, normal stress S over depth
    across = np.array([[0, x, 1, 0], [-lame * x / stiff, 0, 0, 1 / stiff],
                       [x * x * (stiff - lame**2 / stiff), 0, 0, lame * x / stiff], [0, 0, -x, 0]])
    top = expm(across)
    free = [2, 3] if bonded else [0, 3]  # what the base leaves open, beside U = W = 0 or W = T = 0
    state = top[:, free] @ np.linalg.solve(top[np.ix_([2, 3], free)], [0.0, -1.0])
    reduced = 2 / (1 - poisson_ratio)
    return -state[1] * reduced * x / 2


@pytest.mark.parametrize("bonded", [True, False])
@pytest.mark.parametrize("poisson_ratio", [-0.5, 0.0, 0.3, 0.45])
def test_deficit_is_that_of_the_elastic_layer(bonded, poisson_ratio):
    x = np.array([0.01, 0.3, 1.0, 2.5, 5.0])
    layer = Layer(thickness=1.0, poisson_ratio=poisson_ratio, bonded=bonded)
    expected = [1 - compliance(one, poisson_ratio, bonded) for one in x]
    np.testing.assert_allclose(layer.deficit(jnp.asarray(x)), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("bonded", "poisson_ratio", "expected"), [
    (True, 0.5, 1.770216773), (True, 0.3, 1.376854165), (True, 0.0, 1.211061718),
    (False, 0.5, 1.167576837), (False, 0.1, 1.167576837)])
def test_first_coefficient(bonded, poisson_ratio, expected):
    """kappa_0, the integral of 1 - M: how a small punch feels the base, S = 2 a (1 + 2 kappa_0 a / (pi h))."""
    layer = Layer(thickness=jnp.ones(()), poisson_ratio=jnp.asarray(poisson_ratio), bonded=bonded)
    node, weight = np.polynomial.legendre.leggauss(256)
    kappa = 12 * weight @ layer.deficit(jnp.asarray(12 * (node + 1)))
    assert float(kappa) == pytest.approx(expected, abs=1e-9)
    excess = float(punch(jnp.asarray(1e-5), layer)) / 2e-5 - 1
    assert excess == pytest.approx(2 * expected / math.pi * 1e-5, rel=1e-4)  # next order: 1e-5 relative


TIPS = {
    "paraboloid": (lambda t: t**2 / 2e-6, Hertz(radius=2e-6, modulus=0.75)),
    "cone": (lambda t: math.pi / 2 * t / math.tan(0.7), Cone(half_angle=0.7, modulus=0.75)),
    "sphere": (lambda t: t * jnp.arctanh(t / 1e-6), Sphere(radius=1e-6, modulus=0.75)),
}


@pytest.mark.parametrize("tip", TIPS)
def test_a_thick_layer_is_the_half_space(tip):
    profile, model = TIPS[tip]
    for radius in (1e-8, 4e-7):
        indentation, force = contact(profile, jnp.asarray(radius), Layer(thickness=jnp.asarray(1e12)))
        assert float(force) == pytest.approx(float(model.force(indentation)), rel=1e-12)


def test_a_thick_layer_is_the_half_space_for_punch_and_adhesion():
    layer, flat = Layer(thickness=jnp.asarray(1e12)), FlatPunch(punch_radius=3e-7)
    expected = float(flat.shape(jnp.asarray(1.0)))
    assert float(punch(jnp.asarray(3e-7), layer)) == pytest.approx(expected, rel=1e-13)
    radius, length, reach = 2e-6, 1e-10, 4e-7
    indentation, force = contact(lambda t: t**2 / radius, jnp.asarray(reach), layer, length)
    unit = (math.pi * length * radius**2 * 0.75) ** (1 / 3)
    load = float(jkr.load(indentation / (unit**2 / radius)))
    assert float(force) / (math.pi * length * radius) == pytest.approx(load, rel=1e-10)


@pytest.mark.parametrize(("bonded", "poisson_ratio"), [(True, 0.5), (True, 0.3), (False, 0.4)])
def test_the_pressure_found_presses_the_layer_into_the_shape_of_the_tip(bonded, poisson_ratio):
    """The boundary-value problem itself: surface displacement = delta - r^2 / (2 R), by Hankel transform."""
    layer, radius = Layer(thickness=jnp.ones(()), poisson_ratio=poisson_ratio, bonded=bonded), jnp.asarray(1.5)
    t, phi = map(np.asarray, jax.jit(partial(pressure_function, paraboloid))(radius, layer))
    along = BarycentricInterpolator(t, phi)
    node, weight = np.polynomial.legendre.leggauss(64)
    wave, x = np.polynomial.legendre.leggauss(256)
    wave, x = 12 * (wave + 1), 12 * x
    transform = np.cos(wave[:, None] * t) @ (phi * weight * 0.75)
    indentation = float(contact(paraboloid, radius, layer)[0])
    for r in (0.1, 0.7, 1.2, 1.49):
        angle = math.pi / 4 * (node + 1)
        half_space = 2 / math.pi * (math.pi / 4 * weight) @ along(r * np.sin(angle))
        base = 2 / math.pi * x @ (np.asarray(layer.deficit(jnp.asarray(wave))) * transform * j0(wave * r))
        assert half_space - base == pytest.approx(indentation - r**2 / 2, abs=1e-11)


@pytest.mark.parametrize("bonded", [True, False])
def test_small_contacts_follow_the_expansion_in_closed_form(bonded):
    """With k(x) = kappa_0 - kappa_1 x^2 / 2 the equation is solved by B (a^2 - t^2); the rest is of order a^5."""
    layer = Layer(thickness=1.0, poisson_ratio=0.4, bonded=bonded)
    node, weight = np.polynomial.legendre.leggauss(256)
    x, weight = 12 * (node + 1), 12 * weight * np.asarray(layer.deficit(jnp.asarray(12 * (node + 1))))
    zeroth, second, fourth = weight.sum(), weight @ x**2, weight @ x**4
    for a in (0.01, 0.03):
        curvature = 1 / (1 - 2 * second * a**3 / (3 * math.pi))
        series = 1 - 4 * zeroth * a / (3 * math.pi) + 2 * second * a**3 / (15 * math.pi)
        expected = curvature * a**2 * series
        indentation, force = contact(paraboloid, jnp.asarray(a), layer)
        left_out = fourth * a**5
        assert float(indentation) / expected == pytest.approx(1, abs=left_out + 1e-12)
        assert float(force) / (4 / 3 * curvature * a**3) == pytest.approx(1, abs=left_out + 1e-12)


@pytest.mark.parametrize(("profile", "bonded"), [(paraboloid, True), (cone, False)])
def test_stiffness_is_that_of_a_punch_and_energy_is_released_at_the_rate_of_adhesion(profile, bonded):
    layer, a, length = Layer(thickness=1.0, poisson_ratio=0.45, bonded=bonded), jnp.asarray(1.3), 0.02
    rate = jax.jit(jax.jacfwd(lambda b: jnp.stack(layer_contact(profile, b, layer))))(a)
    stiffness, growth = jax.jit(jax.value_and_grad(lambda b: punch_stiffness(b, layer)))(a)
    assert float(rate[1] / rate[0]) == pytest.approx(float(stiffness), rel=1e-10)
    stretched = contact(profile, a, layer)[0] - contact(profile, a, layer, length)[0]
    assert float(stretched**2 * growth / 2) == pytest.approx(2 * math.pi * float(a) * length, rel=1e-10)


def test_thin_limits():
    """Foundations of springs, and Chadwick's incompressible film; each nears its limit as (h / a)^2 or faster."""
    radius = jnp.asarray([10.0, 20.0])  # thicknesses
    below = {}
    for name, bonded, poisson_ratio, power, factor in (
            ("unbonded", False, 0.3, 2, math.pi), ("chadwick", True, 0.5, 3, math.pi / 2),
            ("oedometric", True, 0.3, 2, math.pi * 0.7**2 / 0.4)):
        indentation, force = solved(paraboloid, radius, bonded, poisson_ratio)
        below[name] = np.abs(np.asarray(force / (factor * indentation**power)) - 1)
        assert below[name][1] < 0.35 * below[name][0]
    assert below["unbonded"][1] < 1e-4
    assert below["oedometric"][1] < 1e-3
    assert below["chadwick"][1] < 0.05


@jax.jit
def pulled_off(layer, length, between):
    return pull_off(paraboloid, layer, length, between)


@pytest.mark.parametrize(("bonded", "poisson_ratio", "thin", "tolerance"), [
    (False, 0.5, 2.0, 2e-3), (True, 0.5, 3.0, 0.1)])
def test_pull_off_force_on_a_layer(bonded, poisson_ratio, thin, tolerance):
    """From 3/2 pi w R to 2 pi w R (foundation of springs) or 3 pi w R (incompressible film)."""
    length = 1e-4
    half_space = (9 * math.pi * length / 8) ** (1 / 3)

    least = (0.3 * half_space, 2 * half_space)
    layers = (Layer(thickness=jnp.asarray(half_space / r), poisson_ratio=jnp.asarray(poisson_ratio), bonded=bonded)
              for r in (1e-8, 0.3, 1, 10, 15))
    a, _, force = (np.array(one) for one in zip(*(pulled_off(layer, length, least) for layer in layers)))
    force = -force / (math.pi * length)
    assert a[0] == pytest.approx(half_space, rel=1e-8)
    assert force[0] == pytest.approx(1.5, rel=1e-10)
    assert np.all(np.diff(force) > 0)
    reach = a * np.array([1e-8, 0.3, 1, 10, 15]) / half_space
    extrapolated = force[4] + (force[4] - force[3]) / (reach[4] / reach[3] - 1)  # what is missing falls as h / a
    assert extrapolated == pytest.approx(thin, rel=tolerance)


# --- the formulas in use ----------------------------------------------------------------------------------

def correction(x, bonded=True, exponent=2):
    return float(corrections(jnp.asarray([float(x)]), jnp.asarray(0.5), exponent, bonded)[0])


def dimitriadis(x, bonded=True):
    """For an incompressible layer, as published."""
    coefficients = (1, 1.133, 1.283, 0.769, 0.0975) if bonded else (1, 0.884, 0.781, 0.386, 0.0048)
    return np.polynomial.polynomial.polyval(x, coefficients)


def garcia_beyond(x):
    """Garcia's paraboloid without its limits."""
    return np.polynomial.polynomial.polyval(x, (1, 1.133, 1.497, 1.469, 0.755))


@pytest.mark.study
@pytest.mark.parametrize(("formula", "bonded", "x", "percent"), [
    (dimitriadis, True, 0.19, -0.9), (dimitriadis, True, 0.42, -5.5), (dimitriadis, True, 0.75, -13.5),
    (dimitriadis, True, 1.05, -16.5), (dimitriadis, False, 0.1, 1.4), (dimitriadis, False, 0.44, 6.6),
    (dimitriadis, False, 1.2, 31), (garcia_beyond, True, 0.55, 1.2), (garcia_beyond, True, 1.05, 17)])
def test_errors_of_published_series_as_another_solver_found_them(formula, bonded, x, percent):
    """Both numbers were rounded: somewhere within half a digit of x the error rounds to the one stated."""
    series = formula if formula is garcia_beyond else partial(formula, bonded=bonded)
    errors = [100 * (series(one) / correction(one, bonded) - 1) for one in (x - 0.005, x + 0.005)]
    half_digit = 0.5 if percent in (31, 17) else 0.05
    assert min(errors) - half_digit <= percent <= max(errors) + half_digit


GARCIA_ERROR = {"paraboloid": 0.0015, "cone": 0.0031, "flat_punch": 0.006}


def exact_for(tip, x):
    layer = Layer(thickness=1.0)
    exact = {"paraboloid": lambda at: layer_correction(at, jnp.asarray(0.5), 2, True),
             "cone": lambda at: layer_correction(2 / math.pi * at, jnp.asarray(0.5), 1, True),
             "flat_punch": lambda at: punch_stiffness(at, layer) / (2 * at)}[tip]
    return np.asarray(jax.jit(jax.vmap(exact))(x))


@pytest.mark.parametrize("tip", RANGE)
def test_garcia_answers_only_where_it_is_right(tip):
    x = jnp.linspace(1e-3, RANGE[tip], 60)
    error = np.abs(np.asarray(jax.vmap(partial(garcia_correction, tip))(x)) / exact_for(tip, x) - 1)
    assert error.max() < GARCIA_ERROR[tip]
    assert np.isnan([garcia_correction(tip, jnp.asarray(bad)) for bad in (1.001 * RANGE[tip], -1e-3)]).all()


def test_garcia_knows_three_tips():
    with pytest.raises(ValueError, match="'sphere'; known: paraboloid, cone, flat_punch"):
        garcia_correction("sphere", jnp.asarray(0.1))


# --- the models -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("bonded", [True, False])
@pytest.mark.parametrize(("exponent", "profile"), [(2, paraboloid), (1, cone)])
def test_table_agrees_with_the_solver(exponent, profile, bonded):
    radius = jnp.asarray(np.geomspace(1e-3, 9.0, 50))
    for poisson_ratio in (0.5, 0.495, 0.45, 0.2, -0.6) if bonded else (0.2,):
        indentation, force = solved(profile, radius, bonded, poisson_ratio)
        reach = jnp.sqrt(indentation) if exponent == 2 else 2 / math.pi * indentation
        half_space = 4 / 3 * reach**3 if exponent == 2 else reach * indentation
        found = corrections(reach, jnp.asarray(poisson_ratio), exponent, bonded)
        inside = np.asarray(reach) <= REACH
        assert inside.sum() > 40
        np.testing.assert_allclose(np.asarray(found * half_space)[inside], np.asarray(force)[inside], rtol=1e-6)


@pytest.mark.parametrize("bonded", [True, False])
@pytest.mark.parametrize(("exponent", "profile"), [(2, paraboloid), (1, cone)])
def test_continuation_beyond_the_table_is_as_far_off_as_documented(exponent, profile, bonded):
    radius = jnp.asarray(np.linspace(1.0, 17.0, 50))
    for poisson_ratio in (0.5, 0.495, 0.3) if bonded else (0.2,):
        indentation, force = solved(profile, radius, bonded, poisson_ratio)
        reach = np.asarray(jnp.sqrt(indentation) if exponent == 2 else 2 / math.pi * indentation)
        half_space = 4 / 3 * reach**3 if exponent == 2 else reach * np.asarray(indentation)
        exact = CubicSpline(np.log(reach), np.log(np.asarray(force) / half_space))
        for at, bound in ((5.0, 0.02 if bonded else 0.003), (8.0, 0.2 if bonded else 0.023)):
            found = corrections(jnp.asarray([at]), jnp.asarray(poisson_ratio), exponent, bonded)
            assert abs(float(found[0]) / math.exp(exact(math.log(at))) - 1) < bound


def test_continuation_is_smooth():
    slope = jax.jit(jax.grad(lambda at: layer_correction(at, jnp.asarray(0.5), 2, True)))
    ends = [jnp.asarray(REACH * (1 + side)) for side in (-1e-9, 1e-9)]
    below, above = (float(slope(one)) for one in ends)
    assert below == pytest.approx(above, rel=1e-6)
    assert correction(REACH * (1 - 1e-9)) == pytest.approx(correction(REACH * (1 + 1e-9)), rel=1e-7)


def test_a_model_made_inside_a_compiled_function_is_the_same():
    """The table is made at the first use, wherever that is: also under a trace or in single precision."""
    from asperity.contact import _layer_table

    model = HertzUnbondedLayer(radius=2e-6, thickness=1e-6)
    expected = float(model.force(jnp.asarray(3e-7)))
    _layer_table._table.cache_clear()
    value = jax.jit(jax.vmap(lambda at: model.force(at)))(jnp.asarray([3e-7]))
    assert float(value[0]) == pytest.approx(expected, rel=1e-13)
    with jax.enable_x64(False):
        _layer_table._table.cache_clear()
        single = HertzUnbondedLayer(radius=2e-6, thickness=1e-6)
        value = jax.jit(lambda at: single.force(at))(jnp.asarray(3e-7))
        assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(expected, rel=1e-5)


def exact_curves(thickness, noise, seed, count=128, samples=256):
    """Tip positions and forces of curves on a bonded layer, from the solver and not from the table."""
    radius, modulus, stiffness = 5e-6, 2e3, 2e3 / 0.75
    layer = Layer(thickness=jnp.asarray(thickness))
    reach = jnp.asarray(np.concatenate([[1e-9], np.linspace(2e-8, 4e-6, 400)]))
    contact = jax.jit(jax.vmap(lambda a: layer_contact(lambda t: t**2 / radius, a, layer)))(reach)
    indentation, force = map(np.asarray, contact)
    # a spline of F over the depth to the power 3/2, which is smooth
    smooth = CubicSpline(np.sqrt(indentation), force / indentation**1.5)
    rng = np.random.default_rng(seed)
    position = np.tile(np.linspace(1.6e-6, 0.0, samples), (count, 1))
    point = rng.uniform(6e-7, 8e-7, (count, 1))
    depth = np.maximum(point - position, 0.0)
    values = stiffness * depth**1.5 * smooth(np.sqrt(depth))
    size = values.max(axis=1, keepdims=True)
    return position, values + 0.1 * size + noise * size * rng.standard_normal(values.shape), modulus


def moduli(model, position, force):
    scaled = scale(position, force, np.isfinite(force))
    fit = least_squares(model, scaled)
    assert fit.converged.all()
    return fit.linear[:, -1] * scaled.force_scale * (1 - float(model.poisson_ratio) ** 2)


@pytest.mark.study
@pytest.mark.parametrize(("thickness", "seed", "excess"), [(2e-6, 0, (4.8, 5.6)), (1e-5, 1, (0.2, 0.35))])
def test_modulus_of_a_layer_is_unbiased_and_hertz_is_not(thickness, seed, excess):
    """sqrt(R delta) / h up to 1 and 0.2: Hertz, free to shift the contact point, overstates E by ``excess``."""
    position, force, truth = exact_curves(thickness, 0.01, seed)
    found = moduli(HertzBondedLayer(radius=5e-6, thickness=thickness), position, force)
    error = found.std(ddof=1) / math.sqrt(len(found))
    assert error / truth < 0.01
    assert abs(found.mean() - truth) < 3.5 * error
    wrong = moduli(Hertz(radius=5e-6), position, force).mean() / truth - 1
    assert excess[0] < wrong < excess[1]


def test_a_map_of_a_layer_from_data_to_result():
    """The whole fitter: pulls of order one, and the uncertainty of the radius is the tip's alone."""
    quiet = Noise(detector=2e-11, drift=0.0, thermal=0.0, waviness=0.0, offset=5e-9, tilt=1.5e-3)
    truth = HertzBondedLayer(radius=5e-6, thickness=2e-6, modulus=1e4)
    data = virtual_map(rows=4, columns=4, samples=256, model=truth, noise=quiet).load()
    model = HertzBondedLayer(radius=5e-6, thickness=2e-6)
    noise = learn_noise(data, model, segment="approach")
    found = fit_curves(data, model, noise=noise, radius_std=0.05)
    pull = (found["modulus"] - data["true_modulus"]) / found["modulus_std_noise"]
    assert np.abs(pull).max() < 4.5
    assert float(found["thickness"]) == 2e-6
    larger = fit_curves(data, HertzBondedLayer(radius=5.01e-6, thickness=2e-6), noise=noise, radius_std=0.05)
    slope = np.abs(np.log(larger["modulus"] / found["modulus"])) / np.log(5.01 / 5.0)
    np.testing.assert_allclose(found["modulus_std_calibration"] / found["modulus"], 0.05 * slope, rtol=0.02)


def test_a_layer_by_name_needs_its_thickness():
    model = contact_model({"name": "hertz_bonded_layer", "radius": 5e-6, "thickness": 2e-6})
    assert type(model) is MODELS["hertz_bonded_layer"]
    assert model_record(model) == {"name": "hertz_bonded_layer", "radius": 5e-6, "thickness": 2e-6,
                                   "poisson_ratio": 0.5}
    with pytest.raises(ModelError, match="needs thickness; nothing is assumed"):
        contact_model({"name": "hertz_bonded_layer", "radius": 5e-6})


# --- the page ---------------------------------------------------------------------------------------------

def table():
    """The rows of the comparison in docs/thin_layers.md."""
    rows = []
    for x in (0.05, 0.1, 0.2, 0.27, 0.3, 0.5, 0.75, 1.0, 2.0):
        bonded, unbonded = correction(x), correction(x, False)
        errors = [100 * (value / exact - 1) for value, exact in (
            (garcia_beyond(x), bonded), (dimitriadis(x), bonded), (dimitriadis(x, False), unbonded), (1, bonded))]
        rows.append(f"| {x:g} | {bonded:.5f} | " + " | ".join(f"{e:+.2f}" for e in (*errors[:2], errors[3]))
                    + f" | {unbonded:.5f} | {errors[2]:+.2f} |")
    return rows


def test_the_page_shows_these_numbers():
    text = DOCS.read_text(encoding="utf-8")
    missing = [row for row in table() if row not in text]
    assert not missing

"""The batched fitter against truth, another optimizer, and its own invariances."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import curve_fit

from asperity.contact import DMT, JKR, MODELS, Cone, FlatPunch, Hertz, JKRSphere, MaugisDugdale, Pyramid4, Sphere
from asperity.learning.attachment import find_jump
from asperity.learning.batches import scale
from asperity.learning.least_squares import contact_force, least_squares

pytestmark = pytest.mark.usefixtures("x64")

SAMPLES = 256  # as in tests of whole fits: compiled once for all
TEMPLATES = {
    "hertz": Hertz(radius=5e-6, modulus=2e3),
    "sphere": Sphere(radius=1e-6, modulus=2e3),
    "cone": Cone(half_angle=0.4, modulus=2e4),
    "pyramid4": Pyramid4(half_angle=0.4, modulus=2e4),
    "flat_punch": FlatPunch(punch_radius=1e-6, modulus=2e3),
    "dmt": DMT(radius=2e-6, modulus=2e4, work_of_adhesion=5e-5),
    "jkr": JKR(radius=5e-6, modulus=2e4, work_of_adhesion=1e-4),
    "jkr_sphere": JKRSphere(radius=5e-6, modulus=2e4, work_of_adhesion=1e-4),
}


@eqx.filter_jit
def forces(model, depth):
    return jax.vmap(jax.vmap(model.force))(depth)


def curves(model, count=6, noise=0.0, seed=0, samples=SAMPLES):
    """Tip positions, forces and contact points of ``count`` curves with offset, tilt and noise."""
    rng = np.random.default_rng(seed)
    position = np.tile(np.linspace(1e-6, 0.0, samples), (count, 1))
    point = rng.uniform(3e-7, 6e-7, (count, 1))
    force = np.asarray(forces(model, jnp.asarray(point - position)))
    size = np.abs(force).max()
    tilted = force + 0.1 * size + 0.05 * size * position / 1e-6
    return position, tilted + noise * size * rng.standard_normal(force.shape), point[:, 0]


def fitted(model, position, force, **options):
    """The fit in SI: one array per fitted quantity, and the contact points."""
    counted = np.isfinite(force)
    attached, counted = find_jump(force, counted) if "work_of_adhesion" in model.fitted else (None, counted)
    scaled = scale(position, force, counted, attached, retracting=True)
    fit = least_squares(model, scaled, **options)
    c = fit.linear[:, -model.amplitudes:] * scaled.force_scale[:, None]
    models = jax.vmap(lambda c, t: model.with_amplitudes(tuple(c), tuple(t)))(c, fit.nonlinear[:, 1:])
    values = {name: np.asarray(getattr(models, name)) for name in model.fitted}
    return values, scaled.top - scaled.span * fit.nonlinear[:, 0], fit, scaled


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_noise_free_curves_give_back_the_truth(name):
    model = TEMPLATES[name]
    position, force, point = curves(model)
    values, found, fit, _ = fitted(model, position, force)
    assert fit.converged.all()
    for quantity in model.fitted:
        # the optimizer stops when a step promises 1e-26 of the squares: parameters to about 1e-6 at worst
        np.testing.assert_allclose(values[quantity], float(getattr(model, quantity)), rtol=2e-5)
    if name != "flat_punch":  # its force jumps in slope only: the contact point is weak between two samples
        np.testing.assert_allclose(found, point, atol=2e-12)


def test_every_model_has_been_considered():
    elsewhere = {"pyramid3", "jkr_cone", "maugis_dugdale", "lennard_jones_contact"}
    elsewhere |= {name for name in MODELS if name.endswith("_layer")}
    assert set(MODELS) - set(TEMPLATES) <= elsewhere, "add the new model above"


@pytest.mark.study
def test_maugis_dugdale_finds_its_regime():
    """Modulus is easy; work of adhesion and Maugis parameter are confounded to the last digits of the squares."""
    truth = MaugisDugdale(radius=1e-6, modulus=1e6, work_of_adhesion=1e-3, maugis_parameter=1.0)
    position = np.linspace(5e-8, -2e-7, SAMPLES)[None]
    force = np.asarray(forces(truth, jnp.asarray(-position)))
    values, *_ = fitted(truth, position, force)
    for quantity, tolerance in {"modulus": 5e-3, "work_of_adhesion": 0.15, "maugis_parameter": 0.3}.items():
        np.testing.assert_allclose(values[quantity], float(getattr(truth, quantity)), rtol=tolerance)


@pytest.mark.parametrize("noise", [0.003, 0.03])
def test_it_reaches_the_optimum_of_another_optimizer(noise):
    model = TEMPLATES["hertz"]
    position, force, point = curves(model, count=8, noise=noise, seed=3)
    values, found, fit, scaled = fitted(model, position, force)

    size = np.abs(force).max()

    def law(x, modulus, contact, offset, tilt):  # every parameter of order one
        depth = np.maximum(contact - x, 0)
        return 4 / 3 * modulus * 2e3 / 0.75 * np.sqrt(5e-6) * (depth * 1e-6) ** 1.5 / size + offset + tilt * x

    for i in range(len(force)):
        x, y = position[i] * 1e6, force[i] / size
        best, _ = curve_fit(law, x, y, p0=(1.0, point[i] * 1e6, 0.1, 0.05), xtol=1e-15, ftol=1e-15, gtol=1e-15)
        squares = np.sum((law(x, *best) - y) ** 2)
        assert fit.sum_of_squares[i] * (scaled.force_scale[i] / size) ** 2 <= squares * (1 + 1e-10)
        # the numerical derivative of the other optimizer limits it to about sqrt(1e-16) of the residual
        np.testing.assert_allclose(values["modulus"][i], best[0] * 2e3, rtol=1e-5)
        np.testing.assert_allclose(found[i], best[1] * 1e-6, atol=1e-5 * 1e-6)


def test_batch_order_and_size_do_not_matter():
    model = TEMPLATES["hertz"]
    position, force, _ = curves(model, count=40, noise=0.02)
    every, _, _, _ = fitted(model, position, force)
    some, _, _, _ = fitted(model, position[35:30:-1], force[35:30:-1])
    np.testing.assert_allclose(some["modulus"], every["modulus"][35:30:-1], rtol=1e-9)


def test_samples_that_do_not_count_change_nothing():
    model = TEMPLATES["hertz"]
    position, force, _ = curves(model, noise=0.01)
    plain, point, _, _ = fitted(model, position, force)
    before = ((0, 0), (SAMPLES // 2, 0))
    padded, shifted, _, _ = fitted(model, np.pad(position, before, constant_values=np.nan),
                                   np.pad(force, before, constant_values=np.nan))
    np.testing.assert_allclose(padded["modulus"], plain["modulus"], rtol=1e-9)
    np.testing.assert_allclose(shifted, point, atol=1e-15)


@pytest.mark.parametrize("factor", [1e-6, 1e3])
def test_force_units_scale_through(factor):
    model = TEMPLATES["jkr"]
    position, force, _ = curves(model, noise=0.005)
    one, point, _, _ = fitted(model, position, force)
    other, same, _, _ = fitted(model, position, force * factor)
    np.testing.assert_allclose(other["modulus"], one["modulus"] * factor, rtol=1e-6)
    np.testing.assert_allclose(other["work_of_adhesion"], one["work_of_adhesion"] * factor, rtol=1e-6)
    np.testing.assert_allclose(same, point, atol=1e-13)


def test_offset_tilt_and_shift_are_absorbed():
    model = TEMPLATES["hertz"]
    position, force, _ = curves(model, noise=0.01)
    one, point, _, _ = fitted(model, position, force)
    other, moved, _, _ = fitted(model, position + 3e-6, force + 1e-9 + 1e-4 * position)
    np.testing.assert_allclose(other["modulus"], one["modulus"], rtol=1e-6)
    np.testing.assert_allclose(moved, point + 3e-6, atol=1e-13)


def test_pure_noise_and_empty_curves_do_not_raise():
    rng = np.random.default_rng(0)
    position = np.tile(np.linspace(1e-6, 0, SAMPLES), (3, 1))
    force = np.stack([rng.standard_normal(SAMPLES) * 1e-12, np.zeros(SAMPLES), np.full(SAMPLES, np.nan)])
    _, _, fit, scaled = fitted(TEMPLATES["hertz"], position, force)
    assert np.isfinite(fit.linear).all()
    assert np.isfinite(contact_force(TEMPLATES["hertz"], scaled, fit)).all()


def test_the_jump_is_read_off_the_curve():
    model = TEMPLATES["jkr"]
    position, force, point = curves(model, noise=0.005)
    attached, counted = find_jump(force, np.ones(force.shape, bool))
    depth = point[:, None] - position
    assert (attached != 0).any(axis=1).all()
    assert (depth[(attached == 1) & counted] > float(model.jump_off_indentation()) - 1e-9).all()
    assert (depth[(attached == -1) & counted] < float(model.jump_off_indentation()) + 1e-9).all()


def test_no_jump_is_seen_where_there_is_none():
    _, force, _ = curves(TEMPLATES["hertz"], noise=0.01, samples=200)
    attached, counted = find_jump(force, np.ones(force.shape, bool))
    assert not attached.any()
    assert counted.all()

"""Force curves on relaxing materials: exponentials as memory, recovery, coverage, a measured map.

``python -m tests.measurements.rheometry.test_power_law`` prints recovery and coverage, over 200 curves in four ways.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.optimize import least_squares

import asperity
from asperity.contact import Hertz
from asperity.learning import hereditary_fit
from asperity.learning.hereditary_fit import FAMILIES
from asperity.learning.outcome import Outcome
from asperity.measurements.rheometry.power_law import fit_viscoelastic
from asperity.rheology import exponential_memory as memory
from asperity.rheology._registry import RELAXATION_MODELS
from asperity.rheology.hereditary import ting
from asperity.rheology.standard_linear_solid import StandardLinearSolid
from asperity.virtual.force_map import Instrument, Noise
from asperity.virtual.noise import correlated
from tests.conftest import shared_data
from tests.rheology.test_hereditary import exact, triangle

SPEED, RADIUS = 5e-6, 5e-6
COUNT = 12  # virtual curves of a test
kernel_of = jax.jit(memory.power_law)
pushed = jax.jit(ting)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of as many curves as are made here: padded to 32, three fifths of the work would be for nothing."""
    monkeypatch.setattr(hereditary_fit, "_BLOCK", COUNT)


@pytest.mark.parametrize("exponent", [-0.1, 0.0, 0.1, 0.5, 0.9])
def test_power_law_as_exponentials(exponent, x64):
    time = np.geomspace(1e-4, 0.2, 60)
    kernel = kernel_of(jnp.asarray(exponent), jnp.asarray(memory.rates(1e-4, 0.2)))
    value = (kernel.weight * np.exp(-kernel.rate * time[:, None])).sum(axis=1) + kernel.constant
    np.testing.assert_allclose(value, time**-exponent, rtol=5e-5)


@pytest.mark.parametrize(("family", "theta"), [("springpot", (0.3,)), ("standard_linear_solid", (0.4, -1.5))])
def test_what_is_fitted_is_the_model_of_that_name(family, theta, x64):
    time = np.geomspace(1e-4, 0.2, 60)
    material = FAMILIES[family].material(800.0, jnp.asarray(theta), 0.2)
    assert isinstance(material, RELAXATION_MODELS[family])
    assert dict(zip(FAMILIES[family].names, FAMILIES[family].told(material))) == pytest.approx(
        {"modulus": 800.0, "order": 0.3} if family == "springpot" else
        {"equilibrium_modulus": 480.0, "relaxing_modulus": 320.0, "relaxation_time": 0.2 * np.exp(-1.5)})
    kernel = memory.as_exponentials(material, jnp.asarray(memory.rates(1e-4, 0.2)))
    value = (kernel.weight * np.exp(-kernel.rate * time[:, None])).sum(axis=1) + kernel.constant
    np.testing.assert_allclose(value, jax.vmap(material.relaxation_modulus)(jnp.asarray(time)), rtol=5e-5)


@pytest.mark.parametrize("exponent", [0.5])
def test_exponential_memory_against_the_closed_form(exponent, x64):
    """The acceptance figure of product integration, 2e-4 of the largest force, also in this form."""
    time, indentation = triangle(1000)
    depth = np.where(np.arange(len(time)) > 1000, indentation, np.maximum(indentation, 0))
    step, rate = np.diff(time, prepend=-1e-4), jnp.asarray(memory.rates(6e-5, 0.2))

    @jax.jit
    def hertz(kernel, step, depth):
        shape = jax.vmap(Hertz(radius=5e-6).shape)(depth)
        return memory.ting_integral(kernel, step, depth, shape, 1000)

    kernel = kernel_of(jnp.asarray(exponent), rate)
    force = 800 / 0.75 * np.asarray(hertz(kernel, jnp.asarray(step), jnp.asarray(depth)))
    expected = exact("hertz", 800.0, exponent, time)
    assert np.abs(force - expected).max() <= 2e-4 * expected.max()


def virtual_curves(count, seed, samples=1000, noise=None, material=None):
    """Triangular ramps of the tip on power laws by the closed form, or on a ``material``; the instrument's noise."""
    rng, instrument = np.random.default_rng(seed), Instrument()
    noise = Noise(waviness=0.0) if noise is None else noise
    modulus, order = np.exp(rng.uniform(np.log(300), np.log(3000), count)), rng.uniform(0.05, 0.35, count)
    time = np.arange(2 * samples) / instrument.sampling_rate
    touched = rng.uniform(0.4, 0.6, count) * time[samples]
    force, height = np.zeros((2, count, 2 * samples))
    for i in range(count):
        turn = time[samples - 1] - touched[i]
        since = time - touched[i]
        force[i] = exact("hertz", modulus[i], order[i], np.maximum(since, 0), SPEED, SPEED, turn)
        if material is not None:
            touching = since > 0
            clock = np.concatenate([[0.0], since[touching]])
            depth = SPEED * np.maximum(np.minimum(clock, 2 * turn - clock), 0.0)
            force[i, touching] = modulus[i] * np.asarray(pushed(Hertz(radius=RADIUS), material, clock, depth))[1:]
        height[i] = -SPEED * np.minimum(since, 2 * turn - since) - force[i] / instrument.spring_constant
    generators = [np.random.default_rng([seed, 1, i]) for i in range(count)]
    deflection = correlated(2 * samples, noise=noise, instrument=instrument, generators=generators)
    deflection += noise.offset * rng.standard_normal((count, 1)) + noise.tilt * rng.standard_normal((count, 1)) * height
    recorded = force + instrument.spring_constant * deflection
    dims = ("curve", "segment", "sample")
    channels = {"time": np.tile(time, (count, 1)), "height": height, "force": recorded}
    variables = {name: (dims, a.reshape(count, 2, samples)) for name, a in channels.items()}
    return xr.Dataset(variables | {"true_modulus": ("curve", modulus), "true_order": ("curve", order)},
                      {"segment": ["approach", "retract"], "file": ("curve", np.full(count, "virtual")),
                       "sample_count": (dims[:2], np.full((count, 2), samples)),
                       "spring_constant": ("curve", np.full(count, instrument.spring_constant))})


def errors(count, seed=0, noise=None, **options):
    data = virtual_curves(count, seed, noise=noise)
    found = fit_viscoelastic(data, Hertz(radius=RADIUS), **options)
    usable = found.flag.values == 0
    return {name: ((found[name] - data[f"true_{name}"]).values[usable], found[f"{name}_std"].values[usable],
                   data[f"true_{name}"].values[usable]) for name in ("modulus", "order")}, usable


@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value) encountered:RuntimeWarning")  # noise of exactly 0
@pytest.mark.parametrize(("retract", "tolerance"), [
    (True, 1e-3), pytest.param(False, 5e-3, marks=pytest.mark.study)])  # some 6 s
def test_silent_curves_give_back_modulus_and_order(retract, tolerance):
    """What is left is the step of the block means, coarser relative to the onset of one direction."""
    found, usable = errors(COUNT, noise=Noise.silent(), retract=retract)
    assert usable.all()
    for error, _, truth in found.values():
        assert np.abs(np.median(error / truth)) < tolerance


@pytest.mark.parametrize("retract", [True, pytest.param(False, marks=pytest.mark.study)])
def test_errors_are_within_the_stated_uncertainty(retract):
    """12 curves; the coverage of 64 is judged in tests/verify."""
    found, usable = errors(COUNT, retract=retract)
    assert usable.all()
    for error, std, _ in found.values():
        assert np.abs(error / std).max() < 4.5
        assert np.sqrt(np.mean((error / std) ** 2)) < 1.9  # 1 + 4 / sqrt(2 * 12)


@pytest.mark.study  # more than 10 s
def test_another_material_is_flagged_and_its_own_is_not(x64):
    """A single relaxation time of the length of the contact, noise of 1 to 3 in 1000 of the largest force."""
    zener = StandardLinearSolid(equilibrium_modulus=4.0, relaxing_modulus=6.0, relaxation_time=0.03)
    data = virtual_curves(3, 0, material=zener)
    other = fit_viscoelastic(data, Hertz(radius=RADIUS))
    assert np.isin(other["flag"], (Outcome.small_misfit, Outcome.misfit)).all()
    assert (other["reduced_chi_square"] > 2).all()
    own = fit_viscoelastic(data, Hertz(radius=RADIUS), relaxation="standard_linear_solid")
    assert (own["flag"] == Outcome.converged).all()


def test_calibration_moves_the_modulus_as_it_must():
    """E follows the spring constant, and the tip radius to the power -1/2."""
    data = virtual_curves(COUNT, 0)  # of the shape of the others: compiled once
    found = fit_viscoelastic(data, Hertz(radius=RADIUS), relative_std={"spring_constant": 0.1})
    np.testing.assert_allclose(found.modulus_std_calibration, 0.1 * found.modulus, rtol=0.02)
    found = fit_viscoelastic(data, Hertz(radius=RADIUS), relative_std={"tip": 0.1})
    np.testing.assert_allclose(found.modulus_std_calibration, 0.05 * found.modulus, rtol=0.02)
    np.testing.assert_allclose(found.order_std_calibration, 0.0, atol=1e-3)


def test_what_cannot_be_fitted_says_so():
    data = virtual_curves(1, 0, samples=200)
    with pytest.raises(ValueError, match="no relaxation 'maxwell' to fit; known: springpot"):
        fit_viscoelastic(data, Hertz(radius=RADIUS), relaxation="maxwell")
    with pytest.raises(ValueError, match="hold no 'time'"):
        fit_viscoelastic(data.drop_vars("time"), Hertz(radius=RADIUS))
    with pytest.raises(ValueError, match="not radius"):
        fit_viscoelastic(data, Hertz(radius=RADIUS), relative_std={"radius": 0.1})


@pytest.mark.study
def test_map_of_cells_and_what_a_peer_says_of_it():
    """A published fit (334.1 Pa, 0.168) takes both ramps at the nominal 20 um/s; the recorded heights say 24 and 14.

    With the nominal speeds its numbers come out again (E0 within 15 %, order within 0.03); with the recorded
    history the hysteresis means a larger order.
    """
    data = asperity.read(str(shared_data("force/jpk/map-data-2022.10.29-12.27.34.564.jpk-force-map"))).load()
    found = fit_viscoelastic(data.isel(curve=[0]), Hertz(radius=5e-6)).isel(curve=0)
    time, height, force = (data[name].isel(curve=0).values.ravel() for name in ("time", "height", "force"))
    position = height + force / float(data.spring_constant[0])
    turn = int(position.argmin())
    near = position < float(found.contact_point) + 84e-9  # 4.2 ms before contact, as there
    first = int(np.flatnonzero(~near[:turn])[-1])
    window = slice(first, turn + int(np.flatnonzero(~near[turn:])[0]))
    speed = [np.abs(position[end] - position[turn]) / np.abs(time[end] - time[turn]) for end in (first, window.stop)]
    assert speed[0] == pytest.approx(23.7e-6, rel=0.03)
    assert speed[1] == pytest.approx(14.6e-6, rel=0.03)
    drag = 2.5e-6 * -np.gradient(height, time)
    drag = np.convolve(drag, np.ones(101) / 101, "same")[window]
    since, corrected, peak = time[window] - time[first], force[window] - drag, time[turn] - time[first]

    def residual(p, approach, retract):
        touched = p[2] * 1e-3
        model = exact("hertz", 100 * p[0], p[1], np.maximum(since - touched, 0), approach, retract, peak - touched)
        return (model + 1e-9 * p[3] - corrected) * 1e11

    bounds = [0.01, 0, -5, -20], [1000, 0.8, 900 * peak, 20]
    nominal, measured = (least_squares(residual, [5, 0.2, 4, -9], bounds=bounds, args=v).x
                         for v in ((20e-6, 20e-6), tuple(speed)))
    assert 100 * nominal[0] == pytest.approx(334.1, rel=0.15)
    assert nominal[1] == pytest.approx(0.168, abs=0.03)
    assert measured[1] > 0.29
    assert abs(float(found.order) - measured[1]) < 0.1  # constant mean speeds only come near the record
    assert float(found.order) - 0.168 > 3 * float(found.order_std)
    assert float(found.drag_coefficient) == pytest.approx(2.5e-6, rel=0.5)


if __name__ == "__main__":
    for both in (True, False):
        for name, (error, std, truth) in errors(200, retract=both)[0].items():
            ratio = error / std
            print("both directions" if both else "approach alone", name, f"bias {np.median(error / truth):+.2%}",
                  f"scatter {np.std(error / truth):.2%} pull {ratio.mean():+.2f} +- {ratio.std():.2f}",
                  f"coverage of 95 %: {(np.abs(ratio) < 1.96).mean():.3f}")

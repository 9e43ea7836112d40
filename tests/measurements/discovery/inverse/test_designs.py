"""The physics of the four cases against other solutions, and what the verbs answer."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import asperity
from asperity.contact import JKR
from asperity.measurements.discovery.inverse import setpoint
from asperity.measurements.discovery.inverse.lattice import bent_lattice, stretched_lattice
from asperity.measurements.discovery.inverse.page import page
from asperity.measurements.discovery.inverse.posterior import Input, known_of
from asperity.measurements.discovery.inverse.tip import design_tip, pressed_tip
from asperity.measurements.replay import replay
from asperity.messages import ArgumentError, DataError

SOFT = {"modulus": 1e6, "poisson_ratio": 0.4, "work_of_adhesion": 0.05, "radius_ratio": 1.0, "load_ratio": 1.0}


def told(physics, known, **chosen):
    with jax.enable_x64(True):
        found = physics({name: jnp.asarray(value) for name, value in chosen.items()}, known)
        return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("load", [1e-9, 1e-6])
def test_a_pressed_tip_is_that_of_the_contact_model(load, x64):
    """Radius, stiffness and pull-off of the model's force against the indentation, found from its curve."""
    found = told(pressed_tip, SOFT, radius=5e-6, load=load)
    model = JKR(radius=5e-6, **{name: SOFT[name] for name in ("modulus", "poisson_ratio", "work_of_adhesion")})
    low, high = jnp.asarray(-1e-7), jnp.asarray(5e-6)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if model.force(middle) < load else (low, middle)
    assert found["stiffness"] == pytest.approx(float(jax.grad(model.force)(low)), rel=1e-6)
    assert found["pull_off_force"] == pytest.approx(float(model.pull_off_force()), rel=1e-6)


def test_without_adhesion_in_the_contact_the_bound_of_the_pressure_is_exact():
    """Pull-off force over stiffness is w / p (JKR's pull-off, Hertz's stiffness), as adhesion vanishes."""
    found = told(pressed_tip, SOFT | {"work_of_adhesion": 1e-12}, radius=5e-6, load=1e-6)
    assert found["pull_off_force"] / found["stiffness"] == pytest.approx(1e-12 / found["pressure"], rel=1e-4)


def test_lattices_cross_at_a_third():
    known = {"modulus": 3e9, "stretch_factor": 1.0, "bend_factor": 1.0, "density_ratio": 1.0}
    for density, stiffer in ((0.33, 1), (0.34, -1)):
        moduli = [told(one, known, relative_density=density)["lattice_modulus"]
                  for one in (stretched_lattice, bent_lattice)]
        assert np.sign(moduli[0] - moduli[1]) == stiffer
    a, b = (told(one, known, relative_density=1 / 3)["lattice_modulus"] for one in (stretched_lattice, bent_lattice))
    assert a == pytest.approx(b)


def test_what_a_tapped_sample_does_has_exact_slopes():
    """Of the contact force against the free amplitude, that of differences; without attraction that of a short contact.

    3/8 F sqrt(2 depth / A) = k sqrt(A0^2 - A^2) / Q with F by Hertz, for a stiff sample.
    """
    known = {"modulus": 1e11, "poisson_ratio": 0.3, "hamaker": 1e-30, "spring_constant": 40.0, "quality": 100.0,
             "radius": 1e-8, "frequency": 3e5}

    def force(free):
        return setpoint.tapped_sample({"free_amplitude": free, "set_point": jnp.asarray(0.8)}, known)["contact_force"]

    with jax.enable_x64(True):
        found, slope = (float(one) for one in jax.jvp(force, (jnp.asarray(1e-8),), (jnp.ones(()),)))
        differences = float(force(jnp.asarray(1.0001e-8)) - force(jnp.asarray(0.9999e-8))) / 2e-12
    assert slope == pytest.approx(differences, rel=1e-6)
    depth = (found * 3 / 4 * (1 - 0.3**2) / 1e11 / 1e-4) ** (2 / 3)
    assert 3 / 8 * found * np.sqrt(2 * depth / 0.8e-8) == pytest.approx(40 * 0.6e-8 / 100, rel=0.01)


@functools.cache
def lattice(**targets):
    return asperity.design_lattice(targets=targets, draws=200)


def test_a_lattice_has_one_front_of_both_kinds():
    made = lattice(lattice_modulus=1e8)
    front = made.isel(design=np.flatnonzero(made["role"].values == "front"))
    bent = front["alternative"].values == "bent"
    assert (front["relative_density"].values[bent] > 1 / 3).all()
    assert (front["relative_density"].values[~bent] <= 1 / 3 + 1e-9).all()
    assert bent.any()
    assert not bent.all()
    proposed = made.isel(design=-1)
    assert str(proposed["role"].values) == "proposal"
    assert str(proposed["alternative"].values) == "stretched"
    assert made.attrs["reached"] == 1
    assert 0.85 < float(proposed["probability"]) < 0.95
    optimum = made.isel(design=np.flatnonzero(made["role"].values == "optimum")[0])
    assert float(optimum["relative_density"]) == pytest.approx(0.1, rel=1e-5)
    assert float(optimum["probability"]) == pytest.approx(0.5, abs=0.06)


def test_what_no_lattice_can_is_told_with_the_certificate():
    """E_s rho / 3 = 200 MPa at most: 1 GPa is too much by 5, the density must rise to where bent ones reach it."""
    made = lattice(lattice_modulus=1e9)
    alone = made["widening_alone"].sel(aim=["built_density", "lattice_modulus"]).values
    np.testing.assert_allclose(alone[1], 5, rtol=1e-5)
    said = json.loads(made.attrs["findings"])
    assert said[0].startswith("No design meets all targets, even by the best estimate.")
    assert "lattice modulus at least 200 MPa instead of at least 1.00 GPa (a factor of 5)" in said[1]
    assert made.attrs["reached"] == 0
    shown = page(made)
    assert any(one.name == "out of reach by" for one in shown.findings)


def test_a_design_is_made_again_from_its_history():
    made = lattice(lattice_modulus=1e8)
    xr.testing.assert_equal(replay(made), made)


INPUTS = {"sample": {"modulus": Input("Pa", 1e9, 0.1), "work_of_adhesion": Input("J/m^2", 0.05, 0.2)}}


def results(**more):
    return xr.Dataset({"modulus": ("curve", [1e6, 2e6, 8e6]), "modulus_std": ("curve", [1e5, 2e5, 8e5]),
                       "flag": ("curve", [0, 0, 7])} | more, {"curve": [0, 1, 2]})


def test_draws_of_results_are_of_their_usable_curves():
    adhesion = {"work_of_adhesion": ("curve", [0.01, 0.04, 1.0]), "work_of_adhesion_std": ("curve", [1e-4, 4e-4, 0.1])}
    known = known_of({"sample": None}, INPUTS, results(**adhesion))
    drawn = known.draws(4000, np.random.default_rng(0))
    assert known.taken == {}
    for low, modulus, w in ((0.0, 1e6, 0.01), (1.4e6, 2e6, 0.04)):
        some = (drawn["modulus"] > low) & (drawn["modulus"] < low + 1.5e6)
        some &= abs(drawn["work_of_adhesion"] / w - 1) < 0.2
        assert np.median(drawn["modulus"][some]) == pytest.approx(modulus, rel=0.03)
        assert some.mean() == pytest.approx(0.5, abs=0.05)
        assert np.log(drawn["modulus"][some]).std() == pytest.approx(0.1, abs=0.02)


def test_a_quantity_with_its_uncertainty_is_lognormal():
    known = known_of({"sample": {"modulus": 2e9, "modulus_std": 0.3}}, INPUTS, None)
    drawn = known.draws(20_000, np.random.default_rng(0))["modulus"]
    assert np.median(drawn) == pytest.approx(2e9, rel=0.01)
    assert np.log(drawn).std() == pytest.approx(np.sqrt(np.log1p(0.09)), rel=0.02)
    assert known.taken == {"work_of_adhesion": 0.05, "work_of_adhesion_std": 0.2}


@pytest.mark.parametrize(("given", "said"), [
    ({"sample": {"modulus": -1.0}}, "modulus in sample"), ({"sample": {"weight": 1.0}}, "sample has no weight"),
    ({"targets": {"stiffness": 0.0}}, "stiffness in targets"), ({"prefer": "price"}, "prefer"),
    ({"targets": {"price": 1.0}}, "targets has no price"), ({"probability": 0.0}, "probability"),
    ({"lever": {"radius_ratio_std": 2.0}}, "radius_ratio_std in lever"),
    ({"levers": {"name": ["a"], "radius": [1e-8]}}, "levers"),
    ({"levers": "catalogue", "lever": {"spring_constant": 1.0}}, "spring_constant is given")])
def test_wrong_inputs_are_named(given, said):
    with pytest.raises(ArgumentError, match=said):
        design_tip(**given)


def test_results_that_tell_no_probability_are_refused():
    with pytest.raises(DataError, match="no modulus_std"):
        design_tip(results().drop_vars("modulus_std"))
    with pytest.raises(ArgumentError, match="modulus is given"):
        design_tip(results(), sample={"modulus": 1e6})
    with pytest.raises(DataError, match="no usable curve"):
        design_tip(results(flag=("curve", [7, 7, 7])))

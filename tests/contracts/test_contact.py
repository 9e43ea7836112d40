"""What every contact model promises, run on each of them: a new model needs no test of its own here."""

import dataclasses
import pickle
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asperity import contact
from asperity.contact import MODELS, _registry, model_named
from asperity.quantities import QUANTITIES, Quantity

INPUTS = {"radius": 2e-6, "half_angle": 1.1, "punch_radius": 5e-7, "modulus": 2e4, "work_of_adhesion": 2e-4,
          "maugis_parameter": 0.7, "tabor_parameter": 0.7, "poisson_ratio": 0.4, "thickness": 2e-6}
TYPES = {"float32": False, "float64": True}
OWN = sorted(name for name, model in MODELS.items() if model.__module__.startswith("asperity."))
#: whose attraction falls with the distance, and does not end
LONG_RANGED = {"lennard_jones_contact"}
each_model = pytest.mark.parametrize("name", OWN)


def build(name, **changes):
    model = MODELS[name]
    known = INPUTS | changes
    return model(**{field: known[field] for field in (*model.fixed, *model.fitted)})


@pytest.mark.parametrize("wide", [False, True])
@each_model
def test_is_the_same_in_another_process(name, wide):
    """Where 64 bits are switched off, too, as they are when a worker begins; weak types decide digits as well."""
    with jax.enable_x64(wide):
        model = build(name)
    with jax.enable_x64(False):
        there = pickle.loads(pickle.dumps(model))
    assert type(there) is type(model)
    for field in dataclasses.fields(model):
        own, other = getattr(model, field.name), getattr(there, field.name)
        assert np.asarray(other) == np.asarray(own)
        for kind in ("dtype", "weak_type"):
            assert getattr(other, kind, None) == getattr(own, kind, None)


@eqx.filter_jit
def _force(model, indentation):
    return jax.vmap(model.force)(indentation)


@eqx.filter_jit
def _gradients(model, indentation):
    along = jax.grad(lambda own, at: own.force(at), (0, 1))
    return jax.vmap(along, (None, 0))(model, indentation)


@eqx.filter_jit
def _basis(model, indentation, theta):
    return model.basis(indentation, theta)


def padded(indentation, length=32):
    """One length for all calls, so that each model compiles once."""
    return jnp.pad(indentation, (0, length - len(indentation)), mode="edge")


def force(model, indentation):
    """Force at each indentation."""
    return _force(model, padded(indentation))[: len(indentation)]


def gradients(model, indentation):
    """d(force)/d(model), d(force)/d(indentation) at each indentation."""
    return jax.tree.map(lambda x: x[: len(indentation)], _gradients(model, padded(indentation)))


@eqx.filter_jit
def _end(model):
    return model.end_of_contact(model.amplitudes_of()[1])


def jump_off(model):
    """The end of the stable branch in m (0 where there is no jump)."""
    end = float(_end(model))
    return end if np.isfinite(end) else 0.0


def sampled(model):
    """Indentations from far outside to deep inside, among them zero and the jump-off with its neighbors."""
    end = jump_off(model)
    near = [0.0, end, end * (1 + 1e-7), end * (1 - 1e-7), 1e-15, -1e-15]
    return np.array([-1.0, -1e-3, -1e-6, *near, *np.geomspace(1e-11, 1e-6, 21)])


@each_model
@pytest.mark.parametrize("kind", [pytest.param("float32", marks=pytest.mark.study), "float64"])
def test_force_and_gradients_are_finite_everywhere(name, kind):
    with jax.enable_x64(TYPES[kind]):
        model = build(name)
        indentation = jnp.asarray(sampled(model), dtype=kind)
        value, (own, slope) = force(model, indentation), gradients(model, indentation)
        assert value.dtype == slope.dtype == jnp.dtype(kind)
        for one in (value, slope, *jax.tree.leaves(own)):
            assert np.all(np.isfinite(one))
        if name in LONG_RANGED:
            assert np.all(np.diff(value[:3]) < 0)
            assert abs(value[2]) < 0.02 * np.abs(value).max()
        else:
            assert np.all(value[:3] == 0)
            assert np.all(slope[:3] == 0)


@each_model
def test_single_precision_agrees_with_double_precision(name):
    with jax.enable_x64(True):
        model = build(name)
        indentation = sampled(model)[9:].astype(np.float32)
        exact = np.asarray(force(model, jnp.asarray(indentation, dtype=jnp.float64)))
    with jax.enable_x64(False):
        value = force(build(name), jnp.asarray(indentation))
    np.testing.assert_allclose(value, exact, rtol=2e-5, atol=2e-6 * np.abs(exact).max())


@each_model
def test_derivatives_are_those_of_finite_differences(name):
    with jax.enable_x64(True):
        model = build(name)
        indentation = jnp.asarray([2e-9, 3e-8, 4e-7])
        own, slope = gradients(model, indentation)
        step = 1e-6 * indentation
        numeric = (force(model, indentation + step) - force(model, indentation - step)) / (2 * step)
        np.testing.assert_allclose(slope, numeric, rtol=1e-5)
        for field in (*model.fitted, *model.fixed):
            ends = [force(build(name, **{field: INPUTS[field] * (1 + sign)}), indentation)
                    for sign in (1e-5, -1e-5)]
            numeric = (ends[0] - ends[1]) / (2e-5 * INPUTS[field])
            scale = np.abs(force(model, indentation)) / INPUTS[field]
            np.testing.assert_allclose(getattr(own, field), numeric, rtol=1e-6, atol=1e-8 * scale.max())


@each_model
def test_force_is_the_sum_of_amplitudes_times_basis(name):
    with jax.enable_x64(True):
        model = build(name)
        c, theta = model.amplitudes_of()
        assert (len(c), len(theta)) == (model.amplitudes, len(model.shape_names))
        for at in (-1.0, 0.5 * jump_off(model), 0.0, 3e-8, 4e-7):
            basis = _basis(model, jnp.asarray(at), theta)
            assert len(basis) == model.amplitudes
            total = sum(float(one) * float(g) for one, g in zip(c, basis))
            assert float(force(model, jnp.asarray([at]))[0]) == pytest.approx(total, rel=1e-13)


@each_model
def test_amplitudes_and_fields_are_inverse(name):
    with jax.enable_x64(True):
        model, other = build(name), build(name, **{f: 3 * INPUTS[f] for f in MODELS[name].fitted})
        back = other.with_amplitudes(*model.amplitudes_of())
        for field in (*model.fitted, *model.fixed):
            assert float(getattr(back, field)) == pytest.approx(INPUTS[field], rel=1e-12)
        c, theta = model.amplitudes_of()
        negative = model.with_amplitudes(tuple(-one for one in c), theta)
        assert float(negative.modulus) == pytest.approx(-INPUTS["modulus"], rel=1e-12)


@each_model
def test_fields_are_quantities_of_the_vocabulary(name):
    model = MODELS[name]
    fields = {f.name: f for f in dataclasses.fields(model) if not f.metadata.get("static")}
    assert set(fields) == set(model.fitted) | set(model.fixed)
    assert not set(model.fitted) & set(model.fixed)
    for field in fields.values():
        assert isinstance(field.metadata["quantity"], Quantity)
        assert field.metadata["quantity"] is QUANTITIES[field.name]
    assert all(fields[field].default is not dataclasses.MISSING for field in model.fitted)


@each_model
def test_docstring_has_formula_validity_and_source(name):
    text = MODELS[name].__doc__
    assert text.count("$$") == 2
    assert "Validity:" in text
    assert re.search(r"Source: .*\d{4}", text, re.DOTALL)


@each_model
def test_model_is_final(name):
    assert getattr(MODELS[name], "__final__", False)
    assert model_named(name) is MODELS[name]


UNIT_POWERS = {"1": (0, 0), "rad": (0, 0), "m": (1, 0), "Pa": (-2, 1), "J/m^2": (-1, 1)}


def in_other_units(value, field, length, unit_of_force):
    powers = UNIT_POWERS[QUANTITIES[field].unit]
    return value * length ** powers[0] * unit_of_force ** powers[1]


@each_model
@settings(max_examples=10)
@given(length=st.floats(-3, 3), unit_of_force=st.floats(-3, 3), at=st.floats(-9, -6))
def test_force_does_not_depend_on_the_units(name, length, unit_of_force, at):
    """Lengths times L and forces times F: the same physics, exponents taken from the vocabulary."""
    length, unit_of_force, at = 10**length, 10**unit_of_force, 10**at
    with jax.enable_x64(True):
        fields = (*MODELS[name].fitted, *MODELS[name].fixed)
        scaled = build(name, **{f: in_other_units(INPUTS[f], f, length, unit_of_force) for f in fields})
        value = float(force(scaled, jnp.asarray([at * length]))[0])
        expected = float(force(build(name), jnp.asarray([at]))[0])
    assert value == pytest.approx(unit_of_force * expected, rel=1e-9)


@each_model
@settings(max_examples=10)
@given(first=st.floats(0.001, 50), second=st.floats(0.001, 50))
def test_loading_is_monotone_above_the_pull_off(name, first, second):
    with jax.enable_x64(True):
        model = build(name)
        start, unit = 4 * abs(jump_off(model)), abs(jump_off(model)) or 1e-8
        ends = jnp.asarray(sorted((start + first * unit, start + second * unit)))
        low, high = np.asarray(force(model, ends))
    assert low <= high


#: model -> (what it tends to, the input that goes there, how far the forces then differ)
LIMITS = {
    "sphere": ("hertz", {"radius": 2e2}, 1e-8),
    "dmt": ("hertz", {"work_of_adhesion": 1e-12}, 1e-6),
    "jkr": ("hertz", {"work_of_adhesion": 1e-14}, 1e-6),
    "jkr_sphere": ("jkr", {"radius": 2e2, "work_of_adhesion": 1e-8}, 1e-7),
    "jkr_cone": ("cone", {"work_of_adhesion": 1e-16}, 1e-5),
    "maugis_dugdale": ("jkr", {"maugis_parameter": 900.0}, 1e-6),
    "hertz_bonded_layer": ("hertz", {"thickness": 2e2}, 1e-6),
    "hertz_unbonded_layer": ("hertz", {"thickness": 2e2}, 1e-6),
    "cone_bonded_layer": ("cone", {"thickness": 2e2}, 1e-6),
    "cone_unbonded_layer": ("cone", {"thickness": 2e2}, 1e-6),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limit(name):
    other, change, tolerance = LIMITS[name]
    with jax.enable_x64(True):
        indentation = jnp.asarray([1e-7, 4e-7])
        value, limit = (force(build(one, **change), indentation) for one in (name, other))
        np.testing.assert_allclose(value, limit, rtol=0, atol=tolerance * np.abs(limit).max())


def test_names_are_found_by_walking_the_exports():
    expected = {"cone", "dmt", "flat_punch", "hertz", "jkr", "jkr_cone", "jkr_sphere", "lennard_jones_contact",
                "maugis_dugdale",
                "pyramid3", "pyramid4", "sphere"}
    assert expected <= set(MODELS)
    assert contact.Hertz is MODELS["hertz"]
    with pytest.raises(ValueError, match=r"'herz'; known: cone, .*dmt, .*sphere"):
        model_named("herz")


class _Entry:
    def __init__(self, name, load):
        self.name, self.value, self.load = name, "elsewhere:Model", load


def test_other_packages_add_models_and_broken_ones_only_warn(monkeypatch):
    entries = [_Entry("stranger", lambda: MODELS["cone"]), _Entry("hertz", lambda: MODELS["cone"])]
    monkeypatch.setattr(_registry, "entry_points", lambda group: entries)
    found = _registry.registered({"Hertz": MODELS["hertz"], "other": 1})
    assert found == {"stranger": MODELS["cone"], "hertz": MODELS["hertz"]}
    entries[:] = [_Entry("broken", lambda: int)]
    with pytest.warns(UserWarning, match="'broken'.*left out: it is no concrete"):
        assert _registry.registered({}) == {}

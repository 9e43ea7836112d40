"""What every viscoelastic model promises, run on each of them: a new model needs no test of its own here."""

import dataclasses
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asperity.quantities import QUANTITIES
from asperity.rheology._model import AbstractRelaxationModel
from asperity.rheology._registry import RELAXATION_MODELS, relaxation_model_named

INPUTS = {"modulus": 700.0, "viscosity": 30.0, "equilibrium_modulus": 400.0, "relaxing_modulus": 900.0,
          "relaxation_time": 0.3, "order": 0.3, "quasi_property": 500.0, "larger_order": 0.75,
          "larger_quasi_property": 300.0, "smaller_order": 0.15, "smaller_quasi_property": 800.0,
          "parallel_order": 0.1, "parallel_quasi_property": 200.0, "broadness": 0.6, "asymmetry": 0.7}
MODES = {"relaxing_modulus": np.array([900.0, 300.0, 500.0]), "relaxation_time": np.array([0.01, 0.3, 8.0])}
TIMES = np.geomspace(1e-3, 1e3, 7)
FREQUENCIES = np.geomspace(1e-3, 1e3, 7)

each_model = pytest.mark.parametrize("name", sorted(RELAXATION_MODELS))


def build(name, **changes):
    kind = RELAXATION_MODELS[name]
    given = MODES if name == "generalized_maxwell" else {}
    fields = {field.name: given.get(field.name, INPUTS[field.name]) for field in dataclasses.fields(kind)}
    return kind(**{field: jnp.asarray(value) for field, value in (fields | changes).items()})


@partial(jax.jit, static_argnames=("verb", "general"))
def _over(model, places, verb, general):
    function = partial(getattr(AbstractRelaxationModel, verb), model) if general else getattr(model, verb)
    return jax.vmap(function)(places)


def over(model, verb, places, general=False):
    """One verb of the model at many times or frequencies; ``general``: without the closed form."""
    return np.asarray(_over(model, jnp.asarray(places), verb, general))


def laplace(model, verb, s):
    """The transform of a smooth function of time by the trapezoidal rule in ln t."""
    log, step = np.linspace(-36.0, np.log(45 / s), 900, retstep=True)
    time = np.exp(log)
    return step * np.sum(over(model, verb, time) * np.exp(-s * time) * time)


@jax.jit
def slopes(model, logs):
    """dE' / d ln(frequency) at the logarithms of many frequencies."""
    return jax.vmap(jax.grad(lambda u: model.complex_modulus(jnp.exp(u)).real))(logs)


@jax.jit
def derivatives(model, place):
    """Of the loss modulus, E(t) and J(t), after every field, one model each."""
    verbs = (lambda m: m.complex_modulus(place).imag, lambda m: m.relaxation_modulus(place),
             lambda m: m.creep_compliance(place))
    return [(verb(model), jax.grad(verb)(model)) for verb in verbs]


@each_model
@pytest.mark.parametrize("s", [0.05, 3.0, 200.0])
def test_relaxation_and_creep_belong_to_the_complex_modulus(name, s, x64):
    """Transformed numerically, the integral of E(t) gives Q(s) / s^2, and J(t) gives 1 / (s Q(s))."""
    model = build(name)
    q = complex(model.operational_modulus(jnp.asarray(s + 0j))).real
    assert laplace(model, "relaxation_integral", s) == pytest.approx(q / s**2, rel=1e-9)
    assert laplace(model, "creep_compliance", s) == pytest.approx(1 / (s * q), rel=1e-9)


@each_model
def test_relaxation_modulus_is_the_slope_of_its_integral(name, x64):
    model = build(name)
    slope = jax.jit(jax.vmap(jax.grad(model.relaxation_integral)))(TIMES)
    value = over(model, "relaxation_modulus", TIMES)
    np.testing.assert_allclose(slope, value, rtol=1e-9, atol=1e-9 * value.max())


@each_model
def test_general_inversion_agrees_with_the_closed_forms(name, x64):
    model = build(name)
    for verb in ("relaxation_modulus", "creep_compliance", "relaxation_integral"):
        value = over(model, verb, TIMES)
        np.testing.assert_allclose(over(model, verb, TIMES, general=True), value, rtol=1e-10,
                                   atol=1e-12 * np.abs(value).max())


@each_model
def test_complex_modulus_obeys_kramers_and_kronig(name, x64):
    """E'' from the slope of E' by the ln coth form, and a dashpot, which that form cannot see."""
    model = build(name)
    dashpot = complex(model.operational_modulus(jnp.asarray(1e90 + 0j))).real / 1e90
    log, step = np.linspace(-36, np.log(120), 1500, retstep=True)
    x = np.exp(log)
    weight = step * x * np.log1p(2 / np.expm1(np.minimum(x, 300)))
    for frequency in (0.02, 1.0, 40.0):
        u = np.log(frequency)
        total = np.sum(weight * (slopes(model, u + x) + slopes(model, u - x))) / np.pi
        expected = complex(model.complex_modulus(jnp.asarray(frequency))).imag
        assert total + dashpot * frequency == pytest.approx(expected, rel=1e-6)


@each_model
@settings(max_examples=15)
@given(data=st.data())
def test_dissipation_and_monotony(name, data):
    """E'' >= 0, E' grows with frequency, E(t) falls, J(t) rises, E(t) J(t) <= 1, whatever the parameters."""
    kind = RELAXATION_MODELS[name]
    numbers = {f.name: data.draw(st.floats(0.05, 0.95) if QUANTITIES[f.name].upper == 1.0 else
                                 st.floats(-3, 3).map(lambda v: 10.0**v)) for f in dataclasses.fields(kind)}
    for upper, lower in kind.above.items():
        numbers[lower], numbers[upper] = sorted((numbers[lower], numbers[upper]))
        numbers[upper] += 0.02
    if name == "generalized_maxwell":
        numbers |= {key: numbers[key] * np.array([0.1, 1.0, 30.0]) for key in MODES}
    with jax.enable_x64(True):
        model = build(name, **numbers)
        spectrum = over(model, "complex_modulus", FREQUENCIES)
        relaxation, creep = (over(model, verb, TIMES) for verb in ("relaxation_modulus", "creep_compliance"))
    size = np.abs(spectrum).max()
    assert np.all(spectrum.imag >= 0)
    assert np.all(np.diff(spectrum.real) >= -1e-12 * size)
    assert np.all(relaxation >= -1e-12 * size)
    assert np.all(np.diff(relaxation) <= 1e-12 * relaxation.max())
    assert np.all(np.diff(creep) >= -1e-12 * creep.max())
    assert np.all(relaxation * creep <= 1 + 1e-9)


@each_model
def test_derivatives_are_those_of_finite_differences(name, x64):
    model, place = build(name), jnp.asarray(0.7)
    own = derivatives(model, place)
    for field in model.fitted:
        value = getattr(model, field)
        ends = [derivatives(build(name, **{field: value * (1 + sign)}), place) for sign in (1e-5, -1e-5)]
        for (base, slope), (high, _), (low, _) in zip(own, *ends):
            along = float(jnp.sum(getattr(slope, field) * value))
            assert along == pytest.approx(float(high - low) / 2e-5, rel=1e-5, abs=1e-8 * abs(float(base)))


@each_model
def test_single_precision_agrees_with_double_precision(name):
    verbs = ("complex_modulus", "relaxation_modulus", "creep_compliance")
    with jax.enable_x64(True):
        exact = [over(build(name), verb, TIMES.astype(np.float32).astype(float)) for verb in verbs]
    for verb, expected in zip(verbs, exact):
        value = over(build(name), verb, TIMES.astype(np.float32))
        np.testing.assert_allclose(value, expected, rtol=2e-4, atol=1e-5 * np.abs(expected).max())


def in_other_units(name, field, length_of_time, unit):
    """A field of the model where a second is ``length_of_time`` and a pascal ``unit`` of the new units."""
    value = (MODES if name == "generalized_maxwell" else {}).get(field, INPUTS[field])
    kind = QUANTITIES[field].unit
    time_power = {"Pa": 0, "s": 1, "Pa s": 1, "1": 0}.get(kind)
    if time_power is None:
        time_power = INPUTS[field.replace("quasi_property", "order")]
    return value * length_of_time**time_power * (unit if "Pa" in kind else 1.0)


@each_model
@settings(max_examples=5)
@given(seconds=st.floats(-2, 2), pascals=st.floats(-3, 3))
def test_results_do_not_depend_on_the_units(name, seconds, pascals):
    seconds, pascals = 10**seconds, 10**pascals
    seconds = 1.0 if name == "structural_damping" else seconds  # its formula holds a fixed 1 rad/s
    with jax.enable_x64(True):
        fields = [f.name for f in dataclasses.fields(RELAXATION_MODELS[name])]
        other = build(name, **{f: in_other_units(name, f, seconds, pascals) for f in fields})
        for verb, power, place in (("relaxation_modulus", 1, seconds), ("creep_compliance", -1, seconds),
                                   ("complex_modulus", 1, 1 / seconds)):
            expected = pascals**power * over(build(name), verb, [0.7])
            np.testing.assert_allclose(over(other, verb, [0.7 * place]), expected, rtol=1e-9, err_msg=verb)


@each_model
def test_times_that_have_no_answer_give_none(name, x64):
    model = build(name)
    assert np.all(np.isnan(over(model, "creep_compliance", [np.nan, np.nan])))


@each_model
def test_fields_are_quantities_of_the_vocabulary(name):
    model = RELAXATION_MODELS[name]
    fields = {f.name: f for f in dataclasses.fields(model)}
    assert set(model.fitted) <= set(fields)
    assert set(model.above) | set(model.above.values()) <= set(model.fitted)
    for field in fields.values():
        assert field.metadata["quantity"] is QUANTITIES[field.name]


@each_model
def test_docstring_has_formula_network_validity_and_source(name):
    text = RELAXATION_MODELS[name].__doc__
    assert text.count("$$") == 2
    assert "o---" in text
    assert "Validity:" in text
    assert re.search(r"Source: .*\d{4}", text, re.DOTALL)


@each_model
def test_model_is_final(name):
    assert getattr(RELAXATION_MODELS[name], "__final__", False)
    assert relaxation_model_named(name) is RELAXATION_MODELS[name]


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(ValueError, match=r"'maxwel'; known: .*maxwell, .*springpot"):
        relaxation_model_named("maxwel")

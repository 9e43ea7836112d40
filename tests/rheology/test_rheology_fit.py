"""Models fitted to spectra, relaxation and creep: recovery, coverage, invariance, measured data.

``python -m tests.rheology.test_rheology_fit`` prints the coverage over 200 spectra of several models.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.rheology_fit import fit_model
from asperity.rheology.fractional_kelvin_voigt import FractionalKelvinVoigt
from asperity.rheology.generalized_maxwell import GeneralizedMaxwell
from asperity.rheology.springpot import Springpot
from asperity.rheology.standard_linear_solid import StandardLinearSolid
from asperity.rheology.structural_damping import StructuralDamping
from tests.conftest import shared_data

FREQUENCIES = np.geomspace(0.1, 1e3, 25)
TIMES = np.geomspace(1e-3, 10, 40)


@partial(jax.jit, static_argnames="verb")
def _over(model, verb, places):
    return jax.vmap(getattr(model, verb))(places)


def answer(model, verb, places):
    with jax.enable_x64(True):
        return np.asarray(_over(model, verb, jnp.asarray(places)))


def noisy(spectrum, relative, seed):
    noise = relative * np.random.default_rng(seed).standard_normal((2, spectrum.size))
    return spectrum.real * (1 + noise[0]) + 1j * spectrum.imag * (1 + noise[1])


@pytest.mark.parametrize(("model", "verb", "places"), [
    (lambda: FractionalKelvinVoigt(2.0, 0.85, 500.0, 0.12), "complex_modulus", FREQUENCIES),
    (lambda: StandardLinearSolid(400.0, 900.0, 0.3), "relaxation_modulus", TIMES),
    (lambda: Springpot(300.0, 0.25), "creep_compliance", TIMES)])
def test_exact_data_give_back_the_parameters(model, verb, places, x64):
    model = model()
    found = fit_model(type(model)(), places, answer(model, verb, places), verb=verb)
    assert found.converged
    assert found.sum_of_squares < 1e-16
    np.testing.assert_allclose(found.values, [float(getattr(model, name)) for name in model.fitted], rtol=1e-6)


def test_modes_of_a_prony_series():
    with jax.enable_x64(True):
        model = GeneralizedMaxwell(jnp.array([900.0, 300.0]), jnp.array([0.01, 1.0]), 200.0)
        start = GeneralizedMaxwell(jnp.array([500.0, 500.0]), jnp.array([0.02, 0.5]), 100.0)
    found = fit_model(start, TIMES, answer(model, "relaxation_modulus", TIMES), verb="relaxation_modulus")
    assert found.names == ("relaxing_modulus_1", "relaxing_modulus_2", "relaxation_time_1", "relaxation_time_2",
                           "equilibrium_modulus")
    order = np.argsort(found.values[2:4])
    np.testing.assert_allclose(found.values[:2][order], [900, 300], rtol=1e-6)
    np.testing.assert_allclose(found.values[2:4][order], [0.01, 1.0], rtol=1e-6)


def pulls(truth, count, noise=0.05, known=True):
    """Error over stated standard deviation, (spectrum, parameter)."""
    spectrum = answer(truth, "complex_modulus", FREQUENCIES)
    values = np.array([float(getattr(truth, name)) for name in truth.fitted])
    fits = [fit_model(truth, FREQUENCIES, noisy(spectrum, noise, seed), relative=noise if known else 0.0)
            for seed in range(count)]
    return np.array([(fit.values - values) / np.sqrt(np.diag(fit.covariance)) for fit in fits])


def test_the_covariance_is_that_of_the_formula(x64):
    """(J^T J)^-1 of the residuals, against central differences; s = 1 where the noise is known."""
    truth, noise = StructuralDamping(458.0, 0.22, 1.68), 0.05
    measured = noisy(answer(truth, "complex_modulus", FREQUENCIES), noise, 0)
    found = fit_model(truth, FREQUENCIES, measured, relative=noise)

    def residual(values):
        model = type(truth)(**dict(zip(truth.fitted, values)))
        off = answer(model, "complex_modulus", FREQUENCIES) - measured
        return np.concatenate([off.real / measured.real, off.imag / measured.imag]) / noise

    steps = 1e-5 * np.diag(found.values)
    jacobian = np.stack([(residual(found.values + h) - residual(found.values - h)) / (2 * h.sum()) for h in steps], 1)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(jacobian.T @ jacobian), rtol=1e-4)
    assert np.all(np.abs(found.values - [458.0, 0.22, 1.68]) < 4.5 * np.sqrt(np.diag(found.covariance)))


def test_result_does_not_depend_on_the_units_of_modulus():
    spectrum = noisy(answer(Springpot(300.0, 0.25), "complex_modulus", FREQUENCIES), 0.05, 0)
    one, other = (fit_model(Springpot(), FREQUENCIES, scale * spectrum) for scale in (1.0, 1e6))
    np.testing.assert_allclose(other.values, one.values * np.array([1e6, 1.0]), rtol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(other.covariance)),
                               np.sqrt(np.diag(one.covariance)) * np.array([1e6, 1.0]), rtol=1e-5)


@pytest.mark.study
def test_spectrum_of_cells():
    """Nine points of a cytoskeleton: the fractional Kelvin-Voigt fit by relative least squares."""
    omega, storage, loss = np.loadtxt(shared_data("rheology/rheos/data_freq.csv"), delimiter=",", unpack=True)
    found = fit_model(FractionalKelvinVoigt(), omega, storage + 1j * loss)
    value = dict(zip(found.names, found.values))
    std = dict(zip(found.names, np.sqrt(np.diag(found.covariance))))
    assert found.sum_of_squares == pytest.approx(0.3238, abs=5e-5)
    assert value["larger_order"] == pytest.approx(0.782, abs=5e-4)
    assert value["larger_quasi_property"] == pytest.approx(0.0084, abs=5e-5)
    assert value["smaller_order"] == pytest.approx(0.101, abs=5e-4)
    assert value["smaller_quasi_property"] == pytest.approx(0.886, abs=5e-4)
    assert std["larger_quasi_property"] / value["larger_quasi_property"] == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize(("change", "message"), [
    ({"verb": "modulus"}, "there is no 'modulus' to fit; known: complex_modulus"),
    ({"places": -FREQUENCIES}, "places are not positive at sample 0"),
    ({"measured": np.full(25, np.nan + 0j)}, "not finite at sample 0 and 25 in all"),
    ({"measured": np.ones(25) + 0j}, "noise is not positive"),
    ({"measured": np.ones(3) + 1j}, "one number per sample"),
    ({"places": FREQUENCIES[:1], "measured": np.ones(1) + 1j}, "cannot determine 4 parameters")])
def test_bad_input_says_what_is_wrong(change, message):
    given = {"places": FREQUENCIES, "measured": np.ones(25) + 1j} | change
    with pytest.raises(ValueError, match=message):
        fit_model(FractionalKelvinVoigt(), **given)


if __name__ == "__main__":
    for case in (Springpot(300.0, 0.25), StructuralDamping(458.0, 0.22, 1.68),
                 FractionalKelvinVoigt(2.0, 0.85, 500.0, 0.12), StandardLinearSolid(400.0, 900.0, 0.02)):
        for noise_known in (True, False):
            ratio = pulls(case, 200, known=noise_known)
            covered = (np.abs(ratio) < 1.96).mean(axis=0)
            print(type(case).__name__, "noise known" if noise_known else "noise from the scatter",
                  "coverage of 95 %:", np.round(covered, 3), "pull std:", np.round(ratio.std(axis=0), 2))

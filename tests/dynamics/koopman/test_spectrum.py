"""Pseudospectra against singular values and brute force; modes put the states together again."""

import numpy as np
import pytest

from asperity.dynamics.dictionaries import Polynomials
from asperity.dynamics.koopman import (
    Scaling,
    eigenfunctions,
    eigenpairs,
    fit,
    modes,
    pairs,
    pseudospectrum,
    rates,
    rollout,
    scaling_of,
    sums_of,
)

SHEARED = np.array([[0.9, 2.0], [0.0, 0.7]])  # far from normal: its eigenvalues say little about its powers
POINTS = np.array([0.0, 0.8, 0.9, 1.3 + 0.2j, 0.85 + 0.3j, -1j])


def model_of(dictionary, x, y, method="gram", scaling=None):
    scaling = scaling or scaling_of(x)
    return fit(dictionary, scaling, sums_of(dictionary, scaling, x, y, method=method))


def bent(count=4000, seed=0):
    """x' = x^2 on an interval: no polynomials of a degree are closed under it."""
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 1))
    return x, x**2


@pytest.mark.parametrize(("method", "tolerance"), [("gram", 1e-7), ("qr", 1e-12)])
def test_of_a_linear_map_it_is_the_least_singular_value(method, tolerance):
    """1, x and v are orthonormal on the corners of a square, and closed."""
    x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    model = model_of(Polynomials(1), x, x @ SHEARED.T, method)
    exact = [min(abs(1 - z), np.linalg.svd(SHEARED - z * np.eye(2), compute_uv=False)[-1]) for z in POINTS]
    np.testing.assert_allclose(pseudospectrum(model, POINTS), exact, atol=tolerance)
    assert pseudospectrum(model, np.array([0.8]))[0] < 0.01  # far from each eigenvalue, 0.1


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_where_the_span_is_not_closed_it_is_the_least_residual_of_any_function(method):
    """By trying functions g = (cos a, sin a e^(ib)) of 1 and x."""
    x, y = bent()
    model = model_of(Polynomials(1), x, y, method)
    angle, phase = np.meshgrid(np.linspace(0, np.pi, 400), np.linspace(0, 2 * np.pi, 400))
    g = np.stack([np.cos(angle).ravel(), np.sin(angle).ravel() * np.exp(1j * phase.ravel())])
    scaled, moved = model.scaling.scaled(x), model.scaling.scaled(y)
    before, after = (np.stack([np.ones(len(x)), one[0]]) for one in (scaled, moved))
    for z in POINTS[:4]:
        rest, whole = ((part @ part.conj().T) / len(x) for part in (after - z * before, before))
        tried = np.sqrt(np.einsum("ik,ij,jk->k", g, rest, g.conj()).real
                        / np.einsum("ik,ij,jk->k", g, whole, g.conj()).real).min()
        assert pseudospectrum(model, np.array([z]))[0] == pytest.approx(tried, abs=1e-4)
        assert pseudospectrum(model, np.array([z]))[0] <= tried + 1e-8


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_it_lies_below_the_residuals_and_changes_no_faster_than_the_point(method):
    x, y = bent()
    model = model_of(Polynomials(6), x, y, method)
    found = eigenpairs(model)
    assert (pseudospectrum(model, found.value) <= found.residual + 1e-7).all()
    plane = np.linspace(-1.2, 1.2, 41) + 1j * np.linspace(-1, 1, 11)[:, None]
    values = pseudospectrum(model, plane)
    assert values.shape == plane.shape
    assert np.abs(np.diff(values, axis=1)).max() <= plane[0, 1].real - plane[0, 0].real + 1e-9
    np.testing.assert_allclose(values, values[::-1], atol=1e-6)  # real data


def test_modes_put_the_states_together():
    """Also after steps: each eigenfunction turns with its eigenvalue."""
    n = np.arange(60.0)
    swings = [np.exp(-0.01 * n) * np.exp(1j * (0.3 * n + phase)) for phase in (0.1, 1.3, 2.9)]
    x, y = pairs([np.stack([3e-8 + 1e-8 * one.real, 0.02 * one.imag], axis=1) for one in swings])
    model = model_of(Polynomials(2), x, y)
    found = eigenpairs(model)
    phi, m = eigenfunctions(model, found, x[:5]), modes(model, found)
    np.testing.assert_allclose(((phi @ m).real + model.scaling.center) / x[:5], 1, rtol=1e-9)
    later = (phi * found.value**30) @ m
    np.testing.assert_allclose(later.real + model.scaling.center, rollout(model, x[:5], 30)[-1], rtol=1e-7)
    np.testing.assert_allclose(np.mean(np.abs(eigenfunctions(model, found, x)) ** 2, axis=0), 1, rtol=1e-9)
    share = np.abs(m[:, 0]) / np.abs(m[:, 0]).max()
    turning = np.sort_complex(rates(found.value[share > 0.5], 1e-6))
    np.testing.assert_allclose(turning, [1e6 * (-0.01 - 0.3j), 1e6 * (-0.01 + 0.3j)], rtol=1e-6)


def test_rates_are_per_second():
    assert rates(np.exp(1e-6 * np.array([-2e4 + 3e5j])), 1e-6)[0] == pytest.approx(-2e4 + 3e5j)
    assert rates(np.array([-0.5]), 1.0)[0] == pytest.approx(np.log(0.5) + 1j * np.pi)


def test_functions_that_repeat_others_do_not_count():
    """Cosine and sine of a phase in plain polynomials: cos^2 + sin^2 = 1 leaves one direction without length."""
    phase = 2 * np.pi * np.arange(500) / 500
    x, y = (np.stack([np.cos(p), np.sin(p)], axis=1) for p in (phase, phase + 0.4))
    box = Scaling(np.zeros(2), np.ones(2))
    model = model_of(Polynomials(2), x, y, scaling=box)
    values = pseudospectrum(model, np.exp(1j * np.array([0.0, 0.2, 0.4, 0.6, 0.8])))
    np.testing.assert_allclose(values, [0, 2 * np.sin(0.1), 0, 2 * np.sin(0.1), 0], atol=1e-6)

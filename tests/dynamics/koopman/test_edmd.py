"""Koopman models against systems whose closure is known, in any unit, in any order of the data; residuals tell."""

import numpy as np
import pytest
from scipy.linalg import expm

from asperity.dynamics.dictionaries import AbstractDictionary, Polynomials
from asperity.dynamics.koopman import Sums, delayed, eigenpairs, fit, pairs, rollout, scaling_of, sums_of
from asperity.messages import ArgumentError, DataError

SLOW, FAST = 0.9, 0.5  # factors in one step of the slow manifold


def model_of(dictionary, x, y, method="gram", scaling=None):
    scaling = scaling or scaling_of(np.concatenate([x, y]))
    return fit(dictionary, scaling, sums_of(dictionary, scaling, x, y, method=method))


def slow_manifold(count=4000, seed=0, size=1.0):
    """x1' = a x1, x2' = b x2 + (a^2 - b) x1^2: closed in (x1, x2, x1^2), with the eigenvalues a, b, a^2."""
    x = size * np.random.default_rng(seed).uniform(-1, 1, (count, 2))
    y = np.stack([SLOW * x[:, 0], FAST * x[:, 1] + (SLOW**2 - FAST) * x[:, 0] ** 2], axis=1)
    return x, y


class _Closed(AbstractDictionary):
    """(1, x1, x2, x1^2)."""

    def size(self, states):
        return 4

    def lift(self, x):
        return np.stack([np.ones_like(x[0]), x[0], x[1], x[0] ** 2])


def linear_lever(count=3000, seed=1, q=50.0, step=2 * np.pi / 40, size=(1.0, 1.0)):
    """Position and velocity of a damped oscillator, and the eigenvalues of one step."""
    generator = np.array([[0.0, 1.0], [-1.0, -1 / q]])
    one = expm(generator * step)
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 2))
    return x * size, (x @ one.T) * size, np.exp(np.linalg.eigvals(generator) * step)


@pytest.mark.parametrize(("method", "tolerance"), [("gram", 1e-12), ("qr", 1e-13)])
def test_a_closed_nonlinear_system_is_exact(method, tolerance):
    x, y = slow_manifold()
    centered = scaling_of(np.array([[-1.0, -1.0], [1.0, 1.0]]))  # x1^2 of the scaled state is that of the state
    model = model_of(_Closed(), x, y, method, centered)
    found = np.sort(eigenpairs(model).value.real)
    np.testing.assert_allclose(found, np.sort([1.0, SLOW, FAST, SLOW**2]), atol=tolerance)
    steps = np.arange(1, 1001)
    told = rollout(model, x[:3], 1000)[:, :, 0]
    np.testing.assert_allclose(told, SLOW ** steps[:, None] * x[:3, 0], atol=tolerance * 100)


@pytest.mark.parametrize("degree", [2, 3, 5])
def test_polluted_eigenvalues_have_large_residuals_and_true_ones_none(degree):
    x, y = slow_manifold()
    found = eigenpairs(model_of(Polynomials(degree), x, y, "qr"))
    true = [1.0, SLOW, FAST, SLOW**2]
    for value in true:
        best = np.argmin(np.abs(found.value - value))
        assert abs(found.value[best] - value) < 1e-10
    assert found.residual[: len(true)].max() < 1e-7
    assert found.residual[-1] > 1e-2


@pytest.mark.parametrize("family", ["legendre", "chebyshev", "hermite", "monomial"])
def test_of_a_linear_lever_all_eigenvalues_are_products(family):
    x, y, single = linear_lever()
    found = eigenpairs(model_of(Polynomials(4, family), x, y))
    products = np.array([single[0] ** i * single[1] ** j for i in range(5) for j in range(5 - i)])
    for value in products:
        assert np.abs(found.value - value).min() < (1e-9 if family in ("legendre", "chebyshev") else 1e-7)  # condition
    assert found.residual.max() < 1e-6


def test_units_do_not_matter():
    """Displacements of 1e-8 m beside velocities of 0.02 m/s: as exact as in units of one."""
    x, y, _ = linear_lever(size=(1e-8, 1.9e-2))
    model = model_of(Polynomials(3), x, y)
    told = rollout(model, x[:50], 1)[0]
    np.testing.assert_allclose(told, y[:50], atol=1e-12 * np.abs(y).max(axis=0).min())
    big = fit(Polynomials(3), *(lambda s: (s, sums_of(Polynomials(3), s, x * 1e9, y * 1e9)))(
        scaling_of(np.concatenate([x, y]) * 1e9)))
    np.testing.assert_allclose(big.matrix, model.matrix, atol=1e-11)


def test_sums_of_parts_add_to_the_whole_in_any_order():
    x, y = slow_manifold(20001)
    dictionary, scaling = Polynomials(4), scaling_of(np.concatenate([x, y]))
    whole = sums_of(dictionary, scaling, x, y, method="qr")
    cut = [sums_of(dictionary, scaling, x[part], y[part], method="qr") for part in
           (slice(15000, None), slice(0, 7), slice(7, 15000))]
    merged = cut[0].merged(cut[1]).merged(cut[2])
    assert merged.samples == whole.samples == 20001
    for name in ("gram", "across", "after"):
        one, other = getattr(merged, name), getattr(whole, name)
        np.testing.assert_allclose(one, other, atol=1e-12 * np.abs(other).max())
    one, other = (fit(dictionary, scaling, sums).matrix for sums in (merged, whole))
    np.testing.assert_allclose(one, other, atol=1e-11)


def test_both_methods_give_one_model():
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (5000, 2))
    y = np.stack([x[:, 1], np.sin(2 * x[:, 0]) - 0.3 * x[:, 1] ** 3], axis=1)
    one, other = (model_of(Polynomials(5), x, y, method) for method in ("gram", "qr"))
    np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-9)
    residual = [np.sort(eigenpairs(model).residual) for model in (one, other)]
    np.testing.assert_allclose(*residual, atol=1e-6)
    assert residual[0].min() >= 1e-8


def test_relifted_and_linear_predictions_differ_where_the_span_is_not_invariant():
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, (5000, 1))

    def step(one):
        return 0.9 * one - 0.3 * one**3

    model = model_of(Polynomials(3), x, step(x))
    start, exact = x[:20], []
    for _ in range(10):
        exact.append(step(exact[-1] if exact else start))
    relifted = rollout(model, start, 10, relift=True)
    linear = rollout(model, start, 10)
    assert np.abs(relifted - np.array(exact)).max() < 1e-9  # one step is a polynomial of degree 3
    assert np.abs(linear - np.array(exact)).max() > 1e-4


def test_pairs_do_not_cross_the_end_of_an_episode():
    x, y = pairs([np.arange(4.0)[:, None], 10 + np.arange(3.0)[:, None]])
    assert x[:, 0].tolist() == [0, 1, 2, 10, 11]
    assert (y - x == 1).all()


def test_polynomials_are_those_of_numpy():
    x = np.random.default_rng(0).uniform(-1, 1, (2, 9))
    known = {"legendre": np.polynomial.legendre.legval, "chebyshev": np.polynomial.chebyshev.chebval,
             "hermite": np.polynomial.hermite_e.hermeval, "monomial": np.polynomial.polynomial.polyval}
    for family, module in known.items():
        lifted = Polynomials(4, family).lift(x)
        one = {k: [module(own, np.eye(k + 1)[k]) for own in x] for k in range(5)}
        expected = [one[i][0] * one[j][1] for n in range(5) for i, j in ((n - j, j) for j in range(n + 1))]
        np.testing.assert_allclose(lifted, expected, atol=1e-13)
        assert len(lifted) == Polynomials(4, family).size(2)
        np.testing.assert_array_equal(lifted[1:3], x)


@pytest.mark.parametrize(("make", "error", "why"), [
    (lambda: scaling_of(np.array([[1.0, 2.0], [3.0, 2.0]])), DataError, "state 1 never changes"),
    (lambda: scaling_of(np.array([[1.0, np.nan], [3.0, 2.0]])), DataError, "not finite"),
    (lambda: model_of(Polynomials(5), *slow_manifold(12)), ArgumentError, "12 pairs for 21 functions"),
    (lambda: sums_of(Polynomials(1), scaling_of(np.eye(2)), np.eye(2), np.ones((3, 2))), DataError, "of different"),
    (lambda: sums_of(Polynomials(1), scaling_of(np.eye(2)), np.empty((0, 2)), np.empty((0, 2))), DataError, "no pair")])
def test_wrong_data_say_what_is_wrong(make, error, why):
    with pytest.raises(error, match=why):
        make()


def test_an_empty_part_adds_nothing():
    x, y = slow_manifold(100)
    dictionary, scaling = Polynomials(2), scaling_of(np.concatenate([x, y]))
    whole = sums_of(dictionary, scaling, x, y)
    nothing = Sums(0, *np.zeros((3, 6, 6)), None)
    np.testing.assert_array_equal(whole.merged(nothing).gram, whole.gram)


def test_delays_make_a_lever_of_which_only_the_position_is_measured_linear():
    """Two samples in a row of x know its velocity: the eigenvalues are those of the full state."""
    x, _, single = linear_lever(1)
    generator = np.array([[0.0, 1.0], [-1.0, -1 / 50]])
    one = expm(generator * 2 * np.pi / 40)
    path = [x[0]]
    for _ in range(400):
        path.append(one @ path[-1])
    seen = delayed([np.array(path)[:, :1]], 1)
    before, after = pairs(seen)
    assert seen[0].shape == (400, 2)
    found = eigenpairs(model_of(Polynomials(1), before, after, "qr"))
    for value in single:
        assert np.abs(found.value - value).min() < 1e-9
    with pytest.raises(DataError, match="too short"):
        delayed([np.zeros((3, 1))], 3)

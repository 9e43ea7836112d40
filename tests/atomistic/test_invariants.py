"""Invariants against their definitions, under rotations and reflections, where eigenvalues coincide."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from asperity.atomistic.invariants import eigenvalues, features, names, principal
from tests.atomistic.crystals import rotation


def symmetric(rng, *shape):
    made = rng.standard_normal((*shape, 3, 3))
    return made + np.swapaxes(made, -1, -2)


def test_principal_invariants_are_the_coefficients_of_the_characteristic_polynomial(x64):
    tensor = np.random.default_rng(0).standard_normal((3, 3))
    one, two, three = principal(jnp.asarray(tensor))
    np.testing.assert_allclose(np.poly(tensor), [1, -one, two, -three], rtol=1e-12)


@pytest.mark.parametrize("reflect", [False, True])
def test_no_rotation_or_reflection_changes_a_feature(x64, reflect):
    rng = np.random.default_rng(1)
    vectors, tensors, turn = rng.standard_normal((2, 3)), symmetric(rng, 2), rotation(rng, reflect)
    before = features(jnp.asarray(vectors), jnp.asarray(tensors))
    after = features(jnp.asarray(vectors @ turn.T), jnp.asarray(turn @ tensors @ turn.T))
    np.testing.assert_allclose(after, before, rtol=1e-11, atol=1e-11)
    assert len(names("uv", "AB")) == len(before) == 3 + 6 + 4 + 12


def test_the_names_say_what_the_features_are(x64):
    rng = np.random.default_rng(2)
    (u, v), (a, b) = rng.standard_normal((2, 3)), symmetric(rng, 2)
    found = dict(zip(names("uv", "AB"), np.asarray(features(jnp.stack([u, v]), jnp.stack([a, b]))), strict=True))
    wanted = {"u.u": u @ u, "u.v": u @ v, "tr A": np.trace(a), "det B": np.linalg.det(b), "tr AB": np.trace(a @ b),
              "tr A2B": np.trace(a @ a @ b), "tr A2B2": np.trace(a @ a @ b @ b), "u.Av": u @ a @ v,
              "v.B2v": v @ b @ b @ v, "I2 A": (np.trace(a) ** 2 - np.trace(a @ a)) / 2}
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12)


def test_a_pair_that_other_features_tell_apart_only_by_its_mixed_invariants(x64):
    """Two tensors of equal eigenvalues, turned against each other or not."""
    tensor = jnp.diag(jnp.array([1.0, 2.0, 3.0]))
    turned = jnp.diag(jnp.array([3.0, 2.0, 1.0]))
    one, other = (features(jnp.zeros((0, 3)), jnp.stack([tensor, second])) for second in (tensor, turned))
    same = np.isclose(one, other)
    assert same[:6].all()
    assert not same[6:].all()


@pytest.mark.parametrize("values", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.0, 2.0, 4.0), (0.0, 0.0, 0.0)])
def test_symmetric_functions_of_eigenvalues_have_their_derivative_everywhere(x64, values):
    """The derivative of tr exp A is exp A; JAX's own has none where eigenvalues coincide."""
    turn = rotation(np.random.default_rng(3))
    tensor = jnp.asarray(turn @ np.diag(values) @ turn.T)
    slope = jax.grad(lambda own: jnp.exp(eigenvalues(own)).sum())(tensor)
    np.testing.assert_allclose(slope, expm(np.asarray(tensor)), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(eigenvalues(tensor), sorted(values), atol=1e-12)

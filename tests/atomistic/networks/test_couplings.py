"""Harmonics and their couplings: rotations, norms, and another program's."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from asperity.atomistic.networks.couplings import HIGHEST, couples, coupling, harmonics
from asperity.messages import ArgumentError
from tests.atomistic.crystals import rotation

TRIPLES = [(one, two, three) for one in range(HIGHEST + 1) for two in range(HIGHEST + 1) for three in range(HIGHEST + 1)
           if couples(one, two, three)]


def directions(count, seed=0):
    drawn = np.random.default_rng(seed).standard_normal((3, count))
    return drawn / np.linalg.norm(drawn, axis=0)


def of(points, degree):
    return np.asarray(harmonics(jnp.asarray(points), degree)[degree])


def turns(turn, degree):
    """The matrix by which harmonics turn with the points."""
    points = directions(40)
    return np.linalg.lstsq(of(points, degree).T, of(turn @ points, degree).T, rcond=None)[0].T


def test_harmonics_turn_by_themselves_and_keep_their_length(x64):
    points = directions(50, 1)
    for reflect in (False, True):
        turn = rotation(np.random.default_rng(2), reflect)
        for degree in range(HIGHEST + 1):
            own = turns(turn, degree)
            np.testing.assert_allclose(own @ own.T, np.eye(2 * degree + 1), atol=1e-12)
            np.testing.assert_allclose(of(turn @ points, degree), own @ of(points, degree), atol=1e-12)
            np.testing.assert_allclose((of(points, degree) ** 2).sum(axis=0), 2 * degree + 1, rtol=1e-12)
            np.testing.assert_allclose(of(-points, degree), (-1) ** degree * of(points, degree), atol=1e-12)


def test_couplings_turn_and_keep_the_variance(x64):
    turn = rotation(np.random.default_rng(3), reflect=True)
    for triple in TRIPLES:
        one, two, three = (turns(turn, degree) for degree in triple)
        table = coupling(*triple)
        np.testing.assert_allclose(np.einsum("abc,ia,jb,kc->ijk", table, one, two, three), table, atol=1e-12)
        np.testing.assert_allclose((table**2).sum(axis=(0, 1)), 1.0, rtol=1e-12)


def test_harmonics_and_couplings_are_those_of_e3nn(x64):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        e3nn = pytest.importorskip("e3nn_jax")
        points = directions(20, 4)
        for degree in range(HIGHEST + 1):
            found = e3nn.spherical_harmonics(f"{degree}{'eo'[degree % 2]}", jnp.asarray(points.T), normalize=True,
                                             normalization="component")
            np.testing.assert_allclose(of(points, degree).T, np.asarray(found.array), atol=1e-6)
        for triple in TRIPLES:
            other = np.asarray(e3nn.clebsch_gordan(*triple)) * np.sqrt(2 * triple[2] + 1)
            own = coupling(*triple)
            np.testing.assert_allclose(own * np.sign((own * other).sum()), other, atol=1e-6)


@pytest.mark.parametrize("triple", [(1, 1, 1), (0, 0, 2), (3, 3, 8)])
def test_degrees_that_do_not_couple_are_refused(triple):
    with pytest.raises(ArgumentError, match="do not couple"):
        coupling(*triple)

"""A surrogate of functions that are known: its error bar, its guard, its slopes, what is kept of it."""

import io
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.discovery.dimensions import named_group
from asperity.learning.discovery.pull_off_surrogate import TABOR
from asperity.learning.discovery.surrogate import (
    Axis,
    Between,
    Difference,
    Ratio,
    arrays_of,
    surrogate,
    surrogate_of_arrays,
)
from asperity.learning.discovery.tapping_surrogate import solved_tapping
from asperity.messages import ArgumentError, DataError

UNITS = {"depth": "m", "radius": "m", "slip": "1"}
STEEP = named_group("steep", {"depth": 1, "radius": -1}, UNITS)
SLIP = named_group("slip", {"slip": 1}, UNITS)
AXES = (Axis(STEEP, 0.01, 1.0), Axis(SLIP, 0.0, 1.0, "linear"))
LIMIT = Ratio(lambda groups: groups[0] ** 1.5)


def exact(groups):
    """Tends to its limit for small first groups."""
    return groups[..., 0] ** 1.5 * (1 + groups[..., 0] * (1 + np.sin(2 * groups[..., 1])))


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def made():
    return surrogate(exact, AXES, LIMIT, solves=64)


@pytest.fixture(scope="module")
def asked():
    u = np.random.default_rng(1).random((300, 2))
    return np.column_stack([0.01 * 100 ** u[:, 0], u[:, 1]])


def test_it_is_accurate_and_says_how_accurate(made, asked):
    told = made.told(jnp.asarray(asked))
    off = np.abs(np.asarray(told.value) / exact(asked) - 1)
    assert off.max() < 0.01
    low, high = told.interval
    assert 0.9 < np.mean((low <= exact(asked)) & (exact(asked) <= high)) <= 1
    assert bool(told.inside.all())


def test_its_slopes_are_those_of_the_function(made, asked):
    step = 1e-6
    slopes = np.asarray(jax.vmap(made.slopes)(jnp.asarray(asked[:50])))
    for i in range(2):
        move = step * np.eye(2)[i]
        wanted = (exact(asked[:50] + move) - exact(asked[:50] - move)) / (2 * step)
        assert np.sqrt(np.mean((slopes[:, i] - wanted) ** 2) / np.mean(wanted**2)) < 0.01


def test_quantities_or_groups_are_given_and_units_do_not_matter(made):
    """Groups to 1e-12; the weights of a process add the rounding of large terms that cancel."""
    one, other = ({"depth": 0.2 * radius, "radius": radius, "slip": 0.3} for radius in (1e-8, 10.0))
    np.testing.assert_allclose(made.groups(one), made.groups(other), rtol=1e-12)
    np.testing.assert_allclose(made(**one).value, made(**other).value, rtol=1e-9)
    np.testing.assert_allclose(made(**one).value, made(steep=0.2, slip=0.3).value, rtol=1e-9)
    with pytest.raises(ArgumentError, match="steep needs depth, which is not given; given: slip"):
        made(slip=0.1)


def test_the_guard(made):
    with pytest.raises(ArgumentError, match=r"steep = 2 is outside 0\.01 to 1"):
        made(steep=2.0, slip=0.3)
    with pytest.raises(ArgumentError, match="outside"):
        made(steep=np.nan, slip=0.3)
    edge = jnp.array([[0.01, 0.0], [1.0, 1.0], [0.0099, 0.5], [0.5, 1.01], [np.nan, 0.5]])
    told = jax.jit(lambda own, groups: own.told(groups))(made, edge)
    np.testing.assert_array_equal(told.inside, [True, True, False, False, False])
    np.testing.assert_array_equal(np.isnan(told.value), ~told.inside)
    np.testing.assert_array_equal(np.isnan(told.std), ~told.inside)
    assert np.isnan(made.slopes(edge[2])).all()


def test_it_is_kept_as_plain_arrays(made, asked):
    file = io.BytesIO()
    arrays: dict[str, Any] = dict(arrays_of(made))
    np.savez(file, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        same = surrogate_of_arrays(stored, [STEEP, SLIP], LIMIT)
        with pytest.raises(ArgumentError, match="the arrays are of steep, slip"):
            surrogate_of_arrays(stored, [SLIP, STEEP], LIMIT)
    for one, other in zip(made.told(jnp.asarray(asked)), same.told(jnp.asarray(asked))):
        np.testing.assert_array_equal(one, other)


def test_a_limit_on_both_sides_is_never_passed():
    """A step between 3/2 and 2 that the box shows the middle of: values stay between, whatever is learnt."""
    axes = (Axis(TABOR, 0.1, 10.0),)
    found = surrogate(lambda g: 1.5 + 0.5 / (1 + g[:, 0] ** 2), axes, Between(lambda _: 1.5, lambda _: 2.0), solves=16)
    value = found.told(jnp.geomspace(0.1, 10, 50)[:, None]).value
    assert ((value > 1.5) & (value < 2)).all()
    np.testing.assert_allclose(value, 1.5 + 0.5 / (1 + np.geomspace(0.1, 10, 50) ** 2), rtol=1e-3)
    plain = surrogate(lambda g: g[:, 0] + 1, axes, Difference(lambda g: g[0]), solves=16)
    np.testing.assert_allclose(plain(tabor_parameter=2.0).value, 3, rtol=1e-9)


def test_what_cannot_be_made_is_said():
    with pytest.raises(DataError, match=r"the output at steep = .* is -1, from which no distance to the limit follows"):
        surrogate(lambda g: -np.ones(len(g)), AXES, LIMIT, solves=8)
    with pytest.raises(ArgumentError, match=r"steep from 1 to 0\.5: the lower end comes first"):
        surrogate(exact, (AXES[0]._replace(low=1.0, high=0.5), AXES[1]), LIMIT)
    with pytest.raises(ArgumentError, match="scale of steep = 'log' is not known"):
        surrogate(exact, (AXES[0]._replace(scale="log"), AXES[1]), LIMIT)


def test_the_tapping_solver_obeys_the_balance_of_power():
    """sin(phase) = A / A0 of an elastic contact, and no memory of the start."""
    groups = np.array([[0.5, 1.0, 50.0]])
    rest, free = solved_tapping(groups), solved_tapping(groups, free=True)
    np.testing.assert_allclose(np.sin(rest.phase), rest.amplitude, rtol=1e-3)
    np.testing.assert_allclose(rest.amplitude, free.amplitude, rtol=1e-6)

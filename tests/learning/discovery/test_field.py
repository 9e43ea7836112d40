"""The field: against the general solver, exact limits, and its own data left out one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.discovery.field import Field, density, field_of, held_out, seen
from asperity.learning.gp import dense
from asperity.learning.gp.kernels import Constant, Matern
from asperity.learning.gp.observed import Observed
from tests.learning.discovery.specimens import pixels, smooth

FIELD = Field(0.4, 1.3, 0.7, 2.5, 0.02)
RNG = np.random.default_rng(0)
PLACES, VALUES, NOISE = RNG.uniform(0, 10, (20, 2)), RNG.standard_normal(20), RNG.uniform(0.01, 0.1, 20)


def test_the_density_is_that_of_the_general_solver_along_a_line():
    line = np.stack([np.sort(PLACES[:, 0]), np.zeros(20)], axis=1)
    with jax.enable_x64(True):
        kernel = Constant(FIELD.level_std) + Constant(FIELD.std) * Matern(FIELD.length, 1)
        data = Observed(jnp.asarray(line[:, 0]), jnp.asarray(VALUES - FIELD.level),
                        jnp.asarray(NOISE + FIELD.nugget), jnp.ones(20, bool))
        expected = float(dense.log_likelihood(kernel, data))
    assert density(FIELD, line, VALUES, NOISE) == pytest.approx(expected, rel=1e-6)  # 1e-8 of the variance is added


def test_what_is_found_is_more_probable_than_what_is_near_it():
    at, values = pixels(12), smooth(0, 12)
    noise = np.full(len(at), 0.01)
    found = field_of(at, values, noise, 1.0)
    best = density(found, at, values, noise)
    for name in ("std", "length"):
        for factor in (0.7, 1.4):
            other = found._replace(**{name: factor * getattr(found, name)})
            assert density(other, at, values, noise) < best + 0.2  # the prior may hold it back by so much
    assert field_of(1e-6 * at, 3 * values, 9 * noise, 1e-6).length == pytest.approx(1e-6 * found.length, rel=1e-6)


def test_a_curve_left_out_is_told_as_by_all_others():
    mean, variance = held_out(FIELD, PLACES, VALUES, NOISE)
    for i in (0, 7, 19):
        rest = np.arange(20) != i
        alone = seen(FIELD, PLACES[rest], VALUES[rest], NOISE[rest], PLACES[i:i + 1])
        assert mean[i] == pytest.approx(alone.mean[0], abs=1e-6)
        assert variance[i] == pytest.approx(alone.variance[0] + NOISE[i] + FIELD.nugget, rel=1e-6)


def test_far_from_all_curves_nothing_is_known_and_at_one_without_noise_all():
    far = seen(FIELD._replace(level_std=1e-6), PLACES, VALUES, NOISE, np.array([[1e3, 0.0]]))
    assert far.mean[0] == pytest.approx(FIELD.level, abs=1e-5)
    assert far.variance[0] == pytest.approx(FIELD.std**2, rel=1e-6)
    exact = seen(FIELD._replace(nugget=0.0), PLACES, VALUES, 0 * NOISE, PLACES)
    np.testing.assert_allclose(exact.mean, VALUES, atol=1e-4)
    assert exact.variance.max() < 1e-6

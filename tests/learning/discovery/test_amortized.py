"""The network that gives a posterior of a force curve: without units, right on curves of its kind, silent on others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import trapezoid

from asperity.learning.discovery import amortized
from asperity.learning.discovery.amortized import (
    MODELS,
    amortized_posterior,
    contact_curve,
    log_density,
    random_network,
    stored_network,
    summaries,
)
from asperity.messages import DataError
from tests.verify.learning.straight_curves import curves

SAMPLES = 400


@pytest.fixture(scope="module")
def hertz():
    """64 curves of Hertz at 1 % noise: indentation in m, force in N, truth."""
    return curves("hertz", 64, 0.01, SAMPLES, seed=3)


def told(set_):
    return amortized_posterior(summaries(set_.indentation, set_.force, np.ones(set_.force.shape, bool)))


def test_units_do_not_matter(hertz):
    own = told(hertz)
    other = told(hertz._replace(indentation=hertz.indentation * 1e9 + 5.0, force=hertz.force * 3.7e6 - 2.0))
    np.testing.assert_allclose(own.probability, other.probability, atol=1e-4)
    shift = np.log(3.7e6) - 1.5 * np.log(1e9)
    np.testing.assert_allclose(own.log_stiffness[..., 0] + shift, other.log_stiffness[..., 0], atol=1e-3)
    np.testing.assert_allclose(own.log_stiffness[..., 1], other.log_stiffness[..., 1], rtol=1e-3)


def test_hertz_is_found(hertz):
    found = told(hertz)
    assert found.familiar.mean() > 0.9
    assert (found.probability.argmax(axis=1) == MODELS.index("hertz")).mean() > 0.9
    off = (found.contact_point[:, 0, 0] - hertz.contact_point) / found.contact_point[:, 0, 1]
    assert np.mean(np.abs(off) < 2) > 0.85
    assert np.median(np.abs(found.log_stiffness[:, 0, 0] - hertz.log_stiffness)) < 0.1


def test_what_it_has_not_seen_is_said(hertz):
    waves = hertz.force + 0.5 * np.ptp(hertz.force, axis=1, keepdims=True) * np.sin(np.linspace(0, 40, SAMPLES))
    assert told(hertz._replace(force=waves)).familiar.mean() < 0.05
    upside_down = told(hertz._replace(force=-hertz.force))
    assert upside_down.familiar.mean() < 0.05


def test_the_density_integrates_to_one():
    """Of the first parameter, by a grid over all three, of an untrained network."""
    found = random_network(jax.random.key(1))(jnp.zeros(amortized.BINS + 1))
    side = jnp.linspace(-8, 8, 65)
    grid = jnp.stack(jnp.meshgrid(side, side, side, indexing="ij"), -1).reshape(-1, 3)
    density = jnp.exp(jax.vmap(lambda p: log_density(found, 1, p))(grid)).reshape(65, 65, 65)
    for _ in range(3):
        density = trapezoid(density, side, axis=0)
    assert float(density) == pytest.approx(1, abs=0.01)


def test_the_curve_of_the_parameters():
    """Hertz ends at its amplitude; DMT lies 2 pi w R lower; JKR lies between them."""
    at, p = jnp.asarray([0.0, 1.0]), jnp.asarray([0.5, jnp.log(2.0), jnp.log(0.1)])
    hertz, dmt, jkr = (np.asarray(contact_curve(jnp.asarray(m), p, at)) for m in range(3))
    np.testing.assert_allclose(hertz, [0.0, 2.0], rtol=1e-5)
    np.testing.assert_allclose(dmt, [0.0, 1.8], rtol=1e-5)
    assert jkr[0] == 0  # the fold is passed
    assert dmt[1] < jkr[1] < hertz[1]


def test_weights_that_were_changed_are_refused(monkeypatch):
    monkeypatch.setattr(amortized, "VERSION", 99)
    with pytest.raises(DataError, match="version 99"):
        stored_network.__wrapped__()

"""Roughness, correlation length and exponent of the surface and not of its noise; many surfaces in tests/verify."""

import numpy as np
import pytest

from asperity.instrument.roughness_law import law_of
from asperity.instrument.roughness_rings import rings
from tests.instrument.test_roughness_rings import frames


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_noise_as_large_as_the_structure_is_none_of_it(noise):
    """T = 5 pixels, H = 0.8: the true values lie within the intervals, twice as wide as they have to be."""
    _, frame = next(frames([5], 128, 5.0, 0.8))
    found = law_of(rings(frame + noise * np.random.default_rng(6).normal(size=frame.shape), (1.0, 1.0), order=3))
    for one, truth in ((found.rms, 1.0), (found.hurst, 0.8), (found.correlation_length, 8.4)):
        assert 2 * one.low - one.value < truth < 2 * one.high - one.value
    assert found.resolved
    assert found.rms.high < 1.4
    assert found.noise.value == pytest.approx(noise, abs=0.03)
    assert found.misfit < 1.6


def test_a_surface_that_gets_rougher_with_the_frame_is_not_resolved():
    _, frame = next(frames([7], 96, 300.0, 0.5))
    assert not law_of(rings(frame, (1.0, 1.0), order=3)).resolved


@pytest.mark.study
def test_a_law_that_does_not_hold_widens_the_intervals():
    """A grating: no law of |q| describes it."""
    _, frame = next(frames([8], 96, 5.0, 0.8))
    grating = frame + 2 * np.sin(np.arange(96) / 2)
    plain, spoiled = (law_of(rings(one, (1.0, 1.0), order=3)) for one in (frame, grating))
    assert spoiled.misfit > 2 * plain.misfit
    assert spoiled.rms.std > plain.rms.std

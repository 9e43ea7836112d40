"""Heights that are cut off are found at either end; flat tops with noise, coarse steps and spikes are none."""

import numpy as np
import pytest

from asperity.instrument.clipping import clipped
from tests.instrument.test_roughness_rings import frames

SURFACE = next(frames([5], 96, 5.0, 0.7))[1]
Y, X = np.mgrid[:96, :96]


@pytest.mark.parametrize(("low", "high"), [(-0.8, 0.8), (-9, 1.5), (-1.0, 9)])
def test_both_ends(low, high):
    found = clipped(np.clip(SURFACE, low, high).round(6))
    wanted = {"top": np.mean(SURFACE > high), "bottom": np.mean(SURFACE < low)}
    assert found == pytest.approx({name: share for name, share in wanted.items() if share}, abs=1e-3)


@pytest.mark.parametrize("step", [1e-3, 0.02, 0.1, 0.5])
def test_what_was_measured_is_not_cut(step):
    """In steps of the converter from fine to coarse: roughness, gratings with noise, terraces, spikes, flat ground."""
    noise = 0.05 * np.random.default_rng(6).normal(size=SURFACE.shape)
    grating = np.where(X % 24 < 12, 5.0, 0.0)
    terraces = np.floor(X / 24 + Y / 60) * 2.0
    spikes = np.where((X * 7 + Y * 13) % 500 == 0, 20.0, SURFACE)
    for heights in (SURFACE, grating + noise, terraces + noise, spikes + noise, grating, terraces,
                    np.maximum(SURFACE - 1.0, 0.0)):
        assert clipped(np.round(heights / step) * step) == {}
    assert clipped(np.zeros((8, 8))) == {}
    assert clipped(np.full((8, 8), np.nan)) == {}

"""Waves that stand out are found with their size, length and direction; surfaces without order have none."""

import math

import numpy as np
import pytest

from asperity.instrument.roughness_rings import line_offsets
from asperity.instrument.roughness_waves import waves
from tests.instrument.test_roughness_rings import frames

Y, X = np.mgrid[:128, :128]


@pytest.mark.parametrize(("length", "angle"), [(11.0, 0.0), (23.0, 0.4), (7.3, -1.2), (16.0, math.pi / 2)])
def test_a_wave_on_a_rough_surface(length, angle):
    surface = 0.3 * next(frames([3], 128, 5.0, 0.7))[1]  # the surface's own part of the mode interferes
    wave = 0.8 * np.sin(2 * math.pi * (X * math.cos(angle) + Y * math.sin(angle)) / length + 1.0)
    found = waves(surface + wave, (2.0, 2.0), order=3)
    assert found.rms == pytest.approx(0.8 / math.sqrt(2), rel=0.1)
    assert found.length == pytest.approx(2 * length, rel=0.03)
    assert abs(math.remainder(found.angle - angle, math.pi)) < 0.03  # by the spacing of the modes


def test_surfaces_without_order_have_none():
    """False alarms: by chance in one of ten thousand; steep, flat and curved spectra alike."""
    for length, hurst in ((3.0, 0.3), (12.0, 0.9), (40.0, 0.5)):
        assert not any(waves(frame, (1.0, 1.0), order=3).rms for _, frame in frames(range(8), 128, length, hurst))
    assert waves(np.random.default_rng(0).normal(size=(96, 200)), (1.0, 1.0), order=3).rms == 0


def test_offsets_of_lines_are_none_and_a_grating_across_the_lines_is_no_offset():
    surface = next(frames([4], 128, 5.0, 0.7))[1]
    offset = surface + np.random.default_rng(5).normal(size=(128, 1))
    assert waves(offset, (1.0, 1.0), order=3).rms < 0.2
    grating = surface + np.where(Y % 16 < 8, 1.0, -1.0)
    found = waves(grating, (1.0, 1.0), order=3)
    assert found.rms == pytest.approx(1.0, rel=0.1)
    assert line_offsets(grating, (1.0, 1.0), order=3, without=found.modes).sure < 4

"""Segments of a curve whose table does not name them: a hold is found, a turn without one is none."""

import numpy as np
import pytest

from asperity.data.readers.force_curves._turn import segments_of_height

N = 400
DOWN, UP = np.linspace(3e-6, 0, N), np.linspace(0, 3e-6, N)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("noise", [0.0, 1e-10, 2e-9])
@pytest.mark.parametrize("hold", [np.zeros(N), np.zeros(150), -2e-8 * np.log1p(np.arange(N) / 20)])
def test_a_hold_is_found(hold, noise):
    """At constant height, and at constant force, where the height creeps on."""
    height = np.concatenate([DOWN, hold, UP + hold[-1]]) + noise * RNG.normal(size=2 * N + len(hold))
    names, bounds = segments_of_height(height)
    assert names == ("approach", "pause", "retract")
    assert bounds[1:3] == pytest.approx((N, N + len(hold)), abs=0.02 * len(height) if hold[-1] else 4)
    assert segments_of_height(height[: N + len(hold)])[0] == ("approach", "pause")


def test_the_time_tells_the_speed():
    """A hold that is sampled twenty times as slowly: its ends are told to a hundredth of the samples."""
    height = np.concatenate([DOWN, np.full(150, 0.0), UP])
    time = np.concatenate([np.arange(N), N + 20.0 * np.arange(150), 4000 + np.arange(N)]) * 1e-3
    names, bounds = segments_of_height(height, time)
    assert names == ("approach", "pause", "retract")
    assert bounds[1:3] == pytest.approx((N, N + 150), abs=10)


@pytest.mark.parametrize("height", [
    np.concatenate([DOWN, UP]), np.concatenate([DOWN, UP[::4]]), 1e-6 * np.cos(np.linspace(0, 2 * np.pi, 800)),
    np.concatenate([np.full(300, 3e-6), DOWN, UP]), DOWN, UP, np.zeros(50), np.array([3.0, 2.0, 1.0, 1.0, 2.0])])
def test_a_turn_without_a_hold_is_none(height):
    """Triangles, a sine, a rest before the approach, one way, a curve of a few samples."""
    names, bounds = segments_of_height(height)
    assert "pause" not in names
    assert bounds[-1] == len(height)
    assert bounds[1] == np.argmin(height) + 1

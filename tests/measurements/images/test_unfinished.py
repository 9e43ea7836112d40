"""An image of a scan that was broken off: the roughness, and its uncertainty, are those of the lines that there are."""

import json

import numpy as np
import pytest

from asperity import correct
from asperity.data.images import open_images
from tests.conftest import shared_case

KEYS = ("roughness_measured", "roughness_low", "correlation_length_low")


def roughness(path):
    opened = open_images(path, pitch=5e-9, unit="nm")
    return json.loads(correct.image(opened, channel="height").attrs["corrections"])


def test_lines_that_were_not_reached_change_nothing(tmp_path):
    """The reported file: without a word it was read as 1.465 nm +- 0.051; the whole scan has 1.935 +- 0.068."""
    path = shared_case("unfinished_matrix.txt")
    found = roughness(path)
    np.savetxt(tmp_path / "finished.txt", np.loadtxt(path)[:75], fmt="%.3f")
    alone = roughness(tmp_path / "finished.txt")
    assert [found[key] for key in KEYS] == pytest.approx([alone[key] for key in KEYS], rel=0.03)  # of drawn numbers
    assert found["missing"] == pytest.approx(53 / 128)
    assert found["roughness"] == pytest.approx(1.9e-9, rel=0.02)
    whole = roughness(shared_case("unfinished_matrix_reference.txt"))
    assert whole["roughness_low"] < 1.935e-9 < whole["roughness_high"]  # by its mean square over the whole frame
    assert found["roughness_low"] < 1.935e-9 < found["roughness_high"]
    assert found["roughness_std"] > whole["roughness_std"]


def test_a_scan_of_our_own(tmp_path):
    pixels = np.random.default_rng(3).normal(size=(48, 32)).round(4)
    np.savetxt(tmp_path / "part.txt", pixels[:30], fmt="%.4f")
    pixels[30:] = -2.5
    np.savetxt(tmp_path / "all.txt", pixels, fmt="%.4f")
    found, alone = roughness(tmp_path / "all.txt"), roughness(tmp_path / "part.txt")
    assert [found[key] for key in KEYS] == pytest.approx([alone[key] for key in KEYS], rel=0.1)

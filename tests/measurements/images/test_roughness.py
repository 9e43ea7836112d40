"""What is said of the roughness of an image: without noise, bow and line offsets, or that it is not known."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from asperity import correct
from asperity.cli import app
from asperity.data.images import open_images
from asperity.measurements.images.page import page
from asperity.measurements.images.roughness import roughness_of
from tests.conftest import shared_case
from tests.instrument.test_roughness_rings import frames

PLACE = np.linspace(-1, 1, 128)


@pytest.fixture(scope="module")
def surface():
    return next(frames([11], 128, 5.0, 0.8))[1] * 1e-9


def image(tmp_path, heights):
    np.save(tmp_path / "i.npy", heights)
    return open_images(tmp_path / "i.npy", pitch=4e-9, unit="m")


def test_denoising_an_image_as_noisy_as_its_structure_gives_a_result(tmp_path, surface):
    """It ended in a traceback: no wavelength is free of noise, so that the guard has nothing to look at."""
    noisy = surface + 1e-9 * np.random.default_rng(12).normal(size=surface.shape)
    made = correct.image(image(tmp_path, noisy), denoise=True)
    left = (made["height"].values - surface[::-1])[8:-8, 8:-8]  # the first row of a matrix is the top line
    assert left.std() < 0.6e-9
    assert np.mean(np.abs(left - left.mean()) < 2 * made["height_std"].values[8:-8, 8:-8]) > 0.85
    found = json.loads(made.attrs["corrections"])
    assert found["guard_kept"] is None
    assert found["roughness_low"] < 1e-9 < found["roughness_high"] < 1.5e-9
    assert any("cannot be judged" in remark for remark in page(made).remarks)


@pytest.mark.parametrize("disturbance", [5e-9 * PLACE[None, :] ** 2 - 3e-9 * PLACE[:, None] ** 2,
                                         0.5e-9 * np.random.default_rng(13).normal(size=(128, 1))])
def test_bow_and_line_offsets_are_no_roughness(disturbance, surface):
    """Above the order of the leveling, not taken off: Sq was 14.5 % too large, or a "lower bound" above the truth."""
    alone = roughness_of(surface, (4e-9, 4e-9), 1, None)
    found = roughness_of(surface + disturbance, (4e-9, 4e-9), 1, None)
    assert alone["roughness_low"] < found["roughness"] < alone["roughness_high"]
    assert found["roughness_low"] < 1e-9
    assert found["unexplained"] or found["line_offset"] == pytest.approx(0.5e-9, rel=0.25)


def test_an_exponent_outside_0_and_1_is_told_in_words():
    smooth = next(frames([14], 128, 5.0, 2.5))[1] * 1e-9
    found = roughness_of(smooth, (4e-9, 4e-9), 1, None)
    assert "hurst" not in found
    assert "steeply" in found["hurst_words"]


def test_a_single_line_is_refused():
    result = CliRunner().invoke(app, ["image", str(shared_case("one_line.txt")), "--pixel", "5nm", "--unit", "nm"])
    assert result.exit_code == 2


def test_micro_signs_of_any_encoding(tmp_path):
    opened = open_images(shared_case("scan_utf8mu.spm"))
    assert float(opened["x"][-1] - opened["x"][0]) * 256 / 255 == pytest.approx(10e-6, rel=1e-6)


def test_white_noise_has_no_exponent_of_any_sign():
    """"At least -0.25, or none: falls as steeply as ..." was said of it."""
    for seed in range(3):
        noise = 1e-9 * np.random.default_rng(seed).normal(size=(128, 128))
        words = roughness_of(noise, (4e-9, 4e-9), 1, None)["hurst_words"]
        assert "-" not in words.split(":")[0]
        assert "steeply as" not in words or "at least" in words

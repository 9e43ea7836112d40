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
from asperity.messages import DataError
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


@pytest.mark.study  # by draws
def test_white_noise_has_no_exponent_of_any_sign():
    """"At least -0.25, or none: falls as steeply as ..." was said of it."""
    for seed in range(3):
        noise = 1e-9 * np.random.default_rng(seed).normal(size=(128, 128))
        words = roughness_of(noise, (4e-9, 4e-9), 1, None)["hurst_words"]
        assert "-" not in words.split(":")[0]
        assert "steeply as" not in words or "at least" in words


def test_hum_is_no_roughness_and_no_bound_is_above_the_truth(surface):
    """A surface of 1 nm under mains hum of 0.42 nm rms that goes on from line to line: it was "at least 1.34 nm"."""
    time = np.arange(128)[:, None] * 261.7 + np.arange(128)
    found = roughness_of(surface + 0.6e-9 * np.sin(2 * np.pi * time / 7.29), (4e-9, 4e-9), 1, None)
    assert found["roughness_low"] < 1e-9 < found["roughness_high"]
    assert found["waves"] == pytest.approx(0.424e-9, rel=0.1)


@pytest.mark.parametrize("pattern", [lambda x, y: np.sign(np.sin(2 * np.pi * x / 20.3 + 0.1)),
                                     lambda x, y: 1.0 * (np.sin(x / 2.6) * np.sin(y / 2.6) > 0.5)])
def test_of_gratings_and_arrays_neither_value_nor_bound_is_said(pattern, tmp_path):
    """A grating of 19.9 nm was "at least 29.4", dots of 11.5 nm "at least 15.7"."""
    y, x = np.mgrid[:128, :128]
    heights = 20e-9 * pattern(x, y) + 0.5e-9 * np.random.default_rng(15).normal(size=x.shape)
    made = correct.image(image(tmp_path, heights))
    found, about = json.loads(made.attrs["corrections"]), page(made)
    assert "roughness_low" not in found
    assert found["waves"] == pytest.approx(heights.std(), rel=0.1)
    assert "neither a value nor a bound" in about.findings[0].meaning
    assert "at least" not in " ".join(row.line for row in about.findings)
    assert about.findings[1].name == "Waves"


def test_white_noise_alone_has_no_bound(tmp_path):
    """It said "at least 55.2 fm" of Sq, and a quarter of a pixel of the correlation length."""
    noise = 1e-9 * np.random.default_rng(3).normal(size=(128, 128))
    rows = page(correct.image(image(tmp_path, noise))).findings
    assert "nothing that could not be noise" in rows[0].line
    assert "Correlation length" not in {row.name for row in rows}


def test_cut_off_heights_are_said_and_leave_a_bound_only(surface, tmp_path):
    """A surface of 1 nm cut at +-0.8 nm read 0.63 +- 0.03."""
    made = correct.image(image(tmp_path, np.clip(surface, -0.8e-9, 0.8e-9)))
    found, about = json.loads(made.attrs["corrections"]), page(made)
    assert set(found["clipped"]) == {"top", "bottom"}
    assert "roughness" not in found
    assert found["roughness_low"] < 1e-9
    assert "Heights are cut off" in about.remarks[0]
    assert not any(row.name == "Correlation length" for row in about.findings)


def test_a_channel_of_one_value_is_refused(tmp_path):
    with pytest.raises(DataError, match="one and the same value, 5"):
        correct.image(image(tmp_path, np.full((32, 32), 5e-9)))

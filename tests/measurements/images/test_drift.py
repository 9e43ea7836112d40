"""Drift of a film: where the surface went, with its error, and what is said where it cannot be told."""

import json

import numpy as np
import pytest

from asperity import correct
from asperity.data import store
from asperity.measurements.images.drift_page import page
from asperity.messages import DataError
from asperity.report.page import write_page
from asperity.virtual.image import Imaging, virtual_images
from asperity.virtual.surface import self_affine
from tests.test_cli import run

VELOCITY = np.array([2e-11, -3e-11])  # m/s
PIXEL, ROWS = 5e-9, 96


@pytest.fixture(scope="module")
def film():
    imaging = Imaging(pixel=PIXEL, drift=lambda time: np.multiply.outer(time, VELOCITY), noise=5e-10, line_noise=5e-10)
    return virtual_images(self_affine((ROWS + 48, ROWS + 48), rms=20e-9, seed=0), imaging, frames=5, margin=24)


@pytest.fixture(scope="module")
def found(film):
    return correct.drift(film)


def test_the_positions_are_the_drift_at_the_frames(found):
    """Within four standard deviations, but for the drift within a frame, the same in all, which stretches it."""
    truth = np.multiply.outer(ROWS * np.arange(5.0), VELOCITY)
    np.testing.assert_allclose(found["drift"], truth, atol=0.02 * PIXEL + 4 * float(found["drift_std"].max()))
    assert (found["drift_std"].values[1:] < 0.1 * PIXEL).all()
    np.testing.assert_allclose(found["velocity"], VELOCITY, rtol=0.02)
    assert found["velocity"].attrs["units"] == "m/s"


def test_several_images_are_a_film(film, found):
    several = [film.isel(frame=k).drop_vars("true_drift") for k in range(5)]
    np.testing.assert_array_equal(correct.drift(several)["drift"], found["drift"])


def test_a_frame_from_elsewhere_is_not_reached(film):
    heights = film["height"].values.copy()
    heights[4] = self_affine((ROWS, ROWS), rms=20e-9, seed=9)
    other = film.assign(height=film["height"].copy(data=heights))
    got = correct.drift(other)
    assert np.isnan(got["drift"].values[4]).all()
    assert np.isfinite(got["drift"].values[:4]).all()
    assert "1 frames cannot be reached" in " ".join(json.loads(got.attrs["findings"]))


def test_what_is_no_film_is_refused(film):
    with pytest.raises(DataError, match="two or more frames of one size and pixel"):
        correct.drift([film.isel(frame=0)])
    with pytest.raises(DataError, match="is a film of 5 frames: take one"):
        correct.image(film)


def test_page_and_command(film, found, tmp_path):
    text = write_page(page(found), found, tmp_path / "drift.html").read_text(encoding="utf-8")
    assert "velocity along y" in text
    for k in (0, 1):
        values = film["height"].values[k]
        np.save(tmp_path / f"{k}.npy", values)
    files = [tmp_path / "0.npy", tmp_path / "1.npy"]
    code, out, err = run("drift", *files, "--out", tmp_path / "d.nc")
    assert code == 2
    assert "Give --pixel" in err
    code, out, err = run("drift", *files, "--pixel", "5nm", "--unit", "m", "--out", tmp_path / "d.nc")
    assert code == 0
    assert "velocity along x: -2" in out.replace("−", "-")
    store.save(found, tmp_path / "again.nc")
    assert store.load(tmp_path / "again.nc")["pair_flag"].attrs["flag_meanings"].startswith("registered")

"""Images of the virtual instrument: each disturbance alone is what it says, and is undone by its correction."""

import numpy as np
import pytest

from asperity import correct
from asperity.data.images import validate
from asperity.instrument.certainty import reconstruct
from asperity.instrument.frame_drift import drift_within, line_times
from asperity.instrument.height_correction import Trace
from asperity.instrument.height_correction import correct as follow
from asperity.instrument.tip_shape import SphereCone, on_grid
from asperity.virtual.image import Imaging, virtual_images
from asperity.virtual.scanner import at_rest, virtual_scanner
from asperity.virtual.surface import self_affine

PIXEL = 5e-9


def surface(pixels: int = 96, seed: int = 0, **options) -> np.ndarray:
    return self_affine((pixels, pixels), rms=20e-9, seed=seed, **{"shortest": 8.0, **options})


def test_without_disturbance_the_image_is_the_surface():
    found = virtual_images(surface(), Imaging(), margin=8)
    validate(found)
    np.testing.assert_array_equal(found["height"], surface()[8:-8, 8:-8])
    np.testing.assert_array_equal(found["height"], found["height_retrace"])
    np.testing.assert_array_equal(found["height"], found["true_height"])


def test_the_tip_is_undone_where_it_touched():
    tip = on_grid(SphereCone(40e-9, 0.5), (13, 13), (PIXEL, PIXEL))
    found = virtual_images(surface(), Imaging(tip=tip), margin=8)
    assert (found["height"] > found["true_height"]).mean() > 0.1
    got = reconstruct(found["height"].values, tip)
    assert got.certain.mean() > 0.1
    np.testing.assert_allclose(got.surface[got.certain], found["true_height"].values[got.certain], atol=1e-16)


def test_the_scanner_is_undone():
    imaging = Imaging(scanner=virtual_scanner(1.5e-7), line_time=0.1)
    found = virtual_images(surface(), imaging, margin=8)
    height, drive = found["height"].values, found["height_drive"].values
    line = np.polyval(np.polyfit(drive.ravel(), height.ravel(), 1), drive)
    assert (height - line).std() > 0.01 * height.std()
    with_retrace = virtual_images(surface(), imaging, margin=8)["height_retrace"].values
    assert np.array_equal(with_retrace, height)  # then the drive of the retrace is that of the way back
    first_line = Trace(0.1 / 160 * np.arange(80), drive[0], None)
    past = at_rest(imaging.scanner, height[0, 0])
    first = follow(imaging.scanner, [first_line], tolerance=1.0, memory=past)[0][0].height
    np.testing.assert_allclose(first, height[0], atol=1e-12 * np.ptp(height))


def test_drift_moves_the_surface_and_is_found_from_trace_and_retrace_frames():
    """A steady drift is seen between frames; two upward frames alone tell it to far below a pixel."""
    velocity = np.array([3e-12, -8e-12])
    imaging = Imaging(drift=lambda time: np.multiply.outer(time, velocity), noise=1e-10)
    found = virtual_images(surface(128), imaging, frames=2, margin=16)
    np.testing.assert_allclose(found["true_drift"], [[0, 0], 96 * velocity])
    frames = found["height"].values
    times = np.stack([line_times((96, 96), 1.0), line_times((96, 96), 1.0, start=96.0)])
    got = drift_within(frames, times, np.array([0.0, 192.0]), line_offsets=False)
    assert got.flag == 0
    np.testing.assert_allclose(got.values[-1] * PIXEL, 192 * velocity, atol=0.02 * PIXEL)


def test_leveling_undoes_a_tilt():
    rough = surface(longest=16.0)
    options = {"features": None, "scars": False}
    plain = correct.image(virtual_images(rough, Imaging(), margin=8), **options)["height"]
    flat = correct.image(virtual_images(rough, Imaging(tilt=(0.02, -0.01)), margin=8), **options)["height"]
    np.testing.assert_allclose(flat, plain, atol=1e-20)


@pytest.mark.parametrize("seed", range(3))
def test_a_scar_is_found(seed):
    imaging = Imaging(scars=1, scar_height=60e-9)
    found = virtual_images(surface(longest=16.0), imaging, margin=8, seed=seed)
    scarred = np.abs(found["height"] - found["height_retrace"]).values > 1e-9
    missing = np.isnan(correct.image(found, features=None)["height"].values)
    assert missing[scarred].all()
    assert missing[~scarred].mean() < 0.01


def test_too_little_surface_is_refused():
    with pytest.raises(ValueError, match="the drift leaves the surface; give a larger one"):
        virtual_images(surface(), Imaging(drift=lambda time: np.stack([time, time], -1) * 1e-9), margin=4)

"""What a scan that was broken off did not reach is found at either end, and nothing of what was measured."""

import numpy as np
import pytest

from asperity.data.images import open_images
from asperity.data.readers._errors import ReadError
from asperity.data.readers.images._unfinished import unreached
from asperity.instrument.clipping import clipped
from tests.conftest import shared_data

RNG = np.random.default_rng(0)
PIXELS = RNG.normal(size=(20, 16)).round(3)


def place(pixels):
    found = unreached(pixels)
    return None if found is None else found.place


@pytest.mark.parametrize(("lines", "rest"), [
    (slice(12, 20), 0.0), (slice(0, 5), 7.5), (slice(12, 20), np.linspace(0, 1, 8)[:, None]),
    (slice(12, 20), PIXELS[11]), (slice(0, 5), PIXELS[5]), (slice(12, 20), 1e-3 * RNG.normal(size=(8, 16))),
    (slice(0, 5), 3.0 + 5e-4 * np.arange(16)), (slice(12, 20), 1.0 + 3e-3 * RNG.normal(size=(8, 16)))])
def test_lines_and_columns_that_were_not_reached(lines, rest):
    """Constant, constant line by line, copies of the last line, a trace of noise, a ramp."""
    broken = PIXELS.copy()
    broken[lines] = rest
    assert place(broken) == (lines, slice(None))
    assert place(1e-9 * broken + 5e-6) == (lines, slice(None))
    assert place(np.ascontiguousarray(broken.T)) == (slice(None), lines)


def test_measured_lines_are_reached():
    assert place(PIXELS) is None
    ends = PIXELS.copy()
    ends[:3] = ends[-3:] = 0.0  # both ends: a flat ground, not a broken scan
    assert place(ends) is None
    broken = PIXELS.copy()
    broken[-1] = 0.0  # a single one
    assert place(broken) is None


def test_flat_ground_terraces_and_coarse_steps_are_no_broken_scan():
    particle = np.zeros((20, 16))
    particle[:12, 5:9] = PIXELS[:12, 5:9]
    assert place(particle) is None
    assert place(np.zeros((8, 8))) is None
    y, x = np.mgrid[:96, :96]
    noise = RNG.normal(size=(96, 96))
    cell = np.where(np.hypot(x - 48, y - 20) < 15, 2000.0, 0.0) + noise  # flat ground, a hundred to one
    assert place(cell) is None
    step = np.where(y < 40, 0.0, 500.0) + noise
    assert place(step) is None
    film = step + np.where(y < 40, 0.0, 30 * RNG.normal(size=(96, 96)))  # a rough film beside its flat support
    assert place(film) is None
    assert place(np.round((x + y) / 20 + noise / 50)) is None


def test_measured_images_have_no_such_lines_and_no_cut_heights():
    """Every channel of every image that can be read."""
    files = [path for path in shared_data("image").rglob("*") if path.is_file()]
    channels = 0
    for path in files:
        try:
            opened = open_images(path)
        except ReadError:  # no image, or one that needs a pitch
            continue
        for name, channel in opened.data_vars.items():
            for frame in np.reshape(channel.values, (-1, *channel.shape[-2:])):
                assert unreached(frame) is None, (path.name, name)
                assert not clipped(frame) or "height" not in str(name), (path.name, name)
            channels += 1
    assert channels > 20

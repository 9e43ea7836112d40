"""A list of x, y, z is the map that it lists, in any order of its points, or is refused."""

import numpy as np
import pytest

from asperity.data.images import open_images
from asperity.data.readers._errors import MissingCalibration, Unsupported

Y, X = np.mgrid[:6, :8]
HEIGHTS = np.random.default_rng(0).normal(size=Y.shape).round(4)


def listed(path, order=slice(None), steps=(5, 5), header=""):
    rows = np.stack([X.ravel() * steps[0] - 20.0, Y.ravel() * steps[1] + 3.0, HEIGHTS.ravel()], axis=1)[order]
    path.write_text(header + "".join(f"{x:g} {y:g} {z:.4f}\n" for x, y, z in rows))
    return path


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1), np.argsort(X.ravel(), kind="stable"),
                                   np.random.default_rng(1).permutation(X.size)])
def test_every_order_gives_the_same_map(order, tmp_path, caplog):
    """Row 0 is the lowest y. As a matrix of 48 lines of 3 pixels the roughness was that of the coordinates."""
    found = open_images(listed(tmp_path / "a.txt", order), pitch=5e-9, unit="nm")
    np.testing.assert_allclose(found.height.values, 1e-9 * HEIGHTS, rtol=1e-12)
    assert "read as a list of x, y, z: 8 x 6 pixels" in caplog.text
    with pytest.raises(MissingCalibration, match="--pixel"):
        open_images(tmp_path / "a.txt", unit="nm")


def test_steps_that_differ_need_the_extent(tmp_path):
    with pytest.raises(Unsupported, match=r"steps of 5 along x and 2\.5 along y"):
        open_images(listed(tmp_path / "a.txt", steps=(5, 2.5)), pitch=5e-9, unit="nm")
    header = "# Width: 40 nm\n# Height: 15 nm\n# Value units: nm\n"
    found = open_images(listed(tmp_path / "a.txt", steps=(5, 2.5), header=header))
    assert float(np.diff(found.x.values[:2])[0]) == pytest.approx(5e-9)
    assert float(np.diff(found.y.values[:2])[0]) == pytest.approx(2.5e-9)


def test_what_is_no_whole_list_is_refused(tmp_path):
    with pytest.raises(Unsupported, match="its 47 points are not 8 x 6 pixels, each once"):
        open_images(listed(tmp_path / "a.txt", slice(0, -1)), pitch=5e-9, unit="nm")
    np.savetxt(tmp_path / "b.txt", np.random.default_rng(2).normal(size=(60, 3)))
    with pytest.raises(Unsupported, match="three columns and 60 lines"):
        open_images(tmp_path / "b.txt", pitch=5e-9, unit="nm")
    np.savetxt(tmp_path / "c.txt", HEIGHTS[:, :3])
    assert open_images(tmp_path / "c.txt", pitch=5e-9, unit="nm").height.shape == (6, 3)

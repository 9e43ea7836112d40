"""One bad file or curve never stops the rest, and everything that happened to a file is said."""

import numpy as np
import pytest
import xarray as xr

from asperity.data import curve_files, jobs, store
from asperity.data.curves import Curves, to_dataset
from asperity.data.readers import force_curves as readers


def curves(n=3, *, count=(6, 4), segments=("approach", "retract"), broken=(), session="s", **calibration):
    """A lazy dataset of n small curves; those in ``broken`` raise when they are loaded."""
    def channel(scale):
        def load(i):
            if i in broken:
                raise readers.CorruptFile("f", f"curve {i} is cut off.")
            return [scale * (i + np.arange(float(n))) for n in count]
        return load

    channels = {"height": channel(1e-6), "deflection_voltage": channel(1.0)}
    found = Curves(segments, np.full((n, len(count)), count), channels, session=session, **calibration)
    return to_dataset(found, "f")


CALIBRATED = {"spring_constant": 0.1, "sensitivity": 5e-8}


def test_unreadable_curves_become_nan_and_their_causes_are_given(caplog):
    dataset = curves(5, broken=(1, 4), **CALIBRATED)
    loaded, causes = curve_files.load_curves(dataset)
    assert sorted(causes) == [1, 4]
    assert causes[4].startswith("cannot be read: curve 4 is cut off.")
    bad = np.isnan(loaded["force"]).all(["segment", "sample"])
    assert bad.values.tolist() == [False, True, False, False, True]
    xr.testing.assert_identical(loaded.isel(curve=[0, 2, 3]), dataset.isel(curve=[0, 2, 3]).load())
    assert not caplog.records  # who flags them says it, once


def test_all_curves_unreadable():
    loaded, causes = curve_files.load_curves(curves(2, broken=(0, 1), **CALIBRATED))
    assert sorted(causes) == [0, 1]
    assert np.isnan(loaded["force"]).all()


def test_a_curve_alone_in_its_block_names_its_cause():
    """As every file of one curve is."""
    loaded, causes = curve_files.load_curves(curves(1, broken=(0,), **CALIBRATED))
    assert sorted(causes) == [0]
    assert np.isnan(loaded["force"]).all()
    assert causes[0].startswith("cannot be read: curve 0 is cut off.")


def test_readable_block_is_loaded_at_once():
    loaded, causes = curve_files.load_curves(curves(3, **CALIBRATED))
    assert causes == {}
    np.testing.assert_allclose(loaded["force"][1, 0], 0.1 * 5e-8 * (1 + np.arange(6.0)), rtol=1e-14)


@pytest.mark.parametrize(("given", "missing"), [
    ({}, "no sensitivity and no spring constant.*--sensitivity 40nm/V --spring-constant"),
    ({"sensitivity": 5e-8}, "no spring constant in the file; give --spring-constant 0.04N/m"),
    ({"spring_constant": 0.1}, "no sensitivity in the file; give --sensitivity"),
])
def test_missing_calibration_is_asked_for_by_name(given, missing):
    with pytest.raises(readers.MissingCalibration, match=missing):
        raise curve_files.missing_calibration(curves(**given), "f")
    assert curve_files.missing_calibration(curves(**CALIBRATED), "f") is None


def test_calibrate_equals_reading_with_that_calibration():
    expected = curves(spring_constant=0.2, sensitivity=4e-8).load()
    for start in (curves(), curves(**CALIBRATED), curves(spring_constant=0.3)):
        got = curve_files.calibrate(start, spring_constant=0.2, sensitivity=4e-8)
        for name in ("force", "deflection"):
            np.testing.assert_allclose(got[name], expected[name], rtol=1e-14)
        assert got["force"].attrs == expected["force"].attrs
        assert got["sensitivity"].values.tolist() == [4e-8] * 3


def test_calibrate_scales_what_has_no_voltage():
    stored = curves(**CALIBRATED).load().drop_vars("deflection_voltage")
    got = curve_files.calibrate(stored, sensitivity=1e-7)
    np.testing.assert_allclose(got["force"], 2 * stored["force"], rtol=1e-14)
    force_only = stored.drop_vars("deflection")
    np.testing.assert_allclose(curve_files.calibrate(force_only, spring_constant=0.3)["force"],
                               3 * stored["force"], rtol=1e-14)
    assert curve_files.calibrate(stored) is stored


def test_combine_pads_and_keeps_identity():
    first = curves(2, **CALIBRATED)
    second = curves(1, count=(3, 2, 8), segments=("approach", "pause", "retract"), spring_constant=0.5,
                    sensitivity=1e-8)
    both = curve_files.combine([first, second])
    assert both["segment"].values.tolist() == ["approach", "pause", "retract"]
    assert both["sample_count"].values.tolist() == [[6, 0, 4], [6, 0, 4], [3, 2, 8]]
    assert both["curve_in_file"].values.tolist() == [0, 1, 0]
    assert both["spring_constant"].values.tolist() == [0.1, 0.1, 0.5]
    np.testing.assert_array_equal(both["force"].sel(segment="retract")[1, :4], first["force"][1, 1, :4])
    np.testing.assert_array_equal(both["force"][2], second["force"][0])
    assert np.isnan(both["force"][0, 1]).all()


@pytest.fixture
def folder(tmp_path):
    """A folder with good, foreign, damaged and uncalibrated files, and old results."""
    store.save(curves(**CALIBRATED), tmp_path / "day1/a.nc")
    store.save(curves(2, **CALIBRATED), tmp_path / "day1/deep/b.zarr")
    store.save(curves(), tmp_path / "day2/volts.nc")
    store.save(xr.Dataset({"a": 1.0}), tmp_path / "day2/image.nc")
    (tmp_path / "day2/broken.nc").write_bytes(b"\x89HDF\r\n\x1a\nrest is lost")
    (tmp_path / "notes.txt").write_text("Tuesday: changed the lever.")
    (tmp_path / ".hidden.nc").write_text("")
    (tmp_path / "empty.jpk-force").write_bytes(b"")
    with jobs.run({"a": 1}, [], curves, folder=tmp_path / "old-results"):
        store.save(curves(**CALIBRATED), tmp_path / "old-results/results.nc")
    return tmp_path


def test_every_file_of_a_folder_is_accounted_for(folder):
    sources, statuses = curve_files.open_files([folder, folder / "day1"])
    found = {status.file.removeprefix(f"{folder}/"): (status.outcome, status.curves) for status in statuses}
    assert found == {"day1/a.nc": ("read", 3), "day1/deep/b.zarr": ("read", 2),
                     "day2/volts.nc": ("failed", 0), "day2/broken.nc": ("failed", 0),
                     "empty.jpk-force": ("failed", 0), "day2/image.nc": ("skipped", 0),
                     "notes.txt": ("skipped", 0)}
    assert [len(source.dataset["curve"]) for source in sources] == [3, 2]
    assert sources[0].record["sha256"]
    assert all(status.reason for status in statuses if status.outcome != "read")
    reason = next(status.reason for status in statuses if "volts" in status.file)
    assert "--spring-constant" in reason


def test_a_named_file_that_is_no_data_has_failed(folder):
    _, statuses = curve_files.open_files([folder / "notes.txt", folder / "none.nid"])
    assert [status.outcome for status in statuses] == ["failed", "failed"]


def test_given_calibration_rescues_a_file(folder):
    sources, _ = curve_files.open_files([folder / "day2/volts.nc"], spring_constant=0.1, sensitivity=5e-8)
    np.testing.assert_allclose(sources[0].dataset["force"], curves(**CALIBRATED)["force"], rtol=1e-14)

"""JPK text exports: synthetic tables with known numbers, the measured relaxation curve, damage."""

import numpy as np
import pytest
import xarray as xr

from asperity.data.curves import to_dataset
from asperity.data.readers._errors import CorruptFile, ReadError, Unsupported
from asperity.data.readers.force_curves import find_reader, jpk_text, ntmdt
from tests.conftest import shared_data

HEAD = """# TEXT EXPORT
# data-description.instrument: JPK00042
# data-description.source-software: 5.0.1
# index: 0
# xPosition: 1.5E-6
# yPosition: -2.5E-6
# force-settings.relative-setpoint: 0.5
# force-settings.relative-z-start: 4.0E-6
# force-settings.relative-z-end: 0.0
# force-settings.extend-scan-time: 0.5
# date: Sun Jul 02 11:20:53 BST 2017
#
"""
SEGMENT = """# segmentIndex: {index}
# segment: {style}
# columns: {columns}
# fancyNames: "not needed"
# sensitivity: 2.0E-8
# springConstant: 0.5
# units: {units}
#
"""


def table(rows):
    return "".join(" ".join(repr(float(value)) for value in row) + "\n" for row in rows) + "\n"


def write(path, segments, columns="tipSampleSeparation vDeflection seriesTime", units="m N s"):
    """``segments``: (index, style, rows)."""
    path.write_text("".join((HEAD if i == 0 else "") + SEGMENT.format(
        index=index, style=style, columns=columns, units=units) + table(rows)
        for i, (index, style, rows) in enumerate(segments)))
    return path


def opened(path):
    return to_dataset(jpk_text.open_curves(path), str(path))


APPROACH = [(3e-6, 1e-10, 0.1), (2e-6, 2e-10, 0.2), (1e-6, 3e-10, 0.3)]
HOLD = [(1e-6, 2.5e-10, 0.4), (1e-6, 2.25e-10, 0.5)]
RETRACT = [(2e-6, -1e-10, 0.6)]


def test_segments_columns_and_header(tmp_path):
    path = write(tmp_path / "a.txt", [(0, "extend", APPROACH), (1, "pause", HOLD), (2, "retract", RETRACT)])
    data = opened(path).load()
    assert list(data["segment"].values) == ["approach", "pause", "retract"]
    assert data["sample_count"].values.tolist() == [[3, 2, 1]]
    for j, rows in enumerate((APPROACH, HOLD, RETRACT)):
        for column, name in enumerate(("tip_position", "force", "time")):
            np.testing.assert_array_equal(data[name].values[0, j, : len(rows)], np.array(rows)[:, column])
    assert float(data["spring_constant"][0]) == 0.5
    assert float(data["sensitivity"][0]) == 2e-8
    assert (float(data["x"][0]), float(data["y"][0])) == (1.5e-6, -2.5e-6)
    assert data.attrs["setpoint"] == pytest.approx(0.5 * 2e-8 * 0.5)
    assert data.attrs["speed_approach"] == pytest.approx(8e-6)
    assert data.attrs["date"] == "2017-07-02 11:20:53"
    assert "JPK00042 2017-07-02" in str(data["session"].values[0])


def test_other_columns_units_and_time_per_segment(tmp_path):
    rows = [(5.0, 2.0, 7.0, 0.0), (4.0, 3.0, 6.0, 100.0)]
    path = write(tmp_path / "b.txt", [(0, "extend", rows), (1, "retract", rows)],
                 "height vDeflection measuredHeight time", "um mV nm ms")
    data = opened(path).load()
    np.testing.assert_allclose(data["height"].values[0, 0], [7e-9, 6e-9], rtol=1e-15)
    np.testing.assert_allclose(data["height_drive"].values[0, 0], [5e-6, 4e-6], rtol=1e-15)
    np.testing.assert_allclose(data["deflection_voltage"].values[0, 1], [2e-3, 3e-3], rtol=1e-15)
    np.testing.assert_allclose(data["force"].values[0, 1], np.array([2e-3, 3e-3]) * 2e-8 * 0.5, rtol=1e-14)
    np.testing.assert_allclose(data["time"].values[0], [[0.0, 0.1], [0.2, 0.3]], rtol=1e-14)


def test_a_segment_index_that_does_not_rise_starts_a_curve(tmp_path):
    path = write(tmp_path / "c.txt", [(0, "extend", APPROACH), (1, "retract", HOLD), (0, "extend", HOLD),
                                      (1, "pause", HOLD[1:]), (2, "retract", RETRACT)])
    data = opened(path)
    assert list(data["segment"].values) == ["approach", "pause", "retract"]
    assert data["sample_count"].values.tolist() == [[3, 0, 2], [2, 1, 1]]
    np.testing.assert_array_equal(data["force"].isel(curve=1).sel(segment="retract").values[:1], [-1e-10])


@pytest.mark.parametrize(("change", "error", "message"), [
    (lambda text: text[:-6], CorruptFile, "middle of a line"),
    (lambda text: text[:400] + "\n", CorruptFile, "no table"),
    (lambda text: text.replace("segment: extend", "segment: dance"), Unsupported, "dance"),
    (lambda text: text.replace("units: m N s", "units: m furlong s"), Unsupported, "furlong"),
    (lambda text: text.replace("units: m N s", "units: m N"), Unsupported, "3 columns but 2 units"),
    (lambda text: text.replace("vDeflection", "hDeflection"), Unsupported, "lack"),
])
def test_damage_found_on_opening(tmp_path, change, error, message):
    path = write(tmp_path / "d.txt", [(0, "extend", APPROACH), (1, "retract", HOLD)])
    path.write_text(change(path.read_text()))
    with pytest.raises(error, match=rf"d\.txt: .*{message}"):
        jpk_text.open_curves(path)


@pytest.mark.parametrize(("change", "message"), [
    (lambda text: text.replace("2e-10", "2e-1O"), r"line 22, column 2 \('vDeflection'\)"),
    (lambda text: text.replace(" 0.2\n", "\n"), "line 22: 2 columns, expected 3"),
    (lambda text: text.replace(" 0.3\n", " 0.05\n"), "time falls"),
    (lambda text: text.replace("2e-10", "inf"), "not a finite number"),
])
def test_damage_found_on_loading(tmp_path, change, message):
    path = write(tmp_path / "e.txt", [(0, "extend", APPROACH), (1, "retract", HOLD)])
    path.write_text(change(path.read_text()))
    data = opened(path)
    with pytest.raises(ReadError, match=message):
        data["force"].load()


def test_claimed_before_the_other_text_readers(tmp_path):
    path = write(tmp_path / "f.txt", [(0, "extend", APPROACH)])
    assert find_reader(path) is jpk_text
    path.write_text(path.read_text().replace("# TEXT EXPORT\n", ""))  # some versions have no title
    assert find_reader(path) is jpk_text
    assert not jpk_text.matches(b"# a comment\n1 2 3\n", "f.txt")


# ---- the measured curve: 0.16 s approach, 15 s hold, retract

RELAXATION = "force/rheology/AFM_relaxation.txt"


def test_relaxation_curve():
    path = shared_data(RELAXATION)
    assert find_reader(path) is jpk_text
    assert not ntmdt.matches(path.read_bytes()[:4096], path.name.lower())
    data = xr.open_dataset(path, engine="asperity").load()
    assert list(data["segment"].values) == ["approach", "pause", "retract"]
    assert data["sample_count"].values.tolist() == [[800, 75000, 800]]
    lines = path.read_text().split("\n")
    for line, segment, sample in ((73, 0, 0), (938, 1, 0), (75937, 1, 74999), (76003, 2, 0), (76802, 2, 799)):
        want = [float(cell) for cell in lines[line - 1].split()]
        found = [float(data[name][0, segment, sample]) for name in ("tip_position", "force", "time")]
        assert found == want
    hold = data.sel(segment="pause").isel(curve=0)
    assert float(hold["time"][-1] - hold["time"][0]) == pytest.approx(15.0, rel=1e-4)
    approach = data["force"].sel(segment="approach").values[0, :800]
    assert approach.max() == pytest.approx(data.attrs["setpoint"], rel=0.05)  # the trigger, as set
    assert data.attrs["setpoint"] == pytest.approx(1.911e-6, rel=1e-6)
    assert float(hold["force"][-1]) < 0.9 * approach.max()  # it relaxes

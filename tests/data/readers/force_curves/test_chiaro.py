"""Optics11 text: against afmformats, and synthetic profiles whose segments are known."""

import zipfile

import numpy as np
import pytest

from asperity.data.curves import to_dataset
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers.force_curves import chiaro
from tests.conftest import shared_data

ZIP = "force/other_afm/fmt-chiaro-txt_AEBP1_Indentation_002.zip"


def chiaro_text(piezo, *, start_times="", spring_constant=0.02, load_factor=1.0, rate=1000.0):
    """A file as the instrument writes it: bending is a line of the piezo, load is k times it."""
    header = ("Date\t12/05/2025\tTime\t11:20:38\tStatus\tOK\r\nAEBP1\r\nScan (#)\t1\tX (#)\t3\tY (#)\t2\t"
              "Indentation (#)\t1\r\n\rX-position (um)\t10.5\r\nY-position (um)\t-2.0\r\n\r\n"
              f"k (N/m)\t{spring_constant}\r\nTip radius (um)\t27.500\r\nCalibration factor\t2.809\r\n\r\n"
              "Device:\tChiaro\r\nSoftware version: V3.5.0\r\n\r\nMax load (\xb5N)\t0.050\r\n"
              f"Step absolute start times (s)\t{start_times}\r\nStep absolute end times (s)\t\r\n\r\n"
              "Time (s)\tLoad (uN)\tIndentation (nm)\tCantilever (nm)\tPiezo (nm)\tAuxiliary\r\n")
    rows = []
    for i, z in enumerate(piezo):
        bending = 0.05 * max(z - 2000.0, 0.0)
        load = load_factor * spring_constant * bending * 1e-3
        rows.append(f"{i / rate:.6f}\t{load:.6f}\t0.000000\t{bending:.6f}\t{z:.6f}\t0.000000\r\n")
    return header + "".join(rows)


def ramp(hold=0):
    """Piezo (nm) up to 5000 in 1000 samples, a rest, and down in 500."""
    return np.concatenate([np.linspace(0, 5000, 1000), np.full(hold, 5000.0), np.linspace(5000, 0, 500)])


def write(path, text):
    path.write_bytes(text.encode("latin-1"))
    return path


def test_agrees_with_afmformats_to_the_last_digit(tmp_path):
    afmformats = pytest.importorskip("afmformats")
    path = shared_data(ZIP)
    with zipfile.ZipFile(path) as archive:
        text = archive.extract(archive.namelist()[0], tmp_path)
    theirs = afmformats.load_data(text)[0]
    ours = to_dataset(chiaro.open_curves(path), str(path)).isel(curve=0).load()

    def whole(name):
        return np.concatenate([s[: int(n)] for s, n in zip(ours[name].values, ours.sample_count.values)])

    np.testing.assert_allclose(whole("time"), theirs["time"], rtol=0, atol=0)
    np.testing.assert_allclose(whole("force"), theirs["force"], rtol=1e-15)
    np.testing.assert_allclose(whole("height"), theirs["height (piezo)"], rtol=1e-15)
    tip = whole("height") + whole("deflection")
    np.testing.assert_allclose(tip, theirs["tip position"], rtol=1e-12, atol=1e-20)
    assert float(ours.spring_constant) == theirs.metadata["spring constant"] == 0.019


def test_measured_file_obeys_its_own_header():
    path = shared_data(ZIP)
    data = to_dataset(chiaro.open_curves(path), str(path)).isel(curve=0).load()
    assert data.attrs["radius"] == pytest.approx(27.5e-6, rel=1e-12)
    assert data.sample_count.values.tolist() == [12665, 1162]  # 13827 in all
    # peak-load poking: the ramp ends when the load passes the set maximum, written as 0.049 uN
    assert float(data.force.max()) == pytest.approx(data.attrs["setpoint"], rel=0.02)
    # in contact, the vendor's indentation is the change of tip position (Indentation = -(height + bending))
    approach = data.sel(segment="approach")
    tip = (approach.height + approach.deflection).values
    assert tip[10800] - tip[12400] == pytest.approx((11046.2141 - 1860.91718) * 1e-9, abs=1e-12)
    # the approach is driven at 7 um/s as the profile says
    speed = np.polyfit(approach.time.values[1000:12000], approach.height.values[1000:12000], 1)[0]
    assert speed == pytest.approx(-7e-6, rel=5e-3)


def test_height_falls_in_approach_and_force_is_repulsive(tmp_path):
    path = write(tmp_path / "a.txt", chiaro_text(ramp()))
    data = to_dataset(chiaro.open_curves(path), str(path)).isel(curve=0).load()
    assert data.segment.values.tolist() == ["approach", "retract"]
    assert data.sample_count.values.tolist() == [1000, 500]
    approach = data.height.sel(segment="approach").values
    np.testing.assert_allclose(approach, -np.linspace(0, 5e-6, 1000), atol=1e-15)
    assert float(data.force.max()) == pytest.approx(0.02 * 0.05 * 3000e-9, rel=1e-3)
    assert (float(data.x), float(data.y)) == pytest.approx((10.5e-6, -2e-6))
    assert (int(data.row), int(data.column)) == (1, 2)


def test_a_rest_of_the_piezo_is_a_pause(tmp_path):
    path = write(tmp_path / "a.txt", chiaro_text(ramp(hold=800)))
    curves = chiaro.open_curves(path)
    assert curves.segments == ("approach", "pause", "retract")
    np.testing.assert_allclose(curves.counts[0], [1000, 800, 500], atol=4)


def test_step_times_of_the_header_cut_the_segments(tmp_path):
    piezo = np.concatenate([ramp(hold=400), np.full(100, 0.0)])
    path = write(tmp_path / "a.txt", chiaro_text(piezo, start_times="0.000,1.000,1.400,1.900"))
    curves = chiaro.open_curves(path)
    assert curves.segments == ("approach", "pause", "retract", "pause_2")
    assert curves.counts.tolist() == [[1000, 400, 500, 100]]


def test_load_that_is_not_the_spring_constant_times_bending_is_refused(tmp_path):
    path = write(tmp_path / "a.txt", chiaro_text(ramp(), load_factor=1000.0))
    with pytest.raises(CorruptFile, match=r"spring constant 0\.02 N/m"):
        chiaro.open_curves(path)


def test_archive_of_several_curves(tmp_path):
    path = tmp_path / "map.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i, hold in enumerate((0, 800)):
            archive.writestr(f"curve_{i}.txt", chiaro_text(ramp(hold)).encode("latin-1"))
        archive.writestr("__MACOSX/._curve_0.txt", b"\x00\x01")
    data = to_dataset(chiaro.open_curves(path), str(path))
    assert data.sizes["curve"] == 2
    assert data.sample_count.sel(segment="pause").values[0] == 0
    assert np.isnan(data.force.sel(curve=0, segment="pause")).all()
    assert float(data.height.isel(curve=1).sel(segment="pause").min()) == pytest.approx(-5e-6)


def test_archive_of_two_levers_is_refused(tmp_path):
    path = tmp_path / "map.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i, k in enumerate((0.02, 0.2)):
            archive.writestr(f"{i}.txt", chiaro_text(ramp(), spring_constant=k).encode("latin-1"))
    with pytest.raises(Unsupported, match="mixes 2 days, levers"):
        chiaro.open_curves(path)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("k (N/m)\t0.02", "k (N/m)\tNaN", r"line 8: 'k \(N/m\)' is 'NaN', expected a number"),
    ("\n0.004000\t", "\nabc\t", r"column 1 \('Time \(s\)'\): 'abc' is not a finite number"),
    ("Piezo (nm)", "Piezzo (nm)", r"no column 'Piezo \(nm\)'"),
    ("\n0.003000\t", "\n9.003000\t", "the time falls"),
    ("Time (s)\t", "Time\t", "column titles"),
])
def test_damage_names_line_and_cause(tmp_path, old, new, message):
    text = chiaro_text(ramp())
    assert old in text
    path = write(tmp_path / "a.txt", text.replace(old, new))
    with pytest.raises(CorruptFile, match=message):
        chiaro.open_curves(path)

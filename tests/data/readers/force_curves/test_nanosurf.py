"""Nanosurf .nid: files built here, and the measured map against NSFopen."""

import warnings

import numpy as np
import pytest

from asperity.data.curves import to_dataset
from asperity.data.readers._errors import CorruptFile, ReadError, Unsupported
from asperity.data.readers.force_curves import nanosurf, open_dataset
from tests.conftest import shared_data

MAP = "force/adhesion/spectroscopy.nid"
CONSTANT = 2.0  # N/m
POINTS = 8


def block(group, name, unit, low, span, *, lines, points=POINTS, used=None, bits=32):
    """One channel: its section (without a name) and its integers, a ramp over the full range."""
    used = used or [points] * lines
    text = [f"Points={points}", f"Lines={lines}", "Dim0Name=Z-Axis", "Dim0Unit=m", "Dim0Range=1e-06",
            "Dim0Min=2e-06", f"Dim2Name={name}", f"Dim2Unit={unit}", f"Dim2Range={span}", f"Dim2Min={low}"]
    for line, count in enumerate(used):
        text += [f"LineDim{line}Range=1e-06", f"LineDim{line}Min=2e-06", f"LineDim{line}Points={count}"]
    text += ["SaveMode=Binary", f"SaveBits={bits}", "SaveSign=Signed", "SaveOrder=Intel"]
    steps = np.linspace(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, points * lines).astype(f"<i{bits // 8}")
    return group, text, steps


def spectroscopy(lines, *, unit="N", sensor=True, pause=False, used=None, bits=32):
    groups = ["Spec forward", *(["Spec fwd pause"] if pause else []), "Spec backward"]
    blocks = []
    for group in groups:
        blocks.append(block(group, "Deflection", unit, -1e-6, 4e-6, lines=lines, used=used, bits=bits))
        if sensor:
            blocks.append(block(group, "Z-Axis Sensor", "m", -1e-5, 2e-5, lines=lines, used=used))
    return blocks


def file_of(path, blocks, *, table="", constant=CONSTANT, extra=()):
    names = list(dict.fromkeys(group for group, _, _ in blocks))
    text = ["[DataSet]", "Version=2", f"GroupCount={len(names)}"]
    sections, seen = [], {}
    for i, name in enumerate(names):
        text += [f"Gr{i}-Name={name}", f"Gr{i}-Count=8"]
    for group, lines, _ in blocks:
        i, c = names.index(group), seen.setdefault(group, 0)
        seen[group] += 1
        text.append(f"Gr{i}-Ch{c}=DataSet-{i}:{c}")
        sections += [f"[DataSet-{i}:{c}]", *lines]
    text += ["[DataSet-Info]", "-- Spec --", "Date=10-12-2020", "Time=15:16:40", "Head type=FlexAFM",
             "Cantilever type=Lever", "[DataSet\\Calibration\\Scanhead]",
             "In5=5,TipSignalDC,Deflection,m,4e-07,0",
             "In15=16,TipSignalDC1,Deflection,V,10,0", "[DataSet\\Calibration\\Cantilever]",
             f"Prop0=D[{constant}]*[N/m]", "[DataSet\\Parameters\\Spectroscopy]", "FwModTime=D[1]*[s]",
             "BwModTime=D[2]*[s]", "FwPauseTime=D[0.5]*[s]", "FwModRange=D[1e-06]*[m]", *extra]
    if table:
        text += ["[DataSet\\SpecInfos\\SpecMapTable]", f"Map0={table}"]
    content = "\r\n".join([*text, *sections, "", ""]).encode("utf-8") + b"#!"
    path.write_bytes(content + b"".join(steps.tobytes() for _, _, steps in blocks))
    return path


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_integers_of_every_width_span_the_declared_range(tmp_path, bits):
    data = open_dataset(file_of(tmp_path / "a.nid", spectroscopy(2, bits=bits)))
    force = data.force.values
    assert force[0, 0, 0] == -1e-6
    np.testing.assert_allclose(force[1, 0, -1], 3e-6 - 4e-6 / 2**bits, rtol=1e-12)
    steps = np.linspace(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 16).astype(f"<i{bits // 8}").astype(float)
    expected = -1e-6 + 4e-6 * (steps + 2.0 ** (bits - 1)) / 2.0**bits
    np.testing.assert_allclose(force[:, 0].ravel(), expected, rtol=1e-12)
    np.testing.assert_allclose(force[:, 1, ::-1].ravel(), expected, rtol=1e-12)  # retract: reversed into time


@pytest.mark.parametrize(("unit", "base"), [("N", "force"), ("m", "deflection"), ("V", "deflection_voltage")])
def test_the_unit_decides_what_the_deflection_is(tmp_path, unit, base):
    data = open_dataset(file_of(tmp_path / "a.nid", spectroscopy(1, unit=unit)))
    assert data[base].values[0, 0, 0] == -1e-6
    factor = {"N": 1, "m": CONSTANT, "V": CONSTANT * 4e-8}[unit]
    np.testing.assert_allclose(data.force.values[0, 0, 0], -1e-6 * factor, rtol=1e-12)
    assert float(data.sensitivity[0]) == pytest.approx(4e-8)  # 4e-7 m over 10 V


def test_given_constants_replace_those_of_a_stored_force(tmp_path):
    path = file_of(tmp_path / "a.nid", spectroscopy(1))
    twice = open_dataset(path, spring_constant=2 * CONSTANT).force.values[0, 0]
    np.testing.assert_allclose(twice, 2 * open_dataset(path).force.values[0, 0], rtol=1e-12)
    thrice = open_dataset(path, sensitivity=12e-8).force.values[0, 0]
    np.testing.assert_allclose(thrice, 3 * open_dataset(path).force.values[0, 0], rtol=1e-12)


def test_height_falls_then_rises_and_drive_has_the_declared_ends(tmp_path):
    data = open_dataset(file_of(tmp_path / "a.nid", spectroscopy(1)))
    assert np.all(np.diff(data.height.values[0, 0]) < 0)
    assert np.all(np.diff(data.height.values[0, 1]) > 0)
    np.testing.assert_allclose(data.height_drive.values[0, 0, [0, -1]], [-2e-6, -3e-6])
    np.testing.assert_allclose(data.height_drive.values[0, 1, [0, -1]], [-3e-6, -2e-6])
    alone = open_dataset(file_of(tmp_path / "b.nid", spectroscopy(1, sensor=False)))
    np.testing.assert_allclose(alone.height.values[0, 0, [0, -1]], [-2e-6, -3e-6])
    assert "height_drive" not in alone


def test_pause_is_a_segment_between_approach_and_retract(tmp_path):
    data = open_dataset(file_of(tmp_path / "a.nid", spectroscopy(1, pause=True)))
    assert data.segment.values.tolist() == ["approach", "pause", "retract"]
    np.testing.assert_allclose(data.time.values[0, :, 0], [0, 1, 1.5])
    assert np.all(data.height_drive.values[0, 1] == -3e-6)


def test_short_lines_have_their_own_count(tmp_path):
    data = open_dataset(file_of(tmp_path / "a.nid", spectroscopy(3, used=[8, 5, 7])))
    assert data.sample_count.values.tolist() == [[8, 8], [5, 5], [7, 7]]
    assert np.isnan(data.force.values[1, 0, 5:]).all()
    np.testing.assert_allclose(data.time.values[1, 1, 0], 5 / 8)


def test_map_is_unfolded_into_rows_and_columns(tmp_path):
    there_and_back = "-1e-06;1e-06;0;3e-06;3;2;0;1"
    data = open_dataset(file_of(tmp_path / "a.nid", spectroscopy(6), table=there_and_back))
    assert data.row.values.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.column.values.tolist() == [0, 1, 2, 2, 1, 0]
    np.testing.assert_allclose(data.x.values, [-1e-6, 0, 1e-6, 1e-6, 0, -1e-6], atol=1e-20)
    np.testing.assert_allclose(data.y.values, [0, 0, 0, 3e-6, 3e-6, 3e-6])
    raster = open_dataset(file_of(tmp_path / "b.nid", spectroscopy(6), table=there_and_back[:-1] + "0"))
    assert raster.column.values.tolist() == [0, 1, 2, 0, 1, 2]
    other = open_dataset(file_of(tmp_path / "c.nid", spectroscopy(5), table=there_and_back))
    assert other.row.values.tolist() == [-1] * 5


@pytest.mark.parametrize(("old", "new", "error", "words"), [
    (b"Points=8", b"Points=9", CorruptFile, "announces data up to byte"),
    (b"Points=8\r\nLines=2", b"Points=8\r\nLines=0", CorruptFile, "Lines"),
    (b"Points=8\r\nLines=2", b"Points=2000000000\r\nLines=2000000000", CorruptFile, "announces"),
    (b"LineDim1Points=8", b"LineDim1Points=9", CorruptFile, "claims 9 of 8"),
    (b"GroupCount=2", b"GroupCount=2000000000", CorruptFile, "GroupCount"),
    (b"SaveOrder=Intel", b"SaveOrder=Motorola", Unsupported, "Motorola"),
    (b"[DataSet-1:0]", b"[DataSet-7:0]", CorruptFile, "does not describe"),
    (b"Dim2Range=4e-06", b"Dim2Range=4x-06", CorruptFile, "no scale"),
    (b"Dim2Unit=N", b"Dim2Unit=Hz", Unsupported, "no deflection in N, m or V"),
    (b"Dim0Unit=m", b"Dim0Unit=V", Unsupported, "not towards the sample"),
    (b"\r\n#!", b"\r\n##", CorruptFile, "no end"),
    (b"-Name=Spec ", b"-Name=Scan ", Unsupported, "holds: Scan forward, Scan backward"),
])
def test_damaged_and_foreign_headers_are_named(tmp_path, old, new, error, words):
    path = file_of(tmp_path / "a.nid", spectroscopy(2))
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(error, match=words) as caught:
        nanosurf.open_curves(path)
    assert str(path) in str(caught.value)


def test_truncation_anywhere_is_an_error_that_names_the_file(tmp_path):
    whole = file_of(tmp_path / "whole.nid", spectroscopy(2)).read_bytes()
    for size in range(40, len(whole), 61):
        path = tmp_path / "cut.nid"
        path.write_bytes(whole[:size])
        with pytest.raises(ReadError, match=r"cut\.nid"):
            open_dataset(path)


def test_images_and_thermal_spectra_say_what_they_hold():
    with pytest.raises(Unsupported, match="it holds: Scan forward, Scan backward"):
        nanosurf.open_curves(shared_data("force/nanosurf/lateral_force_SBS-PMMA.nid"))
    with pytest.raises(Unsupported, match="it holds: Spectrum FFT, Spectrum Fit"):
        nanosurf.open_curves(shared_data("force/thermal/thermal.nid"))


def test_map_agrees_with_nsfopen_bit_by_bit():
    read = pytest.importorskip("NSFopen.read").read
    path = shared_data(MAP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its use of pandas is deprecated
        theirs = read(str(path)).data["Spec"]
    curves = nanosurf.open_curves(path)
    for curve in range(100):
        for channel, name, sign in (("force", "Deflection", 1), ("height", "Z-Axis Sensor", -1)):
            approach, retract = curves.channels[channel](curve)
            np.testing.assert_array_equal(sign * approach, theirs["Forward"][name][curve])
            np.testing.assert_array_equal(sign * retract[::-1], theirs["Backward"][name][curve])


def test_map_physics_and_calibration():
    """k 2.72436 N/m, force stop 272.436 nN; pull-off median 9.39 nN of the vendor's own evaluation."""
    path = shared_data(MAP)
    data = to_dataset(nanosurf.open_curves(path), str(path)).load()
    assert float(data.spring_constant[0]) == 2.72436
    assert float(data.sensitivity[0]) == pytest.approx(7.30723e-8)
    assert data.sizes == {"curve": 100, "segment": 2, "sample": 1024}
    force, height, counts = data.force.values, data.height.values, data.sample_count.values
    peaks, pull_offs = [], []
    for i, (first, last) in enumerate(counts):
        approach, retract = force[i, 0, :first], force[i, 1, :last]
        assert height[i, 0, 0] > height[i, 0, first - 1]
        assert height[i, 1, 0] < height[i, 1, last - 1]
        peaks.append(approach[-1] - np.median(approach[: first // 2]))
        pull_offs.append(np.median(retract[last // 2:]) - retract.min())
    np.testing.assert_allclose(peaks, 272.436e-9, rtol=0.01)
    assert np.median(pull_offs) == pytest.approx(9.39e-9, rel=0.05)


def test_map_is_travelled_back_and_forth():
    """Unfolded, the surface height is smoother along the rows' neighbors than taken as it comes."""
    path = shared_data(MAP)
    data = to_dataset(nanosurf.open_curves(path), str(path))
    height, counts = data.height.values, data.sample_count.values[:, 0]
    surface = np.array([height[i, 0, n - 1] for i, n in enumerate(counts)])
    unfolded = np.empty((10, 10))
    unfolded[data.row.values, data.column.values] = surface
    across = [np.std(np.diff(grid, axis=0)[1:]) for grid in (unfolded, surface.reshape(10, 10))]
    assert across[0] < across[1] / 2


def test_one_curve_of_the_map_is_read_alone(monkeypatch):
    path = shared_data(MAP)
    data = to_dataset(nanosurf.open_curves(path), str(path))
    read, fromfile = [], np.fromfile

    def counted(*args, **kwargs):
        words = fromfile(*args, **kwargs)
        read.append(words.nbytes)
        return words
    monkeypatch.setattr(np, "fromfile", counted)
    data.force[1].load()
    assert read == [4 * 980, 4 * 1024]

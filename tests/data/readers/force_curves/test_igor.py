"""Asylum .ibw: waves built here (Igor technical note 3), and the measured curve against afmformats."""

import struct
import warnings

import numpy as np
import pytest

from asperity.data.curves import to_dataset
from asperity.data.readers._errors import CorruptFile, ReadError, Unsupported
from asperity.data.readers.force_curves import igor, open_dataset
from tests.conftest import shared_data

CURVE = "force/adhesion/fmt-igor-fd_SiN_FD_plot.ibw"
NOTE = ("SpringConstant: 0.5\rInvOLS: 4e-08\rXLVDT: 1e-06\rYLVDT: -2e-06\rMicroscopeModel:MFP3D\rVersion:16\r"
        "TriggerChannel:Force\rTriggerPoint: 1e-08\rDate:2020-02-05\rTime:10:47:31\r")
SEGMENTS = "Indexes: 0,12,19\rDirection: NaN,1,-1,\r"


def wave(columns, *, order="<", note=NOTE + SEGMENTS, kind=2, step=0.01, shape=None, version=5):
    """The bytes of a version-5 wave with these named columns."""
    data = np.array(list(columns.values()), dtype=order + {2: "f4", 4: "f8", 0x10: "i2"}[kind])
    note, labels = note.encode("latin-1"), b"".join(n.encode().ljust(32, b"\0") for n in ["", *columns])
    shape = shape or (data.shape[1], data.shape[0], 0, 0)
    sizes = (320 + data.nbytes, 0, len(note), 0, 0, 0, 0, 0, 0, len(labels), 0, 0, 0)
    header = struct.pack(order + "12xih50x4i4d", data.size, kind, *shape, step, 1, 1, 1).ljust(320, b"\0")

    def binary(checksum):
        return struct.pack(order + "hh13i8x", version, checksum, *sizes)
    total = sum(struct.unpack(order + "192h", binary(0) + header))
    checksum = (-total + 0x8000) % 0x10000 - 0x8000
    return binary(checksum) + header + data.tobytes() + note + labels


def curve(n=20, turn=12):
    """Columns of a curve that grows towards the sample (`Raw`, `ZSnsr`) up to sample `turn`."""
    z = 1e-6 * np.concatenate([np.arange(turn), turn - 1 - np.arange(n - turn)])
    return {"Raw": z, "Defl": np.maximum(z - 8e-6, 0) * 1e-3, "ZSnsr": 1.1 * z}


def written(path, *args, **kwargs):
    path.write_bytes(wave(*args, **kwargs))
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [2, 4])
def test_both_byte_orders_and_precisions(tmp_path, order, kind):
    columns = curve()
    data = open_dataset(written(tmp_path / "a.ibw", columns, order=order, kind=kind))
    assert data.segment.values.tolist() == ["approach", "retract"]
    assert data.sample_count.values.tolist() == [[12, 8]]
    tolerance = 1e-6 if kind == 2 else 1e-15
    deflection, height = data.deflection.values[0], data.height.values[0]
    np.testing.assert_allclose(deflection[0, :12], columns["Defl"][:12], rtol=tolerance)
    np.testing.assert_allclose(deflection[1, :8], columns["Defl"][12:], rtol=tolerance)
    np.testing.assert_allclose(height[0, :12], -columns["ZSnsr"][:12], rtol=tolerance)
    np.testing.assert_allclose(data.height_drive.values[0, 1, :8], -columns["Raw"][12:], rtol=tolerance)
    np.testing.assert_allclose(data.force.values[0, 0, :12], 0.5 * columns["Defl"][:12], rtol=tolerance)
    np.testing.assert_allclose(data.time.values[0, 1, :8], 0.01 * np.arange(12, 20))


def test_calibration_position_and_identity(tmp_path):
    data = open_dataset(written(tmp_path / "FMLine0003Point0007.ibw", curve()))
    assert float(data.spring_constant[0]) == 0.5
    assert float(data.sensitivity[0]) == 4e-8
    assert (float(data.x[0]), float(data.y[0])) == (1e-6, -2e-6)
    assert (int(data.row[0]), int(data.column[0])) == (3, 7)
    assert data.attrs["setpoint"] == 1e-8
    assert data.attrs["date"] == "2020-02-05T10:47:31"
    assert "MFP3D" in str(data.session.values[0])


def test_dwell_is_a_pause(tmp_path):
    note = NOTE + "Indexes: 0,10,14,19\rDirection: NaN,1,0,-1,\r"
    data = open_dataset(written(tmp_path / "a.ibw", curve(), note=note))
    assert data.segment.values.tolist() == ["approach", "pause", "retract"]
    assert data.sample_count.values.tolist() == [[10, 4, 6]]


def test_drive_alone_is_the_height_and_volts_need_the_sensitivity(tmp_path):
    columns = {"Raw": curve()["Raw"], "DeflV": curve()["Defl"] / 4e-8}
    data = open_dataset(written(tmp_path / "a.ibw", columns, kind=4))
    assert "height_drive" not in data
    np.testing.assert_allclose(data.height.values[0, 0, :12], -columns["Raw"][:12])
    np.testing.assert_allclose(data.deflection.values[0, 0, :12], curve()["Defl"][:12], rtol=1e-12)


def test_missing_calibration_is_unknown(tmp_path):
    data = open_dataset(written(tmp_path / "a.ibw", curve(), note="SpringConstant: nan\r" + SEGMENTS))
    assert np.isnan(data.spring_constant).all()
    assert np.isnan(data.sensitivity).all()
    assert "force" not in data
    assert "deflection" in data


@pytest.mark.parametrize(("changes", "error", "words"), [
    ({"shape": (20, 2, 0, 0)}, CorruptFile, "contradict each other"),
    ({"shape": (2_000_000_000, 3, 0, 0)}, CorruptFile, "contradict each other"),
    ({"shape": (-20, -3, 0, 0)}, CorruptFile, "contradict each other"),
    ({"shape": (5, 4, 3, 0)}, Unsupported, "an image"),
    ({"step": 0.0}, CorruptFile, "time step"),
    ({"step": float("nan")}, CorruptFile, "time step"),
    ({"note": NOTE}, Unsupported, "Indexes"),
    ({"note": NOTE + "Indexes: 0,12,25\rDirection: NaN,1,-1,\r"}, CorruptFile, "do not divide 20 samples"),
    ({"note": NOTE + "Indexes: 0,12,19\rDirection: NaN,1,7,\r"}, CorruptFile, "do not divide"),
    ({"note": NOTE + "Indexes: 0,19,12,19\rDirection: NaN,1,0,-1,\r"}, CorruptFile, "do not divide"),
    ({"note": NOTE + "Indexes: 0,x,19\rDirection: NaN,1,-1,\r"}, CorruptFile, "do not divide"),
])
def test_contradictions_are_named(tmp_path, changes, error, words):
    path = written(tmp_path / "a.ibw", curve(), **changes)
    with pytest.raises(error, match=words) as caught:
        igor.open_curves(path)
    assert str(path) in str(caught.value)


def test_foreign_waves_say_what_they_hold(tmp_path):
    with pytest.raises(Unsupported, match="it has Amp, Phase"):
        igor.open_curves(written(tmp_path / "a.ibw", {"Amp": np.ones(20), "Phase": np.ones(20)}))
    (tmp_path / "old.ibw").write_bytes(b"\x02\0" + bytes(500))
    with pytest.raises(Unsupported, match="version 2"):
        igor.open_curves(tmp_path / "old.ibw")
    (tmp_path / "text.ibw").write_bytes(b"not a wave" * 60)
    with pytest.raises(CorruptFile, match="not an Igor binary wave"):
        igor.open_curves(tmp_path / "text.ibw")


def test_every_flipped_bit_of_the_headers_is_noticed(tmp_path):
    """The checksum: no single flipped bit of the 384 header bytes goes unnoticed."""
    whole, path = wave(curve()), tmp_path / "flipped.ibw"
    for position in range(384):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(ReadError, match=r"flipped\.ibw"):
            igor.open_curves(path)


def test_truncation_anywhere_is_an_error_that_names_the_file(tmp_path):
    whole, path = wave(curve()), tmp_path / "cut.ibw"
    for size in range(1, len(whole), 23):
        path.write_bytes(whole[:size])
        with pytest.raises(ReadError, match=r"cut\.ibw"):
            igor.open_curves(path)


def test_matches_waves_by_checksum_and_by_name():
    assert igor.matches(wave(curve()), "no_ending")
    assert igor.matches(b"", "a.ibw")
    assert not igor.matches(b"\x05\0" + bytes(range(1, 200)) * 3, "a.dat")
    assert not igor.matches(b"\x05\0", "a.dat")
    assert not igor.matches(bytes(600), "a.dat")


def test_agrees_with_afmformats_to_single_precision():
    """The wave is of 32-bit floats: heights are equal, forces to the rounding of the oracle's product."""
    afmformats = pytest.importorskip("afmformats")
    path = shared_data(CURVE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = afmformats.load_data(path)[0]
    curves = igor.open_curves(path)
    height, drive, deflection = (np.concatenate(curves.channels[name](0))
                                 for name in ("height", "height_drive", "deflection"))
    np.testing.assert_array_equal(height, theirs["height (measured)"])
    np.testing.assert_array_equal(drive, theirs["height (piezo)"])
    np.testing.assert_allclose(deflection * curves.spring_constant, theirs["force"], rtol=2 ** -23)
    assert curves.spring_constant == theirs.metadata["spring constant"] == 1.1841
    assert curves.sensitivity == theirs.metadata["sensitivity"] == 4.499e-8
    assert curves.attrs["setpoint"] == theirs.metadata["setpoint"]


def test_measured_curve_physics():
    """16.7 nN is the lowest stored force; 12.8 nN of it are pull-off, the rest is the detector's offset."""
    path = shared_data(CURVE)
    data = to_dataset(igor.open_curves(path), str(path)).load()
    force, height = data.force.values[0], data.height.values[0]
    assert data.sample_count.values.tolist() == [[1008, 1008]]
    assert height[0, 0] > height[0, -1]
    assert height[1, 0] < height[1, -1]
    assert force[1].min() == pytest.approx(-16.7e-9, rel=5e-3)
    baseline = np.median(force[0, :250])
    assert baseline - force[1].min() == pytest.approx(12.84e-9, rel=2e-3)
    assert force[0].max() - baseline == pytest.approx(float(data.attrs["setpoint"]), rel=0.02)
    assert data.time.values[0, 1, -1] == pytest.approx(2015 / 2000)


def test_channels_are_read_when_asked_for(monkeypatch):
    path = shared_data(CURVE)
    data = to_dataset(igor.open_curves(path), str(path))
    read, fromfile = [], np.fromfile

    def counted(*args, **kwargs):
        words = fromfile(*args, **kwargs)
        read.append(words.nbytes)
        return words
    monkeypatch.setattr(np, "fromfile", counted)
    data.height.load()
    assert read == [2016 * 4]

"""HDF5 of afmformats: against afmformats itself, and files made here."""

import h5py
import numpy as np
import pytest

from asperity.data import trial
from asperity.data.curves import to_dataset
from asperity.data.readers._errors import CorruptFile, NotRecognized
from asperity.data.readers.force_curves import afmformats_hdf5
from tests.conftest import shared_data

FILE = "force/other_afm/fmt-hdf5-fd_version_0.13.3.h5"


def make_file(path, n_curves=3, segments=(30, 20), mode="force-distance", **overrides):
    """Curves of a straight contact line; curve i lies at column i, row 7."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"software": "afmformats", "software version": "0.18.7"})
        for i in range(n_curves):
            total = sum(segments)
            group = file.create_group(str(i))
            group.attrs.update({"imaging mode": mode, "spring constant": 0.1 + i, "sensitivity": 5e-8,
                                "grid index x": i, "grid index y": 7,
                                "position x": 1e-6 * i, "position y": 2e-6,
                                "session id": "s1", "curve id": f"c{i}", "enum": i})
            t = np.linspace(0, 1, total)
            height = 1e-6 * np.abs(2 * t - 1)
            columns = {"force": 1e-9 * (1 + i) * (1 - height * 1e6), "height (measured)": height,
                       "time": t, "segment": np.repeat(np.arange(len(segments)), segments).astype("u1")}
            for name, values in (columns | overrides).items():
                if values is not None:
                    group.create_dataset(name, data=values, compression="gzip").attrs["unit"] = \
                        {"force": "N", "time": "s", "segment": ""}.get(name, "m")
    return path


def opened(path):
    return to_dataset(afmformats_hdf5.open_curves(path), str(path))


def test_agrees_with_afmformats_exactly():
    afmformats = pytest.importorskip("afmformats")
    path = shared_data(FILE)
    theirs = afmformats.load_data(path)[0]
    ours = opened(path).isel(curve=0).load()
    for name, column in (("force", "force"), ("height", "height (measured)"),
                         ("height_drive", "height (piezo)"), ("time", "time")):
        own = np.concatenate([s[: int(n)] for s, n in zip(ours[name].values, ours.sample_count.values)])
        np.testing.assert_array_equal(own, theirs[column])
    assert float(ours.spring_constant) == theirs.metadata["spring constant"]
    assert float(ours.sensitivity) == theirs.metadata["sensitivity"]
    assert float(ours.x) == theirs.metadata["position x"]
    assert ours.sample_count.values.tolist() == [5396, 2400]


def test_what_afmformats_writes_comes_back(tmp_path):
    afmformats = pytest.importorskip("afmformats")
    theirs = afmformats.load_data(shared_data(FILE))[0]
    path = tmp_path / "again.h5"
    with h5py.File(path, "w") as file:
        theirs.export_data(file, fmt="hdf5", metadata=True)
    np.testing.assert_array_equal(opened(path).force.values, opened(shared_data(FILE)).force.values)


def test_many_curves_keep_their_own_calibration_and_place(tmp_path):
    data = opened(make_file(tmp_path / "m.h5", n_curves=12))
    np.testing.assert_allclose(data.spring_constant, 0.1 + np.arange(12))
    assert data.column.values.tolist() == list(range(12))  # by number: 2 before 10
    assert set(data.row.values.tolist()) == {7}
    assert set(data.session.values.tolist()) == {"s1"}
    largest = data.force.max(("segment", "sample")) / 1e-9
    np.testing.assert_allclose(largest, 0.98 * (1 + np.arange(12)), rtol=0.02)


def test_three_segments_are_approach_pause_retract(tmp_path):
    data = opened(make_file(tmp_path / "m.h5", segments=(30, 10, 20), mode="creep-compliance"))
    assert data.segment.values.tolist() == ["approach", "pause", "retract"]
    assert data.sample_count.values.tolist() == [[30, 10, 20]] * 3


def test_drive_height_stands_in_for_a_missing_sensor(tmp_path):
    piezo = np.linspace(1e-6, 0, 50)
    data = opened(make_file(tmp_path / "m.h5", **{"height (measured)": None, "height (piezo)": piezo}))
    np.testing.assert_array_equal(data.height.values[0, 0, :30], piezo[:30])
    assert "height_drive" not in data


@pytest.mark.parametrize(("overrides", "message"), [
    ({"force": np.full(50, np.nan)}, "infinite values"),
    ({"force": np.zeros(49)}, "different lengths"),
    ({"force": None}, "needs a force"),
    ({"segment": None}, "no 'segment'"),
    ({"segment": np.tile([0, 1], 25)}, "segment numbers"),
    ({"segment": np.full(50, 9)}, "segment numbers"),
    ({"time": np.linspace(1, 0, 50)}, "the time falls"),
])
def test_damage_names_curve_and_cause(tmp_path, overrides, message):
    path = make_file(tmp_path / "m.h5", **overrides)
    with pytest.raises(CorruptFile, match=message):
        opened(path).load()


def test_declared_size_without_data_is_refused(tmp_path):
    path = make_file(tmp_path / "m.h5", n_curves=1)
    with h5py.File(path, "a") as file:
        del file["0/force"]
        file["0"].create_dataset("force", shape=(10**12,), dtype="f8", chunks=(4096,))
    with pytest.raises(CorruptFile, match="force' in it declares 8000000000000 bytes"):
        opened(path)


def last_text(content):
    """The position of the last text in the file's global heap, its header included."""
    start = content.find(b"GCOL")
    at = following = start + 16
    while int.from_bytes(content[following : following + 2], "little"):
        at, size = following, int.from_bytes(content[following + 8 : following + 16], "little")
        following = at + 16 + (size + 7) // 8 * 8
    return at


def test_a_bit_that_makes_the_library_hang_costs_seconds_not_the_program(tmp_path, monkeypatch):
    """Found by fuzzing: libhdf5 2.0.0 walks an empty gap of the heap for ever."""
    path = make_file(tmp_path / "m.h5")
    content = bytearray(path.read_bytes())
    content[last_text(content) + 8] ^= 64
    path.write_bytes(content)
    monkeypatch.setattr(trial, "CPU_SECONDS", 1.0)
    with pytest.raises(CorruptFile, match=r"does not return|crashes|not a readable HDF5 file"):
        opened(path)


def test_foreign_hdf5_is_named_as_such(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["image"] = np.zeros((4, 4))
    with pytest.raises(NotRecognized, match="not one that afmformats wrote"):
        opened(path)


def test_truncated_file_is_refused(tmp_path):
    path = make_file(tmp_path / "m.h5")
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(CorruptFile, match="not a readable HDF5 file"):
        opened(path)

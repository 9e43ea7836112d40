"""The door to every file: what passes it, what does not, and the trial of what could break the library."""

import hashlib
import os
import signal
import socket
import threading
import time
import zlib

import h5py
import numpy as np
import pytest
import xarray as xr

from asperity.data import opening, store, trial
from asperity.data.provenance import file_record
from asperity.data.readers._errors import CorruptFile, ReadError
from asperity.virtual.force_map import virtual_map
from tests.data.readers.force_curves.test_afmformats_hdf5 import last_text, make_file


@pytest.fixture(scope="module")
def truth():
    return virtual_map(rows=2, columns=2, samples=64)


@pytest.fixture
def fresh(monkeypatch):
    """No file has passed yet, and a process of its own for this test."""
    monkeypatch.setattr(trial, "_known", {})
    monkeypatch.setattr(trial, "_running", {})
    yield
    trial._end_own()


# ---------------------------------------------------------------- regular files

def test_what_is_read_is_what_is_there(tmp_path):
    path = tmp_path / "ä ö 日本.bin"
    content = np.arange(1000, dtype="<i4")
    path.write_bytes(content.tobytes())
    (tmp_path / "link").symlink_to(path)  # people link their data; the file behind it is regular
    for name in (path, tmp_path / "link"):
        assert opening.read_bytes(name, 4000) == content.tobytes()
        assert opening.read_head(name) == content.tobytes()[:4096]
        np.testing.assert_array_equal(opening.array(name, "<i4", 10, 400), content[100:110])
        np.testing.assert_array_equal(opening.mapped_array(name, "<i4", (10, 100), 0), content.reshape(10, 100))
        with opening.mapped(name) as mapped:
            assert mapped[:8] == content.tobytes()[:8]
        with opening.stream(name) as stream:
            assert stream.read() == content.tobytes()
    assert opening.array(path, "<i4", 10, 3980).tolist() == [995, 996, 997, 998, 999]
    assert opening.array(path, "<i4", 10**15, 4001).size == 0
    with pytest.raises(ReadError, match="more than"):
        opening.read_bytes(path, 3999)


def special(folder, kind):
    path = folder / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(os.path.relpath(path))
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind in ("zero", "tty"):
        path.symlink_to(f"/dev/{kind}")
    elif kind == "holes":
        with open(path, "wb") as stream:
            stream.truncate(2**40)
    return path


@pytest.mark.parametrize(("kind", "reason"), [
    ("pipe", "not a regular file but a pipe"), ("socket", "not a regular file but a socket"),
    ("folder", "not a regular file but a folder"), ("zero", "not a regular file but a device"),
    ("tty", "not a regular file but a device"), ("loop", "cannot be opened"),
    ("missing", "cannot be opened"), ("holes", "almost all holes"), ("new\nline", "control characters"),
    ("not\udcfftext", "no text"), ("nul\0", "control characters")])
@pytest.mark.parametrize("through", [
    opening.check, opening.stream, opening.read_head, lambda path: opening.read_bytes(path, 100),
    lambda path: opening.array(path, "u1", 4, 0), lambda path: opening.mapped_array(path, "u1", (4,), 0),
    lambda path: opening.mapped(path).__enter__(), lambda path: opening.hdf5(path).__enter__(), opening.netcdf,
    opening.zarr, file_record])
def test_only_regular_files_pass(kind, reason, through, tmp_path):
    path = special(tmp_path, kind)
    if through is file_record and kind == "folder":
        assert file_record(path)["bytes"] == 0  # an empty store
    elif through is not opening.zarr or kind != "folder":
        with pytest.raises(ReadError, match=reason) as caught:
            through(path)
        assert "\n" not in str(caught.value)
        str(caught.value).encode()


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    """The rights are those of root where tests run as root: the system's answer is put in its place."""
    path = tmp_path / "a.csv"
    path.write_text("1")
    monkeypatch.setattr(os, "open", lambda *args: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(ReadError, match=r"cannot be opened \(Permission denied\)"):
        opening.stream(path)
    monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(ReadError, match="a folder that may not be searched"):
        opening.check(tmp_path)


def test_members_of_a_store_are_its_own(tmp_path, truth):
    path = store.save(truth, tmp_path / "a.zarr")
    files = opening.members(path)
    assert files == sorted(p for p in path.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(path).as_posix().encode() + b"\0" + file.read_bytes())
    assert file_record(path)["sha256"] == digest.hexdigest()
    (path / "force" / "more").symlink_to(tmp_path)
    with pytest.raises(CorruptFile, match="'more' in it is a link"):
        opening.members(path)


# ---------------------------------------------------------------- the trial

def test_a_healthy_file_passes_and_costs_nothing_again(tmp_path, truth, fresh, monkeypatch):
    asked = []
    original = trial._asked
    monkeypatch.setattr(trial, "_asked", lambda request, patience: asked.append(1) or original(request, patience))
    for ending in store.ENDINGS:
        path = store.save(truth, tmp_path / f"a{ending}")
        for _ in range(2):
            xr.testing.assert_identical(store.load(path), store.load(path))
    assert len(asked) == 2


def test_a_file_that_has_changed_is_tried_again(tmp_path, truth, fresh):
    path = store.save(truth, tmp_path / "a.nc")
    store.load(path)
    with h5py.File(path, "a") as file:
        del file["force"]
        file["force"] = h5py.ExternalLink("other.nc", "/force")
    with pytest.raises(store.StoreError, match="'force' in it is a link to another file"):
        store.load(path)


def test_a_busy_machine_makes_no_healthy_file_damaged(tmp_path, truth, fresh, monkeypatch):
    """The clock goes on while the trial stands still; its processor time does not."""
    monkeypatch.setattr(trial, "CPU_SECONDS", 0.5)
    path = store.save(truth, tmp_path / "a.nc")
    process = trial._process()
    os.killpg(process.pid, signal.SIGSTOP)
    again = threading.Timer(2.5, os.killpg, [process.pid, signal.SIGCONT])
    again.start()
    start = time.monotonic()
    assert opening.netcdf(path).sizes["curve"] == 4
    assert time.monotonic() - start > 2.4
    again.join()


def test_a_file_that_spins_costs_its_processor_time(tmp_path, truth, fresh, monkeypatch):
    """Found by fuzzing: libhdf5 2.0.0 walks an empty gap of the heap for ever. The next file is read as ever."""
    monkeypatch.setattr(trial, "CPU_SECONDS", 0.5)
    path = make_file(tmp_path / "m.h5")
    content = bytearray(path.read_bytes())
    content[last_text(content) + 8] ^= 64
    path.write_bytes(content)
    before = time.process_time()
    with pytest.raises(CorruptFile, match=r"return from it within 1 s of processor time|crashes|not a readable"):
        opening.hdf5(path).__enter__()
    assert time.process_time() - before < 0.5
    assert opening.netcdf(store.save(truth, tmp_path / "a.nc")).sizes["curve"] == 4


@pytest.mark.parametrize(("script", "reason"), [
    ("import sys, os\nsys.stdin.readline()\nos.abort()", r"crashes on it \(signal 6\)"),
    ("import sys\nsys.stdin.readline()\nprint('{\"signal\": 24}')", "does not return from it within 6 s of processor"),
    ("import sys\nsys.stdin.readline()\nprint('{\"signal\": 11}')", r"crashes on it \(signal 11\)"),
    ("import time\ntime.sleep(60)", "stands still")])
def test_what_ends_the_other_process_is_said(tmp_path, truth, fresh, monkeypatch, script, reason):
    path = store.save(truth, tmp_path / "a.nc")
    (tmp_path / "script.py").write_text(script)
    with monkeypatch.context() as patch:
        if "sleep" in script:
            patch.setattr(trial, "PATIENCE", 0.1)
        patch.setattr(trial, "_SCRIPT", tmp_path / "script.py")
        with pytest.raises(CorruptFile, match=reason):
            opening.netcdf(path)
        trial._end_own()
    trial._known.clear()
    assert opening.netcdf(path).sizes["curve"] == 4


def test_a_bomb_in_one_chunk_of_hdf5_does_not_fit_into_the_trial(tmp_path, truth, fresh, monkeypatch):
    """Deflate tells no size: 64 MB of zeros in 64 KB, where 4 KB are announced."""
    monkeypatch.setattr(trial, "MEMORY", 48 * 2**20)
    path = store.save(truth.drop_vars("force"), tmp_path / "a.nc")
    assert opening.netcdf(path)
    with h5py.File(path, "a") as file:
        force = file.create_dataset("force", (4, 2, 64), "f8", chunks=(4, 2, 64), compression="gzip")
        force.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(2**26)))
    with pytest.raises(CorruptFile, match="unpacks to more than the 4096 bytes"):
        opening.netcdf(path)


@pytest.mark.parametrize("tracked", [True, False])
def test_a_damaged_index_does_not_hide_what_leads_out_of_a_file(tmp_path, tracked):
    """The trial went no further where the header of the root could not be read; h5py does."""
    path, other = tmp_path / "a.h5", tmp_path / "other.bin"
    other.write_bytes(bytes(80))
    with h5py.File(path, "w", libver="latest", track_order=tracked) as file:
        file.create_dataset("taken", shape=(10,), dtype="f8", external=[(str(other), 0, 80)])
        for i in range(12):  # so many that they have an index
            file.attrs[f"a{i}"] = "x" * 200
    content = bytearray(path.read_bytes())
    content[content.index(b"BTHD") + 6] ^= 1
    path.write_bytes(content)
    with h5py.File(path) as file:
        assert file["taken"].shape == (10,)
    with pytest.raises(CorruptFile, match="takes its data from another file"), opening.hdf5(path):
        pass

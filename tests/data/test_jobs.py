"""A job goes on where it was, mixes nothing in, and belongs to one process at a time."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from asperity.data import disk, jobs, lock, store
from tests.disk_faults import faults

JOB = {"model": {"name": "hertz", "radius": 5e-6}, "batch": 4, "inputs": [{"file": "a", "sha256": "0"}]}
OTHER = JOB | {"model": {"name": "hertz", "radius": 6e-6}}
SIZES = (4, 4, 2)


def made(number, factor=1.0):
    """The result of one chunk, with everything that a result may hold."""
    curves = SIZES[number]
    flag = xr.Variable("curve", np.arange(curves, dtype=np.int8) % 2,
                       {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "converged misfit"})
    values = factor * np.random.default_rng(number).normal(size=(curves, 3))
    return xr.Dataset({"force": (("curve", "point"), values, {"units": "N"}), "flag": flag,
                       "usable": ("curve", flag.values == 0), "scale": ((), 2.5)},
                      coords={"curve": np.arange(curves), "file": ("curve", [f"Zürich 日本 {number}"] * curves)},
                      attrs={"n": 3, "k": 0.25, "why": "[]"})


class Work:
    """`made`, which counts its calls and may be interrupted after some."""

    def __init__(self, until=None, factor=1.0):
        self.calls, self.until, self.factor = [], until, factor

    def __call__(self, number):
        if len(self.calls) == self.until:
            raise KeyboardInterrupt
        self.calls.append(number)
        return made(number, self.factor)


def done(folder, work, job=JOB, **how):
    with jobs.run(job, SIZES, work, folder=folder, **how) as chunks:
        return list(chunks)


def assert_same(found, factor=1.0):
    assert len(found) == len(SIZES)
    for number, one in enumerate(found):
        wanted = made(number, factor)
        xr.testing.assert_identical(one, wanted)
        assert {n: one[n].dtype for n in one.variables} == {n: wanted[n].dtype for n in wanted.variables}
        assert one["flag"].attrs["flag_values"].dtype == np.int8
        assert [type(value) for value in one.attrs.values()] == [int, float, str]


@pytest.mark.parametrize("kept", [True, False])
def test_every_chunk_comes_back_in_order(tmp_path, kept):
    told = []
    assert_same(done(tmp_path / "a/b" if kept else None, Work(), progress=lambda *args: told.append(args)))
    assert told == [(0, 10), (4, 10), (8, 10), (10, 10)]
    assert [path.name for path in (tmp_path / "a/b").glob("*")] == ["chunks"] * kept
    assert not list(tmp_path.rglob(".*"))


def test_job_goes_on_where_it_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        done(tmp_path, Work(until=2))
    assert jobs.finished_chunks(tmp_path / "chunks") == [0, 1]
    told, again = [], Work()
    assert_same(done(tmp_path, again, progress=lambda *args: told.append(args)))
    assert again.calls == [2]
    assert told == [(8, 10), (10, 10)]


def test_another_job_is_refused_and_says_what_differs(tmp_path):
    done(tmp_path, Work())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(store.StoreError, match=r"model: .*5e-06.* there, .*6e-06.* now.*--restart"):
        done(tmp_path, Work(), OTHER)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert_same(done(tmp_path, again := Work(factor=2.0), OTHER, restart=True), factor=2.0)
    assert again.calls == [0, 1, 2]
    assert done(tmp_path, again := Work(), OTHER)
    assert again.calls == []


def test_a_result_of_another_size_than_planned_is_a_defect(tmp_path):
    with pytest.raises(ValueError, match="chunk 0 has 2 curves, 4 are planned"):
        done(tmp_path, lambda number: made(2))


def test_a_second_run_says_who_is_there_and_changes_nothing(tmp_path):
    seen = []

    def second(number):
        """Within the first job, in its process, from another thread: as another process, but quick."""
        from threading import Thread

        def other():
            for restart in (False, True):
                before = sorted(tmp_path.rglob("*"))
                with pytest.raises(store.StoreError) as caught:
                    done(tmp_path, Work(factor=2.0), OTHER, restart=restart)
                seen.append(str(caught.value))
                assert sorted(tmp_path.rglob("*")) == before
        thread = Thread(target=other)
        thread.start()
        thread.join()
        return made(number)

    assert_same(done(tmp_path, second))
    assert len(seen) == 2 * len(SIZES)
    assert all("works there since" in line and "Wait for it, or give another --out" in line for line in seen)
    assert not (tmp_path / lock.LOCK).exists()
    assert json.loads((tmp_path / "chunks/job.json").read_text())["model"] == JOB["model"]


def test_a_chunk_of_another_job_is_made_again(tmp_path, caplog):
    """Two radii in one folder gave a mixture under the history of one."""
    done(tmp_path / "a", Work())
    done(tmp_path / "b", Work(factor=2.0), OTHER)
    foreign = jobs.chunk_file(tmp_path / "b/chunks", 1).read_bytes()
    jobs.chunk_file(tmp_path / "a/chunks", 1).write_bytes(foreign)
    with caplog.at_level("WARNING", "asperity"):
        assert_same(done(tmp_path / "a", again := Work()))
    assert again.calls == [1]
    assert "1 chunks are made again: chunk-000001.npz (of another job)" in caplog.text


def test_exchanged_chunks_are_made_again(tmp_path):
    done(tmp_path, Work())
    first, second = (jobs.chunk_file(tmp_path / "chunks", number) for number in (0, 1))
    second.write_bytes(first.read_bytes())
    assert_same(done(tmp_path, again := Work()))
    assert again.calls == [1]


def test_fewer_chunks_than_planned_are_no_result(tmp_path):
    """A run that was stopped, or whose chunks another removed, gave 12 of 32 curves."""
    with jobs.run(JOB, SIZES, Work(), folder=tmp_path) as chunks:
        jobs.chunk_file(tmp_path / "chunks", 2).unlink()
        with pytest.raises(store.StoreError, match=r"chunk-000002.npz: .*run the same command again"):
            list(chunks)


@pytest.mark.parametrize("spoil", [
    pytest.param(lambda path: path.write_bytes(b""), id="empty"),
    pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-500]), id="cut"),
    pytest.param(lambda path: path.write_bytes(b"PK\x03\x04 something else"), id="foreign"),
    pytest.param(lambda path: (path.unlink(), path.symlink_to("chunk-000001.npz")), id="link"),
    pytest.param(lambda path: (path.unlink(), path.symlink_to(path.name)), id="link to itself"),
    pytest.param(lambda path: (path.unlink(), os.mkfifo(path)), id="pipe"),
])
def test_a_chunk_that_is_none_is_made_again(tmp_path, spoil, caplog):
    done(tmp_path, Work())
    spoil(jobs.chunk_file(tmp_path / "chunks", 0))
    with caplog.at_level("WARNING", "asperity"):
        assert_same(done(tmp_path, again := Work()))
    assert again.calls == [0]
    assert "chunk-000000.npz" in caplog.text
    assert done(tmp_path, again := Work())
    assert again.calls == []


def test_a_folder_in_the_place_of_a_chunk_is_named(tmp_path):
    done(tmp_path, Work())
    path = jobs.chunk_file(tmp_path / "chunks", 0)
    path.unlink()
    path.mkdir()
    with pytest.raises(store.StoreError, match=r"chunk-000000.npz: not written \(Is a directory, .*in the way"):
        done(tmp_path, Work())


@pytest.mark.parametrize("text", ["", '{"model": {"na', "[1, 2]", "\x00\x01", "\udcff"])
def test_a_damaged_job_says_what_to_do(tmp_path, text):
    done(tmp_path, Work())
    manifest = tmp_path / "chunks/job.json"
    manifest.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(store.StoreError, match=r"job.json: damaged \(.*Delete it and run the same command again"):
        done(tmp_path, Work())
    manifest.unlink()
    assert_same(done(tmp_path, again := Work()))
    assert again.calls == []
    manifest.write_text(text.replace("\udcff", ""))
    assert_same(done(tmp_path, again := Work(), restart=True))
    assert again.calls == [0, 1, 2]


@pytest.mark.parametrize("put", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_a_pipe_in_place_of_a_job_is_not_waited_for(tmp_path, put):
    done(tmp_path, Work())
    (tmp_path / "chunks/job.json").unlink()
    put(tmp_path / "chunks/job.json")
    with pytest.raises(store.StoreError, match=r"job.json: damaged \(not a file\). Delete it"):
        done(tmp_path, Work())


def test_chunks_without_a_name_of_their_job_are_not_thrown_away(tmp_path):
    done(tmp_path, Work())
    (tmp_path / "chunks/job.json").unlink()
    with pytest.raises(store.StoreError, match=r"chunks of another analysis \(chunk-000000.npz\) but no job.json"):
        done(tmp_path, Work(), OTHER)
    assert jobs.finished_chunks(tmp_path / "chunks") == [0, 1, 2]


def test_strange_names_are_left_alone_and_named(tmp_path, caplog):
    done(tmp_path, Work())
    names = ["chunk-000001 (copy).npz", "chunk-000099.npz", "chunk-abc.npz", "notes.txt"]
    for name in names:
        (tmp_path / "chunks" / name).write_bytes(b"mine")
    with caplog.at_level("WARNING", "asperity"):
        assert_same(done(tmp_path, Work()))
    assert "4 files there are not of this job and are left alone" in caplog.text
    assert all((tmp_path / "chunks" / name).read_bytes() == b"mine" for name in names)


def test_every_changed_byte_of_a_chunk_is_noticed(tmp_path):
    done(tmp_path, Work())
    path = jobs.chunk_file(tmp_path / "chunks", 2)
    whole = path.read_bytes()
    chunks = jobs.Chunks(tmp_path / "chunks", mark_of(tmp_path), SIZES)
    xr.testing.assert_identical(chunks[2], made(2))
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1:])
        with pytest.raises(store.StoreError, match="damaged"):
            chunks[2]


def mark_of(folder):
    with jobs.run(JOB, SIZES, Work(), folder=folder) as chunks:
        return chunks.mark


def test_results_of_another_job_go_before_the_new_one_begins(tmp_path):
    done(tmp_path, Work())
    for name in jobs.RESULTS:
        (tmp_path / name).write_text("old")
    seen = []
    done(tmp_path, lambda number: seen.append(sorted(p.name for p in tmp_path.iterdir())) or made(number), OTHER,
         restart=True)
    assert seen == [[lock.LOCK, "chunks"]] * len(SIZES)


def test_what_killed_runs_left_is_cleared_away(tmp_path):
    """Temporary files and folders of processes that have ended; those of living ones stay."""
    ended = subprocess.run([sys.executable, "-c", MARK], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "chunks").mkdir()
    with disk.marked() as alive:
        for place, mark in ((tmp_path, ended), (tmp_path / "chunks", ended), (tmp_path, alive)):
            (place / f".results.nc.{mark}.tmp").write_bytes(b"half")
        (tmp_path / f".results.zarr.{ended}.tmp/c/0").mkdir(parents=True)
        (tmp_path / ".results.nc.tmp").write_bytes(b"of somebody else")
        done(tmp_path, Work())
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
            [f".results.nc.{alive}.tmp", ".results.nc.tmp", "chunks"])
    assert not list((tmp_path / "chunks").glob(".*"))


MARK = "from asperity.data import disk\nwith disk.marked() as mark: print(mark)"


def test_errors_and_kills_at_file_events_lose_and_mix_nothing(tmp_path):
    """Every sixth event for each of: disk full, disk broken, process killed; `make verify` takes all of them."""
    head, *rows = faults("loop", tmp_path, "--every", "6")
    assert len(head["events"]) > 40
    assert head["made"] == 3
    assert len(rows) >= len(head["events"]) / 2 - 3
    assert {row["mode"] for row in rows} == {"full", "broken", "killed"}
    wrong = [row for row in rows if row["code"] or row["lost"] or row["mixed"] or row["left"]]
    assert not wrong
    assert any("No space left on device: make room there" in row["line"] for row in rows)
    assert all(row["again"] == 3 - row["kept"] for row in rows)

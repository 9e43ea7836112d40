"""A job goes on where it was, mixes nothing in, and belongs to one process at a time."""

import json

import numpy as np
import pytest
import xarray as xr

from asperity.data import jobs, lock, store

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

"""Workers change no number: whatever they are given, lose or find changed."""

import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity.contact import Hertz
from asperity.data import jobs, provenance, store
from asperity.data.readers._errors import ReadError
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves import analyze as analyzing
from asperity.measurements.force_curves import tasks
from asperity.messages import ArgumentError
from asperity.virtual.force_map import virtual_map
from tests import poison, simple_fit
from tests.data.readers.force_curves.jpk_archives import build_map
from tests.test_cli import run

MODEL = {"name": "hertz", "radius": 5e-6}
SIZES = {"a": 15, "b": 2, "c": 3, "d": 1}
BATCH = 4
CHUNKS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A session that is in four chunks, and three that lie within one (which two of them share)."""
    place = tmp_path_factory.mktemp("curves")
    for i, (name, curves) in enumerate(SIZES.items()):
        one = virtual_map(rows=1, columns=curves, samples=128, seed=i)
        store.save(one.assign_coords(session=("curve", [f"session {name}"] * curves)), place / f"{name}.nc")
    return place


@pytest.fixture
def stand_in(monkeypatch):
    """A plain fit, and a plain page."""
    monkeypatch.setitem(sys.modules, "asperity.measurements.force_curves.fit_curves", simple_fit)
    simple_fit.plain_page(monkeypatch)


@pytest.fixture
def in_workers(monkeypatch, stand_in):
    """The same in workers, which a curve may kill there."""
    monkeypatch.setattr(tasks, "do", poison.do)


def chunks_of(out):
    """Chunk -> its arrays, as they are stored."""
    found = {}
    for number in jobs.finished_chunks(out / "chunks"):
        with np.load(jobs.chunk_file(out / "chunks", number)) as archive:
            found[number] = {name: archive[name].tobytes() for name in archive.files}
    return found


def same(left, right):
    """Whether two results are equal but for the time in their history."""
    xr.testing.assert_identical(left.drop_attrs(deep=False), right.drop_attrs(deep=False))
    steps = [provenance.history(one)[0] | {"time": ""} for one in (left, right)]
    return steps[0] == steps[1]


def test_two_workers_give_the_chunks_of_one_process_bit_for_bit(folder, tmp_path):
    serial = asperity.analyze(folder, MODEL, out=tmp_path / "serial", batch=BATCH)
    told = []
    shared = asperity.analyze(folder, MODEL, out=tmp_path / "shared", batch=BATCH, workers=2,
                              progress=lambda *numbers: told.append(numbers))
    assert len(chunks_of(tmp_path / "serial")) == CHUNKS
    assert chunks_of(tmp_path / "shared") == chunks_of(tmp_path / "serial")
    assert same(shared, serial)
    assert told[0] == (0, 21)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (21, 21)
    assert not (tmp_path / "shared/chunks" / jobs.PLAN).exists()


def test_planned_chunks_are_done_anywhere_and_gathered(folder, tmp_path, stand_in):
    """One by one, in any order, one of them twice: the same command gathers them, and does the one that is missing."""
    out = tmp_path / "o"
    words = ["analyze", folder, "--radius", "5um", "--batch", BATCH, "--out", out]
    code, said, err = run(*words, "--plan-only")
    assert code == 0, err
    assert f"6 chunks are planned in {out}" in said
    assert "asperity work --job" in said
    for number in (5, 0, 2, 3, 2, 1):
        code, said, err = run("work", "--job", out, "--chunk", number)
        assert code == 0, err
        assert said.strip().endswith(f"chunk-00000{number}.npz")
    before = {number: jobs.chunk_file(out / "chunks", number).stat().st_ino for number in (0, 1, 2, 3, 5)}
    assert run(*words)[0] in (0, 1)
    assert {number: jobs.chunk_file(out / "chunks", number).stat().st_ino for number in before} == before
    assert not (out / "chunks" / jobs.PLAN).exists()
    serial = asperity.analyze(folder, MODEL, out=tmp_path / "serial", batch=BATCH)
    assert chunks_of(out) == chunks_of(tmp_path / "serial")
    assert same(store.load(out / "results.nc"), serial)


def test_who_gathers_says_what_could_not_be_read(tmp_path, stand_in):
    """Once, whoever did the chunk and in whose log it was said then; the page and the results name it, too."""
    path = damaged(build_map(tmp_path / "m.jpk-force-map", {i: (300, 30) for i in range(5)}, ("extend", "retract")), 3)
    out = tmp_path / "o"
    words = ["analyze", path, "--radius", "5um", "--batch", 2, "--out", out]
    assert run(*words, "--plan-only")[0] == 0
    line = f"curve 3 of {path} cannot be read: "
    for number in range(3):
        code, _, err = run("work", "--job", out, "--chunk", number)
        assert code == 0, err
        assert err.count(line) == (number == 1)
    for more in ([], ["--workers", 2], ["--json"]):
        code, said, err = run(*words, *more)
        assert code == 1
        assert (said + err).count(line) == 1
    lost = json.loads(said)["unreadable_curves"]
    assert [(one["file"], one["curve"]) for one in lost] == [(str(path), 3)]
    assert json.loads(store.load(out / "results.nc").attrs["unreadable_curves"]) == lost
    alone = asperity.analyze(path, MODEL, batch=2)
    assert json.loads(alone.attrs["unreadable_curves"]) == lost


def damaged(path, curve):
    """A map whose file holds rubbish in the forces of one curve."""
    raw = path.read_bytes()
    place = raw.index(f"index/{curve}/segments/0/channels/vDeflection.dat".encode())
    path.write_bytes(raw[:place + 60] + b"\xff" * 40 + raw[place + 100:])
    return path


def test_work_says_what_is_missing(folder, tmp_path, stand_in):
    code, _, err = run("work", "--job", tmp_path, "--chunk", "0")
    assert code == 2
    assert "holds no planned job: plan one with" in err
    analyzing.prepare(folder, MODEL, out=tmp_path / "o", batch=BATCH)
    code, _, err = run("work", "--job", tmp_path / "o", "--block", "6")
    assert code == 2
    assert "chunk = 6: must be a whole number, from 0 to 5" in err
    manifest = tmp_path / "o/chunks/job.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"batch": 5}))
    code, _, err = run("work", "--job", tmp_path / "o", "--chunk", "0")
    assert code == 2
    assert "its plan is not that of its job" in err
    plan = tmp_path / "o/chunks" / jobs.PLAN / "plan.json"
    plan.write_text(plan.read_text().replace('"hertz"', '"cone"'))
    code, _, err = run("work", "--job", tmp_path / "o", "--chunk", "0")
    assert code == 2
    assert "plan.json: damaged. Plan the job again" in err


def test_a_curve_that_ends_the_process_is_found_and_flagged(folder, tmp_path, in_workers, monkeypatch, caplog):
    """All others are what they are where that curve cannot be read. Without a folder of its own nothing is left."""
    monkeypatch.setenv("POISON", "session a:6")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    found = asperity.analyze(folder, MODEL, batch=BATCH, workers=2)
    assert not list(tmp_path.iterdir())
    assert np.flatnonzero(found["flag"].values == Outcome.unreadable).tolist() == [6]
    assert "curve 6 of " in caplog.text
    assert json.loads(found.attrs["unreadable_curves"]) == [
        {"file": "virtual", "curve": 6, "problem": "broke the program"}]
    assert "broke the program: it is left out, as unreadable" in caplog.text
    assert caplog.text.count("a worker ended at") == 1

    def broken(source, usual=analyzing.by_session):
        for part in usual(source):
            part.broken = frozenset({6} if part.sessions[0] == "session a" else ())
            yield part

    monkeypatch.setattr(analyzing, "by_session", broken)
    assert same(found, asperity.analyze(folder, MODEL, batch=BATCH))


def test_only_what_is_missing_is_done(folder, tmp_path, in_workers, caplog):
    asperity.analyze(folder, MODEL, out=tmp_path, batch=BATCH)
    whole = chunks_of(tmp_path)
    for number in (1, 4):
        jobs.chunk_file(tmp_path / "chunks", number).unlink()
    kept = {number: jobs.chunk_file(tmp_path / "chunks", number).stat().st_ino for number in (0, 2, 3, 5)}
    told = []
    asperity.analyze(folder, MODEL, out=tmp_path, batch=BATCH, workers=2, progress=lambda *all: told.append(all))
    assert chunks_of(tmp_path) == whole
    assert {number: jobs.chunk_file(tmp_path / "chunks", number).stat().st_ino for number in kept} == kept
    assert len(told) == 3


def test_a_file_that_has_changed_since_is_refused_by_its_name(folder, tmp_path, stand_in):
    place, out = tmp_path / "curves", tmp_path / "o"
    place.mkdir()
    for file in folder.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    analyzing.prepare(place, MODEL, out=out, batch=BATCH)
    store.save(store.load(place / "d.nc").assign_attrs(note="another"), place / "d.nc")
    (place / "b.nc").unlink()
    tasks._opened.cache_clear()  # as another process
    assert tasks.work(out, 3).exists()
    with pytest.raises(ReadError, match=r"b\.nc: it is gone since the work was planned"):
        tasks.work(out, 4)
    with pytest.raises(ReadError, match=r"d\.nc: it has changed since the work was planned\. Give --restart"):
        tasks.work(out, 5)
    assert sorted(chunks_of(out)) == [3]


def test_two_that_do_one_chunk_at_once_leave_it_whole(folder, tmp_path, stand_in):
    """As a straggler and the one that took its place do; each time it is the same chunk."""
    analyzing.prepare(folder, MODEL, out=tmp_path, batch=BATCH)
    with ThreadPoolExecutor(4) as others:
        files = list(others.map(lambda _: tasks.work(tmp_path, 2), range(12)))
    assert len(set(files)) == 1
    once = chunks_of(tmp_path)
    tasks.work(tmp_path, 2)
    assert chunks_of(tmp_path) == once
    assert sorted(once) == [2]
    assert not list((tmp_path / "chunks").glob(".*"))


def test_no_workers_are_no_workers(folder):
    with pytest.raises(ArgumentError, match="workers = 0: must be a whole number, from 1"):
        asperity.analyze(folder, MODEL, workers=0)


def test_a_model_that_its_name_does_not_tell_is_refused(folder, stand_in):
    rounded = Hertz(radius=np.float32(5e-6))
    with pytest.raises(ArgumentError, match="workers know contact models by name and numbers"):
        asperity.analyze(folder, rounded, workers=2)


def test_noise_comes_back_with_every_digit():
    from asperity.learning.discrepancy import UNTESTED
    from asperity.learning.noise import SharedNoise
    from asperity.measurements.force_curves.fit_curves import Learnt

    draw = np.random.default_rng(1)
    one = SharedNoise(1024, 0, draw.normal(size=13), draw.normal(size=(13, 13)), draw.normal(size=(13, 13)) / 3, 1 / 3)
    there = Learnt(one, one._replace(excess=np.float64(np.pi)), UNTESTED)
    back = tasks._rebuilt(Learnt, json.loads(json.dumps(tasks._bare(there))))
    for own, other in zip(there[:2], back[:2]):
        assert all(np.array_equal(a, b) and np.asarray(a).dtype == np.asarray(b).dtype for a, b in zip(own, other))
    assert np.array_equal(np.array(there.model), np.array(back.model), equal_nan=True)


@pytest.mark.parametrize(("given", "said"), [
    (["--plan-only", "--workers", 2], r"workers = 2: nothing is shared out while a job is only planned"),
    (["--plan-only", "--scheduler", "tcp://127.0.0.1:8786"], "scheduler = 'tcp://127.0.0.1:8786': nothing is shared"),
    (["--workers", 2, "--scheduler", "tcp://127.0.0.1:8786"], "workers = 2 and scheduler = .*give one of them"),
    (["--scheduler", "tcp://127.0.0.1:8786"], r"dask is not installed here\..*pip install 'asperity\[dask\]'"),
    (["--scheduler", "tcp://10.0.0.1:8786"], "tcp:// to another machine is refused")])
def test_who_shall_work_is_asked_before_any_file_is_read(tmp_path, monkeypatch, given, said):
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, err = run("analyze", tmp_path / "nothing.nc", "--radius", "5um", "--out", tmp_path / "o", *given)
    assert code == 2
    assert re.search(said, err)
    assert "nothing.nc" not in err
    assert not (tmp_path / "o").exists()

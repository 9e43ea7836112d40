"""An analysis that is killed or interrupted loses no finished chunk, and the same command goes on."""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import xarray as xr

from asperity.data import jobs, lock, store
from asperity.measurements.force_curves.demo import demo
from asperity.virtual.force_map import virtual_map
from tests import simple_fit
from tests.test_cli import run

#: the real command in a process of its own, with the stand-in fit and a plain page; each fit takes at least as long
#: as told, and no file may be longer than told. It hears Ctrl-C even if these tests run in the background, where it
#: is ignored
SLOW = """
import resource, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from tests import simple_fit
stand_in = simple_fit.install()
fit, pause, longest = stand_in.fit_curves, float(sys.argv.pop(1)), int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (longest, resource.RLIM_INFINITY))
def slow(*args, **kwargs):
    time.sleep(pause)
    return fit(*args, **kwargs)
stand_in.fit_curves = slow
import asperity.measurements.force_curves.page.html as page
page.render = lambda results, *_: str(results["modulus"].values)
from asperity.cli import main
main()
"""
CURVES, BATCH = 24, 3


@pytest.fixture(scope="module")
def map_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("map") / "map.nc"
    return store.save(virtual_map(rows=4, columns=CURVES // 4, samples=128), path)


@pytest.fixture(autouse=True, scope="module")
def stand_in():
    """The same fit and page in this process as in `SLOW`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "asperity.measurements.force_curves.fit_curves", simple_fit)
        simple_fit.plain_page(patch)
        yield


def words(map_file, out, *more, radius="5um"):
    return ["analyze", str(map_file), "--radius", radius, "--batch", str(BATCH), "--out", str(out), *more]


def start(map_file, out, pause=0.0, longest=10**9):
    """Start the analysis; every test may stop it as it likes, for it is its own process."""
    command = [sys.executable, "-c", SLOW, str(pause), str(longest), *words(map_file, out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            cwd=Path(__file__).parents[3], env=os.environ | {"OMP_NUM_THREADS": "1"})


def wait_for_chunks(process, out, count):
    """Wait until ``count`` chunks are finished while the process still works."""
    deadline = time.monotonic() + 240
    while len(jobs.finished_chunks(out / "chunks")) < count:
        assert process.poll() is None, f"ended by itself: {process.communicate()}"
        assert time.monotonic() < deadline, "no chunk within 240 s"
        time.sleep(0.02)


def identity(out):
    """What changes if a chunk is written again: its place on the disk and the time of writing."""
    found = {i: jobs.chunk_file(out / "chunks", i).stat() for i in jobs.finished_chunks(out / "chunks")}
    return {i: (status.st_ino, status.st_mtime_ns) for i, status in found.items()}


@pytest.fixture(scope="module")
def uninterrupted(map_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    code, _, err = run(*words(map_file, out))
    assert code in (0, 1), err
    return out


def test_goes_on_where_it_was(map_file, tmp_path, uninterrupted):
    """Killed, then interrupted, each time after some more chunks."""
    before = {}
    for how, wanted in ((signal.SIGKILL, 1), (signal.SIGINT, 3)):
        process = start(map_file, tmp_path, pause=0.5)
        wait_for_chunks(process, tmp_path, wanted)
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
        if how == signal.SIGINT:
            assert process.returncode == 130
            assert "Finished chunks are kept: run the same command again to go on." in err
        else:
            assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "results.nc").exists()
        now = identity(tmp_path)
        assert {i: now[i] for i in before} == before
        before = now
    assert 3 <= len(before) < CURVES // BATCH

    code, out, err = run(*words(map_file, tmp_path))
    assert code in (0, 1), err
    after = identity(tmp_path)
    assert len(after) == CURVES // BATCH
    assert {i: after[i] for i in before} == before
    assert_whole(tmp_path, uninterrupted)
    assert f"{tmp_path}/report.html" in out


def assert_whole(out, uninterrupted):
    """The results are those of a run that nothing disturbed, and nothing else stands beside them."""
    results, wanted = (store.load(folder / "results.nc").drop_attrs(deep=False) for folder in (out, uninterrupted))
    xr.testing.assert_identical(results, wanted)
    assert (out / "results.csv").read_bytes() == (uninterrupted / "results.csv").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["chunks", "report.html", "results.csv", "results.nc"]
    assert not list(out.rglob(".*"))


def test_a_second_run_says_who_is_there_and_changes_nothing(map_file, tmp_path, uninterrupted):
    """Two runs in one folder gave a mixture of two radii, or 12 of 32 curves, without a word."""
    first = start(map_file, tmp_path, pause=0.5)
    wait_for_chunks(first, tmp_path, 1)
    first.send_signal(signal.SIGSTOP)  # it lives, and cannot be done before the other has begun
    code, _, err = run(*words(map_file, tmp_path, "--restart", radius="6um"))
    first.send_signal(signal.SIGCONT)
    assert code == 2
    assert re.fullmatch(rf"Error: .*: process {first.pid} on .* works there since .*\. Wait for it, or give another "
                        "--out", err.strip().splitlines()[-1]), err
    assert "Traceback" not in err
    _, err = first.communicate(timeout=120)
    assert first.returncode in (0, 1), err
    assert_whole(tmp_path, uninterrupted)


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(map_file, tmp_path, uninterrupted):
    """A limit on the length of a file is a full disk to whoever writes: here at the first result."""
    longest = max(path.stat().st_size for path in (uninterrupted / "chunks").iterdir())
    stopped = start(map_file, tmp_path, longest=longest + 100)
    _, err = stopped.communicate(timeout=120)
    assert stopped.returncode == 2, err
    assert re.fullmatch(r"Error: \S+results.nc: not written \(.*too large.*check the disk, then run the same command "
                        r"again\)", err.strip().splitlines()[-1])
    assert "Traceback" not in err
    before = identity(tmp_path)
    assert len(before) == CURVES // BATCH
    code, _, err = run(*words(map_file, tmp_path))
    assert code in (0, 1), err
    assert identity(tmp_path) == before
    assert_whole(tmp_path, uninterrupted)


def test_the_demonstration_waits_for_nobody_and_changes_nothing(tmp_path):
    (tmp_path / "virtual-map.nc").write_bytes(b"is being analyzed")
    with ThreadPoolExecutor(1) as other, lock.held(tmp_path):
        with pytest.raises(store.StoreError, match="works there since"):
            other.submit(demo, tmp_path, size=1, samples=64).result()
    assert (tmp_path / "virtual-map.nc").read_bytes() == b"is being analyzed"

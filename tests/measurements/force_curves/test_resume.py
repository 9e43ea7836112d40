"""An analysis that is killed or interrupted loses no finished chunk, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr

from asperity.data import jobs, store
from asperity.virtual.force_map import virtual_map

#: the real command in a process of its own; its fit takes at least as long as told. It hears Ctrl-C even if
#: these tests run in the background, where it is ignored
SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import asperity.measurements.force_curves.fit_curves
fit, pause = asperity.measurements.force_curves.fit_curves.fit_curves, float(sys.argv.pop(1))
def slow(*args, **kwargs):
    time.sleep(pause)
    return fit(*args, **kwargs)
asperity.measurements.force_curves.fit_curves.fit_curves = slow
from asperity.cli import main
main()
"""
CURVES, BATCH = 24, 3


@pytest.fixture(scope="module")
def map_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("map") / "map.nc"
    return store.save(virtual_map(rows=4, columns=CURVES // 4, samples=128), path)


def start(map_file, out, *, pause):
    """Start the analysis; every test may stop it as it likes, for it is its own process."""
    command = [sys.executable, "-c", SLOW, str(pause), "analyze", str(map_file), "--radius", "5um",
               "--batch", str(BATCH), "--out", str(out)]
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
    process = start(map_file, out, pause=0)
    _, err = process.communicate(timeout=300)
    assert process.returncode in (0, 1), err
    return store.load(out / "results.nc")


@pytest.mark.parametrize(("how", "stops"), [(signal.SIGKILL, (1, 3)), (signal.SIGINT, (2,))],
                         ids=["kill -9, twice", "Ctrl-C"])
def test_goes_on_where_it_was(map_file, tmp_path, uninterrupted, how, stops):
    before = {}
    for wanted in stops:
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
    assert stops[-1] <= len(before) < CURVES // BATCH

    again = start(map_file, tmp_path, pause=0)
    out, err = again.communicate(timeout=300)
    assert again.returncode in (0, 1), err
    after = identity(tmp_path)
    assert len(after) == CURVES // BATCH
    assert {i: after[i] for i in before} == before
    results = store.load(tmp_path / "results.nc")
    xr.testing.assert_identical(results.drop_attrs(deep=False), uninterrupted.drop_attrs(deep=False))
    assert f"{tmp_path}/report.html" in out

"""Workers of a dask scheduler give the same, and nobody else is let in; without dask the extra is named."""

import subprocess
import sys

import pytest

from asperity.data.scheduler import Dask, require_safe
from asperity.data.workers import WorkerError
from asperity.messages import ArgumentError
from tests.data.test_crew import done, whole


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786",
                                     "tls://cluster.example:8786", "tcp://127.1.2.3:8786"])
def test_what_only_this_machine_or_an_encrypted_wire_reaches_is_taken(address):
    require_safe(address)


@pytest.mark.parametrize(("address", "match"), [
    ("tcp://10.0.0.5:8786", r"whoever reaches that port can run programs as you.*tls://"),
    ("tcp://cluster.example:8786", "refused"), ("tcp://0.0.0.0:8786", "refused"), ("tcp://[::]:8786", "refused"),
    ("127.0.0.1:8786", "must be like"), ("tcp://127.0.0.1", "must be like"), ("tcp://:8786", "must be like"),
    ("http://127.0.0.1:8786", "must be like"), ("tcp://127.0.0.1:99999", "must be like"), ("", "must be like")])
def test_any_other_is_refused_with_the_reason(address, match):
    with pytest.raises(ArgumentError, match=f"scheduler = (.|\n)*{match}"):
        require_safe(address)


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkerError, match=r"not installed here.*pip install 'asperity\[dask\]'; or give workers"):
        Dask("tcp://127.0.0.1:8786")


def test_importing_asperity_loads_no_dask():
    script = ("import sys, asperity.data.scheduler\n"
              "assert not {'dask', 'distributed'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.fixture(scope="module")
def cluster():
    """Two workers of one thread each, which nobody but this machine reaches."""
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed (asperity[dask])")
    import dask

    with dask.config.set({"distributed.admin.event-loop": "tornado", "distributed.worker.daemon": True}):
        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
                                      dashboard_address=None) as here:
            yield here


@pytest.mark.filterwarnings("ignore")  # of dask's own
def test_its_workers_do_the_same_tasks(cluster, tmp_path, caplog):
    """One curve ends its worker: the scheduler's, too, is told at once, and the curve is found."""
    rules = {f"chunk {i}": {"wait": 0.2} for i in range(4)} | {"chunk 4": {"broken": [2]}}
    found = done(tmp_path, range(5), rules, lambda number: [number // 3], hands=Dask(cluster.scheduler_address))
    assert sorted(found) == list(range(5))
    assert whole(tmp_path, range(5))
    assert "curve 2 of chunk 4 broke the program" in caplog.text
    assert caplog.text.count("a worker ended at") <= 2

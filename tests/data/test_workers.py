"""A worker answers in plain values, has one thread, begins or is said not to, and leaves the environment as it was."""

import os
import signal
import time

import pytest

from asperity.data import workers
from asperity.data.readers._errors import ReadError
from asperity.data.workers import Processes, Task, WorkerError, answered
from tests import odd_jobs


def test_workers_that_cannot_begin_are_said(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("ODD_JOBS_END", "1")
    hands = Processes(2)
    hands.begin(odd_jobs.unborn, 2)
    hands.give(Task("chunk", 0), (odd_jobs.unborn, str(tmp_path), "chunk", 0, "whole"))
    with pytest.raises(WorkerError, match=r'no worker can be started.*if __name__ == "__main__":.*workers=1'):
        hands.next()
    hands.end(0.0)


def test_one_that_died_while_it_had_nothing_to_do_is_replaced(tmp_path):
    (tmp_path / "rules.json").write_text("{}")
    hands, call = Processes(1), (odd_jobs.do, str(tmp_path), "chunk", 0, "whole")
    hands.begin(odd_jobs.do, 1)
    hands.give(Task("chunk", 0), call)
    _, answer = hands.next()
    assert answer is not None
    os.kill(answer.pid, 9)
    hands.hands[0].process.join()
    hands.give(Task("chunk", 0), call)
    _, again = hands.next()
    assert again is not None
    assert again.pid != answer.pid
    assert again.failure == ""
    assert 0 <= again.cpu < 60
    hands.end(0.0)


def test_a_worker_does_not_hear_an_interruption_from_its_birth_on(tmp_path, capfd):
    """Ctrl-C reaches all processes of a terminal: one that was just loading its modules ended in a traceback."""
    (tmp_path / "rules.json").write_text("{}")
    hands = Processes(1)
    hands.begin(odd_jobs.do, 1)
    pid = hands.hands[0].process.pid
    for pause in (0.0, 0.02, 0.1):
        time.sleep(pause)
        os.kill(pid, signal.SIGINT)
    hands.give(Task("chunk", 0), (odd_jobs.do, str(tmp_path), "chunk", 0, "whole"))
    _, answer = hands.next()
    hands.end(0.0)
    assert answer is not None
    assert answer.pid == pid
    assert "Traceback" not in capfd.readouterr().err


def test_errors_travel_as_text():
    def fails(error):
        raise error

    assert answered(fails, ReadError("a.nc", "it is gone.", "Look."))[3:] == ("a.nc: it is gone. Look.", "told")
    assert answered(fails, OSError(28, "No space"))[3:] == ("[Errno 28] No space", "system")
    failure, kind = answered(fails, KeyError("x"))[3:]
    assert kind == "defect"
    assert "KeyError: 'x'" in failure


def test_the_environment_of_workers_is_theirs_alone(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NPROC", raising=False)
    with workers._environment(workers._WORKER):
        assert os.environ["OMP_NUM_THREADS"] == os.environ["NPROC"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "NPROC" not in os.environ

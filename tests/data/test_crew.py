"""Whatever happens to a worker, the chunks are done, nothing is done for ever, and what cannot be done is said."""

import json
import os
import time

import pytest

from asperity.data import crew
from asperity.data.crew import Orders, finished
from asperity.data.workers import Processes, WorkerError
from tests import odd_jobs


def done(place, numbers, rules=(), needs=lambda number: (), count=2, hands=None):
    (place / "rules.json").write_text(json.dumps(dict(rules)))
    orders = Orders(odd_jobs.do, str(place), needs, lambda: odd_jobs.blame(place), lambda task: f"task {task.number}")
    return list(finished(hands or Processes(count), orders, numbers))


def whole(place, numbers):
    return all((place / f"chunk-{number}").exists() for number in numbers)


def test_every_chunk_is_done_once_after_what_it_needs(tmp_path, caplog):
    """Chunks 0, 1 need page 0; 2, 3 page 1: each page is made once and before, and two workers share the work."""
    found = done(tmp_path, range(4), {f"chunk {i}": {"wait": 0.3} for i in range(4)}, lambda number: [number // 2])
    assert sorted(found) == [0, 1, 2, 3]
    assert whole(tmp_path, range(4))
    lines = [line.split() for line in odd_jobs.calls(tmp_path)]
    order = [(kind, int(number)) for kind, number, *_ in lines]
    assert sorted(order) == [("before", 0), ("before", 1), *(("chunk", i) for i in range(4))]
    assert all(order.index(("before", i // 2)) < order.index(("chunk", i)) for i in range(4))
    assert len({pid for *_, pid in lines}) == 2
    assert [record.message for record in caplog.records] == ["the same line"]


def test_a_worker_that_dies_takes_only_its_own_task_along(tmp_path, caplog):
    """Chunk 1 has a curve that kills: three deaths, the last two name it; the other worker is not disturbed."""
    found = done(tmp_path, range(5), {"chunk 1": {"broken": [2]}})
    assert sorted(found) == list(range(5))
    assert found[-1] == 1
    assert whole(tmp_path, range(5))
    assert [line.split()[2] for line in odd_jobs.calls(tmp_path, "chunk 1")] == ["whole", "trial", "trial", "trial",
                                                                                        "whole"]
    assert len({line.split()[3] for line in odd_jobs.calls(tmp_path)}) == 4  # three died
    assert all(len(odd_jobs.calls(tmp_path, "chunk", i)) == 1 for i in (0, 2, 3, 4))
    assert "curve 2 of chunk 1 broke the program" in caplog.text


def test_a_killed_worker_is_no_fault_of_its_curves(tmp_path):
    """Killed from outside once; what dies only as a whole is done curve by curve."""
    assert sorted(done(tmp_path, range(2), {"chunk 0": {"dies": ["whole"]}}, count=1)) == [0, 1]
    assert [line.split()[2] for line in odd_jobs.calls(tmp_path, "chunk 0")] == ["whole", "trial", "whole", "apart"]
    assert not list(tmp_path.glob("broken*"))


def test_what_ends_every_worker_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(WorkerError, match=r"task 0 ends every worker.*too little memory\? Give fewer workers"):
        done(tmp_path, [0], {"chunk 0": {"dies": ["whole", "apart"]}})
    monkeypatch.setattr(crew, "MOST_BROKEN", 1)
    with pytest.raises(WorkerError, match=r"more than 1 of its curves end a worker.*asperity doctor"):
        done(tmp_path, [1], {"chunk 1": {"broken": [0, 2, 3]}})


def test_who_is_killed_while_a_curve_is_tried_is_no_fault_of_the_curve(tmp_path):
    """A worker that is killed at its work, and one more in the trial: no curve is named."""
    assert done(tmp_path, [0], {"chunk 0": {"killed": 2}}) == [0]
    assert [line.split()[2] for line in odd_jobs.calls(tmp_path, "chunk 0")] == ["whole", "trial", "trial", "whole"]
    assert not list(tmp_path.glob("broken*"))


def test_what_the_system_refuses_is_tried_twice_more(tmp_path):
    assert done(tmp_path, [0], {"chunk 0": {"system": 2}}) == [0]
    assert len(odd_jobs.calls(tmp_path, "chunk 0")) == 3
    with pytest.raises(WorkerError, match="the network is away"):
        done(tmp_path, [1], {"chunk 1": {"system": 9}})
    assert len(odd_jobs.calls(tmp_path, "chunk 1")) == 3


def test_a_defect_is_shown_as_one(tmp_path):
    with pytest.raises(RuntimeError, match=r"task 0: a worker failed(.|\n)*ValueError: the sum is wrong"):
        done(tmp_path, [0], {"chunk 0": {"error": "the sum is wrong"}})
    assert len(odd_jobs.calls(tmp_path)) == 1


def test_an_interruption_waits_for_what_is_in_work_and_leaves_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(crew, "PATIENCE", 2.0)
    (tmp_path / "rules.json").write_text(json.dumps({"chunk 1": {"wait": 1.0}, "chunk 2": {"wait": 60.0}}))
    hands = Processes(3)
    orders = Orders(odd_jobs.do, str(tmp_path), lambda number: (), lambda: "", str)
    made = finished(hands, orders, range(3))
    assert next(made) == 0
    until = time.monotonic() + 60
    while len(odd_jobs.calls(tmp_path)) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    workers = {int(line.split()[3]) for line in odd_jobs.calls(tmp_path)}
    with pytest.raises(KeyboardInterrupt):
        made.throw(KeyboardInterrupt)
    assert (tmp_path / "chunk-1").exists()
    assert not (tmp_path / "chunk-2").exists()
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(("own", "planned", "match"), [
    ("0.10.2", "0.10.2", "jax 0.10.2, which gives wrong numbers"), ("0.11.0", "0.11.0", "gives wrong numbers"),
    ("0.12.0.1", "0.10.1", "other versions than those .*: jax 0.12.0.1 for 0.10.1")])
def test_a_worker_that_would_give_other_numbers_refuses(monkeypatch, own, planned, match):
    there = crew.versions()
    crew.require_versions(there)
    monkeypatch.setattr(crew, "package_versions", lambda: there | {"jax": own})
    with pytest.raises(WorkerError, match=match):
        crew.require_versions(there | {"jax": planned})

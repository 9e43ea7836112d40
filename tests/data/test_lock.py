"""A folder belongs to one process at a time; the lock of one that has ended is taken over, by one."""

import json
import os
import subprocess
import sys
import threading

import pytest

from asperity.data import disk, lock, store


def written(folder, **change):
    """A lock as another process of this host left it; ``change`` says what is different."""
    with disk.marked() as mark:
        host, pid, started, number = mark.split("-")
    said = {"host": host, "pid": pid, "started": started, "number": number} | change
    mark = "-".join(str(said[name]) for name in ("host", "pid", "started", "number"))
    (folder / lock.LOCK).write_text(json.dumps({
        "mark": mark, "pid": int(said["pid"]), "host": change.get("name", "here"), "since": "2026-01-01 12:00:00"}))


def assert_free(folder):
    with lock.held(folder):
        assert json.loads((folder / lock.LOCK).read_text())["pid"] == os.getpid()
    assert os.listdir(folder) == []


def test_the_folder_is_free_before_and_after(tmp_path):
    assert_free(tmp_path)
    with pytest.raises(RuntimeError, match="on the way"), lock.held(tmp_path / "new"):
        raise RuntimeError("on the way")
    assert_free(tmp_path / "new")


def test_the_holding_thread_may_enter_again_and_no_other(tmp_path):
    caught = []

    def other():
        with pytest.raises(store.StoreError) as error, lock.held(tmp_path):
            pass
        caught.append(str(error.value))

    with lock.held(tmp_path):
        with lock.held(tmp_path / "." / ""):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(caught) == 1
    assert f"process {os.getpid()}" in caught[0]
    assert_free(tmp_path)


def test_a_process_that_has_ended_holds_nothing(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    written(tmp_path, pid=ended.pid, started=1)
    assert_free(tmp_path)


def test_a_process_that_has_died_and_is_not_buried_holds_nothing(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as dying:
        started = disk._started(dying.pid)
        written(tmp_path, pid=dying.pid, started=started)
        with pytest.raises(store.StoreError, match=rf"process {dying.pid} on here works there since 2026-01-01"):
            assert_free(tmp_path)
        dying.kill()
        os.waitid(os.P_PID, dying.pid, os.WEXITED | os.WNOWAIT)  # dead, but its number is still taken
        assert_free(tmp_path)


def test_a_process_number_that_went_to_a_later_process_holds_nothing(tmp_path):
    written(tmp_path, pid=os.getppid(), started=1)
    assert_free(tmp_path)


def test_another_host_cannot_be_known_and_the_line_says_how_to_go_on(tmp_path):
    written(tmp_path, host="0" * 8, pid=1, name="elsewhere")
    with pytest.raises(store.StoreError, match=r"on elsewhere works .*cannot be seen\), delete .*/\.asperity\.lock$"):
        assert_free(tmp_path)
    (tmp_path / lock.LOCK).unlink()
    assert_free(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mark": "a"}', '{"mark": "a", "pid": 1, "host": "", "since": ""}'])
def test_a_damaged_lock_is_named(tmp_path, text, monkeypatch):
    monkeypatch.setattr(lock, "_FILLING", 0.05)
    (tmp_path / lock.LOCK).write_text(text)
    with pytest.raises(store.StoreError, match=r"asperity.lock: a damaged lock: if no other process .* delete it"):
        assert_free(tmp_path)


def test_a_pipe_in_place_of_a_lock_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_FILLING", 0.05)
    os.mkfifo(tmp_path / lock.LOCK)
    with pytest.raises(store.StoreError, match=r"asperity.lock: a damaged lock"):
        assert_free(tmp_path)


def test_without_hard_links_there_is_a_lock_too(tmp_path, monkeypatch):
    def refused(*args):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert_free(tmp_path)
    written(tmp_path, pid=os.getppid(), started=1)
    assert_free(tmp_path)
    written(tmp_path, pid=os.getppid(), started=disk._started(os.getppid()))
    with pytest.raises(store.StoreError, match="works there since"):
        assert_free(tmp_path)


#: many processes that all find the same stale lock, time and again; each who gets it must be alone
CROWD = """
import sys, time
from pathlib import Path
from asperity.data import disk, lock, store
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
got = 0
for number in range(rounds):
    place = folder / str(number)
    while not (place / "go").exists():
        time.sleep(0.0005)
    try:
        with lock.held(place / "out"):
            (place / "inside").mkdir()  # fails if another is inside
            got += 1
            time.sleep(0.002)
            (place / "inside").rmdir()
    except store.StoreError as error:
        assert "works there since" in str(error), error
print(got)
"""


def test_of_many_that_find_a_stale_lock_one_at_a_time_gets_it(tmp_path):
    rounds = 25
    for number in range(rounds):
        (tmp_path / str(number) / "out").mkdir(parents=True)
        written(tmp_path / str(number) / "out", pid=os.getppid(), started=1)
    crowd = [subprocess.Popen([sys.executable, "-c", CROWD, str(tmp_path), str(rounds)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for number in range(rounds):
        (tmp_path / str(number) / "go").touch()
    said = [process.communicate(timeout=120) for process in crowd]
    assert [process.returncode for process in crowd] == [0] * len(crowd), said
    assert rounds <= sum(int(out) for out, _ in said) <= rounds * len(crowd)
    for number in range(rounds):
        assert [p.name for p in (tmp_path / str(number) / "out").iterdir() if not p.name.startswith(".")] == []
        assert_free(tmp_path / str(number) / "out")

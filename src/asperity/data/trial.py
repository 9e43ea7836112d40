"""The trial of stored files: another process reads each of them first, under limits of processor time and memory.

A damaged HDF5 file can make its library crash, loop for ever or take all memory; a chunk of a zarr store can unpack to
any size. One process per session (started with the first such file, 0.2 to 0.5 s) reads them, each in a fork of its
own, from the first byte to the last. It refuses what takes its data from elsewhere; see `asperity.data.trial_process`.
What ends well there ends well here. A small file costs a quarter to a third of the time that opening it takes anyway,
a large one what reading it takes, and one that has not changed since its trial nothing.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from asperity.data.readers._errors import CorruptFile

__all__ = ["stand_trial", "stand_trial_of_folder"]

#: s of processor time for the trial of a small file; the system counts whole ones
CPU_SECONDS = 5.0
#: bytes per s: the slowest reading and unpacking, for the time that a larger file gets
_SLOWEST = 5e6
#: bytes that a trial may take; more than one chunk of the longest curve, packed and unpacked
MEMORY = 2**30
#: a trial that has used no more time is given up after this many times its limit on the clock: it stands still
PATIENCE = 100.0

#: the environment of the process: one thread, one heap
_PLAIN = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
_SCRIPT = Path(__file__).with_name("trial_process.py")
_lock = threading.Lock()
#: identity of a file -> what was found, "" if it has passed
_known: dict[tuple[Any, ...], str] = {}
_running: dict[int, subprocess.Popen[str]] = {}


def stand_trial(path: Path, status: os.stat_result) -> None:
    """Let an HDF5 file with this status be read by the other process, unless it has been.

    Raises:
        CorruptFile: it crashes the library, takes more time or memory than a file of its size may, or takes data from
            other files.
    """
    _stand(path, "hdf5", status.st_size, (str(path), status.st_ino, status.st_size, status.st_mtime_ns,
                                          status.st_ctime_ns))


def stand_trial_of_folder(path: Path, files: list[Path]) -> None:
    """Let a zarr store with these files be read by the other process, unless it has been. Raises as `stand_trial`."""
    states = [(file, file.stat()) for file in files]
    _stand(path, "zarr", sum(state.st_size for _, state in states), (str(path), hash(tuple(
        (str(file), state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns) for file, state in states))))


def _stand(path: Path, kind: str, size: int, identity: tuple[Any, ...]) -> None:
    if identity not in _known:
        seconds = math.ceil(CPU_SECONDS + size / _SLOWEST)
        request = {"path": str(path.absolute()), "kind": kind, "size": size, "seconds": seconds, "memory": MEMORY}
        with _lock:
            _known[identity] = _problem(_asked(request, PATIENCE * seconds), seconds)
    if problem := _known[identity]:
        raise CorruptFile(path, problem, "It may be damaged, or not made by asperity; copy or export it again.")


def _problem(answer: dict[str, Any], seconds: int) -> str:
    """What the other process found, in words; "" if the file has passed."""
    if "signal" not in answer:
        return str(answer["refused"] or "")
    if answer["signal"] == getattr(signal, "SIGXCPU", None):
        return f"its library does not return from it within {seconds} s of processor time."
    if answer["signal"] is None:
        return f"its library stands still on it ({PATIENCE * seconds:.0f} s)."
    return f"its library crashes on it (signal {answer['signal']})."


def _asked(request: dict[str, Any], patience: float) -> dict[str, Any]:
    """The answer of the process; ``{"signal": None}`` where there is none in time."""
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    given_up = threading.Event()
    late = threading.Timer(patience, lambda: (given_up.set(), _kill(process)))
    late.daemon = True
    late.start()
    try:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
    except OSError:  # it has ended
        answer = ""
    finally:
        late.cancel()
    if answer:
        return json.loads(answer)
    _end(process)
    return {"signal": None if given_up.is_set() else -process.wait()}


def _process() -> subprocess.Popen[str]:
    """The process of this session; a new one where there is none, it has ended, or this is a fork."""
    process = _running.get(os.getpid())
    if process is not None and process.poll() is not None:
        _end(process)
        process = None
    if process is None:
        process = _running[os.getpid()] = subprocess.Popen(
            [sys.executable, "-P", str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env=os.environ | _PLAIN, start_new_session=True)
    return process


def _kill(process: subprocess.Popen[str]) -> None:
    """End the process and the fork that reads for it."""
    if process.poll() is None:
        with suppress(ProcessLookupError):  # it ended meanwhile, or another thread has ended it
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    process.wait()


def _end(process: subprocess.Popen[str]) -> None:
    """End the process and close what leads to it."""
    _kill(process)
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what was not written is of no use any more
            if pipe is not None:
                pipe.close()


@atexit.register
def _end_own() -> None:
    process = _running.pop(os.getpid(), None)
    if process is not None:
        _end(process)

"""Workers: processes of their own that do what they are told by the name of a function and plain values.

They are *spawned*, so that they share nothing with this process; each has its own wire, so that one that dies takes
only its own task along; and what they make they write to the disk by themselves, so that no result travels.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import platform
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal, NamedTuple

from asperity.messages import AsperityError

__all__ = ["ONE_THREAD", "AbstractHands", "Answer", "Processes", "Task", "WorkerError", "answered", "compiled_here"]

_log = logging.getLogger("asperity")

#: workers that end before they have begun, one after another, beyond which none ever will
_UNBORN = 3
#: the environment in which NumPy's linear algebra has one thread
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
#: one thread for each worker: as many workers as cores are the threads. XLA reads ``NPROC`` as the number of cores; a
#: flag of XLA's own would have the programs compiled anew. Its log is silent, as on the command line
_WORKER = {**ONE_THREAD, "NPROC": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


class WorkerError(AsperityError):
    """What a worker could not do, or that none could be had; the message says what, where and what to do."""


class Task(NamedTuple):
    """One task: chunk ``number``, or something ``number`` that chunks need before."""

    kind: Literal["before", "chunk"]
    number: int


class Answer(NamedTuple):
    """What comes back from a worker."""

    pid: int
    cpu: float  # s
    said: tuple[tuple[int, str], ...]  # what was logged: level, line
    failure: str = ""  # the message of what was raised
    kind: Literal["", "told", "system", "defect"] = ""  # for people, of the system, or a fault of the program


class _Listening(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, record.getMessage()))


def answered(do: Callable[..., None], *arguments: Any) -> Answer:
    """Do one task here, whatever it raises; an error travels as text, for not every error can be sent."""
    listening, began = _Listening(), time.process_time()
    _log.addHandler(listening)
    failure, kind = "", ""
    try:
        do(*arguments)
    except AsperityError as error:
        failure, kind = str(error), "told"
    except OSError as error:
        failure, kind = str(error), "system"
    except Exception:
        failure, kind = traceback.format_exc(), "defect"
    finally:
        _log.removeHandler(listening)
    return Answer(os.getpid(), time.process_time() - began, tuple(listening.lines), failure, kind)


def _serve(wire: Connection, _: Callable[..., None]) -> None:
    """The life of a worker: one task after another until nobody is at the other end.

    What it will do is sent along at its birth, so that the modules are loaded while others work already.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where `_deaf` cannot
    _log.addHandler(logging.NullHandler())  # what is said travels
    with suppress(EOFError, OSError):
        wire.send(None)  # it has begun
        while True:
            wire.send(answered(_received, wire.recv_bytes()))


def _received(call: bytes) -> None:
    """Do what was sent; the module of its function is loaded here."""
    do, *arguments = pickle.loads(call)
    do(*arguments)


class AbstractHands:
    """Those who do tasks, several at a time."""

    def begin(self, do: Callable[..., None], most: int) -> None:
        """Get ready for tasks of this function, no more than so many of them at a time."""
        raise NotImplementedError

    def free(self) -> bool:
        """Whether one more task can be given."""
        raise NotImplementedError

    def busy(self) -> bool:
        """Whether an answer can be waited for."""
        raise NotImplementedError

    def give(self, task: Task, call: tuple[Any, ...]) -> None:
        """Let ``call`` (a function and its arguments) be done; its answer comes with the ``task``."""
        raise NotImplementedError

    def next(self) -> tuple[Task, Answer | None]:
        """Wait for the next answer; None: the worker has ended at it."""
        raise NotImplementedError

    def end(self, patience: float) -> None:
        """Let all go, within so many s."""
        raise NotImplementedError


class _Hand:
    """One process and the wire to it."""

    def __init__(self, do: Callable[..., None]) -> None:
        context = multiprocessing.get_context("spawn")
        self.wire, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, do), daemon=True)
        self.begun, self.work = False, None
        cache = {name: os.environ.get(name, value) for name, value in compiled_here().items()}
        with _environment(cache | _WORKER), _deaf():
            self.process.start()
        other.close()

    work: tuple[Task, tuple[Any, ...]] | None

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.wire.close()


class Processes(AbstractHands):
    """Workers on this machine; for one that has died another is started."""

    def __init__(self, count: int) -> None:
        self.count, self.hands, self._unborn = count, list[_Hand](), 0

    def begin(self, do: Callable[..., None], most: int) -> None:
        self.hands += [_Hand(do) for _ in range(min(self.count, most))]

    def free(self) -> bool:
        return len(self.hands) < self.count or any(hand.work is None for hand in self.hands)

    def busy(self) -> bool:
        return any(hand.work is not None for hand in self.hands)

    def give(self, task: Task, call: tuple[Any, ...]) -> None:
        idle = next((hand for hand in self.hands if hand.work is None), None)
        if idle is None:
            idle = _Hand(call[0])
            self.hands.append(idle)
        idle.work = task, call
        try:
            idle.wire.send_bytes(pickle.dumps(call))
        except OSError:  # it died while it had nothing to do
            self._bury(idle)
            self.give(task, call)

    def next(self) -> tuple[Task, Answer | None]:
        while True:
            ready = wait([hand.wire for hand in self.hands if hand.work is not None])
            hand = next(hand for hand in self.hands if hand.wire in ready)
            assert hand.work is not None
            task, call = hand.work
            try:
                answer = hand.wire.recv()
            except (EOFError, OSError):
                self._bury(hand)
                if hand.begun:
                    return task, None
                self._again(task, call)
                continue
            if answer is None:
                hand.begun, self._unborn = True, 0
                continue
            hand.work = None
            return task, answer

    def _bury(self, hand: _Hand) -> None:
        self.hands.remove(hand)
        hand.end()

    def _again(self, task: Task, call: tuple[Any, ...]) -> None:
        """A worker ended before it had begun: that is not the fault of its task."""
        self._unborn += 1
        if self._unborn >= _UNBORN:
            raise WorkerError("no worker can be started: each ends at once. In a script of your own, the call belongs "
                              'under  if __name__ == "__main__":  since every worker reads the script, too; else see '
                              "whether there is memory for them, or give workers=1")
        self.give(task, call)

    def end(self, patience: float) -> None:
        until = time.monotonic() + patience
        try:
            for hand in self.hands:
                if hand.work is None:
                    hand.wire.close()  # it ends by itself
            while patience and self.busy() and (left := until - time.monotonic()) > 0:
                for wire in wait([hand.wire for hand in self.hands if hand.work is not None], left):
                    hand = next(hand for hand in self.hands if hand.wire is wire)
                    with suppress(EOFError, OSError):
                        if hand.wire.recv() is None:
                            continue
                    hand.work = None
                    hand.wire.close()
            for hand in self.hands:
                hand.process.join(1.0 if hand.work is None else 0.0)
        finally:
            while self.hands:
                self.hands.pop().end()


def compiled_here() -> dict[str, str]:
    """The environment in which jax keeps what it compiles, per machine, in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "asperity" / platform.node()
    return {"JAX_COMPILATION_CACHE_DIR": str(cache), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "TF_CPP_MIN_LOG_LEVEL": "3"}


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """The environment of the processes that are started within the block."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started within the block do not hear Ctrl-C from their birth on: the one who asked decides."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else it is started within, and opens the ears again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

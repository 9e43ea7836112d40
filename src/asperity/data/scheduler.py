"""The workers of a dask scheduler, on this machine or on others that see the same files."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from asperity.data.workers import AbstractHands, Answer, Task, WorkerError, answered
from asperity.messages import ArgumentError, shown

__all__ = ["Dask", "require_dask", "require_safe"]

#: s without a single worker after which none is waited for any more: what a cluster takes to start some again
_NOBODY = 120.0
#: s of one look at what is done
_LOOK = 5.0


def require_safe(address: str) -> None:
    """Find that nobody else can reach what an address leads to.

    Raises:
        ArgumentError: it is no address of a scheduler, or one on a network without encryption.
    """
    try:
        parts = urlsplit(address)
        scheme, host = parts.scheme, parts.hostname if parts.port is not None else None
    except ValueError:
        scheme, host = "", None
    if scheme not in ("tcp", "tls") or not host:
        raise ArgumentError(f"scheduler = {shown(address)}: must be like tcp://127.0.0.1:8786 or tls://HOST:8786")
    if scheme == "tcp" and not _loopback(host):
        raise ArgumentError(f"scheduler = {shown(address)}: tcp:// to another machine is refused: whoever reaches that "
                            "port can run programs as you, for dask asks nobody who he is. Start it with TLS "
                            "certificates and give tls://..., lead the port here (ssh -L) and give "
                            "tcp://127.0.0.1:PORT, or use 'asperity work' in a batch system")


def require_dask() -> None:
    """Find that dask is here, before anything else is done. Raises WorkerError."""
    if find_spec("distributed") is None:
        raise WorkerError("scheduler: dask is not installed here. Install it with the extra: pip install "
                          "'asperity[dask]'; or give workers instead")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Dask(AbstractHands):
    """The workers of the scheduler at an address; as many tasks are given at a time as they have threads."""

    def __init__(self, address: str) -> None:
        """Raises ArgumentError: an address that is not `require_safe`; WorkerError: no dask here, or nobody there."""
        require_safe(address)
        require_dask()
        distributed = import_module("distributed")
        self._dask, self._given, self._tolerance = distributed, dict[Any, Task](), 0
        try:
            self.client = distributed.Client(address, timeout=10, set_as_default=False)
        except OSError as error:
            raise WorkerError(f"scheduler: nobody answers at {address} ({error}). Is it started, and not yet at its "
                              "end?") from None

    def _threads(self) -> int:
        return sum(self.client.nthreads().values())

    def begin(self, do: Callable[..., None], most: int) -> None:
        self.count = self._threads()
        if not self.count:
            raise WorkerError("scheduler: it has no workers. Start some: dask worker ADDRESS --nthreads 1")
        self._tolerance = self.client.run_on_scheduler(_tolerate, 0)  # who dies with a task is asked about it at once

    def free(self) -> bool:
        return len(self._given) < self.count

    def busy(self) -> bool:
        return bool(self._given)

    def give(self, task: Task, call: tuple[Any, ...]) -> None:
        self._given[self.client.submit(answered, *call, pure=False, retries=0)] = task

    def next(self) -> tuple[Task, Answer | None]:
        seen = time.monotonic()
        while True:
            try:
                done = self._waited(_LOOK, "FIRST_COMPLETED")
                break
            except TimeoutError:
                seen = time.monotonic() if self._threads() else seen
                if time.monotonic() > seen + _NOBODY:
                    raise WorkerError(f"scheduler: it has had no worker for {_NOBODY:.0f} s. Start some and give the "
                                      "same command again") from None
        future = next(iter(done))
        task, error = self._given.pop(future), future.exception()
        if error is None:
            return task, future.result()
        if isinstance(error, self._dask.KilledWorker):
            return task, None
        raise WorkerError(f"scheduler: a worker of it could not begin: {type(error).__name__}: {error}. Is the same "
                          "asperity installed there?") from error

    def _waited(self, seconds: float, which: str) -> set[Any]:
        """What is done of the given tasks. Raises TimeoutError."""
        with self.client.as_current():
            return self._dask.wait([*self._given], timeout=seconds, return_when=which).done

    def end(self, patience: float) -> None:
        try:
            if patience and self._given:
                self._waited(patience, "ALL_COMPLETED")
        except TimeoutError:
            pass
        finally:
            self.client.cancel([*self._given])
            self._given.clear()
            self.client.run_on_scheduler(_tolerate, self._tolerance)
            self.client.close()


def _tolerate(deaths: int, dask_scheduler: Any) -> int:
    """Set how many deaths of workers the scheduler lets a task have; returns what it was."""
    before, dask_scheduler.allowed_failures = dask_scheduler.allowed_failures, deaths
    return int(before)

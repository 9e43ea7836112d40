"""One process at a time works in a folder: who holds it, since when, and whether it still lives."""

from __future__ import annotations

import errno
import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from asperity.data import disk
from asperity.data.disk import StoreError

__all__ = ["LOCK", "held"]

#: the file in a folder that names who works there (hidden: a search for measurements passes it by)
LOCK = ".asperity.lock"

#: s that a lock may be unreadable: where there are no hard links it is made first and filled then
_FILLING = 2.0

#: folder, process and thread of the locks that are held
_held: set[tuple[Path, int, int]] = set()


class Holder(NamedTuple):
    """Who holds a lock."""

    mark: str
    pid: int
    host: str
    since: str


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold ``folder``, which is made if it is not there, within the block; the holding thread may enter again.

    The lock of a process that has ended is taken over; of several that find it, one gets it.

    Raises:
        StoreError: another process or thread works there, or it cannot be known; it says who and what to do.
    """
    this = folder.resolve(), os.getpid(), threading.get_ident()
    if this in _held:
        yield
        return
    with disk.marked() as mark:
        with disk.told(folder / LOCK):
            folder.mkdir(parents=True, exist_ok=True)
            _take(folder / LOCK, Holder(mark, os.getpid(), platform.node(), time.strftime("%Y-%m-%d %H:%M:%S")))
        _held.add(this)
        try:
            yield
        finally:
            _held.discard(this)
            with suppress(OSError):  # one that stays is known as stale
                disk.remove(folder / LOCK)


def _take(path: Path, own: Holder) -> None:
    """Make the lock ``path``, or take it over from a process that has ended.

    Taking over has a lock of its own, named after the one that has ended: so of two processes that find it,
    the second sees that the first was there.
    """
    until = time.monotonic() + _FILLING
    while not _made(path, own):
        try:
            other = _holder(path)
        except FileNotFoundError:
            continue  # it was just given back
        except ValueError:
            if time.monotonic() < until:
                time.sleep(_FILLING / 100)
                continue
            raise StoreError(f"{path}: a damaged lock: if no other process works in that folder, delete it and run "
                             "the same command again") from None
        if not disk.gone(other.mark):
            raise StoreError(_busy(path, other))
        claim = path.with_name(f".{path.name}-claim.{other.mark}.tmp")
        _take(claim, own)
        try:
            if _there(path) == other:
                with _written(path, own) as temporary:
                    temporary.replace(path)
                return
        finally:
            with suppress(OSError):
                disk.remove(claim)


def _made(path: Path, own: Holder) -> bool:
    """Whether the lock could be made: none was there."""
    with _written(path, own) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            return _filled(path, own)
    return True


def _filled(path: Path, own: Holder) -> bool:
    """As `_made`, where there are no hard links: for a moment the lock is there and names nobody."""
    try:
        stream = open(path, "x", encoding="utf-8")
    except FileExistsError:
        return False
    try:
        with stream:
            stream.write(json.dumps(own._asdict()))
    except OSError:
        disk.remove(path)
        raise
    return True


@contextmanager
def _written(path: Path, own: Holder) -> Iterator[Path]:
    """Beside the lock, a file that names the holder."""
    with disk.marked() as mark:
        temporary = path.with_name(f".{path.name}.{mark}.tmp")
        try:
            temporary.write_text(json.dumps(own._asdict()), encoding="utf-8")
            disk.flush(temporary)
            yield temporary
        finally:
            with suppress(OSError):
                disk.remove(temporary)


def _holder(path: Path) -> Holder:
    """Who is named in a lock; raises FileNotFoundError or ValueError."""
    try:
        said = json.loads(disk.text_of(path))
        holder = Holder(str(said["mark"]), int(said["pid"]), str(said["host"]), str(said["since"]))
        disk.gone(holder.mark)
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from error
    return holder


def _there(path: Path) -> Holder | None:
    with suppress(FileNotFoundError, ValueError):
        return _holder(path)
    return None


def _busy(path: Path, other: Holder) -> str:
    said = (f"{path.parent}: process {other.pid} on {other.host} works there since {other.since}. Wait for it, or give "
            "another --out")
    return said if disk.here(other.mark) else (
        f"{said}; if you know that it has ended (from here it cannot be seen), delete {path}")

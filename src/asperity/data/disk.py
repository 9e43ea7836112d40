"""Files and folders that appear whole or not at all, whoever is killed and whatever the disk says.

What is written goes beside its place under a name that carries the mark of its process, is forced onto the
disk and then renamed. What a killed process leaves is known by that mark and removed by the next one.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import stat
import subprocess
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any

from asperity.messages import AsperityError

__all__ = ["StoreError", "flush", "gone", "here", "keep_table", "marked", "remove", "replacing", "sweep", "table",
           "text_of", "told"]

#: what `replacing` leaves if it is killed: the name of the file, the mark of the process, what it was
_LEFT = re.compile(r"\.(?P<name>.+)\.(?P<mark>[0-9a-f]{8}-\d+-\d+-\d+)\.(?P<kind>tmp|old)")

_number = itertools.count()

#: the marks of this process that are in use
_in_use: set[str] = set()


class StoreError(AsperityError, ValueError):
    """A file that is not what asperity stored or cannot be written, or a folder of another job or process."""


@contextmanager
def marked() -> Iterator[str]:
    """A mark that no other process and no other call ever gives, in use within the block.

    Its text: host, process number, start of the process, number of the call.
    """
    mark = f"{_this_process()}-{next(_number)}"
    _in_use.add(mark)
    try:
        yield mark
    finally:
        _in_use.discard(mark)


def _this_process() -> str:
    return f"{_host()}-{os.getpid()}-{_started(os.getpid()) or 0}"


@functools.cache
def _host() -> str:
    """This host, or this container on it: within one, a process number means one process."""
    namespace = os.readlink("/proc/self/ns/pid") if os.path.exists("/proc/self/ns/pid") else ""
    return hashlib.sha256(f"{platform.node()} {namespace}".encode()).hexdigest()[:8]


def _started(pid: int) -> str | None:
    """When a process began, in units of its system; empty for one that has ended, None where it cannot be seen."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state in "ZX" else rest[18]
    except OSError:
        if os.path.exists("/proc/self/stat") or os.name != "posix":
            return None
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, check=False).stdout.strip()
    return str(zlib.crc32(told)) if told else None


def gone(mark: str) -> bool:
    """Whether what made a `marked` thing has certainly ended; False for a process of another host."""
    _, pid, started, _ = mark.split("-")
    if mark.rpartition("-")[0] == _this_process():
        return mark not in _in_use
    if not here(mark) or os.name != "posix":
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass  # it runs, as another user
    now = _started(int(pid))
    return now is not None and started != "0" and now != started


def here(mark: str) -> bool:
    """Whether a mark is of this host, so that it can be known whether its process has ended."""
    return mark.split("-")[0] == _host()


def text_of(path: Path) -> str:
    """The text of a small file of asperity's own; a pipe or a device in its place is not waited for.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no regular file, or no text.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("not a file")
    return path.read_text(encoding="utf-8")


def table(file: Path) -> dict[str, Any]:
    """The table of a small file of JSON; an empty one where there is none, or it is damaged."""
    try:
        found = json.loads(text_of(file))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def keep_table(file: Path, entries: Mapping[str, Any]) -> None:
    """Write a table as a small file of JSON, whole or not at all."""
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(entries), encoding="utf-8")


def flush(path: Path) -> None:
    """Force a file, or the entries of a folder, onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:  # some file systems cannot flush a folder; the rename stays atomic
        if path.is_file() or error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What the disk refuses within the block becomes one line that says what to do.

    Raises:
        StoreError: instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: not written ({_why(error)})") from error


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{error.strerror}: make room there, then run the same command again"
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST):
        return f"{error.strerror}, and that is in the way: delete or rename it, then run the same command again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error}: give another place, or the right to write there"
    return f"{error}: check the disk, then run the same command again"


@contextmanager
def replacing(path: str | PathLike[str]) -> Iterator[Path]:
    """A place beside ``path`` for a file or folder that takes its place, whole, when the block has succeeded.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there, or the new one is, whole.
    """
    path = Path(path)
    with told(path), marked() as mark:
        temporary, old = (path.parent / f".{path.name}.{mark}.{kind}" for kind in ("tmp", "old"))
        try:
            yield temporary
            _flush_all(temporary)
            if temporary.is_dir() and os.path.lexists(path):
                path.rename(old)
            temporary.replace(path)
            flush(path.parent)
        finally:
            with suppress(OSError):  # what stays is swept later
                if old.exists():
                    old.rename(temporary if path.exists() else path)
                remove(temporary)


def _flush_all(path: Path) -> None:
    for folder, _, files in os.walk(path):
        for name in files:
            flush(Path(folder, name))
        flush(Path(folder))
    if not path.is_dir():
        flush(path)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there; a folder is never seen half removed. Raises OSError."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
    elif path.suffix == ".tmp":
        shutil.rmtree(path)
    else:
        with marked() as mark:
            shutil.rmtree(path.rename(path.with_name(f".{path.name}.{mark}.tmp")))


def sweep(folder: Path, name: str | None = None, *, everything: bool = False) -> None:
    """Clear away what killed processes left in ``folder``: of the file ``name``, or of all.

    A folder that was moved aside for a new one which never came is put back.

    Args:
        folder: where to look, not below.
        name: of the file whose leftovers are meant; None: of all.
        everything: also what processes of other hosts left (right only where no other process may write).
    """
    for left in list(folder.iterdir()):
        found = _LEFT.fullmatch(left.name)
        if found is None or (name is not None and found["name"] != name) or not (everything or gone(found["mark"])):
            continue
        with suppress(OSError):
            if found["kind"] == "old" and not os.path.lexists(folder / found["name"]):
                left.rename(folder / found["name"])
            else:
                remove(left)

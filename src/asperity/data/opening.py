"""The one door to a file: only regular files pass it, and never more of one than its limit.

Every reader, store, hash and recipe opens its files here, so that none can wait at a pipe, read a device without
end, follow a link out of a store or fill the memory from a small file. ``tests/test_architecture.py`` looks for
other ways in. HDF5 files and zarr folders are first read by another process (see `asperity.data.trial`).
Everything that is wrong is a `ReadError`.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from asperity.data.readers._errors import UNPRINTABLE, CorruptFile, ReadError

if TYPE_CHECKING:
    import h5py
    import xarray as xr

__all__ = ["DAMAGED", "LONGEST_TEXT", "array", "check", "hdf5", "mapped", "mapped_array", "members",
           "most_unpacked", "naming", "netcdf", "read_bytes", "read_head", "stream", "try_hdf5", "zarr"]

#: what to do with a damaged file
DAMAGED = "It may be truncated or damaged; copy it again from the instrument."

#: bytes; no text of force curves or of an image is longer, and its lines still fit into memory
LONGEST_TEXT = 256 * 2**20
#: bytes; whatever its size, a file may unpack to this
_ALWAYS = 256 * 2**20
#: a larger file may unpack to this many times its size: measured data pack by 2 to 20, zeros by 1000
_RATIO = 64
#: bytes of a block on the disk, as `os.stat` counts them
_BLOCK = 512
#: files of a zarr store; more is no store of measurements
_MOST_FILES = 5_000_000

#: characters of what a parser says of a damaged file
_LONGEST_CAUSE = 200
_NO_FILE = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
            stat.S_IFDIR: "a folder"}


def most_unpacked(stored: int) -> int:
    """Bytes that a file of ``stored`` bytes may hold in memory: 256 MiB, or 64 times its size."""
    return max(_ALWAYS, _RATIO * stored)


def check(path: Path) -> os.stat_result:
    """The status of a regular file with a printable name and its data on the disk.

    Raises:
        ReadError: missing, not permitted, a folder, pipe, socket, device or circle of links, a file that is almost
            all holes, or a name with control characters or bytes that are no text.
    """
    if not (text := str(path)).isprintable() and UNPRINTABLE.search(text):
        raise ReadError(path, "cannot be opened (its name holds control characters, or bytes that are no text).",
                        "Rename it.")
    try:
        return _regular(path, os.stat(path))
    except OSError as error:
        raise _refused(path, error) from error


def _regular(path: Path, status: os.stat_result) -> os.stat_result:
    """``status`` if it is that of a regular file."""
    if not stat.S_ISREG(status.st_mode):
        what = _NO_FILE.get(stat.S_IFMT(status.st_mode), "something else")
        if what == "a folder" and not os.access(path, os.R_OK | os.X_OK):
            raise ReadError(path, "is a folder that may not be searched.")
        raise ReadError(path, f"is not a regular file but {what}.", "Name a file in it." if what == "a folder" else
                        "Name a file.")
    on_disk = _BLOCK * getattr(status, "st_blocks", status.st_size)
    if status.st_size > _ALWAYS and status.st_size > most_unpacked(on_disk):
        raise CorruptFile(path, f"of its {status.st_size} bytes only {on_disk} are on the disk: it is almost all "
                                "holes.", "Its copying may have been broken off; copy it again.")
    return status


def _refused(path: Path, error: OSError) -> ReadError:
    return ReadError(path, f"cannot be opened ({error.strerror or error}).", "Check the name and the access rights.")


def stream(path: Path, *, buffering: int = -1) -> BinaryIO:
    """A regular file, open for reading. Raises as `check`."""
    check(path)
    try:
        return open(path, "rb", buffering, opener=_opener)
    except OSError as error:
        raise _refused(path, error) from error


def _opener(path: str, flags: int) -> int:
    """A file descriptor; what has become a pipe since the check does not wait for a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_head(path: Path, most: int = 4096) -> bytes:
    """The first ``most`` bytes of a file. Raises as `check`."""
    with stream(path) as file:
        try:
            return file.read(most)
        except OSError as error:
            raise _refused(path, error) from error


def read_bytes(path: Path, most: int) -> bytes:
    """All bytes of a file that has at most ``most``.

    Raises:
        ReadError: the file is larger, or as `check`.
    """
    with stream(path) as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise _refused(path, error) from error
    if len(content) > most:
        raise ReadError(path, f"it has more than {most >> 20} MB, more than a file of its kind holds.",
                        "Split it, or store it in a binary format.")
    return content


def array(path: Path, dtype: Any, count: int, offset: int) -> np.ndarray:
    """Up to ``count`` numbers from the byte ``offset`` on; fewer where the file ends. Raises as `check`."""
    with stream(path, buffering=0) as file:
        left = max(os.fstat(file.fileno()).st_size - offset, 0) // np.dtype(dtype).itemsize
        try:
            return np.fromfile(file, dtype, max(min(count, left), 0), offset=offset)
        except OSError as error:
            raise _refused(path, error) from error


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """A file that is not empty as bytes that are read where they are looked at. Raises as `check`."""
    with stream(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def mapped_array(path: Path, dtype: Any, shape: tuple[int, ...], offset: int) -> np.ndarray:
    """An array in a file, of which only what is looked at is read. Raises as `check`; ValueError if the file ends."""
    with stream(path) as file:
        return np.memmap(file, dtype, "r", offset, shape)


def members(folder: Path) -> list[Path]:
    """The files of a store that is a folder, in order.

    Raises:
        CorruptFile: a link, pipe, socket or device in it, or holes as in `check`: a store holds its data itself.
        ReadError: a part of it cannot be read.
    """
    found: list[Path] = []
    pending = [folder]
    while pending and len(found) <= _MOST_FILES:
        for entry in _entries(pending.pop()):
            if entry.is_symlink():
                raise CorruptFile(folder, f"'{entry.name}' in it is a link to another place.",
                                  "Copy the data themselves into the store.")
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
            else:
                check(Path(entry.path))
                found.append(Path(entry.path))
    if pending:
        raise CorruptFile(folder, f"it holds more than {_MOST_FILES} files.", DAMAGED)
    return sorted(found)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise _refused(folder, error) from error


@contextmanager
def naming(path: Path, form: str, where: str = "") -> Iterator[None]:
    """Whatever a damaged file breaks in a parser becomes a `CorruptFile` that names the file."""
    try:
        yield
    except ReadError:
        raise
    except MemoryError as error:
        raise CorruptFile(path, f"{where}the {form} header declares more data than memory can hold.",
                          DAMAGED) from error
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_CAUSE]
        raise CorruptFile(path, f"{where}not a readable {form} file ({cause}).", DAMAGED) from error


def try_hdf5(path: Path) -> None:
    """Let another process read an HDF5 file first, which may crash, hang or refuse it. Raises `ReadError`."""
    from asperity.data.trial import stand_trial

    stand_trial(path, check(path))


@contextmanager
def hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file that has passed its trial; whatever h5py raises on damage becomes a `CorruptFile`."""
    import h5py

    try_hdf5(path)
    with naming(path, "HDF5"), h5py.File(path, "r") as file:
        yield file


def netcdf(path: Path) -> xr.Dataset:
    """The lazy dataset of a NetCDF 4 file that has passed its trial; else raises `ReadError`.

    What h5py and xarray raise on other damage is for the caller.
    """
    import h5py
    import xarray as xr

    from asperity.data.netcdf_file import named_store

    try_hdf5(path)
    with h5py.File(path, "r") as file:
        file.attrs.get("_nc3_strict")  # h5netcdf reads it first, and prints a second error where it cannot
    dataset = xr.open_dataset(named_store(path))  # pyright: ignore[reportArgumentType]
    dataset.encoding["source"] = str(path)
    return dataset


def zarr(path: Path) -> xr.Dataset:
    """The lazy dataset of a zarr v3 folder that has passed its trial. Raises as `netcdf`."""
    import xarray as xr

    from asperity.data.trial import stand_trial_of_folder

    if not path.is_dir():
        check(path)
        raise CorruptFile(path, "is a file where a zarr store is a folder.")
    stand_trial_of_folder(path, members(path))
    return xr.open_zarr(path, consolidated=False, zarr_format=3, chunks=None)

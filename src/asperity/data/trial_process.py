"""The process in which `asperity.data.trial` lets files be read first; a script that knows nothing of asperity.

One line of JSON asks for one file, one line answers: ``refused`` with the reason or null, or the ``signal`` that ended
the reading. Each file is read by a fork, with limits of its own, so that what a file breaks is gone with it.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5t  # pyright: ignore[reportAttributeAccessIssue]

__all__: list[str] = []

#: HDF5 filters that come with the library or with h5py: deflate, shuffle, checksum, lzf
_FILTERS = {1, 2, 3, 32000}
#: zarr codecs that give what the array declares, or an error; of a chunk of theirs zarr takes no more
_CODECS = {"bytes", "zstd", "vlen-utf8", "vlen-bytes", "crc32c", "transpose"}
#: bytes that are read at once
_PIECE = 32 * 2**20
#: bytes of one zarr chunk: eleven million samples of one curve in three segments
_LARGEST_CHUNK = 256 * 2**20
#: bytes of the description of a zarr array, which holds its attributes (a long history is below 1 MB)
_LARGEST_DESCRIPTION = 16 * 2**20
#: bytes; whatever its size, a file may unpack to this: as in `asperity.data.opening`
_ALWAYS = 256 * 2**20
#: a larger file may unpack to this many times its size: as in `asperity.data.opening`
_RATIO = 64


class _Refused(Exception):
    """The file takes its data from elsewhere, or unpacks to more than a file of its size may."""


class _Budget:
    """Bytes that a file may still unpack to."""

    def __init__(self, stored: int) -> None:
        self.left = self.most = max(_ALWAYS, _RATIO * stored)

    def spend(self, name: str, count: int) -> None:
        """Take ``count`` bytes for an object; raises `_Refused` where that many are not left."""
        self.left -= count
        if count < 0 or self.left < 0:
            raise _Refused(f"'{name}' in it declares {count} bytes, and a file of its size may unpack to no more than "
                           f"{self.most >> 20} MB.")

    def spend_on(self, name: str, values: Any) -> None:
        """Take the texts and sequences of any length that lie outside of an array."""
        if isinstance(values, np.ndarray) and values.dtype.kind == "O":
            self.spend(name, sum(getattr(value, "nbytes", 0) or len(value) for value in values.flat
                                 if hasattr(value, "__len__")))


@contextmanager
def _harmless() -> Iterator[None]:
    """Let pass what will be raised again, and caught, where the file is used: all but a lack of memory."""
    try:
        yield
    except (_Refused, MemoryError):
        raise
    except Exception as error:
        if re.search("memory|alloc", str(error)):
            raise MemoryError from error


# ---------------------------------------------------------------- HDF5

def _read_hdf5(path: str, budget: _Budget) -> None:
    """Every object, attribute and sample that hard links lead to."""
    with h5py.File(path, "r") as file:
        pending, seen = [h5o.open(file.id, b"/")], set()
        while pending:
            item = pending.pop()
            with _harmless():
                address = _address(item)
                if address not in seen:
                    seen.add(address)
                    pending += _read_object(item, budget)


def _address(item: Any) -> Any:
    """Where an object lies; one whose header is damaged is like no other, since libraries read on in it."""
    try:
        return h5o.get_info(item).addr
    except Exception:
        return object()


def _read_object(item: Any, budget: _Budget) -> list[Any]:
    """Read one object; returns those that it leads to, whatever in it is damaged."""
    if isinstance(item, h5d.DatasetID):
        with _harmless():
            _read_dataset(h5py.Dataset(item), budget)
    elif not isinstance(item, h5g.GroupID):
        return []
    number = 0
    with _harmless():
        number = h5a.get_num_attrs(item)
    for index in range(number):
        with _harmless():
            attribute = h5a.open(item, index=index)
            budget.spend(attribute.name, attribute.get_storage_size())
            shape, dtype = attribute.shape, attribute.dtype
            if shape is not None:
                base, part = dtype.subdtype or (dtype, ())
                values = np.zeros(shape + part, base)
                attribute.read(values, mtype=h5t.py_create(dtype))
                budget.spend_on(attribute.name, values)
    return _linked(item) if isinstance(item, h5g.GroupID) else []


def _linked(group: h5g.GroupID) -> list[Any]:
    """The objects of a group; a soft link stays in the file, where every object has a hard link as well."""
    names, found = [], []
    with _harmless():
        names += group
    for name in names:
        with _harmless():
            kind = group.links.get_info(name).type
            if kind not in (h5l.TYPE_HARD, h5l.TYPE_SOFT):
                raise _Refused(f"'{name.decode('utf-8', 'replace')}' in it is a link to another file.")
            if kind == h5l.TYPE_HARD:
                found.append(h5o.open(group, name))
    return found


def _read_dataset(found: h5py.Dataset, budget: _Budget) -> None:
    """All samples, piece by piece, and what its dimensions are named by."""
    created = found.id.get_create_plist()
    if created.get_external_count() or created.get_layout() == h5d.VIRTUAL:
        raise _Refused(f"'{found.name}' in it takes its data from another file.")
    foreign = [created.get_filter(i) for i in range(created.get_nfilters())]
    if names := [f"{name.decode('utf-8', 'replace') or 'filter'} ({code})" for code, _, _, name in foreign
                 if code not in _FILTERS]:
        raise _Refused(f"'{found.name}' in it is packed by {', '.join(names)}; gzip is known.")
    if found.shape is None:
        return
    with _harmless():
        for dimension in found.dims:
            len(dimension)  # a damaged list of scales has no end
    if 0 in found.shape:
        return
    budget.spend(str(found.name), math.prod(found.shape) * found.dtype.itemsize)
    for piece in _pieces(found.shape, found.dtype.itemsize, found.chunks):
        with _harmless():
            try:
                budget.spend_on(str(found.name), found[piece])
            except OSError:
                _refuse_bombs(found)
                raise


def _refuse_bombs(found: h5py.Dataset) -> None:
    """Raise `_Refused` if a chunk inflates to more than a chunk: the library finds no end, or no memory."""
    if found.compression != "gzip" or found.chunks is None:
        return
    most = math.prod(found.chunks or ()) * found.dtype.itemsize + 4  # with a checksum
    for index in range(found.id.get_num_chunks()):
        packed = found.id.read_direct_chunk(found.id.get_chunk_info(index).chunk_offset)[1]
        with suppress(zlib.error):
            if len(zlib.decompressobj().decompress(packed, most + 1)) > most:
                raise _Refused(f"a chunk of '{found.name}' in it unpacks to more than the {most - 4} bytes of a chunk.")


def _pieces(shape: tuple[int, ...], itemsize: int, chunks: tuple[int, ...] | None) -> Iterator[tuple[slice, ...]]:
    """Parts of an array along its longest axis, of about `_PIECE` bytes and of whole chunks."""
    if not shape:
        yield ()
        return
    axis = int(np.argmax(shape))
    step = max(1, _PIECE * shape[axis] // (math.prod(shape) * itemsize))
    step = -(-step // chunks[axis]) * chunks[axis] if chunks else step
    for start in range(0, shape[axis], step):
        yield tuple(slice(start, start + step) if i == axis else slice(None) for i in range(len(shape)))


# ---------------------------------------------------------------- zarr

def _read_zarr(path: str, budget: _Budget) -> None:
    """Every array below a folder; its chunks must give what the array declares."""
    import zarr

    for description in sorted(Path(path).rglob("zarr.json")):
        if description.stat().st_size > _LARGEST_DESCRIPTION:
            raise _Refused(f"'{description.relative_to(path)}' has more than {_LARGEST_DESCRIPTION >> 20} MB.")
        with _harmless():
            declared, name = json.loads(description.read_bytes()), str(description.parent.relative_to(path))
            if declared.get("node_type") == "array":
                if foreign := {str(codec["name"]) for codec in declared["codecs"]} - _CODECS:
                    raise _Refused(f"'{name}' in it is packed by {', '.join(sorted(foreign))}; zstd is known.")
                _read_array(name, zarr.open_array(description.parent, mode="r", zarr_format=3), budget)


def _read_array(name: str, found: Any, budget: _Budget) -> None:
    """All samples; what a chunk does not give is refused, since zarr keeps no checksums."""
    itemsize = getattr(found.dtype, "itemsize", 1)
    if math.prod(found.chunks) * itemsize > _LARGEST_CHUNK:
        raise _Refused(f"'{name}' in it has chunks of more than {_LARGEST_CHUNK >> 20} MB.")
    budget.spend(name, math.prod(found.shape) * itemsize)
    if 0 in found.shape:
        return
    for piece in _pieces(found.shape, itemsize, found.chunks):
        try:
            budget.spend_on(name, np.asarray(found[piece]))
        except (_Refused, MemoryError):
            raise
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            raise _Refused(f"a chunk of '{name}' in it is damaged ({cause}).") from error


# ---------------------------------------------------------------- one line, one answer

_READ = {"hdf5": _read_hdf5, "zarr": _read_zarr}


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Read one file; returns the reason to refuse it, or None."""
    try:
        with _harmless():
            _READ[request["kind"]](request["path"], _Budget(request["size"]))
    except _Refused as error:
        return {"refused": " ".join(str(error).split())[:300]}
    except MemoryError:
        return {"refused": f"reading it takes more than {request['memory'] >> 20} MB."}
    return {"refused": None}


def _limit(request: dict[str, Any]) -> None:
    """Processor time, memory beyond what this process has, and no core files, for this process."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (request["seconds"], request["seconds"] + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statm = Path("/proc/self/statm")
    if statm.exists():
        mapped = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + request["memory"],) * 2)


def _forked(request: dict[str, Any]) -> dict[str, Any]:
    """The answer of a fork under limits; the signal that ended it where there is none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _limit(request)
        os.write(writing, json.dumps(_answer(request)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(answer) if answer else {"signal": os.waitstatus_to_exitcode(status) * -1}


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if request["kind"] == "zarr":
            import zarr  # once, before the fork

            zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
        # where there are no forks (Windows) a crash ends this process, and the next file has a new one
        print(json.dumps(_forked(request) if hasattr(os, "fork") else _answer(request)), flush=True)


if __name__ == "__main__":
    _serve()

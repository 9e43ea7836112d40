"""Resumable work: a loop whose finished chunks survive the death of the process.

A job is a folder with ``.asperity.lock`` (who works there), ``chunks/job.json`` (what the job is) and one NumPy
archive for each finished chunk (NetCDF is slow where variables are many and short). Each chunk carries the job's
mark, its number and a digest of its bytes, so that one of another job, an exchanged or a damaged one is known.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from os import PathLike
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import xarray as xr

from asperity.data import disk, lock
from asperity.data.disk import StoreError
from asperity.data.provenance import plain
from asperity.data.store import restored
from asperity.messages import quoted

__all__ = ["KEPT", "PLAN", "RESULTS", "Chunks", "Loop", "OtherJob", "Progress", "chunk_file", "clear", "discard",
           "finished_chunks", "run", "same_job"]

_log = logging.getLogger("asperity")

#: called with (finished curves, all curves)
Progress = Callable[[int, int], None]

#: makes the chunks of these numbers and saves them; each number is given when its chunk is there
Loop = Callable[["Chunks", Sequence[int]], Generator[int, None, None]]

#: the folder beside the chunks in which workers find what to do
PLAN = "plan"

#: what an interruption of a job says that has something to go on from
KEPT = "Finished chunks are kept: run the same command again to go on."

#: what a job makes of its chunks, beside them in its folder
RESULTS = ("results.nc", "results.zarr", "results.csv", "report.html")

#: hexadecimal digits of SHA-256, with which a chunk ends
_DIGITS = 64

#: more chunks than this are not named one by one in a message
_NAMED = 3


@contextmanager
def run(job: Mapping[str, Any], sizes: Sequence[int], work: Callable[[int], xr.Dataset], *,
        folder: str | PathLike[str] | None = None, restart: bool = False,
        progress: Progress | None = None, loop: Loop | None = None) -> Iterator[Chunks]:
    """Do the work of every chunk that is not finished yet; within the block all of them are, and nobody else works.

        with jobs.run(job, [64, 64, 12], fitted, folder=out) as chunks:
            results = join(list(chunks))
            store.save(results, out / "results.nc")

    Args:
        job: what the job is (input records, model, options, version), as JSON values; a chunk is used again
            only if all of it is equal.
        sizes: curves of each chunk.
        work: the result of chunk 0, 1, ...: a dataset with as many curves along ``curve``.
        folder: of the job, made if it is not there; its results (see `RESULTS`) belong into the block, which
            holds its lock. None: the chunks stay in memory.
        restart: throw away what an earlier job left there.
        progress: called at first, and after each chunk.
        loop: has the chunks made and saved in place of ``work``, by others; without a ``folder`` it has one for the
            time of the block.

    Raises:
        StoreError: the folder holds another job, another process works in it, or the disk refuses.
    """
    manifest = json.loads(json.dumps(plain(job))) | {"curves": int(sum(sizes)), "chunks": len(sizes)}
    mark = _mark(manifest, sizes)
    if folder is None and loop is None:
        chunks = Chunks(None, mark, sizes)
        _finish(chunks, [], _in_turn(work), progress)
        yield chunks
        return
    with nullcontext(folder) if folder else tempfile.TemporaryDirectory(prefix="asperity-") as place:
        with lock.held(Path(place)):
            chunks = Chunks(Path(place) / "chunks", mark, sizes)
            _begin(Path(place), manifest, chunks, restart=restart)
            _finish(chunks, chunks.finished(), loop or _in_turn(work), progress, kept=folder is not None)
            yield chunks


def _mark(manifest: Mapping[str, Any], sizes: Sequence[int]) -> str:
    """What the chunks of a job are known by."""
    return hashlib.sha256(json.dumps([manifest, [int(size) for size in sizes]], sort_keys=True).encode()).hexdigest()


def same_job(folder: Path, chunks: Chunks) -> bool:
    """Whether the job of this folder is that of the ``chunks``. Raises StoreError: what is there is damaged."""
    found = _read_manifest(folder / "chunks" / "job.json")
    return found is not None and _mark(found, chunks.sizes) == chunks.mark


def _in_turn(work: Callable[[int], xr.Dataset]) -> Loop:
    """One chunk after another, in this process."""

    def loop(chunks: Chunks, numbers: Sequence[int]) -> Generator[int, None, None]:
        for number in numbers:
            chunks.save(number, work(number))
            yield number

    return loop


class OtherJob(StoreError):
    """The folder holds the work of another job."""


class Chunks:
    """The finished chunks of a job, in order; each is read when it is asked for.

    ``len(chunks)`` is their number; iterating gives the datasets one after another.
    """

    def __init__(self, folder: Path | None, mark: str, sizes: Sequence[int]) -> None:
        self.folder, self.mark, self.sizes = folder, mark, tuple(sizes)
        self._memory: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[xr.Dataset]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> xr.Dataset:
        """Raises StoreError: it is not there, damaged, or of another job; IndexError: the plan has no such number."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        try:
            return _unpacked(self._bytes(number), self.mark, number, self.sizes[number])
        except (OSError, ValueError) as error:
            raise self._anew(number, error) from error

    def _anew(self, number: int, error: Exception) -> StoreError:
        return StoreError(f"{self.where(number)}: {quoted(str(error))}; run the same command again, it makes this "
                          "chunk anew")

    def where(self, number: int) -> str:
        """The file of a chunk, for messages."""
        return str(chunk_file(self.folder, number)) if self.folder else f"chunk {number}"

    def _bytes(self, number: int) -> bytes:
        if self.folder is None:
            return self._memory[number]
        path = chunk_file(self.folder, number)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise ValueError("not a file of its own")
        return path.read_bytes()

    def attributes(self) -> Iterator[dict[str, Any]]:
        """The attributes of each chunk in turn, unchecked. Raises StoreError: one is not there, or damaged."""
        for number in range(len(self)):
            stream = io.BytesIO(self._memory[number]) if self.folder is None else chunk_file(self.folder, number)
            try:
                with np.load(stream, allow_pickle=False) as archive:
                    yield json.loads(str(archive["header"]))["attrs"]
            except (OSError, KeyError, TypeError, ValueError, BadZipFile) as error:
                raise self._anew(number, error) from error

    @property
    def size(self) -> int:
        """Bytes of all chunks as they are stored."""
        if self.folder is None:
            return sum(map(len, self._memory.values()))
        return sum(chunk_file(self.folder, i).stat().st_size for i in range(len(self)))

    def save(self, number: int, dataset: xr.Dataset) -> None:
        """Keep one finished chunk; after this call it survives the death of the process."""
        curves = dataset.sizes.get("curve")
        if curves != self.sizes[number]:
            raise ValueError(f"chunk {number} has {curves} curves, {self.sizes[number]} are planned")
        packed = _packed(dataset, self.mark, number)
        if self.folder is None:
            self._memory[number] = packed
            return
        with disk.replacing(chunk_file(self.folder, number)) as temporary, open(temporary, "wb") as stream:
            stream.write(packed)

    def finished(self) -> list[int]:
        """The numbers of the chunks that are there, whole and of this job; one line is logged about the others."""
        found, wrong = [], []
        for number in range(len(self)):
            try:
                _opened(self._bytes(number), self.mark, number, self.sizes[number])
                found.append(number)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                wrong.append(f"{chunk_file('', number)} ({quoted(str(error))})")
        if wrong:
            _log.warning("%s: %d chunks are made again: %s%s", self.folder, len(wrong), ", ".join(wrong[:_NAMED]),
                         ", ..." if len(wrong) > _NAMED else "")
        return found


def _finish(chunks: Chunks, finished: Sequence[int], loop: Loop, progress: Progress | None, *,
            kept: bool = False) -> None:
    """Have all chunks made that are not finished."""
    total, done, there = sum(chunks.sizes), sum(chunks.sizes[i] for i in finished), set(finished)
    tell = progress or (lambda done, total: None)
    if there:
        _log.info("going on: %d of %d chunks are finished", len(there), len(chunks))
    tell(done, total)
    try:
        with closing(loop(chunks, [number for number in range(len(chunks)) if number not in there])) as made:
            for number in made:
                done += chunks.sizes[number]
                tell(done, total)
    except KeyboardInterrupt as stop:
        if kept and done:
            stop.add_note(KEPT)
        raise


def _begin(folder: Path, manifest: Mapping[str, Any], chunks: Chunks, *, restart: bool) -> None:
    """Make the folder ready for this job, or find that it is; old results never stand beside a new job."""
    place = folder / "chunks"
    with disk.told(place):
        place.mkdir(exist_ok=True)
        disk.sweep(folder)
        disk.sweep(place, everything=True)
        found = None if restart else _read_manifest(place / "job.json")
        if found is not None:
            _require_same(found, manifest, folder)
        elif restart:
            clear(folder)
        else:
            _require_own(place, chunks.mark, folder)
            disk.remove(place / PLAN)
            _clear_results(folder)
        if found is None:
            with disk.replacing(place / "job.json") as temporary:
                temporary.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    _tell_strangers(place, len(chunks))


def clear(folder: Path) -> None:
    """Remove what a job left in ``folder``: its results first, then its chunks, at last what it was.

    Raises:
        StoreError: the disk refuses.
    """
    with disk.told(folder):
        _clear_results(folder)
        for file in [*(folder / "chunks").glob("chunk-*.npz"), folder / "chunks" / PLAN]:
            disk.remove(file)
        (folder / "chunks" / "job.json").unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Remove a job whose results are stored elsewhere, and its folder where nothing else is in it.

    Where another process has begun to work there, or the disk refuses, all is left to the next run.
    """
    if not folder.is_dir():
        return
    with suppress(StoreError), lock.held(folder):
        clear(folder)
    for place in (folder / "chunks", folder):
        with suppress(OSError):  # somebody's files are there
            place.rmdir()


def _clear_results(folder: Path) -> None:
    for name in RESULTS:
        disk.remove(folder / name)


def _read_manifest(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(disk.text_of(path))
        if not isinstance(found, dict):
            raise ValueError("not a table of names and values")
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StoreError(f"{path}: damaged ({quoted(str(error))}). Delete it and run the same command again: chunks of "
                         "that job are known by their own mark and used; or give --restart to throw them away"
                         ) from error
    return found


def _require_same(found: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    differ = [name for name in sorted({*found, *wanted}) if _text(found.get(name)) != _text(wanted.get(name))]
    if differ:
        details = "; ".join(f"{name}: {_short(found.get(name))} there, {_short(wanted.get(name))} now"
                            for name in differ)
        raise OtherJob(f"{folder} holds the unfinished or finished work of another analysis ({details}). "
                       "Give another --out, or --restart to throw that work away.")


def _require_own(place: Path, mark: str, folder: Path) -> None:
    """No job is named: whole chunks that are there must be of this one."""
    strange = [file.name for file in sorted(place.glob("chunk-*.npz")) if _job_of(file) not in (None, mark)]
    if strange:
        raise StoreError(f"{folder} holds chunks of another analysis ({strange[0]}) but no job.json that says which. "
                         "Give another --out, or --restart to throw them away.")


def _job_of(file: Path) -> str | None:
    """The mark of the job of a chunk; None if it is no whole chunk."""
    with suppress(OSError, ValueError):
        return str(_header(file.read_bytes())[0]["job"]) if file.is_file() else None
    return None


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _tell_strangers(place: Path, count: int) -> None:
    """One line about what stands among the chunks and is none of this job."""
    planned = {"job.json", PLAN, *(chunk_file("", number).name for number in range(count))}
    strange = sorted(file.name for file in place.iterdir() if file.name not in planned)
    if strange:
        _log.warning("%s: %d files there are not of this job and are left alone: %s%s; delete them", place,
                     len(strange), ", ".join(strange[:_NAMED]), ", ..." if len(strange) > _NAMED else "")


def chunk_file(folder: str | PathLike[str], number: int) -> Path:
    """The file of chunk ``number`` (0, 1, ...)."""
    return Path(folder) / f"chunk-{number:06d}.npz"


def finished_chunks(folder: str | PathLike[str]) -> list[int]:
    """The numbers of the chunks whose files are there, in order."""
    found = (re.fullmatch(r"chunk-(\d{6,})\.npz", file.name) for file in Path(folder).glob("chunk-*.npz"))
    return sorted(int(match[1]) for match in found if match)


def _packed(dataset: xr.Dataset, job: str, number: int) -> bytes:
    """A dataset as a NumPy archive whose comment is the digest of all before it."""
    header = {"job": job, "number": number, "curves": dataset.sizes["curve"], "attrs": plain(dataset.attrs),
              "coords": list(map(str, dataset.coords)),
              "variables": [[str(name), list(variable.dims), plain(variable.attrs)]
                            for name, variable in dataset.variables.items()]}
    arrays = {f"variable_{i}": variable.values for i, variable in enumerate(dataset.variables.values())}
    stream = io.BytesIO()
    np.savez(stream, header=np.array(json.dumps(header)), allow_pickle=False, **arrays)
    with ZipFile(stream, "a") as archive:
        archive.comment = b"0" * _DIGITS
    body = stream.getvalue()[:-_DIGITS]
    return body + hashlib.sha256(body).hexdigest().encode()


def _header(packed: bytes) -> tuple[dict[str, Any], Any]:
    """What a chunk says it is, and its open archive; raises ValueError if its bytes are not those written."""
    if hashlib.sha256(memoryview(packed)[:-_DIGITS]).hexdigest().encode() != packed[-_DIGITS:]:
        raise ValueError("empty" if not packed else "damaged: its bytes are not those that were written")
    try:
        archive = np.load(io.BytesIO(packed), allow_pickle=False)
        header = json.loads(str(archive["header"]))
        return {"job": header["job"], **header}, archive
    except (KeyError, TypeError, BadZipFile) as error:
        raise ValueError("not a chunk of asperity") from error


def _opened(packed: bytes, job: str, number: int, curves: int) -> tuple[dict[str, Any], Any]:
    """As `_header`; raises ValueError if the chunk is not the one that is meant."""
    header, archive = _header(packed)
    if (header["job"], header.get("number"), header.get("curves")) != (job, number, curves):
        raise ValueError("of another job" if header["job"] != job else "of another place in this job")
    return header, archive


def _unpacked(packed: bytes, job: str, number: int, curves: int) -> xr.Dataset:
    header, archive = _opened(packed, job, number, curves)
    try:
        variables = {name: (dims, archive[f"variable_{i}"], attrs)
                     for i, (name, dims, attrs) in enumerate(header["variables"])}
        return restored(xr.Dataset(variables, attrs=header["attrs"]).set_coords(header["coords"]))
    except (AttributeError, KeyError, TypeError, BadZipFile) as error:  # signed, and yet not what is written here
        raise ValueError("not a chunk of asperity") from error

"""Datasets on disk: NetCDF (one file), zarr v3 (large maps, block by block), and resumable jobs.

A job is a folder of finished chunks (NumPy archives: NetCDF is slow where variables are many and short).
A chunk is written beside its place, flushed to the disk and
then renamed, so it is either whole or absent whenever the process dies. ``job.json`` names the exact
job; chunks of another job (other files, model, options or version) are never mixed in.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import xarray as xr

from asperity.data.provenance import plain

__all__ = ["ENDINGS", "StoreError", "chunk_file", "finished_chunks", "load", "load_chunk", "open_job",
           "open_store", "save", "save_blocks", "save_chunk"]

#: the endings that `save` and `open_store` know
ENDINGS = (".nc", ".zarr")

#: a zarr chunk holds whole curves, about this many bytes
_CHUNK_BYTES = 4_000_000


class StoreError(ValueError):
    """A file that is not what asperity stored, an ending it does not know, or chunks of another job."""


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _flush(path: Path) -> None:
    """Force a file, or the entries of a folder, onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some file systems cannot flush a folder; the rename stays atomic
        if path.is_file():
            raise
    finally:
        os.close(handle)


def _storable(dataset: xr.Dataset) -> xr.Dataset:
    """Strings as objects: a fixed width would cut longer names of later blocks."""
    text = [name for name in dataset.variables if dataset[name].dtype.kind in "UT"]
    return dataset.assign({name: dataset[name].astype(object) for name in text}).drop_encoding()


def _restored(dataset: xr.Dataset) -> xr.Dataset:
    """Strings as NumPy text, CF flag values in the type of their flag: as before `save`."""
    opened = dataset
    for name in list(dataset.variables):
        variable = dataset[name]
        if variable.dtype.kind in "OT":
            text = np.asarray(variable.values, dtype=object).astype(str)
            dataset = dataset.assign({name: (variable.dims, text, variable.attrs)})
        if "flag_values" in variable.attrs:
            dataset[name].attrs["flag_values"] = np.asarray(variable.attrs["flag_values"], variable.dtype)
    for attrs in (dataset.attrs, *(dataset[name].attrs for name in dataset.variables)):
        attrs.update({key: value.item() for key, value in attrs.items() if isinstance(value, np.generic)})
    dataset = dataset.drop_encoding()
    dataset.set_close(opened.close)
    return dataset


def _kind(path: Path) -> str:
    if path.suffix not in ENDINGS:
        raise StoreError(f"{path}: the ending must be {' or '.join(ENDINGS)} (NetCDF for most results, "
                         "zarr for maps that do not fit into memory)")
    return path.suffix


def save(dataset: xr.Dataset, path: str | PathLike[str]) -> Path:
    """Write a dataset to ``path``; an old one there is replaced only when the new one is complete.

    Args:
        dataset: any dataset; dims, strings, flags and attributes survive. A lazy one is read and
            written in blocks of whole curves where ``path`` ends in ``.zarr``, at once where ``.nc``.
        path: ends in ``.nc`` (NetCDF 4) or ``.zarr`` (zarr v3 folder).

    Raises:
        StoreError: another ending.
    """
    path = Path(path)
    if _kind(path) == ".zarr":
        return save_blocks(_blocks(dataset), path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as temporary:
        _storable(dataset).to_netcdf(temporary, engine="h5netcdf")
    return path


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place, whole, when the block has succeeded."""
    temporary = _temporary(path)
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _flush(path.parent)


def _curves_per_chunk(dataset: xr.Dataset) -> int:
    sizes = [v.dtype.itemsize * int(np.prod(v.shape[1:])) for v in dataset.variables.values()
             if v.dims[:1] == ("curve",) and v.dtype.kind not in "UTO"]
    return max(1, _CHUNK_BYTES // max([1, *sizes]))


def _blocks(dataset: xr.Dataset) -> Iterator[xr.Dataset]:
    if "curve" not in dataset.dims or dataset.sizes["curve"] == 0:
        yield dataset
        return
    step = _curves_per_chunk(dataset)
    for start in range(0, dataset.sizes["curve"], step):
        yield dataset.isel(curve=slice(start, start + step)).load()


def save_blocks(blocks: Iterable[xr.Dataset], path: str | PathLike[str]) -> Path:
    """Write blocks of curves one after another into one zarr v3 folder; memory holds one block.

    The blocks agree in everything but the number of curves. A zarr chunk is a tile of whole curves.

    Raises:
        StoreError: ``path`` does not end in ``.zarr``.
    """
    path = Path(path)
    if _kind(path) != ".zarr":
        raise StoreError(f"{path}: only .zarr can be written block by block")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = _temporary(path), path.with_name(f".{path.name}.{os.getpid()}.old")
    shutil.rmtree(temporary, ignore_errors=True)
    for index, block in enumerate(blocks):
        how: dict[str, Any] = {"encoding": _chunking(block), "mode": "w"} if index == 0 else {
            "append_dim": "curve"}
        _storable(block).to_zarr(temporary, zarr_format=3, consolidated=False, **how)
    if path.exists():
        path.rename(old)
    temporary.rename(path)
    shutil.rmtree(old, ignore_errors=True)
    return path


def _chunking(block: xr.Dataset) -> dict[Any, dict[str, tuple[int, ...]]]:
    curves = min(_curves_per_chunk(block), max(1, block.sizes.get("curve", 1)))
    return {name: {"chunks": (curves, *variable.shape[1:])} for name, variable in block.variables.items()
            if variable.dims[:1] == ("curve",) and 0 not in variable.shape}


def open_store(path: str | PathLike[str]) -> xr.Dataset:
    """Open what `save` wrote, lazily; ``close()`` it after use.

    Raises:
        StoreError: unknown ending, no such file, or not a dataset.
    """
    path = Path(path)
    kind = _kind(path)
    if not path.exists():
        raise StoreError(f"{path}: no such file")
    try:
        if kind == ".nc":
            return _restored(xr.open_dataset(path, engine="h5netcdf"))
        return _restored(xr.open_zarr(path, consolidated=False, zarr_format=3, chunks=None))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: not a {kind} dataset of asperity ({error})") from error


def load(path: str | PathLike[str]) -> xr.Dataset:
    """Read what `save` wrote into memory and close the file. Raises as `open_store`."""
    with open_store(path) as dataset:
        return dataset.load()


def open_job(folder: str | PathLike[str], job: Mapping[str, Any], *, restart: bool = False) -> list[int]:
    """Begin a job in ``folder``, or go on with it; returns the numbers of its finished chunks.

    Args:
        folder: where the chunks are; made if it is not there.
        job: what the job is (input records, model, options, version), as plain JSON values.
        restart: throw away the chunks that are there.

    Raises:
        StoreError: the folder holds chunks of another job; the message says what differs.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "job.json"
    wanted = json.loads(json.dumps(job))
    if restart:
        _clear(folder)
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink()
    if manifest.exists():
        _require_same(json.loads(manifest.read_text(encoding="utf-8")), wanted, folder)
    else:
        _clear(folder)
        with _replacing(manifest) as temporary:
            temporary.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
    return finished_chunks(folder)


def _clear(folder: Path) -> None:
    for file in [folder / "job.json", *folder.glob("chunk-*.npz")]:
        file.unlink(missing_ok=True)


def _require_same(found: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    differ = [name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name)]
    if differ:
        details = "; ".join(f"{name}: {_short(found.get(name))} there, {_short(wanted.get(name))} now"
                            for name in differ)
        raise StoreError(f"{folder} holds the unfinished or finished work of another analysis ({details}). "
                         "Give another --out, or --restart to throw that work away.")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def chunk_file(folder: str | PathLike[str], number: int) -> Path:
    """The file of chunk ``number`` (0, 1, ...)."""
    return Path(folder) / f"chunk-{number:06d}.npz"


def finished_chunks(folder: str | PathLike[str]) -> list[int]:
    """The numbers of the chunks that are complete, in order."""
    return sorted(int(file.stem.removeprefix("chunk-")) for file in Path(folder).glob("chunk-*.npz"))


def save_chunk(folder: str | PathLike[str], number: int, dataset: xr.Dataset) -> Path:
    """Write one finished chunk; after this call it survives the death of the process."""
    path = chunk_file(folder, number)
    header = {"attrs": plain(dataset.attrs), "coords": list(map(str, dataset.coords)),
              "variables": [[str(name), list(variable.dims), plain(variable.attrs)]
                            for name, variable in dataset.variables.items()]}
    arrays = {f"variable_{i}": variable.values for i, variable in enumerate(dataset.variables.values())}
    with _replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, header=np.array(json.dumps(header)), allow_pickle=False, **arrays)
    return path


def load_chunk(folder: str | PathLike[str], number: int) -> xr.Dataset:
    """Read one finished chunk.

    Raises:
        StoreError: it is not there or damaged.
    """
    path = chunk_file(folder, number)
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            header = json.loads(str(archive["header"]))
            variables = {name: (dims, archive[f"variable_{i}"], attrs)
                         for i, (name, dims, attrs) in enumerate(header["variables"])}
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise StoreError(f"{path}: a damaged chunk ({error}); "
                         "delete it and run the same command again") from error
    return _restored(xr.Dataset(variables, attrs=header["attrs"]).set_coords(header["coords"]))

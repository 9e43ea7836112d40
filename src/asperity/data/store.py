"""Datasets on disk: NetCDF (one file), zarr v3 (large maps, block by block), and resumable jobs.

A job is a folder of finished chunks (NumPy archives: NetCDF is slow where variables are many and short).
A chunk is written beside its place, flushed to the disk and
then renamed, so it is either whole or absent whenever the process dies. ``job.json`` names the exact
job; chunks of another job (other files, model, options or version) are never mixed in.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import opening
from asperity.data.readers._errors import ReadError, printable

__all__ = ["ENDINGS", "StoreError", "load", "open_store", "save", "save_blocks"]

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


def restored(dataset: xr.Dataset) -> xr.Dataset:
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
    with replacing(path) as temporary:
        _storable(dataset).to_netcdf(temporary, engine="h5netcdf")
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
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
    if not os.path.lexists(path):
        raise StoreError(f"{printable(path)}: no such file")
    try:
        return restored(opening.netcdf(path) if kind == ".nc" else opening.zarr(path))
    except ReadError as error:
        raise StoreError(f"{printable(path)}: {error.problem} {error.remedy}".removesuffix(".")) from error
    except Exception as error:  # h5py and zarr raise a dozen types on damage
        cause = " ".join(str(error).split())
        raise StoreError(f"{path}: not a {kind} dataset of asperity ({cause or type(error).__name__})") from error


def load(path: str | PathLike[str]) -> xr.Dataset:
    """Read what `save` wrote into memory and close the file. Raises as `open_store`, also for damaged values."""
    with open_store(path) as dataset:
        try:
            return dataset.load()
        except Exception as error:
            raise StoreError(f"{path}: its values cannot be read ({error}). {opening.DAMAGED}") from error

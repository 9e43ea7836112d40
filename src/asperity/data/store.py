"""Datasets on disk: NetCDF (one file) and zarr v3 (large maps, block by block), each whole or not at all.

A NetCDF file carries checksums twice: HDF5's own for each array, which any program checks, and a seal behind
its end over all bytes (names, texts, single numbers too), which `open_store` checks.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import disk, opening
from asperity.data.disk import StoreError
from asperity.data.readers._errors import ReadError, printable
from asperity.messages import quoted

__all__ = ["ENDINGS", "StoreError", "load", "open_store", "save", "save_blocks"]

#: the endings that `save` and `open_store` know
ENDINGS = (".nc", ".zarr")

#: a zarr chunk holds whole curves, about this many bytes
_CHUNK_BYTES = 4_000_000


#: before the digest of all that stands before it, at the end of a NetCDF file: HDF5 ignores what follows its end
_SEAL = b"\nasperity sha256 "
_ABOUT = 1 << 16  # bytes before its place in which a seal is looked for that was moved
_BEGUN = 5  # of its letters, of which a file that was cut off shows the beginning


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
        StoreError: another ending, or the disk refuses; what was at ``path`` is still there.
    """
    path = Path(path)
    if _kind(path) == ".zarr":
        return save_blocks(_blocks(dataset), path)
    stored = _storable(dataset)
    # in memory first: HDF5 ends the process if the disk is full when it closes a file
    with memoryview(stored.to_netcdf(None, engine="h5netcdf", encoding=_checked(stored))) as whole:
        _prepare(path)
        with disk.replacing(path) as temporary, open(temporary, "wb") as stream:
            stream.write(whole)
            stream.write(_seal(whole))
    return path


def _prepare(path: Path) -> None:
    """The folder of ``path`` is there, and nothing in it that a killed process left of this file."""
    with disk.told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.sweep(path.parent, path.name)


def _seal(whole: Any) -> bytes:
    return _SEAL + hashlib.sha256(whole).hexdigest().encode() + b"\n"


def _checked(dataset: xr.Dataset) -> dict[Any, dict[str, Any]]:
    """HDF5's checksum for every array of numbers, in tiles of whole curves; a single number cannot have one."""
    return {name: {"fletcher32": True, "chunksizes": _tile(variable)} for name, variable in dataset.variables.items()
            if variable.dtype.kind in "fiub" and variable.ndim and variable.size}


def _tile(variable: xr.Variable) -> tuple[int, ...]:
    rows = _CHUNK_BYTES // max(1, variable.nbytes // variable.shape[0])
    return (min(variable.shape[0], max(1, rows)), *variable.shape[1:])


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
        StoreError: ``path`` does not end in ``.zarr``, or the disk refuses.
    """
    path = Path(path)
    if _kind(path) != ".zarr":
        raise StoreError(f"{path}: only .zarr can be written block by block")
    _prepare(path)
    with disk.replacing(path) as temporary:
        for index, block in enumerate(blocks):
            how: dict[str, Any] = {"encoding": _chunking(block), "mode": "w"} if index == 0 else {
                "append_dim": "curve"}
            _storable(block).to_zarr(temporary, zarr_format=3, consolidated=False, **how)
    return path


def _chunking(block: xr.Dataset) -> dict[Any, dict[str, tuple[int, ...]]]:
    curves = min(_curves_per_chunk(block), max(1, block.sizes.get("curve", 1)))
    return {name: {"chunks": (curves, *variable.shape[1:])} for name, variable in block.variables.items()
            if variable.dims[:1] == ("curve",) and 0 not in variable.shape}


def open_store(path: str | PathLike[str]) -> xr.Dataset:
    """Open what `save` wrote, lazily; ``close()`` it after use. A folder stands for the results in it.

    Raises:
        StoreError: unknown ending, no such file, not a dataset, or not what was written there.
    """
    path = _results(Path(path))
    if path.suffix not in ENDINGS:
        raise StoreError(f"{printable(path)}: no results of asperity, which end in {' or '.join(ENDINGS)}; analyze the "
                         "file first, then name its results.nc or their folder")
    kind = path.suffix
    if not os.path.lexists(path) and path.parent.is_dir():
        disk.sweep(path.parent, path.name)
    if not os.path.lexists(path):
        raise StoreError(f"{printable(path)}: no such file")
    try:
        if kind == ".nc":
            _require_sealed(path)
        return restored(opening.netcdf(path) if kind == ".nc" else _ordered(opening.zarr(path)))
    except ReadError as error:
        raise StoreError(f"{printable(path)}: {error.problem} {error.remedy}".removesuffix(".")) from error
    except Exception as error:  # h5py and zarr raise a dozen types on damage
        raise StoreError(f"{path}: not a {kind} dataset of asperity ({_cause(error)})") from error


def _results(path: Path) -> Path:
    """The results in the folder of an analysis; any other path as it is."""
    if path.suffix in ENDINGS or not path.is_dir():
        return path
    found = [path / f"results{ending}" for ending in ENDINGS if (path / f"results{ending}").exists()]
    if not found:
        raise StoreError(f"{printable(path)}: a folder without results.nc or results.zarr; 'asperity analyze' writes "
                         "them when it has finished")
    return found[0]


def _ordered(dataset: xr.Dataset) -> xr.Dataset:
    """The variables by name: a folder lists them as its file system likes, and tables would differ from run to run."""
    variables = {name: dataset.variables[name] for name in sorted(dataset.variables, key=str)}
    coords = {name: variable for name, variable in variables.items() if name in dataset.coords}
    ordered = xr.Dataset({name: variables[name] for name in variables if name not in coords}, coords, dataset.attrs)
    ordered.set_close(dataset.close)
    return ordered


def _require_sealed(path: Path) -> None:
    """Raise OSError if a file with a seal has changed since; one without is of another program, or older."""
    size = opening.check(path).st_size - len(_seal(b""))
    with opening.stream(path) as stream:
        stream.seek(max(0, size - _ABOUT))
        about = stream.read()
        seal = about[-len(_seal(b"")):]
        if not _once_sealed(about, seal):
            return
        stream.seek(0)
        digest = hashlib.sha256()
        while size > 0 and (part := stream.read(min(size, _CHUNK_BYTES))):
            digest.update(part)
            size -= len(part)
    if seal != _SEAL + digest.hexdigest().encode() + b"\n":
        raise OSError("its bytes are not those that were written: the disk or a copy has damaged it; take another "
                      "copy, or run again what made it")


def _once_sealed(about: bytes, seal: bytes) -> bool:
    """Whether there is a seal at the end of a file, a damaged one, one that was moved, or the beginning of one."""
    alike = sum(own == given for own, given in zip(_SEAL, seal))
    cut = any(about.endswith(_SEAL[:length]) for length in range(_BEGUN, len(_SEAL)))
    return 2 * alike >= len(_SEAL) or _SEAL.strip() in about or cut or bool(re.search(rb"[0-9a-f]{64}\n$", about))


def load(path: str | PathLike[str]) -> xr.Dataset:
    """Read what `save` wrote into memory and close the file. Raises as `open_store`, also for damaged values."""
    with open_store(path) as dataset:
        try:
            return dataset.load()
        except Exception as error:
            raise StoreError(f"{path}: its values cannot be read ({_cause(error)}). {opening.DAMAGED}") from error


def _cause(error: Exception) -> str:
    """What went wrong, on one line: what is damaged may be quoted in it without end."""
    return quoted(" ".join(str(error).split()) or type(error).__name__)

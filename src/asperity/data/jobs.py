"""Resumable work: a folder of finished chunks that survives the death of the process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import xarray as xr

from asperity.data.provenance import plain
from asperity.data.store import StoreError, replacing, restored

__all__ = ["chunk_file", "finished_chunks", "load_chunk", "open_job", "save_chunk"]


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
        with replacing(manifest) as temporary:
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
    with replacing(path) as temporary, open(temporary, "wb") as stream:
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
    return restored(xr.Dataset(variables, attrs=header["attrs"]).set_coords(header["coords"]))

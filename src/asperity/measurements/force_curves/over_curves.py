"""A verb on many curves in memory: by the chunk, kept on the disk where that is asked for, shared by workers.

A worker gets the function by name, the curves of its chunk and what is known of each, and leaves its result in the
folder of the job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import asperity
from asperity.data import crew, disk, jobs
from asperity.data.crew import How, Orders
from asperity.data.curve_files import BROKEN, blank
from asperity.data.suspects import Suspects
from asperity.data.workers import Processes
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves import unreadable
from asperity.measurements.force_curves.sessions import join

__all__ = ["by_workers", "do", "over_curves"]


#: what is done with some curves, and with what is known of each, if anything is: one entry along ``curve`` for each
Work = Callable[..., xr.Dataset]


def over_curves(dataset: xr.Dataset, work: Work, job: Mapping[str, Any], *, batch: int,
                each: Sequence[Any] | None = None, workers: int = 1, **kept: Any) -> xr.Dataset:
    """``work`` on every ``batch`` curves of a dataset in memory; with a ``folder``, the same call goes on where it was.

    Args:
        dataset: force curves.
        work: gives one entry along ``curve`` for each curve; what breaks one curve becomes its flag. For several
            workers a function of a module, or a `functools.partial` of one.
        job: verb and arguments; with the curves' own bytes they say whether finished chunks may be used again.
        batch: curves of a chunk.
        each: what ``work`` needs to know of each curve, its second argument.
        workers: processes that share the chunks; the results are the same to the last bit.
        kept: ``folder`` (None: in memory), ``restart`` and ``progress``, as in `asperity.data.jobs.run`.
    """
    count = dataset.sizes["curve"]
    starts = list(range(0, count, batch))
    named = dict(job) if kept.get("folder") is None else {**job, "version": asperity.__version__,
                                                          "curves": _digest(dataset)}

    def of(chunk: int) -> tuple[Any, ...]:
        own = slice(starts[chunk], starts[chunk] + batch)
        return dataset.isel(curve=own), *(() if each is None else (each[own],))

    with jobs.run(named, [min(batch, count - start) for start in starts], lambda chunk: work(*of(chunk)),
                  loop=None if workers == 1 else by_workers(work, of, workers), **kept) as chunks:
        return join(list(chunks))


def _digest(dataset: xr.Dataset) -> str:
    """SHA-256 of all numbers and texts of a dataset."""
    digest = hashlib.sha256()
    for name in sorted(map(str, dataset.variables)):
        values = dataset[name].values
        digest.update(f"{name}{values.shape}{values.dtype}".encode())
        digest.update(np.ascontiguousarray(values if values.dtype.kind != "O" else values.astype(str)).tobytes())
    return digest.hexdigest()


def by_workers(work: Work, of: Callable[[int], tuple[Any, ...]], workers: int) -> jobs.Loop:
    """The loop in which so many processes do ``work(*of(chunk))``: with its curves, and what is known of each."""

    def loop(chunks: jobs.Chunks, numbers: Sequence[int]) -> Generator[int, None, None]:
        assert chunks.folder is not None
        if not numbers:
            return
        place = chunks.folder / jobs.PLAN
        disk.remove(place)
        place.mkdir()
        orders = Orders(do, str(chunks.folder), lambda number: (), Suspects(place).blame,
                        lambda task: f"chunk {task.number} of {chunks.sizes[task.number]} curves",
                        lambda task: (chunks.mark, chunks.sizes, work, *of(task.number)))
        try:
            yield from crew.finished(Processes(workers), orders, numbers)
        finally:
            disk.remove(place)

    return loop


def do(folder: str, _: str, number: int, how: How, mark: str, sizes: Sequence[int], work: Work,
       curves: xr.Dataset, each: Sequence[Any] | None = None) -> None:
    """Do one chunk of the job in ``folder``, in a process of its own; what is made stays there."""
    place = Path(folder)
    suspects, ones = Suspects(place / jobs.PLAN), range(curves.sizes["curve"])
    lost = {int(curve): BROKEN for own, curve in map(str.split, suspects.broken()) if int(own) == number}

    def alone(i: int) -> xr.Dataset:
        return work(readable.isel(curve=[i]), *(() if each is None else (each[i : i + 1],)))

    readable = blank(curves, list(lost)) if lost else curves
    if how == "trial":
        names = {f"{number} {i}": f"curve {int(curves['curve_in_file'][i])} of {curves['file'].values[i]}"
                 for i in ones if i not in lost}
        for key in suspects.each(names):
            alone(int(key.split()[1]))
        return
    made = work(readable, *(() if each is None else (each,))) if how == "whole" else join([alone(i) for i in ones])
    if lost and Outcome.unreadable.name in str(made["flag"].attrs.get("flag_meanings", "")):
        made["flag"].values[list(lost)] = int(Outcome.unreadable)
    told = unreadable.merged([made.attrs, unreadable.attribute(unreadable.named(curves, lost))])
    jobs.Chunks(place, mark, sizes).save(number, made.assign_attrs(told))

"""Blocks of curves: cut by session and size, learn their noise, fit them, join their results."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr

from asperity import __version__
from asperity.contact import AbstractContactModel
from asperity.contact.named import ASSUMED
from asperity.data import curve_files, jobs
from asperity.data.curve_files import Source
from asperity.learning import least_squares, noise
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.tip import Template

__all__ = ["FITTED_BY", "Block", "SessionNoise", "by_session", "fit_block", "join", "load_block", "numbered",
           "over_curves", "plan"]

_log = logging.getLogger("asperity")

#: the modules whose sources a fit cites beside those of its model
FITTED_BY = (least_squares, noise)

#: curves of one session from which the noise is learnt
NOISE_CURVES = 256


@dataclass(frozen=True)
class Block:
    """Curves that are fitted together: pieces (source, first, last + 1) of one session."""

    session: str
    pieces: tuple[tuple[int, int, int], ...]

    @property
    def size(self) -> int:
        """Number of curves."""
        return sum(stop - start for _, start, stop in self.pieces)


def by_session(source: Source) -> Iterator[Source]:
    """The source cut where the session changes, so that each part has one noise."""
    sessions = source.dataset["session"].values
    edges = [0, *(np.flatnonzero(sessions[1:] != sessions[:-1]) + 1), len(sessions)]
    for start, stop in pairwise(edges):
        whole = start == 0 and stop == len(sessions)
        yield source if whole else Source(source.dataset.isel(curve=slice(start, stop)), source.record)


def plan(sources: Sequence[Source], batch: int) -> list[Block]:
    """Blocks of at most ``batch`` curves; small files of one session and layout share a block."""
    blocks: list[Block] = []
    layouts: list[tuple[str, ...]] = []
    for i, source in enumerate(sources):
        session, count = str(source.dataset["session"].values[0]), source.dataset.sizes["curve"]
        layout = (session, *map(str, source.dataset["segment"].values),
                  *sorted(map(str, source.dataset.data_vars)),
                  *(str(source.dataset.attrs.get(name)) for name in ASSUMED))
        pieces = [(i, start, min(start + batch, count)) for start in range(0, count, batch)]
        for piece in pieces:
            if blocks and layouts[-1] == layout and blocks[-1].size + piece[2] - piece[1] <= batch:
                blocks[-1] = Block(session, (*blocks[-1].pieces, piece))
            else:
                blocks.append(Block(session, (piece,)))
                layouts.append(layout)
    return blocks


class SessionNoise:
    """The noise of each session, learnt when first asked for, from at most `NOISE_CURVES` of its curves."""

    def __init__(self, sources: Sequence[Source], template: Template, segment: str) -> None:
        self.sources, self.template, self.segment, self.known = sources, template, segment, {}

    def __call__(self, session: str) -> Any:
        from asperity.measurements.force_curves.fit_curves import learn_noise

        if session not in self.known:
            own = [source.dataset for source in self.sources
                   if str(source.dataset["session"].values[0]) == session]
            self.known[session] = learn_noise(self._sample(own), self.template.of(own[0]), segment=self.segment)
        return self.known[session]

    def _sample(self, own: Sequence[xr.Dataset]) -> xr.Dataset:
        places = [(i, j) for i, dataset in enumerate(own) for j in range(dataset.sizes["curve"])]
        chosen = [places[k] for k in np.unique(np.linspace(0, len(places) - 1, NOISE_CURVES).astype(int))]
        by_file = {i: [j for k, j in chosen if k == i] for i in dict.fromkeys(i for i, _ in chosen)}
        return curve_files.combine([curve_files.load_curves(own[i].isel(curve=js))[0] for i, js in by_file.items()])


def load_block(sources: Sequence[Source], block: Block) -> tuple[xr.Dataset, list[int]]:
    """The curves of one block in memory, and the positions of those that cannot be read: they are empty."""
    parts = [curve_files.load_curves(sources[i].dataset.isel(curve=slice(start, stop)))
             for i, start, stop in block.pieces]
    offsets = np.cumsum([0, *(part.sizes["curve"] for part, _ in parts)])
    unreadable = [int(offset) + i for offset, (_, causes) in zip(offsets, parts) for i in causes]
    return curve_files.combine([part for part, _ in parts]), unreadable


def fit_block(sources: Sequence[Source], block: Block, level: SessionNoise, options: Mapping[str, Any]) -> xr.Dataset:
    """The results of one block: its curves loaded, fitted, and flagged where they could not be read."""
    curves, unreadable = load_block(sources, block)
    chosen = level.template.of(sources[block.pieces[0][0]].dataset)
    fitted, failed = _fitted(curves, chosen, {"noise": level(block.session), **options})
    fitted["flag"].values[[*unreadable, *failed]] = int(Outcome.unreadable)
    truth = [name for name in curves.data_vars if str(name).startswith("true_") and name not in fitted]
    fitted = fitted.assign({name: curves[name].variable for name in truth}).drop_attrs(deep=False)
    tip = {name: fitted[name].expand_dims(curve=fitted["curve"]).variable for name in chosen.fixed
           if name in fitted.coords and fitted[name].dims == ()}
    return fitted.assign_coords(tip)  # per curve, for each file may have its own


def _fitted(curves: xr.Dataset, model: AbstractContactModel, options: Mapping[str, Any],
            ) -> tuple[xr.Dataset, list[int]]:
    """The fit of a block, and the positions of curves that broke it: they are fitted as if empty."""
    from asperity.measurements.force_curves.fit_curves import fit_curves

    try:
        return fit_curves(curves, model, **options), []
    except Exception as error:
        if curves.sizes["curve"] == 1:
            _log.warning("the fit of curve %d of %s failed: %s: %s", int(curves["curve_in_file"][0]),
                         curves["file"].values[0], type(error).__name__, error)
            return fit_curves(curve_files.blank(curves, [0]), model, **options), [0]
    parts = [_fitted(curves.isel(curve=[i]), model, options) for i in range(curves.sizes["curve"])]
    return join([part for part, _ in parts]), [i for i, (_, failed) in enumerate(parts) if failed]


def over_curves(dataset: xr.Dataset, work: Callable[[xr.Dataset], xr.Dataset], job: Mapping[str, Any], *, batch: int,
                folder: str | PathLike[str] | None = None, progress: jobs.Progress | None = None) -> xr.Dataset:
    """``work`` on every ``batch`` curves of a dataset in memory; with a ``folder``, the same call goes on where it was.

    Args:
        dataset: force curves.
        work: gives one entry along ``curve`` for each curve; what breaks one curve becomes its flag.
        job: verb and arguments; with the curves' own bytes they say whether finished chunks may be used again.
        batch: curves of a chunk.
        folder: where finished chunks are kept, see `asperity.data.jobs.run`; None: in memory.
        progress: called with (finished curves, all curves).
    """
    count = dataset.sizes["curve"]
    starts = list(range(0, count, batch))
    named = dict(job) if folder is None else {**job, "version": __version__, "curves": _digest(dataset)}
    with jobs.run(named, [min(batch, count - start) for start in starts],
                  lambda i: work(dataset.isel(curve=slice(starts[i], starts[i] + batch))),
                  folder=folder, progress=progress) as chunks:
        return join(list(chunks))


def _digest(dataset: xr.Dataset) -> str:
    """SHA-256 of all numbers and texts of a dataset."""
    digest = hashlib.sha256()
    for name in sorted(map(str, dataset.variables)):
        values = dataset[name].values
        digest.update(f"{name}{values.shape}{values.dtype}".encode())
        digest.update(np.ascontiguousarray(values if values.dtype.kind != "O" else values.astype(str)).tobytes())
    return digest.hexdigest()


def join(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """The results of several blocks as one, its curves numbered from 0."""
    joined = xr.concat(parts, "curve", data_vars="minimal", coords="minimal", compat="override",
                       join="override", combine_attrs="override") if len(parts) > 1 else parts[0]
    return joined.assign_coords(curve=np.arange(joined.sizes["curve"]))


def numbered(blocks: Iterable[xr.Dataset], attrs: Mapping[str, str]) -> Iterator[xr.Dataset]:
    """The results of each block in turn, the curves numbered on, with ``attrs``."""
    first = 0
    for block in blocks:
        yield block.assign_coords(curve=first + np.arange(block.sizes["curve"])).assign_attrs(attrs)
        first += block.sizes["curve"]

"""Blocks of curves: cut by session and size, learn their noise, fit them, join their results."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.contact import AbstractContactModel
from asperity.contact.named import ASSUMED
from asperity.data import curve_files, jobs
from asperity.data.averages import averaged, widths
from asperity.data.curve_files import Source
from asperity.learning import agreement, discrepancy, least_squares, noise, uncertainty
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves import unreadable
from asperity.measurements.force_curves.controls import EVERYTHING, Controls
from asperity.measurements.force_curves.segments import padded_lengths
from asperity.measurements.force_curves.tip import Template

__all__ = ["FITTED_BY", "Chunk", "Part", "SessionNoise", "averages_taken", "by_session", "fit_chunk",
           "in_use", "join", "load_part", "numbered", "parts_of", "plan", "whole"]

#: the modules whose sources a fit cites beside those of its model
FITTED_BY = (least_squares, noise, uncertainty, agreement, discrepancy)

#: curves of one session from which the noise is learnt
NOISE_CURVES = 64
#: samples of the fitted segment that are worked on together, 8 MB for each of some forty arrays
SAMPLES = 1 << 20
#: sessions whose noise is remembered: those of a few chunks of single files; 20 kB each
_REMEMBERED = 4096
#: curves of results that are stored at a time, 17 MB: each step costs as much as thousands of them
_TOGETHER = 8192


class Chunk(NamedTuple):
    """Neighboring curves whose results are kept together: pieces (source, numbers of its curves)."""

    pieces: tuple[tuple[int, np.ndarray], ...]

    @property
    def size(self) -> int:
        """Number of curves."""
        return sum(len(curves) for _, curves in self.pieces)


class Part(NamedTuple):
    """Curves that are loaded and fitted together, for they need the same shape."""

    places: np.ndarray  # in the chunk
    pieces: tuple[tuple[int, np.ndarray], ...]
    longest: int  # samples of their longest segment that is read


def by_session(source: Source) -> Iterator[Source]:
    """The source cut where the session changes, so that each part has one noise."""
    sessions = source.sessions
    edges = [0, *(np.flatnonzero(sessions[1:] != sessions[:-1]) + 1), len(sessions)]
    for start, stop in pairwise(edges):
        whole = start == 0 and stop == len(sessions)
        yield source if whole else source.part(slice(start, stop))


def plan(sources: Sequence[Source], batch: int) -> list[Chunk]:
    """Blocks of at most ``batch`` neighboring curves and of at most `SAMPLES` samples; small files share one."""
    wholes = [(i, np.arange(len(source.counts))) for i, source in enumerate(sources)]
    return [Chunk(tuple(pieces)) for pieces in _chunks(sources, wholes, batch)]


def _chunks(sources: Sequence[Source], wholes: Iterable[tuple[int, np.ndarray]],
            batch: int) -> Iterator[list[tuple[int, np.ndarray]]]:
    """The curves of several sources in order, cut and put together to pieces for one chunk each."""
    pieces: list[tuple[int, np.ndarray]] = []
    curves = samples = 0
    for i, piece in _cut(sources, wholes, batch):
        size = _samples(sources[i], piece)
        if pieces and (curves + len(piece) > batch or samples + size.sum() > SAMPLES):
            yield pieces
            pieces, curves, samples = [], 0, 0
        pieces.append((i, piece))
        curves, samples = curves + len(piece), samples + size.sum()
    if pieces:
        yield pieces


def _cut(sources: Sequence[Source], wholes: Iterable[tuple[int, np.ndarray]],
         batch: int) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces of at most ``batch`` curves of one source, shorter where these are long."""
    for i, whole in wholes:
        total = np.cumsum(_samples(sources[i], whole))
        start = 0
        while start < len(whole):
            room = SAMPLES + (total[start - 1] if start else 0)
            stop = max(min(start + batch, int(np.searchsorted(total, room, "right"))), start + 1)
            yield i, whole[start:stop]
            start = stop


def _samples(source: Source, curves: np.ndarray) -> np.ndarray:
    """The samples that the longest segment of each curve is padded to, once it is averaged."""
    return padded_lengths(_averaged_counts(source.counts[curves]).max(axis=1, initial=1))


def _averaged_counts(counts: np.ndarray) -> np.ndarray:
    return -(-counts // widths(counts))


def _layout(source: Source) -> tuple[str, ...]:
    """What curves that are fitted together have in common."""
    return (*source.segments, "", *source.channels, "", *(str(source.attrs.get(name)) for name in ASSUMED))


def parts_of(sources: Sequence[Source], chunk: Chunk, segment: str) -> list[Part]:
    """The curves of a chunk by layout and length: a long curve does not pad the others, nor change their fit."""
    found: dict[tuple[Any, ...], list[tuple[np.ndarray, int, np.ndarray]]] = {}
    first = 0
    for i, curves in chunk.pieces:
        counts = _averaged_counts(sources[i].counts[curves])
        fitted = counts[:, sources[i].segments.index(segment)] if segment in sources[i].segments else 0 * counts[:, 0]
        shapes = np.stack([padded_lengths(fitted), _samples(sources[i], curves)], axis=1)
        for shape in np.unique(shapes, axis=0):
            own = np.flatnonzero((shapes == shape).all(axis=1))
            found.setdefault((_layout(sources[i]), *shape), []).append((first + own, i, curves[own]))
        first += len(curves)
    return [_part(sources, pieces, segment) for pieces in found.values()]


def _part(sources: Sequence[Source], pieces: Sequence[tuple[np.ndarray, int, np.ndarray]], segment: str) -> Part:
    longest = max(int(sources[i].counts[curves][:, _read(sources[i].segments, segment)].max(initial=1))
                  for _, i, curves in pieces)
    return Part(np.concatenate([places for places, _, _ in pieces]), tuple((i, own) for _, i, own in pieces), longest)


def load_part(sources: Sequence[Source], part: Part, segment: str, *,
              check: bool = False) -> tuple[xr.Dataset, dict[int, str]]:
    """The curves of a part in memory, and position -> cause of those that cannot be read: they are empty.

    What a fit of the ``segment`` does not use is read only for a ``check``, and then let go.
    """
    def used(dataset: xr.Dataset) -> xr.Dataset:
        return in_use(dataset, segment).isel(sample=slice(0, part.longest))

    def checked(dataset: xr.Dataset) -> xr.Dataset:
        return averaged(used(dataset.copy().load()))

    chosen = [sources[i].dataset.isel(curve=_rows(curves)) for i, curves in part.pieces]
    loaded = [curve_files.load_curves(*((dataset, checked) if check else (used(dataset), averaged)),
                                      np.flatnonzero([int(curve) in sources[i].broken for curve in curves]).tolist())
              for dataset, (i, curves) in zip(chosen, part.pieces, strict=True)]
    offsets = np.cumsum([0, *(len(curves) for _, curves in part.pieces)])
    causes = {int(offset) + i: cause for offset, (_, own) in zip(offsets, loaded) for i, cause in own.items()}
    return curve_files.combine([curves for curves, _ in loaded]), causes


def in_use(dataset: xr.Dataset, segment: str) -> xr.Dataset:
    """What a fit of ``segment`` reads: force against height, there and where the pull-off is read from.

    The rest of a lazy dataset is not loaded, and so not checked.
    """
    unused = {"time", "height_drive", "deflection_voltage"} | ({"tip_position"} if "height" in dataset else set())
    unused |= {"deflection"} if "force" in dataset else set()
    kept, rest = _read(dataset["segment"].values, segment), dataset.drop_vars(unused & set(dataset.data_vars))
    return rest if len(kept) == dataset.sizes["segment"] else rest.isel(segment=kept)


def _read(segments: Iterable[Any], fitted: str) -> list[int]:
    """The places of the segments that the fit of one reads."""
    return [i for i, name in enumerate(segments) if name in (fitted, "approach", "retract")]


def _rows(curves: np.ndarray) -> slice | np.ndarray:
    """The numbers of curves, as a slice where they are neighbors."""
    return slice(int(curves[0]), int(curves[-1]) + 1) if len(curves) == curves[-1] - curves[0] + 1 else curves


def averages_taken(sources: Iterable[Source], segment: str) -> dict[str, str]:
    """The attribute ``averaged`` of results some of whose curves are fitted as means: how many, of how many samples."""
    taken = np.concatenate([[1], *(widths(source.counts[:, source.segments.index(segment)]) for source in sources
                                   if segment in source.segments)])
    return {"averaged": json.dumps({"curves": int((taken > 1).sum()), "samples": int(taken.max())})} if (
        taken.max() > 1) else {}


class SessionNoise:
    """The noise of sessions, learnt when first asked for, from at most `NOISE_CURVES` curves of each."""

    def __init__(self, sources: Sequence[Source], template: Template, segment: str,
                 asked: Controls = EVERYTHING) -> None:
        self.sources, self.template, self.segment, self.asked = sources, template, segment, asked
        self.known: OrderedDict[str, Any] = OrderedDict()
        self.places: dict[str, list[int]] = {}  # of the sources, by session
        for i, source in enumerate(sources):
            self.places.setdefault(str(source.sessions[0]), []).append(i)

    def __call__(self, *sessions: str) -> dict[str, Any]:
        """Session -> noise of the ``sessions``."""
        unknown: dict[tuple[str, ...], list[str]] = {}
        for session in dict.fromkeys(sessions):
            if session not in self.known:
                unknown.setdefault(_layout(self.sources[self.places[session][0]]), []).append(session)
        for together in unknown.values():
            self.known |= self._learn(together)
        found = {session: self.known[session] for session in sessions}
        while len(self.known) > max(_REMEMBERED, len(found)):
            self.known.popitem(last=False)
        return found

    def _learn(self, sessions: Sequence[str]) -> dict[str, Any]:
        model = self.template.of(self.sources[self.places[sessions[0]][0]])
        return self.learnt([piece for session in sessions for piece in self.sample(session)], model, len(sessions))

    def learnt(self, pieces: Sequence[tuple[int, np.ndarray]], model: AbstractContactModel,
               sessions: int = 1) -> dict[str, Any]:
        """Session -> noise, from these curves of so many sessions."""
        from asperity.measurements.force_curves.fit_curves import session_noises

        chunks = (Chunk(tuple(few)) for few in _chunks(self.sources, pieces, max(NOISE_CURVES, sessions)))
        parts = (part for chunk in chunks for part in parts_of(self.sources, chunk, self.segment))
        loaded = (load_part(self.sources, part, self.segment)[0] for part in parts)
        return session_noises(loaded, model, segment=self.segment, asked=self.asked)

    def sample(self, session: str) -> list[tuple[int, np.ndarray]]:
        """Evenly spread curves of a session, of those that are not left out; of all where none is kept."""
        own = self.places[session]
        ends = np.cumsum([0, *(len(self.sources[i].counts) for i in own)])
        every = np.arange(ends[-1])
        if self.asked.excluded:
            out = np.concatenate([self.asked.left_out(self.sources[i].dataset) for i in own])
            every = every if out.all() else every[~out]
        chosen = every[np.unique(np.linspace(0, len(every) - 1, NOISE_CURVES).astype(int))]
        which = np.searchsorted(ends, chosen, "right") - 1
        return [(own[j], chosen[which == j] - ends[j]) for j in np.unique(which)]


def fit_chunk(sources: Sequence[Source], chunk: Chunk, level: SessionNoise, options: Mapping[str, Any]) -> xr.Dataset:
    """The results of one chunk, in its order: its curves loaded, fitted, and flagged where they could not be read.

    Of the ``options``, those of a fit, ``check`` has everything read that the curves hold. The attribute
    `asperity.measurements.force_curves.unreadable.CURVES` of the results names the curves that could not be read.
    """
    check = bool(options.get("check"))
    options = {name: value for name, value in options.items() if name != "check"}
    done, places, lost = [], [], []
    for part in parts_of(sources, chunk, level.segment):
        noises = level(*(str(sources[i].sessions[0]) for i, _ in part.pieces))
        curves, causes = load_part(sources, part, level.segment, check=check)
        fitted, causes = _flagged(curves, causes, level.template.of(sources[part.pieces[0][0]]),
                                  {"noise": noises, "asked": level.asked, **options})
        done.append(fitted)
        lost += unreadable.named(curves, causes)
        places.append(part.places)
    order = np.argsort(np.concatenate(places))
    made = done[0] if len(done) == 1 else join(done).isel(curve=order).drop_vars("curve")
    return made.assign_attrs(unreadable.attribute(lost))


def _flagged(curves: xr.Dataset, causes: Mapping[int, str], chosen: AbstractContactModel,
             options: Mapping[str, Any]) -> tuple[xr.Dataset, dict[int, str]]:
    """The fit of a part, its tip by the curve, and position -> cause of the curves that have none."""
    fitted, failed = _fitted(curves, chosen, options)
    causes = {**causes, **failed, **causes}
    fitted["flag"].values[[*causes]] = int(Outcome.unreadable)
    truth = [name for name in curves.data_vars if str(name).startswith("true_") and name not in fitted]
    fitted = fitted.assign({name: curves[name].variable for name in truth}).drop_attrs(deep=False)
    tip = {name: fitted[name].expand_dims(curve=fitted["curve"]).variable for name in chosen.fixed
           if name in fitted.coords and fitted[name].dims == ()}
    return fitted.assign_coords(tip), causes  # per curve, for each file may have its own


def _fitted(curves: xr.Dataset, model: AbstractContactModel, options: Mapping[str, Any],
            ) -> tuple[xr.Dataset, dict[int, str]]:
    """The fit of a part, and position -> cause of curves that broke it: they are fitted as if empty."""
    from asperity.measurements.force_curves.fit_curves import fit_curves

    try:
        return fit_curves(curves, model, **options), {}
    except Exception as error:
        if curves.sizes["curve"] == 1:
            broke = f"could not be fitted: {type(error).__name__}: {error}"
            return fit_curves(curve_files.blank(curves, [0]), model, **options), {0: broke}
    parts = [_fitted(curves.isel(curve=[i]), model, options) for i in range(curves.sizes["curve"])]
    return join([part for part, _ in parts]), {i: causes[0] for i, (_, causes) in enumerate(parts) if causes}


def join(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """The results of several chunks as one, its curves numbered from 0."""
    joined = xr.concat(parts, "curve", data_vars="minimal", coords="minimal", compat="override",
                       join="override", combine_attrs="override") if len(parts) > 1 else parts[0]
    return joined.assign_coords(curve=np.arange(joined.sizes["curve"])).assign_attrs(
        unreadable.merged(part.attrs for part in parts))


def whole(chunks: jobs.Chunks) -> xr.Dataset:
    """As `join` of all, each of them in memory only for its turn."""
    first, start = chunks[0], 0
    filled = {name: np.empty((sum(chunks.sizes), *own.shape[1:]), own.dtype)
              for name, own in first.variables.items() if own.dims[:1] == ("curve",)}
    lost = list[Mapping[str, Any]]()
    for chunk in chunks:
        if chunk.variables.keys() != first.variables.keys():
            return join(list(chunks))  # some files say more than others
        lost.append(chunk.attrs)
        stop = start + chunk.sizes["curve"]
        for name in filled:
            values = chunk.variables[name].values
            if filled[name].dtype != values.dtype:  # longer names of files
                filled[name] = filled[name].astype(np.result_type(filled[name], values))
            filled[name][start:stop] = values
        start = stop
    variables = {name: xr.Variable(own.dims, filled.get(name, own.values), own.attrs)
                 for name, own in first.variables.items() if name != "curve"}
    made = xr.Dataset({name: own for name, own in variables.items() if name not in first.coords},
                      {name: own for name, own in variables.items() if name in first.coords}, first.attrs)
    return made.assign_coords(curve=np.arange(start)).assign_attrs(unreadable.merged(lost))


def numbered(chunks: Iterable[xr.Dataset], attrs: Mapping[str, str]) -> Iterator[xr.Dataset]:
    """The results of neighboring chunks, `_TOGETHER` curves or more, the curves numbered on, with ``attrs``."""
    first, some = 0, list[xr.Dataset]()

    def together() -> xr.Dataset:
        made = join(some).assign_attrs(attrs)
        return made.assign_coords(curve=first + made["curve"].values)

    for chunk in chunks:
        some.append(chunk)
        if sum(one.sizes["curve"] for one in some) >= _TOGETHER:
            yield (made := together())
            first, some = first + made.sizes["curve"], []
    if some:
        yield together()

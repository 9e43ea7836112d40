"""An analysis in words that another process understands, and what such a process does with them.

Beside the chunks of a job stands the folder ``plan``: ``plan.json`` says which curves of which files each chunk holds,
with which model and options, and under which versions; ``noise-....json`` holds the noise of a session that is in more
than one chunk, learnt once; ``broken.json`` the curves that end a process. Files are opened again by their names, and
must be what the job has recorded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import numpy as np
import xarray as xr

from asperity.contact import AbstractContactModel
from asperity.contact.named import contact_model
from asperity.data import crew, curve_files, disk, jobs
from asperity.data.crew import How, Orders
from asperity.data.curve_files import Source
from asperity.data.disk import StoreError
from asperity.data.provenance import plain
from asperity.data.suspects import Suspects
from asperity.data.workers import AbstractHands, Task
from asperity.measurements.force_curves import controls, heights, unreadable
from asperity.measurements.force_curves.sessions import Chunk, SessionNoise, by_session, fit_chunk, join
from asperity.measurements.force_curves.tip import Template
from asperity.messages import ArgumentError, whole

__all__ = ["Analysis", "do", "planned", "shared", "work"]

#: files of which a worker keeps the records: as many as are kept open
_FILES = 1024


class Analysis(NamedTuple):
    """What an analysis works on."""

    opened: Sequence[Source]  # by file
    given: Mapping[str, float | None]  # calibration with which they were opened
    measured: Sequence[Mapping[str, Any]]  # records of calibrations, for the heights
    noise: SessionNoise  # of the sources by session, with the template
    chunks: Sequence[Chunk]
    options: Mapping[str, Any]  # of the fit


class _Plan(NamedTuple):
    """An analysis as it stands in ``plan.json``."""

    mark: str
    sizes: list[int]  # curves of each chunk
    versions: dict[str, str]
    files: list[dict[str, Any]]  # their records
    given: dict[str, float | None]
    measured: list[dict[str, Any]]
    sources: list[tuple[int, int]]  # file, and which of its sessions
    chunks: list[list[tuple[int, int, int]]]  # source, its first curve, and the one after its last
    needs: list[list[int]]  # pages of each chunk
    pages: list[list[tuple[int, list[int]]]]  # of a session, source and curves from which its noise is learnt
    model: dict[str, Any]
    options: dict[str, Any]
    asked: list[Any]  # the controls


def shared(analysis: Analysis, hands: Callable[[], AbstractHands]) -> jobs.Loop:
    """The loop in which workers do the chunks; they are only called where there is something to do."""

    def loop(chunks: jobs.Chunks, numbers: Sequence[int]) -> Generator[int, None, None]:
        assert chunks.folder is not None
        if numbers:
            plan, folder = _written(analysis, chunks), chunks.folder.parent.absolute()
            orders = Orders(do, str(folder), plan.needs.__getitem__, Suspects(_place(folder)).blame,
                            partial(_where, plan, folder))
            yield from crew.finished(hands(), orders, numbers)

    return loop


def planned(analysis: Analysis) -> jobs.Loop:
    """The loop that does no chunk and leaves all that `work` needs for each."""

    def loop(chunks: jobs.Chunks, numbers: Sequence[int]) -> Generator[int, None, None]:
        assert chunks.folder is not None
        for page in range(len(_written(analysis, chunks).pages)):
            do(str(chunks.folder.parent), "before", page, "whole")
        yield from ()

    return loop


def work(folder: str | os.PathLike[str], number: int) -> Path:
    """Do one chunk of a planned job, whoever works beside this process; returns its file.

    Raises:
        StoreError: there is no plan, or it is of another job.
        ArgumentError: there is no chunk of this number.
    """
    place = Path(folder)
    plan = _plan(place)
    chunks = jobs.Chunks(place / "chunks", plan.mark, plan.sizes)
    if not jobs.same_job(place, chunks):
        raise StoreError(f"{place}: its plan is not that of its job: plan it again (asperity analyze ... --plan-only)")
    whole("chunk", number, 0, len(chunks) - 1)
    do(str(place), "chunk", number, "whole")
    unreadable.say(chunks[number].attrs)
    return jobs.chunk_file(place / "chunks", number)


def do(folder: str, kind: str, number: int, how: How) -> None:
    """Do one task of the plan in ``folder``: a chunk, or the noise of a session before; what is made stays there."""
    place = Path(folder)
    plan = _plan(place)
    page = _noise_file(place, number)
    if kind == "before" and disk.table(page).get("mark") == plan.mark:
        return
    pieces = plan.pages[number] if kind == "before" else [
        (source, list(range(start, stop))) for source, start, stop in plan.chunks[number]]
    local = {source: i for i, source in enumerate(dict.fromkeys(source for source, _ in pieces))}
    sources = [_source(plan, source, _broken(place)) for source in local]
    chunk = Chunk(tuple((local[source], np.array(curves)) for source, curves in pieces))
    level = SessionNoise(sources, Template(plan.model, type(contact_model(plan.model, sources[0].attrs)), {}),
                         plan.options["segment"], controls.again(plan.asked))
    if how == "trial":
        _try_each(place, list(local), chunk, level, plan.options)
    elif kind == "before":
        learnt = level.learnt(chunk.pieces, level.template.of(sources[0]))
        disk.keep_table(page, {"mark": plan.mark, **{"noise": {name: _bare(noise) for name, noise in learnt.items()}}})
    else:
        level.known.update({name: noise for need in plan.needs[number] for name, noise in _noise(place, need).items()})
        parts = [chunk] if how == "whole" else [
            Chunk(((i, curves[j:j + 1]),)) for i, curves in chunk.pieces for j in range(len(curves))]
        made = join([fit_chunk(sources, part, level, plan.options) for part in parts]) if how == "apart" else (
            fit_chunk(sources, chunk, level, plan.options))
        jobs.Chunks(place / "chunks", plan.mark, plan.sizes).save(number, made)


def _try_each(place: Path, numbers: Sequence[int], chunk: Chunk, level: SessionNoise,
              options: Mapping[str, Any]) -> None:
    """Learn from and fit each curve by itself, saying before which one it is, suspects first; nothing is kept of it."""
    curves = {f"{numbers[i]} {curve}": (i, curve) for i, own in chunk.pieces for curve in own.tolist()
              if curve not in level.sources[i].broken}
    names = {key: f"curve {int(_of(level, i)['curve_in_file'][curve])} of {_of(level, i)['file'].values[curve]}"
             for key, (i, curve) in curves.items()}
    for key in Suspects(_place(place)).each(names):
        i, curve = curves[key]
        alone = [level.sources[i].part(np.array([curve]))]
        fit_chunk(alone, Chunk(((0, np.arange(1)),)), SessionNoise(alone, level.template, level.segment, level.asked),
                  options)


def _of(level: SessionNoise, source: int) -> xr.Dataset:
    return level.sources[source].dataset


def _where(plan: _Plan, folder: Path, task: Task) -> str:
    """A task in words, for messages."""
    first = plan.pages[task.number][0][0] if task.kind == "before" else plan.chunks[task.number][0][0]
    file = plan.files[plan.sources[first][0]]["file"]
    return f"the noise of {file}" if task.kind == "before" else (
        f"{jobs.chunk_file(folder / 'chunks', task.number)} ({plan.sizes[task.number]} curves, from {file} on)")


def _written(analysis: Analysis, chunks: jobs.Chunks) -> _Plan:
    """The plan, as it is written into the folder of the job; what another job left there is cleared away."""
    assert chunks.folder is not None
    level, place = analysis.noise, chunks.folder / jobs.PLAN
    sessions, needs = _sessions(analysis)
    plan = _Plan(
        mark=chunks.mark, sizes=list(map(int, chunks.sizes)), versions=crew.versions(),
        files=[dict(file.record) for file in analysis.opened],
        given=dict(analysis.given), measured=list(map(dict, analysis.measured)),
        sources=[(file, i) for file, source in enumerate(analysis.opened) for i, _ in enumerate(by_session(source))],
        chunks=[[(i, int(curves[0]), int(curves[-1]) + 1) for i, curves in chunk.pieces] for chunk in analysis.chunks],
        needs=needs, pages=[[(i, curves.tolist()) for i, curves in level.sample(session)] for session in sessions],
        model=_sayable(level.template), options=dict(analysis.options), asked=list(level.asked))
    if disk.table(place / "plan.json").get("mark") != chunks.mark:
        disk.remove(place)
    place.mkdir(exist_ok=True)
    Suspects(place).nowhere()
    table = plain(plan._asdict())
    disk.keep_table(place / "plan.json", table | {"sha256": _digest(table)})
    return plan


def _sessions(analysis: Analysis) -> tuple[list[str], list[list[int]]]:
    """The sessions that are in several chunks, and which of them each chunk has.

    One that lies within a chunk is learnt where that chunk is done, from the same curves.
    """
    chunks: dict[str, dict[int, None]] = {}
    for number, chunk in enumerate(analysis.chunks):
        for i, _ in chunk.pieces:
            chunks.setdefault(str(analysis.noise.sources[i].sessions[0]), {})[number] = None
    several = [session for session, own in chunks.items() if len(own) > 1]
    needs: list[list[int]] = [[] for _ in analysis.chunks]
    for page, session in enumerate(several):
        for number in chunks[session]:
            needs[number].append(page)
    return several, needs


def _sayable(template: Template) -> dict[str, Any]:
    """The model by its name and numbers. Raises ArgumentError: that is not this model."""
    if isinstance(template.model, AbstractContactModel):
        again = contact_model(template.record)
        if type(again) is not template.kind or any(
                float(getattr(again, name)) != float(getattr(template.model, name)) for name in template.kind.fixed):
            raise ArgumentError(f"model = a {template.kind.__name__}: workers know contact models by name and numbers, "
                                'and this is not quite one of them; give {"name": ..., "radius": ...}, or workers=1')
    return template.record


def _place(folder: Path) -> Path:
    return folder / "chunks" / jobs.PLAN


def _plan(folder: Path) -> _Plan:
    file = _place(folder) / "plan.json"
    try:
        return _plan_of(file, file.stat().st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{folder} holds no planned job: plan one with  asperity analyze ... --plan-only --out FOLDER"
                         ) from None


@lru_cache(maxsize=1)
def _plan_of(file: Path, written: int) -> _Plan:
    """The plan as it was written then; read, and compared with what is installed here, once."""
    found = disk.table(file)
    if found.pop("sha256", None) != _digest(found):
        raise StoreError(f"{file}: damaged. Plan the job again (asperity analyze ... --plan-only)")
    plan = _Plan(**found)
    crew.require_versions(plan.versions)
    return plan


def _source(plan: _Plan, number: int, broken: Mapping[int, Sequence[int]]) -> Source:
    file, part = plan.sources[number]
    source = _opened(json.dumps([plan.files[file], plan.given, plan.measured]))[part]
    source.broken = frozenset(broken.get(number, ()))
    return source


@lru_cache(maxsize=_FILES)
def _opened(described: str) -> list[Source]:
    """The sources of a file, which must be the recorded one; this is found out once."""
    record, given, measured = json.loads(described)
    return [part for source in heights.sources([curve_files.open_again(record, **given)], measured)
            for part in by_session(source)]


def _broken(folder: Path) -> dict[int, list[int]]:
    """Source -> its curves that end a process."""
    found: dict[int, list[int]] = {}
    for key in Suspects(_place(folder)).broken():
        source, curve = map(int, key.split())
        found.setdefault(source, []).append(curve)
    return found


def _noise_file(folder: Path, page: int) -> Path:
    return _place(folder) / f"noise-{page:06d}.json"


def _noise(folder: Path, page: int) -> dict[str, Any]:
    """Session -> noise of a page."""
    found = disk.table(_noise_file(folder, page))
    if "noise" not in found:
        raise StoreError(f"{_noise_file(folder, page)} is missing or damaged: plan the job again")
    from asperity.measurements.force_curves.fit_curves import Learnt

    return {name: _rebuilt(Learnt, noise) for name, noise in found["noise"].items()}


def _bare(value: Any) -> Any:
    """Named tuples as lists, arrays as lists of numbers; JSON keeps every digit of them."""
    if hasattr(value, "_fields"):
        return [_bare(entry) for entry in value]
    return int(value) if isinstance(value, int) else np.asarray(value).tolist()


def _rebuilt(kind: Any, value: Any) -> Any:
    """What `_bare` was given, of this type."""
    if hasattr(kind, "_fields"):
        return kind(*(_rebuilt(hint, entry) for hint, entry in zip(get_type_hints(kind).values(), value)))
    return np.array(value) if kind is np.ndarray else value


def _digest(table: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()

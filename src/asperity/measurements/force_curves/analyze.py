"""`analyze`: from files to results and report in one call that can be interrupted.

Its work is kept chunk by chunk, so that the same call goes on after any interruption.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.contact import JKR
from asperity.contact.named import Model, is_auto, usual_segment
from asperity.data import calibrations, curve_files, disk, jobs, provenance, store
from asperity.data.calibrations import Calibration
from asperity.data.curve_files import FileStatus, NothingToAnalyze, Source
from asperity.data.curves import known_segment
from asperity.data.scheduler import Dask, require_dask, require_safe
from asperity.data.verbs import verb
from asperity.data.workers import AbstractHands, Processes
from asperity.measurements.force_curves import heights, tasks, unreadable
from asperity.measurements.force_curves.controls import (
    Exclusions,
    controls,
    decisions,
    excluded_entries,
    resolved_exclusions,
)
from asperity.measurements.force_curves.read import Paths, listed
from asperity.measurements.force_curves.sessions import (
    FITTED_BY,
    SessionNoise,
    averages_taken,
    by_session,
    fit_chunk,
    numbered,
    plan,
    whole,
)
from asperity.measurements.force_curves.tasks import Analysis
from asperity.measurements.force_curves.tip import Template, resolved
from asperity.messages import WAITED_FOR, ArgumentError, shown

__all__ = ["analyze", "prepare"]

_log = logging.getLogger("asperity")

#: curves on which ``model="auto"`` chooses the contact model
TRIED = 64

#: results whose chunks hold more bytes than this become a zarr folder and stay on the disk: in one file they are in
#: memory twice when it is written, as large as the fit itself
LARGE = 250_000_000


@verb(calibration="calibration")
def analyze(paths: Paths, model: Model = "hertz", *, segment: str | None = None,
            calibration: Calibration | Iterable[Calibration] | None = None,
            spring_constant: float | None = None, sensitivity: float | None = None,
            spring_constant_std: float = 0.0, sensitivity_std: float = 0.0, radius_std: float = 0.0,
            window: str | None = None, baseline: str | None = None, exclude: Exclusions | None = None,
            out: str | PathLike[str] | None = None, batch: int = 512, check: bool = False, restart: bool = False,
            workers: int = 1, scheduler: str | None = None, progress: jobs.Progress | None = None) -> xr.Dataset:
    """Read, correct, fit and report all force curves under ``paths``, in one call that can be interrupted.

    Args:
        paths, spring_constant, sensitivity: as `read`; folders are searched to any depth.
        model, segment, spring_constant_std, sensitivity_std, radius_std, window, baseline, exclude: as `fit`; the
            model ``auto`` is chosen on up to 64 whole curves (see `select`).
        calibration: what `asperity.calibrate` measured, datasets or their files: spring constant, sensitivity
            and tip with their uncertainties, where they are not given here; a scanner corrects the heights of
            files that hold no sensor's.
        out: folder for ``results.nc`` (``.zarr`` if large), ``results.csv``, ``report.html`` and the
            finished ``chunks``; None: nothing is kept. The same call with the same ``out`` goes on
            where it was interrupted.
        batch: curves per chunk.
        check: read everything that the curves hold, not only what is fitted, and flag what is damaged.
        restart: throw away what is in ``out``.
        workers: processes that share the chunks; the results are the same to the last bit.
        scheduler: address of a dask scheduler whose workers share them instead, ``tcp://127.0.0.1:8786``.
        progress: called with (finished curves, all curves) after each chunk.

    Returns:
        as `fit`, over all files; attributes ``failed_files`` and ``skipped_files`` name the rest,
        ``unreadable_curves`` those that are flagged as unreadable, with their causes.

    Raises:
        NothingToAnalyze: no file could be read.
        StoreError: ``out`` holds another analysis, another process works there, the disk refuses, or a file given
            as ``calibration`` is none.
        WorkerError: a worker could not do its part, or none can be had.
    """
    said = {"spring_constant": spring_constant, "sensitivity": sensitivity}
    std = {"spring_constant_std": spring_constant_std, "sensitivity_std": sensitivity_std, "radius_std": radius_std}
    if scheduler is not None:
        _require_scheduler(scheduler, workers)
    alone = workers == 1 and scheduler is None
    how = {"batch": batch, "check": check, "window": window, "baseline": baseline, "exclude": exclude}
    analysis, attrs, job = _prepared(paths, model, segment, calibration, said, std, how)
    with jobs.run(job, [chunk.size for chunk in analysis.chunks], partial(_fitted, analysis), folder=out,
                  restart=restart, progress=progress,
                  loop=None if alone else tasks.shared(analysis, partial(_hands, workers, scheduler))) as chunks:
        return _gather(chunks, attrs, out)


def prepare(paths: Paths, model: Model = "hertz", *, out: str | PathLike[str], segment: str | None = None,
            calibration: Calibration | Iterable[Calibration] | None = None, batch: int = 512, restart: bool = False,
            **numbers: Any) -> int:
    """Get an analysis ready for processes that know nothing of each other; returns the number of its chunks.

    The arguments are those of `analyze`. In ``out`` stand then the job, the plan of its chunks and the noise of its
    sessions; `asperity.measurements.force_curves.tasks.work` does one chunk, and `analyze` gathers them.
    """
    for name in ("workers", "scheduler"):
        if numbers.get(name) is not None:
            raise ArgumentError(f"{name} = {shown(numbers[name])}: nothing is shared out while a job is only planned: "
                                "each chunk is done by 'asperity work', wherever that is called. Leave either that or "
                                "--plan-only out")
    said = {name: numbers.get(name) for name in ("spring_constant", "sensitivity")}
    std = {name: numbers.get(name, 0.0) for name in ("spring_constant_std", "sensitivity_std", "radius_std")}
    how = {"batch": batch, "check": bool(numbers.get("check")),
           **{name: numbers.get(name) for name in ("window", "baseline", "exclude")}}
    analysis, _, job = _prepared(paths, model, segment, calibration, said, std, how)
    with jobs.run(job, [chunk.size for chunk in analysis.chunks], partial(_fitted, analysis), folder=out,
                  restart=restart, loop=tasks.planned(analysis)) as chunks:
        return len(chunks)


def _require_scheduler(address: str, workers: int) -> None:
    """Find, before files are read, that the workers of this scheduler can be used, and no others are asked for."""
    require_safe(address)
    if workers != 1:
        raise ArgumentError(f"workers = {shown(workers)} and scheduler = {shown(address)}: either share the chunks; "
                            "give one of them. How many work for a scheduler is said where its workers are started")
    require_dask()


def _hands(workers: int, scheduler: str | None) -> AbstractHands:
    """Those who do the chunks."""
    return Processes(workers) if scheduler is None else Dask(scheduler)


def _fitted(analysis: Analysis, number: int) -> xr.Dataset:
    """The results of one chunk, made in this process."""
    return fit_chunk(analysis.noise.sources, analysis.chunks[number], analysis.noise, analysis.options)


def _prepared(paths: Paths, model: Model, segment: str | None,
              calibration: Calibration | Iterable[Calibration] | None, said: Mapping[str, float | None],
              std: Mapping[str, float], how: Mapping[str, Any]) -> tuple[Analysis, dict[str, str], dict[str, Any]]:
    """What there is to do, the attributes of its results, and what must be equal for chunks to be used again."""
    if segment is not None:
        known_segment(segment)
    entries = excluded_entries(how["exclude"])
    asked = controls(how["window"], how["baseline"], entries)
    measured = calibrations.records(calibration)
    arguments = {"paths": listed(paths), "calibration": measured or None, **said, **std, **how,
                 "exclude": entries or None}
    check = arguments.pop("check")
    model, given, std = calibrations.applied(measured, model, said, std)
    wanted = segment or ("retract" if is_auto(model) else usual_segment(model))
    opened, statuses = curve_files.open_files(listed(paths), segment=wanted, **given)
    if not opened:
        raise NothingToAnalyze(statuses)
    contradicted = _contradicted(opened)
    asked = resolved_exclusions(asked, (source.dataset for source in opened))
    opened = heights.sources(opened, measured)
    model, trial = _decided(opened, model, wanted, std) if is_auto(model) else (model, {})
    template = resolved(model, opened)
    options: dict[str, Any] = {"segment": segment or usual_segment(model), **std} | ({"check": True} if check else {})
    arguments |= {"check": True} if check else {}
    arguments |= {"model": template.record, "segment": options["segment"]}
    step = provenance.step("analyze", arguments, inputs=[source.record for source in opened])
    attrs = template.attributes(*FITTED_BY) | _about_files(statuses) | trial | {"history": json.dumps([step])}
    attrs |= contradicted | averages_taken(opened, options["segment"]) | decisions(asked)
    sources = [part for source in opened for part in by_session(source)]
    noise = SessionNoise(sources, template, options["segment"], asked)
    return Analysis(opened, given, measured, noise, plan(sources, how["batch"]), options), attrs, _job(step)


def _decided(sources: Sequence[Source], model: Model, segment: str,
             std: Mapping[str, float]) -> tuple[dict[str, Any], dict[str, str]]:
    """The contact model that a sample of the curves calls for, with the tip of ``model``, and why, as an attribute."""
    from asperity.measurements.force_curves.select import InputQuantities, in_words, named_by_most, of_sources
    from asperity.report.numbers import count_of

    given = dict(model) if isinstance(model, Mapping) else {}
    tip = {key: value for key, value in given.items() if key in ("radius", "poisson_ratio")}
    tried = [sources[i] for i in _spread(len(sources), TRIED, 1)]
    some = [source.part(_spread(len(source.counts), TRIED, len(tried))) for source in tried]
    parts = [part for source in some for part in by_session(source)]
    noise = SessionNoise([part for source in sources for part in by_session(source)],
                         Template({"name": "jkr", **tip}, JKR, {}), segment)
    known = InputQuantities(**{name: value for name, value in std.items() if value and name in InputQuantities._fields})
    chosen = of_sources(parts, noise, TRIED, instrument=known)
    name, sure = named_by_most(chosen)
    why = [f"Contact model {name}, chosen on {count_of(chosen.sizes['curve'], 'curve')}.", *in_words(chosen)]
    if not sure:
        why.insert(1, "Fewer than half of them have an answer: taken because "
                      f"{'a' if name == 'jkr' else 'no'} pull-off is visible. Read the reasons below.")
        _log.warning("no contact model is named by most curves: %s is taken, see the verdict", name)
    return {"name": name, **tip}, {"selection": json.dumps(why)}


def _spread(count: int, most: int, sources: int) -> np.ndarray:
    """Evenly spaced curves of one of several sources, ``most`` of all together but at least one of each."""
    return np.unique(np.linspace(0, count - 1, min(count, max(1, most // sources))).astype(int))


def _contradicted(opened: Sequence[Source]) -> dict[str, str]:
    """The attribute that says where sensor and drive disagree about the heights; it is said at once, too."""
    some = [opened[i] for i in _spread(len(opened), heights.FILES, 1)]
    said = heights.contradictions([source.dataset for source in some if "height_drive" in source.channels])
    for line in said:
        _log.warning("%s", line)
    return {"heights": json.dumps(said)} if said else {}


def _about_files(statuses: Sequence[FileStatus]) -> dict[str, str]:
    """The attributes that name the files without results, and why."""
    return {f"{kind}_files": json.dumps([{"file": s.file, "problem": s.reason} for s in statuses if s.outcome == kind])
            for kind in ("failed", "skipped")}


def _job(step: Mapping[str, Any]) -> dict[str, Any]:
    """What must be equal for chunks to be used again: inputs, arguments, version; not the time."""
    return {**step["arguments"], "inputs": step["inputs"], "version": step["versions"]["asperity"]}


def _gather(chunks: jobs.Chunks, attrs: Mapping[str, str], out: str | PathLike[str] | None) -> xr.Dataset:
    """The results of all chunks as one dataset, written as data, table and report if they are to be kept."""
    attrs = {**attrs, **unreadable.merged(chunks.attributes())}
    unreadable.say(attrs)
    if out is None:
        return whole(chunks).assign_attrs(attrs)
    from asperity.measurements.force_curves.contents import gathered
    from asperity.measurements.force_curves.page.html import write_report
    from asperity.measurements.force_curves.summary import flag_line
    from asperity.measurements.force_curves.table import write_csv

    folder = Path(out)
    disk.remove(folder / "chunks" / jobs.PLAN)
    if chunks.size > LARGE:
        results = store.open_store(store.save_blocks(numbered(chunks, attrs), folder / "results.zarr"))
    else:
        results = whole(chunks).assign_attrs(attrs)
        store.save(results, folder / "results.nc")
    contents = gathered(results)
    _log.info("%s", flag_line(contents), extra={"contents": contents})
    _log.log(WAITED_FOR, "writing the table and the page")
    write_csv(results, folder / "results.csv")
    write_report(results, folder / "report.html", contents=contents)
    return results

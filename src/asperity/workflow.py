"""The verbs on force curves: read, convert, fit, select, analyze, report, score.

Each verb appends one step to the history of what it returns. `analyze` is the whole way in one call;
its work is kept chunk by chunk, so that the same call goes on after any interruption.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity import calibration as calibrations
from asperity import heights
from asperity.blocks import SessionNoise, by_session, fit_block, join, load_block, numbered, plan
from asperity.calibration import Calibration
from asperity.citing import citations
from asperity.data import intake, provenance, store
from asperity.data.intake import FileStatus, Source
from asperity.models import Model, assumed_inputs, contact_model, is_auto, model_record, usual_segment

__all__ = ["NothingToAnalyze", "Paths", "analyze", "convert", "fit", "listed", "read", "report", "score", "select"]

_log = logging.getLogger("asperity")

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
Progress = Callable[[int, int], None]

#: curves on which ``model="auto"`` chooses the contact model
TRIED = 64

#: results whose chunks hold more bytes than this become a zarr folder and stay on the disk
LARGE = 1_000_000_000


class NothingToAnalyze(ValueError):
    """No file with force curves; ``statuses`` says what became of each."""

    def __init__(self, statuses: Sequence[FileStatus]) -> None:
        self.statuses = tuple(statuses)
        lines = [f"  {status.file}: {status.reason}" for status in statuses[:20]]
        more = [f"  and {len(statuses) - 20} more"] if len(statuses) > 20 else []
        super().__init__("\n".join(["no file with force curves to analyze", *lines, *more]))


def listed(paths: Paths) -> list[str]:
    """The names of one path or of several."""
    return [str(paths)] if isinstance(paths, str | PathLike) else [str(path) for path in paths]


def read(paths: Paths, *, spring_constant: float | None = None,
         sensitivity: float | None = None) -> xr.Dataset:
    """Force curves of one file (lazy), or of several files and folders together (in memory).

    Args:
        paths: a file of any vendor, a stored ``.nc`` or ``.zarr``, a folder, or several of them.
        spring_constant: N/m; replaces the file's.
        sensitivity: m/V; replaces the file's.

    Raises:
        ReadError: the one file cannot be read.
        NothingToAnalyze: none of several files could be read.
    """
    names = listed(paths)
    given = {"spring_constant": spring_constant, "sensitivity": sensitivity}
    if len(names) == 1 and (not Path(names[0]).is_dir() or names[0].endswith(".zarr")):
        dataset, records = intake.open_file(names[0], **given), [provenance.file_record(names[0])]
    else:
        sources, statuses = intake.open_files(names, spring_constant=spring_constant,
                                              sensitivity=sensitivity)
        if not sources:
            raise NothingToAnalyze(statuses)
        records = [source.record for source in sources]
        dataset = intake.combine([intake.load_curves(source.dataset)[0] for source in sources])
    return provenance.record(dataset, provenance.step("read", {"paths": names, **given}, inputs=records))


def convert(paths: Paths, out: str | PathLike[str], *, spring_constant: float | None = None,
            sensitivity: float | None = None) -> Path:
    """Store the force curves of ``paths`` (as `read`) in ``out``: ``.nc``, or ``.zarr`` block by block."""
    return store.save(read(paths, spring_constant=spring_constant, sensitivity=sensitivity), out)


def fit(dataset: xr.Dataset, model: Model = "hertz", *, segment: str | None = None,
        spring_constant_std: float = 0.0, sensitivity_std: float = 0.0, radius_std: float = 0.0,
        batch: int = 512) -> xr.Dataset:
    """Fit a contact model to every curve.

    Args:
        dataset: force curves (see `asperity.data.schema`), lazy or not.
        model: a contact model, its name, or ``{"name": ..., "radius": ...}``.
        segment: the segment to fit; by default ``retract`` for models with adhesion (the jump off contact
            shows it, the jump in does not), else ``approach``.
        spring_constant_std, sensitivity_std, radius_std: relative standard uncertainties (0.1 is 10 %)
            of the calibration; they become the part ``modulus_std_calibration``.
        batch: curves in memory at a time.

    Returns:
        One entry per curve: the fitted quantities with ``_std``, the flag, the fixed inputs, and the
        curves for display. No curve is dropped and none raises: see `asperity.learning.outcome.Outcome`.
    """
    segment = segment or usual_segment(model)
    options = {"segment": segment, "spring_constant_std": spring_constant_std,
               "sensitivity_std": sensitivity_std, "radius_std": radius_std}
    sources = list(by_session(Source(dataset, {})))
    noise = SessionNoise(sources, model, segment)
    results = join([fit_block(sources, block, model, noise, options) for block in plan(sources, batch)])
    step = provenance.step("fit", {"model": model_record(model), **options, "batch": batch})
    assumed = assumed_inputs(model, dataset.attrs)
    kind = type(contact_model(model))
    named = results.assign_attrs(model=kind.__name__, assumed=json.dumps(assumed),
                                 citations=json.dumps(citations(kind)))
    return provenance.record(named, step, before=dataset)


def select(dataset: xr.Dataset, *, radius: float | None = None, poisson_ratio: float = 0.5,
           segment: str = "retract", instrument: Mapping[str, float] | None = None,
           tolerance: Mapping[str, float] | None = None, quick: bool = False, batch: int = 256) -> xr.Dataset:
    """Choose the contact model of every curve: Hertz, DMT, JKR or Maugis-Dugdale, or say why none is named.

    Args:
        dataset: force curves with height and spring constant, lazy or not.
        radius: m, of the tip; the file's if it states one.
        poisson_ratio: of the sample.
        segment: the retraction to judge by.
        instrument: any of the fields of `asperity.choosing.Instrument`: equilibrium separation, uncertainties
            of the calibration, surface tension and thickness of the sample.
        tolerance: accepted relative errors, ``modulus`` and ``work_of_adhesion`` (``inf``: not asked for).
        quick: for large maps: a network answers where it is sure, without the other checks and averages.
        batch: curves in memory at a time.

    Returns:
        as `asperity.choosing.choose`: the model with its probability, or the reasons; modulus and work of
        adhesion that hold without the choice.
    """
    from asperity.choosing import Instrument
    from asperity.learning.adequacy import Tolerance
    from asperity.learning.selection import Options

    model = {"name": "jkr", "poisson_ratio": poisson_ratio, **({} if radius is None else {"radius": radius})}
    known, options = Instrument(**(instrument or {})), Options(Tolerance(**(tolerance or {})))
    sources = list(by_session(Source(dataset, {})))
    chosen = _chosen(sources, SessionNoise(sources, model, segment), batch, instrument=known, options=options,
                     quick=quick)
    step = provenance.step("select", {
        "radius": radius, "poisson_ratio": poisson_ratio, "segment": segment, "instrument": dict(instrument or {}),
        "tolerance": dict(tolerance or {}), "quick": quick, "batch": batch})
    assumed = json.dumps(assumed_inputs(model, dataset.attrs))
    return provenance.record(chosen.assign_attrs(assumed=assumed), step, before=dataset)


def _chosen(sources: Sequence[Source], noise: SessionNoise, batch: int, **options: Any) -> xr.Dataset:
    """The contact model of every curve, block by block, with the JKR template and segment of the ``noise``."""
    from asperity.choosing import choose, jkr_model

    return join([choose(load_block(sources, block)[0],
                        jkr_model(noise.model, sources[block.pieces[0][0]].dataset.attrs), noise(block.session),
                        segment=noise.segment, **options) for block in plan(sources, batch)])


def analyze(paths: Paths, model: Model = "hertz", *, segment: str | None = None,
            calibration: Calibration | Iterable[Calibration] | None = None,
            spring_constant: float | None = None, sensitivity: float | None = None,
            spring_constant_std: float = 0.0, sensitivity_std: float = 0.0, radius_std: float = 0.0,
            out: str | PathLike[str] | None = None, batch: int = 512, restart: bool = False,
            progress: Progress | None = None) -> xr.Dataset:
    """Read, correct, fit and report all force curves under ``paths``, in one call that can be interrupted.

    Args:
        paths, spring_constant, sensitivity: as `read`; folders are searched to any depth.
        model, segment, spring_constant_std, sensitivity_std, radius_std: as `fit`; the model ``auto`` is
            chosen on up to 64 curves (see `select`).
        calibration: what `asperity.calibrate` measured, datasets or their files: spring constant, sensitivity
            and tip with their uncertainties, where they are not given here; a scanner corrects the heights of
            files that hold no sensor's.
        out: folder for ``results.nc`` (``.zarr`` if large), ``results.csv``, ``report.html`` and the
            finished ``chunks``; None: nothing is kept. The same call with the same ``out`` goes on
            where it was interrupted.
        batch: curves per chunk.
        restart: throw away what is in ``out``.
        progress: called with (finished curves, all curves) after each chunk.

    Returns:
        as `fit`, over all files; attributes ``failed_files`` and ``skipped_files`` name the rest.

    Raises:
        NothingToAnalyze: no file could be read.
        StoreError: ``out`` holds another analysis, or a file given as ``calibration`` is none.
    """
    said = {"spring_constant": spring_constant, "sensitivity": sensitivity}
    std = {"spring_constant_std": spring_constant_std, "sensitivity_std": sensitivity_std, "radius_std": radius_std}
    measured = calibrations.records(calibration)
    arguments = {"paths": listed(paths), "calibration": measured or None, **said, **std, "batch": batch}
    model, given, std = calibrations.applied(measured, model, said, std)
    wanted = segment or ("retract" if is_auto(model) else usual_segment(model))
    opened, statuses = intake.open_files(listed(paths), segment=wanted, **given)
    if not opened:
        raise NothingToAnalyze(statuses)
    opened = heights.sources(opened, measured)
    model, trial = _decided(opened, model, wanted, std) if is_auto(model) else (model, None)
    arguments |= {"model": model_record(model), "segment": segment or usual_segment(model)}
    options = {"segment": arguments["segment"], **std}
    step = provenance.step("analyze", arguments, inputs=[source.record for source in opened])
    attrs = _attributes(model, opened, statuses, step) | ({"selection": trial} if trial else {})
    sources = [part for source in opened for part in by_session(source)]
    with _workplace(out) as folder:
        finished = store.open_job(folder / "chunks", _job(step), restart=restart)
        _run(sources, model, options, folder / "chunks", finished, batch=batch, progress=progress)
        return _gather(folder, attrs, keep=out is not None)


def _decided(sources: Sequence[Source], model: Model, segment: str,
             std: Mapping[str, float]) -> tuple[dict[str, Any], str]:
    """The contact model that a sample of the curves calls for, with the tip of ``model``, and why, as JSON."""
    from asperity.choosing import Instrument, in_words, named_by_most
    from asperity.report.words import count_of

    given = dict(model) if isinstance(model, Mapping) else {}
    tip = {key: value for key, value in given.items() if key in ("radius", "poisson_ratio")}
    jkr = {"name": "jkr", **tip}
    some = [Source(s.dataset.isel(curve=_spread(s.dataset.sizes["curve"], TRIED, len(sources))), s.record)
            for s in sources]
    parts = [part for source in some for part in by_session(source)]
    noise = SessionNoise([part for source in sources for part in by_session(source)], jkr, segment)
    known = Instrument(**{name: value for name, value in std.items() if value and name in Instrument._fields})
    chosen = _chosen(parts, noise, TRIED, instrument=known)
    name, sure = named_by_most(chosen)
    why = [f"Contact model {name}, chosen on {count_of(chosen.sizes['curve'], 'curve')}.", *in_words(chosen)]
    if not sure:
        why.insert(1, "Fewer than half of them have an answer: taken because "
                      f"{'a' if name == 'jkr' else 'no'} pull-off is visible. Read the reasons below.")
        _log.warning("no contact model is named by most curves: %s is taken, see the verdict", name)
    return {"name": name, **tip}, json.dumps(why)


def _spread(count: int, most: int, sources: int) -> np.ndarray:
    """Evenly spaced curves of one of several sources, ``most`` of all together but at least one of each."""
    return np.unique(np.linspace(0, count - 1, min(count, max(1, most // sources))).astype(int))


def _attributes(model: Model, sources: Sequence[Source], statuses: Sequence[FileStatus],
                step: Mapping[str, Any]) -> dict[str, str]:
    """What a result says about itself beside its numbers."""
    guesses = [assumed_inputs(model, source.dataset.attrs) for source in sources]
    assumed = {name: value for guess in guesses for name, value in guess.items()}
    if assumed:
        _log.warning("the tip of %d of %d files is not known: ASSUMED %s; give it for numbers with a meaning",
                     sum(map(bool, guesses)), len(guesses),
                     ", ".join(f"{name} = {value:g}" for name, value in assumed.items()))
    problems = {kind: [{"file": s.file, "problem": s.reason} for s in statuses if s.outcome == kind]
                for kind in ("failed", "skipped")}
    kind = type(contact_model(model))
    return {"model": kind.__name__, "citations": json.dumps(citations(kind)),
            "failed_files": json.dumps(problems["failed"]), "skipped_files": json.dumps(problems["skipped"]),
            "assumed": json.dumps(assumed), "history": json.dumps([step])}


def _job(step: Mapping[str, Any]) -> dict[str, Any]:
    """What must be equal for chunks to be used again: inputs, arguments, version; not the time."""
    return {**step["arguments"], "inputs": step["inputs"], "version": step["versions"]["asperity"]}


@contextmanager
def _workplace(out: str | PathLike[str] | None) -> Iterator[Path]:
    if out is not None:
        yield Path(out)
        return
    with tempfile.TemporaryDirectory(prefix="asperity-") as folder:
        yield Path(folder)


def _run(sources: Sequence[Source], model: Model, options: Mapping[str, Any], folder: Path,
         finished: Sequence[int], *, batch: int, progress: Progress | None) -> None:
    """Fit all blocks that are not finished yet, each into its chunk."""
    blocks, noise = plan(sources, batch), SessionNoise(sources, model, options["segment"])
    if finished:
        _log.info("going on: %d of %d chunks are finished", len(finished), len(blocks))
    total, done = sum(block.size for block in blocks), sum(blocks[i].size for i in finished)
    tell = progress or (lambda done, total: None)
    tell(done, total)
    for number, block in enumerate(blocks):
        if number not in finished:
            store.save_chunk(folder, number, fit_block(sources, block, model, noise, options))
            done += block.size
            tell(done, total)


def _gather(folder: Path, attrs: Mapping[str, str], *, keep: bool) -> xr.Dataset:
    """The results of all chunks as one dataset, written as data, table and report if they are to be kept."""
    chunks, numbers = folder / "chunks", store.finished_chunks(folder / "chunks")
    large = keep and sum(store.chunk_file(chunks, i).stat().st_size for i in numbers) > LARGE
    if large:
        blocks = numbered((store.load_chunk(chunks, i) for i in numbers), attrs)
        results = store.open_store(store.save_blocks(blocks, folder / "results.zarr"))
    else:
        results = join([store.load_chunk(chunks, i) for i in numbers]).assign_attrs(attrs)
    if keep:
        from asperity.export import flag_line, write_csv

        if not large:
            store.save(results, folder / "results.nc")
        write_csv(results, folder / "results.csv")
        report(results, folder / "report.html")
        _log.info("%s", flag_line(results))
    return results


def report(results: xr.Dataset, path: str | PathLike[str], *, title: str | None = None) -> Path:
    """Write the results as one self-contained page (see `asperity.report.html.write_report`)."""
    from asperity.report.html import write_report

    return write_report(results, Path(path), title=title)


def score(results: xr.Dataset) -> xr.Dataset:
    """Judge results in one table (see `asperity.scorecard`)."""
    from asperity import scorecard

    return provenance.record(scorecard.score(results), provenance.step("score", {}), before=results)

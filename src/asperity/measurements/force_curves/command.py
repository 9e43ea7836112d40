"""The commands on force curves: analyze, demo, read, convert, fit, select, correct, models, formats."""

from __future__ import annotations

import itertools
import json
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import asperity
from asperity.terminal.options import (
    Baseline,
    Batch,
    Calibration,
    Check,
    Exclude,
    HalfAngle,
    Json,
    Model,
    Out,
    Paths,
    PlanOnly,
    PoissonRatio,
    PunchRadius,
    Radius,
    RadiusStd,
    Recipe,
    Restart,
    Scheduler,
    Segment,
    Sensitivity,
    SensitivityStd,
    SpringConstant,
    SpringConstantStd,
    Stored,
    Thickness,
    Window,
    Workers,
    given,
    option,
)
from asperity.terminal.running import guarded, progress

__all__ = ["analyze", "convert", "correct", "demo", "fit", "formats", "models", "read", "select", "work"]


#: files that failed and are named on the screen, each with its reason
MOST_NAMED = 20
#: files of other kinds that are named; more are counted
FEW = 3


def _arguments(
    recipe: Path | None, model: str | None, tip: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a verb: those of the recipe, then what was given on the command line."""
    saved = {}
    if recipe:
        from asperity.measurements.force_curves.recipe import from_recipe

        saved = from_recipe(recipe)
    base = {"name": model} if model else saved.get("model", {"name": "hertz"})
    base = {"name": base} if isinstance(base, str) else base
    return {**saved, **options, "model": {**base, **tip}}


def _print(results: Any, as_json: bool, outputs: Sequence[Path], contents: Any = None) -> int:
    """Print the verdict; returns the exit code 0 (all well) or 1 (some curves or files are not).

    ``contents`` are those of the results, with their scorecard, where the verb told of them.
    """
    from asperity.data.results import assumptions, listed
    from asperity.measurements.force_curves.contents import gathered
    from asperity.measurements.force_curves.page.words import closeness, findings, headline
    from asperity.measurements.force_curves.score import concerns, judged
    from asperity.measurements.force_curves.summary import causes, flag_line, glitches, not_read, summary

    contents = contents or gathered(results)
    found = summary(contents)
    if as_json:
        typer.echo(json.dumps(found | {"outputs": [str(path) for path in outputs]}))
    else:
        values = [f"{finding.name}: {finding.line}" for finding in findings(contents)]
        chosen = [str(line) for about in ("selection", "decisions") for line in listed(results, about)]
        lines = [headline(contents), *chosen, *values, *closeness(contents), flag_line(contents), *causes(contents),
                 *glitches(contents), *not_read(contents), *_about_files(found), *assumptions(results),
                 *concerns(judged(contents))]
        typer.echo("\n".join([*lines, *(f"-> {path}" for path in outputs)]))
    return 0 if set(found["flags"]) <= {"converged"} and not found["failed_files"] else 1


def _about_files(found: dict[str, Any]) -> list[str]:
    """The files that failed, the first ones each by its line; what holds no force curves is counted by its ending."""
    failed, skipped = found["failed_files"], found["skipped_files"]
    lines = [f"failed: {entry['file']}: {entry['problem']}" for entry in failed[:MOST_NAMED]]
    if len(failed) > MOST_NAMED:
        lines.append(f"failed: {len(failed) - MOST_NAMED} more; the report names them")
    if len(skipped) <= FEW:
        return lines + [f"skipped: {entry['file']}: {entry['problem']}" for entry in skipped]
    return [*lines, _counted(skipped)]


def _counted(skipped: Sequence[dict[str, Any]]) -> str:
    """Files of other kinds in one line: how many of which ending."""
    kinds = Counter(Path(entry["file"]).suffix or "no ending" for entry in skipped).most_common()
    some = [f"{count} {kind}" for kind, count in kinds[:FEW]] + (["..."] if len(kinds) > FEW else [])
    return f"skipped: {len(skipped)} files that hold no force curves ({', '.join(some)})"


@guarded
def analyze(
    paths: Paths,
    model: Model = None,
    radius: Radius = None,
    half_angle: HalfAngle = None,
    punch_radius: PunchRadius = None,
    thickness: Thickness = None,
    poisson_ratio: PoissonRatio = None,
    segment: Segment = None,
    calibration: Calibration = None,
    spring_constant: SpringConstant = None,
    sensitivity: Sensitivity = None,
    spring_constant_std: SpringConstantStd = None,
    sensitivity_std: SensitivityStd = None,
    radius_std: RadiusStd = None,
    window: Window = None,
    baseline: Baseline = None,
    exclude: Exclude = None,
    out: Out = Path("asperity-results"),
    recipe: Recipe = None,
    batch: Batch = None,
    check: Check = False,
    restart: Restart = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    plan_only: PlanOnly = False,
    as_json: Json = False,
) -> None:
    """Read, correct, fit and report all force curves; the same command goes on after an interruption."""
    from asperity.data.jobs import OtherJob

    tip = given(radius=radius, half_angle=half_angle, punch_radius=punch_radius, thickness=thickness,
                 poisson_ratio=poisson_ratio)
    options = given(segment=segment, calibration=calibration, spring_constant=spring_constant, sensitivity=sensitivity,
                    batch=batch, spring_constant_std=spring_constant_std, sensitivity_std=sensitivity_std,
                    radius_std=radius_std, window=window, baseline=baseline, exclude=exclude, check=check or None,
                    workers=workers, scheduler=scheduler)
    try:
        with progress() as tell:
            results = (_planned if plan_only else asperity.analyze)(
                paths, **_arguments(recipe, model, tip, options), out=out, restart=restart, progress=tell
            )
    except OtherJob as error:
        raise OtherJob(f"{error} For example: {_elsewhere(sys.argv[1:], out)}") from None
    raise typer.Exit(results if isinstance(results, int) else _print(results, as_json, _outputs(out), tell.contents))


def _planned(paths: Sequence[Path], *, out: Path, **arguments: Any) -> int:
    """Get all ready for `work`, and say how to go on; returns the exit code."""
    from asperity.measurements.force_curves.analyze import prepare
    from asperity.report.numbers import count_of

    last = prepare(paths, out=out, **{name: value for name, value in arguments.items() if name != "progress"}) - 1
    typer.echo(f"{count_of(last + 1, 'chunk')} {'are' if last else 'is'} planned in {out}. "
               f"For each K from 0 to {last}, anywhere, in any order:\n"
               f"  asperity work --job {shlex.quote(str(out))} --chunk K\n"
               "then the same command without --plan-only, which gathers them and does what is missing.")
    return 0


@guarded
def work(
    job: Annotated[Path, typer.Option(metavar="DIR", help="The folder that was planned.", show_default=False)],
    chunk: Annotated[
        int, typer.Option("--chunk", "--block", metavar="K", help="Its number, from 0.", show_default=False)
    ],
) -> None:
    """Do one chunk of an analysis planned by 'analyze --plan-only', beside others that do theirs."""
    from asperity.measurements.force_curves import tasks

    typer.echo(tasks.work(job, chunk))


def _elsewhere(typed: Sequence[str], out: Path) -> str:
    """The same command with a folder that does not exist yet."""
    free = next(f"{out}-{number}" for number in itertools.count(2) if not Path(f"{out}-{number}").exists())
    kept = [word for i, word in enumerate(typed) if not word.startswith("--out") and typed[max(i - 1, 0)] != "--out"]
    return shlex.join(["asperity", *kept, "--out", free])


def _outputs(out: Path) -> list[Path]:
    names = ("report.html", "results.csv", "results.nc", "results.zarr")
    return [out / name for name in names if (out / name).exists()]


@guarded
def demo(out: Out = Path("asperity-demo"), size: int = 64, as_json: Json = False) -> None:
    """Analyze a virtual force map whose every number is known, and say how close the result is."""
    from asperity.measurements.force_curves.demo import demo

    with progress() as tell:
        results = demo(out, size=size, progress=tell)
    _print(results, as_json, _outputs(out), tell.contents)


@guarded
def read(paths: Paths, check: Check = False, as_json: Json = False) -> None:
    """Show what is in files: format, curves, segments, calibration, and what cannot be read."""
    from asperity.measurements.force_curves.describe import describe

    found = describe(paths, check=check)
    typer.echo(json.dumps(found) if as_json else "\n".join(_read_lines(found, paths)))
    outcomes = {entry["outcome"] for entry in found} | {"failed" for entry in found if entry.get("unreadable_curves")}
    raise typer.Exit(2 if "read" not in outcomes else 1 if "failed" in outcomes else 0)


def _read_lines(found: Sequence[dict[str, Any]], paths: Sequence[Path]) -> list[str]:
    """What is in each file; many without force curves are counted."""
    skipped = [entry for entry in found if entry["outcome"] == "skipped"]
    shown = [entry["text"] for entry in found if entry["outcome"] != "skipped" or len(skipped) <= FEW]
    lines = [*shown, *([_counted(skipped)] if len(skipped) > FEW else [])]
    return lines or [f"no file to read: nothing in {', '.join(map(str, paths))}, or only results of asperity"]


@guarded
def convert(
    paths: Paths,
    out: Stored,
    spring_constant: SpringConstant = None,
    sensitivity: Sensitivity = None,
) -> None:
    """Store force curves of any vendor as NetCDF (.nc) or zarr (.zarr)."""

    typer.echo(asperity.convert(paths, out, spring_constant=spring_constant, sensitivity=sensitivity))


@guarded
def fit(
    paths: Paths,
    model: Model = None,
    radius: Radius = None,
    half_angle: HalfAngle = None,
    punch_radius: PunchRadius = None,
    thickness: Thickness = None,
    poisson_ratio: PoissonRatio = None,
    segment: Segment = None,
    spring_constant_std: SpringConstantStd = None,
    sensitivity_std: SensitivityStd = None,
    radius_std: RadiusStd = None,
    window: Window = None,
    baseline: Baseline = None,
    exclude: Exclude = None,
    batch: Batch = None,
    out: Stored = Path("results.nc"),
    as_json: Json = False,
) -> None:
    """Fit force curves in memory and store the results; 'analyze' does more and can be interrupted."""
    from asperity.data import store

    tip = given(radius=radius, half_angle=half_angle, punch_radius=punch_radius, thickness=thickness,
                 poisson_ratio=poisson_ratio)
    options = given(
        segment=segment,
        spring_constant_std=spring_constant_std,
        sensitivity_std=sensitivity_std,
        radius_std=radius_std,
        window=window,
        baseline=baseline,
        exclude=exclude,
        batch=batch,
    )
    curves = asperity.read(paths)
    with progress() as tell:
        results = asperity.fit(curves, **_arguments(None, model, tip, options), progress=tell)
    raise typer.Exit(_print(results, as_json, [store.save(results, out)]))


@guarded
def select(
    paths: Paths,
    radius: Radius = None,
    poisson_ratio: PoissonRatio = None,
    separation: Annotated[
        float | None, option("m", "LENGTH", "Equilibrium separation of the surfaces. (default: 0.4nm)")
    ] = None,
    separation_std: Annotated[
        float | None, option("1", "RELATIVE", "Its uncertainty. (default: 100%, a factor 2.7)", ("0%", "300%"))
    ] = None,
    surface_tension: Annotated[float | None, option("N/m", "TENSION", "Of a soft sample, e.g. 0.07N/m.")] = None,
    thickness: Thickness = None,
    spring_constant: SpringConstant = None,
    sensitivity: Sensitivity = None,
    spring_constant_std: SpringConstantStd = None,
    sensitivity_std: SensitivityStd = None,
    radius_std: RadiusStd = None,
    quick: Annotated[bool, typer.Option("--quick", help="For large maps: a network answers where it is sure.")] = False,
    workers: Workers = None,
    out: Stored = Path("selection.nc"),
    as_json: Json = False,
) -> None:
    """Choose the contact model of every curve (Hertz, DMT, JKR, Maugis-Dugdale), or say why none is named."""
    instrument = given(
        separation=separation,
        separation_std=separation_std,
        surface_tension=surface_tension,
        thickness=thickness,
        spring_constant_std=spring_constant_std,
        sensitivity_std=sensitivity_std,
        radius_std=radius_std,
    )
    curves = asperity.read(paths, **given(spring_constant=spring_constant, sensitivity=sensitivity))
    tip = given(radius=radius, poisson_ratio=poisson_ratio, workers=workers)
    with progress() as tell:
        chosen = asperity.select(curves, instrument=instrument, quick=quick, progress=tell, **tip)
    raise typer.Exit(_print_choice(chosen, out, as_json))


def _print_choice(chosen: Any, out: Path, as_json: bool) -> int:
    """Store the choice and say it; the exit code is 1 where a curve has no answer."""
    from asperity.data import store
    from asperity.measurements.force_curves.select import in_words, summary

    lines = [*in_words(chosen), f"-> {store.save(chosen, out)}"]
    typer.echo(json.dumps(summary(chosen)) if as_json else "\n".join(lines))
    return 0 if (chosen["reasons"].values == 0).all() else 1


@guarded
def models() -> None:
    """List the contact models with their formula and inputs."""
    from asperity.contact.named import model_table

    typer.echo("\n".join(model_table()))


@guarded
def formats() -> None:
    """List the file formats that can be read."""
    from asperity.measurements.force_curves.describe import format_table

    typer.echo("\n".join(format_table()))


@guarded
def correct(
    paths: Paths,
    calibration: Calibration = None,
    spring_constant: SpringConstant = None,
    sensitivity: Sensitivity = None,
    out: Stored = Path("corrected.nc"),
) -> None:
    """Store force curves with another calibration and with the heights that the scanner really took."""
    from asperity.data import store

    known = given(calibration=calibration, spring_constant=spring_constant, sensitivity=sensitivity)
    typer.echo(store.save(asperity.correct.curves(asperity.read(paths), **known), out))

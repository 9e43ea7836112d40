"""The command line: one command per verb; the same names and defaults as the library.

Progress and messages go to stderr, results to stdout. Exit code 0: all well; 1: some curves are
flagged or some files failed; 2: failed altogether; 130: interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from asperity import cli_instrument, cli_rheology
from asperity.options import (
    Batch,
    Calibration,
    HalfAngle,
    Json,
    Model,
    Out,
    Paths,
    PoissonRatio,
    PunchRadius,
    Radius,
    RadiusStd,
    Recipe,
    Restart,
    Results,
    Segment,
    Sensitivity,
    SensitivityStd,
    SpringConstant,
    SpringConstantStd,
    Thickness,
    given,
    option,
)
from asperity.terminal import guarded, insist_on_interrupts, keep_compiled, progress

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From raw AFM force curves to moduli with honest error bars.",
)
app.add_typer(cli_instrument.calibrate, name="calibrate")
app.command()(cli_instrument.correct)
app.command()(cli_instrument.image)
app.command()(cli_instrument.drift)
app.command()(cli_rheology.spectrum)
app.command()(cli_rheology.relax)


def _arguments(
    recipe: Path | None, model: str | None, tip: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a verb: those of the recipe, then what was given on the command line."""
    saved = {}
    if recipe:
        from asperity.replaying import from_recipe

        saved = from_recipe(recipe)
    base = {"name": model} if model else saved.get("model", {"name": "hertz"})
    base = {"name": base} if isinstance(base, str) else base
    return {**saved, **options, "model": {**base, **tip}}


def _print(results: Any, as_json: bool, outputs: Sequence[Path]) -> int:
    """Print the verdict; returns the exit code 0 (all well) or 1 (some curves or files are not)."""
    from asperity.export import flag_line, summary
    from asperity.report.contents import listed
    from asperity.report.words import closeness, findings, headline
    from asperity.scorecard import concerns, score

    found = summary(results)
    if as_json:
        typer.echo(json.dumps(found | {"outputs": [str(path) for path in outputs]}))
    else:
        values = [f"{finding.name}: {finding.line}" for finding in findings(results)]
        chosen = [str(line) for line in listed(results, "selection")]
        lines = [headline(results), *chosen, *values, *closeness(results), flag_line(results), *_about_files(found),
                 *concerns(score(results))]
        typer.echo("\n".join([*lines, *(f"-> {path}" for path in outputs)]))
    return 0 if set(found["flags"]) <= {"converged"} and not found["failed_files"] else 1


def _about_files(found: dict[str, Any]) -> list[str]:
    lines = [
        f"{kind}: {entry['file']}: {entry['problem']}"
        for kind in ("failed", "skipped")
        for entry in found[f"{kind}_files"]
    ]
    if found["assumed"]:
        guesses = ", ".join(f"{name} = {value:g}" for name, value in found["assumed"].items())
        lines.append(f"ASSUMED, because nobody said it: {guesses} (SI). The moduli depend on it.")
    return lines


@app.command()
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
    out: Out = Path("asperity-results"),
    recipe: Recipe = None,
    batch: Batch = None,
    restart: Restart = False,
    as_json: Json = False,
) -> None:
    """Read, correct, fit and report all force curves; the same command goes on after an interruption."""
    from asperity import workflow

    tip = given(radius=radius, half_angle=half_angle, punch_radius=punch_radius, thickness=thickness,
                 poisson_ratio=poisson_ratio)
    options = given(
        segment=segment,
        calibration=calibration,
        spring_constant=spring_constant,
        sensitivity=sensitivity,
        batch=batch,
        spring_constant_std=spring_constant_std,
        sensitivity_std=sensitivity_std,
        radius_std=radius_std,
    )
    with progress() as tell:
        results = workflow.analyze(
            paths, **_arguments(recipe, model, tip, options), out=out, restart=restart, progress=tell
        )
    raise typer.Exit(_print(results, as_json, _outputs(out)))


def _outputs(out: Path) -> list[Path]:
    names = ("report.html", "results.csv", "results.nc", "results.zarr")
    return [out / name for name in names if (out / name).exists()]


@app.command()
@guarded
def demo(out: Out = Path("asperity-demo"), size: int = 64, as_json: Json = False) -> None:
    """Analyze a virtual force map whose every number is known, and say how close the result is."""
    from asperity.demo import demo

    with progress() as tell:
        results = demo(out, size=size, progress=tell)
    _print(results, as_json, _outputs(out))


@app.command()
@guarded
def read(paths: Paths, as_json: Json = False) -> None:
    """Show what is in files: format, curves, segments, calibration, and what cannot be read."""
    from asperity.export import describe

    found = describe(paths)
    typer.echo(json.dumps(found) if as_json else "\n".join(entry["text"] for entry in found))
    raise typer.Exit(0 if all(entry["outcome"] != "failed" for entry in found) else 1)


@app.command()
@guarded
def convert(
    paths: Paths,
    out: Annotated[Path, typer.Option(help="Ends in .nc or .zarr.")],
    spring_constant: SpringConstant = None,
    sensitivity: Sensitivity = None,
) -> None:
    """Store force curves of any vendor as NetCDF (.nc) or zarr (.zarr)."""
    from asperity import workflow

    typer.echo(workflow.convert(paths, out, spring_constant=spring_constant, sensitivity=sensitivity))


@app.command()
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
    batch: Batch = None,
    out: Annotated[Path, typer.Option(help="Ends in .nc or .zarr.")] = Path("results.nc"),
    as_json: Json = False,
) -> None:
    """Fit force curves in memory and store the results; 'analyze' does more and can be interrupted."""
    from asperity import workflow
    from asperity.data import store

    tip = given(radius=radius, half_angle=half_angle, punch_radius=punch_radius, thickness=thickness,
                 poisson_ratio=poisson_ratio)
    options = given(
        segment=segment,
        spring_constant_std=spring_constant_std,
        sensitivity_std=sensitivity_std,
        radius_std=radius_std,
        batch=batch,
    )
    results = workflow.fit(workflow.read(paths), **_arguments(None, model, tip, options))
    raise typer.Exit(_print(results, as_json, [store.save(results, out)]))


@app.command()
@guarded
def select(
    paths: Paths,
    radius: Radius = None,
    poisson_ratio: PoissonRatio = None,
    separation: Annotated[
        float | None, option("m", "LENGTH", "Equilibrium separation of the surfaces. (default: 0.4nm)")
    ] = None,
    separation_std: Annotated[
        float | None, option("1", "RELATIVE", "Its uncertainty. (default: 100%, a factor 2.7)")
    ] = None,
    surface_tension: Annotated[float | None, option("N/m", "TENSION", "Of a soft sample, e.g. 0.07N/m.")] = None,
    thickness: Thickness = None,
    spring_constant: SpringConstant = None,
    sensitivity: Sensitivity = None,
    spring_constant_std: SpringConstantStd = None,
    sensitivity_std: SensitivityStd = None,
    radius_std: RadiusStd = None,
    quick: Annotated[bool, typer.Option("--quick", help="For large maps: a network answers where it is sure.")] = False,
    out: Annotated[Path, typer.Option(help="Ends in .nc or .zarr.")] = Path("selection.nc"),
    as_json: Json = False,
) -> None:
    """Choose the contact model of every curve (Hertz, DMT, JKR, Maugis-Dugdale), or say why none is named."""
    from asperity import choosing, workflow
    from asperity.data import store

    instrument = given(
        separation=separation,
        separation_std=separation_std,
        surface_tension=surface_tension,
        thickness=thickness,
        spring_constant_std=spring_constant_std,
        sensitivity_std=sensitivity_std,
        radius_std=radius_std,
    )
    curves = workflow.read(paths, **given(spring_constant=spring_constant, sensitivity=sensitivity))
    chosen = workflow.select(
        curves, instrument=instrument, quick=quick, **given(radius=radius, poisson_ratio=poisson_ratio)
    )
    lines = [*choosing.in_words(chosen), f"-> {store.save(chosen, out)}"]
    typer.echo(json.dumps(choosing.summary(chosen)) if as_json else "\n".join(lines))
    raise typer.Exit(0 if (chosen["reasons"].values == 0).all() else 1)


@app.command()
@guarded
def report(
    results: Results,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("report.html"),
    title: str | None = None,
) -> None:
    """Write the report of stored results again, for instance with another title."""
    from asperity import workflow
    from asperity.data import store

    typer.echo(workflow.report(store.load(results), out, title=title))


@app.command()
@guarded
def score(results: Results, as_json: Json = False) -> None:
    """Judge stored results: accuracy, consistency, physics, coverage, shift, provenance."""
    from asperity import scorecard, workflow
    from asperity.data import store

    scores = workflow.score(store.load(results))
    typer.echo(json.dumps(scorecard.rows(scores)) if as_json else "\n".join(scorecard.table(scores)))
    raise typer.Exit(1 if (scores["verdict"].values == scorecard.Verdict.bad).any() else 0)


@app.command()
@guarded
def recipe(results: Results) -> None:
    """Print how results were made, as a recipe for 'analyze --recipe'."""
    from asperity.data import provenance, store

    with store.open_store(results) as opened:
        typer.echo(provenance.write_recipe(provenance.history(opened)), nl=False)


@app.command()
@guarded
def cite(results: Results) -> None:
    """Print what to cite for stored results, as BibTeX."""
    from asperity.data import store
    from asperity.report.records import citations

    with store.open_store(results) as opened:
        typer.echo("\n\n".join(citations(opened)))


@app.command()
@guarded
def replay(results: Results, as_json: Json = False) -> None:
    """Make results again from their history and say how far the numbers differ."""
    from asperity import replaying
    from asperity.data import store

    found = replaying.differences(old := store.load(results), replaying.replay(old))
    worst = max(found.values(), default=0.0)
    typer.echo(json.dumps(found) if as_json else f"largest relative difference of any number: {worst:.3g}")
    raise typer.Exit(0 if worst <= 1e-6 else 1)


@app.command()
@guarded
def models() -> None:
    """List the contact models with their formula and inputs."""
    from asperity.models import model_table

    typer.echo("\n".join(model_table()))


@app.command()
@guarded
def formats() -> None:
    """List the file formats that can be read."""
    from asperity.export import format_table

    typer.echo("\n".join(format_table()))


@app.command()
@guarded
def doctor(as_json: Json = False) -> None:
    """Check versions, devices and precision, and run the known defects of jax."""
    from asperity.diagnosis import doctor, in_words

    found = doctor()
    typer.echo(json.dumps(found) if as_json else in_words(found))
    raise typer.Exit(0 if found["healthy"] else 2)


def main() -> None:
    """The ``asperity`` command."""
    keep_compiled()
    insist_on_interrupts()
    app()

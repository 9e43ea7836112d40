"""The command line: one command per verb; the same names and defaults as the library.

Progress and messages go to stderr, results to stdout. Exit code 0: all well; 1: some curves are
flagged or some files failed; 2: failed altogether; 130: interrupted.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import platform
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from asperity.units import parse

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From raw AFM force curves to moduli with honest error bars.",
)
_err = Console(stderr=True)


def _option(unit: str, metavar: str, text: str) -> Any:
    def parser(written: str) -> float:
        try:
            return parse(written, unit)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    return typer.Option(parser=parser, metavar=metavar, help=text, show_default=False)


Paths = Annotated[
    list[Path],
    typer.Argument(help="Files and folders; folders are searched to any depth.", show_default=False),
]
Results = Annotated[Path, typer.Argument(help="A results.nc or results.zarr.", show_default=False)]
Model = Annotated[
    str | None,
    typer.Option(help="Contact model; see 'asperity models'. [default: hertz]", show_default=False),
]
Radius = Annotated[float | None, _option("m", "LENGTH", "Radius of the tip, e.g. 5um.")]
PunchRadius = Annotated[float | None, _option("m", "LENGTH", "Radius of a flat punch, e.g. 2um.")]
HalfAngle = Annotated[float | None, _option("rad", "ANGLE", "Half-opening angle of the tip, e.g. 20deg.")]
PoissonRatio = Annotated[
    float | None, _option("1", "NUMBER", "Poisson's ratio of the sample. [default: 0.5]")
]
Segment = Annotated[
    str | None,
    typer.Option(help="The segment to fit. [default: retract with adhesion, else approach]", show_default=False),
]
SpringConstant = Annotated[float | None, _option("N/m", "STIFFNESS", "Replaces the file's, e.g. 0.04N/m.")]
Sensitivity = Annotated[float | None, _option("m/V", "LENGTH/V", "Replaces the file's, e.g. 40nm/V.")]
SpringConstantStd = Annotated[float | None, _option("1", "RELATIVE", "Its standard uncertainty, e.g. 10%.")]
SensitivityStd = Annotated[float | None, _option("1", "RELATIVE", "Its standard uncertainty, e.g. 3%.")]
RadiusStd = Annotated[float | None, _option("1", "RELATIVE", "Its standard uncertainty, e.g. 5%.")]
Out = Annotated[Path, typer.Option(help="Folder for results.nc, results.csv, report.html.")]
Recipe = Annotated[
    Path | None,
    typer.Option(help="A saved history (see 'asperity recipe'); options win over it.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Summary for machines on stdout.")]
Batch = Annotated[
    int | None, typer.Option(min=1, help="Curves per chunk. [default: 512]", show_default=False)
]
Restart = Annotated[bool, typer.Option(help="Throw away what is in the output folder.")]


def _expected() -> tuple[type[BaseException], ...]:
    """The errors that say by themselves what is wrong and what to do."""
    from asperity.data.provenance import HistoryError
    from asperity.data.readers import ReadError
    from asperity.data.store import StoreError
    from asperity.models import ModelError
    from asperity.workflow import NothingToAnalyze

    return ReadError, HistoryError, StoreError, ModelError, NothingToAnalyze, OSError


class _ToConsole(logging.Handler):
    """Messages on stderr, above the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        _say(self.format(record), "yellow")


def _say(text: str, style: str) -> None:
    _err.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Expected errors become one message and exit code 2; Ctrl-C says how to go on."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(handler, _ToConsole) for handler in logging.getLogger("asperity").handlers):
            logging.getLogger("asperity").addHandler(_ToConsole(logging.WARNING))
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            _say("\nInterrupted. Finished chunks are kept: run the same command again to go on.", "yellow")
            raise typer.Exit(130) from None
        except Exception as error:
            if not isinstance(error, _expected()):
                traceback.print_exc()
                _say("This is a defect of asperity, not of your data. Finished chunks are kept.", "red")
            else:
                _say(f"Error: {error}", "red")
            raise typer.Exit(2) from None

    return guarded


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with curves per second and the time left, as a callback (done, total)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    with Progress(
        TextColumn("curves"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(), console=_err
    ) as bar:
        task = bar.add_task("curves", total=None, rate="")
        begun: list[tuple[float, int]] = []  # when, and how many were finished by an earlier run

        def tell(done: int, total: int) -> None:
            begun.append((time.monotonic(), done))
            seconds, curves = begun[-1][0] - begun[0][0], done - begun[0][1]
            bar.update(task, completed=done, total=total, rate=f"{curves / seconds:.0f}/s" if curves else "")

        yield tell


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _arguments(
    recipe: Path | None, model: str | None, tip: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a verb: those of the recipe, then what was given on the command line."""
    from asperity.workflow import from_recipe

    saved = from_recipe(recipe) if recipe else {}
    base = {"name": model} if model else saved.get("model", {"name": "hertz"})
    base = {"name": base} if isinstance(base, str) else base
    return {**saved, **options, "model": {**base, **tip}}


def _print(results: Any, as_json: bool, outputs: Sequence[Path]) -> int:
    """Print the verdict; returns the exit code 0 (all well) or 1 (some curves or files are not)."""
    from asperity.export import flag_line, summary
    from asperity.report.words import closeness, findings, headline

    found = summary(results)
    if as_json:
        typer.echo(json.dumps(found | {"outputs": [str(path) for path in outputs]}))
    else:
        values = [f"{finding.name}: {finding.line}" for finding in findings(results)]
        lines = [headline(results), *values, *closeness(results), flag_line(results), *_about_files(found)]
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
@_guarded
def analyze(
    paths: Paths,
    model: Model = None,
    radius: Radius = None,
    half_angle: HalfAngle = None,
    punch_radius: PunchRadius = None,
    poisson_ratio: PoissonRatio = None,
    segment: Segment = None,
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

    tip = _given(radius=radius, half_angle=half_angle, punch_radius=punch_radius, poisson_ratio=poisson_ratio)
    options = _given(
        segment=segment,
        spring_constant=spring_constant,
        sensitivity=sensitivity,
        batch=batch,
        spring_constant_std=spring_constant_std,
        sensitivity_std=sensitivity_std,
        radius_std=radius_std,
    )
    with _progress() as progress:
        results = workflow.analyze(
            paths, **_arguments(recipe, model, tip, options), out=out, restart=restart, progress=progress
        )
    raise typer.Exit(_print(results, as_json, _outputs(out)))


def _outputs(out: Path) -> list[Path]:
    names = ("report.html", "results.csv", "results.nc", "results.zarr")
    return [out / name for name in names if (out / name).exists()]


@app.command()
@_guarded
def demo(out: Out = Path("asperity-demo"), size: int = 64, as_json: Json = False) -> None:
    """Analyze a virtual force map whose every number is known, and say how close the result is."""
    from asperity.demo import demo

    with _progress() as progress:
        results = demo(out, size=size, progress=progress)
    _print(results, as_json, _outputs(out))


@app.command()
@_guarded
def read(paths: Paths, as_json: Json = False) -> None:
    """Show what is in files: format, curves, segments, calibration, and what cannot be read."""
    from asperity.export import describe

    found = describe(paths)
    typer.echo(json.dumps(found) if as_json else "\n".join(entry["text"] for entry in found))
    raise typer.Exit(0 if all(entry["outcome"] != "failed" for entry in found) else 1)


@app.command()
@_guarded
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
@_guarded
def fit(
    paths: Paths,
    model: Model = None,
    radius: Radius = None,
    half_angle: HalfAngle = None,
    punch_radius: PunchRadius = None,
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

    tip = _given(radius=radius, half_angle=half_angle, punch_radius=punch_radius, poisson_ratio=poisson_ratio)
    options = _given(
        segment=segment,
        spring_constant_std=spring_constant_std,
        sensitivity_std=sensitivity_std,
        radius_std=radius_std,
        batch=batch,
    )
    results = workflow.fit(workflow.read(paths), **_arguments(None, model, tip, options))
    raise typer.Exit(_print(results, as_json, [store.save(results, out)]))


@app.command()
@_guarded
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
@_guarded
def recipe(results: Results) -> None:
    """Print how results were made, as a recipe for 'analyze --recipe'."""
    from asperity.data import provenance, store

    with store.open_store(results) as opened:
        typer.echo(provenance.write_recipe(provenance.history(opened)), nl=False)


@app.command()
@_guarded
def replay(results: Results, as_json: Json = False) -> None:
    """Make results again from their history and say how far the numbers differ."""
    from asperity import workflow
    from asperity.data import store

    found = workflow.differences(old := store.load(results), workflow.replay(old))
    worst = max(found.values(), default=0.0)
    typer.echo(json.dumps(found) if as_json else f"largest relative difference of any number: {worst:.3g}")
    raise typer.Exit(0 if worst <= 1e-6 else 1)


@app.command()
@_guarded
def models() -> None:
    """List the contact models with their formula and inputs."""
    from asperity.models import model_table

    typer.echo("\n".join(model_table()))


@app.command()
@_guarded
def formats() -> None:
    """List the file formats that can be read."""
    from asperity.export import format_table

    typer.echo("\n".join(format_table()))


@app.command()
@_guarded
def doctor(as_json: Json = False) -> None:
    """Check versions, devices and precision, and run the known defects of jax."""
    from asperity.diagnosis import doctor, in_words

    found = doctor()
    typer.echo(json.dumps(found) if as_json else in_words(found))
    raise typer.Exit(0 if found["healthy"] else 2)


def _keep_compiled() -> None:
    """Let jax keep what it compiles, per machine, in the user's cache: a second run starts at once.

    Own settings win. XLA's log is silenced: it takes its own tuning hints for missing processor features
    when it loads what it compiled on the same machine.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "asperity" / platform.node()
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main() -> None:
    """The ``asperity`` command."""
    _keep_compiled()
    app()

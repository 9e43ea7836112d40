"""The command line for force laws: force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.terminal.options import (
    HalfAngle,
    Json,
    Paths,
    PoissonRatio,
    Radius,
    Restart,
    Sensitivity,
    SpringConstant,
    Workers,
    given,
    option,
    output,
)
from asperity.terminal.running import guarded, keep_apart, progress, say

__all__ = ["force"]

Contact = Annotated[str, typer.Option(help="Contact model, without adhesion.")]
Amplitude = Annotated[float | None, option("m", "LENGTH", "Of the oscillation, for frequency shifts, e.g. 0.3nm.",
                                           ("1pm", "10um"))]
Frequency = Annotated[float | None, option("Hz", "FREQUENCY", "Resonance of the free lever, for frequency shifts.",
                                           ("1Hz", "100MHz"))]
Draws = Annotated[int, typer.Option(min=32, help="Draws of what is not known; 128 for bands, 512 for fine ones.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the draws.")]
Out = Annotated[Path, output("Ends in .nc; the page in .html and the table in .csv beside it.", ".nc", ".zarr")]


@guarded
def force(
    paths: Paths,
    model: Contact = "hertz",
    radius: Radius = None,
    half_angle: HalfAngle = None,
    poisson_ratio: PoissonRatio = None,
    spring_constant: SpringConstant = None,
    sensitivity: Sensitivity = None,
    amplitude: Amplitude = None,
    frequency: Frequency = None,
    draws: Draws = 128,
    seed: Seed = 0,
    out: Out = Path("force.nc"),
    workers: Workers = None,
    restart: Restart = False,
    as_json: Json = False,
) -> None:
    """The force against the separation, of approach curves, a table or frequency shifts, with bands."""
    from asperity.measurements.tip_force.files import law_of_files

    keep_apart(paths, out, "_law")
    tip = given(radius=radius, half_angle=half_angle, poisson_ratio=poisson_ratio)
    known = given(spring_constant=spring_constant, sensitivity=sensitivity, amplitude=amplitude,
                  resonance_frequency=frequency)
    with progress() as tell:
        made = law_of_files(paths, {"name": model, **tip}, known, draws=draws, seed=seed,
                            folder=Path(f"{out}.work"), restart=restart, progress=tell,
                            **given(workers=workers))
    raise typer.Exit(_done(made, out, as_json))


def _done(made: Any, out: Path, as_json: bool) -> int:
    """Store the law, its table and its page, print what it says; exit code 1: a curve is flagged, 2: none has a law."""
    from asperity.data import jobs
    from asperity.measurements.tip_force.law_csv import write_csv
    from asperity.measurements.tip_force.page import page
    from asperity.report.page import keep

    about = page(made)
    outputs = [*keep(made, about, out), write_csv(made, out.with_suffix(".csv"))]
    jobs.discard(Path(f"{out}.work"))
    said = [about.headline, *(f"{row.name}: {row.line}" for row in about.findings), *about.remarks]
    say(said, outputs, as_json=as_json)
    if not made["force"].notnull().any():
        return 2
    return int(bool((made["flag"].values != 0).any()) or len(json.loads(made.attrs.get("failed_files", "[]"))) > 0)

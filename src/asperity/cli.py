"""The command line: one command per verb; the same names and defaults as the library.

Progress and messages go to stderr, results to stdout. Exit code 0: all well; 1: some curves are
flagged or some files failed; 2: failed altogether; 130: interrupted.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

import asperity
from asperity.measurements import command as stored
from asperity.measurements.atoms import command as atoms
from asperity.measurements.calibration import command as calibration
from asperity.measurements.discovery.experiment import command as discovery
from asperity.measurements.discovery.explain import command as explanation
from asperity.measurements.discovery.inverse import command as inverse
from asperity.measurements.discovery.next import command as next_places
from asperity.measurements.force_curves import command as force_curves
from asperity.measurements.images import command as images
from asperity.measurements.rheometry import command as rheometry
from asperity.measurements.tapping import command as tapping
from asperity.measurements.time_series import command as time_series
from asperity.measurements.tip_force import command as tip_force
from asperity.terminal.options import CLUSTER, Json
from asperity.terminal.running import collect_rarely, guarded, insist_on_interrupts, keep_compiled, one_thread_each

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"asperity {asperity.__version__}")
        raise typer.Exit


@app.callback()
def _whole(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """From raw AFM force curves to moduli with honest error bars."""


@guarded
def doctor(as_json: Json = False) -> None:
    """Check versions, devices and precision, and run the known defects of jax."""
    from asperity.diagnosis import doctor, in_words

    found = doctor()
    typer.echo(json.dumps(found) if as_json else in_words(found))
    raise typer.Exit(0 if found["healthy"] else 2)


app.add_typer(calibration.calibrate, name="calibrate")
app.add_typer(atoms.atoms, name="atoms")
app.add_typer(discovery.design, name="design")
for command in (inverse.tip, inverse.film, inverse.lattice, inverse.setpoint):
    discovery.design.command()(command)
for command in (
    *(force_curves.correct, images.image, images.drift, rheometry.spectrum, rheometry.relax,
      tip_force.force, tapping.tapping, time_series.dynamics),
    *(force_curves.analyze, force_curves.demo, force_curves.read, force_curves.convert, force_curves.fit),
    *(force_curves.select, stored.report, stored.score, stored.recipe, stored.cite, stored.replay),
    explanation.explain,
    *(force_curves.models, force_curves.formats, doctor),
):
    app.command()(command)
app.command("next")(next_places.next_points)
app.command(rich_help_panel=CLUSTER)(force_curves.work)


def main() -> None:
    """The ``asperity`` command."""
    collect_rarely()
    one_thread_each()
    keep_compiled()
    insist_on_interrupts()
    app()

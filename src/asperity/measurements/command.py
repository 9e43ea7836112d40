"""The commands on stored results of any kind: report, score, recipe, cite, replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import asperity
from asperity.terminal.options import (
    Json,
    Results,
    output,
)
from asperity.terminal.running import guarded

__all__ = ["cite", "recipe", "replay", "report", "score"]


@guarded
def report(
    results: Results,
    out: Annotated[Path, output("The page; ends in .html.", ".html")] = Path("report.html"),
    title: str | None = None,
) -> None:
    """Write the report of stored results again, for instance with another title."""
    from asperity.data import store

    with store.open_store(results) as stored:
        typer.echo(asperity.report(stored, out, title=title))


@guarded
def score(results: Results, as_json: Json = False) -> None:
    """Judge stored results: accuracy, consistency, physics, coverage, shift, provenance."""
    from asperity.data import store
    from asperity.measurements.force_curves import score as scorecard

    with store.open_store(results) as stored:
        scores = asperity.score(stored)
    typer.echo(json.dumps(scorecard.rows(scores)) if as_json else "\n".join(scorecard.table(scores)))
    raise typer.Exit(1 if (scores["verdict"].values == scorecard.Verdict.bad).any() else 0)


@guarded
def recipe(results: Results) -> None:
    """Print how results were made, as a recipe for 'analyze --recipe'."""
    from asperity.data import provenance, store

    with store.open_store(results) as opened:
        typer.echo(provenance.write_recipe(provenance.history(opened)), nl=False)


@guarded
def cite(results: Results) -> None:
    """Print what to cite for stored results, as BibTeX."""
    from asperity.data import store
    from asperity.report.records import citations

    with store.open_store(results) as opened:
        typer.echo("\n\n".join(citations(opened)))


@guarded
def replay(results: Results, as_json: Json = False) -> None:
    """Make results again from their history and say how far the numbers differ."""
    from asperity.data import store
    from asperity.measurements import replay as replaying

    found = replaying.differences(old := store.load(results), replaying.replay(old))
    worst = max(found.values(), default=0.0)
    typer.echo(json.dumps(found) if as_json else f"largest relative difference of any number: {worst:.3g}")
    raise typer.Exit(0 if worst <= 1e-6 else 1)

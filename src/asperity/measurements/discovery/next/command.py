"""The command line for the next places: next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.messages import quoted
from asperity.terminal.options import Json, Results, given, in_options, option, output
from asperity.terminal.running import guarded, keep_apart, say
from asperity.units import parse

__all__ = ["next_points"]

#: what the verb calls an argument -> its option
_OPTIONS = {"goal": "--for", **{name: "--" + name.replace("_", "-") for name in (
    "budget", "area", "spacing", "threshold", "target", "repeat_every", "curve_time", "travel_speed")}}


def _area(written: str) -> str:
    """LEFT,BOTTOM,RIGHT,TOP with units, as the verb's four numbers in m; kept as text until it is known to be one."""
    try:
        corners = [parse(part, "m") for part in written.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"{quoted(str(error))}; an area is LEFT,BOTTOM,RIGHT,TOP such as "
                                 "0um,0um,20um,20um") from error
    if len(corners) != 4 or corners[0] >= corners[2] or corners[1] >= corners[3]:
        raise typer.BadParameter("an area is LEFT,BOTTOM,RIGHT,TOP such as 0um,0um,20um,20um, left below right and "
                                 "bottom below top")
    return ",".join(map(repr, corners))


For = Annotated[str, typer.Option("--for", metavar="GOAL", help="modulus: its map; boundary: which of two materials is "
                                  "where.")]
Budget = Annotated[int, typer.Option(min=1, max=100_000, help="Curves to record.")]
Area = Annotated[str | None, typer.Option(parser=_area, metavar="LEFT,BOTTOM,RIGHT,TOP", show_default=False,
                                          help="E.g. 0um,0um,20um,20um. (default: around the curves)")]
Spacing = Annotated[float | None, option("m", "LENGTH", "Of the sites to choose from. (default: the lattice of the "
                                         "curves, half of it if full)")]
Threshold = Annotated[float | None, option("Pa", "MODULUS", "Between two materials. (default: midway between two "
                                           "groups)", ("1mPa", "10000GPa"))]
Target = Annotated[float | None, option("1", "RELATIVE", "Enough: mean standard deviation of the modulus, or share of "
                                        "misclassified places, e.g. 5%.", ("0.01%", "100%"))]
CurveTime = Annotated[float | None, option("s", "TIME", "That a curve takes, e.g. 2s.", ("1us", "10000s"))]
TravelSpeed = Annotated[float | None, option("m/s", "SPEED", "Of the tip between places, e.g. 10um/s.",
                                             ("1pm/s", "1m/s"))]
RepeatEvery = Annotated[int, typer.Option(min=0, max=100_000, help="Of so many curves one is where the first was; 0: "
                                          "none.")]
Out = Annotated[Path, output("Ends in .nc; the page in .html and the list in .csv beside it.", ".nc", ".zarr")]


@guarded
def next_points(
    results: Results,
    goal: For = "modulus",
    budget: Budget = 16,
    area: Area = None,
    spacing: Spacing = None,
    threshold: Threshold = None,
    target: Target = None,
    curve_time: CurveTime = None,
    travel_speed: TravelSpeed = None,
    repeat_every: RepeatEvery = 25,
    out: Out = Path("next.nc"),
    as_json: Json = False,
) -> None:
    """Where to measure next: the places that tell most, whether it is enough, or that no choice can help."""
    keep_apart([results], out, "_next")
    corners = None if area is None else [float(part) for part in area.split(",")]
    made = _chosen(results, {"goal": goal, "budget": budget, "repeat_every": repeat_every} | given(
        area=corners, spacing=spacing, threshold=threshold, target=target,
        cost=given(curve_time=curve_time, travel_speed=travel_speed) or None))
    raise typer.Exit(_done(made, out, as_json))


def _chosen(results: Path, how: dict[str, Any]) -> Any:
    """The next places; what is wrong with an argument is told of the option that it came from."""
    import asperity
    from asperity.data import store
    from asperity.messages import ArgumentError

    with store.open_store(results) as opened:
        try:
            return asperity.next_points(opened, **how)
        except ArgumentError as error:
            raise ArgumentError(in_options(str(error), _OPTIONS)) from error


def _done(made: Any, out: Path, as_json: bool) -> int:
    """Store the places, their list and their page, print what they say; the exit code is 1 where no plan is made."""
    from asperity.measurements.discovery.next.page import page
    from asperity.measurements.discovery.next.points_csv import write_csv
    from asperity.report.page import keep

    about = page(made)
    outputs = [*keep(made, about, out), write_csv(made, out.with_suffix(".csv"))]
    say([about.headline, *about.remarks], outputs, as_json=as_json)
    return int(int(made["verdict"]) == 2)

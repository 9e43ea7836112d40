"""The command line for rheology: spectrum and relax."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.terminal.options import HalfAngle, Json, PoissonRatio, Radius, Workers, given, option, output
from asperity.terminal.running import guarded, progress, say

__all__ = ["relax", "spectrum"]

Source = Annotated[Path, typer.Argument(help="A table with units, or a file of force curves.", show_default=False)]
Noise = Annotated[float | None, option("1", "RELATIVE", "Of the moduli, e.g. 2%. (default: the source's, else 5%)")]
Share = Annotated[float | None, option("1", "NUMBER", "Of the noise's variance, what drifts over decades. (default: "
                                       "learnt)", ("0", "0.99"))]
Contact = Annotated[str, typer.Option(help="Contact model of force curves, without adhesion.")]
Restart = Annotated[bool, typer.Option(help="Throw away the curves that an interrupted run finished.")]
Out = Annotated[Path, output("Ends in .nc; the page beside it in .html.", ".nc", ".zarr")]


@guarded
def spectrum(
    source: Source,
    noise: Noise = None,
    smooth_share: Share = None,
    model: Contact = "hertz",
    radius: Radius = None,
    half_angle: HalfAngle = None,
    poisson_ratio: PoissonRatio = None,
    out: Out = Path("spectrum.nc"),
    workers: Workers = None,
    restart: Restart = False,
    as_json: Json = False,
) -> None:
    """The material behind E'(f) and E''(f), of a table or of sine segments, and what causality says of them."""
    from asperity.measurements.rheometry.files import spectrum_of_file

    tip = given(radius=radius, half_angle=half_angle, poisson_ratio=poisson_ratio)
    with progress() as tell:
        made = spectrum_of_file(source, {"name": model, **tip}, noise=noise, smooth_share=smooth_share,
                                folder=_work(out), restart=restart, progress=tell, **given(workers=workers))
    raise typer.Exit(_done(made, out, as_json))


@guarded
def relax(
    source: Source,
    noise: Noise = None,
    smooth_share: Share = None,
    model: Contact = "hertz",
    radius: Radius = None,
    half_angle: HalfAngle = None,
    poisson_ratio: PoissonRatio = None,
    out: Out = Path("relaxation.nc"),
    workers: Workers = None,
    restart: Restart = False,
    as_json: Json = False,
) -> None:
    """The relaxing material behind E(t) or J(t) of a table, or force curves with a hold, by their indentation."""
    from asperity.measurements.rheometry.files import relaxation_of_file

    tip = given(radius=radius, half_angle=half_angle, poisson_ratio=poisson_ratio)
    with progress() as tell:
        made = relaxation_of_file(source, {"name": model, **tip}, noise=noise, smooth_share=smooth_share,
                                folder=_work(out), restart=restart, progress=tell, **given(workers=workers))
    raise typer.Exit(_done(made, out, as_json))


def _work(out: Path) -> Path:
    """Where finished curves are kept until the result is stored."""
    return Path(f"{out}.work")


def _done(made: Any, out: Path, as_json: bool) -> int:
    """Store the result, write its page, print what it says; the exit code is 1 on an alarm or a curve not fitted."""
    from asperity.data import jobs, provenance, store
    from asperity.data.results import assumptions
    from asperity.measurements.force_curves.contents import gathered
    from asperity.measurements.force_curves.page.html import write_report
    from asperity.measurements.force_curves.page.words import findings, headline
    from asperity.measurements.force_curves.summary import causes, flag_line
    from asperity.measurements.rheometry.page import page
    from asperity.report.page import keep

    if "parameter" in made.dims:
        paths = [store.save(made, out), write_report(made, out.with_suffix(".html"))]
        contents = gathered(made)
        values = [f"{row.name}: {row.line}" for row in findings(contents)]
        law = f"law: {made.attrs['model']}"
        said = [headline(contents), *values, law, flag_line(contents), *causes(contents), *assumptions(made)]
    else:
        about = page(made)
        paths = keep(made, about, out)
        said = [about.headline, *(f"{row.name}: {row.line}" for row in about.findings), *about.remarks]
    kept = {"holds", "modulus_spectrum", "power_law"}  # those that keep it
    if {step["verb"] for step in provenance.history(made)} & kept:
        jobs.discard(_work(out))
    say(said, paths, as_json=as_json)
    return int(bool(made.attrs.get("alarm", 0)) or ("flag" in made and bool((made["flag"].values != 0).any())))

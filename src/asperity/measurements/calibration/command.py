"""The command line for the instrument: calibrate, correct, image."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.terminal.options import Channel, Images, Json, Paths, Sensitivity, given, option, output
from asperity.terminal.running import guarded

__all__ = ["calibrate"]

calibrate = typer.Typer(no_args_is_help=True, help="Measure the instrument: each result is a file for --calibration.")

CalibrationOut = Annotated[Path, output("Ends in .nc; the page beside it in .html.", ".nc", ".zarr")]


def _done(made: Any, out: Path, as_json: bool) -> int:
    """Store a calibration, write its page, print what it says; the exit code is 1 where it gives no number."""
    from asperity.measurements.calibration import page as calibrations
    from asperity.report.page import keep

    said, constants = json.loads(made.attrs["findings"]), calibrations.constants_in_words(made)
    paths = keep(made, calibrations.page(made), out)
    if as_json:
        numbers = {str(name): value if math.isfinite(value := float(made[name])) else None
                   for name in made.data_vars if not made[name].dims}
        typer.echo(json.dumps(numbers | {"findings": said, "outputs": [str(path) for path in paths]}))
    else:
        typer.echo("\n".join([*(f"{found.name}: {found.line}" for found in constants), *said,
                              *(f"-> {path}" for path in paths)]))
    return int(any(found.line == "no value" for found in constants))


@calibrate.command("spring-constant")
@guarded
def spring_constant(
    spectrum: Annotated[Path, typer.Argument(help="A thermal spectrum: JPK .tnd, Nanosurf .nid.", show_default=False)],
    width: Annotated[float | None, option("m", "LENGTH", "Of a rectangular lever, for the method of Sader.")] = None,
    length: Annotated[float | None, option("m", "LENGTH", "Of a rectangular lever.")] = None,
    tilt: Annotated[float | None, option("rad", "ANGLE", "Of the lever against the surface, e.g. 10deg.")] = None,
    fluid: Annotated[str | None, typer.Option(help="air or water.", show_default=False)] = None,
    temperature: Annotated[float | None, option("K", "TEMPERATURE", "E.g. 298K. (default: the file's)")] = None,
    sensitivity: Sensitivity = None,
    calibration: Annotated[Path | None, typer.Option(help="The sensitivity, measured.", show_default=False)] = None,
    method: Annotated[
        str | None, typer.Option(help="Insist on equipartition, sader or coefficient.", show_default=False)
    ] = None,
    out: CalibrationOut = Path("spring-constant.nc"),
    as_json: Json = False,
) -> None:
    """The spring constant from the thermal motion of the lever, by all methods that are possible."""
    from asperity import calibrate

    lever = given(width=width, length=length, tilt=tilt)
    known = given(fluid=fluid, temperature=temperature, sensitivity=calibration or sensitivity, method=method)
    raise typer.Exit(_done(calibrate.spring_constant(spectrum, lever=lever, **known), out, as_json))


@calibrate.command()
@guarded
def sensitivity(
    paths: Paths,
    scanner: Annotated[Path | None, typer.Option(help="From 'calibrate scanner'.", show_default=False)] = None,
    out: CalibrationOut = Path("sensitivity.nc"),
    as_json: Json = False,
) -> None:
    """The deflection sensitivity from curves on a stiff surface."""
    from asperity import calibrate

    raise typer.Exit(_done(calibrate.sensitivity(paths, scanner=scanner), out, as_json))


@calibrate.command()
@guarded
def scanner(paths: Paths, out: CalibrationOut = Path("scanner.nc"), as_json: Json = False) -> None:
    """Hysteresis and creep of the scanner from curves that hold drive and sensor."""
    from asperity import calibrate

    raise typer.Exit(_done(calibrate.scanner(paths), out, as_json))


@calibrate.command()
@guarded
def tip(
    images: Images,
    size: Annotated[int, typer.Option(help="Pixels of the tip, odd.")] = 31,
    shape: Annotated[str, typer.Option(help="sphere_cone, paraboloid or pyramid.")] = "sphere_cone",
    channel: Channel = "height",
    noise: Annotated[
        float | None,
        option("m", "LENGTH", "Greatest error of a pixel. (default: from trace and retrace)", ("0m", "1mm")),
    ] = None,
    out: CalibrationOut = Path("tip.nc"),
    as_json: Json = False,
) -> None:
    """The shape of the tip from images of a rough surface."""
    from asperity import calibrate

    found = calibrate.tip(images, size=size, shape=shape, channel=channel, noise_bound=noise)
    raise typer.Exit(_done(found, out, as_json))

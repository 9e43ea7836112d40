"""The options of the command line: their names, units and help, written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.units import parse

__all__ = ["Batch", "Calibration", "Channel", "HalfAngle", "Images", "Json", "Model", "Out", "Paths", "Pixel",
           "PoissonRatio", "PunchRadius", "Radius", "RadiusStd", "Recipe", "Restart", "Results", "Segment",
           "Sensitivity", "SensitivityStd", "SpringConstant", "SpringConstantStd", "Thickness", "Unit", "given",
           "option"]


def option(unit: str, metavar: str, text: str) -> Any:
    """An option whose value is a number with a unit, ``5um``, read in SI."""

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
    typer.Option(help="See 'asperity models'; 'auto': the data choose. (default: hertz)", show_default=False),
]
Radius = Annotated[float | None, option("m", "LENGTH", "Radius of the tip, e.g. 5um.")]
PunchRadius = Annotated[float | None, option("m", "LENGTH", "Radius of a flat punch, e.g. 2um.")]
HalfAngle = Annotated[float | None, option("rad", "ANGLE", "Half-opening angle of the tip, e.g. 20deg.")]
Thickness = Annotated[float | None, option("m", "LENGTH", "Thickness of the sample layer, e.g. 2um.")]
PoissonRatio = Annotated[
    float | None, option("1", "NUMBER", "Poisson's ratio of the sample. (default: 0.5)")
]
Segment = Annotated[
    str | None,
    typer.Option(help="The segment to fit. (default: retract with adhesion, else approach)", show_default=False),
]
SpringConstant = Annotated[float | None, option("N/m", "STIFFNESS", "Replaces the file's, e.g. 0.04N/m.")]
Sensitivity = Annotated[float | None, option("m/V", "LENGTH/V", "Replaces the file's, e.g. 40nm/V.")]
SpringConstantStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty, e.g. 10%.")]
SensitivityStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty, e.g. 3%.")]
RadiusStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty, e.g. 5%.")]
Calibration = Annotated[
    list[Path] | None,
    typer.Option(help="From 'asperity calibrate'; may be given several times.", show_default=False),
]
Out = Annotated[Path, typer.Option(help="Folder for results.nc, results.csv, report.html.")]
Recipe = Annotated[
    Path | None,
    typer.Option(help="A saved history (see 'asperity recipe'); options win over it.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Summary for machines on stdout.")]
Batch = Annotated[
    int | None, typer.Option(min=1, help="Curves per chunk. (default: 512)", show_default=False)
]
Restart = Annotated[bool, typer.Option(help="Throw away what is in the output folder.")]
Images = Annotated[list[Path], typer.Argument(help="Image files.", show_default=False)]
Pixel = Annotated[float | None, option("m", "LENGTH", "Width of a pixel; replaces the file's, e.g. 5nm.")]
Unit = Annotated[str | None, typer.Option(help="Of numbers without one, e.g. nm.", show_default=False)]
Channel = Annotated[str, typer.Option(help="The channel, see 'asperity image FILE'.")]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}

"""The options of the command line: their names, units and help, written once."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.units import parse, parse_range

__all__ = ["CLUSTER", "Baseline", "Batch", "Calibration", "Channel", "Check", "Exclude", "HalfAngle", "Images", "Json",
           "Model", "Out", "Paths", "Pixel", "PlanOnly", "PoissonRatio", "PunchRadius", "Radius", "RadiusStd",
           "Recipe", "Restart", "Results", "Scheduler", "Segment", "Sensitivity", "SensitivityStd", "SpringConstant",
           "SpringConstantStd", "Stored", "Thickness", "Unit", "Window", "Workers", "given", "in_options", "option",
           "output", "range_option"]


#: unit -> the least and the most that a person can mean: what lies beyond is a slip of the sign or of the unit
_WITHIN = {"m": ("1pm", "100mm"), "rad": ("0deg", "89deg"), "N/m": ("1uN/m", "1MN/m"), "m/V": ("1pm/V", "1mm/V"),
           "K": ("1K", "2000K"), "1": ("0%", "100%")}
_PLAIN = "400, a plain number"  # of a factor that is no share


def option(unit: str, metavar: str, text: str, within: tuple[str, str] | None = None, *names: str) -> Any:
    """An option whose value is a number with a unit, ``5um``, read in SI; ``within`` are its bounds, both included.

    ``names`` are given where that of the parameter cannot be it, as ``--from``.
    """
    least, most = within or _WITHIN[unit]
    example = _PLAIN if unit == "1" and parse(least, unit) > 0.5 else ""

    def parser(written: str) -> float:
        try:
            found = parse(written, unit, example)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        if not parse(least, unit) <= found <= parse(most, unit):
            meant = f"; did you mean {written}%?" if unit == "1" and 1 < found <= 100 and "%" not in written else ""
            raise typer.BadParameter(f"'{written}' lies outside of {least} to {most}{meant}")
        return found

    return typer.Option(*names, parser=parser, metavar=metavar, help=text, show_default=False)


def range_option(unit: str, metavar: str, text: str, within: tuple[str, str], *names: str) -> Any:
    """An option whose value is a quantity or a range of it, ``1kPa..20kPa``, read as its two ends in SI."""
    least, most = within

    def parser(written: str) -> Any:
        try:
            low, high = parse_range(written, unit)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        if not parse(least, unit) <= low <= high <= parse(most, unit):
            raise typer.BadParameter(f"'{written}' lies outside of {least} to {most}")
        return low, high

    return typer.Option(*names, parser=parser, metavar=metavar, help=text, show_default=False)


def output(text: str, *endings: str) -> Any:
    """An option that names what is written: asked before the work whether it can be, not after it.

    Args:
        endings: those that its name may have; none for a folder.
    """

    def check(path: Path | None) -> Path | None:
        if path is None:
            return None
        folder = not endings or path.suffix == ".zarr"
        if endings and path.suffix not in endings:
            raise typer.BadParameter(f"'{path}' must end in {' or '.join(endings)}")
        if path.exists() and path.is_dir() != folder:
            raise typer.BadParameter(f"'{path}' is {'a folder' if path.is_dir() else 'a file'}; give another name")
        there = next(above for above in path.absolute().parents if above.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            why = "is no folder" if not there.is_dir() else "may not be written to"
            raise typer.BadParameter(f"'{path}' cannot be written: '{there}' {why}")
        return path

    return typer.Option(help=text, callback=check)


Paths = Annotated[
    list[Path],
    typer.Argument(help="Files and folders; folders are searched to any depth.", show_default=False),
]
Results = Annotated[
    Path, typer.Argument(help="A results.nc or results.zarr, or the folder that it is in.", show_default=False)
]
Model = Annotated[
    str | None,
    typer.Option(help="See 'asperity models'; 'auto': the data choose. (default: hertz)", show_default=False),
]
Radius = Annotated[float | None, option("m", "LENGTH", "Radius of the tip, e.g. 5um.")]
PunchRadius = Annotated[float | None, option("m", "LENGTH", "Radius of a flat punch, e.g. 2um.")]
HalfAngle = Annotated[float | None, option("rad", "ANGLE", "Half-opening angle of the tip, e.g. 20deg.",
                                                ("1deg", "89deg"))]
Thickness = Annotated[float | None, option("m", "LENGTH", "Thickness of the sample layer, e.g. 2um.")]
PoissonRatio = Annotated[
    float | None, option("1", "NUMBER", "Poisson's ratio of the sample. (default: 0.5)", ("-1", "0.5"))
]
Segment = Annotated[
    str | None,
    typer.Option(help="The segment to fit. (default: retract with adhesion, else approach)", show_default=False),
]
Window = Annotated[str | None, typer.Option(
    metavar="RANGE", help="What is fitted in contact: 0..500nm of indentation, 0.1..2nN of force or 10%..90% of the "
    "largest. (default: all)", show_default=False)]
Baseline = Annotated[str | None, typer.Option(
    metavar="RANGE", help="What is fitted before contact, so far from it: 200nm..2um. (default: all)",
    show_default=False)]
Exclude = Annotated[Path | None, typer.Option(
    metavar="TABLE", help="Curves to leave out: file, curve_in_file and reason, as rows of a results.csv.",
    show_default=False)]
SpringConstant = Annotated[float | None, option("N/m", "STIFFNESS", "Replaces the file's, e.g. 0.04N/m.")]
Sensitivity = Annotated[float | None, option("m/V", "LENGTH/V", "Replaces the file's, e.g. 40nm/V.")]
SpringConstantStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty, e.g. 10%.")]
SensitivityStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty, e.g. 3%.")]
RadiusStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty, e.g. 5%.")]
Calibration = Annotated[
    list[Path] | None,
    typer.Option(help="From 'asperity calibrate'; may be given several times.", show_default=False),
]
Out = Annotated[Path, output("Folder for results.nc, results.csv, report.html.")]
Stored = Annotated[Path, output("Ends in .nc or .zarr.", ".nc", ".zarr")]
Recipe = Annotated[
    Path | None,
    typer.Option(help="A saved history (see 'asperity recipe'); options win over it.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Summary for machines on stdout.")]
Batch = Annotated[
    int | None, typer.Option(min=1, help="Curves per chunk. (default: 512)", show_default=False)
]
#: the heading under which the help lists what most people do not need
CLUSTER = "For batch systems and clusters (docs/scaling.md)"
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes that share the work; for many curves. (default: 1)", show_default=False),
]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="tcp://HOST:PORT", help="Of dask, whose workers share the work; needs the extra 'dask'.",
                 rich_help_panel=CLUSTER, show_default=False),
]
PlanOnly = Annotated[
    bool,
    typer.Option("--plan-only", help="Fit nothing yet; get all ready for 'asperity work'.", rich_help_panel=CLUSTER),
]
Restart = Annotated[bool, typer.Option(help="Throw away what is in the output folder.")]
Check = Annotated[bool, typer.Option("--check", help="Read all that curves hold, not just what is needed.")]
Images = Annotated[list[Path], typer.Argument(help="Image files.", show_default=False)]
Pixel = Annotated[float | None, option("m", "LENGTH", "Width of a pixel; replaces the file's, e.g. 5nm.")]
Unit = Annotated[str | None, typer.Option(help="Of numbers without one, e.g. nm.", show_default=False)]
Channel = Annotated[str, typer.Option(help="The channel, see 'asperity image FILE'.")]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def in_options(text: str, options: dict[str, str]) -> str:
    """A message about arguments of a verb in the words of the command line.

    Args:
        text: the message; where in the verb's dictionaries the argument stands is left out.
        options: argument -> option.
    """
    text = re.sub(r"^(lever|sample|contact)( = \{[^}]*\})?: "
                  r"| in (lever|sample|calibration|signal|process|targets)\b", "", text)
    return re.sub(r"\b\w+\b", lambda word: options.get(word[0], word[0]), text)

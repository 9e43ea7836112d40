"""The command line for a simulated oscillating tip: tapping."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.terminal.options import HalfAngle, Json, PunchRadius, Thickness, given, in_options, option, output
from asperity.terminal.running import guarded, progress, say
from asperity.units import in_words

__all__ = ["tapping"]

#: what the verb calls an input -> its option
_OPTIONS = {name: "--" + name.replace("_", "-") for name in (
    "spring_constant", "quality", "modes", "amplitude", "radius", "half_angle", "punch_radius", "modulus",
    "poisson_ratio", "thickness", "work_of_adhesion", "hamaker", "viscosity")} | {
    "frequencies": "--lowest and --highest", "heights": "--from and --to"}

Contact = Annotated[str, typer.Option(help="Contact model, see 'asperity models'.")]
SpringConstant = Annotated[float | None, option("N/m", "STIFFNESS", "Of the lever's first mode. (default: 40N/m)")]
Frequency = Annotated[float | None, option("Hz", "FREQUENCY", "Its resonance. (default: 300kHz)", ("1Hz", "1GHz"))]
Quality = Annotated[float | None, option("1", "FACTOR", "Its quality factor, a plain number. (default: 400)",
                                         ("0.51", "1000000"))]
Modes = Annotated[int | None, typer.Option(min=1, max=4, help="Modes of a uniform beam. (default: 1)",
                                           show_default=False)]
Amplitude = Annotated[float | None, option("m", "LENGTH", "Of the free lever at resonance. (default: 10nm)",
                                           ("1pm", "1mm"))]
Radius = Annotated[float | None, option("m", "LENGTH", "Radius of the tip. (default: 10nm)")]
Modulus = Annotated[float | None, option("Pa", "MODULUS", "Young's modulus of the sample. (default: 1GPa)",
                                         ("1Pa", "10000GPa"))]
PoissonRatio = Annotated[float | None, option("1", "NUMBER", "Poisson's ratio of the sample. (default: 0.3)",
                                              ("-1", "0.5"))]
Adhesion = Annotated[float | None, option("J/m^2", "ADHESION", "Work of adhesion, of models that have it. "
                                          "(default: 50mJ/m^2)", ("0", "10J/m^2"))]
Hamaker = Annotated[float | None, option("J", "ENERGY", "Hamaker constant; 0: no van der Waals force. (default: "
                                         "64zJ; 0 beside adhesion)", ("0", "10aJ"))]
Viscosity = Annotated[float | None, option("Pa s", "VISCOSITY", "Of the sample in contact. (default: 0)",
                                           ("0", "1MPa.s"))]
From = Annotated[float | None, option("m", "LENGTH", "Height above the sample where the sweep begins and ends. "
                                      "(default: 1.2 amplitudes)", ("1pm", "1mm"), "--from")]
To = Annotated[float | None, option("m", "LENGTH", "Height where it turns. (default: 0.2 amplitudes)", ("1pm", "1mm"))]
Height = Annotated[float | None, option("m", "LENGTH", "Sweep over the frequency, at this height.", ("1pm", "1mm"))]
Lowest = Annotated[float | None, option("Hz", "FREQUENCY", "Of that sweep, the lowest. (default: below where the "
                                        "resonance bends and jumps, 1.5 of its widths at least)", ("1Hz", "10GHz"))]
Highest = Annotated[float | None, option("Hz", "FREQUENCY", "And the highest. (default: above where it bends and "
                                         "jumps)", ("1Hz", "10GHz"))]
Points = Annotated[int, typer.Option(min=2, max=1000, help="Of each sweep.")]
Out = Annotated[Path, output("Ends in .nc; the page in .html and the table in .csv beside it.", ".nc", ".zarr")]


@guarded
def tapping(
    model: Contact = "hertz",
    spring_constant: SpringConstant = None,
    frequency: Frequency = None,
    quality: Quality = None,
    modes: Modes = None,
    amplitude: Amplitude = None,
    radius: Radius = None,
    half_angle: HalfAngle = None,
    punch_radius: PunchRadius = None,
    modulus: Modulus = None,
    poisson_ratio: PoissonRatio = None,
    thickness: Thickness = None,
    work_of_adhesion: Adhesion = None,
    hamaker: Hamaker = None,
    viscosity: Viscosity = None,
    from_: From = None,
    to: To = None,
    height: Height = None,
    lowest: Lowest = None,
    highest: Highest = None,
    points: Points = 31,
    out: Out = Path("tapping.nc"),
    as_json: Json = False,
) -> None:
    """Simulate a tip that taps on a sample: amplitude and phase against the height or the frequency, both branches."""
    sample = {"name": model} | given(radius=radius, half_angle=half_angle, punch_radius=punch_radius, modulus=modulus,
                                     poisson_ratio=poisson_ratio, thickness=thickness, hamaker=hamaker,
                                     work_of_adhesion=work_of_adhesion, viscosity=viscosity)
    lever = given(spring_constant=spring_constant, frequency=frequency, quality=quality, modes=modes)
    where = given(amplitude=amplitude) | _where((from_, to), height, (lowest, highest), amplitude)
    made = _simulated(sample, lever, points, where)
    raise typer.Exit(_done(made, out, as_json))


def _simulated(sample: dict[str, Any], lever: dict[str, float], points: int, where: dict[str, Any]) -> Any:
    """The curves; what is wrong with an argument is told of the option that it came from."""
    from asperity.measurements.tapping.curves import tapping
    from asperity.messages import ArgumentError

    try:
        with progress() as tell:
            return tapping(sample, lever=lever or None, points=points, progress=tell, **where)
    except ArgumentError as error:
        raise ArgumentError(in_options(str(error), _OPTIONS)) from error


def _where(heights: tuple[float | None, float | None], height: float | None,
           band: tuple[float | None, float | None], amplitude: float | None) -> dict[str, Any]:
    """Over what the sweep goes, as the verb takes it.

    Raises:
        ArgumentError: a range the wrong way round, or both kinds of sweeps.
    """
    from asperity.measurements.tapping.curves import USUAL_AMPLITUDE, USUAL_HEIGHTS
    from asperity.messages import ArgumentError

    if height is None:
        if any(value is not None for value in band):
            raise ArgumentError("--lowest and --highest are of a sweep over the frequency, which is at one height: "
                                "give --height, for example --height 14nm")
        high, low = (value if value is not None else part * (amplitude or USUAL_AMPLITUDE)
                     for value, part in zip(heights, reversed(USUAL_HEIGHTS)))
        if not low < high:
            raise ArgumentError(f"--from {in_words(high, 'm')} --to {in_words(low, 'm')}: the sweep comes down from "
                                "the larger height and goes up again; give the larger one in --from")
        return {} if heights == (None, None) else {"heights": (low, high)}
    if any(value is not None for value in heights):
        raise ArgumentError("--height asks for a sweep over the frequency, --from and --to for one over the height: "
                            "give one of the two")
    low, high = band
    if low is not None and high is not None and not low < high:
        raise ArgumentError(f"--lowest {in_words(low, 'Hz')} --highest {in_words(high, 'Hz')}: the lowest frequency "
                            "must be below the highest")
    return {"height": height} | ({} if band == (None, None) else {"frequencies": band})


def _done(made: Any, out: Path, as_json: bool) -> int:
    """Store the curves, their table and their page, print what they say; the exit code is 1 if one did not settle."""
    from asperity.measurements.tapping.curves_csv import write_csv
    from asperity.measurements.tapping.page import page
    from asperity.report.page import keep

    about = page(made)
    outputs = [*keep(made, about, out), write_csv(made, out.with_suffix(".csv"))]
    say([about.headline, *(f"{row.name}: {row.line} ({row.meaning.rstrip('.')})" for row in about.findings),
         *about.remarks], outputs, as_json=as_json)
    return int(bool((made["flag"].values == 2).any()))

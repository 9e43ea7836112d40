"""The command line for recorded motions: dynamics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.terminal.options import (
    HalfAngle,
    Json,
    PoissonRatio,
    Radius,
    SpringConstant,
    SpringConstantStd,
    given,
    in_options,
    option,
    output,
)
from asperity.terminal.running import guarded, keep_apart, say

__all__ = ["dynamics"]

#: what the verb calls what is known of the lever and the tip -> its option
_OPTIONS = {name: "--" + name.replace("_", "-") for name in (
    "spring_constant", "spring_constant_std", "quality", "quality_std", "free_amplitude", "drive_frequency",
    "drive_std", "drive_phase_std", "height", "height_std", "radius", "half_angle", "poisson_ratio")} | {
    "resonance_frequency": "--frequency", "resonance_frequency_std": "--frequency-std"}

Tables = Annotated[list[Path], typer.Argument(help="Tables with time, deflection and, if recorded, drive; units in the "
                                              "titles.", show_default=False)]
Frequency = Annotated[float | None, option("Hz", "FREQUENCY", "Resonance of the free lever, for the force.",
                                           ("1Hz", "100MHz"))]
DriveFrequency = Annotated[float | None, option("Hz", "FREQUENCY", "Of a drive that was not recorded. (default: the "
                                                "dominant one)", ("1Hz", "100MHz"))]
Quality = Annotated[float | None, option("1", "FACTOR", "Of the free lever, for the force; a plain number.",
                                         ("0.6", "10000000"))]
FrequencyStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty. (default: 0.1%)")]
QualityStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty. (default: 5%)")]
DriveStd = Annotated[float | None, option("1", "RELATIVE", "Standard uncertainty of the size of the drive. (default: "
                                          "5%)")]
DrivePhaseStd = Annotated[float | None, option("rad", "ANGLE", "And of its phase. (default: 0.05rad; at least 0.5rad "
                                               "where no drive was recorded)")]
FreeAmplitude = Annotated[float | None, option("m", "LENGTH", "Without the sample; the size of a drive that is not in "
                                               "newtons.")]
Height = Annotated[float | None, option("m", "LENGTH", "Distance of the tip where the lever is not deflected; 0, "
                                        "and without it, distances are deflections.", ("0", "100mm"))]
HeightStd = Annotated[float | None, option("m", "LENGTH", "Its standard uncertainty. (default: 0)", ("0", "100mm"))]
Temperature = Annotated[float | None, option("K", "TEMPERATURE", "Of the lever. (default: 295K)")]
Contact = Annotated[str | None, typer.Option(help="Contact model, without adhesion, for a modulus. (default: hertz, "
                                             "where a radius is given)", show_default=False)]
Seed = Annotated[int, typer.Option(min=0, help="Of the draws of episodes.")]
Out = Annotated[Path, output("Ends in .nc; the page in .html and the tables in .csv beside it.", ".nc", ".zarr")]


@guarded
def dynamics(
    paths: Tables,
    spring_constant: SpringConstant = None,
    spring_constant_std: SpringConstantStd = None,
    frequency: Frequency = None,
    frequency_std: FrequencyStd = None,
    quality: Quality = None,
    quality_std: QualityStd = None,
    free_amplitude: FreeAmplitude = None,
    drive_frequency: DriveFrequency = None,
    drive_std: DriveStd = None,
    drive_phase_std: DrivePhaseStd = None,
    height: Height = None,
    height_std: HeightStd = None,
    temperature: Temperature = None,
    model: Contact = None,
    radius: Radius = None,
    half_angle: HalfAngle = None,
    poisson_ratio: PoissonRatio = None,
    seed: Seed = 0,
    out: Out = Path("dynamics.nc"),
    as_json: Json = False,
) -> None:
    """Model recorded motions of a lever: frequencies, prediction and, with its constants, the force at the tip."""
    lever = given(spring_constant=spring_constant, spring_constant_std=spring_constant_std,
                  resonance_frequency=frequency, resonance_frequency_std=frequency_std, quality=quality,
                  quality_std=quality_std, free_amplitude=free_amplitude, drive_frequency=drive_frequency,
                  drive_std=drive_std, drive_phase_std=drive_phase_std, height=height, height_std=height_std,
                  temperature=temperature)
    tip = given(name=model, radius=radius, half_angle=half_angle, poisson_ratio=poisson_ratio)
    force = [out.with_name(f"{out.stem}_force{end}") for end in (".csv", "_curves.nc")]
    keep_apart(paths, out, "_model", *force)
    made = _modeled(paths, lever, tip, seed)
    raise typer.Exit(_done(made, spring_constant, out, as_json))


def _modeled(paths: list[Path], lever: dict[str, float], tip: dict[str, Any], seed: int) -> Any:
    """The model of the records; what is wrong with an argument is told of the option that it came from."""
    from asperity.measurements.time_series.series import series_model
    from asperity.messages import ArgumentError

    try:
        return series_model(paths, lever=lever or None, contact={"name": "hertz", **tip} if tip else None, seed=seed)
    except ArgumentError as error:
        of_tip = f"--model {tip['name']}: " if str(error).startswith("contact = ") and "name" in tip else ""
        raise ArgumentError(of_tip + in_options(str(error), _OPTIONS)) from error


def _done(made: Any, spring_constant: float | None, out: Path, as_json: bool) -> int:
    """Store the model, its tables and its page, print what it says; the exit code is 1 if its force is flagged."""
    from asperity.data import store
    from asperity.measurements.time_series.page import defended, page
    from asperity.measurements.time_series.series_csv import as_curves, write_force, write_modes
    from asperity.report.page import keep

    about = page(made)
    outputs = [*keep(made, about, out), write_modes(made, out.with_suffix(".csv"))]
    if "tip_force" in made and spring_constant is not None and defended(made):
        outputs += [write_force(made, out.with_name(f"{out.stem}_force.csv")),
                    store.save(as_curves(made, spring_constant), out.with_name(f"{out.stem}_force_curves.nc"))]
    say([about.headline, *(f"{row.name}: {row.line}" for row in about.findings), *about.remarks], outputs,
        as_json=as_json)
    return int(bool(made["flag"].values != 0))

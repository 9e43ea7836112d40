"""The command line for designs: the group, and its first command, experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.terminal.options import (
    Json,
    PoissonRatio,
    RadiusStd,
    SensitivityStd,
    SpringConstantStd,
    Thickness,
    given,
    in_options,
    option,
    output,
    range_option,
)
from asperity.terminal.running import guarded, say

__all__ = ["design", "experiment"]

design = typer.Typer(no_args_is_help=True, help="Which experiment to do, and which tip, film, lattice or set point.")

#: what the verb calls an input -> its option
_OPTIONS = {name: "--" + name.replace("_", "-") for name in (
    "modulus", "want", "poisson_ratio", "thickness", "yield_stress", "spring_constant", "spring_constant_std",
    "sensitivity_std", "radius", "radius_std", "thickness_std", "lever", "curves", "samples")} | {
    "detector": "--detector-noise", "height": "--height-noise"}

Modulus = Annotated[float, range_option("Pa", "MODULUS", "What Young's modulus may be, e.g. 2MPa or 1kPa..20kPa.",
                                        ("1Pa", "10000GPa"))]  # both ends
Want = Annotated[float | None, option("1", "RELATIVE", "The standard uncertainty that is wanted. (default: 5%)",
                                      ("0.01%", "100%"))]
YieldStress = Annotated[float | None, option("Pa", "MODULUS", "Where the sample begins to flow, e.g. 80MPa. "
                                             "(default: never)", ("1Pa", "1000GPa"))]
ThicknessStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty, of a layer. (default: 5%)")]
DetectorNoise = Annotated[float | None, option("m", "LENGTH", "Of the deflection, one sample. (default: 0.1nm)",
                                               ("0m", "1um"))]
HeightNoise = Annotated[float | None, option("m", "LENGTH", "Of the height, one sample. (default: 0.2nm)",
                                             ("0m", "1um"))]
Temperature = Annotated[float | None, option("K", "TEMPERATURE", "For the lever's thermal motion. (default: 298.15K)")]
Samples = Annotated[int | None, typer.Option(min=16, max=10_000_000, help="Of one curve. (default: 1000)",
                                             show_default=False)]
Curves = Annotated[int | None, typer.Option(min=1, max=1_000_000, help="That are averaged. (default: 100)",
                                            show_default=False)]
Levers = Annotated[Path | None, typer.Option(help="Your own table of levers; see docs/which_experiment.md.",
                                             show_default=False)]
Lever = Annotated[str | None, typer.Option(help="One lever of the table only.", show_default=False)]
SpringConstant = Annotated[float | None, option("N/m", "STIFFNESS", "Of a lever that you have, calibrated.")]
Radius = Annotated[float | None, option("m", "LENGTH", "Of its tip, measured.")]
Out = Annotated[Path, output("Ends in .nc; the page in .html and the table in .csv beside it.", ".nc", ".zarr")]


@design.command()
@guarded
def experiment(
    modulus: Modulus,
    want: Want = None,
    thickness: Thickness = None,
    poisson_ratio: PoissonRatio = None,
    yield_stress: YieldStress = None,
    layered: Annotated[bool, typer.Option("--layered", help="The curves will be fitted as those of a layer bonded "
                                          "to a rigid base.")] = False,
    spring_constant_std: SpringConstantStd = None,
    sensitivity_std: SensitivityStd = None,
    radius_std: RadiusStd = None,
    thickness_std: ThicknessStd = None,
    thermal: Annotated[bool, typer.Option("--thermal", help="The spring constant is by the thermal method, with that "
                                          "sensitivity.")] = False,
    detector_noise: DetectorNoise = None,
    height_noise: HeightNoise = None,
    temperature: Temperature = None,
    samples: Samples = None,
    curves: Curves = None,
    levers: Levers = None,
    lever: Lever = None,
    spring_constant: SpringConstant = None,
    radius: Radius = None,
    out: Out = Path("experiment.nc"),
    as_json: Json = False,
) -> None:
    """Which lever at which load tells a modulus, how well beforehand, and whether that is enough."""
    sample = given(thickness=thickness, poisson_ratio=poisson_ratio, yield_stress=yield_stress)
    known = given(spring_constant_std=spring_constant_std, sensitivity_std=sensitivity_std, radius_std=radius_std,
                  thickness_std=thickness_std, thermal=thermal)
    signal = given(detector=detector_noise, height=height_noise, temperature=temperature, samples=samples,
                   curves=curves)
    own = given(name=lever, spring_constant=spring_constant, radius=radius)
    made = _planned(modulus, own, sample=sample, calibration=known, signal=signal, levers=levers, layered=layered,
                    **given(want=want))
    raise typer.Exit(_done(made, out, as_json))


def _planned(modulus: Any, own: dict[str, Any], **how: Any) -> Any:
    """The plan; what is wrong with an argument is told of the option that it came from."""
    from asperity.measurements.discovery.experiment.plan import plan_experiment
    from asperity.messages import ArgumentError

    low, high = modulus
    lever = own if len(own) > 1 or "name" not in own else own["name"]
    try:
        return plan_experiment(low if low == high else (low, high), lever=lever or None, **how)
    except ArgumentError as error:
        raise ArgumentError(in_options(str(error), _OPTIONS)) from error


def _done(made: Any, out: Path, as_json: bool) -> int:
    """Store the plan, its table and its page, print what it says; the exit code is 1 where the answer is no."""
    from asperity.measurements.discovery.experiment.claims import answered
    from asperity.measurements.discovery.experiment.page import page
    from asperity.measurements.discovery.experiment.plan_csv import write_csv
    from asperity.report.page import keep

    about = page(made)
    outputs = [*keep(made, about, out), write_csv(made, out.with_suffix(".csv"))]
    say([about.headline, *about.remarks], outputs, as_json=as_json)
    return int(not answered(made))

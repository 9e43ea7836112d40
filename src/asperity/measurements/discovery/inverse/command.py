"""The command line for what to build: tip, film, lattice and setpoint, in the group design."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.terminal.options import Json, given, in_options, option, output
from asperity.terminal.running import guarded, say

__all__ = ["film", "lattice", "setpoint", "tip"]

#: what a verb calls an input -> its option
_OPTIONS = {name: "--" + name.replace("_", "-") for name in (
    "modulus", "modulus_std", "work_of_adhesion", "work_of_adhesion_std", "poisson_ratio", "thickness", "hamaker",
    "hamaker_std", "spring_constant", "spring_constant_std", "quality", "quality_std", "frequency", "radius",
    "radius_std", "pull_off_force", "stiffness", "pressure", "film_thickness", "indentation", "base_effect", "strain",
    "lattice_modulus", "contact_force", "amplitude_drop", "prefer")} | {
    "radius_ratio_std": "--radius-std", "load_ratio_std": "--load-std", "thickness_ratio_std": "--thickness-std",
    "density_ratio_std": "--density-std", "built_density": "--relative-density", "stretch_factor_std": "--lattice-std",
    "bend_factor_std": "--lattice-std", "probability": "--probability"}

Results = Annotated[Path | None, typer.Argument(help="Stored results of a fit, whose curves say the modulus (and work "
                                                "of adhesion) instead of options.", show_default=False)]
Modulus = Annotated[float | None, option("Pa", "MODULUS", "Young's modulus. (default: a usual one, said)",
                                         ("1Pa", "10000GPa"))]
ModulusStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty. (default: 10%)")]
Adhesion = Annotated[float | None, option("J/m^2", "ADHESION", "Work of adhesion. (default: 50mJ/m^2)",
                                          ("1nJ/m^2", "10J/m^2"))]
AdhesionStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty. (default: 20%)")]
PoissonRatio = Annotated[float | None, option("1", "NUMBER", "Poisson's ratio of the sample.", ("-0.9", "0.5"))]
Layer = Annotated[float | None, option("m", "LENGTH", "Of a layer, whose base must not be felt. (default: none)")]
SpringConstant = Annotated[float | None, option("N/m", "STIFFNESS", "Of the lever, which then must show the load.")]
Lever = Annotated[float | None, option("N/m", "STIFFNESS", "Of the lever. (default: 40N/m)")]
LeverStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty. (default: 10%)")]
RadiusStd = Annotated[float | None, option("1", "RELATIVE", "How well a tip is as ordered. (default: 10%)")]
LoadStd = Annotated[float | None, option("1", "RELATIVE", "How well a load is as set. (default: 10%)")]
PullOff = Annotated[float | None, option("N", "FORCE", "Target: at most. (default: 70nN)", ("1fN", "1N"))]
Stiffness = Annotated[float | None, option("N/m", "STIFFNESS", "Target: at least, of the contact. (default: 50N/m)")]
Pressure = Annotated[float | None, option("Pa", "MODULUS", "Target: at most, e.g. 1.1 yield stresses. (default: 88MPa)",
                                          ("1Pa", "1000GPa"))]
Bead = Annotated[float | None, option("m", "LENGTH", "Of the tip. (default: 2.5um)")]
BeadStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty. (default: 5%)")]
ThicknessStd = Annotated[float | None, option("1", "RELATIVE", "How well a film is as thick as planned. (default: 5%)")]
Film = Annotated[float | None, option("m", "LENGTH", "Target: at most. (default: 20um)")]
Indentation = Annotated[float | None, option("m", "LENGTH", "Target: at least. (default: 100nm)")]
BaseEffect = Annotated[float | None, option("1", "RELATIVE", "Target: at most, by how much the base makes the modulus "
                                            "too large. (default: 10%)", ("0.01%", "100%"))]
Strain = Annotated[float | None, option("1", "RELATIVE", "Target: at most, indentation over thickness. (default: 10%)",
                                        ("0.01%", "100%"))]
Density = Annotated[float | None, option("1", "RELATIVE", "Target: at most, solid share of the volume. (default: 20%)",
                                         ("0.1%", "100%"))]
LatticeModulus = Annotated[float | None, option("Pa", "MODULUS", "Target: at least. (default: 100MPa)",
                                                ("1Pa", "10000GPa"))]
LatticeStd = Annotated[float | None, option("1", "RELATIVE", "How well lattices obey their formula. (default: 15%)")]
DensityStd = Annotated[float | None, option("1", "RELATIVE", "How well a density is as planned. (default: 5%)")]
Hamaker = Annotated[float | None, option("J", "ENERGY", "Hamaker constant. (default: 64zJ)", ("0.001zJ", "10aJ"))]
HamakerStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty. (default: 20%)")]
Quality = Annotated[float | None, option("1", "FACTOR", "Of the lever, a plain number. (default: 400)",
                                         ("10.1", "1000000"))]
QualityStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty. (default: 5%)")]
Frequency = Annotated[float | None, option("Hz", "FREQUENCY", "Its resonance. (default: 300kHz)", ("1Hz", "1GHz"))]
TipRadius = Annotated[float | None, option("m", "LENGTH", "Of the tip. (default: 10nm)")]
TipRadiusStd = Annotated[float | None, option("1", "RELATIVE", "Its standard uncertainty. (default: 20%)")]
ContactForce = Annotated[float | None, option("N", "FORCE", "Target: at most, largest repulsion. (default: 12nN)",
                                              ("1fN", "1N"))]
Drop = Annotated[float | None, option("m", "LENGTH", "Target: at least, free amplitude less set point. (default: 1nm)")]
Probability = Annotated[float | None, option("1", "RELATIVE", "Wanted, that all targets are met. (default: 90%)",
                                             ("50%", "99.9%"))]
Prefer = Annotated[str | None, typer.Option(help="Of the first two targets the one that is improved as far as the "
                                            "probability allows. (default: the first; of setpoint the "
                                            "second)", show_default=False)]
Levers = Annotated[Path | None, typer.Option(help="Go through a table of levers; see docs/inverse_design.md.",
                                             show_default=False)]
Catalogue = Annotated[bool, typer.Option("--catalogue", help="Go through the levers that come with asperity.")]
Draws = Annotated[int, typer.Option(min=100, max=20_000, help="Of what is known, that search; more judge.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the draws.")]
Out = Annotated[Path, output("Ends in .nc; the page in .html and the table in .csv beside it.", ".nc", ".zarr")]


@guarded
def tip(
    results: Results = None, modulus: Modulus = None, modulus_std: ModulusStd = None,
    work_of_adhesion: Adhesion = None, work_of_adhesion_std: AdhesionStd = None, poisson_ratio: PoissonRatio = None,
    thickness: Layer = None, spring_constant: SpringConstant = None, radius_std: RadiusStd = None,
    load_std: LoadStd = None, pull_off_force: PullOff = None, stiffness: Stiffness = None, pressure: Pressure = None,
    levers: Levers = None, catalogue: Catalogue = False, prefer: Prefer = None, probability: Probability = None,
    draws: Draws = 1000, seed: Seed = 0, out: Out = Path("tip.nc"), as_json: Json = False,
) -> None:
    """A tip and a load for a stiff contact with little pull-off force and a bounded pressure."""
    sample = given(modulus=modulus, modulus_std=modulus_std, work_of_adhesion=work_of_adhesion,
                   work_of_adhesion_std=work_of_adhesion_std, poisson_ratio=poisson_ratio, thickness=thickness)
    lever = given(spring_constant=spring_constant, radius_ratio_std=radius_std, load_ratio_std=load_std)
    targets = given(pull_off_force=pull_off_force, stiffness=stiffness, pressure=pressure)
    how = given(prefer=prefer, probability=probability, levers=levers or ("catalogue" if catalogue else None))
    raise typer.Exit(_asked("tip", results, out, as_json, sample=sample, lever=lever, targets=targets, draws=draws,
                            seed=seed, **how))


@guarded
def film(
    results: Results = None, modulus: Modulus = None, modulus_std: ModulusStd = None,
    poisson_ratio: PoissonRatio = None, radius: Bead = None, radius_std: BeadStd = None, load_std: LoadStd = None,
    thickness_std: ThicknessStd = None, film_thickness: Film = None, indentation: Indentation = None,
    base_effect: BaseEffect = None, strain: Strain = None, prefer: Prefer = None, probability: Probability = None,
    draws: Draws = 1000, seed: Seed = 0, out: Out = Path("film.nc"), as_json: Json = False,
) -> None:
    """How thick a film, and which load, so that it is indented far enough and its base is not felt."""
    sample = given(modulus=modulus, modulus_std=modulus_std, poisson_ratio=poisson_ratio)
    lever = given(radius=radius, radius_std=radius_std, load_ratio_std=load_std, thickness_ratio_std=thickness_std)
    targets = given(film_thickness=film_thickness, indentation=indentation, base_effect=base_effect, strain=strain)
    raise typer.Exit(_asked("film", results, out, as_json, sample=sample, lever=lever, targets=targets, draws=draws,
                            seed=seed, **given(prefer=prefer, probability=probability)))


@guarded
def lattice(
    results: Results = None, modulus: Modulus = None, modulus_std: ModulusStd = None,
    lattice_std: LatticeStd = None, density_std: DensityStd = None, relative_density: Density = None,
    lattice_modulus: LatticeModulus = None, prefer: Prefer = None, probability: Probability = None,
    draws: Draws = 1000, seed: Seed = 0, out: Out = Path("lattice.nc"), as_json: Json = False,
) -> None:
    """A lattice of stretched or bent struts that is stiff and light; the modulus is that of the solid."""
    sample = given(modulus=modulus, modulus_std=modulus_std)
    process = given(stretch_factor_std=lattice_std, bend_factor_std=lattice_std, density_ratio_std=density_std)
    targets = given(built_density=relative_density, lattice_modulus=lattice_modulus)
    raise typer.Exit(_asked("lattice", results, out, as_json, sample=sample, process=process, targets=targets,
                            draws=draws, seed=seed, **given(prefer=prefer, probability=probability)))


@guarded
def setpoint(
    results: Results = None, modulus: Modulus = None, modulus_std: ModulusStd = None,
    poisson_ratio: PoissonRatio = None, hamaker: Hamaker = None, hamaker_std: HamakerStd = None,
    spring_constant: Lever = None, spring_constant_std: LeverStd = None, quality: Quality = None,
    quality_std: QualityStd = None, frequency: Frequency = None, radius: TipRadius = None,
    radius_std: TipRadiusStd = None, contact_force: ContactForce = None, amplitude_drop: Drop = None,
    prefer: Prefer = None, probability: Probability = None, draws: Draws = 1000, seed: Seed = 0,
    out: Out = Path("setpoint.nc"), as_json: Json = False,
) -> None:
    """A free amplitude and a set point of amplitude modulation for a bounded force on the sample."""
    sample = given(modulus=modulus, modulus_std=modulus_std, poisson_ratio=poisson_ratio, hamaker=hamaker,
                   hamaker_std=hamaker_std)
    lever = given(spring_constant=spring_constant, spring_constant_std=spring_constant_std, quality=quality,
                  quality_std=quality_std, frequency=frequency, radius=radius, radius_std=radius_std)
    targets = given(contact_force=contact_force, amplitude_drop=amplitude_drop)
    raise typer.Exit(_asked("setpoint", results, out, as_json, sample=sample, lever=lever, targets=targets,
                            draws=draws, seed=seed, **given(prefer=prefer, probability=probability)))


def _asked(kind: str, results: Path | None, out: Path, as_json: bool, **how: Any) -> int:
    """Ask one of the verbs; what is wrong with an argument is told of the option that it came from."""
    import asperity
    from asperity.data import store
    from asperity.messages import ArgumentError
    from asperity.terminal.running import keep_apart

    keep_apart([] if results is None else [results], out, "_design")
    verb = getattr(asperity, f"design_{kind}")
    stored = None if results is None else store.load(results)
    if "prefer" in how:
        said = how["prefer"].replace("-", "_")
        how["prefer"] = next((name for name, one in _OPTIONS.items() if one == "--" + said.replace("_", "-")), said)
    try:
        made = verb(stored, **{name: value for name, value in how.items() if value != {}})
    except ArgumentError as error:
        raise ArgumentError(in_options(str(error), _OPTIONS)) from error
    return _done(made, out, as_json)


def _done(made: Any, out: Path, as_json: bool) -> int:
    """Store the designs, their table and page, print what they say; exit code 1: the probability is not reached."""
    from asperity.measurements.discovery.inverse.designs_csv import write_csv
    from asperity.measurements.discovery.inverse.page import page
    from asperity.report.page import keep

    about = page(made)
    outputs = [*keep(made, about, out), write_csv(made, out.with_suffix(".csv"))]
    say([about.headline, *about.remarks], outputs, as_json=as_json)
    return int(not made.attrs["reached"])

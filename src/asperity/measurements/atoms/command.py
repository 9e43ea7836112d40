"""The command line for atoms: train, predict, mechanics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.terminal.options import Json, Restart, given, option, output
from asperity.terminal.running import guarded, keep_apart, progress, say

__all__ = ["atoms"]

atoms = typer.Typer(no_args_is_help=True, help="Potentials of atoms: train them, predict with them, and the mechanics "
                                               "of crystals. Needs the extra 'atomistic'.")

Structure = Annotated[Path | None, typer.Argument(help="A crystal: extxyz, CIF or POSCAR; without one, --crystal.",
                                                  show_default=False)]
Element = Annotated[str | None, typer.Option(metavar="ELEMENT", help="Its crystal at room temperature. (default: Si)",
                                             show_default=False)]
Potentials = Annotated[list[str] | None, typer.Option(
    "--potential", help="Weights (.npz), several times for an ensemble, or stillinger-weber, lennard-jones. (default: "
    "that of silicon which comes with asperity)", show_default=False)]
Plane = Annotated[str | None, typer.Option(metavar="HKL", help="That slides, e.g. 111 or 1-10; 'none'. (default: of "
                                           "the widest gap)", show_default=False)]
Direction = Annotated[str | None, typer.Option(metavar="UVW", help="Of the slip. (default: the shortest period)",
                                               show_default=False)]
KeepCell = Annotated[bool, typer.Option("--keep-cell", help="Keep the cell as it is given; its pressure is told.")]
Reference = Annotated[list[str] | None, typer.Option(
    metavar="NAME=VALUE", help="To stand beside, e.g. C11=166GPa, K=98GPa, a=5.43.", show_default=False)]
Configurations = Annotated[Path, typer.Argument(help="Configurations with energies, forces, stresses: extxyz.",
                                                show_default=False)]
Validation = Annotated[Path | None, typer.Option(help="A file to watch. (default: a part of the data)",
                                                 show_default=False)]
Test = Annotated[Path | None, typer.Option(help="A file to judge by. (default: another part)", show_default=False)]
By = Annotated[str, typer.Option(help="What the splits keep together: trajectory; random: nothing.")]
Kind = Annotated[str, typer.Option("--network", help="MomentNet, EquivariantGNN; DistanceGNN knows no angles.")]
Cutoff = Annotated[float | None, option("m", "LENGTH", "How far an atom sees. (default: 5A)", ("1Å", "12Å"))]
Channels = Annotated[int | None, typer.Option(min=1, max=256, help="Features of an atom. (default: 16)",
                                              show_default=False)]
Degree = Annotated[int | None, typer.Option(min=0, max=3, help="Of the angular functions. (default: 3)",
                                            show_default=False)]
Layers = Annotated[int | None, typer.Option(min=1, max=6, help="Of messages. (default: 2)", show_default=False)]
Radial = Annotated[int | None, typer.Option(min=2, max=64, help="Functions of the distance. (default: 8)",
                                            show_default=False)]
Minutes = Annotated[int, typer.Option(min=1, max=100_000, help="Of all members together.")]
Epochs = Annotated[int | None, typer.Option(min=2, max=1_000_000, help="Passes of each member, instead.",
                                            show_default=False)]
Count = Annotated[int, typer.Option("--members", min=1, max=64, help="Of an ensemble, whose spread makes intervals.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the beginnings and of the splits.")]
EnergyKey = Annotated[str | None, typer.Option(help="Entry of the energy. (default: energy, REF_energy)",
                                               show_default=False)]
ForcesKey = Annotated[str | None, typer.Option(help="Entry of the forces. (default: forces, REF_forces)",
                                               show_default=False)]
StressKey = Annotated[str | None, typer.Option(help="Entry of the stress. (default: stress, REF_stress, virial)",
                                               show_default=False)]
GroupKey = Annotated[str | None, typer.Option(help="Entry that tells trajectories apart.", show_default=False)]
Stress = Annotated[str | None, typer.Option(help="eV/A^3, GPa or kbar, all positive in tension; vasp: kbar, positive "
                                            "in compression; none: left out. (default: eV/A^3)", show_default=False)]
Weights = Annotated[Path, output("Ends in .npz; the page in .html, the errors in .nc and .csv beside it.", ".npz")]
Predictions = Annotated[Path, output("Ends in .nc; the page in .html, tables in .csv and .xyz beside it.", ".nc",
                                     ".zarr")]
Out = Annotated[Path, output("Ends in .nc; the page in .html and the table in .csv beside it.", ".nc", ".zarr")]


@atoms.command()
@guarded
def mechanics(
    structure: Structure = None,
    crystal: Element = None,
    potential: Potentials = None,
    plane: Plane = None,
    direction: Direction = None,
    keep_cell: KeepCell = False,
    reference: Reference = None,
    out: Out = Path("atoms.nc"),
    as_json: Json = False,
) -> None:
    """Elastic constants of a crystal, and the stiffness and strength of a plane that slides, by potentials."""
    from asperity.measurements.atoms.mechanics import crystal_mechanics

    paths, named = _paths(structure, potential)
    keep_apart(paths, out, "_mechanics")
    with progress("parts") as tell:
        made = crystal_mechanics(paths or None, crystal=crystal, keep_cell=keep_cell, progress=tell,
                                 **given(potential=named, plane=plane, direction=direction,
                                         reference=_reference(reference)))
    raise typer.Exit(_done(made, out, as_json))


@atoms.command()
@guarded
def train(
    data: Configurations,
    validation: Validation = None,
    test: Test = None,
    by: By = "trajectory",
    kind: Kind = "MomentNet",
    cutoff: Cutoff = None,
    channels: Channels = None,
    degree: Degree = None,
    layers: Layers = None,
    radial: Radial = None,
    minutes: Minutes = 15,
    epochs: Epochs = None,
    members: Count = 1,
    seed: Seed = 0,
    energy_key: EnergyKey = None,
    forces_key: ForcesKey = None,
    stress_key: StressKey = None,
    group_key: GroupKey = None,
    stress: Stress = None,
    out: Weights = Path("potential.npz"),
    restart: Restart = False,
    as_json: Json = False,
) -> None:
    """Train a potential on configurations; stopped, even killed, the same command goes on where it was."""
    from asperity.measurements.atoms.training import train_potential

    keep_apart([data, *(one for one in (validation, test) if one)], out, "_potential", out.with_suffix(".nc"))
    network = given(kind=kind, channels=channels, degree=degree, layers=layers, radial=radial,
                    cutoff=None if cutoff is None else round(1e10 * cutoff, 6))
    keys = given(energy=energy_key, forces=forces_key, stress=stress_key, group=group_key, unit=stress)
    with progress("passes") as tell:
        made = train_potential(data, by=by, network=network, keys=keys or None, minutes=float(minutes), epochs=epochs,
                               members=members, seed=seed, weights=out, restart=restart, progress=tell,
                               **given(validation=validation, test=test))
    raise typer.Exit(_trained(made, out, as_json))


@atoms.command()
@guarded
def predict(
    data: Configurations,
    potential: Potentials = None,
    energy_key: EnergyKey = None,
    forces_key: ForcesKey = None,
    stress_key: StressKey = None,
    group_key: GroupKey = None,
    stress: Stress = None,
    out: Predictions = Path("predictions.nc"),
    as_json: Json = False,
) -> None:
    """Energies, forces and stresses of configurations by a potential, with intervals and a flag of extrapolation."""
    from asperity.measurements.atoms.prediction import predict_atoms

    paths, named = _paths(data, potential)
    keep_apart(paths, out, "_predicted", out.with_suffix(".xyz"))
    keys = given(energy=energy_key, forces=forces_key, stress=stress_key, group=group_key, unit=stress)
    with progress("configurations") as tell:
        made = predict_atoms(paths, potential=named, keys=keys or None, progress=tell)
    raise typer.Exit(_predicted(made, out, as_json))


def _paths(structure: Path | None, potential: list[str] | None) -> tuple[list[Path], str | None]:
    """The files, of a structure and of weights, and the name of a potential that is none.

    Raises:
        ArgumentError: several names, or names beside files.
    """
    from asperity.messages import ArgumentError, shown

    named = [one for one in potential or [] if not one.endswith(".npz")]
    weights = [Path(one) for one in potential or [] if one.endswith(".npz")]
    if len(named) > 1 or (named and weights):
        raise ArgumentError(f"--potential {shown(named[0])}: a named potential stands alone; several are files of "
                            "weights (.npz), the members of one ensemble")
    return [*([] if structure is None else [structure]), *weights], named[0] if named else None


def _reference(written: list[str] | None) -> dict[str, float] | None:
    """``C11=166GPa`` in GPa, ``a=5.43`` in angstrom. Raises ArgumentError: it is not of that form."""
    from asperity.messages import ArgumentError, shown
    from asperity.units import parse

    found = {}
    for one in written or []:
        name, sign, value = (part.strip() for part in one.partition("="))
        if not sign or not name:
            raise ArgumentError(f"--reference {shown(one)}: must be NAME=VALUE, for example C11=166GPa")
        try:
            found[name] = float(value) if name in ("a", "b", "c", "nu") else parse(value, "Pa") / 1e9
        except ValueError as error:
            raise ArgumentError(f"--reference {shown(one)}: {error}") from error
    return found or None


def _done(made: Any, out: Path, as_json: bool) -> int:
    """Store the mechanics, their table and their page, print what they say; the exit code is 1 if they are flagged."""
    from asperity.measurements.atoms.mechanics_csv import write_csv
    from asperity.measurements.atoms.mechanics_page import page
    from asperity.report.page import keep

    about = page(made)
    outputs = [*keep(made, about, out), write_csv(made, out.with_suffix(".csv"))]
    say([about.headline, *about.remarks], outputs, as_json=as_json)
    return int(bool(made["flag"].values != 0))


def _trained(made: Any, out: Path, as_json: bool) -> int:
    """Store what is known of a training beside its weights, and print what it says."""
    from asperity.measurements.atoms.training_csv import write_csv
    from asperity.measurements.atoms.training_page import page
    from asperity.report.page import keep

    about = page(made)
    outputs = [out, *keep(made, about, out.with_suffix(".nc")), write_csv(made, out.with_suffix(".csv"))]
    say([about.headline, *about.remarks], outputs, as_json=as_json)
    return 0


def _predicted(made: Any, out: Path, as_json: bool) -> int:
    """Store the predictions, their tables and their page, print what they say; the exit code is 1 if one is flagged."""
    from asperity.measurements.atoms.prediction_page import page, write_csv, write_extxyz
    from asperity.report.page import keep

    about = page(made)
    outputs = [*keep(made, about, out), write_csv(made, out.with_suffix(".csv")),
               write_extxyz(made, out.with_suffix(".xyz"))]
    say([about.headline, *about.remarks], outputs, as_json=as_json)
    return int(bool((made["flag"].values != 0).any()))

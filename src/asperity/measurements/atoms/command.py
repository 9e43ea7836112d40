"""The command line for atoms: mechanics of crystals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.terminal.options import Json, given, output
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

"""The command line for what results say of themselves: explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from asperity.terminal.options import Json, Results, output
from asperity.terminal.running import guarded, keep_apart, say

__all__ = ["explain"]

Out = Annotated[Path, output("Ends in .nc; the page in .html and the table in .csv beside it.", ".nc", ".zarr")]


@guarded
def explain(results: Results, out: Out = Path("explanation.nc"), as_json: Json = False) -> None:
    """What the error bar of the modulus is made of, and which calibration would help most."""
    import asperity
    from asperity.data import store

    keep_apart([results], out, "_explained")
    with store.open_store(results) as stored:
        made = asperity.explain(stored)
    _done(made, out, as_json)


def _done(made: Any, out: Path, as_json: bool) -> None:
    """Store the budget, its table and its page, and print what it says."""
    from asperity.measurements.discovery.explain.page import page
    from asperity.report.page import keep
    from asperity.report.tables import write_table

    about = page(made)
    header = ["curve", *(f"{name} (relative std)" for name in made["source"].values)]
    rows = [(curve, *row) for curve, row in enumerate(made["relative_std"].values)]
    say([about.headline, *about.remarks], [*keep(made, about, out), write_table(out.with_suffix(".csv"), header, rows)],
        as_json=as_json)

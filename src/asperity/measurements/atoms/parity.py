"""Panels and tables that show what potentials say against what is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from asperity.report.page import Panel
from asperity.report.style import DATA, FIT, quiet_figure

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["error_panel", "parity_panel"]

_MOST_POINTS = 4000  # of one figure: more hide each other
_MOST_BARS = 1500  # points with bars of their intervals
_QUANTITIES = (("energy", "structure", "energy of an atom", "eV"), ("force", "atom", "force", "eV/Å"),
               ("stress", "structure", "stress", "GPa"))


def parity_panel(table: xr.Dataset, which: np.ndarray, heading: str) -> Panel | None:
    """Said against known, of the structures of a choice (bool); None where nothing is known."""
    figures = [_parity(table, which, *one) for one in _QUANTITIES]
    shown = tuple(one for one in figures if one is not None)
    if not shown:
        return None
    bands = "Bars: intervals of 95 % by the members. " if np.isfinite(table["force_low"].values).any() else ""
    return Panel(heading, f"{bands}On the line, both are equal.", shown)


def _parity(table: xr.Dataset, which: np.ndarray, name: str, dim: str, title: str, unit: str) -> figure | None:
    use = which if dim == "structure" else which[_owner(table)]
    known, said, low, high = (table[name + end].values[use].ravel() for end in ("_reference", "", "_low", "_high"))
    there = np.flatnonzero(np.isfinite(known) & np.isfinite(said))
    if not len(there):
        return None
    there = there[np.unique(np.linspace(0, len(there) - 1, min(len(there), _MOST_POINTS)).astype(int))]
    plot = quiet_figure(title, f"reference ({unit})", f"potential ({unit})", frame_width=270, frame_height=270)
    ends = np.array([min(known[there].min(), said[there].min()), max(known[there].max(), said[there].max())])
    plot.line(ends, ends, color="#9aa4ae")
    bars = there[np.isfinite(low[there])]
    bars = bars[np.unique(np.linspace(0, len(bars) - 1, min(len(bars), _MOST_BARS)).astype(int))] if len(bars) else bars
    if len(bars):
        plot.segment(known[bars], low[bars], known[bars], high[bars], color=DATA, alpha=0.25)
    plot.scatter(known[there], said[there], size=3, color=FIT if name == "stress" else DATA, alpha=0.6)
    return plot


def _owner(table: xr.Dataset) -> np.ndarray:
    """(atom,) the place of the structure of each atom among those of the table."""
    return np.searchsorted(table["structure"].values, table["structure_of_atom"].values)


def error_panel(rows: Sequence[dict[str, Any]]) -> Panel:
    """The table of errors."""
    held = any(np.isfinite(row["force_held"]) for row in rows)
    header = ("configurations", "number", "energy (meV an atom)", "forces (meV/Å)", "stress (GPa)",
              *(("inside of 95 %: energies, forces, stresses",) if held else ()))
    cells = []
    for row in rows:
        inside = ", ".join("–" if not np.isfinite(row[f"{name}_held"]) else f"{100 * row[f'{name}_held']:.0f} %"
                           for name in ("energy", "force", "stress"))
        cells.append((str(row["name"]), str(row["structures"]), *(
            "–" if not np.isfinite(row[name]) else f"{factor * row[name]:.3g} (rms {factor * row[f'{name}_rms']:.3g})"
            for name, factor in (("energy", 1e3), ("force", 1e3), ("stress", 1.0))), *((inside,) if held else ())))
    return Panel("Errors", "Mean absolute deviations; forces and stresses by component.", (), header, tuple(cells))

"""The page about a training: its curve, what it says against what is known, and its errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from asperity.data.results import listed
from asperity.measurements.atoms.parity import error_panel, parity_panel
from asperity.measurements.atoms.training_claims import error_words
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["page"]


def page(made: xr.Dataset) -> Page:
    """The page about the result of `asperity.measurements.atoms.training.train_potential`."""
    said = [str(one) for one in listed(made, "findings")]
    split = made["split"].values
    panels = [_curve(made), parity_panel(made, split == "test", "The test set"),
              parity_panel(made, split == "validation", "The validation set"), error_panel(_rows(made)), _about(made)]
    return Page("training of a potential", Path(str(made.attrs["weights"])).name, said[0], _findings(made),
                tuple(said[1:]), tuple(panel for panel in panels if panel is not None))


def _rows(made: xr.Dataset) -> list[dict[str, Any]]:
    """The rows of the table of errors, as they are stored."""
    rows = []
    for i, name in enumerate(made["choice"].values):
        row: dict[str, Any] = {"name": str(name), "structures": int(made["structures"][i])}
        for quantity in ("energy", "force", "stress"):
            for end in ("", "_rms", "_held"):
                row[quantity + end] = float(made[f"error_{quantity}{end}"][i])
        rows.append(row)
    return rows


def _findings(made: xr.Dataset) -> tuple[Finding, ...]:
    return tuple(Finding(name, error_words(made, choice), meaning) for name, choice, meaning in (
        ("training", "training", "What was learnt from."), ("validation", "validation", "Held out, and watched."),
        ("test", "test", "Held out, and looked at once, at the end.")))


def _curve(made: xr.Dataset) -> Panel:
    figures = [_over(made, "loss", "loss", "loss", 1.0),
               _over(made, "validation_force", "error of the forces, validation", "mean error (meV/Å)", 1e3),
               _over(made, "validation_energy", "error of the energy, validation", "mean error (meV an atom)", 1e3)]
    return Panel("Learning", "In the last part energies count more: the loss, which then has other weights, jumps.",
                 tuple(one for one in figures if one is not None))


def _over(made: xr.Dataset, name: str, title: str, axis: str, factor: float) -> figure | None:
    epoch = made["epoch"].values
    drawn = [Line(f"member {m + 1}" if made.sizes["member"] > 1 else title, epoch, factor * values)
             for m, values in enumerate(made[name].values[:4]) if np.isfinite(values).any()]
    return lines(drawn, title, "pass over the training set", axis, logarithmic=True) if drawn else None


def _about(made: xr.Dataset) -> Panel:
    settings = json.loads(made.attrs["settings"])
    rows = [("network", f"{settings.pop('kind')}, " + ", ".join(f"{name} {value}" for name, value in settings.items())),
            ("members", str(made.attrs["member_count"])), ("passes", str(made.sizes["epoch"])),
            ("time of the training", f"{float(made.attrs['seconds']) / 60:.3g} min"),
            ("split", f"by {made.attrs['by']}"), ("weights", str(made.attrs["weights"]))]
    for name, record in json.loads(made.attrs["records"]).items():
        rows.append((f"{name} file", ", ".join(f"{key}: {value}" for key, value in record.items())))
    return Panel("What was trained", "", (), ("", ""), tuple(rows))

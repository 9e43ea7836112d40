"""The page about a design: the proposal, its probability, the front with and without back-off, and the certificate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from asperity.data.results import listed
from asperity.measurements.discovery.inverse.claims import (
    bound_in_words,
    chosen_of,
    design_in_words,
    in_percent,
    named,
    of_role,
)
from asperity.quantities import QUANTITIES
from asperity.report.numbers import plain, prefix
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import legend_above
from asperity.report.style import DATA, FIT, MUTED, quiet_figure

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["page"]

_TITLES = {"tip": "Which tip, and which load?", "film": "How thick a film?", "lattice": "Which lattice?",
           "setpoint": "Which amplitude, and which set point?"}
_PROPOSED = "#aa3377"
_SIDES = (460, 320)  # CSS pixels of a figure
_AROUND = 30.0  # factor about the proposal and the bounds that the figures show at most: the front may span decades
_ROLES = {"front": "the front", "backed_off": "the front with back-off", "optimum": "the optimum",
          "proposal": "proposed"}


def page(made: xr.Dataset) -> Page:
    """The page about the result of any verb of `asperity.measurements.discovery.inverse`."""
    said = [str(one) for one in listed(made, "findings")]
    panels = (_fronts(made), _bounds(made), _designs(made), _known(made))
    return Page("design", _TITLES[str(made.attrs["design"])], said[0], _findings(made), tuple(said[1:]), panels)


def _findings(made: xr.Dataset) -> tuple[Finding, ...]:
    row = of_role(made, "proposal").isel(design=0)
    kind = "proposed" if made.attrs["reached"] else "the likeliest"
    rows = [Finding(f"{named(name)}, {kind}", plain(float(row[name]), made[name].attrs["units"]),
                    f"{made[name].attrs['long_name'].capitalize()}.") for name in chosen_of(made)]
    low, high = (in_percent(float(row[f"probability_{end}"])) for end in ("low", "high"))
    rows.append(Finding("probability", in_percent(float(row["probability"])), "That all targets are met; "
                        f"{low} to {high} by the number of draws, {in_percent(made.attrs['wanted'], 0)} wanted."))
    best = of_role(made, "optimum")
    if best.sizes["design"]:
        rows.append(Finding("without back-off", in_percent(float(best["probability"][0])),
                            "The probability of the optimum by the best estimate."))
    if float(made["widening"]) > 1:
        rows.append(Finding("out of reach by", f"a factor of {float(made['widening']):.3g}",
                            "That all bounds together must give, by the best estimate."))
    return tuple(rows)


def _fronts(made: xr.Dataset) -> Panel:
    words = ("Each line is the best that can be had of one for the other: by the best estimate, and held to the same "
             "quantile of what is known as the proposal. The gray lines are the targets. Beside it, how likely each "
             "design of the fronts meets all of them.")
    return Panel("The compromise", words, (_front(made), _likely(made)))


def _scale(made: xr.Dataset, name: str) -> tuple[float, str, tuple[float, float]]:
    """Factor, unit and range (of the scaled values) in which an aim is drawn: about the proposal and its bound."""
    values = made[name].values
    middle = [float(of_role(made, "proposal")[name][0]), *_bound(made, name)]
    low, high = max(values.min(), min(middle) / _AROUND), min(values.max(), max(middle) * _AROUND)
    low, high = min(low, *middle), max(high, *middle)
    factor, unit = prefix(float(np.sqrt(low * high)), made[name].attrs["units"])
    return factor, unit, (low / factor / 1.15, high / factor * 1.15)


def _bound(made: xr.Dataset, name: str) -> list[float]:
    bound = float(made["bound"].sel(aim=name))
    return [bound] if np.isfinite(bound) else []


def _front(made: xr.Dataset) -> figure:
    from bokeh.models import Span

    names = json.loads(made.attrs["objectives"])
    (fx, x_unit, x_range), (fy, y_unit, y_range) = (_scale(made, name) for name in names)
    labels = [f"{named(name)}{f' ({unit})' if unit else ''}" for name, unit in zip(names, (x_unit, y_unit))]
    plot = quiet_figure("best compromises", *labels, frame_width=_SIDES[0], frame_height=_SIDES[1], x_axis_type="log",
                        y_axis_type="log", x_range=x_range, y_range=y_range)
    for name, factor, way in zip(names, (fx, fy), ("height", "width")):
        for bound in _bound(made, name):
            plot.add_layout(Span(location=bound / factor, dimension=way, line_color=MUTED, line_dash="dashed"))
    for role, color in (("front", DATA), ("backed_off", FIT)):
        found = of_role(made, role)
        x, y = found[names[0]].values / fx, found[names[1]].values / fy
        if len(x):
            plot.line(x[order := np.argsort(x)], y[order], color=color, line_width=1.5, legend_label=_ROLES[role])
            plot.scatter(x, y, color=color, size=5, legend_label=_ROLES[role])
    one = of_role(made, "proposal").isel(design=0)
    x, y = float(one[names[0]]) / fx, float(one[names[1]]) / fy
    plot.segment(float(one[f"{names[0]}_low"]) / fx, y, float(one[f"{names[0]}_high"]) / fx, y, color=_PROPOSED)
    plot.segment(x, float(one[f"{names[1]}_low"]) / fy, x, float(one[f"{names[1]}_high"]) / fy, color=_PROPOSED)
    plot.scatter([x], [y], color=_PROPOSED, size=9, marker="diamond", legend_label=_ROLES["proposal"])
    legend_above(plot)
    return plot


def _likely(made: xr.Dataset) -> figure:
    name = json.loads(made.attrs["objectives"])[0]
    factor, unit, x_range = _scale(made, name)
    plot = quiet_figure("probability that all targets are met", f"{named(name)}{f' ({unit})' if unit else ''}",
                        "probability (%)", frame_width=_SIDES[0], frame_height=_SIDES[1], x_axis_type="log",
                        x_range=x_range, y_range=(-3, 103))
    for role, color in (("front", DATA), ("backed_off", FIT), ("proposal", _PROPOSED)):
        found = of_role(made, role)
        if found.sizes["design"]:
            plot.scatter(found[name].values / factor, 100 * found["probability"].values, color=color,
                         size=9 if role == "proposal" else 6, marker="diamond" if role == "proposal" else "circle",
                         legend_label=_ROLES[role])
    legend_above(plot)
    return plot


def _bounds(made: xr.Dataset) -> Panel:
    row = of_role(made, "proposal").isel(design=0)
    rows = []
    for i, name in enumerate(str(one) for one in made["aim"].values):
        unit = made[name].attrs["units"]
        alone, sure = (float(made[f"widening_alone{mark}"][i]) for mark in ("", "_wanted"))
        rows.append((named(name.removeprefix("least_")), bound_in_words(made, name) or "no bound",
                     plain(float(row[name]), unit),
                     f"{plain(float(row[f'{name}_low']), unit)} to {plain(float(row[f'{name}_high']), unit)}",
                     in_percent(float(row["probability_of_each"][i])), _factor(alone), _factor(sure)))
    words = ("What the proposal gives, the interval that holds 90 % of the draws, and how often the bound is met. The "
             "certificate: by which factor one bound alone would have to give so that all can be met, by the best "
             f"estimate and each with the wanted {in_percent(made.attrs['wanted'], 0)}.")
    if checked := int(made.attrs["checked"]):
        words += f" {checked:,} other designs were looked at, and none of them misses by less."
    return Panel("Targets, limits and the certificate", words, (), (
        "aim", "bound", "proposal", "90 % of the draws", "met", "must give", "must give to be sure"), tuple(rows))


def _factor(value: float) -> str:
    if np.isnan(value):
        return "–"
    return "no help alone" if not np.isfinite(value) else "nothing" if value <= 1 else f"a factor of {value:.3g}"


def _designs(made: xr.Dataset) -> Panel:
    names = json.loads(made.attrs["objectives"])
    rows = [(_ROLES[str(row["role"].values)], design_in_words(made, row),
             *(plain(float(row[name]), made[name].attrs["units"]) for name in names),
             in_percent(float(row["probability"])))
            for row in (made.isel(design=i) for i in reversed(range(made.sizes["design"])))]
    return Panel("All designs", "", (), ("", "design", *map(named, names), "meets all targets"), tuple(rows))


def _known(made: xr.Dataset) -> Panel:
    values, spread = json.loads(made.attrs["known"]), json.loads(made.attrs["spread"])
    taken = json.loads(made.attrs["taken"])
    rows = [(named(name), _in_unit(name, value), _spread(spread, name), "assumed" if name in taken else "")
            for name, value in values.items()]
    return Panel("What is known", "With relative standard uncertainties.", (),
                 ("input", "best estimate", "uncertainty", ""), tuple(rows))


def _spread(spread: dict[str, float], name: str) -> str:
    if name not in spread:
        return "of the results"
    return f"{100 * np.sqrt(np.expm1(spread[name] ** 2)):.3g} %" if spread[name] else "exact"


def _in_unit(name: str, value: float) -> str:
    if name == "hamaker":
        return f"{value / 1e-21:.3g} zJ"
    return plain(value, QUANTITIES[name].unit if name in QUANTITIES else "1", 4)

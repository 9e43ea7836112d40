"""The page about the next places: the map as it is known, the places with the way, the variogram and the verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from asperity.measurements.discovery.next.words import headline
from asperity.report.numbers import plain, prefix
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines, picture

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["page"]

_LISTED = 200  # rows of the table, at most


def page(made: xr.Dataset) -> Page:
    """The page about the result of `asperity.next_points`."""
    unit = made.attrs["unit"]
    words = ("Dots: where curves were recorded. Line: the way through the next ones, from the last curve on; its first "
             "place is the ring.")
    maps = [_map(made, "place_modulus", "modulus", "Pa"), _map(made, "place_std", "relative standard deviation", "")]
    if made.attrs["goal"] == "boundary":
        maps[1] = _map(made, "place_wrong", "probability of the other material", "")
    alike = Panel("Are neighbors alike?", "Half of the mean square difference of ln(modulus) of pairs, against their "
                  "distance; the line is the variance of all curves. Dots far below the line on the left: neighbors "
                  "are alike, and places between curves can be told.", (_variogram(made, unit),))
    return Page("next places", f"Where to measure next: {made.attrs['goal']}", headline(made), _findings(made),
                tuple(json.loads(made.attrs["findings"])), (Panel("Map and next places", words, tuple(maps)), alike,
                                                            _table(made, unit)))


def _findings(made: xr.Dataset) -> tuple[Finding, ...]:
    rows = [Finding("difference of neighbors", f"{100 * float(made['nugget']):.2g} % of the variance",
                    f"Semivariance of neighbors over the variance of all; of unrelated curves "
                    f"{100 * float(made['chance']):.2g} % have neighbors as alike. Above 80 %, or 5 % of chance, no "
                    "plan is made.")]
    if int(made["verdict"]) in (0, 3):
        left = f"{100 * float(made['left']):.2g} %"
        rows.append(Finding("not yet known", left, "Mean relative standard deviation of the modulus over the area."
                            if made.attrs["goal"] == "modulus" else "Expected share of the area that is of the other "
                            "material than told."))
    if made.attrs["goal"] == "boundary" and int(made["verdict"]) != 2:
        std = plain(float(made["threshold_std"]), "Pa", 2)
        rows.append(Finding("threshold", f"{plain(float(made['threshold']), 'Pa')} ± {std}", "Between two materials."))
    return tuple(rows)


def _map(made: xr.Dataset, name: str, title: str, unit: str) -> figure:
    x, y = (np.unique(made[f"place_{axis}"].values) for axis in "xy")
    columns, rows = np.searchsorted(x, made["place_x"].values), np.searchsorted(y, made["place_y"].values)
    values = np.full((len(y), len(x)), np.nan)
    values[rows, columns] = made[name].values
    plot = picture(values, x, y, title, unit)
    length = prefix(max(float(np.ptp(axis)) * len(axis) / max(len(axis) - 1, 1) for axis in (x, y)))[0]
    plot.scatter(made["measured_x"].values / length, made["measured_y"].values / length, size=3, color="white",
                 line_color="black", line_width=0.4)
    way = [np.append(made[f"measured_{axis}"].values[-1], made[axis].values) / length for axis in "xy"]
    plot.line(*way, color="#c4420a", line_width=1.2)
    plot.scatter(way[0][1:], way[1][1:], size=5, color="#c4420a")
    plot.scatter(way[0][1:2], way[1][1:2], size=11, line_color="#c4420a", fill_alpha=0.0, line_width=2)
    if made.attrs["unit"] != "m":
        plot.xaxis.axis_label, plot.yaxis.axis_label = "column", "row"
    return plot


def _variogram(made: xr.Dataset, unit: str) -> figure:
    at = made["lag"].values
    factor, name = prefix(float(at.max()), "m") if unit == "m" else (1.0, "pixels")
    sill = float(made["sill"])
    found = [Line("pairs", at / factor, made["semivariance"].values, dots=True),
             Line("variance of all curves", np.array([0.0, at.max() / factor]), np.array([sill, sill]))]
    plot = lines(found, "variogram", f"distance ({name})", "semivariance of ln(modulus)")
    plot.renderers[0].glyph.size = 8  # type: ignore[attr-defined]
    plot.y_range.update(start=0)
    return plot


def _table(made: xr.Dataset, unit: str) -> Panel:
    words = str(made["purpose"].attrs["flag_meanings"]).split()

    def length(axis: str, i: int) -> str:
        return plain(float(made[axis][i]), "m") if unit == "m" else f"{float(made[axis][i]):.4g}"

    rows = tuple((str(i + 1), length("x", i), length("y", i), words[int(made["purpose"][i])],
                  plain(float(made["predicted_modulus"][i]), "Pa", 2))
                 for i in range(min(made.sizes["point"], _LISTED)))
    names = ("x", "y") if unit == "m" else ("column", "row")
    return Panel("The next places", "In the order of the way; all of them, with intervals, are in the table beside "
                 "this page.", header=("", *names, "purpose", "expected modulus"), rows=rows)

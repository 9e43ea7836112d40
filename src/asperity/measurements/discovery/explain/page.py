"""The page about what an error bar is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from asperity.data.results import listed
from asperity.measurements.discovery.explain.explanation import size_in_words
from asperity.report.numbers import count_of
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["page"]


def page(made: xr.Dataset) -> Page:
    """The page about the result of `asperity.explain`."""
    said = [str(one) for one in listed(made, "findings")]
    number = int(np.isfinite(made["relative_std"].values).all(axis=1).sum())
    rows = (Finding("error bar of a typical curve", size_in_words(float(made["typical_std"])),
                    "Relative standard uncertainty of the modulus of the curve with the median one."),
            Finding("error bar of the mean", size_in_words(float(made["mean_std"])),
                    f"Of the mean of ln E over {count_of(number, 'usable curve')}: what is common to them stays."))
    several = number > 1  # of one there is no mean, and no line
    return Page("explanation", "What the error bar of the modulus is made of", said[0], rows if several else rows[:1],
                tuple(said[1:]), (_budget(made), _curves(made)) if several else (_budget(made),))


def _budget(made: xr.Dataset) -> Panel:
    one, mean = made["relative_std"].values[int(made["typical_curve"])], made["relative_std_mean"].values
    rows = []
    for i, name in enumerate(made["source"].values):
        given = made["given"].values[i]
        values = [made[key].values[i] for key in ("better", "std_better", "mean_std_better")]
        rows.append((str(name), _percent(one[i]), _share(one, i), _percent(mean[i]), _share(mean, i),
                     "not given" if given == 0 else _percent(given), *(_percent(value) for value in values)))
    header = ("source", "typical curve", "share", "mean", "share", "given", "if known to", "typical curve then",
              "mean then")
    words = ("Parts add up as squares. Where spring constant and sensitivity were measured with each other, their "
             "errors are correlated, and the common part is shared between them.")
    return Panel("Budget", words, (_bars(made, one, mean),), header, tuple(rows))


def _bars(made: xr.Dataset, one: np.ndarray, mean: np.ndarray) -> figure:
    from bokeh.models import FactorRange, Range1d

    from asperity.report.style import quiet_figure

    names = [str(name) for name in made["source"].values]
    places = [f"{name}, {kind}" if kind else name for name in names for kind in ("", "mean")]
    heights = [100 * float(value) for pair in zip(one, mean) for value in pair]
    plot = quiet_figure("parts of the error bar", "", "relative standard uncertainty (%)", frame_width=520,
                        frame_height=300, x_range=FactorRange(factors=places),
                        y_range=Range1d(start=0.0, end=1.1 * max([*heights, 1e-9])))
    source = {"place": places, "height": heights, "color": ["#0f6e84", "#c9812b"] * len(names)}
    plot.vbar(x="place", top="height", width=0.8, fill_color="color", line_color=None, source=source)
    plot.xaxis[0].major_label_orientation = 0.6
    return plot


def _curves(made: xr.Dataset) -> Panel:
    parts = 100 * made["relative_std"].values
    use = np.flatnonzero(np.isfinite(parts).all(axis=1))
    order = use[np.argsort((parts[use] ** 2).sum(axis=1))]
    drawn = [Line(str(name), np.arange(len(order)), parts[order, i]) for i, name in enumerate(made["source"].values)
             if parts[order, i].max(initial=0) > 0]
    return Panel("Curves", "Usable curves, by their error bar.", (lines(
        drawn, "parts by curve", "curve, in order of its error bar", "relative standard uncertainty (%)"),))


def _share(parts: np.ndarray, i: int) -> str:
    whole = float((parts**2).sum())
    return f"{100 * parts[i] ** 2 / whole:.0f} %" if whole > 0 else ""


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %" if np.isfinite(part) else ""

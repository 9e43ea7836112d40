"""The fitted properties against the number of the curve, and their distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from asperity.measurements.force_curves.contents import Contents, Property
from asperity.measurements.force_curves.page.maps import hover_columns
from asperity.report.numbers import prefix
from asperity.report.style import DATA, FIT, MUTED, draw, hover_tool, quiet_figure

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource
    from bokeh.plotting import figure

__all__ = ["histograms", "sequence_figures"]

#: a wider ratio of the values is drawn on a logarithmic axis
_LOG_RATIO = 20.0
#: of the width of a logarithmic axis, between two of its numbers: five digits in the narrowest column
_APART = 0.13
#: numbers of a logarithmic axis, with fewer of which finer steps are taken; the finest, as a part of a number
_FEW_TICKS = 5
_FINEST = 1e-3


def sequence_figures(contents: Contents, chosen: np.ndarray, curves: ColumnDataSource) -> list[figure]:
    """Value against curve number with error bars, for the curves that are on no grid.

    Dark bars are the noise, light ones the total, and from 0 to its end an upper limit; crosses at the bottom are
    curves without a usable value; the background changes from file to file.
    """
    from bokeh.models import ColumnDataSource, Range1d

    marker = ColumnDataSource({"x": []}, name="sequence-marker")
    x_range = Range1d(start=chosen.min() - 0.7, end=chosen.max() + 0.7)
    return [_sequence(contents, shown, chosen, (curves, marker), x_range) for shown in contents.measured]


def _sequence(
    contents: Contents,
    shown: Property,
    chosen: np.ndarray,
    sources: tuple[ColumnDataSource, ColumnDataSource],
    x_range: Any,
) -> figure:
    from bokeh.models import BasicTicker, ColumnDataSource, Range1d

    curves, marker = sources
    array = np.where(contents.usable, shown.values, np.nan)[chosen]
    found = array[np.isfinite(array)]
    log = found.size > 1 and found.min() > 0 and found.max() > _LOG_RATIO * found.min()
    limit = np.where(array == 0, shown.ends[1][chosen], np.nan)
    factor, unit = prefix(_usual(found) or _usual(limit), shown.unit)
    total = np.where(limit > 0, limit, shown.std[chosen]) / factor
    array, noise = array / factor, np.where(limit > 0, 0.0, shown.parts[0][0][chosen]) / factor
    low, high = _room(array, total, log)
    plot = quiet_figure(
        f"{shown.words} of the curves without a grid",
        "curve",
        f"{shown.words} ({unit})",
        height=260,
        sizing_mode="stretch_width",
        x_range=x_range,
        y_range=Range1d(start=low, end=high),
        y_axis_type="log" if log else "linear",
    )
    plot.xaxis[0].update(ticker=BasicTicker(min_interval=1))
    _bands(plot, contents, chosen)
    plot.vspan(x="x", source=marker, line_color="#d00000", line_width=1.5)
    source = ColumnDataSource(
        {
            "curve": chosen,
            "value": array,
            "low": np.where(limit > 0, 0.0, np.maximum(array - total, low)),
            "high": array + total,
            "noise_low": np.maximum(array - noise, low),
            "noise_high": array + noise,
            "rest": np.where(np.isfinite(array), np.nan, low),
        }
    )
    _points(plot, source, hover_tool(curves, hover_columns(contents)))
    return plot


def _points(plot: figure, source: ColumnDataSource, hover: Any) -> None:
    """Error bars, dots and crosses; a click on a dot or a cross shows its curve."""
    from bokeh.models import TapTool

    plot.segment("curve", "low", "curve", "high", source=source, line_color="#9db8d2", line_width=2)
    plot.segment("curve", "noise_low", "curve", "noise_high", source=source, line_color=DATA, line_width=4)
    look: dict[str, Any] = {"source": source, "nonselection_alpha": 1.0}
    dots = plot.scatter("curve", "value", size=7, color=DATA, line_color="#ffffff", **look)
    rest = plot.scatter("curve", "rest", size=9, marker="x", line_color=MUTED, line_width=2, **look)
    hover.renderers = [dots, rest]
    plot.add_tools(hover, TapTool(renderers=[dots, rest]))
    source.tags = ["pick"]  # the page's script listens


def _room(array: np.ndarray, std: np.ndarray, log: bool) -> tuple[float, float]:
    """Limits of the value axis that hold the error bars without letting one huge bar squeeze the rest."""
    found = np.isfinite(array)
    reach = np.where(np.isfinite(std), std, 0.0)[found]
    low, high = array[found].min(), array[found].max()
    if log:
        return 0.6 * low, 1.6 * max(high, np.quantile(array[found] + reach, 0.95))
    margin = 0.1 * (high - low) + float(np.quantile(reach, 0.9)) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _usual(array: np.ndarray) -> float:
    """The median size of what is not zero, as a value that is not told from zero is; 0 if all are."""
    size = np.abs(array[np.isfinite(array) & (array != 0)])
    return float(np.median(size)) if size.size else 0.0


def _bands(plot: figure, contents: Contents, chosen: np.ndarray) -> None:
    """A light band behind every second file."""
    from bokeh.models import BoxAnnotation

    which = contents.which[chosen]
    for file in np.unique(which)[1::2][:100]:
        members = chosen[which == file]
        plot.add_layout(
            BoxAnnotation(
                left=members.min() - 0.5,
                right=members.max() + 0.5,
                fill_color="#f1f4f7",
                fill_alpha=1.0,
                line_color=None,
                level="underlay",
            )
        )


def histograms(contents: Contents) -> list[figure]:
    """Distributions over the usable curves: each property, the reduced chi-square, the normalized error."""
    good = contents.usable
    found = [_property_histogram(shown, good) for shown in contents.measured]
    found.append(_histogram(contents.columns["reduced_chi_square"][good], "reduced chi-square", "", log=True))
    found += [_pull_histogram(contents, shown) for shown in contents.measured]
    return [plot for plot in found if plot is not None]


def _property_histogram(shown: Property, good: np.ndarray) -> figure | None:
    array = shown.values[good]
    factor, unit = prefix(_usual(array), shown.unit)
    return _histogram(array / factor, shown.words, unit, log=shown.name.endswith("modulus"))


def _edges(array: np.ndarray) -> np.ndarray:
    """Freedman-Diaconis bins over the middle 99 % of the values, 8 to 60 of them."""
    low, high = np.quantile(array, [0.005, 0.995])
    width = 2 * np.subtract(*np.quantile(array, [0.75, 0.25])) / len(array) ** (1 / 3)
    bins = int(np.clip((high - low) / width, 8, 60)) if width > 0 else 8
    margin = 0.0 if high > low else 0.05 * abs(high) or 0.5
    return np.linspace(low - margin, high + margin, bins + 1)


def _histogram(array: np.ndarray, name: str, unit: str, *, log: bool) -> figure | None:
    from bokeh.models import FixedTicker, Ray

    array = array[np.isfinite(array)]
    log = log and bool((array > 0).all())
    if array.size < 5 or not array.any():  # all are limits
        return None
    edges = np.exp(_edges(np.log(array))) if log else _edges(array)
    plot = _counts(
        array, edges, name, f"{name} ({unit})" if unit else name, x_axis_type="log" if log else "linear"
    )
    if log:
        plot.xaxis[0].update(ticker=FixedTicker(ticks=_log_ticks(float(edges[0]), float(edges[-1]))))
    draw(plot, {"x": [float(np.median(array))]},
         Ray(x="x", y=0, length=0, angle=np.pi / 2, line_color=FIT, line_width=2))
    return plot


def _log_ticks(low: float, high: float) -> list[float]:
    """Round numbers from ``low`` to ``high``, the roundest first, that keep `_APART` on a logarithmic axis.

    Bokeh's own stand as close as their steps are: 900, 1000 and 1100 overlap.
    """
    last, first = int(np.floor(np.log10(low * _FINEST))), int(np.floor(np.log10(high)))
    found = list[float]()
    for places in [10.0 ** np.arange(first, last, -1), *(_multiples(step * 10.0**power, low, high)
                                                         for power in range(first, last, -1) for step in (5, 2, 1))]:
        if len(found) < _FEW_TICKS:
            for place in places[(places >= low) & (places <= high)].tolist():
                if all(abs(np.log(place / other)) > _APART * np.log(high / low) for other in found):
                    found.append(place)
    return sorted(found)


def _multiples(step: float, low: float, high: float) -> np.ndarray:
    """Those of ``step``, no more than are seen on an axis."""
    first = np.ceil(low / step)
    return np.array([float(f"{step * number:.12g}") for number in first + np.arange(min(high / step - first + 1, 100))])


def _counts(array: np.ndarray, edges: np.ndarray, title: str, label: str, **options: Any) -> figure:
    from bokeh.models import Quad

    inside = np.histogram(array, edges)[0]
    beyond = len(array) - int(inside.sum())
    label += f"\n{beyond:,} more {'lies' if beyond == 1 else 'lie'} beyond the axis" if beyond else ""
    plot = quiet_figure(
        title,
        label,
        "curves",
        height=250,
        sizing_mode="stretch_width",
        y_range=(0, 1.08 * max(int(inside.max()), 1)),
        **options,
    )
    draw(plot, {"left": edges[:-1], "right": edges[1:], "top": inside},
         Quad(left="left", right="right", bottom=0, top="top", fill_color="#7fa3c7", line_color="#ffffff"))
    plot.xgrid.visible = False
    return plot


def _pull_histogram(contents: Contents, shown: Property) -> figure | None:
    """(value - truth) / noise standard deviation, with the curve of the standard normal distribution."""
    from bokeh.models import Line

    with np.errstate(divide="ignore", invalid="ignore"):
        pull = (shown.values - contents.columns[f"true_{shown.name}"]) / shown.parts[0][0]
    pull = pull[contents.usable & np.isfinite(pull)]
    if pull.size < 20:
        return None
    edges = np.linspace(-5, 5, 41)
    plot = _counts(pull, edges, f"error of the {shown.words}", "(fitted − true) / stated noise")
    at = np.linspace(-5, 5, 201)
    draw(plot, {"x": at, "y": len(pull) * 0.25 * np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)},
         Line(x="x", y="y", line_color=FIT, line_width=2))
    return plot

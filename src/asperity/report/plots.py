"""Maps, sequences and histograms of the fitted properties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.learning.outcome import Outcome
from asperity.report.contents import (
    Grid,
    error_parts,
    file_names,
    flag_name,
    flags,
    measured,
    unit_of,
    usable,
    values,
    words_of,
)
from asperity.report.numbers import prefix
from asperity.report.style import DATA, FIT, FLAG_COLORS, INK, MISSING, MUTED, hover_tool, quiet_figure

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource
    from bokeh.plotting import figure

__all__ = ["Layer", "histograms", "layers", "map_figures", "pixel_centers", "sequence_figures"]

#: the longer side of a map on the page, in CSS pixels, and the most elongated shape drawn to scale
_SIDE, _ELONGATION = 264, 3.0
#: quantiles that the colors span; a wider ratio of them is drawn on a logarithmic scale
_COLOR_RANGE, _LOG_RATIO = (0.02, 0.98), 20.0


class Layer(NamedTuple):
    """One map: a value per curve (NaN: not drawn), already in ``unit``."""

    title: str
    array: np.ndarray
    unit: str
    palette: str


def layers(results: xr.Dataset) -> list[Layer]:
    """The maps worth drawing: the first property, its relative uncertainty, then the other properties."""
    good = usable(results)
    found = [_layer(results, name, good, palette)
             for name, palette in zip(measured(results), ("Viridis256", "Cividis256", "Cividis256", "Cividis256"))]
    if found:
        name = measured(results)[0]
        std, label = error_parts(results, name)[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            percent = np.where(good, 100 * std / np.abs(values(results, name)), np.nan)
        what = f"uncertainty of the {words_of(name)}" + (f", {label}" if label else "")
        found.insert(1, Layer(what, percent, "%", "Magma256"))
    return found


def _layer(results: xr.Dataset, name: str, good: np.ndarray, palette: str) -> Layer:
    array = np.where(good, values(results, name), np.nan)
    factor, unit = prefix(float(np.nanmedian(np.abs(array))), unit_of(results, name))
    return Layer(words_of(name), array / factor, unit, palette)


def _length(extent: float, unit: str) -> tuple[float, str]:
    """The unit of a map's axes: nm, µm or mm; pixels stay pixels."""
    if unit == "pixel":
        return 1.0, "pixel"
    return (1e-9, "nm") if extent < 2e-7 else (1e-6, "µm") if extent < 2e-3 else (1e-3, "mm")


def pixel_centers(grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(curves, x, y) of the pixels that hold a curve, in the unit that the axes of the map show."""
    row, column = np.nonzero(grid.curves >= 0)
    rows, columns = grid.curves.shape
    factor, _ = _length(max(grid.width, grid.height), grid.unit)
    x = grid.left + (column + 0.5) * grid.width / columns
    y = grid.bottom + (row + 0.5) * grid.height / rows
    return grid.curves[row, column], x / factor, y / factor


def map_figures(results: xr.Dataset, grid: Grid, curves: ColumnDataSource, number: int) -> list[figure]:
    """The maps of one grid side by side: same axes, one marker, hover and click on every pixel."""
    from bokeh.models import ColumnDataSource, Range1d

    factor, unit = _length(max(grid.width, grid.height), grid.unit)
    frame = {"x": grid.left / factor, "y": grid.bottom / factor, "dw": grid.width / factor,
             "dh": grid.height / factor}
    ranges = {"x_range": Range1d(frame["x"], frame["x"] + frame["dw"]),
              "y_range": Range1d(frame["y"], frame["y"] + frame["dh"])}
    marker = ColumnDataSource({"x": [], "y": []}, name=f"map-marker-{number}",
                              tags=[frame["dw"] / grid.curves.shape[1], frame["dh"] / grid.curves.shape[0]])
    labels = [f"{label} ({unit})" if unit != "pixel" else label for label in grid.labels]
    hover = _hover_columns(results)
    found = []
    for layer in (*layers(results), None):
        title = "outcome" if layer is None else f"{layer.title} ({layer.unit})"
        plot = quiet_figure(title, *labels, **_frame_size(grid), **ranges)
        image = _image(plot, grid, frame, _outcome_index(results) if layer is None else layer.array)
        mapper = _outcome_colors(results, plot) if layer is None else _colors(plot, layer, grid)
        image.glyph.color_mapper = mapper
        _mark(plot, marker, frame, grid)
        plot.add_tools(hover_tool(curves, hover, renderers=[image], attachment="horizontal"))
        _select_on_tap(plot, image.data_source, frame)
        plot.grid.visible = False
        found.append(plot)
    return found


def _hover_columns(results: xr.Dataset) -> list[tuple[str, str]]:
    return [*((words_of(name), name) for name in measured(results)), ("outcome", "outcome"), ("curve", "label")]


def _frame_size(grid: Grid) -> dict[str, int]:
    """Frame in CSS pixels: to scale, unless the map is too elongated to be seen."""
    ratio = float(np.clip(grid.height / grid.width, 1 / _ELONGATION, _ELONGATION))
    return {"frame_width": round(_SIDE / max(ratio, 1)), "frame_height": round(_SIDE * min(ratio, 1))}


def _image(plot: figure, grid: Grid, frame: dict[str, float], array: np.ndarray) -> Any:
    pixels = np.where(grid.curves >= 0, array[np.maximum(grid.curves, 0)], np.nan).astype(np.float32)
    return plot.image(image="image", source={"image": [pixels], "curve": [grid.curves.astype(np.int32)]}, **frame)


def _colors(plot: figure, layer: Layer, grid: Grid) -> Any:
    """Colors over the middle 96 % of the values of this grid; logarithmic where they span a factor 20."""
    from bokeh.models import LinearColorMapper, LogColorMapper

    drawn = layer.array[grid.curves[grid.curves >= 0]]
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, _COLOR_RANGE).tolist() if drawn.size else (0.0, 1.0)
    if not high - low > 1e-9 * abs(high):
        low, high = low - 0.05 * abs(low or 1.0), high + 0.05 * abs(high or 1.0)
    kind = LogColorMapper if low > 0 and high > _LOG_RATIO * low else LinearColorMapper
    mapper = kind(palette=layer.palette, low=low, high=high, nan_color=MISSING)
    _add_color_bar(plot, mapper, layer.unit)
    return mapper


def _add_color_bar(plot: figure, mapper: Any, unit: str, **options: Any) -> None:
    from bokeh.models import ColorBar

    plot.add_layout(ColorBar(color_mapper=mapper, title=unit, title_text_font_size="11px",
                             title_text_font_style="normal", title_text_color=INK, title_standoff=6, width=11,
                             padding=2, margin=6, major_label_text_font_size="11px",
                             major_label_text_color=MUTED, bar_line_color=None, **options), "right")


def _present(results: xr.Dataset) -> list[int]:
    return np.unique(flags(results)).tolist()


def _outcome_index(results: xr.Dataset) -> np.ndarray:
    """The position of each curve's flag among the flags that occur."""
    return np.searchsorted(_present(results), flags(results)).astype(float)


def flag_color(flag: int) -> str:
    """The color of an outcome; a flag unknown to this version is black."""
    return FLAG_COLORS[Outcome(flag)] if flag in Outcome._value2member_map_ else "#000000"


def _outcome_colors(results: xr.Dataset, plot: figure) -> Any:
    from bokeh.models import FixedTicker, LinearColorMapper

    present = _present(results)
    mapper = LinearColorMapper(palette=[flag_color(flag) for flag in present], low=-0.5, high=len(present) - 0.5,
                               nan_color="#ffffff")
    names = {i: flag_name(flag) for i, flag in enumerate(present)}
    _add_color_bar(plot, mapper, "", ticker=FixedTicker(ticks=list(names)), major_label_overrides=names,
                   major_tick_line_color=None, height=min(24 * len(present), plot.frame_height))
    return mapper


def _mark(plot: figure, marker: ColumnDataSource, frame: dict[str, float], grid: Grid) -> None:
    """The outline of the selected pixel, light around dark so that it shows on every color."""
    size = {"width": frame["dw"] / grid.curves.shape[1], "height": frame["dh"] / grid.curves.shape[0]}
    for color, width in (("#ffffff", 4), ("#d00000", 2)):
        plot.rect("x", "y", source=marker, fill_color=None, line_color=color, line_width=width, **size)


def _select_on_tap(plot: figure, source: ColumnDataSource, frame: dict[str, float]) -> None:
    from bokeh.models import CustomJS

    plot.js_on_event("tap", CustomJS(args={"source": source, **frame},
                                     code="window.asperityReport.pick(cb_obj, source, x, y, dw, dh)"))


def sequence_figures(results: xr.Dataset, chosen: np.ndarray, curves: ColumnDataSource) -> list[figure]:
    """Value against curve number with error bars, for the curves that are on no grid.

    Dark bars are the noise, light ones the total; crosses at the bottom are curves without a usable
    value; the background changes from file to file.
    """
    from bokeh.models import ColumnDataSource, Range1d

    marker = ColumnDataSource({"x": []}, name="sequence-marker")
    x_range = Range1d(chosen.min() - 0.7, chosen.max() + 0.7)
    return [_sequence(results, name, chosen, (curves, marker), x_range) for name in measured(results)]


def _sequence(results: xr.Dataset, name: str, chosen: np.ndarray,
              sources: tuple[ColumnDataSource, ColumnDataSource], x_range: Any) -> figure:
    from bokeh.models import ColumnDataSource, CustomJS, Range1d, TapTool

    curves, marker = sources
    array = np.where(usable(results), values(results, name), np.nan)[chosen]
    found = array[np.isfinite(array)]
    log = found.size > 1 and found.min() > 0 and found.max() > _LOG_RATIO * found.min()
    factor, unit = prefix(float(np.median(np.abs(found))), unit_of(results, name))
    total = values(results, f"{name}_std")[chosen] / factor
    array, noise = array / factor, error_parts(results, name)[0][0][chosen] / factor
    low, high = _room(array, total, log)
    plot = quiet_figure(f"{words_of(name)} of the curves without a grid", "curve", f"{words_of(name)} ({unit})",
                        height=260, sizing_mode="stretch_width", x_range=x_range, y_range=Range1d(low, high),
                        y_axis_type="log" if log else "linear")
    _bands(plot, results, chosen)
    plot.vspan(x="x", source=marker, line_color="#d00000", line_width=1.5)
    bars = {"curve": chosen, "value": array, "low": np.maximum(array - total, low), "high": array + total,
            "noise_low": np.maximum(array - noise, low), "noise_high": array + noise,
            "rest": np.where(np.isfinite(array), np.nan, low)}
    source = ColumnDataSource(bars)
    plot.segment("curve", "low", "curve", "high", source=source, line_color="#9db8d2", line_width=2)
    plot.segment("curve", "noise_low", "curve", "noise_high", source=source, line_color=DATA, line_width=4)
    dots = plot.scatter("curve", "value", source=source, size=7, color=DATA, line_color="#ffffff",
                        nonselection_alpha=1.0)
    rest = plot.scatter("curve", "rest", source=source, size=9, marker="x", line_color=MUTED, line_width=2,
                        nonselection_alpha=1.0)
    plot.add_tools(hover_tool(curves, _hover_columns(results), renderers=[dots, rest]), TapTool(renderers=[dots, rest]))
    source.selected.js_on_change("indices", CustomJS(args={"source": source}, code="""
        if (cb_obj.indices.length) window.asperityReport.show(source.data.curve[cb_obj.indices[0]])"""))
    return plot


def _room(array: np.ndarray, std: np.ndarray, log: bool) -> tuple[float, float]:
    """Limits of the value axis that hold the error bars without letting one huge bar squeeze the rest."""
    found = np.isfinite(array)
    reach = np.where(np.isfinite(std), std, 0.0)[found]
    low, high = array[found].min(), array[found].max()
    if log:
        return 0.6 * low, 1.6 * max(high, np.quantile(array[found] + reach, 0.95))
    margin = 0.1 * (high - low) + float(np.quantile(reach, 0.9)) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _bands(plot: figure, results: xr.Dataset, chosen: np.ndarray) -> None:
    """A light band behind every second file."""
    from bokeh.models import BoxAnnotation

    which = file_names(results)[0][chosen]
    for file in np.unique(which)[1::2][:100]:
        members = chosen[which == file]
        plot.add_layout(BoxAnnotation(left=members.min() - 0.5, right=members.max() + 0.5, fill_color="#f1f4f7",
                                      fill_alpha=1.0, line_color=None, level="underlay"))


def histograms(results: xr.Dataset) -> list[figure]:
    """Distributions over the usable curves: each property, the reduced chi-square, the normalized error."""
    good = usable(results)
    found = []
    for name in measured(results):
        array = values(results, name)[good]
        factor, unit = prefix(float(np.nanmedian(np.abs(array))), unit_of(results, name))
        found.append(_histogram(array / factor, words_of(name), unit, log=name.endswith("modulus")))
    found.append(_histogram(values(results, "reduced_chi_square")[good], "reduced chi-square", "", log=True))
    found += [_pull_histogram(results, name, good) for name in measured(results)]
    return [plot for plot in found if plot is not None]


def _edges(array: np.ndarray) -> np.ndarray:
    """Freedman-Diaconis bins over the middle 99 % of the values, 8 to 60 of them."""
    low, high = np.quantile(array, [0.005, 0.995])
    width = 2 * np.subtract(*np.quantile(array, [0.75, 0.25])) / len(array) ** (1 / 3)
    bins = int(np.clip((high - low) / width, 8, 60)) if width > 0 else 8
    margin = 0.0 if high > low else 0.05 * abs(high) or 0.5
    return np.linspace(low - margin, high + margin, bins + 1)


def _histogram(array: np.ndarray, name: str, unit: str, *, log: bool) -> figure | None:
    array = array[np.isfinite(array)]
    log = log and bool((array > 0).all())
    if array.size < 5:
        return None
    edges = np.exp(_edges(np.log(array))) if log else _edges(array)
    plot = _counts(array, edges, name, f"{name} ({unit})" if unit else name, x_axis_type="log" if log else "linear")
    plot.ray(x=[float(np.median(array))], y=0, length=0, angle=np.pi / 2, line_color=FIT, line_width=2)
    return plot


def _counts(array: np.ndarray, edges: np.ndarray, title: str, label: str, **options: Any) -> figure:
    inside = np.histogram(array, edges)[0]
    beyond = len(array) - int(inside.sum())
    title += f" ({beyond:,} curves lie beyond the axis)" if beyond else ""
    plot = quiet_figure(title, label, "curves", height=240, sizing_mode="stretch_width",
                        y_range=(0, 1.08 * max(int(inside.max()), 1)), **options)
    plot.quad(left=edges[:-1], right=edges[1:], bottom=0, top=inside, fill_color="#7fa3c7", line_color="#ffffff")
    plot.xgrid.visible = False
    return plot


def _pull_histogram(results: xr.Dataset, name: str, good: np.ndarray) -> figure | None:
    """(value - truth) / noise standard deviation, with the curve of the standard normal distribution."""
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = (values(results, name) - values(results, f"true_{name}")) / error_parts(results, name)[0][0]
    pull = pull[good & np.isfinite(pull)]
    if pull.size < 20:
        return None
    edges = np.linspace(-5, 5, 41)
    plot = _counts(pull, edges, f"error of the {words_of(name)}", "(fitted − true) / stated noise")
    at = np.linspace(-5, 5, 201)
    plot.line(at, len(pull) * 0.25 * np.exp(-at**2 / 2) / np.sqrt(2 * np.pi), line_color=FIT, line_width=2)
    return plot

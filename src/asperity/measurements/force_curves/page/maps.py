"""Maps of the fitted properties: to scale, with hover and click on every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.contents import Contents, Grid, Property
from asperity.report.numbers import prefix
from asperity.report.style import FLAG_COLORS, MISSING, MUTED, draw, hover_tool, quiet_figure

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource
    from bokeh.plotting import figure

__all__ = ["PropertyMap", "flag_color", "hover_columns", "map_figures", "pixel_centers", "property_maps"]

#: CSS pixels, the longer side of a map on the page
_SIDE = 264
#: ratio of the sides up to which a map is drawn to scale; a more elongated one would not be seen
_ELONGATION = 3.0
#: quantiles of the values that the colors span: the middle 96 %
_COLOR_RANGE = (0.02, 0.98)
#: a wider ratio of these quantiles is drawn on a logarithmic scale
_LOG_RATIO = 20.0


class PropertyMap(NamedTuple):
    """One map: a value per curve (NaN: not drawn), already in ``unit``."""

    title: str
    array: np.ndarray
    unit: str
    palette: str


def property_maps(contents: Contents) -> list[PropertyMap]:
    """The maps worth drawing: the first property, its relative uncertainty, then the other properties."""
    good = contents.usable
    palettes = ("Viridis256", "Cividis256", "Cividis256", "Cividis256")
    found = [_property_map(shown, good, palette) for shown, palette in zip(contents.measured, palettes)]
    for first in contents.measured[:1]:
        std, label = first.parts[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            percent = np.where(good, 100 * std / np.abs(first.values), np.nan)
        what = f"uncertainty of the {first.words}" + (f", {label}" if label else "")
        found.insert(1, PropertyMap(what, percent, "%", "Magma256"))
    return found


def _property_map(shown: Property, good: np.ndarray, palette: str) -> PropertyMap:
    array = np.where(good, shown.values, np.nan)
    factor, unit = prefix(float(np.nanmedian(np.abs(array))), shown.unit)
    return PropertyMap(shown.words, array / factor, unit, palette)


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


def map_figures(contents: Contents, grid: Grid, curves: ColumnDataSource, number: int) -> list[figure]:
    """The maps of one grid side by side: same axes, one marker, hover and click on every pixel."""
    from bokeh.models import ColumnDataSource, Image, Range1d

    factor, unit = _length(max(grid.width, grid.height), grid.unit)
    frame: dict[str, Any] = {
        "x": grid.left / factor,
        "y": grid.bottom / factor,
        "dw": grid.width / factor,
        "dh": grid.height / factor,
    }
    ranges = {
        "x_range": Range1d(start=frame["x"], end=frame["x"] + frame["dw"]),
        "y_range": Range1d(start=frame["y"], end=frame["y"] + frame["dh"]),
    }
    marker = ColumnDataSource(
        {"x": [], "y": []},
        name=f"map-marker-{number}",
        tags=[frame["dw"] / grid.curves.shape[1], frame["dh"] / grid.curves.shape[0]],
    )
    labels = [f"{label} ({unit})" if unit != "pixel" else label for label in grid.labels]
    hover, found = hover_columns(contents), []
    maps = [*property_maps(contents), None]
    source = _images(grid, [_outcome_index(contents) if shown is None else shown.array for shown in maps])
    for number, shown in enumerate(maps):
        title = "outcome" if shown is None else f"{shown.title} ({shown.unit})"
        plot = quiet_figure(title, *labels, **_frame_size(grid), **ranges)
        image = draw(plot, source, Image(image=f"image_{number}", **frame))
        mapper = _outcome_colors(contents, plot) if shown is None else _colors(plot, shown, grid)
        image.glyph.color_mapper = mapper
        _mark(plot, marker, frame, grid)
        plot.add_tools(hover_tool(curves, hover, renderers=[image], attachment="horizontal"))
        _select_on_tap(plot, source, frame)
        plot.grid.visible = False
        found.append(plot)
    return found


def hover_columns(contents: Contents) -> list[tuple[str, str]]:
    """(label, what) for the hover box of any figure whose marks are curves."""
    return [
        *((found.words, found.name) for found in contents.measured),
        ("outcome", "outcome"),
        ("curve", "label"),
    ]


def _frame_size(grid: Grid) -> dict[str, Any]:
    """Frame in CSS pixels: to scale, unless the map is too elongated to be seen."""
    ratio = float(np.clip(grid.height / grid.width, 1 / _ELONGATION, _ELONGATION))
    return {"frame_width": round(_SIDE / max(ratio, 1)), "frame_height": round(_SIDE * min(ratio, 1))}


def _images(grid: Grid, arrays: list[np.ndarray]) -> ColumnDataSource:
    """The pixels of all maps of a grid, and once for all of them which curve is where."""
    from bokeh.models import ColumnDataSource

    pixels = [np.where(grid.curves >= 0, array[np.maximum(grid.curves, 0)], np.nan) for array in arrays]
    columns: dict[str, Any] = {"curve": [grid.curves.astype(np.int32)]}
    columns |= {f"image_{number}": [image.astype(np.float32)] for number, image in enumerate(pixels)}
    return ColumnDataSource(columns)


def _colors(plot: figure, shown: PropertyMap, grid: Grid) -> Any:
    """Colors over the middle 96 % of the values of this grid; logarithmic where they span a factor 20."""
    from bokeh.models import LinearColorMapper, LogColorMapper

    drawn = shown.array[grid.curves[grid.curves >= 0]]
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, _COLOR_RANGE).tolist() if drawn.size else (0.0, 1.0)
    if not high - low > 1e-9 * abs(high):
        low, high = low - 0.05 * abs(low or 1.0), high + 0.05 * abs(high or 1.0)
    kind = LogColorMapper if low > 0 and high > _LOG_RATIO * low else LinearColorMapper
    mapper = kind(palette=shown.palette, low=low, high=high, nan_color=MISSING)
    _add_color_bar(plot, mapper, shown.unit)
    return mapper


def _add_color_bar(plot: figure, mapper: Any, unit: str, **options: Any) -> None:
    from bokeh.models import ColorBar, PrintfTickFormatter

    if unit:
        options["formatter"] = PrintfTickFormatter(format=f"%.6g {unit.replace('%', '%%')}")
    plot.add_layout(
        ColorBar(
            color_mapper=mapper,
            width=11,
            padding=2,
            margin=6,
            major_label_text_font_size="11px",
            major_label_text_color=MUTED,
            bar_line_color=None,
            **options,
        ),
        "right",
    )


def _outcome_index(contents: Contents) -> np.ndarray:
    """The position of each curve's flag among the flags that occur."""
    return np.searchsorted(sorted(contents.outcomes), contents.flags).astype(float)


def flag_color(name: str) -> str:
    """The color of a flag by its name; one unknown to this version is black."""
    return FLAG_COLORS[Outcome[name]] if name in Outcome.__members__ else "#000000"


def _outcome_colors(contents: Contents, plot: figure) -> Any:
    from bokeh.models import FixedTicker, LinearColorMapper

    names = [contents.codes[flag].name for flag in sorted(contents.outcomes)]
    mapper = LinearColorMapper(
        palette=[flag_color(name) for name in names], low=-0.5, high=len(names) - 0.5, nan_color="#ffffff"
    )
    labels = {i: name.replace("_", " ") for i, name in enumerate(names)}
    _add_color_bar(
        plot,
        mapper,
        "",
        ticker=FixedTicker(ticks=list(labels)),
        major_label_overrides=labels,
        major_tick_line_color=None,
        height=min(24 * len(names), plot.frame_height or _SIDE),
    )
    return mapper


def _mark(plot: figure, marker: ColumnDataSource, frame: dict[str, Any], grid: Grid) -> None:
    """The outline of the selected pixel, light around dark so that it shows on every color."""
    from bokeh.models import Rect

    size = {"width": frame["dw"] / grid.curves.shape[1], "height": frame["dh"] / grid.curves.shape[0]}
    for color, width in (("#ffffff", 4), ("#d00000", 2)):
        draw(plot, marker, Rect(x="x", y="y", fill_color=None, line_color=color, line_width=width, **size))


def _select_on_tap(plot: figure, source: ColumnDataSource, frame: dict[str, Any]) -> None:
    """A click picks the curve: the page's script finds the figure by its tags and listens."""
    plot.tags = ["pick", source, frame]

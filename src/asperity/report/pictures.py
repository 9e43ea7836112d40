"""The figures of a page about an image or a calibration: pictures to scale, and lines with their bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from asperity.report.numbers import prefix
from asperity.report.style import DATA, FIT, MISSING, MUTED, quiet_figure

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["Line", "legend_above", "lines", "picture"]

_SIDE = 290  # CSS pixels of the longer side
_COLOR_RANGE = (0.005, 0.995)  # quantiles that the colors span
_MOST_PIXELS = 512  # on the longer side; a larger image is drawn by every second, third, ... pixel
_MOST_POINTS = 3000  # of a line
_FEW_DECADES = 3.5  # of a logarithmic axis, up to which ticks stand at 1, 2 and 5
_COLORS = (DATA, FIT, "#228833", "#aa3377")


class Line(NamedTuple):
    """One line of a figure, with a band of ``low`` to ``high`` where given."""

    label: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    dots: bool = False


def picture(values: np.ndarray, x: np.ndarray, y: np.ndarray, title: str, unit: str) -> figure:
    """An image (row, column) in its own unit, to scale; ``x``, ``y`` are the pixel centers in m, both rising.

    Colors span the middle 99 % of the values; gray pixels have none.
    """
    from bokeh.models import ColorBar, LinearColorMapper

    step = -(-max(values.shape) // _MOST_PIXELS)
    values = np.asarray(values, float)[::step, ::step]
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, _COLOR_RANGE).tolist() if known.size else (0.0, 1.0)
    factor, unit = prefix(max(abs(low), abs(high), 1e-300), unit) if known.size else (1.0, unit)
    low, high = low / factor, high / factor
    if not high > low:
        low, high = low - 0.5, high + 0.5
    extent = [float(a[-1] - a[0]) * len(a) / max(len(a) - 1, 1) for a in (x, y)]
    length, name = prefix(max(extent))
    ratio = float(np.clip(extent[1] / extent[0], 1 / 3, 3))
    corner = [(float(a[0]) - 0.5 * e / len(a)) / length for a, e in zip((x, y), extent)]
    plot = quiet_figure(f"{title} ({unit})" if unit else title, f"x ({name})", f"y ({name})",
                        frame_width=round(_SIDE / max(ratio, 1)), frame_height=round(_SIDE * min(ratio, 1)),
                        x_range=(corner[0], corner[0] + extent[0] / length),
                        y_range=(corner[1], corner[1] + extent[1] / length))
    mapper = LinearColorMapper(palette="Viridis256", low=low, high=high, nan_color=MISSING)
    place: dict[str, Any] = {"x": corner[0], "y": corner[1], "dw": extent[0] / length, "dh": extent[1] / length}
    drawn = plot.image(image="image", source={"image": [(values / factor).astype(np.float32)]}, **place)
    drawn.glyph.color_mapper = mapper
    plot.add_layout(ColorBar(color_mapper=mapper, width=11, padding=2, margin=6, bar_line_color=None,
                             major_label_text_font_size="11px", major_label_text_color=MUTED), "right")
    plot.grid.visible = False
    return plot


def lines(found: Sequence[Line], title: str, x_label: str, y_label: str, *, logarithmic: bool = False,
          logarithmic_x: bool = False) -> figure:
    """Lines over each other, thinned where they are long; both axes, or the first alone, logarithmic if asked for."""
    along = logarithmic or logarithmic_x
    plot = quiet_figure(title, x_label, y_label, frame_width=520, frame_height=300,
                        x_axis_type="log" if along else "linear", y_axis_type="log" if logarithmic else "linear")
    for line, color in zip(found, _COLORS):
        use = np.isfinite(line.x) & np.isfinite(line.y) & (line.x > 0 if along else True)
        index = np.flatnonzero(use & (line.y > 0 if logarithmic else True))
        index = index[np.unique(_spread(line.x[index], along))] if len(index) > _MOST_POINTS else index
        if line.low is not None and line.high is not None:
            plot.varea(x=line.x[index], y1=line.low[index], y2=line.high[index], fill_color=color, fill_alpha=0.2)
        if line.dots:
            plot.scatter(line.x[index], line.y[index], size=3, color=color, alpha=0.6, legend_label=line.label)
        else:
            plot.line(line.x[index], line.y[index], color=color, line_width=1.8, legend_label=line.label)
    if found:
        legend_above(plot)
    for axis, here, values in ((plot.xaxis[0], along, [line.x for line in found]),
                               (plot.yaxis[0], logarithmic, [line.y for line in found])):
        if here and found:
            _tick(axis, np.concatenate(values))
    return plot


def legend_above(plot: figure) -> None:
    """Put the legend above the figure, not over what it names."""
    plot.legend.update(label_text_font_size="11px", border_line_color=None, orientation="horizontal", padding=0,
                       margin=0, spacing=12)
    plot.add_layout(plot.legend[0], "above")


def _tick(axis: Any, values: np.ndarray) -> None:
    """Ticks at 1, 2 and 5 on a logarithmic axis of a few decades, where the usual ones are crowded at one end."""
    from bokeh.models import FixedTicker

    use = values[np.isfinite(values) & (values > 0)]
    if not len(use) or np.log10(use.max() / use.min()) > _FEW_DECADES:
        return
    decades = 10.0 ** np.arange(np.floor(np.log10(use.min())) - 1, np.ceil(np.log10(use.max())) + 2)
    ticks = np.outer(decades, [1, 2, 5]).round(15).ravel().tolist()
    axis.ticker = FixedTicker(ticks=ticks)
    axis.major_label_overrides = {tick: f"{tick:.12g}" for tick in ticks}  # a formatter makes 0 of 0.0002


def _spread(x: np.ndarray, logarithmic: bool) -> np.ndarray:
    """Indices of points evenly spread along a rising axis."""
    if not logarithmic:
        return np.linspace(0, len(x) - 1, _MOST_POINTS).astype(int)
    return np.searchsorted(x, np.geomspace(x[0], x[-1], _MOST_POINTS)).clip(0, len(x) - 1)

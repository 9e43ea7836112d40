"""The look that all figures share, the colors of the outcomes, and the hover box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asperity.learning.outcome import Outcome

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource, GlyphRenderer, HoverTool
    from bokeh.models.glyph import Glyph
    from bokeh.plotting import figure

__all__ = ["DATA", "FIT", "FLAG_COLORS", "INK", "MISSING", "MUTED", "draw", "hover_tool", "quiet_figure"]

#: sRGB, of titles and the names of axes
INK = "#1c2733"
#: sRGB, of the numbers along axes and color bars
MUTED = "#5a6673"
#: sRGB, of the lines of the grid
GRID = "#e8ebee"
#: sRGB, of data: it differs from `FIT` in hue and in lightness; both keep 3:1 contrast on white
DATA = "#4477aa"
#: sRGB, of a fit
FIT = "#c4420a"
#: pixels without a usable value
MISSING = "#d5d9dd"
#: one color per outcome, distinguishable with color-deficient sight; usable ones are light
FLAG_COLORS = {
    Outcome.converged: "#dcebe3",
    Outcome.small_misfit: "#eedd88",
    Outcome.misfit: "#ddaa33",
    Outcome.short_baseline: "#99ddff",
    Outcome.bound_hit: "#aa3377",
    Outcome.saturated: "#ee6677",
    Outcome.not_converged: "#ee7733",
    Outcome.contact_out_of_range: "#228833",
    Outcome.wrong_way: "#66ccaa",
    Outcome.no_contact: "#4477aa",
    Outcome.too_few_samples: "#997700",
    Outcome.uncalibrated: "#777777",
    Outcome.unreadable: "#222222",
    Outcome.not_fitted: "#bbbbbb",
    Outcome.excluded: "#cc99bb",
}
_TOOLS = "pan,box_zoom,wheel_zoom,reset,save"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def quiet_figure(title: str, x_label: str, y_label: str, *, tools: str = _TOOLS, **options: Any) -> figure:
    """A Bokeh figure without ornament: light grid, small type, tools that leave page scrolling alone.

    Without ``tools`` there is no toolbar: what nobody can switch on need not be in the page.
    """
    from bokeh.models import Title
    from bokeh.plotting import figure

    heading = Title(
        text=title, text_color=INK, text_font=_FONT, text_font_size="13px", text_font_style="bold"
    )
    plot = figure(
        tools=tools,
        active_drag=None,
        active_scroll=None,
        toolbar_location="above" if tools else None,
        output_backend="canvas",
        title=heading,
        **options,
    )
    plot.toolbar.update(logo=None, autohide=True)
    plot.update(
        outline_line_color=None, border_fill_color=None, background_fill_color="#ffffff", min_border=6
    )
    for grid in plot.grid:
        grid.update(grid_line_color=GRID)
    for axis, label in ((plot.xaxis[0], x_label), (plot.yaxis[0], y_label)):
        axis.update(
            axis_label=label,
            axis_label_text_font=_FONT,
            axis_label_text_font_style="normal",
            axis_label_text_font_size="12px",
            axis_label_text_color=INK,
            axis_line_color="#9aa4ae",
            major_label_text_font=_FONT,
            major_label_text_font_size="11px",
            major_label_text_color=MUTED,
            major_tick_line_color="#9aa4ae",
            minor_tick_line_color=None,
        )
    return plot


def draw(plot: figure, source: ColumnDataSource | dict[str, Any], glyph: Glyph) -> GlyphRenderer:
    """Draw the marks of ``source`` that nobody selects or mutes: Bokeh's own short names make three glyphs of one."""
    from bokeh.models import ColumnDataSource

    return plot.add_glyph(ColumnDataSource(source) if isinstance(source, dict) else source, glyph)


def hover_tool(curves: ColumnDataSource, columns: list[tuple[str, str]], **options: Any) -> HoverTool:
    """The box that shows the ``columns`` (label, column of ``curves``) of the curve under the pointer.

    The glyph's own source must have a column ``curve`` with the position of the curve (-1: none). The text
    comes from the page's own script: code in a Bokeh model would need ``unsafe-eval`` in the page's policy.
    """
    from bokeh.models import CustomJSHover, HoverTool

    return HoverTool(
        tooltips=[(label, f"@curve{{{column}}}") for label, column in columns],
        formatters={"@curve": CustomJSHover(args={"curves": curves})},
        **options,
    )

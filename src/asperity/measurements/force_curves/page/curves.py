"""The curves behind the numbers: a compact store, the panel that shows one, and the exemplary fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from asperity.measurements.force_curves.contents import Contents, Grid, Property
from asperity.measurements.force_curves.page.maps import pixel_centers
from asperity.measurements.force_curves.page.words import curve_texts, not_defended, stated, within
from asperity.report.numbers import plain, prefix
from asperity.report.style import DATA, FIT, draw, quiet_figure

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource
    from bokeh.plotting import figure

__all__ = [
    "NOTHING",
    "Exemplar",
    "Thinning",
    "curve_source",
    "encode",
    "exemplar_figures",
    "exemplars",
    "has_values",
    "known",
    "panel_figures",
    "store_sources",
    "thinning",
]

#: points of all curves together that are embedded, at most: it keeps the file small
MOST_POINTS = 2_000_000
#: points of a curve before whole curves are left out
FEWEST_PER_CURVE = 30
#: the 16-bit code of "no value", as in the page's script
NOTHING = -32768
#: the data take the 16-bit codes -_HALF ... _HALF, as in the page's script
_HALF = 32000
#: curves of which texts and numbers are embedded, all of them up to so many; beyond, those whose points are
MOST_KNOWN = 100_000
_READ = 32_768  # curves that are read at a time: 32 MB of 120 points
_CHANNELS = ("display_tip_position", "display_force", "display_fit")


class Thinning(NamedTuple):
    """Which curves and which of their points are embedded; ``words`` says what was left out."""

    curves: np.ndarray
    points: np.ndarray
    words: str


class Exemplar(NamedTuple):
    """One curve that is shown as an example, and why."""

    why: str
    curve: int
    words: str


def display(contents: Contents, name: str, curves: int | slice = slice(None)) -> np.ndarray:
    """A display variable as float64 (curve, point), or of one curve (point,); without the variable NaN."""
    results = contents.results
    if name not in results.variables or results[name].dims != ("curve", "point"):
        return np.broadcast_to(np.nan, (contents.count, results.sizes.get("point", 0)))[curves]
    return np.asarray(results[name][curves].values, dtype=float)


def has_values(contents: Contents, name: str) -> np.ndarray:
    """Whether a display variable has a value anywhere, (curve,); some thousand curves are read at a time."""
    parts = [np.isfinite(display(contents, name, slice(start, start + _READ))).any(axis=1)
             for start in range(0, contents.count, _READ)]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def thinning(curves: int, points: int) -> Thinning:
    """At most two million points: first every curve gets fewer points, then some curves are left out."""
    per_curve = max(1, min(points, max(FEWEST_PER_CURVE, MOST_POINTS // max(curves, 1))))
    every = max(1, -(-curves // (MOST_POINTS // per_curve)))
    kept = np.unique(np.linspace(0, points - 1, per_curve).round().astype(int)) if points else np.arange(0)
    said = []
    if len(kept) < points:
        said.append(f"The curves are drawn with {len(kept)} of their {points} display points.")
    if points and every > 1:
        said.append(f"To keep this file small, one curve in {every} is embedded.")
    return Thinning(np.arange(0, curves, every), kept, " ".join(said))


def encode(array: np.ndarray, low: np.ndarray, step: np.ndarray) -> np.ndarray:
    """16-bit codes c with value = low + (c + 32000) step per row; NaN is -32768, the rest is clipped."""
    with np.errstate(invalid="ignore", divide="ignore"):
        codes = np.clip(np.round((array - low[:, None]) / step[:, None]) - _HALF, -_HALF, _HALF)
    return np.where(np.isfinite(codes), codes, NOTHING).astype(np.int16)


def _range(array: np.ndarray, widened: float) -> tuple[np.ndarray, np.ndarray]:
    """(low, step) of the 16-bit codes per row, with ``widened`` of the span added at both ends."""
    finite = np.isfinite(array)
    low = np.min(np.where(finite, array, np.inf), axis=1, initial=np.inf)
    high = np.max(np.where(finite, array, -np.inf), axis=1, initial=-np.inf)
    low, high = np.where(low > high, 0.0, low), np.where(low > high, 1.0, high)
    span = np.where(high > low, high - low, np.abs(high) + 1e-30)
    return low - widened * span, (1 + 2 * widened) * span / (2 * _HALF)


def store_sources(contents: Contents, thin: Thinning) -> list[ColumnDataSource]:
    """The display curves as flat 16-bit columns, and their scales; fits are clipped far outside the data.

    The resolution is 1/64 000 of the positions and 1/21 000 of the force of each curve: far below
    what a screen shows; no number of the report comes from here.
    """
    from bokeh.models import ColumnDataSource

    parts = [_stored(contents, thin.curves[start : start + _READ], thin.points)
             for start in range(0, len(thin.curves), _READ)]
    columns: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    codes: dict[str, Any] = {name: columns.pop(name).ravel() for name in ("position", "force", "fit")}
    return [
        ColumnDataSource(codes, name="curve-store", tags=[len(thin.points)]),
        ColumnDataSource(columns, name="curve-scales"),
    ]


def _stored(contents: Contents, curves: np.ndarray, points: np.ndarray) -> dict[str, np.ndarray]:
    """The codes of evenly spaced curves and their scales; nothing else of the results is read."""
    step = int(curves[1] - curves[0]) if len(curves) > 1 else 1
    rows = slice(int(curves[0]), int(curves[-1]) + 1, step)
    position, force, fit = (display(contents, name, rows)[:, points] for name in _CHANNELS)
    at, up = _range(position, 0.0), _range(force, 1.0)
    return {"position": encode(position, *at), "force": encode(force, *up), "fit": encode(fit, *up),
            "position_low": at[0], "position_step": at[1], "force_low": up[0], "force_step": up[1]}


def known(contents: Contents, thin: Thinning, named: Sequence[int]) -> np.ndarray:
    """The curves of which the page knows texts and numbers: all, or of very many those drawn and those ``named``."""
    if contents.count <= MOST_KNOWN:
        return np.arange(contents.count)
    spread = thin.curves[:: -(-len(thin.curves) // MOST_KNOWN)]
    return np.union1d(spread, np.array(named, int))


def curve_source(contents: Contents, grids: list[Grid], thin: Thinning, chosen: np.ndarray) -> ColumnDataSource:
    """What the page knows of the ``chosen`` curves: texts, place on a map, window, slot in the store."""
    from bokeh.models import ColumnDataSource

    slot = np.full(contents.count, -1, dtype=np.int32)
    slot[thin.curves] = np.arange(len(thin.curves))
    columns: dict[str, Any] = {found.name: curve_texts(found, chosen) for found in contents.measured}
    whole = {"flag": contents.flags.astype(np.int16), "slot": slot, "file": contents.which.astype(np.int32)}
    if len(chosen) < contents.count:
        whole["number"] = np.arange(contents.count, dtype=np.int32)
    whole |= {name: _integers(contents.columns[name]) for name in ("curve_in_file", "row", "column")}
    whole |= {
        name: contents.columns[name]
        for name in (
            "contact_point",
            "window_start",
            "window_stop",
            "noise_std",
            "reduced_chi_square",
            "x",
            "y",
        )
    }
    whole |= _places(contents.count, grids)
    return ColumnDataSource(columns | {name: array[chosen] for name, array in whole.items()}, name="curves")


def _integers(array: np.ndarray) -> np.ndarray:
    return np.nan_to_num(array, nan=-1).astype(np.int32)


def _places(n: int, grids: list[Grid]) -> dict[str, np.ndarray]:
    """The map of each curve (-1: none) and the center of its pixel there."""
    which, x, y = np.full(n, -1, dtype=np.int16), np.full(n, np.nan), np.full(n, np.nan)
    for i, grid in enumerate(grids):
        curves, at_x, at_y = pixel_centers(grid)
        which[curves], x[curves], y[curves] = i, at_x, at_y
    return {"map": which, "map_x": x, "map_y": y}


def panel_figures(keep: list[ColumnDataSource]) -> dict[str, figure]:
    """The empty panel of one curve (the page fills it): data with fit, and the residual below.

    ``keep`` are sources that must be part of the page although no glyph draws them.
    """
    from bokeh.models import BoxAnnotation, ColumnDataSource, Range1d, Span

    source = ColumnDataSource(
        {name: [] for name in ("position", "force", "fit", "residual")}, name="panel", tags=list(keep)
    )
    x_range = Range1d(start=0, end=1)
    top = quiet_figure(
        "",
        "",
        "force",
        height=300,
        sizing_mode="stretch_width",
        x_range=x_range,
        y_range=Range1d(start=0, end=1),
        name="panel-top",
    )
    low = quiet_figure(
        "",
        "position",
        "residual",
        height=170,
        sizing_mode="stretch_width",
        x_range=x_range,
        y_range=Range1d(start=-1, end=1),
        name="panel-low",
        tools="",
    )
    for plot, name in ((top, "window"), (low, "noise")):
        plot.add_layout(
            BoxAnnotation(
                name=name,
                fill_color="#eef2f6",
                fill_alpha=1.0,
                line_color=None,
                level="underlay",
                visible=False,
            )
        )
        plot.add_layout(
            Span(
                name=f"contact-{name}",
                dimension="height",
                line_color="#7a8794",
                line_dash="dashed",
                visible=False,
            )
        )
    _draw(top, low, source)
    _hide_labels(top)
    return {"panel_top": top, "panel_low": low}


def _draw(top: figure, low: figure, source: ColumnDataSource) -> None:
    """Data, fit and residual of one curve; the two plots keep their left edges in line."""
    from bokeh.models import Line, Scatter

    for plot, name, size in ((top, "force", 4.5), (low, "residual", 3.5)):
        draw(plot, source, Scatter(x="position", y=name, size=size, fill_color=DATA, hatch_color=DATA, line_color=None))
    draw(top, source, Line(x="position", y="fit", line_color=FIT, line_width=2))
    draw(low, {"x": [-1e9, 1e9], "y": [0, 0]}, Line(x="x", y="y", line_color=FIT, line_width=1))
    for plot in (top, low):
        plot.min_border_left = 66


def exemplars(contents: Contents, shown: np.ndarray | None = None) -> list[Exemplar]:
    """The best, the median and the worst fit, and the worst flagged curve.

    The best fit leaves what the noise allows: neither more nor less, and rather a converged one. ``shown`` are the
    curves that have forces to show, where that is known.
    """
    ratio = contents.columns["reduced_chi_square"]
    shown = has_values(contents, "display_force") if shown is None else shown
    fitted = shown & has_values(contents, "display_fit")
    good = np.flatnonzero(contents.usable & fitted & np.isfinite(ratio))
    order = good[np.lexsort((np.abs(np.log(np.maximum(ratio[good], 1e-300))), contents.flags[good] != 0))]
    found = []
    if len(order) >= 3:
        found = [
            ("best fit", order[0]),
            ("median fit", order[len(order) // 2]),
            ("worst usable fit", order[-1]),
        ]
    elif len(order):
        found = [("fit", curve) for curve in order]
    rest = np.flatnonzero(~contents.usable & shown)
    if len(rest):
        badness = np.nan_to_num(np.where(fitted, ratio, np.nan)[rest], nan=-1.0)
        why = "worst flagged curve" if badness.max() > 0 else "a flagged curve"
        found.append((why, rest[int(np.argmax(badness))]))
    return [Exemplar(why, int(curve), _describe(contents, int(curve))) for why, curve in found]


def _describe(contents: Contents, curve: int) -> str:
    ratio, flag = contents.columns["reduced_chi_square"][curve], int(contents.flags[curve])
    said = [f"reduced chi-square {plain(ratio)}"] if np.isfinite(ratio) else []
    if flag != 0:
        said.append(contents.codes[flag].name.replace("_", " "))
    known = [found for found in contents.measured if contents.usable[curve] and np.isfinite(found.values[curve])]
    return "; ".join([*said, *(_own_text(found, curve) for found in known[:1])])


def _own_text(found: Property, curve: int) -> str:
    """The property of one curve; its total uncertainty where this curve has no part of it."""
    parts = [(float(std[curve]), label) for std, label in found.parts if std[curve] > 0]
    if found.limited[curve]:
        return f"{found.words} {', '.join(within(found, curve))}"
    value = float(found.values[curve])
    if found.missed[curve]:
        return f"{found.words} {not_defended(value, found.unit)}"
    text = f"{found.words} {stated(value, found.unit, parts or [(float(found.std[curve]), '')])}"
    return ", ".join([text, *within(found, curve)])


def exemplar_figures(contents: Contents, curve: int) -> list[figure]:
    """Data with fit, and below it the residual if there is a fit, against the distance to the contact."""
    from bokeh.models import BasicTicker, ColumnDataSource, Range1d

    position, force, fit = (display(contents, name, curve) for name in _CHANNELS)
    contact = contents.columns["contact_point"][curve]
    position = position - (contact if np.isfinite(contact) else 0.0)
    (x_factor, x_unit), (y_factor, y_unit) = prefix(_extent(position)), prefix(_extent(force), "N")
    residual = force - fit
    reach = max(np.nanmax(np.abs(residual), initial=0.0), 1e-15) * 1.1
    r_factor, r_unit = prefix(reach, "N")
    source = ColumnDataSource(
        {
            "position": position / x_factor,
            "force": force / y_factor,
            "fit": fit / y_factor,
            "residual": residual / r_factor,
        }
    )
    x_label = f"tip position {'from contact ' if np.isfinite(contact) else ''}({x_unit})"
    shared: dict[str, Any] = {"sizing_mode": "stretch_width", "tools": "",
                              "x_range": Range1d(**_limits(position / x_factor))}
    top = quiet_figure(
        "", x_label, f"force ({y_unit})", height=200, y_range=Range1d(**_limits(force / y_factor)), **shared
    )
    low = quiet_figure(
        "",
        x_label,
        f"residual ({r_unit})",
        height=130,
        y_range=Range1d(start=-reach / r_factor, end=reach / r_factor),
        **shared,
    )
    _draw(top, low, source)
    for plot in (top, low):
        plot.yaxis[0].ticker = BasicTicker(desired_num_ticks=4)
        plot.xaxis[0].ticker = BasicTicker(desired_num_ticks=5)
    if not np.isfinite(residual).any():
        return [top]
    _hide_labels(top)
    return [top, low]


def _hide_labels(top: figure) -> None:
    """The plot below has the same axis and its labels."""
    top.xaxis[0].update(major_label_text_font_size="0px", axis_label=None)


def _extent(array: np.ndarray) -> float:
    found = array[np.isfinite(array)]
    return float(np.ptp(found)) if found.size else 1.0


def _limits(array: np.ndarray) -> dict[str, Any]:
    """The range of the finite values with a margin of 4 %."""
    found = array[np.isfinite(array)]
    if not found.size:
        return {"start": 0.0, "end": 1.0}
    margin = 0.04 * (float(np.ptp(found)) or abs(float(found[0])) or 1.0)
    return {"start": float(found.min()) - margin, "end": float(found.max()) + margin}

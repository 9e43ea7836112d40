"""The page about a plan: the answer, where it is feasible, the ranking, and the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from asperity.data.results import listed
from asperity.measurements.discovery.experiment.claims import at_design, factor_in_words, percent
from asperity.measurements.discovery.experiment.judged import best, lever_loads
from asperity.report.numbers import plain
from asperity.report.page import Finding, Page, Panel
from asperity.report.style import DATA, FIT, MISSING, MUTED, draw, quiet_figure

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["page"]

_ROWS = 12  # of the ranking
_WIDTH = 520  # CSS pixels of a figure
_ROW = 17  # CSS pixels of one lever
_ROBUST = "#228833"  # a load that every lever of the kind may have
_WORST = 0.5  # relative uncertainty at which the colors of the region end


def page(plan: xr.Dataset) -> Page:
    """The page about the result of `asperity.plan_experiment`."""
    said = [str(one) for one in listed(plan, "findings")]
    allowed = best(plan) is not None
    panels = (*([_feasible(plan), _ranking(plan)] if allowed else [_refused(plan)]), _budget(plan, allowed),
              _inputs(plan))
    return Page("experiment", "Which experiment?", said[0], _findings(plan), tuple(said[1:]), panels)


def _findings(plan: xr.Dataset) -> tuple[Finding, ...]:
    rows = [Finding("wanted", percent(float(plan.attrs["want"])), "Relative standard uncertainty of the modulus."),
            Finding("floor", percent(float(plan.attrs["floor"])), "With these calibrations, at any load.")]
    if best(plan) is not None:
        design = at_design(plan)
        rows.insert(0, Finding("expected", percent(float(plan["std"].values[design])), f"{_at(plan, design)}, with the "
                               "nominal lever, over the whole range of the modulus."))
        if plan["feasible_robust"].values[design]:
            rows.insert(1, Finding("at worst", percent(float(plan["std_robust"].values[design])),
                                   "Over the range of spring constant and radius of this kind of lever."))
    return tuple(rows)


def _at(plan: xr.Dataset, design: tuple[int, int]) -> str:
    return f"{plan['lever'].values[design[0]]} at {plain(float(plan['load'].values[design[1]]), 'N', 2)}"


def _feasible(plan: xr.Dataset) -> Panel:
    words = ("Blue: loads at which a lever with its nominal values breaks no constraint over the whole range of the "
             "modulus; green: loads at which no lever of its kind does. The dot is the answer. Beside it the "
             "uncertainty for any spring constant, with the tip radius of "
             f"{plan['lever'].values[at_design(plan)[0]]}; nothing is drawn where a constraint is broken.")
    return Panel("Where it is feasible", words, (_loads(plan), _region(plan)))


def _spans(allowed: np.ndarray, loads: np.ndarray) -> tuple[list[int], list[float], list[float]]:
    """Levers with the lowest and the highest allowed load (nN); what is allowed is one range, for the bounds are."""
    rows = [int(i) for i in np.flatnonzero(allowed.any(1))]
    return (rows, [1e9 * loads[allowed[i]].min() / 1.07 for i in rows], [1e9 * loads[allowed[i]].max() * 1.07
                                                                         for i in rows])


def _loads(plan: xr.Dataset) -> figure:
    """One bar of loads for each lever."""
    from bokeh.models import HBar, Scatter

    names = [str(name) for name in plan["lever"].values][::-1]
    loads, count = plan["load"].values, len(names)
    bars = {end: _spans(plan[f"feasible{end}"].values, loads) for end in ("", "_robust")}
    ends = [one for _, low, high in bars.values() for one in (*low, *high)] or [1e-3, 1e3]
    plot = quiet_figure("loads that are allowed", "load (nN)", "", frame_width=_WIDTH - 140,
                        frame_height=max(_ROW * count, 120), x_axis_type="log", y_range=names,
                        x_range=(min(ends) / 3, max(ends) * 3))
    for (rows, low, high), color in zip(bars.values(), (DATA, _ROBUST)):
        y = [str(plan["lever"].values[i]) for i in rows]
        draw(plot, {"y": y, "left": low, "right": high},
             HBar(y="y", left="left", right="right", height=0.6 if color == DATA else 0.3, fill_color=color,
                  line_color=None))
    if best(plan) is not None:
        lever, load = at_design(plan)
        draw(plot, {"x": [1e9 * loads[load]], "y": [str(plan["lever"].values[lever])]},
             Scatter(x="x", y="y", size=9, fill_color=FIT, line_color="white"))
    plot.ygrid.visible = False
    return plot


def _region(plan: xr.Dataset) -> figure:
    """The expected uncertainty over load and stiffness."""
    from bokeh.models import ColorBar, LogColorMapper, Quad, Scatter

    std, loads, stiff = plan["region_std"].values, 1e9 * plan["load"].values, plan["stiffness"].values
    known = np.isfinite(std)
    least = float(np.nanmin(std)) if known.any() else 0.01
    mapper = LogColorMapper(palette="Viridis256", low=100 * least, high=100 * max(_WORST, 1.5 * least),
                            nan_color=MISSING)
    rows, columns = np.nonzero(known)
    half = [np.sqrt(axis[1] / axis[0]) for axis in (loads, stiff)]
    span = [(axis[index].min() / 3, axis[index].max() * 3) if known.any() else (axis[0], axis[-1])
            for axis, index in ((loads, columns), (stiff, rows))]
    plot = quiet_figure("expected uncertainty (%)", "load (nN)", "spring constant (N/m)", frame_width=330,
                        frame_height=max(_ROW * plan.sizes["lever"], 240), x_axis_type="log", y_axis_type="log",
                        x_range=span[0], y_range=span[1])
    source = {"left": loads[columns] / half[0], "right": loads[columns] * half[0], "bottom": stiff[rows] / half[1],
              "top": stiff[rows] * half[1], "std": 100 * std[rows, columns]}
    draw(plot, source, Quad(left="left", right="right", bottom="bottom", top="top", line_color=None,
                            fill_color={"field": "std", "transform": mapper}))
    lever, load = at_design(plan)
    draw(plot, {"x": [loads[load]], "y": [plan["spring_constant"].values[lever, 1]]},
         Scatter(x="x", y="y", size=9, fill_color=FIT, line_color="white"))
    plot.add_layout(ColorBar(color_mapper=mapper, width=11, padding=2, margin=6, bar_line_color=None,
                             major_label_text_font_size="11px", major_label_text_color=MUTED), "right")
    return plot


def _ranking(plan: xr.Dataset) -> Panel:
    """The levers, each at its best load: those over their range first."""
    ranked = [(not robust, float(plan["std_robust" if robust else "std"].values[i, load]), i, load)
              for i, (load, robust) in enumerate(lever_loads(plan)) if load is not None]
    header = ("lever", "tip", "load", "indentation", "deflection", "at worst", "nominal", "information",
              "nearest bound")
    rows = tuple(_row(plan, (i, load), not nominal) for nominal, _, i, load in sorted(ranked)[:_ROWS])
    words = ("By the expected relative standard uncertainty of the modulus: at worst over the range of the lever, and "
             "with its nominal values. The information is what such curves are expected to tell of the logarithm of "
             "the modulus, in nats.")
    return Panel("Levers, ranked", words, (), header, rows)


def _refused(plan: xr.Dataset) -> Panel:
    """Each lever at the load where the constraint that is broken most is broken least, the nearest first."""
    edge, names = plan["margin"].values, [str(name) for name in plan["constraint"].values]
    rows = []
    for lever, load in enumerate(edge.max(-1).argmin(1)):
        there = edge[lever, load]
        broken = [f"{names[i]} ({factor_in_words(there[i])})" for i in np.argsort(-there) if there[i] > 0]
        rows.append((float(there.max()), str(plan["lever"].values[lever]), str(plan["tip"].values[lever]),
                     plain(float(plan["load"].values[load]), "N", 2), ", ".join(broken)))
    words = "Each lever at the load that breaks the least, with what it breaks, and by how much; the nearest first."
    return Panel("What stands in the way", words, (), ("lever", "tip", "load", "broken"),
                 tuple(row[1:] for row in sorted(rows)))


def _row(plan: xr.Dataset, design: tuple[int, int], robust: bool) -> tuple[str, ...]:
    edge = plan["margin_robust" if robust else "margin"].values[design]
    return (str(plan["lever"].values[design[0]]), str(plan["tip"].values[design[0]]),
            plain(float(plan["load"].values[design[1]]), "N", 2),
            plain(float(plan["indentation"].values[design]), "m", 2),
            plain(float(plan["deflection"].values[design]), "m", 2),
            percent(float(plan["std_robust"].values[design])) if robust else "breaks a bound",
            percent(float(plan["std"].values[design])), f"{float(plan['information'].values[design[0]]):.2f}",
            str(plan["constraint"].values[int(edge.argmax())]))


def _budget(plan: xr.Dataset, allowed: bool) -> Panel:
    """What each source makes of the uncertainty, and what better calibrations would leave."""
    design = at_design(plan)
    parts = 100 * np.sqrt(plan["variance"].values[design])
    now = [("all together", 100 * float(plan["std"].values[design]), FIT)]
    sources = [(str(name), float(part), DATA) for name, part in zip(plan["source"].values, parts)]
    then = _then(plan, design)
    words = (f"{'' if allowed else 'If it were allowed: '}{_at(plan, design)}, with the nominal lever, where the "
             "uncertainty is largest. Sources add in squares. Green: what would be left if this calibration alone, or "
             "all of them, were as good as is usual where it is done best.")
    return Panel("The budget", words, (_bars([*now, *sources, *then]),))


def _then(plan: xr.Dataset, design: tuple[int, int]) -> list[tuple[str, float, str]]:
    found = []
    for name in (str(one) for one in plan["better"].values):
        if name == "thickness" and not plan.attrs["layered"]:
            continue
        value = 100 * float(plan["std_better"].sel(better=name).values[design])
        found.append(("all of them better" if name == "all" else f"better {name}", value, _ROBUST))
    return found


def _bars(rows: list[tuple[str, float, str]]) -> figure:
    from bokeh.models import HBar, Text

    names = [name for name, _, _ in rows]
    most = max(value for _, value, _ in rows)
    plot = quiet_figure("standard uncertainty of the modulus (%)", "%", "", frame_width=_WIDTH,
                        frame_height=24 * len(rows), y_range=names[::-1], x_range=(0, 1.18 * most))
    draw(plot, {"y": names, "right": [value for _, value, _ in rows], "color": [color for _, _, color in rows]},
         HBar(y="y", left=0, right="right", height=0.65, fill_color="color", line_color=None))
    draw(plot, {"y": names, "x": [value for _, value, _ in rows], "text": [f" {value:.2g}" if value < 10 else
                                                                         f" {value:.3g}" for _, value, _ in rows]},
         Text(x="x", y="y", text="text", text_baseline="middle", text_font_size="11px", text_color=MUTED))
    plot.ygrid.visible = False
    return plot


def _inputs(plan: xr.Dataset) -> Panel:
    about = plan.attrs
    ends = list(dict.fromkeys(plain(float(about[f"modulus_{end}"]), "Pa") for end in ("low", "high")))
    rows = [("modulus", " to ".join(ends))]
    for name, unit, word in (("poisson_ratio", "1", "Poisson's ratio"), ("thickness", "m", "thickness"),
                             ("yield_stress", "Pa", "yield stress"), ("detector_noise", "m", "noise of the detector"),
                             ("height_noise", "m", "noise of the height"), ("temperature", "K", "temperature"),
                             ("samples", "1", "samples of a curve"), ("curves", "1", "curves")):
        if name in about:
            rows.append((word, plain(float(about[name]), unit)))
    for name in ("spring_constant", "sensitivity", "radius", *(["thickness"] if about["layered"] else [])):
        rows.append((f"{name.replace('_', ' ')} known to", percent(float(about[f"{name}_std"]))))
    rows.append(("spring constant by", "the thermal method, with this sensitivity" if about["thermal"] else
                 "another method than with this sensitivity"))
    rows.append(("fitted as", "a layer bonded to a rigid base" if about["layered"] else "a half-space"))
    return Panel("What was asked", "", (), ("input", "value"), tuple(rows))

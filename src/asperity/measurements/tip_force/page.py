"""The page about force laws: data and law, its parts, what is not known of it, and what that means in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from asperity.data.results import assumptions
from asperity.learning.outcome import Outcome
from asperity.report.numbers import count_of, measurement, plain, prefix, spread
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["page"]

_DRAWN = 4  # laws on a page, at most
_LARGE = 0.3  # share of the elastic force that the model does not have, from which the page says so
_TOLD = 0.8  # of the prior's standard deviation of the exponent, below which the data say something of it
_PRIOR_STD = 0.5  # of the exponent
_FARTHER = 1.05  # times the farthest sample, from which a law is extrapolated
_BEYOND = 0.3  # of the depth, or of what is far: how much of it the figure about contact shows


def page(made: xr.Dataset) -> Page:
    """The page about the result of `asperity.measurements.tip_force.law.force_law`, or of a table."""
    said = [*json.loads(made.attrs["findings"]), *assumptions(made)]
    good = np.flatnonzero(np.isfinite(made["force"].values).all(axis=1))
    title = Path(str(made.attrs["file"])).name
    if not len(good):
        return Page("force law", title, said[0], (), tuple(said[1:]))
    good = good[np.argsort(made["flag"].values[good], kind="stable")]
    panels = [panel for curve in good[:_DRAWN] for panel in _panels(made.isel(curve=curve), int(curve), len(good))]
    return Page("force law", title, _headline(made, good), _findings(made, good), (*_remarks(made, good), *said),
                tuple(panels))


def _headline(made: xr.Dataset, good: np.ndarray) -> str:
    if "contact_attraction" not in made:
        what = "frequency shift" if "observed" in made.attrs else "value"
        if _doubted(made):
            return f"No force law of {count_of(int(made.attrs['samples']), what)} can be defended."
        return f"A force law of {count_of(int(made.attrs['samples']), what)}, with its parts and their bands."
    seen = np.isfinite(made["attraction_to"].values[good])
    if len(good) == 1:
        one = made.isel(curve=int(good[0]))
        if seen[0]:
            return ("An attraction is seen before contact, from "
                    f"{spread(float(one['attraction_from']), float(one['attraction_to']), 'm')}.")
        if one["attraction_like_waves"] > 0:
            return ("No attraction is told before contact: what looks like one falls no faster than 1/z, as slow waves "
                    "of the baseline do.")
        return (f"No attraction is seen before contact: from {plain(float(one['attraction_from']), 'm', 2)} outwards "
                "it is below the noise.")
    rest = "; in the others it is below the noise" if 0 < seen.sum() < len(good) else ""
    return (f"An attraction is seen before contact in {int(seen.sum())} of {len(good)} curves{rest}." if seen.any() else
            f"No attraction is seen before contact in {len(good)} curves: it is below the noise.")


def _doubted(made: xr.Dataset) -> bool:
    """Whether something is in a table that its law does not hold; the findings say what."""
    return bool(made["flag"].values[0] == Outcome.misfit)


def _findings(made: xr.Dataset, good: np.ndarray) -> tuple[Finding, ...]:
    """The numbers of the law, or of the middle one of many."""
    if "contact_attraction" not in made and _doubted(made):
        return ()
    if "contact_attraction" not in made:
        return _table_findings(made.isel(curve=int(good[0])))
    attracts = float(np.median(made["contact_attraction"].values[good])) < 0
    name = "attraction at contact" if attracts else "long-range force at contact"
    rows = [Finding(name, _middle(made, good, "contact_attraction", "N"),
                    "The long-range part where the tip touches, by the contact side of a jump where there is one; "
                    "negative attracts."),
            Finding("modulus at vanishing depth", _middle(made, good, "modulus", "Pa"),
                    f"The contact part, {made.attrs['model']}, without its discrepancy; for that radius and spring "
                    "constant.")]
    width = float(np.median(made["attraction_exponent_std"].values[good]))
    if width < _TOLD * _PRIOR_STD and np.isfinite(made["attraction_to"].values[good]).mean() > 0.5:
        middle = float(np.median(made["attraction_exponent"].values[good]))
        rows.append(Finding("exponent of the attraction", measurement(middle, "1", [(width, "")]),
                            "The power by which it falls with the distance; 2 for van der Waals forces of a sphere."))
    return tuple(rows)


def _table_findings(one: xr.Dataset) -> tuple[Finding, ...]:
    """The largest attraction within the data, and what is left of the force at the end of the extrapolation."""
    z = one["separation"].values
    inside = (z >= float(one["bin_separation"].min())) & (z <= float(one["bin_separation"].max()))
    least = int(np.argmin(np.where(inside, one["force"].values, np.inf)))
    rows = []
    far = f"force at {plain(float(z[-1]), 'm', 2)}"
    for name, at, meaning in (("largest attraction", least, "The least force of the law within the data."),
                              (far, len(z) - 1, "Extrapolated, by a decay about as 1/z^2.")):
        value, low, high = (float(one[f"force{end}"][at]) for end in ("", "_low", "_high"))
        where = f" at {plain(float(z[at]), 'm', 2)}" if at == least else ""
        if at == least and high >= 0:
            rows.append(Finding(name, f"none is told from zero (at most {plain(max(-low, 0.0), 'N', 2)}, 95 %){where}",
                                meaning))
            continue
        rows.append(Finding(name, f"{plain(value, 'N')} ({spread(low, high, 'N')}, 95 %){where}", meaning))
    return tuple(rows)


def _middle(made: xr.Dataset, good: np.ndarray, name: str, unit: str) -> str:
    """The value with its band of 95 %; of many curves the median, and of the ends of their bands."""
    told = good[np.isfinite(made[name].values[good])]
    if not len(told):
        return "not told"
    middle, low, high = (float(np.median(made[name + end].values[told])) for end in ("", "_low", "_high"))
    text = f"{plain(middle, unit)} ({spread(low, high, unit)}, 95 %)"
    if name == "modulus" and low <= 0 < high:
        text = f"below {plain(high, unit, 2)} (97.5 %), not told from zero"
    many = f", median of {count_of(len(told), 'curve')} and of the ends of their bands"
    return text + many * (len(good) > 1)


def _remarks(made: xr.Dataset, good: np.ndarray) -> list[str]:
    said = []
    sessions = len(set(made["session"].values.tolist())) if "session" in made.coords else 1
    if sessions > 1:
        said.append(f"The curves are of {sessions} sessions, whose medians mean little: take one at a time.")
    if len(good) > _DRAWN:
        said.append(f"Drawn are {_DRAWN} of {len(good)} laws; all are in the table beside this page.")
    if "discrepancy" not in made:
        return said
    share = np.abs(made["discrepancy"].values[good])
    large = int((share > np.maximum(_LARGE, 2 * made["discrepancy_std"].values[good])).sum())
    if large:
        said.append(f"In {count_of(large, 'curve')} it shows that more than {100 * _LARGE:.0f} % of the elastic force "
                    f"is none of {made.attrs['model']}: its modulus is an extrapolation to vanishing depth, not a "
                    "property of the sample, until the model or the sensitivity is right.")
    if waves := int((made["attraction_like_waves"].values[good] > 0).sum()) if len(good) > 1 else 0:
        said.append(f"In {count_of(waves, 'curve')} what looks like an attraction falls no faster than 1/z, as slow "
                    "waves of the baseline do: none is told there.")
    if loud := int((made["flag"].values[good] == Outcome.misfit).sum()):
        said.append(f"In {count_of(loud, 'curve')} the law leaves more than the baseline's noise: bands are wider by "
                    "that.")
    modulus = made["modulus"].values[good]
    if bounded := int((made["modulus_low"].values[good] <= 0).sum()):
        said.append(f"In {count_of(bounded, 'curve')} the modulus is not told from zero: it is below modulus_high of "
                    "the table, and no more is said of it (flag bound_hit). The force law stands.")
    if soft := int(((made["flag"].values[good] == Outcome.bound_hit) & ~np.isfinite(modulus)).sum()):
        said.append(f"In {count_of(soft, 'curve')} the noise moves the tip by more than a tenth of the indentation: "
                    "the lever is too soft, or too noisy, for modulus and attraction at contact to be told.")
    if cut := int((made["flag"].values[good] == Outcome.saturated).sum()):
        said.append(f"In {count_of(cut, 'curve')} the detector was saturated: the samples at its end are left out.")
    if stuck := int((made["flag"].values[good] == Outcome.not_converged).sum()):
        said.append(f"In {count_of(stuck, 'curve')} the draws hardly moved: do not use their bands; more --draws may "
                    "help.")
    return said


def _panels(one: xr.Dataset, curve: int, many: int) -> list[Panel]:
    """The figures of one law."""
    name = f"Curve {curve}: " if many > 1 else ""
    parts = [str(part).replace("_", " ") for part in one["part"].values]
    factor, unit = prefix(float(np.nanmax(np.abs(one["bin_force"].values))), "N")
    z, far = one["separation"].values, one["separation"].values > 0
    data_z, data = one["bin_separation"].values, (one["bin_force"] - one["bin_baseline"]).values / factor
    length, metre = prefix(float(np.abs(z[~far]).max(initial=0.0)) or float(np.median(z)), "m")
    law = _line("law", z, one, ("force", "force_low", "force_high"), factor)
    split = [_line(part, z, one.isel(part=i), ("part_force", "part_low", "part_high"), factor)
             for i, part in enumerate(parts)]
    both = [Line(_seen_as(one), data_z, data, dots=True), law]
    close = z <= _BEYOND * np.abs(z[~far]).max(initial=0.0) if (~far).sum() > 1 else far
    figures = [_shaded(lines([_cut(line, close, z, length) for line in both], "law", f"separation ({metre})",
                             f"force ({unit})"), one, length),
               _shaded(lines([_cut(line, close, z, length) for line in split], "parts", f"separation ({metre})",
                             f"force ({unit})"), one, length)]
    outside = _outside(one, z, far, data_z)
    words = ("Bands: 95 %. Shaded: extrapolated, between the nearest sample before contact and the first one in "
             "contact. The baseline's level and tilt are taken off the data. Before contact, law and band are drawn to "
             "three times the range of the data there, and end flat where they go on." if "contact" in parts else
             "Bands: 95 %. Shaded: extrapolated, nearer or farther than the data.")
    where = "before contact" if "contact" in parts else "long range"
    if "observed" in one.attrs:
        return [_shifts(one), Panel(f"{name}force law", words, tuple(figures)),
                Panel("long range, and what is not known", "Epistemic: what more data would lessen. The noise of the "
                      "frequency shifts is no force; it is drawn with them.", (outside, _unknown(one, z, far)))]
    place = ", and of its place on a steep law" if "contact" in parts else ""
    return [Panel(f"{name}force law", words, tuple(figures)),
            Panel(f"{name}{where}, and what is not known", "Epistemic: what more data of the same curve would "
                  f"lessen. Noise of one further sample: of its force{place}.", (outside, _unknown(one, z, far)))]


def _shifts(one: xr.Dataset) -> Panel:
    """What was measured and what the law has of it, and what is not known of that."""
    z, measured = one["bin_separation"].values, one["bin_frequency_shift"].values
    length, metre = prefix(float(np.median(z)), "m")
    data = measured - one["bin_frequency_shift_level"].values
    factor, unit = prefix(float(np.abs(data).max()), "Hz")
    fit, low, high, std = (one[f"bin_frequency_shift_fit{end}"].values for end in ("", "_low", "_high", "_std"))
    noise = float(one["frequency_shift_noise_std"])
    over = lines([Line("measured", z / length, data / factor, dots=True),
                  Line("of the law", z / length, fit / factor, low / factor, high / factor)], "frequency shift",
                 f"closest approach ({metre})", f"frequency shift ({unit})", logarithmic_x=True)
    factor, unit = prefix(noise, "Hz")
    unknown = lines([Line("epistemic", z / length, std / factor),
                     Line("noise of one further shift (aleatoric)", z / length, np.full(len(z), noise / factor))],
                    "standard uncertainties", f"closest approach ({metre})", f"frequency shift ({unit})",
                    logarithmic=True)
    return Panel("frequency shifts", "Band: 95 %. Level, tilt and slow drift, as far as the data show them, are taken "
                 "off what was measured. Epistemic: what more data would lessen; aleatoric: the noise of one further "
                 "shift.",
                 (over, unknown))


def _line(label: str, z: np.ndarray, one: xr.Dataset, names: tuple[str, str, str], factor: float) -> Line:
    """A line with its band: (value, low, high)."""
    value, low, high = (one[name].values / factor for name in names)
    return Line(label, z, value, low, high)


def _seen_as(one: xr.Dataset) -> str:
    return "data" if "observed" not in one.attrs else "Sader-Jarvis"


def _cut(line: Line, close: np.ndarray, z: np.ndarray, length: float) -> Line:
    """The part of a line that the figure shows, in its unit of length."""
    use = line.x <= z[close].max() if line.dots else close
    low, high = (None if end is None else end[use] for end in (line.low, line.high))
    return Line(line.label, line.x[use] / length, line.y[use], low, high, line.dots)


def _shaded(plot: figure, one: xr.Dataset, length: float, *, inside: bool = True) -> figure:
    """The figure with gray boxes where nothing was measured: nearer, and farther where the law is told there."""
    from bokeh.models import BoxAnnotation

    there = one["bin_separation"].values[np.isfinite(one["bin_separation"].values)] / length
    nearest = float(there[there > 0].min(initial=np.inf))
    if np.isfinite(nearest):
        box = BoxAnnotation(right=nearest, fill_color="#888888", fill_alpha=0.14, line_alpha=0)
        if inside:
            box.left = float(there[there <= 0].max()) if (there <= 0).any() else 0.0
        plot.add_layout(box)
    if float(one["separation"].max()) / length > _FARTHER * there.max():
        plot.add_layout(BoxAnnotation(left=float(there.max()), fill_color="#888888", fill_alpha=0.14, line_alpha=0))
    return plot


def _outside(one: xr.Dataset, z: np.ndarray, far: np.ndarray, data_z: np.ndarray) -> figure:
    """The law before contact over a logarithmic separation, as far as the range of the data there goes."""
    there, length, metre = data_z > 0, *prefix(float(np.median(z[far])), "m")
    data = (one["bin_force"] - one["bin_baseline"]).values[there]
    size = 3 * float(np.abs(data).max(initial=1e-30))
    factor, unit = prefix(size, "N")
    law, low, high = (np.clip(one[f"force{end}"].values[far], -size, size) / factor for end in ("", "_low", "_high"))
    drawn = [Line(_seen_as(one), data_z[there] / length, data / factor, dots=True),
             Line("law", z[far] / length, law, low, high)]
    title = "before contact" if "contact" in one["part"].values else "law"
    plot = lines(drawn, title, f"separation ({metre})", f"force ({unit})", logarithmic_x=True)
    return _shaded(plot, one, length, inside=False)


def _unknown(one: xr.Dataset, z: np.ndarray, far: np.ndarray) -> figure:
    """The standard uncertainties over a logarithmic separation."""
    length, metre = prefix(float(np.median(z[far])), "m")
    kinds = {"epistemic": "force_std_epistemic", "noise of the force": "force_std_noise",
             "noise of the place": "force_std_position"}
    found = {label: one[name].values[far] for label, name in kinds.items() if name in one}
    factor, unit = prefix(float(np.nanmax([np.nanmedian(values) for values in found.values()])), "N")
    drawn = [Line(label, z[far] / length, values / factor) for label, values in found.items()]
    return lines(drawn, "standard uncertainties", f"separation ({metre})", f"force ({unit})", logarithmic=True)

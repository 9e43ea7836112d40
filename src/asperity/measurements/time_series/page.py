"""The page about a recorded motion: its modes, how far it is predicted, and the force at the tip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from asperity.learning.outcome import Outcome
from asperity.report.numbers import count_of, decimals_of, measurement, plain, prefix, rounded, spread
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, legend_above, lines
from asperity.report.style import DATA, FIT, MUTED, quiet_figure

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["defended", "page"]

_CERTAIN = 0.05  # residual, to which a mode is named
_ROWS = 8  # modes in the table
_COARSE = 0.1  # of a modulus: width of its interval, from which it has two digits
_TWO = 1.96  # standard deviations to the ends of 95 %
_BEYOND = 1.0  # depths of contact, to which the force is drawn


def page(made: xr.Dataset) -> Page:
    """The page about the result of `asperity.measurements.time_series.series.series_model`."""
    said, rows = json.loads(made.attrs["findings"]), _rows(made)
    panels = [Panel("frequencies", "Eigenvalues of the map from one window to the next, by their residual: inside of "
                    "the circle they die out. A residual is not an error: a mode is verified as far as it says. "
                    "A motion that still settles beats about its drive, whose frequency is then none of these.",
                    (_plane(made),), ("frequency", "95 %", "rate of decay", "95 %", "rms", "residual"), rows),
              Panel("prediction", "Held-out episodes, predicted from windows in their first half; 1 is as good as "
                    "their mean. With products, the lifted state evolves linearly, or is lifted anew before each step.",
                    (_horizon(made),))]
    if "harmonic_real" in made:
        panels.append(Panel("harmonics of the settled motion", "Measured and foretold by the law, with the ends of "
                            "95 % of the noise; right: what is left over its standard deviation, real and imaginary "
                            f"parts. Chi-square {float(made['chi_square']):.4g}, "
                            f"{int(made['degrees_of_freedom'])} degrees of freedom.", (_harmonics(made), _rest(made))))
    if "tip_force" in made:
        caption = ("Band: 95 %, of what is stated." if defended(made) else
                   "Not to be used: see what is said above. The band, 95 % of what is stated, does not hold that.")
        panels.append(Panel("force at the tip", caption, (_law(made),)))
    return Page("motion", Path(str(made.attrs["file"])).name, _headline(made), _findings(made), tuple(said),
                tuple(panels))


def _headline(made: xr.Dataset) -> str:
    sure = _verified(made)
    words = (f"{count_of(len(sure), 'frequency').replace('frequencys', 'frequencies')} with a residual below {_CERTAIN}"
             if len(sure) else "No frequency is verified")
    if made["flag"] == Outcome.saturated:
        return f"{words}; the record is cut off, and tells no force."
    if "harmonic_real" not in made and "tip_force" not in made:
        return f"{words}."
    if "harmonic_real" in made:
        return f"{words}; {_of_law(made)}"
    if made["flag"] == Outcome.converged:
        return f"{words}; the force at the tip is recovered."
    if defended(made):
        return f"{words}; the force at the tip is recovered, but it is not that of this contact."
    return f"{words}; no force that can be defended."


def _of_law(made: xr.Dataset) -> str:
    """What a settled motion tells of its contact."""
    if made["flag"] == Outcome.converged:
        return "a law of contact fits its harmonics, and they tell the modulus."
    if made["flag"] == Outcome.bound_hit:
        return "a law of contact fits its harmonics, but they do not tell the modulus."
    return "no law of this contact that can be defended."


def defended(made: xr.Dataset) -> bool:
    """Whether the force is to be believed: a contact is only sought where it is."""
    return bool(made["flag"] == Outcome.converged) or "contact_misfit" in made


def _verified(made: xr.Dataset) -> np.ndarray:
    """Modes that oscillate and have a small residual."""
    return np.flatnonzero((made["residual"].values < _CERTAIN) & (made["frequency"].values > 0))


def _findings(made: xr.Dataset) -> tuple[Finding, ...]:
    rows = []
    if len(sure := _verified(made)):
        one = made.isel(mode=int(sure[np.argmax(made["contribution"].values[sure])]))
        rows.append(Finding("strongest verified frequency", _ends(one, "frequency"),
                            f"{plain(float(one['contribution']), 'm', 3)} rms; residual {float(one['residual']):.2g}; "
                            f"rate of decay {_ends(one, 'damping_rate')}."))
    last = float(made["prediction_time"][-1])
    best = {str(name): float(made[name][-1]) for name in made.data_vars if str(name).startswith("prediction_error")}
    words = {"prediction_error": "linear", "prediction_error_lifted": "with products",
             "prediction_error_relifted": "re-lifted"}
    told = [f"{words[name]} {value:.2g}" if np.isfinite(value) else f"{words[name]} diverges"
            for name, value in best.items()]
    rows.append(Finding(f"error after {plain(last, 's', 2)}", ", ".join(told),
                        "Of held-out episodes, rms over the rms of the signal."))
    if "tip_force" in made and defended(made):
        top = int(np.argmax(made["tip_force"].values))
        rows.append(Finding("largest force", measurement(float(made["tip_force"][top]), "N",
                                                         [(float(made["tip_force_std"][top]), "")]),
                            f"At {plain(float(made['distance'][top]), 'm', 3)}."))
    if "modulus_high" in made and "modulus" in made:
        digits = 2 if made["modulus_high"] - made["modulus_low"] > _COARSE * made["modulus"] else 3
        value = plain(float(made["modulus"]), "Pa", digits)
        rows.append(Finding("modulus", f"{value} ({_interval(made)}, 95 %)", made["modulus"].attrs["long_name"] + "."))
    elif "modulus_high" in made:
        rows.append(Finding("modulus", f"not told: {_interval(made)} (95 %)", "What the record leaves of it."))
    for name, unit in (("modulus", "Pa"), ("contact_attraction", "N"), ("contact_point", "m")):
        if name in made and not (name == "modulus" and "modulus_high" in made):
            rows.append(Finding(name.replace("_", " "), measurement(
                float(made[name]), unit, [(float(made[f"{name}_std"]), "")]), made[name].attrs["long_name"] + "."))
    return tuple(rows)


def _interval(made: xr.Dataset) -> str:
    """The interval of the modulus, which may be open."""
    low, high = float(made["modulus_low"]), float(made["modulus_high"])
    if np.isfinite(high):
        return spread(low, high, "Pa") if low > 0 else f"{plain(high, 'Pa', 2)} at most"
    return f"{plain(low, 'Pa', 2)} at least" if low > 0 else "anything"


def _ends(one: xr.Dataset, name: str) -> str:
    value, ends = _pair(one, name)
    return value + (f" ({ends}, 95 %)" if ends else " (too few episodes for an interval)")


def _pair(one: xr.Dataset, name: str) -> tuple[str, str]:
    """A number and the ends of its interval, "" where there is none.

    An interval of a rate of decay that holds 0 tells neither decay nor growth; one below it tells growth.
    """
    value, low, high = (float(one[name + end]) for end in ("", "_low", "_high"))
    if name == "frequency":
        return plain(value, "Hz", 5), spread(low, high, "Hz") if np.isfinite(low) else ""
    written = f"{rounded(value, decimals_of(value, 3))} 1/s"
    if not np.isfinite(low):
        return written, ""
    places = decimals_of(high - low) if high > low else decimals_of(value, 3)
    ends = f"{rounded(low, places)} to {rounded(high, places)} 1/s"
    return "not told from 0" if low <= 0 <= high else written + " (grows)" * (high < 0), ends


def _rows(made: xr.Dataset) -> tuple[tuple[str, ...], ...]:
    found = []
    for mode in range(min(made.sizes["mode"], _ROWS)):
        one = made.isel(mode=mode)
        found.append((*_pair(one, "frequency"), *_pair(one, "damping_rate"), plain(float(one["contribution"]), "m", 2),
                      f"{float(one['residual']):.2g}"))
    return tuple(found)


def _plane(made: xr.Dataset) -> figure:
    """Eigenvalues with their residual as color, and the unit circle."""
    from bokeh.models import ColorBar, LogColorMapper

    plot = quiet_figure("eigenvalues", "real part", "imaginary part", frame_width=320, frame_height=320,
                        match_aspect=True)
    turn = np.linspace(0, 2 * np.pi, 181)
    plot.line(np.cos(turn), np.sin(turn), color="#9aa4ae")
    real, imaginary = made["eigenvalue_real"].values, made["eigenvalue_imaginary"].values
    residual = np.tile(made["residual"].values, 2)
    mapper = LogColorMapper(palette="Viridis256", low=max(float(residual.min()), 1e-9),
                            high=max(float(residual.max()), 1e-8))
    drawn = plot.scatter("x", "y", size=9, line_color="#1c2733", source={
        "x": np.tile(real, 2), "y": np.concatenate([imaginary, -imaginary]), "residual": residual})
    drawn.glyph.fill_color = {"field": "residual", "transform": mapper}
    bar = ColorBar(color_mapper=mapper, width=11, title="residual", major_label_text_font_size="11px")
    plot.add_layout(bar, "right")
    return plot


def _horizon(made: xr.Dataset) -> figure:
    ahead = made["prediction_time"].values
    factor, unit = prefix(float(ahead[-1]), "s")
    labels = {"prediction_error": "linear", "prediction_error_lifted": "with products, linear",
              "prediction_error_relifted": "with products, re-lifted"}
    plot = lines([Line(label, ahead / factor, made[name].values) for name, label in labels.items()], "error ahead",
                 f"time ahead ({unit})", "rms error over rms signal", logarithmic=True)
    errors = np.concatenate([made[name].values for name in labels])
    if (errors := errors[np.isfinite(errors) & (errors > 0)]).size:  # whole decades: both ends have a number
        plot.y_range.update(start=10.0 ** np.floor(np.log10(errors.min())), end=10.0 ** np.ceil(np.log10(errors.max())))
    return plot


def _harmonics(made: xr.Dataset) -> figure:
    """Amplitudes of the harmonics of every record, measured and foretold."""
    plot = quiet_figure("harmonics", "multiple of the drive's frequency", "amplitude (pm)", frame_width=330,
                        frame_height=300, y_axis_type="log")
    for record in range(made.sizes["record"]):
        one = made.isel(record=record)
        seen, foretold = (np.hypot(one[f"harmonic_{kind}real"].values, one[f"harmonic_{kind}imaginary"].values) * 1e12
                          for kind in ("", "fitted_"))
        half, number = _TWO * one["harmonic_std"].values * 1e12, np.arange(float(len(seen)))
        use = np.isfinite(seen) & (number > 0)
        low = np.maximum((seen - half)[use], 0.01 * half[use])
        plot.segment(number[use], low, number[use], (seen + half)[use], color=DATA)
        plot.scatter(number[use], seen[use], size=5, color=DATA, legend_label="measured, 95 %")
        plot.scatter(number[use], foretold[use], size=9, color=FIT, marker="cross", legend_label="law")
    legend_above(plot)
    return plot


def _rest(made: xr.Dataset) -> figure:
    """What the law leaves of the harmonics, over its standard deviation."""
    plot = quiet_figure("what is left", "multiple of the drive's frequency", "standard deviations", frame_width=270,
                        frame_height=300)
    number = np.tile(np.arange(float(made.sizes["harmonic"])), made.sizes["record"])
    for part, color in (("real", DATA), ("imaginary", FIT)):
        left = (made[f"harmonic_{part}"] - made[f"harmonic_fitted_{part}"]) / made["harmonic_std"]
        plot.scatter(number, left.values.ravel(), size=5, color=color, legend_label=part)
    for end in (-_TWO, _TWO):
        plot.line([0, number.max()], [end, end], color=MUTED, line_dash="dotted")
    legend_above(plot)
    return plot


def _law(made: xr.Dataset) -> figure:
    """The force where it is large, with its band."""
    at, force = made["distance"].values, made["tip_force"].values
    (length, metre), (factor, unit) = prefix(float(np.ptp(at)), "m"), prefix(float(np.abs(force).max()), "N")
    end = at[int(np.argmin(force))] if force.min() < 0 else at[int(np.argmax(force < 0.02 * force[0]))]
    use = at <= end + _BEYOND * max(end - at[0], 0.05 * np.ptp(at))
    low, high = (made[f"tip_force_{side}"].values[use] / factor for side in ("low", "high"))
    return lines([Line("force", at[use] / length, force[use] / factor, low, high)], "force", f"distance ({metre})",
                 f"force ({unit})")

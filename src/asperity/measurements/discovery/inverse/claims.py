"""What a design says in words: the proposal with its probability, or why the targets cannot be met."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from asperity.report.numbers import count_of, plain

__all__ = ["aim_in_words", "claims", "design_in_words", "factor_in_words", "in_percent", "named", "of_role"]

_AT_END = 1e-3  # in ln, by which a variable may be off the end of its range and still be told to be at it
_SURE = 0.999  # a probability above it is no constraint
_LIKE = 1e-3  # relative difference of two factors that are told as one


#: what is made over what was asked for
_MADE = {"load_ratio": "true over set load", "radius_ratio": "true over ordered radius",
         "thickness_ratio": "true over planned thickness", "density_ratio": "built over planned density",
         "stretch_factor": "stretched lattices over their formula", "bend_factor": "bent lattices over their formula"}


def named(name: str) -> str:
    """A name as people write it; ``load_ratio_std`` is ``true over set load ±``."""
    known = name.removesuffix("_std")
    words = _MADE.get(known, known.replace("_", " ").replace("pull off", "pull-off"))
    return f"{words} \u00b1" if name.endswith("_std") else words


def of_role(made: xr.Dataset, role: str) -> xr.Dataset:
    """The designs with this role."""
    return made.isel(design=np.flatnonzero(made["role"].values == role))


def in_percent(share: float, digits: int = 1) -> str:
    """``90.7 %``; what draws cannot tell from all or nothing with a bound."""
    return f"{100 * share:.{digits}f} %"


def factor_in_words(factor: float) -> str:
    """``a factor of 1.33``, or that nothing helps."""
    return f"a factor of {factor:.3g}" if np.isfinite(factor) else "no factor"


def aim_in_words(made: xr.Dataset, name: str, row: xr.Dataset) -> str:
    """``pull-off force 35 nN (28 to 44 nN; at most 70 nN)``."""
    unit, value = made[name].attrs["units"], float(row[name])
    low, high = (plain(float(row[f"{name}_{end}"]), unit) for end in ("low", "high"))
    bound = bound_in_words(made, name)
    return f"{_short(name)} {plain(value, unit)} ({low} to {high}{f'; {bound}' if bound else ''})"


def _short(name: str) -> str:
    return named(name.removeprefix("least_"))


def bound_in_words(made: xr.Dataset, name: str, factor: float = 1.0) -> str:
    """``at most 70 nN``; widened by a factor; "" where there is no bound."""
    one = made.sel(aim=name)
    if not np.isfinite(bound := float(one["bound"])):
        return ""
    small, unit = bool(one["small"]), made[name].attrs["units"]
    return f"at {'most' if small else 'least'} {plain(bound * factor if small else bound / factor, unit)}"


def design_in_words(made: xr.Dataset, row: xr.Dataset) -> str:
    """``radius 71 nm, load 64 nN``, with the alternative where there are several."""
    chosen = [f"{named(name)} {plain(float(row[name]), made[name].attrs['units'])}" for name in chosen_of(made)]
    alternative = str(row["alternative"].values)
    return ", ".join([*([alternative] if alternative else []), *chosen])


def chosen_of(made: xr.Dataset) -> list[str]:
    """The names of what may be chosen."""
    return [str(name) for name in made.data_vars if made[name].attrs.get("role") == "chosen"]


def claims(made: xr.Dataset, remarks: Sequence[str] = (), taken: Mapping[str, str] | None = None) -> list[str]:
    """One sentence each, the headline first; ``taken`` are inputs in words that nobody gave."""
    row = of_role(made, "proposal").isel(design=0)
    said = [_headline(made, row), *_certificate(made), _proposal(made, row), *_weakest(made, row), *_ends(made, row),
            *_optimum(made, row), *_front(made), *remarks, _draws(made)]
    if taken:
        said.append("ASSUMED, because nobody said it: " + ", ".join(f"{named(name)} {value}"
                                                                    for name, value in taken.items()) + ".")
    return said


def _chance(row: Any) -> str:
    low, high = (in_percent(float(row[f"probability_{end}"])) for end in ("low", "high"))
    return f"{in_percent(float(row['probability']))} ({low} to {high} by the number of draws)"


def _headline(made: xr.Dataset, row: xr.Dataset) -> str:
    what = design_in_words(made, row)
    if made.attrs["reached"]:
        return f"Proposed: {what}. It meets all targets with a probability of {_chance(row)}."
    if float(made["widening"]) <= 1:
        return (f"No design was found that meets all targets with {in_percent(made.attrs['wanted'], 0)}, though the "
                f"best estimate can: the likeliest, {what}, meets them with {_chance(row)}.")
    return (f"No design meets all targets, even by the best estimate. The likeliest, {what}, meets them with "
            f"{_chance(row)}.")


def _certificate(made: xr.Dataset) -> list[str]:
    """By how much which bounds must give, by the best estimate and for the wanted probability."""
    said = []
    for mark, words in (("", "Certificate, by the best estimate"),
                        ("_wanted", f"To meet each bound with {in_percent(made.attrs['wanted'], 0)}")):
        factor = float(made[f"widening{mark}"])
        if not factor > 1:
            continue
        alone = made[f"widening_alone{mark}"]
        helps = [str(name) for name in made["aim"].values if 1 < float(alone.sel(aim=name)) < np.inf]
        each = [f"{_short(name)} {bound_in_words(made, name, float(alone.sel(aim=name)))} instead of "
                f"{bound_in_words(made, name)} ({factor_in_words(float(alone.sel(aim=name)))})" for name in helps]
        alike = f"all bounds together must give by {factor_in_words(factor)}"
        said.append(f"{words}: {alike}; or one alone: {'; '.join(each)}." if each
                    else f"{words}: {alike}; no bound alone is enough.")
        helpless = [_short(str(name)) for name in made["aim"].values if float(alone.sel(aim=name)) == np.inf]
        if each and helpless:
            said.append(f"No help alone: {', '.join(dict.fromkeys(helpless))}.")
    return said


def _proposal(made: xr.Dataset, row: xr.Dataset) -> str:
    names = [str(name) for name in made["aim"].values if not str(name).startswith("least_")]
    return "With it (90 % of the draws): " + "; ".join(aim_in_words(made, name, row) for name in names) + "."


def _weakest(made: xr.Dataset, row: xr.Dataset) -> list[str]:
    each = row["probability_of_each"]
    name = str(made["aim"].values[int(np.argmin(each.values))])
    if float(each.min()) > _SURE:
        return []
    return [f"The bound that is missed most often is that of the {_short(name)} ({bound_in_words(made, name)}): met in "
            f"{in_percent(float(each.min()))}."]


def _ends(made: xr.Dataset, row: xr.Dataset) -> list[str]:
    """What is chosen at an end of the range that is looked at."""
    said = []
    for name, (low, high) in json.loads(made.attrs.get("ranges", "{}")).items():
        for end, word in ((low, "smallest"), (high, "largest")):
            if abs(np.log(float(row[name]) / end)) < _AT_END:
                unit = made[name].attrs["units"]
                said.append(f"The {named(name)} is the {word} that is looked at ({plain(end, unit)}): the "
                            "range decides, not the targets.")
    return said


def _optimum(made: xr.Dataset, row: xr.Dataset) -> list[str]:
    best = of_role(made, "optimum")
    if not best.sizes["design"]:
        return []
    one, prefer = best.isel(design=0), made.attrs["prefer"]
    unit = made[prefer].attrs["units"]
    return [f"Without back-off the optimum is {design_in_words(made, one)} ({named(prefer)} "
            f"{plain(float(one[prefer]), unit)} for {plain(float(row[prefer]), unit)}); it meets all targets with only "
            f"{in_percent(float(one['probability']))}, for an optimum lies on a bound and the truth on either side."
            if float(one["probability"]) < float(row["probability"]) else
            f"The optimum by the best estimate, {design_in_words(made, one)}, is no less sure."]


def _front(made: xr.Dataset) -> list[str]:
    found = of_role(made, "front")
    if not (count := found.sizes["design"]):
        return ["There is no front: no design is within the limits."]
    names = json.loads(made.attrs["objectives"])
    ends = [" with ".join(f"{named(name)} {plain(float(found[name][i]), made[name].attrs['units'])}" for name in names)
            for i in (0, count - 1)]
    listed = int(made.attrs.get("listed", 0))
    out_of = f", of {listed:,} that were all worked out" if listed else ""
    about = "" if listed else " and a factor of ten of the targets"
    return [f"The front within the limits{about} ({count_of(count, 'design')}{out_of}) goes from {ends[0]} to "
            f"{ends[1]}."]


def _draws(made: xr.Dataset) -> str:
    curves = int(made.attrs["curves"])
    where = f" of {count_of(curves, 'curve')} of the results, one at random for each draw" if curves else ""
    return f"Probabilities are shares of draws of what is known{where}, which took no part in the search."

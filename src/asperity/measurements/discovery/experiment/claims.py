"""What a plan says: the lever and the load, the floor, which calibration would help most, or no, and why."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from asperity.measurements.discovery.calibration_levels import BEST
from asperity.measurements.discovery.experiment.judged import best, nearest
from asperity.report.numbers import plain

__all__ = ["answered", "at_design", "claims", "factor_in_words", "percent"]

_NOTICED = 0.02  # of a standard uncertainty: what a better calibration must save to be worth a sentence
_EDGE = 0.15  # of ln of a constraint, one step of the loads: nearer than that it binds
_LITTLE = 0.04  # of the variance, below which noise decides nothing: 2 % of the standard uncertainty
#: constraint -> (how it is broken, by a factor; what would hold it)
_BROKEN = {
    "mean pressure": ("the mean pressure is {} above the 1.1 yield stresses at which the sample flows",
                      "a blunter tip on a stiffer lever, or nanoindentation, which takes the modulus from the "
                      "unloading of a contact that has flowed"),
    "contact radius over tip radius": ("the contact radius is {} above the 0.3 tip radii up to which the tip is a "
                                       "paraboloid", "a larger tip"),
    "contact radius over thickness": ("the contact radius is {} above the part of the thickness from which on the base "
                                      "is felt", "a fit with the layer model (--layered), or a sharper tip"),
    "smallest deflection": ("the deflection is {} below the 2 nm that are told from noise", "a softer lever"),
    "largest deflection": ("the deflection is {} above the 500 nm up to which a photodiode is linear",
                           "a stiffer lever"),
    "smallest indentation": ("the indentation is {} below the 1 nm from which on a sample is a continuum",
                             "a stiffer lever with a sharper tip, or a thicker sample"),
    "lever too soft for the contact": ("the lever is {} below a tenth of the stiffness of the contact: it bends, and "
                                       "the sample does not", "a stiffer lever, or a sharper tip"),
    "lever too stiff for the contact": ("the lever is {} above 30 times the stiffness of the contact: it hardly bends",
                                        "a softer lever, or a larger tip"),
}


def percent(part: float) -> str:
    """A relative uncertainty: two digits, three of what is above 10 %."""
    value = 100 * part
    return f"{value:.3g} %" if value >= 10 else f"{value:.2g} %"


def _verdict(plan: xr.Dataset) -> str:
    """yes, near (only with a lever near its nominal values), uncalibrated, or impossible."""
    want = float(plan.attrs["want"]) * (1 + 1e-9)
    for end, word in (("_robust", "yes"), ("", "near")):
        found = best(plan, end)
        if found and float(plan[f"std{end}"].values[found]) <= want:
            return word
    return "uncalibrated" if best(plan) else "impossible"


def answered(plan: xr.Dataset) -> bool:
    """Whether the answer is yes, if only for a lever near its nominal values."""
    return _verdict(plan) in ("yes", "near")


def at_design(plan: xr.Dataset) -> tuple[int, int]:
    """Lever and load of the answer: over the range of a lever if one is feasible there, else with nominal values."""
    robust = None if _verdict(plan) == "near" else best(plan, "_robust")
    return robust or best(plan) or nearest(plan)


def claims(plan: xr.Dataset) -> list[str]:
    """The sentences, the answer first."""
    verdict, design = _verdict(plan), at_design(plan)
    if verdict == "impossible":
        return [*_refusal(plan, design), *_floor(plan)]
    return [_answer(plan, verdict, design), _place(plan, design), *_ranges(plan, design), *_floor(plan),
            *_calibrations(plan, design), *_noise(plan, design), *_edges(plan, design), *_base(plan, design)]


def _named(plan: xr.Dataset, design: tuple[int, int]) -> str:
    lever, load = design
    return f"{plan['lever'].values[lever]} at {plain(float(plan['load'].values[load]), 'N', 2)}"


def _of_what(plan: xr.Dataset) -> str:
    low, high = float(plan.attrs["modulus_low"]), float(plan.attrs["modulus_high"])
    return f"of {plain(low, 'Pa')}" if low == high else f"between {plain(low, 'Pa')} and {plain(high, 'Pa')}"


def _answer(plan: xr.Dataset, verdict: str, design: tuple[int, int]) -> str:
    want, robust = percent(float(plan.attrs["want"])), float(plan["std_robust"].values[design])
    std = float(plan["std"].values[design])
    if verdict == "yes":
        return (f"Yes: {_named(plan, design)} tells a modulus {_of_what(plan)} to {percent(robust)}, whatever lever "
                f"of this kind you get; wanted is {want}.")
    if verdict == "near":
        return (f"Yes, with a lever near its nominal values: {_named(plan, design)} tells a modulus {_of_what(plan)} "
                f"to {percent(std)}; wanted is {want}. Not every lever of the kind does.")
    there = float(plan["std_better"].sel(better="all").values[design])
    how = ("These calibrations are the limit, not the lever: " if there <= float(plan.attrs["want"]) else
           f"Not even with the best usual calibrations, {percent(there)}: ")
    return (f"No: {want} is out of reach. {how}the best, {_named(plan, design)}, tells a modulus {_of_what(plan)} "
            f"to {percent(std)}.")


def _place(plan: xr.Dataset, design: tuple[int, int]) -> str:
    indentation, deflection = float(plan["indentation"].values[design]), float(plan["deflection"].values[design])
    low, high = float(plan.attrs["modulus_low"]), float(plan.attrs["modulus_high"])
    of = "" if low == high else f" (a sample of {plain(math.sqrt(low * high), 'Pa', 2)}, the middle of the range)"
    return (f"There the tip indents by {plain(indentation, 'm', 2)} with a contact radius of "
            f"{plain(float(plan['contact_radius'].values[design]), 'm', 2)}, and the lever bends by "
            f"{plain(deflection, 'm', 2)}, {deflection / indentation:.2g} times the indentation{of}.")


def _ranges(plan: xr.Dataset, design: tuple[int, int]) -> list[str]:
    """What the range of the lever does, and what is left of it once it is calibrated."""
    lever, _ = design
    k, radius = plan["spring_constant"].values[lever], plan["radius"].values[lever]
    nominal, ends = best(plan), f"{plain(k[0], 'N/m', 2)} to {plain(k[2], 'N/m', 2)}"
    said = []
    if plan["feasible_robust"].values[design]:
        said.append(f"Over all levers of this kind (spring constant {ends}, radius {plain(radius[0], 'm', 2)} to "
                    f"{plain(radius[2], 'm', 2)}) it is {percent(float(plan['std_robust'].values[design]))} at worst, "
                    f"and with the nominal one {percent(float(plan['std'].values[design]))}.")
    else:
        said.append(f"Not every lever of this kind (spring constant {ends}) keeps all constraints at that load: "
                    "calibrate the one that you get first, and plan again with --spring-constant and --radius.")
    if nominal and nominal != design and plan["std"].values[nominal] < (1 - _NOTICED) * plan["std"].values[design]:
        said.append(f"Of levers with their nominal values the best is {_named(plan, nominal)}, "
                    f"{percent(float(plan['std'].values[nominal]))}.")
    return said


def _floor(plan: xr.Dataset) -> list[str]:
    k, s, radius = (float(plan.attrs[f"{name}_std"]) for name in ("spring_constant", "sensitivity", "radius"))
    what = f"spring constant {percent(k)}, sensitivity {percent(s)}, radius {percent(radius)}"
    if plan.attrs["thermal"]:
        return [f"No load does better than {percent(float(plan.attrs['floor']))} with these calibrations ({what}). A "
                "spring constant by the thermal method has the error of the sensitivity twice, the other way round: "
                "with the contact point fitted the two cancel where the lever bends by 0.57 of the indentation (2/3 at "
                "the end of a curve whose contact point is known)."]
    return [f"No load does better than {percent(float(plan.attrs['floor']))} with these calibrations ({what}): the "
            "spring constant and the sensitivity enter as they are, the radius by half, the sensitivity the more the "
            "lever bends."]


def _calibrations(plan: xr.Dataset, design: tuple[int, int]) -> list[str]:
    """What each calibration alone would save, the best first, and all together."""
    std, saved = float(plan["std"].values[design]), []
    for name in (str(one) for one in plan["better"].values):
        then = float(plan["std_better"].sel(better=name).values[design])
        if name != "all" and then < (1 - _NOTICED) * std:
            key = name.replace(" ", "_")
            now = float(plan.attrs[f"{key}_std"])
            saved.append((then, f"{name} known to {percent(BEST[key])} instead of {percent(now)}: "
                                f"{percent(std)} becomes {percent(then)}"))
    if not saved:
        return ["The calibrations are as good as they usually get."]
    words = [text for _, text in sorted(saved)]
    together = float(plan["std_better"].sel(better="all").values[design])
    all_of_them = f" All of them: {percent(together)}." if len(words) > 1 else ""
    return [f"What would help most: {'; '.join(words)}.{all_of_them}"]


def _noise(plan: xr.Dataset, design: tuple[int, int]) -> list[str]:
    part = plan["variance"].values[design]
    share, noise = part[-1] / part.sum(), math.sqrt(part[-1])
    curves = int(plan.attrs["curves"])
    if share < _LITTLE:
        return [f"Noise makes {percent(noise)} of it after {curves} curves: more curves would not help."]
    return [f"Noise makes {percent(noise)} of it after {curves} curves: four times as many would leave "
            f"{percent(math.sqrt(part.sum() - 0.75 * part[-1]))} in all."]


def _edges(plan: xr.Dataset, design: tuple[int, int]) -> list[str]:
    """The constraints that bind."""
    end = "_robust" if plan["feasible_robust"].values[design] else ""
    near = [str(name) for name, edge in zip(plan["constraint"].values, plan[f"margin{end}"].values[design])
            if -_EDGE < edge <= 0]
    return [f"On the boundary of what is allowed: {', '.join(near)}."] if near else []


def _base(plan: xr.Dataset, design: tuple[int, int]) -> list[str]:
    bias = float(plan.attrs.get("base_bias", 0.0))
    if bias < float(plan.attrs["want"]) / 2:
        return []
    return [f"Not counted above: fitted as a half-space, the base below the layer makes the modulus up to "
            f"{percent(bias)} too large, if it is bonded. Fit it with the model hertz_bonded_layer, and plan with "
            "--layered."]


def _refusal(plan: xr.Dataset, design: tuple[int, int]) -> list[str]:
    """No lever of the table: what forbids it, by how much, and what would be needed."""
    count, edge = plan.sizes["lever"], plan["margin"].values[design]
    which = f"none of the {count} levers" if count > 1 else f"{plan['lever'].values[0]} is not the lever that"
    broken = [(str(plan["constraint"].values[i]), float(edge[i])) for i in np.argsort(-edge) if edge[i] > 0]
    why = "; ".join(_BROKEN[name][0].format(factor_in_words(by)) for name, by in broken)
    needs = "; ".join(dict.fromkeys(_BROKEN[name][1] for name, _ in broken))
    said = [f"No: {which} can measure a modulus {_of_what(plan)} here, at any load.",
            f"The nearest is {_named(plan, design)}; but {why}."]
    others = [str(name) for name in _forbid(plan) if str(name) not in dict(broken)]
    if others:
        said.append(f"At other loads, and with the others of the table, stand in the way: {', '.join(others)}.")
    said.append(f"Against each of these alone would help: {needs}.")
    return [*said, *_probe(plan)]


def _forbid(plan: xr.Dataset) -> list[str]:
    """Constraints that are broken by some lever where its worst one is broken least."""
    edge = plan["margin"].values
    loads = edge.max(-1).argmin(1)
    broken = np.any(edge[np.arange(len(edge)), loads] > 0, axis=0)
    return [str(plan["constraint"].values[i]) for i in np.flatnonzero(broken)]


def factor_in_words(edge: float) -> str:
    """By how much a constraint is broken, from the ln of value over bound."""
    factor = math.exp(edge)
    if factor < 1.5:
        return f"{max(100 * (factor - 1), 1):.0f} %"
    return f"a factor of {factor:.0f}" if factor >= 10 else f"a factor of {factor:.2g}"


def _probe(plan: xr.Dataset) -> list[str]:
    margin = float(plan.attrs["probe_margin"])
    probe = (f"a tip of radius {plain(float(plan.attrs['probe_radius']), 'm', 2)} on "
             f"{plain(float(plan.attrs['probe_spring_constant']), 'N/m', 2)} at "
             f"{plain(float(plan.attrs['probe_load']), 'N', 2)}")
    if margin > 0:
        return ["What would be needed is another method: no tip and lever of any size would do, for the constraints "
                "exclude each other. Nanoindentation with a model of the substrate, or a thicker or free-standing "
                "sample."]
    return [f"What would be needed against all of them: {probe}, which the table does not have; it would tell the "
            f"modulus to {percent(float(plan.attrs['probe_std']))} with these calibrations. Nanoindentation is the "
            "other way."]

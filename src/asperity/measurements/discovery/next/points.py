"""The verb that says where to measure next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import provenance
from asperity.data.results import flag_attributes
from asperity.data.verbs import verb
from asperity.learning.discovery import acquisition, field, tour, variogram
from asperity.learning.discovery.acquisition import Cost
from asperity.learning.discovery.plan import PlacePlan, Site, plan
from asperity.measurements.discovery.next.sites import MappedCurves, measured, sites_of
from asperity.measurements.discovery.next.words import said
from asperity.messages import ArgumentError, known_keys, one_of, shown
from asperity.report.citing import citations

__all__ = ["GOALS", "NextVerdict", "Purpose", "next_points"]

#: what a map may be for
GOALS = ("modulus", "boundary")

_WIDE = 1.959964  # standard deviations to the ends of 95 %
_LEAST_CHECKS = 8  # curves that test a claim, at least,
_CHECKED = 0.05  # and this share of those that there are
_SEED = 0  # of the places that test a claim: the same results have the same ones


class NextVerdict(IntEnum):
    """What the results say of the next curves."""

    places = 0
    untold = 1
    grid = 2
    enough = 3


class Purpose(IntEnum):
    """What a curve is for."""

    measure = 0
    repeat = 1
    check = 2


@verb(results="results")
def next_points(results: xr.Dataset, goal: str = "modulus", *, budget: int = 16, area: Sequence[float] | None = None,
                spacing: float | None = None, threshold: float | None = None, target: float | None = None,
                cost: Mapping[str, float] | None = None, repeat_every: int = 25) -> xr.Dataset:
    """Where the next curves of a map tell most, whether it is enough, or that no choice of places can help.

    The same results give the same places: a loop that measures them, analyzes and calls again may be interrupted
    anywhere.

    Args:
        results: of force curves with places, at least 12 of them usable.
        goal: "modulus": its map; "boundary": which of two materials is where.
        budget: curves to record.
        area: left, bottom, right, top (m, or pixels where only row and column are known); default: that of the curves.
        spacing: of the sites to choose from; default: the lattice of the curves, or half of it where it is full.
        threshold: modulus between two materials (Pa); default: midway between two groups.
        target: the mean relative standard deviation of the modulus, or the share of misclassified places, that is
            enough.
        cost: ``curve_time`` (s) and ``travel_speed`` (m/s): places that are far are worth less.
        repeat_every: of so many curves one is recorded where the first one was; 0: none.

    Returns:
        over ``point`` in the order of a short way: ``x``, ``y``, ``purpose``, ``worth``, ``predicted_modulus`` with
        ``_low`` and ``_high`` (95 %, of a curve there); over ``place``, the sites of the area: ``place_modulus`` with
        ``_low`` and ``_high`` (95 %), ``place_std`` (relative) and ``place_wrong``; over ``measured``: what there
        was; over ``lag``: the variogram. ``verdict`` says which of places, even grid or enough it is.

    Raises:
        ArgumentError: an argument that cannot be. DataError: no modulus, no places, too few curves.
    """
    one_of("goal", goal, GOALS)
    priced = _cost(cost)
    if threshold is not None and goal == "modulus":
        raise ArgumentError(f"threshold = {shown(threshold)}: is between two materials; say goal = 'boundary' "
                            "(--for boundary)")
    curves = measured(results)
    sites = sites_of(curves, budget, area, spacing)
    if not len(sites.free):
        raise ArgumentError(f"spacing = {shown(spacing)}: every site of the area has a curve; give a smaller spacing "
                            "or a larger area")
    repeats = budget // repeat_every if repeat_every else 0
    start = curves.places[-1]
    found = plan(curves.places, curves.values, curves.noise, sites, budget - repeats, goal=goal,
                 threshold=None if threshold is None else float(np.log(threshold)),
                 cost=Cost(*priced, start) if priced else None)
    verdict = _verdict(found, goal, target)
    made = _dataset(curves, sites, found, verdict, _ordered(curves, sites, found, verdict, repeat_every))
    arguments: dict[str, Any] = {"goal": goal, "budget": budget, "area": None if area is None else list(area),
                                 "spacing": spacing, "threshold": threshold, "target": target, "cost": cost,
                                 "repeat_every": repeat_every}
    made = made.assign_attrs(goal=goal, unit=curves.unit, target=np.nan if target is None else target)
    made = made.assign_attrs(findings=json.dumps(said(made, curves, sites, found, priced)),
                             citations=json.dumps(citations(variogram, field, acquisition, tour)))
    return provenance.record(made, provenance.step("next_points", arguments), before=results)


def _cost(cost: Mapping[str, float] | None) -> tuple[float, float] | None:
    given = known_keys("cost", cost, ("curve_time", "travel_speed"))
    if not given:
        return None
    if len(given) < 2:
        raise ArgumentError(f"cost = {shown(dict(given))}: curve_time (--curve-time) and travel_speed (--travel-speed) "
                            "are compared with each other: give both")
    return float(given["curve_time"]), float(given["travel_speed"])


def _verdict(found: PlacePlan, goal: str, target: float | None) -> NextVerdict:
    if not found.related:
        return NextVerdict.untold if goal == "boundary" and not found.variogram.telling else NextVerdict.grid
    return NextVerdict.enough if target is not None and found.claim.left <= target else NextVerdict.places


def _ordered(curves: MappedCurves, sites: Site, found: PlacePlan, verdict: NextVerdict,
             every: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, worth and purpose in the order of the way; the first place of all is gone back to after ``every``."""
    chosen, worth, purpose = found.chosen, found.worth, Purpose.measure
    if verdict == NextVerdict.enough:
        count = min(max(_LEAST_CHECKS, round(_CHECKED * len(curves.values))), len(sites.free))
        chosen = np.random.default_rng(_SEED).permutation(len(sites.free))[:count]
        worth, purpose = np.zeros(count), Purpose.check
    along = tour.tour(sites.free[chosen], curves.places[-1])
    places, worth = sites.free[chosen][along], worth[along]
    purposes = np.full(len(places), int(purpose), np.int8)
    after = np.arange(every - 1, len(places) + 1, every - 1) if every > 1 else np.arange(0)
    if every == 1:
        return np.repeat(curves.places[:1], len(places), axis=0), 0 * worth, np.full(len(places), 1, np.int8)
    return (np.insert(places, after, curves.places[0], axis=0), np.insert(worth, after, 0.0),
            np.insert(purposes, after, np.int8(Purpose.repeat)))


def _dataset(curves: MappedCurves, sites: Site, found: PlacePlan, verdict: NextVerdict,
             ordered: tuple[np.ndarray, np.ndarray, np.ndarray]) -> xr.Dataset:
    places, worth, purpose = ordered
    known = found.known
    there = field.seen(found.field, curves.places, curves.values, curves.noise, places)
    own = float(np.median(curves.noise)) + found.field.nugget
    length = {"units": curves.unit}
    claim, alike = found.claim, found.variogram

    def named(dims: str, values: np.ndarray, units: str, meaning: str) -> tuple[str, np.ndarray, dict[str, str]]:
        return dims, values, {"units": units, "long_name": meaning}

    variables: dict[str, Any] = {
        "purpose": ("point", purpose, flag_attributes(Purpose, "what the curve is for")),
        "worth": named("point", worth, "1", "what the curve tells, over that which tells most"),
        **_band("predicted_modulus", "point", there.mean, there.variance + own, "modulus of a curve there"),
        **_band("place_modulus", "place", known.mean, known.variance, "modulus of the place"),
        "place_std": named("place", np.sqrt(known.variance), "1", "relative standard uncertainty of the modulus"),
        "place_wrong": named("place", claim.wrong, "1", "probability to be of the other material than told"),
        "measured_modulus": named("measured", np.exp(curves.values), "Pa", "modulus that was measured"),
        "semivariance": named("lag", alike.semivariance, "1", "half of the mean square difference of ln(modulus)"),
        "pairs": named("lag", alike.pairs, "1", "pairs of curves"),
        "verdict": ((), np.int8(verdict), flag_attributes(NextVerdict, "what the results say of the next curves"))}
    largest = max(float(worth.max(initial=0.0)), 1e-300)
    variables["worth"] = ("point", worth / largest, variables["worth"][2])
    for name, value, units, meaning in (
            ("nugget", alike.nugget, "1", "share of the variance in the semivariance of neighbors"),
            ("chance", alike.chance, "1", "probability that unrelated curves have neighbors as alike"),
            ("sill", alike.sill, "1", "variance of ln(modulus)"),
            ("correlation_length", found.field.length, curves.unit, "length of the field (Matern 3/2)"),
            ("left", claim.left, "1", "mean relative standard deviation, or expected share of misclassified places"),
            ("threshold", np.exp(claim.threshold), "Pa", "modulus between two materials"),
            ("threshold_std", np.exp(claim.threshold) * claim.threshold_std, "Pa", "standard uncertainty of it"),
            ("check_found", claim.check.found, "1", "held-out curves that contradict what was claimed of them"),
            ("check_expected", claim.check.expected, "1", "those that are expected to, if the claim holds"),
            ("check_chance", claim.check.chance, "1", "probability of so many, if the claim holds")):
        variables[name] = ((), float(value), {"units": units, "long_name": meaning})
    coords = {"x": ("point", places[:, 0], length), "y": ("point", places[:, 1], length),
              "place_x": ("place", sites.all[:, 0], length), "place_y": ("place", sites.all[:, 1], length),
              "measured_x": ("measured", curves.places[:, 0], length),
              "measured_y": ("measured", curves.places[:, 1], length), "lag": ("lag", alike.distance, length)}
    return xr.Dataset(variables, coords)


def _band(name: str, dim: str, mean: np.ndarray, variance: np.ndarray, meaning: str) -> dict[str, Any]:
    """The median of a log-normal modulus and the ends of its 95 %."""
    reach = _WIDE * np.sqrt(variance)
    ends = (("", 0, ""), ("_low", -1, ": lower end of 95 %"), ("_high", 1, ": upper end of 95 %"))
    return {name + end: (dim, np.exp(mean + sign * reach), {"units": "Pa", "long_name": f"{meaning}{what}"})
            for end, sign, what in ends}

"""The next places to measure, from the curves that there are: variogram, field, worth, and whether to go on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from asperity.learning.discovery.acquisition import (
    Cost,
    Criterion,
    boundary_worth,
    even_places,
    picked,
    property_worth,
    two_means,
)
from asperity.learning.discovery.field import Field, KnownField, field_of, held_out, seen, thinned
from asperity.learning.discovery.stopping import (
    Check,
    classes_checked,
    intervals_checked,
    sharpness,
    wrong_share,
)
from asperity.learning.discovery.variogram import Variogram, variogram

__all__ = ["Claim", "PlacePlan", "Site", "plan"]

_CANDIDATES = 4096  # free sites that are compared, at most,
_AREA = 1024  # and sites whose uncertainty counts: more cost time, and the mean over them is the same
_MEASURED = 2000  # curves that a field is conditioned on, at most
_DRAWS = 64  # fields that the spread of a threshold is taken from,
_DRAWN_ON = 256  # each at so many sites
_SKILL = 0.01  # probability that unrelated materials are told so well
_SEED = 0  # of what is drawn: the same curves have the same plan


class Site(NamedTuple):
    """Where a curve may be recorded, in one unit of length throughout."""

    all: np.ndarray  # (site, 2), of the area that counts
    free: np.ndarray  # (site, 2), those without a curve
    pitch: float  # distance of neighbors


class Claim(NamedTuple):
    """What can be said of the area from the curves that there are, and whether curves that are held out agree."""

    threshold: float  # between two materials; NaN of a property
    threshold_std: float  # standard deviation of it over the fields that are possible
    wrong: np.ndarray  # (site,), probability to be of the other material; NaN of a property
    left: float  # mean standard deviation, or expected share of misclassified sites
    check: Check
    skilled: bool  # whether others tell the material of a curve better than chance


class PlacePlan(NamedTuple):
    """What to measure next, and what is known before that; values are in the unit of those given."""

    variogram: Variogram
    related: bool  # whether neighbors are alike: by the variogram, or by the materials of held-out curves
    field: Field
    known: KnownField  # at the sites of `Site.all`
    chosen: np.ndarray  # indices of `Site.free`, in the order of their worth
    worth: np.ndarray  # of each, 0 where the places are an even grid
    claim: Claim


def plan(places: np.ndarray, values: np.ndarray, noise: np.ndarray, sites: Site, count: int, *, goal: str,
         threshold: float | None = None, cost: Cost | None = None) -> PlacePlan:
    """The ``count`` next places for the ``goal``, "modulus" or "boundary".

    Where neighbors are not alike (see `asperity.learning.discovery.variogram`) the places are even ones. Where there
    are too few pairs to see it, places for a boundary rest on what materials are expected to be: patches.

    Args:
        places, values, noise: of the curves: (n, 2), (n,) and the variances (n,) of their noise.
        sites: where a curve may be recorded.
        threshold: between two materials; None: midway between two groups of what is expected over the area.
        cost: of a curve and of the way to it.
    """
    use = thinned(len(values), _MEASURED)
    curves = places[use], values[use], noise[use]
    alike = variogram(*curves)
    field = field_of(*curves, sites.pitch)
    known, left = seen(field, *curves, sites.all), held_out(field, *curves)
    claim = _boundary(field, known, curves[1], left, sites, threshold) if goal == "boundary" else _property(
        known, curves[1], left)
    related = alike.related or claim.skilled
    if related or (goal == "boundary" and not alike.telling):
        own = float(np.median(noise)) + field.nugget
        criterion = boundary_worth if goal == "boundary" else property_worth
        chosen, worth = _worthiest(curves, field, sites, count, (criterion, own, claim.threshold, cost))
    else:
        chosen = even_places(sites.free, places, count)
        worth = np.zeros(len(chosen))
    return PlacePlan(alike, related, field, known, chosen, worth, claim)


def _worthiest(curves: tuple[np.ndarray, np.ndarray, np.ndarray], field: Field, sites: Site, count: int,
               how: tuple[Criterion, float, float, Cost | None]) -> tuple[np.ndarray, np.ndarray]:
    candidates = thinned(len(sites.free), max(_CANDIDATES, count))
    at, there = sites.free[candidates], sites.all[thinned(len(sites.all), _AREA)]
    criterion, noise, threshold, cost = how
    chosen, worth = picked(field, (seen(field, *curves, at), at), (seen(field, *curves, there), there), count,
                           criterion=criterion, noise=noise, threshold=np.nan_to_num(threshold), cost=cost)
    return candidates[chosen], worth


def _property(known: KnownField, values: np.ndarray, left: tuple[np.ndarray, np.ndarray]) -> Claim:
    check = intervals_checked(values, *left)
    return Claim(np.nan, np.nan, np.full(len(known.mean), np.nan), float(np.sqrt(known.variance).mean()), check, False)


def _boundary(field: Field, known: KnownField, values: np.ndarray, left: tuple[np.ndarray, np.ndarray], sites: Site,
              given: float | None) -> Claim:
    between, spread = _threshold(field, known, sites.all, given)
    sharp = sharpness(values, *left, between)
    wrong = wrong_share(known.mean, known.variance, between, sharp)
    check = classes_checked(values, *left, between)
    fewer = min(float((values > between).mean()), float((values <= between).mean()))
    skilled = bool(binom.cdf(check.found, len(values), fewer) < _SKILL)
    return Claim(between, spread, wrong, float(wrong.mean()), check, skilled)


def _threshold(field: Field, known: KnownField, places: np.ndarray, given: float | None) -> tuple[float, float]:
    """The threshold and its standard deviation over fields that are drawn from what is known."""
    if given is not None:
        return given, 0.0
    use = thinned(len(places), _DRAWN_ON)
    covariance = field.covariance(places[use], places[use]) - known.half[:, use].T @ known.half[:, use]
    size, axes = np.linalg.eigh(covariance)
    unit = np.random.default_rng(_SEED).standard_normal((_DRAWS, len(use)))
    drawn = known.mean[use] + unit * np.sqrt(np.maximum(size, 0.0)) @ axes.T
    return two_means(known.mean), float(np.std([two_means(one) for one in drawn], ddof=1))

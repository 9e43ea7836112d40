"""What the next places and the map before them are in words."""

from __future__ import annotations

import numpy as np
import xarray as xr

from asperity.learning.discovery.acquisition import two_means
from asperity.learning.discovery.plan import PlacePlan, Site
from asperity.learning.discovery.tour import length_of
from asperity.measurements.discovery.next.sites import MappedCurves, written
from asperity.report.numbers import count_of, plain

__all__ = ["headline", "said"]

_SAME_PLACE = 0.1  # of a pitch, within which curves are repeats
_APART = 4.0  # standard deviations within two groups, by which their means differ at least: halves of one have 2.7
_STEADY = 2.0  # standard errors, from which a change of the reference is told
_HEADLINES = {
    "places": "The next {count}: {where}",
    "untold": "The next {count}, by expectation: there are too few curves yet to see whether neighbors are alike.",
    "grid": "No choice of places is better than another: neighbors {spacing} apart are not alike. An even grid of "
            "{count} is offered.",
    "enough": "It is enough: {left} is reached. {count} at random places would test that.",
}
_WHERE = {"modulus": "where they lessen the uncertainty of the whole map most.",
          "boundary": "where they tell most of which material is where."}


def headline(made: xr.Dataset) -> str:
    """The verdict in one sentence."""
    verdict = str(made["verdict"].attrs["flag_meanings"]).split()[int(made["verdict"])]
    where = _WHERE[made.attrs["goal"]] if not _groups(made) else (
        f"along a contour at {plain(float(made['threshold']), 'Pa', 2)}, for the moduli do not fall into two groups.")
    return _HEADLINES[verdict].format(count=count_of(made.sizes["point"], "curve"), where=where,
                                      spacing=written(float(made["lag"][0]), made.attrs["unit"]),
                                      left=_percent(float(made.attrs["target"])))


def said(made: xr.Dataset, curves: MappedCurves, sites: Site, found: PlacePlan,
         cost: tuple[float, float] | None) -> list[str]:
    """What is known, how sure, and what was left out."""
    told = [_alike(found, curves.unit), *(_unrelated(curves) if not found.related else _claimed(made, found)),
            *_sites(made, sites, curves)]
    if cost is not None:
        way = length_of(np.stack([made["x"].values, made["y"].values], axis=-1), curves.places[-1])
        curve, speed = cost
        told.append(f"Time: {plain(curve * made.sizes['point'], 's', 2)} of curves and {plain(way / speed, 's', 2)} of "
                    "the way between them.")
    return [*told, *_drift(curves, sites.pitch), *curves.said]


def _alike(found: PlacePlan, unit: str) -> str:
    alike = found.variogram
    noise = "" if alike.noise <= 0 else (
        f"; the noise of the curves explains {_percent(min(alike.noise / max(alike.semivariance[0], 1e-300), 1.0))} "
        "of that")
    return (f"Neighbors, {written(float(alike.distance[0]), unit)} apart, differ by {_percent(alike.nugget)} of the "
            f"variance of all curves (of unrelated curves {_percent(alike.chance)} had neighbors as alike){noise}.")


def _unrelated(curves: MappedCurves) -> list[str]:
    """What can be said of curves that know nothing of each other: mean, spread, and the shares of two groups."""
    values, count = curves.values, len(curves.values)
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    between = two_means(values)
    share = float((values > between).mean())
    return [f"Nothing is claimed of places without a curve but this: the modulus is {plain(float(np.exp(mean)), 'Pa')} "
            f"(geometric mean, ± {_percent(spread / np.sqrt(count))}), and single places spread about it by a factor "
            f"of {np.exp(spread):.2f}. Cut in two groups at {plain(float(np.exp(between)), 'Pa', 2)}, the stiffer one "
            f"has {_percent(share)} ± {_percent(np.sqrt(share * (1 - share) / count))} of the curves. Features may be "
            "smaller than the distance of neighbors: then curves closer to each other would show it."]


def _claimed(made: xr.Dataset, found: PlacePlan) -> list[str]:
    claim, target = found.claim, float(made.attrs.get("target", np.nan))
    check = claim.check
    if made.attrs["goal"] == "modulus":
        told = [f"The modulus of a place is known to {_percent(claim.left)} (standard deviation, mean over the area)"]
        test = (f"{check.found} of {count_of(check.curves, 'curve')}, each told by all others, lie outside of their "
                f"95 % interval; {check.expected:.1f} are expected")
    else:
        told = [f"Of the area {_percent(claim.left)} is expected to be of the other material than told; the threshold "
                f"is {plain(float(made['threshold']), 'Pa')} ± {plain(float(made['threshold_std']), 'Pa', 2)}"]
        test = (f"{check.found} of {count_of(check.curves, 'curve')}, each told by all others, are of the other "
                f"material; {check.expected:.1f} are expected, most of them where the boundary was sought")
    goal = "" if np.isnan(target) else (f": the target of {_percent(target)} is "
                                        f"{'reached' if claim.left <= target else 'not reached, go on'}")
    agrees = "the claim holds on them" if check.held else (
        f"more than chance brings (p = {check.chance:.2g}): do not trust the claim, nor stop by it")
    doubt = "" if check.held else "Not to be trusted, see below: "
    return [doubt + told[0] + goal + ".", f"{test}: {agrees}.", *_groups(made)]


def _groups(made: xr.Dataset) -> list[str]:
    """Whether the moduli fall into two groups at all, where a boundary between two is asked for."""
    if made.attrs["goal"] == "modulus":
        return []
    values, between = np.log(made["measured_modulus"].values), float(np.log(made["threshold"]))
    parts = [part for part in (values[values > between], values[values <= between]) if len(part)]
    within = float(np.sqrt(sum(part.var() * len(part) for part in parts) / len(values)))
    apart = float(np.ptp([part.mean() for part in parts]))
    return [] if len(parts) > 1 and apart > _APART * within else [
        "The moduli do not fall into two groups: what is sought is a contour of one map, not the boundary of two "
        "materials. For its map say --for modulus."]


def _sites(made: xr.Dataset, sites: Site, curves: MappedCurves) -> list[str]:
    told = [f"Chosen from {count_of(len(sites.free), 'free site')} {written(sites.pitch, curves.unit)} apart; x and y "
            "are those of the results' own frame."]
    repeats = int((made["purpose"].values == 1).sum())
    some = f"{repeats} of the next curves {'is' if repeats == 1 else 'are'} where the first recorded one was"
    return told + ([f"{some}, to see drift and a worn tip."] if repeats else [])


def _drift(curves: MappedCurves, pitch: float) -> list[str]:
    """What repeats at the first place say: whether tip and sample are still those that they were."""
    near = np.flatnonzero(np.hypot(*(curves.places - curves.places[0]).T) < _SAME_PLACE * pitch)
    if len(near) < 2:
        return []
    change = float(curves.values[near[-1]] - curves.values[near[0]])
    error = float(np.sqrt(curves.noise[near[-1]] + curves.noise[near[0]]))
    moved = abs(change) > _STEADY * error
    return [f"The first place was measured {len(near)} times: its modulus changed by {100 * np.expm1(change):+.1f} % "
            f"(noise {_percent(error)}){': tip, sample or place are no longer what they were' if moved else ''}."]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"

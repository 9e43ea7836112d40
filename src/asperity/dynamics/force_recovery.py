r"""The tip-sample force of a recorded oscillation, from the deflection alone or with its velocity.

The lever's motion without the force is known exactly; what the samples leave of it is the force, a spline of the
distance. States, law and constants are found together by `asperity.dynamics.smoother`: white noise of the samples,
thermal noise of the lever and what is not known of its constants, of the drive, of the zero of the deflection and of
the height all enter the covariance of the force. The force is taken to vanish beyond the last knot: that is what tells
it from a drive, a detuning and an offset.

Knots are closest about contact. Where none are given they come from a first law on even ones, up to the middle of the
stroke.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from asperity.dynamics.lever_motion import between, step_rule
from asperity.dynamics.smoother import DEPARTURES, ForceSpline, Seen, Settings, Smoothed, smoothed
from asperity.messages import DataError

__all__ = ["Recovered", "TappedLever", "TappingRecord", "knots_about", "recover_force"]

_BOLTZMANN = 1.380649e-23  # J/K
_NODES = 128  # of one period of the lever, at least: below it the path between them is a share of 1e-5 off
_FEWEST = 4  # samples for each coefficient
_PERIODS = 4  # of the lever, at least, to tell its motion from the force
_EVEN = 24  # knots of the first law,
_SHARE = 0.35  # over this share of the stroke,
_REACH = 0.5  # and of the stroke, beyond which no force is sought
_FINE = 50  # knots over the depth of contact, where they are closest,
_WIDTH = 3  # and so many of these distances away half as close
_NOISES = 5  # standard deviations of a sample: no closer than that
_SHALLOW = 0.02  # of the stroke: the least depth that is thought of
_RISE = 0.05  # of the peak: contact, where no attraction is told
_TOLD = 1.0  # standard deviations: a least force that is no better than that is none


class TappedLever(NamedTuple):
    """The first mode of a lever, with standard uncertainties (relative, but where a unit is named)."""

    stiffness: float  # N/m
    frequency: float  # Hz, without damping
    quality: float
    stiffness_std: float = 0.0
    frequency_std: float = 0.0
    quality_std: float = 0.0
    drive_std: float = 0.0
    drive_phase_std: float = 0.0  # rad
    offset_std: float = 0.0  # m, of the zero of the deflection
    temperature: float = 295.0  # K


class TappingRecord(NamedTuple):
    """Even samples of one record."""

    seen: Float[np.ndarray, "sample channel"]  # m: deflection; where measured, its velocity over 2 pi frequency
    drive: Float[np.ndarray, " sample"]  # m, force at the tip over the stiffness: the free amplitude over the quality
    interval: float  # s


class Recovered(NamedTuple):
    """The force as a spline of the distance."""

    distance: Float[np.ndarray, " point"]  # m
    force: Float[np.ndarray, " point"]  # N
    std: Float[np.ndarray, " point"]  # N
    covariance: Float[np.ndarray, "point point"]  # N^2
    noise: float  # of the samples, standard deviation, m
    departures: dict[str, tuple[float, float]]  # what was not known: value (relative, rad, m) and standard deviation
    rest: list[Float[np.ndarray, " sample"]]  # what is left of the deflections of each record, m
    settled: bool


def recover_force(records: Sequence[TappingRecord], lever: TappedLever, height: float, *, height_std: float = 0.0,
                  knots: Float[np.ndarray, " knot"] | None = None,
                  at: Float[np.ndarray, " point"] | None = None) -> Recovered:
    """The force at the distances ``at``.

    Args:
        records: of one lever over one place of the sample.
        lever: with what is not known of it.
        height: m, distance of the tip where the lever is not deflected; 0 makes distances deflections.
        height_std: m.
        knots: m, ascending distances, closer where the force changes faster; beyond the last it vanishes. None: from
            the data.
        at: m; None: four to each distance between knots that the path holds.

    Raises:
        DataError: fewer than four samples for each knot or four periods, samples that are not finite, a step in time
            too long, or knots that do not hold the nearest distance.
    """
    for one in records:
        _checked(one, lever)
    unit = max(float(np.ptp(one.seen[:, 0])) for one in records)
    nearest = height + min(float(one.seen[:, 0].min()) for one in records)
    samples = sum(len(one.seen) for one in records)
    if knots is None:
        found, spline, knots = _placed(records, lever, (nearest, height, unit))
    else:
        _held(np.asarray(knots), nearest, samples, unit)
        found, spline = _found(records, lever, height, knots, unit)
    return _told(records, lever, (height, height_std), found, spline, _places(knots, nearest) if at is None else at)


def _checked(one: TappingRecord, lever: TappedLever) -> None:
    per_period = 1 / (one.interval * lever.frequency)
    if not (np.isfinite(one.seen).all() and np.isfinite(one.drive).all()):
        raise DataError("a sample is not finite: leave out the part of the record that was not measured")
    if per_period < _FEWEST:
        raise DataError(f"{per_period:.2g} samples for a period of the lever: four at least are needed; sample faster")
    if len(one.seen) < _PERIODS * per_period:
        raise DataError(f"{len(one.seen) / per_period:.2g} periods of the lever: four at least are needed to tell the "
                        "force from the motion; record longer")


def _held(knots: np.ndarray, nearest: float, samples: int, unit: float) -> None:
    """Refuse knots that are too many, or do not hold the nearest distance."""
    if samples < _FEWEST * len(knots):
        raise DataError(f"{samples} samples for {len(knots)} knots of the force: record longer, four for each at least")
    if nearest < knots[0] - 1e-3 * unit:
        raise DataError(f"the tip comes as near as {nearest:.3g} m, and the knots begin at {knots[0]:.3g} m: let them "
                        "hold all of its path")


def _placed(records: Sequence[TappingRecord], lever: TappedLever,
            place: tuple[float, float, float]) -> tuple[Smoothed, ForceSpline, np.ndarray]:
    """The law on knots of its own, about the contact of the law before; ``place``: see `_knots`."""
    nearest, height, unit = place
    knots = np.linspace(nearest, nearest + _SHARE * unit, _EVEN)
    found, spline = _found(records, lever, height, knots, unit)
    for closer in (2.0, 1.0):
        knots = _knots(found, spline, place, closer)
        _held(knots, nearest, sum(len(one.seen) for one in records), unit)
        found, spline = _found(records, lever, height, knots, unit, found)
    return found, spline, knots


def _found(records: Sequence[TappingRecord], lever: TappedLever, height: float, knots: np.ndarray,
           unit: float, start: Smoothed | None = None) -> tuple[Smoothed, ForceSpline]:
    """The law on these knots, in units of ``unit``."""
    turn = 2 * np.pi * lever.frequency * records[0].interval
    every = int(np.ceil(turn * _NODES / (2 * np.pi)))
    spline = ForceSpline.on((np.asarray(knots) - height) / unit)
    intensity = 2 * _BOLTZMANN * lever.temperature / (lever.stiffness * lever.quality) / unit**2
    prior = np.array([lever.quality_std, lever.frequency_std, lever.drive_std,
                      lever.drive_phase_std, lever.offset_std / unit])
    settings = Settings(lever.quality, turn / every, intensity, prior)
    return smoothed([_seen(one, lever, unit, every, turn) for one in records], spline, settings, start), spline


def _seen(one: TappingRecord, lever: TappedLever, unit: float, every: int, turn: float) -> Seen:
    """A record in the units of its spline."""
    rule = step_rule(lever.quality, turn / every)
    share = ((np.arange(every)[:, None] + rule.share) / every).ravel()
    at = turn * np.arange(len(one.drive))
    slope = CubicSpline(at, one.drive)(at, 1)
    drive, turned = (between(values / unit, share).reshape(-1, len(rule.share))
                     for values in (one.drive, slope))
    return Seen(np.asarray(one.seen, float) / unit, drive, turned, every)


def knots_about(contact: float, nearest: float, farthest: float, closest: float) -> Float[np.ndarray, " knot"]:
    """Knots ``closest`` to each other at the ``contact``, and farther apart in proportion to the distance from it."""

    def side(length: float) -> np.ndarray:
        width = _WIDTH * closest
        end = np.arcsinh(length / width)
        return width * np.sinh(np.linspace(0, end, max(int(np.ceil(end * _WIDTH)), 2) + 1))

    inside, outside = side(max(contact - nearest, closest)), side(max(farthest - contact, closest))
    return np.concatenate([contact - inside[::-1], contact + outside[1:]])


def _knots(rough: Smoothed, spline: ForceSpline, place: tuple[float, float, float], closer: float) -> np.ndarray:
    """Knots about the contact that a law shows: its least force, or where it rises.

    ``place``: nearest distance, height and unit; ``closer``: times the distance between the closest.
    """
    nearest, height, unit = place
    at = np.linspace(spline.knots[0], spline.knots[-1], 400)
    basis = spline.matrix(at)
    force = basis @ rough.coefficients
    own = rough.covariance[: spline.size, : spline.size]
    std = np.sqrt(np.einsum("pi,ij,pj->p", basis, own, basis))
    top = int(np.argmax(force[: len(at) // 2]))
    end = top + int(np.argmax(force[top:] < _RISE * force[top]))
    least = end + int(np.argmin(force[end : end + len(at) // 4 + 1]))
    seen = at[least] if force[least] < -_TOLD * std[least] else at[end]
    contact = max(float(seen) * unit + height, nearest + _SHALLOW * unit)
    depth = contact - nearest
    closest = closer * max(depth / _FINE, min(_NOISES * rough.noise * unit, depth / _WIDTH))
    return knots_about(contact, nearest, nearest + _REACH * unit, closest)


def _places(knots: np.ndarray, nearest: float) -> np.ndarray:
    """Four places to each distance between knots, from the nearest distance on."""
    dense = np.interp(np.arange(4 * (len(knots) - 1) + 1) / 4, np.arange(len(knots)), knots)
    return dense[dense >= nearest - 1e-15]


def _told(records: Sequence[TappingRecord], lever: TappedLever, height: tuple[float, float], found: Smoothed,
          spline: ForceSpline, at: np.ndarray) -> Recovered:
    """The law in N over m."""
    unit = max(float(np.ptp(one.seen[:, 0])) for one in records)
    scale = lever.stiffness * unit
    basis = spline.matrix((at - height[0]) / unit)
    steep = spline.matrix((at - height[0]) / unit, 1) @ found.coefficients * lever.stiffness * height[1]
    force = basis @ found.coefficients * scale
    covariance = (basis @ found.covariance[: spline.size, : spline.size] @ basis.T * scale**2 + np.outer(steep, steep)
                  + lever.stiffness_std**2 * np.outer(force, force))
    sizes = np.array([1.0] * (len(DEPARTURES) - 1) + [unit])
    std = np.sqrt(np.diag(found.covariance)[spline.size:])
    value = found.departures * sizes
    value[:2], sizes[:2] = np.expm1(value[:2]), np.exp(value[:2])  # logarithms of quality and frequency
    departures = {name: (float(value[i]), float(std[i] * sizes[i])) for i, name in enumerate(DEPARTURES) if std[i] > 0}
    offset = found.departures[DEPARTURES.index("offset")]
    rest = []
    for one, states in zip(records, found.states, strict=True):
        every = (len(states) - 1) // (len(one.seen) - 1)
        rest.append(one.seen[:, 0] - (states[::every, 0] + offset) * unit)
    return Recovered(np.asarray(at), force, np.sqrt(np.diag(covariance)), covariance,
                     found.noise * unit, departures, rest, found.settled)

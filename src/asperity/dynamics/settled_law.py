r"""A contact law from settled tapping records: modulus, attraction and surface, with what the record does not tell.

A settled motion passes one path, and a force that is free at every distance is not told by it. A law of few numbers
is: its contact lasts a share of the period and goes to a depth, and both shape the harmonics
$F_n = k\,[1 - (nr)^2 + inr/Q]\,x_n - D_n$ of the force. Harmonics of the path that drown in noise still decide how deep
the tip goes. So the path is no datum: `asperity.dynamics.settled_orbit` goes through one period from where it begins,
and law, beginning, surface, zero of the deflection and what is not known of lever and drive are found together,

$$\chi^2 = \sum_n \frac{|y_n - x_n(\theta)|^2}{\sigma_n^2} + \frac{|s(2\pi) - s(0) - \Delta|^2}{\sigma_\Delta^2}
           + |\theta|^2_{P^{-1}},$$

with the change $\Delta$ in the mean period that the record shows: it need not be settled altogether. Thermal motion
of the lever in the mean period is that of a push of variance $4 k_B T k / (Q \omega_0 t)$ at the drive's frequency over
the time t of the record. Where the search begins is told by the path that is seen: there the law is linear in modulus
and pull.

The interval of the modulus is where the least $\chi^2$ at a given modulus rises by 3.84: no parabola is assumed, and
where it does not rise, the interval has no end there. Whether the law is that of the record is said by $\chi^2$
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import chi2

from asperity.contact import AbstractElasticContact
from asperity.dynamics.force_recovery import TappedLever
from asperity.dynamics.settled_fit import (
    CLOSED,
    GIGA,
    NANO,
    WIDE,
    Descent,
    Problem,
    covariance_of,
    ends_of,
    found,
    part_of,
)
from asperity.dynamics.settled_motion import FOLDED, MotionHarmonics, harmonics_of, waves
from asperity.dynamics.settled_orbit import COMMON, OWN, force_law, nodes_of, orbit
from asperity.messages import DataError

__all__ = ["SettledLaw", "SettledRecord", "settled_law"]

_BOLTZMANN = 1.380649e-23  # J/K
_RANGE = 0.165  # nm: the usual cut-off of van der Waals attraction (Israelachvili),
_RANGE_STD = 0.4  # and the standard deviation of its logarithm: 0.1 to 0.4 nm are in use
_PULL_STD = 2.5  # standard deviation of the logarithm of the pull / nN: from 0.01 to 130 nN
_VISCOSITY_STD = 1e3  # GPa: wide enough to say nothing
_WEAKEST = 0.05  # nN: the least pull, from which it begins
_PLACES = 60  # of the surface, from which the search is thought to begin,
_BELOW = 0.2  # nm below the lowest point
_ABOVE = 0.3  # to this share of the stroke above it,
_CLOSEST = 0.1  # nm, of the first two,
_APART = 0.3  # logarithm of the depth, by which two must differ
_BEGUN = 3  # of them, from which it begins
_GAPS = 0.2, 1.0  # nm, and from these without contact
_LEAST = 1e-3  # GPa, from which it begins
_EVEN = 1024  # phases, at which a path is seen
_HOPELESS = 10.0  # chi-square for each harmonic, from which no interval is sought
_SEEN = 3.0  # standard deviations: a harmonic that stands out
_DRAWN = 8.0  # ranges of the attraction, to which the law is told
_POINTS = 201  # of it


class SettledRecord(NamedTuple):
    """Even samples of one settled motion."""

    deflection: Float[np.ndarray, " sample"]  # m
    drive: complex  # m, times e^(i phase) its real part acts: a force over the stiffness, or what shows it:
    of_force: bool  # False: the amplitude of the free lever
    rate: float  # rad: phase of the drive from sample to sample; 0 at the first
    interval: float  # s


class SettledLaw(NamedTuple):
    """The law that the records tell."""

    modulus: float  # Pa, reduced
    modulus_low: float  # ends of 95 %; 0 and infinity where nothing is told
    modulus_high: float
    modulus_std: float  # of a normal distribution with that width; infinite where it has no end
    values: dict[str, tuple[float, float]]  # N, m, Pa s, shares and rad, with standard uncertainties
    contact_points: Float[np.ndarray, "record 2"]  # m, as deflections, and standard uncertainties
    chi_square: float
    degrees: int
    probability: float  # of a larger chi-square, were the law right
    harmonics: list[MotionHarmonics]
    foretold: list[Float[np.ndarray, " harmonic"]]  # m
    distance: Float[np.ndarray, " point"]  # m, from where contact begins
    force: Float[np.ndarray, " point"]  # N
    covariance: Float[np.ndarray, "point point"]  # N^2, of the force
    settled: bool  # the search came to an end


def settled_law(records: Sequence[SettledRecord], lever: TappedLever, contact: AbstractElasticContact, *,
                height_std: float | None = None) -> SettledLaw:
    """The law of these records, of one lever over one place of the sample.

    Args:
        records: at several amplitudes or heights, where there are such.
        lever: with what is not known of it.
        contact: its tip; its modulus is not used.
        height_std: m, by which the heights of several records may differ; None: each has a surface of its own.

    Raises:
        DataError: too few samples or periods, or no motion of this lever agrees with the records.
    """
    problem = _problem(records, lever, contact, height_std)
    states = [found(problem, start) for start in _starts(problem)]
    best = min(states, key=lambda state: state.cost)
    if not np.isfinite(best.cost):
        raise DataError("no motion of this lever over such a sample is found in the record: are stiffness, frequency, "
                        "quality and drive those of the lever?")
    ends = (-np.inf, np.inf)
    if best.cost < _HOPELESS * sum(len(one.values) for one in problem.seen):
        *ends, best = ends_of(problem, states)
    return _told(problem, best, np.array(ends), records[0].interval / records[0].rate)


def _problem(records: Sequence[SettledRecord], lever: TappedLever, contact: AbstractElasticContact,
             height_std: float | None) -> Problem:
    seen = [harmonics_of(one.deflection, one.rate) for one in records]
    center = [0.0, 0.0, np.log(_RANGE), *[0.0] * (len(COMMON) - 3)]
    std = [np.inf, _PULL_STD, _RANGE_STD, _VISCOSITY_STD, lever.quality_std, lever.frequency_std, lever.drive_std,
           lever.stiffness_std]
    for one in records:
        center += [0.0] * len(OWN)
        push = _thermal(lever, len(one.deflection) * one.interval)
        std += [np.inf, np.inf, push, push, lever.offset_std / NANO, np.inf, lever.drive_phase_std]
    ties = np.zeros((0 if height_std is None else len(records) - 1, len(center)))
    for i, row in enumerate(ties):
        at = OWN.index("contact_point")
        row[part_of(i + 1).start + at] = 1 / max((height_std or 0.0) / NANO, CLOSED)
        row[part_of(0).start + at] = -row[part_of(i + 1).start + at]
    ratios = [one.rate / (2 * np.pi * one.interval * lever.frequency) for one in records]
    levers = [(lever.stiffness, lever.quality, ratio, float(one.of_force), own.begin)
              for one, own, ratio in zip(records, seen, ratios, strict=True)]
    return Problem(seen, [_map(one) for one in seen], levers, [one.drive / NANO for one in records],
                   [_open(lever, one) for one in seen], contact,
                   np.array(center), np.array(std), ties)


def _map(seen: MotionHarmonics) -> np.ndarray:
    """Of the deflections at the nodes to what is found of the samples."""
    phase, weight = nodes_of(seen.begin)
    made = 2 * waves(phase, FOLDED).T * weight
    made[0] /= 2
    return seen.fold @ made


def _thermal(lever: TappedLever, time: float) -> float:
    """The push of thermal noise over the stiffness (nm), standard deviation of its cosine or sine over this time."""
    density = 4 * _BOLTZMANN * lever.temperature / (2 * np.pi * lever.frequency * lever.quality * lever.stiffness)
    return float(np.sqrt(density / time)) / NANO


def _open(lever: TappedLever, seen: MotionHarmonics) -> float:
    """How well the change in one period is known, nm: noise, and thermal motion along the ends that show it."""
    walk = 2 * np.pi * _BOLTZMANN * lever.temperature / (lever.stiffness * lever.quality)  # m^2 in a period
    return max(float(np.hypot(seen.gap_std, np.sqrt(2 / 3 * walk * seen.ends) / seen.periods)) / NANO, CLOSED)


def _starts(problem: Problem) -> list[np.ndarray]:
    """Where the search begins: depths with which the path that is seen goes best."""
    stroke = _path(problem.seen[0])[1]
    depths = np.geomspace(_CLOSEST, _CLOSEST + _ABOVE * stroke, _PLACES) - _BELOW
    kept: list[tuple[float, ...]] = []
    for row in sorted(_balance(problem, depth) for depth in depths):
        if all(abs(np.log((row[1] + _APART) / (other[1] + _APART))) > _APART for other in kept):
            kept.append(row)
    return [_start(problem, row) for row in (*kept[:_BEGUN], *(_apart(problem, gap) for gap in _GAPS))]


def _apart(problem: Problem, gap: float) -> tuple[float, float, float, float]:
    """A start of a tip that does not touch."""
    cost, depth, _, pull = _balance(problem, -gap)
    return cost, depth, 0.0, pull


def _path(seen: MotionHarmonics) -> tuple[np.ndarray, float, float]:
    """The deflections of the harmonics that stand out of the noise (nm) at even phases, their stroke, the lowest."""
    told = np.where(np.abs(seen.values) > _SEEN * seen.std, seen.values, 0.0) / NANO
    path = waves(2 * np.pi / _EVEN * np.arange(_EVEN), seen.largest) @ told
    return path, float(np.ptp(path)), float(path.min())


def _balance(problem: Problem, depth: float) -> tuple[float, float, float, float]:
    """(chi-square, depth, logarithms of modulus and pull) of the harmonics of the force from the second on."""
    left, parts = [], []
    laws = np.zeros((2, len(COMMON)))  # a modulus of 1 GPa without a pull, and a pull of 1 nN
    laws[:, COMMON.index("range")], laws[1, 0], laws[0, 1] = np.log(_RANGE), -np.inf, -np.inf
    for seen, (stiffness, quality, ratio, *_) in zip(problem.seen, problem.levers, strict=True):
        path, _, lowest = _path(seen)
        n = np.arange(seen.largest + 1)
        back = stiffness * (1 - (n * ratio) ** 2 + 1j * n * ratio / quality)
        values = (seen.values[: len(n)] - 1j * np.append(0.0, seen.values[len(n):])) / NANO
        made = [np.fft.rfft(force_law(law, problem.contact, path - lowest - depth)[0])[: len(n)] * 2 / _EVEN
                for law in laws]
        weight = (n > 1) / (np.abs(back) * seen.std[: len(n)] / NANO)
        left.append(back * values * weight)
        parts.append(np.stack(made, axis=1) * weight[:, None])
    whole, right = (np.concatenate([np.real(rows), np.imag(rows)]) for rows in map(np.concatenate, (parts, left)))
    modulus, pull = np.linalg.lstsq(whole, right, rcond=None)[0]
    if pull < _WEAKEST:
        pull = _WEAKEST
        modulus = whole[:, 0] @ (right - pull * whole[:, 1]) / max(whole[:, 0] @ whole[:, 0], 1e-300)
    modulus = max(float(modulus), _LEAST)
    rest = right - whole @ [modulus, pull]
    return float(rest @ rest), float(depth), float(np.log(modulus)), float(np.log(pull))


def _start(problem: Problem, row: tuple[float, ...]) -> np.ndarray:
    """All unknowns, of a depth and the logarithms of modulus and pull."""
    unknown = problem.center.copy()
    unknown[0], unknown[1] = row[2], row[3]
    for i, seen in enumerate(problem.seen):
        shape, count = waves(np.array([seen.begin]), seen.largest)[0], seen.largest
        turned = np.concatenate([[0.0], -shape[count + 1:], shape[1 : count + 1]])
        turned[1:] *= np.tile(np.arange(1, count + 1), 2)
        offset = seen.values[0] / NANO  # the mean force bends the lever by less
        unknown[part_of(i)] = [shape @ seen.values / NANO - offset, turned @ seen.values / NANO, 0.0, 0.0, offset,
                               _path(seen)[2] + row[1] - offset, 0.0]
    return unknown


def _told(problem: Problem, best: Descent, ends: np.ndarray, pace: float) -> SettledLaw:
    """The law; ``pace``: s for a radian of the drive."""
    covariance = covariance_of(problem, best)
    std = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    modulus, (low, high) = float(np.exp(best.unknown[0]) * GIGA), np.exp(ends) * GIGA
    free = problem.std > 0
    told = int((np.isfinite(problem.std) & free).sum()) + sum(len(one.values) + 2 for one in problem.seen)
    degrees = told + len(problem.ties) - int(free.sum())
    at = [part_of(i).start + OWN.index("contact_point") for i in range(len(problem.seen))]
    paths = [_foretold(problem, best, i) for i in range(len(problem.seen))]
    nearest = min(float(path.min() - best.unknown[i]) for (path, _), i in zip(paths, at, strict=True))
    points = np.stack([best.unknown[at], std[at]], axis=1) * NANO
    return SettledLaw(modulus, float(low), float(high), modulus * float(np.ptp(ends)) / (2 * np.sqrt(WIDE)),
                      _values(best, std, pace), points, best.cost, degrees,
                      float(chi2.sf(best.cost, degrees)), problem.seen, [shown * NANO for _, shown in paths],
                      *_law(problem, best, covariance, nearest), best.settled)


def _foretold(problem: Problem, best: Descent, record: int) -> tuple[np.ndarray, np.ndarray]:
    """The path of one record and the harmonics that its samples would show, nm."""
    own = part_of(record)
    path = orbit(best.unknown[np.r_[: len(COMMON), own]], problem.contact, problem.levers[record],
                 problem.drives[record])[0][:-2]
    shown = problem.maps[record] @ path
    shown[0] += best.unknown[own.start + OWN.index("offset")]
    return path, shown


def _values(best: Descent, std: np.ndarray, pace: float) -> dict[str, tuple[float, float]]:
    """What was found beside modulus and surfaces; of the zero of the deflection and the phase that of the first."""
    names = [*COMMON, *OWN]
    at = {name: (float(best.unknown[i]), float(std[i])) for i, name in enumerate(names)}
    scales = {"viscosity": GIGA * pace, "offset": NANO}
    plain = ("viscosity", "drive", "drive_phase", "offset")
    sizes = {name: float(np.exp(at[name][0])) for name in ("pull", "range", "quality", "frequency", "stiffness")}
    return {**{name: (sizes[name] * NANO, sizes[name] * NANO * at[name][1]) for name in ("pull", "range")},
            **{name: (sizes[name] - 1, sizes[name] * at[name][1]) for name in ("quality", "frequency", "stiffness")},
            **{name: (at[name][0] * scales.get(name, 1.0), at[name][1] * scales.get(name, 1.0)) for name in plain}}


def _law(problem: Problem, best: Descent, covariance: np.ndarray,
         nearest: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances from the nearest one to where the law is weak, its force, and the covariance by its parameters."""
    count = len(COMMON)
    far = max(_DRAWN * float(np.exp(best.unknown[COMMON.index("range")])), -nearest)
    distance = np.linspace(nearest, far, _POINTS)
    force, slopes = force_law(best.unknown[:count], problem.contact, distance)
    own = slopes[:, :count]
    return distance * NANO, force * NANO, own @ covariance[:count, :count] @ own.T * NANO**2

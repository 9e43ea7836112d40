r"""Calibrate a cantilever: spectrum, lever and surroundings in; spring constant, its error and findings out.

The spectrum is fitted once in its whole band and again in narrower ones; what the band changes beyond the
statistics is carried as systematic. Every method gives its own constant with its own error. No average is
taken: the method with the smallest error is named, and where methods disagree beyond their errors the error
grows to cover the others, or, beyond a factor of 1.5, the number is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from asperity.instrument.calibration_methods import (
    Lever,
    Method,
    Number,
    Surroundings,
    Way,
    contradicts,
    decide,
    known_inputs,
    relative,
    ways_of,
)
from asperity.instrument.digits import constant, number, share
from asperity.instrument.digits import factor as times
from asperity.instrument.hydrodynamics import Fluid
from asperity.instrument.roll_off import LIKELIER, RollOff, roll_off
from asperity.instrument.seen_resonance import require_resonance, require_whole
from asperity.instrument.spring_constant import (
    Estimate,
    Known,
    contact_free_sensitivity,
    propagate,
    propagate_fit,
)
from asperity.instrument.thermal import (
    AbstractResonance,
    HarmonicOscillator,
    ImmersedLever,
    RolledOff,
    spectral_density,
)
from asperity.instrument.thermal_fit import SpectralFit, evened, fit_bands, fit_spectrum
from asperity.instrument.thermal_start import first_resonance
from asperity.messages import DataError

__all__ = ["Band", "Calibration", "calibrate", "compare_with", "withheld"]

#: the bands, in parts of the resonance; the first is the widest
_BANDS = ((0.1, 3.0), (0.2, 2.0), (0.33, 3.0), (0.1, 2.0), (0.5, 2.0))
_WIDTHS = (20.0, 5.0)  # narrower still around sharp peaks: to either side, in widths of the peak
_LIQUID = 20.0  # quality factor below which the fluid's inertia shapes the spectrum
_UNTOLD = 0.1  # relative uncertainty from a roll-off that is not seen, beyond which that is said
_WRONG = 1e-3  # p-value below which the model is wrong
_RESOLVED = 5.0  # bins across the peak below which a window broadens it


class Band(NamedTuple):
    """A fit in part of the spectrum: limits and resonance (Hz); k and its statistical std (N/m) by method."""

    model: str
    least: float
    most: float
    resonance: float
    quality: float
    spring_constants: dict[str, Known]


class Calibration(NamedTuple):
    """The result of `calibrate`.

    ``spring_constant``  N/m, NaN where refused; ``method`` whose it is ("" where refused);
    ``sensitivity``      m/V from Sader's (or the coefficient's) constant, without contact; None without them;
    ``methods``, ``bands``, ``fit``  what it rests on; ``model`` of the fit in words,
    ``resonance`` itself;
    ``findings``         sentences for a person to read.
    """

    spring_constant: Estimate
    method: str
    sensitivity: Estimate | None
    methods: tuple[Method, ...]
    bands: tuple[Band, ...]
    fit: SpectralFit
    model: str
    resonance: AbstractResonance
    findings: tuple[str, ...]


def calibrate(frequency: Any, power: Any, lever: Lever, surroundings: Surroundings, *,
              sensitivity: Number | None = None, band: tuple[float, float] | None = None,
              averages: float | None = None, method: str | None = None) -> Calibration:
    """The spring constant of a cantilever from its thermal spectrum.

    Args:
        frequency: (k,) Hz, evenly spaced, up to the digits with which they were written.
        power: (k,) one-sided power spectral density, V^2/Hz (or m^2/Hz, then ``sensitivity`` is 1).
        lever: what is known of it; decides, with ``sensitivity``, which methods are used.
        surroundings: temperature and fluid.
        sensitivity: static, m/V, for the method of equipartition.
        band: Hz; by default from 1/10 to 3 times the resonance.
        averages: of how many independent periodograms; by default seen from the scatter of the bins.
        method: "equipartition", "sader" or "coefficient": insist on it; by default the one with the smallest
            error.

    Raises:
        ValueError: no method is possible with what is known, an unknown method, no resonance in the band, one of
            which a part is missing, or a fit that misses the spectrum by 20 %; and what `fit_spectra` raises.
    """
    frequency = evened(np.asarray(frequency, float))
    known, findings = known_inputs(lever, surroundings, sensitivity)
    ways = ways_of(known)
    if not ways or method not in (None, *(way.name for way in ways)):
        raise DataError(f"{'no method' if method is None else repr(method)} is possible with what is known: "
                        "equipartition needs a sensitivity; sader width, length, density and viscosity; "
                        "coefficient its A")
    band = _band(frequency, power, band)
    fits = _fits(frequency, power, band, averages, known)
    require_resonance(frequency, power, fits[0][0], fits[0][2], band)
    detector, models = _behind_detector(frequency, power, fits, band)
    fit = detector.fit
    require_whole(frequency, fit)
    bands = [row for model in models for row in _scan(frequency, power, fit, model, ways, band)]
    shape = _shape(frequency, power, fit, models[0][1])
    results = [_method(way, fit, bands, shape, detector.shift) for way in ways]
    chosen, taken, said = decide(results, method)
    findings += [*_about_fit(frequency, fit, [name for name, _ in models]),
                 *_about_detector(detector, ways, results), *_about_bands(bands),
                 *map(_about_method, results), *said]
    slope = _contact_free(ways, results, fit, known)
    return Calibration(taken, chosen, slope, tuple(results), tuple(bands), fit, *models[0], tuple(findings))


def compare_with(calibration: Calibration, name: str, value: float) -> str:
    """One sentence on a spring constant (N/m) from elsewhere, such as a file's header."""
    near = [m.name for m in calibration.methods
            if abs(np.log(value / m.spring_constant.value)) < 2 * relative(m.spring_constant)]
    verdict = " and ".join(near) if near else "none of the methods"
    words = f"{value:.4g} N/m" if value >= 1 else f"{1e3 * value:.4g} mN/m"
    return f"{name}, {words}, agrees within two standard deviations with {verdict}."


def withheld(calibration: Calibration, value: float) -> Calibration:
    """The calibration, without its number where its only method contradicts a spring constant (N/m) from elsewhere.

    It is what two methods that disagree are: nothing says which is right. Where methods agree with each other, they
    outweigh the other.
    """
    taken = calibration.spring_constant
    if len(calibration.methods) > 1 or not np.isfinite(taken.value) or not contradicts(taken, value):
        return calibration
    apart = times(math.exp(abs(math.log(value / taken.value))))
    said = (f"only {calibration.method} is possible, and it is a factor of {apart} from that: nothing says which is "
            "right, so no spring constant is given. Check the sensitivity and the scale of the spectrum, or give "
            "the dimensions of the lever for a second method; then name the method to insist on it.")
    return calibration._replace(spring_constant=Estimate(np.nan, np.nan, np.nan), method="",
                                findings=(*calibration.findings, said))


def _band(frequency: Any, power: Any, band: tuple[float, float] | None) -> tuple[float, float]:
    """The band given, or 1/10 to 3 times the first guess of the resonance."""
    if band is not None:
        return band
    frequency, power = np.asarray(frequency, dtype=float), np.asarray(power, dtype=float)
    sound = (frequency > 0) & np.isfinite(power) & (power > 0)
    if sound.sum() < 32:
        raise DataError(f"only {sound.sum()} bins with a positive power above 0 Hz: not a spectrum")
    guess = first_resonance(frequency[sound], power[sound])
    return float(_BANDS[0][0] * guess), float(min(_BANDS[0][1] * guess, frequency[-1]))


def _fits(frequency: Any, power: Any, band: tuple[float, float], averages: float | None,
          known: dict[str, Known]) -> list[tuple[SpectralFit, str, AbstractResonance]]:
    """The fits and their models, the likelier first."""
    plain = fit_spectrum(frequency, power, averages=averages, band=band)
    fits: list[tuple[SpectralFit, str, AbstractResonance]] = [(plain, "harmonic oscillator", HarmonicOscillator())]
    if {"width", "density", "viscosity"} <= set(known) and plain.parameters[2] < _LIQUID:
        inside = np.asarray(frequency)[plain.used | plain.lines]
        fluid = Fluid(known["density"].value, known["viscosity"].value)
        model = ImmersedLever.of(known["width"].value, fluid, float(inside[0]), float(inside[-1]))
        n = max(float(plain.averages), 1.0)
        other = fit_spectrum(frequency, power, model=model, averages=n, band=band)
        fits.append((other, "immersed lever", model))
    same = np.logical_and.reduce([fit.used for fit, *_ in fits])
    if all((fit.used == same).all() for fit, *_ in fits):
        fits.sort(key=lambda one: -float(one[0].log_likelihood))
    else:
        fits.sort(key=lambda one: -float(one[0].p_value))
    return fits


def _behind_detector(frequency: Any, power: Any, fits: Sequence[tuple[SpectralFit, str, AbstractResonance]],
                     band: tuple[float, float]) -> tuple[RollOff, list[tuple[str, AbstractResonance]]]:
    """The likeliest model with what a detector did to its spectrum; all models, the likeliest first.

    A second model is looked at behind a detector only where the first does not do without one.
    """
    found = [roll_off(frequency, power, fits[0][0], fits[0][2], band)]
    if not found[0].seen and found[0].fit.p_value >= _WRONG:
        return found[0], [fit[1:] for fit in fits]
    found += [roll_off(frequency, power, fit, model, band) for fit, _, model in fits[1:]]
    same = all((one.fit.used == found[0].fit.used).all() for one in found)
    rank = [float(one.fit.log_likelihood) - LIKELIER * one.seen if same else float(one.fit.p_value) for one in found]
    order = sorted(range(len(found)), key=lambda i: -rank[i])
    return found[order[0]], [(fits[i][1], found[i].model) for i in order]


def _about_detector(detector: RollOff, ways: Sequence[Way], results: Sequence[Method]) -> list[str]:
    """The roll-off that was seen, and what it does to the spring constants."""
    model = detector.model
    if not (detector.seen and isinstance(model, RolledOff)):
        doubt = max(method.budget["roll-off"] for method in results)
        return [f"the spectrum does not tell well whether the detector follows at the resonance: {share(doubt)} of "
                "uncertainty. Record to higher frequencies, or with less noise."] if doubt > _UNTOLD else []
    without = [way.at(*(float(x) for x in detector.plain[:3])) for way in ways]
    changes = ", ".join(f"{method.name} {100 * (k / method.spring_constant.value - 1):+.0f} %"
                        for k, method in zip(without, results))
    what = "the whole spectrum" if model.everything else "the motion"
    return [f"the spectrum falls off like behind a detector with a roll-off (order {model.order}, of {what}) at about "
            f"{float(model.corner) / 1e3:.3g} kHz: it is part of the model; without it the spring constant would be "
            f"off: {changes}. Measure with more bandwidth where you can."]


def _scan(frequency: Any, power: Any, fit: SpectralFit, named: tuple[str, AbstractResonance],
          ways: Sequence[Way], band: tuple[float, float]) -> list[Band]:
    """The fits of one model in all bands, the widest first; bands without a resonance are left out."""
    resonance, quality = fit.parameters[1:3]
    narrow = [width / quality for width in _WIDTHS if quality > 2 * width]
    parts = [*_BANDS[1:], *((1 - width, 1 + width) for width in narrow)]
    limits = [(max(low * resonance, band[0]), min(high * resonance, band[1])) for low, high in parts]
    limits = list(dict.fromkeys([band, *limits]))
    rows = []
    for (low, high), p, matrix in zip(limits, *fit_bands(frequency, power, fit, limits, named[1])):
        if np.isfinite(p).all() and matrix[0, 0] < 0.25:
            constants = {way.name: Known(*_scaled(propagate_fit(way.at, p, matrix))) for way in ways}
            rows.append(Band(named[0], low, high, float(p[1]), float(p[2]), constants))
    return rows


def _scaled(pair: tuple[float, float]) -> tuple[float, float]:
    return pair[0], pair[0] * pair[1]


def _shape(frequency: Any, power: Any, fit: SpectralFit, model: AbstractResonance) -> float:
    """Relative deviation of the mean square by summation over the peak, less what its scatter explains."""
    grid, observed = np.asarray(frequency, dtype=float)[fit.used], np.asarray(power, dtype=float)[fit.used]
    with jax.enable_x64(True):
        density = np.asarray(spectral_density(model, grid, fit.parameters))
    mode = density - fit.parameters[3] - fit.parameters[4] / grid
    peak = mode > density / 2
    total = mode[peak].sum()
    variance = (density[peak] ** 2).sum() / fit.averages / total**2 if peak.any() else 0.0
    deviation = (observed - density)[peak].sum() / total if peak.any() else 0.0
    return float(np.sqrt(max(deviation**2 - variance, 0.0)))


def _method(way: Way, fit: SpectralFit, bands: Sequence[Band], shape: float, shift: np.ndarray) -> Method:
    """The constant by one method, and where its uncertainty comes from."""
    value, statistics = propagate_fit(way.at, fit.parameters.tolist(), fit.covariance)
    at = [float(x) for x in fit.parameters[:3]]
    _, parts = propagate(lambda **inputs: way.at(*at, **inputs), way.inputs)
    first = bands[0].model
    own = {(row.least, row.most): row.spring_constants[way.name] for row in bands if row.model == first}
    parts["shape"] = shape if way.name == "equipartition" else 0.0
    parts["roll-off"] = abs(float(np.log(way.at(*(np.array(at) * np.exp(shift))) / value)))
    parts["band"] = _beyond_statistics(list(own.values()))
    other = [np.log(row.spring_constants[way.name].value / own[row.least, row.most].value) / 2
             for row in bands if row.model != first and (row.least, row.most) in own]
    if other:
        parts["model"] = float(np.sqrt(np.mean(np.square(other))))
    systematic = value * float(np.sqrt(sum(part**2 for part in parts.values())))
    return Method(way.name, Estimate(value, value * statistics, systematic), {"statistics": statistics, **parts})


def _beyond_statistics(constants: Sequence[Known]) -> float:
    """Relative rms deviation of the narrower bands from the first, less what the statistics explain.

    A part of the data deviates from the whole by the difference of their variances.
    """
    squares = [square - variance for square, variance in _deviations(constants)]
    return float(np.sqrt(max(np.mean(squares or [0.0]), 0.0)))


def _significant(constants: Sequence[Known]) -> bool:
    """Whether a narrower band deviates by more than three standard deviations."""
    return any(square > 9 * variance for square, variance in _deviations(constants))


def _deviations(constants: Sequence[Known]) -> list[tuple[float, float]]:
    """Squares of the relative deviations from the first, and their variances."""
    (value, std), *others = constants
    return [(float(np.log(k / value)) ** 2, abs((s / k) ** 2 - (std / value) ** 2)) for k, s in others]


def _about_bands(bands: Sequence[Band]) -> list[str]:
    """How far the constant moves with the band, for each model."""
    said = []
    for model in dict.fromkeys(row.model for row in bands):
        for name in bands[0].spring_constants:
            constants = [row.spring_constants[name] for row in bands if row.model == model]
            values = [k.value for k in constants]
            statistics = constants[0].std / constants[0].value
            verdict = "no more than the statistics allow"
            if _significant(constants):
                verdict = ("the error of the model dominates" if _beyond_statistics(constants) > statistics
                           else "a part of it is an error of the model")
            least, most = (constant(value, constants[0].std) for value in (min(values), max(values)))
            said.append(f"{model}, {name}: {least} to {most} over {len(values)} bands, statistical error "
                        f"{share(statistics)}: {verdict}.")
    return said


def _contact_free(ways: Sequence[Way], results: Sequence[Method], fit: SpectralFit,
                  known: dict[str, Known]) -> Estimate | None:
    """The sensitivity that makes equipartition agree with a method that needs none."""
    pair = next(((w, r) for w, r in zip(ways, results) if w.name != "equipartition"), None)
    if pair is None:
        return None
    way, result = pair
    temperature, beta, chi = (known[name] for name in ("temperature", "beta", "chi"))

    def sensitivity(mean_square: float, resonance: float, quality: float) -> float:
        stiffness = way.at(mean_square, resonance, quality)
        return contact_free_sensitivity(stiffness, mean_square, temperature.value, beta=beta.value,
                                        chi=chi.value)

    value, statistics = propagate_fit(sensitivity, fit.parameters.tolist(), fit.covariance)
    taken = result.spring_constant
    parts = [taken.std_systematic / taken.value / 2, temperature.std / temperature.value / 2,
             beta.std / beta.value / 2, chi.std / chi.value]
    return Estimate(value, value * statistics, value * float(np.sqrt(np.sum(np.square(parts)))))


def _about_fit(frequency: Any, fit: SpectralFit, models: Sequence[str]) -> list[str]:
    """What a person should know about the spectrum and its fit."""
    frequency = np.asarray(frequency, dtype=float)
    _, resonance, quality = fit.parameters[:3]
    step = float(frequency[1] - frequency[0])
    wide = fit.std[1:3]
    said = [f"resonance {number(resonance / 1e3, wide[0] * resonance / 1e3)} kHz, quality factor "
            f"{number(quality, wide[1] * quality)} ({models[0]}"
            + (f", likelier than the {models[1]}" if len(models) > 1 else "") + ")."]
    if fit.lines.any():
        places = frequency[fit.lines]
        starts = places[np.diff(places, prepend=-np.inf) > 1.5 * step]
        text = ", ".join(f"{place / 1e3:.4g}" for place in starts[:6]) + (", ..." if len(starts) > 6 else "")
        said.append(f"{len(starts)} electronic lines left out, at {text} kHz.")
    if fit.p_value < _WRONG:
        place, size = fit.deviation
        said.append(f"the model does not describe the spectrum: around {place / 1e3:.4g} kHz it deviates by "
                    f"{100 * size:+.1f} %. The statistical error then is not the whole error.")
    if abs(np.log(fit.averages / fit.scatter)) > 0.2:
        said.append(f"{fit.averages:.4g} averages were stated, the scatter of the bins is that of "
                    f"{fit.scatter:.4g}.")
    if resonance / quality < _RESOLVED * step:
        said.append(f"the peak is {resonance / quality / step:.1f} bins wide: a window broadens it and "
                    "lowers the quality factor; record in longer pieces.")
    return said


def _about_method(method: Method) -> str:
    """The result, and what its uncertainty consists of."""
    value, statistical, systematic = method.spring_constant
    budget = sorted(method.budget.items(), key=lambda item: -item[1])
    words = ", ".join(f"{name} {share(part)}" for name, part in budget if part > 0.1 * budget[0][1])
    return (f"{method.name}: {constant(value, method.spring_constant.std)}, standard uncertainty "
            f"{share(statistical / value)} statistical, {share(systematic / value)} systematic ({words}).")

r"""Calibrate a cantilever: spectrum, lever and surroundings in; spring constant, its error and findings out.

The spectrum is fitted once in its whole band and again in narrower ones; what the band changes beyond the
statistics is carried as systematic. Every method gives its own constant with its own error. No average is
taken: the method with the smallest error is named, and where methods disagree beyond their errors the error
grows to cover the others, or, beyond a factor of 1.5, the number is refused.
"""

from __future__ import annotations

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
    decide,
    in_words,
    known_inputs,
    relative,
    ways_of,
)
from asperity.instrument.hydrodynamics import Fluid
from asperity.instrument.spring_constant import (
    Estimate,
    Known,
    contact_free_sensitivity,
    propagate,
    propagate_fit,
)
from asperity.instrument.thermal import AbstractResonance, HarmonicOscillator, ImmersedLever, spectral_density
from asperity.instrument.thermal_fit import SpectralFit, fit_bands, fit_spectrum
from asperity.instrument.thermal_start import first_resonance
from asperity.messages import DataError

__all__ = ["Band", "Calibration", "calibrate", "compare_with"]

#: the bands, in parts of the resonance; the first is the widest
_BANDS = ((0.1, 3.0), (0.2, 2.0), (0.33, 3.0), (0.1, 2.0), (0.5, 2.0))
_WIDTHS = (20.0, 5.0)  # narrower still around sharp peaks: to either side, in widths of the peak
_LIQUID = 20.0  # quality factor below which the fluid's inertia shapes the spectrum
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
        frequency: (k,) Hz, evenly spaced.
        power: (k,) one-sided power spectral density, V^2/Hz (or m^2/Hz, then ``sensitivity`` is 1).
        lever: what is known of it; decides, with ``sensitivity``, which methods are used.
        surroundings: temperature and fluid.
        sensitivity: static, m/V, for the method of equipartition.
        band: Hz; by default from 1/10 to 3 times the resonance.
        averages: of how many independent periodograms; by default seen from the scatter of the bins.
        method: "equipartition", "sader" or "coefficient": insist on it; by default the one with the smallest
            error.

    Raises:
        ValueError: no method is possible with what is known, an unknown method, or no resonance in the band;
            and what `fit_spectra` raises.
    """
    known, findings = known_inputs(lever, surroundings, sensitivity)
    ways = ways_of(known)
    if not ways or method not in (None, *(way.name for way in ways)):
        raise DataError(f"{'no method' if method is None else repr(method)} is possible with what is known: "
                        "equipartition needs a sensitivity; sader width, length, density and viscosity; "
                        "coefficient its A")
    band = _band(frequency, power, band)
    fit, models = _fits(frequency, power, band, averages, known)
    _require_resonance(fit, band)
    bands = [row for model in models for row in _scan(frequency, power, fit, model, ways, band)]
    shape = _shape(frequency, power, fit, models[0][1])
    results = [_method(way, fit, bands, shape) for way in ways]
    chosen, constant, said = decide(results, method)
    findings += [*_about_fit(frequency, fit, [name for name, _ in models]), *_about_bands(bands),
                 *map(_about_method, results), *said]
    slope = _contact_free(ways, results, fit, known)
    return Calibration(constant, chosen, slope, tuple(results), tuple(bands), fit, *models[0], tuple(findings))


def compare_with(calibration: Calibration, name: str, value: float) -> str:
    """One sentence on a spring constant (N/m) from elsewhere, such as a file's header."""
    near = [m.name for m in calibration.methods
            if abs(np.log(value / m.spring_constant.value)) < 2 * relative(m.spring_constant)]
    verdict = " and ".join(near) if near else "none of the methods"
    return f"{name}, {in_words(value)}, agrees within two standard deviations with {verdict}."


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
          known: dict[str, Known]) -> tuple[SpectralFit, list[tuple[str, AbstractResonance]]]:
    """The likelier fit, and the models, the likelier first."""
    plain = fit_spectrum(frequency, power, averages=averages, band=band)
    fits: list[tuple[SpectralFit, tuple[str, AbstractResonance]]] = [
        (plain, ("harmonic oscillator", HarmonicOscillator()))]
    if {"width", "density", "viscosity"} <= set(known) and plain.parameters[2] < _LIQUID:
        inside = np.asarray(frequency)[plain.used | plain.lines]
        fluid = Fluid(known["density"].value, known["viscosity"].value)
        model = ImmersedLever.of(known["width"].value, fluid, float(inside[0]), float(inside[-1]))
        n = max(float(plain.averages), 1.0)
        other = fit_spectrum(frequency, power, model=model, averages=n, band=band)
        fits.append((other, ("immersed lever", model)))
    same = np.logical_and.reduce([fit.used for fit, _ in fits])
    if all((fit.used == same).all() for fit, _ in fits):
        fits.sort(key=lambda pair: -float(pair[0].log_likelihood))
    else:
        fits.sort(key=lambda pair: -float(pair[0].p_value))
    return fits[0][0], [named for _, named in fits]


def _require_resonance(fit: SpectralFit, band: tuple[float, float]) -> None:
    if not fit.converged or not fit.std[0] < 0.5:
        raise DataError(f"no resonance stands out of the noise between {band[0]:.4g} and {band[1]:.4g} Hz; "
                        "give the band around the resonance, or record longer")


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


def _method(way: Way, fit: SpectralFit, bands: Sequence[Band], shape: float) -> Method:
    """The constant by one method, and where its uncertainty comes from."""
    value, statistics = propagate_fit(way.at, fit.parameters.tolist(), fit.covariance)
    at = [float(x) for x in fit.parameters[:3]]
    _, parts = propagate(lambda **inputs: way.at(*at, **inputs), way.inputs)
    first = bands[0].model
    own = {(row.least, row.most): row.spring_constants[way.name] for row in bands if row.model == first}
    parts["shape"] = shape if way.name == "equipartition" else 0.0
    parts["band"] = _beyond_statistics(list(own.values()))
    other = [np.log(row.spring_constants[way.name].value / own[row.least, row.most].value) / 2
             for row in bands if row.model != first and (row.least, row.most) in own]
    if other:
        parts["model"] = float(np.sqrt(np.mean(np.square(other))))
    systematic = value * float(np.sqrt(sum(part**2 for part in parts.values())))
    constant = Estimate(value, value * statistics, systematic)
    return Method(way.name, constant, {"statistics": statistics, **parts})


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
            said.append(f"{model}, {name}: {in_words(min(values))} to {in_words(max(values))} over "
                        f"{len(values)} bands, statistical error {100 * statistics:.2g} %: {verdict}.")
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
        constant = way.at(mean_square, resonance, quality)
        return contact_free_sensitivity(constant, mean_square, temperature.value, beta=beta.value,
                                        chi=chi.value)

    value, statistics = propagate_fit(sensitivity, fit.parameters.tolist(), fit.covariance)
    constant = result.spring_constant
    parts = [constant.std_systematic / constant.value / 2, temperature.std / temperature.value / 2,
             beta.std / beta.value / 2, chi.std / chi.value]
    return Estimate(value, value * statistics, value * float(np.sqrt(np.sum(np.square(parts)))))


def _about_fit(frequency: Any, fit: SpectralFit, models: Sequence[str]) -> list[str]:
    """What a person should know about the spectrum and its fit."""
    frequency = np.asarray(frequency, dtype=float)
    _, resonance, quality = fit.parameters[:3]
    step = float(frequency[1] - frequency[0])
    said = [f"resonance {resonance / 1e3:.5g} kHz, quality factor {quality:.4g} ({models[0]}"
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
    words = ", ".join(f"{name} {100 * part:.2g} %" for name, part in budget if part > 0.1 * budget[0][1])
    return (f"{method.name}: {in_words(value)}, standard uncertainty {100 * statistical / value:.2g} % "
            f"statistical, {100 * systematic / value:.2g} % systematic ({words}).")

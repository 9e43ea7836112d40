"""Relaxation spectra: speed against serial fits of people's usual kind, and closeness to the truth.

``python -m benchmarks.spectra`` takes about two minutes on one core. Speed: CPU time of 1000 spectra of 20 points over
three decades. The others get the same spectra one by one: a fractional Zener model by `scipy.optimize.minimize` with
Nelder-Mead (derivative-free, as the Subplex of RHEOS), and a five-branch Maxwell model by `least_squares` in
logarithms. Closeness: data sets of seven relaxation times over five decades, lognormal strengths, 15 points on three
decades, 5 % noise of E' and of E''; "beyond" is one decade on either side.
"""

from __future__ import annotations

from benchmarks.machine import compare, one_core

if __name__ == "__main__":
    one_core()

import numpy as np
from scipy.optimize import least_squares, minimize

from asperity.rheology.relaxation_spectrum import RelaxationSpectrum, debye
from asperity.rheology.spectrum_estimate import (
    SpectrumFit,
    fit_spectrum,
    frequency_data,
    frequency_design,
    nearest_passive,
    noise_of,
    spectrum_of,
)
from benchmarks.table import Row, limit, note, ratio, show

__all__ = ["closeness", "data_sets", "fractional_zener", "generated", "maxwell", "modulus_of", "speed"]

_OMEGA = np.logspace(-1.5, 1.5, 15)
_BEYOND = np.concatenate([np.logspace(-2.5, -1.6, 10), np.logspace(1.6, 2.5, 10)])


def modulus_of(spectrum: RelaxationSpectrum, omega: np.ndarray) -> np.ndarray:
    """E* (..., m) of one or many materials on the same relaxation times."""
    tau = np.asarray(spectrum.relaxation_time).reshape(-1, spectrum.relaxation_time.shape[-1])[0]
    storage, loss = debye(omega[:, None], tau)
    strength, spring, dashpot = (np.asarray(part) for part in (
        spectrum.relaxing_modulus, spectrum.equilibrium_modulus, spectrum.viscosity))
    return spring[..., None] + strength @ storage.T + 1j * (strength @ loss.T + dashpot[..., None] * omega)


def _noisy(true: np.ndarray, relative: float, rng: np.random.Generator) -> np.ndarray:
    noise = relative * rng.normal(size=(2, *true.shape))
    return true.real * (1 + noise[0]) + 1j * true.imag * (1 + noise[1])


def _zener(omega: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """E_e + G x / (1 + x) with x = (i w tau)^a; theta = ln E_e, ln G, ln tau, logit a."""
    x = (1j * omega * np.exp(theta[2])) ** (1 / (1 + np.exp(-theta[3])))
    return np.exp(theta[0]) + np.exp(theta[1]) * x / (1 + x)


def generated(count: int, points: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and noisy spectra (count, points) of fractional solids: all programs have a fair model."""
    omega, rng = np.logspace(-1.5, 1.5, points), np.random.default_rng(0)
    theta = np.column_stack([rng.uniform(-1, 1, count), rng.uniform(1, 3, count), rng.uniform(-2, 2, count),
                             rng.uniform(-0.8, 0.8, count)])
    return omega, _noisy(np.array([_zener(omega, one) for one in theta]), 0.03, rng)


def fractional_zener(omega: np.ndarray, modulus: np.ndarray) -> np.ndarray:
    """The four parameters by Nelder-Mead on relative squares."""
    def cost(theta):
        return float(np.sum(np.abs(_zener(omega, theta) / modulus - 1) ** 2))
    start = np.array([np.log(modulus[0].real), np.log(np.ptp(modulus.real)), 0.0, 0.0])
    return minimize(cost, start, method="Nelder-Mead", options={"maxiter": 2000, "maxfev": 4000}).x


def maxwell(omega: np.ndarray, modulus: np.ndarray, branches: int = 5) -> np.ndarray:
    """Logarithms of five strengths, five times and a spring by trust-region least squares on relative residuals."""
    def residual(theta):
        x = 1j * omega[:, None] * np.exp(theta[branches:2 * branches])
        found = np.exp(theta[-1]) + (x / (1 + x)) @ np.exp(theta[:branches])
        off = found / modulus - 1
        return np.append(off.real, off.imag)
    start = np.concatenate([np.full(branches, np.log(np.ptp(modulus.real) / branches)),
                            np.linspace(-np.log(omega[-1]), -np.log(omega[0]), branches), [np.log(modulus[0].real)]])
    return least_squares(residual, start, bounds=(start - 15, start + 15)).x


def speed(count: int, one_by_one: int, repeats: int) -> list[Row]:
    """CPU time per spectrum."""
    omega, data = generated(count)
    noise = noise_of(data, relative=0.03, each=True)
    problems = [frequency_data(omega, row, s) for row, s in zip(data[:one_by_one], noise)]
    times = compare({
        "asperity": (lambda: fit_spectrum(omega, data, noise), count),
        "nnls": (lambda: [nearest_passive(*problem) for problem in problems], one_by_one),
        "zener": (lambda: [fractional_zener(omega, row) for row in data[:one_by_one]], one_by_one),
        "maxwell": (lambda: [maxwell(omega, row) for row in data[:one_by_one]], one_by_one)}, repeats)
    rows = [limit(f"{count} spectra of 20 points, nonnegative, smoothed", count * times["asperity"].best,
                  10.0 * count / 1000, "68 unknowns each, strength by discrepancy")]
    for name, what in (("zener", "Nelder-Mead, 4 parameters"), ("maxwell", "least_squares, 5 branches"),
                       ("nnls", "one scipy nnls without smoothing")):
        rows.append(ratio(f"per spectrum, against {what}", times["asperity"], name, times[name]))
    return rows


def data_sets(count: int, spread: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truths in the band and beyond, and data with 5 % noise of each part; ``spread`` of the ln of the strengths."""
    inside, outside, data = [], [], []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        tau, strength = np.logspace(-2.5, 2.5, 7), np.exp(spread * rng.normal(size=7))
        for omega, rows in ((_OMEGA, inside), (_BEYOND, outside)):
            x = 1j * omega[:, None] * tau
            rows.append(1.0 + (x / (1 + x)) @ strength)
        data.append(_noisy(inside[-1], 0.05, rng))
    return np.array(inside), np.array(outside), np.array(data)


def _distance(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return 100 * np.sqrt(np.mean(np.abs(found / true - 1) ** 2, axis=-1))


def _in_words(errors: np.ndarray) -> str:
    return f"{np.median(errors):.2f} % ({np.quantile(errors, 0.9):.2f} %)"


def closeness(count: int) -> list[Row]:
    """Median (and 90 % quantile) errors, for two spreads of the strengths, against the unsmoothed fit."""
    rows = []
    for spread in (0.5, 1.0):
        inside, outside, data = data_sets(count, spread)
        noise = noise_of(data, relative=0.05, each=True)
        fit: SpectrumFit = fit_spectrum(_OMEGA, data, noise)
        each = [frequency_data(_OMEGA, row, s) for row, s in zip(data, noise)]
        rough = spectrum_of(each[0].design, np.array([nearest_passive(*one)[0] for one in each]))
        for where, omega, true, goal in (("in the band", _OMEGA, inside, 2.3), ("beyond", _BEYOND, outside, 8.0)):
            ours = _distance(modulus_of(fit.spectrum, omega), true)
            theirs = _distance(modulus_of(rough, omega), true)
            rows.append(Row(f"error {where}, strengths spread by e^{spread:g}", _in_words(ours),
                            f"unsmoothed {_in_words(theirs)}", "", f"<= {goal:g} %", bool(np.median(ours) <= goal),
                            {"median": float(np.median(ours)), "goal": goal}))
        rows.append(note("passive distance of the fit", f"{_passive_distance(fit):.1e} %"))
    return rows


def _passive_distance(fit: SpectrumFit) -> float:
    """Of all fits, in the band and beyond, the largest: they are passive by construction, so a rounding error."""
    omega = np.sort(np.append(_OMEGA, _BEYOND))
    design, distances = frequency_design(omega, fit.spectrum.relaxation_time[0]), []
    for modulus in modulus_of(fit.spectrum, omega):
        values, size = np.append(modulus.real, modulus.imag), np.abs(modulus)
        best = design.matrix @ nearest_passive(design, values, np.append(size, size))[0]
        distances.append(_distance(best[:len(omega)] + 1j * best[len(omega):], modulus))
    return float(np.max(distances))


if __name__ == "__main__":
    show([*speed(1000, 50, 3), *closeness(20)], "relaxation spectra")

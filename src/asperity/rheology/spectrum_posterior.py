r"""Credible bands of a relaxation spectrum by randomizing the data and the prior, then optimizing.

The likelihood is Gaussian with the stated noise, of which a part may be smooth (`asperity.rheology.smooth_error`), the
prior on $H \ge 0$ is $\exp(-\frac\lambda2\sum(\Delta^2 h)^2)$.
Each draw solves the nonnegative least squares of the estimate anew after adding one standard normal number to every
whitened datum and to every second difference. Without the walls at 0 the draws would be exactly those of the
posterior; with them it is an approximation, which gives spectra that are exactly 0 somewhere their due. The smoothing
is drawn, too: $\ln\lambda$ evenly from 6 below that of the discrepancy principle up to it, since bands at the
smoothing that is best for the estimate are too narrow.

Nonnegative branches make a bias upwards of what is small beside the noise, the loss of a plateau for one: the noise in
the data makes some, and that of the draws as much again. A band therefore reaches over the draws x and over their
mirror images 2 c - x, with c what the same smoothing makes of the data themselves. Where the walls do not matter both
are the same. What the bands are worth is measured (see docs/nanorheology.md).
Source: Bardsley, Solonen, Haario and Laine, SIAM J. Sci. Comput. 36, A1895 (2014).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from asperity.messages import DataError
from asperity.rheology.relaxation_spectrum import RelaxationSpectrum
from asperity.rheology.retardation_spectrum import RetardationSpectrum, retardation_of
from asperity.rheology.smooth_error import SmoothError, decorrelated, learnt_error
from asperity.rheology.spectrum_estimate import (
    FEWEST,
    Data,
    Design,
    Whitened,
    by_discrepancy,
    frequency_data,
    smoothed,
    spectrum_of,
    time_data,
    whitened,
)

__all__ = [
    "Material",
    "MaterialFit",
    "Sampled",
    "band",
    "fitted",
    "material_of",
    "sample_from_relaxation",
    "sample_spectrum",
    "sampled",
]

_SMOOTHINGS = (-6.0, 0.0)  # of ln(lambda), relative to the discrepancy principle
_LEVELS = 5  # of the smoothing, of which a draw has one
_SMOOTHEST = 1e6  # lambda: H is all but straight

Material = RelaxationSpectrum | RetardationSpectrum


class MaterialFit(NamedTuple):
    """The estimate of one spectrum."""

    material: Material
    chi_square: float  # sum of squared residuals over their standard deviations, smooth errors taken into account
    data: int  # how many real numbers were fitted


class Sampled(NamedTuple):
    """Materials (draws,), and what the smoothing of each makes of the data as they are."""

    drawn: Material
    center: Material


def sample_spectrum(angular_frequency: Any, modulus: Any, noise: Any, *, draws: int = 500,
                    seed: int = 0) -> RelaxationSpectrum:
    """Materials (draws,) that are equally likely given E*(omega); arguments and errors as in `fit_spectrum`.

    Quantiles over the draws, of E*, E(t), J(t) or H, are credible bands for errors that are independent. They are
    somewhat too narrow (see `band`): with 5 % noise on three decades, bands of 90 % held 83-87 % of the true values
    within the frequencies measured and 80-90 % one decade beyond (60 spectra each of fractional solids, gels, and
    solids of seven relaxation times).

    Args:
        angular_frequency: (m,) rad/s.
        modulus: (m,) complex E* in Pa.
        noise: standard deviation in Pa.
        draws: how many; some 0.3 ms each for 20 points.
        seed: of the random numbers.

    Raises:
        ValueError: as `fit_spectrum`; more than one spectrum, or fewer than four finite numbers.
    """
    found = sampled(frequency_data(angular_frequency, modulus, noise), draws=draws, seed=seed).drawn
    assert isinstance(found, RelaxationSpectrum)
    return found


def sample_from_relaxation(time: Any, relaxation_modulus: Any, noise: Any, *, draws: int = 500,
                           seed: int = 0) -> RelaxationSpectrum:
    """The same from E(t); arguments and errors as in `fit_relaxation`."""
    found = sampled(time_data(time, relaxation_modulus, noise), draws=draws, seed=seed).drawn
    assert isinstance(found, RelaxationSpectrum)
    return found


def material_of(design: Design, parameters: np.ndarray) -> Material:
    """The material with parameters (..., n + free) of any design."""
    return retardation_of(design, parameters) if design.kind == "creep" else spectrum_of(design, parameters)


def fitted(data: Data, error: SmoothError) -> MaterialFit:
    """The smoothest nonnegative spectrum of one set of values, with smooth errors of the likeliest share and length."""
    problem = decorrelated(_one(data), error, error.likeliest)
    found, chi_square = smoothed(problem, by_discrepancy(problem))
    return MaterialFit(material_of(data.design, found * problem.scale), chi_square, problem.number)


def sampled(data: Data, error: SmoothError | None = None, *, draws: int = 500, seed: int = 0) -> Sampled:
    """Materials (draws,) that are equally likely; each draw has its own share and length of the smooth errors.

    Args:
        data: one set of values, of `frequency_data`, `time_data` or `creep_data`.
        error: of `learnt_error`; by default errors are independent.
        draws, seed: as `sample_spectrum`.

    Raises:
        ValueError: more than one set of values, or fewer than four finite numbers.
    """
    problem, rng = _one(data), np.random.default_rng([seed, 7919])
    error = learnt_error(data, 0.0) if error is None else error
    entries = np.sort(rng.choice(len(error.share), size=draws, p=error.weight))
    pairs = [pair for entry in np.unique(entries)
             for pair in _of_entry(decorrelated(problem, error, int(entry)), int(np.sum(entries == entry)), rng)]
    drawn, center = (np.stack(part) * problem.scale for part in zip(*pairs))
    return Sampled(material_of(data.design, drawn), material_of(data.design, center))


def band(drawn: np.ndarray, center: np.ndarray, level: float, *, ratio: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the band of a nonnegative quantity.

    Args:
        drawn, center: (draws, ...) the quantity of the materials of `sampled`.
        level: the probability, such as 0.9.
        ratio: mirror the logarithms, for a quantity whose errors are factors.
    """
    ends = (1 - level) / 2, (1 + level) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        mirrored = np.where(drawn > 0, center**2 / drawn, center) if ratio else np.maximum(2 * center - drawn, 0.0)
    first, second = (np.quantile(part, ends, axis=0) for part in (drawn, mirrored))
    return np.minimum(first[0], second[0]), np.maximum(first[1], second[1])


def _one(data: Data) -> Whitened:
    if data.values.ndim != 1:
        raise ValueError(f"bands are those of one spectrum, but there are {data.values.shape[:-1]}: loop over them")
    problem = whitened(*data)
    if problem.number < FEWEST:
        raise DataError(f"only {problem.number} finite numbers: a spectrum needs {FEWEST} or more")
    return problem


def _of_entry(problem: Whitened, draws: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draws, each with its center, of one share and length of the smooth errors."""
    low, high = _SMOOTHINGS
    most = min(by_discrepancy(problem), _SMOOTHEST)
    smoothing = most * np.exp(low + (high - low) * (np.arange(_LEVELS) + 0.5) / _LEVELS)
    levels = rng.integers(_LEVELS, size=draws)
    centers = {level: smoothed(problem, float(smoothing[level]))[0] for level in np.unique(levels)}
    return [(_randomized(problem, float(smoothing[level]), rng), centers[level]) for level in levels]


def _randomized(problem: Whitened, smoothing: float, rng: np.random.Generator) -> np.ndarray:
    counted = np.any(problem.matrix != 0, axis=1)
    target = problem.target + np.where(counted, rng.standard_normal(len(problem.target)), 0.0)
    return smoothed(problem._replace(target=target), smoothing, rng.standard_normal(len(problem.rough)))[0]

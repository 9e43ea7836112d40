r"""Credible bands of a relaxation spectrum by randomizing the data and the prior, then optimizing.

The likelihood is Gaussian with the stated noise, the prior on $H \ge 0$ is $\exp(-\frac\lambda2\sum(\Delta^2 h)^2)$.
Each draw solves the nonnegative least squares of the estimate anew after adding one standard normal number to every
whitened datum and to every second difference. Without the walls at 0 the draws would be exactly those of the
posterior; with them it is an approximation, which gives spectra that are exactly 0 somewhere their due. The smoothing
is drawn, too: $\ln\lambda$ evenly from 6 below that of the discrepancy principle up to it, since bands at the
smoothing that is best for the estimate are too narrow. What the bands are worth is measured (see the tests).
Source: Bardsley, Solonen, Haario and Laine, SIAM J. Sci. Comput. 36, A1895 (2014).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asperity.messages import DataError
from asperity.rheology.relaxation_spectrum import RelaxationSpectrum
from asperity.rheology.spectrum_estimate import (
    FEWEST,
    Data,
    Whitened,
    by_discrepancy,
    frequency_data,
    smoothed,
    spectrum_of,
    time_data,
    whitened,
)

__all__ = ["sample_from_relaxation", "sample_spectrum"]

_SMOOTHINGS = (-6.0, 0.0)  # of ln(lambda), relative to the discrepancy principle
_SMOOTHEST = 1e6  # lambda: H is all but straight


def sample_spectrum(angular_frequency: Any, modulus: Any, noise: Any, *, draws: int = 500,
                    seed: int = 0) -> RelaxationSpectrum:
    """Materials (draws,) that are equally likely given E*(omega); arguments and errors as in `fit_spectrum`.

    Quantiles over the draws, of E*, E(t), J(t) or H, are credible bands. They are somewhat too narrow: with 5 % noise
    on three decades, bands of 90 % held 83-87 % of the true values within the frequencies measured and 80-90 % one
    decade beyond (60 spectra each of fractional solids, gels, and solids of seven relaxation times).

    Args:
        angular_frequency: (m,) rad/s.
        modulus: (m,) complex E* in Pa.
        noise: standard deviation in Pa.
        draws: how many; some 0.3 ms each for 20 points.
        seed: of the random numbers.

    Raises:
        ValueError: as `fit_spectrum`; more than one spectrum, or fewer than four finite numbers.
    """
    return _sample(frequency_data(angular_frequency, modulus, noise), draws, seed)


def sample_from_relaxation(time: Any, relaxation_modulus: Any, noise: Any, *, draws: int = 500,
                           seed: int = 0) -> RelaxationSpectrum:
    """The same from E(t); arguments and errors as in `fit_relaxation`."""
    return _sample(time_data(time, relaxation_modulus, noise), draws, seed)


def _sample(data: Data, draws: int, seed: int) -> RelaxationSpectrum:
    if data.values.ndim != 1:
        raise ValueError(f"bands are those of one spectrum, but there are {data.values.shape[:-1]}: loop over them")
    problem = whitened(*data)
    if problem.number < FEWEST:
        raise DataError(f"only {problem.number} finite numbers: a spectrum needs {FEWEST} or more")
    rng = np.random.default_rng([seed, 7919])
    most = min(by_discrepancy(problem), _SMOOTHEST)
    smoothing = most * np.exp(rng.uniform(*_SMOOTHINGS, size=draws))
    return spectrum_of(data.design, np.stack([_randomized(problem, s, rng) for s in smoothing]) * problem.scale)


def _randomized(problem: Whitened, smoothing: float, rng: np.random.Generator) -> np.ndarray:
    counted = np.any(problem.matrix != 0, axis=1)
    target = problem.target + np.where(counted, rng.standard_normal(len(problem.target)), 0.0)
    return smoothed(problem._replace(target=target), smoothing, rng.standard_normal(len(problem.rough)))[0]

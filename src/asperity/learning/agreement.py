r"""Whether what a fit leaves is no more than the noise.

The mean square of n samples of noise with the spectrum S, over its expectation, is a sum of weighted $\chi^2$
variables with the cumulants $\kappa_2 = 2 \langle S^2\rangle/(n \langle S\rangle^2)$ and
$\kappa_3 = 8 \langle S^3\rangle/(n^2 \langle S\rangle^3)$, means over the frequencies from one period in the n samples
on: what is slower, the fit takes up. It is distributed nearly as the $\chi^2$ variable of $8\kappa_2^3/\kappa_3^2$
degrees of freedom with its mean and variance moved to these. The level that it is compared with is uncertain itself:
its logarithm is normal, with the variance that the spectrum's posterior has.

Source: Buckley, Eagleson, Aust. J. Stat. 30A, 150 (1988) (three cumulants); Patterson, Thompson, Biometrika 58, 545
(1971) (what the fit takes up).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from asperity.learning.noise import SharedNoise, Spectra, between_knots

__all__ = ["BY_CHANCE", "Scatter", "chance", "scatter"]

#: probability of a residual, below which it is not taken for noise
BY_CHANCE = 1e-3
_FREQUENCIES = 200  # that means are taken over
_REMEMBERED = 128  # lengths whose shares are kept, 20 kB each
_FEWEST = 4  # samples of a mean square
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


class Scatter(NamedTuple):
    """How a mean square of noise over the expected one scatters, (curve,) each."""

    variance: np.ndarray  # of the mean square,
    freedom: np.ndarray  # degrees of freedom of its shape,
    level: np.ndarray  # and the standard deviation of the logarithm of what it is compared with


def scatter(noise: SharedNoise, found: Spectra, number: np.ndarray) -> Scatter:
    """How mean squares of ``number`` samples of noise of these spectra scatter."""
    if not np.isfinite(noise.mean).all():
        return Scatter(np.full(len(number), 2.0), np.ones(len(number)), np.zeros(len(number)))
    number = np.maximum(number, _FEWEST)
    frequency, table = _shares(noise.length)
    use = frequency * (frequency >= 1 / number[:, None])  # evenly in frequency, not in its logarithm
    use = use / use.sum(axis=1, keepdims=True)
    density = np.exp(found.mean @ table)
    mean, square, cube = ((use * density**power).sum(axis=1) for power in (1, 2, 3))
    part = (use * density) @ table.T / mean[:, None]
    variance, third = 2 * square / (number * mean**2), 8 * cube / (number**2 * mean**3)
    level = np.sqrt(np.einsum("nk,nkl,nl->n", part, found.covariance, part))
    return Scatter(variance, 8 * variance**3 / third**2, level)


@lru_cache(_REMEMBERED)
def _shares(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in cycles a sample, and how much of each knot of windows of ``length`` is in them."""
    frequency = np.geomspace(1 / length, 0.5, _FREQUENCIES)
    return frequency, between_knots(length, np.log(frequency))


def chance(ratio: np.ndarray, known: Scatter) -> np.ndarray:
    """The probability that noise alone leaves a mean square over the expected one at least as large as ``ratio``."""
    ratio = np.nan_to_num(ratio, nan=1.0, posinf=1e300)[:, None] * np.exp(known.level[:, None] * _NODES)
    freedom = known.freedom[:, None]
    place = freedom + np.sqrt(2 * freedom / known.variance[:, None]) * (ratio - 1)
    return chdtrc(freedom, np.maximum(place, 0.0)) @ _WEIGHTS / _WEIGHTS.sum()

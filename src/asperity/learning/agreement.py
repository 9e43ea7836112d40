r"""Whether what a fit leaves is no more than the noise.

The mean square of n samples of noise with the spectrum S scatters as that of
$n\,\langle S\rangle^2/\langle S^2\rangle$ independent ones, means over the frequencies from one period in the n samples
on: what is slower, the fit takes up. The level that it is compared with is uncertain itself, with the variance of its
logarithm that the spectrum's posterior has, so that their ratio follows the F distribution.

Source: Bartlett, J. R. Stat. Soc. Suppl. 8, 27 (1946) (the variance of a mean square of correlated samples).
"""

from __future__ import annotations

import numpy as np
from scipy.special import fdtrc

from asperity.learning.noise import SharedNoise, Spectra, degrees_of_freedom, knots

__all__ = ["chance", "comparable"]

_FREQUENCIES = 200  # that means are taken over
_SURE = 1e-6  # the least variance of a logarithm


def comparable(noise: SharedNoise, found: Spectra, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The degrees of freedom of a mean square of ``number`` samples and of the noise it is compared with, (curve,).

    One each where there is no noise.
    """
    if not np.isfinite(noise.mean).all():
        return np.ones(len(number)), np.ones(len(number))
    frequency = np.geomspace(1 / noise.length, 0.5, _FREQUENCIES)
    share = np.array([np.interp(np.log(frequency), knots(noise.length), unit) for unit in np.eye(found.mean.shape[1])])
    use = frequency * (frequency >= 1 / np.maximum(number, 4)[:, None])  # evenly in frequency, not in its logarithm
    weight = use / use.sum(axis=1, keepdims=True)
    density = np.exp(found.mean - found.mean.max(axis=1, keepdims=True))
    at = density @ share
    mean = (weight * at).sum(axis=1)
    alike = (weight * at**2).sum(axis=1) / np.maximum(mean, 1e-300) ** 2
    part = density * (weight @ share.T) / np.maximum(mean, 1e-300)[:, None]
    variance = np.einsum("nk,nkl,nl->n", part, found.covariance, part)
    return np.maximum(number / np.maximum(alike, 1.0), 1.0), degrees_of_freedom(np.maximum(variance, _SURE))


def chance(ratio: np.ndarray, independent: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """The probability that noise alone leaves a mean square over the expected one at least as large as ``ratio``."""
    return fdtrc(independent, freedom, np.nan_to_num(ratio, nan=1.0, posinf=1e300))

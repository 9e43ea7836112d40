r"""Noise that is relative to the material, not to what was measured of it.

$$\sigma_i = \sigma\,|E^*_\mathrm{fit}(\omega_i)|, \qquad E^*_\mathrm{fit} = \arg\min \sum_i
  \frac{|E^*_i - E^*_\mathrm{fit}(\omega_i)|^2}{\sigma_i^2}$$

A noise of 30 % of each *measured* value makes those that are small by chance three times as sure as those that are
large by chance: the fit is pulled down, and chi-square is far above the number of values. So the least squares with
nonnegative branches are repeated with the noise of the last fit until it stays (iteratively reweighted least squares,
the quasi-likelihood of Wedderburn, Biometrika 61, 439 (1974)). The first fit has the noise of the running median.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from asperity.rheology.spectrum_estimate import Data, nearest_passive

__all__ = ["relative_noise", "renewed"]

_ROUNDS = 10  # of the reweighted fit, at most: 3 to 5 are enough at 40 % noise
_SAME = 1e-3  # relative change of the modulus below which it stays
_NEIGHBORS = 5  # points of the running median
_LEAST = 0.5  # of the measured value: where no material is near it, the fit tells nothing of its noise


def relative_noise(data: Data, relative: float) -> np.ndarray:
    """Standard deviations (m,) of each real number of a point, ``relative`` times the modulus of the nearest material.

    Args:
        data: one set of values, of `frequency_data`, `time_data` or `creep_data`; their own noise says only which
            count (where it is finite).
        relative: in parts of |E*|, E(t) or J(t); 0 is left only where both material and data are 0.
    """
    parts = data.design.parts
    measured = np.linalg.norm(data.values.reshape(parts, -1), axis=0)
    counted = np.asarray(np.isfinite(data.noise).reshape(parts, -1).all(axis=0))
    order = np.argsort(data.design.time)
    order, size = order[counted[order]], np.zeros_like(measured)
    size[order] = median_filter(measured[order], _NEIGHBORS, mode="nearest")
    noise = relative * np.maximum(size, _LEAST * measured)
    for _ in range(_ROUNDS):
        last = noise
        noise = renewed(data._replace(noise=np.tile(np.where(counted & (last > 0), last, np.inf), parts)), relative)
        if np.all(np.abs(noise - last) <= _SAME * last):
            break
    return noise


def renewed(data: Data, relative: float) -> np.ndarray:
    """One round of `relative_noise`, from the noise of the data."""
    parts = data.design.parts
    measured = np.linalg.norm(data.values.reshape(parts, -1), axis=0)
    fit = data.design.matrix @ nearest_passive(*data)[0]
    return relative * np.maximum(np.linalg.norm(fit.reshape(parts, -1), axis=0), _LEAST * measured)

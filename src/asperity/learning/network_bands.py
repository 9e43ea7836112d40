r"""How far a trained network is to be believed: networks of other initial weights on data with fresh noise.

Each member learns the data plus one more draw of their stated noise, from its own random weights. Members scatter
about their mean as much as the mean scatters about the truth, as far as noise and initial weights make the error; a
bias that all members share, such as that of a wrong form of the relations, stays unseen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from asperity.learning.kk_network import Output
from asperity.learning.kk_training import complex_moduli, with_noise
from asperity.messages import ArgumentError

__all__ = ["Bands", "bands", "replicates"]


class Bands(NamedTuple):
    """E* (..., k) in Pa: E' in the real, E'' in the imaginary parts."""

    estimate: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def replicates(modulus: Any, noise: Any, *, members: int = 16, output: Output = "log",
               seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The data with fresh noise, and the noise, (..., members, m) each, to be learnt by one network each.

    Args:
        modulus: (..., m) complex E* in Pa.
        noise: standard deviation in Pa, broadcast to the modulus, real or complex.
        members: how many networks; 16 state the width of a band to 20 %.
        output: of the networks: for "log" the logarithms of positive values get the noise.
        seed: of the random numbers.

    Raises:
        ValueError: fewer than two members.
    """
    if members < 2:
        raise ArgumentError(f"members = {members}: a scatter needs two or more")
    modulus, noise = with_noise(modulus, noise)
    shape = (*modulus.shape[:-1], members, modulus.shape[-1])
    z = np.random.default_rng([seed, 15485863]).standard_normal((2, *shape))
    modulus, noise = (np.broadcast_to(a[..., None, :], shape) for a in (modulus, noise))
    parts = [_drawn(*part, output) for part in ((modulus.real, noise.real, z[0]), (modulus.imag, noise.imag, z[1]))]
    return parts[0] + 1j * parts[1], noise


def _drawn(values: np.ndarray, noise: np.ndarray, z: np.ndarray, output: Output) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        drawn = np.where((values > 0) & (output == "log"), values * np.exp(noise / values * z), values + noise * z)
    return np.where(np.isfinite(noise), drawn, values)


def bands(networks: Any, angular_frequency: Any, *, level: float = 0.9) -> Bands:
    r"""Mean and Student bands $\bar x \pm t_{n-1}\,s\sqrt{1 + 1/n}$ over the last batch dimension of the networks.

    Of the logarithms, where all members are positive at all frequencies.

    Args:
        networks: trained, with batch dimensions (..., members).
        angular_frequency: (k,) rad/s.
        level: probability of a band.
    """
    found: Any = complex_moduli(networks, angular_frequency)
    return Bands(*(a + 1j * b for a, b in zip(_band(found.real, level), _band(found.imag, level))))


def _band(values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, lower and upper bound of (..., members, k)."""
    positive = bool((values > 0).all())
    x, members = np.log(values) if positive else values, values.shape[-2]
    mean = x.mean(axis=-2)
    half = stdtrit(members - 1, (1 + level) / 2) * x.std(axis=-2, ddof=1) * np.sqrt(1 + 1 / members)
    found = mean, mean - half, mean + half
    return tuple(np.exp(a) for a in found) if positive else found  # pyright: ignore

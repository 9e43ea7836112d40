"""The specimen of the virtual instrument: fields of modulus, adhesion and height with sharp inclusions.

All fields are functions of the position, not of a grid: the same specimen can be mapped coarsely,
finely or in part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Specimen", "properties"]

_WAVES = 96  # plane waves of a random field


@dataclass(frozen=True)
class Specimen:
    """A heterogeneous half-space; lengths in m, the rest relative to the template model.

    A smooth log-normal matrix (``modulus_spread``, ``adhesion_spread``: standard deviations of the
    logarithm; ``correlation_length``) holds discs and fibers with sharp edges, which are
    ``inclusion_modulus`` times as stiff, ``inclusion_adhesion`` times as adhesive and stand
    ``inclusion_height`` above the matrix; ``disc_radius`` is the least and the largest radius, in parts of the
    size. The surface is rough (``roughness``, standard deviation) and inclined by ``slope`` (m/m) along x.
    """

    size: float = 20e-6
    correlation_length: float = 3e-6
    modulus_spread: float = 0.25
    adhesion_spread: float = 0.15
    discs: int = 6
    fibers: int = 3
    inclusion_modulus: float = 4.0
    inclusion_adhesion: float = 0.6
    inclusion_height: float = 60e-9
    roughness: float = 40e-9
    slope: float = 4e-3
    disc_radius: tuple[float, float] = (0.03, 0.09)

    @classmethod
    def uniform(cls) -> Specimen:
        """A flat, homogeneous specimen."""
        return cls(modulus_spread=0.0, adhesion_spread=0.0, discs=0, fibers=0, roughness=0.0, slope=0.0)


def _random_field(x: np.ndarray, y: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth field of zero mean and unit variance with covariance exp(-r^2 / (2 length^2))."""
    kx, ky = rng.standard_normal((2, _WAVES)) / length
    phase = rng.uniform(0, 2 * math.pi, _WAVES)
    return math.sqrt(2 / _WAVES) * np.cos(np.multiply.outer(x, kx) + np.multiply.outer(y, ky) + phase).sum(-1)


def _discs(x: np.ndarray, y: np.ndarray, specimen: Specimen, rng: np.random.Generator) -> np.ndarray:
    """True inside any of the discs."""
    inside = np.zeros(x.shape, dtype=bool)
    for _ in range(specimen.discs):
        center = rng.uniform(0, specimen.size, 2)
        radius = rng.uniform(*specimen.disc_radius) * specimen.size
        inside |= np.hypot(x - center[0], y - center[1]) < radius
    return inside


def _fibers(x: np.ndarray, y: np.ndarray, specimen: Specimen, rng: np.random.Generator) -> np.ndarray:
    """True inside any of the straight fibers across the specimen; their widths are 3 to 6 % of the size."""
    inside = np.zeros(x.shape, dtype=bool)
    for _ in range(specimen.fibers):
        point = rng.uniform(0.2, 0.8, 2) * specimen.size
        angle, width = rng.uniform(0, math.pi), rng.uniform(0.03, 0.06) * specimen.size
        inside |= np.abs((x - point[0]) * math.sin(angle) - (y - point[1]) * math.cos(angle)) < width / 2
    return inside


def properties(x: np.ndarray, y: np.ndarray, *, specimen: Specimen, seed: int) -> dict[str, np.ndarray]:
    """The specimen at the positions (x, y) in m, each with the shape of ``x``.

    Returns ``modulus`` and ``work_of_adhesion`` (factors on the template model), ``topography``
    (m, of the undeformed surface) and ``inclusion`` (bool). They depend on the position and the seed,
    not on which other positions are asked for.
    """
    stiff, sticky, rough, shapes = (np.random.default_rng([seed, 7919, i]) for i in range(4))
    inclusion = _discs(x, y, specimen, shapes) | _fibers(x, y, specimen, shapes)
    length = specimen.correlation_length
    modulus = np.exp(specimen.modulus_spread * _random_field(x, y, length, stiff))
    adhesion = np.exp(specimen.adhesion_spread * _random_field(x, y, length, sticky))
    topography = specimen.roughness * _random_field(x, y, length, rough) + specimen.slope * x
    return {
        "modulus": modulus * np.where(inclusion, specimen.inclusion_modulus, 1.0),
        "work_of_adhesion": adhesion * np.where(inclusion, specimen.inclusion_adhesion, 1.0),
        "topography": topography + np.where(inclusion, specimen.inclusion_height, 0.0),
        "inclusion": inclusion,
    }

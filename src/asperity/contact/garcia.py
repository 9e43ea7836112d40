r"""Garcia's series for a tip on a thin, incompressible, bonded layer: a few multiplications.

$$\frac{F}{F_{half\text{-}space}} = 1 + c_1 x + c_2 x^2 + c_3 x^3 + c_4 x^4$$

=============  =======================  =======================================  =====  =================
tip            x                        c                                        x up   error up to there
=============  =======================  =======================================  =====  =================
paraboloid     sqrt(R delta) / h        1.133, 1.497, 1.469, 0.755               0.27   0.15 %
cone           delta tan(alpha) / h     0.721, 0.650, 0.491, 0.225               0.79   0.31 %
flat punch     a / h                    1.133, 1.283, 0.598, -0.291              0.50   0.60 %
=============  =======================  =======================================  =====  =================

The errors are ours, measured against `asperity.contact.fredholm`. The contact models of
`asperity.contact.layered` are exact, valid for every Poisson's ratio, and reach further.
Source: Garcia, Garcia, Biophys. J. 114, 2923 (2018).
"""

from __future__ import annotations

import jax.numpy as jnp

from asperity.contact._model import Scalar
from asperity.messages import ArgumentError

__all__ = ["RANGE", "garcia_correction"]

_COEFFICIENTS = {
    "paraboloid": (1.0, 1.133, 1.497, 1.469, 0.755),
    "cone": (1.0, 0.721, 0.650, 0.491, 0.225),
    "flat_punch": (1.0, 1.133, 1.283, 0.598, -0.291),
}
#: tip -> the largest x for which the series answers
RANGE = {"paraboloid": 0.27, "cone": 0.79, "flat_punch": 0.5}


def garcia_correction(tip: str, x: Scalar) -> Scalar:
    """F on the layer over F on the half-space at the same indentation; NaN where x is not in [0, `RANGE`].

    Raises:
        ValueError: ``tip`` is none of ``paraboloid``, ``cone``, ``flat_punch``.
    """
    if tip not in _COEFFICIENTS:
        raise ArgumentError(f"there is no series for a {tip!r}; known: {', '.join(_COEFFICIENTS)}")
    series = jnp.polyval(jnp.asarray(_COEFFICIENTS[tip][::-1]), x)
    return jnp.where((x >= 0) & (x <= RANGE[tip]), series, jnp.nan)

r"""The budget of a modulus's error bar, and what a better calibration is worth.

$$\operatorname{Var} \ln E = c^\top \Sigma\, c + \sigma_\mathrm{noise}^2 + \sigma_\mathrm{model}^2, \qquad
  c_j = \frac{\partial \ln E}{\partial \ln q_j}$$

with the spring constant, the sensitivity and the size of the tip q, whose relative errors $\Sigma$ are common to all
curves of a session. A spring constant from thermal noise goes as a power of the sensitivity, and their errors are
correlated by $\rho$; their common part is shared as Shapley's effects are,

$$\mathrm{Sh}_1 = b_1^2 (1 - \rho^2/2) + b_1 b_2\, \rho + b_2^2 \rho^2/2, \qquad b_j = c_j \sigma_j$$

Of the mean of ln E over n curves, noise is divided by n, and nothing else.

Source: Owen, Prieur, SIAM/ASA J. Uncertain. Quantif. 5, 986 (2017); JCGM 100:2008.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asperity.measurements.discovery.calibration_levels import BEST

__all__ = ["BETTER", "Calibrated", "better", "calibration_parts"]

#: relative standard uncertainty of a very good calibration: spring constant, sensitivity, size of the tip
BETTER = (BEST["spring_constant"], BEST["sensitivity"], BEST["radius"])


class Calibrated(NamedTuple):
    """Relative standard uncertainties of spring constant, sensitivity and tip, and the first two's correlation."""

    std: tuple[float, float, float]
    correlation: float = 0.0


def calibration_parts(changes: np.ndarray, known: Calibrated) -> np.ndarray:
    """The variance of ln E from each source, (..., source); ``changes`` are c, of the same shape."""
    b, r = changes * np.array(known.std), known.correlation
    parts = b**2
    first, second = b[..., 0], b[..., 1]
    for i, own, other in ((0, first, second), (1, second, first)):
        parts[..., i] = own**2 * (1 - r**2 / 2) + own * other * r + other**2 * r**2 / 2
    return parts


def better(known: Calibrated, source: int, std: float) -> Calibrated:
    """With one source known to ``std``.

    A better sensitivity makes the spring constant that was found with it better too; a better spring constant is one
    that was found in another way.
    """
    k, s, tip = known.std
    if source == 0:
        return Calibrated((std, s, tip))
    if source == 2:
        return Calibrated((k, s, std), known.correlation)
    through = known.correlation * k / s * std if s > 0 else 0.0
    whole = float(np.hypot(through, k * np.sqrt(1 - known.correlation**2)))
    return Calibrated((whole, std, tip), through / whole if whole > 0 else 0.0)

r"""Linear Kramers-Kronig test: how well Maxwell branches of either sign describe a spectrum.

Any sum of Maxwell branches is causal, whatever the signs, so that what the best sum leaves over is not. With few
branches the test knows little, with too many it fits the noise: their number M is the one with the least corrected
Akaike criterion. The share mu = 1 - sum|R_k < 0| / sum|R_k > 0| with R_k = E_k tau_k says how far the signs are from
those of a passive material. Where `asperity.rheology.passivity` finds a spectrum far from passive and this test finds
it causal, the material is active or resonant, or a part like an inertia is left in; where both object, the
calibration is in doubt. Source: Schoenleber, Klotz and Ivers-Tiffee, Electrochim. Acta 131, 20 (2014), with
Z = E*/(i omega); they take the first M at which mu falls below 0.85, which for moduli is often far too few.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from asperity.messages import DataError
from asperity.rheology.relaxation_spectrum import debye

__all__ = ["LinKK", "lin_kk"]


_MOST = 80  # branches, so that long master curves take no longer


class LinKK(NamedTuple):
    """The signed sum that was chosen."""

    predicted: np.ndarray  # (m,) complex, Pa
    distance: float  # rms of |predicted - E*| / |E*|, 1
    branches: int  # M
    share: float  # mu = 1 - sum of negative / sum of positive E_k tau_k
    relaxation_time: np.ndarray  # (M,) s
    relaxing_modulus: np.ndarray  # (M,) Pa, of either sign
    free: np.ndarray  # spring in Pa, dashpot in Pa s, and mass in Pa s^2 where asked for


def lin_kk(angular_frequency: Any, modulus: Any, *, branches: int | None = None, inertia: bool = False) -> LinKK:
    """Fit M Maxwell branches of either sign, a spring and a dashpot, weighted by 1/|E*|.

    Args:
        angular_frequency: (m,) rad/s, positive, m >= 4.
        modulus: (m,) complex E* in Pa.
        branches: M; by default the best of 2 to m by the corrected Akaike criterion.
        inertia: also fit a term -omega^2 (mass), which the relations do not see either.

    Raises:
        ValueError: shapes or values.
    """
    omega, modulus = np.asarray(angular_frequency, np.float64), np.asarray(modulus, np.complex128)
    if omega.ndim != 1 or omega.shape != modulus.shape or len(omega) < 4:
        raise DataError(f"four or more frequencies with one modulus each are needed; got shapes {omega.shape} "
                        f"and {modulus.shape}")
    if not (np.isfinite(modulus).all() and (modulus != 0).all() and (omega > 0).all()):
        raise DataError("frequencies must be positive, moduli finite and not 0; leave out the missing points")
    if branches is not None:
        return _with_branches(omega, modulus, branches, inertia)
    tried = range(2, min(len(omega) + 1, 2 * len(omega) - 4, _MOST))
    return min((_with_branches(omega, modulus, count, inertia) for count in tried),
               key=lambda found: _criterion(found, len(omega)))


def _criterion(found: LinKK, points: int) -> float:
    """The corrected Akaike criterion of 2 m real numbers."""
    number, unknowns = 2 * points, found.branches + len(found.free) + 1
    if unknowns >= number - 1:
        return np.inf
    return (number * np.log(max(found.distance, 1e-15) ** 2)
            + 2 * unknowns * number / (number - unknowns - 1))


def _with_branches(omega: np.ndarray, modulus: np.ndarray, branches: int, inertia: bool) -> LinKK:
    tau = np.geomspace(1 / omega.max(), 1 / omega.min(), branches)
    storage, loss = debye(omega[:, None], tau)
    free = np.column_stack([np.ones_like(omega) + 0j, 1j * omega, *([-omega**2 + 0j] if inertia else [])])
    columns = np.concatenate([storage + 1j * loss, free], axis=1)
    size = np.max(np.abs(columns), axis=0)
    weighted = columns / size / np.abs(modulus)[:, None]
    target = modulus / np.abs(modulus)
    found = np.linalg.lstsq(np.concatenate([weighted.real, weighted.imag]),
                            np.concatenate([target.real, target.imag]), rcond=None)[0] / size
    predicted, strength = columns @ found, found[:branches]
    resistance = strength * tau
    negative, positive = -resistance[resistance < 0].sum(), resistance[resistance > 0].sum()
    share = float(1 - negative / positive) if positive > 0 else -np.inf
    distance = float(np.sqrt(np.mean(np.abs(predicted / modulus - 1) ** 2)))
    return LinKK(predicted, distance, branches, share, tau, strength, found[branches:])

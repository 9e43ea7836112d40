r"""What is known of noise spectra before a session is seen, learnt from measured ones.

The hyperparameters of `asperity.learning.noise.SpectrumPrior` that make the baselines of several instruments
likeliest (type-II maximum likelihood), every instrument weighing alike. Five of them say little about slopes at
frequencies that a window hardly shows, so that what physics says is added: slopes between that of flicker noise
and drift (-1) and diffusion (-2), which last for about a factor of e in frequency.

Source: MacKay, Neural Comput. 4, 415 (1992).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asperity.learning.noise import SpectrumPrior, evidence, of_baselines

__all__ = ["learn_prior"]

#: (most plausible value, standard deviation; of the logarithm but for the slope) of each hyperparameter
_PLAUSIBLE = {"slope": (-1.5, 0.25), "slope_std": (1.5, 1.0), "slope_length": (1.2, 0.5), "bumps": (0.2, 0.5),
              "scatter_slow": (0.5, 1.0), "scatter_fast": (0.05, 1.0), "scatter_length": (1.0, 0.5)}
_STEP = 0.5  # of the first search
_MOST = 400  # evaluations
_FINE = (0.02, 0.1)  # changes of the hyperparameters and of the evidence at which it ends


def learn_prior(instruments: Sequence[Sequence[np.ndarray]]) -> SpectrumPrior:
    """The prior that fits the baselines (N, evenly sampled) of several instruments, those of one of equal length."""
    from scipy.optimize import minimize

    shown = [(of_baselines(list(own), len(own[0]), len(own[0])), len(own[0])) for own in instruments]
    center, width = np.array([_PLAUSIBLE[name] for name in SpectrumPrior._fields]).T
    start = np.concatenate([center[:1], np.log(center[1:])])

    def unlikely(place: np.ndarray) -> float:
        prior = _prior(place)
        away = (place - start) / width
        return float(0.5 * away @ away - sum(evidence(seen, length, prior) for seen, length in shown))

    simplex = np.vstack([start, start + _STEP * np.eye(len(start))])
    best = minimize(unlikely, start, method="Nelder-Mead", options={
        "initial_simplex": simplex, "maxfev": _MOST, "xatol": _FINE[0], "fatol": _FINE[1]})
    return _prior(best.x)


def _prior(place: np.ndarray) -> SpectrumPrior:
    """The slope itself and the logarithms of the others."""
    return SpectrumPrior(float(place[0]), *np.exp(np.clip(place[1:], -6.0, 3.0)).tolist())

r"""Frequencies and damping of a recorded signal: mode decomposition of its delays, with residuals and intervals.

States are windows of samples, reduced to the few coordinates (principal components) that stand out of the noise. The
linear map from one window to the next has the eigenvalues $\lambda = e^{(-\gamma + 2 \pi i f)\,\Delta t}$:
frequencies f and rates $\gamma$ at which they die out, each with its residual (see `asperity.dynamics.koopman`).
Their intervals come from the scatter among episodes (`asperity.dynamics.koopman.rate_intervals`).

Source: Arbabi, Mezic, SIAM J. Appl. Dyn. Syst. 16, 2096 (2017) (delays); Colbrook, Townsend, Commun. Pure Appl. Math.
77, 221 (2024) (residuals).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from asperity.dynamics.dictionaries.polynomials import Polynomials
from asperity.dynamics.koopman import (
    FEWEST_EPISODES,
    KoopmanModel,
    Sums,
    delayed,
    eigenpairs,
    fit,
    modes,
    pairs,
    rate_intervals,
    rates,
    rollout,
    scaling_of,
    sums_of,
)
from asperity.messages import DataError

__all__ = ["Coordinates", "HankelModes", "coordinates_of", "modes_of", "prediction_errors"]

_NOISE = 6.0  # times the median variance of all coordinates: those above it are kept,
_ROUNDING = 1e-12  # of the largest, and at least this
_STARTS = 16  # of a held-out episode, from which it is predicted
_DIVERGED = 1e3  # times the signal: a prediction that is none
_CONSTANT = 1e-9  # from 1: the eigenvalue of the constant
_LEAST = 1e-12  # of an eigenvalue: none whose rate has a meaning


class Coordinates(NamedTuple):
    """From windows of samples to a few coordinates of variance about 1, and back."""

    mean: Float[np.ndarray, " delay"]
    basis: Float[np.ndarray, "delay coordinate"]
    size: Float[np.ndarray, " coordinate"]

    def of(self, windows: Float[np.ndarray, "sample delay"]) -> Float[np.ndarray, "sample coordinate"]:
        """The coordinates of windows."""
        return (windows - self.mean) @ self.basis / self.size

    def newest(self, reduced: Float[np.ndarray, "... coordinate"]) -> Float[np.ndarray, ...]:
        """The newest sample of windows with these coordinates."""
        return self.mean[0] + (reduced * self.size) @ self.basis[0]


class HankelModes(NamedTuple):
    """From the smallest residual to the largest; conjugates are left out.

    Half widths are those of intervals of 95 %, NaN where there are too few episodes.
    """

    value: Complex[np.ndarray, " mode"]  # eigenvalue over one step
    residual: Float[np.ndarray, " mode"]
    size: Float[np.ndarray, " mode"]  # root mean square of what it contributes to the signal, in the signal's unit
    frequency: Float[np.ndarray, " mode"]  # per unit of the interval
    frequency_half: Float[np.ndarray, " mode"]
    damping: Float[np.ndarray, " mode"]  # rate, per unit of the interval
    damping_half: Float[np.ndarray, " mode"]


def coordinates_of(episodes: Sequence[Float[np.ndarray, " sample"]], delays: int, most: int) -> Coordinates:
    """The coordinates of windows of ``delays`` + 1 samples that stand out of the noise, ``most`` at most.

    Raises:
        DataError: an episode shorter than a window, or a signal that does not change.
    """
    windows = np.concatenate(delayed([one[:, None] for one in episodes], delays))
    mean = windows.mean(axis=0)
    variance, basis = np.linalg.eigh(np.cov(windows - mean, rowvar=False))
    variance, basis = variance[::-1], basis[:, ::-1]
    if not variance[0] > 0:
        raise DataError("the signal does not change: nothing oscillates in it")
    noise = max(_NOISE * float(np.median(variance)), _ROUNDING * float(variance[0]))
    count = int(np.clip((variance > noise).sum(), 1, most))
    return Coordinates(mean, basis[:, :count], np.sqrt(variance[:count]))


def _model(episodes: Sequence[np.ndarray], coordinates: Coordinates, delays: int,
           degree: int) -> tuple[KoopmanModel, list[Sums]]:
    """The map of one window to the next, and the sums of each episode."""
    reduced = [coordinates.of(one) for one in delayed([one[:, None] for one in episodes], delays)]
    dictionary, scaling = Polynomials(degree), scaling_of(np.concatenate(reduced))
    parts = [sums_of(dictionary, scaling, *pairs([one])) for one in reduced]
    return fit(dictionary, scaling, reduce(Sums.merged, parts)), parts


def modes_of(episodes: Sequence[Float[np.ndarray, " sample"]], coordinates: Coordinates, delays: int, interval: float,
             *, draws: int = 200, seed: int = 0) -> HankelModes:
    """Frequencies and damping of episodes, five at least for intervals."""
    model, parts = _model(episodes, coordinates, delays, 1)
    found = eigenpairs(model)
    half = np.full((2, len(found.value)), np.nan)
    if len(parts) >= FEWEST_EPISODES and draws:
        around = rate_intervals(model.dictionary, model.scaling, parts, draws=draws, seed=seed)
        half = np.stack([np.ptp(around.decay, axis=1), np.ptp(around.angle, axis=1)]) / 2 / interval
    rate = rates(found.value, interval)
    seen = np.abs(modes(model, found) @ (coordinates.size * coordinates.basis[0]))
    size = np.where(np.imag(found.value) == 0, 1.0, np.sqrt(2)) * seen
    keep = (np.imag(found.value) >= 0) & (np.abs(found.value) > _LEAST) & (np.abs(found.value - 1) > _CONSTANT)
    return HankelModes(*(one[keep] for one in (
        found.value.astype(complex), found.residual, size, np.imag(rate) / (2 * np.pi), half[1] / (2 * np.pi),
        -np.real(rate), half[0])))


def prediction_errors(train: Sequence[Float[np.ndarray, " sample"]], held: Sequence[Float[np.ndarray, " sample"]],
                      coordinates: Coordinates, delays: int, steps: int, *,
                      degree: int = 1) -> dict[str, Float[np.ndarray, " step"]]:
    """Root mean square error of the predicted samples of ``held`` episodes over their standard deviation.

    ``linear``: the lifted state evolves linearly; ``relifted``: the state is lifted anew before each step. With degree
    1 both are the same. NaN where it diverges.
    """
    model, _ = _model(train, coordinates, delays, degree)
    size = float(np.std(np.concatenate(held)))
    wrong: dict[str, list[np.ndarray]] = {"linear": [], "relifted": []}
    for one in held:
        windows = delayed([one[:, None]], delays)[0]
        starts = np.unique(np.linspace(0, len(windows) - 1 - steps, _STARTS).astype(int))
        truth = np.stack([one[delays + starts + step] for step in range(1, steps + 1)])
        for name, errors in wrong.items():
            with np.errstate(over="ignore", invalid="ignore"):
                found = rollout(model, coordinates.of(windows[starts]), steps, relift=name == "relifted")
                errors.append(coordinates.newest(found) - truth)
    with np.errstate(over="ignore", invalid="ignore"):
        relative = {name: np.sqrt(np.mean(np.concatenate(errors, axis=1) ** 2, axis=1)) / size
                    for name, errors in wrong.items()}
    return {name: np.where(error < _DIVERGED, error, np.nan) for name, error in relative.items()}

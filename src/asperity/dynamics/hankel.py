r"""Frequencies and damping of a recorded signal: mode decomposition of its delays, with residuals and intervals.

States are windows of samples, reduced to the few coordinates (principal components) that stand out of the noise. The
linear map from one window to the next has the eigenvalues $\lambda = e^{(-\gamma + 2 \pi i f)\,\Delta t}$:
frequencies f and rates $\gamma$ at which they die out, each with its residual (see `asperity.dynamics.koopman`).
Episodes are drawn again with replacement, and the spread of each eigenvalue over these draws, times Student's factor
for their number, is its interval.

Source: Arbabi, Mezic, SIAM J. Appl. Dyn. Syst. 16, 2096 (2017) (delays); Colbrook, Townsend, Commun. Pure Appl. Math.
77, 221 (2024) (residuals).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from scipy.stats import t as student

from asperity.dynamics.dictionaries.polynomials import Polynomials
from asperity.dynamics.koopman import KoopmanModel, Sums, delayed, eigenpairs, fit, pairs, rollout, scaling_of, sums_of
from asperity.messages import DataError

__all__ = ["Coordinates", "HankelModes", "coordinates_of", "modes_of", "prediction_errors"]

_NOISE = 6.0  # times the median variance of all coordinates: those above it are kept,
_ROUNDING = 1e-12  # of the largest, and at least this
_STARTS = 16  # of a held-out episode, from which it is predicted
_DIVERGED = 1e3  # times the signal: a prediction that is none
_QUANTILE = 0.975
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
    """From the smallest residual to the largest; conjugates are left out."""

    value: Complex[np.ndarray, " mode"]  # eigenvalue over one step
    residual: Float[np.ndarray, " mode"]
    frequency: Float[np.ndarray, " mode"]  # per unit of the interval
    frequency_std: Float[np.ndarray, " mode"]
    damping: Float[np.ndarray, " mode"]  # rate, per unit of the interval
    damping_std: Float[np.ndarray, " mode"]
    factor: float  # from a standard deviation to the half width of an interval of 95 %


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
    """Frequencies and damping of episodes, two at least for intervals."""
    model, parts = _model(episodes, coordinates, delays, 1)
    found = eigenpairs(model)
    keep = (np.imag(found.value) >= 0) & (np.abs(found.value) > _LEAST) & (np.abs(found.value - 1) > _CONSTANT)
    value, residual = found.value[keep].astype(complex), found.residual[keep]
    random, drawn = np.random.default_rng(seed), []
    for _ in range(draws if len(parts) > 1 else 0):
        counts = np.bincount(random.integers(len(parts), size=len(parts)), minlength=len(parts))
        again = reduce(Sums.merged, [_times(one, int(n)) for one, n in zip(parts, counts, strict=True) if n])
        other = np.linalg.eigvals(fit(model.dictionary, model.scaling, again).matrix).astype(complex)
        drawn.append(np.log(other[np.argmin(np.abs(other[:, None] - value), axis=0)]) / interval)
    scale = np.sqrt(len(parts) / max(len(parts) - 1, 1))  # of the spread of few episodes
    std = [scale * np.std(part(drawn), axis=0) if drawn else np.full(len(value), np.nan) for part in (np.imag, np.real)]
    rate = np.log(value) / interval
    return HankelModes(value, residual, np.imag(rate) / (2 * np.pi), std[0] / (2 * np.pi), -np.real(rate), std[1],
                       float(student.ppf(_QUANTILE, max(len(parts) - 1, 1))))


def _times(sums: Sums, count: int) -> Sums:
    """The sums of an episode that was drawn so often."""
    return Sums(sums.samples * count, sums.gram * count, sums.across * count, sums.after * count, None)


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
